"""One Roost: its paths, ports, secrets and three services, on this machine or in containers."""

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

LOOPBACK = "127.0.0.1"
EVERYWHERE = "0.0.0.0"  # noqa: S104 - inside a container; what is shown outside, docker-compose.yml says

#: Set in the image: every service is a separate container, reached by name at its usual port.
CONTAINER_VARIABLE = "ROOST_IN_CONTAINER"
#: Set in the image: the folder with the files that the container's health check reads.
SIGNS_VARIABLE = "ROOST_SIGNS"
CONTAINER_PORTS = {
    "site": 8000,
    "live": 8001,
    "amqp": 5672,
    "amqps": 5671,
    "management": 15672,
    "broker_metrics": 15692,
    "epmd": 4369,
    "distribution": 25672,
    "postgres": 5432,
    "redis": 6379,
    "flower": 5555,
    "smtp": 2525,
    "mail": 8025,
    "motus": 8099,
}


@dataclass(frozen=True)
class Instance:
    """Everything that is fixed before the first process starts."""

    paths: Paths
    ports: Mapping[str, int]
    secrets: Mapping[str, str] = field(repr=False)
    #: Address of the stations' broker, with TLS.
    bind: str = LOOPBACK
    #: Address of the site and the live process, in plain HTTP.
    site_bind: str = LOOPBACK
    #: Address of everything else.
    inner_bind: str = LOOPBACK
    in_container: bool = False

    @classmethod
    def load(cls, paths: Paths | None = None) -> Instance:
        """Load the instance from the var directory; create missing ports and secrets."""
        paths = paths or Paths.from_environment()
        if os.environ.get(CONTAINER_VARIABLE):
            secrets = secrets_read(folder=paths.secrets)
            return cls(paths, CONTAINER_PORTS, secrets, EVERYWHERE, EVERYWHERE, EVERYWHERE, in_container=True)
        paths.create()
        ports = ports_read(paths=paths)
        secrets = secrets_read(folder=paths.secrets)
        return cls(paths, ports, secrets, bind_from_environment(), site_bind_from_environment())

    def host(self, name: str) -> str:
        """The host at which a service or process is reached."""
        return name if self.in_container else LOOPBACK

    @property
    def rabbitmq(self) -> RabbitMQ:
        """The message broker."""
        return RabbitMQ(self.paths, self.ports, self.secrets, self.bind, self.host("rabbitmq"), self.inner_bind)

    @property
    def postgres(self) -> Postgres:
        """The database."""
        return Postgres(self.paths, self.ports, self.secrets, self.host("postgres"))

    @property
    def redis(self) -> Redis:
        """The cache and the live channel."""
        return Redis(self.paths, self.ports, self.secrets, self.host("redis"), self.inner_bind)


def bind_from_environment() -> str:
    """The address on which the stations' broker listens: the loopback unless ROOST_BIND opens it."""
    return os.environ.get("ROOST_BIND") or LOOPBACK


def site_bind_from_environment() -> str:
    """The address on which site and live process listen.

    It has its own setting, because the site uses plain HTTP, and passwords would cross the network unencrypted.
    """
    return os.environ.get("ROOST_BIND_SITE") or LOOPBACK
