"""Replay: sending a whole folder of data files straight to the server, bypassing the outbox, with every raw pulse.

Each file's content is a separate stream (`formats.sensorgnome.content`), so the server drops what it already has. After
the files come their accounts, in a stream named by their checksum.
"""

import time
from collections.abc import Callable, Collection, Iterator, Sequence
from pathlib import Path

from formats.sensorgnome.card import CardMessage, CardReader, FileReport
from formats.sensorgnome.found import entries
from message_queue import codec
from message_queue.contracts import contracts
from station_agent.config import Config
from station_agent.errors import AgentError
from station_agent.link.network import Network
from station_agent.link.publish import PublishLink
from station_agent.outbox import Outgoing
from station_agent.sensorgnome.serials import serials_taken
from station_agent.station import LinkState


class ReplayFeed:
    """The messages of all files in turn, and then their accounts, for the link."""

    def __init__(self, folder: Path, *, serials: frozenset[str] = frozenset()) -> None:
        #: Outcomes of the messages that contain the accounts.
        self.accounts = FileReport(file="")
        self.error: Exception | None = None
        self._open: dict[int, tuple[FileReport, Outgoing]] = {}
        self._again: list[int] = []
        unreadable: list[tuple[Path, OSError]] = []
        files = list(entries(folder, unreadable))
        self.files = len(files)
        self._card = CardReader(folder, files, unreadable, serials=serials)
        self._source = self._all()
        self._key = 0
        self.exhausted = False
        self.progress_at = time.monotonic()

    @property
    def reports(self) -> list[FileReport]:
        """The results of the files so far."""
        return self._card.reports

    @property
    def messages(self) -> int:
        """Number of messages, as far as the files were read."""
        return sum(report.messages for report in (*self.reports, self.accounts))

    @property
    def messages_confirmed(self) -> int:
        """Number of messages the broker has confirmed."""
        return sum(report.confirmed for report in (*self.reports, self.accounts))

    @property
    def messages_returned(self) -> int:
        """Number of messages that no queue accepted."""
        return sum(report.returned for report in (*self.reports, self.accounts))

    @property
    def is_done(self) -> bool:
        """True when every message was confirmed or returned."""
        return self.exhausted and not self._open

    def take(self, room: int) -> list[Outgoing]:
        """Messages given back first, then new ones."""
        taken = [self._open[key][1] for key in sorted(self._again)[:room]]
        self._again = sorted(self._again)[room:]
        while len(taken) < room and not self.exhausted:
            try:
                report, message = next(self._source)
            except StopIteration:
                self.exhausted = True
                break
            except Exception as error:  # noqa: BLE001 - told to the person by the main thread
                self.error, self.exhausted = error, True
                break
            self._open[message.key] = (report, message)
            taken.append(message)
        return taken

    def confirmed(self, keys: Sequence[int]) -> None:
        """Count messages confirmed by the broker."""
        for key in keys:
            self._open.pop(key)[0].confirmed += 1
        self.progress_at = time.monotonic()

    def given_back(self, keys: Collection[int]) -> None:
        """Queue these for publishing again."""
        self._again.extend(keys)

    def returned(self, keys: Collection[int]) -> None:
        """Count messages that no queue accepted; the person is told, and the files are still there."""
        for key in keys:
            self._open.pop(key)[0].returned += 1

    def _all(self) -> Iterator[tuple[FileReport, Outgoing]]:
        for part in self._card.parts():
            for message in part.messages:
                yield part.report, self._outgoing(part.report, message)
        told = self._card.accounts()
        self.accounts.messages = len(told)
        for message in told:
            self.accounts.stream = message.stream
            yield self.accounts, self._outgoing(self.accounts, message)

    def _outgoing(self, report: FileReport, message: CardMessage) -> Outgoing:
        body, encoding = codec.encode(message.body)
        self._key += 1
        unconfirmed = (int(out.headers["seq"]) for other, out in self._open.values() if other.stream == report.stream)
        return Outgoing(
            key=self._key,
            kind=message.kind,
            body=body,
            encoding=encoding,
            message_id=f"{message.stream}/{message.seq}",
            headers=codec.headers(
                version=contracts()[message.kind].version,
                stream=message.stream,
                seq=message.seq,
                oldest=min([message.seq, *unconfirmed]),
                next_seq=message.following,
            ),
            is_late=True,
        )


def replay_run(
    config: Config,
    folder: Path,
    *,
    give_up: float,
    tell: Callable[[ReplayFeed, LinkState], None],
    also_of: Sequence[str] = (),
    any_station: bool = False,
) -> ReplayFeed:
    """Send every file below the folder and wait for the last confirm. `tell` is called a few times a second.

    Raises `AgentError` if nothing is confirmed for `give_up` seconds.
    """
    serials = serials_taken(config.serial, also_of, any_station=any_station)
    feed, view = ReplayFeed(folder, serials=serials), LinkState()
    if not feed.files:
        raise AgentError(f"There is no file in {folder}.")
    link = PublishLink(config.amqp, config.link, feed, view, heartbeat=config.heartbeat, name=f"{config.serial} replay")
    network = Network(link.run)
    network.start()
    try:
        while not feed.is_done:
            time.sleep(0.1)
            tell(feed, view)
            if not network.is_running:
                raise AgentError("The connection ended for an unknown reason; run it again.")
            if time.monotonic() - feed.progress_at > give_up:
                reason = view.reason or view.trouble or "The server does not confirm."
                raise AgentError(
                    f"Nothing was confirmed for {give_up:.0f} s. {reason} Run it again: nothing is stored twice."
                )
    finally:
        network.stop(5.0)
        tell(feed, view)
    if feed.error is not None:
        raise feed.error
    return feed
