"""When a row is the same as one that a person moved away from its time: everything that it says must be equal."""

from typing import Final

from fleet.ingest.rows.same_moment import FAR
from fleet.telemetry.models import Suspicion
from fleet.telemetry.same_rows import IDENTITIES

#: Tables in which a different row of one moment is stored microseconds later. Which one has the moment may differ when
#: both come again.
_BESIDE: Final = frozenset({"telemetry_reading", "telemetry_stationevent"})


def repeat_sqls(table: str, found: str, by: str) -> tuple[str, ...]:
    """Conditions, any of which says that the row `t` is the row `d` at its old time.

    `found` is the one of them that is looked up by its key, `%(offset)s` the microseconds from `by` to it. They are not
    one condition, because PostgreSQL looks up nothing by its key if its parts are joined by OR.
    """
    identity = IDENTITIES[table]
    same = f"{identity.same_key_sql('t', 'd')} AND {identity.same_figures_sql('t', 'd')}"
    place = f"{by}.occurred_at + %(offset)s * interval '1 microsecond'"
    exact = f"{same} AND {found}.occurred_at = {place}"
    if table not in _BESIDE:
        return (exact,)
    beside = (
        f"{same} AND {found}.occurred_at > {place} - {FAR} AND {found}.occurred_at < {place} + {FAR} "
        f"AND (t.flags | d.flags) & {Suspicion.SAME_MOMENT.value} <> 0"
    )
    return exact, beside
