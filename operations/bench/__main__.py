"""`./roost bench`: run a benchmark and print a table with the machine, or JSON."""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Callable
from typing import Annotated, Any

import typer
from rich.console import Console
from rich.table import Table

from operations.bench.alerts import alerts_bench
from operations.bench.backlog import backlog_bench
from operations.bench.cold import cold_bench
from operations.bench.export import export_bench
from operations.bench.files import files_bench
from operations.bench.fleet import fleet_bench
from operations.bench.growth import growth_bench
from operations.bench.ingest import ingest_bench
from operations.bench.latency import latency_bench
from operations.bench.machine import machine_describe
from operations.bench.memory import memory_bench
from operations.bench.pages import pages_bench
from operations.bench.status import status_bench
from operations.bench.storm import storm_bench
from operations.bench.thrift import thrift_bench
from operations.errors import OperationsError
from operations.instance import Instance
from operations.paths import Paths
from operations.preparation import database_migrate
from operations.settings_env import OPERATORS_CHOICE
from operations.stack import Stack
from operations.testing.trial import trial_end, trial_start
from station_agent.errors import misuse_say

app = typer.Typer(
    name="./roost bench",
    help="Measure Roost on this machine. Each bench starts its own private services and discards them.",
    rich_markup_mode=None,
    add_completion=False,
)
AsJson = Annotated[bool, typer.Option("--json", help="Print one JSON document.")]


@app.callback()
def _main() -> None:
    """Compare only ratios within one run: machines are noisy."""


@app.command()
def ingest(
    *,
    as_json: AsJson = False,
    rounds: Annotated[int, typer.Option(min=1, help="Interleaved rounds; the median is reported.")] = 3,
    scale: Annotated[float, typer.Option(min=0.05, help="Fraction of the usual number of messages.")] = 1.0,
) -> None:
    """Messages and readings per second through the real worker, against a bare loop and an ORM loop."""
    _run("ingest", lambda _, instance: ingest_bench(instance, rounds=rounds, scale=scale), as_json=as_json)


@app.command()
def latency(
    *,
    as_json: AsJson = False,
    stations: Annotated[int, typer.Option(min=1, help="Stations, each with its own TLS connection.")] = 600,
    seconds: Annotated[float, typer.Option(min=1.0, help="Duration, at one message per second and station.")] = 60.0,
) -> None:
    """Time from a station's publish to the commit, and to an event in a browser; processor use by process."""

    def bench(stack: Stack, instance: Instance) -> list[dict[str, Any]]:
        return latency_bench(stack, instance, stations=stations, seconds=seconds)

    _run("latency", bench, as_json=as_json)


@app.command()
def thrift(*, as_json: AsJson = False) -> None:
    """Megabytes per month on a station's link, by profile: both directions, including AMQP, TLS, TCP and IP."""
    _run("thrift", lambda _, instance: thrift_bench(instance), as_json=as_json)


@app.command()
def fleet(
    *,
    as_json: AsJson = False,
    stations: Annotated[int, typer.Option(min=1, help="Stations, each with its own TLS connection.")] = 600,
    seconds: Annotated[float, typer.Option(min=1.0, help="Duration, at one message per second and station.")] = 300.0,
    gateway_stations: Annotated[int, typer.Option(min=1, help="Stations over gateway connections.")] = 6000,
    gateway_seconds: Annotated[float, typer.Option(min=1.0, help="Duration, then again at twice the rate.")] = 60.0,
) -> None:
    """A whole fleet, each station at one message per second; then twice the rate, to see what fails first."""

    def bench(stack: Stack, instance: Instance) -> list[dict[str, Any]]:
        return fleet_bench(
            stack,
            instance,
            stations=stations,
            seconds=seconds,
            gateway_stations=gateway_stations,
            gateway_seconds=gateway_seconds,
        )

    _run("fleet", bench, as_json=as_json)


@app.command()
def backlog(
    *,
    as_json: AsJson = False,
    stations: Annotated[int, typer.Option(min=1, help="Stations that come back after a day.")] = 1000,
    live_stations: Annotated[int, typer.Option(min=1, help="Other stations, at one message per second.")] = 50,
    messages: Annotated[int, typer.Option(min=1, help="Messages each of them has kept.")] = 288,
) -> None:
    """Draining a day's backlog of many stations, and the latency of fresh messages during that time."""

    def bench(stack: Stack, instance: Instance) -> list[dict[str, Any]]:
        return backlog_bench(stack, instance, stations=stations, live_stations=live_stations, messages=messages)

    _run("backlog", bench, as_json=as_json)


@app.command()
def storm(
    *,
    as_json: AsJson = False,
    stations: Annotated[int, typer.Option(min=1, help="Agents, each with its own TLS connection.")] = 1000,
) -> None:
    """Kill the broker: the time until every agent is connected again, and the agents' processor use meanwhile."""
    _run("storm", lambda stack, instance: storm_bench(stack, instance, stations=stations), as_json=as_json)


@app.command()
def growth(
    *,
    as_json: AsJson = False,
    readings: Annotated[int, typer.Option(min=1, help="Millions of readings in the full database.")] = 100,
    rounds: Annotated[int, typer.Option(min=1, help="Rounds of each measurement; the median is reported.")] = 5,
) -> None:
    """Ingest on an empty and on a full database, and the query plans of pages and the API on the full one."""
    _run("growth", lambda _, instance: growth_bench(instance, millions=readings, rounds=rounds), as_json=as_json)


