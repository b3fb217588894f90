"""Heat: a station is too hot inside."""

from django.db.models import Q
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, pgettext_lazy

from fleet.alerts.rules.health.watch import Watch, health_rule
from fleet.stations.contact.health_marks import HEAT

RULE = health_rule(
    Watch(
        name="health_heat",
        narrowed=Q(health__temperature_c__gte=HEAT.bad),
        is_bad=lambda health, _contact: health.temperature_c is not None and HEAT.is_bad(health.temperature_c),
        is_good=lambda health, _contact: health.temperature_c is None or HEAT.is_good(health.temperature_c),
        bad_words=lambda health, _contact: (
            _(
                "It is %(heat).0f °C inside. Above about 80 °C a board first slows down and then stops: give it "
                "shade, and check that its fan and vents are clear."
            )
            % {"heat": health.temperature_c or 0.0}
        ),
        good_words=lambda health, _contact: (
            _("It has cooled down to %(heat).0f °C.") % {"heat": health.temperature_c}
            if health.temperature_c is not None
            else _("It no longer reports its temperature.")
        ),
        short=pgettext_lazy("state of a station", "too hot"),
        subject=pgettext_lazy("beginning of a mail's subject", "Too hot"),
        several=gettext_lazy("%(stations)s are too hot."),
    )
)
