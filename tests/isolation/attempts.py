"""Attempts of a station against its neighbours and the server, what RabbitMQ 3.10.8 does, and why each is harmless.

Station A tries; station B and the server are the victims. The page docs/reference/isolation.md is made from this list.
"""

import json
from collections.abc import Callable
from dataclasses import dataclass

from isolation.attacker import Attacker

SENT = b'[{"n":"attempt","t":1700000000,"v":1}]'


@dataclass(frozen=True)
class Attempt:
    """One thing that station A tries."""

    number: int
    what: str
    run: Callable[[Attacker], str]
    #: In the broker's words: refused with a reply code, or allowed.
    outcome: str
    why: str
    #: Whether it works only while the inbound queues have no reader, as after an outage.
    unread: bool = False


def _b(attacker: Attacker) -> str:
    return str(attacker.victim["serial"])


def _numbered(attacker: Attacker, seq: int, **more: object) -> dict:
    return {"type": "readings", "headers": {"v": 1, "stream": "attempts", "seq": seq, **more}}


def _copies(header: str, seq: int) -> Callable[[Attacker], str]:
    def run(attacker: Attacker) -> str:
        keys = [_b(attacker), f"cmd.{_b(attacker)}", f"in.{_b(attacker)}", "hello", "event", "health", "readings"]
        properties = _numbered(attacker, seq, **{header: keys})
        return attacker.publish(attacker.grant["exchange"], "readings", SENT, **properties)

    return run


def _own(seq: int, **properties: object) -> Callable[[Attacker], str]:
    def run(attacker: Attacker) -> str:
        return attacker.publish(attacker.grant["exchange"], "readings", SENT, **_numbered(attacker, seq), **properties)

    return run


def _in_the_name_of_b(attacker: Attacker) -> str:
    body = json.dumps([{"bn": f"urn:roost:{_b(attacker)}:", "n": "attempt", "t": 1_700_000_000, "v": 1}]).encode()
    return attacker.publish(attacker.grant["exchange"], "readings", body, **_numbered(attacker, 30))


def _forged_death(attacker: Attacker) -> str:
    deaths = [
        {
            "queue": queue,
            "reason": "expired",
            "count": 1,
            "exchange": attacker.victim["exchange"],
            "routing-keys": ["readings"],
        }
        for queue in ("inbound.telemetry", "inbound.bulk", "inbound.urgent")
    ]
    headers = {"x-death": deaths, "x-first-death-exchange": attacker.victim["exchange"]}
    properties = {"type": "readings", "headers": headers, "expiration": "0"}
    return attacker.publish(attacker.grant["exchange"], "readings", SENT, **properties)


def _direct_reply(attacker: Attacker) -> str:
    def run(channel) -> None:
        channel.basic_consume("amq.rabbitmq.reply-to", lambda *_: None, auto_ack=True)

    return attacker.outcome(run)


def _passive(name: Callable[[Attacker], str], kind: str) -> Callable[[Attacker], str]:
    def run(attacker: Attacker) -> str:
        if kind == "queue":
            return attacker.outcome(lambda channel: channel.queue_declare(name(attacker), passive=True))
        return attacker.outcome(lambda channel: channel.exchange_declare(name(attacker), passive=True))

    return run


