"""Rows in merged order: what is accepted, what is refused and why, and where the clock stands."""

from __future__ import annotations

import json

import numpy as np
import pytest
from case_files import CASES  # type: ignore[import-not-found]
