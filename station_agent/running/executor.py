"""Running commands: checks, journal, consent, handler, result; one at a time, in a separate thread.

1. Known already? Repeat its outcome; a command that was running when the agent died is judged, not repeated blindly.
2. For this station, in time, known, well-formed, allowed? Otherwise refuse or expire with a sentence.
3. Record it in the journal, then run it, then put the result into the outbox, and only then acknowledge.

Messages that arrive together are examined together: a withdrawal overtakes the commands that wait here, and a command
that cannot be undone waits a moment for a withdrawal right behind it. If processing fails, a message is set aside.
"""

import logging
import sqlite3
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from message_queue.contracts.base import Scalar
from message_queue.contracts.command_status import CommandState, CommandStatus
from message_queue.contracts.commands import command_contracts
from message_queue.contracts.commands.base import CommandMessage, CommandParameters, Withdrawal, order_decode
from message_queue.errors import CommandRefused
from station_agent.commands import handlers
from station_agent.commands.base import NOTE_MOST, OUTPUT_MOST, CommandOutcome, Handler, bounded
from station_agent.outbox import COMMAND_STATUS
from station_agent.running.consent import consent_refusal
from station_agent.running.journal import WITHDRAWN, Journal, JournalEntry
from station_agent.station import Station, clock_is_set
from station_agent.words import moment_say

log = logging.getLogger(__name__)

#: Seconds before a command whose state could not be written is tried again.
RETRY_SECONDS = 30.0
#: Seconds for which a command that cannot be undone waits for its withdrawal: after a reconnect both come in one burst.
LOOK_BEHIND_SECONDS = 2.0


@dataclass(eq=False, slots=True)
class _Delivery:
    """One message from the command queue; `order` is None for an unreadable one."""

    body: bytes
    order: CommandMessage | Withdrawal | None
    #: One for each copy received: the server may send a command again, and the broker, after a lost connection.
    acknowledge: list[Callable[[], None]]
    #: Monotonic time before which neither this command nor later ones start.
    ripe_at: float = 0.0
    #: Monotonic time until which this command is set aside; the others pass.
    aside_until: float = 0.0


