"""The current behaviour of a link: whether it stays connected, and how patient it is."""


class Behaviour:
    """The default: always connected. Subclasses override what changes at run time; the link asks each time."""

    #: Seconds between heartbeats; None uses the link's own setting.
    heartbeat: int | None = None
    #: Stretches the pauses between failed attempts.
    patience: float = 1.0

    @property
    def is_terse(self) -> bool:
        """Whether messages omit the properties the server can do without."""
        return False

    @property
    def stays(self) -> bool:
        """Whether the connection is kept; otherwise the link visits when `is_due` and leaves when all is sent."""
        return True

    @property
    def is_due(self) -> bool:
        """Whether a visit is wanted."""
        return True

    def calls(self) -> int:
        """Number of visits requested so far."""
        return 0

    def answered(self, calls: int) -> None:
        """Record that a visit has answered this many requests."""

    def spread(self) -> float:
        """Extra seconds to wait before the next connection."""
        return 0.0
