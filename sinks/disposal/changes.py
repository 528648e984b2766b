"""Changes of alerts taken from the engine: newer revisions replace facts, and each new fact enters the timeline."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import asdict, dataclass, fields, replace
from itertools import batched
from typing import Any
