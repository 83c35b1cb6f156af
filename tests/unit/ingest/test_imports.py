"""Files of rows: how they are read, which column is which field, what a row says, and that nothing else comes of it."""

import io
import zipfile
from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any, get_args
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ingest.domain import native
from ingest.domain.drafts import Arrival, Draft, Refusal
from ingest.domain.imports import values
from ingest.domain.imports.headers import guess, missing
from ingest.domain.imports.kinds import SHAPES, Kind
from ingest.domain.imports.rows import Item, Problem, Reading, item
from ingest.domain.imports.values import Unreadable
from ingest.imports import files

TOKYO = ZoneInfo("Asia/Tokyo")
MOMENT = datetime(2026, 3, 10, 12, 30, tzinfo=UTC)
KINDS: Sequence[Kind] = get_args(Kind)


def reading(kind: Kind, **more: Any) -> Reading:
    columns = {field.name: field.name.upper() for field in SHAPES[kind].fields}
    return replace(Reading(kind, columns, TOKYO, MOMENT), **more)


def row(kind: Kind, **cells: str) -> Item:
    found = item(2, cells, reading(kind))
    assert isinstance(found, Item), found
    return found


def problems(kind: Kind, **cells: str) -> list[tuple[str, str]]:
    found = item(2, cells, reading(kind))
    assert not isinstance(found, Item), found
    return [(problem.field, problem.code) for problem in found]


# Headers


@pytest.mark.parametrize(
    ("kind", "headers", "columns"),
    [
        (
            "accounts",
            ["顧客ＩＤ", "会社名", "プラン", "ｼｰﾄ数", "備考"],
            {"account": "顧客ＩＤ", "name": "会社名", "plan": "プラン", "seats": "ｼｰﾄ数"},
        ),
        ("accounts", ["Account_ID", "Company Name"], {"account": "Account_ID", "name": "Company Name"}),
        (
            "contracts",
            ["顧客ID", "契約番号", "月額（税抜）", "通貨", "契約開始日", "ステータス"],
            {
                "account": "顧客ID",
                "contract": "契約番号",
                "status": "ステータス",
                "mrr": "月額（税抜）",
                "currency": "通貨",
                "starts_on": "契約開始日",
            },
        ),
        (
            "tickets",
            ["ID", "顧客ID", "件名", "優先度", "Created At"],
            {"ticket": "ID", "account": "顧客ID", "severity": "優先度", "opened_at": "Created At"},
        ),
        (
            "contacts",
            ["メールアドレス", "氏名", "役割", "顧客ID"],
            {"account": "顧客ID", "name": "氏名", "email": "メールアドレス", "role": "役割"},
        ),
        (
            "usage",
            ["日時", "顧客ID", "イベント名", "回数"],
            {"account": "顧客ID", "name": "イベント名", "time": "日時", "count": "回数"},
        ),
    ],
)
def test_headers_in_both_languages_are_known(kind: Kind, headers: list[str], columns: dict[str, str]) -> None:
    found = guess(kind, headers)

    assert found.columns == columns
    assert missing(kind, found.columns) == []


def test_a_header_that_is_there_twice_names_no_field() -> None:
    found = guess("accounts", ["id", "name", "name"])

    assert found.columns == {"account": "id"}


def test_columns_of_words_are_left_and_said_to_be_words() -> None:
    found = guess("tickets", ["ticket", "account", "件名", "色"])

    assert (found.left, found.words) == (["件名", "色"], ["件名"])


def test_what_no_row_can_do_without_is_missing() -> None:
    assert missing("usage", {"name": "x"}) == ["time", "account or user"]


# Values


@pytest.mark.parametrize(
    "text",
    [
        "2026-01-31",
        "2026/1/31",
        "2026年1月31日",
        "２０２６／０１／３１",
        "20260131",
        "31.01.2026",
        "1/31/2026",
        "46053",
        "令和8年1月31日",
        "R8.1.31",
        "2026/01/31 09:00",
        "2026.01.31",
    ],
)
def test_a_day_is_read_however_it_is_written(text: str) -> None:
    assert values.day(text, None) == date(2026, 1, 31)


