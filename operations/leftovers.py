"""Finds and ends what a killed start left running; nothing of anybody else is ever touched."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import psutil

from operations.paths import Paths
from operations.programs import INSTANCE_VARIABLE

#: Servers that overwrite their environment with their title; they are known by where they work.
KNOWN_BY_FOLDER = ("postgres", "redis-server")


def leftovers_find(*, paths: Paths) -> list[psutil.Process]:
    """Processes of this instance, whoever started them; never ourselves and those above us."""
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
            return True
        return process.name() in KNOWN_BY_FOLDER and folder_is_of(Path(process.cwd()), paths=paths)
    except (psutil.NoSuchProcess, psutil.AccessDenied, ProcessLookupError, FileNotFoundError):
        return False


def folder_is_of(folder: Path, *, paths: Paths) -> bool:
    """Whether a folder is this instance's, also where PostgreSQL had to go elsewhere."""
    is_elsewhere = paths.instance in folder.parts and "roost" in folder.parts
    return folder.is_relative_to(paths.var) or is_elsewhere


def leftovers_end(*, paths: Paths, seconds: float = 8) -> int:
    """Ask them to end, then make them. Returns how many there were."""
    processes = leftovers_find(paths=paths)
    for process in _existing(processes):
        process.terminate()
    _, alive = psutil.wait_procs(processes, timeout=seconds)
    for process in _existing(alive):
        process.kill()
    psutil.wait_procs(alive, timeout=3)
    return len(processes)


def _existing(processes: list[psutil.Process]) -> Iterator[psutil.Process]:
    for process in processes:
        if process.is_running():
            yield process
