"""A client for the API with a key, and a check of its error responses."""

from datetime import UTC, datetime
from typing import Any

from django.test import Client

NOON = datetime(2026, 11, 20, 12, 0, tzinfo=UTC)


class Asker:
    """A client with a key."""

    def __init__(self, secret: str) -> None:
        self.client = Client(headers={"Authorization": f"Bearer {secret}"}, raise_request_exception=False)

    def get(self, address: str, **query: Any) -> Any:
        return self.client.get(f"/api/v1/{address}", query)

    def post(self, address: str, body: Any) -> Any:
        return self.client.post(f"/api/v1/{address}", body, content_type="application/json")


def problem_of(response: Any, status: int, field: str = "") -> dict[str, Any]:
    """Return the problem in a response, which must have this status and concern this field."""
    assert response.status_code == status, response.content
    assert response["Content-Type"] == "application/problem+json"
    body = response.json()
    assert body["status"] == status
    assert set(body) <= {"type", "title", "status", "detail", "errors"}
    assert body["title"]
    assert body["detail"].endswith((".", "?"))
    assert [error["field"] for error in body.get("errors", [])] == ([field] if field else [])
    return body
