"""`station-agent upload` reports folders that it cannot read, before it sends any file; no server is needed."""

import os
from pathlib import Path

from station_agent.uploads.tus import Uploader
from station_agent.uploads.upload import upload_run


def test_a_folder_that_cannot_be_read_is_said(tmp_path, monkeypatch):
    for day in ("2026-05-01", "2026-05-02"):
        (tmp_path / "SGdata" / day).mkdir(parents=True)
    (tmp_path / "SGdata" / "2026-05-01" / "Thumbs.db").write_bytes(b"x")
    scan = os.scandir

    def shut_scan(folder):
        if Path(folder).name == "2026-05-02":
            raise PermissionError(13, "Permission denied", str(folder))
        return scan(folder)

    monkeypatch.setattr(os, "scandir", shut_scan)
    uploader = Uploader(server="http://127.0.0.1:1", login=("st.SG-1.1", "secret"), ca_file=None, give_up=1.0)
    results = list(upload_run(uploader, tmp_path / "SGdata", lambda *_: None))
    assert [(each.name, each.outcome) for each in results] == [
        ("2026-05-01/Thumbs.db", "kept back"),
        ("2026-05-02", "refused"),
    ]
    assert results[1].reason == "The folder cannot be read: Permission denied."
