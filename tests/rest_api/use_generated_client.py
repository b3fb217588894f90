"""A program that uses the generated client: reads, changes, repeats, and reads a file. Prints the answers as JSON."""

import json
import sys
from typing import Any

from roost_client import AuthenticatedClient
from roost_client.api.stations import (
    notes_create,
    readings_file,
    readings_list,
    stations_list,
    stations_retrieve,
    stations_update,
)
from roost_client.models import NoteIn, PatchedStationChangesIn


def lists(client: AuthenticatedClient, serial: str) -> dict[str, Any]:
    """Read whole answers, some fields only, and an unchanged answer. Partial answers have no class: read raw JSON."""
    few = client.get_httpx_client().request(**stations_retrieve._get_kwargs(serial, fields="name"))
    return {
        "names": [station.name for station in stations_list.sync(client=client).results],
        "few fields": list(few.json()),
        "unchanged": int(stations_retrieve.sync_detailed(serial, client=client, if_none_match="*").status_code),
        "unknown": stations_retrieve.sync("SG-NOBODY", client=client).detail,
    }


def notes(client: AuthenticatedClient, serial: str) -> dict[str, Any]:
    """Write the same note twice, which stores it once, and another note, which is not taken for the first."""

    def note(text: str) -> Any:
        return notes_create.sync_detailed(serial, client=client, body=NoteIn(text=text), idempotency_key="one")

    first, again, other = note("It leans."), note("It leans."), note("It stands.")
    return {
        "first": int(first.status_code),
        "again": int(again.status_code),
        "replayed": again.headers["Idempotent-Replayed"],
        "other body": int(other.status_code),
    }


def changes(client: AuthenticatedClient, serial: str) -> dict[str, Any]:
    """Change a station as it was last read, which is accepted, and once more with the old tag, which is refused."""
    tag = stations_retrieve.sync_detailed(serial, client=client).headers["ETag"]

    def change(name: str) -> Any:
        body = PatchedStationChangesIn(name=name)
        return stations_update.sync_detailed(serial, client=client, body=body, if_match=tag)

    changed, stale = change("Tip"), change("Top")
    return {"changed": changed.parsed.name, "stale": int(stale.status_code)}


def readings(client: AuthenticatedClient, serial: str) -> dict[str, Any]:
    """Read one reading, as an object and in a file."""
    points = readings_list.sync(serial, "weather/temp", client=client).results
    file = readings_file.sync_detailed(serial, "weather/temp", client=client).content.decode("utf-8-sig")
    return {"value": points[0].value, "file": [line.split(",")[3] for line in file.splitlines()]}


if __name__ == "__main__":
    caller = AuthenticatedClient(base_url=sys.argv[1], token=sys.argv[2])
    print(
        json.dumps(
            {
                name: told
                for part in (lists, notes, changes, readings)
                for name, told in part(caller, sys.argv[3]).items()
            }
        )
    )
