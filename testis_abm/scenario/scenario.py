"""A whole scenario: its parts, checked against each other."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Annotated, Any, Self

from pydantic import (
    BeforeValidator,
    Field,
    PlainSerializer,
    PrivateAttr,
    SerializerFunctionWrapHandler,
    ValidationInfo,
    WrapSerializer,
    field_validator,
    model_serializer,
    model_validator,
)

from testis_abm import parameters
from testis_abm.choices import TREATED, TREATMENTS, UNTREATED
from testis_abm.parameters import Drug, FrozenMapping, own, tubules
from testis_abm.parameters.tables import KINDS as TABLES
from testis_abm.parameters.tables import NONE, Tables, in_force, using
from testis_abm.scenario.clamp import Clamp, clashes, without_place
from testis_abm.scenario.format import FORMAT, KEY
from testis_abm.scenario.history import PastTherapy
from testis_abm.scenario.insult import KINDS, Insult, faults, most_of
from testis_abm.scenario.prescription import amount, parse_every
from testis_abm.scenario.rule import Rule, as_tables
from testis_abm.scenario.schedule import check_dose_count
from testis_abm.scenario.schema import MOST_ABSTINENCE, Man, Observed, Partner, Plan, Samples, Tissue
from testis_abm.scenario.section import Line, Section, flat, plain, table, tables
from testis_abm.scenario.therapy import Therapy
from testis_abm.scenario.weight import Weight, overlaps
from testis_abm.support.errors import Problem, ScenarioError, gathered, refuse, shown

# Times the usual dose, either way; a point read as a decimal one makes it 1000, and rounding is no reason.
_FAR_DOSE = 100.001
EXTRAPOLATION = "extrapolation"  # in brackets behind the title of what lies beyond the evidence


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


def _rules(value: object) -> object:
    try:
        return as_tables(value)
    except ScenarioError as error:
        raise ScenarioError(problem.without("rule") for problem in error.problems) from None


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
        clamp: hormones that are held; insult: injuries to the testes; rule: own rules of the cells. Without these, therapy
            and changes of weight the man is untreated; an insult before day 0 and a rule without days are a part of him.
        observed: published values to show beside the prediction.
        parameters: overrides of model parameters by dotted name, with the values that its tables set.
        own_tables: drugs, presets, populations, injuries and parameters of the user's own that it goes by: those of the file
            (or keywords `drug`, `preset`, ...), and those that were in force when it was made (see parameters.using).

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
    rule: Annotated[tuple[Rule, ...], tables("rule"), BeforeValidator(_rules), _SomeOrNone] = ()
    observed: Annotated[tuple[Observed, ...], tables("observed"), _SomeOrNone] = ()
    own_tables: Annotated[Tables, PlainSerializer(lambda _: None)] = NONE
    _path: str | None = PrivateAttr(None)

    def __init__(self, /, **given: Any) -> None:
        given, tables = _parted(given)
        with using(tables):
            super().__init__(**given, **({"own_tables": tables} if tables else {}))

    @classmethod
    def examples(cls) -> dict[str, object]:
        """Return the keys that a scenario may have, each with a possible value."""
        return {key: of for key, of in super().examples().items() if key != "own_tables"} | dict.fromkeys(TABLES, "")

    @model_serializer(mode="wrap")
    def _table(self, write: SerializerFunctionWrapHandler) -> dict[str, Any]:
        with using(self.own_tables):
            return {key: value for key, value in write(self).items() if value is not None} | self.own_tables.as_dict()

    @property
    def drugs(self) -> Mapping[str, Drug]:
        """The drug table that it goes by, its own drugs with the shipped ones."""
        return own.drugs_in(self.own_tables)

    def values(self) -> dict[str, float]:
        """Return the value of every parameter by dotted name: of the tables that it goes by, and its own."""
        with using(self.own_tables):
            return parameters.values(self.parameters)

    def __repr__(self) -> str:
        drugs = ", ".join(dict.fromkeys(therapy.drug for therapy in self.therapy))
        others = (
            "weight changes" if self.weight else "",
            "clamps" if self.clamp else "",
            "own rules" if self.rule else "",
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
        """Whether anything is done to the man: drugs, a change of weight, a clamp, an insult or an own rule from day 0 on."""
        injured = any(not insult.past for insult in self.insult)
        return bool(self.therapy or self.weight or self.clamp or injured or self.changing)

    @property
    def changing(self) -> tuple[Rule, ...]:
        """The rules that begin or end, of the treated man alone; the others are a part of him."""
        return tuple(rule for rule in self.rule if not rule.standing)

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
        changed = ["changed"] if self.changing else []
        return " and ".join([*injured, *treated, *clamped, *changed]) or UNTREATED

    @property
    def cause(self) -> str:
        """Return the noun for what is done to the man from day 0 on: "treatment", "injury", "injury and treatment"."""
        injured = ["injury"] if any(not insult.past for insult in self.insult) else []
        treated = ["treatment"] if self.therapy or self.weight else []
        others = [*(["clamp"] if self.clamp else []), *(["own rule"] if self.changing else [])]
        return " and ".join([*injured, *treated, *others]) or "nothing"

    def untreated(self) -> Scenario:
        """Return the scenario of his untreated control: what was before day 0 stays."""
        past = tuple(insult for insult in self.insult if insult.past)
        standing = tuple(rule for rule in self.rule if rule.standing)
        return self.model_copy(update={**dict.fromkeys(TREATMENTS, ()), "insult": past, "rule": standing})

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
        therapies = tuple(t if t.row == parameters.drugs()[t.drug] else Therapy(**t.as_dict()) for t in therapies)
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

    @field_validator("rule")
    @classmethod
    def _rules_in_plan(cls, rules: tuple[Rule, ...], info: ValidationInfo) -> tuple[Rule, ...]:
        plan = info.data.get("plan")
        refuse(_late([rule.begins for rule in rules], plan) if plan else ())
        return rules

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

    @model_validator(mode="after")
    def _testes_for_clamps(self) -> Self:
        refuse(problem.at("clamp") for problem in without_place(self.clamp, self.insult))
        return self

    def to_toml(self) -> str:
        """Return the scenario as understood, as the text of a scenario file."""
        import tomli_w

        return tomli_w.dumps({KEY: FORMAT, **self.as_dict()})


def _parted(given: dict[str, Any]) -> tuple[dict[str, Any], Tables]:
    """Return what is given without tables of the user's own, and these with those in force; their values among its parameters."""
    made = given.pop("own_tables", None) if isinstance(given.get("own_tables"), Tables) else None
    raw = {kind: given.pop(kind) for kind in TABLES if kind in given}
    if not (made or raw or in_force()):
        return given, NONE
    from testis_abm.scenario.own import checked

    whole = checked(plain(raw)).beside(made or NONE).beside(in_force())
    if whole != in_force():
        checked(whole.as_dict())
    with using(whole):
        own_values, stated = own.own_values(), given.get("parameters")
    if own_values and (stated is None or isinstance(stated, Mapping)):
        given["parameters"] = {**own_values, **dict(flat(plain(stated or {})))}
    return given, whole


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
    for k, i in _together(_acting(therapies)):
        one, other = therapies[i], therapies[k]
        reason = one.row.excludes.get(other.drug) or other.row.excludes.get(one.drug)
        if reason:
            first, second = sorted((one, other), key=lambda therapy: therapy.first_day)
            text = (
                f"{one.drug} and {other.drug} (therapy {k + 1}) cannot be combined: {reason}; {first.drug} acts until "
                f"day {first.last_effect_day:g}: start {second.drug} then, or leave one out"
            )
            yield Problem((i, "drug"), text)


