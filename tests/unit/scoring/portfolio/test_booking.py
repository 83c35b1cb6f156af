"""How registers of contracts become steps: what is so on a day, by what is known today."""

from datetime import UTC, date, datetime, timedelta
from decimal import Decimal

from tests.unit.scoring.builders import NOON, TOKYO, answer, described, event, facts_of, ticket, touch, usage
from tests.unit.scoring.portfolio.books import book_of, contract_of, noon, said

from scoring.domain.money import Rates
from scoring.domain.portfolio.book import Contract, Dated, Ticket
from scoring.engine import booking
from scoring.engine.contracts import contract_at, living

JAN, MAY, JUNE = date(2026, 1, 10), date(2026, 5, 10), date(2026, 6, 10)
DAY = timedelta(days=1)


def paid(contract: Contract, *days: date) -> list[str | None]:
    """What the contract pays on these days; None: nothing."""
    return [str(step.mrr) if (step := contract.on(day)) else None for day in days]


def test_a_price_holds_from_the_day_of_its_event_and_the_first_one_back_to_the_start() -> None:
    contract = contract_of(said(MAY, mrr="100", starts_on=JAN), said(JUNE, mrr="150"))

    assert paid(contract, JAN - DAY, JAN, MAY, JUNE - DAY, JUNE) == [None, "100", "100", "100", "150"]


def test_a_contract_without_a_first_day_starts_when_it_is_heard_of() -> None:
    contract = contract_of(said(MAY, mrr="100"))

    assert paid(contract, MAY - DAY, MAY) == [None, "100"]


def test_a_contract_signed_ahead_pays_from_its_first_day() -> None:
    contract = contract_of(said(MAY, mrr="100", starts_on=JUNE))

    assert paid(contract, MAY, JUNE - DAY, JUNE) == [None, None, "100"]


def test_a_trial_and_a_free_plan_pay_nothing() -> None:
    trial = contract_of(said(MAY, mrr="100", status="trial"), said(JUNE, status="active"))
    free = contract_of(said(MAY, mrr="0"), said(JUNE, mrr="5"))

    assert paid(trial, MAY, JUNE) == [None, "100"]
    assert paid(free, MAY, JUNE) == [None, "5"]


def test_a_contract_without_a_price_pays_an_unknown_amount() -> None:
    contract = contract_of(said(MAY, status="active"))

    step = contract.on(MAY)
    assert step is not None
    assert step.mrr == Decimal(0)


def test_a_notice_ends_nothing_before_the_last_day() -> None:
    contract = contract_of(
        said(JAN, mrr="100", ends_on=JUNE, auto_renew=True), said(MAY, status="cancelled", cancelled_at=noon(MAY))
    )

    assert paid(contract, MAY, JUNE, JUNE + DAY) == ["100", "100", None]


def test_notice_in_a_term_begun_by_itself_ends_the_contract_with_that_term() -> None:
    signed = said(date(2024, 1, 1), mrr="100", status="active", ends_on=date(2024, 12, 31), auto_renew=True)
    last, notice = date(2026, 12, 31), said(MAY, status="cancelled")
    by_status = contract_of(signed, said(JAN, term_months=12), notice)
    by_moment = contract_of(signed, said(JAN, term_months=12, cancelled_at=noon(MAY)))
    no_term = contract_of(said(JAN, mrr="100", ends_on=JAN + DAY, auto_renew=True), notice)

    for contract in (by_status, by_moment):
        assert paid(contract, MAY, last, last + DAY) == ["100", "100", None]
    assert paid(no_term, MAY, MAY + DAY) == ["100", None]
    assert by_status.steps[-1].event == notice.id


def test_a_contract_that_is_imported_under_notice_after_its_end_has_paid_until_then() -> None:
    contract = contract_of(said(JUNE, mrr="100", starts_on=JAN, ends_on=MAY, status="cancelled", auto_renew=True))

    assert paid(contract, JAN, MAY, MAY + DAY, JUNE) == ["100", "100", None, None]


def test_a_contract_that_renews_by_itself_goes_on() -> None:
    by_itself = contract_of(said(JAN, mrr="100", ends_on=MAY, auto_renew=True))
    by_hand = contract_of(said(JAN, mrr="100", ends_on=MAY))

    assert paid(by_itself, MAY + DAY) == ["100"]
    assert paid(by_hand, MAY + DAY) == [None]


def test_a_contract_that_is_imported_after_its_end_has_paid_until_then() -> None:
    contract = contract_of(said(JUNE, mrr="100", starts_on=JAN, ends_on=MAY, status="ended", auto_renew=True))

    assert paid(contract, JAN, MAY, MAY + DAY, JUNE) == ["100", "100", None, None]


def test_a_contract_of_which_only_the_end_was_ever_said_has_run_until_then() -> None:
    by_itself = said(date(2024, 1, 1), mrr="100", ends_on=date(2024, 12, 31), auto_renew=True)
    contract = contract_of(by_itself, said(JUNE, status="ended"))

    assert paid(contract, date(2025, 1, 1), MAY, JUNE - DAY, JUNE) == ["100", "100", "100", None]


