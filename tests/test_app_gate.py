"""The gate before the app, by real sockets: by which name it answers, what it believes, how much it lets in."""

from __future__ import annotations

import http.client
import json
import math
import socket
import struct
import sys
import threading
import time
from contextlib import ExitStack, contextmanager, suppress
from uuid import NAMESPACE_URL, uuid4, uuid5

import pytest
from hypothesis import given
from hypothesis import strategies as some
from serving import serving

from testis_abm.app import addresses, messages
from testis_abm.cli.command import main
from testis_abm.support.errors import TestisError

pytest.importorskip("solara")
uvicorn = pytest.importorskip("uvicorn")
client = pytest.importorskip("websockets.sync.client")
from websockets.exceptions import ConnectionClosed, InvalidStatus  # noqa: E402

from testis_abm.app import gate  # noqa: E402
from testis_abm.app.connection import Connection  # noqa: E402
from testis_abm.app.offline import ASSETS  # noqa: E402

INFO = {
    "header": {"msg_type": "kernel_info_request", "msg_id": "1"},
    "parent_header": {},
    "metadata": {},
    "content": {},
    "channel": "shell",
}


def said(kind: str, **content: object) -> dict[str, object]:
    """Return a message as a page sends it."""
    return {**INFO, "header": {"msg_type": kind, "msg_id": "1"}, "content": content, "buffers": []}


def packed(message: object, *buffers: bytes) -> bytes:
    """Return a message as Jupyter packs one with buffers."""
    parts = [json.dumps(message).encode(), *buffers]
    starts = [4 * (len(parts) + 1)]
    for part in parts[:-1]:
        starts.append(starts[-1] + len(part))
    return struct.pack(f"!{len(parts) + 1}I", len(parts), *starts) + b"".join(parts)


# ---- what is believed

NO_COMM = [
    {"data": {}},
    *({"comm_id": of, "data": {}} for of in (None, [1], {}, 3, math.nan, "", "x" * 1000, "a\nb")),
    {"comm_id": "c", "data": 3},
]
NO_DATA = [
    {},
    [],
    None,
    {"method": None},
    {"method": ["update"]},
    {"method": "exec"},
    {"method": "evict"},
    {"method": "update"},
    {"method": "update", "state": [1]},
    {"method": "custom", "content": 3},
    {"method": "run", "args": None},
]


@given(some.lists(some.binary(max_size=50), max_size=5))
def test_a_message_as_jupyter_packs_it_is_believed(buffers):
    assert messages.read({"bytes": packed(INFO, *buffers)}) == messages.read({"text": json.dumps(INFO)}) == INFO


@given(
    some.one_of(
        some.binary(max_size=80),
        some.tuples(some.integers(0, 2**32 - 1), some.binary(max_size=60)).map(
            lambda of: struct.pack("!I", of[0]) + of[1]
        ),
        some.tuples(some.integers(0, 300), some.integers(0, 255)).map(lambda of: _bitten(packed(INFO, b"buffer"), *of)),
    )
)
def test_what_solara_unpacks_is_never_larger_than_what_was_sent(frame):
    try:
        said = messages.read({"bytes": frame})
    except messages.Unbelievable:
        return
    from solara.server.kernel import deserialize_binary_message

    message = deserialize_binary_message(frame)
    assert sum(map(len, message.pop("buffers"))) < len(frame) and message == said


def _bitten(frame: bytes, place: int, value: int) -> bytes:
    changed = bytearray(frame)
    changed[place % len(frame)] = value
    return bytes(changed)


