"""Names and purposes that people give: text that reads as it is, with nothing hidden in it."""

from __future__ import annotations

import unicodedata

#: Control signs, format signs (unseen, or turning the direction), halves of pairs, line separators.
_UNFIT = frozenset({"Cc", "Cf", "Cs", "Zl", "Zp"})
#: Letters by their category that show as nothing.
_BLANK_LETTERS = frozenset("\u115f\u1160\u3164\uffa0")


def plain_text(given: str, most: int) -> str | None:
    """The text without blanks around it; None where it is not 1 to ``most`` plain signs with a letter."""
    text = given.strip()
    if not 1 <= len(text) <= most:
        return None
    if any(unicodedata.category(sign) in _UNFIT for sign in text):
        return None
    has_letter = any(sign.isalpha() and sign not in _BLANK_LETTERS for sign in text)
    return text if has_letter else None


def plain_text_expected(most: int) -> str:
    """What is expected where ``plain_text`` finds none."""
    return f"1 to {most} signs with a letter among them, without control or direction signs"
