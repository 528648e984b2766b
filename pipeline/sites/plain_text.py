"""Large files of a site as lines of JSON with nothing between its tokens, byte by byte; compiled.

Kernels that call one another stand in one file: see ``geofences.compiled``.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from geofences.compiled import compiled

Bytes = NDArray[np.uint8]
Ints = NDArray[np.int64]

_LINE_FEED, _COMMA, _QUOTE, _BACKSLASH, _COLON = ord("\n"), ord(","), ord('"'), ord("\\"), ord(":")
_OPEN_BRACE, _CLOSE_BRACE, _SPACE = ord("{"), ord("}"), ord(" ")
#: What a byte is outside of texts; from a comma on it begins or ends a token, whatever is beside it.
_OTHER, _GAP, _BETWEEN, _QUOTED, _OPENING, _CLOSING = range(6)
_KINDS = np.full(256, _OTHER, np.uint8)
for _kind, _letters in (
    (_GAP, b" \t\r\n"),
    (_BETWEEN, b",:"),
    (_QUOTED, b'"'),
    (_OPENING, b"{["),
    (_CLOSING, b"}]"),
):
    _KINDS[list(_letters)] = _kind
#: Where a byte stands: outside of texts, in one, or behind a backslash in one.
_OUTSIDE, _INSIDE, _ESCAPED = range(3)
#: How deep the elements stand in the array of an object.
_ELEMENTS = 2


@compiled
def _behind(byte: int, where: int) -> int:
    """Where the byte behind one stands that stands in a text."""
    if where == _ESCAPED:
        return _INSIDE
    if byte == _BACKSLASH:
        return _ESCAPED
    return _OUTSIDE if byte == _QUOTE else _INSIDE


@compiled
def compact_elements(text: Bytes, into: Bytes) -> int:
    """JSON without the space between its tokens; how many bytes that is, -1 where it may be no JSON.

    Of an object with arrays each element has its line: a line feed stands for the comma behind it, and
    before the end of an array; -1 also where these leave no room in ``into``. What is found to be JSON
    afterwards, was JSON with the same tokens before.
    """
    count, depth, last = 0, 0, _BETWEEN
    was_gap, where = False, _OUTSIDE
    for byte in text:
        is_between = False
        if where != _OUTSIDE:
            if byte < _SPACE:
                return -1
            where = _behind(byte, where)
        else:
            kind = _KINDS[byte]
            if kind == _GAP:
                was_gap = True
                continue
            if was_gap and kind == _OTHER and last == _OTHER:
                return -1
            last, was_gap = kind, False
            if kind == _QUOTED:
                where = _INSIDE
            elif kind == _OPENING:
                depth += 1
            elif kind == _CLOSING:
                if depth == _ELEMENTS and count < len(into):
                    into[count] = _LINE_FEED
                    count += 1
                depth -= 1
            else:
                is_between = byte == _COMMA and depth == _ELEMENTS
        if count == len(into):
            return -1
        into[count] = _LINE_FEED if is_between else byte
        count += 1
    return -1 if where != _OUTSIDE or depth else count


@compiled
def put_in_order(text: Bytes, outer: Bytes, outer_ends: Ints, inner: Bytes, inner_ends: Ints) -> None:
    """Puts members and properties of features in order: they have a line each, and no space between tokens.

    ``outer`` and ``inner`` are the names that they may have in their order, up to ``ends`` each, the first
    of which is 0; the second of ``outer`` has the properties. What has others, or one twice, stays as it is.
    """
    members = np.empty((len(outer_ends) - 1, 2), np.int64)
    properties = np.empty((len(inner_ends) - 1, 2), np.int64)
    to_value = outer_ends[2] - outer_ends[1] + 3  # the name, its quotes and the colon
    begin = 0
    for end in range(len(text)):
        if text[end] != _LINE_FEED:
            continue
        if _find_members(text, begin, end, outer, outer_ends, members) and members[1, 0] >= 0:
            _put_members(text, begin, end, members)
            first = begin + 1 + to_value
            if members[0, 0] >= 0:
                first += members[0, 1] - members[0, 0] + 1
            last = first + members[1, 1] - members[1, 0] - to_value
            if _find_members(text, first, last, inner, inner_ends, properties):
                _put_members(text, first, last, properties)
        begin = end + 1


@compiled
def _find_members(text: Bytes, begin: int, end: int, names: Bytes, ends: Ints, members: Ints) -> bool:
    """Fills in where the members of an object stand, -1 where it lacks one; False where it has others."""
    if end - begin < 3 or text[begin] != _OPEN_BRACE or text[end - 1] != _CLOSE_BRACE:
        return False
    members[:] = -1
    first, depth, number, where = begin + 1, 0, -1, _OUTSIDE
    for place in range(begin + 1, end):
        byte = text[place]
        if where != _OUTSIDE:
            where = _behind(byte, where)
            continue
        kind = _KINDS[byte]
        if kind == _QUOTED:
            where = _INSIDE
        elif depth == 0 and (byte == _COMMA or place == end - 1):
            number = _number_of(text, first, place, names, ends, number + 1)
            if number < 0 or members[number, 0] >= 0:
                return False
            members[number, 0], members[number, 1] = first, place
            first = place + 1
        elif kind == _OPENING:
            depth += 1
        elif kind == _CLOSING:
            depth -= 1
    return first == end


@compiled
def _number_of(text: Bytes, begin: int, end: int, names: Bytes, ends: Ints, likely: int) -> int:
    """Which of the names a member begins with, in quotes and with a colon; -1: none of them.

    Those from ``likely`` on are looked at first.
    """
    count = len(ends) - 1
    for step in range(count):
        number = likely + step if likely + step < count else likely + step - count
        length = ends[number + 1] - ends[number]
        colon = begin + length + 2
        if colon >= end or text[begin] != _QUOTE or text[colon - 1] != _QUOTE or text[colon] != _COLON:
            continue
        is_same = True
        for place in range(length):
            if text[begin + 1 + place] != names[ends[number] + place]:
                is_same = False
                break
        if is_same:
            return number
    return -1


@compiled
def _put_members(text: Bytes, begin: int, end: int, members: Ints) -> None:
    """Puts the members of an object in their order, in which it has as many bytes as in any other."""
    last, are_in_order = begin, True
    for number in range(len(members)):
        if members[number, 0] >= 0:
            are_in_order = are_in_order and members[number, 0] > last
            last = members[number, 0]
    if are_in_order:
        return
    before, at = text[begin:end].copy(), begin
    for number in range(len(members)):
        if members[number, 0] >= 0:
            for place in range(members[number, 0], members[number, 1]):
                at += 1
                text[at] = before[place - begin]
            at += 1
            text[at] = _COMMA
    text[at] = _CLOSE_BRACE


@compiled
def rows_as_json(text: Bytes, between: Bytes, ends: Ints, most: int, into: Bytes) -> int:
    """Rows of cells without quotes as a line of JSON each; how many bytes that is.

    ``between`` is what stands before each cell and after the last one, up to ``ends`` each. -1 where a row
    has more or fewer cells, or more than ``most`` bytes. Empty lines are no rows.
    """
    cells = len(ends) - 1
    count, at = 0, 0
    while at < len(text):
        if text[at] == _LINE_FEED:
            at += 1
            continue
        begin, cell = at, 0
        for place in range(ends[0]):
            into[count] = between[place]
            count += 1
        while True:
            is_end = at == len(text) or text[at] == _LINE_FEED
            if is_end or text[at] == _COMMA:
                cell += 1
                if cell > cells or (is_end and cell < cells):
                    return -1
                for place in range(ends[cell - 1], ends[cell]):
                    into[count] = between[place]
                    count += 1
                if is_end:
                    break
            else:
                into[count] = text[at]
                count += 1
            at += 1
        if at - begin > most:
            return -1
        into[count] = _LINE_FEED
        count += 1
        at += 1
    return count
