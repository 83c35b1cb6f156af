"""cloudevents for Python, in its three modes by turns. It makes requests and sends none: retries are the caller's."""

import asyncio
from collections.abc import Iterator
from datetime import UTC, datetime

from cloudevents.core.bindings import http
from cloudevents.core.v1.event import CloudEvent
from tests.clients.errand import EVENT, Errand, errand
from tests.clients.posting import Post, deliver


def posts(todo: Errand) -> Iterator[Post]:
    for number, (event_id, user, account) in enumerate(todo):
        attributes = {
            "id": event_id,
            "source": f"/{todo.name}",
            "type": "usage.tracked",
            "subject": account,
            "specversion": "1.0",
            "time": datetime.now(UTC),
            "user": user,
        }
        event = CloudEvent(attributes=attributes, data={"name": EVENT, "properties": {"pages": 3}})
        match number % 3:
            case 0:
                yield post_of(http.to_binary_event(event))
            case 1:
                yield post_of(http.to_structured_event(event))
            case _:
                yield post_of(batch_of(http.to_structured_event(event)))


def batch_of(one: http.HTTPMessage) -> http.HTTPMessage:
    """The mode that the library leaves to us: a JSON array of events."""
    headers = {"Content-Type": "application/cloudevents-batch+json"}
    return http.HTTPMessage(headers=headers, body=b"[" + one.body + b"]")


def post_of(message: http.HTTPMessage) -> Post:
    return Post(message.body, lambda: message.headers)


def main() -> None:
    todo = errand()
    asyncio.run(deliver(f"{todo.url}/v1/cloudevents", posts(todo), auth=(todo.key, "")))


if __name__ == "__main__":
    main()
