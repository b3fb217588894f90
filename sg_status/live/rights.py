"""Rights of open live pages: checked every few seconds; a stream whose rights changed is closed."""

import asyncio
import logging
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field

from django.db import DatabaseError

from sg_status.live.access import LiveScope

#: Minimum seconds between two checks of all rights.
EVERY_S = 5.0
#: Maximum share of time spent on checks: with thousands of pages they become less frequent.
SHARE = 0.1

_log = logging.getLogger(__name__)


@dataclass(eq=False, slots=True)
class OpenStream:
    """The grant of one open stream, and its session; `over` is set once the grant is no longer valid."""

    session: str
    grant: LiveScope
    over: asyncio.Event = field(default_factory=asyncio.Event)


class Rights:
    """All current grants, checked again and again: a session, a membership or an organization can end at any moment."""

    def __init__(self, ask: Callable[[str, str | None], Awaitable[LiveScope | None]]) -> None:
        self._ask = ask
        self._held: set[OpenStream] = set()

    def places_of(self, person_id: int) -> int:
        """Number of open streams of this person."""
        return sum(held.grant.person_id == person_id for held in self._held)

    def hold(self, session: str, grant: LiveScope) -> OpenStream:
        """Add a grant; it is checked from now on."""
        held = OpenStream(session, grant)
        self._held.add(held)
        return held

    def release(self, held: OpenStream) -> None:
        """Remove a grant whose stream has ended."""
        self._held.discard(held)

    async def run(self) -> None:
        """Check again and again until cancelled."""
        loop, wait_s = asyncio.get_running_loop(), EVERY_S
        while True:
            await asyncio.sleep(wait_s)
            began = loop.time()
            try:
                await self._check_all()
            except DatabaseError:
                # An unreachable database changes nobody's rights.
                _log.warning("The rights of open pages could not be checked: the database does not answer.")
            except Exception:  # noqa: BLE001 - without this loop no rights would be withdrawn
                _log.exception("The rights of open pages could not be checked")
            wait_s = max(EVERY_S, (loop.time() - began) / SHARE)

    async def _check_all(self) -> None:
        alike: dict[tuple[str, str | None], list[OpenStream]] = {}
        for held in self._held:
            alike.setdefault((held.session, held.grant.serial), []).append(held)
        for (session, serial), many in alike.items():
            grant = await self._ask(session, serial)
            for held in many:
                # A page that gained rights is closed too: it reconnects and then gets everything.
                if held.grant != grant:
                    held.over.set()
