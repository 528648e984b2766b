"""What an import of a site would change of the policies of another."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

from geofences.instant import BEGIN_MS, END_MS
from pipeline.sites.documents import POLICIES, POLICY, Document, SiteDocuments
from pipeline.sites.findings import Findings
from pipeline.sites.policy import Policy
from pipeline.sites.policy_file import policy_table
from pipeline.sites.site_versions import policies_of, span_of
from sinks.alert import instant_text


@dataclass(frozen=True, slots=True)
class _Piece:
    """From an instant on a policy is in force, as this row says it."""

    from_ms: int
    policy: Policy
    row: Document


@dataclass(slots=True)
class PolicyDifference:
    """The operations that make the policies others, a line for each, and what is not taken."""

    operations: list[dict[str, Any]] = field(default_factory=list)
    changes: list[str] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)


def compare_policies(now: SiteDocuments, given: SiteDocuments, clock_ms: int) -> PolicyDifference:
    """What makes the policies of ``now`` those of ``given`` from the log's clock on; both are sound."""
    found = PolicyDifference()
    before, after = _pieces(now, clock_ms, END_MS), _pieces(given, clock_ms, END_MS)
    at_ms = _differ_from(before, after)
    if at_ms is not None:
        put = [piece for piece in after if piece.from_ms >= at_ms]
        in_force = [piece for piece in after if piece.from_ms <= at_ms][-1]
        if in_force not in put:  # what is there ends, and the one before it goes on
            put.insert(0, _Piece(at_ms, in_force.policy, in_force.row))
        _end(found, (row for row in now.policies if span_of(POLICIES, row)[0] >= at_ms), clock_ms)
        for piece in put:
            _put(found, piece, clock_ms)
    past = [_pieces(site, BEGIN_MS, clock_ms) for site in (now, given)]
    if _differ_from(*past) is not None:
        found.notes.append(f"policies: what the files say of the time before {instant_text(clock_ms)}")
    return found


def _pieces(site: SiteDocuments, from_ms: int, to_ms: int) -> list[_Piece]:
    """The policies in force in a span of time; one that says the same as the one before it goes on."""
    rows = {span_of(POLICIES, row)[0]: row for row in site.policies}
    first = {"version": Policy().version, **(policy_table(POLICY, site.policy, Findings()) or {})}
    found: list[_Piece] = []
    for begin_ms, end_ms, policy in policies_of(site.policy, site.policies).spans():
        if begin_ms < to_ms and from_ms < end_ms and not (found and found[-1].policy == policy):
            found.append(_Piece(max(begin_ms, from_ms), policy, rows.get(begin_ms, first)))
    return found


def _differ_from(one: list[_Piece], other: list[_Piece]) -> int | None:
    """The first instant at which another policy is in force; None where there is none."""
    turns = sorted({piece.from_ms for piece in (*one, *other)})
    return next((at_ms for at_ms in turns if _at(one, at_ms) != _at(other, at_ms)), None)


def _at(pieces: list[_Piece], at_ms: int) -> Policy | None:
    begun = [piece.policy for piece in pieces if piece.from_ms <= at_ms]
    return begun[-1] if begun else None


def _end(found: PolicyDifference, rows: Iterable[Document], clock_ms: int) -> None:
    """Each version that is yet to begin is taken out, from the first of its beginnings on."""
    firsts: dict[str, int] = {}
    for row in rows:
        begin_ms = span_of(POLICIES, row)[0]
        firsts[row["version"]] = min(begin_ms, firsts.get(row["version"], begin_ms))
    for version, begin_ms in firsts.items():
        operation = {"op": "end", "table": POLICIES, "row": {"version": version}}
        found.operations.append({**operation, "effective_at": instant_text(max(begin_ms, clock_ms))})
        found.changes.append(f"policies {version}: does not begin at {instant_text(begin_ms)}")


def _put(found: PolicyDifference, piece: _Piece, clock_ms: int) -> None:
    at = None if piece.from_ms <= clock_ms else instant_text(piece.from_ms)
    row = {**piece.row, "valid_from": "" if at is None else at}
    found.operations.append({"op": "put", "table": POLICIES, "row": row, "effective_at": at})
    found.changes.append(
        f"policies {piece.policy.version}: {'from now on' if at is None else f'from {at} on'}"
    )
