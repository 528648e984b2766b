"""Rows that bear one id and hold at one time."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import TypeVar

from pipeline.sites.cells import Span

Id = TypeVar("Id")


def overlaps(versions: Iterable[tuple[Id, Span, int]]) -> Iterator[tuple[int, int]]:
    """Pairs (number, number of an earlier-starting one) of one id whose spans share an instant.

    ``versions`` are (id, span, number). Each number comes at most once on the left, beside the one
    before it that holds longest, so that n copies of a row are n − 1 pairs and not n².
    """
    by_id: dict[Id, list[tuple[Span, int]]] = {}
    for name, span, number in versions:
        by_id.setdefault(name, []).append((span, number))
    for held in by_id.values():
        if len(held) > 1:
            yield from _neighbours(sorted(held))


def _neighbours(held: list[tuple[Span, int]]) -> Iterator[tuple[int, int]]:
    (_, longest_end_ms), longest = held[0]
    for (start_ms, end_ms), number in held[1:]:
        if start_ms < longest_end_ms:
            yield number, longest
        if end_ms > longest_end_ms:
            longest_end_ms, longest = end_ms, number
