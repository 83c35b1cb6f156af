"""U1, U2, S1, V1, R1 and the caps of the default scorecard against examples worked out by hand; feeds, zones."""

import math
from datetime import UTC, datetime

import pytest
from msgspec import structs
from tests.unit.scoring.builders import (
    ACCOUNT,
    BERLIN,
    CARD,
    DAY,
    HOUR,
    NOON,
    TOKYO,
    answer,
    card_with,
    contact,
    contract,
    described,
    event,
    facts_of,
    measured,
    person,
    ticket,
    touch,
    usage,
)

from csmodels.catalogue import CustomerEvent
from scoring.domain.calendar import Month
from scoring.engine.facts import Facts, MonthNotLoaded
from scoring.engine.features import assess, features


def caps(events: list[CustomerEvent], at: datetime = NOON) -> tuple[str, ...]:
    return features(facts_of(events, at), at, CARD, UTC).caps


# U1


def test_active_share_is_the_active_people_of_28_days_over_the_seats_of_running_contracts() -> None:
    events = [
        contract(NOON - 90 * DAY, "c1", status="active", seats=6),
        contract(NOON - 90 * DAY, "c2", status="ended", seats=50),
        contract(NOON - 90 * DAY, "c3", status="active", seats=4),
        usage(NOON, 1),
        usage(NOON, 1),
        usage(NOON - 27 * DAY, 2),
        usage(NOON - 28 * DAY, 3),
        usage(NOON, 4, name="Logged In"),
    ]

    share = measured("active_share", events)

    assert (share.status, share.value, share.estimate) == ("fresh", 2 / 10, False)


def test_without_seats_the_people_known_in_90_days_stand_in_as_an_estimate() -> None:
    events = [usage(NOON, 1), usage(NOON - 89 * DAY, 2), usage(NOON - 90 * DAY, 3), usage(NOON, 4, name="login")]

    share = measured("active_share", events)

    assert (share.value, share.estimate) == (1 / 3, True)


def test_the_seats_of_the_account_count_when_no_contract_names_any() -> None:
    share = measured("active_share", [described(NOON, seats=4), contract(NOON, status="active"), usage(NOON)])

    assert (share.value, share.estimate) == (0.25, False)


def test_people_that_turn_out_to_be_one_are_counted_once_whenever_the_merge_arrives() -> None:
    merge = event("contact.merged", NOON, {"from_": person(1), "into": person(2)})
    chain = event("contact.merged", NOON, {"from_": person(2), "into": person(3)})
    days = [usage(NOON, 1), usage(NOON - DAY, 2), usage(NOON - DAY, 3), usage(NOON, 4), described(NOON, seats=4)]

    before, after = measured("active_share", [merge, chain, *days]), measured("active_share", [*days, chain, merge])

    assert before.value == after.value == 2 / 4


def test_people_without_an_id_are_nobody_and_never_turn_an_account_red() -> None:
    events = [usage(NOON - n * DAY, None) for n in range(80)]

    assert measured("active_share", events).status == "not_connected"
    assert measured("usage_trend", events).status == "fresh"
    assert caps(events) == ()


def test_no_usage_for_a_month_is_a_true_zero_and_no_usage_ever_is_not_connected() -> None:
    assert measured("active_share", [described(NOON, seats=10)]).status == "not_connected"
    zero = measured("active_share", [usage(NOON - 40 * DAY), described(NOON, seats=10)])
    assert (zero.status, zero.value) == ("fresh", 0.0)


# U2


def test_usage_trend_follows_its_formula() -> None:
    # 28 days: 40 actions; the 56 before: 160. R = 2 * 40.5 / 160.5
    events = [
        usage(NOON - 27 * DAY, count=40),
        usage(NOON - 28 * DAY, count=100),
        usage(NOON - 83 * DAY, count=60),
        usage(NOON - 84 * DAY, count=999),
    ]
    ratio = 2 * 40.5 / 160.5
    z = math.log(ratio) / math.sqrt(1 / 40.5 + 1 / 160.5)
    expected = math.exp(math.log(ratio) * z * z / (z * z + 4))

    trend = measured("usage_trend", events)

    assert trend.value == pytest.approx(expected, rel=1e-12)
    assert trend.value == pytest.approx(0.58228, abs=1e-5)  # ln R -.68385, z² 15.1235


