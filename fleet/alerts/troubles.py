"""Troubles of the server itself: each is told to its administrators once, and once when it is over."""

from datetime import datetime

from fleet.alerts.administrators import administrators_mail
from fleet.alerts.models import Trouble
from fleet.core import clock
from fleet.core.dead_jobs import dead_job_list
from fleet.stations.logins.broker import BrokerAccess

ALARM, PARTITION, DEAD_JOBS = "the broker's resources", "the broker's cluster", "jobs"


def broker_watch() -> None:
    """Ask the broker for alarms and partitions. Raises `BrokerUnreachable`, which says nothing about either."""
    with BrokerAccess.open() as broker:
        nodes = broker.nodes()
    moment = clock.now()
    short = [f"{what} on {node.name}" for node in nodes for what in node.alarms]
    trouble_judge(
        about=ALARM,
        sentence=(
            f"The broker has raised an alarm: {', '.join(short)}. It takes no messages until there is room again; stations "
            "keep their data and send it then. Make room: look at what fills the disk or the memory of that machine."
        )
        if short
        else "",
        end="The broker's alarm is over: it takes messages again, and the stations send what they kept.",
        moment=moment,
    )
    parted = [f"{node.name} does not see {', '.join(node.partitions)}" for node in nodes if node.partitions]
    trouble_judge(
        about=PARTITION,
        sentence=(
            f"The broker's cluster is split: {'; '.join(parted)}. Mend the network between the nodes, then restart those "
            "on the smaller side; until then messages may wait."
        )
        if parted
        else "",
        end="The broker's cluster is whole again.",
        moment=moment,
    )


def dead_jobs_judge() -> None:
    """Whether jobs that killed their workers wait for somebody to look at them."""
    names = sorted(set(dead_job_list().values_list("task", flat=True)))
    trouble_judge(
        about=DEAD_JOBS,
        sentence=(
            f"Jobs killed their worker time and again and were set aside: {', '.join(name or 'unreadable' for name in names)}. "
            "Look at them with `./roost manage jobs list` and at the worker's log; then retry or discard each."
        )
        if names
        else "",
        end="No job is set aside any more.",
        moment=clock.now(),
    )


def trouble_judge(*, about: str, sentence: str, end: str, moment: datetime) -> None:
    """Open or end the trouble about a part, and tell the administrators what they were not told yet.

    An empty sentence says that nothing is wrong. Whoever cannot be reached by mail is tried again at the next look.
    """
    opened = Trouble.objects.filter(about=about, ended_at=None)
    if sentence:
        trouble, _is_new = opened.get_or_create(
            about=about, ended_at=None, defaults={"sentence": sentence, "began_at": moment}
        )
        if Trouble.objects.filter(pk=trouble.pk, told_at=None).update(told_at=moment) and not administrators_mail(
            subject=f"Roost: trouble with {about}", sentence=trouble.sentence
        ):
            Trouble.objects.filter(pk=trouble.pk).update(told_at=None)
        return
    opened.update(ended_at=moment)
    # One of which nobody was told needs no end told.
    untold = Trouble.objects.filter(about=about, end_told_at=None).exclude(told_at=None).exclude(ended_at=None)
    for pk in list(untold.values_list("pk", flat=True)):
        if untold.filter(pk=pk).update(end_told_at=moment) and not administrators_mail(
            subject=f"Roost: over: trouble with {about}", sentence=end
        ):
            Trouble.objects.filter(pk=pk).update(end_told_at=None)