ATTEMPTS = (
    Attempt(
        1,
        "publish to B's exchange `in.B`",
        lambda a: a.publish(a.victim["exchange"], "readings", SENT, **_numbered(a, 1)),
        "refused (403)",
        "The write permission names one exchange, its own.",
    ),
    Attempt(
        2,
        "publish straight to the exchange `inbound`",
        lambda a: a.publish("inbound", "readings", SENT),
        "refused (403)",
        "It is internal, and no station may write to it.",
    ),
    Attempt(
        3,
        "send B a command through the exchange `commands`",
        lambda a: a.publish("commands", _b(a), b"{}"),
        "refused (403)",
        "Only the server's user `commander` may write there.",
    ),
    Attempt(
        4,
        "send B a command through the default exchange to `cmd.B`",
        lambda a: a.publish("", f"cmd.{_b(a)}", b"{}"),
        "refused (403)",
        "The default exchange requires the write permission on `amq.default`.",
    ),
    Attempt(
        5,
        "publish through the default exchange into `inbound.telemetry`",
        lambda a: a.publish("", "inbound.telemetry", SENT),
        "refused (403)",
        "As above, so no message arrives without the exchange that names its station.",
    ),
    Attempt(
        6,
        "publish to its own exchange with `CC`: B's serial, `cmd.B`, `in.B` and other kinds",
        _copies("CC", 6),
        "allowed",
        "Copies reach only queues that are bound to `inbound`, and each is from `in.A`: the ledger accepts one "
        "and drops the others as repeats. Nothing reaches `cmd.B`.",
    ),
    Attempt(
        7,
        "the same with `BCC`, which the broker removes",
        _copies("BCC", 7),
        "allowed",
        "As above: the exchange identifies the sender, never a header or key.",
    ),
    Attempt(
        8,
        "set `user_id` to B's login",
        lambda a: a.publish(a.grant["exchange"], "readings", SENT, **_numbered(a, 8), user_id=a.victim["username"]),
        "refused (406)",
        "The broker compares it with the login.",
    ),
    Attempt(
        9,
        "leave `user_id` out",
        _own(9),
        "allowed",
        "It is only a second check; the exchange identifies the sender.",
    ),
    Attempt(
        10,
        "publish with any routing key, such as B's serial",
        lambda a: a.publish(a.grant["exchange"], _b(a), SENT, type=_b(a)),
        "allowed",
        "Messages are routed by kind; other keys go through the alternate exchange to quarantine, as A's.",
    ),
    Attempt(
        11,
        "name B in the body of its own message",
        _in_the_name_of_b,
        "allowed",
        "A name in a body must be the sender's own; the message goes to quarantine, as A's.",
    ),
    Attempt(
        12,
        "ask with a passive declare how full `cmd.B` is",
        _passive(lambda a: f"cmd.{_b(a)}", "queue"),
        "allowed",
        "The numbers of messages and consumers leak on this version (CVE-2026-57221, fixed in 4.2.6), "
        "but no content. Use 4.2.9, or 4.3.5 and later, if you do not trust the stations with that.",
    ),
    Attempt(
        13,
        "ask whether B's exchange exists",
        _passive(lambda a: a.victim["exchange"], "exchange"),
        "allowed",
        "Serials can be found by guessing on this version, as above.",
    ),
    Attempt(
        14,
        "ask whether the exchange of a nonexistent station exists",
        _passive(lambda _: "in.SG-NOT1RPI40000", "exchange"),
        "refused (404)",
        "The other half of the guess above.",
    ),
    Attempt(
        15,
        "consume from `cmd.B`",
        lambda a: a.outcome(lambda c: c.basic_consume(f"cmd.{_b(a)}", lambda *_: None)),
        "refused (403)",
        "The read permission names one queue, its own.",
    ),
    Attempt(
        16,
        "fetch one message from `cmd.B`",
        lambda a: a.outcome(lambda c: c.basic_get(f"cmd.{_b(a)}")),
        "refused (403)",
        "As above.",
    ),
    Attempt(
        17,
        "read what all stations send from `inbound.telemetry`",
        lambda a: a.outcome(lambda c: c.basic_get("inbound.telemetry")),
        "refused (403)",
        "As above.",
    ),
    Attempt(
        18,
        "read dead letters from `inbound.dead`",
        lambda a: a.outcome(lambda c: c.basic_get("inbound.dead")),
        "refused (403)",
        "As above.",
    ),
    Attempt(
        19,
        "empty B's queue `cmd.B`",
        lambda a: a.outcome(lambda c: c.queue_purge(f"cmd.{_b(a)}")),
        "refused (403)",
        "Emptying requires the read permission.",
    ),
    Attempt(
        20,
        "delete `cmd.B`",
        lambda a: a.outcome(lambda c: c.queue_delete(f"cmd.{_b(a)}")),
        "refused (403)",
        "A station may configure nothing (`^$`).",
    ),
    Attempt(
        21,
        "declare a queue with a name of its choice",
        lambda a: a.outcome(lambda c: c.queue_declare("mine")),
        "refused (403)",
        "As above.",
    ),
    Attempt(
        22,
        "declare a queue that the broker names",
        lambda a: a.outcome(lambda c: c.queue_declare("", exclusive=True)),
        "refused (403)",
        "As above; the broker makes the name before it checks the permission.",
    ),
    Attempt(
        23,
        "bind its own queue to B's exchange, to receive everything that B sends",
        lambda a: a.outcome(lambda c: c.queue_bind(f"cmd.{a.grant['serial']}", a.victim["exchange"])),
        "refused (403)",
        "Binding requires the write permission on the queue and the read permission on the exchange; it has neither.",
    ),
    Attempt(
        24,
        "bind B's exchange to its own, to send B's messages as its own",
        lambda a: a.outcome(lambda c: c.exchange_bind(a.grant["exchange"], a.victim["exchange"])),
        "refused (403)",
        "It may write to its own exchange, but not read from B's.",
    ),
    Attempt(
        25,
        "empty its own queue `cmd.A`",
        lambda a: a.outcome(lambda c: c.queue_purge(f"cmd.{a.grant['serial']}")),
        "allowed",
        "It may discard its own commands; they are rows in the database, and are sent again or expire there.",
    ),
    Attempt(
        26,
        "consume answers through `amq.rabbitmq.reply-to`",
        _direct_reply,
        "allowed",
        "Only files are answered, at an address that the broker made for the asking channel; see the decision 0574.",
    ),
    Attempt(
        27,
        "write B's exchange into `x-death` and let the message expire, to come back as B's dead letter",
        _forged_death,
        "allowed",
        "RabbitMQ 3.10 believes the header and only counts in it; 4.x writes its own. Either way a dead letter belongs to a "
        "station only if its `user_id`, which the broker checked, agrees; otherwise it is kept in quarantine without a station.",
        unread=True,
    ),
    Attempt(
        28,
        "log in to the vhost of Celery, `jobs`",
        lambda a: a.log_in("jobs"),
        "refused (530)",
        "Anyone who can write there can run any task; no station has a permission there.",
    ),
    Attempt(
        29,
        "open a dozen connections",
        lambda a: a.connections(12),
        "6 allowed, the next refused",
        "The limit of its login: two in use, and room for half-open ones.",
    ),
)
