"""What the agent refuses to do, as one sentence for the person at the keyboard."""


def misuse_say(message: str, *, ask: str) -> str:
    """What the command line's library says of wrong use, as a sentence, and which words tell more."""
    return f"{message if message.endswith(('.', '?')) else message + '.'} {ask}"


class AgentError(Exception):
    """A sentence that says what was wrong, where, and what to do; shown without a traceback."""

    exit_code = 1


class WrongUse(AgentError):
    """The command line or the configuration was wrong: exit code 2."""

    exit_code = 2


class MessageTooLarge(AgentError):
    """A message that the broker would refuse; it is never put into the outbox, where it would block the others."""


class ServerAway(AgentError):
    """The server did not answer; the same may be asked again."""
