"""A new login while the agent runs: fetched with the station's own secret, tried, and only then used.

    secret made ─▶ server knows its hash ─▶ login fetched ─▶ a connection with it works ─▶ configuration written ─▶ in use
                                                    └─ it is refused ─▶ given up: the old login stays

Progress is kept in the outbox's database, so that a power cut loses nothing.
"""

import hashlib
import json
import logging
import secrets
import threading
import time
from collections.abc import Callable
from pathlib import Path

import msgspec

from station_agent.config import AmqpSettings
from station_agent.errors import AgentError, ServerAway
from station_agent.identity.enrolment import connection_test, enrolment_ask, enrolment_write
from station_agent.link.reasons import LOGIN_REFUSED
from station_agent.station import Station

log = logging.getLogger(__name__)

#: Seconds between two attempts, first and maximum, and until it gives up, which is as long as the server waits.
RETRY_FIRST, RETRY_MOST, GIVE_UP = 5.0, 900.0, 7 * 86_400.0
_SECRET, _SINCE, _LOGIN = "rotation_secret", "rotation_since", "rotation_login"


def secret_refusal(station: Station) -> str:
    """Why this station cannot fetch a login by itself; empty if it can."""
    if not station.config.server:
        return "The configuration names no server: enrol the station again with a new token."
    if station.config_path is None or not station.config_path.exists():
        return "The agent runs without a configuration file to write: enrol the station again with a new token."
    return ""


def secret_make(station: Station) -> str:
    """Create and store a new secret, replacing any earlier one; return the hash by which the server knows it."""
    secret = secrets.token_hex(32)
    with station.outbox.database.transaction():
        station.outbox.state_set(_SECRET, secret)
        station.outbox.state_set(_SINCE, str(time.time()))
        station.outbox.state_set(_LOGIN, "")
    station.attention.set()
    return hashlib.sha256(secret.encode()).hexdigest()


class Rotation:
    """Carries out a rotation in the background; calls `use` with the new login once it works."""

    def __init__(self, station: Station, use: Callable[[AmqpSettings], None]) -> None:
        self._station = station
        self._use = use
        self._thread: threading.Thread | None = None
        self._next_at = 0.0
        self._pause = RETRY_FIRST

    def look(self) -> None:
        """Called regularly by the main loop: try again when it is time."""
        if self._thread is not None and self._thread.is_alive():
            return
        if not self._station.outbox.state_get(_SECRET):
            self._pause = RETRY_FIRST
            return
        now = time.monotonic()
        if now < self._next_at:
            return
        self._next_at = now + self._pause
        self._pause = min(self._pause * 2, RETRY_MOST)
        # A look-up on a dead link takes half a minute, and the sources must not wait for it.
        self._thread = threading.Thread(target=self.step, name="rotation", daemon=True)
        self._thread.start()

    def step(self) -> None:
        """Make one attempt, as far as it gets."""
        outbox = self._station.outbox
        try:
            secret = outbox.state_get(_SECRET)
            if not secret:
                return
            login = self._fetched(secret)
            trouble = connection_test(login)
            if trouble is None:
                self._finish(login)
            elif LOGIN_REFUSED in trouble:
                self._give_up(f"The new login was refused, so the old one stays in use. {trouble}")
            else:
                log.info("The new login could not be tried yet. %s", trouble)
        except ServerAway as error:
            log.info("The new login could not be fetched yet. %s", error)
        except AgentError as error:
            # At first the server may not have the secret's hash yet.
            log.info("The new login is not ready yet. %s", error)
            if time.time() - float(outbox.state_get(_SINCE) or 0.0) > GIVE_UP:
                self._give_up(str(error))
        except Exception:
            log.exception("The login could not be rotated; trying again.")

    def _fetched(self, secret: str) -> AmqpSettings:
        outbox, config = self._station.outbox, self._station.config
        kept = outbox.state_get(_LOGIN)
        if kept:
            return msgspec.json.decode(kept, type=AmqpSettings)
        login = self._fetch_login(config.server, secret)
        # The server sends the login only once: it must be on disk before anything else happens.
        outbox.state_set(_LOGIN, json.dumps(msgspec.to_builtins(login)))
        return login

    def _fetch_login(self, server: str, secret: str) -> AmqpSettings:
        config = self._station.config
        try:
            return enrolment_ask(server=server, token=secret, serial=config.serial, ca_file=None)
        except ServerAway:
            if not config.amqp.ca_pem:
                raise
        # A server with its own authority: it is already trusted with everything else.
        path = config.state_path / "server-ca.pem"
        path.write_text(config.amqp.ca_pem, "ascii")
        return enrolment_ask(server=server, token=secret, serial=config.serial, ca_file=path)

    def _finish(self, login: AmqpSettings) -> None:
        config, path = self._station.config, self._station.config_path
        enrolment_write(config_path=path or Path(), server=config.server, serial=config.serial, amqp=login)
        self._clear()
        self._use(login)
        self._station.event("login_rotated", {"username": login.username})
        log.info("The login is now %s.", login.username)

    def _give_up(self, sentence: str) -> None:
        self._clear()
        self._station.event("login_kept", {"why": sentence[:250]})
        log.warning("The login was not rotated: %s", sentence)

    def _clear(self) -> None:
        outbox = self._station.outbox
        with outbox.database.transaction():
            for name in (_SECRET, _SINCE, _LOGIN):
                outbox.state_set(name, "")
