"""Uploads as clients request them: headers of tus, and files with their hashes."""

import base64
import hashlib
from typing import Any

from django.test import Client

URL = "/api/v1/uploads"


def metadata(**values: str) -> str:
    return ",".join(f"{name} {base64.b64encode(value.encode()).decode()}".strip() for name, value in values.items())


def basic(login: str, password: str) -> str:
    return "Basic " + base64.b64encode(f"{login}:{password}".encode()).decode()


class Tus:
    """A client with one login."""

    def __init__(self, authorization: str) -> None:
        self.client = Client(headers={"Authorization": authorization, "Tus-Resumable": "1.0.0"})

    def begin(self, content: bytes, path: str = "2026-05-01/a.txt", *, length: int | None = None, **more: str) -> Any:
        told = {"path": path, "sha256": hashlib.sha256(content).hexdigest(), **more}
        headers = {
            "Upload-Length": str(len(content) if length is None else length),
            "Upload-Metadata": metadata(**told),
        }
        return self.client.post(URL, headers=headers)

    def send(self, url: str, offset: int, piece: bytes, **headers: str) -> Any:
        return self.client.patch(
            url, piece, content_type="application/offset+octet-stream",
            headers={"Upload-Offset": str(offset), **headers},
        )  # fmt: skip

    def upload(self, content: bytes, path: str = "2026-05-01/a.txt", **more: str) -> str:
        """Upload a file; return its outcome."""
        begun = self.begin(content, path, **more)
        assert begun.status_code == 201, begun.content
        url, offset = begun["Location"], int(begun["Upload-Offset"])
        if offset < len(content):
            answer = self.send(url, offset, content[offset:])
            assert answer.status_code == 204, answer.content
        return str(self.client.get(url).json()["state"])
