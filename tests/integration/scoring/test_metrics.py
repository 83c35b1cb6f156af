"""Portfolio metrics over HTTP, of what the fold has written, on both databases."""

from collections import Counter
from collections.abc import AsyncIterator
from datetime import datetime
from pathlib import Path
from typing import Any

import httpx
import pytest
from tests.integration.scoring.conftest import Fresh
from tests.integration.scoring.portfolio_world import JUNE, World, contract, example, get, new_world, value
from tests.integration.scoring.world import DAY, HOUR, NOON, event, usage
from tests.unit.scoring.portfolio.example import FIGURES, RATES

from cskit.auth import KeyFile, Keys, new_key
from cskit.clock import RealClock
from csmodels.envelope import Event


@pytest.fixture
async def world(fresh: Fresh, tmp_path: Path) -> World:
    return await new_world(fresh, tmp_path)


@pytest.fixture
async def client(world: World) -> AsyncIterator[httpx.AsyncClient]:
    async with world.client() as one:
        yield one


async def test_the_published_example_comes_out_over_http(world: World, client: httpx.AsyncClient) -> None:
    await world.take(*example())
    rates = [{"currency": c, "valid_from": str(day), "rate": str(rate)} for c, day, rate in RATES]
    stored = await client.post("/v1/exchange-rates", json={"rates": rates})
    assert stored.status_code == 200, stored.text

    for name, (figure, parts) in FIGURES.items():
        span = {"period": "year"} if name == "time_to_value" else {"period": "month"}
        answer = await get(client, f"/v1/metrics/{name}", at="2026-06-30", margin="0.8", **span)
        (point,) = answer["points"]
        assert (point["value"], point["parts"]) == (figure, parts), name
        assert (answer["metric"], answer["missing_rates"]) == (name, [])


async def test_items_add_up_to_the_figure_page_by_page(world: World, client: httpx.AsyncClient) -> None:
    await world.take(*example())
    items: list[Any] = []
    cursor: dict[str, str] = {}

    while True:
        page = await get(client, "/v1/metrics/mrr_movements/items", **JUNE, limit=4, **cursor)
        items += page["items"]
        if page["next"] is None:
            break
        cursor = {"cursor": page["next"]}

    sums: Counter[str] = Counter()
    for item in items:
        sums[item["part"]] += int(item["amount"])
    assert {part: str(sums[part]) for part in page["parts"]} == page["parts"]
    assert page["value"] == await value(client, "mrr_movements", **JUNE)
    churned = await get(client, "/v1/metrics/mrr_movements/items", **JUNE, part="churn")
    assert churned["items"] == [
        {
            "account": "asama",
            "kind": "contract",
            "id": "S1",
            "part": "churn",
            "amount": "-800",
            "events": ["asama-2025-06-13-S1"],
        }
    ]


async def test_every_metric_that_is_listed_answers(world: World, client: httpx.AsyncClient) -> None:
    await world.take(*example())

    listed = (await get(client, "/v1/metrics"))["items"]

    assert len(listed) == 26
    for metric in listed:
        series = await get(client, f"/v1/metrics/{metric['name']}", by="plan")
        assert list(series["points"][0]["parts"]) == metric["parts"]
        items = await get(client, f"/v1/metrics/{metric['name']}/items")
        assert items["value"] == series["points"][0]["value"]
        assert metric["description"].keys() == {"en", "ja"}


async def test_a_series_by_month_goes_on_where_the_last_month_ended(world: World, client: httpx.AsyncClient) -> None:
    await world.take(*example())
    params = {"from": "2026-01-01", "to": "2026-07-01", "interval": "month"}

    points = (await get(client, "/v1/metrics/mrr_movements", **params))["points"]

    assert [(point["from"], point["to"]) for point in points[-2:]] == [
        ("2026-06-01", "2026-06-30"),
        ("2026-07-01", "2026-07-01"),
    ]
    assert [point["parts"]["end"] for point in points[:-1]] == [point["parts"]["start"] for point in points[1:]]


