"""The Motus simulator's job and data servers: jobs with their parts and logs, files by day, batches and runs."""

from __future__ import annotations

import bz2
import itertools
import json
import re
from collections import defaultdict
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from operations.simulators.motus_answers import USERS
from operations.simulators.motus_faults import Faults, MotusAnswer
from operations.simulators.motus_rows import Row

_PAGE = 20
_ROWS_MOST = 10_000
_FILE = re.compile(r"[^-]*-(?P<serial>[0-9A-Za-z]{12})-(?P<boot>\d+)-(?P<day>\d{4}-\d\d-\d\d)T")


@dataclass
class MotusJob:
    """A job. `done` and `parts_done` are 0 while waiting, 1 when done, below 0 if failed. The log is its part's."""

    number: int
    project: str
    #: The files of its archive, and the unpacked size of each.
    sizes: dict[str, int]
    done: int = 0
    parts_done: int = 0
    log: str = ""

    def end(self, outcome: str) -> None:
        """Finish the job as `done`, `error`, or `bad_files`, which rejects the last file but still counts as done."""
        is_well = outcome != "error"
        self.done = self.parts_done = 1 if is_well else -1
        self.log = "Unpacking file\n"
        if outcome == "bad_files":
            self.log += f"Error: these 1 archives are corrupt:\n(perhaps it was cut?)\n   {max(self.sizes)}\n"
        if not is_well:
            self.log += "No usable data files found.\n"


@dataclass
class MotusBatch:
    """A batch: one boot of a receiver, its beginning and end, and the moments at which its runs began."""

    number: int
    serial: str
    began: datetime
    ended: datetime
    runs: list[datetime] = field(default_factory=list)


