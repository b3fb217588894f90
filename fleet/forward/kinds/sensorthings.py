"""OGC SensorThings API 1.1: a Thing for each station, a Datastream for each series, an Observation for each row.

Specification: https://docs.ogc.org/is/18-088/18-088.html. Ids are stored, and everything is looked up before it is
created (Observations by their phenomenon time), so that another try duplicates nothing.
"""

import base64
import time
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from itertools import groupby
from typing import Any, Final
from urllib.parse import quote

import msgspec
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from fleet.core.errors import InvalidInput
from fleet.core.sending.public_post import PublicAnswer, url_shown
from fleet.forward.kinds.base import ForwarderKind, ForwardError, ForwardRow, ForwardTarget, Receipt, Setting
from fleet.forward.kinds.clients.http import http_check, http_send, json_of

_MEASUREMENT: Final = "http://www.opengis.net/def/observationType/OGC-OM/2.0/OM_Measurement"
_GEOJSON: Final = "application/geo+json"
_NAME_MOST = 250


def send(rows: Sequence[ForwardRow], target: ForwardTarget) -> Receipt:
    """Create what is not there yet, series by series. The rows are in order of their series.

    Each row is a request, so a slow service gets as many as its turn allows, and the others later.
    """
    done = known = 0
    for _key, group in groupby(rows, key=lambda row: (row.station_key, row.series_id)):
        some = list(group)
        service = _Service(target, done, known)
        stream = service.datastream(some[0])
        there = service.moments(stream, some[0].at, some[-1].at)
        for row in some:
            if time.monotonic() >= target.until and service.done:
                return Receipt(known=service.known, done=service.done)
            if row.at in there:
                service.known += 1
            else:
                service.create_observation(stream, row)
            service.done += 1
        done, known = service.done, service.known
    return Receipt(known=known)


def test(target: ForwardTarget) -> None:
    """Ask for the Things, which a service that speaks this interface lists."""
    _Service(target, 0, 0).things()


