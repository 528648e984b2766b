"""Arrays whose memory nobody counts, for kernels that hand arrays on a hundred times a row."""

from __future__ import annotations

from typing import Any

from numba.extending import intrinsic


def _bare(typing_context: Any, array: Any) -> Any:
    """The type and the code of ``bare``."""

    def without_count(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        view = context.make_array(array)(context, builder, arguments[0])
        view.meminfo = view.meminfo.type(None)
        view.parent = view.parent.type(None)
        return view._getvalue()

    return array(array), without_count


#: ``bare(array)``: the same array without its reference count, valid while the caller holds the real one.
#: Compiled functions count references atomically for every array that goes through a call, which was half
#: the time of decoding a line.
bare: Any = intrinsic(_bare)
