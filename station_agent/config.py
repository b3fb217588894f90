"""The agent's configuration: a TOML or JSON file that only its owner can read; STATION_AGENT_* variables override it.

A variable's name comes from the setting's place in the file: `[amqp] host` is STATION_AGENT_AMQP_HOST,
`[sources.sensorgnome] directory` is STATION_AGENT_SENSORGNOME_DIRECTORY. A secret can be in a file: `<NAME>_FILE` is
its path.
"""

import json
import os
import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any

import msgspec
from msgspec import Meta

from station_agent.errors import WrongUse
from station_agent.profiles import PROFILES, Profile, ProfileName

PREFIX = "STATION_AGENT_"
#: Settings that each source checks itself; kept as in the file until then.
SourceTable = dict[str, Any]


class AmqpSettings(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """How to reach the broker, as returned by enrolment. TLS is off only if the server said so."""

    host: str
    port: Annotated[int, Meta(ge=1, le=65_535)]
    username: str
    password: str
    exchange: str
    command_queue: str
    vhost: str = "fleet"
    tls: bool = True
    ca_pem: str = ""


class OutboxSettings(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """`cap_bytes`: above this size, the least important messages are dropped, oldest first, and reported."""

    cap_bytes: Annotated[int, Meta(ge=65_536)] = 256 * 1_048_576


class LinkSettings(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Connection settings. Times in seconds; `heartbeat` None means the profile's."""

    window: Annotated[int, Meta(ge=1, le=1_000)] = 50
    confirm_deadline: Annotated[float, Meta(ge=1.0)] = 120.0
    retry_first: Annotated[float, Meta(ge=0.05)] = 1.0
    retry_most: Annotated[float, Meta(ge=0.05)] = 300.0
    heartbeat: Annotated[int, Meta(ge=5, le=3_600)] | None = None


class CommandSettings(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Path of the owner's consent file, and the command that reboots the station."""

    consent_file: str = "/etc/station-agent/consent.json"
    reboot: Annotated[list[str], Meta(min_length=1)] = msgspec.field(default_factory=lambda: ["systemctl", "reboot"])


class Config(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """All settings of one station's agent. `reporting_interval` None means the profile's."""

    serial: str
    amqp: AmqpSettings
    server: str = ""
    state_dir: str = ""
    runtime_dir: str = ""
    profile: ProfileName = "normal"
    reporting_interval: Annotated[int, Meta(ge=10, le=604_800)] | None = None
    outbox: OutboxSettings = OutboxSettings()
    link: LinkSettings = LinkSettings()
    commands: CommandSettings = CommandSettings()
    sources: dict[str, SourceTable] = {}

    @property
    def tuning(self) -> Profile:
        """The profile's parameters."""
        return PROFILES[self.profile]

    @property
    def heartbeat(self) -> int:
        """Seconds between AMQP heartbeats."""
        return self.link.heartbeat or self.tuning.heartbeat

    @property
    def state_path(self) -> Path:
        """The folder of the outbox."""
        return Path(self.state_dir) if self.state_dir else state_dir_default()

    @property
    def runtime_path(self) -> Path:
        """The folder of the state file: systemd's if there is one, which is in memory and spares the SD card."""
        if self.runtime_dir:
            return Path(self.runtime_dir)
        given = os.environ.get("RUNTIME_DIRECTORY")
        return Path(given) if given else self.state_path

    @property
    def database_path(self) -> Path:
        """The outbox file."""
        return self.state_path / "outbox.db"

    @property
    def status_path(self) -> Path:
        """The state file that `station-agent status` reads."""
        return self.runtime_path / "status.json"


def config_path_default() -> Path:
    """STATION_AGENT_CONFIG, else /etc/station-agent/config.toml for root, else the user's own."""
    given = os.environ.get(PREFIX + "CONFIG")
    if given:
        return Path(given)
    if os.geteuid() == 0:
        return Path("/etc/station-agent/config.toml")
    return Path.home() / ".config" / "station-agent" / "config.toml"


def state_dir_default() -> Path:
    """The folder from systemd, else /var/lib/station-agent for root, else the user's own."""
    given = os.environ.get("STATE_DIRECTORY")
    if given:
        return Path(given)
    if os.geteuid() == 0:
        return Path("/var/lib/station-agent")
    return Path.home() / ".local" / "state" / "station-agent"


def config_read(path: Path) -> dict[str, Any]:
    """The file as a table; empty if it does not exist. Raises `WrongUse` if it cannot be read."""
    try:
        text = path.read_text("utf-8")
    except FileNotFoundError:
        return {}
    except (OSError, UnicodeDecodeError) as error:
        raise WrongUse(f"The configuration {path} cannot be read: {error}.") from error
    try:
        table = json.loads(text) if path.suffix == ".json" else tomllib.loads(text)
    except ValueError as error:
        raise WrongUse(f"The configuration {path} is not valid {path.suffix[1:] or 'TOML'}: {error}.") from error
    if not isinstance(table, dict):
        raise WrongUse(f"The configuration {path} is not a table of settings.")
    return table


def config_load(path: Path, environment: Mapping[str, str] | None = None) -> Config:
    """The configuration, overridden by the environment. Raises `WrongUse` naming the problem."""
    environment = os.environ if environment is None else environment
    table = config_read(path)
    _override(Config, table, PREFIX, environment)
    if "amqp" not in table:
        raise WrongUse(
            f"The configuration {path} names no server: run `station-agent enrol --server URL --token TOKEN` first."
        )
    try:
        return msgspec.convert(table, Config, strict=False)
    except msgspec.ValidationError as error:
        raise WrongUse(f"The configuration {path} is not valid: {error}.") from error


def source_settings(
    kind: type[msgspec.Struct], name: str, table: SourceTable, environment: Mapping[str, str] | None = None
) -> Any:
    """One source's table as its own settings type, overridden by the environment."""
    environment = os.environ if environment is None else environment
    merged = dict(table)
    _override(kind, merged, f"{PREFIX}{name.upper()}_", environment)
    try:
        return msgspec.convert(merged, kind, strict=False)
    except msgspec.ValidationError as error:
        raise WrongUse(f"The configuration of source {name} is not valid: {error}.") from error


def _override(kind: type[msgspec.Struct], table: dict[str, Any], prefix: str, environment: Mapping[str, str]) -> None:
    """Override the table's values with those of the environment, field by field."""
    for field in msgspec.structs.fields(kind):
        name = prefix + field.name.upper()
        if isinstance(field.type, type) and issubclass(field.type, msgspec.Struct):
            inner = dict(table.get(field.name, {}))
            _override(field.type, inner, name + "_", environment)
            if inner:
                table[field.name] = inner
            continue
        value = environment.get(name)
        if value is None and (secret_file := environment.get(name + "_FILE")):
            try:
                value = Path(secret_file).read_text("utf-8").strip()
            except OSError as error:
                raise WrongUse(f"{name}_FILE names {secret_file}, which cannot be read: {error}.") from error
        if value is not None:
            table[field.name] = json.loads(value) if value.startswith("[") else value


def config_write(path: Path, table: dict[str, Any]) -> None:
    """Write the table atomically, readable by its owner only."""
    text = json.dumps(table, indent=2) + "\n" if path.suffix == ".json" else toml_text(table)
    path.parent.mkdir(mode=0o755, parents=True, exist_ok=True)
    fresh = path.with_name(path.name + ".new")
    fresh.unlink(missing_ok=True)
    descriptor = os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "w", encoding="utf-8") as file:
        file.write(text)
        file.flush()
        os.fsync(file.fileno())
    fresh.replace(path)
    folder = os.open(path.parent, os.O_RDONLY)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)


def toml_text(table: dict[str, Any], path: tuple[str, ...] = ()) -> str:
    """The table as TOML: plain values first, then one section for each nested table."""
    plain = {key: value for key, value in table.items() if not isinstance(value, dict)}
    lines = [f"[{'.'.join(path)}]"] if path and (plain or not table) else []
    # JSON strings, numbers, booleans and lists are also valid TOML.
    lines += [f"{key} = {json.dumps(value)}" for key, value in plain.items()]
    parts = ["\n".join(lines) + "\n"] if lines else []
    parts += [toml_text(value, (*path, key)) for key, value in table.items() if isinstance(value, dict)]
    return "\n".join(parts)
