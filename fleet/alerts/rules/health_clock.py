"""Clock: a station's clock, and with it the times of its data, is far from ours."""

from django.db.models import Q
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, pgettext_lazy

from fleet.alerts.rules.health.watch import Watch, health_rule
from fleet.core.spoken import duration_words
from fleet.stations.contact.health_marks import (
    CLOCK_BEHIND_GOOD_S,
    CLOCK_BEHIND_TOLD_S,
    CLOCK_GOOD_BELOW_S,
    CLOCK_OFF_FROM_S,
)
from fleet.stations.models import StationContact


def _bad_words(contact: StationContact) -> str:
    offset = contact.clock_offset_s or 0.0
    shape = (
        _("Its clock is %(duration)s ahead of ours, and so are the times of its data. %(what)s")
        if offset > 0
        else _("Its clock is %(duration)s behind ours, and so are the times of its data. %(what)s")
    )
    what = _("Check the GPS antenna, or that it reaches a time server; data with a wrong time can be moved later.")
    return shape % {"duration": duration_words(abs(offset)), "what": what}


RULE = health_rule(
    Watch(
        name="health_clock",
        narrowed=Q(clock_offset_s__gte=CLOCK_OFF_FROM_S) | Q(clock_offset_s__lte=-CLOCK_BEHIND_TOLD_S),
        is_bad=lambda _health, contact: not -CLOCK_BEHIND_TOLD_S < (contact.clock_offset_s or 0.0) < CLOCK_OFF_FROM_S,
        is_good=lambda _health, contact: -CLOCK_BEHIND_GOOD_S < (contact.clock_offset_s or 0.0) < CLOCK_GOOD_BELOW_S,
        bad_words=lambda _health, contact: _bad_words(contact),
        good_words=lambda _health, _contact: _("Its clock agrees with ours again."),
        short=pgettext_lazy("state of a station", "wrong clock"),
        subject=pgettext_lazy("beginning of a mail's subject", "Clock wrong"),
        several=gettext_lazy("The clocks of %(stations)s are far from ours."),
    )
)
