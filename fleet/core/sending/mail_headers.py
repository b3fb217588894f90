"""Mails whose headers start on the header's own line: non-ASCII text becomes encoded words short enough to fit."""

from collections.abc import Sequence
from email.header import Header, decode_header, make_header
from email.message import Message
from email.utils import formataddr, formatdate, getaddresses
from typing import Any

from django.core.mail import EmailMessage

from fleet.core import clock

#: An encoded word may have 75 characters, and a line 78 including the header's name. A first word of full length does
#: not fit behind the name, so the line would be folded before it, and mail programs would show an empty subject.
_WORD_MOST = 60
#: The words that mail programs post to the address of `List-Unsubscribe`.
ONE_CLICK = "List-Unsubscribe=One-Click"
_WITH_NAMES = ("From", "To", "Cc", "Reply-To")


class RoostMail(EmailMessage):
    """A plain Django mail with shorter encoded words."""

    def message(self, **options: Any) -> Any:
        """The mail as it is sent."""
        made = super().message(**options)
        _replace(made, "Subject", _short(str(self.subject), "Subject"))
        for name in _WITH_NAMES:
            value = made.get(name)
            if value is not None and "=?" in str(value):
                _replace(made, name, _addresses(str(value), name))
        if (where := made.get("List-Unsubscribe")) is not None:
            del made["List-Unsubscribe"]
            # Django's own way of setting a header would turn it into text, which is folded.
            Message.__setitem__(made, "List-Unsubscribe", _Unfolded(str(where)))
        return made


class _Unfolded(Header):
    """A header of one long word: folded, its first line would be empty, and some programs read only that one."""

    def encode(self, splitchars: str = ";, \t", maxlinelen: int | None = None, linesep: str = "\n") -> str:  # noqa: ARG002
        """The word as it is."""
        return super().encode(splitchars, 0, linesep)


def automatic_mail(
    *, message_id: str, recipient: str, subject: str, text: str, answers: Sequence[str] = (), off_url: str = ""
) -> RoostMail:
    """A mail that no person wrote, with an id of our own. `answers`: ids of the mails in whose thread it belongs.

    `off_url`: where its receiver switches such mails off; a POST there does it in one click (RFC 8058).
    """
    headers = {
        "Message-ID": message_id,
        "Date": formatdate(clock.now().timestamp()),
        "Auto-Submitted": "auto-generated",
        "X-Auto-Response-Suppress": "All",
    }
    if answers:
        headers["In-Reply-To"] = answers[-1]
        headers["References"] = " ".join(answers)
    if off_url:
        headers["List-Unsubscribe"] = f"<{off_url}>"
    if off_url.startswith("https://"):
        # Mail programs promise one click only for https.
        headers["List-Unsubscribe-Post"] = ONE_CLICK
    return RoostMail(subject=subject, body=text, to=[recipient], headers=headers)


def _replace(made: Message, name: str, value: str) -> None:
    if value != made.get(name):
        del made[name]
        made[name] = value


def _short(text: str, name: str) -> str:
    """The text in encoded words of at most `_WORD_MOST` characters; ASCII is unchanged."""
    if text.isascii():
        return text
    return Header(text, "utf-8", maxlinelen=_WORD_MOST, header_name=name).encode().replace("\n ", " ")


def _addresses(value: str, name: str) -> str:
    parts = []
    for spoken, address in getaddresses([value]):
        plain = str(make_header(decode_header(spoken)))
        parts.append(formataddr((plain, address)) if plain.isascii() else f"{_short(plain, name)} <{address}>")
    return ", ".join(parts)