class Executor:
    """Takes deliveries from the link and processes them."""

    def __init__(self, station: Station, journal: Journal, consent_path: Path) -> None:
        self._station = station
        self._journal = journal
        self._consent_path = consent_path
        self._waiting: list[_Delivery] = []
        self._changed = threading.Condition()
        self._is_stopping = False
        # A hanging handler must not keep the agent from stopping: the journal knows that it was running.
        self._thread = threading.Thread(target=self._work, name="commands", daemon=True)

    def start(self) -> None:
        """Start processing."""
        self._thread.start()

    def stop(self, seconds: float) -> None:
        """Finish the running command if it ends in time."""
        with self._changed:
            self._is_stopping = True
            self._changed.notify_all()
        self._thread.join(seconds)

    def deliver(self, body: bytes, acknowledge: Callable[[], None]) -> None:
        """Accept one delivery. Callable from any thread."""
        try:
            order = order_decode(body)
        except CommandRefused:
            order = None
        ripe_at = 0.0
        if isinstance(order, CommandMessage) and (handler := handlers().get(order.name)) and not handler.repeatable:
            ripe_at = time.monotonic() + LOOK_BEHIND_SECONDS
        with self._changed:
            same = next((each for each in self._waiting if each.body == body), None)
            if same is None:
                self._waiting.append(_Delivery(body, order, [acknowledge], ripe_at))
            else:
                same.acknowledge.append(acknowledge)
            self._changed.notify_all()

    def _next(self) -> _Delivery | None:
        """Wait for the next delivery to process, withdrawals before commands; None when the agent stops."""
        with self._changed:
            while not self._is_stopping:
                now = time.monotonic()
                ready = [each for each in self._waiting if each.aside_until <= now]
                ready.sort(key=lambda each: not isinstance(each.order, Withdrawal))
                if ready and ready[0].ripe_at <= now:
                    self._waiting.remove(ready[0])
                    return ready[0]
                moments = [each.aside_until for each in self._waiting if each.aside_until > now]
                moments += [ready[0].ripe_at] if ready else []
                self._changed.wait(min(moments) - now if moments else None)
        return None

    def _work(self) -> None:
        while (delivery := self._next()) is not None:
            try:
                self._handle(delivery)
            except (sqlite3.Error, OSError) as error:
                # A full disk is temporary; the journal knows how far it got.
                log.warning("A command could not be processed: %s. Trying again.", error)
                delivery.aside_until = time.monotonic() + RETRY_SECONDS
                with self._changed:
                    self._waiting.insert(0, delivery)
            else:
                for acknowledge in delivery.acknowledge:
                    acknowledge()

    def _handle(self, delivery: _Delivery) -> None:
        """Process one delivery; report any problem without affecting the others."""
        try:
            self.handle(delivery.body)
        except (sqlite3.Error, OSError):
            raise
        except Exception as error:
            log.exception("A command could not be processed.")
            sentence = bounded(f"The station could not process it: {error}.", NOTE_MOST)
            if isinstance(delivery.order, CommandMessage):
                self._finish(delivery.order, "failed", sentence)
            else:
                self._station.event("command_unreadable", {"why": sentence})

    def handle(self, body: bytes) -> None:
        """Do everything between delivery and acknowledgement."""
        try:
            message = order_decode(body)
        except CommandRefused as error:
            log.warning("%s", error)
            self._station.event("command_unreadable", {"why": bounded(str(error), NOTE_MOST)})
            return
        if isinstance(message, Withdrawal):
            self._withdraw(message)
            return
        known = self._journal.get(str(message.id))
        if known is not None and known.state != "received":
            self._repeat(message, known)
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

    def _withdraw(self, message: Withdrawal) -> None:
        """Cancel a command, so that it no longer runs. Anything it did before is reported separately."""
        if message.station != self._station.config.serial:
            why = f"The withdrawal is for station {message.station}, this is {self._station.config.serial}."
            self._station.event("command_unreadable", {"why": why})
            return
        with self._station.outbox.database.transaction():
            at = self._journal.withdraw(command=str(message.withdraw), boot_id=self._station.boot_id)
            if at is not None:
                status = CommandStatus(command=message.withdraw, state="refused", at=at, note=WITHDRAWN)
                self._station.outbox.put("command_status", status, COMMAND_STATUS)
                log.info("Command %s was cancelled and will not run.", message.withdraw)
            else:
                log.info("The cancellation of command %s came too late.", message.withdraw)

    def _refusal(self, message: CommandMessage) -> tuple[CommandState, str] | None:
        """The state and the sentence if the command must not run."""
        now = self._station.now()
        serial = self._station.config.serial
        if message.station != serial:
            return "refused", f"The command is for station {message.station}, this is {serial}."
        if not clock_is_set(now):
            return "refused", (
                f"The station's clock is not set (it shows {moment_say(now)}), "
                "so it cannot tell whether the command is still wanted."
            )
        if message.expires_at < now:
            return "expired", f"The command arrived too late: it expired at {moment_say(message.expires_at)}."
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
            outcome = CommandOutcome("failed", f"The station could not do it: {error}.")
        self._finish(message, outcome.state, outcome.note, outcome.result, outcome.output)

    def _repeat(self, message: CommandMessage, known: JournalEntry) -> None:
        """Handle a command seen before: repeat its outcome, or run it again only if that does no harm."""
        if known.is_final:
            # Reported with its original time: the server may already have this answer.
            at = known.changed_at or self._station.now()
            self._status(message, known.state, known.note, known.result, known.output, at=at)
            return
        handler = handlers().get(known.name)
        if handler is not None and handler.repeatable and self._refusal(message) is None:
            try:
                parameters = command_contracts()[known.name].parameters_check(message.parameters)
            except CommandRefused as error:
                self._finish(message, "failed", f"It was running when the agent stopped. Now: {error}")
            else:
                self._run(message, handler, parameters)
        elif self._station.boot_id and known.boot_id != self._station.boot_id:
            self._finish(message, "succeeded", f"The station has restarted since {moment_say(known.changed_at)}.")
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
        """Write the final state to the journal and the outbox together."""
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
        *,
        at: float | None = None,
    ) -> None:
        moment = self._station.now() if at is None else at
        status = CommandStatus(
            command=message.id, state=state, at=moment, note=note, result=result or {}, output=output
        )
        self._station.outbox.put("command_status", status, COMMAND_STATUS)
