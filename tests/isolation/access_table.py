"""The access table: who may use which method of which address, one line per named address. Add new addresses here.

An address is known by its name in Django's resolver (`station`, `api:station`). A line gives for every method the role
that it requires *in the organization that owns the thing that the address names*:

    ANYONE    no login needed
    PERSON    anybody who is logged in (API: any key), and sees only their own things
    VIEWER, OPERATOR, OWNER    at least that role there; everybody else gets 404, a lower role 403
    ADMIN     an administrator of the whole server

`body` and `queries` may contain `$serial` and the like: values of the tenant that the matrix tests (`tenants.py`).
Parameters of an address are filled in by name; where the name is not enough, `params` names the value to use, and
`=word` means the literal word.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from enum import IntEnum
from typing import Any

from django.urls import URLPattern, get_resolver


class Rule(IntEnum):
    """The requirement, the lowest first."""

    ANYONE = 0
    PERSON = 1
    VIEWER = 2
    OPERATOR = 3
    OWNER = 4
    ADMIN = 5


ANYONE, PERSON, VIEWER, OPERATOR, OWNER, ADMIN = Rule


@dataclass(frozen=True)
class Row:
    """The rules of one address."""

    methods: Mapping[str, Rule]
    params: Mapping[str, str] = field(default_factory=dict)
    body: Any = None
    queries: tuple[Mapping[str, Any], ...] = ()
    #: Allowed, but the thing is absent or the act impossible; a comment at the line has the reason.
    may_be_absent: bool = False
    #: Only people may change this: a key gets 403.
    people_only: bool = False


def row(
    *, params: Mapping[str, str] | None = None, body: Any = None, queries: tuple[Any, ...] = (), **methods: Any
) -> Row:
    """A line, as in `row(GET=VIEWER, POST=OPERATOR)`."""
    absent, people_only = methods.pop("may_be_absent", False), methods.pop("people_only", False)
    return Row(methods, params or {}, body, queries, absent, people_only)


_NO_PHOTO = {"public_id": "=00000000-0000-4000-8000-000000000000", "name": "=none"}
FORM = row(GET=ANYONE, POST=ANYONE)
OWN_FORM = row(GET=PERSON, POST=PERSON)


def mine(parameter: str, rule: Rule, *more: str) -> Row:
    """A page about a part of one's own account: for everybody else it does not exist."""
    params = dict.fromkeys((parameter, *more), "=1")
    return Row(dict.fromkeys(("GET", "POST", "PUT", "PATCH", "DELETE"), rule), params=params, may_be_absent=True)


SEEN = row(GET=VIEWER)
LIST = row(GET=PERSON)

