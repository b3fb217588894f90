"""Admission: accepting messages that are new to the ledger and within their station's quota."""

from datetime import datetime
from typing import Any

from fleet.ingest.contacts import buckets_write, contacts_lock, contacts_read
from fleet.ingest.delivery import FORKED, TOO_MANY_GAPS, TOO_MANY_STREAMS, Arrival, Delivery, Refusal, StationRef
from fleet.ingest.ledger import Streams, Taken, number_of, number_of_refusal, ranks_read, streams_lock, streams_read
from fleet.ingest.limits.desk_quota import desk_quota, desks_read, desks_write
from fleet.ingest.limits.quota import (
    OVER_QUOTA,
    OVER_QUOTA_SENTENCE,
    UNREAD_SENTENCE,
    payer_of,
    quota_apply,
    quota_default,
)
from fleet.ingest.round import Round
from fleet.ingest.stages.gaps import TOO_MANY_GAPS_SENTENCE, TOO_MANY_STREAMS_SENTENCE, gaps_first
from fleet.ingest.stages.reused_numbers import may_be_reused
from message_queue.routing import is_upload, station_exchange, upload_exchange

_FORKED_SENTENCE = (
    "Another run of this station's agent has already sent a message with this number: either two machines have its "
    "identity, or its outbox went back in time. The message waits until that is known."
)

#: Reason and sentence for messages that are not accepted now.
_NOT_TAKEN = {
    Taken.GAPPED: (TOO_MANY_GAPS, TOO_MANY_GAPS_SENTENCE),
    Taken.CROWDED: (TOO_MANY_STREAMS, TOO_MANY_STREAMS_SENTENCE),
    Taken.HELD: (FORKED, _FORKED_SENTENCE),
}


def drop_repeats(work: Round) -> None:
    """Record the numbers and keep new messages. Messages without a number count as new: their rows reveal repeats.

    The same goes for a known number from a client that names no run, because its counter may have restarted.
    """
    work.fresh = _take_numbers(work.arrivals, work)
    work.batch.ranks = work.streams.ranks()


def record_unread_numbers(work: Round) -> None:
    """Record numbers in bodies that were unread on arrival, and drop their repeats. The ledger has all others."""
    late = [a for a in work.arrivals if a.delivery.is_unread and not _headers_of(a.delivery).get("stream")]
    work.fresh = work.arrivals
    if late:
        keys = list({(a.station.id, number.stream) for a in late if (number := number_of(a)) is not None})
        work.streams = Streams(streams_read(streams_lock(keys), keys, work.moment), work.moment)
        is_late = {id(arrival) for arrival in late}
        work.fresh = [a for a in work.arrivals if id(a) not in is_late] + _take_numbers(late, work)
    work.batch.ranks = ranks_read(work.arrivals)


def _take_numbers(arrivals: list[Arrival], work: Round) -> list[Arrival]:
    """Record these messages' numbers and return the new messages."""
    batch, streams, fresh = work.batch, work.streams, list[Arrival]()
    for arrival in arrivals:
        number, station_id = number_of(arrival), arrival.station.id
        arrival.delivery.is_reused = False
        if number is None:
            if arrival.message.body is not None:
                # The body of a message that nobody has read may contain a number.
                batch.unsequenced[station_id] = batch.unsequenced.get(station_id, 0) + 1
            batch.stage()
            fresh.append(arrival)
            continue
        arrival.delivery.number = number.stream, number.seq
        taken = streams.take(station_id, number)
        if taken is Taken.NEW:
            fresh.append(arrival)
        elif taken is Taken.REPEAT:
            work.outcome.repeats += 1
            if may_be_reused(number):
                arrival.delivery.is_reused = True
                batch.stage()
                fresh.append(arrival)
        else:
            reason, sentence = _NOT_TAKEN[taken]
            work.refusals.append(Refusal(arrival.delivery, arrival.station, reason, sentence, is_counted=True))
    return fresh


def _headers_of(delivery: Delivery) -> dict[str, Any]:
    return delivery.properties.get("application_headers") or {}


