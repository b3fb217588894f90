"""A private RabbitMQ node: its files, its environment, and its health check."""

from __future__ import annotations

import json
import os
import shutil
import socket
import ssl
import string
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

import httpx
import pika
import pika.exceptions

from message_queue import topology
from operations.errors import OperationsError
from operations.paths import REPOSITORY, Paths
from operations.programs import INSTANCE_VARIABLE, Program

SERVER_PATTERNS = (
    "usr/lib/rabbitmq/lib/rabbitmq_server-*/sbin/rabbitmq-server",
    "opt/homebrew/opt/rabbitmq/sbin/rabbitmq-server",
    "usr/local/opt/rabbitmq/sbin/rabbitmq-server",
)

#: RabbitMQ accepts no messages below this much free disk. The 4 GB of a dedicated server would stop it on a shared
#: development machine although nothing is wrong.
DISK_FREE_LIMIT = "1GB"

#: Never connect to other nodes. Let file threads spin for a moment before they sleep: on virtual machines, waking them
#: costs more than their work, and the boot would take 8 s instead of 4 s. Do not wait for a process of 3.10 that idles
#: for 6 s on shutdown: confirmed messages are on disk long before.
ERLANG_ARGUMENTS = "-kernel inet_dist_use_interface {127,0,0,1} +sbwtdio medium -shutdown_time 3000"

#: An empty TLS context for clients that use plain HTTP on loopback: reading the system's certificates takes 30 ms each.
_NO_CERTIFICATES = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)


def server_find() -> Path | None:
    """RabbitMQ's own start script; Debian's wrapper in /usr/sbin changes the user, so it is the last choice."""
    found = sorted(str(path) for pattern in SERVER_PATTERNS for path in Path("/").glob(pattern))
    on_path = shutil.which("rabbitmq-server")
    if not found and on_path:
        found = [str(Path(on_path).resolve())]
    return Path(found[-1]) if found else None


def configuration_render(values: Mapping[str, str]) -> str:
    """broker/rabbitmq.conf.template, filled in."""
    template = string.Template((REPOSITORY / "broker" / "rabbitmq.conf.template").read_text())
    return template.substitute(values)


