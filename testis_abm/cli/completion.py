"""The command `testis-abm completion`: what a shell needs to complete commands, options and shipped names."""

from __future__ import annotations

import argparse
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import NamedTuple

from testis_abm.cli.options import Command, Parser, option
from testis_abm.support import guard

# Words of a line are split at "=" by bash, not by zsh. What has no case is left to what the shell does: files.
_BASH = """\
_testis_abm() {{
    local cur="${{COMP_WORDS[COMP_CWORD]}}" prev="${{COMP_WORDS[COMP_CWORD-1]}}" words="" own="" IFS=$' \\t\\n'
    COMPREPLY=()
    if [ "$cur" = "=" ]; then
        cur=""
    elif [ "$prev" = "=" ]; then
        prev="${{COMP_WORDS[COMP_CWORD-2]}}"
    fi
    if [ "$COMP_CWORD" -eq 1 ]; then
        words="{commands} --help --version"
    else
        case "${{COMP_WORDS[1]}} $prev" in
{values}
            *)
                case "${{COMP_WORDS[1]}}" in
{cases}
                esac ;;
        esac
    fi
    COMPREPLY=($(compgen -W "$words" -- "$cur"))
    if [ -n "$own" ]; then
        IFS=$'\\n'
        COMPREPLY+=($(compgen -f -X '!*.toml' -- "$cur") $(compgen -d -- "$cur"))
        compopt -o filenames 2>/dev/null
    fi
    return 0
}}
complete -o default -F _testis_abm testis-abm
"""
_ZSH = "autoload -U +X compinit bashcompinit && compinit -u && bashcompinit\n"
SHELLS = ("bash", "zsh", "fish")
_NO_FILE = ("scenarios", "drugs", "men", "schema", "completion")  # commands whose names are never files of one's own


class Flag(NamedTuple):
    """An option: its help, and the words that are offered for its value; None: it takes none."""

    help: str
    words: Sequence[str] | None


def words(parser: argparse.ArgumentParser) -> dict[str, tuple[str, dict[str, Flag], Sequence[str]]]:
    """Return command -> its summary, its options and the shipped names that it takes."""
    (commands,) = (action for action in parser._actions if isinstance(action, argparse._SubParsersAction))
    summaries = {action.dest: action.help or "" for action in commands._choices_actions}
    names = _names()
    return {
        name: (
            summaries[name],
            {flag: _flag(own, flag, of) for of in own._actions for flag in of.option_strings if flag.startswith("--")},
            names.get(name, ()),
        )
        for name, own in commands.choices.items()
    }


def _flag(parser: Parser, flag: str, action: argparse.Action) -> Flag:
    from testis_abm.scenario.shipped import shipped
    from testis_abm.studies.study import known

    offered = (*shipped(), *known()) if flag == "--like" else parser.words.get(flag, ())
    return Flag(action.help or "", None if action.nargs == 0 else offered)


def _names() -> Mapping[str, Sequence[str]]:
    from testis_abm import parameters
    from testis_abm.cli.export import WHAT
    from testis_abm.scenario.kind import kind
    from testis_abm.scenario.load import read_raw
    from testis_abm.scenario.shipped import shipped
    from testis_abm.studies.study import known

    runs: dict[str, list[str]] = {}
    for name, path in shipped().items():
        runs.setdefault(kind(read_raw(path))[1], []).append(name)
    of_men = dict.fromkeys(("histology", "pulses", "surface", "hypotheses"), runs["run"])
    shown = {"scenarios": list(shipped()), "drugs": list(parameters.drugs()), "men": list(parameters.presets())}
    shown |= {"schema": ["scenario", "study"], "completion": [*SHELLS]}
    return runs | of_men | shown | {"studies": ["run", "all", *known()], "export": [*WHAT, *runs["run"]]}


def script(shell: str, parser: argparse.ArgumentParser) -> str:
    """Return the script of a shell."""
    table = words(parser)
    if shell == "fish":
        here = "complete -c testis-abm -n '__fish_seen_subcommand_from {}' "
        lines = [
            f"complete -c testis-abm -n __fish_use_subcommand -f -a {name} -d {_quoted(of[0])}"
            for name, of in table.items()
        ]
        for name, (_, options, taken) in table.items():
            for flag, (what, offered) in options.items():
                value = "" if offered is None else f" -x -a {_quoted(' '.join(offered))}" if offered else " -r"
                lines.append(here.format(name) + f"-l {flag[2:]}{value} -d {_quoted(what)}")
            lines += [here.format(name) + f"-a {_quoted(' '.join(taken))}"] if taken else []
        return "\n".join(lines) + "\n"
    cases = []
    for name, (_, options, taken) in table.items():
        own = " own=toml" if taken and name not in _NO_FILE else ""
        cases.append(f'                    {name}) words="{" ".join([*options, *taken])}"{own} ;;')
    text = _BASH.format(cases="\n".join(cases), values="\n".join(_values(table)), commands=" ".join(table))
    return _ZSH + text if shell == "zsh" else text


def _values(table: Mapping[str, tuple[str, Mapping[str, Flag], Sequence[str]]]) -> list[str]:
    """Return a case of bash for each list of words that follows options; of "" where they take what the shell offers."""
    after: dict[str, list[str]] = {}
    for name, (_, options, _) in table.items():
        for flag, (_, offered) in options.items():
            if offered is not None:
                after.setdefault(" ".join(offered), []).append(f'"{name} {flag}"')
    return [f'            {"|".join(places)}) words="{offered}" ;;' for offered, places in after.items()]


def _quoted(text: str) -> str:
    """Return a text as fish takes it in single quotes."""
    return "'" + text.replace("%%", "%").replace("\\", "\\\\").replace("'", "\\'") + "'"


def _completion(parser: Callable[[], argparse.ArgumentParser], options: argparse.Namespace) -> None:
    options.told.say(script(options.shell, parser()), end="")


def command(parser: Callable[[], argparse.ArgumentParser]) -> Command:
    """Return the command; `parser` makes that of `testis-abm`."""
    return Command(
        "completion",
        "print what a shell needs to complete commands, options and names",
        partial(_completion, parser),
        (
            option(
                "shell",
                f"{', '.join(SHELLS[:-1])} or {SHELLS[-1]}",
                type=guard.named("shell", lambda text: guard.word(text, names=SHELLS)),
                metavar="SHELL",
            ),
        ),
        example="bash >> ~/.bashrc",
        unitless=True,
    )
