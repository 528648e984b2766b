"""Decimal numbers and ISO 8601 times in bytes, compiled; whatever is not plain is left to exact.py."""

from __future__ import annotations

import numpy as np
from numba import njit
from numpy.typing import NDArray

_EXPONENT_MOST = 60


def _power_table() -> tuple[NDArray[np.uint64], NDArray[np.uint64]]:
    """The first 128 bits of 10**q, cut, for q = -60..60, as an upper and a lower half."""
    upper, lower = [], []
    for exponent in range(-_EXPONENT_MOST, _EXPONENT_MOST + 1):
        power = 10 ** abs(exponent)
        if exponent < 0:
            bits = (1 << (power.bit_length() + 127)) // power
            bits >>= bits.bit_length() - 128
        else:
            bits = (power << 128) >> power.bit_length()
        upper.append(bits >> 64)
        lower.append(bits & 0xFFFFFFFFFFFFFFFF)
    return np.array(upper, np.uint64), np.array(lower, np.uint64)


_UPPER, _LOWER = _power_table()
_EXACT_POWERS = np.array([10.0**exponent for exponent in range(23)])
_U0, _U1, _U9, _U10, _U32 = (np.uint64(value) for value in (0, 1, 9, 10, 32))
_HALF = np.uint64(0xFFFFFFFF)
_LOW_BITS = np.uint64(0x1FF)
_FRACTION = np.uint64((1 << 52) - 1)


@njit(cache=True, nogil=True, forceinline=True)
def _product(left: np.uint64, right: np.uint64) -> tuple[np.uint64, np.uint64]:
    """The 128-bit product as an upper and a lower half."""
    left_low, left_high = left & _HALF, left >> _U32
    right_low, right_high = right & _HALF, right >> _U32
    low = left_low * right_low
    middle = left_high * right_low + (low >> _U32)
    cross = left_low * right_high + (middle & _HALF)
    return left_high * right_high + (middle >> _U32) + (cross >> _U32), (cross << _U32) | (low & _HALF)


@njit(cache=True, nogil=True, forceinline=True)
def nearest_float(digits: np.uint64, exponent: int) -> tuple[float, bool]:
    """``digits * 10**exponent`` rounded to the nearest float, and whether that is certain.

    Clinger's exact case, else the method of Lemire, "Number parsing at a gigabyte per second" (2021).
    """
    if digits >> np.uint64(53) == _U0 and -22 <= exponent <= 22:
        if exponent < 0:
            return np.float64(digits) / _EXACT_POWERS[-exponent], True
        return np.float64(digits) * _EXACT_POWERS[exponent], True
    if digits == _U0 or exponent < -_EXPONENT_MOST or exponent > _EXPONENT_MOST:
        return 0.0, digits == _U0
    shift = _U0
    for step in (32, 16, 8, 4, 2, 1):
        if digits >> np.uint64(64 - step) == _U0:
            digits = digits << np.uint64(step)
            shift += np.uint64(step)
    return _rounded(digits, exponent, shift)


@njit(cache=True, nogil=True, forceinline=True)
def _rounded(digits: np.uint64, exponent: int, shift: np.uint64) -> tuple[float, bool]:
    """The case with 64 significant bits: the product with the power, and whether its cut bits decide."""
    high, low = _product(digits, _UPPER[exponent + _EXPONENT_MOST])
    if high & _LOW_BITS == _LOW_BITS and low + digits < digits:
        more_high, more_low = _product(digits, _LOWER[exponent + _EXPONENT_MOST])
        middle = low + more_high
        carry = _U1 if middle < low else _U0
        high = high + carry
        if high & _LOW_BITS == _LOW_BITS and middle + _U1 == _U0 and more_low + digits < digits:
            return 0.0, False
        low = middle
    top = high >> np.uint64(63)
    mantissa = high >> (top + np.uint64(9))
    if low == _U0 and high & _LOW_BITS == _U0 and mantissa & np.uint64(3) == _U1:
        return 0.0, False
    mantissa = (mantissa + (mantissa & _U1)) >> _U1
    binary = np.int64((217706 * exponent) >> 16) + 64 + 1023 - np.int64(shift) - np.int64(_U1 - top)
    if mantissa >> np.uint64(53) != _U0:
        mantissa = mantissa >> _U1
        binary += 1
    bits = np.uint64((np.uint64(binary) << np.uint64(52)) | (mantissa & _FRACTION))
    return bits.view(np.float64), True


@njit(cache=True, nogil=True, forceinline=True)
def scan_number(text: NDArray[np.uint8], start: int, end: int, strict: bool) -> tuple[float, int]:
    """The number that starts at ``start`` and where it ends; -1 where it is no plain number.

    ``strict`` is JSON's grammar: no plus sign, digits on both sides of a point, no leading zeros.
    """
    place = start
    negative = False
    if place < end and (text[place] == 45 or (text[place] == 43 and not strict)):
        negative = text[place] == 45
        place += 1
    digits = _U0
    first = place
    while place < end and 48 <= text[place] <= 57:
        digits = digits * _U10 + np.uint64(text[place] - 48)
        place += 1
    whole = place - first
    if strict and (whole == 0 or (whole > 1 and text[first] == 48)):
        return 0.0, -1
    exponent = 0
    part = 0
    if place < end and text[place] == 46:
        place += 1
        first = place
        while place < end and 48 <= text[place] <= 57:
            digits = digits * _U10 + np.uint64(text[place] - 48)
            place += 1
        part = place - first
        exponent = -part
        if strict and part == 0:
            return 0.0, -1
    if whole + part == 0 or whole + part > 19:
        return 0.0, -1
    if place < end and (text[place] == 101 or text[place] == 69):
        power, place = _scan_power(text, place + 1, end)
        exponent += power
        if place < 0:
            return 0.0, -1
    value, is_certain = nearest_float(digits, exponent)
    return (-value if negative else value), (place if is_certain else -1)


