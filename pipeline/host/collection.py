"""Very many objects that stay, without looking for garbage among them again and again."""

from __future__ import annotations

import gc
import threading
from collections.abc import Iterator
from contextlib import contextmanager

#: After so many looks at what is new comes one at what outlived one, and after so many of these one at all.
_YOUNG_LOOKS, _LOOKS_BEFORE_ALL = 20, 5_000

_mutex = threading.Lock()
#: How many threads are within ``collected_later``, and whether garbage was looked for before.
_within, _was_on = 0, False


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


@contextmanager
def collected_later() -> Iterator[None]:
    """No garbage is looked for while any thread is within, but afterwards as ever.

    A change of very many rows makes very many objects, and looks at all of a process would come in between.
    """
    global _within, _was_on
    with _mutex:
        if _within == 0:
            _was_on = gc.isenabled()
            gc.disable()
        _within += 1
    try:
        yield
    finally:
        with _mutex:
            _within -= 1
            if _within == 0 and _was_on:
                gc.enable()
