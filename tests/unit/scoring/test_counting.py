"""Laws of counting usage by columns: folded, it is what its events one by one are."""

import asyncio
from datetime import UTC, timedelta, tzinfo

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.unit.scoring.builders import BERLIN, CARD, DAY, HOUR, NOON, TOKYO, person, usage
from tests.unit.scoring.test_fold_in_batches import assert_equal, one_by_one
from tests.unit.scoring.test_fold_laws import quick

from cskit.log import Records
from cskit.messages import Usage
from cskit.usage_reader import UsageReader
from csmodels.catalogue import CustomerEvent
from csmodels.health import MAX_CAUSE_EVENTS
from csmodels.ids import AccountId
from csmodels.topics import CUSTOMER_EVENTS
from scoring.counting import counted
from scoring.engine.codec import decode_month, encode_month
from scoring.engine.facts import Facts, MonthFacts
from scoring.engine.fold import Folded, fold_all, months_touched
from scoring.engine.usage import AccountUsage

FIRST_OFFSET = 5

events = st.builds(
    lambda account, days, hours, who, name, count: usage(
        NOON - days * DAY + timedelta(hours=hours), who or None, name, count, received=NOON + DAY
    ).model_copy(update={"subject": AccountId(f"account-{account}")}),
    st.integers(0, 4),
    st.sampled_from([0, 0, 0, 1, 2, 29, 30, 31, 62, 270]),
    st.integers(-12, 11),
    st.integers(0, 9),
    st.sampled_from(["report_created", "made", "sent", "login", "名"]),
    st.sampled_from([1, 2, 2**31 - 1]),
)


async def read(some: list[CustomerEvent]) -> Usage:
    """These events as they are read from a log."""
    values, keys = [each.to_bytes() for each in some], [each.key for each in some]
    columns, others = await UsageReader().read(values, keys)
    assert others == []
    offsets = range(FIRST_OFFSET, FIRST_OFFSET + len(some))
    records = Records(CUSTOMER_EVENTS, 0, offsets, [0] * len(some), keys, values, [()] * len(some))
    return Usage.of(records, columns)


def empty(some: list[CustomerEvent], zone: tzinfo) -> Facts:
    """Facts of their account, with all months that they touch."""
    months = frozenset().union(*(months_touched(each, zone) for each in some))
    return Facts(some[0].subject).loaded({month: MonthFacts() for month in months})


def read_back(folded: Folded) -> Facts:
    """The facts as they come from their rows."""
    months = {key: decode_month(encode_month(month)) for key, month in folded.facts.months.items()}
    return Facts(folded.facts.account, folded.facts.slow, months)


async def counted_of(some: list[CustomerEvent], zone: tzinfo) -> dict[str, AccountUsage]:
    return dict(counted(await read(some), zone, CARD.actions.is_core))


@quick
@given(st.lists(events, min_size=1, max_size=60), st.integers(1, 60), st.sampled_from([UTC, TOKYO, BERLIN]))
def test_what_is_counted_is_folded_as_its_events_one_by_one(some: list[CustomerEvent], cut: int, zone: tzinfo) -> None:
    ids = {str(each.subject) for each in some}
    folded = {id_: Folded(empty([one for one in some if one.subject == id_], zone)) for id_ in ids}
    plain = dict(folded)

    for piece in filter(None, (some[:cut], some[cut:])):
        for id_, used in asyncio.run(counted_of(piece, zone)).items():
            folded[id_] = fold_all(read_back(folded[id_]), (), CARD, zone, used)
            mine = [one for one in piece if one.subject == id_]
            plain[id_] = one_by_one(plain[id_].facts, mine, CARD, zone)
            assert_equal(folded[id_], plain[id_])


async def test_accounts_come_in_their_order_with_their_newest_events() -> None:
    def of(account: str, hour: int) -> CustomerEvent:
        return usage(NOON + hour * HOUR, 1).model_copy(update={"subject": AccountId(account)})

    some = [of("second", 5), of("first", 4), *(of("second", n % 3) for n in range(30)), of("first", 2)]

    found = await counted_of(some, UTC)

    assert list(found) == ["second", "first"]
    second, first = found["second"], found["first"]
    assert (second.count, first.count) == (31, 2)
    assert list(second.ids) == [each.id for each in some if each.subject == "second"][-MAX_CAUSE_EVENTS:]
    assert list(second.offsets) == list(range(FIRST_OFFSET + 12, FIRST_OFFSET + 32))
    assert (second.first_offset, second.last, second.time) == (FIRST_OFFSET, 31, some[31].time)
    assert (list(first.ids), list(first.offsets)) == ([some[1].id, some[-1].id], [FIRST_OFFSET + 1, FIRST_OFFSET + 32])
    assert (first.first_offset, first.last, first.received) == (FIRST_OFFSET + 1, 32, some[-1].receivedtime)


@pytest.mark.parametrize("crowd", [300, 66_000])
async def test_of_a_crowd_the_two_smallest_used_a_name(crowd: int) -> None:
    some = [usage(NOON, 2 * number) for number in reversed(range(1, crowd))]
    later = [usage(NOON, 3), usage(NOON, 2 * crowd)]
    facts = empty(some, TOKYO)

    for piece in (some, later):
        (used,) = (await counted_of(piece, TOKYO)).values()
        facts = read_back(fold_all(facts, (), CARD, TOKYO, used))

    (month,) = facts.months.values()
    assert len(month.people) == crowd + 1
    assert list(month.people) == sorted(month.people)
    (feature,) = month.names.values()
    assert dict(feature.people) == {1: (person(2), person(3))}
