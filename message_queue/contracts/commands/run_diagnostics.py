"""`run_diagnostics`: the station checks itself and sends a report."""

from message_queue.contracts.commands.base import CommandContract

COMMAND = CommandContract(
    name="run_diagnostics",
    label="Run diagnostics",
    explanation="Checks storage, memory, clock, radios and link, and sends a short report.",
    default_expiry=86_400,
)
