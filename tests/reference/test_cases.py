"""The reference gives every worked case its result, ours and those that lie beside the checkout."""

from __future__ import annotations

import pytest
from case_files import OWN_CASES, SHARED_CASES, Case, case_name, cases_in, differences

from pipeline.reference import judge, read_rows
from pipeline.sites.load import load_site
from sinks.alert import alert_line


def _differences(case: Case) -> list[str]:
    site = load_site(case.site)
    rows, rejects = read_rows(site, case.pings, case.confirmations)
    alerts = judge(site, rows, case.until_ms)
    return differences(case, [alert_line(alert) for alert in alerts], [reason for _, _, reason in rejects])


@pytest.mark.parametrize("case", cases_in(OWN_CASES), ids=case_name)
def test_own_case(case: Case) -> None:
    assert _differences(case) == []


@pytest.mark.parametrize("case", cases_in(SHARED_CASES), ids=case_name)
def test_shared_case(case: Case) -> None:
    assert _differences(case) == []


@pytest.mark.skipif(not SHARED_CASES.is_dir(), reason="no ../shared/data/cases beside the checkout")
def test_the_shared_cases_are_there() -> None:
    assert cases_in(SHARED_CASES), "an empty folder of cases would prove nothing"


def test_there_are_cases_of_our_own() -> None:
    assert len(cases_in(OWN_CASES)) >= 25
