"""Each process has one client for the counters in Redis, however many cache objects Django creates."""

from django.conf import settings
from redis import Redis

from web.counters import CounterCache


def test_objects_of_one_process_share_a_connection(services):
    url = settings.CACHES["default"]["LOCATION"]
    with Redis.from_url(url) as watching:

        def connected() -> int:
            mine = str(watching.connection_pool.connection_kwargs["db"])
            return sum(each["db"] == mine for each in watching.client_list())

        CounterCache(url, {}).set("counted", 1, 60)
        before = connected()
        assert [CounterCache(url, {}).incr("counted") for _ in range(20)] == list(range(2, 22))
        assert connected() == before
        CounterCache(url, {}).delete("counted")