@pytest.mark.parametrize(
    "message",
    [
        {"bytes": b"\x05\xf5\xe1\x00"},
        {"bytes": b""},
        {"bytes": b"\xff\xff\xff\xff"},
        {"bytes": b"\0\0\0\1"},
        {"bytes": packed(INFO) + b"x"},
        {"bytes": struct.pack("!3I", 2, 12, 4) + b"{}"},
        {"bytes": packed([1])},
        {"bytes": packed(INFO, *[b""] * messages.MOST_PARTS)},
        {"bytes": b"\0" * (messages.LARGEST_MESSAGE + 1)},
        {"text": ""},
        {"text": "{}"},
        {"text": "[" * 100_000},
        {"text": "9" * 10_000},
        {"text": json.dumps({**INFO, "header": {}})},
        {"text": json.dumps({**INFO, "content": 3})},
        {"text": json.dumps({**INFO, "channel": None})},
        {"text": " " * (messages.LARGEST_MESSAGE + 1)},
        {"text": json.dumps({**INFO, "header": {"msg_type": "execute_request"}})},
        {"text": json.dumps(said("comm_open", target_name="jupyter.widget", comm_id="c", data={}))},
        *({"text": json.dumps(said("comm_open", target_name="solara.control", **content))} for content in NO_COMM),
        *({"text": json.dumps(said(kind, **content))} for kind in ("comm_msg", "comm_close") for content in NO_COMM),
        *({"text": json.dumps(said("comm_msg", comm_id="c", data=data))} for data in NO_DATA),
        {"text": json.dumps({**said("comm_msg", comm_id="c", data={"method": "request_state"}), "buffers": "x"})},
    ],
)
def test_what_is_no_message_is_not_believed(message):
    with pytest.raises(messages.Unbelievable):
        messages.read(message)


def test_a_page_that_is_begun_over_and_over_is_closed(monkeypatch):
    begin = said("comm_open", target_name="solara.control", comm_id="c", data={})
    run = said("comm_msg", comm_id="c", data={"method": "run", "args": {}})
    with guarded(monkeypatch) as port:
        with spoken(port, page("one")) as channel, pytest.raises(ConnectionClosed) as closed:
            for k in range(200):
                channel.send(json.dumps(begin if k % 2 else run))
                channel.recv(timeout=30)
        assert closed.value.rcvd.code == 1008
        with spoken(port, page("two")) as channel:
            for _ in range(20):
                channel.send(json.dumps(INFO))
                channel.recv(timeout=30)


def test_a_flood_waits_for_its_turn(monkeypatch):
    waits = [0.0]

    async def sleep(seconds: float) -> None:
        waits.append(seconds)

    async def flood(count: int, size: int) -> None:
        budget = messages.Budget()
        for _ in range(count):
            await budget.spend(size)

    def waited(count: int, size: int) -> float:
        waits[:] = [0.0]
        with pytest.raises(StopIteration):  # it never really waits, so that no loop is needed
            flood(count, size).send(None)
        return max(waits)

    monkeypatch.setattr(messages.asyncio, "sleep", sleep)
    assert waited(100, 1000) == 0.0
    assert waited(5000, 10) > 10.0 and waited(30, messages.LARGEST_MESSAGE) > 5.0


# ---- by which name


@pytest.mark.parametrize(
    "url, is_it",
    [
        ("https://abm.example.org", "https://abm.example.org"),
        ("HTTPS://ABM.example.org:443/", "https://abm.example.org"),
        ("http://localhost:9000", "http://localhost:9000"),
        ("http://[::1]:80", "http://[::1]"),
    ],
)
def test_an_origin_is_written_as_browsers_do(url, is_it):
    assert addresses.origin(url) == is_it


@pytest.mark.parametrize(
    "url",
    [
        "*",
        "null",
        "",
        "abm.example.org",
        "ftp://a.org",
        "https://*.a.org",
        "https://a.org/path",
        "https://u:p@a.org",
        "https://a.org:99999",
        "https://a.org; script-src *",
        "https://[::1",
        "http://ä.org",
    ],
)
def test_what_is_no_origin_ends_the_command(url, capsys):
    with pytest.raises(TestisError, match=r"--allow-origin .* is not an origin"):
        addresses.origin(url)
    assert main(["app", "--no-browser", "--allow-origin", url]) == 2
    assert "--allow-origin" in capsys.readouterr().err


