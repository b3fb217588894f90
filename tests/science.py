"""An environment with the libraries with which scientists open data packages, and a way to run programs in it."""

import subprocess
import sys
from pathlib import Path

from operations.paths import REPOSITORY

_LISTED = REPOSITORY / "requirements" / "science.txt"
EXAMPLES = REPOSITORY / "docs" / "examples"


def science_install(folder: Path) -> Path:
    """Install the environment below a folder; return its interpreter."""
    uv = [sys.executable, "-m", "uv"]
    said([*uv, "venv", "--quiet", "--python", sys.executable, str(folder)])
    python = folder / "bin" / "python"
    said([*uv, "pip", "install", "--quiet", "--require-hashes", "--python", str(python), "--requirement", str(_LISTED)])
    return python


def said(command: list[str], *, folder: Path | None = None) -> str:
    """Run a program, which must succeed; return what it printed."""
    done = subprocess.run(
        command, cwd=folder, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, timeout=300, check=False
    )
    assert done.returncode == 0, done.stdout
    return done.stdout
