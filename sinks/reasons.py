"""Why an alert may be found false: the one list for page, terminal and API.

It stands outside of ``disposal``, whose libraries the terminal loads only when it works on a queue.
"""

from __future__ import annotations

from enum import StrEnum


class Reason(StrEnum):
    """A reason for the verdict ``false``; what else there is to say stands in the note of the outcome."""

    # Beside each is the officers' word.
    GPS_DRIFT = "gps_drift"  # 定位漂移
    EQUIPMENT_FAULT = "equipment_fault"  # 设备故障
    WRONG_FENCE = "wrong_fence"  # 围栏画错或过期
    UNRECORDED_LEAVE = "unrecorded_leave"  # 已批准但未录入
    DUPLICATE = "duplicate"  # 重复预警
    OTHER = "other"  # 其他
