"""Restarting a process that runs but no longer works, which a supervisor cannot see.

Run by the supervisor as `python -m operations.running.watchdog`. A part shows by its pulse, or by an answer, that it works:

    works ──no sign for `ROOST_WATCHDOG_S`, while broker and database answer──▶ restarted ──its time starts again──▶ works

It also checks for broker alarms, because during an alarm no job gets through to report it.

While the broker or the database is down, no part is restarted. A starting part gets as much time as a hanging one.
"""

from __future__ import annotations

import logging
import sys
import time
from collections.abc import Callable
from functools import partial

from operations.instance import Instance
from operations.numbers_from_environment import number_from_environment
from operations.running.health import BEAT_AGE_MOST, BEAT_PULSE, INGEST_NAMES, PULSE_AGE_MOST, domain_load, pulse_check
from operations.running.supervisor_daemon import Supervisor

_log = logging.getLogger("roost.watchdog")

#: Seconds without a sign of life, unless ROOST_WATCHDOG_S sets another value.
PATIENCE_S = 60.0
LOOK_EVERY_S = 5.0
BROKER_EVERY_S = 30.0
TASKS_NODE = "tasks@roost"


class Watchdog:
    """Checks each part, and remembers how long it has shown no sign of life."""

    def __init__(self, instance: Instance, *, patience: float | None = None) -> None:
        self._instance = instance
        self._patience = patience_from_environment() if patience is None else patience
        self._supervisor = Supervisor(instance.paths)
        self._well_at: dict[str, float] = {}
        self.checks: dict[str, Callable[[], bool]] = {
            **{name: partial(_has_pulse, name) for name in (*INGEST_NAMES, "relay")},
            # Long jobs may delay the clock's canary, but an unnecessary restart of the clock does no harm.
            "beat": lambda: pulse_check(BEAT_PULSE, most=BEAT_AGE_MOST) is None,
            "tasks": _tasks_answer,
        }

    def look(self) -> list[str]:
        """Check every part once; return the names of those that were restarted."""
        if self._instance.rabbitmq.check() is not None or self._instance.postgres.check() is not None:
            self._well_at.clear()
            return []
        now, restarted = time.monotonic(), []
        for name, state in self._supervisor.states().items():
            works = self.checks.get(name)
            if works is None or not state.is_running:
                continue
            if state.since_seconds < self._patience or works():
                self._well_at[name] = now
            elif now - self._well_at.setdefault(name, now) >= self._patience:
                _log.warning(
                    "%s has shown no sign of life for %.0f s and is being restarted.",
                    name,
                    now - self._well_at.pop(name),
                )
                self._supervisor.restart(name)
                restarted.append(name)
        return restarted


def patience_from_environment() -> float:
    """How long a part may be silent."""
    return number_from_environment("ROOST_WATCHDOG_S", default=PATIENCE_S, least=5)


def _broker_look() -> None:
    """Report broker alarms to the administrators. Failures here must not stop the watchdog."""
    from fleet.alerts.server_problems.troubles import broker_watch  # noqa: PLC0415 - models exist only once Django is loaded

    try:
        broker_watch()
    except Exception:  # noqa: BLE001 - the broker or the database is away
        _log.debug("The broker could not be asked for alarms.", exc_info=True)


def _has_pulse(name: str) -> bool:
    return pulse_check(name, most=PULSE_AGE_MOST) is None


def _tasks_answer() -> bool:
    """Whether the parent of the task workers answers; it does so even while all its children are busy."""
    from workers.celery_app import app  # noqa: PLC0415 - tasks exist only once Django is loaded

    try:
        return bool(app.control.ping(destination=[TASKS_NODE], timeout=4.0))
    except Exception:  # noqa: BLE001 - a broker that does not answer is no fault of the worker
        _log.debug("The task workers could not be asked.", exc_info=True)
        return True


def main() -> int:
    """Check repeatedly until the supervisor stops it."""
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(levelname)s %(message)s", stream=sys.stderr)
    instance = Instance.load()
    domain_load(instance)
    logging.disable(logging.NOTSET)
    watchdog, asked_at = Watchdog(instance), 0.0
    while True:
        time.sleep(LOOK_EVERY_S)
        watchdog.look()
        if time.monotonic() - asked_at >= BROKER_EVERY_S:
            _broker_look()
            asked_at = time.monotonic()


if __name__ == "__main__":
    sys.exit(main())
