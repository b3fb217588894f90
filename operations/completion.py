"""Shell completion of `./roost`: a script per shell, generated from the commands. It is fast, as it runs no program."""

from __future__ import annotations

import argparse
import shlex
from typing import Any, NamedTuple

import typer
from django.core.management import get_commands, load_command_class
from typer.main import get_command

from operations.errors import WrongUse
from operations.instance import Instance
from operations.running import health
from station_agent.errors import similar_say

SHELLS = ("bash", "zsh", "fish")
#: Commands whose arguments Django parses.
_DJANGO = ("station", "organization", "user", "key", "card", "export")


class Completions(NamedTuple):
    """The subcommands and options that are possible at one place of the command line, each with its help."""

    words: dict[str, str]
    options: dict[str, str]


def script_make(shell: str, app: typer.Typer) -> str:
    """The script for a shell."""
    if shell not in SHELLS:
        raise WrongUse(f"There is no shell {shell!r}.{similar_say(shell, SHELLS)} Choose one of {', '.join(SHELLS)}.")
    places = _places(app)
    if shell == "fish":
        return _fish(places)
    script = _bash(places)
    return f"autoload -U +X bashcompinit && bashcompinit\n{script}" if shell == "zsh" else script


def _places(app: typer.Typer) -> dict[str, Completions]:
    """The completions for every place, by the words before it."""
    group: Any = get_command(app)
    places = {"": Completions({}, {"--help": "Show the help."})}
    for name, command in group.commands.items():
        places[""].words[name] = _first(command.help)
        options = {
            option: _first(parameter.help)
            for parameter in command.params
            for option in [*parameter.opts, *parameter.secondary_opts]
            if option.startswith("-")
        }
        places[name] = Completions({}, {"--help": "Show the help.", **options})
    health.domain_load(Instance.load())
    for name in _DJANGO:
        parser = load_command_class(get_commands()[name], name).create_parser("./roost", name)
        places |= _parsed(name, parser)
    return places


def _parsed(path: str, parser: argparse.ArgumentParser) -> dict[str, Completions]:
    """The completions of one parser and its subparsers, by the words before them."""
    place, found = Completions({}, {}), {path: Completions({}, {})}
    for action in parser._actions:  # noqa: SLF001 - there is no other way to list them
        if isinstance(action, argparse._SubParsersAction):  # noqa: SLF001 - as above
            for choice in action._choices_actions:  # noqa: SLF001 - as above
                place.words[choice.dest] = _first(choice.help)
            for name, below in action.choices.items():
                found |= _parsed(f"{path} {name}", below)
        elif action.help != argparse.SUPPRESS:
            place.options.update(dict.fromkeys((o for o in action.option_strings if len(o) > 2), _first(action.help)))
    return {**found, path: place}


def _first(text: str | None) -> str:
    return (text or "").strip().splitlines()[0] if (text or "").strip() else ""


def _bash(places: dict[str, Completions]) -> str:
    cases = "\n".join(
        f"        {shlex.quote(path)}) words={shlex.quote(' '.join([*place.words, *place.options]))} ;;"
        for path, place in places.items()
    )
    paths = " ".join(shlex.quote(path) for path in places)
    return f"""\
_roost() {{
    local path='' word words='' known
    for word in "${{COMP_WORDS[@]:1:COMP_CWORD-1}}"; do
        for known in {paths}; do
            [[ $known == "${{path:+$path }}$word" ]] && path=$known && break
        done
    done
    case $path in
{cases}
    esac
    COMPREPLY=($(compgen -W "$words" -- "${{COMP_WORDS[COMP_CWORD]}}"))
}}
complete -o default -F _roost roost ./roost"""


def _fish(places: dict[str, Completions]) -> str:
    lines = [
        "function __roost_at",
        "    set -l path (string match -v -- '-*' (commandline -opc)[2..-1])",
        "    set -l found",
        "    for word in $path",
        f"        contains -- (string join ' ' $found $word) {' '.join(shlex.quote(path) for path in places if path)}",
        "        and set -a found $word",
        "    end",
        "    test (string join ' ' $found) = $argv[1]",
        "end",
    ]
    for path, place in places.items():
        at = f"complete -c roost -n {shlex.quote(f'__roost_at {shlex.quote(path)}')}"
        lines += [f"{at} -f -a {word} -d {shlex.quote(said)}" for word, said in place.words.items()]
        lines += [
            f"{at} -l {option[2:]} -d {shlex.quote(said)}"
            for option, said in place.options.items()
            if option.startswith("--")
        ]
    return "\n".join(lines)
