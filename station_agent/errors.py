"""The agent's errors, each one sentence for the person at the keyboard."""

from collections.abc import Iterable
from difflib import get_close_matches


def misuse_say(message: str, *, ask: str) -> str:
    """A usage error from the command-line library as a sentence, with a hint where to read more."""
    # The library's versions suggest similar options in two ways, neither of them a sentence.
    stem, mark, similar = message.partition(" (Possible options: ")
    if mark:
        message = f"{stem}. Did you mean {similar.rstrip(')').replace(', ', ' or ')}?"
    elif " Did you mean" in message and ". Did you mean" not in message:
        message = message.replace(" Did you mean", ". Did you mean")
    return f"{message if message.endswith(('.', '?')) else message + '.'} {ask}"


def similar_say(word: str, known: Iterable[str]) -> str:
    """` Did you mean status?`, or nothing if no known word is like it."""
    found = get_close_matches(word, list(known), n=1)
    return f" Did you mean {found[0]}?" if found else ""


class AgentError(Exception):
    """A sentence that says what was wrong, where, and what to do; shown without a traceback."""

    exit_code = 1


class WrongUse(AgentError):
    """Wrong command line or configuration: exit code 2."""

    exit_code = 2


class MessageTooLarge(AgentError):
    """A message that the broker would refuse; it never enters the outbox, where it would block the others."""


class ServerAway(AgentError):
    """The server did not answer; the request can be repeated."""