def test_an_app_for_others_has_the_names_of_the_machine():
    beyond = addresses.names("0.0.0.0", "10.1.2.3")
    assert {"localhost", "10.1.2.3", socket.gethostname().lower()} <= set(beyond)
    assert "0.0.0.0" not in beyond and "10.1.2.3" not in addresses.names("0.0.0.0", "127.0.0.1")
    assert addresses.names("abm.example.org", "127.0.0.1") == ["localhost", "127.0.0.1", "[::1]", "abm.example.org"]
    assert "[fe80::1]" in addresses.names("::", "fe80::1%eth0") and "10.1.2.3" in addresses.names(
        "::", "::ffff:10.1.2.3"
    )


# ---- the app as it is served


@pytest.fixture(scope="module")
def log(tmp_path_factory):
    return tmp_path_factory.mktemp("gate") / "log"


@pytest.fixture(scope="module")
def port(log):
    # Whatever warns, ends it: the log of this one has nothing but its address.
    command = ("-W", "error", "-m", "testis_abm", "app", "--no-browser", "--allow-origin", "https://abm.example.org")
    with serving(log, *command) as url:
        yield int(url.rsplit(":", 1)[1])


def asked(
    port: int, path: str = "/", method: str = "GET", body: bytes | None = None, at: str = "127.0.0.1", **headers: str
):
    """Return status, headers and text of an answer; `headers` in Python's spelling."""
    connection = http.client.HTTPConnection(at, port, timeout=30)
    try:
        connection.request(method, path, body, {name.replace("_", "-"): of for name, of in headers.items()})
        answer = connection.getresponse()
        return (
            answer.status,
            {name.lower(): of for name, of in answer.getheaders()},
            answer.read().decode(errors="replace"),
        )
    finally:
        connection.close()


def page(name: str) -> str:
    """Return the id of a page, as a browser makes one up."""
    return str(uuid5(NAMESPACE_URL, name))


def visited(port: int, **headers: str) -> str:
    """Ask for a page, and return the cookie that comes with it; none if it is refused."""
    return asked(port, **headers)[1].get("set-cookie", "").partition(";")[0]


_COOKIES: dict[tuple[int, str], str] = {}


@contextmanager
def spoken(
    port: int,
    kernel: str = "",
    query: str = "session_id=page",
    host: str = "",
    cookie: str | None = None,
    **headers: str,
):
    """Ask for a page unless it was served before, or the cookie is given, and open its channel, by any name of the host."""
    kernel = kernel or str(uuid4())
    if cookie is None:
        cookie = _COOKIES.setdefault((port, kernel), "") or visited(port)
        _COOKIES[port, kernel] = cookie
    headers["Cookie"] = "; ".join(of for of in (headers.get("Cookie"), cookie) if of)
    url = f"ws://{host or f'127.0.0.1:{port}'}/jupyter/api/kernels/{kernel}/channels?{query}"
    wire = socket.create_connection(("127.0.0.1", port), 30)
    with client.connect(url, additional_headers=headers, open_timeout=30, sock=wire) as channel:
        yield channel


def answers(channel) -> bool:
    """Return whether a kernel answers."""
    channel.send(json.dumps(INFO))
    while True:
        message = channel.recv(timeout=30)
        if b"kernel_info_reply" in (message if isinstance(message, bytes) else message.encode()):
            return True


FOREIGN = [
    "http://evil.example",
    "null",
    "http://localhost:1",
    "https://abm.example.org.evil.example",
    "http://abm.example.org",
]


@pytest.mark.parametrize(
    "host",
    ["evil.example", "localhost", "localhost:1", "127.0.0.1.evil.example", "evil.example:{port}", "[::2]:{port}"],
)
def test_another_host_is_refused_for_pages_files_and_channels(port, host):
    host = host.format(port=port)
    for path in ("/", "/readyz", "/resourcez", "/static/main-vuetify.js", "/_solara/cdn/requirejs@2.3.6/require.js"):
        status, _, text = asked(port, path, Host=host)
        assert status == 403 and "--allow-origin" in text
    with pytest.raises(InvalidStatus) as refused, spoken(port, host=host):
        pass
    assert refused.value.response.status_code == 403


