"""Very many objects that stay, without looking for garbage among them again and again."""

from __future__ import annotations

import gc
from collections.abc import Iterator
from contextlib import contextmanager

#: After so many looks at what is new comes one at what outlived one, and after so many of these one at all.
_YOUNG_LOOKS, _LOOKS_BEFORE_ALL = 20, 5_000


@contextmanager
def seldom_collected(new_objects: int = 1_000) -> Iterator[None]:
    """Garbage is looked for among new objects, after so many of them; what was there before is taken to stay.

    A site is many objects that live on, and so is what shards know: with a million people each look at all of
    them would hold up the stream for a second.
    """
    thresholds = gc.get_threshold()
    gc.freeze()
    gc.set_threshold(new_objects, _YOUNG_LOOKS, _LOOKS_BEFORE_ALL)
    try:
        yield
    finally:
        gc.set_threshold(*thresholds)
        gc.unfreeze()


@contextmanager
def nothing_collected() -> Iterator[None]:
    """No garbage is looked for meanwhile; what is there afterwards is taken to stay for good."""
    was_on = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        gc.freeze()
        if was_on:
            gc.enable()
