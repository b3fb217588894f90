"""Devices that ask to join: with an organization's code, or with a short code that somebody claims."""

import threading
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta

import pytest
from django.core.cache import cache
from django.db import connection
from people import SERVER, Role, person, serial_new, station_of
from waiting import PATIENCE_S

from fleet.core import clock
from fleet.core.errors import Conflict, Forbidden, InvalidInput, NotFound, TooMany
from fleet.core.models import AuditEntry
from fleet.core.requests.origin import origin_begin
from fleet.organizations.access import viewer_of_user
from fleet.organizations.models import Organization
from fleet.stations.errors import EnrolmentRefused
from fleet.stations.joining import claims
from fleet.stations.joining import registration_queue as arrivals
from fleet.stations.joining.claims import ALPHABET, claim_look, claim_open, claim_take
from fleet.stations.joining.newcomers import newcomer_fetch, newcomers_prune
from fleet.stations.joining.registration_queue import (
    arrival_accept,
    arrival_get,
    arrival_list,
    arrival_refuse,
    arrival_take,
    arrival_unblock,
    arrivals_decide,
    door_list,
    registration_turn_off,
    registration_turn_on,
)
from fleet.stations.models import Credential, EnrolmentToken, Newcomer, RegistrationCode, Station

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("no_counters")]


@pytest.fixture
def code(institute, owner):
    return registration_turn_on(organization=institute, actor=owner)


def arrive(code, serial=None, **hardware):
    return arrival_take(code=code, serial=serial or serial_new(), hardware=hardware)


def ask_to_be_claimed(serial=None):
    return claim_open(serial=serial_new() if serial is None else serial, hardware={"model": "Pi 4"})


def test_nobody_joins_until_an_owner_turns_it_on_and_after_it_is_off(institute, owner, operator, code):
    assert code not in str(RegistrationCode.objects.values())
    assert arrive(code)
    newer = registration_turn_on(organization=institute, actor=owner)
    with pytest.raises(Forbidden, match="can join") as old:
        arrive(code)
    assert arrive(newer)
    with pytest.raises(Forbidden):
        registration_turn_off(organization=institute, actor=operator)
    registration_turn_off(organization=institute, actor=owner)
    with pytest.raises(Forbidden, match="can join") as off:
        arrive(newer)
    with pytest.raises(Forbidden, match="can join") as wrong:
        arrive("wrong")
    assert len({str(old.value), str(off.value), str(wrong.value)}) == 1
    assert set(AuditEntry.objects.values_list("action", flat=True)) >= {"registration.on", "registration.off"}


def test_an_accepted_device_fetches_its_login_once(institute, operator, code, transactional_db):
    device, secret = arrive(code, model="Pi 4", odd=["not", "kept"])
    assert newcomer_fetch(secret=secret) == (device, None)
    assert device.hardware == {"model": "Pi 4"}
    station = arrival_accept(arrival=device, actor=operator, name="Kent")
    assert (station.organization, station.serial, station.name) == (institute, device.serial, "Kent")
    newcomer, grant = newcomer_fetch(secret=secret)
    assert newcomer.station == station
    assert grant.username == f"st.{device.serial}.1"
    assert Credential.objects.get().hardware == {"model": "Pi 4"}
    with pytest.raises(EnrolmentRefused) as used:
        newcomer_fetch(secret=secret)
    with pytest.raises(EnrolmentRefused) as wrong:
        newcomer_fetch(secret="wrong")
    assert str(used.value) == str(wrong.value)
    assert secret not in str(list(Newcomer.objects.values())) + str(list(EnrolmentToken.objects.values()))


def test_what_a_device_says_is_short_plain_text(code):
    hardware = {f"n{n}": n for n in range(100)} | {"long": "x" * 500}
    device, _ = arrive(code, **hardware)
    assert len(device.hardware) <= 24
    evil, _ = arrive(code, model="Pi\x1b[31m\u202e4 " + "x" * 500, nothing=None)
    assert set(evil.hardware) == {"model"}
    assert "\x1b" not in evil.hardware["model"]
    assert len(evil.hardware["model"]) <= 120


