"""How the app is served."""

from __future__ import annotations

import socket

import pytest

from testis_abm.app import serve
from testis_abm.cli.command import main
from testis_abm.support.errors import TestisError


def _served(monkeypatch, *arguments: str) -> dict:
    pytest.importorskip("solara")
    given = {}
    monkeypatch.setattr(
        serve, "serve", lambda host, port, stores, **named: given.update(host=host, port=port, stores=stores, **named)
    )
    assert main(["app", *arguments]) == 0
    return given


def test_it_listens_on_this_machine_alone_unless_told(monkeypatch):
    usual = {"host": "localhost", "port": 8765, "stores": [], "browser": True, "origins": [], "rules": None}
    usual |= {"folder": "", "keep": 30}
    assert _served(monkeypatch) == usual
    told = _served(
        monkeypatch,
        "--host",
        "0.0.0.0",
        "--port",
        "9000",
        "--no-browser",
        "--store",
        "a",
        "--store",
        "b",
        "--allow-origin",
        "https://a.org",
        "--allow-origin",
        "https://b.org",
        "--folder",
        "jobs",
        "--keep",
        "7",
    )
    assert told == {
        "host": "0.0.0.0",
        "port": 9000,
        "stores": ["a", "b"],
        "browser": False,
        "origins": ["https://a.org", "https://b.org"],
        "rules": None,
        "folder": "jobs",
        "keep": 7,
    }


def test_only_a_page_that_nobody_else_reaches_may_have_all_cores_and_show_folders_of_this_machine():
    assert serve.is_alone("localhost", []) and serve.is_alone("127.0.0.1", [])
    assert not serve.is_alone("0.0.0.0", []) and not serve.is_alone("localhost", ["https://abm.example.org"])


def test_an_address_that_is_taken_is_told():
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        with pytest.raises(TestisError, match=f"127.0.0.1:{port} cannot be listened on.*--port"):
            serve.check_port("127.0.0.1", port)
    serve.check_port("127.0.0.1", port)
    with pytest.raises(TestisError, match="1 to 65535"):
        serve.check_port("localhost", 70_000)


def test_a_wrong_store_ends_the_command_before_it_listens(tmp_path, capsys):
    pytest.importorskip("solara")
    assert main(["app", "--no-browser", "--store", str(tmp_path / "nowhere")]) == 2
    assert "nowhere" in capsys.readouterr().err


def test_the_help_needs_no_solara():
    import subprocess
    import sys

    code = "import sys; sys.modules['solara'] = None; from testis_abm.cli.command import main; main(['app', '--help'])"
    told = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert told.returncode == 0 and "localhost" in told.stdout