@pytest.mark.parametrize("origin", FOREIGN)
def test_pages_of_others_are_refused(port, origin):
    with pytest.raises(InvalidStatus) as refused, spoken(port, Origin=origin):
        pass
    assert refused.value.response.status_code == 403
    assert asked(port, Origin=origin)[0] == 403
    assert asked(port, f"/_solara/api/close/{uuid4()}?session_id=a", "POST", b"", Origin=origin)[0] == 403


@pytest.mark.parametrize(
    "host", ["localhost:{port}", "127.0.0.1:{port}", "[::1]:{port}", "LOCALHOST:{port}", "abm.example.org"]
)
def test_the_printed_address_and_the_proxy_are_answered(port, host):
    host = host.format(port=port)
    origins = [f"http://{host.lower()}"] if "example" not in host else []
    for origin in [*origins, "https://abm.example.org"]:
        assert asked(port, Host=host, Origin=origin)[0] == 200
        with spoken(port, host=host, Origin=origin) as channel:
            assert answers(channel)


def test_every_answer_tells_browsers_what_the_page_may_do(port):
    for path in ("/", "/static/main-vuetify.js", "/nowhere", f"/_solara/api/close/{uuid4()}?session_id=a"):
        _, headers, _ = asked(port, path, "POST" if "close" in path else "GET")
        policy = dict(of.split(" ", 1) for of in headers["content-security-policy"].split("; "))
        assert policy["frame-ancestors"] == "'self' https://abm.example.org"
        assert policy["default-src"] == "'self'" and "http" not in policy["script-src"] + policy["connect-src"]
        assert headers["x-content-type-options"] == "nosniff" and headers["referrer-policy"] == "same-origin"


def test_four_bytes_close_their_channel_and_nothing_else(port, log):
    with spoken(port) as honest:
        assert answers(honest)
        for frame in (
            b"\x05\xf5\xe1\x00",
            b"\x7f\xff\xff\xff",
            b"\0\0\0\2\0\0\0\x0c\xff\xff\xff\xff",
            "{}",
            "[" * 50_000,
            json.dumps({**INFO, "header": 3}),
        ):
            with spoken(port) as channel, pytest.raises(ConnectionClosed) as closed:
                channel.send(frame)
                while True:
                    channel.recv(timeout=30)
            assert closed.value.rcvd.code == 1007
        with spoken(port) as channel, pytest.raises(ConnectionClosed) as closed:
            channel.send(b"\0" * (messages.LARGEST_MESSAGE + 1))
            channel.recv(timeout=30)
        assert closed.value.rcvd.code == 1009
        honest.send(packed(INFO, b"buffer"))
        assert answers(honest)
    assert asked(port)[0] == 200
    assert "Traceback" not in log.read_text()


@pytest.mark.parametrize("kilobytes", [7, 9, 20, 50])
def test_a_browser_with_many_cookies_gets_its_page_and_its_channel(port, kilobytes):
    cookies = "; ".join(f"notebook-{k}={'x' * 1000}" for k in range(kilobytes))
    assert asked(port, Cookie=cookies)[0] == 200
    with spoken(port, Cookie=cookies) as channel:
        assert answers(channel)


def test_nothing_is_fetched_for_a_request(port, log):
    for path in (
        "left-pad@1.3.0/index.js",
        "@widgetti/solara-vuetify3-app@9.9.9/dist/main8.css",
        "../../../../etc/passwd",
        "%2e%2e/%2e%2e/pyvenv.cfg",
    ):
        assert asked(port, f"/_solara/cdn/{path}")[0] == 404
    for file in ASSETS.glob("*/**/*"):  # nor for one that lies here, under another name
        if file.is_dir():
            continue
        assert asked(port, f"/_solara/cdn/{file.relative_to(ASSETS).as_posix()}")[0] == 200, file
    assert "Could not load URL" not in log.read_text()
    assert asked(port, "/_solara/cdn/requirejs@2.3.6/require.js")[0] == 200
    assert asked(port, "/resourcez?verbose")[0] == 404


