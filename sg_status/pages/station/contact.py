"""The contact row of a station; a station that never called has none."""

from fleet.stations.models import Station, StationContact


def contact_of(station: Station) -> StationContact | None:
    """The contact row, or None; costs no query if it was joined."""
    try:
        return station.contact
    except StationContact.DoesNotExist:
        return None