def test_an_end_without_a_day_ends_on_the_day_it_is_said() -> None:
    contract = contract_of(said(JAN, mrr="100"), said(MAY, status="ended"))

    assert paid(contract, MAY - DAY, MAY) == ["100", None]


def test_a_contract_that_is_taken_up_again_has_two_lives() -> None:
    contract = contract_of(
        said(JAN, mrr="100", starts_on=JAN, ends_on=date(2026, 3, 31)),
        said(JUNE, mrr="80", starts_on=JUNE, ends_on=date(2026, 12, 31)),
    )

    assert paid(contract, date(2026, 3, 31), date(2026, 4, 1), JUNE) == ["100", None, "80"]


def test_a_contract_that_is_renewed_in_place_ahead_of_its_new_term_goes_on() -> None:
    year = said(date(2025, 1, 1), mrr="100", starts_on=date(2025, 1, 1), ends_on=date(2025, 12, 31))
    told, new_year, last = date(2025, 12, 10), date(2026, 1, 1), date(2026, 12, 31)
    renewed = contract_of(year, said(told, starts_on=new_year, ends_on=last))
    after_a_break = contract_of(year, said(told, starts_on=new_year + DAY, ends_on=last))

    assert [step.day for step in renewed.steps] == [date(2025, 1, 1), last + DAY]
    assert paid(after_a_break, told - DAY, told, new_year, new_year + DAY) == ["100", None, None, "100"]


def test_a_contract_that_is_renewed_twice_before_the_next_term_begins_goes_on() -> None:
    first, second, third = [(date(year, 1, 1), date(year, 12, 31)) for year in (2025, 2026, 2027)]
    events = [
        said(date(2025, 1, 1), mrr="100", starts_on=first[0], ends_on=first[1]),
        said(date(2025, 11, 10), starts_on=second[0], ends_on=second[1]),
        said(date(2025, 11, 20), starts_on=third[0], ends_on=third[1]),
    ]

    assert [step.day for step in contract_of(*events).steps] == [first[0], third[1] + DAY]
    december = noon(date(2025, 12, 5))
    (running,) = living(facts_of(events, december).slow, december, UTC)
    assert contract_at(running, december, UTC).began == first[0]


def test_a_trial_that_becomes_a_contract_pays_from_its_new_first_day() -> None:
    trial = said(JAN, mrr="100", status="trial", starts_on=JAN, ends_on=JUNE - DAY)
    contract = contract_of(trial, said(MAY, status="active", starts_on=JUNE, ends_on=date(2026, 12, 31)))

    assert paid(contract, MAY, JUNE - DAY, JUNE) == [None, None, "100"]


def test_days_are_those_of_the_zone() -> None:
    late = said(MAY, mrr="100")
    late = late.model_copy(update={"time": datetime(2026, 5, 10, 20, tzinfo=UTC)})  # the 11th in Tokyo

    assert paid(contract_of(late, zone=TOKYO), MAY, MAY + DAY) == [None, "100"]


def test_an_end_moved_to_an_earlier_day_is_the_one_that_counts() -> None:
    renewed = contract_of(said(JAN, ends_on=MAY), said(MAY - 9 * DAY, ends_on=JUNE))
    cut_short = contract_of(said(JAN, ends_on=JUNE), said(MAY - 9 * DAY, ends_on=MAY))

    assert renewed.ends == (MAY, JUNE)
    assert cut_short.ends == (MAY,)


def test_every_step_names_the_event_that_made_it() -> None:
    told = said(JAN, mrr="100", ends_on=MAY)
    raised = said(JAN + 30 * DAY, mrr="120")

    steps = contract_of(told, raised).steps

    assert [(step.day, step.event) for step in steps] == [
        (JAN, told.id),
        (JAN + 30 * DAY, raised.id),
        (MAY + DAY, told.id),
    ]


def test_the_book_holds_groups_by_day_and_the_newest_revision_of_an_answer() -> None:
    book = book_of(
        described(noon(JAN), plan="basic", owner="sam"),
        described(noon(MAY), plan="pro"),
        answer(noon(MAY), 3),
        answer(noon(MAY), 9, revision=2),
        answer(noon(JUNE), 5, response="r2", role="payer"),
    )

    assert book.plans == (Dated(JAN, "basic"), Dated(MAY, "pro"))
    assert [book.group("plan", day) for day in (JAN - DAY, JAN, MAY)] == ["basic", "basic", "pro"]
    assert book.group("segment", MAY) is None
    assert [(one.response, one.score) for one in book.answers] == [("r1", 9), ("r2", 5)]


def test_without_a_plan_of_the_account_that_of_its_dearest_contract_counts() -> None:
    book = book_of(said(JAN, "c1", mrr="100", plan="basic"), said(JAN, "c2", mrr="300", plan="pro"))

    assert book.group("plan", MAY) == "pro"


