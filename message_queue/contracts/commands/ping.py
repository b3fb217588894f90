"""`ping`: the station answers; nothing else happens."""

from message_queue.contracts.commands.base import CommandContract

COMMAND = CommandContract(
    name="ping",
    label="Send ping",
    explanation="Asks for an answer. Nothing else happens there.",
    default_expiry=3_600,
)
