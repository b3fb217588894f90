"""Fills an agent's outbox with a station's messages from many hours without a link, and prints its contents."""

import json
import sys
import time
from pathlib import Path

from message_queue.contracts.detections import Detections
from message_queue.contracts.readings import SenmlRecord
from station_agent.config import config_load
from station_agent.daemon import station_open
from station_agent.outbox import PULSE, READING


def main(config: Path, hours: int) -> None:
    """Twelve readings and one detection an hour."""
    station, _ = station_open(config_load(config, {}))
    outbox, begin = station.outbox, time.time() - hours * 3_600
    for hour in range(hours):
        for part in range(12):
            moment = begin + hour * 3_600 + part * 300
            outbox.put("readings", [SenmlRecord(n="week", t=moment, v=float(part))], READING)
        outbox.put(
            "detections",
            Detections(what="pulse", port=1, t=[begin + hour * 3_600], line=[hour + 1], file="week"),
            PULSE,
        )
    kept, dropped = outbox.backlog().messages, sum(outbox.dropped().values())
    print(json.dumps({"stream": outbox.stream, "kept": kept, "dropped": dropped, "next": kept + dropped + 1}))
    outbox.database.close()


if __name__ == "__main__":
    main(Path(sys.argv[1]), int(sys.argv[2]))
