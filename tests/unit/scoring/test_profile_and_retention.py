"""What the facts tell beside the measures: profile, override, feeds, retention."""

from collections.abc import Mapping
from datetime import UTC, datetime
from decimal import Decimal

from msgspec import structs
from tests.unit.scoring.builders import (
    CARD,
    DAY,
    HOUR,
    NOON,
    TOKYO,
    answer,
    contact,
    contract,
    described,
    event,
    facts_of,
    ticket,
    touch,
    usage,
)

from csmodels.catalogue import CustomerEvent
from csmodels.fields import Family
from csmodels.internal import FeedResumed, FeedStopped
from scoring.domain.money import Rates
from scoring.engine.codec import canonical
from scoring.engine.facts import KEPT_DAYS, USAGE_KEPT_DAYS, MonthFacts
from scoring.engine.features import assess, override_at
from scoring.engine.feeds import fold_feed
from scoring.engine.profile import needs_rates, profile
from scoring.engine.retention import forgotten, oldest_month

YEN = Rates("JPY")
REF = "ingest/00000000-0000-4000-8000-000000000001"


def override(at: datetime, points: float, id_: str = "o1", expires: datetime = NOON + 30 * DAY) -> CustomerEvent:
    data = {"override": id_, "points": points, "expires_at": expires, "author": "mika", "text_ref": REF}
    return event("override.set", at, data)


def control(type_: str, data: dict[str, object]) -> dict[str, object]:
    model = FeedStopped if type_ == "feed.stopped" else FeedResumed
    body = model.model_fields["data"].annotation.model_validate(data)  # type: ignore[union-attr]
    return {"id": type_, "source": "ingest", "time": NOON, "receivedtime": NOON, "data": body}


def test_the_profile_is_as_of_its_moment() -> None:
    events = [
        described(NOON - 9 * DAY, name="Acme", plan="basic", segment="smb", country="JP", time_zone="Asia/Tokyo"),
        described(NOON, plan="pro", segment=None),
        event("owner.changed", NOON - DAY, {"from_": None, "to": "mika"}),
        contract(NOON - 9 * DAY, "c1", status="active", mrr=Decimal("100.50"), currency="JPY", seats=3),
        contract(NOON - 9 * DAY, "c2", status="active", mrr=Decimal("50"), ends_on=(NOON + 30 * DAY).date()),
        contract(NOON - 9 * DAY, "c3", status="trial", mrr=Decimal("7"), currency="JPY"),
        contract(NOON - 9 * DAY, "c4", status="ended", mrr=Decimal("9"), currency="USD", seats=9),
        touch(NOON - 2 * DAY, "out"),
    ]
    facts = facts_of(events)

    now, before = profile(facts, NOON, UTC, YEN), profile(facts, NOON - 5 * DAY, UTC, YEN)

    assert (now.name, now.plan, now.segment, now.owner, now.country) == ("Acme", "pro", None, "mika", "JP")
    assert (now.mrr, now.seats, now.renewal_on) == (Decimal("150.50"), 3, (NOON + 30 * DAY).date())
    assert now.last_contact_at == NOON - 2 * DAY
    assert (before.plan, before.segment, before.owner, before.last_contact_at) == ("basic", "smb", None, None)
    assert profile(facts, NOON, UTC, Rates("EUR")).mrr is None


def test_prices_in_other_currencies_count_at_the_rate_of_the_day() -> None:
    euros = contract(NOON - 9 * DAY, "c1", status="active", mrr=Decimal("10.10"), currency="EUR")
    yen = contract(NOON - 9 * DAY, "c2", status="active", mrr=Decimal(1000), currency="JPY")
    trial = contract(NOON - 9 * DAY, "c3", status="trial", mrr=Decimal(1), currency="CHF")
    facts = facts_of([euros, yen, trial])
    day = NOON.date()
    rates = Rates.of("JPY", [("EUR", day - DAY, Decimal(160)), ("EUR", day, Decimal(170))])

    assert [profile(facts, at, UTC, rates).mrr for at in (NOON - DAY, NOON)] == [Decimal(2616), Decimal(2717)]
    assert profile(facts, NOON, UTC, YEN).mrr is None
    assert profile(facts, NOON, UTC, Rates.of("JPY", [("EUR", day, Decimal(100))])).mrr == Decimal(2010)
    assert needs_rates(facts, NOON, UTC, YEN)
    assert not needs_rates(facts_of([yen, trial]), NOON, UTC, YEN)


