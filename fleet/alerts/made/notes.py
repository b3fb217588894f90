"""The note that ingest writes in the transaction of the rows, so that judging reads only what changed."""

from typing import Final

#: Parameters: series ids, hours (since 2000 UTC) by the same position, the senders' organizations. The statement itself
#: checks whether any rule is on by now, so that no batch waits for the answer to a question of its own.
NOTE_SQL: Final = """
INSERT INTO alerts_rulenote (series_ids, hours, noted_at)
SELECT %s::bigint[], %s::int[], statement_timestamp()
WHERE EXISTS (SELECT 1 FROM alerts_alertrule WHERE is_on AND organization_id = ANY(%s::bigint[]))
"""