class _Service:
    """The receiver's API, and how many rows are done so far, for its errors."""

    def __init__(self, target: ForwardTarget, done: int, known: int) -> None:
        self._target, self.done, self.known = target, done, known
        self._url = target.settings["url"].rstrip("/")
        self._headers = {"Accept": "application/json"}
        login, secret = target.settings["user"], target.settings["secret"]
        if login:
            told = base64.b64encode(f"{login}:{secret}".encode()).decode()
            self._headers["Authorization"] = f"Basic {told}"
        elif secret:
            self._headers["Authorization"] = f"Bearer {secret}"

    def datastream(self, row: ForwardRow) -> str:
        """The id of the series' Datastream, as JSON."""
        key = f"datastream:{row.station_key}:{row.series_id}:{row.series}:{row.unit}"[:200]
        return self._one(
            key,
            "Datastreams",
            name_of(row),
            lambda: {
                "name": name_of(row),
                "description": f"{row.series} of {row.station}",
                "observationType": _MEASUREMENT,
                "unitOfMeasurement": {
                    "name": row.unit or "one",
                    "symbol": row.unit or "1",
                    "definition": f"ucum:{row.unit or 1}",
                },
                "Thing": {"@iot.id": msgspec.json.decode(self._thing(row))},
                "Sensor": {"@iot.id": msgspec.json.decode(self._sensor(row))},
                "ObservedProperty": {"@iot.id": msgspec.json.decode(self._property(row))},
            },
        )

    def things(self) -> list[dict[str, Any]]:
        """The first Thing, if there is one."""
        return self._values(self._ask("GET", f"{self._url}/Things?$top=1&$select=id"))

    def moments(self, stream: str, first: datetime, last: datetime) -> set[datetime]:
        """Moments from `first` to `last` that already have an Observation."""
        query = quote(f"phenomenonTime ge {_moment(first)} and phenomenonTime le {_moment(last)}")
        url = (
            f"{self._url}/Datastreams({_in_url(stream)})/Observations?$filter={query}&$select=phenomenonTime&$top=1000"
        )
        answer = self._ask("GET", url)
        return {datetime.fromisoformat(one["phenomenonTime"].partition("/")[0]) for one in self._values(answer)}

    def create_observation(self, stream: str, row: ForwardRow) -> None:
        """Create one Observation."""
        told: dict[str, Any] = {"phenomenonTime": _moment(row.at), "resultTime": _moment(row.at), "result": row.value}
        told["parameters"] = {"id": row.id, **({"marks": list(row.marks)} if row.marks else {})}
        self._ask("POST", f"{self._url}/Datastreams({_in_url(stream)})/Observations", told)

    def _thing(self, row: ForwardRow) -> str:
        told: dict[str, Any] = {
            "name": row.station,
            "description": row.site or row.station,
            "properties": {"source": "Roost"},
        }
        if row.latitude is not None:
            told["Locations"] = [
                {
                    "name": row.site or row.station,
                    "description": f"within {row.radius_m:.0f} m" if row.radius_m else "its place",
                    "encodingType": _GEOJSON,
                    "location": {"type": "Point", "coordinates": [row.longitude, row.latitude]},
                }
            ]
        return self._one(f"thing:{row.station_key}", "Things", row.station, lambda: told)

    def _sensor(self, row: ForwardRow) -> str:
        told = {"name": row.station, "description": row.station, "encodingType": "text/html", "metadata": "Roost"}
        return self._one(f"sensor:{row.station_key}", "Sensors", row.station, lambda: told)

    def _property(self, row: ForwardRow) -> str:
        told = {"name": row.series, "description": row.series, "definition": f"roost:{quote(row.series)}"}
        return self._one(f"property:{row.series}"[:200], "ObservedProperties", row.series, lambda: told)

    def _one(self, key: str, collection: str, name: str, body: Any) -> str:
        """The id of an entity, as JSON: remembered, found there by its name, or created."""
        kept = self._target.ids.get(key)
        if kept is not None:
            return kept
        query = quote("name eq '{}'".format(name.replace("'", "''")))
        found = self._values(self._ask("GET", f"{self._url}/{collection}?$filter={query}&$select=id,name&$top=1"))
        if found and "@iot.id" in found[0]:
            there = msgspec.json.encode(found[0]["@iot.id"]).decode()
        else:
            there = self._created(self._ask("POST", f"{self._url}/{collection}", body()))
        self._target.ids.put(key, there)
        return there

    def _created(self, answer: PublicAnswer) -> str:
        """The id of what was created: from the answer's body, or from the end of its address."""
        if answer.body.strip():
            told = json_of(answer, done=self.done, known=self.known)
            if isinstance(told, dict) and "@iot.id" in told:
                return msgspec.json.encode(told["@iot.id"]).decode()
        place = answer.headers.get("location", "")
        inner = place[place.rfind("(") + 1 : place.rfind(")")] if place.endswith(")") else ""
        if not inner:
            raise ForwardError(
                _("The receiver created an object, but did not return its id."), done=self.done, known=self.known
            )
        return msgspec.json.encode(inner[1:-1]).decode() if inner.startswith("'") else inner

    def _values(self, answer: PublicAnswer) -> list[dict[str, Any]]:
        told = json_of(answer, done=self.done, known=self.known)
        values = told.get("value") if isinstance(told, dict) else None
        if not isinstance(values, list) or not all(isinstance(one, dict) for one in values):
            raise ForwardError(
                _("The receiver answered, but not in the format of SensorThings."), done=self.done, known=self.known
            )
        return values

    def _ask(self, method: str, url: str, body: Mapping[str, Any] | None = None) -> PublicAnswer:
        raw = None if body is None else msgspec.json.encode(body)
        headers = self._headers if raw is None else {**self._headers, "Content-Type": "application/json"}
        try:
            return http_send(method, url, headers=headers, body=raw, done=self.done, known=self.known)
        except ForwardError as error:
            # A refused query says nothing about the rows.
            if error.is_rows and method == "GET":
                raise ForwardError(str(error), done=self.done, known=self.known) from error
            raise


def name_of(row: ForwardRow) -> str:
    """The Datastream's name, by which it is found."""
    return f"{row.station} {row.series}{f' [{row.unit}]' if row.unit else ''}"[:_NAME_MOST]


def _moment(moment: datetime) -> str:
    return moment.astimezone(UTC).isoformat(timespec="microseconds").replace("+00:00", "Z")


def _in_url(there: str) -> str:
    """An id, kept as JSON, as a key in a URL: numbers as they are, texts in single quotes."""
    told = msgspec.json.decode(there)
    return quote("'{}'".format(told.replace("'", "''"))) if isinstance(told, str) else str(told)


def _check(settings: Mapping[str, str]) -> None:
    http_check(settings["url"], field="url")
    if "?" in settings["url"]:
        raise InvalidInput(_("Enter the root of the service, such as https://example.org/FROST/v1.1."), field="url")
    if ":" in settings["user"]:
        raise InvalidInput(_("A user name has no colon."), field="user")


KIND = ForwarderKind(
    name="sensorthings",
    label=gettext_lazy("SensorThings API"),
    settings=(
        Setting("url", gettext_lazy("Service root"), gettext_lazy("Such as https://example.org/FROST/v1.1.")),
        Setting("user", gettext_lazy("User"), gettext_lazy("Leave empty to log in with a token."), is_required=False),
        Setting("secret", gettext_lazy("Password or token"), is_secret=True, is_required=False),
    ),
    send=send,
    test=test,
    check=_check,
    shown=lambda settings: url_shown(settings["url"]),
    repeats=gettext_lazy("Every row is looked up before it is created, so none is there twice."),
    # Each row is a request.
    rows_most=50,
)
