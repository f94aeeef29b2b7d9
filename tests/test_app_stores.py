"""Stores of sweeps in the app."""

from __future__ import annotations

import xml.etree.ElementTree as ElementTree

import pytest
from small_page import THERAPY, drawn

import testis_abm as ta
from testis_abm.app.jobs import folders
from testis_abm.experiments.sweep import Swept
from testis_abm.pictures import plots_screen, sweeps
from testis_abm.support import files
from testis_abm.support.errors import TestisError


@pytest.fixture(scope="module")
def sweep(tmp_path_factory):
    folder = tmp_path_factory.mktemp("stores") / "sweep-small"
    given = {"title": "Weight & dose", "tissue": {"tubules": 1}, "therapy": [THERAPY]}
    over = {"man.bmi": [24, 32], "therapy.1.dose": ["0.5 mg", "1 mg"]}
    ta.sweep({**given, "sweep": {"replicates": 1, "at": ["day 10"], "over": over}}, folder, workers=1)
    return folder


def _map(store, table, word: str, kind: str, axes: int = 2) -> ElementTree.Element:
    return drawn(plots_screen.heat_map(sweeps.heat_map(table, store.axes[:axes], word, kind, store.called(kind))))


def test_a_store_is_shown_as_a_map(sweep):
    store = Swept.of(sweep)
    assert store.title == "Weight & dose (sweep-small)" and [axis.path for axis in store.axes] == [
        "man.bmi",
        "therapy.1.dose",
    ]
    table = store.summary(store.days[0])
    assert len(table) == 4 and table["replicates"].max() == 1
    for kind in sweeps.kinds(table, store.outputs[0]):
        root = _map(store, table, store.outputs[0], kind)
        assert len(root.findall("{*}g")) == 4
        assert "24" in "".join(root.itertext()) and "0.5" in "".join(root.itertext())


def test_one_axis_is_one_row(sweep):
    store = Swept.of(sweep)
    root = _map(store, store.summary(store.days[0]), store.outputs[0], "treated", 1)
    assert len(root.findall("{*}g")) == 2


def test_what_no_laboratory_sees_has_no_percentage(tmp_path):
    gonadotrophins = [
        {"drug": "hcg", "dose": "1500 IU", "every": "3.5 days"},
        {"drug": "rfsh", "dose": "150 IU", "every": "2 days"},
    ]
    case = {
        "man": {"preset": "congenital_hypogonadotropic"},
        "plan": {"duration": "400 days"},
        "therapy": gonadotrophins,
    }
    over = {"therapy.1.dose": ["1000 IU", "2000 IU"]}
    ta.sweep({**case, "sweep": {"engine": "expected", "over": over}}, tmp_path / "store", workers=1)
    store = Swept.of(tmp_path / "store")
    table = store.summary(store.days[0])
    assert len(_map(store, table, "sperm concentration", "treated", 1).findall("{*}g")) == 2
    for word in ("sperm concentration", "total motile count", "progressive motility"):
        assert not _map(store, table, word, "change in %", 1).findall("{*}g")
    known = "ejaculate volume" if "ejaculate volume" in store.outputs else "testosterone"
    assert len(_map(store, table, known, "change in %", 1).findall("{*}g")) == 2


def test_only_the_stores_of_the_command_line_are_open(sweep, monkeypatch, tmp_path):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv(folders.VARIABLE, "[]")
    assert folders.found() == []
    folders.publish([str(sweep)])
    assert [of.folder for of in folders.found()] == [sweep.resolve()]


def test_what_is_no_sweep_is_no_store(tmp_path, sweep):
    with pytest.raises(TestisError, match="holds no experiment"):
        Swept.of(tmp_path)
    manifest = files.unsealed((sweep / "manifest.json").read_bytes())
    files.write(tmp_path / "manifest.json", files.sealed({**manifest, "kind": "trial"}))
    with pytest.raises(TestisError, match="trial"):
        Swept.of(tmp_path)
