"""A line to the site that is cut again and again, after a number of bytes, and counts the bytes sent over it."""

from __future__ import annotations

import socket
import struct
import threading
from contextlib import suppress
from types import TracebackType
from typing import Self

_PIECE = 16_384


class CutLine:
    """Passes on TCP connections to a port of this machine; both ends see a cut as a reset."""

    def __init__(self, to: int, *, cuts: int, every: int) -> None:
        self._to, self._left, self._every = to, cuts, every
        #: Bytes sent to the site, and cuts made.
        self.octets = self.made = 0
        self._next = every
        self._lock = threading.Lock()
        self._listening = socket.create_server(("127.0.0.1", 0))
        # Small buffers: bytes that wait in one have not been on the line, but the sender takes them for sent.
        self._listening.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4 * _PIECE)
        self.port = int(self._listening.getsockname()[1])
        self._thread = threading.Thread(target=self._accept, daemon=True)

    def __enter__(self) -> Self:
        """Begin to listen."""
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Stop listening. Open connections end when either end closes them."""
        with suppress(OSError):
            self._listening.shutdown(socket.SHUT_RDWR)
        self._listening.close()
        self._thread.join(timeout=5)

    def _accept(self) -> None:
        while True:
            try:
                near, _ = self._listening.accept()
            except OSError:
                return
            far = socket.create_connection(("127.0.0.1", self._to))
            far.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, _PIECE)
            threading.Thread(target=self._pass, args=(near, far), daemon=True).start()
            threading.Thread(target=self._return, args=(far, near), daemon=True).start()

    def _pass(self, near: socket.socket, far: socket.socket) -> None:
        with suppress(OSError):
            while piece := near.recv(_PIECE):
                far.sendall(piece)
                if self._is_cut(len(piece)):
                    break
            else:
                far.shutdown(socket.SHUT_WR)
                return
        _reset(near, far)

    def _return(self, far: socket.socket, near: socket.socket) -> None:
        with suppress(OSError):
            while piece := far.recv(_PIECE):
                near.sendall(piece)
            near.shutdown(socket.SHUT_WR)

    def _is_cut(self, octets: int) -> bool:
        with self._lock:
            self.octets += octets
            if self.octets < self._next or not self._left:
                return False
            self._left -= 1
            self.made += 1
            self._next = self.octets + self._every
            return True


def _reset(*ends: socket.socket) -> None:
    for end in ends:
        with suppress(OSError):
            # Close with a reset, without sending what is still buffered.
            end.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            end.shutdown(socket.SHUT_RDWR)
        end.close()
