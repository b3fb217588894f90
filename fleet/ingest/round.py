"""A round: one batch of messages on its way through the stages of the pipeline, in one transaction."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime

from fleet.ingest.batch import Batch
from fleet.ingest.contacts import ContactRow
from fleet.ingest.delivery import Arrival, Delivery, Refusal, StationRef
from fleet.ingest.ledger import Streams
from fleet.ingest.memory import Memory
from fleet.ingest.outcome import Outcome
from fleet.ingest.reading import Reader


@dataclass(slots=True)
class Round:
    """Everything that the stages pass on. Each stage reads the results of earlier ones here."""

    deliveries: Sequence[Delivery]
    memory: Memory
    reader: Reader
    #: Rows to write.
    batch: Batch
    #: The messages come out of quarantine: the ledger has their numbers, and they are no contact.
    is_again: bool = False
    #: Only envelopes are read, because these stations' messages cost too much.
    is_unread: bool = False
    #: All messages that could be read, and those of them that will be stored.
    arrivals: list[Arrival] = field(default_factory=list)
    fresh: list[Arrival] = field(default_factory=list)
    #: Messages for quarantine.
    refusals: list[Refusal] = field(default_factory=list)
    #: The senders, and after a hand-over also the owners, by id.
    heard: dict[int, StationRef] = field(default_factory=dict)
    #: Contacts of the senders by station id: the locked ones, and all that were read, with or without a lock.
    contacts: dict[int, ContactRow] = field(default_factory=dict)
    known: dict[int, ContactRow] = field(default_factory=dict)
    #: Locked streams of the senders.
    streams: Streams = field(init=False)
    #: The states of contacts that were not on time before, by station id.
    states_before: dict[int, str] = field(default_factory=dict)
    outcome: Outcome = field(default_factory=Outcome)

    def __post_init__(self) -> None:
        """Begin without any stream."""
        self.streams = Streams({}, self.moment)

    @property
    def moment(self) -> datetime:
        """When the messages arrived."""
        return self.batch.moment
