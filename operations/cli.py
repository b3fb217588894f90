"""The subcommands of `./roost`: each translates its arguments into one call."""

from __future__ import annotations

import json
import os
import sys
from difflib import get_close_matches
from typing import Annotated

import typer
from rich.console import Console
from rich.markup import escape

from operations import completion
from operations.django_words import DJANGO_WORDS
from operations.errors import OperationsError, WrongUse
from operations.instance import Instance
from operations.paths import REPOSITORY, Paths
from operations.running import demo_join, health, open_site, up
from operations.running.process_table import DEMO_NAMES, NAMES
from operations.settings_env import interactive_environment
from operations.testing import checks
from station_agent.errors import misuse_say, similar_say
from station_agent.waiting_line import waiting

PASS_ON = {"allow_extra_args": True, "ignore_unknown_options": True}
DEMO_STATIONS = 12
SERVICES = ("rabbitmq", "postgres", "redis", *NAMES, *DEMO_NAMES)

app = typer.Typer(
    name="./roost",
    help="Run, test and manage Roost, a fleet server for field stations.",
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
)

Detach = Annotated[bool, typer.Option("--detach", help="Return once everything works; stop it with `./roost down`.")]
Yes = Annotated[bool, typer.Option("--yes", help="Install missing packages through sudo without asking.")]
AsJson = Annotated[bool, typer.Option("--json", help="Print one JSON document.")]


@app.command("up")
def up_command(*, detach: Detach = False, yes: Yes = False) -> None:
    """Start everything on this machine and wait until it works."""
    raise typer.Exit(up.up(detach=detach, assume_yes=yes))


@app.command("down")
def down_command() -> None:
    """Stop everything that `up` or `demo` started. Works after a crash, too."""
    raise typer.Exit(up.down())


@app.command("status")
def status_command(*, as_json: AsJson = False) -> None:
    """Check every part by using it. The exit code is 0 only if all of them work."""
    with waiting("Checking every part …"):
        report = health.report_of(Paths.from_environment())
    if as_json:
        print(json.dumps(report.as_json(), indent=1))
    else:
        status_print(report)
    raise typer.Exit(0 if report.healthy else 1)


def status_print(report: health.StatusReport) -> None:
    """Print the report for a person."""
    console = Console(soft_wrap=True, highlight=False)
    if not report.services:
        console.print("Roost is not started; run `./roost up`.", markup=False)
    for name, found in report.services.items():
        mark = "[green]✓[/]" if found.healthy else "[red]✗[/]"
        console.print(f"{mark} {name:<9} {escape(found.detail)}")
    for warning in report.warnings:
        console.print(f"[yellow]![/] {escape(warning)}")
    for name, url in report.urls.items():
        console.print(f"{name}: {url}", markup=False)
    if report.admin is not None:
        console.print(f"login: {report.admin.username}, password in {report.admin.password_file}", markup=False)


@app.command("demo")
def demo_command(
    *,
    stations: Annotated[
        int | None,
        typer.Option(help=f"Number of simulated stations. Default: {DEMO_STATIONS}.", min=1, max=5000),
    ] = None,
    detach: Detach = False,
    join: Annotated[bool, typer.Option("--join", help="Add it to the Roost that is running.")] = False,
    leave: Annotated[bool, typer.Option("--leave", help="Remove it again, with all its data.")] = False,
    yes: Yes = False,
) -> None:
    """Like `up`, with simulated stations during spring migration. They have a week of data, and some have problems."""
    if join and leave:
        raise WrongUse("Choose one: --join adds the demo, --leave removes it.")
    if leave:
        raise typer.Exit(demo_join.demo_leave())
    if join:
        raise typer.Exit(demo_join.demo_join(stations=stations or DEMO_STATIONS))
    running = up.demo_stations_running(Paths.from_environment())
    if stations is not None and running is not None and stations != running:
        raise OperationsError(
            f"The demo is already running with {running} stations and was left unchanged. For {stations}: `./roost down`, "
            f"then `./roost demo --stations {stations}`; the earlier demo stations stay, and fall silent."
        )
    raise typer.Exit(up.up(detach=detach, assume_yes=yes, demo_stations=stations or running or DEMO_STATIONS))


