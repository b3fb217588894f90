"""Files: uploads compared with copying and hashing, resuming over cut lines, back-fills, and long lists."""

from __future__ import annotations

import os
import shutil
import statistics
import subprocess
import tempfile
import time
from itertools import pairwise
from pathlib import Path
from typing import TYPE_CHECKING, Any

from operations.bench.ingest import NO_QUOTA
from operations.bench.load.cut_line import CutLine
from operations.bench.load.traffic import stations_make
from operations.bench.processes import START_S, cpu_seconds, processes_run
from operations.instance import Instance
from operations.preparation import pages_build
from operations.running import health
from operations.stack import Stack
from station_agent.uploads import sending, tus
from station_agent.uploads.upload import AT_ONCE, upload_run

if TYPE_CHECKING:
    from fleet.ingest.models import Backfill

SERIAL, SECRET = "SG-7F5ERPI46977", "bench"
#: Bytes of an uploaded file: about an hour of data at a busy site.
FILE_OCTETS = 2_000_000
CUTS = 50
#: Pulses in a file of the back-fill: one every 0.18 s.
FILE_LINES = 20_000
#: Random files are written in pieces of this many bytes.
_PIECE = 1_000_000
_BEGAN = 1_777_593_600.0


def files_bench(
    stack: Stack, instance: Instance, *, megabytes: int, rounds: int, lines: int, files: int, requests: int
) -> list[dict[str, Any]]:
    """One run per part, with the figures that only that part has under `detail`."""
    os.environ.update(NO_QUOTA)
    pages_build(instance)
    health.domain_load(instance)
    from operations.bench.files_lists import lists_measure  # noqa: PLC0415 - models exist only once Django is loaded

    stations_make(instance, [SERIAL])
    _login_make()
    folder = Path(tempfile.mkdtemp(prefix="roost-bench-", dir=instance.paths.var))
    try:
        with processes_run(instance, ("site", "ingest")) as running:
            pids = {**running, "postgres": stack.postgres.pid, "rabbitmq": stack.rabbitmq.pid}
            site = f"http://127.0.0.1:{instance.ports['site']}"
            _until_answers(f"{site}/healthz")
            found = [
                _upload(site, folder, megabytes, rounds, pids),
                _cut(instance.ports["site"], folder, megabytes),
                _backfill(site, folder, lines, pids),
            ]
        found += lists_measure(instance, files=files, requests=requests)
    finally:
        shutil.rmtree(folder)
    columns = ("part", "figure", "value", "target")
    return [{**{name: run.pop(name) for name in columns}, **({"detail": run} if run else {})} for run in found]


