"""How many connections and threads a process may have, and how long each may keep us waiting."""

from __future__ import annotations

import os
import resource
from collections.abc import Collection
from contextlib import suppress
from dataclasses import dataclass

#: More connections than these are of no use to one process.
CONNECTIONS_MOST = 10_000
#: Files that may be open at once are raised to this, as far as the system lets us.
_FILES_WISHED = 65_536
#: Files that the stores open for each thread that works on them, of each its log as well, and some for what
#: comes and goes.
_FILES_PER_THREAD, _FILES_SPARE = 12, 12
_THREADS_MOST = 40
#: A browser alone opens half a dozen.
_PER_ADDRESS_LEAST = 16


@dataclass(frozen=True, slots=True)
class Limits:
    """``connections`` in all and ``per_address``, but for the ``trusted`` ones, which are proxies of ours.

    A request's head must be whole after ``head_s``; its body may take ``body_s`` and a second for every
    ``body_bytes_per_s`` bytes. Who leaves an answer unread for ``unread_s`` is hung up on, and who goes on
    sending what nobody reads any more, after ``linger_s``. ``threads`` work at once, ``accepted_at_once``
    connections are taken before anything else is done.
    """

    connections: int
    per_address: int
    trusted: Collection[str] = ()
    threads: int = _THREADS_MOST
    accepted_at_once: int = 128
    head_s: float = 10.0
    body_s: float = 30.0
    body_bytes_per_s: int = 8192
    unread_s: float = 60.0
    linger_s: float = 10.0


def limits_here(trusted: Collection[str] = (), connections: int | None = None) -> Limits:
    """As many connections as this process may have files open, after raising that as far as it goes.

    So taking one more never fails for want of a file: where it could, asyncio tries again and again.
    """
    files, hardest = resource.getrlimit(resource.RLIMIT_NOFILE)
    wished = _FILES_WISHED if hardest == resource.RLIM_INFINITY else min(hardest, _FILES_WISHED)
    if files < wished:
        with suppress(OSError, ValueError):
            resource.setrlimit(resource.RLIMIT_NOFILE, (wished, hardest))
            files = wished
    free = files - _open_files() - _FILES_SPARE
    threads = max(1, min(_THREADS_MOST, free // 2 // _FILES_PER_THREAD))
    room = free - threads * _FILES_PER_THREAD
    # A few more than the limit are there for a moment: taken, and not yet hung up on.
    at_once = max(1, min(128, room // 8))
    most = max(1, min(CONNECTIONS_MOST, room - 4 * at_once, *([] if connections is None else [connections])))
    return Limits(most, max(most // 2, min(most, _PER_ADDRESS_LEAST)), trusted, threads, at_once)


def _open_files() -> int:
    try:
        return len(os.listdir("/proc/self/fd"))
    except OSError:
        return 64  # no such directory: more than there are at the start
