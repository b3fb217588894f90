"""Uploading files over AMQP, for stations that cannot reach the site: in pieces, resumed at the byte the server has.

    ask ──open: offset──▶ pieces, at most a window without an answer ──open──▶ more pieces ──stored | known──▶ end
     ▲                       │ again, later, no answer, the connection broke             └─changed | refused──▶ end
     └───────────────────────┘

It has its own connection, used by one thread. Answers come to a pseudo-queue of the same channel and end with it.
"""

import threading
import time
from collections import deque
from collections.abc import Callable, Mapping
from typing import Any

import msgspec
import pika
from pika.exceptions import AMQPError, NackError, UnroutableError
from pika.spec import Basic

from message_queue.pieces import (
    ASK_KEY,
    PIECE_KEY,
    PIECE_MOST,
    REPLY_TO,
    WINDOW,
    UploadAnswer,
    UploadAsked,
    answer_decode,
    piece_headers,
)
from station_agent.config import AmqpSettings
from station_agent.errors import ServerAway
from station_agent.link.endpoint import parameters_make
from station_agent.link.meter import LinkContext, Meter
from station_agent.link.reasons import reason_of
from station_agent.uploads.sending import (
    Attempts,
    FileChanged,
    FileRefused,
    LocalFile,
    Progress,
    UploadStopped,
    blocks_read,
)

#: Seconds without an answer after which to ask again, and of one wait, after which the caller may stop.
ANSWER_S, LOOK_S = 60.0, 1.0
_BLOCKED_S = 120.0
#: Counts bytes sent and received on the link.
Count = Callable[[int, int], None]


class AmqpUploader:
    """Uploads files with one login, one after the other. Without an answer for `give_up` seconds it raises.

    While `may_send` returns false nothing more is sent.
    """

    def __init__(
        self,
        amqp: AmqpSettings,
        *,
        heartbeat: int,
        give_up: float,
        may_send: Callable[[], bool] = lambda: True,
        count: Count = lambda _sent, _received: None,
        now: Callable[[], float | None] = lambda: None,
    ) -> None:
        self._amqp, self._heartbeat, self._give_up = amqp, heartbeat, give_up
        self._may_send, self._count, self._now = may_send, count, now
        self._line: _UploadLine | None = None
        self._turn, self._stopping = 0, threading.Event()
        #: Bytes of files that were sent.
        self.sent = 0

    def upload(self, file: LocalFile, progress: Progress) -> str:
        """Upload one file; return `stored` or `known`. Raises `FileRefused` and `ServerAway`."""
        attempts = Attempts(self._give_up, self._stopping)
        while True:
            try:
                return self._once(attempts, file, progress)
            except (AMQPError, OSError) as error:
                self.close()
                attempts.failed(ServerAway(_reason(error, self._amqp)))
            except ServerAway as error:
                attempts.failed(error)

    def stop(self) -> None:
        """Let the upload raise `UploadStopped` soon."""
        self._stopping.set()

    def close(self) -> None:
        """End the connection, if there is one."""
        line, self._line = self._line, None
        if line is not None:
            line.close()

    def _once(self, attempts: Attempts, file: LocalFile, progress: Progress) -> str:
        """Ask how much of the file the server has, and send the rest. Raises `ServerAway` if it must ask again."""
        line = self._line = self._line or _UploadLine(self._amqp, self._heartbeat, self._count, self._now())
        self._turn += 1
        asked = UploadAsked(
            path=file.name, size=file.size, sha256=file.sha256, modified=max(file.modified, 0.0), turn=self._turn
        )
        line.say(ASK_KEY, msgspec.json.encode(asked), {})
        answer = self._answer(line, 0, progress)
        if answer.state == "open":
            try:
                answer = self._send(line, attempts, file, answer, progress)
            except FileChanged:
                # End the upload, which can never be completed; if this message is lost, it expires.
                line.say(PIECE_KEY, b"", piece_headers(turn=self._turn, upload=answer.upload, offset=0))
                raise
        return _outcome(answer)

    def _send(
        self, line: "_UploadLine", attempts: Attempts, file: LocalFile, answer: UploadAnswer, progress: Progress
    ) -> UploadAnswer:
        """Send what the server lacks, at most a window ahead of its answers; return its last answer."""
        there = handed = min(answer.offset, file.size)
        blocks = blocks_read(file, handed, file.size - handed, PIECE_MOST)
        while answer.state == "open":
            if self._stopping.is_set():
                raise UploadStopped
            if answer.offset > there:
                attempts.succeeded()
                there = answer.offset
            progress(there)
            while handed < file.size and handed - there < WINDOW and self._may_send():
                body = next(blocks)
                line.say(PIECE_KEY, body, piece_headers(turn=self._turn, upload=answer.upload, offset=handed))
                handed += len(body)
                self.sent += len(body)
            if handed == there < file.size:
                # Held back on purpose: not a failure.
                attempts.succeeded()
                line.wait(LOOK_S)
            else:
                answer = self._answer(line, there, progress)
        return answer

    def _answer(self, line: "_UploadLine", there: int, progress: Progress) -> UploadAnswer:
        """The next answer. Raises `ServerAway` if none comes."""
        until = time.monotonic() + ANSWER_S
        while (answer := line.answer(self._turn, LOOK_S)) is None:
            progress(there)
            if self._stopping.is_set():
                raise UploadStopped
            if time.monotonic() > until:
                self.close()
                raise ServerAway("The server does not answer about files over AMQP.")
        return answer