@njit(cache=True, nogil=True, forceinline=True)
def _scan_power(text: NDArray[np.uint8], start: int, end: int) -> tuple[int, int]:
    """The signed whole number after an ``e`` and where it ends; -1 where there is none or a huge one."""
    place = start
    negative = False
    if place < end and (text[place] == 45 or text[place] == 43):
        negative = text[place] == 45
        place += 1
    power = 0
    first = place
    while place < end and 48 <= text[place] <= 57:
        power = power * 10 + int(text[place] - 48)
        place += 1
    if place == first or place - first > 4:
        return 0, -1
    return (-power if negative else power), place


@njit(cache=True, nogil=True, forceinline=True)
def _two(text: NDArray[np.uint8], place: int) -> int:
    """Two decimal digits as a number, or a negative number where they are none."""
    tens, ones = int(text[place]) - 48, int(text[place + 1]) - 48
    if tens < 0 or tens > 9 or ones < 0 or ones > 9:
        return -1000
    return tens * 10 + ones


@njit(cache=True, nogil=True, forceinline=True)
def days_since_1970(year: int, month: int, day: int) -> int:
    """Days from 1970-01-01 in the proleptic Gregorian calendar, for years from 1 on.

    Years are taken to begin in March, so that a leap day is the last day of one.
    """
    if month <= 2:
        year -= 1
        month += 12
    return 365 * year + year // 4 - year // 100 + year // 400 + (153 * (month - 3) + 2) // 5 + day - 719469


@njit(cache=True, nogil=True, forceinline=True)
def scan_instant(text: NDArray[np.uint8], start: int, end: int) -> tuple[int, bool]:
    """Milliseconds since 1970 of ``2025-07-14T10:00:00.123+08:00`` and its like, and whether it is one.

    The date in full, ``T`` or a blank, hours and minutes, perhaps seconds with a fraction, then ``Z``,
    ``+08:00``, ``+0800`` or ``+08``. A fraction is cut to the millisecond towards the past.
    """
    if end - start < 17 or text[start + 4] != 45 or text[start + 7] != 45 or text[start + 13] != 58:
        return 0, False
    if text[start + 10] != 84 and text[start + 10] != 32:
        return 0, False
    year = _two(text, start) * 100 + _two(text, start + 2)
    month, day = _two(text, start + 5), _two(text, start + 8)
    hour, minute = _two(text, start + 11), _two(text, start + 14)
    if year < 1 or month < 1 or month > 12 or day < 1 or hour < 0 or hour > 23 or minute < 0 or minute > 59:
        return 0, False
    if day > 28 and day > _days_in(year, month):
        return 0, False
    within, place = _scan_seconds(text, start + 16, end)
    offset_min, known = _scan_offset(text, place, end)
    if place < 0 or not known:
        return 0, False
    minutes = days_since_1970(year, month, day) * 1440 + hour * 60 + minute - offset_min
    return minutes * 60_000 + within, True


@njit(cache=True, nogil=True, forceinline=True)
def _days_in(year: int, month: int) -> int:
    """How many days a month has."""
    if month == 2:
        return 29 if year % 4 == 0 and (year % 100 != 0 or year % 400 == 0) else 28
    return 30 if month == 4 or month == 6 or month == 9 or month == 11 else 31


@njit(cache=True, nogil=True, forceinline=True)
def _scan_seconds(text: NDArray[np.uint8], start: int, end: int) -> tuple[int, int]:
    """Milliseconds within the minute and where the offset begins; -1 where the text is none of ours."""
    if text[start] != 58:
        return 0, start
    if end - start < 4:
        return 0, -1
    second = _two(text, start + 1)
    if second < 0 or second > 59:
        return 0, -1
    place = start + 3
    thousandths = 0
    if text[place] == 46:
        place += 1
        first = place
        while place < end and 48 <= text[place] <= 57:
            if place - first < 3:
                thousandths = thousandths * 10 + int(text[place]) - 48
            place += 1
        if place == first:
            return 0, -1
        for _ in range(3 - (place - first)):
            thousandths *= 10
    return second * 1000 + thousandths, place


@njit(cache=True, nogil=True, forceinline=True)
def _scan_offset(text: NDArray[np.uint8], start: int, end: int) -> tuple[int, bool]:
    """Minutes east of UTC of what is left of the text, and whether it is an offset."""
    length = end - start
    if start < 0 or length < 1:
        return 0, False
    if text[start] == 90:
        return 0, length == 1
    if (text[start] != 43 and text[start] != 45) or length < 3:
        return 0, False
    hours, minutes = _two(text, start + 1), 0
    if length == 6 and text[start + 3] == 58:
        minutes = _two(text, start + 4)
    elif length == 5:
        minutes = _two(text, start + 3)
    elif length != 3:
        return 0, False
    if hours < 0 or hours > 23 or minutes < 0 or minutes > 59:
        return 0, False
    east = hours * 60 + minutes
    return (-east if text[start] == 45 else east), True