def test_plans_of_contracts_are_compared_by_what_the_contracts_are_worth() -> None:
    euros = said(JAN, "c1", mrr="100", currency="EUR", plan="pro")
    book = book_of(euros, said(JAN, "c2", mrr="9000", currency="JPY", plan="basic"))
    rates = Rates.of("JPY", [("EUR", JAN, Decimal(160))])

    assert book.group("plan", MAY, rates) == "pro"


def test_while_no_contract_pays_the_plan_is_the_last_one_or_else_the_first() -> None:
    first = said(MAY, "c1", mrr="100", plan="basic", ends_on=MAY + 9 * DAY)
    book = book_of(first, said(JUNE, "c2", mrr="100", plan="pro"))

    assert [book.group("plan", day) for day in (JAN, MAY, JUNE - DAY, JUNE)] == ["basic", "basic", "basic", "pro"]


def test_a_book_reads_back_equal() -> None:
    book = book_of(
        said(JAN, mrr="100.500000", ends_on=MAY, product="core", currency="EUR"),
        described(noon(JAN), plan="basic"),
        event("milestone.reached", noon(MAY), {"milestone": "go_live"}),
        answer(noon(MAY), 3),
        usage(noon(MAY)),
    )

    assert booking.decode_book(booking.encode_book(book)) == book
    assert book.first_core == MAY


def test_what_a_book_is_made_of_makes_a_new_one() -> None:
    first = [said(JAN, mrr="100"), described(noon(JAN), plan="a")]
    before = facts_of(first).slow

    for one in (said(MAY, mrr="120"), described(noon(MAY), plan="b"), answer(noon(MAY), 3), usage(noon(MAY))):
        assert booking.differs(before, facts_of([*first, one]).slow), one.type


def test_tickets_and_touches_leave_the_book_alone() -> None:
    first = [said(JAN, mrr="100"), described(noon(JAN), plan="a")]
    before = facts_of(first).slow

    for one in (ticket(NOON), touch(NOON), described(NOON, seats=9), event("note.recorded", NOON, _note())):
        assert not booking.differs(before, facts_of([*first, one]).slow), one.type


def test_a_ticket_that_was_opened_again_is_not_solved() -> None:
    opened, solved = noon(JAN), noon(JAN + DAY)
    told = [ticket(opened, opened_at=opened, status="open"), ticket(solved, status="solved", solved_at=solved)]
    again = ticket(noon(JAN + 2 * DAY), status="open")

    assert booking.tickets(facts_of(told).slow) == {"t1": Ticket("t1", opened, None, solved)}
    assert booking.tickets(facts_of([*told, again]).slow) == {"t1": Ticket("t1", opened, None, None)}


def test_a_ticket_that_is_solved_once_more_was_solved_then_unless_a_later_time_is_said() -> None:
    told = [
        ticket(noon(JAN), status="open", opened_at=noon(JAN)),
        ticket(noon(JAN + DAY), status="solved", solved_at=noon(JAN + DAY)),
        ticket(noon(MAY), status="pending"),
        ticket(noon(JUNE), status="solved"),
    ]
    corrected = ticket(noon(JUNE + DAY), solved_at=noon(MAY + DAY))

    assert booking.tickets(facts_of(told).slow)["t1"].solved_at == noon(JUNE)
    assert booking.tickets(facts_of([*told, corrected]).slow)["t1"].solved_at == noon(MAY + DAY)


def test_a_status_that_was_taken_back_opens_no_ticket_again() -> None:
    told = [
        ticket(noon(JAN), status="solved", opened_at=noon(JAN), solved_at=noon(JAN)),
        ticket(noon(MAY), status=None),
        ticket(noon(JUNE), status="closed"),
    ]

    assert [booking.tickets(facts_of(told[:n]).slow)["t1"].solved_at for n in (2, 3)] == [noon(JAN)] * 2


def test_a_ticket_closed_without_a_time_was_solved_when_that_was_said() -> None:
    told = [ticket(noon(JAN)), ticket(noon(MAY), status="closed")]

    assert booking.tickets(facts_of(told).slow)["t1"].solved_at == noon(MAY)


def test_a_ticket_that_is_closed_after_it_was_solved_was_solved_then() -> None:
    told = [(JAN, "solved"), (JAN + DAY, "open"), (MAY, "solved"), (MAY + DAY, "solved"), (JUNE, "closed")]
    events = [ticket(noon(day), status=status, opened_at=noon(JAN)) for day, status in told]

    assert booking.tickets(facts_of(events).slow)["t1"].solved_at == noon(MAY)


def test_only_tickets_that_changed_are_written_again() -> None:
    first = [ticket(noon(JAN), "t1"), ticket(noon(JAN), "t2")]
    before = facts_of(first).slow

    after = facts_of([*first, ticket(noon(MAY), "t2", status="solved")]).slow

    assert booking.changed_tickets(before, after).keys() == {"t2"}


def _note() -> dict[str, str]:
    return {"author": "sam", "text_ref": "ingest/00000000-0000-4000-8000-000000000000"}