@dataclass(frozen=True)
class RabbitMQ:
    """One node under var/rabbitmq with its own epmd, so that it never meets another node."""

    paths: Paths
    ports: Mapping[str, int]
    secrets: Mapping[str, str] = field(repr=False)
    bind: str = "127.0.0.1"
    host: str = "127.0.0.1"
    inner_bind: str = "127.0.0.1"

    name = "rabbitmq"

    @property
    def home(self) -> Path:
        """The node's folder."""
        return self.paths.var / "rabbitmq"

    @property
    def management_url(self) -> str:
        """The URL of the management API and page."""
        return f"http://{self.host}:{self.ports['management']}"

    @property
    def users(self) -> dict[str, str]:
        """The server's own broker users and their passwords."""
        return {name: self.secrets[f"broker_{name}"] for name in ("ingest", "commander", "provisioner", "jobs")}

    def broker_url(self, user: str, vhost: str) -> str:
        """A vhost's URL with its user, in the form used by the settings."""
        return f"amqp://{user}:{self.users[user]}@{self.host}:{self.ports['amqp']}/{vhost}"

    def prepare(self) -> None:
        """Write the files the node reads at boot; leave its data unchanged."""
        for folder in (self.home, self.home / "data", self.home / "log", self.home / "conf.d"):
            folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        cookie = self.home / ".erlang.cookie"
        if not cookie.exists():
            cookie.touch(mode=0o600)
            cookie.write_text(os.urandom(24).hex())
            cookie.chmod(0o400)
        self.files_write(self.home, tls=self.paths.tls)

    def files_write(self, folder: Path, *, tls: Path) -> None:
        """Write definitions, plugins and configuration into one folder; it contains passwords."""
        definitions = folder / "definitions.json"
        definitions.touch(mode=0o600)
        definitions.write_text(json.dumps(topology.definitions(self.users), indent=1))
        shutil.copyfile(REPOSITORY / "broker" / "enabled_plugins", folder / "enabled_plugins")
        values = {
            "amqp_listener": f"{self.inner_bind}:{self.ports['amqp']}",
            "amqps_listener": f"{self.bind}:{self.ports['amqps']}",
            "ca_file": str(tls / "ca.pem"),
            "certificate_file": str(tls / "server.pem"),
            "key_file": str(tls / "server.key"),
            "management_address": self.inner_bind,
            "management_port": str(self.ports["management"]),
            "metrics_address": self.inner_bind,
            "metrics_port": str(self.ports["broker_metrics"]),
            "disk_free_limit": DISK_FREE_LIMIT,
            "definitions_file": str(definitions),
        }
        (folder / "rabbitmq.conf").write_text(configuration_render(values))

    def _environment(self) -> dict[str, str]:
        home = self.home
        return {
            INSTANCE_VARIABLE: str(self.paths.var),
            "PATH": os.environ.get("PATH", os.defpath),
            "LANG": "C.UTF-8",
            "HOME": str(home),
            # The same for every instance: its epmd is separate, and the data survives moving var.
            "RABBITMQ_NODENAME": "roost@localhost",
            "RABBITMQ_CONF_ENV_FILE": str(home / "none.conf"),
            "RABBITMQ_CONFIG_FILE": str(home / "rabbitmq.conf"),
            "RABBITMQ_CONFIG_FILES": str(home / "conf.d"),
            "RABBITMQ_ADVANCED_CONFIG_FILE": str(home / "none.config"),
            "RABBITMQ_ENABLED_PLUGINS_FILE": str(home / "enabled_plugins"),
            "RABBITMQ_MNESIA_BASE": str(home / "data"),
            "RABBITMQ_MNESIA_DIR": str(home / "data" / "node"),
            "RABBITMQ_PLUGINS_EXPAND_DIR": str(home / "data" / "plugins"),
            "RABBITMQ_FEATURE_FLAGS_FILE": str(home / "data" / "feature_flags"),
            "RABBITMQ_GENERATED_CONFIG_DIR": str(home / "data" / "generated"),
            "RABBITMQ_LOG_BASE": str(home / "log"),
            "RABBITMQ_LOGS": "-",
            "RABBITMQ_PID_FILE": str(home / "node.pid"),
            "RABBITMQ_DIST_PORT": str(self.ports["distribution"]),
            # Makes the start script exec the node, so that signals reach the node.
            "RUNNING_UNDER_SYSTEMD": "true",
            "RABBITMQ_SERVER_ADDITIONAL_ERL_ARGS": ERLANG_ARGUMENTS,
            "ERL_EPMD_PORT": str(self.ports["epmd"]),
            "ERL_EPMD_ADDRESS": "127.0.0.1",
            "ERL_CRASH_DUMP_SECONDS": "0",
        }

    def programs(self) -> list[Program]:
        """The node and its epmd."""
        server = server_find()
        epmd = shutil.which("epmd")
        if server is None or epmd is None:
            raise OperationsError(
                "RabbitMQ is not installed on this machine: run `./roost up`, which installs it, "
                "or install the package rabbitmq-server."
            )
        environment = self._environment()
        return [
            Program(
                name="epmd",
                command=(epmd, "-port", str(self.ports["epmd"]), "-address", "127.0.0.1"),
                environment=environment,
                directory=self.home,
                group="ground",
            ),
            Program(
                name=self.name,
                command=(str(server),),
                environment=environment,
                directory=self.home,
                group="services",
                stop_seconds=8,
            ),
        ]

    def management(self) -> httpx.Client:
        """A client of the management API, logged in as the user who may change everything."""
        return httpx.Client(
            base_url=self.management_url,
            auth=("provisioner", self.users["provisioner"]),
            timeout=60,
            trust_env=False,
            verify=_NO_CERTIFICATES,
        )

    def definitions_load(self, definitions: Mapping[str, object]) -> None:
        """Add the declared definitions to the running node."""
        with self.management() as client:
            answer = client.post("/api/definitions", json=dict(definitions))
        if answer.is_error:
            raise OperationsError(f"RabbitMQ refused the definitions ({answer.status_code}): {answer.text[:300]}")

    def check(self) -> str | None:
        """None if a persistent message was confirmed and came back, else the problem."""
        try:
            # pika logs seven lines for every refused connection.
            socket.create_connection((self.host, self.ports["amqp"]), timeout=4).close()
            parameters = pika.URLParameters(self.broker_url("jobs", "jobs"))
            parameters.socket_timeout = parameters.stack_timeout = 4
            parameters.blocked_connection_timeout = 4
            with pika.BlockingConnection(parameters) as connection:
                return confirmed_round_trip(connection)
        except pika.exceptions.ProbableAuthenticationError:
            return "refuses the login"
        except (pika.exceptions.AMQPError, OSError) as error:
            return f"does not answer on port {self.ports['amqp']} ({type(error).__name__})"


def confirmed_round_trip(connection: pika.BlockingConnection) -> str | None:
    """Publish one message with confirmation to a separate queue and read it back."""
    channel = connection.channel()
    channel.confirm_delivery()
    queue = channel.queue_declare("", exclusive=True).method.queue
    try:
        channel.basic_publish("", queue, b"roost", properties=pika.BasicProperties(delivery_mode=2), mandatory=True)
    except (pika.exceptions.NackError, pika.exceptions.UnroutableError):
        return "did not confirm a message"
    _, _, body = channel.basic_get(queue, auto_ack=True)
    return None if body == b"roost" else "lost a message it had confirmed"
