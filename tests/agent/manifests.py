"""The source of manifests, polled by the test, and the files that the server would know from its messages."""

import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from agent.messages_of import outbox_messages

from message_queue.contracts.manifest import Manifest, ToldFile
from station_agent.sources import sources_make
from station_agent.sources.files import FilesSource


def source_of(station: Any) -> FilesSource:
    """The station's source of manifests."""
    made: Any = sources_make(station)["files"]
    return made


def settle(source: FilesSource) -> None:
    """Poll until every file is found, hashed and reported."""
    source._look_at = source._tell_at = 0.0
    for _ in range(100_000):
        source.poll()
        is_through = not (source._queue or source._is_more or source._hashing)
        if source._steps is None and is_through and source._is_walked:
            source._tell_at = 0.0
            source.poll()
            while source._is_telling:
                source.poll()
            return
    raise AssertionError("the source never comes to rest")


def manifests(station: Any) -> Iterator[Manifest]:
    return (body for kind, body in outbox_messages(station.outbox) if kind == "manifest")


def known(bodies: Iterator[Manifest]) -> dict[str, ToldFile]:
    """The files that a server knows after these messages, by path."""
    files: dict[str, ToldFile] = {}
    listed: set[str] = set()
    listing = 0
    for body in bodies:
        if body.listing != listing:
            listing, listed = body.listing, set()
        for file in body.files:
            listed.add(file.path)
            if file.is_gone:
                files.pop(file.path, None)
            elif not file.is_growing:
                files[file.path] = file
        if body.is_listed:
            files = {path: file for path, file in files.items() if path in listed}
    return files


def age(path: Path, seconds: float = 100_000.0) -> Path:
    """Make a file look as if it had not changed for a while; return its path."""
    before = path.stat().st_mtime - seconds
    os.utime(path, (before, before))
    return path
