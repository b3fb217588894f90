"""The places of a package: its deployments and antennas as a table, and their points as GeoJSON (RFC 7946).

Members of the organization see exact places, so a package has them. Each deployment also says how exactly the public
may see it, for people who pass a package on.
"""

import csv
import io
from collections.abc import Iterator, Sequence
from typing import Any, Final

import msgspec

from fleet.core.csv_file import Cell, cell_guarded
from fleet.deployments.models import Antenna, Deployment
from fleet.exports.columns import PackageColumn

DEPLOYMENT_COLUMNS: Final = (
    PackageColumn("deployment", "integer", "Number of the deployment"),
    PackageColumn("station", "string", "Serial of the station"),
    PackageColumn("site", "string", "Name of the site"),
    PackageColumn("start_at", "datetime", "When it began, UTC"),
    PackageColumn("end_at", "datetime", "When it ended, UTC; empty: it lasts"),
    PackageColumn("latitude", "number", "WGS 84", unit="deg"),
    PackageColumn("longitude", "number", "WGS 84", unit="deg"),
    PackageColumn("elevation_m", "number", "Elevation of the site", unit="m"),
    PackageColumn("timezone", "string", "Time zone of the site"),
    PackageColumn("is_public", "boolean", "Whether everybody may see the place"),
    PackageColumn("location", "string", "How exactly everybody may see it: exact, blurred or withheld"),
    PackageColumn("description", "string", "What people noted"),
)
ANTENNA_COLUMNS: Final = (
    PackageColumn("deployment", "integer", "Number of the deployment"),
    PackageColumn("port", "integer", "Port of the receiver"),
    PackageColumn("type", "string", "Type of antenna"),
    PackageColumn("bearing_deg", "number", "From true north", unit="deg"),
    PackageColumn("height_m", "number", "Above the ground", unit="m"),
    PackageColumn("frequency_mhz", "number", "Frequency", unit="MHz"),
    PackageColumn("polarization", "string", "How its elements stand"),
)


def deployments_csv(deployments: Sequence[Deployment]) -> bytes:
    """The deployments as CSV, one per line."""
    rows = ([values[column.name] for column in DEPLOYMENT_COLUMNS] for values in map(_values, deployments))
    return _csv(DEPLOYMENT_COLUMNS, rows)


def antennas_csv(antennas: Sequence[Antenna]) -> bytes:
    """The antennas as CSV, one per line."""
    return _csv(
        ANTENNA_COLUMNS,
        ([one.deployment_id, *(getattr(one, column.name) for column in ANTENNA_COLUMNS[1:])] for one in antennas),
    )


def antennas_of(deployments: Sequence[Deployment]) -> list[Antenna]:
    """The antennas of these deployments, by deployment and port."""
    ids = [deployment.pk for deployment in deployments]
    return list(Antenna.objects.filter(deployment__in=ids).order_by("deployment", "port"))


def places_geojson(deployments: Sequence[Deployment]) -> bytes:
    """The deployments as points; a deployment without coordinates has no geometry."""
    features = [
        {
            "type": "Feature",
            "id": values["deployment"],
            "geometry": _point(values["longitude"], values["latitude"]),
            "properties": {name: value for name, value in values.items() if name not in {"latitude", "longitude"}},
        }
        for values in map(_values, deployments)
    ]
    return msgspec.json.encode({"type": "FeatureCollection", "features": features})


def _values(deployment: Deployment) -> dict[str, Any]:
    site, has_own = deployment.site, deployment.latitude is not None
    return {
        "deployment": deployment.pk,
        "station": deployment.station.serial,
        "site": site.name,
        "start_at": deployment.period.lower.isoformat() if deployment.period.lower else None,
        "end_at": deployment.period.upper.isoformat() if deployment.period.upper else None,
        "latitude": deployment.latitude if has_own else site.latitude,
        "longitude": deployment.longitude if has_own else site.longitude,
        "elevation_m": site.elevation_m,
        "timezone": site.timezone,
        "is_public": deployment.is_public,
        "location": deployment.location,
        "description": deployment.description,
    }


def _point(longitude: float | None, latitude: float | None) -> dict[str, Any] | None:
    if longitude is None or latitude is None:
        return None
    return {"type": "Point", "coordinates": [longitude, latitude]}


def _csv(columns: Sequence[PackageColumn], rows: Iterator[list[Cell]]) -> bytes:
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow([column.name for column in columns])
    writer.writerows([_cell(cell) for cell in row] for row in rows)
    return text.getvalue().encode()


def _cell(cell: Cell) -> Cell:
    return int(cell) if isinstance(cell, bool) else cell_guarded(cell)
