"""One Roost on this machine: its paths, ports, secrets and the three services that fit them."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass, field

from operations.paths import Paths
from operations.ports import ports_read
from operations.secret_files import secrets_read
from operations.services.postgres import Postgres
from operations.services.rabbitmq import RabbitMQ
from operations.services.redis import Redis


@dataclass(frozen=True)
class Instance:
    """Everything that is fixed before the first process starts."""

    paths: Paths
    ports: Mapping[str, int]
    secrets: Mapping[str, str] = field(repr=False)
    bind: str = "127.0.0.1"

    @classmethod
    def load(cls, paths: Paths | None = None) -> Instance:
        """From the var directory; ports and secrets are made where they are missing."""
        paths = paths or Paths.from_environment()
        paths.create()
        return cls(
            paths=paths,
            ports=ports_read(paths=paths),
            secrets=secrets_read(folder=paths.secrets),
            bind=bind_from_environment(),
        )

    @property
    def rabbitmq(self) -> RabbitMQ:
        """The message broker."""
        return RabbitMQ(self.paths, self.ports, self.secrets, self.bind)

    @property
    def postgres(self) -> Postgres:
        """The database."""
        return Postgres(self.paths, self.ports, self.secrets)

    @property
    def redis(self) -> Redis:
        """The cache and the live channel."""
        return Redis(self.paths, self.ports, self.secrets)


def bind_from_environment() -> str:
    """The address on which site and stations' broker listen: the loopback unless ROOST_BIND opens it."""
    return os.environ.get("ROOST_BIND") or "127.0.0.1"
