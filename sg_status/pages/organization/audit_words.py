"""Audit log entries in words: each action, and its details as text."""

from typing import Any, Final

from django.utils.functional import Promise
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

#: Longer details are cut here; the API and the export have them in full.
_DETAIL_MOST = 300

ACTIONS: Final[dict[str, Promise]] = {
    "admin.add": _("added on the administrators' pages"),
    "admin.change": _("changed on the administrators' pages"),
    "admin.delete": _("deleted on the administrators' pages"),
    "analyst.add": _("gave a login of the database to"),
    "analyst.remove": _("took the login of the database from"),
    "alerts.choose": _("chose where alerts go:"),
    "backfill.answer": _("answered what reading the stored files asked, for"),
    "backfill.ask": _("had stored files read of"),
    "backfill.stop": _("stopped reading the stored files of"),
    "branch.believed": _("accepted the other machine's data"),
    "branch.discarded": _("discarded the other machine's data"),
    "card.send": _("sent a card of"),
    "cold.run": _("moved readings to cold storage for"),
    "cold.thaw": _("brought readings back from cold storage of"),
    "command.cancel": _("cancelled a command"),
    "command.issue": _("sent a command"),
    "deployment.antennas": _("changed antennas of"),
    "deployment.begin": _("deployed a station"),
    "deployment.delete": _("deleted a deployment of"),
    "deployment.end": _("ended a deployment of"),
    "deployment.hide": _("made a place private again"),
    "deployment.publish": _("made a place public"),
    "deployment.update": _("changed a deployment of"),
    "destination.add": _("added a destination of alerts"),
    "destination.delete": _("deleted a destination of alerts"),
    "files.stray_given": _("gave stored bytes without a file to"),
    "files.stray_removed": _("deleted stored bytes without a file:"),
    "forwarder.add": _("added a forwarder:"),
    "forwarder.again": _("sent again the refused rows of the forwarder"),
    "forwarder.backfill": _("started a back-fill of the forwarder"),
    "forwarder.change": _("changed the forwarder"),
    "forwarder.discard": _("discarded refused rows of the forwarder"),
    "forwarder.pause": _("paused the forwarder"),
    "forwarder.remove": _("removed the forwarder"),
    "forwarder.resume": _("started the forwarder again:"),
    "forwarder.test": _("tested the forwarder"),
    "group.add": _("added a station to the group"),
    "group.create": _("created a group"),
    "group.delete": _("deleted a group"),
    "group.remove": _("removed a station from the group"),
    "group.update": _("changed a group"),
    "invitation.accept": _("accepted the invitation to"),
    "invitation.create": _("invited"),
    "invitation.resend": _("invited again"),
    "invitation.revoke": _("revoked the invitation of"),
    "key.create": _("created a key"),
    "key.revoke": _("revoked a key"),
    "mail.given_up": _("gave up on a mail that could not be delivered:"),
    "member.add": _("added a member"),
    "member.leave": _("left the organization"),
    "member.remove": _("removed a member"),
    "member.role": _("changed the role of"),
    "model.create": _("added a model"),
    "model.delete": _("deleted a model"),
    "motus.by_itself": _("left files for Motus to the station"),
    "motus.by_roost": _("let Roost send files to Motus for"),
    "motus.forget": _("removed the Motus login of"),
    "motus.keep": _("kept what differs from Motus for"),
    "motus.login": _("entered a Motus login for"),
    "motus.reopen": _("reopened what differs from Motus for"),
    "motus.send": _("sent files to Motus:"),
    "motus.try": _("tried the Motus login of"),
    "note.add": _("wrote a note about"),
    "note.remove": _("removed a note about"),
    "organization.create": _("created the organization"),
    "organization.delete": _("deleted the organization"),
    "organization.purge": _("purged the organization"),
    "organization.restore": _("restored the organization"),
    "organization.transfer": _("handed over the organization to"),
    "organization.zip_files": _("downloaded stored files of"),
    "organization.update": _("changed settings of the organization"),
    "package.ask": _("asked for a data package:"),
    "package.remove": _("removed a data package:"),
    "package.terms": _("chose the licence and citation of data of"),
    "page.create": _("wrote the page"),
    "page.hide": _("made a page visible to members only:"),
    "page.publish": _("made a page public:"),
    "page.remove": _("removed the page"),
    "page.write": _("changed the page"),
    "person.add": _("created a login"),
    "person.admin": _("changed the administrators of the server"),
    "person.delete": _("deleted the account"),
    "person.password": _("set a new password for"),
    "photo.add": _("added a photo"),
    "photo.hide": _("made a photo visible to members only"),
    "photo.publish": _("made a photo public"),
    "photo.remove": _("removed a photo"),
    "quarantine.discard": _("discarded a message in quarantine"),
    "quarantine.replay": _("retried a message in quarantine"),
    "quarantine.replay_all": _("retried all messages with the reason"),
    "registration.off": _("stopped devices from asking to join"),
    "registration.on": _("allowed devices to ask to join"),
    "retention.detections": _("set how long detections are kept"),
    "retention.late": _("removed late data past its retention time"),
    "retention.remove": _("removed a rule of which readings are kept"),
    "retention.run": _("removed data past its retention time"),
    "retention.set": _("set which readings are kept"),
    "room.create": _("added a room at"),
    "room.delete": _("deleted a room at"),
    "room.update": _("changed a room at"),
    "schedule.add": _("began to repeat the data package"),
    "schedule.remove": _("ended the repeated data package"),
    "rule.add": _("made the alert rule"),
    "rule.change": _("changed the alert rule"),
    "rule.delete": _("deleted the alert rule"),
    "rule.pause": _("paused the alert rule"),
    "rule.resume": _("started the alert rule again:"),
    "site.create": _("added a site"),
    "site.delete": _("deleted a site"),
    "site.update": _("changed a site"),
    "station.arrival_accept": _("accepted a device that asked to join"),
    "station.arrival_block": _("blocked a device that asked to join"),
    "station.arrival_refuse": _("rejected a device that asked to join"),
    "station.arrival_unblock": _("unblocked a device"),
    "station.arrivals_expired": _("let devices that nobody answered leave the queue:"),
    "station.claim_accept": _("claimed a station"),
    "station.delete": _("permanently deleted a station"),
    "station.enrol": _("enrolled the station"),
    "station.enrolment_token": _("created an enrolment token"),
    "station.time_shifted": _("corrected the times of data from"),
    "station.time_shifted_back": _("undid a time correction for"),
    "station.fetch_files": _("chose files to be fetched from"),
    "station.files_moved": _("moved files of a station"),
    "station.files_moved_back": _("undid moving files of a station"),
    "station.hardware_another": _("declared the hardware to be a new station:"),
    "station.hardware_same": _("confirmed changed hardware of a station"),
    "station.import": _("imported stations"),
    "station.zip_files": _("downloaded stored files of"),
    "station.let_in": _("lifted the suspension of a station"),
    "station.maintenance_over": _("ended the maintenance of a station, as planned"),
    "station.model": _("changed the model of a station"),
    "station.moved_away": _("moved a station to another organization"),
    "station.moved_here": _("moved a station here"),
    "station.offer": _("offered a station to another organization"),
    "station.offer_withdraw": _("withdrew the offer of a station"),
    "station.quota": _("changed the quota of a station"),
    "station.register": _("registered a station"),
    "station.retire": _("retired a station"),
    "station.set_aside": _("set aside a station whose serial differs from another only in case:"),
    "station.revoke": _("revoked the login of a station"),
    "station.rotate": _("asked a station to change its login"),
    "station.rotated": _("changed its login"),
    "station.suspend": _("suspended a station"),
    "station.tags": _("changed the tags of a station"),
    "station.text_edited": _("changed a stored text of"),
    "station.update": _("changed settings of a station"),
    "sync.ask": _("started a check of"),
}


def action_words(action: str) -> str | Promise:
    """The action in words; an action without words yet is shown by its name."""
    return ACTIONS.get(action, action)


def detail_words(detail: dict[str, Any]) -> str:
    """Details as text: `role: operator · before: viewer · stations: 2, 3`."""
    text = " · ".join(
        f"{name}: {_value_words(value)}" for name, value in detail.items() if value not in ("", None, [], {})
    )
    return text if len(text) <= _DETAIL_MOST else text[: _DETAIL_MOST - 1] + "…"


def _value_words(value: Any) -> str:
    if isinstance(value, bool):
        return gettext("yes") if value else gettext("no")
    if isinstance(value, list):
        return ", ".join(_value_words(one) for one in value)
    if isinstance(value, dict):
        return ", ".join(f"{name} {_value_words(one)}" for name, one in value.items() if one is not None)
    return str(value)
