"""Memory of a worker: what it knows from earlier batches, so that a batch needs few queries."""

from fleet.ingest.memory.dirty_hours import NotedHours
from fleet.ingest.memory.files import FileBook
from fleet.ingest.memory.heard_hours import HeardHours
from fleet.ingest.memory.series import SeriesBook
from fleet.ingest.memory.stations import StationBook


class Memory:
    """Everything that one worker remembers. Not thread-safe."""

    def __init__(self) -> None:
        self.stations = StationBook()
        self.series = SeriesBook()
        self.files = FileBook()
        self.noted = NotedHours()
        self.heard = HeardHours()

    def keep(self) -> None:
        """Keep what the batch added, once it is committed."""
        self.series.keep()
        self.files.keep()
        self.noted.keep()
        self.heard.keep()

    def drop(self) -> None:
        """Forget what the batch added, because it was rolled back."""
        self.series.drop()
        self.files.drop()
        self.noted.drop()
        self.heard.drop()

    def forget(self) -> None:
        """Forget everything."""
        self.stations.forget()
        self.series.forget()
        self.files.forget()
        self.noted.forget()
        self.heard.forget()
