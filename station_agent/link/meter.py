"""Counting a connection's bytes on the link, as the kernel saw them.

The kernel counts for each TCP socket the bytes sent and retransmitted, the bytes received, and the segments both ways
(TCP_INFO). Payload plus a header for each segment is what the network carries: AMQP, TLS with its handshake,
acknowledgements and retransmissions. A wrapper that counts reads and writes would miss all of these except the first.
Not counted: layers below IP, name look-ups, and attempts that no server answered.
"""

import contextlib
import os
import socket
import ssl
import struct
from collections.abc import Callable
from typing import Any

from station_agent.clock.server_time import NO_CHECK_TIME, dates_check

#: Offsets of the fields read from Linux's struct tcp_info.
_OPTIONS, _RECEIVED, _SENT = 5, 120, 200
_TIMESTAMPS = 1
#: Header bytes of one segment: IP (4 or 6), TCP, and the timestamps if used.
_IP4, _IP6, _TCP, _STAMPS = 20, 40, 20, 12
#: Segments each way that close a connection, after which the kernel can no longer be asked.
_CLOSING = 2


class Meter:
    """Bytes sent and received by successive connections."""

    def __init__(self) -> None:
        self._socket: socket.socket | None = None
        self._told = (0, 0)

    def watch(self, connection: socket.socket) -> None:
        """Count this connection from its beginning.

        A duplicate of the socket is held, because the owner may close its own at any time.
        """
        self.end()
        self._socket = socket.socket(connection.family, socket.SOCK_STREAM, fileno=os.dup(connection.fileno()))
        self._told = (0, 0)

    def fresh(self) -> tuple[int, int]:
        """Bytes sent and received since the last call."""
        if self._socket is None:
            return 0, 0
        # A kernel that reports less (an old one, or qemu) loses the count, not the connection.
        with contextlib.suppress(OSError, struct.error):
            now = link_bytes(self._socket)
            sent, received = now[0] - self._told[0], now[1] - self._told[1]
            self._told = now
            return max(sent, 0), max(received, 0)
        return 0, 0

    def end(self) -> None:
        """Finish counting this connection."""
        if self._socket is not None:
            self._socket.close()
            self._socket = None


def link_bytes(connection: socket.socket) -> tuple[int, int]:
    """Bytes sent and received on the link by this socket, with all headers; its close is counted in advance."""
    info = connection.getsockopt(socket.IPPROTO_TCP, socket.TCP_INFO, 256)
    acked, received, segments_out, segments_in = struct.unpack_from("=QQII", info, _RECEIVED)
    sent = struct.unpack_from("=Q", info, _SENT)[0] if len(info) >= _SENT + 8 else acked
    header = (_IP6 if connection.family == socket.AF_INET6 else _IP4) + _TCP
    header += _STAMPS if info[_OPTIONS] & _TIMESTAMPS else 0
    return sent + header * (segments_out + _CLOSING), received + header * (segments_in + _CLOSING)


class DatedSocket(ssl.SSLSocket):
    """Checks the certificate's dates against a time other than the clock's, before anything is sent to the server."""

    def do_handshake(self, block: bool = False) -> None:  # noqa: FBT001, FBT002 - the base's signature
        """Do the base class's handshake, then check the dates."""
        super().do_handshake(block)
        now = self.context.now if isinstance(self.context, LinkContext) else None
        certificate = self.getpeercert()
        if now is not None and certificate:
            dates_check(certificate, now)


class LinkContext(ssl.SSLContext):
    """A client's TLS settings that expose each socket before encryption and resume the last session.

    `now` is the time for checking the dates of certificates if the clock is far off.
    """

    sslsocket_class = DatedSocket
    now: float | None = None

    watch: Callable[[socket.socket], None] | None = None
    session: ssl.SSLSession | None = None
    _latest: ssl.SSLSocket | None = None

    def wrap_socket(self, sock: socket.socket, *args: Any, **options: Any) -> ssl.SSLSocket:
        """Wrap as the base class does."""
        if self.watch is not None:
            self.watch(sock)
        secured: ssl.SSLSocket = super().wrap_socket(sock, *args, **{**options, "session": self.session})
        self._latest = secured
        return secured

    def time_by(self, now: float | None) -> None:
        """From the next connection on, check dates against this time instead of the clock; None uses the clock."""
        self.now = now
        if now is not None:
            self.verify_flags |= ssl.VerifyFlags(NO_CHECK_TIME)
        else:
            self.verify_flags &= ~ssl.VerifyFlags(NO_CHECK_TIME)

    def session_keep(self) -> None:
        """Keep the running connection's session, so that the next handshake can be short."""
        if self._latest is not None and self._latest.session is not None:
            self.session = self._latest.session

    def session_forget(self) -> None:
        """Forget the session: the next handshake is a full one."""
        self.session = None
