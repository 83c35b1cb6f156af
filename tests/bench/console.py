"""`python -m tests.bench.console`: how soon an open page shows a change on the bus, beside the REST answer.

In turns on one account of a demo that stands still: from ingest's answer until GET …/health tells the new score, until
the account's page shows it in a real Chromium, without a reload, and until the page of the source shows the item.
"""

import argparse
import asyncio
import json
import statistics
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import httpx
from playwright.async_api import Page
from tests.running.browser import MISSING, chromium
from tests.running.demos import demo
from tests.running.processes import command

DEADLINE = 20.0
_ARRIVED = "id => document.querySelector('#source-items')?.textContent.includes(id)"
_SHOWN = "wanted => document.querySelector('#acc-health .fig')?.textContent.trim() === wanted"


async def changed(ingest: httpx.AsyncClient, account: str, number: int) -> None:
    """A ticket that is opened (severity 1, just now) or solved: either way another score."""
    status = "open" if number % 2 == 0 else "solved"
    ticket = {"ticket": f"B-{number // 2}", "severity": 1, "status": status, "opened_at": "2026-01-05T09:00:00Z"}
    item = {"id": f"bench-{number}", "type": "ticket.changed", "account": account, "data": ticket}
    answer = await ingest.post("/v1/events", json={"events": [item]})
    assert answer.json()["accepted"] == 1, answer.text


async def new_score(api: httpx.AsyncClient, account: str, before: float) -> float:
    deadline = time.monotonic() + DEADLINE
    while True:
        found: dict[str, Any] = (await api.get(f"/v1/accounts/{account}/health")).json()
        if found["score"] != before:
            return float(found["score"])
        assert time.monotonic() < deadline, "the score did not move"
        await asyncio.sleep(0.005)


async def measure(page: Page, api: httpx.AsyncClient, ingest: httpx.AsyncClient, account: str, rounds: int) -> Any:
    """Milliseconds until REST and until the page shows a change, each of `rounds`."""
    rest: list[float] = []
    shown: list[float] = []
    score = float((await api.get(f"/v1/accounts/{account}/health")).json()["score"])
    for number in range(rounds):
        await changed(ingest, account, number)
        sent = time.monotonic()
        score = await new_score(api, account, score)
        rest.append((time.monotonic() - sent) * 1000)
        await page.wait_for_function(_SHOWN, arg=f"{score:.1f}", timeout=DEADLINE * 1000)
        shown.append((time.monotonic() - sent) * 1000)
    return sorted(rest), sorted(shown)


async def arrivals(page: Page, ingest: httpx.AsyncClient, account: str, rounds: int) -> list[float]:
    """Milliseconds until the source's page shows an item, each of `rounds`."""
    took: list[float] = []
    for number in range(rounds):
        item = {"id": f"arrival-{number}.", "type": "usage.tracked", "account": account, "data": {"name": "x"}}
        answer = await ingest.post("/v1/events", json={"events": [item]})
        assert answer.json()["accepted"] == 1, answer.text
        sent = time.monotonic()
        await page.wait_for_function(_ARRIVED, arg=f"arrival-{number}.", timeout=DEADLINE * 1000)
        took.append((time.monotonic() - sent) * 1000)
    return sorted(took)


async def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=60)
    parser.add_argument("--accounts", type=int, default=60)
    options = parser.parse_args()
    if MISSING is not None:
        print(f"Nothing was measured: {MISSING}.", file=sys.stderr)
        sys.exit(3)
    with tempfile.TemporaryDirectory() as folder:
        async with demo(Path(folder), "--accounts", str(options.accounts), "--no-live") as one, chromium() as browser:
            await one.says("accounts scored")
            key = await command("keys", "new", "bench", "--scope", "ingest", "--data", str(one.data), environment={})
            page = await browser.new_page()
            await page.goto(one.link)
            await page.get_by_role("main").get_by_role("button").click()
            ingest = httpx.AsyncClient(
                base_url=one.url, headers={"authorization": f"Bearer {key.strip()}"}, trust_env=False
            )
            async with one.client() as api, ingest:
                (account,) = (await api.get("/v1/accounts", params={"band": "green", "limit": 1})).json()["items"]
                await page.goto(f"{one.url}/accounts/{account['account']}")
                await page.locator('#live[data-state="live"]').wait_for()
                rest, shown = await measure(page, api, ingest, account["account"], options.rounds)
                await page.goto(f"{one.url}/sources/bench")
                await page.locator('#live[data-state="live"]').wait_for()
                arrived = await arrivals(page, ingest, account["account"], options.rounds)
    figures = {
        "rest_p50_ms": statistics.median(rest),
        "rest_p99_ms": rest[int(len(rest) * 0.99)],
        "page_p50_ms": statistics.median(shown),
        "page_p99_ms": shown[int(len(shown) * 0.99)],
        "source_p50_ms": statistics.median(arrived),
        "source_p99_ms": arrived[int(len(arrived) * 0.99)],
    }
    print(f"{'event accepted until':<28}{'p50 ms':>10}{'p99 ms':>10}")
    print(f"{'REST tells the score':<28}{figures['rest_p50_ms']:>10.0f}{figures['rest_p99_ms']:>10.0f}")
    print(f"{'the open page shows it':<28}{figures['page_p50_ms']:>10.0f}{figures['page_p99_ms']:>10.0f}")
    print(f"{'its source shows it':<28}{figures['source_p50_ms']:>10.0f}{figures['source_p99_ms']:>10.0f}")
    ratios = {"page_over_rest_p50": figures["page_p50_ms"] / figures["rest_p50_ms"]}
    print(json.dumps({"bench": "console", "ratios": ratios, "figures": figures}))


if __name__ == "__main__":
    asyncio.run(main())
