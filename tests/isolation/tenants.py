"""Two tenants with one of everything, each marked with a word that must never be seen on the other side."""

import uuid
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import timedelta
from io import BytesIO
from typing import Any

from allauth.account.models import EmailAddress
from django.contrib.auth.models import User
from django.db import connection
from people import SERVER, Role, key_of, person, serial_new, station_of
from PIL import Image
from psycopg.types.multirange import Multirange
from psycopg.types.range import Range

from fleet.alerts.models import Destination, Incident, IncidentStep
from fleet.alerts.models.made import AlertRule, RuleNote, RuleState
from fleet.alerts.models.maintenance import MaintenanceWindow
from fleet.commands.models import Command, CommandStep
from fleet.core import clock
from fleet.core.audit import audit_write
from fleet.deployments.models import Deployment, Room, Site
from fleet.exports.models import DataPackage, PackageSchedule, ScheduledPart
from fleet.files.models import FileMove, FileRevision, StationFile, StoredContent, StoredFile, Upload
from fleet.files.photos import photo_add
from fleet.forward.models import Forwarder, ForwardNote, GivenId, RefusedRow, Tap
from fleet.holdings.models import HeldFile, StationHolding
from fleet.ingest.models import Backfill, BackfillFile, QuarantinedMessage, QuarantineReplay
from fleet.organizations.invitations import invitation_create
from fleet.organizations.keys import api_key_find, api_key_revoke
from fleet.organizations.models import Organization
from fleet.organizations.services import organization_create
from fleet.stations.logins.enrolment import enrolment_token_create
from fleet.stations.models import HardwarePair, Newcomer, Station, StationContact, StationNote
from fleet.stations.sorting.device_models import model_create, station_model_set
from fleet.stations.sorting.groups import group_create, group_member_set
from fleet.stations.sorting.tags import station_tags_set
from fleet.status_pages.notices import notice_open
from fleet.status_pages.services import StatusAsked, status_item_add, status_page_save
from fleet.sync.models import (
    MotusAccount,
    MotusDay,
    MotusDeployment,
    MotusDifference,
    MotusReceiver,
    MotusTag,
    MotusUpload,
)
from fleet.telemetry.keeping.models import RetentionRule, SeriesTally
from fleet.telemetry.models import DetectionCount, Reading, Series, StationEvent, StreamLedger, TagHour, TimeShift
from fleet.wiki.services import PageAsked, page_create, page_write

#: A word for each tenant. It is in every text that people or stations wrote, but in no address and no id.
WORDS = {"own": "Alabaster", "foreign": "Zinnober"}


@dataclass
class Tenant:
    """One organization, and a value for each parameter of an address: `values["serial"]`."""

    word: str
    organization: Organization
    stations: list[Station]
    values: dict[str, str]
    people: dict[str, User] = field(default_factory=dict)
    keys: dict[str, str] = field(default_factory=dict)


def nothing() -> dict[str, str]:
    """Values like a tenant's that name nothing."""
    known = {
        "photo_name": uuid.uuid4().hex,
        "upload_id": uuid.uuid4().hex,
        "serial": serial_new(),
        "slug": "no-such-slug",
        "username": "nobody",
        "prefix": "nosuch",
        "series": "none/such:thing",
        "heard_tag": "nosuchtag",
        "page_slug": "no-such-page",
        "status_slug": "no-such-status",
        "status_thing": "site-2147483640",
    }
    return {**{name: str(uuid.uuid4()) for name in UUIDS}, **dict.fromkeys(NUMBERS, "2147483640"), **known}


#: Parameters that are UUIDs, and parameters that are numbers.
UUIDS = ("command_id",)
NUMBERS = (
    "arrival_id",
    "pair_id",
    "message_id",
    "note_id",
    "branch_id",
    "organization_id",
    "group_id",
    "model_id",
    "site_id",
    "room_id",
    "deployment_id",
    "invitation_id",
    "file_id",
    "held_id",
    "revision_id",
    "move_id",
    "shift_id",
    "destination_id",
    "incident_id",
    "package_id",
    "schedule_id",
    "forwarder_id",
    "rule_id",
    "tap_id",
    "window_id",
    "backfill_id",
    "difference_id",
    "motus_upload_id",
    "kept_rule_id",
    "station_rule_id",
    "item_id",
    "notice_id",
)