@app.command("test", context_settings=PASS_ON)
def checks_command(
    context: typer.Context,
    *,
    long: Annotated[bool, typer.Option("--long", help="Also run the tests that take minutes.")] = False,
    quick: Annotated[
        bool,
        typer.Option("--quick", help="Only checks and tests that need no service: no RabbitMQ, PostgreSQL or Redis."),
    ] = False,
) -> None:
    """Run every check that CI runs. Further arguments go to pytest."""
    for word in context.args:
        # pytest would refuse it too, but only after minutes.
        if meant := get_close_matches(word, ("--long", "--quick", "--help"), n=1, cutoff=0.7):
            raise WrongUse(f"There is no option {word}. Did you mean {meant[0]}?")
    raise typer.Exit(checks.checks_run(long=long, quick=quick, pytest_arguments=context.args))


for _word, _help in DJANGO_WORDS.items():
    # Listed here only for the help: `operations/__main__.py` passes these to Django.
    app.command(_word, help=_help, context_settings={**PASS_ON, "help_option_names": []})(lambda: None)


@app.command("simulate", context_settings={**PASS_ON, "help_option_names": []})
def simulate_command(context: typer.Context) -> None:
    """Run simulated stations in one process. See `./roost simulate --help`."""
    command_become([sys.executable, "-m", "station_agent.simulator", *context.args])


@app.command("bench", context_settings={**PASS_ON, "help_option_names": []})
def bench_command(context: typer.Context) -> None:
    """Run benchmarks on this machine. See `./roost bench --help`."""
    command_become([sys.executable, "-m", "operations.bench", *context.args])


@app.command("open")
def open_command(
    what: Annotated[str, typer.Argument(help=f"One of {', '.join(open_site.PAGES)}.")] = open_site.PAGES[0],
) -> None:
    """Open the site in a browser, or print its address."""
    raise typer.Exit(open_site.page_open(what))


@app.command("completion")
def completion_command(
    shell: Annotated[str, typer.Argument(help=f"One of {', '.join(completion.SHELLS)}.")],
) -> None:
    """Print a script that makes the shell complete `./roost`.

    bash:  ./roost completion bash > ~/.local/share/bash-completion/completions/roost

    zsh:   ./roost completion zsh >> ~/.zshrc

    fish:  ./roost completion fish > ~/.config/fish/completions/roost.fish
    """
    print(completion.script_make(shell, app))


@app.command("logs")
def logs_command(
    service: Annotated[str | None, typer.Argument(help=f"One of {', '.join(SERVICES)}. Default: all.")] = None,
    *,
    lines: Annotated[int, typer.Option("-n", "--lines", help="Number of lines per log.", min=0)] = 50,
    follow: Annotated[bool, typer.Option("-f", "--follow", help="Keep showing new lines.")] = False,
) -> None:
    """Show the last lines of the logs."""
    folder = Paths.from_environment().logs
    known = sorted(path.stem for path in folder.glob("*.log"))
    if service is not None and service not in {*known, *SERVICES}:
        raise WrongUse(
            f"There is no service {service!r}.{similar_say(service, SERVICES)} Choose one of {', '.join(SERVICES)}."
        )
    files = [folder / f"{name}.log" for name in ([service] if service else known)]
    present = [str(path) for path in files if path.exists()]
    if not present:
        raise OperationsError(f"There are no logs in {folder} yet: start Roost with `./roost up`.")
    arguments = ["tail", "-n", str(lines), *(["-F"] if follow else []), *present]
    os.execvp("tail", arguments)  # noqa: S606 - a list, no shell


def command_become(command: list[str]) -> None:
    """Replace this process with another command, with this instance's settings."""
    environment = interactive_environment(Instance.load())
    sys.stdout.flush()
    os.chdir(REPOSITORY)
    os.execve(command[0], command, environment)  # noqa: S606 - a list, no shell


def main(words: list[str]) -> int:
    """Run one subcommand. Wrong use prints one sentence and returns 2."""
    try:
        code = app(words or ["--help"], standalone_mode=False, prog_name="./roost")
    except typer.TyperException as error:
        print(misuse_say(error.format_message(), ask="See `./roost --help`."), file=sys.stderr)
        return error.exit_code
    except typer.Abort:
        return 130
    return code if isinstance(code, int) else 0
