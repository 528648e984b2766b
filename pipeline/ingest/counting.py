"""How many rows a body may have at most, counted before any of them is decoded."""

from __future__ import annotations

import numpy as np
from numba import njit
from numpy.typing import NDArray


def has_more_lines(text: bytes, most: int) -> bool:
    """Whether a text has more lines than that; blank ones count as well."""
    return text.count(b"\n") + (not text.endswith(b"\n")) > most


def has_more_elements(text: bytes, most: int) -> bool:
    """Whether a JSON array has more elements than that; of what is no JSON anything may be said."""
    # With few commas at all the array is short, which spares most bodies the look at every letter.
    return text.count(b",") >= most and _commas(np.frombuffer(text, np.uint8)) >= most


@njit(cache=True, nogil=True)
def _commas(text: NDArray[np.uint8]) -> int:
    """The commas right within the outermost brackets."""
    found, depth, quoted, place = 0, 0, False, 0
    while place < len(text):
        sign = text[place]
        if quoted:
            if sign == 92:  # a backslash: the sign after it ends no string
                place += 1
            elif sign == 34:
                quoted = False
        elif sign == 34:
            quoted = True
        elif sign == 91 or sign == 123:
            depth += 1
        elif sign == 93 or sign == 125:
            depth -= 1
        elif sign == 44 and depth == 1:
            found += 1
        place += 1
    return found
