"""A private Redis for the cache and the live channel: nothing in it has to survive a restart."""

from __future__ import annotations

import os
import shutil
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

import redis

from operations.errors import OperationsError
from operations.paths import Paths
from operations.programs import INSTANCE_VARIABLE, Program

CONFIGURATION = """\
bind {bind}
protected-mode yes
port {port}
dir "{home}"
requirepass {password}
save ""
appendonly no
maxmemory 256mb
maxmemory-policy allkeys-lru
set-proc-title no
"""


def server_find() -> Path | None:
    """The Redis (or Valkey) server installed on this machine."""
    found = shutil.which("redis-server") or shutil.which("valkey-server")
    return Path(found) if found else None


@dataclass(frozen=True)
class Redis:
    """One server under var/redis, behind a password."""

    paths: Paths
    ports: Mapping[str, int]
    secrets: Mapping[str, str] = field(repr=False)
    host: str = "127.0.0.1"
    inner_bind: str = "127.0.0.1"

    name = "redis"

    @property
    def home(self) -> Path:
        """The server's folder."""
        return self.paths.var / "redis"

    def url(self, database: int = 0) -> str:
        """A database's URL, in the form used by the settings."""
        return f"redis://:{self.secrets['redis']}@{self.host}:{self.ports['redis']}/{database}"

    def prepare(self) -> None:
        """Write the configuration."""
        self.home.mkdir(mode=0o700, parents=True, exist_ok=True)
        configuration = self.home / "redis.conf"
        configuration.touch(mode=0o600)
        configuration.write_text(self.configuration(home=self.home))

    def configuration(self, *, home: Path) -> str:
        """The server's configuration, with its data in that folder."""
        return CONFIGURATION.format(
            bind=self.inner_bind, port=self.ports["redis"], home=home, password=self.secrets["redis"]
        )

    def programs(self) -> list[Program]:
        """The server."""
        server = server_find()
        if server is None:
            raise OperationsError(
                "Redis is not installed on this machine: run `./roost up`, which installs it, "
                "or install the package redis-server."
            )
        environment = {
            INSTANCE_VARIABLE: str(self.paths.var),
            "PATH": os.environ.get("PATH", os.defpath),
            "LANG": "C.UTF-8",
        }
        return [
            Program(
                name=self.name,
                command=(str(server), str(self.home / "redis.conf")),
                environment=environment,
                directory=self.home,
                group="services",
            )
        ]

    def check(self) -> str | None:
        """None if it answers a PING, else the problem."""
        try:
            with redis.Redis.from_url(self.url(), socket_timeout=3, socket_connect_timeout=3) as client:
                client.ping()
        except (redis.RedisError, OSError) as error:
            return f"does not answer on port {self.ports['redis']} ({type(error).__name__})"
        return None
