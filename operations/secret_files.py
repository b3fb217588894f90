"""Random secrets, each in a file that only its owner can read."""

from __future__ import annotations

import contextlib
import os
import secrets
import tempfile
from pathlib import Path

NAMES = (
    "secret_key",
    "postgres_superuser",
    "postgres_site",
    "postgres_worker",
    "redis",
    "broker_ingest",
    "broker_commander",
    "broker_provisioner",
    "broker_jobs",
    "flower",
    "admin_password",
)


def secret_read(*, folder: Path, name: str) -> str:
    """The secret of that name; created on first use."""
    path = folder / name
    if not path.exists():
        # Link the complete file into place: two simultaneous starts then use the same secret, the first one's.
        descriptor, scratch = tempfile.mkstemp(dir=folder)
        with os.fdopen(descriptor, "w") as file:
            file.write(secrets.token_urlsafe(32) + "\n")
        with contextlib.suppress(FileExistsError):
            os.link(scratch, path)
        Path(scratch).unlink()
    return path.read_text().strip()


def secrets_read(*, folder: Path) -> dict[str, str]:
    """All secrets of an instance by name."""
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    return {name: secret_read(folder=folder, name=name) for name in NAMES}
