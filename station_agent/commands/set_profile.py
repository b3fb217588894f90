"""`set_profile`: the station's link profile, remembered until somebody changes it at the station."""

from message_queue.contracts.commands.set_profile import SetProfile
from station_agent.commands.base import CommandOutcome, Handler
from station_agent.station import Station


def _run(station: Station, parameters: SetProfile) -> CommandOutcome:
    before = station.profile
    station.profile_set(parameters.profile)
    return CommandOutcome(
        "succeeded",
        f"The profile is now {station.profile}; it was {before}.",
        {"profile": station.profile, "profile_before": before},
    )


HANDLER = Handler(name="set_profile", run=_run)
