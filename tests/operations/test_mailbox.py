"""Mail that Roost sends is kept as a file and shown as text; nothing in it is executed."""

import smtplib
import subprocess
import sys
import time
from email.message import EmailMessage

import httpx
import pytest
from waiting import PATIENCE_S

from operations.paths import REPOSITORY, Paths
from operations.ports import ports_read


@pytest.fixture(scope="module")
def mailbox(tmp_path_factory):
    """The running mail catcher: its ports and its folder."""
    var = tmp_path_factory.mktemp("var")
    ports = ports_read(paths=Paths(var))
    command = [sys.executable, "-m", "operations.running.mailbox"]
    with subprocess.Popen(command, cwd=REPOSITORY, env={"ROOST_VAR": str(var)}) as process:
        deadline = time.monotonic() + PATIENCE_S
        while True:
            try:
                smtplib.SMTP("127.0.0.1", ports["smtp"]).quit()
                break
            except OSError:
                assert time.monotonic() < deadline, "the catcher did not start"
                time.sleep(0.1)
        yield ports, Paths(var).mail
        process.terminate()
        assert process.wait(PATIENCE_S) == 0


@pytest.fixture
def page(mailbox):
    ports, _ = mailbox

    def get(path="/", host="127.0.0.1"):
        return httpx.get(f"http://127.0.0.1:{ports['mail']}{path}", headers={"Host": host}, trust_env=False)

    return get


def send(mailbox, subject, text, subtype="plain"):
    message = EmailMessage()
    message["From"], message["To"], message["Subject"] = "roost@localhost", "owner@example.org", subject
    message.set_content(text, subtype=subtype)
    with smtplib.SMTP("127.0.0.1", mailbox[0]["smtp"]) as client:
        client.send_message(message)


def test_a_mail_is_kept_as_a_file_and_shown(mailbox, page):
    send(mailbox, "Silent: Old Cut (SG-5113BBBK2972)", "Silent since 14:02. Größe ≥ 1.")
    assert any("SG-5113BBBK2972" in path.read_text() for path in mailbox[1].glob("*.eml"))
    listed = page().text
    assert "Silent: Old Cut (SG-5113BBBK2972)" in listed
    address = listed.split('href="')[1].split('"')[0]
    shown = page(address)
    assert "Silent since 14:02. Größe ≥ 1." in shown.text
    assert "owner@example.org" in shown.text


def test_markup_in_subject_and_text_is_shown_not_run(mailbox, page):
    send(mailbox, "<script>alert(1)</script>", "<img src=x onerror=alert(2)>", subtype="html")
    listed = page().text
    assert "<script>" not in listed
    assert "&lt;script&gt;alert(1)" in listed
    address = listed.split('href="')[1].split('"')[0]
    shown = page(address)
    assert "<img" not in shown.text
    assert "&lt;img src=x" in shown.text
    assert shown.headers["content-security-policy"].startswith("default-src 'none'")


def test_a_foreign_name_for_this_address_is_refused(page):
    assert page(host="evil.example").status_code == 403


@pytest.mark.parametrize("path", ["/mail/..%2f..%2fsecrets%2fredis", "/mail/none.eml", "/etc/passwd"])
def test_only_mails_are_served(page, path):
    assert page(path).status_code == 404


def test_a_mail_without_head_or_with_unknown_charset_breaks_nothing(mailbox, page):
    with smtplib.SMTP("127.0.0.1", mailbox[0]["smtp"]) as client:
        client.sendmail(
            "a@example.org", ["b@example.org"], b"Content-Type: text/plain; charset=nonsense\r\n\r\n\xff\xfe"
        )
    listed = page()
    assert "(no subject)" in listed.text
    address = listed.text.split('href="')[1].split('"')[0]
    assert page(address).status_code == 200