def tenant_make(word: str) -> Tenant:
    """Create an organization with people, keys, and two stations, of which the first has one of everything."""
    organization = organization_create(name=f"{word} Institute", owner=None)
    first, second = (
        station_of(organization, state="on_time", name=f"{word} Hill {n}", notes=word, generation=1) for n in (1, 2)
    )
    made = Tenant(word, organization, [first, second], {})
    made.values = {
        "serial": first.serial,
        "slug": organization.slug,
        "organization_id": str(organization.pk),
        **_data_make(word, first),
        **_written_make(word, first),
        **_work_make(word, organization, first),
        **_sorting_make(word, organization, first),
    }
    made.values["page_slug"] = _page_make(word, organization, made.values["photo_name"])
    made.values |= _status_make(word, organization, first)
    for role in Role:
        made.people[role.value] = person(f"{word}-{role.value}".lower(), (organization, role))
        # An account with a password that nobody knows, so that pages can still ask for it.
        made.people[role.value].password = "nobody's"
        made.people[role.value].save()
    made.values |= _joining_make(word, organization)
    spare = api_key_find(secret=key_of(organization))
    assert spare is not None
    made.values |= {"prefix": spare.prefix}
    made.keys = {
        "read-only key": key_of(organization),
        "read-write key": key_of(organization, write=True),
        "revoked key": key_of(organization, write=True),
    }
    revoked = api_key_find(secret=made.keys["revoked key"])
    assert revoked is not None
    api_key_revoke(api_key=revoked)
    return made


def _written_make(word: str, station: Station) -> Mapping[str, str]:
    """Create what people wrote and photographed there."""
    note = StationNote.objects.create(
        station=station, at=clock.now(), text=word, written_by_name=word, written_at=clock.now()
    )
    picture = BytesIO()
    Image.new("RGB", (8, 8), "green").save(picture, "PNG")
    photo = photo_add(actor=SERVER, station=station, upload=picture, caption=word)
    return {"note_id": str(note.pk), "photo_name": photo.name}


def _page_make(word: str, organization: Organization, photo: str) -> str:
    """Write a page of the organization, with a picture, and change it once; return its name in addresses."""
    text = f"# {word}\n\n{word}, [itself](pages/{photo}) and ![{word}](photos/{photo})\n\n| a |\n|---|\n| {word} |\n"
    # In addresses, so without the word.
    slug = f"p-{uuid.uuid4().hex[:12]}"
    page = page_create(actor=SERVER, organization=organization, asked=PageAsked(title=word, text=text, slug=slug))
    changed = PageAsked(title=word, text=f"{text}\n{word}", remark=word)
    page_write(actor=SERVER, page=page, asked=changed, based_on=page.number)
    return slug


def _status_make(word: str, organization: Organization, station: Station) -> Mapping[str, str]:
    """Make a status page that is off, with a station and a notice. Its name is in addresses, so without the word."""
    slug = f"s-{uuid.uuid4().hex[:12]}"
    asked = StatusAsked(slug=slug, title=word, words=word)
    page = status_page_save(actor=SERVER, organization=organization, asked=asked)
    item = status_item_add(actor=SERVER, page=page, name=word, station=station)
    notice = notice_open(actor=SERVER, page=page, title=word, text=word)
    site = Site.objects.filter(organization=organization).order_by("pk")[0]
    return {
        "status_slug": slug,
        "status_thing": f"site-{site.pk}",
        "item_id": str(item.pk),
        "notice_id": str(notice.pk),
    }


def _joining_make(word: str, organization: Organization) -> Mapping[str, str]:
    """Create a member and an invited person."""
    invitation = invitation_create(
        organization=organization, email=f"{word}@example.org".lower(), role=Role.VIEWER, actor=SERVER
    )
    member = person(f"{word}-member".lower(), (organization, Role.VIEWER))
    account = MotusAccount.objects.create(organization=organization, login=word, sealed_password=word, answer=word)
    MotusDeployment.objects.create(account=account, number=1, project_id=1, serial=word, name=word)
    MotusTag.objects.create(account=account, number=1, project_id=1, code=word, match_name=word.upper(), name=word)
    receiver = MotusReceiver.objects.create(
        account=account, serial=organization.stations.order_by("id")[0].serial, answer=word, decided_by_name=word
    )
    MotusDay.objects.create(
        receiver=receiver, day=clock.now().date(), missing_there=[word], n_missing_there=1, checked_at=clock.now()
    )
    difference = MotusDifference.objects.create(
        station=organization.stations.order_by("id")[0], kind="place", ours=word, theirs=word, found_at=clock.now()
    )
    destination = Destination.objects.create(
        organization=organization,
        channel="webhook",
        address=f"https://{word}.example.org/hook".lower(),
        last_error=word,
        created_at=clock.now(),
    )
    ids = {"invitation_id": str(invitation.pk), "destination_id": str(destination.pk)}
    upload = MotusUpload.objects.create(
        account=account,
        serial=word,
        day=clock.now().date(),
        files=[{"name": word, "size": 1, "refusal": "", "said": ""}],
        found_at=clock.now(),
    )
    ids |= {"difference_id": str(difference.pk), "motus_upload_id": str(upload.pk)}
    return {"username": member.username, **ids}


