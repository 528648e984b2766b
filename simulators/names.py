"""Names for people who do not exist."""

from __future__ import annotations

import numpy as np

from simulators.chance import settled

# The commonest family names, and signs that are common in given names.
_FAMILY = "王李张刘陈杨黄赵吴周徐孙马朱胡郭何林高罗郑梁谢宋唐许韩冯邓曹彭曾肖田董袁潘于蒋蔡余杜"
_GIVEN = "伟芳娜敏静丽强磊军洋勇艳杰娟涛明超霞平刚桂英华玉兰红建国文志海燕波辉宁鑫雪梅凯博晨宇欣"
_FAMILIES, _GIVENS, _SINGLE = range(3)


def made_up_names(count: int) -> list[str]:
    """Chinese names, always the same for the same number; several people may share one, as in life."""
    who = np.arange(count)
    family = (settled(0, _FAMILIES, who, 0) ** 1.6 * len(_FAMILY)).astype(int)  # the first ones are commoner
    given = (settled(0, _GIVENS, who[:, None], np.arange(2)) * len(_GIVEN)).astype(int)
    is_single = settled(0, _SINGLE, who, 0) < 0.2
    return [
        _FAMILY[family[row]] + _GIVEN[given[row, 0]] + ("" if is_single[row] else _GIVEN[given[row, 1]])
        for row in range(count)
    ]


def office_name(number: int) -> str:
    """What a county's judicial office of a number is called."""
    return f"第{number}司法所"
