"""What `run` puts in order once an hour of its clock: tracks in few files, and nothing kept too long."""

from __future__ import annotations

import sys
from datetime import datetime
from pathlib import Path
from zoneinfo import ZoneInfo

from fencewatch.config import Settings
from fencewatch.opened import TRACKS_PACE, pace
from geofences.instant import BEGIN_MS
from pipeline.host.clock import clock_of
from pipeline.host.pace import DAY_MS
from pipeline.ingest.inbox_retention import due_files
from pipeline.runtime.whereabouts import Locator
from sinks.operations_log import OPERATIONS, OperationsLog
from sinks.positions import PositionStore
from sinks.rejects import RejectStore
from sinks.tracks import TrackArchive

_EVERY_MS = 3_600_000
#: Fixes of an hour still come so long after it; later ones make files of their own until the next hour.
_SETTLED_MS = 2 * _EVERY_MS


class Housekeeping:
    """Tidies positions, tracks and refused rows by the log's clock."""

    def __init__(
        self,
        settings: Settings,
        positions: PositionStore,
        tracks: TrackArchive,
        rejects: RejectStore,
        timezone: ZoneInfo,
    ) -> None:
        self._settings = settings
        self._positions = positions
        self._tracks = tracks
        self._rejects = rejects
        self._timezone = timezone
        self._pace = pace(settings.data, TRACKS_PACE)
        self._operations = OperationsLog(settings.data / OPERATIONS)
        self._reported: set[Path] = set()
        self._is_simulated = clock_of(settings.data).is_simulated
        self._due_ms = BEGIN_MS

    def passed(self, clock_ms: int) -> None:
        """The log's clock has come so far; of each mark and batch, so that a jump is seen."""
        self._pace.passed(clock_ms)

    def tidy(self, clock_ms: int, locator: Locator) -> None:
        """Nothing where the last time is less than an hour ago.

        Whose supervision is over, their whereabouts are nobody's business any more; tracks stay as long as
        they must and no longer. Nothing goes on the word of a clock that has jumped, and days one at a time.
        """
        if clock_ms < self._due_ms:
            return
        if self._pace.may_remove(clock_ms):
            self._positions.forget(locator.unsupervised(clock_ms))
            self._remove_a_day_of_rejects(clock_ms)
            self._remove_a_day(clock_ms)
            self._remove_a_day_of_files(clock_ms)
        self._tracks.compact(clock_ms - _SETTLED_MS)
        self._report_damage(clock_ms)
        self._due_ms = clock_ms + _EVERY_MS  # last: what a locked store stopped is tried again

    def _remove_a_day(self, clock_ms: int) -> None:
        """The oldest day of the tracks, if it is due."""
        last_ms = clock_ms - self._settings.tracks_days * DAY_MS
        kept_from = datetime.fromtimestamp(last_ms / 1000, self._timezone).date().isoformat()
        due = sorted(day.name for day in self._settings.tracks.iterdir() if day.name < kept_from)
        if len(due) > 1:
            self._pace.report_more(clock_ms, "tracks", len(due))
            noon = datetime.fromisoformat(f"{due[1]}T12:00").replace(tzinfo=self._timezone)
            last_ms = round(noon.timestamp() * 1000)
        self._tracks.remove_before(last_ms)

    def _remove_a_day_of_rejects(self, clock_ms: int) -> None:
        """The oldest day of the refused rows, if it is due."""
        oldest_ms, last_ms = self._rejects.oldest_ms(), clock_ms - self._settings.rejects_days * DAY_MS
        if oldest_ms is None or oldest_ms >= last_ms:
            return
        if (days := -(-(last_ms - oldest_ms) // DAY_MS)) > 1:
            self._pace.report_more(clock_ms, "rejects", days)
        self._rejects.remove_before(min(last_ms, oldest_ms + DAY_MS))

    def _report_damage(self, clock_ms: int) -> None:
        """Each damaged file once; it stays where it is and hinders nothing else."""
        for path, damage in self._tracks.damaged.items():
            if path not in self._reported:
                self._reported.add(path)
                self._operations.append(clock_ms, "track_file_damaged", {"file": str(path)})
                print(damage, file=sys.stderr, flush=True)

    def _remove_a_day_of_files(self, clock_ms: int) -> None:
        """The oldest day of what was taken from the inbox, if it is due.

        Files bear the machine's time, so a simulated clock says nothing of their age.
        """
        if self._settings.inbox is None or self._is_simulated:
            return
        due = due_files(self._settings.inbox, clock_ms - self._settings.inbox_days * DAY_MS)
        if due and due[-1].since_ms - due[0].since_ms > DAY_MS:
            self._pace.report_more(clock_ms, "inbox", -(-(due[-1].since_ms - due[0].since_ms) // DAY_MS))
        for old in due:
            if old.since_ms - due[0].since_ms <= DAY_MS:
                old.path.unlink(missing_ok=True)
