"""The timeline in words, in both languages."""

from datetime import UTC, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from console.events_in_words import Named, told
from console.formats import Formats
from console.sessions import Session
from console.timeline import days_of
from console.upstream import Calls
from console.visits import Visit
from console.words import Language
from csmodels.api import Staff, TimelineEntry

NOW = datetime(2026, 11, 24, 0, 41, tzinfo=UTC)
NAMED = Named({"p1": "Yumi Kobayashi"}, {"ingest/t1": "It is slow."})


def visit(language: Language = "en") -> Visit:
    formats = Formats(language, ZoneInfo("Asia/Tokyo"), "JPY", NOW)
    staff = {"sato": Staff(id="sato", name="Misaki Sato", time_zone="Asia/Tokyo")}
    return Visit(Session("sato", "csm", NOW), language, None, True, formats, staff, Calls({}, "sato"), "/")


def entry(kind: Any, data: dict[str, Any], hours: float = 1.0) -> TimelineEntry:
    return TimelineEntry(id=f"{kind}/{hours}", at=NOW - timedelta(hours=hours), kind=kind, data=data)


@pytest.mark.parametrize(
    ("kind", "data", "en", "ja"),
    [
        ("health", {"score": 45.9, "band": "red", "previous_score": 51.8, "previous_band": "yellow"},
         "Turned red, 51.8 to 45.9.", "赤になりました（51.8→45.9）。"),
        ("health", {"score": 45.9, "band": "red"}, "First score: 45.9, red.", "最初のスコア: 45.9（赤）。"),
        ("ticket", {"ticket": "7", "status": "open", "channel": "phone"},
         "Ticket 7 opened by phone.", "問い合わせ 7 を受付（電話）。"),
        ("ticket", {"ticket": "7", "status": "solved"}, "Ticket 7 solved.", "問い合わせ 7 を解決。"),
        ("contract", {"contract": "K", "status": "cancelled"}, "Contract K: cancelled.", "契約 K: 解約通知。"),
        ("invoice", {"invoice": "R", "amount": "480000", "currency": "JPY", "due_on": "2026-11-30"},
         "Invoice R over ¥480,000, due 30 Nov.", "請求書 R（48万円）、期限11/30。"),
        ("invoice", {"invoice": "R", "amount": None, "paid_at": "2026-11-20T00:00:00Z"},
         "Invoice R paid.", "請求書 R の入金。"),
        ("touch", {"kind": "call", "direction": "both", "person": "p1"},
         "Call with Yumi Kobayashi.", "通話（Yumi Kobayashi）。"),
        ("note", {"author": "sato", "text_ref": "ingest/t1"}, "Note by Misaki Sato.", "メモ（Misaki Sato）。"),
        ("voice", {"sentiment": -2}, "Voice of the customer: very negative.", "お客様の声: とても否定的。"),
        ("milestone", {"milestone": "go"}, "Milestone reached: go.", "マイルストーン達成: go。"),
        ("answer", {"kind": "nps", "score": 6, "survey": "nps"}, "NPS answer: 6 of 10.", "NPSの回答: 10点中6点。"),
        ("owner", {"from": None, "to": "sato"}, "Owner: nobody to Misaki Sato.", "担当: 未定からMisaki Satoへ。"),
        ("override", {"points": 5, "expires_at": "2026-12-14T00:00:00Z"},
         "Override +5.0 until 14 Dec.", "手動調整 +5.0（12/14まで）。"),
        ("override_ended", {"override": "o"}, "Override ended.", "手動調整を終了。"),
        ("contact", {"person": "p1", "role": "sponsor", "left": True},
         "Yumi Kobayashi left.", "Yumi Kobayashiが退任。"),
        ("contact", {"person": "p9", "role": "payer"}, "A contact is payer now.", "担当者の役割: 支払担当。"),
    ],
)  # fmt: skip
def test_each_kind_of_entry_is_told(kind: Any, data: dict[str, Any], en: str, ja: str) -> None:
    assert told(visit("en"), entry(kind, data), NAMED).text == en
    assert told(visit("ja"), entry(kind, data), NAMED).text == ja


def test_steps_of_a_day_without_a_turn_are_one_line() -> None:
    def step(score: float, hours: float) -> TimelineEntry:
        data = {"score": score, "band": "yellow", "previous_score": score + 1, "previous_band": "yellow"}
        return entry("health", data, hours)

    steps = [step(56.0, 1), step(57.0, 2), step(58.0, 3), step(59.0, 4), step(60.0, 5)]

    (day,) = days_of(visit(), steps, [], NAMED, show=None)

    assert [item.text for item in day.items] == ["Score 61.0 to 56.0."]


def test_a_filter_shows_every_step() -> None:
    steps = [
        entry("health", {"score": 60.0, "band": "yellow", "previous_score": 61.0, "previous_band": "yellow"}, hours)
        for hours in (1, 2)
    ]

    (day,) = days_of(visit(), steps, [], NAMED, show="health")

    assert len(day.items) == 2


def test_the_words_that_were_said_stand_below() -> None:
    (day,) = days_of(visit(), [entry("note", {"author": "sato", "text_ref": "ingest/t1"})], [], NAMED, show=None)

    assert day.items[0].quote == "It is slow."


def test_an_entry_that_came_while_the_page_was_open_is_new() -> None:
    entries = [entry("milestone", {"milestone": "a"}, 1), entry("milestone", {"milestone": "b"}, 3)]

    (day,) = days_of(visit(), entries, [], NAMED, show=None, new_since=NOW - timedelta(hours=2))

    assert [item.new for item in day.items] == [True, False]
