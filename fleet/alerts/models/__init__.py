"""Tables of alerts: incidents, rules that people make, planned maintenance, destinations and notifications."""

from fleet.alerts.models.digest import Digest
from fleet.alerts.models.feed import IncidentFeed
from fleet.alerts.models.incident import Incident, IncidentStep
from fleet.alerts.models.made import AlertRule, RuleNote, RuleState
from fleet.alerts.models.maintenance import MaintenanceWindow
from fleet.alerts.models.notification import Destination, Notification, SendingTime
from fleet.alerts.models.shared import SharedFailure
from fleet.alerts.models.trouble import Trouble

__all__ = [
    "AlertRule",
    "Destination",
    "Digest",
    "Incident",
    "IncidentFeed",
    "IncidentStep",
    "MaintenanceWindow",
    "Notification",
    "RuleNote",
    "RuleState",
    "SendingTime",
    "SharedFailure",
    "Trouble",
]
