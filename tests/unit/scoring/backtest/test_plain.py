"""Event logs and tables of churn dates as people have them."""

import gzip
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pyarrow import parquet
from tests.unit.scoring.builders import CARD, TOKYO

from csmodels.customer import Usage, UsageTracked
from scoring.backtest.outcomes import Away, Outcome
from scoring.backtest.plain import BadFile, Churn, EventLog, person_id, read_churn, read_events
from scoring.engine.codec import canonical
from scoring.engine.facts import Facts, MonthFacts
from scoring.engine.fold import fold_all, months_touched

NOW = datetime(2026, 7, 1, tzinfo=UTC)
NOBODY = Churn({}, {})


def events_of(path: Path, zone: Any = UTC) -> list[tuple[str, str, str | None, datetime, int]]:
    """account, name, person, time, count of all events of a file."""
    log = read_events(path, zone, NOW)
    known = {person_id(number): person for number, person in enumerate(log.persons)}
    return [
        (past.account, e.data.name, known[e.personid] if e.personid else None, e.time, e.data.count)  # type: ignore[union-attr]
        for past in log.pasts(NOBODY, zone)
        for e in past.events
    ]


def written(folder: Path, text: str, encoding: str = "utf-8") -> Path:
    path = folder / "file.csv"
    path.write_bytes(text.encode(encoding))
    return path


def test_columns_are_found_in_any_order_and_case_and_others_are_left_alone(tmp_path: Path) -> None:
    path = written(tmp_path, "Plan,NAME,Time , person,ACCOUNT\npro,report,2026-06-01T09:00:00Z,p1,acme\n")

    found = events_of(path)

    assert found == [("acme", "report", "p1", datetime(2026, 6, 1, 9, tzinfo=UTC), 1)]


def test_people_may_be_unknown(tmp_path: Path) -> None:
    path = written(tmp_path, "account,time,name\nacme,2026-06-01,report\n")

    assert events_of(path)[0][2] is None


@pytest.mark.parametrize(
    ("text", "moment"),
    [
        ("2026-06-01T09:00:00Z", datetime(2026, 6, 1, 9, tzinfo=UTC)),
        ("2026-06-01T09:00:00+09:00", datetime(2026, 6, 1, 0, tzinfo=UTC)),
        ("2026-06-01 09:00:00.250", datetime(2026, 6, 1, 0, 0, 0, 250_000, tzinfo=UTC)),
        ("2026/06/01 09:00", datetime(2026, 6, 1, 0, tzinfo=UTC)),
        ("2026/6/1 9:00", datetime(2026, 6, 1, 0, tzinfo=UTC)),
        ("2026/6/1 9:00:30", datetime(2026, 6, 1, 0, 0, 30, tzinfo=UTC)),
        ("2026/6/1", datetime(2026, 5, 31, 15, tzinfo=UTC)),
        ("2026-06-01 09:00:00 UTC", datetime(2026, 6, 1, 9, tzinfo=UTC)),
        ("46174.375", datetime(2026, 6, 1, 0, tzinfo=UTC)),
        ("2026-06-01", datetime(2026, 5, 31, 15, tzinfo=UTC)),
        ("20260601", datetime(2026, 5, 31, 15, tzinfo=UTC)),
        ("1780272000", datetime(2026, 6, 1, 0, tzinfo=UTC)),
        ("1780272000.25", datetime(2026, 6, 1, 0, 0, 0, 250_000, tzinfo=UTC)),
        ("1780272000250", datetime(2026, 6, 1, 0, 0, 0, 250_000, tzinfo=UTC)),
        ("1780272000250000", datetime(2026, 6, 1, 0, 0, 0, 250_000, tzinfo=UTC)),
    ],
)
def test_times_have_a_zone_or_are_in_the_portfolios(tmp_path: Path, text: str, moment: datetime) -> None:
    path = written(tmp_path, f"account,time,name\nacme,{text},report\n")

    assert events_of(path, TOKYO)[0][3] == moment


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "cp932"])
@pytest.mark.parametrize("separator", [",", ";", "\t"])
def test_files_are_read_in_the_usual_encodings_and_with_the_usual_separators(
    tmp_path: Path, encoding: str, separator: str
) -> None:
    rows = [("account", "time", "name"), ("赤城", "2026-06-01", "請求書作成")]
    path = written(tmp_path, "\r\n".join(separator.join(row) for row in rows) + "\r\n", encoding)

    assert [(account, name) for account, name, *_ in events_of(path)] == [("赤城", "請求書作成")]


