"""Why there is no connection, as a sentence for the person at the station."""

import socket
import ssl
from collections.abc import Iterator

from pika import exceptions
from pika.adapters.utils import connection_workflow as workflow

BLOCKED = "The server takes no messages at the moment (it is short of memory or disk); everything is kept here."
ACCESS_REFUSED = 403
NOT_FOUND = 404
NOT_ALLOWED = 530
CONNECTION_FORCED = 320


def reason_of(error: BaseException, host: str, port: int) -> str:
    """One sentence for what pika, TLS or the network said."""
    for cause in _causes(error):
        sentence = _certificate(cause, host) or _network(cause, host, port) or _broker(cause, host)
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


def _certificate(error: BaseException, host: str) -> str:
    if isinstance(error, ssl.SSLCertVerificationError):
        hint = " Look at the station's clock first." if "valid" in error.verify_message else ""
        return f"The server {host} showed a certificate that is not trusted ({error.verify_message}).{hint}"
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


def _broker(error: BaseException, host: str) -> str:  # noqa: PLR0911 - one sentence each
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
            return f"The server refuses what this station does: {text}. Enrol it again."
        if code == NOT_FOUND:
            return f"The server does not know this station's exchange or queue any more: {text}. Enrol it again."
        if code == CONNECTION_FORCED:
            return f"The server closed the connection: {text}."
        return f"The server closed the connection ({code}): {text}."
    if isinstance(error, exceptions.ConsumerCancelled):
        return "The station's command queue was taken away on the server: enrol it again."
    if isinstance(error, exceptions.IncompatibleProtocolError):
        return f"{host} does not speak AMQP on this port, or wants encryption (TLS)."
    return ""
