"""The four profiles: how a station uses its link.

Data that a profile leaves out is recorded and stays in the station's files; `hello` names it, so that nobody waits for
it.
"""

from typing import Literal

import msgspec

from formats.sensorgnome.portion import Pulses

ProfileName = Literal["generous", "normal", "frugal", "satellite"]
Positions = Literal["all", "changed"]


class Profile(msgspec.Struct, frozen=True, kw_only=True):
    """One profile; times in seconds.

    `stays` connected, or only visits the server with each report. `batch_age`: data of this age is sent although the
    batch is not full; on a visit all data is sent. `patience` stretches the pauses between failed attempts.
    `compress_from`: bodies of at least this many bytes are compressed. `is_terse`: messages omit the properties the
    server can do without. `events_kept` are not sent.
    """

    reporting_interval: int
    heartbeat: int
    batch_age: float
    stays: bool = True
    patience: float = 1.0
    compress_from: int = 512
    is_terse: bool = False
    pulses: Pulses = "all"
    positions: Positions = "all"
    events_kept: tuple[str, ...] = ()


PROFILES: dict[str, Profile] = {
    "generous": Profile(reporting_interval=300, heartbeat=30, batch_age=1.0),
    "normal": Profile(
        reporting_interval=900,
        heartbeat=600,
        batch_age=300.0,
        compress_from=128,
        is_terse=True,
        pulses="bursts",
        positions="changed",
    ),
    "frugal": Profile(
        reporting_interval=14_400,
        heartbeat=60,
        batch_age=14_400.0,
        stays=False,
        patience=12.0,
        compress_from=128,
        is_terse=True,
        pulses="counts",
        positions="changed",
        events_kept=("clock", "filter"),
    ),
    "satellite": Profile(
        reporting_interval=43_200,
        heartbeat=60,
        batch_age=43_200.0,
        stays=False,
        patience=24.0,
        compress_from=128,
        is_terse=True,
        pulses="counts",
        positions="changed",
        events_kept=("clock", "filter"),
    ),
}
