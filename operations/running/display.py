"""Progress display of `./roost up`: moving lines in a terminal, plain lines in a log."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from types import TracebackType
from typing import Self

from rich.console import Console
from rich.markup import escape
from rich.progress import Progress, SpinnerColumn, TaskID, TextColumn, TimeElapsedColumn

#: Seconds between two lines about one step in a log.
LOG_EVERY_SECONDS = 10.0


class Display:
    """Steps and the time they took."""

    def __init__(self) -> None:
        self.console = Console(highlight=False, soft_wrap=True)
        self._progress: Progress | None = None
        self._tasks: dict[str, TaskID] = {}
        self._told_at = time.monotonic()
        if self.console.is_terminal:
            columns = (SpinnerColumn(finished_text="[green]✓[/]"), TextColumn("{task.description}"))
            self._progress = Progress(*columns, TimeElapsedColumn(), console=self.console)

    def __enter__(self) -> Self:
        if self._progress:
            self._progress.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        if self._progress:
            self._progress.stop()

    def say(self, sentence: str) -> None:
        """Print a permanent line."""
        self.console.print(sentence, markup=False)

    def begin(self, name: str) -> None:
        """Show that a step has begun."""
        if self._progress and name not in self._tasks:
            self._tasks[name] = self._progress.add_task(name, total=1)

    def finish(self, name: str, remark: str) -> None:
        """Show that a step is done."""
        if self._progress:
            self.begin(name)
            self._progress.update(self._tasks[name], completed=1, description=f"{name} [dim]{remark}[/]")
        else:
            self.say(f"{name}: {remark}")

    def progress(self, name: str, remark: str) -> None:
        """Show how far a step is; in a log, only now and then."""
        if self._progress:
            self.begin(name)
            self._progress.update(self._tasks[name], description=f"{name} [dim]{escape(remark)}[/]")
        elif time.monotonic() - self._told_at > LOG_EVERY_SECONDS:
            self._told_at = time.monotonic()
            self.say(f"{name}: {remark}")

    @contextmanager
    def step(self, name: str) -> Iterator[None]:
        """A step around a block."""
        begun = time.monotonic()
        self.begin(name)
        yield
        self.finish(name, f"done ({time.monotonic() - begun:.1f} s)")
