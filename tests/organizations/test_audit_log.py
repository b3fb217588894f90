"""The audit log: who did what from where, shown to owners only, and read in constant time."""

from datetime import timedelta

import pytest
from django.db import connection
from people import key_of, person, station_of

from fleet.core import clock
from fleet.core.audit import audit, audit_write
from fleet.core.errors import Forbidden, NotFound
from fleet.core.models import AuditEntry
from fleet.core.requests.origin import origin_begin, origin_now
from fleet.organizations.audit import AuditFilter, AuditPlace, audit_export, audit_list

pytestmark = pytest.mark.django_db


def write(organization, number: int, **fields) -> None:
    moment = clock.now()
    AuditEntry.objects.bulk_create(
        AuditEntry(
            **{
                "at": moment - timedelta(seconds=one // 3),
                "organization_id": organization.id,
                "actor_name": f"person{one % 7}",
                "action": f"thing.{one % 5}",
                "subject": f"S-{one % 11}",
                "key_prefix": "",
                "address": "",
                **fields,
            }
        )
        for one in range(number)
    )


def test_owners_read_it_and_nobody_else(institute, owner, operator, stranger):
    write(institute, 3)
    assert audit_list(viewer=owner, organization=institute).count() >= 3
    with pytest.raises(Forbidden):
        audit_list(viewer=operator, organization=institute)
    with pytest.raises(NotFound):
        audit_list(viewer=stranger, organization=institute)
    with pytest.raises(NotFound):
        audit_export(viewer=stranger, organization=institute, chosen=AuditFilter())


def test_an_entry_names_its_subject_and_who_acted(institute, operator):
    station = station_of(institute)
    audit(operator, station, "thing.done", action="x", subject="y")
    audit(None, institute, "thing.happened")
    happened, done = AuditEntry.objects.filter(action__startswith="thing.").order_by("-id")
    assert (done.organization_id, done.actor, done.subject) == (institute.pk, operator.user, station.serial)
    assert done.detail == {"action": "x", "subject": "y", "by": "operator"}
    assert (happened.organization_id, happened.actor, happened.subject) == (institute.pk, None, "Institute")
    assert happened.detail == {}


def test_each_filter_narrows_and_other_tenants_stay_out(institute, elsewhere, owner):
    AuditEntry.objects.all().delete()
    write(institute, 200)
    write(elsewhere, 50)
    everything = list(audit_list(viewer=owner, organization=institute))
    assert len(everything) == 200
    for chosen, fits in (
        (AuditFilter(who="person3"), lambda e: e.actor_name == "person3"),
        (AuditFilter(action="thing.2"), lambda e: e.action == "thing.2"),
        (AuditFilter(subject="S-4"), lambda e: e.subject == "S-4"),
        (AuditFilter(who="person3", subject="S-4"), lambda e: (e.actor_name, e.subject) == ("person3", "S-4")),
        (AuditFilter(start=everything[90].at), lambda e: e.at >= everything[90].at),
        (AuditFilter(end=everything[90].at), lambda e: e.at < everything[90].at),
    ):
        found = list(audit_list(viewer=owner, organization=institute, chosen=chosen))
        assert found == [entry for entry in everything if fits(entry)]
        assert found


def test_page_by_page_it_is_all_once_and_in_order(institute, owner, monkeypatch):
    AuditEntry.objects.all().delete()
    write(institute, 101)
    everything = list(audit_list(viewer=owner, organization=institute))
    paged, after = [], None
    while some := list(audit_list(viewer=owner, organization=institute, after=after)[:7]):
        paged += some
        after = AuditPlace(some[-1].at, some[-1].id)
    assert paged == everything
    monkeypatch.setattr("fleet.organizations.audit._PIECE", 7)
    assert list(audit_export(viewer=owner, organization=institute, chosen=AuditFilter())) == everything
    assert sorted(everything, key=lambda entry: (entry.at, entry.id), reverse=True) == everything


@pytest.mark.parametrize(
    "chosen", [AuditFilter(), AuditFilter(who="person3"), AuditFilter(action="thing.2"), AuditFilter(subject="S-4")]
)
def test_a_page_is_read_from_an_index_in_its_order(institute, owner, chosen):
    write(institute, 5_000)
    with connection.cursor() as cursor:
        cursor.execute("ANALYZE core_auditentry")
    middle = AuditEntry.objects.filter(organization_id=institute.id).order_by("-at", "-id")[2_000]
    asked = audit_list(viewer=owner, organization=institute, chosen=chosen, after=AuditPlace(middle.at, middle.id))[:51]
    plan = asked.explain()
    assert "Index Scan" in plan
    assert "Seq Scan" not in plan
    assert "Sort" not in plan.replace("Incremental Sort", "")


def test_a_line_knows_the_address_and_the_key_or_the_command_line(institute):
    with origin_begin(address="192.0.2.7") as origin:
        origin.name, origin.key_prefix = "key reader", "abcdefgh"
        audit_write(actor=None, organization_id=institute.id, action="test", subject="by a key")
        audit_write(actor=person("someone"), organization_id=institute.id, action="test", subject="by a person")
    audit_write(actor=None, organization_id=institute.id, action="test", subject="by roost")
    found = {e.subject: (e.actor_name, e.key_prefix, e.address) for e in AuditEntry.objects.filter(action="test")}
    assert found == {
        "by a key": ("key reader", "abcdefgh", "192.0.2.7"),
        "by a person": ("someone", "abcdefgh", "192.0.2.7"),
        "by roost": ("", "", ""),
    }
    assert origin_now().address == ""


def test_what_a_key_does_by_the_api_has_its_name_and_address(client, institute):
    from people import station_of

    station = station_of(institute)
    secret = key_of(institute, write=True)
    answer = client.post(
        f"/api/v1/stations/{station.serial}/commands",
        {"name": "ping"},
        content_type="application/json",
        headers={"Authorization": f"Bearer {secret}"},
        REMOTE_ADDR="2001:db8::7",
    )
    assert answer.status_code == 201
    entry = AuditEntry.objects.latest("id")
    assert (entry.actor_name, entry.key_prefix) == ("key test", secret.partition(".")[0])
    assert entry.address == "2001:db8::7"
    client.get("/healthz")
    audit_write(actor=None, organization_id=None, action="test", subject="afterwards")
    assert AuditEntry.objects.latest("id").key_prefix == ""
