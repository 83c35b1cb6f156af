"""rudder-sdk-python, as a product's backend uses it."""

from typing import Any

from rudderstack.analytics.client import Client
from tests.clients.errand import EVENT, ended, errand


def main() -> None:
    todo = errand()
    errors: list[Any] = []
    # Its ten retries are enough as they are: up to 1, 2, 4, 8 ... seconds apart.
    client = Client(todo.key, host=todo.url, on_error=lambda error, _: errors.append(error))
    for user, account in todo.members:
        client.identify(user, {"name": user})
        client.group(user, account, {"plan": "team"})
    for event_id, user, _ in todo:
        client.track(user, EVENT, {"pages": 3}, message_id=event_id)
    client.shutdown()
    ended(errors)


if __name__ == "__main__":
    main()
