"""What was taken from an inbox goes after its days: by when it was put away, whatever the supplier says."""

from __future__ import annotations

import os
import time
from pathlib import Path

from pipeline.ingest.inbox_folder import InboxFolder
from pipeline.ingest.inbox_retention import due_files

MINUTE_MS = 60_000


def test_only_what_we_put_away_long_ago(tmp_path: Path) -> None:
    folder = InboxFolder(tmp_path)
    elsewhere = tmp_path / "elsewhere.csv"
    elsewhere.write_text("")
    for name in ("pings.csv", "pings-2.csv"):
        path = tmp_path / name
        path.write_text("")
        os.utime(path, (0, 0))  # the supplier's clock, in 1970
    assert folder.put_away(tmp_path / "pings.csv", "pings.csv", folder.done) is not None
    assert folder.put_away(tmp_path / "pings-2.csv", "pings-2.csv", folder.refused) is not None
    (folder.done / "by-hand").mkdir()
    (folder.done / "link.csv").symlink_to(elsewhere)
    now_ms = time.time_ns() // 1_000_000
    assert due_files(tmp_path, now_ms - MINUTE_MS) == []
    due = due_files(tmp_path, now_ms + MINUTE_MS)
    assert [old.path for old in due] == [folder.done / "pings.csv", folder.refused / "pings-2.csv"]
    assert all(abs(old.since_ms - now_ms) < MINUTE_MS for old in due)


def test_no_inbox_yet(tmp_path: Path) -> None:
    assert due_files(tmp_path / "nowhere", 10**15) == []
