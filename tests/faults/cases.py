"""A fault case: publish, break something in the middle, let it recover, judge."""

import itertools
import os
import random
import re
import time
from collections.abc import Callable, Iterator
from pathlib import Path

from faults.oracle import Verdict, judge
from faults.publisher import Publishing
from faults.rig import Grant, Rig
from waiting import until

#: Messages of a case in the normal run, and in `./roost test --long`.
FEW, MANY = int(os.environ.get("ROOST_FAULT_MESSAGES", "12000")), 100_000

#: Seconds to wait until messages arrive again after a fault.
COMES_HOME_S = 60.0
#: No two cases of a run share a stream: in the second case, every message would be a repeat.
_numbers = itertools.count(1)


class Case:
    """One case: publish, break something in the middle, let it recover, judge."""

    def __init__(
        self,
        rig: Rig,
        grants: list[Grant],
        folder: Path,
        name: str,
        messages: int,
        verdicts: list[Verdict],
        hold_at: float = 1.0,
        number: str = "",
    ) -> None:
        self.rig, self.grants, self.name, self.messages = rig, grants, name, messages
        self.random = random.Random(f"{rig.seed}/{name}")
        self.verdict = Verdict(case=name, seed=rig.seed, number=number)
        self._verdicts = verdicts
        stream = re.sub(r"[^a-z0-9]+", "-", name.lower()) + f"-{next(_numbers)}-{rig.seed}"
        self.publishing = Publishing(grants, stream, -(-messages // len(grants)), folder)
        self.publishing.hold_at(hold_at)
        self._begun = time.monotonic()
        self._taken_before = rig.taken()
        self.publishing.start()

    def moments_of_publishing(self, count: int, first: float = 0.1, last: float = 0.8) -> Iterator[float]:
        """Yield at random shares of the messages, in order, each once that share is confirmed."""
        yield from self._moments(lambda: self.publishing.confirmed, count, first, last)

    def moments_of_ingest(self, count: int, first: float = 0.05, last: float = 0.8) -> Iterator[float]:
        """Yield at random shares of the messages, in order, each once that share is in the database."""
        yield from self._moments(lambda: self.rig.taken() - self._taken_before, count, first, last)

    def _moments(self, done: Callable[[], int], count: int, first: float, last: float) -> Iterator[float]:
        for share in sorted(self.random.uniform(first, last) for _ in range(count)):
            goal = share * self.publishing.total
            until(lambda goal=goal: done() >= goal, f"{share:.0%} of the messages", seconds=240, every=0.01)
            yield share

    def recovers(self, since: float | None = None) -> None:
        """Wait until messages arrive again, and record the time since then as the time to recover.

        If all had arrived before the fault, wait for the last confirm instead.
        """
        begun = time.monotonic() if since is None else since
        before = -1
        while before < 0:
            before = self.rig.taken()
        whole = self._taken_before + self.publishing.total
        patience = time.monotonic() + COMES_HOME_S

        def arrives() -> bool:
            taken = self.rig.taken()
            return taken > before or (taken >= whole and self.publishing.confirmed >= self.publishing.total)

        until(lambda: arrives() or time.monotonic() > patience, "an answer from the database", every=0.05)
        # If none arrived because they were lost, the judge says so.
        self.verdict.recovered_s = max(self.verdict.recovered_s or 0.0, time.monotonic() - begun)

    def finish(self, note: str) -> Verdict:
        """Wait for the last confirm and for empty queues, judge, and require a clean verdict."""
        self.publishing.join(600)
        assert not self.publishing.is_alive(), f"only {self.publishing.confirmed} of {self.publishing.total} confirmed"
        self.rig.quiesce()
        verdict = judge(self.rig, self.publishing, self.verdict)
        verdict.note, verdict.seconds = note, time.monotonic() - self._begun
        self._verdicts.append(verdict)
        assert verdict.confirmed == self.publishing.total
        assert verdict.is_clean, (verdict.row(), verdict.details)
        return verdict
