"""The people in these tests, and two sites."""

import pytest
from people import SERVER, elsewhere, english, institute, no_counters, operator, owner, stranger, viewer

from fleet.deployments.sites import site_create

__all__ = ["elsewhere", "english", "institute", "no_counters", "operator", "owner", "stranger", "viewer"]


@pytest.fixture
def point(institute):
    return site_create(organization=institute, actor=SERVER, name="Long Point", latitude=42.5812, longitude=-80.3934)


@pytest.fixture
def cut(institute):
    return site_create(organization=institute, actor=SERVER, name="Old Cut")
