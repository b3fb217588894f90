"""Interface of a channel: a name, a function that sends one message to one address, and a check of addresses."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta


class ChannelError(Exception):
    """A message was not sent, or it is unknown whether it was. The text says why.

    `is_permanent`: retrying is pointless. `is_maybe_delivered`: it may have arrived anyway.
    `is_channel_down`: other messages would fail the same way now. `is_gone`: the address wants no more messages.
    """

    def __init__(
        self,
        sentence: str,
        *,
        is_permanent: bool = False,
        is_maybe_delivered: bool = False,
        is_channel_down: bool = False,
        is_gone: bool = False,
    ) -> None:
        super().__init__(sentence)
        self.is_permanent = is_permanent or is_gone
        self.is_maybe_delivered = is_maybe_delivered
        self.is_channel_down = is_channel_down
        self.is_gone = is_gone


@dataclass(frozen=True, slots=True)
class IncidentReport:
    """One incident of a message. `sentence` says how it began, or how it ended if `is_over`.

    `incident_url` is its page. `act_url` acts on it without a login; empty unless the message is to a member who may.
    """

    incident_id: int
    serial: str
    station_name: str
    sentence: str
    is_over: bool
    began_at: datetime
    opened_at: datetime
    closed_at: datetime | None
    url: str
    incident_url: str = ""
    act_url: str = ""


@dataclass(frozen=True, slots=True)
class Message:
    """One message to one recipient. `answers`: ids of the messages in whose thread it belongs, oldest first.

    `subject` and `text` are for people. The rest is for programs: `event` is a `Notification.Phase`, `reports` are the
    first of `total` incidents, and `secret` signs the message; it is empty for channels without one. `off_url` switches
    such messages off without a login; empty if nobody can.
    """

    message_id: str
    answers: tuple[str, ...]
    recipient: str
    subject: str
    text: str
    event: str
    organization: str
    rule: str
    reports: tuple[IncidentReport, ...]
    total: int
    secret: str
    off_url: str = ""


@dataclass(frozen=True, slots=True)
class Channel:
    """One way to notify somebody.

    `check` refuses an unusable address with `InvalidInput`. Without it nobody enters addresses: the channel goes to a
    member's own email address. `shown` is the address without the parts that only its owner may know.

    `label` makes every address of the channel a secret: it is stored encrypted, and in its place the label is stored,
    compared and shown. It raises `InvalidInput`, and may take as long as reading an address needs.
    """

    name: str
    send: Callable[[Message], None]
    check: Callable[[str], None] | None = None
    shown: Callable[[str], str] = str
    label: Callable[[str], str] | None = None
    has_secret: bool = False
    #: The receiver drops repeats. If false, a message that may have arrived is not sent again.
    is_repeatable: bool = True
    #: Minimum time between two messages to one destination, tests excepted.
    pause: timedelta = timedelta(0)
    #: A message is given up after this many attempts; None: only after three days.
    attempts_most: int | None = None
    #: Its messages are for programs, so the storm cap does not apply.
    is_for_programs: bool = False
    #: A run of the channel's sender ends after this many seconds; the next one continues.
    run_s: float = 150.0