def test_usage_trend_does_not_apply_before_70_days_of_history() -> None:
    assert measured("usage_trend", [usage(NOON - 69 * DAY)]).status == "not_applicable"
    assert measured("usage_trend", [usage(NOON - 70 * DAY)]).status == "fresh"
    assert measured("usage_trend", [described(NOON, seats=1)]).status == "not_connected"


def test_log_ins_and_page_views_are_no_core_actions() -> None:
    names = ["Login", "user_signed_in", "Page Viewed", "page_view", "screen_view", "ログイン", "Session Started"]
    events = [usage(NOON - 80 * DAY, 1), *(usage(NOON, 2, name=name) for name in names)]

    july = facts_of(events, NOON).month(Month("2026-07"))

    assert july.events[0] == 7
    assert july.core[0] == 0


# S1


def test_open_tickets_weigh_severity_and_age_over_sla_by_the_size_of_the_account() -> None:
    # severity 1: 8 * (2h / 4h) = 4; severity 3: 2 * min(240h / 24h, 3) = 6; 100 seats: / 2
    events = [
        described(NOON - DAY, seats=100),
        ticket(NOON - 2 * HOUR, "t1", severity=1, status="open", opened_at=NOON - 2 * HOUR),
        ticket(NOON - HOUR, "t2", severity=3, status="pending", opened_at=NOON - 240 * HOUR),
        ticket(NOON - HOUR, "t3", severity=1, status="solved", opened_at=NOON - 240 * HOUR, solved_at=NOON - HOUR),
    ]

    load = measured("open_tickets", events)

    assert load.value == pytest.approx((4 + 6) / 2)


def test_a_ticket_without_opened_at_ages_from_when_it_was_first_heard_of() -> None:
    events = [described(NOON, seats=50), ticket(NOON - 8 * HOUR, severity=2, status="open"), ticket(NOON, topic="x")]

    assert measured("open_tickets", events).value == pytest.approx(4.0)


def test_a_ticket_opened_again_counts_again_until_it_is_solved_again() -> None:
    opened = ticket(NOON - 30 * HOUR, severity=4, status="open", opened_at=NOON - 30 * HOUR)
    solved = ticket(NOON - 20 * HOUR, status="solved", solved_at=NOON - 20 * HOUR)
    again = ticket(NOON - 10 * HOUR, status="open")
    history = facts_of([described(NOON - 40 * HOUR, seats=50), again, solved, opened], NOON)

    values = [
        next(m.value for m in features(history, at, CARD, UTC).measurements if m.measure == "open_tickets")
        for at in (NOON - 24 * HOUR, NOON - 15 * HOUR, NOON)
    ]

    assert values == pytest.approx([6 / 72, 0.0, 30 / 72])


def test_without_any_ticket_none_is_open_unless_the_scorecard_says_that_nothing_is_known() -> None:
    strict = card_with(measures__open_tickets__without_tickets="not_connected")

    assert measured("open_tickets", [usage(NOON)]).value == 0.0
    assert measured("open_tickets", [usage(NOON)], card=strict).status == "not_connected"


# V1


def test_nps_weighs_role_and_age_and_has_three_pseudo_answers() -> None:
    # promoter, sponsor, today: 2; detractor, other, 120 days old: 1/2; passive champion today: 1.5
    events = [
        answer(NOON, 9, "r1", role="sponsor"),
        answer(NOON - 120 * DAY, 6, "r2"),
        answer(NOON, 7, "r3", role="champion"),
        answer(NOON - 180 * DAY, 0, "r4"),
    ]

    nps = measured("nps", events)

    assert nps.value == pytest.approx((2 * 100 - 0.5 * 100 + 3 * 20) / (2 + 0.5 + 1.5 + 3))


def test_the_highest_revision_of_an_answer_counts_from_its_moment_on() -> None:
    first, second = answer(NOON - 2 * DAY, 0), answer(NOON - DAY, 10, revision=2)
    facts = facts_of([second, first], NOON)

    before = features(facts, NOON - 2 * DAY, CARD, UTC).measurements
    after = features(facts, NOON, CARD, UTC).measurements

    assert next(m.value for m in before if m.measure == "nps") == pytest.approx((-100 + 60) / 4)
    weight = 2 ** (-1 / 120)
    assert next(m.value for m in after if m.measure == "nps") == pytest.approx((100 * weight + 60) / (weight + 3))


