"""The rules written down plainly: the definition that the fast engine is compared with."""

from __future__ import annotations

from pipeline.reference.judging import judge
from pipeline.reference.row import ReferenceRow
from pipeline.reference.rows import read_rows
from pipeline.reference.side import Distances

__all__ = ["Distances", "ReferenceRow", "judge", "read_rows"]
