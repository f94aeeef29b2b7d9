"""Size: refused when it cannot fit, the same at any number of threads, at rest from the first day."""

from __future__ import annotations

import subprocess
import sys

import numpy as np
import pandas as pd
import psutil
import pytest

import testis_abm as ta
from testis_abm import TestisError, TestisModel, load
from testis_abm.biology import steps
from testis_abm.testis import memory


def test_a_tissue_larger_than_memory_is_refused_before_it_is_built(monkeypatch):
    case = load({"title": "too large", "tissue": {"tubules": 200_000, "sertoli_per_tubule": 200}})
    monkeypatch.setattr(memory, "available", lambda: 8 * 10**9)
    with pytest.raises(
        TestisError,
        match=r"tissue\.tubules: 200000 tubules of 3 rows of 200 Sertoli cells.*8\.0 GB are free; tissue\.tubules up to",
    ) as told:
        TestisModel(case)
    fits = int(str(told.value).split("up to ")[1].split()[0])
    memory.check_fits(fits, 3, 200)
    with pytest.raises(TestisError):
        memory.check_fits(fits + 1, 3, 200)
    monkeypatch.setattr(memory, "available", lambda: 1000)
    with pytest.raises(TestisError, match="fewer rows or Sertoli cells per tubule would fit"):
        memory.check_fits(1, 3, 200)


def test_a_run_needs_room_for_all_its_men(monkeypatch):
    case = load(
        {
            "title": "a run",
            "tissue": {"tubules": 3200, "rows": 1},
            "plan": {"duration": "12 days", "replicates": 1},
            "therapy": [{"drug": "anastrozole", "dose": "1 mg", "every": "1 day"}],
        }
    )
    asked = []
    monkeypatch.setattr(memory, "available", lambda: 300 * 10**6)
    memory.check_fits(3200, 1, 26)  # one man alone would fit
    for replicates, men in ((1, 2), (2, 4), (8, 4)):
        with pytest.raises(
            TestisError, match=f"3200 tubules of 1 rows of 26 Sertoli cells for {men} men at a time"
        ) as told:
            ta.run(case, replicates=replicates)
        asked.append(float(str(told.value).split("about ")[1].split()[0]))
    assert asked == [0.5, 0.7, 0.7]  # GB; 0.42 were measured


def test_memory_is_known():
    assert 10**7 < memory.available() < 10**15


def test_the_limit_of_the_process_counts(monkeypatch):
    taken = psutil.Process().memory_info().vms
    monkeypatch.setattr(psutil.Process, "rlimit", lambda self, which: (taken + 300 * 10**6, -1), raising=False)
    assert 0 < memory.available() <= 60 * 10**6
    monkeypatch.setattr(psutil.Process, "rlimit", lambda self, which: (taken, -1), raising=False)
    assert memory.available() == 0


def test_nested_control_groups_count(tmp_path):
    own, groups = tmp_path / "cgroup", tmp_path / "fs"

    def group(path, limit, taken, cached=0, names=("memory.max", "memory.current", "inactive_file")):
        (groups / path).mkdir(parents=True, exist_ok=True)
        (groups / path / names[0]).write_text(f"{limit}\n")
        (groups / path / names[1]).write_text(f"{taken}\n")
        (groups / path / "memory.stat").write_text(f"anon 5\n{names[2]} {cached}\n")

    own.write_text("0::/outer/inner\n")
    assert memory.free_in_groups(own, groups, 900) == 900  # none can be seen
    group("outer/inner", "max", 100)
    group("outer", 500, 300, cached=50)
    assert memory.free_in_groups(own, groups, 900) == 250
    group("outer/inner", 130, 100)
    assert memory.free_in_groups(own, groups, 900) == 30
    group(".", 20, 10)
    assert memory.free_in_groups(own, groups, 900) == 10
    own.write_text("3:cpuset:/\n4:memory:/old\n")
    group("memory/old", 70, 10, names=("memory.limit_in_bytes", "memory.usage_in_bytes", "total_inactive_file"))
    assert memory.free_in_groups(own, groups, 900) == 60
    assert memory.free_in_groups(tmp_path / "none", groups, 900) == 900


def test_a_man_is_the_same_at_any_number_of_threads(monkeypatch):
    case = load(
        {"title": "threads", "tissue": {"tubules": 5, "sertoli_per_tubule": 9}, "plan": {"duration": "40 days"}}
    )
    monkeypatch.setattr("testis_abm.testis.threads.WORTH_SHARING", 0)
    records = []
    for threads in ("1", "2", "3", "7"):
        monkeypatch.setenv("TESTIS_ABM_THREADS", threads)
        one = TestisModel(case, rng=1)
        one.run_for(30)
        records.append((repr(one.records), one.tissue.columns.germ.compacted("lineage").tobytes()))
    assert len(set(records)) == 1


@pytest.mark.parametrize("preset", [pytest.param("fertile", marks=pytest.mark.slow), "obese_low_t_e2"])
def test_no_step_drifts_in_the_first_ninety_days(preset):
    case = {
        "title": "at rest",
        "man": {"preset": preset},
        "tissue": {"tubules": 300},
        "plan": {"baseline": "1 day", "duration": "143 days", "replicates": 1},
    }
    counts: pd.DataFrame = ta.run(case).tissue.set_index("day")[list(steps.NAMES)]
    # A cycle of 16 days is the germ line's own rhythm: means over whole cycles.
    cycles = np.array([counts.iloc[i : i + 16].mean().to_numpy() for i in range(0, 144, 16)])
    np.testing.assert_allclose(cycles[:6], np.broadcast_to(cycles.mean(axis=0), (6, len(steps.NAMES))), rtol=0.04)


def test_nothing_in_a_run_is_deprecated():
    code = (
        "import testis_abm as ta, mesa;"
        "m=ta.TestisModel(ta.load({'title':'x','tissue':{'tubules':1,'sertoli_per_tubule':6}}),rng=1);"
        "c=mesa.DataCollector(model_reporters={'n':lambda m:len(m.agents)},"
        "agenttype_reporters={ta.GermCell:{'step':'step'}});"
        "m.run_for(3);c.collect(m);m.branch().run_for(2);print(len(c.get_agenttype_vars_dataframe(ta.GermCell)))"
    )
    warned = [f"-Werror::{kind}" for kind in ("DeprecationWarning", "PendingDeprecationWarning", "FutureWarning")]
    done = subprocess.run([sys.executable, *warned, "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert int(done.stdout) > 10
