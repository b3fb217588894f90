"""Whether those who listen still may: asked again every few seconds, and who may no more is put out."""

import asyncio
import logging
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field

from django.db import DatabaseError

from sg_status.live.access import Grant

#: Seconds between two looks at everybody's rights at least.
EVERY_S = 5.0
#: Share of the time that may go into looking: with thousands of pages the looks come less often.
SHARE = 0.1

_log = logging.getLogger(__name__)


@dataclass(eq=False, slots=True)
class Held:
    """What one open stream was granted, for which session; `over` once that is not so any more."""

    session: str
    grant: Grant
    over: asyncio.Event = field(default_factory=asyncio.Event)


class Rights:
    """All that is granted now. A session, a membership, an organization may end at any moment, by many doors."""

    def __init__(self, ask: Callable[[str, str | None], Awaitable[Grant | None]]) -> None:
        self._ask = ask
        self._held: set[Held] = set()

    def places_of(self, person_id: int) -> int:
        """How many streams this person has open."""
        return sum(held.grant.person_id == person_id for held in self._held)

    def hold(self, session: str, grant: Grant) -> Held:
        """From now on it is asked about."""
        held = Held(session, grant)
        self._held.add(held)
        return held

    def release(self, held: Held) -> None:
        """The stream has ended."""
        self._held.discard(held)

    async def run(self) -> None:
        """Look again and again until cancelled."""
        loop, wait_s = asyncio.get_running_loop(), EVERY_S
        while True:
            await asyncio.sleep(wait_s)
            began = loop.time()
            try:
                await self._look()
            except DatabaseError:
                # A database that is away changes nobody's rights.
                _log.warning("The rights of open pages could not be looked at: the database does not answer.")
            except Exception:  # noqa: BLE001 - without this loop nobody would be put out any more
                _log.exception("The rights of open pages could not be looked at")
            wait_s = max(EVERY_S, (loop.time() - began) / SHARE)

    async def _look(self) -> None:
        alike: dict[tuple[str, str | None], list[Held]] = {}
        for held in self._held:
            alike.setdefault((held.session, held.grant.serial), []).append(held)
        for (session, serial), many in alike.items():
            grant = await self._ask(session, serial)
            for held in many:
                # Also who may hear more than before comes anew, and then hears it.
                if held.grant != grant:
                    held.over.set()
