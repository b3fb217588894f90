"""The agent's state: a file written by the daemon, and its display for a person at the station."""

import contextlib
import fcntl
import os
import shutil
import sqlite3
import time
from pathlib import Path
from typing import Any

import msgspec

from message_queue.contracts.file import FileAccount, FileTotals
from station_agent.config import Config
from station_agent.host import process_exists
from station_agent.outbox import OutboxBacklog
from station_agent.sensorgnome.accounts import totals_read, troubles_read
from station_agent.station import LinkState, SourceView, Station, clock_is_set
from station_agent.words import bytes_say, moment_say, seconds_say

#: Seconds between two writes when nothing changed, and minimum between any two.
WRITE_SECONDS = 15.0
WRITE_LEAST = 2.0
DISK_LOW_PERCENT = 95
#: Files with a problem listed for a person, and in JSON.
FILES_NAMED = 8
FILES_LISTED = 1_000


class AgentStatus(msgspec.Struct, kw_only=True):
    """Contents of the state file."""

    pid: int
    serial: str
    server: str
    profile: str
    started_at: float
    written_at: float
    next_report_at: float | None
    reporting_interval: int
    publishing: LinkState
    commands: LinkState
    backlog: OutboxBacklog
    dropped: dict[str, int]
    unread_bytes: int
    files: FileTotals | None
    sources: dict[str, SourceView]
    clock_code: str
    warnings: list[str]


def report_make(station: Station) -> AgentStatus:
    """The state of a running agent."""
    config, vitals = station.config, station.vitals
    return AgentStatus(
        pid=os.getpid(),
        serial=config.serial,
        server=f"{config.amqp.host}:{config.amqp.port}",
        profile=station.profile,
        started_at=station.started_at,
        written_at=time.time(),
        next_report_at=vitals.next_report_at,
        reporting_interval=station.reporting_interval,
        publishing=vitals.publishing,
        commands=vitals.commands,
        backlog=station.outbox.backlog(),
        dropped=station.outbox.dropped(),
        unread_bytes=vitals.unread_bytes,
        files=vitals.file_totals() if vitals.file_totals else None,
        sources=vitals.sources,
        clock_code=vitals.clock_code,
        warnings=list(vitals.warnings.values()),
    )


