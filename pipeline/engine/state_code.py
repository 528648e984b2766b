"""State as bytes without pickle: plain values, columns, and objects of classes that are named beforehand.

Reading it back runs nothing that stands in the bytes. An object that is referred to twice is one object again
afterwards. What a site's compilation makes anew is not written but referred to by a name (``shared``).
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from datetime import date
from enum import Enum
from operator import attrgetter
from typing import Any

import msgspec
import numpy as np
from numpy.typing import DTypeLike, NDArray

from pipeline.engine.growing_columns import Columns

_PLAIN = frozenset({type(None), bool, int, float, bytes})


class StateCodeError(ValueError):
    """Bytes that are no state, or a state of another version of the program."""


@dataclass(frozen=True, slots=True)
class Form:
    """How objects of a class are kept: by the values of these attributes, in this order.

    ``name`` is what the class is called in a state ("": as in the code). It stays when the class is renamed,
    so that states written before can still be read. The last of the ``names`` that such states lack have
    ``defaults``.
    """

    of: type
    names: tuple[str, ...]
    name: str = ""
    defaults: Mapping[str, object] = field(default_factory=dict)

    @property
    def name_in_state(self) -> str:
        """What objects of the class are tagged with."""
        return self.name or self.of.__name__


class Forms:
    """The classes that may stand in a state, by the names they bear there."""

    def __init__(self, forms: Iterable[Form], enums: Iterable[type[Enum]]) -> None:
        self.by_name = {form.name_in_state: form for form in forms}
        self.enums = {kind.__name__: kind for kind in enums}
        self.getters: dict[type, tuple[str, Callable[[Any], Any]]] = {
            form.of: (name, attrgetter(*form.names)) for name, form in self.by_name.items()
        }
        assert all(len(form.names) > 1 for form in self.by_name.values()), "of one name no tuple"


def encoded(root: object, forms: Forms, shared: Mapping[str, object]) -> bytes:
    """A value and all that it refers to; raises TypeError for what no form is known of."""
    return taken_down(root, forms, shared)()


def taken_down(root: object, forms: Forms, shared: Mapping[str, object]) -> Callable[[], bytes]:
    """The same as it is now, made into bytes when that is asked for; raises as ``encoded`` at once."""
    encoder = _Encoder(forms, shared)
    nodes = [encoder.value(root), encoder.nodes]
    return lambda: msgspec.msgpack.encode(nodes)


def decoded(content: bytes, forms: Forms, shared: Mapping[str, object]) -> Any:
    """The value that ``encoded`` was given. Raises StateCodeError."""
    try:
        root, nodes = msgspec.msgpack.decode(content, type=tuple[Any, list[Any]])
        return _Decoder(nodes, forms, shared).value(root)
    except (msgspec.MsgspecError, LookupError, TypeError, ValueError) as error:
        raise StateCodeError(f"is no state of this version of the program: {error}") from error


class _Encoder:
    """Turns objects into nodes: lists of a tag and values. In a value, a list is the number of a node."""

    def __init__(self, forms: Forms, shared: Mapping[str, object]) -> None:
        self.nodes: list[Any] = []
        self._forms = forms
        self._shared = {id(value): name for name, value in shared.items()}
        self._numbers: dict[int, list[int]] = {}
        self._held: list[object] = []  # a thing that went while we work would leave its id to another

    def value(self, value: Any) -> Any:
        if type(value) in _PLAIN or (type(value) is str and value.isascii()):
            return value
        number = self._numbers.get(id(value))
        return self._put(value) if number is None else number

    def _put(self, value: Any) -> Any:
        if isinstance(value, np.generic):
            return value.item()
        number = self._numbers[id(value)] = [len(self.nodes)]
        self._held.append(value)
        self.nodes.append(None)
        self.nodes[number[0]] = self._node(value)
        return number

    def _node(self, value: Any) -> list[Any]:
        if (known := self._forms.getters.get(type(value))) is not None:
            name, getter = known
            return [name, *map(self.value, getter(value))]
        if (name := self._shared.get(id(value), "")) != "":
            return ["shared", name]
        match value:
            case str():
                return ["text", value.encode("utf-8", "surrogatepass")]
            case Enum() if type(value).__name__ in self._forms.enums:
                return ["enum", type(value).__name__, value.value]
            case tuple() | list():
                return [type(value).__name__, *map(self.value, value)]
            case dict():
                return [type(value).__name__, *(self.value(part) for pair in value.items() for part in pair)]
            case np.ndarray():
                return ["array", value.dtype.str, list(value.shape), value.tobytes()]
            case date():
                return ["date", value.isoformat()]
            case Columns():
                return ["Columns", self.value(value.rows_from(0))]
        raise TypeError(f"no form is known of {type(value)!r}")


class _Decoder:
    def __init__(self, nodes: list[Any], forms: Forms, shared: Mapping[str, object]) -> None:
        self._nodes = nodes
        self._forms = forms
        self._shared = shared
        self._made: dict[int, Any] = {}

    def value(self, value: Any) -> Any:
        if type(value) is not list:
            return value
        (number,) = value
        if number not in self._made:
            self._make(number)
        return self._made[number]

    def _make(self, number: int) -> None:
        """An object is known under its number before its parts are made, as these may refer to it."""
        tag, *values = self._nodes[number]
        if (form := self._forms.by_name.get(tag)) is not None:
            made: Any = object.__new__(form.of)
            self._made[number] = made
            lacking = form.names[len(values) :]
            for name, value in zip(form.names[: len(values)], values, strict=True):
                object.__setattr__(made, name, self.value(value))
            for name in lacking:
                object.__setattr__(made, name, form.defaults[name])
        elif tag in ("list", "dict", "defaultdict"):
            self._fill(number, tag, values)
        else:
            self._made[number] = self._leaf(tag, values)

    def _fill(self, number: int, tag: str, values: list[Any]) -> None:
        if tag == "list":
            filled: list[Any] = []
            self._made[number] = filled
            filled.extend(map(self.value, values))
            return
        table: dict[Any, Any] = {} if tag == "dict" else defaultdict(list)
        self._made[number] = table
        table.update(zip(map(self.value, values[::2]), map(self.value, values[1::2]), strict=True))

    def _leaf(self, tag: str, values: list[Any]) -> Any:
        match tag:
            case "shared":
                return self._shared[values[0]]
            case "text":
                return values[0].decode("utf-8", "surrogatepass")
            case "enum":
                return self._forms.enums[values[0]](values[1])
            case "tuple":
                return tuple(map(self.value, values))
            case "array":
                return array_of(*values).copy()
            case "date":
                return date.fromisoformat(values[0])
            case "Columns":
                return Columns.of(self.value(values[0]))
        raise StateCodeError(f"{tag!r} is no form that this version knows")


def array_of(dtype: DTypeLike, shape: list[int], content: bytes | memoryview) -> NDArray[Any]:
    """A look at bytes as an array; raises ValueError where they do not fit, or it would hold objects."""
    kind = np.dtype(dtype)
    if kind.hasobject:
        raise StateCodeError("a column of objects")
    return np.frombuffer(content, kind).reshape(shape)
