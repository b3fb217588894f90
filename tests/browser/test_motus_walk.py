"""The pages about Motus in a real browser, with each error switched on once: each is a sentence to act on.

With a folder in `ROOST_SCREENSHOTS`, a picture of each page is written there.
"""

import gzip
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from browser.every_page import Visitor, visiting
from people import station_of
from sync.motus_errors import ERRORS, MotusError
from sync.motus_files import SERIAL, name, run

from fleet.core import clock
from fleet.organizations.models import Organization
from fleet.sync.adapters.clients import motus as motus_client
from fleet.sync.adapters.clients import motus_site
from fleet.sync.models import MotusAccount, MotusDeployment, MotusReceiver, MotusTag, MotusUpload, SyncRun
from fleet.sync.motus.accounts import account_check, account_of, account_save
from fleet.sync.motus.deployments import deployments_read
from fleet.sync.motus.tags import tags_read
from fleet.sync.motus.uploads import uploads_queue
from fleet.sync.services import sync_run
from operations.simulators.motus import MotusSimulator
from operations.simulators.motus_answers import USERS

pytestmark = pytest.mark.browser
FOLDER = os.environ.get("ROOST_SCREENSHOTS", "")
RIGHT = USERS["warbler"][0]
LINE = b"p1,1588309567.1,4.0,-40,-60\n"


@contextmanager
def simulated(settings, error: MotusError) -> Iterator[MotusSimulator]:
    """Start a fresh Motus, and forget everything about the last one."""
    for model in (MotusUpload, MotusReceiver, MotusTag, MotusDeployment, MotusAccount, SyncRun):
        model.objects.all().delete()
    with MotusSimulator(is_certificate_expired=error.before == "expired certificate") as simulator:
        settings.ROOST_MOTUS_URL, settings.ROOST_MOTUS_STATUS_URL = simulator.url, simulator.status_url
        yield simulator


