"""Jobs in the dead-letter queue are kept once, reported once, listed, and retried or discarded once."""

import json
from io import StringIO

import pytest
from django.contrib.auth.models import User
from django.core import mail
from django.core.management import call_command
from kombu import Queue
from waiting import until

from fleet.alerts.models import Trouble
from fleet.core.dead_jobs import dead_job_discard, dead_job_keep, dead_job_list, dead_job_retry
from fleet.core.errors import Conflict, NotFound
from fleet.core.models import AuditEntry, OutboxMessage
from message_queue.topology import DEAD_JOB_QUEUE, JOB_POLICIES, TASK_QUEUE
from workers.celery_app import app
from workers.dead_jobs import dead_jobs_collect
from workers.tasks.core import collect_dead_jobs

pytestmark = pytest.mark.django_db


@pytest.fixture
def dead():
    """The real queue, empty before and after the test; the function puts a message into it."""
    with app.connection_for_write() as connection, connection.channel() as channel:
        channel.queue_purge(DEAD_JOB_QUEUE)

        def put(body, **properties):
            with connection.Producer() as producer:
                producer.publish(body, exchange="", routing_key=DEAD_JOB_QUEUE, serializer="json", **properties)

        yield put
        channel.queue_purge(DEAD_JOB_QUEUE)


def job(dead, job_id, task="core.prune_outbox", arguments=None):
    dead([[], arguments or {}, {"callbacks": None}], headers={"id": job_id, "task": task})


def test_what_lies_in_the_queue_is_kept_once_and_told_once(dead, settings):
    settings.MAIL_TRANSPORT = "django.core.mail.backends.locmem.EmailBackend"
    User.objects.create_superuser("root", email="root@example.org")
    job(dead, "a-1", arguments={"number": 7})
    job(dead, "a-1", arguments={"number": 7})
    for _ in range(3):
        collect_dead_jobs()
    kept = dead_job_list().get()
    assert (kept.task, kept.arguments) == ("core.prune_outbox", {"number": 7})
    assert dead_jobs_collect() == 0
    assert [m.subject for m in mail.outbox] == ["Roost: trouble with jobs"]
    assert "core.prune_outbox" in mail.outbox[0].body
    dead_job_discard(number=kept.pk)
    for _ in range(2):
        collect_dead_jobs()
    assert [m.subject for m in mail.outbox[1:]] == ["Roost: over: trouble with jobs"]
    assert Trouble.objects.get().ended_at is not None


def test_what_only_expired_while_no_worker_was_there_is_told_to_nobody(dead):
    """Every periodic job expires; a worker that was away for a minute leaves dozens of expired ones."""
    with app.connection_for_write() as connection, connection.channel() as channel:
        channel.queue_purge(TASK_QUEUE)
        app.send_task("core.prune_outbox", queue=TASK_QUEUE, task_id="d-1")
        refused = until(Queue(TASK_QUEUE, channel=channel).get)
        app.send_task("core.touch_canary", kwargs={"name": "x"}, queue=TASK_QUEUE, task_id="d-2", expires=0.2)
        lying = Queue(DEAD_JOB_QUEUE, channel=channel)
        until(lambda: lying.queue_declare(passive=True).message_count == 1)
        refused.reject()
        until(lambda: lying.queue_declare(passive=True).message_count == 2)
    assert dead_jobs_collect() == 2
    assert list(dead_job_list().values_list("job_id", flat=True)) == ["d-1"]


def test_more_than_a_thousand_at_once_are_all_kept(dead):
    """As many jobs as this used to push the oldest out of the queue."""
    with app.connection_for_write() as connection, connection.channel() as channel:
        lying = Queue(DEAD_JOB_QUEUE, channel=channel)
        with connection.Producer() as producer:
            for number in range(1_200):
                producer.publish(
                    [[], {}, {}], exchange="", routing_key=DEAD_JOB_QUEUE, serializer="json",
                    headers={"id": f"m-{number}", "task": "core.prune_outbox"},
                )  # fmt: skip
        until(lambda: lying.queue_declare(passive=True).message_count == 1_200)
    assert dead_jobs_collect() == 1_200
    assert dead_job_list().count() == 1_200


def test_what_the_queue_does_not_take_stays_where_it_was():
    """The broker publishes a dead letter again until it is taken: no queue of jobs drops any."""
    definitions = [policy["definition"] for policy in JOB_POLICIES.values()]
    assert {each["overflow"] for each in definitions} == {"reject-publish"}
    assert JOB_POLICIES["jobs"]["definition"]["dead-letter-strategy"] == "at-least-once"


def test_a_retried_job_goes_through_the_outbox_once():
    dead_job_keep(job_id="a-1", task="core.send_mail", arguments={"mail_id": 9})
    kept = dead_job_list().get()
    dead_job_retry(number=kept.pk)
    row = OutboxMessage.objects.get(routing_key="core.send_mail")
    assert (row.target, row.body) == ("job", {"mail_id": 9})
    for decide in (dead_job_retry, dead_job_discard):
        with pytest.raises(Conflict):
            decide(number=kept.pk)
    assert OutboxMessage.objects.filter(routing_key="core.send_mail").count() == 1
    assert AuditEntry.objects.filter(action="job.retried").count() == 1
    with pytest.raises(NotFound):
        dead_job_retry(number=2**70)


def test_what_cannot_be_read_holds_up_nobody_and_is_not_retried(dead):
    dead("no job at all", headers={"id": "b-1", "task": "core.send_mail"})
    dead({"not": "a list"}, correlation_id="b-2")
    job(dead, "b-3")
    assert dead_jobs_collect() == 3
    assert list(dead_job_list().values_list("job_id", "task")) == [
        ("b-1", ""),
        ("b-2", ""),
        ("b-3", "core.prune_outbox"),
    ]
    with pytest.raises(Conflict):
        dead_job_retry(number=dead_job_list().first().pk)


def test_the_command_line_lists_retries_and_discards(dead):
    job(dead, "c-1")
    job(dead, "c-2")

    def told(*words):
        out = StringIO()
        call_command("jobs", *words, stdout=out)
        return out.getvalue()

    rows = json.loads(told("list", "--json"))
    assert [row["task"] for row in rows] == ["core.prune_outbox"] * 2
    assert "is queued again" in told("retry", str(rows[0]["id"]))
    assert "is discarded" in told("discard", str(rows[1]["id"]))
    assert told("list") == "No job is held.\n"
    assert "core.prune_outbox" in told("list", "--state", "discarded")
