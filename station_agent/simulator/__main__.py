"""`python -m station_agent.simulator`: run the stations of a file until stopped, or run a benchmark with them."""

import json
import logging
import sys
from pathlib import Path
from typing import Annotated, Any, Literal

import typer

from station_agent.errors import AgentError, misuse_say
from station_agent.simulator.bench import BenchPlan, bench_run
from station_agent.simulator.fleet import fleet_run, stations_read

app = typer.Typer(add_completion=False, rich_markup_mode=None, pretty_exceptions_enable=False)
#: typer brings its own click, or uses the installed one: this is the usage error class of either.
_UsageError: Any = typer.BadParameter.__mro__[1]


@app.command()
def simulate(
    stations: Annotated[
        Path, typer.Option(metavar="FILE", help="JSON list of serial, amqp, behaviour; reloaded when it changes.")
    ],
    seed: Annotated[int, typer.Option(help="The same seed gives the same traffic.")] = 1,
    speed: Annotated[float, typer.Option(help="How many times faster reports and batches come.", min=0.01)] = 1.0,
    history: Annotated[float, typer.Option(metavar="HOURS", help="How much of the past to begin with.", min=0)] = 0.0,
    rate: Annotated[float | None, typer.Option(help="Benchmark: messages per second and station.", min=0.001)] = None,
    kind: Annotated[Literal["readings"], typer.Option(help="Benchmark: kind of message.")] = "readings",
    readings: Annotated[int, typer.Option(help="Benchmark: readings per message.", min=1, max=5000)] = 1,
    seconds: Annotated[float, typer.Option(help="Benchmark: duration.", min=1.0)] = 60.0,
    csv: Annotated[
        Path | None, typer.Option(metavar="FILE", help="Benchmark: print one line for each message.")
    ] = None,
    *,
    verbose: Annotated[bool, typer.Option("--verbose", help="Log every connection and command.")] = False,
) -> None:
    """Run simulated stations in one process: one connection each, with each station's own login."""
    logging.basicConfig(
        level=logging.INFO if verbose else logging.WARNING, format="%(levelname)s %(message)s", stream=sys.stderr
    )
    logging.getLogger("pika").setLevel(logging.CRITICAL)
    fleet = stations_read(stations)
    if rate is None:
        fleet_run(stations, seed=seed, speed=speed, history=history * 3600)
        return
    plan = BenchPlan(kind=kind, rate=rate, readings=readings, seconds=seconds, seed=seed)
    print(json.dumps(bench_run(fleet, plan, csv), indent=2))


def main() -> None:
    """Run the simulator; print errors as one sentence, and exit with 2 for wrong use."""
    try:
        app(standalone_mode=False, prog_name="./roost simulate")
    except AgentError as error:
        print(error, file=sys.stderr)
        raise SystemExit(error.exit_code) from None
    except _UsageError as error:
        print(misuse_say(error.format_message(), ask="See `./roost simulate --help`."), file=sys.stderr)
        raise SystemExit(2) from None
    except (typer.Abort, KeyboardInterrupt):
        raise SystemExit(130) from None


if __name__ == "__main__":
    main()
