"""Commands about files of the user's own: `testis-abm new` and `testis-abm schema`."""

from __future__ import annotations

import argparse
from pathlib import Path

from testis_abm.cli.options import Command, option
from testis_abm.support import files, guard, outputs
from testis_abm.support.errors import TestisError, printable

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
    print(f"{target}: a {what} like {options.like}. Next: testis-abm {command} {target}")


def _schema(options: argparse.Namespace) -> None:
    from testis_abm import schemas

    print(schemas.text(guard.key(options.kind, schemas.KINDS, "kind of file")), end="")


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
