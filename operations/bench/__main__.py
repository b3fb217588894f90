"""`./roost bench`: measure, print a table with the machine, or JSON."""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Callable
from typing import Annotated, Any

import typer
from rich.console import Console
from rich.table import Table

from operations.bench.ingest import ingest_bench
from operations.bench.latency import latency_bench
from operations.bench.machine import machine_describe
from operations.bench.thrift import thrift_bench
from operations.errors import OperationsError
from operations.instance import Instance
from operations.paths import Paths
from operations.preparation import database_migrate
from operations.settings_env import OPERATORS_CHOICE
from operations.stack import Stack
from operations.trial import trial_end, trial_start

app = typer.Typer(
    name="./roost bench",
    help="Measure Roost on this machine. Each bench starts private services of its own and throws them away.",
    rich_markup_mode=None,
    add_completion=False,
)
AsJson = Annotated[bool, typer.Option("--json", help="Print one JSON document.")]


@app.callback()
def _main() -> None:
    """Figures are ratios within one run; machines are noisy."""


@app.command()
def ingest(
    *,
    as_json: AsJson = False,
    rounds: Annotated[int, typer.Option(min=1, help="Interleaved rounds; the median is reported.")] = 3,
    scale: Annotated[float, typer.Option(min=0.05, help="Share of the usual number of messages.")] = 1.0,
) -> None:
    """Messages and readings per second through the real worker, against a bare loop and an ORM loop."""
    _run("ingest", lambda _, instance: ingest_bench(instance, rounds=rounds, scale=scale), as_json=as_json)


@app.command()
def latency(
    *,
    as_json: AsJson = False,
    stations: Annotated[int, typer.Option(min=1, help="Stations, each with a TLS connection of its own.")] = 600,
    seconds: Annotated[float, typer.Option(min=1.0, help="For so long, at one message a second and station.")] = 60.0,
) -> None:
    """From a station's publish to the commit, and to an event in a browser; who used the processor."""

    def bench(stack: Stack, instance: Instance) -> list[dict[str, Any]]:
        return latency_bench(stack, instance, stations=stations, seconds=seconds)

    _run("latency", bench, as_json=as_json)


@app.command()
def thrift(*, as_json: AsJson = False) -> None:
    """Megabytes a month on a station's link, by profile: both directions, with AMQP, TLS, TCP and IP."""
    _run("thrift", lambda _, instance: thrift_bench(instance), as_json=as_json)


def _run(name: str, bench: Callable[[Stack, Instance], list[dict[str, Any]]], *, as_json: bool) -> None:
    # What an operator chose is for his instance; a bench has services and addresses of its own.
    for choice in OPERATORS_CHOICE:
        os.environ.pop(choice, None)
    stack = trial_start()
    try:
        instance = Instance.load(Paths(stack.paths.var))
        instance.rabbitmq.definitions_load(_definitions(instance))
        database_migrate(instance)
        document: dict[str, Any] = {
            "bench": name,
            "machine": machine_describe(instance),
            "runs": bench(stack, instance),
        }
    finally:
        trial_end(stack)
    if as_json:
        print(json.dumps(document, indent=1))
        return
    console = Console(highlight=False)
    console.print(f"bench {name} on " + ", ".join(f"{k} {v}" for k, v in document["machine"].items()))
    columns = [key for key, value in document["runs"][0].items() if not isinstance(value, list | dict)]
    table = Table(*[column.replace("_", " ") for column in columns], box=None)
    for run in document["runs"]:
        table.add_row(*[f"{run[column]:,}" if isinstance(run[column], int) else str(run[column]) for column in columns])
    console.print(table)
    for run in document["runs"]:
        for share in (value.items() for value in run.values() if isinstance(value, dict)):
            console.print("processor: " + ", ".join(f"{name} {percent} %" for name, percent in share))


def _definitions(instance: Instance) -> dict[str, Any]:
    from message_queue import topology  # noqa: PLC0415 - only a bench that runs needs the wire

    return topology.definitions(instance.rabbitmq.users)


def main() -> int:
    """Run one bench. Wrong use: one sentence and 2."""
    try:
        app(standalone_mode=False, prog_name="./roost bench")
    except typer.TyperException as error:
        print(f"{error.format_message().rstrip('.')}. `./roost bench --help` lists what there is.", file=sys.stderr)
        return error.exit_code
    except OperationsError as error:
        print(error, file=sys.stderr)
        return error.exit_code
    return 0


if __name__ == "__main__":
    sys.exit(main())
