"""What a rule is to everybody who does not judge by it: its kind, severities and words."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class Subject(StrEnum):
    """Whom an alert is about, as its key names them."""

    DEVICE = "device_id"
    PERSON = "person_id"
    LOG = "log"


class Scope(StrEnum):
    """What of the site an alert is about, as its key names it."""

    GROUP = "group"
    FENCE = "fence_id"
    NONE = "empty"


@dataclass(frozen=True, slots=True)
class Words:
    """The same in Chinese and in English."""

    zh: str
    en: str


@dataclass(frozen=True, slots=True)
class Rule:
    """One kind of alert.

    ``kind`` names it in files, filters and figures, ``catalogue_ids`` in the catalogue of the field.
    ``severities`` are by level, from level 1 on; the gravest is 1. ``columns`` are those of a stream that
    it judges by, ``policy`` the keys of policy.toml that govern it. ``name`` heads an alert. Why it fired is
    said on the page by ``sentence``, with the blanks of ``console/web/sentence.js``, and on a terminal by
    ``terminal``, with those of ``fencewatch/queue_views.py``. ``raised_for`` and ``over_when`` are for the
    documents.
    """

    kind: str
    catalogue_ids: tuple[str, ...]
    severities: tuple[int, ...]
    subject: Subject
    scope: Scope
    columns: tuple[str, ...]
    policy: tuple[str, ...]
    name: Words
    sentence: Words
    terminal: str
    raised_for: str
    over_when: str

    def severity_at(self, level: int = 1) -> int:
        """The severity where a fence does not give its own."""
        return self.severities[level - 1]
