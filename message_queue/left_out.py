"""What had to be left out of a message whose other parts were taken: counted whole, named up to a bound."""

from collections.abc import Iterable

#: Parts that are named; a message of 5,000 bad records is one refusal with a summary.
NAMED_MOST = 10
_WHERE_MOST, _WHY_MOST, _SHOWN_MOST = 80, 160, 40


class LeftOut:
    """The parts of one message that were left out: how many, the first of them by name, and why."""

    __slots__ = ("count", "named", "reason")

    def __init__(self) -> None:
        self.count = 0
        self.named: list[str] = []
        #: The word of the first one, for filters.
        self.reason = ""

    def __bool__(self) -> bool:
        return self.count > 0

    def copy(self) -> "LeftOut":
        """Another one that says the same so far: a batch that is tried twice notes everything twice."""
        other = LeftOut()
        other.count, other.named, other.reason = self.count, list(self.named), self.reason
        return other

    def note(self, where: str, why: str, *, reason: str = "bad-fields", parts: int = 1) -> None:
        """Note a part, or several of one kind: where it stands and what is wrong with it."""
        self.count += parts
        self.reason = self.reason or reason
        if len(self.named) < NAMED_MOST:
            self.named.append(f"{where[:_WHERE_MOST]}: {why[:_WHY_MOST].rstrip('.')}")

    def sentence(self, *, is_alone: bool = False) -> str:
        """All of it in one sentence for people; `is_alone` where nothing else was left to store."""
        more = self.count - len(self.named)
        rest = f"; and {more} more" if more > 0 else ""
        parts = "1 part was" if self.count == 1 else f"{self.count} parts were"
        what = "nothing of the message could be stored" if is_alone else "the rest of the message was stored"
        return f"{parts} left out, {what}. {'; '.join(self.named)}{rest}."


def shown(value: object) -> str:
    """A value as it is quoted in a sentence, cut to a readable length."""
    # repr() of something deep would be long before it is cut.
    if isinstance(value, dict | list):
        return "an object" if isinstance(value, dict) else "a list"
    text = repr(value[: _SHOWN_MOST + 1]) if isinstance(value, str) else repr(value)
    return text if len(text) <= _SHOWN_MOST + 2 else f"{text[:_SHOWN_MOST]}…"


def names_listed(names: Iterable[str]) -> str:
    """Names as a sentence counts them up."""
    return " and ".join(repr(name) for name in names)