def _data_make(word: str, station: Station) -> Mapping[str, str]:
    """Create what the station sent."""
    moment = clock.now()
    StationContact.objects.filter(station=station).update(
        health={"at": moment.timestamp(), "warnings": [word]},
        health_received_at=moment,
        hello={"agent_version": word, "hardware": {"model": word}},
    )
    series = Series.objects.create(
        station=station, name=f"{uuid.uuid4().hex}/inside:temp", unit="Cel", created_at=moment, last_at=moment,
        last_value=1.0, last_received_at=moment,
    )  # fmt: skip
    Reading.objects.create(series=series, occurred_at=moment - timedelta(minutes=1), received_at=moment, value=1.0)
    DetectionCount.objects.create(
        station=station, hour=moment.replace(minute=0, second=0, microsecond=0), port=1, kind=2, count=7
    )
    # In its address, so without the word.
    tag = uuid.uuid4().hex[:10]
    TagHour.objects.create(
        station=station, hour=moment.replace(minute=0, second=0, microsecond=0), port=1, tag=tag, count=7,
        first_at=moment, last_at=moment,
    )  # fmt: skip
    StationEvent.objects.create(
        station=station, occurred_at=moment, name=word, line=1, received_at=moment, data={"note": word}
    )
    ledger = {
        "station": station, "received": Multirange([Range(1, 5, "[)")]), "next_seq": 5, "oldest_seq": 5,
        "first_at": moment, "last_at": moment,
    }  # fmt: skip
    StreamLedger.objects.create(stream=uuid.uuid4().hex, **ledger)
    branch = StreamLedger.objects.create(stream=uuid.uuid4().hex, branch=StreamLedger.Branch.HELD, **ledger)
    message = QuarantinedMessage.objects.create(
        station=station, exchange=f"in.{station.serial}", routing_key="readings", reason="bad-json", sentence=word,
        properties={"content_type": word}, body=word.encode(), body_bytes=len(word), received_at=moment,
    )  # fmt: skip
    file = StationFile.objects.create(
        station=station, name=f"{word}.txt", base=f"{word}.txt", reason=word, said_at=moment,
        first_received_at=moment, last_received_at=moment,
    )  # fmt: skip
    move = FileMove.objects.create(
        station=station, target=station, moved_at=moment, moved_by_name=word, files=1, rows=1, twins=0, file_ids=[1]
    )
    shift = TimeShift.objects.create(
        station=station, side="behind", offset_us=1, first_at=moment, last_at=moment, made_at=moment, made_by_name=word
    )
    upload = Upload.objects.create(
        id=uuid.uuid4().hex, station=station, path=f"{word}.txt", octets=7, sha256="0" * 64, sender="key:none",
        sender_name=word, reason=word, created_at=moment, expires_at=moment + timedelta(days=1),
    )  # fmt: skip
    told = {"said_at": moment, "said_stream": "live", "said_seq": 1}
    held = HeldFile.objects.create(
        station=station, path=f"{word}/held.txt", octets=7, sha256=uuid.uuid4().hex * 2, listing=1, first_told_at=moment,
        **told,
    )  # fmt: skip
    StationHolding.objects.create(
        station=station, received_at=moment, held=1, held_octets=7, waiting=0, waiting_octets=0, network=word, **told
    )
    content = StoredContent.objects.create(sha256=uuid.uuid4().hex * 2, octets=7, stored_at=moment, checked_at=moment)
    revision = FileRevision.objects.create(
        file=StoredFile.objects.create(station=station, path=f"{word}.txt"), number=1, content=content,
        first_met_at=moment, last_met_at=moment, sent_by=word,
    )  # fmt: skip
    backfill = Backfill.objects.create(
        station=station, asked_by_name=word, asked_at=moment, due_at=moment, search=word, newest_id=revision.pk,
        state="failed", reason=word, stored_all=1, octets_all=7,
    )  # fmt: skip
    BackfillFile.objects.create(
        backfill=backfill, revision_id=revision.pk, content_id=content.pk, member=0, name=f"{word}.txt", state="refused",
        reason=word,
    )  # fmt: skip
    rule = RetentionRule.objects.create(organization=station.organization, pattern=f"{word}*", most=1)
    own = RetentionRule.objects.create(station=station, pattern=f"{word}*", interval_s=1, interval_since=moment)
    SeriesTally.objects.create(series=series, station=station, kept_back=1, kept_back_at=moment, removed=1)
    ids = {
        "kept_rule_id": rule,
        "station_rule_id": own,
        "backfill_id": backfill,
        "revision_id": revision,
        "held_id": held,
        "upload_id": upload,
        "branch_id": branch,
        "message_id": message,
        "file_id": file,
        "move_id": move,
        "shift_id": shift,
    }
    return {"series": series.name, "heard_tag": tag, **{name: str(row.pk) for name, row in ids.items()}}


