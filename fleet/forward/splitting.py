"""Sending rows: if a receiver refuses some of them, halves are tried until the refused rows are found.

A receiver for which a request has too many rows gets halves, too. The size that it takes is kept for the next time.
"""

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

from django.utils.translation import gettext as _

from fleet.forward.kinds.base import ForwardDetection, ForwardError, ForwardRow, ForwardTarget, Receipt

#: After this many refused rows without an accepted one, the fault is not in the rows.
REFUSED_IN_A_ROW_MOST: Final = 20

Row = ForwardRow | ForwardDetection
Send = Callable[[Sequence[Any], ForwardTarget], Receipt]


@dataclass(slots=True)
class Sent:
    """The outcome of the first `done` rows. `refused`: those that the receiver refuses, with its words."""

    done: int = 0
    known: int = 0
    refused: list[tuple[Any, str]] = field(default_factory=list)
    #: Why the others were not tried.
    error: ForwardError | None = None
    #: Rows to send at once from now on, if these were too many; and the seconds of the longest call.
    at_once: int | None = None
    call_s: float | None = None

    @property
    def taken(self) -> int:
        """Rows that the receiver has now and did not have before."""
        return self.done - self.known - len(self.refused)


def rows_send(send: Send, rows: Sequence[Row], target: ForwardTarget) -> Sent:
    """Send rows in order, and begin no call after `target.until`. No answer of a receiver raises an exception."""
    sent, in_a_row = Sent(), 0
    parts = [rows] if rows else []
    while parts:
        part = parts.pop()
        if sent.call_s is not None and time.monotonic() >= target.until:
            # The search for bad rows used up the turn: the next one begins with no more than this part.
            sent.at_once = sent.at_once or (None if sent.done else len(part))
            break
        began = time.monotonic()
        try:
            receipt = send(part, target)
        except ForwardError as error:
            sent.done += error.done
            sent.known += error.known
            in_a_row = 0 if error.done else in_a_row
            rest = part[error.done :]
            if not (error.is_rows or error.is_too_many) or not rest:
                sent.error = error
                break
            if len(rest) > 1:
                parts += [rest[len(rest) // 2 :], rest[: len(rest) // 2]]
                if error.is_too_many:
                    sent.at_once = len(rest) // 2
                continue
            if error.is_too_many:
                sent.error = ForwardError(
                    _(
                        "For the receiver, even one row is too much. Raise its limit for the size of a request. "
                        "%(answer)s"
                    )
                    % {"answer": str(error)}
                )
                break
            in_a_row += 1
            if in_a_row >= REFUSED_IN_A_ROW_MOST:
                # This row stays unsent. Each try sets some more aside, so even many bad rows block it for hours only.
                sent.error = ForwardError(
                    _("The receiver refuses every row, so the settings here may be wrong. The last answer: %(answer)s")
                    % {"answer": str(error)}
                )
                break
            sent.done += 1
            sent.refused.append((rest[0], str(error)))
        else:
            in_a_row = 0
            done = len(part) if receipt.done is None else receipt.done
            sent.done += done
            sent.known += receipt.known
            if done < len(part):
                # The turn is over.
                break
        finally:
            sent.call_s = max(sent.call_s or 0.0, time.monotonic() - began)
    return sent
