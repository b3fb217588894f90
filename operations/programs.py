"""Everything needed to run one program: its command, environment, user and how to stop it."""

from __future__ import annotations

import signal
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

#: Every program of an instance carries this in its environment, so the leftovers of a killed start can be told from
#: other people's programs.
INSTANCE_VARIABLE = "ROOST_INSTANCE"


@dataclass(frozen=True)
class Program:
    """One process to run; `group` says which ones are stopped together, the highest first."""

    name: str
    command: tuple[str, ...]
    environment: Mapping[str, str] = field(repr=False)
    directory: Path
    group: str = "roost"
    user: str | None = None
    stop_signal: signal.Signals = signal.SIGTERM
    stop_seconds: int = 6


#: Group -> start order; stopping goes in reverse.
GROUPS = {"ground": 10, "services": 20, "roost": 30}
