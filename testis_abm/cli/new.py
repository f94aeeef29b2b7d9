"""Commands about files of the user's own: `testis-abm new` and `testis-abm schema`."""

from __future__ import annotations

import argparse
from pathlib import Path

from testis_abm.cli.options import Command, option, several
from testis_abm.support import files, guard, outputs
from testis_abm.support.errors import ScenarioError, TestisError, printable, shown

_LIKE = "fertile_man"


def _new(options: argparse.Namespace) -> None:
    from testis_abm import schemas
    from testis_abm.scenario.format import FORMAT, KEY
    from testis_abm.scenario.kind import kind
    from testis_abm.scenario.load import read_tables
    from testis_abm.scenario.shipped import shipped
    from testis_abm.studies import known

    target = Path(options.file)
    if target.suffix != ".toml":
        raise TestisError(f"{printable(options.file)}: give it the suffix .toml")
    sources = {**shipped(), **known()}
    if options.records:
        _from_records(options, target)
        return
    raw, text = read_tables(sources[guard.key(options.like, sources, "example", "--like", "testis-abm scenarios")])
    command = kind(raw)[1]
    what = "study" if command == "studies run" else "scenario"
    head = (
        f"#:schema {schemas.path(what).as_uri()}",
        f"# Made from {options.like}. Editors that know TOML check it against the schema above, and complete its keys.",
        f"# testis-abm {command} {target}",
        f"{KEY} = {FORMAT}",
    )
    outputs.check_free(target)
    files.write(target, "\n".join((*head, text)))
    options.told.say(f"{target}: a {what} like {options.like}. Next: testis-abm {command} {target}")


def _from_records(options: argparse.Namespace, target: Path) -> None:
    """Write the scenario `--like` with the doses of one subject of a table of records."""
    import tomli_w

    from testis_abm import schemas
    from testis_abm.scenario import load
    from testis_abm.scenario.format import FORMAT, KEY
    from testis_abm.scenario.load import read_raw
    from testis_abm.scenario.records import read_records
    from testis_abm.scenario.shipped import shipped

    named = {}
    for text in options.drug:
        number, equals, name = text.partition("=")
        if not equals or not number.strip():
            raise TestisError(f"--drug {printable(text)}: write it as CMT=NAME, for example --drug 1=anastrozole")
        named[number.strip()] = name.strip()
    subjects = read_records(options.records, time=options.time, drugs=named)
    if options.id is None and len(subjects) > 1:
        raise TestisError(
            f"--id: the records hold {len(subjects):,} subjects; name one: {', '.join(map(shown, list(subjects)[:12]))}"
        )
    subject = subjects[
        guard.key(next(iter(subjects)) if options.id is None else options.id, subjects, "subject", "--id")
    ]
    raw = read_raw(shipped()[guard.key(options.like, shipped(), "scenario", "--like", "testis-abm scenarios")])
    raw |= {"title": f"Doses of subject {printable(subject.id)}"[:200], "therapy": subject.therapies()}
    last = max((dose.day for dose in subject.doses), default=0.0)
    plan = raw.setdefault("plan", {})
    plan["duration"] = f"{max(1, int(max([last, *(day for day, _ in subject.observations)])) + 28)} days"
    head = f"#:schema {schemas.path('scenario').as_uri()}\n"
    written = head + tomli_w.dumps({KEY: FORMAT, **raw})
    try:
        load(raw, name=str(target))
    except ScenarioError as error:
        raise ScenarioError(subject.placed(problem, printable(options.records)) for problem in error.problems) from None
    outputs.check_free(target)
    files.write(target, written)
    said = f"{target}: {len(subject.doses):,} doses of subject {printable(subject.id)}, in man and plan of {options.like} (--like)."
    if subject.observations:
        said += f" Measurements are not used: {len(subject.observations):,} of his records."
    if subjects.skipped:
        said += f" Skipped as comments: {subjects.skipped:,} line{'s' * (subjects.skipped > 1)}."
    options.told.say(f"{said} Next: testis-abm run {target}")


def _schema(options: argparse.Namespace) -> None:
    from testis_abm import schemas

    options.told.say(schemas.text(guard.key(options.kind, schemas.KINDS, "kind of file")), end="")


COMMANDS = (
    Command(
        "new",
        "begin a file of your own, like an example",
        _new,
        (
            option("file", "to write, *.toml; it must not exist"),
            option(
                "--like",
                f'example: of testis-abm scenarios or studies (default "{_LIKE}")',
                metavar="NAME",
                default=_LIKE,
            ),
            option("--records", "take the doses from a table of records (ID, TIME, AMT, EVID)", metavar="FILE"),
            option("--id", "subject of the records", metavar="ID"),
            option("--time", 'unit of TIME and II: "h" (default) or "d"', ("h", "d"), default="h", metavar="UNIT"),
            several("--drug", "CMT=NAME", "drug that a compartment of the records stands for"),
        ),
        "Begin a scenario, an experiment or a study of your own: a copy of an example, with its JSON Schema for editors.",
        "mine.toml --like experiments/trial",
    ),
    Command(
        "schema",
        "print the JSON Schema of a kind of file, for editors",
        _schema,
        (option("kind", '"scenario" (experiments too) or "study"', nargs="?", default="scenario"),),
    ),
)
