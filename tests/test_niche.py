"""Stem cells in their niches: numbers that hold, answer to FSH, refill and drift; both engines and the mean-field model alike."""

from __future__ import annotations

import numpy as np
import pytest
from conftest import NORMAL_BLOOD
from round_tissue import NICHE, with_
from small_tissue import SmallModel, assert_same

import testis_abm as ta
from testis_abm import parameters
from testis_abm.agents.reference import State, Surroundings, Wall
from testis_abm.biology import injury, niche, steps
from testis_abm.biology.niche import Around
from testis_abm.man.mean_field import ExpectedMan
from testis_abm.man.physiology import complete

CYCLE = 16
PALE, DARK = steps.A_PALE, steps.A_DARK


def per_niche(model):
    return model.tissue.counts() / model.tissue.sertoli_count


def live(model, days):
    """Live on; return the mean of germ cells a niche by type, over the days."""
    total = np.zeros(steps.COUNT)
    for _ in range(days):
        model.step()
        total += per_niche(model)
    return total / days


def kill(tissue, survival, where=None, seed=0):
    """Let germ cells die tomorrow but for a share by type; `where`: in which sections."""
    germ = tissue.columns.germ
    rows = germ.rows()
    if where is not None:
        rows = rows[np.isin(tissue.geometry.along(germ.niche[rows]), where)]
    dies = np.random.default_rng(seed).random(len(rows)) >= np.array(survival)[germ.step[rows]]
    germ.threshold[rows[dies]] = -np.inf


# ---- rules


def test_density_rests_at_one_whatever_differentiation_takes():
    numbers = with_("niche", stem_cell_loss=0.05).niche
    for commitment in (0.1, 0.6, 0.9):
        for fed in (0.5, 1.0, 1.6):
            pale, _ = niche.mean_cycle(fed, 1.0, fed, commitment, numbers)
            assert pale == pytest.approx(0.0, abs=1e-12)
            fewer, more = (niche.mean_cycle(of * fed, 1.0, fed, commitment, numbers)[0] for of in (0.9, 1.1))
            assert fewer > 0.0 > more


def test_a_pale_renew_where_there_is_room_and_leave_where_there_is_none():
    # A half of the founders leaves, a quarter of all dies: (1 - 1/4)(1 - 0.6/2)(1 + 19/21) = 1.
    assert niche.renewal(1.0, 0.6, NICHE) == pytest.approx(19 / 21)
    assert niche.renewal(0.0, 0.6, NICHE) == 1.0
    odds = 2.0 / 19.0 * 2.0**5
    assert niche.renewal(2.0, 0.6, NICHE) == pytest.approx(1.0 / (1.0 + odds))
    assert [niche.used_up(x, NICHE) for x in (0.0, 0.5, 1.0, 3.0)] == [0.0, 0.125, 0.5, 1.0]
    other = with_("niche", steep=3.5, crowd=1.5).niche
    assert niche.renewal(2.0, 0.6, other) == pytest.approx(1.0 / (1.0 + 2.0 / 19.0 * 2.0**3.5))
    assert niche.used_up(0.25, other) == pytest.approx(0.0625)


def test_a_dark_are_set_aside_where_they_are_missing_and_wake_where_a_pale_are():
    assert niche.aside(1.0, 1.0, NICHE) == niche.aside(2.0, 1.0, NICHE) == 0.0
    assert niche.aside(0.0, 1.0, NICHE) == niche.aside(0.0, 4.0, NICHE) == 0.25
    assert niche.aside(0.5, 0.5, NICHE) == pytest.approx(0.25 / 4)
    assert niche.wake(0.0, NICHE) == 0.4 and niche.wake(0.25, NICHE) == pytest.approx(0.2)
    assert niche.wake(0.5, NICHE) == niche.wake(3.0, NICHE) == 0.0
    # As many are set aside as are lost: of 2 A-pale three quarters stay, a quarter of those (1 - r), and an eighth of r.
    still = with_("niche", used=0.0).niche
    assert niche.resting_a_dark(2.0, 0.6, still) == pytest.approx(0.75)
    assert niche.mean_cycle(2.0, 0.75, 2.0, 0.6, still)[1] == pytest.approx(0.0, abs=1e-12)


