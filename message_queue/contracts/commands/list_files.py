"""`list_files`: the station reports all files that it holds, again."""

from message_queue.contracts.commands.base import CommandContract

COMMAND = CommandContract(
    name="list_files",
    label="List the files",
    explanation="It looks through its data folders and reports which files it holds, about 50 bytes for each.",
    default_expiry=7 * 86_400,
)