def test_an_answer_without_a_role_takes_that_of_its_person_even_after_erasure() -> None:
    role = event("contact.described", NOON - DAY, {"role": "payer", "locale": "ja"}, who=1)
    erased = event("person.erased", NOON, {"person": person(1)})
    late = event("contact.described", NOON - HOUR, {"locale": "en", "consent": True}, who=1)

    nps = measured("nps", [answer(NOON, 10, who=1), erased, role, late])
    facts = facts_of([answer(NOON, 10, who=1), role, erased, late], NOON)

    assert nps.value == pytest.approx((2 * 100 + 60) / 5)
    assert set(facts.slow.contacts[person(1)]) == {"role", "described"}


def test_nps_without_an_answer_is_not_connected_and_with_old_ones_only_stale() -> None:
    assert measured("nps", [usage(NOON)]).status == "not_connected"
    old = measured("nps", [answer(NOON - 181 * DAY, 10)])
    assert (old.status, old.value, old.as_of) == ("stale", None, NOON - 181 * DAY)


# R1


@pytest.mark.parametrize(("segment", "cadence"), [("enterprise", 30), ("smb", 90), ("else", 60), (None, 60)])
def test_contact_is_days_since_the_last_two_way_contact_over_the_cadence(segment: str | None, cadence: int) -> None:
    events = [
        described(NOON - 90 * DAY, segment=segment),
        touch(NOON - 45 * DAY),
        touch(NOON - 50 * DAY),
        touch(NOON - DAY, "out"),
    ]

    assert measured("contact", events).value == pytest.approx(45 / cadence)


def test_with_one_way_touches_only_silence_counts_from_the_first_of_them() -> None:
    assert measured("contact", [touch(NOON - 30 * DAY, "out"), touch(NOON, "in")]).value == pytest.approx(0.5)
    assert measured("contact", [usage(NOON)]).status == "not_connected"


# Caps


def test_a_severity_1_ticket_beyond_twice_its_sla_caps_the_score_until_it_is_solved() -> None:
    opened = ticket(NOON - 9 * HOUR, severity=1, status="open", opened_at=NOON - 8 * HOUR)
    just_in_time = ticket(NOON - 8 * HOUR, severity=1, status="open", opened_at=NOON - 8 * HOUR)

    assert caps([just_in_time]) == ()
    assert caps([opened], NOON + HOUR) == ("severity_1_overdue",)
    assert caps([opened, ticket(NOON, status="closed")], NOON + HOUR) == ()


def test_14_business_days_without_an_active_person_cap_the_score() -> None:
    tuesday = datetime(2026, 6, 9, 12, tzinfo=UTC)
    events = [usage(tuesday), usage(NOON, name="login"), usage(NOON, None)]

    # the business days after that Tuesday are 10 June to 29 June, over two and a half weekends
    assert caps(events, datetime(2026, 6, 29, 23, tzinfo=UTC)) == ()
    assert caps(events, datetime(2026, 6, 30, 1, tzinfo=UTC)) == ("no_active_person",)


def test_people_who_never_did_a_core_action_are_idle_since_they_were_first_seen() -> None:
    events = [usage(datetime(2026, 6, 10, 9, tzinfo=UTC), name="login")]

    assert caps(events, datetime(2026, 6, 29, 9, tzinfo=UTC)) == ()
    assert caps(events, datetime(2026, 6, 30, 9, tzinfo=UTC)) == ("no_active_person",)


# Feeds, coverage


def test_a_stopped_feed_freezes_its_measures_and_its_cap_at_that_moment() -> None:
    events = [usage(NOON - n * DAY, n % 4, count=3) for n in range(90)]
    events.append(ticket(NOON - HOUR, severity=1, status="open", opened_at=NOON - HOUR))
    later = NOON + 60 * DAY
    facts = facts_of(events, NOON, later)

    then = features(facts, NOON, CARD, UTC)
    running = features(facts, later, CARD, UTC)
    stopped = {"usage": NOON, "tickets": NOON, "billing": NOON}
    frozen = features(facts, later, CARD, UTC, stopped)

    assert {"no_active_person", "severity_1_overdue"} == set(running.caps)
    assert frozen.caps == then.caps == ()
    assert [m.value for m in frozen.measurements] == [m.value for m in then.measurements]
    assert {m.measure for m in frozen.measurements if m.frozen} == {
        "active_share", "usage_trend", "breadth", "depth", "silence", "open_tickets"
    }  # fmt: skip


