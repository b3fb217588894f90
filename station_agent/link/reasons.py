"""Why there is no connection, as a sentence for the person at the station."""

import socket
import ssl
import time
from collections.abc import Iterator

from pika import exceptions
from pika.adapters.utils import connection_workflow as workflow

from station_agent.words import moment_say

#: Begins the sentence about a login that the broker rejects; `identity.rotation` looks for it.
LOGIN_REFUSED = "The server refuses this station's login"
BLOCKED = "The server accepts no messages at the moment (it is short of memory or disk); everything is kept here."
ACCESS_REFUSED = 403
NOT_FOUND = 404
NOT_ALLOWED = 530
CONNECTION_FORCED = 320


#: Seconds to wait for the server to restore something missing by itself: its reconciler runs every ten minutes.
LASTING_SECONDS = 1_800.0
_PASSES = "The server restores it by itself; the agent keeps trying and loses nothing."
_LASTS = "This has lasted more than half an hour: ask the people who run the server, and enrol again if they say so."
_CLOCK_WORDS = ("expired", "not yet valid")


def reason_of(error: BaseException, host: str, port: int, *, lasted: float = 0.0, clock: str = "") -> str:
    """The error from pika, TLS or the network in a sentence or two. `lasted`: seconds since it last worked.

    `clock` says how wrong the station's clock is, if known.
    """
    for cause in _causes(error):
        sentence = (
            _certificate(cause, host, clock) or _network(cause, host, port) or _broker(cause, host, advice_of(lasted))
        )
        if sentence:
            return sentence
    return f"The connection to {host}:{port} ended: {str(error)[:120] or type(error).__name__}."


def _causes(error: BaseException) -> Iterator[BaseException]:
    """The error and its causes, deepest first: pika wraps network errors in three layers."""
    parts = (*getattr(error, "exceptions", ()), getattr(error, "exception", None), *error.args, error.__cause__)
    for part in parts:
        if isinstance(part, BaseException) and part is not error:
            yield from _causes(part)
    yield error


def advice_of(lasted: float) -> str:
    """Advice about something missing on the server: wait at first."""
    return _PASSES if lasted < LASTING_SECONDS else _LASTS


def is_about_time(error: BaseException) -> bool:
    """Whether a certificate was rejected because of its dates: then the clock is the first suspect."""
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
            f"By this station's clock, the certificate of {host} is out of date ({message}). Check the clock first: "
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
        return f"{host}:{port} does not answer: there is no network, or a firewall is in the way."
    if isinstance(error, exceptions.AMQPHeartbeatTimeout):
        return "The link went silent: the server missed two heartbeats."
    if isinstance(error, exceptions.ConnectionBlockedTimeout):
        return BLOCKED
    if isinstance(error, exceptions.StreamLostError | ConnectionResetError | BrokenPipeError):
        return f"The link to {host} broke."
    if isinstance(error, OSError) and error.strerror:
        return f"{host}:{port} cannot be reached: {error.strerror}."
    return ""


def _broker(error: BaseException, host: str, advice: str) -> str:  # noqa: PLR0911 - one sentence each
    if isinstance(error, exceptions.ProbableAuthenticationError | exceptions.AuthenticationError):
        return f"{LOGIN_REFUSED}: it was revoked or replaced. Ask for a new token and run `station-agent enrol`."
    if isinstance(error, exceptions.ProbableAccessDeniedError):
        return f"The server {host} denies this station access: enrol it again."
    if isinstance(error, exceptions.ConnectionClosedByBroker | exceptions.ChannelClosedByBroker):
        code, text = error.reply_code, error.reply_text
        if code in (ACCESS_REFUSED, NOT_ALLOWED):
            return (
                f"The server refuses what this station does: {text}. It may be suspended or retired: "
                "ask the people who run the server before you enrol it again."
            )
        if code == NOT_FOUND:
            return f"The server has no exchange or queue for this station at the moment: {text}. {advice}"
        if code == CONNECTION_FORCED:
            return f"The server closed the connection: {text}."
        return f"The server closed the connection ({code}): {text}."
    if isinstance(error, exceptions.ConsumerCancelled):
        return f"The station's command queue is missing on the server at the moment. {advice}"
    if isinstance(error, exceptions.IncompatibleProtocolError):
        return f"{host} does not speak AMQP on this port, or requires encryption (TLS)."
    return ""
