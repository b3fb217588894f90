"""The Motus simulator itself: it behaves over HTTP as the real interface does."""

import bz2
import json
import signal
import subprocess
import sys
from datetime import UTC, datetime, timedelta

import httpx
import pytest
from waiting import PATIENCE_S

from operations.simulators.motus import MotusSimulator
from operations.simulators.motus_answers import device_hash
from operations.simulators.motus_rows import rows_make


@pytest.fixture
def simulator():
    with MotusSimulator() as running:
        yield running


def now(offset_s=0):
    return (datetime.now(tz=UTC) + timedelta(seconds=offset_s)).strftime("%Y%m%d%H%M%S")


def ask(simulator, entry="receivers", method="GET", **question):
    text = json.dumps({"date": now(), **question})
    url = simulator.url + entry
    return httpx.get(url, params={"json": text}) if method == "GET" else httpx.post(url, data={"json": text})


def test_made_up_rows_have_the_oddities_of_the_real_ones():
    rows = rows_make()
    serials = [row["receiverID"] for row in rows]
    assert {None, "NULL", "TEMP16"} <= set(serials)
    assert len(serials) > len(set(serials))
    assert {row["deploymentStatus"] for row in rows} == {"active", "terminated", "pending"}
    for field in ("deviceID", "receiverType", "dtStart", "deploymentName"):
        assert any(row[field] is None for row in rows)
    assert any((row["dtStart"] or "").endswith("-04:00") for row in rows)
    assert rows == rows_make()
    assert rows != rows_make(seed=2)


@pytest.mark.parametrize("method", ["GET", "POST"])
@pytest.mark.parametrize("slash", ["", "/"])
def test_both_methods_with_and_without_slash(simulator, method, slash):
    answer = ask(simulator, f"receivers{slash}", method)
    assert answer.status_code == 200
    assert answer.headers["content-type"] == "application/json;charset=UTF-8"
    assert len(answer.json()["data"]) == len(simulator.motus.rows)


@pytest.mark.parametrize("text", ["", "{}", "[]", "nonsense", '{"date":"yesterday"}', '{"date":null}'])
def test_a_question_without_a_date_is_refused(simulator, text):
    assert httpx.get(simulator.url + "receivers", params={"json": text}).status_code == 400


@pytest.mark.parametrize(("offset", "status"), [(590, 200), (-590, 200), (630, 401), (-630, 401)])
def test_a_date_may_differ_by_ten_minutes(simulator, offset, status):
    answer = ask(simulator, date=now(offset))
    assert answer.status_code == status
    if status == 401:
        assert answer.json()["errorCode"] == "auth-expired"
        assert ask(simulator, date=answer.json()["date-token"]).status_code == 200


def test_no_match_has_no_data_key(simulator):
    assert ask(simulator, "receivers/deployments", serialNo="SG-0000").json() == {"version": "2.0"}


def test_filters(simulator):
    rows = simulator.motus.rows
    wanted = next(row for row in rows if row["deploymentStatus"] == "active" and row["receiverID"])
    by_serial = ask(simulator, "receivers/deployments", serialNo=wanted["receiverID"].lower(), status=2).json()["data"]
    assert wanted in by_serial
    assert {row["deploymentStatus"] for row in by_serial} == {"active"}
    by_project = ask(simulator, "receivers", projectID=wanted["recvProjectID"]).json()["data"]
    assert by_project == [row for row in rows if row["recvProjectID"] == wanted["recvProjectID"]]


def test_people(simulator):
    good = ask(simulator, "user/validate", login="plover", pword="admin-password")
    assert good.json()["userType"] == "administrator"
    for wrong in ({}, {"login": "plover", "pword": "x"}, {"login": "nobody", "pword": "x"}):
        assert ask(simulator, "user/validate", **wrong).json()["errorCode"] == "invalid-login"


def test_devices_prove_their_key(simulator):
    date = now()
    assert ask(simulator, "receiver/register", serno="SG-1", secretKey="AB").json()["deviceID"] == 1
    assert ask(simulator, "receiver/register", serno="sg-1", secretKey="CD").json()["errorCode"] == "invalid-key"
    for key, status in (("AB", 200), ("CD", 400)):
        proof = device_hash("sg-1", date, key)
        assert ask(simulator, "receivers", serno="sg-1", hash=proof, date=date).status_code == status
    assert ask(simulator, "receivers", serno="SG-2", hash="AB").json()["errorCode"] == "invalid-key"


def test_the_hash_is_the_one_of_the_real_interface():
    assert device_hash("sg-1", "20170317110325", "key") == device_hash("SG-1", "20170317110325", "key")
    assert len(device_hash("SG-1", "1", "k")) == 40


