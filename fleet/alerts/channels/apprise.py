"""Apprise: a message to a chat or push service, to an address that a person pastes."""

from datetime import timedelta

from fleet.alerts.channels.base import Channel, ChannelError, Message
from fleet.alerts.chat.calls import ChatFailure, address_check, address_label, address_read, message_hand_over

#: With the usual waits, this is about a day: chat servers of small groups are down overnight.
ATTEMPTS_MOST = 100


def send(message: Message) -> None:
    """Send one message to one address, in a process of its own. Raises `ChannelError`."""
    try:
        message_hand_over(address=message.recipient, title=message.subject, text=message.text)
    except ChatFailure as error:
        raise ChannelError(
            str(error),
            is_permanent=error.is_permanent,
            is_maybe_delivered=error.is_maybe_delivered,
            is_gone=error.is_gone,
        ) from error


def label(address: str) -> str:
    """The address without what works as a password. Raises `InvalidInput` if Apprise does not understand it."""
    return address_label(address_read(address))


CHANNEL = Channel(
    name="apprise",
    send=send,
    check=address_check,
    label=label,
    # These services do not recognize a message that is sent again.
    is_repeatable=False,
    pause=timedelta(seconds=10),
    attempts_most=ATTEMPTS_MOST,
    run_s=20.0,
)
