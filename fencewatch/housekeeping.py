"""What `run` puts in order once an hour of its clock: tracks in few files, and nothing kept too long."""

from __future__ import annotations

from fencewatch.config import Settings
from geofences.instant import BEGIN_MS
from pipeline.whereabouts import Locator
from sinks.positions import PositionStore
from sinks.tracks import TrackArchive

_EVERY_MS = 3_600_000
_DAY_MS = 86_400_000
#: Fixes of an hour still come so long after it; later ones make files of their own until the next hour.
_SETTLED_MS = 2 * _EVERY_MS


class Housekeeping:
    """Tidies positions and tracks by the log's clock."""

    def __init__(
        self, settings: Settings, locator: Locator, positions: PositionStore, tracks: TrackArchive
    ) -> None:
        self._settings = settings
        self._locator = locator
        self._positions = positions
        self._tracks = tracks
        self._due_ms = BEGIN_MS

    def tidy(self, clock_ms: int) -> None:
        """Nothing where the last time is less than an hour ago.

        Whose supervision is over, their whereabouts are nobody's business any more; tracks stay as long as
        they must and no longer.
        """
        if clock_ms < self._due_ms:
            return
        self._due_ms = clock_ms + _EVERY_MS
        self._positions.forget(self._locator.unsupervised(clock_ms))
        self._tracks.remove_before(clock_ms - self._settings.tracks_days * _DAY_MS)
        self._tracks.compact(clock_ms - _SETTLED_MS)
