"""A world's rows as files that the real readers take, and the way from files to the engine's batches."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from geofences.instant import BEGIN_MS
from pipeline.checkpoint import Stored
from pipeline.ping import CONFIRMATION, PING
from pipeline.reading import Challenges, DeviceIds, open_stream
from pipeline.reading.raw_batch import RawBatch
from pipeline.reference import ReferenceRow
from pipeline.sites.records import Site
from pipeline.stream.division import divide
from pipeline.stream.intake import Intake
from pipeline.stream.merge import merged
from sinks.alert import instant_text


def write_streams(rows: Sequence[ReferenceRow], folder: Path) -> tuple[Path, Path]:
    """``pings.ndjson`` and ``confirmations.ndjson`` with the rows in their order."""
    paths = folder / "pings.ndjson", folder / "confirmations.ndjson"
    for path, kind in zip(paths, (PING, CONFIRMATION), strict=True):
        path.write_text("".join(_line(row) for row in rows if row.kind == kind), encoding="utf-8")
    return paths


def _line(row: ReferenceRow) -> str:
    fields: dict[str, object] = {
        "device_id": row.device_id, "event_time": instant_text(row.event_ms), "lon": row.given_lon,
        "lat": row.given_lat, "accuracy_m": row.accuracy_m,
    }  # fmt: skip
    if row.given_arrival_ms != BEGIN_MS:
        fields["arrival_time"] = instant_text(row.given_arrival_ms)
    if row.kind == CONFIRMATION:
        fields |= {"face_ok": row.face_ok, "challenge_id": row.challenge_id}
    else:
        fields["source"] = row.source
    return json.dumps(fields, ensure_ascii=False) + "\n"


@dataclass
class RecordedRows:
    """Files as one log, read anew from the first row whenever it is opened."""

    site: Site
    pings: Sequence[Path]
    confirmations: Sequence[Path]
    batch_rows: int
    challenges: Challenges = field(default_factory=Challenges)

    def open(self, skip_rows: int = 0) -> Iterator[RawBatch]:
        """The merged batches after the first so many rows."""
        devices = DeviceIds(divide(self.site, 1).device_ids)
        named = [(path, PING) for path in self.pings] + [(path, CONFIRMATION) for path in self.confirmations]
        files = [
            open_stream(path, kind=kind, number=number, devices=devices, challenges=self.challenges)
            for number, (path, kind) in enumerate(named)
        ]
        return merged(files, self.batch_rows, skip_rows=skip_rows)

    def intake(self, state: Stored | None = None) -> Intake:
        """An intake for this log, going on where an earlier one stood."""
        intake = Intake(self.site.policies, self.challenges)
        if state is not None:
            intake.restore(state)
        return intake
