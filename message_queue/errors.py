"""Errors of messages and names on the wire."""


class WireError(Exception):
    """Base of all errors here. The text tells a person what is wrong."""


class SerialNotAllowed(WireError):
    """A serial that cannot be used in names on the broker."""

    def __init__(self, serial: str) -> None:
        super().__init__(
            f"The serial {serial[:80]!r} cannot be used on the broker: "
            "use 1 to 64 letters, digits, hyphens and underscores."
        )


class MessageRefused(WireError):
    """A message that cannot be processed. `reason` is one word for filters; the text is a sentence for people."""

    def __init__(self, reason: str, sentence: str) -> None:
        super().__init__(sentence)
        self.reason = reason


class CommandRefused(WireError):
    """A command whose name or parameters do not fit its contract."""


class BrokerAway(WireError):
    """The broker cannot be reached, or the connection broke."""


class PublishFailed(WireError):
    """A message was not published: it does not fit its contract, is unroutable, its queue is full, or no confirm came.

    `is_away`: the broker cannot be reached; otherwise only this message failed.
    """

    def __init__(self, sentence: str, *, is_away: bool) -> None:
        super().__init__(sentence)
        self.is_away = is_away
