"""Running commands: checks, journal, consent, handler, result; one at a time, in a thread of its own.

1. Known already? Say again what became of it; what was running when the agent died is judged, not repeated blindly.
2. For this station, in time, known, well-formed, allowed? Else refuse or expire with a sentence.
3. Write it into the journal, then run it, then put the result into the outbox, and only then acknowledge.
"""

import logging
import queue
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

from message_queue.contracts.base import Scalar
from message_queue.contracts.command_status import CommandState, CommandStatus
from message_queue.contracts.commands import command_contracts
from message_queue.contracts.commands.base import CommandMessage, CommandParameters, command_decode
from message_queue.errors import CommandRefused
from station_agent.commands import handlers
from station_agent.commands.base import NOTE_MOST, OUTPUT_MOST, Handler, Outcome, bounded
from station_agent.consent import consent_refusal
from station_agent.journal import Entry, Journal
from station_agent.outbox import COMMAND_STATUS
from station_agent.station import Station, clock_is_set
from station_agent.words import moment_say

log = logging.getLogger(__name__)

#: Seconds until a command whose state could not be written is taken up again.
RETRY_SECONDS = 30.0


class _Delivery(NamedTuple):
    body: bytes
    acknowledge: Callable[[], None]


class Executor:
    """Takes deliveries from the link and works them off."""

    def __init__(self, station: Station, journal: Journal, consent_path: Path) -> None:
        self._station = station
        self._journal = journal
        self._consent_path = consent_path
        self._queue: queue.SimpleQueue[_Delivery | None] = queue.SimpleQueue()
        self._stopping = threading.Event()
        # A handler that hangs must not keep the agent from stopping: the journal knows that it was running.
        self._thread = threading.Thread(target=self._work, name="commands", daemon=True)

    def start(self) -> None:
        """Begin to work."""
        self._thread.start()

    def stop(self, seconds: float) -> None:
        """Finish the running command if it ends in time."""
        self._stopping.set()
        self._queue.put(None)
        self._thread.join(seconds)

    def deliver(self, body: bytes, acknowledge: Callable[[], None]) -> None:
        """Take one delivery; from any thread."""
        self._queue.put(_Delivery(body, acknowledge))

    def _work(self) -> None:
        while (delivery := self._queue.get()) is not None:
            while not self._stopping.is_set():
                try:
                    self.handle(delivery.body)
                except Exception as error:  # noqa: BLE001 - a full disk passes; the journal knows how far it got
                    log.warning("A command could not be worked off: %s. It is tried again.", error)
                    self._stopping.wait(RETRY_SECONDS)
                else:
                    delivery.acknowledge()
                    break

    def handle(self, body: bytes) -> None:
        """Everything between delivery and acknowledgement."""
        try:
            message = command_decode(body)
        except CommandRefused as error:
            log.warning("%s", error)
            self._station.event("command_unreadable", {"why": bounded(str(error), NOTE_MOST)})
            return
        known = self._journal.get(str(message.id))
        if known is not None and known.state != "received":
            self._again(message, known)
            return
        refusal = self._refusal(message)
        if refusal is not None:
            self._finish(message, *refusal)
            return
        try:
            parameters = command_contracts()[message.name].parameters_check(message.parameters)
        except CommandRefused as error:
            self._finish(message, "refused", str(error))
            return
        self._run(message, handlers()[message.name], parameters)

    def _refusal(self, message: CommandMessage) -> tuple[CommandState, str] | None:
        """The state and the sentence when the command must not run."""
        now = time.time()
        serial = self._station.config.serial
        if message.station != serial:
            return "refused", f"The command is for station {message.station}, this is {serial}."
        if not clock_is_set(now):
            return "refused", (
                f"The station's clock is not set (it shows {moment_say(now)}), "
                "so it cannot tell whether the command is still wanted."
            )
        if message.expires_at < now:
            return "expired", f"The command came after its time: it was wanted until {moment_say(message.expires_at)}."
        if message.name not in command_contracts() or message.name not in handlers():
            known = ", ".join(sorted(handlers()))
            return "refused", f"This station knows no command {message.name!r}; it knows {known}."
        sentence = consent_refusal(self._consent_path, message.name)
        return ("refused", sentence) if sentence else None

    def _run(self, message: CommandMessage, handler: Handler, parameters: CommandParameters) -> None:
        command, boot_id = str(message.id), self._station.boot_id
        with self._station.outbox.database.transaction():
            self._journal.received(command=command, name=message.name, boot_id=boot_id)
            self._status(message, "received")
            self._journal.move(command=command, state="running", boot_id=boot_id)
            self._status(message, "running")
        log.info("Command %s runs.", message.name)
        try:
            outcome = handler.run(self._station, parameters)
        except Exception as error:
            log.exception("Command %s failed.", message.name)
            outcome = Outcome("failed", f"The station could not do it: {error}.")
        self._finish(message, outcome.state, outcome.note, outcome.result, outcome.output)

    def _again(self, message: CommandMessage, known: Entry) -> None:
        """A command that came before: say what became of it; run again only what does no harm."""
        if known.is_final:
            self._finish(message, known.state, known.note, known.result, known.output)
            return
        handler = handlers().get(known.name)
        if handler is not None and handler.repeatable and self._refusal(message) is None:
            self._run(message, handler, command_contracts()[known.name].parameters_check(message.parameters))
        elif self._station.boot_id and known.boot_id != self._station.boot_id:
            self._finish(message, "succeeded", f"The station has started again since {moment_say(known.changed_at)}.")
        else:
            self._finish(
                message,
                "failed",
                "The agent stopped while the command was running; whether it took effect is unknown, "
                "and it was not repeated.",
            )

    def _finish(
        self,
        message: CommandMessage,
        state: CommandState,
        note: str,
        result: dict[str, Scalar] | None = None,
        output: str = "",
    ) -> None:
        """The last state: into the journal and the outbox together."""
        command, boot_id = str(message.id), self._station.boot_id
        note, output = bounded(note, NOTE_MOST), bounded(output, OUTPUT_MOST)
        with self._station.outbox.database.transaction():
            self._journal.received(command=command, name=message.name, boot_id=boot_id)
            self._journal.move(command=command, state=state, boot_id=boot_id, note=note, result=result, output=output)
            self._status(message, state, note, result, output)
        log.info("Command %s: %s. %s", message.name, state, note)

    def _status(
        self,
        message: CommandMessage,
        state: CommandState,
        note: str = "",
        result: dict[str, Scalar] | None = None,
        output: str = "",
    ) -> None:
        status = CommandStatus(
            command=message.id, state=state, at=time.time(), note=note, result=result or {}, output=output
        )
        self._station.outbox.put("command_status", status, COMMAND_STATUS)
