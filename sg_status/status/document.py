"""A status page as JSON, for programs."""

from datetime import datetime
from typing import Any

from fleet.status_pages.models import Notice
from fleet.status_pages.standing import ItemStanding, Standing


def status_document(standing: Standing, *, address: str) -> dict[str, Any]:
    """The status as plain data. Times are UTC, `share` is from 0 to 1, and a day's numbers are hours of stations."""
    return {
        "title": standing.page.title,
        "organization": standing.page.organization.name,
        "address": address,
        "at": _moment(standing.moment),
        "state": standing.state,
        "down_since": _moment(standing.down_since),
        "items": [_item(item) for item in standing.items],
        "notices": [_notice(notice) for notice in standing.notices],
    }


def _item(item: ItemStanding) -> dict[str, Any]:
    return {
        "name": item.name,
        "state": item.state,
        "stations": item.stations,
        "silent": item.silent,
        "last_contact_at": _moment(item.last_contact_at),
        "share": item.share,
        "serial": item.serial or None,
        "public_deployment": str(item.public_id) if item.public_id else None,
        "is_beyond_limit": item.is_beyond,
        "days": [{"kind": day.kind, **day._asdict()} for day in item.days],
    }


def _notice(notice: Notice) -> dict[str, Any]:
    return {
        "title": notice.title,
        "began_at": _moment(notice.began_at),
        "over_at": _moment(notice.over_at),
        "updates": [
            {"text": update.text, "is_end": update.is_end, "written_at": _moment(update.written_at)}
            for update in notice.updates.all()
        ],
    }


def _moment(moment: datetime | None) -> str | None:
    return None if moment is None else moment.isoformat(timespec="seconds").replace("+00:00", "Z")
