"""The station agent as a wheel, built from the running sources, so that stations install what this server knows.

A wheel is an archive of the package with three lists beside it:
https://packaging.python.org/specifications/binary-distribution-format/
The same sources always give the same wheel, so that its hash can be compared.
"""

import base64
import hashlib
import io
import tomllib
import zipfile
from dataclasses import dataclass
from functools import cache
from pathlib import Path

_ROOT = Path(__file__).resolve().parents[3]
_PACKAGES = ("formats", "message_queue", "station_agent")
#: The earliest time that a zip archive can hold.
_MOMENT = (1980, 1, 1, 0, 0, 0)


@dataclass(frozen=True, slots=True)
class Wheel:
    """A wheel's name, content and SHA-256."""

    name: str
    content: bytes
    sha256: str


@cache
def agent_wheel() -> Wheel:
    """The wheel, built once per process."""
    files = {str(path.relative_to(_ROOT)): path.read_bytes() for path in _sources()}
    files["station_agent/LICENSE"] = (_ROOT / "LICENSE").read_bytes()
    info = f"station_agent-{_version()}.dist-info"
    files[f"{info}/METADATA"] = _metadata().encode()
    files[f"{info}/WHEEL"] = b"Wheel-Version: 1.0\nGenerator: roost\nRoot-Is-Purelib: true\nTag: py3-none-any\n"
    files[f"{info}/entry_points.txt"] = _entry_points().encode()
    lines = [f"{name},sha256={_digest(content)},{len(content)}" for name, content in files.items()]
    files[f"{info}/RECORD"] = "\n".join([*lines, f"{info}/RECORD,,", ""]).encode()
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in files.items():
            entry = zipfile.ZipInfo(name, _MOMENT)
            entry.compress_type, entry.external_attr = zipfile.ZIP_DEFLATED, 0o644 << 16
            archive.writestr(entry, content)
    content = packed.getvalue()
    return Wheel(f"station_agent-{_version()}-py3-none-any.whl", content, hashlib.sha256(content).hexdigest())


def _sources() -> list[Path]:
    found = [path for package in _PACKAGES for path in (_ROOT / package).rglob("*") if path.is_file()]
    return sorted(path for path in found if path.suffix != ".pyc" and path.name != "pyproject.toml")


def _digest(content: bytes) -> str:
    return base64.urlsafe_b64encode(hashlib.sha256(content).digest()).rstrip(b"=").decode()


def _project() -> dict[str, object]:
    project: dict[str, object] = tomllib.loads((_ROOT / "station_agent" / "pyproject.toml").read_text())["project"]
    return project


@cache
def _version() -> str:
    """The version in the agent's own file, read as text: the site does not import station code."""
    text = (_ROOT / "station_agent" / "__init__.py").read_text()
    return text.partition('__version__ = "')[2].partition('"')[0]


def _metadata() -> str:
    project = _project()
    lines = ["Metadata-Version: 2.3", f"Name: {project['name']}", f"Version: {_version()}"]
    lines += [f"Summary: {project['description']}", f"License: {project['license']}"]
    lines += [f"Requires-Python: {project['requires-python']}"]
    needed, more = project["dependencies"], project["optional-dependencies"]
    if isinstance(needed, list):
        lines += [f"Requires-Dist: {each}" for each in needed]
    for extra, wanted in more.items() if isinstance(more, dict) else ():
        lines += [f"Provides-Extra: {extra}", *(f"Requires-Dist: {each}; extra == '{extra}'" for each in wanted)]
    return "\n".join([*lines, "", ""])


def _entry_points() -> str:
    scripts = _project()["scripts"]
    lines = [f"{name} = {target}" for name, target in scripts.items()] if isinstance(scripts, dict) else []
    return "\n".join(["[console_scripts]", *lines, ""])
