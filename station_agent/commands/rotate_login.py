"""`rotate_login`: fetch a new login with a secret whose hash the server gets; see `station_agent.identity.rotation`."""

from message_queue.contracts.commands.base import NoParameters
from station_agent.commands.base import CommandOutcome, Handler
from station_agent.identity.rotation import secret_make, secret_refusal
from station_agent.station import Station


def _run(station: Station, _parameters: NoParameters) -> CommandOutcome:
    refusal = secret_refusal(station)
    if refusal:
        return CommandOutcome("failed", refusal)
    return CommandOutcome(
        "succeeded",
        "The station is asking for its new login. The old one works until the new one is in use.",
        {"secret_hash": secret_make(station)},
    )


HANDLER = Handler(name="rotate_login", run=_run)