def test_the_queue_is_bounded_and_so_is_one_serial(monkeypatch, code):
    monkeypatch.setattr(arrivals, "QUEUE_MOST", 4)
    serial = serial_new()
    for _ in range(3):
        arrive(code, serial)
    with pytest.raises(TooMany):
        arrive(code, serial.lower())
    arrive(code)
    with pytest.raises(TooMany):
        arrive(code)
    Newcomer.objects.update(expires_at=clock.now())
    assert arrive(code)


def test_the_queue_is_seen_by_operators_of_the_organization_only(owner, operator, viewer, stranger, code):
    device, _ = arrive(code)
    assert [one.pk for one in arrival_list(viewer=operator)] == [device.pk]
    assert not arrival_list(viewer=viewer).exists()
    assert not arrival_list(viewer=stranger).exists()
    with pytest.raises(NotFound):
        arrival_get(viewer=stranger, arrival_id=device.pk)
    with pytest.raises(Forbidden):
        arrival_get(viewer=viewer, arrival_id=device.pk)
    done, left = arrivals_decide(viewer=stranger, decision="accept", names={device.pk: ""})
    assert (done, [number for number, _ in left]) == ([], [device.pk])
    assert [door.may_own for door in door_list(viewer=operator)] == [False]
    assert [door.may_own for door in door_list(viewer=owner)] == [True]
    assert Station.objects.count() == 0


def test_a_serial_of_another_organization_is_not_had_and_one_s_own_is_renewed(institute, elsewhere, operator, code):
    foreign, own = station_of(elsewhere), station_of(institute, name="Old Cut")
    first, _ = arrive(code, foreign.serial)
    second, _ = arrive(code, own.serial)
    rows = {one.pk: (one.is_ours, one.is_taken) for one in arrival_list(viewer=operator)}
    assert rows == {first.pk: (False, True), second.pk: (True, False)}
    names = {first.pk: "Mine", second.pk: "", 2**62: "nothing"}
    done, left = arrivals_decide(viewer=operator, decision="accept", names=names)
    assert [one.pk for one in done] == [second.pk]
    assert [number for number, _ in left] == [first.pk, 2**62]
    assert "already registered" in left[0][1]
    assert "Elsewhere" not in left[0][1]
    own.refresh_from_db()
    assert (own.name, own.enrolment_tokens.count()) == ("Old Cut", 1)
    assert Newcomer.objects.get(pk=first.pk).state == "waiting"


def test_a_refused_device_may_ask_again_and_a_blocked_one_only_when_it_is_let(operator, code):
    serial = serial_new()
    device, secret = arrive(code, serial)
    arrival_refuse(arrival=device, actor=operator, is_for_good=False)
    with pytest.raises(EnrolmentRefused):
        newcomer_fetch(secret=secret)
    with pytest.raises(Conflict):
        arrival_accept(arrival=device, actor=operator)
    again, _ = arrive(code, serial)
    arrival_refuse(arrival=again, actor=operator, is_for_good=True)
    with pytest.raises(Forbidden, match="can join"):
        arrive(code, serial.lower())
    arrival_unblock(arrival=again, actor=operator)
    assert arrive(code, serial)


def test_time_empties_the_queue_but_not_the_blocked(operator, code):
    old, _ = arrive(code)
    fresh, _ = arrive(code)
    blocked, _ = arrive(code)
    arrival_refuse(arrival=blocked, actor=operator, is_for_good=True)
    Newcomer.objects.filter(pk__in=[old.pk, blocked.pk]).update(expires_at=clock.now() - timedelta(seconds=1))
    assert not arrival_list(viewer=operator).filter(pk=old.pk).exists()
    assert newcomers_prune(moment=clock.now()) == 1
    assert set(Newcomer.objects.values_list("pk", flat=True)) == {fresh.pk, blocked.pk}


