"""The server's clock: the only place where the domain reads the time."""

from datetime import UTC, datetime


def now() -> datetime:
    """The current time, aware and in UTC. Read it once per operation and pass it on."""
    return datetime.now(tz=UTC)


def from_seconds(seconds: float) -> datetime:
    """The moment `seconds` after 1970-01-01 UTC."""
    return datetime.fromtimestamp(seconds, tz=UTC)