def _work_make(word: str, organization: Organization, station: Station) -> Mapping[str, str]:
    """Create what people did with the station."""
    moment = clock.now()
    command = Command.objects.create(
        station=station, name="ping", state="sent", issued_at=moment, expires_at=moment + timedelta(hours=1),
        issued_by_name=word, note=word, result={"answer": word}, output=word,
    )  # fmt: skip
    CommandStep.objects.create(command=command, state="queued", occurred_at=moment, received_at=moment, note=word)
    incident = Incident.objects.create(
        organization=organization, station=station, rule="silence", sentence=word, began_at=moment, opened_at=moment
    )
    IncidentStep.objects.create(incident=incident, kind="noted", at=moment, by_name=word, text=word)
    QuarantineReplay.objects.create(
        reason="bad-json", station=station, organization_ids=[organization.pk], asked_by_name=word,
        asked_at=moment, up_to_id=1, total=1,
    )  # fmt: skip
    site = Site.objects.create(organization=organization, name=f"{word} Wood", latitude=44.0, longitude=-64.0)
    deployment = Deployment.objects.create(
        station=station, site=site, period=Range(moment - timedelta(days=1), None), description=word
    )
    room = Room.objects.create(site=site, name=f"{word} Attic")
    enrolment_token_create(station=station, actor=SERVER)
    audit_write(actor=None, organization_id=organization.pk, action="test", subject=word)
    package = DataPackage.objects.create(
        organization=organization, asked_by_name=word, asked_at=moment, station_ids=[station.pk], kinds=["events"],
        start_at=moment - timedelta(days=1), end_at=moment, format="csv", citation=word, reason=word,
        name=uuid.uuid4().hex, state="failed",
    )  # fmt: skip
    schedule = PackageSchedule.objects.create(
        organization=organization, name=word, every="month", target="page", created_by_name=word, created_at=moment,
        kinds=["events"], format="csv", next_start=moment,
    )  # fmt: skip
    ScheduledPart.objects.create(schedule=schedule, start_at=moment, end_at=moment, reason=word, place=word)
    arrival = Newcomer.objects.create(
        way="arrival", organization=organization, serial=serial_new(), hardware={"model": word}, arrived_at=moment,
        secret_hash=uuid.uuid4().hex, asked_at=moment, expires_at=moment + timedelta(days=30),
    )  # fmt: skip
    pair = HardwarePair.objects.create(
        station=station,
        machine="m2",
        card_key="c2",
        model=word,
        state="asked",
        first_seen_at=moment,
        last_seen_at=moment,
    )
    return {
        "command_id": str(command.pk),
        "incident_id": str(incident.pk),
        "arrival_id": str(arrival.pk),
        "pair_id": str(pair.pk),
        "site_id": str(site.pk),
        "room_id": str(room.pk),
        "deployment_id": str(deployment.pk),
        "package_id": str(package.pk),
        "schedule_id": str(schedule.pk),
        "forwarder_id": str(_forwarder_make(word, organization, station)),
        "rule_id": str(_rule_make(word, organization, station)),
        "tap_id": str(_tap_make(word, organization)),
        "window_id": str(_window_make(word, organization, station)),
    }


