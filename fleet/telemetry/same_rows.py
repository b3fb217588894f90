"""When two rows are the same: the columns of the key that find a row, and the figures that must be equal too.

The station's own line numbers keep rows apart. Without them, two different rows may have one key, so nothing may be
dropped as a repeat before its figures are compared.
"""

from typing import Final, NamedTuple


class RowIdentity(NamedTuple):
    """The columns of a row: its owner, the rest of its key besides the moment, and its figures."""

    owner: str
    key: tuple[str, ...]
    figures: tuple[str, ...]

    def same_key_sql(self, one: str, other: str, *, of_one_owner: bool = True) -> str:
        """Condition: two rows have the same key, apart from their moments."""
        names = (self.owner, *self.key) if of_one_owner else self.key
        return " AND ".join(f"{one}.{name} = {other}.{name}" for name in names)

    def same_figures_sql(self, one: str, other: str) -> str:
        """Condition: two rows say the same. Missing figures are equal."""
        left, right = (", ".join(f"{row}.{name}" for name in self.figures) for row in (one, other))
        return f"ROW({left}) IS NOT DISTINCT FROM ROW({right})"


READING: Final = RowIdentity("series_id", (), ("value",))
DETECTION: Final = RowIdentity(
    "station_id",
    ("port", "kind", "line"),
    ("freq", "sig", "noise", "snr", "rssi", "tag", "node", "is_validated", "is_used", "also"),
)
POSITION: Final = RowIdentity("station_id", ("line", "source"), ("latitude", "longitude", "altitude_m"))
EVENT: Final = RowIdentity("station_id", ("name", "line", "source"), ("port", "data"))
#: By table.
IDENTITIES: Final = {
    "telemetry_reading": READING,
    "telemetry_detection": DETECTION,
    "telemetry_position": POSITION,
    "telemetry_stationevent": EVENT,
}
