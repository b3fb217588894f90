"""The agent's errors, each one sentence for the person at the keyboard."""


def misuse_say(message: str, *, ask: str) -> str:
    """A usage error from the command-line library as a sentence, with a hint where to read more."""
    return f"{message if message.endswith(('.', '?')) else message + '.'} {ask}"


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
