"""What it takes to run one program: its command, environment, user and how it is ended."""

from __future__ import annotations

import signal
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

#: Every program that an instance starts carries this in its environment: so what is left of a
#: start that was killed can be told from everybody else's programs.
INSTANCE_VARIABLE = "ROOST_INSTANCE"


@dataclass(frozen=True)
class Program:
    """One process to run; `group` says which ones are ended together, the highest first."""

    name: str
    command: tuple[str, ...]
    environment: Mapping[str, str] = field(repr=False)
    directory: Path
    group: str = "roost"
    user: str | None = None
    stop_signal: signal.Signals = signal.SIGTERM
    stop_seconds: int = 6


#: Group -> order of start; the end goes the other way round.
GROUPS = {"ground": 10, "services": 20, "roost": 30}
