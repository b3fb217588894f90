"""`run_diagnostics`: the station checks itself: power-on time, disk, memory, clock, radios, sources, connection."""

import time
from pathlib import Path

from message_queue.contracts.base import Scalar
from message_queue.contracts.commands.base import NoParameters
from station_agent import __version__
from station_agent.clock.quality import clock_read
from station_agent.commands.base import OUTPUT_MOST, CommandOutcome, Handler, bounded
from station_agent.host import disk_read, memory_read
from station_agent.sources.host_health import radios_find
from station_agent.station import Station, clock_is_set
from station_agent.words import bytes_say, moment_say, seconds_say


def _run(station: Station, _parameters: NoParameters) -> CommandOutcome:
    figures, lines = _host()
    backlog = station.outbox.backlog()
    vitals = station.vitals
    radios = radios_find(Path("/dev/sensorgnome"))
    figures |= {
        "agent_version": __version__,
        "backlog_messages": backlog.messages,
        "backlog_bytes": backlog.bytes,
        "dropped_messages": sum(station.outbox.dropped().values()),
        "radios": len(radios),
        "reporting_interval_s": station.reporting_interval,
        "bytes_sent": vitals.publishing.bytes_sent + vitals.commands.bytes_sent,
        "bytes_received": vitals.publishing.bytes_received + vitals.commands.bytes_received,
    }
    lines.append(f"Agent {__version__}, running since {moment_say(station.started_at)}, boot {station.boot_count}")
    lines.append(f"Outbox: {backlog.messages} messages, {bytes_say(backlog.bytes)}")
    lines += [f"Dropped: {count} {kind} messages" for kind, count in station.outbox.dropped().items()]
    lines.append(f"Last confirm: {moment_say(vitals.publishing.last_confirm_at)}")
    lines += [f"Radio on port {radio.port}: {radio.type}" for radio in radios] or ["Radios: none found"]
    for name, view in vitals.sources.items():
        lines.append(f"Source {name}: last data {moment_say(view.last_data_at)} {view.note}".rstrip())
    problems = list(vitals.warnings.values())
    lines += [f"Warning: {warning}" for warning in problems]
    note = problems[0] if problems else "The station found nothing wrong with itself."
    return CommandOutcome("succeeded", note, figures, bounded("\n".join(lines), OUTPUT_MOST))


def _host() -> tuple[dict[str, Scalar], list[str]]:
    memory, disk = memory_read(), disk_read("/")
    uptime = time.clock_gettime(time.CLOCK_BOOTTIME)
    clock = clock_read()
    figures: dict[str, Scalar] = {
        "uptime_s": round(uptime),
        "memory_percent": memory.percent,
        "disk_percent": disk.percent,
        "disk_free_bytes": disk.free,
        "clock_is_set": clock_is_set(time.time()),
    }
    if clock is not None:
        figures |= {"clock_code": clock.code, "clock_error_s": clock.error_s}
    clock_words = "no known time source" if clock is None else f"{clock.source}, code {clock.code}"
    return figures, [
        f"Up for {seconds_say(uptime)}",
        f"Memory: {memory.percent} % used, {bytes_say(memory.available)} available",
        f"Disk: {disk.percent} % used, {bytes_say(disk.free)} free",
        f"Clock: {moment_say(time.time())}; {clock_words}",
    ]


HANDLER = Handler(name="run_diagnostics", run=_run)