def apply_quotas(work: Round) -> None:
    """Keep messages within quota; the others wait in quarantine. Refused and repeated messages use up quota too."""
    batch, default = work.batch, quota_default()
    quotas = {station_id: row.quota(default) for station_id, row in work.contacts.items()}
    batch.buckets = {station_id: row.buckets for station_id, row in work.contacts.items()}
    if desks := _desks_of(work.arrivals, work.refusals):
        batch.buckets |= desks_read(desks)
        quotas |= {-station_id: desk_quota(quotas[station_id]) for station_id in desks}
    split = quota_apply(work.fresh, _spent_otherwise(work), batch.buckets, quotas, batch.moment)
    work.fresh = split.taken
    work.refusals += [
        Refusal(a.delivery, a.station, OVER_QUOTA, OVER_QUOTA_SENTENCE, is_counted=True) for a in split.waits
    ]
    work.outcome.over_quota = {
        upload_exchange(work.heard[-payer].serial) if payer < 0 else station_exchange(work.heard[payer].serial)
        for payer in split.beyond
    }


def _spent_otherwise(work: Round) -> dict[int, list[int]]:
    """Weights of refused and repeated messages, by payer."""
    spent: dict[int, list[int]] = {}
    for refusal in work.refusals:
        # A message that was read before it was refused is counted as an arrival.
        if refusal.station is not None and not refusal.is_counted:
            payer = payer_of(refusal.station.id, refusal.delivery.exchange)
            spent.setdefault(payer, []).append(refusal.weight)
    if len(work.fresh) < len(work.arrivals):
        is_fresh = {id(arrival) for arrival in work.fresh}
        for arrival in work.arrivals:
            if id(arrival) not in is_fresh:
                payer = payer_of(arrival.station.id, arrival.delivery.exchange)
                spent.setdefault(payer, []).append(arrival.weight)
    return spent


def hold_unread(work: Round) -> None:
    """Let unread messages wait like messages over quota."""
    if work.is_unread:
        work.refusals += [
            Refusal(a.delivery, a.station, OVER_QUOTA, UNREAD_SENTENCE, is_counted=True, is_unread=True)
            for a in work.fresh
        ]
        work.fresh = []


def count_traffic(work: Round) -> None:
    """Count each station's traffic including repeats, because the link carried them too."""
    traffic = work.batch.traffic
    for arrival in work.arrivals:
        count, size = traffic.get(arrival.station.id, (0, 0))
        traffic[arrival.station.id] = count + 1, size + len(arrival.delivery.body)
    for refusal in work.refusals:
        # A message that was read before it was refused is counted as an arrival.
        if refusal.station is not None and not refusal.is_counted:
            count, size = traffic.get(refusal.station.id, (0, 0))
            traffic[refusal.station.id] = count + 1, size + len(refusal.delivery.body)


def _desks_of(arrivals: list[Arrival], refusals: list[Refusal]) -> set[int]:
    """Ids of the stations for which a desk sent something."""
    desks = {a.station.id for a in arrivals if is_upload(a.delivery.exchange)}
    return desks | {r.station.id for r in refusals if r.station is not None and is_upload(r.delivery.exchange)}


def weight_note(station: StationRef, exchange: str, weight: int, moment: datetime) -> None:
    """Charge a message's weight to its quota, outside of a batch."""
    (row,) = contacts_read(contacts_lock([station.id]), [station.id]).values()
    if is_upload(exchange):
        desks = desks_read([station.id])
        quota_apply([], {-station.id: [weight]}, desks, {-station.id: desk_quota(row.quota(quota_default()))}, moment)
        desks_write(desks)
        return
    buckets = {station.id: row.buckets}
    quota_apply([], {station.id: [weight]}, buckets, {station.id: row.quota(quota_default())}, moment)
    buckets_write(station.id, buckets[station.id])


def drop_repeated_refusals(work: Round) -> None:
    """Record the numbers of refused messages; keep those new to the ledger, or possibly new under a known number."""
    first = [refusal for refusal in work.refusals if _is_first(refusal, work)]
    work.refusals = gaps_first(first)
    work.outcome.repeats += len(first) - len(work.refusals)


def _is_first(refusal: Refusal, work: Round) -> bool:
    number = number_of_refusal(refusal)
    if number is None or refusal.station is None:
        return True
    refusal.delivery.number, refusal.delivery.is_reused = (number.stream, number.seq), False
    taken = work.streams.take(refusal.station.id, number)
    if taken is Taken.GAPPED:
        refusal.reason, refusal.sentence = TOO_MANY_GAPS, TOO_MANY_GAPS_SENTENCE
    if taken is not Taken.REPEAT:
        return True
    work.outcome.repeats += 1
    refusal.delivery.is_reused = may_be_reused(number)
    return refusal.delivery.is_reused
