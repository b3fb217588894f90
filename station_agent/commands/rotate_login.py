"""`rotate_login`: fetch a new login with a secret whose hash the server gets; see `station_agent.identity.rotation`."""

from message_queue.contracts.commands.base import NoParameters
from station_agent.commands.base import Handler, Outcome
from station_agent.identity.rotation import secret_make, secret_refusal
from station_agent.station import Station


def _run(station: Station, _parameters: NoParameters) -> Outcome:
    refusal = secret_refusal(station)
    if refusal:
        return Outcome("failed", refusal)
    return Outcome(
        "succeeded",
        "The station is asking for its new login. The old one works until the new one is in use.",
        {"secret_hash": secret_make(station)},
    )


HANDLER = Handler(name="rotate_login", run=_run)
