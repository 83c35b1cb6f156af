"""posthog for Python, as a product's backend uses it; its newer protocol where POSTHOG_CAPTURE_MODE says v1."""

import os
from typing import Any

from posthog import Posthog
from tests.clients.errand import EVENT, ended, errand

RETRIES = 10  # 1, 2, 4, 8 ... seconds apart; its own three give up after seven seconds


def main() -> None:
    todo = errand()
    errors: list[Any] = []
    client = Posthog(
        todo.key,
        host=todo.url,
        flush_interval=0.5,
        max_retries=RETRIES,
        capture_mode=os.environ.get("POSTHOG_CAPTURE_MODE"),
        on_error=lambda error, _: errors.append(error),
    )
    for user, account in todo.members:
        client.set(distinct_id=user, properties={"name": user})
        client.group_identify("company", account, {"plan": "team"})
    for event_id, user, account in todo:
        client.capture(EVENT, distinct_id=user, uuid=event_id, properties={"pages": 3}, groups={"company": account})
    client.shutdown()
    ended(errors)


if __name__ == "__main__":
    main()