class MotusRecords:
    """Motus' records. Callers must hold the lock."""

    def __init__(self) -> None:
        self.jobs: dict[int, MotusJob] = {}
        self.batches: list[MotusBatch] = []
        #: Files that Motus got some other way: serial -> day -> bare name -> unpacked size.
        self.files: dict[str, dict[str, dict[str, int]]] = defaultdict(lambda: defaultdict(dict))
        #: Bare names that Motus has lost.
        self.lost: set[str] = set()
        self._tokens: dict[str, str] = {}
        self._numbers = itertools.count(1)
        self._batches = itertools.count(501)

    def take(self, wanted: Row) -> None:
        """Add files and batches; moments are texts such as `2026-05-01T12:00:00+00:00`."""
        for file in wanted.get("files", []):
            self.file_put(str(file["name"]), int(file["size"]))
        for batch in wanted.get("batches", []):
            began, ended, *runs = map(datetime.fromisoformat, [batch["began"], batch["ended"], *batch["runs"]])
            self.batch_make(str(batch["serial"]), began, ended, runs)

    def file_put(self, name: str, size: int = 100) -> None:
        """Add a file that Motus did not get from us."""
        serial, day = _parsed(name)
        self.files[serial][day][name.removesuffix(".gz")] = size

    def batch_make(self, serial: str, began: datetime, ended: datetime, runs: list[datetime]) -> MotusBatch:
        """Make a batch of a receiver, replacing batches that it overlaps, as a rerun at Motus does."""
        self.batches = [one for one in self.batches if one.serial != serial or one.ended <= began or one.began >= ended]
        made = MotusBatch(next(self._batches), serial, began, ended, list(runs))
        self.batches.append(made)
        return made

    def tokens_end(self) -> None:
        """All tokens expire."""
        self._tokens.clear()

    def answer(self, entry: str, question: Row, faults: Faults) -> MotusAnswer:
        """Answer one question of the job or the data server."""
        if entry == "authenticate_user":
            return self._token(question, faults)
        login = self._tokens.get(str(question.get("authToken", "")))
        if login is None:
            return columns({"error": "token expired"})
        entries: dict[str, Callable[[Row, str, Faults], dict[str, Any]]] = {
            "list_jobs": self._list_jobs,
            "list_receiver_files": self._list_files,
            "deviceID_for_receiver": self._device,
            "batches_for_receiver": self._list_batches,
            "runs_for_receiver": self._list_runs,
        }
        asked = entries.get(entry)
        return (
            MotusAnswer(404, b"Not Found", "text/plain") if asked is None else columns(asked(question, login, faults))
        )

    def _token(self, question: Row, faults: Faults) -> MotusAnswer:
        login = str(question.get("user", ""))
        if faults.login_locked or login not in USERS or USERS[login][0] != question.get("password"):
            return columns({"error": "authentication with motus failed"})
        token = f"A{next(self._numbers)}"
        self._tokens[token] = login
        return columns({"authToken": token, "expiry": 0, "userID": USERS[login][1]["userID"]})

    def _list_jobs(self, question: Row, login: str, faults: Faults) -> dict[str, Any]:
        """The job for `select.jobID`, or the job and its part for `select.stump`; 20 rows per page, by id."""
        project, select = str(question.get("projectID", "")), question.get("select", {})
        if project not in USERS[login][1]["projects"] or project == str(faults.lost_project):
            return {"error": "not authorized for project"}
        job = self.jobs.get(select.get("jobID", select.get("stump")))
        if job is not None and faults.job_outcome and not job.done:
            job.end(faults.job_outcome)
        rows: list[Row] = []
        if job is not None and job.project == project:
            rows.append({"id": job.number, "pid": None, "type": "uploadFile", "done": job.done, "data": "{}"})
            if question.get("options", {}).get("includeSubjobs"):
                data = json.dumps({"log_": job.log})
                rows.append({"id": job.number + 500_000, "pid": job.number, "type": "sanityCheck", "data": data})
            else:
                rows[0]["sjDone"] = job.parts_done
        last = (question.get("order", {}).get("lastKey") or [0])[0]
        rows = [row for row in rows if row["id"] > last][:_PAGE]
        return {name: [row.get(name) for row in rows] for name in ("id", "pid", "type", "done", "sjDone", "data")}

    def _list_files(self, question: Row, login: str, faults: Faults) -> dict[str, Any]:  # noqa: ARG002  as the others
        serial = str(question.get("serno", ""))
        known = self._known(serial)
        if faults.receiver_unknown or not known:
            return {"error": "receiver not known to motus"}
        if "day" not in question:
            days = sorted(known, reverse=True)
            counts = [len(known[day]) for day in days]
            return {"serno": serial, "fileCounts": {"day": days, "countDB": counts, "countFS": counts}}
        files = known.get(str(question["day"]), {})
        names = sorted(files)
        details = {"fileID": list(range(len(names))), "name": names, "contentSize": [files[one] for one in names]}
        return {"serno": serial, "day": question["day"], "fileDetails": details}

    def _known(self, serial: str) -> dict[str, dict[str, int]]:
        """Files of a receiver by day: those of finished jobs, and those that came some other way."""
        found: dict[str, dict[str, int]] = defaultdict(dict)
        for day, files in self.files.get(serial.upper(), {}).items():
            found[day].update(files)
        for job in self.jobs.values():
            for name, size in job.sizes.items() if job.done == 1 else ():
                whose, day = _parsed(name)
                if whose == serial.upper() and not (name in job.log and "corrupt" in job.log):
                    found[day][name.removesuffix(".gz")] = size
        for files in found.values():
            for name in self.lost & set(files):
                del files[name]
        return {day: files for day, files in found.items() if files}

    def _device(self, question: Row, login: str, faults: Faults) -> dict[str, Any]:  # noqa: ARG002  as the others
        serial = str(question.get("serno", ""))
        serials = sorted({one.serial for one in self.batches})
        return {"serno": [serial], "deviceID": [serials.index(serial) + 1 if serial in serials else None]}

    def _list_batches(self, question: Row, login: str, faults: Faults) -> dict[str, Any]:  # noqa: ARG002  as the others
        serials = sorted({one.serial for one in self.batches})
        number, last = question.get("deviceID"), int(question.get("batchID") or 0)
        rows = [one for one in self.batches if serials.index(one.serial) + 1 == number and one.number > last]
        rows = sorted(rows, key=lambda one: one.number)[:_ROWS_MOST]
        return {
            "batchID": [one.number for one in rows],
            "tsStart": [one.began.timestamp() for one in rows],
            "tsEnd": [one.ended.timestamp() for one in rows],
            "numHits": [7 * len(one.runs) for one in rows],
        }

    def _list_runs(self, question: Row, login: str, faults: Faults) -> dict[str, Any]:  # noqa: ARG002  as the others
        last = float(question.get("runID") or 0)
        rows = [
            (batch.number * 1_000 + place, batch.number, at)
            for batch in self.batches
            if batch.number == question.get("batchID")
            for place, at in enumerate(batch.runs)
        ]
        rows = [row for row in rows if row[0] > last][:_ROWS_MOST]
        return {
            "runID": [float(row[0]) for row in rows],
            "batchIDbegin": [row[1] for row in rows],
            "tsBegin": [row[2].timestamp() for row in rows],
            "tsEnd": [(row[2] + timedelta(minutes=2)).timestamp() for row in rows],
        }


def columns(body: dict[str, Any]) -> MotusAnswer:
    """A bzip2-compressed answer, as the data server sends it to clients that do not ask for gzip."""
    return MotusAnswer(200, bz2.compress(json.dumps(body).encode()), "application/json")


def _parsed(name: str) -> tuple[str, str]:
    """Serial and day in the name of a file; both empty if the name is of another form."""
    found = _FILE.match(name)
    return (f"SG-{found['serial'].upper()}", found["day"]) if found else ("", "")
