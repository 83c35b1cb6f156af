"""What to paste to connect a source: the same lines as in docs/guides/send-events.md, with this server's address."""

from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Snippet:
    """Lines to paste. `sdk` is the name of the library; "" for the two first steps, which are lines for a shell."""

    id: str
    sdk: str
    lines: str


def snippets(url: str, source: str) -> Sequence[Snippet]:
    """A key, a first event with curl, and the SDKs that products have already."""
    return (
        Snippet("key", "", f"export URL={url}\nexport KEY=$(kizashi keys new {source} --scope ingest)"),
        Snippet("curl", "", _CURL),
        Snippet("segment-python", "segment-analytics-python", _SEGMENT_PYTHON.format(url=url)),
        Snippet("segment-node", "@segment/analytics-node", _SEGMENT_NODE.format(url=url)),
        Snippet("rudder-python", "rudder-sdk-python", _RUDDER.format(url=url)),
        Snippet("posthog-python", "posthog", _POSTHOG.format(url=url)),
    )


_CURL = """curl $URL/v1/events -H "Authorization: Bearer $KEY" -d '{
  "id": "first-1", "type": "usage.tracked", "account": "acme", "user": "u-1", "data": {"name": "report.exported"}}'"""
_SEGMENT_PYTHON = """from segment.analytics import Client
client = Client(KEY, host="{url}", gzip=True)
client.group("u-1", "acme", {{"name": "Acme"}})
client.track("u-1", "report.exported")
client.flush()"""
_SEGMENT_NODE = """import {{ Analytics }} from '@segment/analytics-node'
const analytics = new Analytics({{ writeKey: KEY, host: '{url}', path: '/v1/batch' }})
analytics.group({{ userId: 'u-1', groupId: 'acme' }})
analytics.track({{ userId: 'u-1', event: 'report.exported' }})"""
_RUDDER = """from rudderstack.analytics.client import Client
client = Client(KEY, host="{url}")
client.group("u-1", "acme", {{"name": "Acme"}})
client.track("u-1", "report.exported")
client.flush()"""
_POSTHOG = """from posthog import Posthog
client = Posthog(KEY, host="{url}")
client.capture("report.exported", distinct_id="u-1", groups={{"company": "acme"}})
client.shutdown()"""
