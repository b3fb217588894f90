"""Refusals of the domain: exceptions named after what is refused, with a sentence for people."""


class DomainError(Exception):
    """Something the domain refuses to do. Its text says what was wrong and what to do about it."""


class NotFound(DomainError):
    """No such thing exists, or this person may not see it."""


class InvalidInput(DomainError):
    """An unacceptable value. `field` names the field it came from."""

    def __init__(self, sentence: str, *, field: str = "") -> None:
        super().__init__(sentence)
        self.field = field