def test_an_a_pale_gathers_a_share_and_founds_a_clone_at_one():
    quiet = with_("niche", stem_cell_loss=0.0, used=0.0, refill=0.0).niche
    around = Around(9.0, 9.0, 9.0, 9.0)
    for share, left, founds in ((0.4, 1.0, False), (1.0, 0.6, True), (1.3, 0.9, True)):
        turn = niche.a_pale_turn(5, 3, share, 0.6, around, quiet)
        assert turn.share == pytest.approx(left) and turn.founds is founds
        assert not (turn.lost or turn.leaves or turn.renews or turn.rests)
    lost = [niche.a_pale_turn(5, turn, 0.4, 0.6, around, NICHE).lost for turn in range(1000)]
    assert 200 < sum(lost) < 300
    leaves = [
        niche.a_pale_turn(5, turn, 1.0, 0.6, around, with_("niche", stem_cell_loss=0.0).niche) for turn in range(1000)
    ]
    assert 440 < sum(turn.leaves for turn in leaves) < 560
    assert not any(turn.renews or turn.rests for turn in leaves if turn.leaves)


def test_turns_fall_on_the_clock_of_the_niche():
    for now in (0.0, 3.9, 4.0, 4.1, 19.99, 20.0, 1000.0):
        then = niche.next_turn(0.75, 16.0, now)
        assert now < then <= now + 16.0 + 1e-9 and (then - 4.0) % 16.0 == pytest.approx(0.0)


# ---- what a cell feels


def wall(length, around, able=None, blocked=None):
    """Return a tubule of a model that has lived through a turn, as the reference engine holds it."""
    n = length * around
    able = np.ones(n, int) if able is None else able
    blocked = np.zeros(n) if blocked is None else blocked
    rates = [0.0] * len(steps.RATES)
    rates[steps.FED] = 1.0
    cells = [State(able=int(a), blocked_until=float(b), rates=rates) for a, b in zip(able, blocked, strict=True)]
    niches = [Surroundings(cell, 10.0, 1.0, with_("niche"), None, None, 0, {}) for cell in cells]
    counts = np.zeros((n, steps.COUNT), int)
    counts[:, PALE] = 2 ** np.arange(n)
    return Wall(niches, counts, length, around)


def test_a_cell_feels_the_nine_niches_around_it_and_no_others():
    # Three sections of four: the wall is round and its ends are closed.
    here = wall(3, 4)
    assert here.felt(5).a_pale == sum(2**k for k in (0, 1, 2, 4, 5, 6, 8, 9, 10))
    assert here.felt(3).a_pale == sum(2**k for k in (2, 3, 0, 6, 7, 4))
    assert (here.felt(5).niches, here.felt(3).niches, here.felt(3).fed) == (9.0, 6.0, 6.0)


def test_what_is_not_open_is_not_felt_and_takes_no_daughter():
    able, blocked = np.ones(12, int), np.zeros(12)
    able[0], blocked[1], blocked[2] = 0, 9.5, 9.0  # the day began on day 9
    here = wall(3, 4, able, blocked)
    assert here.felt(5).a_pale == sum(2**k for k in (2, 4, 5, 6, 8, 9, 10)) and here.felt(5).fed == 7.0
    assert [here.emptiest(lineage, 5) for lineage in range(20)] == [2] * 20


def test_daughters_go_to_the_emptiest_and_among_equals_anywhere():
    here = wall(3, 4)
    assert [here.emptiest(lineage, 10) for lineage in range(20)] == [5] * 20
    here.counts[:, PALE] = 1
    found = np.unique([here.emptiest(lineage, 5) for lineage in range(300)], return_counts=True)
    assert found[0].tolist() == [0, 1, 2, 4, 5, 6, 8, 9, 10] and found[1].min() > 15


# ---- what becomes of many


@pytest.mark.slow
def test_numbers_hold_for_ten_years():
    model = SmallModel(seed=1, tubules=3, sertoli_per_tubule=26, rows=12).settle()
    years = [live(model, 365) for _ in range(10)]
    for first, second in ((years[:3], years[3:6]), (years[3:6], years[6:10])):
        assert np.mean(first, axis=0) == pytest.approx(np.mean(second, axis=0), rel=0.05)
    rest = np.mean(years, axis=0)
    assert rest[PALE] == pytest.approx(model.tissue.p.niche.a_pale_present, rel=0.02)
    held = model.tissue.columns.sertoli.counts[:, PALE]
    assert 0.5 < held.std() < 0.8 and held.max() <= model.tissue.p.niche.most_a_pale


