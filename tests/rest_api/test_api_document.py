"""The OpenAPI document and the page that shows it."""

import re

import pytest
from django.test import Client
from django.urls import reverse

from rest_api.urls import urlpatterns

pytestmark = pytest.mark.django_db

UNDOCUMENTED = {"openapi", "docs", "nothing", "nothing-here"}


def test_the_document_has_every_address(client):
    document = client.get("/api/v1/openapi.json").json()
    assert document["openapi"].startswith("3.1")
    written = {re.sub(r"<(?:\w+:)?(\w+)>", r"{\1}", str(p.pattern)) for p in urlpatterns if p.name not in UNDOCUMENTED}
    assert set(document["paths"]) == {f"/api/v1/{path}" for path in written}


def test_every_operation_says_what_goes_wrong(client):
    document = client.get("/api/v1/openapi.json").json()
    for path, operations in document["paths"].items():
        for method, operation in operations.items():
            problems = {s for s, answer in operation["responses"].items() if "application/problem+json" in str(answer)}
            assert "400" in problems, (method, path)
            assert operation["description"]
    assert document["paths"]["/api/v1/enrolments"]["post"].get("security", [{}]) == [{}]


def test_the_page_runs_only_our_own_files(settings):
    settings.STORAGES = settings.STORAGES | {
        "staticfiles": {"BACKEND": "django.contrib.staticfiles.storage.StaticFilesStorage"}
    }
    client = Client()
    page = client.get(reverse("api:docs"))
    assert page.status_code == 200
    policy = page["Content-Security-Policy"]
    assert "script-src 'self';" in policy
    html = page.content.decode()
    sources = re.findall(r'(?:src|href)="([^"]*)"', html)
    assert sources
    assert [source for source in sources if not source.startswith(("/", "data:"))] == []
    assert re.findall(r"<script(?![^>]*\bsrc=)[^>]*>", html) == []
