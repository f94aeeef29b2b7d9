"""Men that are drawn: each column against the quantiles of the distribution that the table gives it."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import stats

from testis_abm import parameters
from testis_abm.population.distribution import COORDINATES, LESIONS, Population

MEN = 20_000
AT = np.array([0.1, 0.25, 0.5, 0.75, 0.9])
Z = stats.norm.ppf(AT)
FIELDS = parameters.physiology()


def drawn(name, lesion=0):
    """Return the population, and fields of many men with one lesion."""
    population = Population.named(name)
    hidden, _ = population.hidden(MEN, np.random.default_rng(11))
    return population, population.fields(hidden, np.full(MEN, lesion))


def one(name, lesion="none", **coordinates):
    """Return the fields of a man of given hidden coordinates, all others 0."""
    z = np.zeros((1, len(COORDINATES)))
    for coordinate, value in coordinates.items():
        z[0, COORDINATES.index(coordinate)] = value
    fields = Population.named(name).fields(z, np.array([LESIONS.index(lesion)]))
    return {field: float(values[0]) for field, values in fields.items()}


def assert_log_normal(values, median, spread, field):
    expected = np.clip(median * np.exp(spread * Z), FIELDS[field].low, FIELDS[field].high)
    # Quantiles of 20 000 men stray by under 1.8 % of an SD; three times that.
    assert np.log(np.quantile(values, AT)) == pytest.approx(np.log(expected), abs=0.054 * spread + 1e-9), field


@pytest.fixture(scope="module")
def community():
    return drawn("community")


@pytest.fixture(scope="module")
def clinic():
    return drawn("clinic")


@pytest.mark.parametrize(
    ("field", "short"),
    [
        ("gnrh_drive", "gnrh_drive"),
        ("leydig_capacity", "leydig_capacity"),
        ("adipose_aromatase", "adipose_aromatase"),
        ("testicular_aromatase", "testicular_aromatase"),
        ("shbg_production", "shbg_production"),
        ("sertoli_number", "sertoli_number"),
        ("inhibin_capacity", "inhibin_capacity"),
        ("spermatogonial_commitment", "commitment"),
        ("meiotic_completion", "meiotic_completion"),
        ("motility", "motility"),
        ("morphology", "morphology"),
        ("gland_volume", "gland_volume"),
        ("fsh_secretion", "fsh_secretion"),
    ],
)
def test_a_trait_is_log_normal_about_the_reference_man(community, field, short):
    population, men = community
    assert_log_normal(men[field], 1.0, population.numbers[f"{short}_spread"], field)


@pytest.mark.parametrize(
    ("field", "short", "quality"),
    [
        ("leydig_capacity", "leydig_capacity", "quality_to_leydig"),
        ("inhibin_capacity", "inhibin_capacity", None),
        ("spermatogonial_commitment", "commitment", "quality_to_commitment"),
        ("motility", "motility", None),
        ("sertoli_number", "sertoli_number", None),
    ],
)
def test_in_the_clinic_the_quality_of_the_testis_adds_its_variance(clinic, field, short, quality):
    population, men = clinic
    numbers = population.numbers
    spread = np.hypot(numbers[f"{short}_spread"], numbers[quality] if quality else 0.0)
    assert_log_normal(men[field], numbers.get(f"clinic_{short}", 1.0), spread, field)


def test_a_better_testis_is_better_in_all_of_its_parts():
    numbers = Population.named("clinic").numbers
    usual, better = one("clinic"), one("clinic", testis_quality=1.0)
    for field, name in (("leydig_capacity", "leydig"), ("spermatogonial_commitment", "commitment")):
        assert np.log(better[field] / usual[field]) == pytest.approx(numbers[f"quality_to_{name}"]), field
    assert {field for field in usual if usual[field] != better[field]} <= {
        "leydig_capacity",
        "germ_cell_endowment",
        "spermatogonial_commitment",
        "meiotic_completion",
    }
    assert one("community", testis_quality=1.0) == one("community")


def test_ages_are_even_where_volunteers_are_sought_and_normal_in_the_clinic(community, clinic):
    numbers = community[0].numbers
    low, high = numbers["community_age_low"], numbers["community_age_high"]
    assert np.quantile(community[1]["age"], AT) == pytest.approx(low + (high - low) * AT, abs=0.015 * (high - low))
    numbers = clinic[0].numbers
    expected = np.clip(numbers["age_mean"] + numbers["age_sd"] * Z, FIELDS["age"].low, FIELDS["age"].high)
    assert np.quantile(clinic[1]["age"], AT) == pytest.approx(expected, abs=0.054 * numbers["age_sd"])


@pytest.mark.parametrize(("name", "own"), [("clinic", ""), ("community", ""), ("healthy", "healthy_")])
def test_weight_is_that_of_the_men(name, own):
    population, men = drawn(name)
    numbers = population.numbers
    assert_log_normal(men["bmi"], numbers[f"{own}bmi_median"], numbers[f"{own}bmi_spread"], "bmi")


def test_alleles_are_equally_common(community):
    repeats = community[1]["cyp19a1_repeats"]
    assert set(repeats) == {7.0, 8.0} and (repeats == 8.0).mean() == pytest.approx(0.5, abs=0.011)


def test_no_field_leaves_its_range():
    for name in ("clinic", "community", "healthy"):
        for sign in (-9.0, 9.0):
            man = one(name, **dict.fromkeys(COORDINATES, sign))
            for field, value in man.items():
                assert FIELDS[field].low <= value <= FIELDS[field].high, field


def test_traits_are_independent_of_one_another(community):
    logs = np.log([community[1][field] for field in ("gnrh_drive", "motility", "shbg_production", "bmi")])
    assert np.abs(np.corrcoef(logs) - np.eye(4)).max() < 0.03


# ---- lesions


def test_lesions_are_as_common_as_the_table_says():
    population = Population.named("clinic")
    shares = population.lesion_shares()
    assert shares.sum() == pytest.approx(1.0)
    assert dict(zip(LESIONS[1:], shares[1:], strict=True)) == {
        lesion: population.numbers[f"{lesion}_share"] for lesion in LESIONS[1:]
    }
    _, lesions = population.hidden(MEN, np.random.default_rng(5))
    counts = np.bincount(lesions, minlength=len(LESIONS))
    assert (np.abs(counts - MEN * shares) < 4.0 * np.sqrt(MEN * shares)).all()
    assert Population.named("healthy").lesion_shares().tolist() == [1.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0]


def test_what_is_left_of_the_germ_line_is_even_over_orders_of_magnitude():
    population, men = drawn("clinic", LESIONS.index("sertoli_cell_only"))
    fewest, most = (population.numbers[f"sertoli_cell_only_{end}"] for end in ("fewest", "most"))
    expected = np.clip(10.0 ** (fewest + (most - fewest) * AT), FIELDS["germ_cell_endowment"].low, 1.0)
    found = np.quantile(men["germ_cell_endowment"], AT)
    assert np.log10(found) == pytest.approx(np.log10(expected), abs=0.015 * (most - fewest))


def test_men_of_the_clinic_lack_tubules_with_stem_cells():
    numbers = Population.named("clinic").numbers
    centre, quality = numbers["clinic_germ_cell_endowment"], numbers["quality_to_endowment"]
    assert one("clinic")["germ_cell_endowment"] == pytest.approx(centre)
    assert one("clinic", testis_quality=-1.0)["germ_cell_endowment"] == pytest.approx(centre * np.exp(-quality))
    other = centre * np.exp(-2.0 * numbers["endowment_spread"])
    assert one("clinic", focus=-2.0)["germ_cell_endowment"] == pytest.approx(other)
    assert one("clinic", testis_quality=9.0)["germ_cell_endowment"] == 1.0
    assert one("community", testis_quality=-3.0)["germ_cell_endowment"] == 1.0


def test_an_arrest_leaves_few_tubules_complete():
    numbers = Population.named("clinic").numbers
    fewest, most = numbers["maturation_arrest_fewest"], numbers["maturation_arrest_most"]
    for focus in (-2.0, 0.0, 2.0):
        man = one("clinic", "maturation_arrest", focus=focus, testis_quality=-2.0)
        passed = 10.0 ** (fewest + (most - fewest) * stats.norm.cdf(focus))
        assert man["arrested_tubules"] == pytest.approx(1.0 - passed)
        assert (man["germ_cell_endowment"], man["arrest_before"], man["duct_patency"]) == (1.0, 10, 1.0)


def test_an_obstruction_shuts_the_ducts_of_an_ordinary_man():
    usual, shut = one("clinic", motility=1.0), one("clinic", "obstruction", motility=1.0)
    assert shut == usual | {"duct_patency": 0.0}


def test_a_man_without_drive_has_a_testis_that_hardly_grew():
    numbers = Population.named("clinic").numbers
    man = one("clinic", "hypogonadotropic", gnrh_drive=-1.0, testis_quality=3.0)
    low, high = numbers["hypogonadotropic_maturity_fewest"], numbers["hypogonadotropic_maturity_most"]
    somatic = 10.0 ** ((low + high) / 2.0)
    assert man["somatic_maturity"] == pytest.approx(somatic)
    assert man["spermatogonial_maturity"] == pytest.approx(numbers["hypogonadotropic_germ_maturity"] * somatic)
    drive = numbers["hypogonadotropic_gnrh_drive"] * np.exp(-numbers["hypogonadotropic_gnrh_drive_spread"])
    assert man["gnrh_drive"] == pytest.approx(np.clip(drive, FIELDS["gnrh_drive"].low, None))
    # His own testis, without what ails those of the clinic.
    assert man["leydig_capacity"] == pytest.approx(numbers.get("hypogonadotropic_leydig_capacity", 1.0))