def _forwarder_make(word: str, organization: Organization, station: Station) -> int:
    """Create a forwarder with a refused row, a note of what arrived, and an id that the receiver gave."""
    moment = clock.now()
    forwarder = Forwarder.objects.create(
        organization=organization, kind="webhook", name=word, settings={"url": f"https://example.org/{word}"},
        station_ids=[station.pk], added_at=moment, added_by_name=word, after_xact=0, answer=word, answered_at=moment,
        failing_since=moment, next_try_at=moment + timedelta(hours=1),
    )  # fmt: skip
    series = Series.objects.create(station=station, name=f"{word}/refused", created_at=moment)
    RefusedRow.objects.create(forwarder=forwarder, series=series, occurred_at=moment, reason=word, refused_at=moment)
    RefusedRow.objects.create(
        forwarder=forwarder, station=station, occurred_at=moment, port=1, kind=2, line=7, reason=word, refused_at=moment
    )
    GivenId.objects.create(forwarder=forwarder, key=word, there=word)
    ForwardNote.objects.create(organization=organization, xact=1, received_at=moment, series_ids=[series.pk], hours=[1])
    return forwarder.pk


def _rule_make(word: str, organization: Organization, station: Station) -> int:
    """Create an alert rule with what it found at a series, and a note of what arrived."""
    moment = clock.now()
    rule = AlertRule.objects.create(
        organization=organization, name=word, subject="series", what=f"{word}/level", condition="above", high=1.0,
        scope="station", scope_id=station.pk, hint=word, judged_from=moment, added_at=moment, added_by_name=word,
    )  # fmt: skip
    series = Series.objects.create(station=station, name=f"{word}/level", created_at=moment)
    RuleState.objects.create(rule=rule, station=station, series=series, phase="pending", since=moment)
    RuleNote.objects.create(series_ids=[series.pk], hours=[1])
    return rule.pk


def _window_make(word: str, organization: Organization, station: Station) -> int:
    """Create maintenance that comes tomorrow."""
    moment = clock.now() + timedelta(days=1)
    window = MaintenanceWindow.objects.create(
        organization=organization, station=station, first_day=moment.date(), first_time=moment.time(), duration_s=3_600,
        timezone="UTC", reason=word, added_by_name=word, added_at=clock.now(), opens_at=moment,
        closes_at=moment + timedelta(hours=1), due_at=moment,
    )  # fmt: skip
    return window.pk


def _tap_make(word: str, organization: Organization) -> int:
    """Create a tap that is only a row here."""
    tap = Tap.objects.create(
        organization=organization, name=word, queue=f"tap.{uuid.uuid4().hex[:16]}", secret_hash=word,
        messages_most=1, bytes_most=1, seconds_most=86_400, added_at=clock.now(), added_by_name=word,
    )  # fmt: skip
    return tap.pk


def _sorting_make(word: str, organization: Organization, station: Station) -> Mapping[str, str]:
    """Create what people use to sort their stations."""
    model = model_create(actor=SERVER, organization=organization, name=f"{word} Owl")
    station_model_set(actor=SERVER, station=station, model=model)
    station_tags_set(actor=SERVER, station=station, names=[word])
    group = group_create(actor=SERVER, organization=organization, name=f"{word} Lab", rule="tag", value=word)
    group_member_set(actor=SERVER, group=group, station=station, is_member=True)
    return {"group_id": str(group.pk), "model_id": str(model.pk)}


@dataclass
class World:
    """Both tenants, an administrator of the server, and values that name nothing."""

    own: Tenant
    foreign: Tenant
    administrator: User
    nothing: dict[str, str]


def ids_large() -> None:
    """Make all later ids large, so that such a number on a page can only be an id."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT format('%I.%I', schemaname, sequencename) FROM pg_sequences WHERE schemaname = 'public'")
        for number, (sequence,) in enumerate(cursor.fetchall()):
            cursor.execute(
                "SELECT setval(%s, greatest(nextval(%s), %s))", [sequence, sequence, 7_700_000 + 1_000 * number]
            )


@contextmanager
def world_made() -> Iterator[World]:
    """Create the world in the caller's transaction."""
    ids_large()
    administrator = User.objects.create_superuser("administrator", "admin@example.org", "a long password")
    EmailAddress.objects.create(user=administrator, email=administrator.email, verified=True, primary=True)
    yield World(
        own=tenant_make(WORDS["own"]),
        foreign=tenant_make(WORDS["foreign"]),
        administrator=administrator,
        nothing=nothing(),
    )


def filled(template: Any, values: Mapping[str, str]) -> Any:
    """A body or query with `$serial` and the like replaced."""
    if isinstance(template, str):
        return values[template[1:]] if template.startswith("$") else template
    if isinstance(template, Mapping):
        return {name: filled(inner, values) for name, inner in template.items()}
    if isinstance(template, list | tuple):
        return [filled(inner, values) for inner in template]
    return template
