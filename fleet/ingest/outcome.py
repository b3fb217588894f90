"""The outcome of a batch."""

from dataclasses import dataclass, field

from fleet.ingest.delivery import Delivery


@dataclass(slots=True)
class Outcome:
    """Counts and consequences of a batch."""

    stored: int = 0
    repeats: int = 0
    quarantined: int = 0
    #: Stored messages with parts left out: they are also in quarantine.
    partial: int = 0
    #: Serials of stations that changed, by organization id.
    changed: dict[int, set[str]] = field(default_factory=dict)
    #: Exchanges of stations and desks with messages over quota.
    over_quota: set[str] = field(default_factory=set)
    #: Messages that were handed back because the others had cost enough, and the exchanges that cost most.
    left: list[Delivery] = field(default_factory=list)
    costly: set[str] = field(default_factory=set)

    def add(self, other: "Outcome") -> None:
        """Add another outcome to this one."""
        self.stored += other.stored
        self.repeats += other.repeats
        self.quarantined += other.quarantined
        self.partial += other.partial
        for organization_id, serials in other.changed.items():
            self.changed.setdefault(organization_id, set()).update(serials)
        self.over_quota |= other.over_quota
        self.left += other.left
        self.costly |= other.costly
