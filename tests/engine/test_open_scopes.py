"""Scopes open at rest, beside a plain dict of sets."""

from __future__ import annotations

import random

import numpy as np
import pytest

from pipeline.engine.boundary.open_scopes import NOT_LIVE, OpenScopes

BINDINGS, SCOPES, STEPS = 40, 12, 3_000


@pytest.mark.parametrize("seed", range(3))
def test_they_are_as_a_dict_has_them(seed: int) -> None:
    """Put, put again, dropped; more bindings, some that begin anew; more scopes than there is room for."""
    chance = random.Random(seed)
    plain: dict[int, list[int]] = {}
    found, bindings = OpenScopes(BINDINGS), BINDINGS
    for step in range(STEPS):
        binding = chance.randrange(bindings)
        if chance.random() < 0.6:
            plain[binding] = sorted(chance.sample(range(SCOPES), chance.randint(1, 6)))
            found.put(binding, plain[binding])
        else:
            plain.pop(binding, None)
            found.drop(binding)
        if step % 500 == 499:
            bindings += 5
            moving = chance.sample(range(bindings), 4)
            found.move(bindings, moving)
            plain = {of: scopes for of, scopes in plain.items() if of not in moving}
        if step % 100 == 0:
            assert_same(found, plain, bindings)
    assert_same(found, plain, bindings)
    found.move(bindings, None)
    assert_same(found, {}, bindings)


def assert_same(found: OpenScopes, plain: dict[int, list[int]], bindings: int) -> None:
    every = np.arange(bindings)
    assert found.counts(every).tolist() == [len(plain.get(n, [])) for n in range(bindings)]
    each = [found.pairs(np.array([n]))[1].tolist() for n in range(bindings)]
    assert each == [plain.get(n, []) for n in range(bindings)]
    row, scope = found.pairs(every)
    assert list(zip(row.tolist(), scope.tolist(), strict=True)) == [
        (n, of) for n in range(bindings) for of in plain.get(n, [])
    ]
    binding, scope = (each.ravel() for each in np.meshgrid(every, np.arange(SCOPES), indexing="ij"))
    held = [of in plain.get(n, []) for n, of in zip(binding.tolist(), scope.tolist(), strict=True)]
    assert found.hold(binding, scope).tolist() == held


def test_backfill_has_none() -> None:
    scopes = OpenScopes(1)
    scopes.put(0, [3])
    nobody = np.array([NOT_LIVE, 0])
    assert scopes.counts(nobody).tolist() == [0, 1]
    assert scopes.hold(nobody, np.array([3, 3])).tolist() == [False, True]
    assert [column.tolist() for column in scopes.pairs(nobody)] == [[1], [3]]
