"""The command `testis-abm completion`: what a shell needs to complete commands, options and shipped names."""

from __future__ import annotations

import argparse
from collections.abc import Callable, Mapping, Sequence
from functools import partial

from testis_abm.cli.options import Command, option
from testis_abm.support import guard

_BASH = """\
_testis_abm() {{
    local words
    case "${{COMP_WORDS[1]}}" in
{cases}
        *) words="" ;;
    esac
    [ "$COMP_CWORD" -eq 1 ] && words="{commands} --help --version"
    COMPREPLY=($(compgen -W "$words" -- "${{COMP_WORDS[COMP_CWORD]}}"))
}}
complete -o default -F _testis_abm testis-abm
"""
_ZSH = "autoload -U +X compinit bashcompinit && compinit -u && bashcompinit\n"
SHELLS = ("bash", "zsh", "fish")


def words(parser: argparse.ArgumentParser) -> dict[str, tuple[str, dict[str, str], Sequence[str]]]:
    """Return command -> its summary, its options (name -> help) and the shipped names that it takes."""
    (commands,) = (action for action in parser._actions if isinstance(action, argparse._SubParsersAction))
    summaries = {action.dest: action.help or "" for action in commands._choices_actions}
    names = _names()
    return {
        name: (
            summaries[name],
            {flag: of.help or "" for of in own._actions for flag in of.option_strings if flag.startswith("--")},
            names.get(name, ()),
        )
        for name, own in commands.choices.items()
    }


def _names() -> Mapping[str, Sequence[str]]:
    from testis_abm import parameters
    from testis_abm.scenario.kind import kind
    from testis_abm.scenario.load import read_raw
    from testis_abm.scenario.shipped import shipped
    from testis_abm.studies.study import known

    runs: dict[str, list[str]] = {}
    for name, path in shipped().items():
        runs.setdefault(kind(read_raw(path))[1], []).append(name)
    of_men = dict.fromkeys(("histology", "pulses", "surface", "hypotheses"), runs["run"])
    shown = {"scenarios": list(shipped()), "drugs": list(parameters.drugs()), "men": list(parameters.presets())}
    return runs | of_men | shown | {"studies": ["run", "all", *known()], "completion": SHELLS}


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
            lines += [here.format(name) + f"-l {flag[2:]} -d {_quoted(what)}" for flag, what in options.items()]
            lines += [here.format(name) + f"-a {_quoted(' '.join(taken))}"] if taken else []
        return "\n".join(lines) + "\n"
    cases = [f'        {name}) words="{" ".join([*of[1], *of[2]])}" ;;' for name, of in table.items()]
    text = _BASH.format(cases="\n".join(cases), commands=" ".join(table))
    return _ZSH + text if shell == "zsh" else text


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
