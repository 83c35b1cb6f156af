"""A portfolio to look at, and the console on it."""

import asyncio
from datetime import datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from pydantic import SecretStr
from tests.integration.console.progresses import settled
from tests.integration.console.upstream import NOW, FakeAccount, FakeUpstream, contribution, well, worn

from console.doors import Place
from console.service import assembled
from console.sessions import Role, cookie_name, session_text
from console.sessions import Session as ConsoleSession
from console.upstream import SERVICES, Upstream
from cskit.auth import Keys
from cskit.clock import Clock, Clocks, FrozenClock, RealClock
from cskit.http import make_app, service_client
from cskit.service import Service
from csmodels.api import Adjustment, Staff, Task, TimelineEntry

SECRET = "kz_service_0123456789abcdef"
URL = "http://console.test"
_TEXT = "0b54a2e0-1111-4222-8333-444455556666"


def place(world: Clock | None = None, wall: Clock | None = None, **more: Any) -> Place:
    """A console in Tokyo."""
    clocks = Clocks(world=world or FrozenClock(NOW), wall=wall or FrozenClock(NOW))
    values: dict[str, Any] = {"default": "en", "zone": ZoneInfo("Asia/Tokyo"), "currency": "JPY"} | more
    return Place(public_url=URL, secret=SECRET, clocks=clocks, **values)


def console(upstream: FakeUpstream, at: Place, closing: asyncio.Event | None = None) -> Service:
    """The console on the fake services."""
    clients = {
        name: service_client(f"http://{name}", SecretStr(SECRET), transport=upstream.transport()) for name in SERVICES
    }
    return assembled(at, Upstream(clients), closing or asyncio.Event())


def app_of(service: Service, at: Place) -> Any:
    """Its HTTP app."""
    return make_app("console", service.routers, keys=Keys(), clocks=at.clocks, ready=service.ready)


def cookie_of(at: Place, *, staff: str | None = "sato", role: Role = "csm") -> dict[str, str]:
    """The session cookie of somebody who signed in just now."""
    now = at.clocks.wall.now()
    return {cookie_name(at.public_url): session_text(ConsoleSession(staff, role, now), at.secret, now)}


def task(id_: str, account: str, title: str, ja: str, **more: Any) -> Task:
    """An open task of Sato's, due today at 17:00 unless said otherwise."""
    values: dict[str, Any] = {
        "owner": "sato", "status": "open", "due_at": datetime(2026, 11, 24, 8, tzinfo=NOW.tzinfo),
        "created_at": NOW - timedelta(minutes=30), "playbook": "rescue", "run": "run-1", "step": "call",
    }  # fmt: skip
    return Task(id=id_, account=account, title={"en": title, "ja": ja}, **{**values, **more})


def entry(days: float, kind: Any, data: dict[str, Any]) -> TimelineEntry:
    """Something that befell an account so many days ago."""
    return TimelineEntry(id=f"{kind}-{days}", at=NOW - timedelta(days=days), kind=kind, data=data)


