"""The plain engine one would write first: a bytewax dataflow keyed by device, one ping at a time."""

from __future__ import annotations

import heapq
import json
from collections.abc import Iterable, Iterator
from datetime import timedelta
from pathlib import Path

import bytewax.operators as op
import pyarrow.parquet as pq
from bytewax.dataflow import Dataflow
from bytewax.testing import TestingSink, TestingSource, run_main

from benchmarks.plain_rules import DeviceState, PlainAlert, PlainRules, Row

_BATCH_ROWS = 1_000

#: bytewax copies the state of every key touched when an epoch ends; here none ends before the rows do.
_EPOCH = timedelta(hours=24)


def build(rows: Iterable[Row], rules: PlainRules, alerts: list[PlainAlert]) -> Dataflow:
    """Rows → their device's state → alerts."""

    def judge(state: DeviceState | None, row: Row) -> tuple[DeviceState, list[PlainAlert]]:
        return rules.row(state, row)

    flow = Dataflow("plain")
    pings = op.input("rows", flow, TestingSource(rows, batch_size=_BATCH_ROWS))
    by_device = op.key_on("device", pings, lambda row: str(row["device_id"]))
    judged = op.stateful_map("judge", by_device, judge)
    found = op.flat_map("alerts", judged, lambda item: item[1])
    op.output("out", found, TestingSink(alerts))
    return flow


def judge_with(rules: PlainRules, rows: Iterable[Row], out: Path) -> list[PlainAlert]:
    """The alerts of rows in order of arrival, in their last state, written as NDJSON as well."""
    changes: list[PlainAlert] = []
    span = Span()
    run_main(build(span.watched(rows, rules.bindings), rules, changes), epoch_interval=_EPOCH)
    changes += rules.missed(span.start_ms, span.end_ms)
    last = {(a.kind, a.subject, a.scope, a.onset_ms): a for a in changes}
    alerts = sorted(last.values(), key=lambda alert: alert.raised_ms)
    with out.open("w", encoding="utf-8") as file:
        file.writelines(json.dumps(alert._asdict()) + "\n" for alert in alerts)
    return alerts


class Span:
    """The first and the last arrival of a log, known once its rows have passed."""

    def __init__(self) -> None:
        self.start_ms = 0
        self.end_ms = 0

    def watched(self, rows: Iterable[Row], device_ids: Iterable[str]) -> Iterator[Row]:
        """The rows, and at their end the log's span for each device: who is silent says nothing himself."""
        first = last = None
        for row in rows:
            last = row["arrival_time"]
            first = last if first is None else first
            yield row
        if first is None or last is None:
            return
        self.start_ms, self.end_ms = round(first.timestamp() * 1000), round(last.timestamp() * 1000)
        for device_id in device_ids:
            yield {"device_id": device_id, "start": self.start_ms, "end": self.end_ms}


def recorded(pings: Path, confirmations: Path) -> Iterator[Row]:
    """The rows of two files in order of arrival, pings first where equal."""
    return heapq.merge(_rows(pings), _rows(confirmations), key=lambda row: row["arrival_time"])


def _rows(path: Path) -> Iterator[Row]:
    for batch in pq.ParquetFile(path).iter_batches():
        yield from batch.to_pylist()