def test_a_day_that_may_be_two_is_refused_unless_its_column_decides() -> None:
    with pytest.raises(Unreadable) as refused:
        values.day("01/02/2026", None)
    assert refused.value.code == "ambiguous_day"

    assert values.days_come_first(["01/02/2026", "13/02/2026"]) is True
    assert values.days_come_first(["01/02/2026", "02/13/2026 10:00"]) is False
    assert values.days_come_first(["13/02/2026", "02/13/2026"]) is None
    assert values.days_come_first(["01/02/2026", "x"]) is None
    assert values.day("01/02/2026", True) == date(2026, 2, 1)
    assert values.day("01/02/2026", False) == date(2026, 1, 2)


@pytest.mark.parametrize(
    ("text", "moment"),
    [
        ("2026/01/31", "2026-01-30T15:00:00+00:00"),
        ("2026/01/31 9:05", "2026-01-31T00:05:00+00:00"),
        ("2026年1月31日 9時05分", "2026-01-31T00:05:00+00:00"),
        ("2026-01-31T09:05:06.5Z", "2026-01-31T09:05:06.500000+00:00"),
        ("2026-01-31 09:05:06 +09:00", "2026-01-31T00:05:06+00:00"),
        ("46053.5", "2026-01-31T03:00:00+00:00"),
    ],
)
def test_a_moment_without_a_zone_is_in_the_portfolios(text: str, moment: str) -> None:
    assert values.moment(text, None, TOKYO).isoformat() == moment


@pytest.mark.parametrize(
    ("text", "amount"),
    [
        ("¥1,200,000", "1200000"),
        ("1,200.50", "1200.50"),
        ("１２００円", "1200"),
        ("￥ 980", "980"),
        ("\\980", "980"),
        ("-5", "-5"),
        ("USD 12.30", "12.30"),
        ("12 EUR", "12"),
    ],
)
def test_money_loses_its_marks(text: str, amount: str) -> None:
    assert values.money(text) == amount


@pytest.mark.parametrize("text", ["1.200,50", "1,20", "12万", "abc", "1e5", "NaN", "--1", "1,2000"])
def test_money_that_may_mean_something_else_is_refused(text: str) -> None:
    with pytest.raises(Unreadable):
        values.money(text)


@pytest.mark.parametrize(("text", "number"), [("1,200", 1200), ("１２名", 12), ("12.0", 12), ("12 ヶ月", 12)])
def test_a_whole_number_may_have_a_counter(text: str, number: int) -> None:
    assert values.whole(text) == number


@pytest.mark.parametrize(
    ("kind", "field", "text", "value"),
    [
        ("contracts", "status", "解約済み", "cancelled"),
        ("contracts", "status", " Active ", "active"),
        ("tickets", "severity", "高", "2"),
        ("tickets", "severity", "Low", "4"),
        ("tickets", "status", "In Progress", "open"),
        ("contacts", "role", "決裁者", "sponsor"),
        ("accounts", "country", "日本", "JP"),
        ("accounts", "country", "jp", "JP"),
        ("accounts", "locale", "日本語", "ja"),
        ("contracts", "currency", "円", "JPY"),
    ],
)
def test_words_of_both_languages_are_known(kind: str, field: str, text: str, value: str) -> None:
    assert values.word(kind, field, text) == value


# Rows


def test_a_contract_becomes_an_item_that_ingest_takes() -> None:
    made = row(
        "contracts", account="akagi", contract="K-1", status="有効", mrr="¥120,000", currency="円", starts_on="2026/4/1"
    )

    found = native.draft(made.to_bytes(), 0, Arrival("import", MOMENT, b"key"))
    assert isinstance(found, Draft)
    assert found.type == "contract.changed"
    assert found.backfill
    assert found.id.startswith("h-")  # nobody guesses from it what the row said
    assert made.said["data"] == {
        "contract": "K-1",
        "status": "active",
        "mrr": "120000",
        "currency": "JPY",
        "starts_on": "2026-04-01",
    }


