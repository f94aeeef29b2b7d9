"""The page's own Vue components."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

pytest.importorskip("solara")
from testis_abm.app import vue

APP = Path(vue.__file__).parent


def test_each_component_is_exported_once_and_each_that_is_shown_is_one():
    exported = re.findall(r"^export const (\w+) = ", vue.module(), re.MULTILINE)
    assert sorted(exported) == sorted(path.stem for path in APP.rglob("*.vue"))
    shown = {name for path in APP.rglob("*.py") for name in re.findall(r'vue\.component\("(\w+)"\)', path.read_text())}
    assert shown == set(exported), "none is left over"
    assert "export default" not in vue.module()


def test_a_file_of_another_shape_is_told(tmp_path, monkeypatch):
    (tmp_path / "odd.vue").write_text("<script>\nexport default {};\n</script>\n")
    monkeypatch.setattr(vue, "_FOLDER", tmp_path)
    with pytest.raises(ValueError, match=r"odd\.vue"):
        vue.module()
