"""The station's `hello`: its identity, its software, and the data it does not send."""

import time

from message_queue.contracts.commands.base import WITHDRAW
from message_queue.contracts.hello import Hello
from station_agent import __version__, commands
from station_agent.identity.hardware import address_read, hardware_read, machine_read
from station_agent.outbox import REPORT
from station_agent.station import Station, card_key_read

#: Seconds to wait after a hello before sending another just for a new address: modems get one per connection.
ADDRESS_AGAIN_S = 6 * 3_600.0


def hello_put(station: Station) -> None:
    """Put a hello into the outbox and request a connection."""
    hardware = hardware_read()
    station.address_said = str(hardware.get("address") or "")
    station.address_said_at = time.monotonic()
    station.outbox.put(
        "hello",
        Hello(
            at=station.now(),
            agent_version=__version__,
            boot_count=station.boot_count,
            boot_id=station.boot_id,
            card_key=card_key_read(station.config.state_path),
            started_at=station.started_at + station.clock_offset,
            clock_offset_s=round(station.clock_offset, 1) or None,
            profile=station.profile,
            machine=machine_read(),
            kept=sorted(station.vitals.kept),
            next_in=float(station.reporting_interval),
            sources=sorted(station.vitals.sources),
            commands=sorted([*commands.handlers(), WITHDRAW]),
            hardware=hardware,
        ),
        REPORT,
    )
    station.call()


def address_is_news(station: Station) -> bool:
    """Whether a new address needs another hello: the last one had none (modem not up), or is at least six hours old."""
    address = address_read()
    if not address or address == station.address_said:
        return False
    return not station.address_said or time.monotonic() - station.address_said_at >= ADDRESS_AGAIN_S
