"""Trying a message in quarantine again, once what was wrong with it or with us has changed."""

from django.db import transaction

from fleet.ingest.delivery import Delivery
from fleet.ingest.models import QuarantinedMessage
from fleet.ingest.pipeline import Outcome, Pipeline
from fleet.ingest.quarantine import quarantine_release
from fleet.organizations.access import Viewer

#: The ledger took the number when the message went into quarantine; with it, the replay would be dropped as a repeat.
_NUMBERING = ("stream", "seq", "oldest", "next")


@transaction.atomic
def quarantine_replay(*, viewer: Viewer, message: QuarantinedMessage) -> Outcome:
    """Take the message again, by its row keys only. What still cannot be taken is in quarantine anew, with its reason."""
    delivery = quarantine_release(viewer=viewer, message=message)
    headers = delivery.properties.get("application_headers")
    if isinstance(headers, dict):
        kept = {name: value for name, value in headers.items() if name not in _NUMBERING}
        properties = {**delivery.properties, "application_headers": kept}
        delivery = Delivery(delivery.exchange, delivery.routing_key, properties, delivery.body)
    return Pipeline().take([delivery])