def test_under_notice_the_next_end_is_that_of_the_term_in_which_it_was_given() -> None:
    term = {"ends_on": (NOON - 100 * DAY).date(), "auto_renew": True, "term_months": 12}
    facts = facts_of([contract(NOON - 200 * DAY, status="active", **term), contract(NOON, status="cancelled")])

    assert profile(facts, NOON, UTC, YEN).renewal_on == (NOON + 265 * DAY).date()


def test_of_overrides_in_force_the_one_set_last_counts() -> None:
    events = [
        override(NOON - 2 * DAY, 5, "o1"),
        override(NOON - DAY, -4, "o2", expires=NOON + DAY),
        event("override.ended", NOON + 2 * DAY, {"override": "o1"}),
    ]
    slow = facts_of(events[::-1]).slow

    def points(at: datetime) -> float | None:
        found = override_at(slow, at)
        return found.points if found else None

    assert [points(NOON + n * DAY) for n in (-3, -2, -1, 0, 1, 2)] == [None, 5, -4, -4, 5, None]


def test_an_override_moves_the_score_until_it_expires_by_time_alone() -> None:
    events = [usage(NOON - n * DAY, n % 5) for n in range(80)] + [described(NOON, seats=10)]
    plain, moved = facts_of(events, NOON), facts_of([*events, override(NOON, 7, expires=NOON + 3 * HOUR)], NOON)

    with_override = assess(moved, NOON, CARD, UTC)

    assert abs(with_override.value - assess(plain, NOON, CARD, UTC).value - 7) < 1e-9
    assert with_override.override == "o1"
    later = NOON + 3 * HOUR
    assert assess(moved, later, CARD, UTC) == assess(plain, later, CARD, UTC)


def test_a_feed_stays_stopped_since_its_first_stop_until_it_resumes() -> None:
    def stop(at: datetime) -> FeedStopped:
        return FeedStopped.model_validate(control("feed.stopped", {"family": "usage", "since": at}))

    resumed = FeedResumed.model_validate(control("feed.resumed", {"family": "usage", "at": NOON}))
    stopped: Mapping[Family, datetime] = fold_feed(fold_feed({}, stop(NOON)), stop(NOON + HOUR))

    assert stopped == {"usage": NOON}
    assert fold_feed(stopped, resumed) == {}


def test_what_is_forgotten_moves_no_score_of_the_last_400_days() -> None:
    long_ago = NOON - 500 * DAY
    events = [
        *(described(long_ago + n * DAY, segment=f"s{n}", seats=20 + n) for n in range(5)),
        ticket(long_ago, "done", status="solved", opened_at=long_ago, solved_at=long_ago),
        ticket(long_ago + DAY, "newest done", status="solved", opened_at=long_ago, solved_at=long_ago),
        ticket(long_ago, "open", severity=4, status="open", opened_at=long_ago),
        contract(long_ago, status="active", seats=30),
        answer(NOON - 950 * DAY, 9),
        answer(NOON - 900 * DAY, 9, "newest of the old"),
        answer(NOON - DAY, 9, "r2"),
        ticket(long_ago, "rated", status="solved", solved_at=long_ago, csat=2),
        ticket(NOON - 700 * DAY, "rated long ago", status="solved", solved_at=NOON - 700 * DAY, csat=2),
        ticket(NOON - 710 * DAY, "even before", status="solved", solved_at=NOON - 710 * DAY, csat=2),
        contract(long_ago - 90 * DAY, mrr=Decimal(90), currency="JPY"),
        contract(long_ago, "c2", mrr=Decimal(10), currency="JPY"),
        contact(NOON - 620 * DAY, 1, role="sponsor"),
        contact(long_ago, 1, left=True),
        touch(NOON - 610 * DAY),
        touch(NOON - 605 * DAY),
        touch(NOON - 600 * DAY, who=1),
        touch(long_ago),
        touch(long_ago + DAY),
        touch(long_ago + 2 * DAY),
        touch(NOON - 420 * DAY, "out"),
        override(long_ago, 3, expires=long_ago + DAY),
        *(usage(NOON - n * DAY, n % 7) for n in range(450)),
    ]
    days = [NOON - n * DAY for n in range(0, 280, 7)] + [NOON - 399 * DAY, NOON - 390 * DAY]
    facts = facts_of(events, *days)

    kept = structs.replace(facts, slow=forgotten(facts.slow, NOON))

    assert set(kept.slow.tickets) == {"open", "newest done", "rated", "rated long ago"}
    assert set(kept.slow.answers) == {"newest of the old", "r2"}
    assert len(kept.slow.touches) == len(facts.slow.touches) - 1
    assert kept.slow.overrides == {}
    assert len(kept.slow.account["segment"]) == 2
    assert [assess(kept, at, CARD, UTC).value for at in days] == [assess(facts, at, CARD, UTC).value for at in days]
    assert forgotten(kept.slow, NOON) == kept.slow
    assert canonical(kept)["months"] == canonical(facts)["months"]