def test_odd_requests_are_told(port, log):
    assert asked(port, "/", "POST", b"x" * 20_000)[0] == 413
    assert asked(port, "/", "POST", b"", Transfer_Encoding="chunked")[0] == 413
    assert asked(port, f"/_solara/api/close/{uuid4()}", "POST", b"")[0] == 400
    ids = ["a/b", "..", "%00", "%C3%A9", "x" * 5000, page("x").upper(), page("x") + "0", "k0.123"]
    for path, query in (
        (str(uuid4()), "other=1"),
        (str(uuid4()), "session_id=" + "x" * 5000),
        *((of, "session_id=page") for of in ids),
    ):
        with pytest.raises(InvalidStatus) as refused, spoken(port, path, query):
            pass
        assert refused.value.response.status_code in (400, 404), path
    assert "Traceback" not in log.read_text()


def test_one_visitor_does_not_move_the_page_for_others(port):
    asked(port, X_Script_Name="/elsewhere", X_Forwarded_Host="evil.example", X_Forwarded_Proto="https")
    assert "/elsewhere" not in asked(port)[2] and "evil.example" not in asked(port)[2]


@pytest.mark.slow
def test_the_page_under_solara_run_has_the_gate_too(tmp_path, monkeypatch):
    monkeypatch.setenv(gate.VARIABLE, "https://abm.example.org")
    with serving(tmp_path / "log", "-m", "solara", "run", "testis_abm.app", "--production", "--no-open") as url:
        port = int(url.rsplit(":", 1)[1])
        assert (
            asked(port)[0] == 200
            and "frame-ancestors 'self' https://abm.example.org" in asked(port)[1]["content-security-policy"]
        )
        assert asked(port, Host="evil.example")[0] == 403
        with pytest.raises(InvalidStatus), spoken(port, Origin="null"):
            pass
        with spoken(port) as channel, pytest.raises(ConnectionClosed) as closed:
            channel.send(b"\x05\xf5\xe1\x00")
            channel.recv(timeout=30)
        assert closed.value.rcvd.code == 1007
        with spoken(
            port, Cookie="x=" + "y" * 20_000, host="abm.example.org", Origin="https://abm.example.org"
        ) as channel:
            assert answers(channel)


def test_made_up_pages_are_refused_and_take_no_room(port, log):
    """Once, 30 of them shut all others out."""
    for cookie in ("", "solara-session-id=mine", f"solara-session-id={uuid4()}"):
        for _ in range(gate.MOST_PAGES):
            with pytest.raises(InvalidStatus) as refused, spoken(port, cookie=cookie):
                pass
            assert refused.value.response.status_code == 403
    with spoken(port) as channel:
        assert answers(channel)
    assert "session cookie" not in log.read_text()


def test_as_many_pages_begin_as_were_served_and_none_under_the_cookie_of_another(monkeypatch):
    with guarded(monkeypatch) as port:
        mine, other = visited(port), visited(port)
        for kernel, cookie in ((page("one"), mine), (page("two"), mine), (page("one"), mine)):
            with spoken(
                port, kernel, cookie=cookie
            ):  # both tabs of a browser that had no cookie when it asked for them
                pass
        for kernel, cookie in ((page("one"), other), (page("three"), mine), (page("three"), other)):
            with pytest.raises(InvalidStatus) as refused, spoken(port, kernel, cookie=cookie):
                pass
            assert refused.value.response.status_code == 403


def test_a_page_that_was_served_long_ago_does_not_begin(monkeypatch):
    with guarded(monkeypatch) as port:
        cookie = visited(port)
        monkeypatch.setattr(gate, "_LOADED_IN", 0.0)
        with pytest.raises(InvalidStatus), spoken(port, cookie=cookie):
            pass


def test_the_cookie_needs_https_only_where_there_is_https(port):
    cookie = asked(port, Host=f"localhost:{port}")[1]["set-cookie"]
    assert "secure" not in cookie.lower() and "samesite=lax" in cookie.lower()
    assert asked(port)[1]["cache-control"] == "no-store"