class _UploadLine:
    """A connection with one channel, for questions, pieces and answers."""

    def __init__(self, amqp: AmqpSettings, heartbeat: int, count: Count, now: float | None) -> None:
        self._amqp, self._count, self._meter = amqp, count, Meter()
        self._heard: deque[UploadAnswer] = deque()
        parameters = parameters_make(amqp, heartbeat=heartbeat, blocked=_BLOCKED_S, name=f"{amqp.username} files")
        context = parameters.ssl_options.context if parameters.ssl_options else None
        if isinstance(context, LinkContext):
            context.watch = self._meter.watch
            context.time_by(now)
        self._connection = pika.BlockingConnection(parameters)
        try:
            self._channel = self._connection.channel()
            self._channel.confirm_delivery()
            self._channel.basic_consume(REPLY_TO, self._on_answer, auto_ack=True)
        except (AMQPError, OSError):
            self.close()
            raise

    def say(self, key: str, body: bytes, headers: Mapping[str, Any]) -> None:
        """Publish, and wait until the broker has it. Raises `AMQPError` and OSError."""
        properties = pika.BasicProperties(
            content_type="application/octet-stream" if headers else "application/json",
            headers=dict(headers),
            delivery_mode=2,
            reply_to=REPLY_TO,
            user_id=self._amqp.username,
        )
        self._channel.basic_publish(self._amqp.exchange, key, body, properties, mandatory=True)

    def answer(self, turn: int, seconds: float) -> UploadAnswer | None:
        """The newest answer of this turn; waits for it for at most this long."""
        if not self._heard:
            self.wait(seconds)
        chosen = None
        while self._heard and (chosen is None or chosen.state == "open"):
            heard = self._heard.popleft()
            # Answers to an earlier turn say nothing about this one.
            chosen = heard if heard.turn == turn else chosen
        return chosen

    def wait(self, seconds: float) -> None:
        """Serve the connection: heartbeats and answers."""
        self._connection.process_data_events(time_limit=seconds)
        self._count(*self._meter.fresh())

    def close(self) -> None:
        """Close the connection, whatever its state."""
        try:
            self._connection.close()
        except (AMQPError, OSError):
            pass
        finally:
            self._count(*self._meter.fresh())
            self._meter.end()

    def _on_answer(self, _channel: Any, _method: Basic.Deliver, _properties: pika.BasicProperties, body: bytes) -> None:
        heard = answer_decode(body)
        if heard is not None:
            self._heard.append(heard)


def _outcome(answer: UploadAnswer) -> str:
    """`stored` or `known`; any other answer raises the error for it."""
    if answer.state in ("stored", "known"):
        return answer.state
    if answer.state == "changed":
        raise FileChanged(answer.reason)
    if answer.state == "refused":
        raise FileRefused(answer.reason)
    raise ServerAway(answer.reason or "The server lacks a part of this upload.")


def _reason(error: Exception, amqp: AmqpSettings) -> str:
    if isinstance(error, NackError):
        return "The server's queue of files is full: they are sent when it has room again."
    if isinstance(error, UnroutableError):
        return "The server has no queue for this station's files at the moment."
    return reason_of(error, amqp.host, amqp.port)
