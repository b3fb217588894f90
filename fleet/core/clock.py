"""The server's clock: the one place where the domain asks for the time."""

from datetime import UTC, datetime


def now() -> datetime:
    """The present moment, aware and in UTC. Take it once per operation and hand it on."""
    return datetime.now(tz=UTC)


def from_seconds(seconds: float) -> datetime:
    """The moment that lies `seconds` after 1970-01-01 UTC."""
    return datetime.fromtimestamp(seconds, tz=UTC)
