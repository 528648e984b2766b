"""The API does what its own description says, whatever it is asked: schemathesis asks."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
import schemathesis
from console_world import World, apply, console_world, violation
from guarded_console import Guarded, guarded
from hypothesis import HealthCheck, Phase, given, seed, settings
from hypothesis import strategies as st
from hypothesis.internal.conjecture import providers
from hypothesis.internal.constants_ast import Constants
from schemathesis.core.result import Ok
from schemathesis.specs.openapi.checks import ignored_auth, positive_data_acceptance

from console.app import create_app
from pipeline.host.clock import system_now_ms

#: Streams have no end that could be waited for; tests/console/test_server.py and its like read them.
ENDLESS = ("/v1/alerts/stream", "/v1/positions/stream")
SHORT, LONG = 3, 30
#: What is asked follows from this alone.
SEED = 20_261_129


@pytest.fixture(autouse=True)
def same_data_everywhere(monkeypatch: pytest.MonkeyPatch) -> None:
    """Hypothesis also draws constants that it finds in our modules, as many as happen to be imported by then.

    So what is asked would depend on the tests that ran before in the same process.
    """
    monkeypatch.setattr(providers, "_get_local_constants", Constants)
    monkeypatch.setattr(providers, "CONSTANTS_CACHE", type(providers.CONSTANTS_CACHE)(1024))


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Guarded]:
    with (
        console_world(tmp_path_factory.mktemp("console"), now_ms=system_now_ms) as world,
        guarded(world) as console,
    ):
        apply(world, *(violation(number) for number in range(1, 6)))
        yield console


def operations(world: World) -> dict[str, Any]:
    """Every operation that has an end, by method and path."""
    described = create_app(world.parts).openapi()
    # Each request bears a token that counts, which a made-up one would be taken for: none is made up.
    for operation in (found for path in described["paths"].values() for found in path.values()):
        operation.pop("security", None)
    schema = schemathesis.openapi.from_dict(described)
    found: list[Any] = []
    for result in schema.get_all_operations():
        assert isinstance(result, Ok), result
        found.append(result.ok())
    assert len(found) > 15
    return {f"{one.method.upper()} {one.path}": one for one in found if one.path not in ENDLESS}


@pytest.mark.parametrize(
    "examples", [SHORT, pytest.param(LONG, marks=pytest.mark.soak)], ids=["short", "long"]
)
@pytest.mark.parametrize("who", ["officer", "operator"])
def test_every_operation_keeps_to_its_description(served: Guarded, who: str, examples: int) -> None:
    deviations: list[str] = []
    for name, operation in operations(served.world).items():
        try:
            asked(served, who, operation, examples)
        except (Exception, BaseExceptionGroup) as deviation:  # all are told at once
            deviations.append(f"{name}: {type(deviation).__name__}: {deviation}")
    assert deviations == []


def asked(served: Guarded, who: str, operation: Any, examples: int) -> None:
    """Asks one operation what its description allows, and what it does not."""
    valid = operation.as_strategy(generation_mode=schemathesis.GenerationMode.POSITIVE)
    invalid = operation.as_strategy(generation_mode=schemathesis.GenerationMode.NEGATIVE)

    @seed(SEED)
    @settings(
        max_examples=examples,
        deadline=None,
        database=None,
        phases=(Phase.explicit, Phase.generate),
        suppress_health_check=list(HealthCheck),
    )
    @given(case=st.one_of(valid, invalid))
    def ask(case: Any) -> None:
        case.call_and_validate(
            base_url=served.url,
            headers=served.world.bearer(who),
            timeout=60,
            # What no schema says: that a reason belongs to a false verdict, or when an alert may be claimed.
            # Wrong tokens are slowed down after a while, and then are 429; test_tokens.py asks all routes so.
            excluded_checks=[positive_data_acceptance, ignored_auth],
        )

    ask()
