"""How good the station's clock is, from chrony or systemd, as a Sensorgnome clock code with an error in seconds."""

import shutil
import subprocess

from message_queue.contracts.health import Clock

_SECONDS = 3.0
#: Largest error of each code, best first; P stands for a clock that is not synchronised.
_CODES = ((1e-6, "T"), (1e-5, "U"), (1e-4, "V"), (1e-3, "W"), (1e-2, "X"), (0.1, "Y"), (1.0, "Z"))
_CHRONY_FIELDS = 14


def clock_read() -> Clock | None:
    """The system's clock quality, or None if nothing knows it."""
    return _chrony() or _systemd()


def _chrony() -> Clock | None:
    fields = _answer("chronyc", "-c", "tracking").split(",")
    if len(fields) != _CHRONY_FIELDS:
        return None
    try:
        # chrony's own bound: |offset| + dispersion + half the delay.
        error = abs(float(fields[4])) + float(fields[11]) + float(fields[10]) / 2
    except ValueError:
        return None
    if fields[13] == "Not synchronised":
        return Clock(code="P", source="chrony")
    return Clock(code=code_of(error), source=f"chrony {fields[1]}"[:200], error_s=error)


def _systemd() -> Clock | None:
    answer = _answer("timedatectl", "show", "--property=NTPSynchronized", "--value").strip()
    if answer not in ("yes", "no"):
        return None
    return Clock(code="Z" if answer == "yes" else "P", source="systemd")


def code_of(error: float) -> str:
    """The clock code for an error in seconds."""
    return next((code for most, code in _CODES if error <= most), "P")


def _answer(*command: str) -> str:
    """A program's output, or nothing if it is missing, fails, or takes too long."""
    if shutil.which(command[0]) is None:
        return ""
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=_SECONDS, check=False)
    except (OSError, subprocess.SubprocessError):
        return ""
    return done.stdout if done.returncode == 0 else ""
