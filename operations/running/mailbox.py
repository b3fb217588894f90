"""A local mail catcher: mail from Roost is stored as a file under var/mail and can be read in the browser."""

from __future__ import annotations

import email
import email.policy
import html
import os
import re
import signal
import sys
import threading
import urllib.parse
from datetime import UTC, datetime
from email.message import EmailMessage
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

from aiosmtpd.controller import Controller
from aiosmtpd.smtp import SMTP, Envelope, Session

from operations.instance import Instance

LARGEST_MAIL = 5_000_000
SHOWN_AT_MOST = 500
NAME_PATTERN = re.compile(r"^[0-9TZ]+-[0-9a-f]+\.eml$")
OUR_NAMES = ("127.0.0.1", "localhost")

PAGE = """<!doctype html>
<html lang="en"><head><meta charset="utf-8"><title>{title}</title>
<meta name="viewport" content="width=device-width, initial-scale=1">
<style>body{{font:16px/1.5 system-ui,sans-serif;max-width:60rem;margin:2rem auto;padding:0 1rem}}
table{{border-collapse:collapse;width:100%}}td,th{{text-align:left;padding:.4rem .6rem;border-bottom:1px solid #ccc}}
pre{{white-space:pre-wrap;overflow-wrap:anywhere;background:#f4f4f2;padding:1rem}}</style>
</head><body>{body}</body></html>
"""


class Catcher:
    """Accepts every mail for everybody and forwards none."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    async def handle_DATA(self, _server: SMTP, _session: Session, envelope: Envelope) -> str:  # noqa: N802 - aiosmtpd's name
        """Store a mail by write and rename, so that no reader sees half of it."""
        name = f"{datetime.now(UTC):%Y%m%dT%H%M%S%fZ}-{os.urandom(4).hex()}.eml"
        content = envelope.content or b""
        scratch = self._folder / f".{name}"
        scratch.write_bytes(content if isinstance(content, bytes) else content.encode())
        scratch.replace(self._folder / name)
        return "250 Kept for reading"


def mail_paths(folder: Path) -> list[Path]:
    """The mails, newest first."""
    return sorted(folder.glob("*.eml"), reverse=True)[:SHOWN_AT_MOST]


def mail_read(path: Path) -> EmailMessage:
    """Read a mail from its file."""
    return email.message_from_bytes(path.read_bytes(), _class=EmailMessage, policy=email.policy.default)


def mail_text(message: EmailMessage) -> str:
    """The text of a mail; HTML is shown as source, never rendered."""
    part = message.get_body(preferencelist=("plain", "html"))
    if part is None:
        return "(no text)"
    try:
        return str(part.get_content())
    except (LookupError, ValueError):
        return repr(part.get_payload(decode=True))


def list_page(folder: Path) -> str:
    """All mails as a table."""
    rows = []
    for path in mail_paths(folder):
        message = mail_read(path)
        subject = html.escape(str(message["subject"] or "(no subject)"))
        cells = "".join(f"<td>{html.escape(str(message[name] or ''))}</td>" for name in ("date", "to"))
        rows.append(f'<tr>{cells}<td><a href="/mail/{urllib.parse.quote(path.name)}">{subject}</a></td></tr>')
    table = (
        f"<table><tr><th>Date</th><th>To</th><th>Subject</th></tr>{''.join(rows)}</table>"
        if rows
        else "<p>No mail yet. All mail from Roost appears here; none of it leaves this machine.</p>"
    )
    return PAGE.format(title="Mail", body=f"<h1>Mail</h1>{table}")


def mail_page(path: Path) -> str:
    """One mail with its headers."""
    message = mail_read(path)
    head = "".join(
        f"<tr><th>{html.escape(name)}</th><td>{html.escape(str(value))}</td></tr>" for name, value in message.items()
    )
    title = html.escape(str(message["subject"] or "(no subject)"))
    body = f'<p><a href="/">All mail</a></p><h1>{title}</h1><table>{head}</table>'
    return PAGE.format(title=title, body=f"{body}<pre>{html.escape(mail_text(message))}</pre>")


class MailboxHandler(BaseHTTPRequestHandler):
    """Lists mails and shows one; for this machine only."""

    folder: Path
    server_version = "RoostMail"
    sys_version = ""

    def do_GET(self) -> None:
        """Serve the list, one mail, or a refusal."""
        # Otherwise another site could point its own name here, and read the mails through a visitor's browser.
        if (self.headers.get("Host") or "").rsplit(":", 1)[0] not in OUR_NAMES:
            self._answer(HTTPStatus.FORBIDDEN, "<p>This page answers to 127.0.0.1 and localhost only.</p>")
            return
        path = urllib.parse.unquote(urllib.parse.urlsplit(self.path).path)
        name = path.removeprefix("/mail/")
        if path == "/":
            self._answer(HTTPStatus.OK, list_page(self.folder))
        elif NAME_PATTERN.match(name) and (self.folder / name).is_file():
            self._answer(HTTPStatus.OK, mail_page(self.folder / name))
        else:
            self._answer(HTTPStatus.NOT_FOUND, "<p>There is no such mail. <a href='/'>All mail</a></p>")

    def _answer(self, status: HTTPStatus, page: str) -> None:
        content = page.encode()
        self.send_response(status)
        self.send_header("Content-Type", "text/html; charset=utf-8")
        self.send_header("Content-Length", str(len(content)))
        self.send_header("Content-Security-Policy", "default-src 'none'; style-src 'unsafe-inline'")
        self.send_header("X-Content-Type-Options", "nosniff")
        self.end_headers()
        self.wfile.write(content)

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - http.server's name
        """Log nothing, because the status check runs every few seconds."""


def main() -> int:
    """Serve SMTP and HTTP until stopped."""
    instance = Instance.load()
    MailboxHandler.folder = instance.paths.mail
    web = ThreadingHTTPServer((instance.inner_bind, instance.ports["mail"]), MailboxHandler)
    smtp = Controller(
        Catcher(instance.paths.mail),
        hostname=instance.inner_bind,
        port=instance.ports["smtp"],
        data_size_limit=LARGEST_MAIL,
    )
    smtp.start()
    threading.Thread(target=web.serve_forever, daemon=True).start()
    signal.sigwait({signal.SIGTERM, signal.SIGINT})
    web.shutdown()
    smtp.stop()
    return 0


if __name__ == "__main__":
    # Before the first thread starts, because threads inherit this: both signals are left to sigwait.
    signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGTERM, signal.SIGINT})
    sys.exit(main())
