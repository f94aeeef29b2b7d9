"""A whole scenario: its parts, checked against each other."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from typing import Annotated, Any

from pydantic import (
    BeforeValidator,
    Field,
    PlainSerializer,
    PrivateAttr,
    ValidationInfo,
    WrapSerializer,
    field_validator,
)

from testis_abm import parameters
from testis_abm.choices import TREATED, TREATMENTS, UNTREATED
from testis_abm.parameters import FrozenMapping, tubules
from testis_abm.scenario.clamp import Clamp, clashes
from testis_abm.scenario.format import FORMAT, KEY
from testis_abm.scenario.history import PastTherapy
from testis_abm.scenario.insult import KINDS, Insult, faults
from testis_abm.scenario.prescription import amount, parse_every
from testis_abm.scenario.schedule import check_dose_count
from testis_abm.scenario.schema import MOST_ABSTINENCE, Man, Observed, Partner, Plan, Samples, Tissue
from testis_abm.scenario.section import Line, Section, flat, plain, table, tables
from testis_abm.scenario.therapy import Therapy
from testis_abm.scenario.weight import Weight, overlaps
from testis_abm.support.errors import Problem, ScenarioError, gathered, refuse, shown

# Times the usual dose, either way; a point read as a decimal one makes it 1000, and rounding is no reason.
_FAR_DOSE = 100.001


def _parameters(value: object) -> FrozenMapping[float]:
    if not isinstance(value, Mapping):
        raise ScenarioError(f"{shown(value)} is not a table; write [parameters] and name = number below it")
    given = list(flat(plain(value)))
    if len(given) > len(parameters.load()):
        raise ScenarioError(
            f"{len(given):,} numbers are given, more than there are parameters (see: testis-abm parameters)"
        )
    numbers: dict[str, float] = {}
    with gathered() as problems:
        for name, number in given:
            if name in numbers:
                problems.add("is given twice", name)
            elif fault := parameters.fault(name, number):
                problems.add(fault, name, named=name not in parameters.load())
            else:
                numbers[name] = float(number)
    return FrozenMapping(sorted(numbers.items()))


_OrNone = PlainSerializer(lambda part: dict(part) or None)
_SomeOrNone = WrapSerializer(lambda parts, write: write(parts) or None)


class Scenario(Section, init=False):
    """A man, a plan and treatments, as understood: every default filled in and every unit resolved.

    `Scenario(man=Man(bmi=31), plan=Plan(duration="60 days"), therapy=[Therapy("letrozole", "2.5 mg")])`; each
    part may also be a mapping as in a scenario file. Immutable, hashable, and equal to a scenario read from
    elsewhere that says the same.

    Attributes:
        title: one line.
        man, partner, tissue, plan, samples: the sections of the file.
        therapy: drugs, in the file's order.
        weight: changes of body mass index.
        clamp: hormones that are held; insult: injuries to the testes. Without these, therapy and changes of weight the man
            is untreated; an insult before day 0 is a part of him.
        observed: published values to show beside the prediction.
        parameters: overrides of model parameters by dotted name.

    Raises:
        ScenarioError: with every fault found, one line each.
    """

    title: Line = "Untitled"
    man: Annotated[Man, table("man")] = Field(default_factory=Man)
    partner: Annotated[Partner, table("partner")] = Field(default_factory=Partner)
    tissue: Annotated[Tissue, table("tissue")] = Field(default_factory=Tissue)
    plan: Annotated[Plan, table("plan")] = Field(default_factory=Plan)
    samples: Samples = Field(default_factory=Samples, validate_default=True)
    parameters: Annotated[FrozenMapping[float], BeforeValidator(_parameters), _OrNone] = FrozenMapping()
    therapy: Annotated[tuple[Therapy, ...], tables("therapy"), _SomeOrNone] = ()
    weight: Annotated[tuple[Weight, ...], tables("weight"), _SomeOrNone] = ()
    clamp: Annotated[tuple[Clamp, ...], tables("clamp"), _SomeOrNone] = ()
    insult: Annotated[tuple[Insult, ...], tables("insult"), _SomeOrNone] = ()
    observed: Annotated[tuple[Observed, ...], tables("observed"), _SomeOrNone] = ()
    _path: str | None = PrivateAttr(None)

    def __repr__(self) -> str:
        drugs = ", ".join(dict.fromkeys(therapy.drug for therapy in self.therapy))
        others = (
            "weight changes" if self.weight else "",
            "clamps" if self.clamp else "",
            *(insult.label for insult in self.insult),
        )
        given = "; ".join(filter(None, (drugs, *others))) or "no therapy"
        plan = f"{self.plan.duration_days} days, {self.plan.replicates} replicates"
        return f"<Scenario {self.title!r}: {self.man.preset}, {plan}, {given}>"

    __str__ = __repr__

    @property
    def path(self) -> str | None:
        """The file the scenario was read from."""
        return self._path

    @property
    def heading(self) -> str:
        """The title as outputs show it: what lies beyond the evidence is marked (see extrapolated)."""
        return marked(self.title, self)

    @property
    def treated(self) -> bool:
        """Whether anything is done to the man: drugs, a change of weight, a clamp, or an insult from day 0 on."""
        return bool(self.therapy or self.weight or self.clamp or any(not insult.past for insult in self.insult))

    def called(self, arm: str) -> str:
        """Return the word in print for an arm (choices.ARMS): what is done to the man in it, "irradiated" and not "treated"."""
        return self.done if arm == TREATED else arm

    @property
    def done(self) -> str:
        """Return what is done to the man from day 0 on as a word for him: "treated", "irradiated", "injured and treated"."""
        injuries = dict.fromkeys(KINDS[insult.kind].done for insult in self.insult if not insult.past)
        injured = [*injuries] if len(injuries) < 2 else ["injured"]
        treated = [TREATED] if self.therapy or self.weight else []
        clamped = ["clamped"] if self.clamp else []
        return " and ".join([*injured, *treated, *clamped]) or UNTREATED

    @property
    def cause(self) -> str:
        """Return the noun for what is done to the man from day 0 on: "treatment", "injury", "injury and treatment"."""
        injured = ["injury"] if any(not insult.past for insult in self.insult) else []
        treated = ["treatment"] if self.therapy or self.weight else []
        return " and ".join([*injured, *treated, *(["clamp"] if self.clamp else [])]) or "nothing"

    def untreated(self) -> Scenario:
        """Return the scenario of his untreated control: what was before day 0 stays."""
        past = tuple(insult for insult in self.insult if insult.past)
        return self.model_copy(update={**dict.fromkeys(TREATMENTS, ()), "insult": past})

    def __eq__(self, other: object) -> bool:
        # The path is where it came from and no part of what it says.
        return isinstance(other, Scenario) and self.__dict__ == other.__dict__

    def __hash__(self) -> int:
        return hash(tuple(self.__dict__.values()))

    @field_validator("therapy")
    @classmethod
    def _within_plan(cls, therapies: tuple[Therapy, ...], info: ValidationInfo) -> tuple[Therapy, ...]:
        plan = info.data.get("plan")
        if plan is None:
            return therapies
        refuse(_late([therapy.first_day for therapy in therapies], plan))
        decided = ((i, day) for i, t in enumerate(therapies) for day in (t.when.days if t.when else ()))
        refuse(Problem((i, "when"), text) for i, day in decided if (text := plan.outside(day)))
        end = float(plan.duration_days)
        therapies = tuple(t.model_copy(update={"until_day": min(t.until_day, end)}) for t in therapies)
        check_dose_count(therapy.dose_count for therapy in therapies)
        refuse(_at_odds(therapies))
        return therapies

    @field_validator("weight")
    @classmethod
    def _weight_in_plan(cls, changes: tuple[Weight, ...], info: ValidationInfo) -> tuple[Weight, ...]:
        plan = info.data.get("plan")
        late = _late([change.from_day for change in changes], plan) if plan else ()
        refuse((*late, *overlaps(changes)))
        return changes

    @field_validator("clamp")
    @classmethod
    def _clamps_in_plan(cls, clamps: tuple[Clamp, ...], info: ValidationInfo) -> tuple[Clamp, ...]:
        plan = info.data.get("plan")
        if plan is None:
            return clamps
        refuse(_late([clamp.from_day for clamp in clamps], plan))
        end = float(plan.duration_days)
        clamps = tuple(clamp.model_copy(update={"until_day": min(clamp.until_day, end)}) for clamp in clamps)
        refuse(clashes(clamps, info.data.get("therapy", ())))
        return clamps

    @field_validator("insult")
    @classmethod
    def _insults_possible(cls, insults: tuple[Insult, ...], info: ValidationInfo) -> tuple[Insult, ...]:
        plan, tissue = info.data.get("plan"), info.data.get("tissue")
        if plan is not None and tissue is not None:
            refuse(faults(insults, plan, tissue))
        return insults

    @field_validator("samples", mode="before")
    @classmethod
    def _schedules_of_plan(cls, value: object, info: ValidationInfo) -> object:
        given = value
        if isinstance(value, Samples):
            given = value.model_dump(mode="json", by_alias=True, exclude_unset=True)
        elif not isinstance(value, Mapping):
            raise ScenarioError(f"{shown(value)} is not a table; write [samples] and its keys below it")
        return _filled(plain(given), info.data.get("plan") or Plan())

    @field_validator("samples")
    @classmethod
    def _samples_in_plan(cls, samples: Samples, info: ValidationInfo) -> Samples:
        plan = info.data.get("plan")
        # One line a kind is enough: the first day outside shows how the rest went wrong.
        first: dict[str, str] = {}
        for kind, day in samples.days():
            if plan and (text := plan.outside(day)):
                first.setdefault(kind, text)
        refuse(Problem((kind,), text) for kind, text in first.items())
        refuse(_too_long_rested(samples))
        return samples

    @field_validator("observed")
    @classmethod
    def _observed_in_plan(cls, observed: tuple[Observed, ...], info: ValidationInfo) -> tuple[Observed, ...]:
        plan = info.data.get("plan")
        days = enumerate(item.day for item in observed)
        refuse(Problem((i, "day"), text) for i, day in days if plan and (text := plan.outside(day)))
        return observed

    def to_toml(self) -> str:
        """Return the scenario as understood, as the text of a scenario file."""
        import tomli_w

        return tomli_w.dumps({KEY: FORMAT, **self.as_dict()})


def _too_long_rested(samples: Samples) -> Iterator[Problem]:
    """Yield a problem for the first semen sample that a calendar of ejaculations leaves too long without one."""
    rested = ((day, samples.rested(day)[0]) for day in samples.semen)
    for day, abstinence in [found for found in rested if found[1] > MOST_ABSTINENCE][:1]:
        text = (
            f"the sample of day {day} is {abstinence:g} days after the last ejaculation; allowed: up to {MOST_ABSTINENCE:g}: list "
            "days up to it in ejaculations, or take it earlier"
        )
        yield Problem(("ejaculations",), text)


def _late(first_days: list[float], plan: Plan) -> Iterator[Problem]:
    """Yield a problem for each treatment that begins when the plan is over."""
    end = float(plan.duration_days)
    late = f"is not before the end of the plan (day {end:g}); start earlier or lengthen plan duration"
    yield from (Problem((i, "from"), f"day {day:g} {late}") for i, day in enumerate(first_days) if day >= end)


def _at_odds(therapies: tuple[Therapy, ...]) -> Iterator[Problem]:
    """Yield a problem for each therapy that an earlier-listed one excludes while both act."""
    known = parameters.drugs()
    for k, i in _together(therapies):
        one, other = therapies[i], therapies[k]
        reason = known[one.drug].excludes.get(other.drug) or known[other.drug].excludes.get(one.drug)
        if reason:
            first, second = sorted((one, other), key=lambda therapy: therapy.first_day)
            text = (
                f"{one.drug} and {other.drug} (therapy {k + 1}) cannot be combined: {reason}; {first.drug} acts until "
                f"day {first.last_effect_day:g}: start {second.drug} then, or leave one out"
            )
            yield Problem((i, "drug"), text)


def alike(therapies: tuple[Therapy, ...]) -> Iterator[str]:
    """Yield a note for each pair of drugs that act alike at the same time."""
    known = parameters.drugs()
    pairs = (tuple(sorted((therapies[i].drug, therapies[k].drug))) for k, i in _together(therapies))
    for one, other in dict.fromkeys(pairs):
        if known[one].action == known[other].action:
            action = known[one].action.replace("_", " ")
            yield f"{one} and {other} act alike ({action}) at the same time; their effects add"


def extrapolated(scenario: Scenario) -> Iterator[str]:
    """Yield a note for each dose, past ones too, and each pair of drugs acting together, that no evidence covers."""
    known = parameters.drugs()
    every: list[PastTherapy | Therapy] = [*scenario.man.history, *scenario.therapy]
    for drug, dose in dict.fromkeys((therapy.drug, therapy.dose) for therapy in every):
        row = known[drug]
        if dose > row.largest_dose:
            given, largest = amount(dose, row.dose_unit), amount(row.largest_dose, row.dose_unit)
            yield f"extrapolation: {drug} {given} is above the largest dose that evidence covers, {largest}"
    therapies = scenario.therapy
    pairs = (tuple(sorted((therapies[i].drug, therapies[k].drug))) for k, i in _together(therapies))
    for one, other in dict.fromkeys(pairs):
        if not known[one].known_with(known[other]):
            yield (
                f"extrapolation: no study is known here that gave {one} with {other}; what they do together is "
                "worked out from what each does alone"
            )


def marked(title: str, *scenarios: Scenario) -> str:
    """Return the title of an output of scenarios, marked if one lies beyond the evidence."""
    beyond = any(True for scenario in scenarios for _ in extrapolated(scenario))
    return f"{title} [extrapolation]" if beyond else title


def unusual(scenario: Scenario) -> Iterator[str]:
    """Yield a note for each dose, past ones too, more than a hundredfold off the nearest usual one of its drug."""
    known = parameters.drugs()
    every: list[PastTherapy | Therapy] = [*scenario.man.history, *scenario.therapy]
    for drug, dose in dict.fromkeys((therapy.drug, therapy.dose) for therapy in every):
        row = known[drug]
        usual = min((part.dose for part in row.regimen), key=lambda part: abs(math.log(dose / part)), default=dose)
        times = dose / usual
        if max(times, 1.0 / times) > _FAR_DOSE:
            off = f"{times:,.0f} times" if times > 1.0 else f"1/{1.0 / times:,.0f} of"
            point = ""
            if 1e3 * dose <= row.most:
                point = f"; {dose:.3f} is read as {dose:g}: for thousands write {1e3 * dose:g}"
            given, reference = amount(dose, row.dose_unit), amount(usual, row.dose_unit)
            yield f"{drug} {given} is {off} the usual {reference} ({row.usual}){point}"


def too_small(scenario: Scenario) -> Iterator[str]:
    """Yield a note if the tissue has too few stretches of tubule for one in each of the states that the man's are in."""
    man, tissue = scenario.man.physiology, scenario.tissue
    shares, values = tubules.tubules(man), parameters.values(scenario.parameters)
    each = 1.0 + (tissue.rows - 1) * tubules.ends(values, tissue.sertoli_per_tubule, man["lesion_length"])
    number = each * tissue.tubules
    rare = [(share, name) for share, name in zip(shares, tubules.NAMES, strict=True) if 0.0 < share * number < 0.999]
    if rare:
        share, name = min(rare)
        needed = math.ceil(1.0 / (share * each) - 1e-9)
        yield (
            f"tissue of {tissue.tubules} tubules: {100.0 * share:.2g} % of the man's are {name}, too few for one in it; "
            f"{needed} tubules would hold one (mean-field results and predicted retrieval do not need it)"
        )