def test_bad_rows_are_named_with_their_line_and_the_others_are_taken(tmp_path: Path) -> None:
    path = written(
        tmp_path,
        "account,time,name\n"
        "acme,2026-06-01,report\n"
        "acme,yesterday,report\n"
        "\n"
        ',2026-06-01,"two\nlines"\n'
        "acme,2026-06-02,\n"
        "acme,2027-01-01,report\n"
        "acme\n"
        "acme,0001-01-01T00:00:00,report\n"
        "acme,9999-12-31T23:59:59-10:00,report\n",
    )

    log = read_events(path, TOKYO, NOW)

    assert [problem.line for problem in log.problems] == [3, 5, 7, 8, 9, 10, 11]
    assert "yesterday" in log.problems[0].what
    assert "account is empty" in log.problems[1].what
    assert "name is empty" in log.problems[2].what
    assert "future" in log.problems[3].what
    assert "time is empty" in log.problems[4].what
    assert "before 1970" in log.problems[5].what
    assert "future" in log.problems[6].what
    assert (len(log), log.refused) == (1, 7)
    assert log.span()[0] == log.span()[1] == datetime(2026, 5, 31, 15, tzinfo=UTC)


def test_of_many_bad_rows_the_first_are_named_and_all_are_counted(tmp_path: Path) -> None:
    path = written(tmp_path, "account,time,name\n" + "a,x,y\n" * 500 + "a,2026-06-01,y\n")

    log = read_events(path, UTC, NOW)

    assert (len(log.problems), log.refused) == (20, 500)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("", ["empty"]),
        ("account,when,name\n", ["no column time", "when"]),
        ("account,time,Time,name\n", ["time 2 times"]),
        ("account,time,name\n", ["no usable row"]),
        ("account,time,name\na,b,c\n", ["no usable row", "line 2"]),
        ('account,time,name\n"a,2026-01-01,b\n', ["line 2", "no CSV"]),
    ],
)
def test_a_file_that_is_no_event_log_is_refused_with_what_is_wrong(tmp_path: Path, text: str, words: list[str]) -> None:
    path = written(tmp_path, text)

    with pytest.raises(BadFile) as refused:
        read_events(path, UTC, NOW)

    for word in [str(path), *words]:
        assert word in str(refused.value)


def test_a_file_that_is_not_there_is_refused(tmp_path: Path) -> None:
    with pytest.raises(BadFile, match="cannot be read: No such file"):
        read_events(tmp_path / "none.csv", UTC, NOW)


@pytest.mark.parametrize(
    ("times", "moment"),
    [
        (
            pa.array([datetime(2026, 6, 1, 9, tzinfo=UTC)], pa.timestamp("us", "UTC")),
            datetime(2026, 6, 1, 9, tzinfo=UTC),
        ),
        (pa.array([1780272000000000123], pa.timestamp("ns")), datetime(2026, 5, 31, 15, tzinfo=UTC)),
        (pa.array([date(2026, 6, 1)], pa.date32()), datetime(2026, 5, 31, 15, tzinfo=UTC)),
        (pa.array(["2026-06-01T00:00:00Z"]), datetime(2026, 6, 1, tzinfo=UTC)),
        (pa.array([1780272000000]), datetime(2026, 6, 1, tzinfo=UTC)),
    ],
)
def test_parquet_is_read_whatever_its_times_are(tmp_path: Path, times: pa.Array, moment: datetime) -> None:
    path = tmp_path / "events"
    columns = {"Time": times, "account": pa.array([17.0]), "name": pa.array(["report"]).dictionary_encode()}
    parquet.write_table(pa.table(columns), path)

    assert events_of(path, TOKYO) == [("17", "report", None, moment, 1)]


