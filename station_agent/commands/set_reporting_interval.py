"""`set_reporting_interval`: how often the station reports its health, remembered across restarts."""

from message_queue.contracts.commands.set_reporting_interval import SetReportingInterval
from station_agent.commands.base import CommandOutcome, Handler
from station_agent.station import Station


def _run(station: Station, parameters: SetReportingInterval) -> CommandOutcome:
    before = station.reporting_interval
    station.reporting_interval_set(parameters.seconds)
    return CommandOutcome(
        "succeeded",
        f"The station now reports every {parameters.seconds} s; it was {before} s.",
        {"seconds": parameters.seconds, "seconds_before": before},
    )


HANDLER = Handler(name="set_reporting_interval", run=_run)