@app.command()
def pages(
    *,
    as_json: AsJson = False,
    stations: Annotated[int, typer.Option(min=50, help="Stations.")] = 5_000,
    organizations: Annotated[int, typer.Option(min=1, help="Organizations they belong to.")] = 200,
    deployments: Annotated[int, typer.Option(min=0, help="Deployments in total.")] = 50_000,
    readings: Annotated[int, typer.Option(min=1, help="Millions of readings.")] = 10,
    requests: Annotated[int, typer.Option(min=1, help="Requests for each page.")] = 100,
) -> None:
    """Queries, server time and size of the pages with a large fleet."""

    def bench(_: Stack, instance: Instance) -> list[dict[str, Any]]:
        return pages_bench(
            instance,
            stations=stations,
            organizations=organizations,
            deployments=deployments,
            readings=readings * 1_000_000,
            requests=requests,
        )

    _run("pages", bench, as_json=as_json)


@app.command()
def status(
    *,
    as_json: AsJson = False,
    requests: Annotated[int, typer.Option(min=1_000, help="Requests for each answer that is kept.")] = 20_000,
) -> None:
    """Requests per second of a public status page through one site process."""
    _run("status", lambda _, instance: status_bench(instance, requests=requests), as_json=as_json)


@app.command()
def memory(
    *,
    as_json: AsJson = False,
    minutes: Annotated[float, typer.Option(min=0.5, help="Duration, after two minutes of warm-up.")] = 20.0,
    rate: Annotated[float, typer.Option(min=1.0, help="Messages per second, one in ten of them hostile.")] = 300.0,
) -> None:
    """Memory and open files of the ingest worker under good and hostile messages."""
    _run("memory", lambda _, instance: memory_bench(instance, minutes=minutes, rate=rate), as_json=as_json)


@app.command()
def export(
    *,
    as_json: AsJson = False,
    rows: Annotated[int, typer.Option(min=1_000, help="Readings in the package.")] = 1_000_000,
    rounds: Annotated[int, typer.Option(min=1, help="Rounds after one to warm up; the median is reported.")] = 3,
) -> None:
    """Rows per second and memory of a data package, beside a bare COPY of the same rows."""
    _run("export", lambda _, instance: export_bench(instance, rows=rows, rounds=rounds), as_json=as_json)


@app.command()
def files(
    *,
    as_json: AsJson = False,
    megabytes: Annotated[
        int, typer.Option(min=10, help="Megabytes of an uploaded card, and of the file over cut lines.")
    ] = 200,
    rounds: Annotated[int, typer.Option(min=1, help="Rounds of the upload; the median is reported.")] = 3,
    lines: Annotated[int, typer.Option(min=20_000, help="Lines of the back-fill.")] = 600_000,
    stored: Annotated[int, typer.Option(min=1_000, help="Stored files in the lists.")] = 1_000_000,
    requests: Annotated[int, typer.Option(min=1, help="Requests for each list.")] = 40,
) -> None:
    """Uploads compared with cp and sha256sum, resuming after cuts, back-fills, and lists of a million files."""

    def bench(stack: Stack, instance: Instance) -> list[dict[str, Any]]:
        return files_bench(
            stack, instance, megabytes=megabytes, rounds=rounds, lines=lines, files=stored, requests=requests
        )

    _run("files", bench, as_json=as_json)


@app.command()
def cold(
    *,
    as_json: AsJson = False,
    days: Annotated[int, typer.Option(min=40, max=365, help="Days with two series of a reading a minute.")] = 365,
    rounds: Annotated[int, typer.Option(min=1, help="Rounds after one to warm up; the median is reported.")] = 5,
) -> None:
    """Bytes per reading and detection in the tables and in cold storage, and a year's plot and pages from each."""
    _run("cold", lambda _, instance: cold_bench(instance, days=days, rounds=rounds), as_json=as_json)


@app.command()
def alerts(
    *,
    as_json: AsJson = False,
    scale: Annotated[float, typer.Option(min=0.01, help="Fraction of ten thousand stations.")] = 1.0,
    rounds: Annotated[int, typer.Option(min=1, help="Rounds of each look; the median is reported.")] = 3,
) -> None:
    """Time to judge twenty alert rules after a whole fleet has changed, and after a hundred stations have."""
    _run("alerts", lambda _, instance: alerts_bench(instance, scale=scale, rounds=rounds), as_json=as_json)


def _run(name: str, bench: Callable[[Stack, Instance], list[dict[str, Any]]], *, as_json: bool) -> None:
    # The caller's settings are for their own instance; a bench has separate services and addresses.
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
    lines = [[column.replace("_", " "), *(_shown(run[column]) for run in document["runs"])] for column in columns]
    # With more figures than runs, list the figures as rows: as columns they would not fit.
    is_tall = len(columns) > len(document["runs"])
    head, *rest = lines if is_tall else zip(*lines, strict=True)
    table = Table(*head, box=None)
    for line in rest:
        table.add_row(*line)
    console.print(table)
    for run in document["runs"]:
        for share in (value.items() for value in run.values() if isinstance(value, dict)):
            console.print("processor: " + ", ".join(f"{name} {percent} %" for name, percent in share))


def _shown(figure: Any) -> str:
    return f"{figure:,}" if isinstance(figure, int) else str(figure)


def _definitions(instance: Instance) -> dict[str, Any]:
    from message_queue import topology  # noqa: PLC0415 - only a bench that runs needs the wire

    return topology.definitions(instance.rabbitmq.users)


def main() -> int:
    """Run one bench. Wrong use prints one sentence and returns 2."""
    try:
        app(standalone_mode=False, prog_name="./roost bench")
    except typer.TyperException as error:
        print(misuse_say(error.format_message(), ask="See `./roost bench --help`."), file=sys.stderr)
        return error.exit_code
    except OperationsError as error:
        print(error, file=sys.stderr)
        return error.exit_code
    return 0


if __name__ == "__main__":
    sys.exit(main())
