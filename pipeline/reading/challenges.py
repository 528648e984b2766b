"""Challenge ids as small numbers."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray


class Challenges:
    """Numbers challenge ids in the order in which they are first seen; shared by all files of a run.

    The numbers say nothing about the order of the ids: compare ``key(code)`` for that. A checkpoint takes
    the ids as rows that only become more.
    """

    generation = 0

    def __init__(self, texts: list[str] | None = None) -> None:
        self.texts: list[str] = []
        self._codes: dict[str, int] = {}
        for text in texts or ():
            self.code(text)

    def __len__(self) -> int:
        return len(self.texts)

    def rows_from(self, first: int) -> dict[str, NDArray[np.object_]]:
        """The ids from a number on, as a column."""
        return {"texts": np.array([*self.texts[first:], None], object)[:-1]}

    def code(self, text: str) -> int:
        """The number of a challenge id, a new one where it was never seen."""
        code = self._codes.setdefault(text, len(self.texts))
        if code == len(self.texts):
            self.texts.append(text)
        return code

    def key(self, code: int) -> bytes:
        """What orders challenge ids: the bytes of the id (UTF-8); no id is empty bytes before all."""
        return b"" if code < 0 else b"\0" + self.texts[code].encode("utf-8", "surrogatepass")
