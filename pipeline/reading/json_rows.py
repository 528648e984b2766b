"""Decodes flat JSON objects, one a line, into columns; compiled.

pyarrow's JSON reader was measured first and left: it takes rows apart by objects instead of lines, drops
invalid UTF-8 and duplicate keys silently, and a ``null`` as first line ends the process. Here every line
that is not of the plain form is flagged UNPLAIN and read by ``exact`` instead, so that only speed depends
on what the plain form is.
"""

from __future__ import annotations

import numpy as np
from numba import njit
from numpy.typing import NDArray

from pipeline.bare import bare
from pipeline.columns import TEXT
from pipeline.reading.device_ids import COLUMN_WORD, find
from pipeline.reading.digits import scan_number
from pipeline.reading.fields import (
    BROKEN,
    UNPLAIN,
    Field,
    Fields,
    begin_row,
    is_utf8,
    put_number,
    put_text,
    put_truth,
)

#: How many unknown names one chunk can tell apart; lines with still more go the exact way.
UNKNOWN_COLUMNS_MOST = 60

#: The bytes of a string that mean nothing else: ASCII but control signs, quote and backslash.
_ORDINARY = np.array([32 <= sign < 128 and sign not in b'"\\' for sign in range(256)])


@njit(cache=True, nogil=True)
def decode_lines(
    text: NDArray[np.uint8],
    start: int,
    last: bool,
    line_most: int,
    content: NDArray[np.int8],
    order: NDArray[np.int64],
    letters: NDArray[np.uint8],
    offsets: NDArray[np.int64],
    slots: NDArray[np.int32],
    unknown_columns: NDArray[np.int64],
    fields: Fields,
) -> tuple[int, int]:
    """Decodes whole lines of ``text[start:]`` until there are no more, or ``fields`` is full.

    The last byte is a newline that was put there; unless ``last`` says that nothing follows, the line it
    ends is left for the next call. Blank lines are no rows; a line longer than ``line_most`` is broken.
    Returns the number of rows and where the next line starts.
    """
    return _decode_lines(
        bare(text),
        start,
        last,
        line_most,
        bare(content),
        bare(order),
        bare(letters),
        bare(offsets),
        bare(slots),
        bare(unknown_columns),
        bare(fields),
    )


@njit(cache=True, nogil=True)
def _decode_lines(
    text: NDArray[np.uint8],
    start: int,
    last: bool,
    line_most: int,
    content: NDArray[np.int8],
    order: NDArray[np.int64],
    letters: NDArray[np.uint8],
    offsets: NDArray[np.int64],
    slots: NDArray[np.int32],
    unknown_columns: NDArray[np.int64],
    fields: Fields,
) -> tuple[int, int]:
    row, line, stop = 0, start, len(text)
    while line < stop and row < len(fields):
        place = _after_blanks(text, line)
        if text[place] == 10:
            if place + 1 == stop and not last:
                break
            line = place + 1
            continue
        begin_row(fields[row])
        place = _decode_object(
            text, place, content, order, letters, offsets, slots, unknown_columns, fields[row]
        )
        if place < 0:
            fields[row]["flags"] = UNPLAIN
            place = line
            while text[place] != 10:
                place += 1
        if place + 1 == stop and not last:
            break
        end = place
        if text[end - 1] == 13:
            end -= 1
        if end - line > line_most:
            fields[row]["flags"] = BROKEN
        fields[row]["start"], fields[row]["end"] = line, end
        row += 1
        line = place + 1
    return row, line


@njit(cache=True, nogil=True, forceinline=True)
def _after_blanks(text: NDArray[np.uint8], place: int) -> int:
    """Where JSON's white space ends; a newline is not skipped."""
    while text[place] == 32 or text[place] == 13 or text[place] == 9:
        place += 1
    return place


@njit(cache=True, nogil=True, forceinline=True)
def _decode_object(
    text: NDArray[np.uint8],
    place: int,
    content: NDArray[np.int8],
    order: NDArray[np.int64],
    letters: NDArray[np.uint8],
    offsets: NDArray[np.int64],
    slots: NDArray[np.int32],
    unknown_columns: NDArray[np.int64],
    row: Field,
) -> int:
    """Reads one object that is alone on its line; the place of the newline, -1 where it is not plain."""
    line = place
    if text[place] != 123:
        return -1
    place = _after_blanks(text, place + 1)
    seen, strange, turn, wide = 0, 0, 0, False
    while text[place] != 125:
        if text[place] != 34:
            return -1
        column = order[turn] if turn < len(order) else -1
        close = _after_word(text, place + 1, column, letters, offsets)
        if close < 0:
            close, plain, high = _scan_string(text, place + 1)
            if close < 0 or not plain:
                return -1
            wide |= high
            column = find(letters, offsets, slots, COLUMN_WORD, text, place + 1, close)
            if turn < len(order):
                order[turn] = column
        if column >= 0 and content[column] >= 0:
            if seen >> column & 1:
                return -1
            seen |= 1 << column
        else:
            unknown_column = _unknown_column(text, place + 1, close, unknown_columns)
            if unknown_column < 0:
                return -1
            strange |= 1 << unknown_column
        place = _after_blanks(text, close + 1)
        if text[place] != 58:
            return -1
        place = _after_blanks(text, place + 1)
        holds = int(content[column]) if column >= 0 else -1
        place, high = _decode_value(text, place, holds, letters, offsets, slots, row)
        if place < 0:
            return -1
        wide |= high
        place = _after_blanks(text, place)
        turn += 1
        if text[place] == 44:
            place = _after_blanks(text, place + 1)
            if text[place] != 34:
                return -1
        elif text[place] != 125:
            return -1
    place = _after_blanks(text, place + 1)
    if text[place] != 10 or (wide and not is_utf8(text, line, place)):
        return -1
    row["given"] = seen
    unknown_column = 0
    while strange != 0:
        unknown_columns[unknown_column, 2] += strange & 1
        strange >>= 1
        unknown_column += 1
    return place