TABLE: dict[str, Row] = {
    # The shell of the site.
    "agent": row(GET=ANYONE),
    "agent-script": row(GET=ANYONE),
    "agent-file": row(GET=ANYONE, params={"name": "=none"}, may_be_absent=True),
    "healthz": row(GET=ANYONE),
    "login": FORM,
    "logout": FORM,
    "set_language": row(POST=ANYONE, body={"language": "de"}),
    # Accounts: each person's own.
    "account_login": FORM,
    "account_logout": FORM,
    "account_signup": FORM,
    "account_inactive": row(GET=ANYONE),
    "account_email_verification_sent": row(GET=ANYONE),
    "account_confirm_email": row(GET=ANYONE, POST=ANYONE, params={"key": "=nothing"}),
    "account_reset_password": FORM,
    "account_reset_password_done": row(GET=ANYONE),
    "account_reset_password_from_key": row(GET=ANYONE, POST=ANYONE, params={"uidb36": "=1", "key": "=guessed"}),
    "account_reset_password_from_key_done": row(GET=ANYONE),
    "mfa_authenticate": FORM,
    "mfa_login_webauthn": FORM,
    "account": row(GET=PERSON),
    "timezone": row(POST=PERSON, body={"timezone": "Europe/Berlin"}),
    "times-shown": row(POST=PERSON, body={"times": "utc"}),
    "account-delete": OWN_FORM,
    "account_reauthenticate": OWN_FORM,
    "account_email": OWN_FORM,
    "account_change_password": OWN_FORM,
    "account_set_password": OWN_FORM,
    "usersessions_list": OWN_FORM,
    "sessions-end": row(POST=PERSON),
    "mfa_index": row(GET=PERSON),
    "mfa_reauthenticate": OWN_FORM,
    "mfa_activate_totp": OWN_FORM,
    "mfa_deactivate_totp": row(GET=PERSON, POST=PERSON, may_be_absent=True),
    "mfa_view_recovery_codes": row(GET=PERSON, may_be_absent=True),
    "mfa_download_recovery_codes": row(GET=PERSON, may_be_absent=True),
    "mfa_generate_recovery_codes": OWN_FORM,
    "mfa_list_webauthn": row(GET=PERSON),
    "mfa_add_webauthn": OWN_FORM,
    "mfa_reauthenticate_webauthn": OWN_FORM,
    "mfa_remove_webauthn": row(GET=PERSON, POST=PERSON, params={"pk": "=1"}, may_be_absent=True),
    "mfa_edit_webauthn": row(GET=PERSON, POST=PERSON, params={"pk": "=1"}, may_be_absent=True),
    # Pages.
    "fleet": row(GET=PERSON, queries=({"q": "$serial"}, {"organization": "$slug"}, {"site": "$site_id"})),
    "wall": row(GET=PERSON, queries=({"q": "$serial"}, {"organization": "$slug"}, {"site": "$site_id"})),
    "fleet-many": row(GET=PERSON, POST=PERSON, body={"do": "tag-add", "tag": "chosen", "station": "$serial"}),
    "filter-keep": row(POST=PERSON, body={"name": "Late", "query": "state=late"}),
    "filter-forget": row(POST=PERSON, params={"filter_id": "=1"}, may_be_absent=True),
    "groups": row(
        GET=PERSON, POST=OPERATOR, body={"organization": "$organization_id", "name": "New", "rule": "", "value": ""}
    ),
    "group": row(GET=VIEWER, POST=OPERATOR, body={"name": "New", "rule": "", "value": ""}),
    "group-member": row(POST=OPERATOR, body={"serial": "$serial"}),
    "group-delete": row(POST=OPERATOR),
    "models": row(GET=PERSON, POST=OPERATOR, body={"organization": "$organization_id", "name": "New", "kind": "other"}),
    "model-delete": row(POST=OPERATOR),
    "detections": row(GET=PERSON, queries=({"station": "$serial"}, {"tag": "$heard_tag"})),
    "detections-csv": row(GET=PERSON, queries=({"station": "$serial"}, {"tag": "$heard_tag"})),
    "heard-tag": SEEN,
    "heard-tag-csv": SEEN,
    "completeness": row(GET=PERSON, queries=({"q": "$serial"},)),
    "completeness-csv": row(GET=PERSON, queries=({"q": "$serial"},)),
    "more": LIST,
    "search": row(GET=PERSON, queries=({"q": "$serial"},)),
    "incidents": LIST,
    "incident": SEEN,
    "incident-acknowledge": row(POST=OPERATOR),
    "incident-snooze": row(POST=OPERATOR, body={"how_long": "8h"}),
    "incident-take-back": row(POST=OPERATOR),
    "incident-assign": row(POST=OPERATOR, body={"assignee": ""}),
    "incident-note": row(POST=OPERATOR, body={"text": "Looked at it."}),
    # The signed token is the credential.
    "incident-link": row(
        GET=ANYONE, POST=ANYONE, params={"token": "=1-1.guessed"}, body={"do": "acknowledge"}, may_be_absent=True
    ),
    # The signed token is the credential here too.
    "mails-off": row(
        GET=ANYONE,
        POST=ANYONE,
        params={"token": "=1-alerts.guessed"},
        body={"List-Unsubscribe": "One-Click"},
        may_be_absent=True,
    ),
    "incidents-atom": row(GET=ANYONE, params={"token": "=1.guessed"}, may_be_absent=True),
    "incidents-calendar": row(GET=ANYONE, params={"token": "=1.guessed"}, may_be_absent=True),
    "incidents-choose": row(POST=PERSON, body={"organization": "$organization_id", "mails": ""}),
    "quarantine": row(GET=PERSON, queries=({"station": "$serial"},)),
    "quarantine-replay-reason": row(POST=OPERATOR, body={"reason": "bad-json", "station": "$serial"}),
    "quarantine-message": SEEN,
    "quarantine-body": SEEN,
    "quarantine-replay": row(POST=OPERATOR),
    "quarantine-discard": row(POST=OPERATOR, body={"note": "of no use"}),
    "station": SEEN,
    "station-add": row(
        GET=OPERATOR, POST=OPERATOR, body={"organization": "$organization_id", "serial": "SG-ADDED1", "name": ""}
    ),
    "station-joining": SEEN,
    "station-claim": row(
        GET=OPERATOR, POST=OPERATOR, body={"code": "AAAA-2222", "organization": "$organization_id", "name": ""}
    ),
    "station-import": row(GET=OPERATOR, POST=OPERATOR, body={"organization": "$organization_id", "do": "import"}),
    "station-accept": row(GET=OPERATOR, POST=OPERATOR, body={"arrival": "$arrival_id", "decision": "refuse"}),
    "station-accept-door": row(POST=OWNER, body={"open": "yes"}),
    "station-accept-unblock": row(POST=OPERATOR),
    "station-notes": row(GET=VIEWER, POST=OPERATOR, body={"text": "Looked at it."}),
    "station-note-remove": row(POST=OWNER),
    "station-photo-add": row(POST=OPERATOR),
    # Its file was never created here.
    "photo": row(GET=VIEWER, params={"name": "photo_name"}, may_be_absent=True),
    "photo-small": row(GET=VIEWER, params={"name": "photo_name"}, may_be_absent=True),
    # Photos of a device are never public; those of another organization do not exist here.
    "photo-public": row(POST=OPERATOR, params={"name": "photo_name"}, body={"is_public": "yes"}),
    "photo-remove": row(POST=OPERATOR, params={"name": "photo_name"}),
    "station-move": row(GET=OPERATOR, POST=OPERATOR, body={"history": "stays"}),
    "station-offer": row(POST=OPERATOR, body={"history": "stays"}),
    "station-offer-withdraw": row(POST=OPERATOR),
    "station-delete": row(GET=OWNER, POST=OWNER, body={"serial": "not it"}),
    # A code gives its owner the station; for everybody else the page reveals nothing.
    "transfers": row(GET=PERSON, POST=PERSON, body={"code": "guessed"}),
    "station-commands": row(GET=VIEWER, POST=OPERATOR, body={"command": "ping"}),
    "station-command-send": row(GET=OPERATOR, POST=OPERATOR, params={"name": "=reboot"}, body={"expires_in": "3600"}),
    "station-command-cancel": row(POST=OPERATOR),
    "station-data": row(GET=VIEWER, queries=({"series": "$series"},)),
    "station-data-csv": row(GET=VIEWER, queries=({"series": "$series"},)),
    "station-data-svg": row(GET=VIEWER, queries=({"series": "$series"},)),
    "station-deliveries": SEEN,
    "station-files": SEEN,
    "station-files-move": row(POST=OPERATOR, body={"file": "$file_id", "to": "$serial"}),
    # Its files have grown since.
    "station-held": SEEN,
    # Nothing is fetched from the tenants' stations: the page says so.
    "station-held-fetch": row(POST=OPERATOR, body={"file": "$held_id"}),
    "station-fetch-policy": row(GET=VIEWER, POST=OPERATOR, body={"mode": "usual", "order": "newest"}),
    "organization-fetch-policy": row(GET=VIEWER, POST=OWNER, body={"mode": "none", "order": "newest"}),
    "organization-kept": row(GET=VIEWER, POST=OWNER, body={"pattern": "none", "interval_s": "60"}),
    "organization-kept-detections": row(POST=OWNER, body={"days": ""}),
    "organization-kept-remove": row(POST=OWNER, params={"rule_id": "kept_rule_id"}),
    "station-kept": row(GET=VIEWER, POST=OPERATOR, body={"pattern": "none", "interval_s": "60"}),
    "station-kept-remove": row(POST=OWNER, params={"rule_id": "station_rule_id"}),
    "station-stored": row(GET=VIEWER, POST=OPERATOR, body={"folder": "2026-05-01"}),
    # The choice between tiles and rows is the person's own.
    "station-stored-view": row(POST=VIEWER, body={"view": "tiles"}),
    "station-stored-look": row(GET=VIEWER, queries=({"sort": "0"}, {"plot": "0"})),
    # The file's bytes are not there: the form cannot show them, and nothing is saved.
    "station-stored-edit": row(GET=OPERATOR, POST=OPERATOR, body={"text": "New"}, may_be_absent=True),
    "station-stored-sheet": row(GET=VIEWER),
    # The tenant's file is no picture.
    "station-stored-picture": row(GET=VIEWER, may_be_absent=True),
    "station-stored-small": row(GET=VIEWER, may_be_absent=True),
    # Nothing is selected: the page says so.
    "station-stored-zip": row(POST=VIEWER, body={}),
    "organization-files-zip": row(POST=VIEWER, body={}),
    "station-stored-file": row(GET=VIEWER, may_be_absent=True),
    "station-backfills": row(GET=VIEWER, POST=OPERATOR, body={"search": ""}),
    # This back-fill has no open question, so answering it gets a sentence.
    "station-backfill": row(GET=VIEWER, POST=OPERATOR, body={}),
    "station-backfill-stop": row(POST=OPERATOR),
    "station-files-undo": row(POST=OPERATOR, may_be_absent=True),
    "station-branch-settle": row(POST=OPERATOR, body={"decision": "discard"}),
    "station-detections": SEEN,
    "station-detections-csv": SEEN,
    "station-positions": SEEN,
    "station-positions-csv": SEEN,
    "station-events": SEEN,
    "station-clock": SEEN,
    # No data of the tenants has a wrong time: asked to move some, the page says so and leads back.
    "station-clock-move": row(POST=OPERATOR, body={"side": "behind"}),
    "station-clock-undo": row(POST=OPERATOR, may_be_absent=True),
    "station-hardware": SEEN,
    "station-hardware-decide": row(POST=OPERATOR, body={"decision": "same"}),
    "sites": row(
        GET=PERSON,
        POST=OPERATOR,
        body={"organization": "$organization_id", "name": "New", "latitude": "", "longitude": ""},
        queries=({"q": "Wood"},),
    ),
    "sites-pins": row(GET=PERSON, queries=({"at": "50,8,5"},)),
    "map": row(GET=PERSON, queries=({"state": "silent"}, {"at": "50,8,5"})),
    "map-pins": row(GET=PERSON, queries=({"at": "50,8,5"},)),
    # Public pages have maps too; no file is configured.
    "tiles-file": row(GET=ANYONE, may_be_absent=True),
    "site": row(GET=VIEWER, POST=OPERATOR, body={"name": "New", "timezone": "UTC"}),
    "site-delete": row(POST=OPERATOR),
    "room-add": row(POST=OPERATOR, body={"name": "New"}),
    "room-delete": row(POST=OPERATOR),
    "station-deployments": row(GET=VIEWER, POST=OPERATOR, body={"site": "$site_id"}),
    "deployment": row(
        GET=VIEWER,
        POST=OPERATOR,
        body={
            "part": "antennas",
            "antenna-TOTAL_FORMS": "1",
            "antenna-INITIAL_FORMS": "0",
            "antenna-0-port": "1",
            "antenna-0-type": "Yagi",
        },
    ),
    "deployment-photo-add": row(POST=OPERATOR),
    "deployment-end": row(POST=OPERATOR),
    "deployment-delete": row(POST=OPERATOR),
    "public-deployments": row(GET=ANYONE),
    "public-pins": row(GET=ANYONE, queries=({"at": "50,8,5"},)),
    "public-deployment": row(
        GET=ANYONE, params={"public_id": "=00000000-0000-4000-8000-000000000000"}, may_be_absent=True
    ),
    "public-photo": row(GET=ANYONE, params=_NO_PHOTO, may_be_absent=True),
    "public-wiki": row(GET=ANYONE, params={"slug": "=nobody"}, may_be_absent=True),
    "public-wiki-page": row(GET=ANYONE, params={"slug": "=nobody", "page_slug": "=none"}, may_be_absent=True),
    "status-page": row(GET=ANYONE, params={"slug": "=nobody"}, may_be_absent=True),
    "status-embed": row(GET=ANYONE, params={"slug": "=nobody"}, may_be_absent=True),
    "status-json": row(GET=ANYONE, params={"slug": "=nobody"}, may_be_absent=True),
    "status-badge": row(GET=ANYONE, params={"slug": "=nobody"}, may_be_absent=True),
    "status-digit": row(GET=ANYONE, params={"slug": "=nobody"}, may_be_absent=True),
    "status-feed": row(GET=ANYONE, params={"slug": "=nobody"}, may_be_absent=True),
    "public-photo-small": row(GET=ANYONE, params=_NO_PHOTO, may_be_absent=True),
    "station-settings": row(GET=VIEWER, POST=OPERATOR, body={"name": "New", "notes": ""}),
    "station-token": row(POST=OPERATOR),
    "station-desk-revoke": row(POST=OPERATOR),
    "station-quota": row(POST=ADMIN, body={"messages_per_s": "5", "mb_per_hour": ""}),
    "station-let-in": row(POST=OPERATOR),
    "station-revoke": row(GET=OPERATOR, POST=OPERATOR),
    "station-retire": row(GET=OPERATOR, POST=OPERATOR),
    "sync": LIST,
    "sync-now": row(POST=OWNER, params={"system": "=motus"}),
    # Organizations and who belongs to them.
    "organizations": LIST,
    "organization-add": row(
        GET=PERSON, POST=PERSON, body={"name": "Made", "timezone": "UTC", "language": "en", "contact_email": ""}
    ),
    "organization": row(
        GET=VIEWER, POST=OWNER, body={"name": "New", "timezone": "UTC", "language": "en", "contact_email": ""}
    ),
    # An administrator who is not a member has nothing to leave.
    "organization-leave": row(GET=VIEWER, POST=VIEWER, may_be_absent=True),
    "organization-delete": row(GET=OWNER, POST=OWNER, body={"name": "not its name"}),
    # It is not deleted; a deleted one exists only for its owners.
    "organization-restore": row(POST=PERSON, may_be_absent=True),
    "organization-members": row(GET=VIEWER, POST=OWNER, body={"email": "new@example.org", "role": "viewer"}),
    "member-role": row(POST=OWNER, body={"role": "operator"}),
    "member-remove": row(GET=OWNER, POST=OWNER),
    "member-transfer": row(GET=OWNER, POST=OWNER),
    "invitation-resend": row(POST=OWNER),
    "invitation-revoke": row(POST=OWNER),
    # The code is the credential.
    "invitation": row(GET=ANYONE, POST=ANYONE, params={"code": "=guessed"}, may_be_absent=True),
    "organization-files": row(GET=VIEWER, queries=({"station": "$serial"}, {"q": "txt"})),
    "wiki-pages": row(GET=VIEWER),
    "wiki-add": row(GET=OPERATOR, POST=OPERATOR, body={"title": "New", "text": "# New"}),
    "wiki-page": row(GET=VIEWER),
    "wiki-edit": row(GET=OPERATOR, POST=OPERATOR, body={"title": "New", "text": "# New", "number": "1"}),
    "wiki-remove": row(POST=OWNER),
    "wiki-history": row(GET=VIEWER),
    "wiki-revision": row(GET=VIEWER, params={"number": "=1"}),
    "wiki-restore": row(POST=OPERATOR, params={"number": "=1"}),
    "organization-status": row(GET=VIEWER, POST=OWNER, body={"title": "New", "slug": "new-name"}),
    "status-item": row(POST=OWNER, body={"thing": "$status_thing", "name": "New"}),
    "status-item-remove": row(POST=OWNER),
    "status-notice-add": row(GET=OPERATOR, POST=OPERATOR, body={"title": "New", "text": "New"}),
    "status-notice": row(GET=VIEWER, POST=OPERATOR, body={"text": "New"}),
    "status-notice-remove": row(POST=OPERATOR),
    "organization-packages": row(
        GET=VIEWER,
        POST=VIEWER,
        body={
            "stations": ["$serial"],
            "kinds": ["events"],
            "start": "2026-05-01",
            "end": "2026-05-02",
            "wanted": "csv",
        },
    ),
    "package-terms": row(POST=OWNER, body={"licence": "CC0-1.0", "citation": ""}),
    # It is not made, so there is no file.
    "package-download": row(GET=VIEWER, may_be_absent=True),
    "package-remove": row(POST=OPERATOR),
    "package-schedules": row(
        GET=VIEWER,
        POST=OPERATOR,
        body={"name": "New", "every": "day", "target": "page", "kinds": "events", "wanted": "csv"},
    ),
    "package-schedule": SEEN,
    "package-schedule-remove": row(POST=OPERATOR),
    "organization-forwarders": row(GET=VIEWER),
    "forwarder-add": row(
        GET=OWNER,
        POST=OWNER,
        params={"kind": "=webhook"},
        body={
            "name": "new",
            "reach": "stations",
            "stations": "$serial",
            "setting_url": "https://example.org/hook",
            "setting_secret": "whsec_" + "QUJD" * 8,
        },
    ),
    "organization-forwarder": row(GET=VIEWER, POST=OPERATOR, body={"do": "pause"}),
    "forwarder-backfill": row(POST=OPERATOR, body={"start": "2026-05-01T00:00"}),
    "forwarder-change": row(
        GET=OWNER,
        POST=OWNER,
        body={
            "name": "new",
            "reach": "stations",
            "stations": "$serial",
            "setting_url": "https://example.org/hook",
            "setting_secret": "whsec_" + "QUJD" * 8,
        },
    ),
    "forwarder-remove": row(GET=OWNER, POST=OWNER),
    "organization-rules": row(GET=VIEWER),
    "rule-add": row(
        GET=OPERATOR,
        POST=OPERATOR,
        body={
            "name": "new",
            "subject": "series",
            "series": "level",
            "condition": "above",
            "high": "5",
            "severity": "notice",
            "scope": "station",
            "of": "$serial",
            "do": "save",
        },
    ),
    "organization-rule": row(GET=VIEWER, POST=OPERATOR, body={"do": "pause"}),
    "rule-change": row(
        GET=OPERATOR,
        POST=OPERATOR,
        body={
            "name": "new",
            "subject": "series",
            "series": "level",
            "condition": "above",
            "high": "5",
            "severity": "notice",
            "scope": "station",
            "of": "$serial",
            "do": "save",
        },
    ),
    "rule-delete": row(GET=OPERATOR, POST=OPERATOR),
    "organization-maintenance": row(GET=VIEWER),
    "maintenance-add": row(
        GET=OPERATOR,
        POST=OPERATOR,
        body={
            "scope": "station",
            "of": "$serial",
            "reason": "new battery",
            "day": "2099-01-01",
            "time": "02:30",
            "minutes": "90",
            "repeats": "once",
            "do": "preview",
        },
    ),
    "maintenance-end": row(POST=OPERATOR),
    "maintenance-delete": row(GET=OPERATOR, POST=OPERATOR),
    "organization-taps": row(GET=VIEWER, POST=OWNER, body={"name": ""}),
    "organization-tap": row(GET=VIEWER, POST=OWNER),
    "tap-delete": row(GET=OWNER, POST=OWNER),
    "organization-audit": row(GET=OWNER, queries=({"who": "$username"}, {"subject": "$serial"})),
    "organization-audit-csv": row(GET=OWNER),
    # API.
    "api:openapi": row(GET=ANYONE),
    "api:docs": row(GET=ANYONE),
    "api:enrolments": row(POST=ANYONE, body={"serial": "$serial", "token": "guessed"}),
    "api:stations": row(
        GET=PERSON,
        POST=OPERATOR,
        body={"organization": "$slug", "serial": "SG-ADDED2"},
        queries=({"search": "$serial"}, {"organization": "$slug"}, {"group": "$group_id"}, {"model": "$model_id"}),
    ),
    "api:time-shifts": row(GET=VIEWER, POST=OPERATOR, body={"side": "behind", "dry_run": True}, may_be_absent=True),
    "api:time-shift-undo": row(POST=OPERATOR, may_be_absent=True),
    "api:hardware": SEEN,
    "api:hardware-pair": row(POST=OPERATOR, body={"decision": "same"}),
    "api:arrivals": row(GET=PERSON, POST=ANYONE, body={"code": "guessed", "serial": "$serial"}),
    "api:arrival-decisions": row(POST=OPERATOR, body={"decision": "refuse", "arrivals": [{"id": "$arrival_id"}]}),
    "api:registration": row(GET=VIEWER, POST=OWNER, DELETE=OWNER),
    "api:claims": row(POST=ANYONE, body={"serial": "SG-CLAIMED1"}),
    # No device shows this code.
    "api:claim": row(
        GET=OPERATOR,
        POST=OPERATOR,
        params={"code": "=AAAA-2222"},
        body={"organization": "$slug"},
        may_be_absent=True,
    ),
    "api:waiting": row(POST=ANYONE, body={"secret": "guessed"}),
    "api:imports": row(POST=OPERATOR, body={"organization": "$slug", "csv": "serial\nSG-IMPORTED1\n"}),
    "api:station": row(GET=VIEWER, PATCH=OPERATOR, body={"name": "New"}),
    "api:sites": row(
        GET=PERSON, POST=OPERATOR, body={"organization": "$slug", "name": "New"}, queries=({"organization": "$slug"},)
    ),
    "api:site": row(GET=VIEWER, PATCH=OPERATOR, DELETE=OPERATOR, body={"name": "New"}),
    "api:rooms": row(
        GET=PERSON, POST=OPERATOR, body={"site": "$site_id", "name": "New"}, queries=({"site": "$site_id"},)
    ),
    "api:room": row(GET=VIEWER, PATCH=OPERATOR, DELETE=OPERATOR, body={"name": "New"}),
    "api:deployments": row(
        GET=PERSON,
        POST=OPERATOR,
        body={"station": "$serial", "site": "$site_id"},
        queries=({"station": "$serial"}, {"site": "$site_id"}),
    ),
    "api:deployment": row(GET=VIEWER, PATCH=OPERATOR, DELETE=OPERATOR, body={"description": "new"}),
    "api:deployment-publication": row(PUT=OPERATOR, body={"is_public": False}),
    "api:deployment-photos": row(GET=VIEWER, POST=OPERATOR),
    "api:public-deployments": row(GET=ANYONE),
    "api:public-deployment": row(
        GET=ANYONE, params={"public_id": "=00000000-0000-4000-8000-000000000000"}, may_be_absent=True
    ),
    "api:public-photos": row(
        GET=ANYONE, params={"public_id": "=00000000-0000-4000-8000-000000000000"}, may_be_absent=True
    ),
    "api:public-photo": row(GET=ANYONE, params=_NO_PHOTO, may_be_absent=True),
    "api:incidents": row(GET=PERSON, queries=({"station": "$serial"},)),
    "api:incident": SEEN,
    "api:incident-steps": SEEN,
    # Only an acknowledgement can be taken back, and there may be none.
    "api:incident-acknowledgement": row(POST=OPERATOR, DELETE=OPERATOR, may_be_absent=True),
    "api:incident-snooze": row(PUT=OPERATOR, body={"until": None}),
    "api:incident-assignment": row(PUT=OPERATOR, body={"assignee": ""}),
    "api:incident-notes": row(POST=OPERATOR, body={"text": "Looked at it."}),
    "api:suspension": row(DELETE=OPERATOR, may_be_absent=True),
    "api:fidelity": row(GET=PERSON, queries=({"organization": "$slug"},)),
    "api:models": row(GET=PERSON, POST=OPERATOR, body={"organization": "$slug", "name": "New"}),
    "api:model": row(GET=VIEWER, DELETE=OPERATOR),
    "api:tags": LIST,
    "api:groups": row(GET=PERSON, POST=OPERATOR, body={"organization": "$slug", "name": "New"}),
    "api:group": row(GET=VIEWER, PUT=OPERATOR, DELETE=OPERATOR, body={"name": "New"}),
    "api:group-member": row(PUT=OPERATOR, DELETE=OPERATOR),
    "api:filters": row(GET=PERSON, POST=PERSON, body={"name": "Late", "query": "state=late"}, may_be_absent=True),
    "api:filter": row(DELETE=PERSON, params={"filter_id": "=1"}, may_be_absent=True),
    "api:series": SEEN,
    "api:station-retire": row(POST=OPERATOR),
    "api:station-rotate": row(POST=OPERATOR),
    "api:station-move": row(POST=OPERATOR, body={"organization": "no-such-slug"}, may_be_absent=True),
    "api:station-offer": row(POST=OPERATOR, DELETE=OPERATOR, body={"history": "stays"}, may_be_absent=True),
    "api:station-delete": row(POST=OWNER, body={"serial": "not it"}),
    "api:notes": row(GET=VIEWER, POST=OPERATOR, body={"text": "Looked at it."}),
    "api:note": row(DELETE=OWNER),
    "api:photos": row(GET=VIEWER, POST=OPERATOR),
    # Its file was never created here.
    "api:photo": row(
        GET=VIEWER,
        PATCH=OPERATOR,
        DELETE=OPERATOR,
        params={"name": "photo_name"},
        body={"is_public": False},
        may_be_absent=True,
    ),
    "api:transfers": row(POST=OPERATOR, body={"code": "guessed", "organization": "$slug"}, may_be_absent=True),
    "api:readings": row(GET=VIEWER, params={"name": "series"}),
    "api:readings-file": row(GET=VIEWER, params={"name": "series"}),
    "api:detections": SEEN,
    "api:detections-file": SEEN,
    "api:rows-file": row(GET=VIEWER, params={"kind": "=readings", "ending": "=csv"}),
    "api:positions": SEEN,
    "api:events": SEEN,
    "api:files": SEEN,
    "api:backfills": row(GET=VIEWER, POST=OPERATOR, body={"search": ""}),
    "api:backfill": row(GET=VIEWER, DELETE=OPERATOR),
    "api:backfill-send": row(POST=OPERATOR, body={}),
    "api:backfill-files": SEEN,
    "api:file-moves": row(GET=VIEWER, POST=OPERATOR, body={"files": ["$file_id"], "to": "$serial", "dry_run": True}),
    "api:file-move-undo": row(POST=OPERATOR, may_be_absent=True),
    "api:held-files": SEEN,
    "api:holding": SEEN,
    "api:held-files-fetch": row(POST=OPERATOR, body={"files": ["$held_id"]}, may_be_absent=True),
    "api:station-fetch-policy": row(GET=VIEWER, PUT=OPERATOR, DELETE=OPERATOR, body={"mode": "none"}),
    "api:organization-fetch-policy": row(GET=VIEWER, PUT=OWNER, DELETE=OWNER, body={"mode": "none"}),
    "api:organization-retention": row(GET=VIEWER, PUT=OWNER, body={"pattern": "none", "interval_s": 60}),
    "api:organization-detection-retention": row(GET=VIEWER, PUT=OWNER, body={"days": None}),
    "api:organization-retention-rule": row(DELETE=OWNER, params={"rule_id": "kept_rule_id"}),
    "api:station-retention": row(GET=VIEWER, PUT=OPERATOR, body={"pattern": "none", "interval_s": 60}),
    "api:station-retention-rule": row(DELETE=OWNER, params={"rule_id": "station_rule_id"}),
    "api:uploads": row(POST=OPERATOR),
    "api:upload": row(GET=OPERATOR, PATCH=OPERATOR, DELETE=OPERATOR),
    "api:ledger": SEEN,
    "api:commands": row(GET=VIEWER, POST=OPERATOR, body={"name": "ping"}),
    "api:command": SEEN,
    "api:command-cancel": row(POST=OPERATOR),
    "api:completeness": row(GET=PERSON, queries=({"search": "$serial"},)),
    "api:quarantine": row(GET=PERSON, queries=({"station": "$serial"},)),
    "api:quarantine-replays": row(GET=PERSON, POST=OPERATOR, body={"reason": "bad-json", "station": "$serial"}),
    "api:quarantine-message": SEEN,
    "api:quarantine-body": SEEN,
    "api:quarantine-replay": row(POST=OPERATOR),
    "api:quarantine-discard": row(POST=OPERATOR, body={"note": "of no use"}),
    # Keys own nothing: they may read members, and no more.
    "api:organizations": row(GET=PERSON, POST=PERSON, body={"name": "Made"}, people_only=True),
    "api:organization": row(GET=VIEWER, PATCH=OWNER, DELETE=OWNER, body={"name": "New"}),
    # It is not deleted; a deleted one exists only for its owners.
    "api:organization-restore": row(POST=PERSON, may_be_absent=True),
    "api:members": SEEN,
    "api:member": row(GET=VIEWER, PATCH=OWNER, DELETE=OWNER, body={"role": "operator"}),
    "api:member-transfer": row(POST=OWNER),
    "api:invitations": row(GET=OWNER, POST=OWNER, body={"email": "new@example.org", "role": "viewer"}),
    "api:invitation": row(GET=OWNER, DELETE=OWNER),
    "api:invitation-resend": row(POST=OWNER),
    # The code is the credential.
    "api:invitation-accept": row(POST=PERSON, body={"code": "guessed"}, may_be_absent=True, people_only=True),
    "api:pages": row(GET=VIEWER, POST=OPERATOR, body={"title": "New", "text": "# New"}),
    "api:page": row(GET=VIEWER, PUT=OPERATOR, DELETE=OWNER, body={"title": "New", "text": "# New", "number": 1}),
    "api:page-revisions": SEEN,
    "api:page-revision": row(GET=VIEWER, params={"number": "=1"}),
    "api:stored-files": row(GET=VIEWER, queries=({"search": "none"},)),
    "api:stored-file": SEEN,
    # Its bytes are not there.
    "api:stored-text": row(GET=VIEWER, PUT=OPERATOR, body={"text": "New"}, may_be_absent=True),
    "api:stored-sheet": row(GET=VIEWER, may_be_absent=True),
    "api:exports": row(
        GET=VIEWER,
        POST=VIEWER,
        body={"stations": ["$serial"], "from": "2026-05-01T00:00:00Z", "to": "2026-05-02T00:00:00Z"},
    ),
    "api:export": row(GET=VIEWER, DELETE=OPERATOR),
    # It is not made, so there is no file.
    "api:export-file": row(GET=VIEWER, may_be_absent=True),
    "api:export-schedules": row(GET=VIEWER, POST=OPERATOR, body={"name": "New", "every": "day"}),
    "api:export-schedule": row(GET=VIEWER, DELETE=OPERATOR),
    "api:export-schedule-parts": SEEN,
    "api:taps": row(GET=VIEWER, POST=OWNER, body={"name": "New"}),
    "api:tap": row(GET=VIEWER, DELETE=OWNER),
    "api:tap-secret": row(POST=OWNER),
    # A key cannot create keys.
    "api:keys": row(GET=VIEWER, POST=OWNER, body={"name": "New"}, people_only=True),
    "api:key": row(GET=OWNER, DELETE=OWNER),
    "organization-keys": row(GET=VIEWER, POST=OWNER, body={"name": "New", "whose": "machine", "may": "read"}),
    "key-revoke": row(GET=OWNER, POST=OWNER),
    # Members see their own destinations, owners also the organization's, such as this one. A key has none.
    "organization-alerts": row(
        GET=VIEWER,
        POST=OWNER,
        body={"channel": "webhook", "address": "https://example.org/new", "whose": "organization"},
    ),
    "organization-feed": row(POST=OWNER, body={"do": "make"}),
    # Members choose their own digest.
    "organization-digest": row(POST=VIEWER, body={"rhythm": "weekly"}),
    "destination-change": row(POST=OWNER, body={"do": "off"}),
    "destination-delete": row(GET=OWNER, POST=OWNER),
    # Another login needs its password, and there is a pause between tries.
    "organization-motus": row(GET=VIEWER, POST=OWNER, body={"login": "new", "password": "guess", "projects": "1"}),
    "organization-motus-deployments": row(GET=VIEWER),
    "organization-motus-station": row(GET=VIEWER),
    "organization-motus-sender": row(POST=OPERATOR, body={"do": "station"}),
    "organization-motus-decide": row(POST=OPERATOR, body={"do": "keep"}),
    "organization-motus-tags": row(GET=VIEWER),
    "organization-motus-files": row(GET=VIEWER, POST=OPERATOR, body={"do": "search"}),
    "organization-motus-upload": row(GET=VIEWER, POST=OPERATOR, params={"upload_id": "motus_upload_id"}),
    "organization-motus-try": row(POST=OWNER),
    "organization-motus-forget": row(GET=OWNER, POST=OWNER),
    "api:alert-destinations": row(
        GET=VIEWER, POST=OWNER, body={"channel": "webhook", "address": "https://example.org/new"}, people_only=True
    ),
    "api:alert-destination": row(GET=OWNER, PATCH=OWNER, DELETE=OWNER, body={"is_on": False}),
    "api:alert-destination-tests": row(POST=OWNER),
    # Each person's own; a key has none.
    "api:organization-digest": row(GET=VIEWER, PUT=VIEWER, body={"rhythm": "weekly"}, people_only=True),
    "api:organization-incident-feed": row(GET=OWNER, POST=OWNER, DELETE=OWNER),
    "api:alert-rules": row(
        GET=VIEWER,
        POST=OPERATOR,
        body={
            "name": "made",
            "subject": "series",
            "what": "level",
            "condition": "above",
            "high": 5,
            "scope": "station",
            "of": "$serial",
        },
    ),
    "api:alert-rule-previews": row(
        POST=OPERATOR,
        body={"name": "seen", "subject": "series", "what": "level", "condition": "above", "high": 5},
    ),
    "api:alert-rule": row(GET=VIEWER, PATCH=OPERATOR, DELETE=OPERATOR, body={"hint": "look"}),
    "api:maintenances": row(
        GET=PERSON,
        POST=OPERATOR,
        body={
            "organization": "$slug",
            "scope": "station",
            "of": "$serial",
            "starts": "2027-06-01T02:30",
            "duration_s": 3600,
            "reason": "new battery",
        },
        queries=({"organization": "$slug"},),
    ),
    "api:maintenance": row(GET=VIEWER, DELETE=OPERATOR),
    # This maintenance is not under way.
    "api:maintenance-end": row(POST=OPERATOR, may_be_absent=True),
    "api:forwarders": row(
        GET=VIEWER,
        POST=OWNER,
        body={
            "kind": "webhook",
            "name": "new",
            "settings": {"url": "https://example.org/hook"},
            "reach": "stations",
            "stations": ["$serial"],
        },
    ),
    # The tenant's forwarder has no stored secret, so a change must include one.
    "api:forwarder": row(
        GET=VIEWER, PATCH=OWNER, DELETE=OWNER, body={"settings": {"secret": "whsec_" + "QUJD" * 8}, "name": "new"}
    ),
    "api:forwarder-pause": row(POST=OPERATOR),
    "api:forwarder-resume": row(POST=OPERATOR),
    "api:forwarder-backfills": row(POST=OPERATOR, body={"from": "2026-05-01T00:00:00Z"}),
    "api:forwarder-tests": row(POST=OPERATOR),
    "api:forwarder-refused": row(GET=VIEWER, DELETE=OPERATOR),
    "api:forwarder-refused-again": row(POST=OPERATOR),
    "api:organization-pace": row(POST=OPERATOR, body={"slowdown": 4}),
    "api:outside": row(GET=PERSON),
    "api:outside-check": row(POST=OWNER, params={"system": "=motus"}),
    "api:station-outside": SEEN,
    "api:station-revoke": row(POST=OPERATOR),
    "api:station-token": row(POST=OPERATOR),
    "api:branch": row(POST=OPERATOR, body={"decision": "discarded"}),
    "api:arrival-unblock": row(POST=OPERATOR),
    "api:audit": row(GET=OWNER, queries=({"who": "$username"}, {"subject": "$serial"})),
    "api:nothing": row(),
    "api:nothing-here": row(params={"rest": "=no/such/thing"}),
}

