"""The output of a replay: each file with its result, for a person or as JSON."""

import json
from collections import Counter
from typing import Any

from formats.sensorgnome.account import Tally
from formats.sensorgnome.card import FileReport
from station_agent.replay.run import ReplayFeed
from station_agent.words import bytes_say

_LINE_KINDS = ("p", "n", "T", "b", "G", "H", "C", "S", "F", "other")


def replay_show(feed: ReplayFeed, *, as_json: bool) -> None:
    """Print the output."""
    if as_json:
        print(json.dumps(replay_json(feed), indent=2))
        return
    for report in feed.reports:
        print(_file_say(report))
    print(_total_say(feed))


def is_anything_left(feed: ReplayFeed) -> bool:
    """Whether data that may be this station's was not sent."""
    return any(report.is_refused for report in feed.reports)


def replay_json(feed: ReplayFeed) -> dict[str, Any]:
    """The whole result as plain values."""
    lines, tally = _lines_total(feed), _tally_total(feed)
    return {
        "files": [_file_json(report) for report in feed.reports],
        "total": {
            "files": len(feed.reports),
            "files_refused": _count(feed, "refused"),
            "files_foreign": _count(feed, "foreign"),
            "files_damaged": sum(report.account.damaged for report in feed.reports),
            "lines": {kind: lines[kind] for kind in _LINE_KINDS},
            **_tally_json(tally),
            "messages": feed.messages,
            "confirmed": feed.messages_confirmed,
        },
    }


def _file_json(report: FileReport) -> dict[str, Any]:
    account = report.account
    return {
        "file": report.file,
        "state": account.state,
        "size": account.size,
        "stream": report.stream,
        "lines": {kind: report.lines[kind] for kind in _LINE_KINDS},
        **_tally_json(account.tally),
        "refusals": account.refusals,
        "messages": report.messages,
        "confirmed": report.confirmed,
        "reason": account.reason,
        "skipped": report.skipped,
        "damage": report.damage,
    }


def _tally_json(tally: Tally) -> dict[str, int]:
    return {"bytes_read": tally.bytes_read, "lines_read": tally.lines_read, **tally._asdict()}


def _file_say(report: FileReport) -> str:
    account, tally = report.account, report.account.tally
    if account.state == "foreign":
        return f"{report.file}: left. {account.reason}"
    if account.state == "refused":
        return f"{report.file}: {'refused' if tally.bytes_refused else 'left'}. {account.reason}"
    if not report.stream:
        return f"{report.file}: nothing to send. {account.reason}"
    parts = [f"{report.file}: {_lines_say(report.lines)}, {report.confirmed} messages"]
    if account.damaged:
        parts.append(f"DAMAGED: {account.reason}")
    if tally.lines_refused or tally.bytes_refused:
        words = ", ".join(f"{count} {word}" for word, count in sorted(account.refusals.items()))
        parts.append(f"refused: {tally.lines_refused} lines, {bytes_say(tally.bytes_refused)} ({words})")
    return "; ".join(parts)


def _total_say(feed: ReplayFeed) -> str:
    tally, files = _tally_total(feed), len(feed.reports)
    apart = [
        f"{count} {word}"
        for count, word in (
            (_count(feed, "refused"), "refused or left"),
            (_count(feed, "foreign"), "of another station"),
            (sum(report.account.damaged for report in feed.reports), "damaged"),
        )
        if count
    ]
    named = f" ({', '.join(apart)})" if apart else ""
    return (
        f"Total: {files} files{named}, {_lines_say(_lines_total(feed))}. "
        f"{tally.bytes_read} bytes read = {tally.bytes_taken} sent + {tally.bytes_known} already known "
        f"+ {tally.bytes_kept_back} left + {tally.bytes_refused} refused. "
        f"{feed.messages_confirmed} of {feed.messages} messages confirmed."
    )


def _count(feed: ReplayFeed, state: str) -> int:
    return sum(report.account.state == state for report in feed.reports)


def _lines_total(feed: ReplayFeed) -> Counter[str]:
    total: Counter[str] = Counter()
    for report in feed.reports:
        total.update(report.lines)
    return total


def _tally_total(feed: ReplayFeed) -> Tally:
    total = Tally()
    for report in feed.reports:
        total = total.plus(report.account.tally)
    return total


def _lines_say(lines: Counter[str]) -> str:
    return ", ".join(f"{lines[kind]} {kind}" for kind in _LINE_KINDS if lines[kind]) or "no lines"
