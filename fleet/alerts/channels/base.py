"""What a channel must bring: a name, and a way to send one message to one address."""

from collections.abc import Callable
from dataclasses import dataclass


class ChannelError(Exception):
    """A message was not sent, or nobody knows whether it was. The text says why.

    `is_permanent`: trying again is no use. `is_maybe_delivered`: it may have arrived all the same.
    `is_channel_down`: others would meet the same trouble now.
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
    """One message to one recipient. `answers` are the ids of the messages whose thread it belongs to, oldest first."""

    message_id: str
    answers: tuple[str, ...]
    recipient: str
    subject: str
    text: str


@dataclass(frozen=True, slots=True)
class Channel:
    """One way to tell somebody."""

    name: str
    send: Callable[[Message], None]
