"""What a run goes on from was kept at one moment, or it does not go on."""

from __future__ import annotations

import pytest

from pipeline.checkpoint import Stored
from pipeline.runtime.agreement import Agreement, StateTorn, place_of, sealed_place


def kept(place: int, **sent: int) -> Stored:
    """A state at a place of the log; the intake's also says how far each shard was sent anything."""
    return Stored(b"", {}, place, {name.replace("_", "-"): offset for name, offset in sent.items()})


# source, intake, a shard's state, and what is wrong (None: nothing is)
@pytest.mark.parametrize(
    ("source", "intake", "shard", "wrong"),
    [
        (9, kept(9, shard_1=7), kept(7), None),
        (0, None, None, None),  # a first start
        (9, kept(9), None, None),  # nothing was ever sent to it
        (9, kept(8, shard_1=7), kept(7), "read up to record 9 and taken in up to 8"),
        (9, None, None, "read up to record 9 and taken in up to 0"),  # the intake's token is gone
        (0, kept(9, shard_1=7), kept(7), "read up to record 0 and taken in up to 9"),
        (9, kept(9, shard_1=7), kept(5), "shard-1 was kept at record 5 .* sent records up to 7"),
        (9, kept(9, shard_1=7), None, "shard-1 was kept at record 0"),  # the shard's token is gone
        (9, kept(9), kept(5), "shard-1 was kept at record 5 .* sent records up to 0"),
    ],
)
@pytest.mark.parametrize("source_first", [True, False])
def test_parts_of_another_moment_are_told(
    source: int, intake: Stored | None, shard: Stored | None, wrong: str | None, source_first: bool
) -> None:
    def resume() -> None:
        agreement = Agreement()
        if source_first:
            agreement.source(source)
        agreement.intake(intake)
        if not source_first:
            agreement.source(source)
        agreement.shard("shard-1", shard)

    if wrong is None:
        resume()
    else:
        with pytest.raises(StateTorn, match=wrong):
            resume()


def test_a_place_with_a_changed_bit_is_none() -> None:
    told = sealed_place(123_456)
    assert place_of(told) == 123_456
    assert place_of(None) == 0
    for bit in range(8 * len(told)):
        content = bytearray(told.encode())
        content[bit // 8] ^= 1 << bit % 8
        with pytest.raises(StateTorn):
            place_of(content.decode("latin-1"))
    with pytest.raises(StateTorn):
        place_of(123_456)  # as an earlier version kept it