def alike(therapies: tuple[Therapy, ...]) -> Iterator[str]:
    """Yield a note for each pair of drugs that act alike at the same time."""
    known = {therapy.drug: therapy.row for therapy in therapies}
    for one, other in _met(_acting(therapies)):
        if known[one].action == known[other].action:
            action = known[one].action.replace("_", " ")
            yield f"{one} and {other} act alike ({action}) at the same time; their effects add"


def extrapolated(scenario: Scenario) -> Iterator[str]:
    """Yield a note for each dose and rate of dosing, each pair of drugs acting together and each insult that no evidence covers.

    What a man was given and suffered before the plan counts as well.
    """
    known = scenario.drugs
    every: list[PastTherapy | Therapy] = [*scenario.man.history, *scenario.therapy]
    for drug, dose in dict.fromkeys(_doses(scenario)):
        row = known[drug]
        if dose > row.largest_dose:
            given, largest = amount(dose, row.dose_unit), amount(row.largest_dose, row.dose_unit)
            yield f"extrapolation: {drug} {given} is above the largest dose that evidence covers, {largest}"
    begun = -scenario.plan.baseline_days
    for drug in dict.fromkeys(therapy.drug for therapy in every):
        row, alike = known[drug], [therapy for therapy in every if therapy.drug == drug]
        doses = [dose for of, dose in _doses(scenario) if of == drug]
        most = _most_within(row.interval_days, alike, doses, begun)
        if most > (1.0 + 1e-9) * max(row.largest_dose, *doses):
            yield (
                f"extrapolation: {drug} {amount(float(f'{most:.3g}'), row.dose_unit)} in {_span(row.interval_days)}, its shortest "
                f"customary interval, is above the largest dose that evidence covers, {amount(row.largest_dose, row.dose_unit)}"
            )
    past = [(of.drug, *_lasts(of, begun)) for of in scenario.man.history]
    for one, other in _met(
        [*((drug, first, last + known[drug].release_days) for drug, first, last in past), *_acting(scenario.therapy)]
    ):
        if not known[one].known_with(known[other]):
            yield (
                f"extrapolation: no study is known here that gave {one} with {other}; what they do together is "
                "worked out from what each does alone"
            )
    for (kind, key), of in parameters.insults().items():
        if (most := most_of(scenario.insult, kind, key, adds=of.adds)) > of.largest:
            yield (
                f"extrapolation: {kind} with {key} {most:g} {of.unit} is above the largest that evidence covers, "
                f"{of.largest:g} {of.unit}"
            )


