"""The files and folders of one Roost instance, under its var directory."""

from __future__ import annotations

import hashlib
import os
import tempfile
from dataclasses import dataclass
from pathlib import Path

REPOSITORY = Path(__file__).resolve().parent.parent
#: Roost's Python packages, without the tests.
PACKAGES = (
    "fleet",
    "formats",
    "message_queue",
    "operations",
    "rest_api",
    "sg_status",
    "station_agent",
    "web",
    "workers",
)
TEMPLATES = ("sg_status/templates", "web/templates")

# The kernel refuses a unix socket whose path is longer than 107 bytes.
LONGEST_SOCKET_PATH = 100


@dataclass(frozen=True)
class Paths:
    """The files and folders of one instance; two instances never share a var directory."""

    var: Path

    @classmethod
    def from_environment(cls) -> Paths:
        """The folder that ROOST_VAR names, else `var` in the repository."""
        return cls(Path(os.environ.get("ROOST_VAR") or REPOSITORY / "var").resolve())

    @property
    def run(self) -> Path:
        """Files that are needed only while Roost runs: sockets, locks, ports, generated configuration."""
        return self.var / "run"

    @property
    def logs(self) -> Path:
        """One file per service."""
        return self.var / "logs"

    @property
    def secrets(self) -> Path:
        """One file per secret."""
        return self.var / "secrets"

    @property
    def tls(self) -> Path:
        """The certificate authority and the certificates it signed."""
        return self.var / "tls"

    @property
    def mail(self) -> Path:
        """Mails stored by the local catcher."""
        return self.var / "mail"

    @property
    def static(self) -> Path:
        """Static files served by the site."""
        return self.var / "static"

    @property
    def files(self) -> Path:
        """Files uploaded by stations and people."""
        return self.var / "files"

    @property
    def ports_file(self) -> Path:
        """The remembered ports."""
        return self.run / "ports.json"

    @property
    def up_lock(self) -> Path:
        """Lock file, held by an `up` that is starting or stays in the foreground."""
        return self.run / "up.lock"

    @property
    def instance(self) -> str:
        """A short name that differs between two var directories on one machine."""
        return hashlib.sha256(str(self.var).encode()).hexdigest()[:12]

    def socket(self, name: str) -> Path:
        """The path of a unix socket, moved to the temporary directory if var's path is too long."""
        path = self.run / name
        if len(str(path).encode()) <= LONGEST_SOCKET_PATH:
            return path
        folder = Path(tempfile.gettempdir()) / f"roost-{os.getuid()}-{self.instance}"
        folder.mkdir(mode=0o700, exist_ok=True)
        return folder / name

    def create(self) -> None:
        """Create the folders; those with secrets are readable by their owner only."""
        self.var.mkdir(parents=True, exist_ok=True)
        for folder in (self.run, self.secrets, self.tls, self.mail, self.logs):
            folder.mkdir(mode=0o700, exist_ok=True)
            folder.chmod(0o700)
        for log in self.logs.glob("*.log*"):
            log.chmod(0o600)
        for folder in (self.static, self.files):
            folder.mkdir(exist_ok=True)
