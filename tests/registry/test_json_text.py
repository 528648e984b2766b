"""JSON that is written and read fast is what Python's own module would have written and read."""

from __future__ import annotations

import json
import random
from typing import Any

import pytest

from pipeline.json_text import json_text, json_value

TEXTS = ("", "a", 'a "quote"\\', "张\u2028\x7f\x01\n", "NaN", "2025-07-14T00:00:00.000Z", "\U0001f600")
NUMBERS = (0, -0.0, 5, 5.0, 0.1, 1e-5, 1e16, 1e308, -(2**63), 2**64, 10**25, float("nan"), float("inf"))


def value(dice: random.Random, depth: int = 0) -> Any:
    kind = dice.randrange(7 if depth < 3 else 4)
    if kind < 4:
        return (dice.choice(TEXTS), dice.choice(NUMBERS), None, dice.random() < 0.5)[kind]
    held = [value(dice, depth + 1) for _ in range(dice.randrange(4))]
    if kind == 4:
        return held
    return tuple(held) if kind == 5 else {dice.choice((*TEXTS, 7, None)): one for one in held}


@pytest.mark.parametrize("seed", range(300))
def test_it_reads_what_json_reads_of_what_json_writes(seed: int) -> None:
    given = value(random.Random(seed))
    wanted = json.loads(json.dumps(given))
    assert repr(json_value(json_text(given))) == repr(wanted)
    assert repr(json_value(json.dumps(given))) == repr(wanted)
    assert repr(json_value(json.dumps(given).encode())) == repr(wanted)


@pytest.mark.parametrize("given", [{1, 2}, b"bytes", object(), {"a": {3}}])
def test_what_is_not_of_json_is_refused(given: object) -> None:
    with pytest.raises(TypeError):
        json_text(given)


@pytest.mark.parametrize("text", ["", "{", '{"a": 01}', "[1,]", '"\x01"', "nul"])
def test_what_is_no_json_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match=r"."):
        json_value(text)
