"""Permissions of each role, and keys that open exactly what they should."""

from datetime import timedelta

import pytest
from django.contrib.auth.models import AnonymousUser
from django.utils import translation
from people import Role, key_of, person, station_of

from fleet.core import clock
from fleet.core.errors import Forbidden, InvalidInput
from fleet.organizations.access import viewer_of_key, viewer_of_server, viewer_of_user
from fleet.organizations.keys import api_key_find, api_key_revoke
from fleet.organizations.models import ApiKey, Organization
from fleet.organizations.selectors import organization_list
from fleet.organizations.services import member_add, organization_create
from fleet.stations.keys import api_key_create

pytestmark = pytest.mark.django_db


def test_an_owner_may_what_an_operator_may_and_an_operator_what_a_viewer_may(institute, owner, operator, viewer):
    held = {who.name: [role for role in Role if who.may(role, institute.id)] for who in (owner, operator, viewer)}
    assert held == {
        "owner": [Role.OWNER, Role.OPERATOR, Role.VIEWER],
        "operator": [Role.OPERATOR, Role.VIEWER],
        "viewer": [Role.VIEWER],
    }


def test_a_stranger_may_nothing_here(institute, elsewhere, stranger):
    assert not any(stranger.may(role, institute.id) for role in Role)
    assert stranger.organization_ids() == {elsewhere.id}
    assert list(organization_list(viewer=stranger)) == [elsewhere]


def test_a_refusal_names_the_role_and_the_act(institute, viewer, stranger):
    station = station_of(institute)
    station.serial = "SG-100%(name)s"
    with pytest.raises(Forbidden, match=r"^You need the operator role to change SG-100%\(name\)s\.$"):
        viewer.require(Role.OPERATOR, station=station, to="change %(serial)s")
    with pytest.raises(Forbidden, match=r"^You need the owner role to manage Institute\.$"):
        viewer.require(Role.OWNER, organization=institute, to="manage %(name)s")
    with pytest.raises(Forbidden, match=r"to change Point\.$"):
        stranger.require(Role.VIEWER, organization=institute.pk, to="change %(name)s", name="Point")
    with pytest.raises(Forbidden, match="to add sites"):
        viewer.require_somewhere(Role.OPERATOR, to="add sites")
    viewer.require(Role.VIEWER, station=station, to="see it")
    stranger.require_somewhere(Role.OWNER, to="add sites")
    with translation.override("de"), pytest.raises(Forbidden, match="Sie brauchen die Rolle Eigentümer, um"):
        viewer.require(Role.OWNER, organization=institute, to="%(name)s zu verwalten")


def test_a_role_in_no_organization_is_nobodys(viewer):
    with pytest.raises(Forbidden):
        viewer.require(Role.VIEWER, to="see it")
    viewer_of_server("server").require(Role.OWNER, to="see it")


def test_the_minimum_role_narrows_the_organizations(institute, elsewhere):
    both = viewer_of_user(person("both", (institute, Role.VIEWER), (elsewhere, Role.OWNER)))
    assert both.organization_ids() == {institute.id, elsewhere.id}
    assert both.organization_ids(Role.OPERATOR) == {elsewhere.id}


def test_whoever_is_not_logged_in_or_is_disabled_sees_nothing(institute):
    assert viewer_of_user(AnonymousUser()).organization_ids() == frozenset()
    left = person("left", (institute, Role.OWNER))
    left.is_active = False
    assert viewer_of_user(left).organization_ids() == frozenset()


def test_a_superuser_sees_all(institute, elsewhere):
    root = person("root")
    root.is_superuser = True
    assert viewer_of_user(root).organization_ids() == {institute.id, elsewhere.id}


def test_two_organizations_never_share_a_name_but_may_share_a_stem(institute):
    with pytest.raises(InvalidInput, match="already"):
        organization_create(name="INSTITUTE", owner=None)
    assert organization_create(name="Institute!", owner=None).slug == "institute-2"
    assert organization_create(name="Наука", owner=None).slug == "organization"


@pytest.mark.parametrize("name", ["", "   ", "x" * 121, "a\x00b", "a\nb"])
def test_a_name_that_cannot_be_shown_is_refused_by_its_field(db, name):
    with pytest.raises(InvalidInput) as refused:
        organization_create(name=name, owner=None)
    assert refused.value.field == "name"
    assert not Organization.objects.exists()


def test_only_owners_add_members_and_make_keys(institute, owner, operator):
    someone = person("someone")
    with pytest.raises(Forbidden):
        member_add(organization=institute, user=someone, role=Role.OWNER, actor=operator)
    with pytest.raises(Forbidden):
        api_key_create(organization=institute, name="mine", is_read_only=True, actor=operator)
    member_add(organization=institute, user=someone, role=Role.VIEWER, actor=owner)
    assert viewer_of_user(someone).roles == {institute.id: Role.VIEWER}


def test_a_key_is_stored_hashed_and_opens_one_organization(institute, elsewhere):
    secret = key_of(institute, write=True)
    key = api_key_find(secret=secret)
    stored = ApiKey.objects.filter(pk=key.pk).values().get()
    assert secret.partition(".")[2] not in str(stored)
    who = viewer_of_key(key)
    assert who.may(Role.OPERATOR, institute.id)
    assert not who.may(Role.OWNER, institute.id)
    assert not who.may(Role.VIEWER, elsewhere.id)


def test_a_read_only_key_only_looks(institute):
    who = viewer_of_key(api_key_find(secret=key_of(institute)))
    assert who.may(Role.VIEWER, institute.id)
    assert not who.may(Role.OPERATOR, institute.id)


def test_a_revoked_or_expired_key_opens_nothing(institute):
    revoked, expired = key_of(institute), key_of(institute)
    api_key_revoke(api_key=api_key_find(secret=revoked))
    found = api_key_find(secret=expired)
    ApiKey.objects.filter(pk=found.pk).update(expiry_date=clock.now() - timedelta(seconds=1))
    assert api_key_find(secret=revoked) is None
    assert api_key_find(secret=expired) is None


@pytest.mark.parametrize("secret", ["", "x", ".", "a.b", "a" * 500, "a\x00.b", "ключ.ключ", "a.b.c", "%.%"])
def test_a_string_that_is_no_key_opens_nothing(db, secret):
    assert api_key_find(secret=secret) is None


def test_the_wrong_second_half_opens_nothing(institute):
    prefix = key_of(institute).partition(".")[0]
    other = key_of(institute).partition(".")[2]
    assert api_key_find(secret=f"{prefix}.{other}") is None


def test_the_last_use_of_a_key_is_noted_once_a_minute(institute, django_assert_num_queries):
    secret = key_of(institute)
    first = api_key_find(secret=secret)
    assert ApiKey.objects.get(pk=first.pk).last_used_at is not None
    with django_assert_num_queries(1):
        api_key_find(secret=secret)
