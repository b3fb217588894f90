"""Memory, disk, processor and temperature of the machine, read from Linux directly.

psutil would do this, but small boards have neither a wheel of it nor a compiler.
"""

import os
import shutil
from pathlib import Path
from typing import NamedTuple

_PROC = Path("/proc")


class HostMemory(NamedTuple):
    """In bytes; `percent` is the share in use."""

    total: int
    available: int
    percent: float


class Disk(NamedTuple):
    """In bytes; `percent` is the share in use of the space users may use."""

    total: int
    used: int
    free: int
    percent: float


class Processor:
    """Processor use between one call and the next."""

    def __init__(self) -> None:
        self._before = _times()

    def percent(self) -> float:
        """Percent of the time since the last call in which it was busy."""
        busy, total = _times()
        spent, passed = busy - self._before[0], total - self._before[1]
        self._before = (busy, total)
        return round(100 * min(max(spent / passed, 0.0), 1.0), 1) if passed > 0 else 0.0


def _times() -> tuple[float, float]:
    """Busy and total processor ticks since boot; both are 0 if the system does not say."""
    try:
        fields = [float(each) for each in (_PROC / "stat").read_text("ascii").splitlines()[0].split()[1:9]]
    except (OSError, ValueError, IndexError):
        return 0.0, 0.0
    # user nice system idle iowait irq softirq steal
    return sum(fields) - sum(fields[3:5]), sum(fields)


def memory_read() -> HostMemory:
    """Total and available memory."""
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
    return HostMemory(total, available, round(100 * (total - available) / total, 1) if total else 0.0)


def disk_read(folder: str) -> Disk:
    """The disk of a folder. Raises OSError if the folder does not exist."""
    known = shutil.disk_usage(folder)
    usable = known.used + known.free
    return Disk(known.total, known.used, known.free, round(100 * known.used / usable, 1) if usable else 0.0)


def processors_count() -> int:
    """Number of processors; 0 if unknown."""
    return os.cpu_count() or 0


def process_exists(number: int) -> bool:
    """Whether a process with this id runs."""
    return (_PROC / str(number)).exists()


def temperature_read(thermal: Path) -> float | None:
    """The processor's temperature in degrees Celsius."""
    try:
        return round(int(thermal.read_text("ascii")) / 1000, 1)
    except (OSError, ValueError):
        return _sensor()


def _sensor() -> float | None:
    """The first processor sensor listed by the kernel's hardware monitors."""
    try:
        for folder in sorted(Path("/sys/class/hwmon").iterdir()):
            if any(word in (folder / "name").read_text("ascii") for word in ("cpu", "core", "k10temp")):
                return round(int((folder / "temp1_input").read_text("ascii")) / 1000, 1)
    except (OSError, ValueError):
        return None
    return None
