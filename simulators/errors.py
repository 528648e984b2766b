"""What can go wrong when a fleet is made up.

ScenarioError    an unknown scenario or a setting that makes no sense
"""

from __future__ import annotations


class ScenarioError(ValueError):
    """A scenario that cannot be played."""
