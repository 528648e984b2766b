"""Names with what was noted of them while they were read: that is what looking at them says."""

from __future__ import annotations

import random

import numpy as np
import pytest

from pipeline.engine.names_by_hash import NamesByHash
from pipeline.sites.row_columns import Names, by_hash, first_places, hashes, places_of, repeated_places
from pipeline.sites.sound_rows import are_ids

TEXTS = [
    "P1",
    "P2",
    "P3",
    "P4",
    "张",
    "P 5",
    " P6",
    "P7 ",
    "",
    "\u2003",
    "P\ud800",
    "P\n8",
    "P\x1c",
    "P\xa09",
]


@pytest.mark.parametrize("seed", range(200))
def test_what_was_noted_is_what_there_is(seed: int) -> None:
    dice = random.Random(seed)
    choice = TEXTS[: dice.choice([4, 5, len(TEXTS)])] + [
        f"N{number}" for number in range(dice.choice([0, 40]))
    ]
    names = Names()
    for _ in range(dice.randrange(4)):
        more = names if dice.random() < 0.5 else Names()
        more.take([dice.choice(choice) for _ in range(dice.randrange(30))])
        if more is not names:
            names.join([more])
    if len(names) and dice.random() < 0.5:
        places = dice.sample(range(len(names)), dice.randrange(len(names)))
        names = names.changed({place: dice.choice([*choice, None]) for place in places})
    plain = [*names]
    texts = [text or "" for text in plain]
    assert np.array_equal(hashes(names), hashes(plain))
    order, in_order = by_hash(names)
    assert np.array_equal(order, np.argsort(hashes(plain), kind="stable"))
    assert np.array_equal(in_order, hashes(plain)[order])
    assert np.array_equal(by_hash(plain), by_hash(names))
    assert repeated_places(names) == repeated_places(plain)
    assert np.array_equal(first_places(names), first_places(plain))
    if texts == plain:
        single = [bool(text.strip() == text != "" and "\ud800" not in text) for text in texts]
        assert are_ids(names).tolist() == are_ids(plain).tolist() == single
    for name in choice:
        assert places_of(name, names, order, in_order) == [
            place for place, text in enumerate(plain) if text == name
        ]
    found, long = NamesByHash(names), NamesByHash(plain)
    assert [found.get(name) for name in choice] == [long.get(name) for name in choice]
    assert [part.tolist() for part in found.pairs(choice)] == [part.tolist() for part in long.pairs(choice)]
