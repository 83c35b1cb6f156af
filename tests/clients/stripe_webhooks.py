"""Webhooks as Stripe delivers them, signed by its own library: any other answer than 200, and it comes again.

An invoice is opened, then paid: two events of the same whole second, several on their way at once. The key is the
source's secret.
"""

import asyncio
import json
import time
from collections.abc import Iterator
from typing import Any

import stripe
from tests.clients.errand import Errand, errand
from tests.clients.posting import Post, deliver


def invoice_event(event_id: str, invoice: str, account: str, created: int, *, paid: bool) -> dict[str, Any]:
    held = {
        "id": invoice,
        "object": "invoice",
        "customer": f"cus_{account}",
        "metadata": {"account": account},
        "status": "paid" if paid else "open",
        "total": 12_300,
        "currency": "jpy",
        "due_date": created + 30 * 86_400,
        "status_transitions": {"finalized_at": created, "paid_at": created if paid else None},
    }
    before: dict[str, Any] = {"status": "open", "status_transitions": {"paid_at": None}} if paid else {}
    return {
        "id": event_id,
        "object": "event",
        "type": "invoice.paid" if paid else "invoice.finalized",
        "created": created,
        "data": {"object": held, "previous_attributes": before} if paid else {"object": held},
    }


def posts(todo: Errand) -> Iterator[Post]:
    created = int(time.time())
    for number, (event_id, _, _) in enumerate(todo):
        invoice, paid = divmod(number, 2)
        _, account = todo.members[invoice % len(todo.members)]
        event = invoice_event(event_id, f"in_{todo.name}_{invoice}", account, created, paid=bool(paid))
        yield signed(json.dumps(event), todo.key)


def signed(body: str, secret: str) -> Post:
    header = stripe.WebhookSignature.generate_signature_header
    return Post(body.encode(), lambda: {"stripe-signature": header(body, secret), "content-type": "application/json"})


def main() -> None:
    todo = errand()
    asyncio.run(deliver(f"{todo.url}/v1/webhooks/{todo.name}", posts(todo)))


if __name__ == "__main__":
    main()
