"""Rules without places, a file each: what rows and deadlines say of the people of one shard."""

from __future__ import annotations

from pipeline.engine.detectors.detector import Detector
from pipeline.engine.detectors.missed_confirmation import MissedConfirmations
from pipeline.engine.detectors.silent_device import SilentDevices

#: In the order in which they take the same rows and the same moments. A new rule is an entry here.
DETECTORS: tuple[type[Detector], ...] = (SilentDevices, MissedConfirmations)