async def test_groups_are_those_of_the_periods_start(world: World, client: httpx.AsyncClient) -> None:
    described = "account.described"
    await world.take(
        contract("acme", NOON - 90 * DAY, mrr="100"),
        event(described, "acme", NOON - 90 * DAY, {"segment": "smb", "owner": "sam"}),
        event(described, "acme", NOON - 5 * DAY, {"segment": "enterprise"}),
        contract("best", NOON - 10 * DAY, mrr="50"),
        event(described, "best", NOON - 9 * DAY, {"segment": "enterprise"}),
        contract("cube", NOON - 90 * DAY, mrr="7"),
    )

    (point,) = (await get(client, "/v1/metrics/mrr_movements", **JUNE, by="segment"))["points"]

    groups = {group["group"]: group["parts"] for group in point["groups"]}
    assert list(groups) == ["enterprise", "smb", None]
    assert (groups["smb"]["start"], groups["smb"]["end"]) == ("100", "100")
    assert (groups["enterprise"]["new"], groups["enterprise"]["end"]) == ("50", "50")
    assert (point["parts"]["start"], point["parts"]["end"]) == ("107", "157")
    nameless = await get(client, "/v1/metrics/mrr/items", at="2026-06-30", by="segment", group="")
    assert [item["account"] for item in nameless["items"]] == ["cube"]
    of_smb = await get(client, "/v1/metrics/mrr/items", at="2026-06-20", by="segment", group="smb")
    assert [item["account"] for item in of_smb["items"]] == ["acme"]


async def test_active_users_are_counted_by_calendar_months(world: World, client: httpx.AsyncClient) -> None:
    june = NOON - 10 * DAY
    await world.take(
        *(usage("acme", june - n * DAY, who) for n in range(3) for who in (1, 2, 3)),
        usage("acme", june + DAY, 4),
        usage("best", june, 5),
        usage("acme", NOON, 1),
        event("account.described", "acme", june, {"segment": "smb"}),
    )

    assert await value(client, "active_users", at="2026-06-30") == "5"
    assert await value(client, "active_users", at="2026-06-21") == "4"
    assert await value(client, "active_users", **{"from": "2026-06-01", "interval": "month"}) == "1"
    (point,) = (await get(client, "/v1/metrics/active_users", **JUNE, by="segment"))["points"]
    assert {group["group"]: group["value"] for group in point["groups"]} == {"smb": "4", None: "1"}
    refused = await get(client, "/v1/metrics/active_users", at="2026-06-15", period="quarter", status=422)
    assert refused["code"] == "unsupported_period"


async def test_tickets_are_told_by_the_period_they_were_opened_in(world: World, client: httpx.AsyncClient) -> None:
    def ticket(id_: str, opened: datetime, **fields: Any) -> Event:
        return event("ticket.changed", "acme", opened, {"ticket": id_, "opened_at": opened, **fields})

    june = NOON - 10 * DAY
    await world.take(
        ticket("t1", june, first_reply_at=june + 2 * HOUR, solved_at=june + DAY),
        ticket("t2", june, first_reply_at=june + 6 * HOUR),
        ticket("t3", june),
        ticket("t4", NOON - 60 * DAY, solved_at=NOON),
    )

    assert await value(client, "ticket_resolution_rate", **JUNE) == "33.333333"
    assert await value(client, "first_reply_time", **JUNE) == "6"
    items = await get(client, "/v1/metrics/ticket_resolution_rate/items", **JUNE, part="solved")
    assert [(item["account"], item["kind"], item["id"]) for item in items["items"]] == [("acme", "ticket", "t1")]


