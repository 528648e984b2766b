"""Arrays taken apart without decoding them, and the depth that no row may have."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.reading.nesting import NESTING_MOST, elements_of, is_too_deep

#: A text and its elements; None where it is no array.
ARRAYS: list[tuple[bytes, list[bytes] | None]] = [
    (b"[]", []),
    (b" [ ] \n", []),
    (b"[1,2]", [b"1", b"2"]),
    (b'[ {"a": [1, 2]} ,\n\t"x,]" ]', [b'{"a": [1, 2]}', b'"x,]"']),
    (b'["\\"", "\\\\"]', [b'"\\""', b'"\\\\"']),
    (b'[{"a":\n1}]', [b'{"a": 1}']),
    (b'["a\nb"]', [b'"a\0b"']),  # no JSON before, and none after
    (b'["a\\\nb"]', [b'"a\\\0b"']),
    (b"[1 2]", [b"1 2"]),
    (b"[nonsense, 3]", [b"nonsense", b"3"]),
    (b"[1,]", None),
    (b"[,1]", None),
    (b"[1", None),
    (b"[1]]", None),
    (b"[1] x", None),
    (b"[{]", None),
    (b'["a]', None),
    (b"{}", None),
    (b"", None),
]


@pytest.mark.parametrize(("text", "elements"), ARRAYS)
def test_elements(text: bytes, elements: list[bytes] | None) -> None:
    assert elements_of(text) == elements


anything = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3), inner, max_size=3),
    max_leaves=8,
)


@given(st.lists(anything, max_size=5), st.sampled_from([None, 0, 2]))
def test_elements_are_those_that_json_finds(values: list[object], indent: int | None) -> None:
    found = elements_of(json.dumps(values, indent=indent, ensure_ascii=False).encode())
    assert found is not None
    assert [json.loads(element) for element in found] == values
    assert not any(b"\n" in element for element in found)


@pytest.mark.parametrize(
    ("text", "too_deep"),
    [
        (b"[" * NESTING_MOST, False),
        (b"[" * (NESTING_MOST + 1), True),
        (b"[]" * 5000, False),
        (b'"' + b"[" * 5000 + b'"', False),
        (b'"\\"' + b"{" * 5000, False),
        (b'{"a":' * (NESTING_MOST + 1), True),
    ],
)
def test_depth(text: bytes, too_deep: bool) -> None:
    assert is_too_deep(text) is too_deep
