"""Parts of rows as JSON that several kinds of receivers share."""

from typing import Any

from fleet.forward.kinds.base import ForwardDetection, ForwardRow


def place_and_marks(row: ForwardRow | ForwardDetection) -> dict[str, Any]:
    """The marks of doubt, the site, and the place in degrees, as far as there are any and everybody may know them."""
    told: dict[str, Any] = {}
    if row.marks:
        told["marks"] = list(row.marks)
    if row.site:
        told["site"] = row.site
    if row.latitude is not None:
        told |= {"latitude": row.latitude, "longitude": row.longitude, "radius_m": row.radius_m}
    return told


def detection_told(row: ForwardDetection) -> dict[str, Any]:
    """The kind, port and tag of a detection, and the figures of the radio."""
    told: dict[str, Any] = {"kind": row.kind, "port": row.port, "line": row.line}
    if row.tag:
        told["tag"] = row.tag
    if row.node:
        told["node"] = row.node
    if not row.is_used:
        told["is_used"] = False
    if row.is_validated is not None:
        told["is_validated"] = row.is_validated
    return {**told, **row.figures}
