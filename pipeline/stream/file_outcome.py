"""What came of each file of a replay, and what to say where nothing did."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from pipeline.ping import CONFIRMATION
from pipeline.reading.raw_batch import RawBatch
from pipeline.reading.rows import REASONS, USABLE

#: A row is quoted up to so many signs.
_QUOTED_MOST = 200

_EXPECTED = {
    "malformed": "rows of the form of the file, device_id as text, lon and lat as numbers",
    "unknown_device": "ids of devices.csv",
    "bad_time": "times with an offset such as 2025-07-14T02:00:00Z, from 2000 on, not ahead of their arrival",
    "bad_coordinates": "lon from -180 to 180 and lat from -90 to 90, both or neither",
    "bad_value": "accuracy_m of at least 0, known names in source and crs, all columns of their types",
    "duplicate": "rows that no other row equals",
    "too_late": "rows not older than the policy's backfill_horizon_s at their arrival",
}


@dataclass(slots=True)
class _Outcome:
    rows: int = 0
    reasons: Counter[str] = field(default_factory=Counter)
    examples: dict[str, tuple[int, str]] = field(default_factory=dict)
    positions: int = 0
    faces: int = 0


class FileOutcomes:
    """Counts by file; ``kinds`` are those of the files, in the order in which batches number them."""

    def __init__(self, names: Sequence[str], kinds: Sequence[int]) -> None:
        self._names, self._kinds = names, kinds
        self._found = [_Outcome() for _ in names]

    def observe(self, batch: RawBatch, reason: NDArray[np.int8], arrival_ms: NDArray[np.int64]) -> None:
        """A batch with its final reasons."""
        for file in np.unique(batch.file).tolist():
            mine = np.flatnonzero(batch.file == file)
            usable = mine[reason[mine] == USABLE]
            found = self._found[file]
            found.rows += len(mine)
            found.positions += int(np.count_nonzero(~np.isnan(batch.rows.lon[usable])))
            found.faces += int(np.count_nonzero(batch.rows.face_ok[usable]))
            codes, first, counts = np.unique(reason[mine], return_index=True, return_counts=True)
            for code, place, count in zip(codes.tolist(), first.tolist(), counts.tolist(), strict=True):
                name, row = REASONS[code], int(mine[place])
                found.reasons[name] += count
                if code != USABLE and name not in found.examples:
                    found.examples[name] = int(batch.row[row]), batch.raw(row)

    def warnings(self) -> list[str]:
        """A line per file and reason where no row is of use, or none for what its kind is there for."""
        lines: list[str] = []
        for name, kind, found in zip(self._names, self._kinds, self._found, strict=True):
            accepted = found.reasons[REASONS[USABLE]]
            if not found.rows:
                lines.append(f"{name}: no rows")
            elif not accepted:
                lines += _nothing_accepted(name, found)
            elif kind == CONFIRMATION and not found.faces:
                what = "confirmations has face_ok true, so none of them serves a window; expected face_ok"
                lines.append(f"{name}: none of its {accepted:,} {what}")
            elif kind != CONFIRMATION and not found.positions:
                what = "rows has a position, so all of them are heartbeats; expected lon and lat"
                lines.append(f"{name}: none of its {accepted:,} {what}")
        return lines


def _nothing_accepted(name: str, found: _Outcome) -> list[str]:
    lines = []
    for reason, count in found.reasons.most_common():
        row, raw = found.examples[reason]
        quoted = raw if len(raw) <= _QUOTED_MOST else raw[: _QUOTED_MOST - 1] + "…"
        counts = f"{count:,} of {found.rows:,} rows are {reason}, such as row {row}: {quoted}"
        line = f"{name}: nothing of it is used: {counts}; expected {_EXPECTED[reason]}"
        lines.append("".join(sign if sign.isprintable() else repr(sign)[1:-1] for sign in line))
    return lines