def test_months_are_kept_for_400_days_of_the_zone_and_the_120_before_that_these_look_back_on() -> None:
    first = datetime(2026, 6, 4, 15, tzinfo=UTC)  # 5 June in Tokyo; 520 days before is 1 January 2025

    assert (KEPT_DAYS, USAGE_KEPT_DAYS) == (400, 520)
    assert oldest_month(first, TOKYO) == "2025-01"
    assert oldest_month(first - HOUR, TOKYO) == "2024-12"


def test_the_months_that_are_kept_tell_every_moment_of_the_last_400_days() -> None:
    now = datetime(2026, 8, 5, 12, tzinfo=UTC)
    events = [
        contract(now - 900 * DAY, status="active", seats=3),
        contact(now - 900 * DAY, 4),
        *(usage(now - n * DAY, who) for n in range(600) for who in (1, 2, 3)),
        *(usage(now - n * DAY, 4) for n in (515, 600)),
    ]

    for back in (400, 399, 390, 370, 340, 310, 280, 0):
        at = now - back * DAY
        facts = facts_of(events, at)
        oldest = oldest_month(now, UTC)
        months = {name: month if name >= oldest else MonthFacts() for name, month in facts.months.items()}
        kept = structs.replace(facts, months=months)
        late = facts_of((one.model_copy(update={"receivedtime": now}) for one in events), at)

        assert assess(kept, at, CARD, UTC) == assess(facts, at, CARD, UTC) == assess(late, at, CARD, UTC), back


def test_an_open_ticket_that_was_opened_again_is_not_forgotten() -> None:
    begun = NOON - 425 * DAY
    events = [
        ticket(begun, severity=1, status="open", opened_at=begun),
        ticket(begun + DAY, status="solved", solved_at=begun + DAY),
        ticket(begun + 2 * DAY, status="open"),
        ticket(begun, "to be", status="open", solved_at=NOON - 395 * DAY),
        usage(NOON),
    ]
    facts = facts_of(events, NOON)

    kept = structs.replace(facts, slow=forgotten(facts.slow, NOON))

    assert kept.slow.tickets.keys() == {"t1", "to be"}
    assert assess(kept, NOON, CARD, UTC) == assess(facts, NOON, CARD, UTC)
    assert "severity_1_overdue" in assess(kept, NOON, CARD, UTC).caps


def test_an_override_that_was_taken_back_stays_so_after_400_days() -> None:
    events = [
        override(NOON - 420 * DAY, 5, "o1", expires=NOON + 30 * DAY),
        event("override.ended", NOON - 410 * DAY, {"override": "o1"}),
    ]
    slow = facts_of(events).slow

    kept = forgotten(slow, NOON)

    assert override_at(slow, NOON) is None
    assert override_at(kept, NOON) is None
    assert forgotten(kept, NOON + 31 * DAY + KEPT_DAYS * DAY).ended == {}


def test_answers_are_kept_as_long_as_a_score_of_the_last_400_days_sees_them() -> None:
    events = [usage(NOON - n * DAY, n % 7) for n in range(390, 500)]
    long_ago = [answer(NOON - 901 * DAY, 1, "r2"), answer(NOON - 902 * DAY, 1, "r3")]
    facts = facts_of([*events, answer(NOON - 500 * DAY, 9), *long_ago], NOON - 399 * DAY)
    at = NOON - 399 * DAY

    kept = structs.replace(facts, slow=forgotten(facts.slow, NOON))

    assert assess(kept, at, CARD, UTC) == assess(facts, at, CARD, UTC)
    assert next(one for one in assess(kept, at, CARD, UTC).contributions if one.measure == "nps").status == "fresh"
    assert set(kept.slow.answers) == {"r1", "r2"}


def test_sums_of_contracts_stay_within_what_the_wire_can_say() -> None:
    most = {"status": "active", "seats": 2**31 - 1, "mrr": Decimal("999999999999999.999999")}
    facts = facts_of([contract(NOON, id_, **most) for id_ in ("c1", "c2")])

    found = profile(facts, NOON, UTC, YEN)

    assert (found.seats, found.mrr) == (most["seats"], most["mrr"])
