"""Whatever fits the OpenAPI document of ingest, or nearly: no answer is a 5xx, or of another form than it says."""

from typing import Any, Final

import pytest
import schemathesis
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis.errors import Unsatisfiable
from schemathesis import GenerationMode
from schemathesis.checks import not_a_server_error
from schemathesis.core.failures import FailureGroup
from schemathesis.core.result import Ok
from schemathesis.specs.openapi.checks import response_schema_conformance

EXAMPLES: Final = 6  # an operation, of either kind
WALKS: Final = 12
STEPS: Final = 6
CHECKS: Final = [not_a_server_error, response_schema_conformance]
QUIET: Final = settings(
    max_examples=EXAMPLES,
    deadline=None,
    derandomize=True,
    database=None,
    phases=[Phase.generate],
    suppress_health_check=list(HealthCheck),
)


@pytest.mark.parametrize("mode", [GenerationMode.POSITIVE, GenerationMode.NEGATIVE])
def test_no_operation_answers_with_a_server_error(server: Any, mode: GenerationMode) -> None:
    tried, wrong = every_operation(server, mode)

    assert wrong == []
    assert len(tried) > 25


def test_no_way_through_the_operations_ends_in_a_server_error(server: Any) -> None:
    schema = schemathesis.openapi.from_url(f"{server.url}/openapi.json")
    steps: list[str] = []

    class Walk(schema.as_state_machine()):  # type: ignore[misc]
        def get_call_kwargs(self, case: Any) -> dict[str, Any]:
            return {"auth": (server.key, ""), "timeout": 30}

        def validate_response(self, response: Any, case: Any, **_: Any) -> None:
            steps.append(case.operation.label)
            case.validate_response(response, checks=CHECKS)

    Walk.run(settings=settings(QUIET, max_examples=WALKS, stateful_step_count=STEPS))

    assert len(steps) > len(set(steps)) > 5


def every_operation(server: Any, mode: GenerationMode) -> tuple[list[str], list[str]]:
    """The operations that were tried, and what was wrong with their answers."""
    schema = schemathesis.openapi.from_url(f"{server.url}/openapi.json")
    tried: list[str] = []
    wrong: list[str] = []
    for found in schema.get_all_operations():
        assert isinstance(found, Ok)
        operation = found.ok()

        @QUIET
        @given(case=operation.as_strategy(generation_mode=mode))
        def never_fails(case: Any) -> None:
            case.call_and_validate(auth=(server.key, ""), checks=CHECKS, timeout=30)

        tried.append(operation.label)
        try:
            never_fails()
        except Unsatisfiable:  # it takes nothing that could be wrong
            tried.pop()
        except (Exception, FailureGroup) as error:  # noqa: BLE001  told with all others
            text = str(error) if str(error) else "".join(map(str, getattr(error, "exceptions", ())))
            wrong.append(f"{operation.label}: {type(error).__name__}: {text[:2000]}")
    return tried, wrong
