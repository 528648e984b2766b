"""What can go wrong when a fleet is made up or sent.

ScenarioError    an unknown scenario or a setting that makes no sense
SendError        a gateway that will never take the rows
"""

from __future__ import annotations


class ScenarioError(ValueError):
    """A scenario that cannot be played."""


class SendError(Exception):
    """A gateway refuses the request as such."""
