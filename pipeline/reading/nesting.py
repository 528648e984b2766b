"""How deep JSON is nested, and where the elements of an array stand: found without decoding anything."""

from __future__ import annotations

import numpy as np
from numba import njit
from numpy.typing import NDArray

#: Deeper values are no row. Python's own limit depends on its version and on who calls the decoder, this one
#: on nothing.
NESTING_MOST = 500


def is_too_deep(text: bytes) -> bool:
    """Whether brackets in JSON text are open within each other more than NESTING_MOST times."""
    # With few brackets at all it cannot be deep, which spares nearly every row the look at each letter.
    if text.count(b"[") + text.count(b"{") <= NESTING_MOST:
        return False
    return bool(_deepest(np.frombuffer(text, np.uint8)) > NESTING_MOST)


def elements_of(text: bytes) -> list[bytes] | None:
    """The elements of a JSON array, each on one line as it stands; None where the brackets form no array.

    Whether an element is JSON is for whoever decodes it. A newline within an element becomes a blank, but
    within a string, where JSON has none, a sign that keeps the element as wrong as it is.
    """
    letters = np.frombuffer(text, np.uint8).copy()
    bounds = np.empty((text.count(b",") + 1, 2), np.int64)
    found = _split(letters, bounds)
    if found < 0:
        return None
    flat = letters.tobytes()
    parts = [flat[start:end].strip(b" \t\r") for start, end in bounds[:found].tolist()]
    if parts == [b""]:
        return []
    return None if b"" in parts else parts


@njit(cache=True, nogil=True)
def _deepest(text: NDArray[np.uint8]) -> int:
    deepest, depth, quoted, place = 0, 0, False, 0
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
            deepest = max(deepest, depth)
        elif sign == 93 or sign == 125:
            depth -= 1
        place += 1
    return deepest


@njit(cache=True, nogil=True)
def _split(text: NDArray[np.uint8], bounds: NDArray[np.int64]) -> int:
    """Where each element starts and ends, in place; how many there are, -1 where this is no array."""
    found, depth, quoted, place, start, closed = 0, 0, False, 0, 0, False
    while place < len(text):
        sign = text[place]
        if sign == 10 or sign == 13:
            text[place] = 0 if quoted else 32
        elif quoted:
            if sign == 92:
                place += 1
                if place < len(text) and text[place] == 10:
                    text[place] = 0
            elif sign == 34:
                quoted = False
        elif sign == 32 or sign == 9:
            pass
        elif closed or (depth == 0 and sign != 91):
            return -1
        elif sign == 34:
            quoted = True
        elif sign == 91 or sign == 123:
            depth += 1
            if depth == 1:
                start = place + 1
        elif sign == 93 or sign == 125:
            depth -= 1
            if depth == 0:
                if sign != 93:
                    return -1
                bounds[found, 0], bounds[found, 1] = start, place
                found += 1
                closed = True
        elif sign == 44 and depth == 1:
            bounds[found, 0], bounds[found, 1] = start, place
            found += 1
            start = place + 1
        place += 1
    return found if closed else -1
