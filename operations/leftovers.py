"""Finding and stopping processes left behind when a start was killed. Other people's processes are never touched."""

from __future__ import annotations

import contextlib
import os
import signal
from pathlib import Path

import psutil

from operations.paths import Paths
from operations.programs import INSTANCE_VARIABLE
from operations.services.postgres import ELSEWHERE

#: Servers that overwrite their environment with their title; they are recognised by their working folder.
KNOWN_BY_FOLDER = ("postgres", "redis-server")
PROC = Path("/proc")


def leftovers_find(*, paths: Paths) -> list[psutil.Process]:
    """Processes of this instance, whoever started them; never this process and its ancestors."""
    above_us = {os.getpid(), *(process.pid for process in psutil.Process().parents())}
    return [
        process
        for process in psutil.process_iter()
        if process.pid not in above_us and process_is_of(process, paths=paths)
    ]


def process_is_of(process: psutil.Process, *, paths: Paths) -> bool:
    """Whether a process carries the mark of this instance, or is a server working in its folder."""
    try:
        if process.status() == psutil.STATUS_ZOMBIE:
            return False
        if process.environ().get(INSTANCE_VARIABLE) == str(paths.var):
            return sees_our_var(process.pid, paths=paths)
        return process.name() in KNOWN_BY_FOLDER and folder_is_of(Path(process.cwd()), paths=paths)
    except (psutil.NoSuchProcess, psutil.AccessDenied, ProcessLookupError, FileNotFoundError, PermissionError):
        return False


def sees_our_var(pid: int, *, paths: Paths) -> bool:
    """Whether our folder's path is the same folder for that process. In a container or a chroot it is not."""
    if not PROC.exists():
        return True
    root = PROC / str(pid) / "root"
    theirs = root / paths.var.relative_to("/")
    if theirs.exists() and paths.var.exists():
        return theirs.samefile(paths.var)
    return root.samefile("/")


def folder_is_of(folder: Path, *, paths: Paths) -> bool:
    """Whether a server's working folder belongs to this instance, and not to another whose var is inside ours."""
    # The kernel appends " (deleted)" to the path of a deleted folder.
    folder = Path(str(folder).removesuffix(" (deleted)"))
    # Include the folder to which PostgreSQL's data may have had to move.
    homes = (paths.var / "redis", paths.var / "postgres", ELSEWHERE / paths.instance)
    return folder in homes or (folder.name == "data" and folder.parent in homes)


def leftovers_end(*, paths: Paths, seconds: float = 8) -> int:
    """Terminate leftover processes, and kill those still alive after `seconds`. Return how many there were."""
    processes = leftovers_find(paths=paths)
    for process in processes:
        _signal(process, signal.SIGTERM)
    _, alive = psutil.wait_procs(processes, timeout=seconds)
    for process in alive:
        _signal(process, signal.SIGKILL)
    psutil.wait_procs(alive, timeout=3)
    return len(processes)


def _signal(process: psutil.Process, number: signal.Signals) -> None:
    # A server's children end with it, possibly between the check and the signal.
    with contextlib.suppress(psutil.NoSuchProcess):
        process.send_signal(number)
