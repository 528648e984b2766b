"""Tables as TOML, for what came as JSON and has to be a file again."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from typing import Any


def toml_text(table: Mapping[str, Any]) -> str:
    """A table of texts, numbers, lists and tables (nothing is None) as TOML that reads back equal."""
    return "\n".join(_lines(table, ())) + "\n"


def _lines(table: Mapping[str, Any], path: tuple[str, ...]) -> Iterator[str]:
    """Its own values first: behind the head of a table all would belong to that."""
    if path:
        yield f"[{'.'.join(map(_text, path))}]"
    yield from (f"{_text(name)} = {_value(value)}" for name, value in table.items() if not _is_table(value))
    for name, value in table.items():
        if _is_table(value):
            yield from _lines(value, (*path, name))


def _is_table(value: object) -> bool:
    return isinstance(value, Mapping)


def _value(value: Any) -> str:
    if isinstance(value, str):
        return _text(value)
    if isinstance(value, list):
        return f"[{', '.join(map(_value, value))}]"
    if _is_table(value):
        return f"{{{', '.join(f'{_text(name)} = {_value(each)}' for name, each in value.items())}}}"
    return json.dumps(value)


def _text(text: str) -> str:
    """JSON's text is TOML's, but for one sign that TOML wants escaped."""
    return json.dumps(text, ensure_ascii=False).replace("\x7f", "\\u007f")
