"""Requests of all shapes, generated from the OpenAPI document: never a server error, never an undocumented answer."""

import random
from collections.abc import Iterator

import pytest
import schemathesis
from django.core.cache import cache
from django.core.handlers.wsgi import WSGIHandler
from django.core.signals import request_finished, request_started
from django.db import close_old_connections, connection, transaction
from hypothesis import HealthCheck, Phase, seed, settings
from isolation.matrix_world import world
from schemathesis.checks import not_a_server_error
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    response_headers_conformance,
    response_schema_conformance,
    status_code_conformance,
)

__all__ = ["world"]

pytestmark = pytest.mark.django_db

schema = schemathesis.openapi.from_wsgi("/api/v1/openapi.json", WSGIHandler())
# Schemathesis' systematic cases take four times as long as the random ones, which are enough for every run.
schema.config.phases.coverage.enabled = False
# A piece of an upload is plain bytes, whatever its media type is called.
schemathesis.serializer.alias("application/offset+octet-stream", "application/octet-stream")

CHECKS = [
    not_a_server_error,
    status_code_conformance,
    content_type_conformance,
    response_headers_conformance,
    response_schema_conformance,
]
EXAMPLES = 12
SHARE_THAT_EXISTS = 0.8


@pytest.fixture(autouse=True)
def one_connection() -> Iterator[None]:
    """Keep the connection open between requests: the test's transaction outlives them."""
    for signal in (request_started, request_finished):
        signal.disconnect(close_old_connections)
    yield
    for signal in (request_started, request_finished):
        signal.connect(close_old_connections)


@schema.parametrize()
@seed(4)
@settings(
    max_examples=EXAMPLES,
    deadline=None,
    database=None,
    phases=[Phase.explicit, Phase.generate],
    suppress_health_check=list(HealthCheck),
)
def test_every_answer_is_a_documented_one(world, case):
    known = {**world.own.values, "name": world.own.values["series"]}
    # Mostly use things that exist: made-up names would only ever give 404.
    if random.Random(repr(case.path_parameters)).random() < SHARE_THAT_EXISTS:
        case.path_parameters = {name: known.get(name, value) for name, value in (case.path_parameters or {}).items()}
    cache.clear()
    point = transaction.savepoint()
    try:
        key = world.own.keys["read-write key"]
        # A request that names some fields gets only those, even if the others are required.
        checks = CHECKS[:-1] if "fields" in (case.query or {}) else CHECKS
        case.call_and_validate(headers={"Authorization": f"Bearer {key}", "Accept-Encoding": "identity"}, checks=checks)
    finally:
        connection.needs_rollback = False
        transaction.savepoint_rollback(point)