async def test_a_new_rate_counts_from_its_day_and_one_that_is_deleted_no_more(
    world: World, client: httpx.AsyncClient
) -> None:
    await world.take(contract("acme", NOON - 90 * DAY, mrr="100", currency="EUR"))
    missing = await get(client, "/v1/metrics/mrr", at="2026-06-30")
    assert (missing["points"][0]["value"], missing["missing_rates"]) == ("0", ["EUR"])

    for day, rate in (("2026-01-01", "1.1"), ("2026-06-15", "1.20")):
        await client.post("/v1/exchange-rates", json={"rates": [{"currency": "EUR", "valid_from": day, "rate": rate}]})

    assert [await value(client, "mrr", at=day) for day in ("2026-06-14", "2026-06-15")] == ["110", "120"]
    assert await get(client, "/v1/exchange-rates") == {
        "items": [
            {"currency": "EUR", "valid_from": "2026-01-01", "rate": "1.1"},
            {"currency": "EUR", "valid_from": "2026-06-15", "rate": "1.2"},
        ],
        "next": None,
        "into": "USD",
    }
    gone = await client.delete("/v1/exchange-rates/EUR/2026-06-15")
    assert gone.status_code == 204
    assert await value(client, "mrr", at="2026-06-15") == "110"
    assert (await client.delete("/v1/exchange-rates/EUR/2026-06-15")).status_code == 404


@pytest.mark.parametrize(
    ("rate", "code"),
    [
        ({"currency": "USD", "valid_from": "2026-01-01", "rate": "1"}, "own_currency"),
        ({"currency": "EUR", "valid_from": "2026-01-01", "rate": "0.0"}, "rate_of_zero"),
        ({"currency": "EUR", "valid_from": "2026-01-01", "rate": "-1"}, None),
        ({"currency": "euro", "valid_from": "2026-01-01", "rate": "1"}, None),
    ],
)
async def test_a_rate_that_makes_no_sense_is_refused(
    client: httpx.AsyncClient, rate: dict[str, str], code: str | None
) -> None:
    answer = await client.post("/v1/exchange-rates", json={"rates": [rate]})

    assert answer.status_code == 422
    assert code is None or answer.json()["code"] == code
    assert (await get(client, "/v1/exchange-rates"))["items"] == []


@pytest.mark.parametrize(
    ("path", "params", "status", "code"),
    [
        ("nothing", {}, 404, "metric_not_found"),
        ("mrr", {"at": "2026-06-01", "from": "2026-05-01"}, 422, "at_and_from"),
        ("mrr", {"to": "2026-06-01"}, 422, "from_missing"),
        ("mrr", {"interval": "month"}, 422, "from_missing"),
        ("mrr", {"at": "2026-07-02"}, 422, "in_the_future"),
        ("mrr", {"from": "2026-06-02", "to": "2026-06-01"}, 422, "from_after_to"),
        ("mrr", {"from": "2000-06-02", "interval": "month"}, 422, "too_many_points"),
        ("mrr", {"at": "0001-01-01"}, 422, "too_far_back"),
        ("mrr/items", {"part": "start"}, 422, "unknown_part"),
        ("mrr/items", {"group": "smb"}, 422, "group_without_by"),
        ("mrr/items", {"cursor": "WzFd"}, 422, "invalid_cursor"),
    ],
)
async def test_a_question_that_makes_no_sense_is_refused(
    client: httpx.AsyncClient, path: str, params: dict[str, str], status: int, code: str
) -> None:
    assert (await get(client, f"/v1/metrics/{path}", status=status, **params))["code"] == code


async def test_a_key_without_the_scope_changes_no_rates(world: World, tmp_path: Path) -> None:
    clock = RealClock()
    file = KeyFile(tmp_path / "others.json", clock)
    world.key, entry = new_key("kim", ("read",), None, None, clock.now())
    file.add(entry)
    world.keys = Keys(file)

    async with world.client() as reader:
        answer = await reader.post("/v1/exchange-rates", json={"rates": []})

        assert answer.status_code == 403
        assert (await reader.get("/v1/metrics")).status_code == 200