def _doses(scenario: Scenario) -> list[tuple[str, float]]:
    """Return drug and dose of each therapy, past ones first, in all of what is given by weight or surface."""
    past = [(of.drug, of.dose) for of in scenario.man.history]
    return past + [(of.drug, of.dose_for(scenario.man.physiology)) for of in scenario.therapy]


def _lasts(therapy: PastTherapy | Therapy, begun: float) -> tuple[float, float]:
    """Return from when to when a drug is given, in days of a plan whose first simulated day is `begun`; a single dose on one day."""
    if isinstance(therapy, PastTherapy):
        first = begun + therapy.begins
        return first, first + therapy.length_days
    return therapy.first_day, therapy.dose_days()[-1] if therapy.every_days is None else therapy.until_day


def _most_within(
    days: float, therapies: Sequence[PastTherapy | Therapy], doses: Sequence[float], begun: float
) -> float:
    """Return the most of one drug that is given within so many days, at the mean pace of each therapy that goes on.

    A therapy with a condition takes the place of others, unless it adds to them.
    """
    spans = [_lasts(therapy, begun) for therapy in therapies]
    each = [
        dose * (_most_listed(days, getattr(of, "days", ())) if of.every_days is None else days / of.every_days)
        for of, dose in zip(therapies, doses, strict=True)
    ]
    spans = [
        (first, last if of.every_days else first + days) for of, (first, last) in zip(therapies, spans, strict=True)
    ]
    most = 0.0
    for moment, _ in spans:
        on = [k for k, (first, last) in enumerate(spans) if first <= moment < last]
        instead = [k for k in on if getattr(therapies[k], "when", None) and not getattr(therapies[k], "adds", False)]
        most = max(most, sum(each[k] for k in on if k not in instead), *(each[k] for k in instead))
    return most


def _most_listed(span: float, days: Sequence[float]) -> int:
    """Return how many of listed doses fall within a span of days at most; one of none."""
    return max((sum(first <= day < first + span for day in days) for first in days), default=1)


def _span(days: float) -> str:
    if not float(days).is_integer():
        return f"{24.0 * days:g} hours"
    return f"{days:g} day{'s' if days != 1.0 else ''}"


def marked(title: str, *scenarios: Scenario) -> str:
    """Return the title of an output of scenarios, marked if one lies beyond the evidence or has rules of the user's own."""
    beyond = any(True for scenario in scenarios for _ in extrapolated(scenario))
    marks = [*([EXTRAPOLATION] if beyond else []), *(["own rule"] if any(of.rule for of in scenarios) else [])]
    return f"{title} [{', '.join(marks)}]" if marks else title


def unusual(scenario: Scenario) -> Iterator[str]:
    """Yield a note for each dose, past ones too, more than a hundredfold off the nearest usual one of its drug."""
    known = scenario.drugs
    for drug, dose in dict.fromkeys(_doses(scenario)):
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


def replaced(scenario: Scenario) -> Iterator[str]:
    """Yield a note for each shipped drug, preset, ... whose place one of the user's own takes."""
    for kind, name in own.built(scenario.own_tables).replaced:
        yield f"{kind} {name} is of your own tables, in place of the shipped one"


def too_small(scenario: Scenario) -> Iterator[str]:
    """Yield a note if the tissue has too few stretches of tubule for one in each of the states that the man's are in."""
    man, tissue = scenario.man.physiology, scenario.tissue
    shares, values = tubules.tubules(man), scenario.values()
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


def _acting(therapies: Sequence[Therapy]) -> list[tuple[str, float, float]]:
    """Return the drug of each therapy and the days from which and to which it acts."""
    return [(therapy.drug, therapy.first_day, therapy.last_effect_day) for therapy in therapies]


def _met(acting: Sequence[tuple[str, float, float]]) -> Iterable[tuple[str, str]]:
    """Return the pairs of drugs that act at the same time, each once."""
    return dict.fromkeys(
        (min(pair), max(pair)) for pair in ((acting[i][0], acting[k][0]) for k, i in _together(acting))
    )


def _together(acting: Sequence[tuple[str, float, float]]) -> list[tuple[int, int]]:
    """Return places (k, i), k before i, of different drugs that act at the same time (see _acting).

    Not all that meet, which can be as many as the square of them: each that begins, with the one of every other drug
    that acts longest of those that have begun. A pair of drugs that act together at any time is among them.
    """
    longest: dict[str, int] = {}
    pairs = []
    for i in sorted(range(len(acting)), key=lambda i: acting[i][1]):
        drug, begins, ends = acting[i]
        pairs += [(min(i, k), max(i, k)) for other, k in longest.items() if other != drug and begins < acting[k][2]]
        if drug not in longest or acting[longest[drug]][2] < ends:
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
