"""What a batch came to."""

from dataclasses import dataclass, field

from fleet.ingest.delivery import Delivery


@dataclass(slots=True)
class Outcome:
    """What a batch came to."""

    stored: int = 0
    repeats: int = 0
    quarantined: int = 0
    #: Of those stored, how many of which a part was left out: they are in quarantine as well.
    partial: int = 0
    #: Serials that changed, by organization id.
    changed: dict[int, set[str]] = field(default_factory=dict)
    #: Exchanges, of stations and of desks, of which something is over its quota.
    over_quota: set[str] = field(default_factory=set)
    #: What was not looked at, as the rest had cost enough, and the exchanges of whoever cost most.
    left: list[Delivery] = field(default_factory=list)
    costly: set[str] = field(default_factory=set)

    def add(self, other: "Outcome") -> None:
        """Count another outcome in."""
        self.stored += other.stored
        self.repeats += other.repeats
        self.quarantined += other.quarantined
        self.partial += other.partial
        for organization_id, serials in other.changed.items():
            self.changed.setdefault(organization_id, set()).update(serials)
        self.over_quota |= other.over_quota
        self.left += other.left
        self.costly |= other.costly
