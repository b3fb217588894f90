"""A line on a terminal that says what the program waits for, shown after one second; a log gets none."""

import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager

_PATIENCE_S = 1.0


@contextmanager
def waiting(sentence: str) -> Iterator[Callable[[], None]]:
    """Show a line while something slow runs. Call the yielded function to end the line before printing."""
    if not sys.stderr.isatty():
        yield lambda: None
        return
    from rich.console import Console  # noqa: PLC0415 - a tenth of the start of a word, which most often needs no line

    line = Console(stderr=True, highlight=False).status(sentence)
    timer = threading.Timer(_PATIENCE_S, line.start)
    timer.daemon = True
    timer.start()

    def end() -> None:
        timer.cancel()
        line.stop()

    try:
        yield end
    finally:
        end()