def portfolio(language: str = "en") -> FakeUpstream:
    """Eight accounts, three of the staff, tasks, and a story of the first account."""
    ja = language == "ja"
    fake = FakeUpstream()
    fake.staff = [
        Staff(
            id="sato", name="佐藤 美咲" if ja else "Misaki Sato", time_zone="Asia/Tokyo", locale="ja" if ja else "en"
        ),
        Staff(id="mori", name="森 健太" if ja else "Kenta Mori", time_zone="Asia/Tokyo"),
    ]
    names = {
        "akagi": ("Akagi Valve Works", "赤城バルブ製作所"), "kashima": ("Kashima Cold Chain", "鹿島コールドチェーン"),
        "hinoki": ("Hinoki Freight", "檜ロジスティクス"), "misaki": ("Misaki Marine Parts", "三崎マリンパーツ"),
        "tsukuba": ("Tsukuba Lens Plant", "つくばレンズ工場"), "nasu": ("Nasu Dairy", "那須デイリー"),
        "yamabuki": ("Yamabuki Retail", "山吹リテール"), "kiri": ("Kiri Textiles", "桐テキスタイル"),
    }  # fmt: skip

    def name(id_: str) -> str:
        return names[id_][ja]

    akagi = worn("akagi", name("akagi"), progress=settled("akagi"))
    akagi.timeline = [
        entry(
            0.02,
            "health",
            {"version": 42, "score": akagi.score, "band": "red", "previous_score": 51.8, "previous_band": "yellow"},
        ),
        entry(
            1,
            "health",
            {"version": 41, "score": 51.8, "band": "yellow", "previous_score": 53.0, "previous_band": "yellow"},
        ),
        entry(
            1.1,
            "health",
            {"version": 40, "score": 53.0, "band": "yellow", "previous_score": 54.1, "previous_band": "yellow"},
        ),
        entry(
            4.7,
            "touch",
            {"kind": "call", "direction": "both", "person": "p2", "outcome": "reached", "text_ref": f"ingest/{_TEXT}"},
        ),
        entry(5, "contact", {"person": "p1", "role": "sponsor", "left": True}),
        entry(8, "ticket", {"ticket": "2318", "status": "open", "severity": 2, "channel": "email", "topic": "offline"}),
        entry(
            8.2,
            "answer",
            {"response": "r1", "survey": "nps", "kind": "nps", "score": 6, "role": "champion", "person": "p2"},
        ),
        entry(22, "owner", {"from": "mori", "to": "sato"}),
        entry(40, "override", {"override": "o1", "points": 5, "expires_at": "2026-11-14T00:00:00Z", "author": "sato"}),
        entry(
            50,
            "contract",
            {
                "contract": "K-12",
                "status": "active",
                "plan": "Professional",
                "mrr": "480000",
                "currency": "JPY",
                "seats": 120,
                "ends_on": "2027-05-31",
            },
        ),
    ]
    akagi.people = [
        {"id": "p1", "name": "黒田 誠" if ja else "Makoto Kuroda"},
        {"id": "p2", "name": "小林 由美" if ja else "Yumi Kobayashi"},
        {"id": "p3", "name": "田村 亮" if ja else "Ryo Tamura"},
    ]
    fake.texts[_TEXT] = "第2ラインは10月から紙に戻りました。" if ja else "Line 2 went back to paper in October."
    capped = well("kashima", name("kashima"), renewal_days=28, mrr="590000")
    capped.adjustments = [Adjustment(kind="cap", points=49 - capped.score, reason="severity_1_overdue")]
    capped.change = -38.0
    idle = worn("hinoki", name("hinoki"), renewal_days=141, mrr="265000", change=-6.0)
    idle.contributions[1] = contribution("usage_trend", 0.2, 0.0, 0.3)
    fake.add(
        akagi,
        capped,
        idle,
        FakeAccount(
            "misaki",
            name("misaki"),
            [contribution("active_share", 0.41, 51.0, 0.5), contribution("usage_trend", 0.93, 84.0, 0.5)],
            change=-9.0,
            mrr="720000",
            renewal_days=205,
            watch=["declining"],
        ),
        FakeAccount(
            "tsukuba",
            name("tsukuba"),
            [contribution("contact", 1.7, 58.0, 0.5), contribution("open_tickets", 2.4, 77.0, 0.5)],
            change=0.2,
            mrr="1410000",
            renewal_days=21,
            owner=None,
        ),
        FakeAccount(
            "nasu",
            name("nasu"),
            [contribution("active_share", None, None, 0), contribution("open_tickets", 0.0, 100, 1.0)],
            band="grey",
            change=None,
            mrr=None,
            renewal_days=None,
            owner="mori",
            corrected_days=0,
            known_days=0,
        ),
        well("yamabuki", name("yamabuki"), mrr="17420000"),
        well("kiri", name("kiri"), owner="mori"),
    )
    fake.playbooks = [
        {"id": "rescue", "name": {"en": "Rescue declining usage", "ja": "利用低下の立て直し"}, "active": True}
    ]
    fake.runs = [{
        "id": "run-1", "playbook": "rescue", "version": 1, "account": "akagi", "trigger": "akagi:42",
        "trigger_type": "health.changed", "state": "running", "started_at": (NOW - timedelta(minutes=30)).isoformat(),
    }]  # fmt: skip
    how = {
        "en": "1. Ask what changed at the plant.\n2. Show the two work orders that stopped.\n3. Ask who is next.",
        "ja": "1. 現場で何が変わったかを伺う。\n2. 止まった2つの業務をお見せする。\n3. 後任の方を伺う。",
    }
    tasks = [
        task("t1", "akagi", "Call the champion", "推進担当者に電話する", how=how, priority="high"),
        task("t2", "kashima", "Send the recovery plan", "復旧計画を送る", due_at=NOW - timedelta(days=4), run=None),
        task(
            "t3",
            "hinoki",
            "Ask why work stopped",
            "止まった理由を確かめる",
            due_at=NOW + timedelta(days=2),
            owner="mori",
        ),
        task(
            "t4",
            "akagi",
            "Check tablets on line 2",
            "第2ラインの端末を確認",
            due_at=NOW + timedelta(days=3),
            playbook=None,
            run=None,
        ),
    ]
    fake.tasks = {each.id: each for each in tasks}
    return fake


def real_clock() -> Clock:
    """For streams, which sleep."""
    return RealClock()