def test_the_same_row_has_the_same_id_and_a_changed_one_another() -> None:
    first = row("accounts", account="akagi", plan="basic")
    later = item(9, {"account": "akagi", "plan": " basic "}, reading("accounts", moment=MOMENT.replace(day=11)))
    changed = row("accounts", account="akagi", plan="pro")

    assert isinstance(later, Item)
    assert first.said["id"] == later.said["id"] != changed.said["id"]


def test_a_contact_without_a_user_id_is_known_by_the_address() -> None:
    made = row("contacts", email="a@example.com", name="赤城")

    assert (made.said["user"], made.said["data"]) == ("a@example.com", {"email": "a@example.com", "name": "赤城"})


def test_a_ticket_without_a_time_has_that_of_its_latest_change() -> None:
    made = row("tickets", ticket="1", account="akagi", opened_at="2026-03-01", solved_at="2026-03-02")

    assert made.said["time"] == "2026-03-01T15:00:00Z"


def test_only_rows_later_than_the_newest_before_are_live() -> None:
    live = reading("usage", live_after=datetime(2026, 3, 1, tzinfo=UTC))
    told = [
        item(2, {"account": "a", "name": "login", "time": time}, live)
        for time in ("2026-03-01T00:00:00Z", "2026-03-01T00:00:01Z")
    ]

    assert [one.said["backfill"] for one in told if isinstance(one, Item)] == [True, False]


def test_every_problem_of_a_row_is_told_with_its_column_and_without_its_value() -> None:
    found = item(7, {"account": "", "seats": "many", "name": "a\x07b"}, reading("accounts"))

    assert isinstance(found, list)
    assert [(problem.line, problem.field, problem.column, problem.code) for problem in found] == [
        (7, "seats", "SEATS", "invalid_number"),
        (7, "name", "NAME", "control_character"),
        (7, "account", "ACCOUNT", "missing_field"),
    ]
    assert "many" not in found[0].message


def test_an_unknown_word_and_a_cell_too_long_are_refused() -> None:
    assert problems("tickets", ticket="1", account="a", status="?") == [("status", "unknown_word")]
    assert problems("accounts", account="x" * 10_001) == [("account", "cell_too_long")]
    assert problems("accounts", account="a", colour="x") == [("colour", "unknown_field")]


def test_columns_of_ones_own_are_kept_under_their_names() -> None:
    made = row("accounts", account="a", **{"custom.tier": "3", "custom.code": "007"})

    assert made.said["data"] == {"custom": {"tier": 3, "code": "007"}}


CELLS = st.one_of(st.text(), st.from_regex(r"[0-9０-９/.\-:年月日 ¥,]{1,20}", fullmatch=True), st.characters())


@given(st.sampled_from(KINDS), st.data())
def test_any_text_makes_an_item_or_named_problems_and_never_an_error(kind: Kind, data: st.DataObject) -> None:
    names = [field.name for field in SHAPES[kind].fields]
    cells = data.draw(st.dictionaries(st.sampled_from(names), CELLS))

    found = item(2, cells, reading(kind))

    if isinstance(found, Item):
        taken = native.draft(found.to_bytes(), 0, Arrival("import", MOMENT, b"key"))
        assert isinstance(taken, Draft | Refusal)
    else:
        assert found
        assert all(isinstance(one, Problem) and one.code and one.message for one in found)


# Files


def table(tmp_path: Path, content: bytes) -> files.Table:
    file = tmp_path / "file.csv"
    file.write_bytes(content)
    return files.read(file)


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "cp932", "utf-16"])
def test_text_is_read_in_the_encodings_of_here(tmp_path: Path, encoding: str) -> None:
    found = table(tmp_path, "顧客ID,会社名\r\nakagi,㈱赤城～\r\n".encode(encoding))

    assert found.headers == ["顧客ID", "会社名"]
    assert [line.cells for line in found.lines] == [["akagi", "㈱赤城～"]]


def test_lines_are_those_of_the_file_over_empty_ones_and_breaks_in_cells(tmp_path: Path) -> None:
    found = table(tmp_path, b'\nid;name\n\na;"x\ny"\nb\n,\n')

    assert [(line.number, list(line.cells)) for line in found.lines][:2] == [(4, ["a", "x\ny"]), (6, ["b", ""])]