def _upload(site: str, folder: Path, megabytes: int, rounds: int, pids: dict[str, int]) -> dict[str, Any]:
    """Upload random files with the agent's client, alternating with `cp` and `sha256sum` of the same files."""
    pairs, spent = [], dict.fromkeys(_spent(pids), 0.0)
    for number in range(rounds):
        card = folder / f"card{number}"
        for file in range(max(megabytes * 1_000_000 // FILE_OCTETS, 1)):
            _random_file(card / f"2026-05-{number + 1:02d}" / f"{file:04d}.bin", FILE_OCTETS)
        began = time.perf_counter()
        subprocess.run(["cp", "-r", card, folder / "copy"], check=True)
        names = sorted(str(path) for path in (folder / "copy").rglob("*.bin"))
        subprocess.run(["sha256sum", *names], check=True, stdout=subprocess.DEVNULL)
        copied = time.perf_counter() - began
        before, began = _spent(pids), time.perf_counter()
        _send(site, card)
        pairs.append((copied, time.perf_counter() - began))
        spent = {name: spent[name] + used - before[name] for name, used in _spent(pids).items()}
        shutil.rmtree(folder / "copy")
        shutil.rmtree(card)
    octets = max(megabytes * 1_000_000 // FILE_OCTETS, 1) * FILE_OCTETS
    return {
        "part": "upload",
        "figure": "of the rate of cp and sha256sum",
        "value": round(statistics.median(copied / sent for copied, sent in pairs), 3),
        "target": ">= 0.7",
        "megabytes": octets // 1_000_000,
        "upload_mb_per_s": round(statistics.median(octets / sent / 1e6 for _, sent in pairs), 1),
        "copy_mb_per_s": round(statistics.median(octets / copied / 1e6 for copied, _ in pairs), 1),
        "cpu_ms_a_file": {name: round(1e3 * used / (rounds * octets / FILE_OCTETS), 2) for name, used in spent.items()},
        "rounds": [{"copy_s": round(copied, 3), "upload_s": round(sent, 3)} for copied, sent in pairs],
    }


def _cut(port: int, folder: Path, megabytes: int) -> dict[str, Any]:
    """Upload one file over a line that is cut again and again; compare the bytes sent with the file's size."""
    octets, card = megabytes * 1_000_000, folder / "cut"
    _random_file(card / "2026-06-01" / "large.bin", octets)
    with CutLine(port, cuts=CUTS, every=octets // (CUTS + 1)) as line:
        # The usual wait before a retry spares an overloaded server. Here only the line is cut, so retry at once.
        usual, sending.RETRY_FIRST = sending.RETRY_FIRST, 0.05
        try:
            _send(f"http://127.0.0.1:{line.port}", card)
        finally:
            sending.RETRY_FIRST = usual
    return {
        "part": "resume",
        "figure": f"more bytes over {line.made} cuts",
        "value": f"{100 * (line.octets - octets) / octets:.2f} %",
        "target": "<= 1 %",
        "megabytes": megabytes,
        "cuts": line.made,
    }


def _backfill(site: str, folder: Path, lines: int, pids: dict[str, int]) -> dict[str, Any]:
    """Read stored files of pulses into the database: survey them, send them through the broker, await their rows."""
    from fleet.ingest.backfill.services import backfill_answer, backfill_ask  # noqa: PLC0415 - needs loaded models
    from fleet.ingest.cards.services import CardAnswers  # noqa: PLC0415 - the same
    from fleet.organizations.access import viewer_of_server  # noqa: PLC0415 - the same
    from fleet.stations.models import Station  # noqa: PLC0415 - the same
    from fleet.telemetry.models import Detection  # noqa: PLC0415 - the same

    card, files = folder / "lines", max(lines // FILE_LINES, 1)
    for number in range(files):
        _pulses_file(card, number)
    _send(site, card)
    station, server = Station.objects.get(serial=SERIAL), viewer_of_server("bench")
    marks, began = [_spent(pids)], time.perf_counter()
    asked = backfill_ask(actor=server, station=station, search=SERIAL.removeprefix("SG-"))
    surveyed = _worked(asked, ("surveyed", "done", "failed", "refused"))
    marks.append(_spent(pids))
    middle = time.perf_counter()
    if surveyed.state == "surveyed":
        backfill_answer(actor=server, backfill=surveyed, answers=CardAnswers(any_clock=True))
    done = _worked(asked, ("done", "failed", "refused", "stopped"))
    ended = time.perf_counter()
    marks.append(_spent(pids))
    rows = Detection.objects.filter(station=station).count()
    if rows != files * FILE_LINES:
        raise RuntimeError(
            f"{rows} of {files * FILE_LINES} rows arrived; the back-fill is {done.state}: {done.reason}."
        )
    return {
        "part": "back-fill",
        "figure": "lines a second, whole path",
        "value": round(rows / (ended - began)),
        "target": ">= 60000",
        "lines": rows,
        "survey_lines_per_s": round(rows / (middle - began)),
        "sending_lines_per_s": round(rows / (ended - middle)),
        **{
            f"{part}_cpu_us_a_line": {name: round(1e6 * (after[name] - before[name]) / rows, 2) for name in after}
            for part, (before, after) in zip(("survey", "sending"), pairwise(marks), strict=True)
        },
    }


def _worked(asked: Backfill, states: tuple[str, ...]) -> Backfill:
    """Work on the back-fill until it is in one of these states."""
    from fleet.ingest.backfill.turns import backfills_work  # noqa: PLC0415 - models exist only once Django is loaded

    deadline = time.monotonic() + 1_800
    while True:
        did = backfills_work()
        asked.refresh_from_db()
        if asked.state in states:
            return asked
        if time.monotonic() > deadline:
            raise RuntimeError(f"The back-fill is still {asked.state} after half an hour: {asked.reason}.")
        if not did:
            time.sleep(0.05)


def _spent(pids: dict[str, int]) -> dict[str, float]:
    """Processor seconds of each process. `bench` is this process, which sends uploads and works on back-fills."""
    return {"bench": time.process_time(), **cpu_seconds(pids)}


def _send(site: str, card: Path) -> None:
    uploader = tus.Uploader(server=site, login=(f"st.{SERIAL}.1", SECRET), ca_file=None, give_up=60.0)
    for result in upload_run(uploader, card, lambda *_: None, at_once=AT_ONCE):
        if result.outcome != "stored":
            raise RuntimeError(f"{result.name} was {result.outcome}: {result.reason}")


def _login_make() -> None:
    """Make the login that the station uploads with."""
    from fleet.core import clock  # noqa: PLC0415 - settings exist only once Django is loaded
    from fleet.stations.logins.enrolment import token_hash  # noqa: PLC0415 - the same
    from fleet.stations.models import Credential, Station  # noqa: PLC0415 - the same

    Credential.objects.create(
        station=Station.objects.get(serial=SERIAL),
        generation=1,
        username=f"st.{SERIAL}.1",
        secret_hash=token_hash(SECRET),
        issued_at=clock.now(),
    )


def _random_file(path: Path, octets: int) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("wb") as file:
        for at in range(0, octets, _PIECE):
            file.write(os.urandom(min(_PIECE, octets - at)))


def _pulses_file(card: Path, number: int) -> None:
    began = _BEGAN + 3_600 * number
    at = time.gmtime(began)
    name = f"bench-{SERIAL.removeprefix('SG-')}-000001-{time.strftime('%Y-%m-%dT%H-%M-%S', at)}.0000Z-all.txt"
    path = card / time.strftime("%Y-%m-%d", at) / name
    path.parent.mkdir(parents=True, exist_ok=True)
    step = 3_600 / FILE_LINES
    path.write_text(
        "".join(f"p{1 + n % 4},{began + n * step:.4f},2.637,-38.87,-53.61\n" for n in range(FILE_LINES)), "ascii"
    )


def _until_answers(url: str) -> None:
    deadline = time.monotonic() + START_S
    while health.http_check(url):
        if time.monotonic() > deadline:
            raise RuntimeError(f"The site does not answer at {url}.")
        time.sleep(0.2)
