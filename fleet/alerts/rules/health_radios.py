"""Radios: a station's receiver is not running, so its detections are lost."""

from django.db.models import Q
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext, pgettext_lazy

from fleet.alerts.rules.health.watch import Watch, health_rule
from fleet.stations.contact.health_marks import radios_off
from message_queue.contracts.health import Health


def _bad_words(health: Health) -> str:
    ports = radios_off(health)
    if not ports:
        # The report that ends the incident has arrived; the next sweep closes it.
        return _("All its radios are running again.")
    return ngettext(
        "Its radio on port %(ports)s is not running, so nothing is heard there. Restart the station; if that does not "
        "help, check the plug and the cable.",
        "Its radios on ports %(ports)s are not running, so nothing is heard there. Restart the station; if that does "
        "not help, check the plugs, the cables and the USB hub.",
        len(ports),
    ) % {"ports": ", ".join(str(port) for port in ports)}


RULE = health_rule(
    Watch(
        name="health_radios",
        narrowed=Q(health__contains={"radios": [{"state": "error"}]})
        | Q(health__contains={"radios": [{"state": "stopped"}]}),
        is_bad=lambda health, _contact: bool(radios_off(health)),
        is_good=lambda health, _contact: not radios_off(health),
        bad_words=lambda health, _contact: _bad_words(health),
        good_words=lambda _health, _contact: _("All its radios are running again."),
        short=pgettext_lazy("state of a station", "radio off"),
        subject=pgettext_lazy("beginning of a mail's subject", "Radio off"),
        several=gettext_lazy("Radios of %(stations)s are not running."),
    )
)
