"""All lists: sorted by their columns, filtered, and paged so that rows with equal keys come exactly once."""

from datetime import timedelta

import pytest
from api_asking import NOON, Asker, problem_of
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from people import Role, key_of, person

from fleet.alerts.models.maintenance import MaintenanceWindow
from fleet.commands.models import Command, CommandStep
from fleet.core import clock
from fleet.core.models import AuditEntry
from fleet.exports.models import DataPackage, PackageSchedule
from fleet.forward.models import Forwarder, Tap
from fleet.ingest.models import Backfill, QuarantinedMessage, QuarantineReplay
from fleet.organizations.models import ApiKey, Invitation, Membership
from fleet.stations.keys import api_key_create
from fleet.stations.models import Newcomer
from fleet.telemetry.models import StationEvent
from fleet.wiki.models import WikiPage
from message_queue.folder import folder_modules
from rest_api import v1
from rest_api.lists import SortColumn

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("no_counters")]

#: Each list: its address, the columns that it can be sorted by, and the field that names a row.
LISTS = {
    "members": ("organizations/institute/members", ("created_at", "username"), "username"),
    "invitations": ("organizations/institute/invitations", ("created_at", "expires_at", "email"), "id"),
    "keys": ("organizations/institute/keys", ("created_at", "name", "last_used_at", "expires_at"), "prefix"),
    "exports": ("organizations/institute/exports", ("asked_at", "rows"), "id"),
    "export_schedules": ("organizations/institute/export-schedules", ("created_at", "name"), "id"),
    "forwarders": ("organizations/institute/forwarders", ("added_at", "name"), "id"),
    "pages": ("organizations/institute/pages", ("position", "title"), "slug"),
    "taps": ("organizations/institute/taps", ("created_at", "name"), "id"),
    "maintenance": ("maintenance", ("added_at", "opens_at"), "id"),
    "audit": ("organizations/institute/audit", ("at", "who", "action", "subject"), "detail"),
    "backfills": ("stations/{serial}/backfills", ("asked_at",), "id"),
    "commands": ("stations/{serial}/commands", ("issued_at", "expires_at", "closed_at", "name", "state"), "id"),
    "quarantine": ("quarantine", ("received_at", "decided_at", "reason", "station", "body_bytes"), "id"),
    "arrivals": ("stations/arrivals", ("arrived_at", "serial"), "id"),
    "replays": ("quarantine/replays", ("asked_at", "finished_at", "reason", "total", "done"), "id"),
    "events": ("stations/{serial}/events", ("at", "occurred_at", "received_at", "name"), "data"),
}
SORTS = [
    (name, column, sign) for name, (_address, columns, _key) in LISTS.items() for column in columns for sign in "+-"
]


class Owner(Asker):
    """A client of an owner who is logged in."""

    def __init__(self, who) -> None:
        self.client = Client(raise_request_exception=False)
        self.client.force_login(who.user)