def _together(therapies: tuple[Therapy, ...]) -> list[tuple[int, int]]:
    """Return places (k, i), k before i, of therapies of different drugs that act at the same time.

    Not all that meet, which can be as many as the square of the therapies: each that begins, with the one of every
    other drug that acts longest of those that have begun. A pair of drugs that act together at any time is among them.
    """
    spans = [(therapy.first_day, therapy.last_effect_day) for therapy in therapies]
    longest: dict[str, int] = {}
    pairs = []
    for i in sorted(range(len(therapies)), key=lambda i: spans[i][0]):
        drug, (begins, ends) = therapies[i].drug, spans[i]
        pairs += [(min(i, k), max(i, k)) for other, k in longest.items() if other != drug and begins < spans[k][1]]
        if drug not in longest or spans[longest[drug]][1] < ends:
            longest[drug] = i
    return sorted(pairs, key=lambda pair: pair[::-1])


def _spanned(table: dict[str, Any], plan: Plan) -> dict[str, Any]:
    """Return a table of ejaculations with its ends: it counts from day 0, so that its sample has the whole interval before it."""
    try:
        every = max(1.0, parse_every(table.get("every", 1)))
    except ScenarioError:  # told where the table is read
        every = 1.0
    return {"from": -every * (plan.baseline_days // every), "until": plan.duration_days} | table


def _filled(given: dict[str, Any], plan: Plan) -> dict[str, Any]:
    """Return the samples table with the days that depend on the plan: ends and default schedules."""
    usual: dict[str, dict[str, Any]] = {
        "blood": {"every": 28, "from": 0},
        "semen": {"every": 14, "from": -plan.baseline_days},
        "biopsy": {"from": 0},
    }
    filled: dict[str, Any] = {"blood": {}, "semen": {}, "biopsy": []} | given
    for kind, schedule in usual.items():
        if isinstance(filled[kind], dict):
            filled[kind] = schedule | {"until": plan.duration_days} | filled[kind]
    if "ejaculations" in given:
        listed = given["ejaculations"]
        if isinstance(listed, dict):
            filled["ejaculations"] = _spanned(listed, plan)
        elif isinstance(listed, list):
            filled["ejaculations"] = [_spanned(part, plan) if isinstance(part, dict) else part for part in listed]
    return filled
