"""InfluxDB, and everything else that takes its line protocol over HTTP.

Line protocol: https://docs.influxdata.com/influxdb/v2/reference/syntax/line-protocol/. A row with the same measurement,
tags and moment replaces the one that is there, so sending it twice changes nothing.
"""

from collections.abc import Mapping, Sequence
from typing import Final
from urllib.parse import urlencode

from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from fleet.core.errors import InvalidInput
from fleet.core.sending.public_post import url_shown
from fleet.forward.kinds.base import ForwarderKind, ForwardRow, ForwardTarget, Receipt, Setting
from fleet.forward.kinds.clients.http import http_check, http_send

_TAG: Final = str.maketrans({",": r"\,", "=": r"\=", " ": r"\ ", "\n": r"\ ", "\r": r"\ "})
_MEASUREMENT: Final = str.maketrans({",": r"\,", " ": r"\ ", "\n": r"\ ", "\r": r"\ "})


def send(rows: Sequence[ForwardRow], target: ForwardTarget) -> Receipt:
    """Write the rows in one request."""
    settings = target.settings
    query = {"org": settings["org"], "bucket": settings["bucket"], "precision": "us"}
    url = (
        f"{settings['url'].rstrip('/')}/api/v2/write?{urlencode({key: value for key, value in query.items() if value})}"
    )
    headers = {"Content-Type": "text/plain; charset=utf-8"}
    if settings["token"]:
        headers["Authorization"] = f"Token {settings['token']}"
    body = "\n".join(line_of(row, settings["measurement"]) for row in rows).encode()
    # It writes the good lines of a request and answers 400 for the bad ones, which the halves will find.
    http_send("POST", url, headers=headers, body=body)
    return Receipt()


def line_of(row: ForwardRow, measurement: str) -> str:
    """One line: station, series and unit are tags; the value, and the place if it may be known, are fields."""
    tags = {"station": row.station, "series": row.series, "unit": row.unit, "site": row.site}
    told = "".join(f",{key}={_tag(value)}" for key, value in sorted(tags.items()) if value)
    fields = f"value={float(row.value)!r}"
    if row.latitude is not None and row.longitude is not None:
        fields += f",latitude={float(row.latitude)!r},longitude={float(row.longitude)!r}"
    moment = round(row.at.timestamp() * 1e6)
    return f"{(measurement or 'roost').translate(_MEASUREMENT)}{told} {fields} {moment}"


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
        Setting("measurement", gettext_lazy("Measurement"), is_required=False, initial="roost"),
    ),
    send=send,
    check=_check,
    shown=lambda settings: f"{url_shown(settings['url'])} {settings['bucket']}",
    repeats=gettext_lazy("A repeated row replaces itself."),
    rows_most=5_000,
)