class Walk:
    """What Roost does with Motus, step by step; each returns the page where its outcome is seen."""

    def __init__(
        self, simulator: MotusSimulator, error: MotusError, owner, organization: Organization, card: Path
    ) -> None:
        self.simulator, self.error, self.owner, self.organization, self.card = (
            simulator,
            error,
            owner,
            organization,
            card,
        )
        self.base = f"/organizations/{organization.slug}/motus/"

    def log_in(self, password: str = RIGHT, projects: tuple[int, ...] = ()) -> None:
        account_save(
            actor=self.owner, organization=self.organization, login="warbler", password=password,
            project_ids=list(projects),
        )  # fmt: skip
        account_check(organization_id=self.organization.pk)

    def switch_on(self) -> None:
        if self.error.faults:
            self.simulator.motus.faults_set(**self.error.faults)

    def known(self) -> MotusAccount:
        """Save a login that works, and a deployment since March; return the account."""
        self.log_in()
        account = account_of(self.organization)
        MotusDeployment.objects.create(
            account=account, number=1, project_id=1, serial=SERIAL, match_name=SERIAL, status="active",
            starts_at=datetime(2026, 3, 1, tzinfo=UTC),
        )  # fmt: skip
        return account

    def put(self, file: str, content: bytes = LINE, *, is_packed: bool = True) -> None:
        self.card.mkdir(exist_ok=True)
        (self.card / file).write_bytes(gzip.compress(content) if is_packed else content)

    def searched(self) -> None:
        self.known()
        self.put(name())
        run(self.organization)

    def upload_page(self) -> str:
        return f"{self.base}files/{MotusUpload.objects.get().pk}/"

    def step_login(self) -> str:
        if self.error.before != "another key":
            self.switch_on()
        password = "wrong" if self.error.before == "wrong password" else RIGHT
        self.log_in(password, (9,) if self.error.before == "foreign project" else ())
        if self.error.before == "another key":
            MotusAccount.objects.update(sealed_password="sealed elsewhere")
            account_check(organization_id=self.organization.pk)
        return self.base

    def step_deployments(self) -> str:
        self.known()
        self.switch_on()
        deployments_read(account=account_of(self.organization))
        return f"{self.base}deployments/"

    def step_tags(self) -> str:
        account = self.known()
        MotusTag.objects.create(account=account, number=1, project_id=1, code="A", match_name="A", name="Dunlin #1")
        self.switch_on()
        tags_read(account=account_of(self.organization))
        return f"{self.base}tags/"

    def step_send(self) -> str:
        self.searched()
        if self.error.before == "poison":
            self.simulator.uploads.poison = "20260501"
        self.switch_on()
        uploads_queue(actor=self.owner, organization=self.organization)
        run(self.organization, is_searching=False)
        return self.upload_page()

    def step_send_login(self) -> str:
        self.step_send()
        return self.base

    def step_send_again(self) -> str:
        self.step_send()
        self.simulator.motus.faults_set(internal_error=True, only="status2")
        MotusUpload.objects.update(next_try_at=None)
        run(self.organization, is_searching=False)
        return self.upload_page()

    def step_follow(self) -> str:
        self.step_send()
        if self.error.before == "lost job":
            self.simulator.uploads.jobs.clear()
            MotusUpload.objects.update(next_try_at=clock.now())
            run(self.organization, is_searching=False)
        return self.upload_page()

    def step_follow_files(self) -> str:
        self.step_send()
        return f"{self.base}files/"

    def step_search(self) -> str:
        before = self.error.before
        account = self.known()
        if before == "no deployment":
            MotusDeployment.objects.filter(account=account).delete()
        files = {
            "empty file": (name(), b"", False),
            "foreign file": (name(part="1111RPI42222"), LINE, True),
            "zeros": (name(), bytes(500), False),
            "broken gzip": (name(), gzip.compress(LINE * 90)[:-9], False),
        }
        file, content, is_packed = files.get(before, (name(), LINE, True))
        self.put(file, content, is_packed=is_packed)
        if before == "boot number":
            self.put(name(hour=7, boot=1))
        run(self.organization)
        return self.upload_page()

    def step_compare(self) -> str:
        if self.error.before == "by itself":
            for ago in (1, 2, 3):
                day = clock.now() - timedelta(days=ago)
                self.simulator.uploads.records.file_put(name().replace("2026-05-01", f"{day:%Y-%m-%d}"))
            self.searched()
        else:
            self.searched()
            self.simulator.motus.faults_set(job_outcome="done")
            uploads_queue(actor=self.owner, organization=self.organization)
            run(self.organization, is_searching=False)
            if self.error.before == "lost file":
                self.simulator.uploads.records.lost.add(name().removesuffix(".gz"))
            self.switch_on()
            MotusReceiver.objects.update(checked_at=None, tried_at=None)
            run(self.organization, is_searching=False)
        return f"{self.base}stations/{SERIAL}/"

    def step_receivers(self) -> str:
        self.simulator.motus.rows_set(
            [
                {
                    "receiverID": SERIAL, "motusRecvID": 1, "recvProjectID": 1, "deviceID": 251,
                    "receiverType": "SENSORGNOME", "dtStart": "2026-03-01 00:00:00 +00:00",
                    "deploymentStatus": "active", "deploymentName": "Heron Point",
                }
            ]
        )  # fmt: skip
        sync_run(system="motus", started_by="owner")
        self.switch_on()
        sync_run(system="motus", started_by="owner")
        return "/outside/"


def step_of(walk: Walk) -> Callable[[], str]:
    return getattr(walk, "step_" + walk.error.does.replace(" ", "_"))


def test_every_error_of_motus_is_a_sentence_in_the_browser(
    browser, processes, institute, owner, settings, tmp_path, monkeypatch
):
    monkeypatch.setattr(motus_client, "_backing_off", lambda _state: 0.01)
    monkeypatch.setattr(motus_client, "READ_S", 1.0)
    monkeypatch.setattr(motus_site, "READ_S", 1.0)
    station = station_of(institute)
    station.serial = SERIAL
    station.save()
    missing = []
    with visiting(browser, processes, owner.user, viewport={"width": 1280, "height": 800}, bypass_csp=True) as visitor:
        for number, error in enumerate(ERRORS):
            settings.ROOST_MOTUS_FOLDER = str(tmp_path / str(number))
            Path(settings.ROOST_MOTUS_FOLDER).mkdir()
            card = Path(settings.ROOST_MOTUS_FOLDER) / SERIAL
            with simulated(settings, error) as simulator:
                place = step_of(Walk(simulator, error, owner, institute, card))()
                visitor.visit(place)
            text = " ".join(visitor.page.inner_text("main").split())
            if error.sentence not in text:
                missing.append((error.name, error.sentence, text[:1_500]))
            picture(visitor, f"{number:02d}_{error.name}")
    assert missing == []
    assert [said for said in visitor.said if said.startswith("error")] == []


def picture(visitor: Visitor, title: str) -> None:
    if FOLDER:
        Path(FOLDER).mkdir(parents=True, exist_ok=True)
        visitor.page.screenshot(path=Path(FOLDER) / f"{title}.png", full_page=True)
