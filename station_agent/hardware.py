"""What this machine is, for the server's record."""

import platform
from pathlib import Path

import psutil

from message_queue.contracts.base import Scalar

_MODEL = Path("/proc/device-tree/model")


def hardware_read() -> dict[str, Scalar]:
    """Model, processor, memory, kernel and Python."""
    try:
        model = _MODEL.read_text("utf-8", "replace").strip("\x00\n ")
    except OSError:
        model = ""
    facts: dict[str, Scalar] = {
        "machine": platform.machine(),
        "kernel": platform.release()[:128],
        "python": platform.python_version(),
        "cpus": psutil.cpu_count() or 0,
        "memory_bytes": psutil.virtual_memory().total,
    }
    return {"model": model[:128], **facts} if model else facts
