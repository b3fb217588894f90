"""Mails whose headers begin on their own line: text beyond ASCII goes as encoded words that are short enough for it."""

from email.header import Header, decode_header, make_header
from email.message import Message
from email.utils import formataddr, getaddresses
from typing import Any

from django.core.mail import EmailMessage

#: An encoded word may have 75 characters, a line 78 with the header's name. A first word as long as it may be does not fit
#: behind the name, so that the line would be folded before it, and mail programs would show an empty subject.
_WORD_MOST = 60
_WITH_NAMES = ("From", "To", "Cc", "Reply-To")


class RoostMail(EmailMessage):
    """A plain mail as Django makes it, but for its encoded words."""

    def message(self, **options: Any) -> Any:
        """The mail as it goes out."""
        made = super().message(**options)
        _replace(made, "Subject", _short(str(self.subject), "Subject"))
        for name in _WITH_NAMES:
            value = made.get(name)
            if value is not None and "=?" in str(value):
                _replace(made, name, _addresses(str(value), name))
        return made


def _replace(made: Message, name: str, value: str) -> None:
    if value != made.get(name):
        del made[name]
        made[name] = value


def _short(text: str, name: str) -> str:
    """The text in encoded words of at most `_WORD_MOST` characters; ASCII stays as it is."""
    if text.isascii():
        return text
    return Header(text, "utf-8", maxlinelen=_WORD_MOST, header_name=name).encode().replace("\n ", " ")


def _addresses(value: str, name: str) -> str:
    parts = []
    for spoken, address in getaddresses([value]):
        plain = str(make_header(decode_header(spoken)))
        parts.append(formataddr((plain, address)) if plain.isascii() else f"{_short(plain, name)} <{address}>")
    return ", ".join(parts)
