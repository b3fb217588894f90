"""Keys: their owners, their reach, their end, and the notices about them."""

from datetime import timedelta

import pytest
from people import SERVER, Role, person, station_of

from fleet.commands.services import command_issue
from fleet.core import clock
from fleet.core.errors import Forbidden, InvalidInput, NotFound
from fleet.core.models import AuditEntry
from fleet.lifecycle.move_station import station_move
from fleet.organizations.access import viewer_of_key, viewer_of_user
from fleet.organizations.deletion import organization_delete
from fleet.organizations.keys import api_key_find, api_key_get, api_key_list, api_key_revoke
from fleet.organizations.members import member_add, member_remove, member_role_set
from fleet.organizations.models import ApiKey
from fleet.stations.keys import api_key_create
from fleet.stations.models import Station
from fleet.stations.selectors import station_get, station_list

pytestmark = pytest.mark.django_db


def viewer_with(secret: str):
    """The viewer for a secret."""
    key = api_key_find(secret=secret)
    assert key is not None
    return viewer_of_key(key)


def make_key(institute, actor, **how):
    return api_key_create(organization=institute, name="test", actor=actor, **{"is_read_only": False, **how})


def test_a_person_s_key_has_the_rights_that_the_person_has_at_that_moment(institute, owner, operator):
    _key, secret = make_key(institute, operator, is_personal=True)
    assert viewer_with(secret).may(Role.OPERATOR, institute.id)
    member_role_set(organization=institute, username="operator", role=Role.VIEWER, actor=owner)
    assert viewer_with(secret).may(Role.VIEWER, institute.id)
    assert not viewer_with(secret).may(Role.OPERATOR, institute.id)
    member_remove(organization=institute, username="operator", actor=owner)
    assert api_key_find(secret=secret) is None


def test_an_owner_s_own_key_owns_nothing(institute, owner):
    _key, secret = make_key(institute, owner, is_personal=True)
    assert viewer_with(secret).may(Role.OPERATOR, institute.id)
    assert not viewer_with(secret).may(Role.OWNER, institute.id)
    assert viewer_with(secret).user is None


def test_the_key_of_somebody_who_may_no_longer_log_in_opens_nothing(institute, operator):
    _key, secret = make_key(institute, operator, is_personal=True)
    operator.user.is_active = False
    operator.user.save()
    assert api_key_find(secret=secret) is None


def test_a_machine_s_key_outlives_whoever_made_it(institute, owner):
    second = viewer_of_user(person("second", (institute, Role.OWNER)))
    _key, secret = make_key(institute, owner)
    member_remove(organization=institute, username="owner", actor=second)
    assert viewer_with(secret).may(Role.OPERATOR, institute.id)


def test_a_key_of_a_deleted_organization_opens_nothing(institute, owner):
    _key, secret = make_key(institute, owner)
    organization_delete(organization=institute, typed=institute.name, actor=owner)
    assert api_key_find(secret=secret) is None


def test_a_key_for_one_station_reaches_it_and_nothing_else(institute, owner):
    mine, other = station_of(institute), station_of(institute)
    _key, secret = make_key(institute, owner, serials=[mine.serial])
    viewer = viewer_with(secret)
    assert [found.serial for found in station_list(viewer=viewer)] == [mine.serial]
    assert station_get(viewer=viewer, serial=mine.serial) == mine
    with pytest.raises(NotFound):
        station_get(viewer=viewer, serial=other.serial)
    assert not viewer.may(Role.VIEWER, institute.id)
    assert viewer.organization_ids() == frozenset()
    assert command_issue(viewer=viewer, station=mine, name="ping", parameters={}).station == mine
    with pytest.raises(Forbidden):
        command_issue(viewer=viewer, station=other, name="ping", parameters={})


def test_a_read_only_key_for_one_station_sends_nothing(institute, owner):
    mine = station_of(institute)
    _key, secret = make_key(institute, owner, serials=[mine.serial], is_read_only=True)
    with pytest.raises(Forbidden):
        command_issue(viewer=viewer_with(secret), station=mine, name="ping", parameters={})


def test_a_station_that_moved_away_or_is_gone_is_out_of_its_key_s_reach(institute, elsewhere, owner):
    moved, gone = station_of(institute), station_of(institute)
    _key, secret = make_key(institute, owner, serials=[moved.serial, gone.serial])
    station_move(actor=SERVER, station=moved, organization=elsewhere, history="goes")
    ApiKey.stations.through.objects.filter(station_id=gone.pk).delete()
    assert list(station_list(viewer=viewer_with(secret))) == []
    # It stays out of reach even when the station comes back.
    station_move(actor=SERVER, station=Station.objects.get(pk=moved.pk), organization=institute, history="goes")
    assert list(station_list(viewer=viewer_with(secret))) == []


def test_a_key_cannot_be_made_for_another_s_station(institute, elsewhere, owner):
    foreign = station_of(elsewhere)
    with pytest.raises(InvalidInput) as refusal:
        make_key(institute, owner, serials=[foreign.serial])
    assert refusal.value.field == "stations"
    with pytest.raises(InvalidInput):
        make_key(institute, owner, serials=[])


def test_who_may_make_which_key(institute, operator, viewer, stranger):
    with pytest.raises(Forbidden):
        make_key(institute, operator)
    with pytest.raises(Forbidden):
        make_key(institute, viewer, is_personal=True)
    make_key(institute, viewer, is_personal=True, is_read_only=True)
    with pytest.raises(NotFound):
        make_key(institute, stranger, is_personal=True)


def test_a_key_does_not_begin_expired_and_ends_at_its_moment(institute, owner, monkeypatch):
    with pytest.raises(InvalidInput):
        make_key(institute, owner, expires_at=clock.now())
    _key, secret = make_key(institute, owner, expires_at=clock.now() + timedelta(days=1))
    assert api_key_find(secret=secret) is not None
    ApiKey.objects.update(expiry_date=clock.now())
    assert api_key_find(secret=secret) is None


def test_owners_see_all_keys_others_their_own(institute, owner, operator, stranger):
    machine, _secret = make_key(institute, owner)
    own, _secret = make_key(institute, operator, is_personal=True)
    assert set(api_key_list(organization=institute, viewer=owner)) == {machine, own}
    assert list(api_key_list(organization=institute, viewer=operator)) == [own]
    for prefix in (machine.prefix, "nosuch"):
        with pytest.raises(Forbidden):
            api_key_get(organization=institute, prefix=prefix, viewer=operator)
    with pytest.raises(NotFound):
        api_key_get(organization=institute, prefix="nosuch", viewer=owner)
    with pytest.raises(NotFound):
        api_key_list(organization=institute, viewer=stranger)
    with pytest.raises(Forbidden):
        api_key_revoke(api_key=machine, actor=operator)


def test_revoking_says_who_and_when_once(institute, owner, operator):
    own, secret = make_key(institute, operator, is_personal=True)
    api_key_revoke(api_key=own, actor=operator)
    api_key_revoke(api_key=own, actor=owner)
    own.refresh_from_db()
    assert (own.revoked, own.revoked_by_name) == (True, "operator")
    assert own.revoked_at is not None
    assert api_key_find(secret=secret) is None
    assert AuditEntry.objects.filter(action="key.revoke").count() == 1


def test_a_key_is_found_in_one_query(institute, operator, django_assert_num_queries):
    member_add(organization=institute, user=person("other"), role=Role.VIEWER)
    _key, secret = make_key(institute, operator, is_personal=True)
    api_key_find(secret=secret)
    with django_assert_num_queries(1):
        viewer_of_key(api_key_find(secret=secret))
