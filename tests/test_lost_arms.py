"""An arm that leaves the physical range is named and left out, and says nothing against the others."""

from __future__ import annotations

import pytest

import testis_abm as ta
from testis_abm.cli.command import main

BASE = {
    "title": "arms",
    "man": {"preset": "fertile"},
    "tissue": {"tubules": 1, "sertoli_per_tubule": 10},
    "plan": {"baseline": "1 day", "duration": "40 days", "replicates": 2, "seed": 4},
}
# Daily, a depot of weeks takes him out of the physical range.
BEYOND = {"drug": "testosterone_enanthate", "dose": "1000 mg", "every": "1 day"}
ARMS = [
    {"name": "control", "therapy": []},
    {"name": "beyond", "therapy": [BEYOND]},
    {"name": "usual", "therapy": [{"drug": "anastrozole", "dose": "1 mg", "every": "1 day"}]},
]
SAID = "testosterone"


def test_a_comparison_keeps_the_arms_that_end_and_names_the_one_that_does_not():
    found = ta.compare({**BASE, "arm": ARMS}, workers=1)
    assert found is not None
    assert found.arms == ("control", "usual") and set(found.effects["arm"]) == {"usual"}
    assert found.replicates == 2 and [*found.lost] == ["beyond"] and SAID in found.lost["beyond"]
    assert list(found.failed["arm"]) == ["beyond", "beyond"]
    assert "beyond: left out, as every run of it failed: " in found.text() and "runs failed:" not in found.text()
    alone = ta.compare({**BASE, "arm": [ARMS[0], ARMS[2]]}, workers=1)
    assert alone is not None
    of = ["level", "change_pct", "plausible_low_pct", "plausible_high_pct"]
    assert found.effects[of].equals(alone.effects[of])


def test_without_the_arm_that_others_are_compared_with_there_is_no_comparison():
    with pytest.raises(ta.TestisError, match=r"^beyond: every run failed: "):
        ta.compare({**BASE, "arm": [ARMS[1], ARMS[0], ARMS[2]]}, workers=1)


def test_the_command_ends_with_1_and_shows_the_others(tmp_path, capsys):
    import tomli_w

    (tmp_path / "arms.toml").write_text(tomli_w.dumps({**BASE, "arm": ARMS}), encoding="utf-8")
    line = ["compare", str(tmp_path / "arms.toml"), "--workers", "1", "--no-plots", "--out", str(tmp_path / "out")]
    assert main(line) == 1
    told = capsys.readouterr()
    assert "2 of 6 runs failed (exit code 1)" in told.err and "beyond: left out" in told.out and "usual" in told.out


def test_a_trial_keeps_the_arms_that_end(tmp_path):
    tables = {
        **{key: BASE[key] for key in ("title", "tissue", "plan")},
        "trial": {"men": 24, "engine": "expected", "parameters": "tables"},
        "arm": ARMS,
    }
    found = ta.trial(tables, tmp_path / "trial", workers=1)
    assert found is not None
    flow = found.flow.set_index("arm")
    assert flow.loc["beyond", "failed"] == flow.loc["beyond", "randomised"] > 0
    assert flow.loc["usual", "failed"] == 0
    effects = found.effects.set_index("arm")
    assert effects.loc["usual"].notna().any(axis=None) and "beyond" in found.text()
    assert set(found.failed["case"]) == {"beyond"} and SAID in found.failed["error"].iloc[0]
