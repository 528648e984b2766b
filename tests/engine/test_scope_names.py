"""What the numbers of scopes in a state stand for, in states of now and of before."""

from __future__ import annotations

import numpy as np
import pytest
from engine.harsh_world import harsh_world

from pipeline.engine.compiled_fences import CompiledFences
from pipeline.engine.names import scope_numbers, scopes_in_columns


@pytest.mark.parametrize("seed", [0, 1, 2, 3])
def test_a_scope_is_found_by_its_name_whatever_its_number_was(seed: int) -> None:
    fences = CompiledFences(harsh_world(seed).site)
    names = [(scope.keep_in, scope.name) for scope in fences.scopes]
    assert len(names) > 1
    was = dict(enumerate(reversed(names)))
    assert scope_numbers(was, fences).tolist() == list(range(len(names)))[::-1]


def test_a_scope_that_is_none_any_more_has_no_number() -> None:
    """Nor has one by the name of a fence that keeps out where the group of that name keeps in."""
    fences = CompiledFences(harsh_world(1).site)
    keep_in, name = fences.scopes[0].keep_in, fences.scopes[0].name
    found = scope_numbers({0: (keep_in, "gone"), 2: (not keep_in, name), 5: (keep_in, name)}, fences)
    assert found.tolist() == [-1, -1, -1, -1, -1, 0]


def test_states_of_before_named_all_scopes_in_their_order() -> None:
    columns = {
        "list": np.array([0, 3, 3, 4], np.int8),
        "name": np.array(["P1", "G", "Z", "L1"], np.object_),
        "person": np.array([None] * 4, np.object_),
        "number": np.array([0, 1, 0, 77], np.int64),
    }
    assert scopes_in_columns(columns) == {0: (True, "G"), 1: (False, "Z")}
