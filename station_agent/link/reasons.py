"""Why there is no connection, as a sentence for the person at the station."""

import socket
import ssl
import time
from collections.abc import Iterator

from pika import exceptions
from pika.adapters.utils import connection_workflow as workflow

from station_agent.words import moment_say

BLOCKED = "The server takes no messages at the moment (it is short of memory or disk); everything is kept here."
ACCESS_REFUSED = 403
NOT_FOUND = 404
NOT_ALLOWED = 530
CONNECTION_FORCED = 320


#: Seconds for which what is missing on the server may come back by itself: its reconciler looks every ten minutes.
LASTING_SECONDS = 1_800.0
_PASSES = "The server restores it by itself; the agent goes on trying and keeps everything."
_LASTS = (
    "This has lasted for more than half an hour: ask the server's people, and enrol the station again if they say so."
)
_CLOCK_WORDS = ("expired", "not yet valid")


def reason_of(error: BaseException, host: str, port: int, *, lasted: float = 0.0, clock: str = "") -> str:
    """What pika, TLS or the network said, in a sentence or two. `lasted`: seconds for which nothing has worked.

    `clock` says how wrong the station's clock is, where that is known.
    """
    for cause in _causes(error):
        sentence = (
            _certificate(cause, host, clock) or _network(cause, host, port) or _broker(cause, host, advice_of(lasted))
        )
        if sentence:
            return sentence
    return f"The connection to {host}:{port} ended: {str(error)[:120] or type(error).__name__}."


def _causes(error: BaseException) -> Iterator[BaseException]:
    """The error and what lies under it, deepest first: pika wraps the network's own words in three layers."""
    parts = (*getattr(error, "exceptions", ()), getattr(error, "exception", None), *error.args, error.__cause__)
    for part in parts:
        if isinstance(part, BaseException) and part is not error:
            yield from _causes(part)
    yield error


def advice_of(lasted: float) -> str:
    """What to do about something that the server should have: wait at first."""
    return _PASSES if lasted < LASTING_SECONDS else _LASTS


def is_about_time(error: BaseException) -> bool:
    """Whether a certificate was not trusted because of the date: then the clock is the first suspect."""
    return any(
        isinstance(cause, ssl.SSLCertVerificationError) and _is_about_time(str(cause.verify_message))
        for cause in _causes(error)
    )


def _is_about_time(message: str) -> bool:
    return any(word in message for word in _CLOCK_WORDS)


def _certificate(error: BaseException, host: str, clock: str) -> str:
    if isinstance(error, ssl.SSLCertVerificationError):
        message = str(error.verify_message)
        if not _is_about_time(message):
            return f"The server {host} showed a certificate that is not trusted ({message})."
        if clock:
            return f"{clock} So the certificate of {host} seems out of date ({message})."
        return (
            f"By this station's clock, the certificate of {host} is out of date ({message}). Look at the clock first: "
            f"it shows {moment_say(time.time())}."
        )
    if isinstance(error, ssl.SSLError):
        return f"No encrypted connection to {host} could be made ({getattr(error, 'reason', None) or error})."
    return ""


def _network(error: BaseException, host: str, port: int) -> str:  # noqa: PLR0911 - one sentence each
    if isinstance(error, socket.gaierror):
        return f"The name {host} cannot be resolved: there is no network, or the name is wrong."
    if isinstance(error, ConnectionRefusedError):
        return f"{host}:{port} refuses connections: the server is not running, or the port is wrong."
    if isinstance(error, workflow.AMQPConnectorStackTimeout | TimeoutError):
        return f"{host}:{port} does not answer: there is no network, or a firewall stands between."
    if isinstance(error, exceptions.AMQPHeartbeatTimeout):
        return "The link went silent: the server was not heard for two heartbeats."
    if isinstance(error, exceptions.ConnectionBlockedTimeout):
        return BLOCKED
    if isinstance(error, exceptions.StreamLostError | ConnectionResetError | BrokenPipeError):
        return f"The link to {host} broke."
    if isinstance(error, OSError) and error.strerror:
        return f"{host}:{port} cannot be reached: {error.strerror}."
    return ""


def _broker(error: BaseException, host: str, advice: str) -> str:  # noqa: PLR0911 - one sentence each
    if isinstance(error, exceptions.ProbableAuthenticationError | exceptions.AuthenticationError):
        return (
            "The server refuses this station's login: it was revoked or replaced. "
            "Ask for a new token and run `station-agent enrol`."
        )
    if isinstance(error, exceptions.ProbableAccessDeniedError):
        return f"The server {host} does not let this station in: enrol it again."
    if isinstance(error, exceptions.ConnectionClosedByBroker | exceptions.ChannelClosedByBroker):
        code, text = error.reply_code, error.reply_text
        if code in (ACCESS_REFUSED, NOT_ALLOWED):
            return (
                f"The server refuses what this station does: {text}. It may be suspended or retired: "
                "ask the server's people before you enrol it again."
            )
        if code == NOT_FOUND:
            return f"The server has no exchange or queue for this station at the moment: {text}. {advice}"
        if code == CONNECTION_FORCED:
            return f"The server closed the connection: {text}."
        return f"The server closed the connection ({code}): {text}."
    if isinstance(error, exceptions.ConsumerCancelled):
        return f"The station's command queue is not there on the server at the moment. {advice}"
    if isinstance(error, exceptions.IncompatibleProtocolError):
        return f"{host} does not speak AMQP on this port, or wants encryption (TLS)."
    return ""
