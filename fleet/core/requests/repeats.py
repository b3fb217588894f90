"""Idempotent requests: a record of each finished request and its answer."""

from dataclasses import dataclass
from datetime import timedelta

from fleet.core import clock
from fleet.core.errors import InvalidInput
from fleet.core.models import RequestDone


class Repeated(InvalidInput):
    """The same idempotency key came with a different request."""


@dataclass(frozen=True, slots=True)
class Answer:
    """How a request was answered. `is_secret`: its body is not kept."""

    status: int
    content_type: str
    body: str
    is_secret: bool = False


def answer_reserve(*, where: str, body: str, kept: timedelta) -> Answer | None:
    """Claim a request in the current transaction: None if it is new, else its earlier answer.

    `where` is a hash of sender, path and key; `body` is a hash of the body. Waits while the same request is running
    elsewhere. Raises `Repeated` if the key was used with a different body.
    """
    moment = clock.now()
    RequestDone.objects.filter(where=where, at__lt=moment - kept).delete()
    # Waits for another transaction that is running the same request, and then sees its outcome.
    done, is_new = RequestDone.objects.get_or_create(where=where, defaults={"body": body, "at": moment})
    if is_new:
        return None
    if done.body != body:
        raise Repeated("This idempotency key was already used for a different request: use a new key for each request.")
    return Answer(done.status, done.content_type, done.answer, done.is_secret)


def answer_keep(*, where: str, answer: Answer) -> None:
    """Record the answer, in the same transaction as the request."""
    RequestDone.objects.filter(where=where).update(
        status=answer.status, content_type=answer.content_type, answer=answer.body, is_secret=answer.is_secret
    )


def answers_prune(*, kept: timedelta) -> int:
    """Delete old records; return how many."""
    return RequestDone.objects.filter(at__lt=clock.now() - kept).delete()[0]
