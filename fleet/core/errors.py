"""Refusals of the domain: exceptions named for what is refused, with a sentence for people."""


class DomainError(Exception):
    """Something that the domain does not do. Its text says what was wrong and what to do."""


class NotFound(DomainError):
    """There is no such thing, or none that this person may see."""


class InvalidInput(DomainError):
    """A value that cannot be taken. `field` names where it stood."""

    def __init__(self, sentence: str, *, field: str = "") -> None:
        super().__init__(sentence)
        self.field = field
