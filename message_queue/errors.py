"""What can be wrong with a message or a name on the wire."""


class WireError(Exception):
    """A message or a name that the wire does not take. The text says what was wrong, for a person."""


class SerialNotAllowed(WireError):
    """A serial that may not become a name on the broker."""

    def __init__(self, serial: str) -> None:
        super().__init__(
            f"The serial {serial[:80]!r} cannot be used on the broker: "
            "use 1 to 64 letters, digits, hyphens and underscores."
        )


class MessageRefused(WireError):
    """A message that cannot be taken. `reason` is one word for filters; the text is a sentence for people."""

    def __init__(self, reason: str, sentence: str) -> None:
        super().__init__(sentence)
        self.reason = reason


class CommandRefused(WireError):
    """A command whose name or parameters do not fit its contract."""


class BrokerAway(WireError):
    """The broker cannot be reached, or broke off in the middle."""


class PublishFailed(WireError):
    """The broker did not take a message: unroutable, refused because a queue is full, or no confirm came.

    `is_away` tells a broker that cannot be reached from one that refused this message only.
    """

    def __init__(self, sentence: str, *, is_away: bool) -> None:
        super().__init__(sentence)
        self.is_away = is_away
