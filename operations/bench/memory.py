"""Whether the ingest worker grows: its memory and open files under good and hostile messages, minute by minute."""

from __future__ import annotations

import gzip
import itertools
import random
import time
from typing import Any

import amqp
import psutil

from message_queue import codec
from operations.bench.load.traffic import connect, stations_make
from operations.bench.processes import processes_run
from operations.instance import Instance
from operations.running import health

#: Enough stations that none is over its quota. Their number shares no factor with HOSTILE, so that each of them sends
#: hostile messages in turn.
SERIALS = tuple(f"SG-MEMORY{number:02d}" for number in range(31))
WARMING_S = 120.0
#: One message in this many is hostile.
HOSTILE = 10


def memory_bench(instance: Instance, *, minutes: float, rate: float) -> list[dict[str, Any]]:
    """One run; the slope is that of a straight line through the samples after warm-up."""
    health.domain_load(instance)
    stations_make(instance, SERIALS)
    with processes_run(instance, ("ingest",)) as running:
        worker = psutil.Process(running["ingest"])
        samples: list[dict[str, float]] = []
        sent = _publish(instance, rate, WARMING_S + 60.0 * minutes, lambda: samples.append(_sample(worker)))
    steady = [sample for sample in samples if sample["at"] >= WARMING_S]
    slope = _slope([s["at"] for s in steady], [s["megabytes"] for s in steady])
    level = steady[0]["megabytes"]
    return [
        {
            "minutes": minutes,
            "messages": sent,
            "megabytes_first": level,
            "megabytes_last": steady[-1]["megabytes"],
            "slope_percent_per_hour": round(100 * slope * 3_600 / level, 2),
            "open_files_first": steady[0]["files"],
            "open_files_last": steady[-1]["files"],
            "samples": samples,
        }
    ]


_began = time.monotonic()


def _sample(worker: psutil.Process) -> dict[str, float]:
    memory = sum(p.memory_info().rss for p in [worker, *worker.children(recursive=True)])
    return {
        "at": round(time.monotonic() - _began, 1),
        "megabytes": round(memory / 1e6, 2),
        "files": worker.num_fds(),
    }


def _publish(instance: Instance, rate: float, seconds: float, sample: Any) -> int:
    """Publish good and hostile messages at this rate; take a sample every ten seconds."""
    global _began  # noqa: PLW0603 - the origin of the samples' time
    _began = time.monotonic()
    connection = connect(instance)
    channel = connection.channel()
    dice, hostile = random.Random(1), itertools.cycle(_hostile())
    stream, sampled = f"memory-{time.time_ns()}", 0.0
    number = 0
    while (passed := time.monotonic() - _began) < seconds:
        while number < passed * rate:
            number += 1
            body, more = next(hostile) if number % HOSTILE == 0 else (_good(dice), {})
            # Number each station's messages without gaps: otherwise the growth of the ledger would be measured.
            seq = number // len(SERIALS) + 1
            headers = codec.headers(version=1, stream=stream, seq=seq, oldest=1, next_seq=seq + 1)
            properties = {"type": "readings", "delivery_mode": 2, "application_headers": headers, **more}
            exchange = f"in.{SERIALS[number % len(SERIALS)]}"
            channel.basic_publish(amqp.Message(body, **properties), exchange=exchange, routing_key="readings")
        if passed - sampled >= 10.0:
            sampled = passed
            sample()
            connection.send_heartbeat()
        time.sleep(0.02)
    connection.close()
    return number


def _good(dice: random.Random) -> bytes:
    rows = ",".join(f'{{"n":"r{n}","v":{dice.random():.4f}}}' for n in range(dice.randrange(1, 20)))
    return f'[{{"bn":"memory/","bt":{time.time():.6f},"n":"base","v":1.0}},{rows}]'.encode()


def _hostile() -> list[tuple[bytes, dict[str, Any]]]:
    """Bodies and properties that must end in quarantine, each in its own way."""
    packed = {"content_encoding": "gzip"}
    return [
        (b"", {}),
        (b"[{", {}),
        (b"[" * 100_000, {}),
        (b'[{"n":"\\u0000","v":1}]', {}),
        (b"\xff\xfe\x00", {}),
        (gzip.compress(b" " * 64_000_000, 9), packed),
        (gzip.compress(b"[1]")[:-4], packed),
        (b'[{"n":"x","v":1e999}]', {}),
        (b'[{"n":"x","v":' + b"9" * 5_000 + b"}]", {}),
        (b'[{"n":"' + b"k" * 500_000 + b'","v":1}]', {}),
        (b"\x80\x04.", {"content_type": "application/x-python-serialize"}),
        (b"[]", {"type": "unheard-of"}),
        (b"[" + b",".join([b'{"n":"x","v":1}'] * 5_001) + b"]", {}),
        (b'[{"bn":"urn:roost:SG-OTHER:","n":"x","v":1}]', {}),
        (b'[{"n":"x","v":1}]', {"application_headers": {f"h{n}": n for n in range(5_000)}}),
        (b'[{"n":"x","v":1}]', {"application_headers": {"v": 99}}),
        (b'[{"n":"x","v":1}]', {"application_headers": {"stream": "s" * 10_000, "seq": 1}}),
    ]


def _slope(at: list[float], values: list[float]) -> float:
    """Slope of the least-squares line, per second."""
    middle_at, middle = sum(at) / len(at), sum(values) / len(values)
    spread = sum((a - middle_at) ** 2 for a in at)
    return sum((a - middle_at) * (v - middle) for a, v in zip(at, values, strict=True)) / spread if spread else 0.0
