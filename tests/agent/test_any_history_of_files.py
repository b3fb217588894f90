"""Whatever happens to files, in any order: in the end every line is sent once and the accounts add up.

The histories are drawn at random from a fixed seed: files grow in mid-line, rest for hours, are compressed in three
ways and copied into another folder, while the agent restarts now and then.
"""

import bz2
import gzip
import lzma
import random
import shutil
import time
from types import SimpleNamespace

import pytest
from agent.card_of_files import lzip
from agent.conftest import poll_all
from agent.messages_of import accounts_told, line_numbers, outbox_messages
from agent.test_replay import bodies, drained

from station_agent.sources import sources_make

NAME = "sgv2-7F5ERPI46977-003-2021-12-16T{hour:02d}-25-01.6590Z-{source}.txt"
PACKED = ((gzip.compress, ".gz"), (bz2.compress, ".bz2"), (lzma.compress, ".xz"), (lzip, ".lz"))
KINDS = {"p": "pulse", "T": "tag", "G": "gps"}


class History:
    """A folder of files with a history, and what each file should contain in the end."""

    def __init__(self, root, seed) -> None:
        self.root, self.rng, self.at = root, random.Random(seed), 1639614325.0
        self.truth, self.paths = {}, {}
        root.mkdir()

    def lines(self, count):
        found = b""
        for _ in range(count):
            self.at += self.rng.choice([0.02, 0.03, 0.7, 30])
            found += self.rng.choice(
                [
                    f"p3,{self.at:.4f},{self.rng.choice([2.6, 2.61, -4.0])},-38.87,-53.61\n".encode(),
                    f"p3,{self.at:.4f},2.6,-38.87,-53.61\n".encode(),
                    f"T1,{self.at:.3f},78664c3304,-75\n".encode(),
                    f"G,{self.at:.0f},44.1,-64.2,3\n".encode(),
                    b"junk line\n",
                    b"\n",
                    b"p3,163" + b"z" * self.rng.choice([1, 300, 70_000]) + b"\n",
                ]
            )
        return found

    def begin(self):
        name = NAME.format(hour=len(self.truth) % 24, source=self.rng.choice(["all", "ctt"]))
        self.truth.setdefault(name, b"")
        self.paths[name] = self.root / name
        self.paths[name].touch()

    def grow(self):
        name = self.rng.choice(list(self.truth))
        if self.paths[name].suffix == ".txt":
            self.truth[name] += self.lines(self.rng.choice([1, 3, 50, 1_500]))
            self.write(name, len(self.truth[name]) - self.rng.choice([0, 0, self.rng.randint(1, 30)]))

    def write(self, name, until):
        there = self.paths[name].stat().st_size
        with self.paths[name].open("ab") as file:
            file.write(self.truth[name][there : max(until, there)])

    def pack(self):
        name = self.rng.choice(list(self.truth))
        if self.paths[name].suffix == ".txt":
            compress, ending = self.rng.choice(PACKED)
            packed = self.root / (name + ending)
            packed.write_bytes(compress(self.truth[name]))
            self.paths[name].unlink()
            self.paths[name] = packed

    def copy(self):
        path = self.paths[self.rng.choice(list(self.truth))]
        (self.root / "copy").mkdir(exist_ok=True)
        shutil.copy(path, self.root / "copy" / path.name)

    def end(self):
        for name, path in self.paths.items():
            if path.suffix == ".txt":
                self.write(name, len(self.truth[name]))


@pytest.fixture
def steady(monkeypatch):
    """The agent's monotonic clock, which can be moved forward."""
    ahead = SimpleNamespace(seconds=0.0)
    clock = SimpleNamespace(time=time.time, monotonic=lambda: time.monotonic() + ahead.seconds)
    monkeypatch.setattr("station_agent.sensorgnome.folder.time", clock)
    monkeypatch.setattr("station_agent.sources.sensorgnome.time", clock)
    return ahead


