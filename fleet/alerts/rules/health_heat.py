"""Heat: it is too hot in a station."""

from django.db.models import Q
from django.utils.translation import gettext as _
from django.utils.translation import pgettext

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
                "It is %(heat).0f °C hot in it. Above about 80 °C a board slows down, and later stops: give it shade, and "
                "look whether its fan and vents are clear."
            )
            % {"heat": health.temperature_c or 0.0}
        ),
        good_words=lambda health, _contact: (
            _("It has cooled down to %(heat).0f °C.") % {"heat": health.temperature_c}
            if health.temperature_c is not None
            else _("It says nothing of its temperature any more.")
        ),
        subject=lambda: pgettext("beginning of a mail's subject", "Too hot"),
        several=lambda stations: _("It is too hot in %(stations)s.") % {"stations": stations},
    )
)
