"""Three RabbitMQ nodes on the loopback in one cluster, behind proxies at the ports that an instance knows."""

import json
import os
import shutil
import signal
import subprocess
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Self

from faults.road import Road
from waiting import PATIENCE_S

from operations.certificates import certificates_ensure
from operations.ports import port_pick
from operations.programs import Program
from operations.services.rabbitmq import RabbitMQ
from operations.stack import RunningService, Stack, StopMode

NUMBERS = (1, 2, 3)
#: Ports that each node has for itself; the other ports are the instance's.
OWN_PORTS = ("amqp", "amqps", "management", "broker_metrics", "distribution")
#: Ports that are reached through a proxy to a node that answers.
DOORS = ("amqp", "amqps", "management")
DISCOVERY = "cluster_formation.peer_discovery_backend = classic_config\n" + "".join(
    f"cluster_formation.classic_config.nodes.{number} = roost{number}@localhost\n" for number in NUMBERS
)
#: Statistics every second instead of every five, so that tests need not wait.
QUICK_FIGURES = "collect_statistics_interval = 1000\n"
QUICK_TICKS = "[{rabbit, [{quorum_tick_interval, 1000}]}].\n"


@dataclass(frozen=True)
class Node(RabbitMQ):
    """One of the three nodes; the definitions are loaded once into the whole cluster, not by each node."""

    number: int = 1
    cookie: str = field(default="", repr=False)

    @property
    def name(self) -> str:  # type: ignore[override]
        """Name of its program and folder."""
        return f"rabbitmq{self.number}"

    @property
    def home(self) -> Path:
        """Its folder."""
        return self.paths.var / self.name

    @property
    def erlang_name(self) -> str:
        """Its name in the cluster."""
        return f"roost{self.number}@localhost"

    def prepare(self) -> None:
        """Prepare as for any node, with the cluster's cookie and the names of all nodes."""
        (self.home / "conf.d").mkdir(mode=0o700, parents=True, exist_ok=True)
        (self.home / "conf.d" / "cluster.conf").write_text(DISCOVERY + QUICK_FIGURES)
        (self.home / "none.config").write_text(QUICK_TICKS)
        cookie = self.home / ".erlang.cookie"
        if not cookie.exists():
            cookie.write_text(self.cookie)
            cookie.chmod(0o400)
        super().prepare()

    def files_write(self, folder: Path, *, tls: Path) -> None:
        """Write the files of any node, but without definitions: a node with its own would create queues before it has
        met the others.
        """
        super().files_write(folder, tls=tls)
        configuration = folder / "rabbitmq.conf"
        lines = configuration.read_text().splitlines()
        configuration.write_text("\n".join(line for line in lines if not line.startswith("load_definitions")) + "\n")

    def programs(self) -> list[Program]:
        """Only the first node starts the epmd that all share."""
        programs = super().programs()
        return programs if self.number == NUMBERS[0] else programs[1:]

    def _environment(self) -> dict[str, str]:
        return super()._environment() | {"RABBITMQ_NODENAME": self.erlang_name}