def test_a_claimed_device_is_a_station_and_its_code_is_used(institute, operator):
    device, secret, code = ask_to_be_claimed()
    assert len(code) == 9
    assert set(code) <= {*ALPHABET, "-"}
    typed = f" {code.lower().replace('-', ' ')} "
    assert claim_look(viewer=operator, code=typed).serial == device.serial
    station = claim_take(viewer=operator, code=typed, organization=institute, name="Kent")
    assert (station.organization, station.name) == (institute, "Kent")
    assert code not in str(list(Newcomer.objects.values()))
    with pytest.raises(NotFound) as used:
        claim_look(viewer=operator, code=code)
    _, _, expired = ask_to_be_claimed()
    Newcomer.objects.update(expires_at=clock.now())
    with pytest.raises(NotFound) as late:
        claim_look(viewer=operator, code=expired)
    with pytest.raises(NotFound) as wrong:
        claim_look(viewer=operator, code="AAAA-2222")
    assert len({str(used.value), str(late.value), str(wrong.value)}) == 1
    with pytest.raises(EnrolmentRefused):
        newcomer_fetch(secret=secret[:-1])


def test_codes_cannot_be_guessed_by_an_account_or_from_an_address(institute, operator, monkeypatch):
    _, _, code = ask_to_be_claimed()
    for n in range(claims.WRONG_OF_ACCOUNT_MOST):
        # A correct code in between gives no new attempts.
        assert claim_look(viewer=operator, code=code)
        with origin_begin(address=f"198.51.100.{n}"), pytest.raises(NotFound):
            claim_look(viewer=operator, code="AAAA-2222")
    with origin_begin(address="198.51.100.99"), pytest.raises(TooMany):
        claim_look(viewer=operator, code=code)
    monkeypatch.setattr(claims, "WRONG_OF_ADDRESS_MOST", 3)
    others = [viewer_of_user(person(f"other{n}", (institute, Role.OPERATOR))) for n in range(4)]
    with origin_begin(address="203.0.113.1"):
        for other in others[:3]:
            with pytest.raises(NotFound):
                claim_look(viewer=other, code="AAAA-2222")
        with pytest.raises(TooMany):
            claim_look(viewer=others[3], code=code)
    assert claim_look(viewer=others[3], code=code)


def test_open_codes_are_bounded(monkeypatch):
    monkeypatch.setattr(claims, "OPEN_OF_ADDRESS_MOST", 2)
    with origin_begin(address="203.0.113.1"):
        ask_to_be_claimed()
        ask_to_be_claimed()
        with pytest.raises(TooMany):
            ask_to_be_claimed()
    with origin_begin(address="203.0.113.2"):
        assert ask_to_be_claimed()


def test_only_operators_claim_and_only_for_their_own_organization(institute, elsewhere, viewer, operator, stranger):
    _, _, code = ask_to_be_claimed()
    with pytest.raises(Forbidden):
        claim_look(viewer=viewer, code=code)
    with pytest.raises(Forbidden):
        claim_take(viewer=operator, code=code, organization=elsewhere)
    foreign = station_of(elsewhere)
    _, _, other = ask_to_be_claimed(foreign.serial)
    with pytest.raises(InvalidInput, match="already registered"):
        claim_take(viewer=operator, code=other, organization=institute)
    assert claim_take(viewer=stranger, code=other, organization=elsewhere).pk == foreign.pk


@pytest.mark.django_db(transaction=True)
def test_of_ten_claims_at_once_one_wins(institute):
    _, _, code = ask_to_be_claimed()
    together = threading.Barrier(10)

    def attempt(_):
        together.wait(PATIENCE_S)
        try:
            return claim_take(viewer=SERVER, code=code, organization=institute)
        except (Conflict, NotFound, TooMany):
            return None
        finally:
            connection.close()

    with ThreadPoolExecutor(10) as pool:
        made = [one for one in pool.map(attempt, range(10)) if one]
    assert len(made) == 1
    assert Station.objects.count() == 1
    cache.clear()


@pytest.mark.parametrize("serial", ["", "a b", "add", "Claim", "x" * 65, "a.b", "é"])
def test_a_serial_that_cannot_be_is_refused_at_the_latest_when_it_is_accepted(institute, operator, serial):
    def claim_it():
        _, _, code = ask_to_be_claimed(serial)
        claim_take(viewer=operator, code=code, organization=institute)

    with pytest.raises(InvalidInput):
        claim_it()


def test_nobody_joins_an_organization_that_is_deleted(institute, code):
    Organization.objects.filter(pk=institute.pk).update(deleted_at=clock.now())
    with pytest.raises(Forbidden, match="can join"):
        arrive(code)
