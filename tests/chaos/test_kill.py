"""kill -9 at each named place, on both platforms: what is left equals what an uninterrupted run leaves."""

from pathlib import Path

import pytest
from tests.chaos.snapshot import Snapshot, assert_gapless
from tests.chaos.trials import Trial, trial, uninterrupted

from cskit import failpoints
from cskit.testing.engines import missing_engines

pytestmark = [pytest.mark.chaos, pytest.mark.timeout(400)]

PLATFORMS = ["embedded", pytest.param("clustered", marks=[pytest.mark.kafka, pytest.mark.postgres])]
KILLS = [
    (failpoints.RUNNER_AFTER_POLL, 2),
    (failpoints.RUNNER_BEFORE_COMMIT, 1),
    (failpoints.RUNNER_BEFORE_COMMIT, 3),
    (failpoints.RUNNER_AFTER_COMMIT, 2),
    (failpoints.RELAY_BEFORE_SEND, 1),
    (failpoints.RELAY_AFTER_ACK, 1),
    (failpoints.EFFECTS_AFTER_SEND, 1),
]
_embedded: list[Snapshot] = []


async def expected_of(kind: str, one: Trial, folder: Path) -> Snapshot:
    """What an undisturbed run leaves of the trial's log; embedded logs are all the same, so one run serves them."""
    if kind == "clustered":
        return await uninterrupted(folder, one.log)
    if not _embedded:
        _embedded.append(await uninterrupted(folder, one.log))
    return _embedded[0]


@pytest.fixture(autouse=True)
def engines(request: pytest.FixtureRequest) -> None:
    if "clustered" in request.node.name and (reason := missing_engines()):
        pytest.skip(reason)


@pytest.mark.parametrize("kind", PLATFORMS)
@pytest.mark.parametrize(("failpoint", "hit"), KILLS, ids=[f"{name}-{hit}" for name, hit in KILLS])
async def test_a_kill_leaves_what_an_uninterrupted_run_leaves(
    kind: str, failpoint: str, hit: int, tmp_path: Path
) -> None:
    async with trial(kind, tmp_path / "killed") as one:
        await one.run_until_killed(f"{failpoint}:{hit}")
        left = await one.finish()
    expected = await expected_of(kind, one, tmp_path / "undisturbed")

    assert_gapless(expected)
    assert len(expected.facts) == 9
    assert len(expected.tasks) >= 9
    assert left.facts == expected.facts
    assert left.live == expected.live
    assert left.history == expected.history
    assert left.published == expected.published
    assert left.runs == expected.runs
    assert left.tasks == expected.tasks
    assert left.webhooks == expected.webhooks
    assert {each for each, _, _ in one.receiver.received} == left.webhook_ids
    assert one.receiver.refused == []
