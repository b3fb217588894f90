"""A description of the machine on which figures were measured."""

from __future__ import annotations

import os
import platform
from pathlib import Path

import psutil

from operations.instance import Instance
from operations.services.postgres import DATABASE


def machine_describe(instance: Instance) -> dict[str, str | int | float]:
    """Processor, memory, system and the versions of the services, which must be running."""
    with instance.postgres.connect(DATABASE) as connection:
        row = connection.execute("SHOW server_version").fetchone()
    with instance.rabbitmq.management() as client:
        broker = client.get("/api/overview").json()["rabbitmq_version"]
    return {
        "processor": _processor(),
        "cores": os.cpu_count() or 0,
        "memory_gib": round(psutil.virtual_memory().total / 2**30, 1),
        "system": platform.platform(),
        "python": platform.python_version(),
        "postgresql": str(row[0]) if row else "unknown",
        "rabbitmq": str(broker),
        "load_before": round(os.getloadavg()[0], 2),
    }


def _processor() -> str:
    for line in Path("/proc/cpuinfo").read_text("utf-8").splitlines():
        if line.startswith("model name"):
            return line.partition(":")[2].strip()
    return platform.machine()