@pytest.mark.parametrize(
    ("content", "word"),
    [
        (b"", "empty"),
        (b"\n\n", "empty"),
        (b"a,b\n1,2,3\n", "line 2"),
        (b'a,b\n1,"2\n', "line 2"),
        (b"\xef\xbb\xbf\xff", "utf-8-sig"),
        (b",".join(b"h%d" % n for n in range(201)), "columns"),
        (b"PK\x03\x04 no zip", "Excel"),
        (b"\xd0\xcf\x11\xe0 no book", "Excel"),
    ],
)
def test_what_is_no_table_is_refused_with_the_reason(tmp_path: Path, content: bytes, word: str) -> None:
    with pytest.raises(files.BadFile, match=word):
        table(tmp_path, content)


def test_a_book_that_unpacks_without_end_is_refused_before_it_is_read(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(files, "MAX_UNPACKED", 1_000_000)
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as book:
        book.writestr("xl/worksheets/sheet1.xml", b"0" * 5_000_000)
    honest = packed.getvalue()
    liar = honest.replace((5_000_000).to_bytes(4, "little"), (1_000).to_bytes(4, "little"))
    assert liar != honest

    for content in (honest, liar):
        with pytest.raises(files.BadFile, match="unpacks"):
            table(tmp_path, content)


def test_a_sheet_is_read_with_its_days_and_whole_numbers(tmp_path: Path) -> None:
    found = table(tmp_path, book([["顧客ID", "席数", "契約日"], ["akagi", 12, "date:46053"], [1001, 2.5, ""]]))

    assert found.encoding == "excel"
    assert [(line.number, list(line.cells)) for line in found.lines] == [
        (2, ["akagi", "12", "2026-01-31"]),
        (3, ["1001", "2.5", ""]),
    ]


def book(rows: list[list[Any]]) -> bytes:
    """A workbook of one sheet, as small as readers take it."""

    def cell(value: Any) -> str:
        if isinstance(value, str) and value.startswith("date:"):
            return f'<c s="1"><v>{value[5:]}</v></c>'
        if isinstance(value, str):
            return f'<c t="inlineStr"><is><t>{value}</t></is></c>'
        return f"<c><v>{value}</v></c>"

    main = "http://schemas.openxmlformats.org/spreadsheetml/2006/main"
    relations = "http://schemas.openxmlformats.org/officeDocument/2006/relationships"
    package = "http://schemas.openxmlformats.org/package/2006/relationships"
    types = "http://schemas.openxmlformats.org/package/2006/content-types"
    lines = "".join(f"<row>{''.join(map(cell, cells))}</row>" for cells in rows)
    sheet_type = "application/vnd.openxmlformats-officedocument.spreadsheetml"
    parts = {
        "[Content_Types].xml": f'<Types xmlns="{types}"><Default Extension="xml" ContentType="application/xml"/>'
        f'<Override PartName="/xl/workbook.xml" ContentType="{sheet_type}.sheet.main+xml"/></Types>',
        "_rels/.rels": f'<Relationships xmlns="{package}"><Relationship Id="r1" Type="{relations}/officeDocument" '
        'Target="xl/workbook.xml"/></Relationships>',
        "xl/workbook.xml": f'<workbook xmlns="{main}" xmlns:r="{relations}"><sheets>'
        '<sheet name="1" sheetId="1" r:id="r1"/></sheets></workbook>',
        "xl/_rels/workbook.xml.rels": f'<Relationships xmlns="{package}">'
        f'<Relationship Id="r1" Type="{relations}/worksheet" Target="worksheets/sheet1.xml"/>'
        f'<Relationship Id="r2" Type="{relations}/styles" Target="styles.xml"/></Relationships>',
        "xl/styles.xml": f'<styleSheet xmlns="{main}"><cellXfs count="2"><xf numFmtId="0"/><xf numFmtId="14"/>'
        "</cellXfs></styleSheet>",
        "xl/worksheets/sheet1.xml": f'<worksheet xmlns="{main}"><sheetData>{lines}</sheetData></worksheet>',
    }
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as made:
        for name, text in parts.items():
            made.writestr(name, f'<?xml version="1.0" encoding="UTF-8"?>{text}')
    return packed.getvalue()
