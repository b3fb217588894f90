"""Refusals of the domain: six families, each with a sentence for people. Callers handle them by family, not by name."""


class DomainError(Exception):
    """Something the domain refuses to do: always one of the families below.

    The text says what was wrong and what to do about it. A refusal has a class of its own only where code catches it
    by name.
    """


class NotFound(DomainError):
    """No such thing exists, or this person may not see it."""


class InvalidInput(DomainError):
    """An unacceptable value. `field` names the field it came from."""

    def __init__(self, sentence: str, *, field: str = "") -> None:
        super().__init__(sentence)
        self.field = field


class Forbidden(DomainError):
    """This person, key or device may not do that, although it may know that the thing exists."""


class Conflict(DomainError):
    """The thing is not, or no longer, in a state that allows this. Trying again changes nothing."""


class TooMany(DomainError):
    """A limit of number or rate is reached. Waiting, or removing something, makes room."""


class Unavailable(DomainError):
    """Something that this needs, such as the broker, does not answer now. Trying again may help."""