def test_what_no_widget_takes_gives_few_short_lines_and_the_page_goes_on(port, log):
    before = len(log.read_text().splitlines())
    with spoken(port) as channel:
        channel.send(json.dumps(said("comm_open", target_name="solara.control", comm_id="c", data={})))
        for k in range(60):
            args = {"appName": f"nowhere {k} {'x' * 1000}"}
            channel.send(json.dumps(said("comm_msg", comm_id="c", data={"method": "run", "args": args})))
        assert answers(channel)
    lines = log.read_text().splitlines()[before:]
    assert 0 < len(lines) <= 25 and all(len(line) < 1000 for line in lines)
    assert any("KeyError" in line for line in lines) and "Traceback" not in log.read_text()


# ---- how much


async def _plain(scope, receive, send):
    """Answer requests, and repeat what is said."""
    if scope["type"] == "http":
        cookie = f"solara-session-id={uuid4()}; Path=/; SameSite=none; Secure".encode()
        await send({"type": "http.response.start", "status": 200, "headers": [(b"set-cookie", cookie)]})
        await send({"type": "http.response.body", "body": b"here" * (20_000_000 if scope["path"] == "/large" else 1)})
    elif scope["type"] == "websocket":
        await receive()
        await send({"type": "websocket.accept"})
        while (message := await receive())["type"] == "websocket.receive":
            await send({"type": "websocket.send", **{kind: message.get(kind) for kind in ("text", "bytes")}})


@contextmanager
def guarded(monkeypatch, most_connections=1000, patience=60.0, host="127.0.0.1", kernels=(), **limits):
    """Serve `_plain` behind a gate with limits."""
    monkeypatch.setattr(Connection, "most", most_connections)
    monkeypatch.setattr(Connection, "patience", patience)
    guard = type("Limited", (gate.Gate,), limits)(_plain, host, kernels=kernels)
    config = uvicorn.Config(guard, host=host, port=0, http=Connection, log_level="error", lifespan="off")
    server = uvicorn.Server(config)
    thread = threading.Thread(target=server.run, daemon=True)
    thread.start()
    try:
        while not server.started:
            assert thread.is_alive()
            time.sleep(0.01)
        yield server.servers[0].sockets[0].getsockname()[1]
    finally:
        server.should_exit = True
        thread.join(30)


def test_the_next_page_is_told_and_finds_room_when_one_has_gone(monkeypatch):
    kernels = {page("cut-off"): None}
    with guarded(monkeypatch, most=3, kernels=kernels) as port:
        cookie = [visited(port), visited(port)][1]
        with spoken(port, page("one")), spoken(port, page("two")) as two, spoken(port, page("cut-off"), cookie=cookie):
            assert asked(port)[0] == 503 and "3 pages are open" in asked(port)[2]
            with pytest.raises(InvalidStatus) as refused, spoken(port, page("four"), cookie=cookie):
                pass
            assert refused.value.response.status_code == 503
            with spoken(port, page("two")) as again:  # a page that is open already may come back
                again.send(json.dumps(INFO))
                assert json.loads(again.recv(timeout=30)) == INFO
            two.send(json.dumps(INFO))
            assert json.loads(two.recv(timeout=30)) == INFO
        _until(lambda: asked(port)[0] == 200)
        with spoken(port, page("four"), cookie=cookie):
            pass


def test_an_app_on_all_addresses_answers_to_each_but_not_to_any_name(monkeypatch):
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        try:
            probe.connect(("192.0.2.1", 9))  # of no one; nothing is sent
            outside = probe.getsockname()[0]
        except OSError:
            pytest.skip("this machine has no other address")
    with guarded(monkeypatch, host="0.0.0.0") as port:
        for host in (outside, socket.gethostname()):
            assert asked(port, Host=f"{host}:{port}", at=outside, Origin=f"http://{host.lower()}:{port}")[0] == 200
        assert asked(port, Host=f"evil.example:{port}", at=outside)[0] == 403
        assert asked(port, Host=f"{outside}:{port}", at=outside, Origin="http://evil.example")[0] == 403