def test_faults_are_switched_over_http_and_end_by_themselves(simulator):
    control = simulator.url.removesuffix("api/") + "_control"
    assert httpx.post(f"{control}/faults", json={"internal_error": True, "times": 1}).status_code == 200
    assert [ask(simulator).status_code for _ in range(2)] == [500, 200]
    assert httpx.post(f"{control}/faults", json={"nonsense": True}).status_code == 400
    assert httpx.post(f"{control}/rows", json={"rows": []}).json()["rows"] == 0
    assert httpx.get(control).json()["requests"] == [["GET", "receivers", ["date"]]] * 2


@pytest.mark.parametrize("method", ["GET", "POST"])
def test_a_connection_is_cut_while_answering(simulator, method):
    simulator.motus.faults_set(cut=True)
    with pytest.raises(httpx.RemoteProtocolError):
        ask(simulator, method=method)


def test_a_connection_is_cut_while_asking(simulator):
    simulator.motus.faults_set(cut_upload=True, times=1)
    with pytest.raises(httpx.TransportError):
        ask(simulator, method="POST", padding="x" * 1_000_000)
    assert ask(simulator, method="POST").status_code == 200


def test_a_missing_active_receiver_keeps_its_other_rows(simulator):
    row = next(row for row in simulator.motus.rows if row["deploymentStatus"] == "active" and row["receiverID"])
    simulator.motus.faults_set(missing_active=row["receiverID"])
    assert row not in ask(simulator).json()["data"]


def test_it_runs_as_a_program_with_rows_from_a_file(tmp_path, make_row):
    seed = tmp_path / "rows.json"
    seed.write_text(json.dumps({"version": "2.0", "data": [make_row(1, "SG-1")]}))
    command = [sys.executable, "-m", "operations.simulators.motus", "--seed-file", str(seed)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as program:
        line = program.stdout.readline()
        url = line.rsplit(" ", 1)[1].strip()
        answer = httpx.get(f"{url}receivers", params={"json": json.dumps({"date": now()})})
        program.send_signal(signal.SIGTERM)
    assert answer.json()["data"] == [make_row(1, "SG-1")]
    assert program.returncode == 0


def test_a_bad_file_is_one_sentence(tmp_path):
    command = [sys.executable, "-m", "operations.simulators.motus", "--seed-file", str(tmp_path / "none.json")]
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=PATIENCE_S)
    assert done.returncode == 2
    assert done.stderr.startswith("The Motus simulator cannot start: ")
    assert len(done.stderr.splitlines()) == 1


def test_serials_of_ours_are_listed_as_active():
    rows = rows_make(serials=["SG-DEMO1"])
    assert [row["deploymentStatus"] for row in rows if row["receiverID"] == "SG-DEMO1"].count("active") == 1


def records(simulator, entry, **question):
    def asked(address, body):
        answer = httpx.post(address, data={"json": json.dumps(body)})
        return json.loads(bz2.decompress(answer.content))

    data = f"{simulator.url}sgdata/custom/"
    token = asked(f"{data}authenticate_user", {"user": "warbler", "password": "plain-password"})["authToken"]
    base = simulator.status_url if entry.startswith("list") else data
    return asked(base + entry, {**question, "authToken": token})


def test_files_batches_and_runs_are_put_over_http_and_listed_as_columns(simulator):
    control = simulator.url.removesuffix("api/") + "_control/records"
    name = "changeMe-7F5ERPI46977-000123-2026-05-01T05-06-07.1234P-all.txt.gz"
    began, ended, run = (f"2026-05-0{day}T00:00:00+00:00" for day in (1, 3, 2))
    batch = {"serial": "SG-7F5ERPI46977", "began": began, "ended": ended, "runs": [run]}
    assert httpx.post(control, json={"files": [{"name": name, "size": 7}], "batches": [batch]}).status_code == 200
    assert httpx.post(control, json={"files": [{}]}).status_code == 400
    asked = {"serno": "SG-7F5ERPI46977"}
    counts = {"day": ["2026-05-01"], "countDB": [1], "countFS": [1]}
    assert records(simulator, "list_receiver_files", **asked)["fileCounts"] == counts
    details = records(simulator, "list_receiver_files", day="2026-05-01", **asked)["fileDetails"]
    assert details == {"fileID": [0], "name": [name.removesuffix(".gz")], "contentSize": [7]}
    assert records(simulator, "list_receiver_files", serno="SG-NONE")["error"] == "receiver not known to motus"
    device = records(simulator, "deviceID_for_receiver", **asked)["deviceID"][0]
    assert records(simulator, "batches_for_receiver", deviceID=device, batchID=0)["batchID"] == [501]
    assert len(records(simulator, "runs_for_receiver", batchID=501, runID=0)["runID"]) == 1
    assert records(simulator, "runs_for_receiver", batchID=501, runID=501_000)["runID"] == []
    simulator.uploads.sessions_end()
    stale = httpx.post(f"{simulator.status_url}list_jobs", data={"json": '{"authToken":"old"}'})
    assert json.loads(bz2.decompress(stale.content)) == {"error": "token expired"}
