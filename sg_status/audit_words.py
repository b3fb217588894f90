"""What the lines of the audit log say, for people: each action as words, and its details as text."""

from typing import Any, Final

from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _

#: Longer details are cut; the API and the export have all.
_DETAIL_MOST = 300

ACTIONS: Final[dict[str, Promise]] = {
    "organization.create": _("made the organization"),
    "organization.update": _("changed settings of the organization"),
    "organization.transfer": _("handed the organization over to"),
    "organization.delete": _("deleted the organization"),
    "organization.restore": _("brought the organization back"),
    "organization.purge": _("purged the organization"),
    "member.add": _("added a member"),
    "member.role": _("changed the role of"),
    "member.remove": _("removed a member"),
    "member.leave": _("left the organization"),
    "invitation.create": _("invited"),
    "invitation.resend": _("invited again"),
    "invitation.revoke": _("revoked the invitation of"),
    "invitation.accept": _("accepted the invitation to"),
    "key.create": _("made a key"),
    "key.revoke": _("revoked a key"),
}


def action_words(action: str) -> str | Promise:
    """The action in words; one that has none yet stands as it is called."""
    return ACTIONS.get(action, action)


def detail_words(detail: dict[str, Any]) -> str:
    """`role: operator · before: viewer`."""
    text = " · ".join(f"{name}: {value}" for name, value in detail.items() if value not in ("", None, [], {}))
    return text if len(text) <= _DETAIL_MOST else text[: _DETAIL_MOST - 1] + "…"
