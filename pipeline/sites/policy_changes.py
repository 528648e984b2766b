"""Policies that begin while a system runs, or do not begin after all."""

from __future__ import annotations

from collections.abc import Callable

from pipeline.sites.change_faults import Code
from pipeline.sites.documents import POLICIES, Document
from pipeline.sites.findings import Findings, Place
from pipeline.sites.policies import LaterPolicy, Policies
from pipeline.sites.policy_file import later_policy
from pipeline.sites.site_versions import span_of
from sinks.alert import instant_text

#: Notes a fault: (field, what is wrong, what was expected, code).
Complain = Callable[[str, str, str, Code], None]


def put_policy(
    rows: list[Document], row: Document, begin_ms: int, now: Policies, clock_ms: int, complain: Complain
) -> None:
    """Adds a policy from an instant on to the rows of its version; nothing where it is in force already.

    ``now`` are the policies as they would be without it.
    """
    row = {**row, "valid_from": instant_text(begin_ms)}
    later = later_policy(row, Place(Findings(), POLICIES, ""))
    if later is not None:
        if later.policy == now.at(begin_ms) and begin_ms not in now.from_ms:
            return
        _fault_forgotten(later, now, clock_ms, complain)
    rows[:] = [other for other in rows if span_of(POLICIES, other)[0] != begin_ms]
    rows.append(row)


def _fault_forgotten(later: LaterPolicy, now: Policies, clock_ms: int, complain: Complain) -> None:
    """Faults where a policy asks for more of what was than is kept: it could not be judged by it alike."""
    kept_ms, reaches_ms = now.kept_from_ms(clock_ms), later.policy.backfill_horizon_ms
    if later.valid_from_ms - reaches_ms < kept_ms:
        wrong = f"{reaches_ms / 1000:g} s reach back behind {instant_text(kept_ms)}, of which nothing is kept"
        expected = f"a valid_from of {instant_text(kept_ms + reaches_ms)} or later, or a shorter horizon"
        complain("boundary.backfill_horizon_s", wrong, expected, "in_the_past")
    lateness_ms, most_ms = later.policy.allowed_lateness_ms, now.lateness_from_ms(clock_ms)
    if lateness_ms > most_ms:
        wrong = f"{lateness_ms / 1000:g} s are longer than fixes are open for now"
        expected = f"at most {most_ms / 1000:g}: what is older is settled, and stays so"
        complain("boundary.allowed_lateness_s", wrong, expected, "not_supported_yet")


def end_policy(rows: list[Document], at_ms: int, now: Policies, complain: Complain) -> None:
    """Takes out what of a version begins at an instant or later; what is in force ends with the next one."""
    kept = [row for row in rows if span_of(POLICIES, row)[0] < at_ms]
    if len(kept) < len(rows):
        rows[:] = kept
        return
    in_force = [span_of(POLICIES, row)[0] for row in rows]
    if in_force and now.from_ms[now.number_at(at_ms)] in in_force:
        wrong = "is in force then, and only another policy can take its place"
        complain("", wrong, "put, with the policy that is to hold", "not_supported_yet")
    else:
        wrong = f"has no version in force at {instant_text(at_ms)} or later" if rows else "is not known"
        complain("", wrong, "a policy that is yet to begin", "not_in_force")
