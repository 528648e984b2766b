"""The project's documents taken apart: executed blocks, tables, links and the names they mention."""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

CHECKOUT = Path(__file__).resolve().parents[1]
READMES = ("README.md", "README.zh-CN.md")

_MARKED = re.compile(r"<!-- (executed|printed)(?: with (.*?))? -->\n```(?:sh|text)\n(.*?)```", re.DOTALL)
_LINK = re.compile(r"(?<!!)\[[^\]]*\]\(([^)\s]+)\)")
_HEADING = re.compile(r"^#+ (.*)$", re.MULTILINE)


@dataclass(frozen=True, slots=True)
class Example:
    """A command as a reader types it, what a test adds to keep it small, and the lines shown below it."""

    words: tuple[str, ...]
    added: tuple[str, ...]
    shown: tuple[str, ...]


def documents() -> list[Path]:
    """Every document there is."""
    return sorted([*CHECKOUT.glob("*.md"), *(CHECKOUT / "docs").glob("*.md")])


def examples(text: str) -> list[Example]:
    """The commands of the executed blocks in order; a printed block belongs to the last one before it."""
    found: list[Example] = []
    for kind, added, block in _MARKED.findall(text):
        if kind == "printed":
            found[-1] = Example(found[-1].words, found[-1].added, tuple(block.splitlines()))
            continue
        lines = block.replace("\\\n", " ").splitlines()
        found += [Example(tuple(shlex.split(line)), tuple(shlex.split(added)), ()) for line in lines]
    return found


def without_numbers(line: str) -> str:
    """A printed line without its numbers and the room they take, so that only its words must stay."""
    return re.sub(r"[\s━]+", " ", re.sub(r"[\d,.]+", "0", line)).strip()


def section(text: str, heading: str) -> str:
    """What stands below a heading, up to the next of any level."""
    title = heading.lstrip("#")
    level = len(heading) - len(title)
    assert heading in text.splitlines(), f"no heading {heading!r}"
    body = text.split(f"\n{heading}\n", 1)[1]
    return re.split(rf"^#{{1,{max(level, 6)}}} ", body, maxsplit=1, flags=re.MULTILINE)[0]


def first_column(text: str, number: int = 0) -> list[str]:
    """The names in the first column of the n-th table of a text, without their quotes."""
    tables = [part for part in re.split(r"\n(?!\|)", text) if part.lstrip("\n").startswith("|")]
    rows = tables[number].strip().splitlines()[2:]
    return [row.split("|")[1].strip().strip("`") for row in rows]


def links(text: str) -> Iterator[str]:
    """Targets of links that stay within the project."""
    return (target for target in _LINK.findall(text) if "://" not in target)


def anchors(text: str) -> set[str]:
    """The anchors that the headings of a document give."""
    titles = (re.sub(r"[^\w\- ]", "", title.lower()) for title in _HEADING.findall(text))
    return {title.strip().replace(" ", "-") for title in titles}
