"""What is found by hashes is what a table of names says, also where hashes meet."""

from __future__ import annotations

import random
from collections.abc import Iterable
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from pipeline.engine import names_by_hash, renumbering
from pipeline.engine.fence_numbers import FenceNumbers, NumbersByNumber, Scopes, Selectors
from pipeline.engine.names_by_hash import NamesByHash
from pipeline.sites import row_columns
from pipeline.sites.row_columns import first_places, places_by_name, repeated_places

NAMES = ["", "A", "B", "张", "C1", "C2", "C3", None, 7, ("A", 1)]


@pytest.fixture(params=["own", "one of three", "one"], autouse=True)
def hashes(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """With hashes that tell little, everything is found by the names themselves."""
    if request.param == "own":
        return
    kinds = 3 if request.param == "one of three" else 1

    def few(names: Iterable[object]) -> NDArray[np.int64]:
        return np.fromiter((hash(name) % kinds for name in names), np.int64)

    for module in (names_by_hash, row_columns, renumbering):
        monkeypatch.setattr(module, "hashes", few)
    monkeypatch.setattr(row_columns, "hash", lambda name: hash(name) % kinds, raising=False)


@pytest.mark.parametrize("seed", range(30))
def test_places_of_names(seed: int) -> None:
    dice = random.Random(seed)
    names = [dice.choice(NAMES) for _ in range(dice.randrange(12))]
    plain: dict[Any, list[int]] = {}
    for place, name in enumerate(names):
        plain.setdefault(name, []).append(place)
    found = NamesByHash(names)
    assert {name: list(found.get(name)) for name in NAMES} == {name: plain.get(name, []) for name in NAMES}
    asked = [dice.choice(NAMES) for _ in range(dice.randrange(12))]
    pairs = [(at, place) for at, name in enumerate(asked) for place in plain.get(name, [])]
    assert list(zip(*(column.tolist() for column in found.pairs(asked)), strict=True)) == pairs
    assert repeated_places(names) == sorted(place for of in plain.values() if len(of) > 1 for place in of)
    assert first_places(names).tolist() == [plain[name][0] for name in names]
    by_name = {name: [of] if isinstance(of, int) else list(of) for name, of in places_by_name(names).items()}
    assert by_name == plain


@pytest.mark.parametrize("seed", range(30))
def test_scopes_that_begin_together_have_the_numbers_of_one_by_one(seed: int) -> None:
    dice = random.Random(seed)
    names = [dice.choice("ABCDEFGH") for _ in range(dice.randrange(10))]
    keep_in = [dice.random() < 0.7 for _ in names]
    together, single = Scopes(), Scopes()
    numbers = [single.number(kind, name) for kind, name in zip(keep_in, names, strict=True)]
    assert together.begin(keep_in, names).tolist() == numbers
    for kind, name in ((kind, name) for kind in (True, False) for name in "ABCDEFGHI"):
        assert together.find(kind, name) == single.find(kind, name)
        assert together.number(kind, name) == single.number(kind, name)
    assert list(together) == list(single)


@pytest.mark.parametrize("seed", range(20))
def test_selectors_and_numbers(seed: int) -> None:
    dice = random.Random(seed)
    known = ["all", "person:A", "person:B", "class:x"]
    selectors = [tuple(dice.sample(known, dice.randrange(1, 3))) for _ in range(dice.randrange(10))]
    found = Selectors(selectors)
    for name in [*known, "person:C"]:
        assert list(found.get(name)) == [at for at, of in enumerate(selectors) if name in of]
    numbers = [dice.randrange(5) for _ in range(dice.randrange(10))]
    by_number = NumbersByNumber(numbers)
    for number in range(-1, 7):
        assert list(by_number.get(number)) == [at for at, of in enumerate(numbers) if of == number]


def test_nothing_is_known_of_no_fences() -> None:
    numbers = FenceNumbers()
    assert numbers.by_id.of("F") == numbers.by_selector.of("all") == numbers.of_scope.of(0) == []


@pytest.mark.parametrize("seed", range(60))
def test_numbers_of_one_site_become_those_of_another(seed: int) -> None:
    dice = random.Random(seed)
    every = [(name, person, ms) for name in "AB张" for person in (None, "P", "Q") for ms in (-5, 0, 2**60)]

    def columns(keys: list[tuple[str, str | None, int]]) -> tuple[NDArray[Any], ...]:
        cells = (np.array([key[at] for key in keys], np.object_) for at in (0, 1))
        return (*cells, np.array([key[2] for key in keys], np.int64))

    old = dice.choices(every, k=dice.randrange(14))
    new = dice.sample(every, k=dice.randrange(14))
    if dice.random() < 0.3:
        old = new + old[: dice.randrange(3)]
    expected = renumbering._numbers_by_name(columns(old), columns(new)).tolist()
    assert renumbering._numbers(columns(old), columns(new)).tolist() == expected