@njit(cache=True, nogil=True, forceinline=True)
def _after_word(
    text: NDArray[np.uint8],
    place: int,
    number: int,
    letters: NDArray[np.uint8],
    offsets: NDArray[np.int64],
) -> int:
    """The closing quote where a known name stands here; lines mostly keep one order. -1 where not."""
    if number < 0:
        return -1
    for letter in range(offsets[number] + 1, offsets[number + 1]):
        if text[place] != letters[letter]:
            return -1
        place += 1
    return place if text[place] == 34 else -1


@njit(cache=True, nogil=True, forceinline=True)
def _unknown_column(text: NDArray[np.uint8], start: int, end: int, unknown_columns: NDArray[np.int64]) -> int:
    """The number of an unknown name in this chunk, -1 where there is no more room for a new one."""
    for number in range(len(unknown_columns)):
        first, last = unknown_columns[number, 0], unknown_columns[number, 1]
        if last == 0:
            unknown_columns[number, 0], unknown_columns[number, 1] = start, end
            return number
        same = last - first == end - start
        place = start
        while same and place < end:
            same = text[place] == text[first + place - start]
            place += 1
        if same:
            return number
    return -1


@njit(cache=True, nogil=True, forceinline=True)
def _scan_string(text: NDArray[np.uint8], place: int) -> tuple[int, bool, bool]:
    """The closing quote of a string (-1: broken), whether it has no escapes, whether any high byte."""
    plain, high = True, False
    while True:
        while _ORDINARY[text[place]]:
            place += 1
        sign = text[place]
        if sign == 34:
            return place, plain, high
        if sign < 32:
            return -1, False, False
        if sign >= 128:
            high = True
        else:
            plain = False
            place = _escaped(text, place + 1)
            if place < 0:
                return -1, False, False
        place += 1


@njit(cache=True, nogil=True)
def _escaped(text: NDArray[np.uint8], place: int) -> int:
    """The last sign of the escape sequence that goes on here after its backslash; -1 where it is none."""
    sign = text[place]
    if sign == 117:
        for digit in range(1, 5):
            if not _is_hex(text[place + digit]):
                return -1
        return place + 4
    return place if sign in (34, 47, 92, 98, 102, 110, 114, 116) else -1


@njit(cache=True, nogil=True, forceinline=True)
def _is_hex(sign: int) -> bool:
    return 48 <= sign <= 57 or 65 <= sign <= 70 or 97 <= sign <= 102


@njit(cache=True, nogil=True, forceinline=True)
def _decode_value(
    text: NDArray[np.uint8],
    place: int,
    content: int,
    letters: NDArray[np.uint8],
    offsets: NDArray[np.int64],
    slots: NDArray[np.int32],
    row: Field,
) -> tuple[int, bool]:
    """Reads one value into its column; where it ends (-1: not plain), and whether it has a high byte."""
    sign = text[place]
    if sign == 34:
        close, plain, high = _scan_string(text, place + 1)
        if close < 0 or (not plain and content >= 0 and content != TEXT):
            return -1, False
        if content >= 0 and not put_text(row, content, text, place + 1, close, letters, offsets, slots):
            return -1, False
        return close + 1, high
    if sign == 45 or 48 <= sign <= 57:
        value, end = scan_number(text, place, len(text), True)
        if end >= 0:
            put_number(row, content, value)
        return end, False
    if sign == 110 and text[place + 1] == 117 and text[place + 2] == 108 and text[place + 3] == 108:
        return place + 4, False
    if sign == 116 and text[place + 1] == 114 and text[place + 2] == 117 and text[place + 3] == 101:
        _put_literal(row, content, True)
        return place + 4, False
    if sign == 102 and text[place + 1] == 97 and text[place + 2] == 108 and text[place + 3] == 115:
        if text[place + 4] != 101:
            return -1, False
        _put_literal(row, content, False)
        return place + 5, False
    return -1, False


@njit(cache=True, nogil=True, forceinline=True)
def _put_literal(row: Field, content: int, value: bool) -> None:
    if content >= 0:
        put_truth(row, content, value)
