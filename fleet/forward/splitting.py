"""Sending some rows: where a receiver refuses some of them, halves are tried until the rows that it refuses are found."""

import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Final

from django.utils.translation import gettext as _

from fleet.forward.kinds.base import ForwarderKind, ForwardError, ForwardRow, ForwardTarget

#: After so many refused rows without a taken one, the fault is not in the rows.
REFUSED_IN_A_ROW_MOST: Final = 20


@dataclass(slots=True)
class Sent:
    """The outcome of the first `done` rows. `refused`: those that the receiver refuses, with its words."""

    done: int = 0
    known: int = 0
    refused: list[tuple[ForwardRow, str]] = field(default_factory=list)
    #: Why the others were not tried.
    error: ForwardError | None = None

    @property
    def taken(self) -> int:
        """Rows that the receiver has from us now."""
        return self.done - self.known - len(self.refused)


def rows_send(kind: ForwarderKind, rows: Sequence[ForwardRow], target: ForwardTarget, *, until: float) -> Sent:
    """Send rows in order, until the monotonic clock says `until`. Raises nothing that a receiver can cause."""
    sent, in_a_row = Sent(), 0
    parts = [rows] if rows else []
    while parts and (time.monotonic() < until or not sent.done):
        part = parts.pop()
        try:
            receipt = kind.send(part, target)
        except ForwardError as error:
            sent.done += error.done
            sent.known += error.known
            in_a_row = 0 if error.done else in_a_row
            rest = part[error.done :]
            if not error.is_rows or not rest:
                sent.error = error
                break
            if len(rest) > 1:
                parts += [rest[len(rest) // 2 :], rest[: len(rest) // 2]]
                continue
            in_a_row += 1
            if in_a_row >= REFUSED_IN_A_ROW_MOST:
                # This one stays unsent. Each try sets some more aside, so rows that are all bad block it for hours only.
                sent.error = ForwardError(
                    _("The receiver refuses every row, so the settings here may be wrong. The last answer: %(answer)s")
                    % {"answer": str(error)}
                )
                break
            sent.done += 1
            sent.refused.append((rest[0], str(error)))
        else:
            in_a_row = 0
            sent.done += len(part)
            sent.known += receipt.known
    return sent
