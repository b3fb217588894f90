"""The site under uvicorn, with a count of the bytes that its sockets received, in the file named first."""

import os
import sys

import uvicorn
from uvicorn.protocols.http.h11_impl import H11Protocol

COUNT, PORT = sys.argv[1], int(sys.argv[2])
_file = os.open(COUNT, os.O_WRONLY | os.O_CREAT, 0o600)
_received = 0


class Counting(H11Protocol):
    """Counts what arrives, before anything reads it."""

    def data_received(self, data: bytes) -> None:
        global _received  # noqa: PLW0603 - of the whole process
        _received += len(data)
        os.pwrite(_file, b"%020d" % _received, 0)
        super().data_received(data)


if __name__ == "__main__":
    uvicorn.run("web.asgi:application", host="127.0.0.1", port=PORT, http=Counting, ws="none", server_header=False)