@pytest.mark.slow
def test_numbers_hold_for_thirty_years_in_every_size_of_tissue():
    for tubules, rows in ((36, 1), (12, 3), (2, 18)):
        model = SmallModel(seed=2, tubules=tubules, sertoli_per_tubule=26, rows=rows).settle()
        decades = np.array([live(model, 3650) for _ in range(3)])
        assert decades[:, PALE] == pytest.approx(np.full(3, 0.955), rel=0.04)
        assert decades[1:, steps.ELONGATED_SPERMATID] == pytest.approx(decades[0, steps.ELONGATED_SPERMATID], rel=0.03)
        assert 0.7 < decades[2, DARK] < 1.1


def test_fsh_raises_a_pale_within_two_cycles_and_leaves_a_dark():
    model = SmallModel(seed=2, tubules=16, sertoli_per_tubule=26, rows=6).settle()
    before = live(model, CYCLE)
    fed = model.tissue.columns.sertoli.rates[:, steps.FED].mean()
    model.blood = NORMAL_BLOOD._replace(fsh_iu_l=16.0)
    early, late = live(model, 5), [live(model, 19), live(model, 16)][1]
    more = model.tissue.columns.sertoli.rates[:, steps.FED].mean() / fed
    assert 1.2 < more < 1.5
    assert early[PALE] / before[PALE] < 1.0 + 0.3 * (more - 1.0)  # macaques: none after a week
    assert late[PALE] / before[PALE] == pytest.approx(more, rel=0.06)
    assert late[DARK] / before[DARK] == pytest.approx(1.0, abs=0.02)
    model.blood = NORMAL_BLOOD._replace(fsh_iu_l=0.0)
    live(model, 3 * CYCLE)
    fallen = live(model, CYCLE)
    assert fallen[PALE] / before[PALE] == pytest.approx(np.sqrt(_entry_without_fsh(model)), rel=0.08)
    assert fallen[DARK] / before[DARK] > 0.95


def _entry_without_fsh(model):
    return (
        model.tissue.p.germ.entry_alone + model.tissue.p.germ.entry_androgen
    )  # but for what Sertoli cells are full of


def test_androgen_acts_on_differentiation_and_leaves_their_number():
    model = SmallModel(seed=2, tubules=16, sertoli_per_tubule=26, rows=3).settle()
    before, rates = live(model, CYCLE), model.tissue.columns.sertoli.rates
    committed = rates[:, steps.COMMITMENT].mean()
    model.blood = NORMAL_BLOOD._replace(lh_activity=0.02, free_testosterone=0.4)
    live(model, 40)
    after = live(model, CYCLE)
    assert rates[:, steps.COMMITMENT].mean() < 0.9 * committed
    assert after[PALE] / before[PALE] == pytest.approx(1.0, abs=0.05)
    assert after[steps.B_SPERMATOGONIUM] < 0.9 * before[steps.B_SPERMATOGONIUM]


def test_an_empty_stretch_is_refilled_from_its_ends():
    model = SmallModel(seed=3, tubules=4, sertoli_per_tubule=12, rows=40).settle()
    kill(model.tissue, np.zeros(steps.COUNT), where=np.arange(10, 40))

    def filled():
        held = model.tissue.columns.sertoli.counts[:, PALE].reshape(4, 40, 12).mean(axis=(0, 2))
        return (held > 0.5).sum()

    front = []
    for _ in range(4):
        live(model, 182)
        front.append(filled())
    assert front[0] < front[1] < front[2] < front[3] and 12 <= front[0] < 25
    # From one end, 0.4 mm a year: 17 rows.
    assert 8 < (front[3] - front[1]) < 30


def test_numbers_return_after_a_kill():
    model = SmallModel(seed=4, tubules=6, sertoli_per_tubule=26, rows=20).settle()
    survival = np.ones(steps.COUNT)
    survival[DARK], survival[PALE], survival[steps.B_SPERMATOGONIUM] = 0.4, 0.17, 0.02
    kill(model.tissue, survival)
    model.step()
    assert per_niche(model)[:2] == pytest.approx([0.4 * 0.935, 0.17 * 0.966], rel=0.12)
    live(model, 15)
    assert per_niche(model)[PALE] < 0.5
    live(model, 6 * CYCLE)
    assert per_niche(model)[PALE] == pytest.approx(0.966, rel=0.05)


