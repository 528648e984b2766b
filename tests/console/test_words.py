"""The words of the page: JavaScript takes the last of two entries of one name, and says nothing."""

from __future__ import annotations

import re
from collections import Counter

from console.parts import WEB

#: `name: ["中文", "English"],`, on one line or more.
_WORD = re.compile(r"^  (\w+): \[", re.MULTILINE)


def test_no_word_of_the_page_is_defined_twice() -> None:
    files = sorted(WEB.glob("words*.js"))
    assert len(files) == 3
    words = [name for file in files for name in _WORD.findall(file.read_text("utf-8"))]
    assert {"purpose", "track_purpose", "last_contact"} <= set(words)
    assert [name for name, times in Counter(words).items() if times > 1] == []