@pytest.mark.parametrize("seed", range(5))
def test_after_any_history_each_line_is_sent_once(tmp_path, make_station, steady, seed):
    history = History(tmp_path / "SGdata", seed)
    rng, pulses = history.rng, ("all", "bursts", "counts")[seed % 3]
    settings = {"directory": str(history.root), "pulses": pulses, "batch_age": 0.0}

    def start():
        station = make_station(sources={"sensorgnome": settings})
        return station, sources_make(station)["sensorgnome"]

    station, source = start()
    history.begin()
    for _ in range(20):
        step = rng.choice(["begin", "grow", "grow", "grow", "pack", "copy", "wait", "start"])
        if step == "wait":
            steady.seconds += rng.choice([1, 40, 700, 8_000])
        elif step == "start":
            station.outbox.database.close()
            station, source = start()
        else:
            getattr(history, step)()
        if rng.random() < 0.8:
            poll_all(source)
    history.end()
    for _ in range(4):
        poll_all(source)
        steady.seconds += 8_000
    told, sent = accounts_told(station.outbox), rows_of(outbox_messages(station.outbox))
    for name, text in history.truth.items():
        account = told[name]
        assert (account.state, account.bytes_unread) == ("done", 0)
        for unit, size in (("bytes", len(text)), ("lines", text.count(b"\n"))):
            fates = (getattr(account, f"{unit}_{fate}") for fate in ("taken", "known", "kept_back", "refused"))
            assert getattr(account, f"{unit}_read") == sum(fates) == size
        good = good_rows(text)
        assert sent.get(name, set()) <= good
        if pulses == "all":
            assert sent.get(name, set()) == good


def rows_of(messages):
    """Kinds and line numbers by file."""
    found = {}
    for kind, body in messages:
        if kind in ("detections", "gps"):
            what = "gps" if kind == "gps" else body.what
            found.setdefault(body.file, set()).update((what, number) for number in line_numbers(body))
    return found


def good_rows(text):
    lines = text.decode().split("\n")
    return {(KINDS[line[0]], n) for n, line in enumerate(lines, 1) if line[:1] in KINDS and line and "z" not in line}


@pytest.mark.parametrize("ending", [".gz", ".bz2", ".xz", ".lz"])
@pytest.mark.parametrize("harm", ["tail", "hole", "cut", "padded"])
def test_no_harm_to_a_compressed_file_invents_a_line(tmp_path, ending, harm):
    rng = random.Random(harm + ending)
    compress = next(compress for compress, end in PACKED if end == ending)
    came = 0
    for attempt in range(6):
        lines = [f"p3,{1639614325 + n * 0.7:.4f},{rng.gauss(2, 1):.3f},-38.87,-53.61" for n in range(600)]
        raw = bytearray(compress(("\n".join(lines) + "\n").encode()))
        at = rng.randrange(len(raw) // 4, len(raw) - 100)
        if harm == "tail":
            raw[at:] = b"\x00" * (len(raw) - at)
        elif harm == "hole":
            raw[at : at + 90] = b"\x00" * 90
        elif harm == "cut":
            del raw[at:]
        else:
            raw += b"\x00" * rng.choice([4, 512, 5_000])
        folder = tmp_path / str(attempt)
        folder.mkdir()
        (folder / (NAME.format(hour=0, source="all") + ending)).write_bytes(bytes(raw))
        feed, messages = drained(folder)
        sent = [row for kind, body in bodies(messages) if kind == "detections" for row in values_of(body)]
        assert sent == [tuple(map(float, line.split(",")[1:3])) for line in lines[: len(sent)]]
        assert feed.reports[0].account.damaged is (harm != "padded")
        came += len(sent)
    assert came == 3_600 if harm == "padded" else came > 0 or ending == ".bz2", "bzip2 unpacks whole blocks"


def values_of(body):
    return [(round(body.bt + t, 4), freq) for t, freq in zip(body.t, body.freq, strict=True)]