class Cluster:
    """The nodes as one service: started, stopped and killed together or one by one."""

    def __init__(self, nodes: list[Node], logs: Path) -> None:
        self.nodes = {node.number: node for node in nodes}
        self.running = {node.number: RunningService(node, logs) for node in nodes}

    @property
    def tool(self) -> str:
        """Path of `rabbitmqctl`."""
        server = self.nodes[1].programs()[-1].command[0]
        return str(Path(server).with_name("rabbitmqctl"))

    def control(self, number: int, *words: str) -> str:
        """Run `rabbitmqctl` for one node."""
        node = self.nodes[number]
        done = subprocess.run(
            [self.tool, "-n", node.erlang_name, *words],
            env=dict(node.programs()[-1].environment),
            capture_output=True,
            text=True,
            timeout=PATIENCE_S,
            check=False,
        )
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout

    def begin(self, definitions: Path) -> None:
        """Start all nodes for the first time, because on 4.x each waits for the others; then load the definitions."""
        self.launch()
        deadline, missing = time.monotonic() + 120, set(NUMBERS)
        while missing:
            assert time.monotonic() < deadline, f"nodes {missing} do not start"
            for number in sorted(missing):
                # Of three nodes that start at once, one with 3.10 sometimes ends; start it again, as a supervisor does.
                if self.running[number].has_ended:
                    self.running[number].launch()
                elif self._answers(number):
                    missing.discard(number)
            time.sleep(0.2)
        running = json.loads(self.control(1, "cluster_status", "--formatter", "json"))["running_nodes"]
        assert len(running) == len(NUMBERS), f"the nodes did not become one cluster: {running}"
        self.control(1, "import_definitions", str(definitions))
        # RabbitMQ 3.10.8 saves the name of a new quorum queue half a second late: if killed before, it has no leader.
        self.wait()
        time.sleep(1.0)

    def _answers(self, number: int) -> bool:
        node = self.nodes[number]
        if not (node.home / "node.pid").exists():
            return False
        done = subprocess.run(
            [self.tool, "-n", node.erlang_name, "await_startup", "--timeout", "10"],
            env=dict(node.programs()[-1].environment),
            capture_output=True,
            timeout=PATIENCE_S,
            check=False,
        )
        return done.returncode == 0

    def launch(self) -> None:
        """Start the nodes that are not running."""
        for service in self.running.values():
            service.launch()

    def wait(self, seconds: float = 90) -> None:
        """Wait until every node answers. A node that ended is started again, as a supervisor does: of three that start
        at once, RabbitMQ 3.10.8 sometimes asks another for features that it has not read yet, and ends.
        """
        deadline = time.monotonic() + seconds
        while wrong := [word for service in self.running.values() if (word := service.check())]:
            assert time.monotonic() < deadline, wrong
            for service in self.running.values():
                if service.has_ended:
                    service.launch()
            time.sleep(0.2)

    def start(self, seconds: float = 90) -> None:
        """Start the nodes that are not running, and wait for them."""
        self.launch()
        self.wait(seconds)

    def stop(self, mode: StopMode = "fast") -> None:
        """Stop all nodes; the first, which has the epmd, last."""
        for service in reversed(self.running.values()):
            service.stop(mode)

    def kill(self) -> None:
        """Kill all three at once."""
        for service in self.running.values():
            os.kill(service.pid, signal.SIGKILL)
        for service in self.running.values():
            service.kill()

    def partition(self, minority: int) -> None:
        """Cut one node off from the two others in one step: different cookies prevent them from reconnecting."""
        others = [node.erlang_name for number, node in self.nodes.items() if number != minority]
        here = f"'{self.nodes[minority].erlang_name}'"
        names = ", ".join(f"'{name}'" for name in others)
        self.control(
            minority,
            "eval",
            f"Others = [{names}], [rpc:call(O, erlang, set_cookie, [{here}, bad2]) || O <- Others], "
            "[erlang:set_cookie(O, bad1) || O <- Others], [erlang:disconnect_node(O) || O <- Others].",
        )

    def heal(self, minority: int) -> None:
        """Reconnect it to both others in one step: with only one of them it would form a majority, start without the
        third, and disagree with it permanently. Nodes without partition handling do not look for each other.
        """
        node = self.nodes[minority]
        first = next(number for number in NUMBERS if number != minority)
        others = ", ".join(f"'{other.erlang_name}'" for number, other in self.nodes.items() if number != minority)
        here = f"'{node.erlang_name}', '{node.cookie}'"
        self.control(first, "eval", f"[rpc:call(O, erlang, set_cookie, [{here}]) || O <- [{others}]].")
        self.control(
            minority,
            "eval",
            f"Others = [{others}], [erlang:set_cookie(O, '{node.cookie}') || O <- Others], [net_adm:ping(O) || O <- Others].",
        )


class ClusterStack(Stack):
    """The services of one var directory with three brokers instead of one."""

    def __init__(self, var: Path) -> None:
        super().__init__(var)
        cookie, taken = os.urandom(24).hex(), set(self.ports.values())
        nodes = []
        for number in NUMBERS:
            own = {}
            for name in OWN_PORTS:
                own[name] = port_pick(taken=taken)
                taken.add(own[name])
            ports: Mapping[str, int] = {**self.ports, **own}
            nodes.append(Node(self.paths, ports, self.broker.secrets, number=number, cookie=cookie))
        self.cluster = Cluster(nodes, self.paths.logs)
        self.rabbitmq: Any = self.cluster
        self.broker = nodes[0]
        self.doors: list[Road] = []

    def start(self) -> Self:
        """Start everything; the cluster is formed and has Roost's topology."""
        certificates_ensure(folder=self.paths.tls, hosts=())
        self.redis.launch()
        self.postgres.launch()
        definitions = self.paths.var / "cluster.json"
        shutil.copyfile(self._definitions(), definitions)
        self.cluster.begin(definitions)
        self.redis.wait()
        self.postgres.wait()
        self.database.roles_apply()
        for name in DOORS:
            targets = [node.ports[name] for node in self.cluster.nodes.values()]
            self.doors.append(Road(*targets, port=self.ports[name]))
        return self

    def _definitions(self) -> Path:
        folder = self.paths.var / "definitions"
        folder.mkdir(mode=0o700, exist_ok=True)
        RabbitMQ(self.paths, self.ports, self.broker.secrets).files_write(folder, tls=self.paths.tls)
        return folder / "definitions.json"

    def stop(self) -> None:
        """Stop all of it."""
        for door in self.doors:
            door.stop()
        super().stop()


def nodes_of(rig: Any, queue: str) -> tuple[int, list[int]]:
    """The node that leads a quorum queue, and the two that follow."""
    name = rig._queue(queue).get("leader", "")
    leader = int(name.removeprefix("roost").partition("@")[0])
    return leader, [number for number in NUMBERS if number != leader]