def test_bad_rows_of_parquet_are_named_by_their_number(tmp_path: Path) -> None:
    path = tmp_path / "events.parquet"
    parquet.write_table(
        pa.table({"account": ["a", None, "a"], "time": ["2026-06-01", "2026-06-01", None], "name": ["x", "x", "x"]}),
        path,
    )

    log = read_events(path, UTC, NOW)

    assert [problem.line for problem in log.problems] == [2, 3]


def test_bytes_in_parquet_are_text_in_utf_8_or_their_row_is_left_out(tmp_path: Path) -> None:
    path = tmp_path / "events.parquet"
    table = {
        "account": pa.array(["赤城".encode(), b"a", b"\xff", b"a", b"a"]),
        "time": ["2026-06-01"] * 5,
        "name": pa.array([b"x", b"x", b"x", b"\xff", b"x"]).view(pa.string()),
        "person": pa.array([b"p1", b"\xff", None, None, None]),
    }
    parquet.write_table(pa.table(table), path)

    log = read_events(path, UTC, NOW)

    assert (log.accounts, log.names, log.persons) == (["赤城", "a"], ["x"], ["p1"])
    assert [line for line, _ in log.problems] == [2, 3, 4]
    assert all("UTF-8" in what for _, what in log.problems)


@pytest.mark.parametrize("kind", [pa.timestamp("us"), pa.timestamp("us", "UTC"), pa.date64()])
def test_a_time_in_parquet_that_is_in_no_year_is_left_out(tmp_path: Path, kind: pa.DataType) -> None:
    path = tmp_path / "events.parquet"
    times = pa.array([86_400_000, 86_400_000 * 10**10], pa.int64()).cast(kind)
    parquet.write_table(pa.table({"account": ["a", "a"], "time": times, "name": ["x", "x"]}), path)

    log = read_events(path, UTC, NOW)

    assert (len(log), [line for line, _ in log.problems]) == (1, [2])


def test_a_broken_parquet_file_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "events.parquet"
    path.write_bytes(b"PAR1 and nothing more")

    with pytest.raises(BadFile, match="no Parquet file"):
        read_events(path, UTC, NOW)


def test_churn_dates_and_revenue_are_read(tmp_path: Path) -> None:
    path = written(
        tmp_path, 'Churned_On,account,MRR\n2026-05-01,acme,"1,200.50"\n2026-05-01T20:00:00Z,b,\n2026-05-01,acme,\n'
    )

    churn = read_churn(path, TOKYO)

    assert churn == Churn({"acme": date(2026, 5, 1), "b": date(2026, 5, 2)}, {"acme": 1200.5})


@pytest.mark.parametrize(
    ("text", "amount"),
    [
        ("1200", 1200),
        ("1200.50", 1200.5),
        ("1,200", 1200),
        ("12,345,678.5", 12_345_678.5),
        ("1200,50", 1200.5),
        ("1200,5", 1200.5),
        ("1.200,50", 1200.5),
        ("0,5", 0.5),
    ],
)
def test_an_amount_has_a_decimal_point_or_a_decimal_comma(tmp_path: Path, text: str, amount: float) -> None:
    path = written(tmp_path, f"account;churned_on;mrr\nacme;2026-05-01;{text}\n")

    assert read_churn(path, UTC).mrr == {"acme": amount}


@pytest.mark.parametrize("text", ["1,2,3", "12,34,567", "1200,500", "0,500", "1,200,30", "1.200.300", "-1", "nan"])
def test_an_amount_that_may_mean_two_things_is_refused(tmp_path: Path, text: str) -> None:
    path = written(tmp_path, f"account;churned_on;mrr\nacme;2026-05-01;{text}\n")

    with pytest.raises(BadFile, match="line 2: mrr"):
        read_churn(path, UTC)


