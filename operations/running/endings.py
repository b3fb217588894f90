"""Detecting programs that exit during startup, and reporting the reason from their own logs."""

from __future__ import annotations

from operations.errors import OperationsError
from operations.log_ends import last_words, log_size
from operations.paths import Paths
from operations.running.supervisor_daemon import State, Supervisor

#: Seconds. An earlier exit may be a hiccup that a restart fixes; after a later one, a restart would not help.
QUICK_SECONDS = 5


class Endings:
    """Remembers when each program first started, and when it exited."""

    def __init__(self, supervisor: Supervisor, paths: Paths) -> None:
        self._supervisor, self._paths = supervisor, paths
        self._started: dict[str, int] = {}
        self._ends: dict[str, set[int]] = {}
        # Log output from before this start cannot explain why it failed.
        self._said_before = {log.stem: log_size(log) for log in paths.logs.glob("*.log")}

    def look(self) -> None:
        """Raise `OperationsError` if a program cannot start: it exited twice, or once after `QUICK_SECONDS`."""
        for name, state in self._supervisor.states().items():
            if self._cannot_start(state):
                log = self._paths.logs / f"{name}.log"
                words = last_words(log, since=self._said_before.get(name, 0))
                raise OperationsError(f"{name} exited during startup: {words}. Its log is {log}.")

    def _cannot_start(self, state: State) -> bool:
        started = self._started.setdefault(state.name, state.started_at) if state.started_at else 0
        if not state.ended_at:
            return False
        ends = self._ends.setdefault(state.name, set())
        ends.add(state.ended_at)
        return len(ends) > 1 or state.ended_at - started > QUICK_SECONDS