def rows_make(name: str, institute, station, numbers: range) -> None:
    """Create rows of a list, most of them alike in most columns: three moments, two names, every other empty."""
    for n in numbers:
        at, some = NOON + timedelta(minutes=n % 3), NOON if n % 2 else None
        if name == "members":
            Membership.objects.filter(user=person(f"m{n}", (institute, Role.VIEWER))).update(created_at=at)
        elif name == "invitations":
            end = at + timedelta(days=365)
            Invitation.objects.create(
                organization=institute,
                email=f"i{n}@x.org",
                role="viewer",
                code_hash=f"{n}",
                created_at=at,
                expires_at=end,
            )
        elif name == "keys":
            key, _secret = api_key_create(organization=institute, name=f"key {n % 2}", is_read_only=True)
            ApiKey.objects.filter(pk=key.pk).update(created=at, last_used_at=some, expiry_date=some)
        elif name.startswith(("export", "page", "forwarders", "taps", "maintenance")):
            owned_make(name, institute, station, n, at)
        elif name == "backfills":
            told = {"due_at": NOON, "newest_id": 1, "state": "failed", "stored_all": 1, "octets_all": 1}
            Backfill.objects.create(station=station, asked_at=at, **told)
        elif name == "audit":
            told = {"actor_name": f"who {n % 2}", "subject": "x", "detail": {"n": n}}
            AuditEntry.objects.create(at=at, organization_id=institute.id, action=f"test.{n % 2}", **told)
        elif name == "commands":
            state = ("queued", "failed")[n % 2]
            made = Command.objects.create(
                station=station, name="ping", state=state, issued_at=at, expires_at=at, closed_at=some
            )
            CommandStep.objects.create(command=made, state="queued", occurred_at=at, received_at=at)
        elif name == "quarantine":
            told = {"exchange": "in.x", "routing_key": "readings", "sentence": "x", "properties": {}, "body": b"x"}
            QuarantinedMessage.objects.create(
                station=station, received_at=at, decided_at=some, reason=f"r{n % 2}", body_bytes=n % 3, **told
            )
        elif name == "arrivals":
            ends = clock.now() + timedelta(days=1)
            told = {"asked_at": at, "expires_at": ends, "secret_hash": f"{n}", "organization": institute}
            Newcomer.objects.create(way="arrival", serial=f"SG-NEW{n % 3}", arrived_at=at, **told)
        elif name == "replays":
            told = {"station": station, "organization_ids": [institute.id], "asked_by_name": "o", "up_to_id": 1}
            QuarantineReplay.objects.create(
                reason=f"r{n % 2}", asked_at=at, total=n % 2, finished_at=some, done=n % 2, **told
            )
        else:
            # Some are dated in the future, so they are sorted by their time of receipt.
            told = {"occurred_at": NOON + timedelta(days=n % 5), "received_at": at, "name": f"e{n % 2}", "line": n // 2}
            StationEvent.objects.create(station=station, source="all" if n % 2 else "", data={"n": n}, **told)


def owned_make(name: str, institute, station, n: int, at) -> None:
    """Create one row of the lists about data packages, pages, forwarders and taps."""
    if name == "pages":
        page = {"slug": f"p{n}", "title": f"page {n % 2}", "position": n % 3, "changed_at": at}
        WikiPage.objects.create(organization=institute, **page)
    elif name == "exports":
        told = {"station_ids": [station.pk], "kinds": ["events"], "start_at": NOON, "end_at": at, "name": f"x{n}"}
        DataPackage.objects.create(organization=institute, asked_at=at, rows=n % 2, format="csv", **told)
    elif name == "forwarders":
        told = {"kind": "webhook", "name": f"f{n}", "settings": {"url": "https://example.org"}, "after_xact": 0}
        Forwarder.objects.create(organization=institute, added_at=at, **told)
    elif name == "taps":
        told = {"messages_most": 1, "bytes_most": 1, "seconds_most": 3_600, "queue": f"tap.{n}", "secret_hash": "x"}
        Tap.objects.create(organization=institute, name=f"t{n}", added_at=at, **told)
    elif name == "maintenance":
        told = {"first_day": NOON.date(), "first_time": NOON.time(), "duration_s": 3_600, "timezone": "UTC"}
        told |= dict.fromkeys(("opens_at", "closes_at", "due_at"), NOON if n % 2 else None)
        MaintenanceWindow.objects.create(organization=institute, station=station, added_at=at, reason=f"r{n}", **told)
    else:
        told = {"every": "day", "target": "page", "kinds": ["events"], "format": "csv", "next_start": NOON}
        PackageSchedule.objects.create(organization=institute, name=f"s{n}", created_at=at, **told)


def walked(asker, address: str, **query: object) -> list[dict]:
    """All rows, page by page."""
    answer = asker.get(address, **query).json()
    rows = answer["results"]
    while answer["next"]:
        answer = asker.client.get(answer["next"]).json()
        rows += answer["results"]
    return rows


@pytest.mark.parametrize(("name", "column", "sign"), SORTS)
def test_rows_that_tie_come_once_whatever_they_are_sorted_by(institute, station, owner, name, column, sign):
    rows_make(name, institute, station, range(13))
    asker, (address, _columns, key) = Owner(owner), LISTS[name]
    address, sort = address.format(serial=station.serial), sign.strip("+") + column
    whole = asker.get(address, sort=sort, limit=500).json()["results"]
    assert len(whole) >= 13
    assert len({repr(row[key]) for row in whole if row[key]}) >= 13
    assert walked(asker, address, sort=sort, limit=2) == whole
    values = [row[column] for row in whole]
    # A sort key is the name of its field. Rows without a value come last, in either order.
    given = [value for value in values if value is not None]
    assert given == sorted(given, reverse=sign == "-")
    assert values[: len(given)] == given


@pytest.mark.parametrize("name", LISTS)
def test_an_unknown_column_is_refused_with_those_there_are(institute, station, owner, name):
    asker, (address, columns, _key) = Owner(owner), LISTS[name]
    address = address.format(serial=station.serial)
    told = problem_of(asker.get(address, sort="organization__memberships"), 400, "sort")["detail"]
    assert all(column in told for column in columns)
    problem_of(asker.get(address, sort=f"{columns[0]},,"), 400, "sort")
    for cursor in ("x", "W251bGwsIDFd", "WzEsIDJd"):
        problem_of(asker.get(address, cursor=cursor), 400, "cursor")
    problem_of(asker.get(address, limit=0), 400, "limit")


@pytest.mark.parametrize("name", LISTS)
def test_a_list_costs_the_same_however_long_it_is(institute, station, owner, name):
    asker, costs = Owner(owner), []
    address = LISTS[name][0].format(serial=station.serial)
    for numbers in (range(3), range(3, 40)):
        rows_make(name, institute, station, numbers)
        with CaptureQueriesContext(connection) as asked:
            answer = asker.get(address)
        costs.append(len(asked))
        assert len(answer.json()["results"]) >= len(numbers)
    assert costs[0] == costs[1]


@pytest.mark.parametrize(
    ("name", "query", "count"),
    [
        ("members", {"role": "owner"}, 1),
        ("members", {"search": "M1"}, 4),
        ("invitations", {"state": "open"}, 13),
        ("invitations", {"state": "expired"}, 0),
        ("invitations", {"role": "owner"}, 0),
        ("invitations", {"search": "i12@"}, 1),
        ("keys", {"state": "works"}, 7),
        ("keys", {"state": "expired"}, 6),
        ("keys", {"state": "revoked"}, 0),
        ("keys", {"is_read_only": "false"}, 0),
        ("keys", {"search": "KEY 1"}, 6),
        ("keys", {"person": "owner"}, 0),
        ("audit", {"action": "test.1"}, 6),
        ("commands", {"state": "failed"}, 6),
        ("commands", {"is_open": "true"}, 7),
        ("commands", {"is_open": "false"}, 6),
        ("commands", {"name": "reboot"}, 0),
        ("commands", {"from": "2026-11-20T12:01:00Z", "to": "2026-11-20T12:02:00Z"}, 4),
        ("quarantine", {"reason": "r1"}, 6),
        ("quarantine", {"station": "SG-NONE"}, 0),
        ("arrivals", {"organization": "institute"}, 13),
        ("arrivals", {"organization": "elsewhere"}, 0),
        ("replays", {"reason": "r1"}, 6),
        ("replays", {"is_finished": "false"}, 7),
        ("replays", {"station": "SG-NONE"}, 0),
        ("events", {"name": "e1"}, 6),
        ("events", {"from": "2026-11-20T12:02:00Z"}, 3),
    ],
)
def test_filters_leave_what_was_asked_for(institute, station, owner, name, query, count):
    rows_make(name, institute, station, range(13))
    found = Owner(owner).get(LISTS[name][0].format(serial=station.serial), **query).json()["results"]
    assert len(found) == count


def test_of_anothers_list_no_filter_and_no_sort_tells_anything(institute, elsewhere, station, foreigner):
    for name, (address, columns, _key) in LISTS.items():
        rows_make(name, institute, station, range(3))
        answer = foreigner.get(address.format(serial=station.serial), sort=columns[0])
        if name in ("replays", "quarantine", "arrivals", "maintenance"):
            assert answer.json()["results"] == []
            known = (
                {"organization": "institute"} if name in ("arrivals", "maintenance") else {"station": station.serial}
            )
            assert foreigner.get(address, **known).json()["results"] == []
        else:
            problem_of(answer, 404)


def test_whoever_owns_nothing_reads_no_invitations_whatever_the_question(institute, owner, operator):
    problem_of(Owner(operator).get("organizations/institute/invitations", sort="nothing"), 403)
    problem_of(Asker(key_of(institute)).get("organizations/institute/invitations", state="accepted"), 403)


@pytest.mark.parametrize(
    ("name", "table", "index"),
    [
        ("audit", "core_auditentry", "audit_newest"),
        ("events", "telemetry_stationevent", "event_placed"),
        ("commands", "commands_command", "commands_co_station"),
    ],
)
def test_the_newest_of_a_long_list_come_by_an_index_also_on_the_next_page(
    institute, station, owner, name, table, index
):
    rows_make(name, institute, station, range(13))
    asker = Owner(owner)
    following = asker.get(LISTS[name][0].format(serial=station.serial), limit=3).json()["next"]
    with CaptureQueriesContext(connection) as asked:
        assert asker.client.get(following).status_code == 200
    (question,) = [
        each["sql"] for each in asked.captured_queries if f'FROM "{table}"' in each["sql"] and "LIMIT 4" in each["sql"]
    ]
    with connection.cursor() as cursor:
        # With few rows any plan is fast, so ask whether the index could be used.
        cursor.execute("SET LOCAL enable_seqscan = off; SET LOCAL enable_sort = off; SET LOCAL enable_bitmapscan = off")
        cursor.execute(f"EXPLAIN {question}")
        plan = "\n".join(line for (line,) in cursor.fetchall())
    assert index in plan
    # A plain Sort would read the whole list; an incremental sort within moments that the index has in order is fine.
    assert not any(line.strip(" ->").startswith("Sort  ") for line in plan.splitlines()), plan


def test_a_sort_key_is_the_name_of_a_field():
    """Every mapping of columns in a resource, whether or not its list is in the table above."""
    found = 0
    for module in folder_modules(v1.__name__):
        declared = [getattr(kind, "_declared_fields", {}) for kind in vars(module).values()]
        # A page has its rows in one of its fields.
        rows = [getattr(getattr(each, "child", None), "fields", {}) for page in declared for each in page.values()]
        fields = {name for each in (*declared, *rows) for name in each}
        for columns in vars(module).values():
            if isinstance(columns, dict) and columns and all(isinstance(each, SortColumn) for each in columns.values()):
                assert columns.keys() <= fields, module.__name__
                found += 1
    assert found > 10
