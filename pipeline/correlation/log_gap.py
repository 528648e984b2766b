"""The log's clock stood still: nobody was watched for a while, which is one alert about the system."""

from __future__ import annotations

from pipeline.correlation.report import GapSeen
from pipeline.rules.catalogue import LOG_GAP
from sinks.alert import Alert, alert_without_place


def log_gap_alert(gap: GapSeen) -> Alert:
    """About no person, for the highest office, and over when it is raised."""
    return alert_without_place(
        LOG_GAP.kind,
        LOG_GAP.severity_at(),
        "log",
        person_id="",
        office_id=gap.office_id,
        onset_ms=gap.from_ms,
        raised_ms=gap.to_ms,
        cleared_ms=gap.to_ms,
        policy_version=gap.policy_version,
    )
