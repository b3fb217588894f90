"""Problems of the server itself: its administrators are told once when one begins and once when it ends."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Final

from django.db.models import Q

from fleet.alerts.models import Trouble
from fleet.alerts.server_problems.administrators import administrators_mail
from fleet.core import clock
from fleet.core.dead_jobs import dead_job_list
from fleet.stations.logins.broker import BrokerAccess

ALARM, PARTITION, DEAD_JOBS = "the broker's resources", "the broker's cluster", "jobs"
SITE_RULES = "alert rules of the site"
#: A trouble whose sentence has changed is mailed again after this long, if the caller of `trouble_judge` wants that.
_NEWS_AFTER: Final = timedelta(days=1)
_AT_ONCE: Final = timedelta(0)


def broker_watch() -> None:
    """Check the broker for alarms and partitions. Raises `BrokerUnreachable`; then both are left as they were."""
    with BrokerAccess.open() as broker:
        nodes = broker.nodes()
    moment = clock.now()
    short = [f"{what} on {node.name}" for node in nodes for what in node.alarms]
    trouble_judge(
        about=ALARM,
        sentence=(
            f"The broker has raised an alarm: {', '.join(short)}. It accepts no messages until there is room again; stations "
            "keep their data until then. Find out what fills the disk or memory of that machine, and free some."
        )
        if short
        else "",
        end="The broker's alarm is over: it accepts messages again, and the stations send what they stored.",
        moment=moment,
    )
    parted = [f"{node.name} does not see {', '.join(node.partitions)}" for node in nodes if node.partitions]
    trouble_judge(
        about=PARTITION,
        sentence=(
            f"The broker's cluster is split: {'; '.join(parted)}. Repair the network between the nodes, then restart those "
            "on the smaller side; until then messages may be delayed."
        )
        if parted
        else "",
        end="The broker's cluster is whole again.",
        moment=moment,
    )


def dead_jobs_judge() -> None:
    """Report jobs that were set aside because they killed their workers."""
    names = sorted(set(dead_job_list().values_list("task", flat=True)))
    trouble_judge(
        about=DEAD_JOBS,
        sentence=(
            f"Jobs kept killing their workers and were set aside: {', '.join(name or 'unreadable' for name in names)}. "
            "Check `./roost manage jobs list` and the worker's log, then retry or discard each job."
        )
        if names
        else "",
        end="No jobs are set aside any more.",
        moment=clock.now(),
        has_news=True,
    )


def site_rules_judge(failed: Sequence[str]) -> None:
    """Report rules of the site, by their names, that could not be judged."""
    trouble_judge(
        about=SITE_RULES,
        sentence=(
            f"Rules of the site cannot be checked: {', '.join(sorted(failed))}. They open and close no incidents until "
            "that works again; all others do. The log of the task worker has the details."
        )
        if failed
        else "",
        end="All rules of the site can be checked again.",
        moment=clock.now(),
        has_news=True,
    )


def trouble_judge(
    *, about: str, sentence: str, end: str, moment: datetime, patience: timedelta = _AT_ONCE, has_news: bool = False
) -> None:
    """Open or end the trouble with a part of the server, and send the administrators the mail that is due.

    An empty sentence means nothing is wrong. The mail goes out once the trouble has lasted for `patience`. `has_news`:
    a changed sentence (more is affected, for example) is mailed too, but not within a day of the last mail. If no
    administrator could be reached, the next call tries again.
    """
    opened = Trouble.objects.filter(about=about, ended_at=None)
    if sentence:
        trouble, _is_new = opened.get_or_create(
            about=about, ended_at=None, defaults={"sentence": sentence, "began_at": moment}
        )
        if moment - trouble.began_at < patience:
            return
        if trouble.sentence != sentence:
            _change(trouble, sentence, moment, has_news=has_news)
        if Trouble.objects.filter(pk=trouble.pk, told_at=None).update(told_at=moment) and not administrators_mail(
            subject=f"Roost: trouble with {about}", sentence=trouble.sentence
        ):
            Trouble.objects.filter(pk=trouble.pk).update(told_at=None)
        return
    opened.update(ended_at=moment)
    # A trouble that nobody was told about needs no mail about its end.
    untold = Trouble.objects.filter(about=about, end_told_at=None).exclude(told_at=None).exclude(ended_at=None)
    for pk in list(untold.values_list("pk", flat=True)):
        if untold.filter(pk=pk).update(end_told_at=moment) and not administrators_mail(
            subject=f"Roost: over: trouble with {about}", sentence=end
        ):
            Trouble.objects.filter(pk=pk).update(end_told_at=None)


def _change(trouble: Trouble, sentence: str, moment: datetime, *, has_news: bool) -> None:
    """Take other words for a trouble nobody was told about, or, with `has_news`, if the last mail is a day old."""
    changing = Q(told_at=None)
    if has_news:
        changing |= Q(told_at__lte=moment - _NEWS_AFTER)
    if Trouble.objects.filter(changing, pk=trouble.pk).update(sentence=sentence, told_at=None):
        trouble.sentence = sentence