#: The live process, which has addresses of its own; see `test_matrix_live.py`. Keys open no page, and none of these.
LIVE: dict[str, Row] = {
    "live/fleet": row(GET=PERSON),
    "live/stations/<serial>": row(GET=VIEWER),
    "live/healthz": row(GET=ANYONE),
}


@dataclass(frozen=True)
class Address:
    """One address as Django resolves it."""

    name: str
    pattern: str
    parameters: tuple[str, ...]

    @property
    def is_api(self) -> bool:
        """Whether it belongs to the API: keys open it, and refusals are problem documents."""
        return self.name.startswith("api:")

    @property
    def is_admin(self) -> bool:
        """Whether it belongs to Django's admin, which has one rule: administrators only."""
        return self.name.startswith("admin:") or self.pattern.startswith("admin/")


def addresses() -> list[Address]:
    """Every address, including the admin's."""
    return list(_walk(get_resolver(), "", ""))


def _walk(resolver: Any, namespace: str, before: str) -> Iterator[Address]:
    for pattern in resolver.url_patterns:
        where = before + str(pattern.pattern)
        if isinstance(pattern, URLPattern):
            yield Address(f"{namespace}{pattern.name or '?'}", where, tuple(pattern.pattern.converters))
        else:
            inner = f"{namespace}{pattern.namespace}:" if pattern.namespace else namespace
            yield from _walk(pattern, inner, where)


def listed() -> list[Address]:
    """The addresses in the table, in the resolver's order."""
    return [each for each in addresses() if not each.is_admin and each.name in TABLE]
