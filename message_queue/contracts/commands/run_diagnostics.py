"""`run_diagnostics`: the station looks at itself and sends what it found."""

from message_queue.contracts.commands.base import CommandContract

COMMAND = CommandContract(
    name="run_diagnostics",
    label="Run diagnostics",
    explanation="The station checks disk, memory, clock, radios and its connection, and sends a short report.",
    default_expiry=86_400,
)
