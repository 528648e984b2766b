"""Texts of JSON without the space between their tokens: the same values, and never of what was no JSON."""

from __future__ import annotations

import json
import re
from random import Random
from typing import Any

import numpy as np
import pytest
from seeds import seeds

from pipeline.sites.plain_text import compact_elements, put_in_order, rows_as_json

_PIECES = ('"', ",", "\\", "\n", " ", "\t", "{", "}", "[", "]", ":", "1", "-", "null", "\x00", "\x0b", "é")
_TEXTS = ("", "a", ": ", '"', "\\", "a,b", "{[", "é\u2028", 'x": y', "\n")
_MEMBERS, _PROPERTIES = ("type", "properties", "geometry"), ("id", "name", "rule", "names")


def value(dice: Random, depth: int = 0) -> Any:
    kind = dice.randrange(6 if depth < 3 else 4)
    if kind == 4:
        return [value(dice, depth + 1) for _ in range(dice.randrange(3))]
    if kind == 5:
        return {dice.choice(_TEXTS): value(dice, depth + 1) for _ in range(dice.randrange(3))}
    return (dice.choice(_TEXTS), dice.randint(-9, 9), dice.random(), dice.choice((None, True, False)))[kind]


def written(what: Any, dice: Random) -> str:
    """JSON with any space between its tokens, and none in its texts."""
    text = json.dumps(what, ensure_ascii=dice.random() < 0.5, indent=dice.choice((None, 0, 3)))
    tokens = re.findall(r'"(?:[^"\\]|\\.)*"|[^\s"{}\[\],:]+|[{}\[\],:]', text)
    return "".join(dice.choice(("", "", " ", "\n", " \t\r\n")) + token for token in tokens)


def compacted(text: str | bytes) -> bytes | None:
    content = text.encode() if isinstance(text, str) else text
    into = np.empty(len(content) + 64, np.uint8)
    length = compact_elements(np.frombuffer(content, np.uint8), into)
    return None if length < 0 else into[:length].tobytes()


@pytest.mark.parametrize("seed", seeds(300, 60))
def test_elements_have_a_line_each(seed: int) -> None:
    dice = Random(seed)
    elements = [value(dice, 1) for _ in range(dice.randrange(6))]
    found = compacted(written({"features": elements}, dice))
    assert found is not None
    assert found.startswith(b'{"features":[')
    assert found.endswith(b"\n]}")
    lines = found.removeprefix(b'{"features":[').removesuffix(b"\n]}").split(b"\n")
    assert [json.loads(line) for line in lines if line] == elements
    assert all(b" " not in re.sub(rb'"(?:[^"\\]|\\.)*"', b"", line) for line in lines)


@pytest.mark.parametrize("seed", seeds(600, 120))
def test_what_is_json_afterwards_said_the_same_before(seed: int) -> None:
    """A text that was spoilt anywhere is never made sound."""
    dice = Random(seed)
    text = written({"features": [value(dice, 1) for _ in range(3)]}, dice)
    for _ in range(dice.randint(1, 3)):
        at = dice.randint(0, len(text))
        text = text[:at] + dice.choice((*_PIECES, "")) + text[at + dice.randint(0, 1) :]
    found = compacted(text)
    try:
        after = None if found is None else json.loads(found.replace(b"\n]", b"]").replace(b"\n", b","))
    except ValueError:
        return
    if found is not None:
        assert json.loads(text) == after


def in_order(lines: list[bytes]) -> list[bytes]:
    text = np.frombuffer(b"".join(line + b"\n" for line in lines), np.uint8).copy()
    names = [np.frombuffer("".join(of).encode(), np.uint8) for of in (_MEMBERS, _PROPERTIES)]
    ends = [np.cumsum([0, *map(len, of)]) for of in (_MEMBERS, _PROPERTIES)]
    put_in_order(text, names[0], ends[0], names[1], ends[1])
    return text.tobytes().split(b"\n")[:-1]