def test_blocked_niches_wait_and_go_on():
    model = SmallModel(seed=5, tubules=4, sertoli_per_tubule=26, rows=6).settle()
    sertoli = model.tissue.columns.sertoli
    half = np.arange(len(sertoli.lineage)) % 156 < 78
    sertoli.blocked_until[half] = model.tissue.now + 60.0
    before = sertoli.counts[half][:, :3].copy()
    live(model, 60)
    assert (sertoli.counts[half][:, :2] == before[:, :2]).all() and before[:, PALE].sum() > 0
    assert sertoli.counts[half][:, steps.B_SPERMATOGONIUM].sum() == 0  # founded before the block, gone on since
    assert sertoli.counts[~half][:, steps.B_SPERMATOGONIUM].mean() > 0.4
    live(model, 40)
    assert sertoli.counts[half][:, steps.B_SPERMATOGONIUM].mean() > 0.4
    assert (sertoli.counts[half][:, PALE] != before[:, PALE]).any()


@pytest.mark.slow
def test_clones_of_a_pale_die_out_as_neighbours_take_their_place():
    # Along a thin tubule clones meet two neighbours: the share alive falls as the root of time (voter model, Klein 2010).
    model = SmallModel(seed=3, tubules=4, sertoli_per_tubule=3, rows=300, numbers={"niche.used": 0.5}).settle()
    germ = model.tissue.columns.germ
    pale = germ.rows()[germ.compacted("step") == PALE]
    germ.founder[germ.rows()] = 2**31
    germ.founder[pale] = np.arange(len(pale))
    alive = {0: len(pale)}
    for cycle in range(1, 301):
        live(model, CYCLE)
        founders = germ.founder[germ.rows()][germ.compacted("step") == PALE]
        alive[cycle] = len(np.unique(founders[founders < 2**31]))
    slope = np.log(alive[300] / alive[60]) / np.log(300 / 60)
    assert slope == pytest.approx(-0.55, abs=0.12) and alive[60] < 0.1 * alive[0]


def test_no_niche_holds_more_than_there_is_room_for_and_the_others_differentiate():
    numbers = {"germ.a_pale_per_niche": 3.0, "niche.most_a_pale": 3.0}
    model = SmallModel(seed=6, tubules=8, sertoli_per_tubule=26, rows=3, numbers=numbers).settle()
    live(model, 10 * CYCLE)
    held = model.tissue.columns.sertoli.counts[:, PALE]
    assert held.max() == 3 and 1.8 < held.mean() < 2.9


# ---- engines


CASES = {
    "few": {"seed": 1, "tubules": 2, "sertoli_per_tubule": 8, "rows": 3},
    "one section": {"seed": 2, "tubules": 3, "sertoli_per_tubule": 9},
    "narrow": {"seed": 3, "tubules": 2, "sertoli_per_tubule": 1, "rows": 9},
    "pairs": {"seed": 4, "tubules": 2, "sertoli_per_tubule": 2, "rows": 6},
    "crowded": {
        "seed": 5,
        "tubules": 2,
        "sertoli_per_tubule": 8,
        "rows": 4,
        "numbers": {
            "germ.a_pale_per_niche": 3.0,
            "niche.most_a_pale": 3.0,
            "niche.refill": 0.3,
            "niche.most_a_dark": 2.0,
        },
    },
    "restless": {
        "seed": 6,
        "tubules": 2,
        "sertoli_per_tubule": 8,
        "rows": 4,
        "numbers": {
            "niche.reach": 3.0,
            "niche.used": 0.75,
            "germ.stem_cell_loss": 0.05,
            "niche.steep": 3.5,
            "niche.crowd": 1.5,
        },
    },
    "few able": {"seed": 7, "tubules": 3, "sertoli_per_tubule": 12, "rows": 3, "germ_cell_endowment": 0.4},
}


@pytest.mark.parametrize("name", CASES)
@pytest.mark.slow
def test_engines_hold_the_same_stem_cells(name):
    compiled, reference = (SmallModel(engine, **CASES[name]).settle() for engine in ("compiled", "reference"))
    assert_same(compiled.tissue, reference.tissue)
    survival = np.ones(steps.COUNT)
    survival[DARK], survival[PALE] = 0.6, 0.3
    for part in range(3):
        for model in (compiled, reference):
            if part == 1:
                kill(model.tissue, survival)
            if part == 2:
                blocked = model.tissue.columns.sertoli.blocked_until
                blocked[::3] = model.tissue.now + np.arange(len(blocked[::3])) % 40
        for _ in range(20):
            compiled.step()
            reference.step()
        assert_same(compiled.tissue, reference.tissue)
    left, right = compiled.tissue.columns.germ, reference.tissue.columns.germ
    assert np.array_equal(left.compacted("lineage"), right.compacted("lineage"))
    assert np.array_equal(left.compacted("founder"), right.compacted("founder"))


