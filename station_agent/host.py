"""What the agent asks the machine, where Linux says it: memory, disk, processor, temperature.

psutil would do, but small boards have no wheel of it and no compiler.
"""

import os
import shutil
from pathlib import Path
from typing import NamedTuple

_PROC = Path("/proc")


class Memory(NamedTuple):
    """In bytes; `percent` is what is in use."""

    total: int
    available: int
    percent: float


class Disk(NamedTuple):
    """In bytes; `percent` is what is in use of what a user may use."""

    total: int
    used: int
    free: int
    percent: float


class Processor:
    """Its use between one question and the next."""

    def __init__(self) -> None:
        self._before = _times()

    def percent(self) -> float:
        """Percent of the time since the last question in which it worked."""
        busy, total = _times()
        spent, passed = busy - self._before[0], total - self._before[1]
        self._before = (busy, total)
        return round(100 * min(max(spent / passed, 0.0), 1.0), 1) if passed > 0 else 0.0


def _times() -> tuple[float, float]:
    """Ticks in which a processor worked, and all, since the start. Neither where the system does not say it."""
    try:
        fields = [float(each) for each in (_PROC / "stat").read_text("ascii").splitlines()[0].split()[1:9]]
    except (OSError, ValueError, IndexError):
        return 0.0, 0.0
    # user nice system idle iowait irq softirq steal
    return sum(fields) - sum(fields[3:5]), sum(fields)


def memory_read() -> Memory:
    """How much there is, and how much of it is free to be used."""
    figures: dict[str, int] = {}
    try:
        lines = (_PROC / "meminfo").read_text("ascii").splitlines()
    except OSError:
        lines = []
    for line in lines:
        name, _, value = line.partition(":")
        figures[name] = int(value.split()[0]) * 1024 if value.split() else 0
    total = figures.get("MemTotal", 0)
    available = figures.get("MemAvailable", figures.get("MemFree", 0))
    return Memory(total, available, round(100 * (total - available) / total, 1) if total else 0.0)


def disk_read(folder: str) -> Disk:
    """The disk of a folder. Raises OSError where there is none."""
    known = shutil.disk_usage(folder)
    usable = known.used + known.free
    return Disk(known.total, known.used, known.free, round(100 * known.used / usable, 1) if usable else 0.0)


def processors_count() -> int:
    """How many there are; 0 where unknown."""
    return os.cpu_count() or 0


def process_exists(number: int) -> bool:
    """Whether a process of this number runs."""
    return (_PROC / str(number)).exists()


def temperature_read(thermal: Path) -> float | None:
    """Degrees Celsius of the processor."""
    try:
        return round(int(thermal.read_text("ascii")) / 1000, 1)
    except (OSError, ValueError):
        return _sensor()


def _sensor() -> float | None:
    """The first sensor of a processor that the kernel's hardware monitors name."""
    try:
        for folder in sorted(Path("/sys/class/hwmon").iterdir()):
            if any(word in (folder / "name").read_text("ascii") for word in ("cpu", "core", "k10temp")):
                return round(int((folder / "temp1_input").read_text("ascii")) / 1000, 1)
    except (OSError, ValueError):
        return None
    return None
