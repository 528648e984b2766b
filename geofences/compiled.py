"""The one way functions over arrays are compiled here."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar, cast

import numba

Function = TypeVar("Function", bound=Callable[..., object])


def compiled(function: Function) -> Function:
    """Compile to machine code at the first call; kept on disk, and free of the interpreter's lock.

    Division by zero gives inf or nan as in numpy. Kernels that call one another must stand in one
    file: what is kept on disk is renewed only when the file of the outermost one changes. The same
    goes for constants of other files: touch the kernels' file when one of those changes.
    """
    return cast(Function, numba.njit(cache=True, nogil=True, error_model="numpy")(function))
