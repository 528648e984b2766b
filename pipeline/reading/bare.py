"""Arrays whose memory nobody counts, for kernels that hand arrays on a hundred times a row."""

from __future__ import annotations

from typing import Any

from numba.core import cgutils
from numba.extending import intrinsic


@intrinsic
def bare(typing_context: Any, array: Any) -> Any:
    """The same array without its reference count; valid only while the caller holds the real one.

    Compiled functions count references atomically for every array that goes through a call, which was
    half the time of decoding a line.
    """

    def without_count(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        view = context.make_array(array)(context, builder, arguments[0])
        view.meminfo = cgutils.get_null_value(view.meminfo.type)
        view.parent = cgutils.get_null_value(view.parent.type)
        return view._getvalue()

    return array(array), without_count
