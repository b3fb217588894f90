"""A SensorThings service in memory, as a test's receiver."""

import json
import re
from datetime import datetime

from forward.conftest import Receiver


class Service:
    """The part of SensorThings 1.1 that is needed to create things, in memory, with the checks that a service makes."""

    def __init__(self, receiver: Receiver) -> None:
        self.things: dict[str, list[dict]] = {
            name: [] for name in ("Things", "Sensors", "ObservedProperties", "Datastreams", "Observations")
        }
        #: Requests after which the answer is lost, though the work is done.
        self.lost: list[str] = []
        receiver.answer = self.answer

    def answer(self, method, path, query, _headers, body):
        named = re.fullmatch(r"/v1\.1/(?:Datastreams\((\d+)\)/)?(\w+)", path)
        assert named, path
        stream, collection = named[1], named[2]
        kept = self.things[collection]
        if method == "GET":
            return 200, {"value": [one for one in kept if self._matches(one, stream, query.get("$filter", ""))]}
        made = {**json.loads(body), "@iot.id": len(kept) + 1}
        if stream:
            assert any(str(one["@iot.id"]) == stream for one in self.things["Datastreams"])
            made["stream"] = stream
        kept.append(made)
        if collection in self.lost:
            self.lost.remove(collection)
            return "drop"
        return 201, None, {"Location": f"http://there/v1.1/{collection}({made['@iot.id']})"}

    @staticmethod
    def _matches(one, stream, asked) -> bool:
        if named := re.fullmatch(r"name eq '(.*)'", asked):
            return one["name"] == named[1].replace("''", "'")
        span = re.fullmatch(r"phenomenonTime ge (\S+) and phenomenonTime le (\S+)", asked)
        assert span, asked
        at, first, last = (datetime.fromisoformat(told) for told in (one["phenomenonTime"], *span.groups()))
        return one["stream"] == stream and first <= at <= last
