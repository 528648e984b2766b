"""Edges of rings and lines as columns: what areas are before they are cut into pieces."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Longs = NDArray[np.int64]


class Edges(NamedTuple):
    """Edges in the order of their chains; ``chain`` names the ring or line, ``area`` its owner."""

    area: Longs
    chain: Longs
    ends: Floats  # (edges, 4) lon, lat of the start, lon, lat of the end
