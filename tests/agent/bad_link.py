"""A link between agent and broker that can go silent, break and come back, as cellular links do."""

import contextlib
import socket
import threading
import time


class BadLink:
    """Forwards TCP to a port. `silent` drops what the server sends; `cut` breaks all open connections.

    `slow_s` is how many seconds 64 kB take to the server; `sent` counts the bytes that went there.
    """

    def __init__(self, port: int) -> None:
        self._target = port
        self._door = socket.create_server(("127.0.0.1", 0))
        self.port = self._door.getsockname()[1]
        self.silent = False
        self.closed = False
        self.connections = 0
        self.slow_s = 0.0
        self.sent = 0
        self._open: list[socket.socket] = []
        self._accepting = threading.Thread(target=self._accept, daemon=True)
        self._accepting.start()

    def _accept(self) -> None:
        while True:
            try:
                near, _ = self._door.accept()
            except OSError:
                return
            if self.closed:
                near.close()
                continue
            self.connections += 1
            far = socket.create_connection(("127.0.0.1", self._target))
            self._open += [near, far]
            threading.Thread(target=self._forward, args=(near, far, False), daemon=True).start()
            threading.Thread(target=self._forward, args=(far, near, True), daemon=True).start()

    def _forward(self, source: socket.socket, target: socket.socket, can_be_silent: object) -> None:
        with contextlib.suppress(OSError):
            while data := source.recv(65_536):
                if not can_be_silent:
                    self.sent += len(data)
                    time.sleep(self.slow_s * len(data) / 65_536)
                if not (can_be_silent and self.silent):
                    target.sendall(data)
        for end in (source, target):
            with contextlib.suppress(OSError):
                end.shutdown(socket.SHUT_RDWR)

    def cut(self) -> None:
        for end in self._open:
            with contextlib.suppress(OSError):
                end.shutdown(socket.SHUT_RDWR)
        self._open.clear()

    def stop(self) -> None:
        """Wake the accepting thread and wait for it; otherwise it may go on with a later socket of the same number."""
        self.closed = True
        with contextlib.suppress(OSError):
            self._door.shutdown(socket.SHUT_RDWR)
        self._accepting.join()
        self._door.close()
        self.cut()
