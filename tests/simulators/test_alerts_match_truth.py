"""The rules, judged plainly, find what the truth tells of, and little else."""

from __future__ import annotations

import json
from collections import Counter

from geofences.instant import instant_ms
from pipeline.reference import judge, read_rows
from pipeline.sites.load import load_site
from simulators.request import Summary
from sinks.alert import Alert

Row = dict[str, str]

# A phone's three fixes at ten minutes each, some of them without a position.
PLAIN_MS = 50 * 60_000


def belongs(alert: Alert, row: Row) -> bool:
    """Whether an alert is about an incident: the same subject and fence, at about the time."""
    subject = (alert.kind, alert.person_id, alert.device_id, alert.fence_id)
    if subject != (row["kind"], row["person_id"], row["device_id"], row["fence_id"]):
        return False
    if alert.kind == "missed_confirmation":
        return alert.onset_ms == instant_ms(row["from"])
    cleared_ms = alert.cleared_ms or 1 << 60
    return alert.onset_ms <= instant_ms(row["to"]) and cleared_ms >= instant_ms(row["from"])


def test_alerts_match_truth(county: Summary) -> None:
    site = load_site(county.site)
    rows, rejects = read_rows(site, [county.pings_file], [county.confirmations_file])
    assert {reason for _, _, reason in rejects} == {"duplicate"}
    alerts = [alert for alert in judge(site, rows) if alert.withdrawn_ms is None]
    truth: list[Row] = [json.loads(line) for line in county.truth_file.read_text().splitlines()]
    unfounded = Counter(alert.kind for alert in alerts if not any(belongs(alert, row) for row in truth))
    unseen = [
        row
        for row in truth
        if instant_ms(row["to"]) - instant_ms(row["from"]) >= PLAIN_MS
        and not any(belongs(alert, row) for alert in alerts)
    ]
    assert unseen == []
    assert unfounded.keys() <= {"boundary_violation"}, "drift and lying masts only look like leaving"
    assert unfounded.total() <= 0.2 * len(alerts)
