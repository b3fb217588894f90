"""`rotate_login`: the station fetches a new login; the old one ends once the new one works."""

from message_queue.contracts.commands.base import CommandContract

COMMAND = CommandContract(
    name="rotate_login",
    label="Rotate its login",
    explanation=(
        "It fetches a new login over HTTPS and tries it. The old one works until the new one is in use, for at most a "
        "day. If the new one does not work, it keeps the old one."
    ),
    needs_care=True,
    default_expiry=7 * 86_400,
)
