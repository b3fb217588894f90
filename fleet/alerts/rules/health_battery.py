"""Battery: the lead battery of a station is nearly empty."""

from django.db.models import Q
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, pgettext_lazy

from fleet.alerts.rules.health.watch import Watch, health_rule
from fleet.core.spoken import decimal_words
from fleet.stations.contact.health_marks import BATTERY, volts_shown

RULE = health_rule(
    Watch(
        name="health_battery",
        narrowed=Q(health__battery_v__lt=BATTERY.bad, health__battery_v__gt=BATTERY.least),
        is_bad=lambda health, _contact: health.battery_v is not None and BATTERY.is_bad(health.battery_v),
        is_good=lambda health, _contact: health.battery_v is None or BATTERY.is_good(health.battery_v),
        bad_words=lambda health, _contact: (
            _(
                "Its battery is at %(volts)s V; a 12 V battery below %(limit)s V is nearly empty. Check the solar "
                "panel, charger and cables before the station goes off."
            )
            % {"volts": volts_shown(health.battery_v or 0.0), "limit": decimal_words(BATTERY.bad, 1)}
        ),
        good_words=lambda health, _contact: (
            _("Its battery is back at %(volts)s V.") % {"volts": volts_shown(health.battery_v)}
            if health.battery_v is not None
            else _("It no longer reports its battery.")
        ),
        short=pgettext_lazy("state of a station", "battery low"),
        subject=pgettext_lazy("beginning of a mail's subject", "Battery low"),
        several=gettext_lazy(
            "The batteries of %(stations)s are nearly empty. First check what they share: days without sun, snow."
        ),
    )
)
