"""Requests that may come twice: the note that one was done, and how it was answered."""

from dataclasses import dataclass
from datetime import timedelta

from fleet.core import clock
from fleet.core.errors import DomainError
from fleet.core.models import RequestDone


class Repeated(DomainError):
    """The same key came with another request."""


@dataclass(frozen=True, slots=True)
class Answer:
    """How a request was answered. `is_secret`: its body is not kept."""

    status: int
    content_type: str
    body: str
    is_secret: bool = False


def answer_reserve(*, where: str, body: str, kept: timedelta) -> Answer | None:
    """Claim a request in the present transaction: None when it is to be done now, else how it was answered.

    `where` and `body` are hashes of asker, address and key, and of the body. One that is being done elsewhere is waited
    for. Raises `Repeated` when the key was used for another body.
    """
    moment = clock.now()
    RequestDone.objects.filter(where=where, at__lt=moment - kept).delete()
    # Waits for another transaction that has the same key under way, and sees its outcome.
    done, is_new = RequestDone.objects.get_or_create(where=where, defaults={"body": body, "at": moment})
    if is_new:
        return None
    if done.body != body:
        raise Repeated("This idempotency key was used for another request: take a new key for each.")
    return Answer(done.status, done.content_type, done.answer, done.is_secret)


def answer_keep(*, where: str, answer: Answer) -> None:
    """Note the answer, in the transaction in which the request is done."""
    RequestDone.objects.filter(where=where).update(
        status=answer.status, content_type=answer.content_type, answer=answer.body, is_secret=answer.is_secret
    )


def answers_prune(*, kept: timedelta) -> int:
    """Forget the old ones; return how many."""
    return RequestDone.objects.filter(at__lt=clock.now() - kept).delete()[0]
