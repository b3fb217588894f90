"""Stadtpuls and services with the same interface: a sensor for each series, registered once, and its records.

Sign-in `{email, password}` gives a token and the user's id; `POST sensors` answers `[{"id": …}]` when asked for the
representation; `POST <records>/<id>/records` takes `{"records": [{"recorded_at", "measurements": […]}]}`.
"""

import time
from collections.abc import Mapping, Sequence
from itertools import groupby
from typing import Any, Final
from urllib.parse import quote

import msgspec
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from fleet.core.errors import InvalidInput
from fleet.core.sending.public_post import url_shown
from fleet.forward.kinds.base import ForwarderKind, ForwardError, ForwardRow, ForwardTarget, Receipt, Setting
from fleet.forward.kinds.clients.http import http_check, http_send, json_of

#: Maximum characters of a sensor's name there.
_NAME_MOST: Final = 49
_JSON: Final = {"Content-Type": "application/json"}


def send(rows: Sequence[ForwardRow], target: ForwardTarget) -> Receipt:
    """Send the records series by series, as many as the turn allows. The rows are in order of their series."""
    done = 0
    for _key, group in groupby(rows, key=lambda row: (row.station_key, row.series_id)):
        if time.monotonic() >= target.until and done:
            return Receipt(done=done)
        some = list(group)
        sensor = _sensor(some[0], target, done)
        body = {"records": [{"recorded_at": row.at.isoformat(), "measurements": [row.value]} for row in some]}
        http_send(
            "POST",
            f"{target.settings['records'].rstrip('/')}/{quote(sensor, safe='')}/records",
            headers={**_JSON, "Authorization": f"Bearer {target.settings['token']}"},
            body=msgspec.json.encode(body),
            done=done,
        )
        done += len(some)
    return Receipt()


def test(target: ForwardTarget) -> None:
    """Sign in there. The token for records is not checked before the first records."""
    _sign_in(target.settings)


def _sensor(row: ForwardRow, target: ForwardTarget, done: int) -> str:
    """The id of the series' sensor: remembered, found there by its name, or registered."""
    key = f"sensor:{row.station_key}:{row.series_id}"
    kept = target.ids.get(key)
    if kept is not None:
        return kept
    try:
        there = _register(row, target)
    except ForwardError as error:
        # Only a sensor that cannot be registered is the fault of its rows.
        raise ForwardError(
            str(error),
            done=done,
            is_rows=error.is_rows or error.is_too_many,
            is_gone=error.is_gone,
            retry_after_s=error.retry_after_s,
        ) from error
    target.ids.put(key, there)
    return there


def _register(row: ForwardRow, target: ForwardTarget) -> str:
    settings = target.settings
    signed = _sign_in(settings)
    user = signed.get("user") if isinstance(signed, dict) else None
    if not isinstance(user, dict) or "id" not in user or not isinstance(signed.get("access_token"), str):
        raise ForwardError(_("The sign-in there worked, but returned no token."))
    headers = {
        **_JSON,
        "apikey": settings["apikey"],
        "Authorization": f"Bearer {signed['access_token']}",
        "Prefer": "return=representation",
    }
    name = name_of(row)
    query = f"select=id&name=eq.{quote(name, safe='')}&user_id=eq.{quote(str(user['id']), safe='')}"
    try:
        found = _id_of(json_of(http_send("GET", f"{settings['sensors']}?{query}", headers=headers)))
    except ForwardError as error:
        raise _not_of_rows(error) from error
    if found is not None:
        return found
    told: dict[str, Any] = {
        "name": name,
        "description": f"{row.series} ({row.unit or '1'}) of {row.station}",
        "connection_type": "http",
        "location": row.site or None,
        "longitude": row.longitude,
        "latitude": row.latitude,
        "user_id": user["id"],
        "category_id": int(settings["category"]),
    }
    made = _id_of(json_of(http_send("POST", settings["sensors"], headers=headers, body=msgspec.json.encode(told))))
    if made is None:
        raise ForwardError(_("The receiver registered a sensor, but did not return its id."))
    return made


def _sign_in(settings: Mapping[str, str]) -> Any:
    login = {"email": settings["email"], "password": settings["password"]}
    headers = {**_JSON, "apikey": settings["apikey"]}
    url = f"{settings['login']}?grant_type=password"
    try:
        return json_of(http_send("POST", url, headers=headers, body=msgspec.json.encode(login)))
    except ForwardError as error:
        raise _not_of_rows(error) from error


def _not_of_rows(error: ForwardError) -> ForwardError:
    """The same failure, marked as not the fault of the rows."""
    return ForwardError(str(error), is_gone=error.is_gone, retry_after_s=error.retry_after_s)


def name_of(row: ForwardRow) -> str:
    """The sensor's name. The number distinguishes sensors whose names are cut."""
    number = f" #{row.series_id}"
    return f"{row.station} {row.series}"[: _NAME_MOST - len(number)] + number


def _id_of(told: Any) -> str | None:
    first = told[0] if isinstance(told, list) and told else None
    return str(first["id"]) if isinstance(first, dict) and "id" in first else None


def _check(settings: Mapping[str, str]) -> None:
    for name in ("login", "sensors", "records"):
        http_check(settings[name], field=name)
        if "?" in settings[name]:
            raise InvalidInput(_("Leave out everything from “?” on."), field=name)
    if not (settings["category"].isascii() and settings["category"].isdigit()):
        raise InvalidInput(_("Enter the number of a category there."), field="category")


KIND = ForwarderKind(
    name="stadtpuls",
    label=gettext_lazy("Stadtpuls"),
    settings=(
        Setting(
            "login", gettext_lazy("URL of the sign-in"), gettext_lazy("Such as https://example.org/auth/v1/token.")
        ),
        Setting(
            "sensors", gettext_lazy("URL of sensors"), gettext_lazy("Such as https://example.org/rest/v1/sensors.")
        ),
        Setting(
            "records",
            gettext_lazy("URL of records"),
            gettext_lazy("Such as https://api.example.org/api/v3/sensors; the sensor's id and “records” follow."),
        ),
        Setting("email", gettext_lazy("Email address there")),
        Setting("password", gettext_lazy("Password"), is_secret=True),
        Setting("apikey", gettext_lazy("API key"), is_secret=True),
        Setting("token", gettext_lazy("Token for records"), is_secret=True),
        Setting("category", gettext_lazy("Category"), gettext_lazy("The number of a category there."), initial="1"),
    ),
    send=send,
    test=test,
    check=_check,
    shown=lambda settings: url_shown(settings["records"]),
    repeats=gettext_lazy("A record whose answer was lost may be there twice: the interface has no key for records."),
    rows_most=200,
)
