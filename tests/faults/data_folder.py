"""A simulated Sensorgnome that writes its data folder: rotating files, a growing file, lines that can be told apart."""

import random
import threading
import time
from datetime import UTC, datetime
from pathlib import Path

#: 2021-12-16 00:00 UTC, in the time of the real recordings.
BEGIN = 1_639_612_800
LINES_OF_FILE = 2_500
PULSE, TAG = 1, 2

#: A line of the folder as it must be in the database: kind, port, line number, ten-thousandths of a second.
Heard = tuple[int, int, int, int]


class DataFolder(threading.Thread):
    """Writes `total` lines in small portions; the lines written are in `heard` and `fixes`."""

    def __init__(self, root: Path, serial: str, total: int, seed: str, lines_per_second: int) -> None:
        super().__init__(name="sensorgnome", daemon=True)
        self.heard: set[Heard] = set()
        self.fixes: set[tuple[int, int]] = set()
        self.files: dict[str, int] = {}
        self.written = 0
        self._root, self._serial, self._total = root, serial, total
        self._random, self._pace = random.Random(seed), lines_per_second

    def run(self) -> None:
        """Write at the given pace, flushing in the middle of lines as a real station does."""
        begun = time.monotonic()
        while self.written < self._total:
            self._write_file(min(LINES_OF_FILE, self._total - self.written), begun)

    def _write_file(self, lines: int, begun: float) -> None:
        start = BEGIN + self.written
        moment = datetime.fromtimestamp(start, tz=UTC)
        name = f"changeMe-{self._serial}-000007-{moment:%Y-%m-%dT%H-%M-%S}.0000T-all.txt"
        folder = self._root / f"{moment:%Y-%m-%d}"
        folder.mkdir(parents=True, exist_ok=True)
        with (folder / name).open("w") as file:
            for number in range(1, lines + 1):
                text = self._line(start + number - 1, number)
                cut = self._random.randrange(len(text))
                file.write(text[:cut])
                if number % 50 == 0:
                    file.flush()
                    time.sleep(max(0.0, self.written / self._pace - (time.monotonic() - begun)))
                file.write(text[cut:])
                self.written += 1
        self.files[name] = lines

    def _line(self, second: int, number: int) -> str:
        port, fraction = self._random.randint(1, 10), self._random.randrange(10_000)
        kind = self._random.random()
        if kind < 0.01:
            self.fixes.add((number, second))
            return f"G,{second},44.267386,-64.25947,22.4\n"
        if kind < 0.3:
            thousandths = fraction // 10
            self.heard.add((TAG, port, number, second * 10_000 + thousandths * 10))
            return f"T{port},{second}.{thousandths:03d},78664c3304,-75\n"
        self.heard.add((PULSE, port, number, second * 10_000 + fraction))
        return f"p{port},{second}.{fraction:04d},2.637,-38.87,-53.61\n"
