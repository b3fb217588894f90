"""Disk: the disk of a station is nearly full."""

from django.db.models import Q
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, pgettext_lazy

from fleet.alerts.rules.health.watch import Watch, health_rule
from fleet.stations.contact.health_marks import DISK, percent_shown

RULE = health_rule(
    Watch(
        name="health_disk",
        narrowed=Q(health__disk_percent__gte=DISK.bad),
        is_bad=lambda health, _contact: health.disk_percent is not None and DISK.is_bad(health.disk_percent),
        is_good=lambda health, _contact: health.disk_percent is None or DISK.is_good(health.disk_percent),
        bad_words=lambda health, _contact: (
            _(
                "Its disk is %(percent)s %% full. A full disk stores no new data: once its data has arrived here, "
                "delete old files from the card, or put in a larger one."
            )
            % {"percent": percent_shown(health.disk_percent or 0.0)}
        ),
        good_words=lambda health, _contact: (
            _("Its disk has room again: %(percent)s %% is used.") % {"percent": percent_shown(health.disk_percent)}
            if health.disk_percent is not None
            else _("It no longer reports its disk.")
        ),
        short=pgettext_lazy("state of a station", "disk full"),
        subject=pgettext_lazy("beginning of a mail's subject", "Disk nearly full"),
        several=gettext_lazy("The disks of %(stations)s are nearly full."),
    )
)
