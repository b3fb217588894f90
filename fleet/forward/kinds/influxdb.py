"""InfluxDB, and everything else that takes its line protocol over HTTP.

Line protocol: https://docs.influxdata.com/influxdb/v2/reference/syntax/line-protocol/. A row with the same measurement,
tags and moment replaces the one that is there, so sending it twice changes nothing.
"""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Final
from urllib.parse import urlencode

from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from fleet.core.errors import InvalidInput
from fleet.core.sending.public_post import url_shown
from fleet.forward.kinds.base import (
    ForwardDetection,
    ForwarderKind,
    ForwardError,
    ForwardRow,
    ForwardTarget,
    Receipt,
    Setting,
)
from fleet.forward.kinds.clients.http import http_check, http_send

_TAG: Final = str.maketrans({",": r"\,", "=": r"\=", " ": r"\ ", "\n": r"\ ", "\r": r"\ "})
_MEASUREMENT: Final = str.maketrans({",": r"\,", " ": r"\ ", "\n": r"\ ", "\r": r"\ "})


def send(rows: Sequence[ForwardRow], target: ForwardTarget) -> Receipt:
    """Write the readings in one request."""
    return _write([line_of(row, target.settings["measurement"]) for row in rows], target, "us")


def send_detections(rows: Sequence[ForwardDetection], target: ForwardTarget) -> Receipt:
    """Write the detections in one request."""
    return _write([detection_line_of(row, target.settings["measurement"]) for row in rows], target, "ns")


def test(target: ForwardTarget) -> None:
    """Send no lines: the server checks login and bucket first, so a complaint about missing lines is a good sign."""
    try:
        _write([], target, "us")
    except ForwardError as error:
        if not error.is_rows:
            raise


def _write(lines: Sequence[str], target: ForwardTarget, precision: str) -> Receipt:
    settings = target.settings
    query = {"org": settings["org"], "bucket": settings["bucket"], "precision": precision}
    url = (
        f"{settings['url'].rstrip('/')}/api/v2/write?{urlencode({key: value for key, value in query.items() if value})}"
    )
    headers = {"Content-Type": "text/plain; charset=utf-8"}
    if settings["token"]:
        headers["Authorization"] = f"Token {settings['token']}"
    # InfluxDB writes the good lines of a request and answers 400 for the bad ones, which halves will find.
    http_send("POST", url, headers=headers, body="\n".join(lines).encode())
    return Receipt()


def line_of(row: ForwardRow, measurement: str) -> str:
    """One line: station, series and unit are tags; the value, marks, and the place if it may be known, are fields."""
    tags = {"station": row.station, "series": row.series, "unit": row.unit, "site": row.site}
    fields: dict[str, float | str] = {"value": row.value, **_place(row), **_marks(row)}
    return _line(measurement or "roost", tags, fields, _microseconds(row.at))


def detection_line_of(row: ForwardDetection, measurement: str) -> str:
    """One line: station, port, kind, tag and node are tags; the radio's figures, marks and the place are fields.

    The line of the station's file fills the digits below the microsecond, so that two in the same microsecond stay two.
    """
    tags = {
        "station": row.station,
        "site": row.site,
        "port": str(row.port),
        "kind": row.kind,
        "tag": row.tag,
        "node": row.node,
    }
    fields: dict[str, float | str] = {"line": row.line, **row.figures, **_place(row), **_marks(row)}
    if not row.is_used:
        fields["is_used"] = False
    if row.is_validated is not None:
        fields["is_validated"] = row.is_validated
    moment = _microseconds(row.at) * 1_000 + row.line % 1_000
    return _line(f"{measurement or 'roost'}_detections", tags, fields, moment)


def _marks(row: ForwardRow | ForwardDetection) -> dict[str, float | str]:
    """The words that say why a row is doubtful, if it is."""
    return {"marks": ",".join(row.marks)} if row.marks else {}


def _line(measurement: str, tags: Mapping[str, str], fields: Mapping[str, float | str], moment: int) -> str:
    told = "".join(f",{key}={_tag(value)}" for key, value in sorted(tags.items()) if value)
    figures = ",".join(f"{key}={_field(value)}" for key, value in fields.items())
    return f"{measurement.translate(_MEASUREMENT)}{told} {figures} {moment}"


def _field(value: float | str) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, str):
        return '"' + value.replace("\\", "\\\\").replace('"', '\\"') + '"'
    return repr(float(value))


def _place(row: ForwardRow | ForwardDetection) -> dict[str, float]:
    if row.latitude is None or row.longitude is None:
        return {}
    return {"latitude": row.latitude, "longitude": row.longitude}


def _microseconds(moment: datetime) -> int:
    return round(moment.timestamp() * 1e6)


def _tag(value: str) -> str:
    # A backslash at the end would escape what follows the tag.
    escaped = value.translate(_TAG)
    return f"{escaped}_" if escaped.endswith("\\") else escaped


def _check(settings: Mapping[str, str]) -> None:
    http_check(settings["url"], field="url")
    if "?" in settings["url"]:
        raise InvalidInput(
            _("Enter the address of the server only, such as https://influx.example.org:8086."), field="url"
        )
    if settings["measurement"].startswith("#"):
        raise InvalidInput(_("A measurement cannot begin with #."), field="measurement")


KIND = ForwarderKind(
    name="influxdb",
    label=gettext_lazy("InfluxDB"),
    settings=(
        Setting("url", gettext_lazy("Server"), gettext_lazy("Such as https://influx.example.org:8086.")),
        Setting("org", gettext_lazy("Organization there"), is_required=False),
        Setting("bucket", gettext_lazy("Bucket or database"), is_required=True),
        Setting("token", gettext_lazy("Token"), is_secret=True, is_required=False),
        Setting(
            "measurement",
            gettext_lazy("Measurement"),
            gettext_lazy("Detections go into another one, with _detections at its end."),
            is_required=False,
            initial="roost",
        ),
    ),
    send=send,
    send_detections=send_detections,
    test=test,
    check=_check,
    shown=lambda settings: f"{url_shown(settings['url'])} {settings['bucket']}",
    repeats=gettext_lazy("A repeated row replaces itself."),
    rows_most=5_000,
)