def test_turns_find_room_when_a_tubule_has_none():
    one, other = (SmallModel(seed=8, tubules=2, sertoli_per_tubule=12, rows=6).settle() for _ in range(2))
    for _ in range(40):
        germ = one.tissue.columns.germ
        germ.grow(germ.count.copy())  # no slack at all
        one.step()
        other.step()
    assert_same(one.tissue, other.tissue)


# ---- mean field


@pytest.fixture(scope="module")
def values():
    return complete(parameters.values({}))


def reference_man(values):
    return ExpectedMan(values, {name: field.value for name, field in parameters.physiology().items()})


def test_the_mean_rests_where_cells_do(values):
    man, model = reference_man(values), SmallModel(seed=1, tubules=4, sertoli_per_tubule=26, rows=20).settle()
    rows = man.advance(np.zeros((200, 48, 0)))
    for name in ("a_pale_per_sertoli", "a_dark_per_sertoli", "released_million"):
        assert rows[name] == pytest.approx(man.rest[name], rel=1e-6), name
    cells = live(model, 8 * CYCLE)
    assert cells[PALE] == pytest.approx(man.rest["a_pale_per_sertoli"], rel=0.03)
    assert cells[DARK] == pytest.approx(man.rest["a_dark_per_sertoli"], rel=0.06)


def killing(survival: np.ndarray) -> injury.Blow:
    """Return a blow that leaves a share of each type in both testes, (steps,), and does nothing else."""
    none = np.zeros(2)
    deadly, harm = np.outer(injury.both(1.0), -np.log(survival)), np.zeros((2, steps.COUNT))
    return injury.Blow(injury.IRRADIATION, 0, deadly, harm, none, 0.0, none, 0.0, 0.0, none)


def test_the_mean_recovers_as_many_cells_do(values):
    survival = np.ones(steps.COUNT)
    survival[DARK], survival[PALE], survival[steps.B_SPERMATOGONIUM] = 0.4, 0.17, 0.02
    man, model = reference_man(values), SmallModel(seed=2, tubules=4, sertoli_per_tubule=26, rows=40).settle()
    man.strike(killing(survival))
    kill(model.tissue, survival)
    rows = man.advance(np.zeros((400, 48, 0)))
    seen = np.array([live(model, CYCLE) for _ in range(25)])
    mean = rows["a_pale_per_sertoli"].reshape(25, CYCLE).mean(axis=1)
    assert np.abs(seen[:, PALE] - mean).max() < 0.18 and mean[0] < 0.45 and mean[-1] > 0.95
    dark = rows["a_dark_per_sertoli"].reshape(25, CYCLE).mean(axis=1)
    assert np.abs(seen[:, DARK] - dark).max() < 0.09
    lowest = rows["released_million"].min() / man.rest["released_million"]
    assert lowest < 0.5 and rows["released_million"][-1] == pytest.approx(man.rest["released_million"], rel=0.05)


def test_of_blocked_niches_the_mean_founds_no_clones(values):
    man, plain = reference_man(values), reference_man(values)
    half = killing(np.ones(steps.COUNT))._replace(hits=injury.both(np.log(2.0)), hit_days=1e6)
    man.strike(half)
    held, free = (of.advance(np.zeros((160, 48, 0)))["released_million"] for of in (man, plain))
    assert held[:50] == pytest.approx(free[:50], rel=0.02)  # what was founded before lives on
    assert held[100:] == pytest.approx(0.5 * free[100:], rel=0.05)


# ---- what a model tells


def test_a_model_tells_of_its_stem_cells():
    model = ta.TestisModel({"tissue": {"tubules": 2, "rows": 4}, "plan": {"baseline": 0, "duration": 40}}, rng=1)
    model.run_for(20)
    row = model.records["tissue"][-1]
    assert row.a_pale_per_sertoli == row.a_pale / row.sertoli == model.stem_cells()["a_pale_per_sertoli"]
    assert row.a_dark_per_sertoli == row.a_dark / row.sertoli
    assert row.a_pale_fed == pytest.approx(model.tissue.columns.sertoli.rates[:, steps.FED].mean())
    clones = model.stem_clones()
    assert sum(clones.values()) == row.a_pale + row.a_dark and min(clones.values()) >= 1
    model.mark_stem_clones()
    assert list(model.stem_clones().values()) == [1] * (row.a_pale + row.a_dark)
    sertoli = model.agents_by_type[ta.SertoliCell]
    assert sum(sertoli.get("a_pale")) == row.a_pale and sum(sertoli.get("a_dark")) == row.a_dark
    assert set(sertoli.get("along")) == {0, 1, 2, 3} and set(sertoli.get("able")) == {1}
