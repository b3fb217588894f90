"""The contact of a station, which a station that was never heard from may lack."""

from fleet.stations.models import Station, StationContact


def contact_of(station: Station) -> StationContact | None:
    """The contact row, or None; costs no query when it was joined."""
    try:
        return station.contact
    except StationContact.DoesNotExist:
        return None