def test_channels_of_one_page_are_few(monkeypatch):
    with guarded(monkeypatch, most=2) as port, ExitStack() as held:
        for _ in range(4):
            held.enter_context(spoken(port, page("one")))
        with pytest.raises(InvalidStatus) as refused, spoken(port, page("one")):
            pass
        assert refused.value.response.status_code == 503


def test_who_says_nothing_is_closed_and_who_has_spoken_stays(monkeypatch):
    with guarded(monkeypatch, silent_at_first=2.0, silent=60.0) as port, spoken(port) as speaks:
        speaks.send(json.dumps(INFO))
        with spoken(port) as silent, pytest.raises(ConnectionClosed) as closed:
            silent.recv(timeout=30)
        assert closed.value.rcvd.code == 1001
        speaks.recv(timeout=30)
        speaks.send(json.dumps(INFO))
        assert json.loads(speaks.recv(timeout=30)) == INFO


def test_connections_that_bring_no_request_are_closed_and_those_too_many_told(monkeypatch):
    with guarded(monkeypatch, most_connections=5, patience=0.5) as port:
        idle = [socket.create_connection(("127.0.0.1", port), 30) for _ in range(5)]
        idle[0].sendall(b"GET / HTTP/1.1\r\nHost: local")  # and never the rest
        with socket.create_connection(("127.0.0.1", port), 30) as next_one:
            assert next_one.recv(1000).startswith(b"HTTP/1.1 503")
        assert all(one.recv(1000) == b"" for one in idle)
        assert asked(port)[0] == 200
        for one in idle:
            one.close()


def test_who_does_not_read_the_answer_is_cut_off(monkeypatch):
    monkeypatch.setattr(Connection, "longest", 0.2)
    with guarded(monkeypatch, patience=0.2) as port, socket.create_connection(("127.0.0.1", port), 30) as reader:
        reader.sendall(f"GET /large HTTP/1.1\r\nHost: localhost:{port}\r\n\r\n".encode())
        time.sleep(2.0)
        got = 0
        with suppress(ConnectionResetError):
            while some_more := reader.recv(1_000_000):
                got += len(some_more)
        assert got < 80_000_000
        assert asked(port)[0] == 200


def _until(true, seconds=30.0):
    end = time.monotonic() + seconds
    while not true():
        assert time.monotonic() < end, "it never came"
        time.sleep(0.02)


@pytest.mark.skipif(sys.platform == "win32", reason="no such limit there")
@pytest.mark.slow
def test_hundreds_of_idle_channels_do_not_end_the_service(tmp_path):
    """Each takes four open files; 254 took all that the system gives."""
    starter = "import resource, sys; resource.setrlimit(resource.RLIMIT_NOFILE, (512, 512)); from testis_abm.cli.command import main; sys.exit(main())"
    with serving(tmp_path / "log", "-c", starter, "app", "--no-browser") as url, ExitStack() as held:
        port = int(url.rsplit(":", 1)[1])
        refused = 0
        cookies = [visited(port) for _ in range(gate.MOST_PAGES + 30)]
        for cookie in cookies:
            try:
                held.enter_context(spoken(port, cookie=cookie))
            except InvalidStatus as error:
                assert error.response.status_code == 503
                refused += 1
        assert refused == 30
        assert asked(port)[0] == 503 and "pages are open" in asked(port)[2]
        assert asked(port, "/readyz")[0] == 200
        assert "Too many open files" not in (tmp_path / "log").read_text()


def test_the_answer_is_told_on_a_line_of_the_terminal():
    """What listens beyond the machine says by which names it answers."""
    from testis_abm.app import serve

    said = serve._beyond("0.0.0.0", 8765)
    assert f"http://{socket.gethostname().lower()}:8765" in said and "--allow-origin" in said
    assert "\n" not in said
