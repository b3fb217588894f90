"""Interface of a channel: a name, and a function that sends one message to one address."""

from collections.abc import Callable
from dataclasses import dataclass


class ChannelError(Exception):
    """A message was not sent, or it is unknown whether it was. The text says why.

    `is_permanent`: retrying is pointless. `is_maybe_delivered`: it may have arrived anyway.
    `is_channel_down`: other messages would fail the same way now.
    """

    def __init__(
        self,
        sentence: str,
        *,
        is_permanent: bool = False,
        is_maybe_delivered: bool = False,
        is_channel_down: bool = False,
    ) -> None:
        super().__init__(sentence)
        self.is_permanent = is_permanent
        self.is_maybe_delivered = is_maybe_delivered
        self.is_channel_down = is_channel_down


@dataclass(frozen=True, slots=True)
class Message:
    """One message to one recipient. `answers`: ids of the messages in whose thread it belongs, oldest first."""

    message_id: str
    answers: tuple[str, ...]
    recipient: str
    subject: str
    text: str


@dataclass(frozen=True, slots=True)
class Channel:
    """One way to notify somebody."""

    name: str
    send: Callable[[Message], None]
