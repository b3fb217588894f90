"""Parts left out of a message whose other parts were accepted: all are counted, the first few described."""

from collections.abc import Iterable

#: Maximum parts described: a message with 5,000 bad records gets one sentence with a summary.
NAMED_MOST = 10
_WHERE_MOST, _WHY_MOST, _SHOWN_MOST = 80, 160, 40


class LeftOut:
    """The parts of one message that were left out: how many, and for the first ones where and why."""

    __slots__ = ("count", "named", "reason")

    def __init__(self) -> None:
        self.count = 0
        self.named: list[str] = []
        #: Reason word of the first part, for filters.
        self.reason = ""

    def __bool__(self) -> bool:
        return self.count > 0

    def copy(self) -> "LeftOut":
        """An independent copy, needed because a batch that is tried twice notes everything twice."""
        other = LeftOut()
        other.count, other.named, other.reason = self.count, list(self.named), self.reason
        return other

    def note(self, where: str, why: str, *, reason: str = "bad-fields", parts: int = 1) -> None:
        """Note one part, or several of a kind: where it was and what is wrong with it."""
        self.count += parts
        self.reason = self.reason or reason
        if len(self.named) < NAMED_MOST:
            self.named.append(f"{where[:_WHERE_MOST]}: {why[:_WHY_MOST].rstrip('.')}")

    def sentence(self, *, is_alone: bool = False) -> str:
        """Everything in one sentence for people. `is_alone`: nothing of the message could be stored."""
        more = self.count - len(self.named)
        rest = f"; and {more} more" if more > 0 else ""
        parts = "1 part was" if self.count == 1 else f"{self.count} parts were"
        what = "nothing of the message could be stored" if is_alone else "the rest of the message was stored"
        return f"{parts} left out, {what}. {'; '.join(self.named)}{rest}."


def shown(value: object) -> str:
    """A value quoted for a sentence, cut to a readable length."""
    # repr() of a deep value would build a long text first.
    if isinstance(value, dict | list):
        return "an object" if isinstance(value, dict) else "a list"
    text = repr(value[: _SHOWN_MOST + 1]) if isinstance(value, str) else repr(value)
    return text if len(text) <= _SHOWN_MOST + 2 else f"{text[:_SHOWN_MOST]}…"


def names_listed(names: Iterable[str]) -> str:
    """Names joined for a sentence."""
    return " and ".join(repr(name) for name in names)
