"""Admission: which messages of a batch are accepted now, being new by the ledger and within their stations' quotas."""

from datetime import datetime
from typing import Any

from fleet.ingest.batch import Batch
from fleet.ingest.delivery import FORKED, TOO_MANY_GAPS, TOO_MANY_STREAMS, Arrival, Delivery, Refusal, StationRef
from fleet.ingest.ledger import Streams, Taken, number_of, number_of_refusal, streams_lock, streams_read
from fleet.ingest.limits.desk_quota import desk_quota, desks_read, desks_write
from fleet.ingest.limits.quota import OVER_QUOTA, OVER_QUOTA_SENTENCE, payer_of, quota_apply, quota_default
from fleet.ingest.outcome import Outcome
from fleet.ingest.stages.contact import ContactRow, buckets_write, contacts_lock, contacts_read
from fleet.ingest.stages.gaps import TOO_MANY_GAPS_SENTENCE, TOO_MANY_STREAMS_SENTENCE, gaps_first
from fleet.ingest.stages.reused_numbers import may_be_reused
from message_queue.routing import is_upload, station_exchange, upload_exchange

_FORKED_SENTENCE = (
    "Another run of this station's agent has already sent a message with this number: either two machines have its "
    "identity, or its outbox went back in time. The message waits until that is known."
)


def numbers_take(
    arrivals: list[Arrival], streams: Streams, batch: Batch, refusals: list[Refusal], outcome: Outcome
) -> list[Arrival]:
    """Record the numbers and return new messages. Those without a number count as new: their rows tell repeats apart.

    So are messages with a known number from a client that names no run, because its counter may have restarted.
    """
    fresh: list[Arrival] = []
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
            outcome.repeats += 1
            if may_be_reused(number):
                arrival.delivery.is_reused = True
                batch.stage()
                fresh.append(arrival)
        elif taken is Taken.GAPPED:
            sentence = TOO_MANY_GAPS_SENTENCE
            refusals.append(Refusal(arrival.delivery, arrival.station, TOO_MANY_GAPS, sentence, is_counted=True))
        elif taken is Taken.CROWDED:
            sentence = TOO_MANY_STREAMS_SENTENCE
            refusals.append(Refusal(arrival.delivery, arrival.station, TOO_MANY_STREAMS, sentence, is_counted=True))
        else:
            refusals.append(Refusal(arrival.delivery, arrival.station, FORKED, _FORKED_SENTENCE, is_counted=True))
    return fresh


def numbers_take_unread(
    arrivals: list[Arrival], batch: Batch, refusals: list[Refusal], outcome: Outcome
) -> tuple[list[Arrival], Streams]:
    """Record numbers in bodies that were unread on arrival; return new messages, and the streams of those read late."""
    late = [a for a in arrivals if a.delivery.is_unread and not _headers_of(a.delivery).get("stream")]
    if not late:
        return arrivals, Streams({}, batch.moment)
    keys = list({(a.station.id, number.stream) for a in late if (number := number_of(a)) is not None})
    streams = Streams(streams_read(streams_lock(keys), keys, batch.moment), batch.moment)
    is_late = {id(arrival) for arrival in late}
    return [a for a in arrivals if id(a) not in is_late] + numbers_take(
        late, streams, batch, refusals, outcome
    ), streams


def _headers_of(delivery: Delivery) -> dict[str, Any]:
    return delivery.properties.get("application_headers") or {}


def traffic_count(arrivals: list[Arrival], refusals: list[Refusal], batch: Batch) -> None:
    """Count each station's traffic including repeats, because the link carried them too."""
    traffic = batch.traffic
    for arrival in arrivals:
        count, size = traffic.get(arrival.station.id, (0, 0))
        traffic[arrival.station.id] = count + 1, size + len(arrival.delivery.body)
    for refusal in refusals:
        # A message that was read before it was refused is counted as an arrival.
        if refusal.station is not None and not refusal.is_counted:
            count, size = traffic.get(refusal.station.id, (0, 0))
            traffic[refusal.station.id] = count + 1, size + len(refusal.delivery.body)


def quota_keep(
    arrivals: list[Arrival],
    fresh: list[Arrival],
    contacts: dict[int, ContactRow],
    batch: Batch,
    refusals: list[Refusal],
    outcome: Outcome,
) -> list[Arrival]:
    """Return messages within quota; the others wait in quarantine. Messages that are not fresh weigh as well."""
    default = quota_default()
    quotas = {station_id: row.quota(default) for station_id, row in contacts.items()}
    batch.buckets = {station_id: row.buckets for station_id, row in contacts.items()}
    if desks := _desks_of(arrivals, refusals):
        batch.buckets |= desks_read(desks)
        quotas |= {-station_id: desk_quota(quotas[station_id]) for station_id in desks}
    spent: dict[int, list[int]] = {}
    for refusal in refusals:
        # A message that was read before it was refused is counted as an arrival.
        if refusal.station is not None and not refusal.is_counted:
            payer = payer_of(refusal.station.id, refusal.delivery.exchange)
            spent.setdefault(payer, []).append(refusal.weight)
    if len(fresh) < len(arrivals):
        is_fresh = {id(arrival) for arrival in fresh}
        for arrival in arrivals:
            if id(arrival) not in is_fresh:
                payer = payer_of(arrival.station.id, arrival.delivery.exchange)
                spent.setdefault(payer, []).append(arrival.weight)
    split = quota_apply(fresh, spent, batch.buckets, quotas, batch.moment)
    refusals += [Refusal(a.delivery, a.station, OVER_QUOTA, OVER_QUOTA_SENTENCE, is_counted=True) for a in split.waits]
    if split.beyond:
        heard = {a.station.id: a.station.serial for a in arrivals}
        heard |= {r.station.id: r.station.serial for r in refusals if r.station is not None}
        outcome.over_quota = {
            upload_exchange(heard[-payer]) if payer < 0 else station_exchange(heard[payer]) for payer in split.beyond
        }
    return split.taken


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


def refusals_first(refusals: list[Refusal], streams: Streams, outcome: Outcome) -> list[Refusal]:
    """Record the numbers of refused messages; return those new to the ledger, or possibly new under a known number."""
    first = [refusal for refusal in refusals if _is_first(refusal, streams, outcome)]
    kept = gaps_first(first)
    outcome.repeats += len(first) - len(kept)
    return kept


def _is_first(refusal: Refusal, streams: Streams, outcome: Outcome) -> bool:
    number = number_of_refusal(refusal)
    if number is None or refusal.station is None:
        return True
    refusal.delivery.number, refusal.delivery.is_reused = (number.stream, number.seq), False
    taken = streams.take(refusal.station.id, number)
    if taken is Taken.GAPPED:
        refusal.reason, refusal.sentence = TOO_MANY_GAPS, TOO_MANY_GAPS_SENTENCE
    if taken is not Taken.REPEAT:
        return True
    outcome.repeats += 1
    refusal.delivery.is_reused = may_be_reused(number)
    return refusal.delivery.is_reused
