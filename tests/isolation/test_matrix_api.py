"""Every API address, tried by every actor with every method, against the access table."""

import pytest
from isolation.access_table import TABLE, listed
from isolation.matrix import faults_of
from isolation.matrix_world import actors, world
from people import english

__all__ = ["actors", "english", "world"]

pytestmark = pytest.mark.django_db


@pytest.mark.parametrize("address", [each for each in listed() if each.is_api], ids=lambda address: address.name)
def test_everybody_gets_what_the_table_says_and_no_more(world, actors, address):
    assert "\n".join(faults_of(world, actors, address, TABLE[address.name])) == ""