class Writer:
    """Writes the state file when something visible has changed."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._written = -WRITE_SECONDS
        self._shown: tuple[Any, ...] = ()

    def write(self, station: Station) -> None:
        """Write if it is due. On a full disk only the display suffers, not the agent."""
        now = time.monotonic()
        publishing, consuming = station.vitals.publishing, station.vitals.commands
        shown = (
            publishing.connected_since,
            publishing.reason,
            publishing.trouble,
            publishing.last_confirm_at,
            consuming.connected_since,
            station.vitals.next_report_at,
            station.vitals.unread_bytes,
        )
        if now - self._written < (WRITE_SECONDS if shown == self._shown else WRITE_LEAST):
            return
        self._written, self._shown = now, shown
        fresh = self._path.with_name(self._path.name + ".new")
        with contextlib.suppress(OSError):
            fresh.write_bytes(msgspec.json.encode(report_make(station)))
            fresh.replace(self._path)

    def remove(self) -> None:
        """Delete the state file when the daemon ends, so that nothing looks alive."""
        with contextlib.suppress(OSError):
            self._path.unlink()


def line(station: Station) -> str:
    """One line for systemd."""
    publishing = station.vitals.publishing
    waiting = station.outbox.backlog().messages
    if publishing.connected_since is None:
        return f"Not connected. {publishing.reason} {waiting} messages are waiting."
    return f"Connected since {moment_say(publishing.connected_since)}, {waiting} messages are waiting."


def is_running(config: Config) -> bool:
    """Whether an agent holds the state folder."""
    try:
        with (config.state_path / "agent.lock").open("r", encoding="ascii") as file:
            fcntl.flock(file, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except FileNotFoundError:
        return False
    except BlockingIOError:
        return True
    return False


def status_read(config: Config) -> dict[str, Any]:
    """All data printed by `status --json`."""
    running = is_running(config)
    report = _report_read(config.status_path) if running else None
    backlog = _outbox_look(config.database_path) or (report.backlog if report else None)
    files, troubles = _files_look(config.database_path, FILES_LISTED)
    if report and report.files:
        files = report.files
    disk = shutil.disk_usage(config.state_path if config.state_path.exists() else "/")
    return {
        "serial": config.serial,
        "server": f"{config.amqp.host}:{config.amqp.port}",
        "running": running,
        "connected": bool(report and report.publishing.connected_since is not None),
        "backlog": {"messages": backlog.messages, "bytes": backlog.bytes, "oldest_at": backlog.oldest_at}
        if backlog
        else None,
        "files": msgspec.to_builtins(files) if files else None,
        "file_troubles": [msgspec.to_builtins(trouble) for trouble in troubles],
        "disk": {"free_bytes": disk.free, "percent": round(100 * disk.used / disk.total, 1)},
        "clock": {"now": time.time(), "is_set": clock_is_set(time.time())},
        "agent": msgspec.to_builtins(report) if report else None,
    }


def _report_read(path: Path) -> AgentStatus | None:
    try:
        report = msgspec.json.decode(path.read_bytes(), type=AgentStatus)
    except (OSError, msgspec.DecodeError):
        return None
    return report if process_exists(report.pid) else None


def _outbox_look(path: Path) -> OutboxBacklog | None:
    """The waiting messages, readable while the agent runs or not."""
    if not path.exists():
        return OutboxBacklog(0, 0, None)
    try:
        with contextlib.closing(sqlite3.connect(f"file:{path}?mode=ro", uri=True, timeout=2.0)) as sql:
            if not sql.execute("PRAGMA user_version").fetchone()[0]:
                return OutboxBacklog(0, 0, None)  # first start: the file exists, but its tables do not yet
            messages, size = sql.execute("SELECT messages, bytes FROM totals").fetchone()
            oldest = sql.execute("SELECT created_at FROM outbox ORDER BY seq LIMIT 1").fetchone()
    except sqlite3.Error:
        return None
    return OutboxBacklog(messages, size, oldest[0] if oldest else None)


def _files_look(path: Path, most: int) -> tuple[FileTotals | None, list[FileAccount]]:
    """Accounts of the data files, readable while the agent runs or not: totals, and the files with a problem."""
    try:
        with contextlib.closing(sqlite3.connect(f"file:{path}?mode=ro", uri=True, timeout=2.0)) as sql:
            return totals_read(sql), troubles_read(sql, most)
    except sqlite3.Error:
        return None, []


def _files_say(files: FileTotals, troubles: list[FileAccount]) -> list[tuple[str, str]]:
    """Lines on the data files: totals, and the files that were not sent completely."""
    fates = (
        f"{bytes_say(files.bytes_taken)} taken, {bytes_say(files.bytes_known)} already known, "
        f"{bytes_say(files.bytes_kept_back)} kept back by a setting, {bytes_say(files.bytes_refused)} refused"
    )
    rows = [("Files", f"{files.files}, {bytes_say(files.bytes_read)} read: {fates}")]
    rows += [("File", f"{trouble.name}: {trouble_say(trouble)}") for trouble in troubles[:FILES_NAMED]]
    if len(troubles) > FILES_NAMED:
        more = len(troubles) - FILES_NAMED
        rows.append(("File", f"and {more} more: station-agent status --json lists them"))
    return rows


def trouble_say(account: FileAccount) -> str:
    """The trouble with a file."""
    parts = [account.reason] if account.reason else []
    if account.state == "gone" and account.bytes_unread:
        parts.append(f"It disappeared with {bytes_say(account.bytes_unread)} unread.")
    if account.lines_refused:
        words = ", ".join(f"{count} {word}" for word, count in sorted(account.refusals.items()))
        parts.append(f"{account.lines_refused} lines refused ({words}).")
    return " ".join(parts) or "Part of it could not be read."


def status_say(config: Config) -> list[tuple[str, str]]:
    """The state as lines of (subject, sentence) for a person."""
    facts = status_read(config)
    report = _report_read(config.status_path) if facts["running"] else None
    now = time.time()
    rows = [("Station", config.serial), *_connection_say(report, running=facts["running"], now=now)]
    backlog = facts["backlog"]
    if backlog is None:
        rows.append(("Waiting", "The outbox cannot be read at the moment."))
    elif backlog["messages"]:
        oldest = backlog["oldest_at"]
        age = f", the oldest for {seconds_say(max(now - oldest, 0))}" if oldest else ""
        rows.append(("Waiting", f"{backlog['messages']} messages, {bytes_say(backlog['bytes'])}{age}"))
    else:
        rows.append(("Waiting", "Nothing: everything has been sent."))
    if report is not None:
        rows += _report_say(report, now)
    files, troubles = _files_look(config.database_path, FILES_LISTED)
    if files is not None and files.files:
        rows += _files_say(report.files if report and report.files else files, troubles)
    clock = "is set" if facts["clock"]["is_set"] else "IS NOT SET"
    code = f", code of the newest data file {report.clock_code}" if report and report.clock_code else ""
    rows.append(("Clock", f"{moment_say(now)}; it {clock}{code}"))
    disk = facts["disk"]
    warning = "; nearly full, free some space" if disk["percent"] >= DISK_LOW_PERCENT else ""
    rows.append(("Disk", f"{bytes_say(disk['free_bytes'])} free ({disk['percent']} % used){warning}"))
    return rows


def _connection_say(report: AgentStatus | None, *, running: bool, now: float) -> list[tuple[str, str]]:
    if not running:
        return [("Agent", "It is not running. Start it: sudo systemctl start station-agent")]
    if report is None:
        return [("Agent", "It is running but has not reported its state yet; look again in a few seconds.")]
    rows = [("Agent", f"Running since {moment_say(report.started_at)} (process {report.pid})")]
    link = report.publishing
    if link.connected_since is not None:
        age = seconds_say(max(now - link.connected_since, 0))
        rows.append(("Server", f"Connected to {report.server} for {age}"))
    else:
        again = f" Next try in {seconds_say(max(link.next_try_at - now, 0))}." if link.next_try_at else ""
        rows.append(("Server", f"Not connected. {link.reason}{again}"))
    if link.trouble:
        rows.append(("Problem", link.trouble))
    confirmed = f"{seconds_say(max(now - link.last_confirm_at, 0))} ago" if link.last_confirm_at else "none yet"
    rows.append(("Last confirm", confirmed))
    if report.commands.connected_since is None:
        rows.append(("Commands", f"Cannot be received.  {report.commands.reason}"))
    return rows


def _report_say(report: AgentStatus, now: float) -> list[tuple[str, str]]:
    rows = []
    if report.unread_bytes:
        rows.append(("Not read yet", f"{bytes_say(report.unread_bytes)} in the station's data files"))
    if report.dropped:
        dropped = ", ".join(f"{count} {kind}" for kind, count in sorted(report.dropped.items()))
        rows.append(("Dropped", f"{dropped} messages, because the outbox was full"))
    for name, view in sorted(report.sources.items()):
        data = f"last data {seconds_say(max(now - view.last_data_at, 0))} ago" if view.last_data_at else "no data yet"
        rows.append((f"Source {name}", f"{data}. {view.note}".strip()))
    if report.next_report_at:
        due = seconds_say(max(report.next_report_at - now, 0))
        rows.append(("Next report", f"in {due} (every {seconds_say(report.reporting_interval)})"))
    sent = bytes_say(report.publishing.bytes_sent + report.commands.bytes_sent)
    received = bytes_say(report.publishing.bytes_received + report.commands.bytes_received)
    rows.append(("Data used", f"{sent} sent, {received} received since it started"))
    return rows + [("Warning", warning) for warning in report.warnings]