@pytest.mark.parametrize(
    ("rows", "words"),
    [
        ("acme,soon\n", ["line 2", "soon"]),
        ("acme,\n", ["line 2", "churned_on is empty"]),
        (",2026-05-01\n", ["line 2", "account is empty"]),
        ("acme,2026-05-01\nb,2026-05-01\nacme,2026-06-01\n", ["line 4", "twice"]),
    ],
)
def test_a_table_of_churn_with_a_bad_row_is_refused(tmp_path: Path, rows: str, words: list[str]) -> None:
    path = written(tmp_path, "account,churned_on\n" + rows)

    with pytest.raises(BadFile) as refused:
        read_churn(path, UTC)

    for word in words:
        assert word in str(refused.value)


def test_an_account_that_is_there_twice_with_another_revenue_is_refused(tmp_path: Path) -> None:
    path = written(tmp_path, "account,churned_on,mrr\nacme,2026-05-01,100\nacme,2026-05-01,\nacme,2026-05-01,40\n")

    with pytest.raises(BadFile, match=r"line 4.*twice, with another mrr"):
        read_churn(path, UTC)


def test_a_packed_file_is_refused_as_such(tmp_path: Path) -> None:
    path = tmp_path / "events.csv.gz"
    path.write_bytes(gzip.compress(b"account,time,name\n"))

    with pytest.raises(BadFile, match="Unpack it"):
        read_events(path, UTC, NOW)


def test_an_empty_table_of_churn_says_that_nobody_left(tmp_path: Path) -> None:
    assert read_churn(written(tmp_path, "account,churned_on\n"), UTC) == NOBODY


def test_what_became_of_an_account_comes_from_the_table(tmp_path: Path) -> None:
    log = read_events(written(tmp_path, "account,time,name\nb,2026-06-01,x\na,2026-06-01,x\n"), UTC, NOW)

    pasts = list(log.pasts(Churn({"a": date(2026, 6, 20)}, {"a": 9.0}), UTC))

    assert [(past.account, past.outcome, past.revenue, past.weight) for past in pasts] == [
        ("a", Outcome((Away(date(2026, 6, 20)),)), 9.0, 1),
        ("b", Outcome(), None, 1),
    ]


def test_names_are_counted_up_to_a_moment(tmp_path: Path) -> None:
    text = "account,time,name\na,2026-06-01,x\nb,2026-06-01,x\na,2026-06-02,y\na,2026-06-03,x\n"
    log = read_events(written(tmp_path, text), UTC, NOW)

    counted = log.counts(datetime(2026, 6, 2, 12, tzinfo=UTC))

    assert counted == {"x": 2, "y": 1}
    assert log.span() == (datetime(2026, 6, 1, tzinfo=UTC), datetime(2026, 6, 3, tzinfo=UTC))


moments = st.datetimes(datetime(2026, 4, 1), datetime(2026, 6, 30), timezones=st.just(UTC))  # noqa: DTZ001


@settings(max_examples=60)
@given(
    st.lists(st.tuples(moments, st.sampled_from("abc"), st.sampled_from(["p", "q", None])), min_size=1, max_size=40),
    st.sampled_from(["UTC", "Asia/Tokyo", "America/New_York"]),
)
def test_events_of_a_day_taken_together_give_the_facts_that_each_alone_gives(
    made: list[tuple[datetime, str, str | None]], zone: str
) -> None:
    there = ZoneInfo(zone)
    log = EventLog(accounts=["acme"], names=["a", "b", "c"], persons=["p", "q"])
    for at, name, person in made:
        log.account_of.append(0)
        log.name_of.append("abc".index(name))
        log.person_of.append(-1 if person is None else "pq".index(person))
        log.times.append((at - datetime(1970, 1, 1, tzinfo=UTC)) // timedelta(microseconds=1))
    alone = [
        UsageTracked.model_construct(
            id=str(n), source="events", subject="acme", time=at, receivedtime=at,
            personid=None if person is None else person_id("pq".index(person)),
            data=Usage.model_construct(name=name, count=1),
        )
        for n, (at, name, person) in enumerate(made)
    ]  # fmt: skip

    (past,) = log.pasts(NOBODY, there)

    months = {month: MonthFacts() for one in alone for month in months_touched(one, there)}
    empty = Facts("acme").loaded(months)
    together, each = (fold_all(empty, some, CARD, there).facts for some in (past.events, alone))
    assert canonical(together) == canonical(each)
    assert len(past.events) <= len(alone)
