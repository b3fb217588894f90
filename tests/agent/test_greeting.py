"""The hello reports the station's address; if there was none yet, it is reported once the modem is up."""

import pytest

from station_agent import greeting
from station_agent.greeting import ADDRESS_AGAIN_S, address_is_news, hello_put


@pytest.fixture
def modem(monkeypatch):
    """The machine's current address."""
    has = {"address": ""}
    monkeypatch.setattr(greeting, "address_read", lambda: has["address"])
    monkeypatch.setattr(greeting, "hardware_read", lambda: dict(has) if has["address"] else {})
    return has


def test_an_address_that_came_after_the_hello_is_news_once(make_station, modem):
    station = make_station()
    hello_put(station)
    assert not address_is_news(station)
    modem["address"] = "192.0.2.7"
    assert address_is_news(station)
    hello_put(station)
    assert not address_is_news(station)


def test_another_address_with_every_call_costs_no_hello_each_time(make_station, modem):
    station = make_station()
    modem["address"] = "192.0.2.7"
    hello_put(station)
    modem["address"] = "192.0.2.8"
    assert not address_is_news(station)
    station.address_said_at -= ADDRESS_AGAIN_S
    assert address_is_news(station)


def test_an_address_that_is_gone_is_no_news(make_station, modem):
    station = make_station()
    modem["address"] = "192.0.2.7"
    hello_put(station)
    station.address_said_at -= ADDRESS_AGAIN_S
    modem["address"] = ""
    assert not address_is_news(station)