def as_line(pairs: list[tuple[str, bytes]]) -> bytes:
    return b"{" + b",".join(f'"{name}":'.encode() + text for name, text in pairs) + b"}"


def members(
    dice: Random, names: tuple[str, ...], texts: dict[str, bytes]
) -> tuple[list[tuple[str, bytes]], bool]:
    """Some members in any order, now and then one that is unknown or stands twice, and whether none does."""
    chosen = dice.sample(names, dice.randint(0, len(names)))
    odd = dice.random() < 0.2
    pairs = [
        (name, texts.get(name) or json.dumps(value(dice), separators=(",", ":")).encode()) for name in chosen
    ]
    if odd:
        extra = dice.choice((*chosen, "other", "type "))
        pairs.insert(dice.randint(0, len(pairs)), (extra, b"1"))
    return pairs, not odd


@pytest.mark.parametrize("seed", seeds(300, 60))
def test_members_come_in_order(seed: int) -> None:
    dice = Random(seed)
    lines, expected = [], []
    for _ in range(5):
        inner, is_plain = members(dice, _PROPERTIES, {})
        outer, is_known = members(dice, _MEMBERS, {"properties": as_line(inner)})
        ordered = sorted(inner, key=lambda pair: _PROPERTIES.index(pair[0])) if is_plain else inner
        lines.append(as_line(outer))
        if is_known and any(name == "properties" for name, _ in outer):
            outer.sort(key=lambda pair: _MEMBERS.index(pair[0]))
            outer = [(name, as_line(ordered) if name == "properties" else text) for name, text in outer]
        expected.append(as_line(outer))
    assert in_order(lines) == expected


@pytest.mark.parametrize("seed", seeds(300, 60))
def test_lines_of_any_kind_keep_their_bytes(seed: int) -> None:
    dice = Random(seed)
    line = as_line(
        members(dice, _MEMBERS, {"properties": as_line(members(dice, _PROPERTIES, {})[0])})[0]
    ).decode()
    for _ in range(dice.randint(1, 3)):
        at = dice.randint(0, len(line))
        line = (line[:at] + dice.choice(_PIECES) + line[at + dice.randint(0, 1) :]).replace("\n", "")
    (found,) = in_order([line.encode()])
    assert sorted(found) == sorted(line.encode())
    try:
        said = json.loads(line)
    except ValueError:
        return
    assert json.loads(found) == said


@pytest.mark.parametrize("seed", seeds(200, 40))
def test_rows_become_lines(seed: int) -> None:
    dice = Random(seed)
    columns = dice.randint(1, 4)
    cells = ("", "a", "é", "long " * 5)
    rows = [[dice.choice(cells) for _ in range(columns)] for _ in range(dice.randint(0, 6))]
    lines = [",".join(row) for row in rows]
    if dice.random() < 0.3 and lines:
        lines[dice.randrange(len(lines))] += dice.choice((",", ",b"))
    text = "\n".join(lines) + dice.choice(("", "\n", "\n\n"))
    between = ["{", *(f"<{number}>" for number in range(1, columns)), "}"]
    pieces = "".join(between).encode()
    most = dice.choice((10, 1_000))
    into = np.empty(len(text.encode()) + (text.count("\n") + 1) * (len(pieces) + 1), np.uint8)
    ends = np.cumsum(list(map(len, between)))
    length = rows_as_json(
        np.frombuffer(text.encode(), np.uint8), np.frombuffer(pieces, np.uint8), ends, most, into
    )
    given = [line for line in text.split("\n") if line]
    sound = all(line.count(",") == columns - 1 and len(line.encode()) <= most for line in given)
    if not sound:
        assert length == -1
    else:
        wanted = "".join(
            "".join(a + b for a, b in zip(between, line.split(","), strict=False)) + "}\n" for line in given
        )
        assert into[:length].tobytes().decode() == wanted