def test_what_a_stopped_feeds_measures_are_measured_by_is_frozen_with_them() -> None:
    card = card_with(usage__key_features=["sent", "made"], usage__entitled={"small": ["sent"]})
    stopped = NOON - 5 * DAY
    events = [
        contract(NOON - 60 * DAY, status="active", seats=200),
        described(NOON - 60 * DAY, plan="small"),
        *(contact(NOON - 60 * DAY, who) for who in (1, 2)),
        *(usage(stopped - n * DAY, who, name="sent") for n in range(60) for who in (1, 2)),
        ticket(NOON - 10 * DAY, severity=2, status="open"),
    ]
    since = [
        contract(NOON - 3 * DAY, seats=5),
        described(NOON - 3 * DAY, plan="large"),
        *(contact(NOON - 3 * DAY, who) for who in (3, 4, 5)),
        contact(NOON - 3 * DAY, 1, left=True),
    ]

    for measure in ("active_share", "depth", "activation", "breadth", "open_tickets"):
        then = measured(measure, events, stopped, card)
        frozen = measured(measure, [*events, *since], NOON, card, stopped={"usage": stopped, "tickets": stopped})
        going_on = measured(measure, [*events, *since], NOON, card)

        assert frozen == structs.replace(then, frozen=True)
        assert going_on.value != then.value, measure


def test_seats_that_are_told_after_the_stop_leave_an_estimate_one() -> None:
    events = [*(usage(NOON - n * DAY, who) for n in range(5, 60) for who in (1, 2)), contract(NOON, seats=50)]

    frozen = measured("active_share", events, stopped={"usage": NOON - 5 * DAY})

    assert (frozen.value, frozen.estimate) == (1.0, True)
    assert not measured("active_share", events).estimate


def test_a_new_account_with_usage_only_gets_a_score_and_one_without_usage_is_grey() -> None:
    new = assess(facts_of([usage(NOON)], NOON), NOON, CARD, UTC)
    unused = assess(facts_of([described(NOON, seats=5), touch(NOON), answer(NOON, 9)], NOON), NOON, CARD, UTC)

    assert not new.grey
    # U1, U3, U4, U5 and S1 of all weights but those of U2
    assert new.coverage == pytest.approx(55 / 85)
    assert unused.grey


def test_72_hours_of_silence_move_the_score_by_time_alone() -> None:
    facts = facts_of([*(usage(NOON - n * DAY, 1, count=5) for n in range(100)), touch(NOON - 65 * DAY)], NOON)

    now, later = assess(facts, NOON, CARD, UTC), assess(facts.loaded({}), NOON + 72 * HOUR, CARD, UTC)

    assert later.value < now.value - 0.5


# Zones and months


def test_a_day_is_a_day_of_the_portfolios_zone() -> None:
    late_evening = datetime(2026, 6, 30, 15, 30, tzinfo=UTC)  # 1 July 00:30 in Tokyo

    facts = facts_of([usage(late_evening)], zone=TOKYO)

    assert list(facts.months) == ["2026-07"]
    assert facts.months[Month("2026-07")].people[person(1)] == (1, 1)


def test_windows_span_month_ends_and_changes_of_clocks() -> None:
    at = datetime(2026, 3, 29, 21, 30, tzinfo=UTC)  # the day on which Berlin has 23 hours
    first_in_window = datetime(2026, 3, 1, 23, 30, tzinfo=UTC)  # 2 March 00:30 in Berlin
    events = [usage(first_in_window, 1), usage(first_in_window - HOUR, 2), described(at - 40 * DAY, seats=2)]

    share = features(facts_of(events, at, zone=BERLIN), at, CARD, BERLIN).measurements[0]

    assert share.value == 0.5


def test_features_of_months_that_are_not_loaded_are_refused() -> None:
    with pytest.raises(MonthNotLoaded, match="2026-0"):
        features(Facts(ACCOUNT), NOON, CARD, UTC)
