"""The task worker with a job that records each of its runs, and one that kills its process.

`fault_effect` has the effect of each job, once, as with all our jobs; `fault_run` has a row for every run that began.
"""

import os
import signal
import time

from workers.celery_app import app  # isort: skip - it sets Django up
from django.db import connection

__all__ = ["app"]

TABLES = (
    "CREATE TABLE IF NOT EXISTS fault_effect (episode text, number int, PRIMARY KEY (episode, number))",
    "CREATE TABLE IF NOT EXISTS fault_run (episode text, number int, pid int, at timestamptz DEFAULT clock_timestamp())",
)


@app.task(name="faults.work")
def work(*, episode: str, number: int, seconds: float = 0.02) -> None:
    """Work for a moment, and record the run and the effect."""
    with connection.cursor() as cursor:
        cursor.execute("INSERT INTO fault_run VALUES (%s, %s, %s)", [episode, number, os.getpid()])
        time.sleep(seconds)
        cursor.execute("INSERT INTO fault_effect VALUES (%s, %s) ON CONFLICT DO NOTHING", [episode, number])


@app.task(name="faults.poison")
def poison(*, episode: str) -> None:
    """Kill the process that runs it, every time."""
    with connection.cursor() as cursor:
        cursor.execute("INSERT INTO fault_run VALUES (%s, -1, %s)", [episode, os.getpid()])
    os.kill(os.getpid(), signal.SIGKILL)
