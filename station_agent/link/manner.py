"""How a link behaves at the moment: whether it stays connected, and how patient it is."""


class Manner:
    """The plain manner: connected always. What changes while the agent runs overrides it and is asked at each turn."""

    #: Seconds between heartbeats; None takes what the link was made with.
    heartbeat: int | None = None
    #: Stretches the pauses between failed attempts.
    patience: float = 1.0

    @property
    def is_terse(self) -> bool:
        """Whether messages go without the properties that the server can do without."""
        return False

    @property
    def stays(self) -> bool:
        """Whether the connection is kept; else the link visits when `is_due` and leaves when all is sent."""
        return True

    @property
    def is_due(self) -> bool:
        """Whether a visit is wanted."""
        return True

    def calls(self) -> int:
        """How many visits were asked for up to now."""
        return 0

    def answered(self, calls: int) -> None:
        """A visit has answered this many calls."""

    def spread(self) -> float:
        """Seconds to wait in addition before the next connection."""
        return 0.0
