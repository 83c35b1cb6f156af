"""How every client of the Kafka engine connects, and one client for questions about topics."""

import asyncio
import ssl
import time
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final, Literal, TypeVar
from uuid import UUID

from aiokafka import errors
from aiokafka.client import AIOKafkaClient
from aiokafka.protocol.admin import CreateTopicsRequest, DeleteRecordsRequest, DeleteTopicsRequest
from aiokafka.protocol.offset import OffsetRequest

from cskit.log.base import LogError, TopicMismatch
from cskit.log.kafka_metadata import TopicMetadata, TopicMetadataRequest, read_topics
from csmodels.topics import MAX_MESSAGE_BYTES

PATIENCE: Final = 30.0  # seconds within which a cluster is expected to answer again
BATCH_BYTES: Final = MAX_MESSAGE_BYTES + 512 * 1024  # uncompressed: one largest message and what surrounds it
TOPIC_BYTES: Final = MAX_MESSAGE_BYTES + 1024 * 1024  # what a topic takes: a batch that does not compress, and a margin
_RETRY: Final = 0.2
_REQUEST_MS: Final = 10_000
_NO_SUCH_TOPIC: Final = errors.UnknownTopicOrPartitionError.errno
_EARLIEST, _LATEST = -2, -1

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class KafkaSecurity:
    """How to reach a cluster that is not open: SASL user and password, TLS, or both."""

    protocol: Literal["SASL_PLAINTEXT", "SASL_SSL", "SSL"]
    mechanism: Literal["SCRAM-SHA-512", "SCRAM-SHA-256", "PLAIN"] = "SCRAM-SHA-512"
    user: str | None = None
    password: str | None = field(default=None, repr=False)
    ca_file: str | None = None  # None: the system's authorities


def client_options(bootstrap: str, client_id: str, security: KafkaSecurity | None) -> dict[str, Any]:
    """Keyword arguments that every aiokafka client takes."""
    options: dict[str, Any] = {
        "bootstrap_servers": bootstrap,
        "client_id": client_id,
        "request_timeout_ms": _REQUEST_MS,
        "retry_backoff_ms": 100,
        "metadata_max_age_ms": 60_000,
    }
    if security is not None:
        options["security_protocol"] = security.protocol
        if security.protocol != "SASL_PLAINTEXT":
            options["ssl_context"] = ssl.create_default_context(cafile=security.ca_file)
        if security.protocol != "SSL":
            options["sasl_mechanism"] = security.mechanism
            options["sasl_plain_username"] = security.user
            options["sasl_plain_password"] = security.password
    return options


class KafkaTopics:
    """Questions and orders about topics, over one connection of its own."""

    def __init__(self, bootstrap: str, options: Mapping[str, Any], replication: int) -> None:
        self._bootstrap = bootstrap
        self._options = options
        self._replication = replication
        self._client: Any = None

    async def start(self) -> None:
        """Connect. Raises LogError when no broker answers."""
        client: Any = AIOKafkaClient(**self._options)  # type: ignore[no-untyped-call]
        try:
            async with asyncio.timeout(PATIENCE):
                await client.bootstrap()
        except (errors.KafkaError, OSError, TimeoutError) as error:
            await client.close()
            raise LogError(f"Kafka at {self._bootstrap} is not reachable: {error!r}") from error
        self._client = client

    async def close(self) -> None:
        client, self._client = self._client, None
        if client is not None:
            await client.close()

    async def describe(self, topics: Sequence[str]) -> dict[str, TopicMetadata]:
        """The topics among these that exist. A leader that is being elected is waited for."""

        async def ask() -> dict[str, TopicMetadata]:
            response = await self._send(None, TopicMetadataRequest(list(topics)))
            found, refused = read_topics(response)
            for topic, code in refused.items():
                if code != _NO_SUCH_TOPIC:
                    raise _error(code, f"metadata of {topic}")
            if any(leader < 0 for t in found.values() for leader in t.leaders.values()):
                raise errors.LeaderNotAvailableError()
            return found

        return await self._insist(f"the metadata of {', '.join(topics)}", ask)

    async def topic_id(self, topic: str) -> UUID:
        """See Log.topic_id. Raises LogError when there is no such topic."""
        return (await self._existing(topic)).id

    async def ensure(self, topics: Sequence[str], partitions: int) -> None:
        """See Log.ensure_topics. Returns when every partition has a leader."""
        found = await self.describe(topics)
        missing = [t for t in topics if t not in found]
        if missing:
            await self._create(missing, partitions)

            async def made() -> dict[str, TopicMetadata]:
                there = await self.describe(topics)
                if len(there) < len(set(topics)):
                    raise errors.UnknownTopicOrPartitionError()
                return there

            found = await self._insist(f"the new topics {', '.join(missing)}", made)
        for topic in topics:
            if (count := len(found[topic].leaders)) != partitions:
                raise TopicMismatch(
                    f"topic {topic} has {count} partitions and must have {partitions}: another count would send keys"
                    " elsewhere. Use another cluster, or name the topic anew"
                )

    async def delete(self, topic: str) -> None:
        """Delete a topic with its records and wait until it is gone. For tests."""

        async def gone() -> None:
            if topic in await self.describe([topic]):
                await self._send(self._controller(), DeleteTopicsRequest([topic], _REQUEST_MS))
                raise errors.LeaderNotAvailableError()

        await self._insist(f"the end of {topic}", gone)

    async def begin_offsets(self, topic: str) -> dict[int, int]:
        return await self._offsets(topic, _EARLIEST)

    async def end_offsets(self, topic: str) -> dict[int, int]:
        return await self._offsets(topic, _LATEST)

    async def trim(self, topic: str, before_ms: int, until: Mapping[int, int] | None) -> None:
        """See Log.trim."""
        begins, ends = await self.begin_offsets(topic), await self.end_offsets(topic)
        young = await self._offsets(topic, before_ms)  # after the ends: where there is none, all before those are old
        wanted = {}
        for number, begin in begins.items():
            old = young[number] if young[number] >= 0 else ends[number]
            offset = old if until is None else min(old, until.get(number, 0))
            if offset > begin:
                wanted[number] = offset
        if wanted:
            await self._delete_records(topic, wanted)

    async def _delete_records(self, topic: str, before: Mapping[int, int]) -> None:
        async def ask() -> None:
            by_leader: dict[int, list[tuple[int, int]]] = {}
            for number, leader in (await self._existing(topic)).leaders.items():
                if number in before:
                    by_leader.setdefault(leader, []).append((number, before[number]))
            for leader, some in by_leader.items():
                response = await self._send(leader, DeleteRecordsRequest([(topic, some)], _REQUEST_MS))
                for _, partitions, *_ in response.topics:
                    for number, _, code, *_ in partitions:
                        if code:
                            raise _error(code, f"deletion of old records of {topic}:{number}")

        await self._insist(f"up the old records of {topic}", ask)

    async def _offsets(self, topic: str, which: int) -> dict[int, int]:
        """By number of partition: the first, the next, or the first as young as so many ms since 1970 (-1: none)."""

        async def ask() -> dict[int, int]:
            by_leader: dict[int, list[tuple[int, int]]] = {}
            for number, leader in (await self._existing(topic)).leaders.items():
                by_leader.setdefault(leader, []).append((number, which))
            offsets: dict[int, int] = {}
            for leader, wanted in by_leader.items():
                response = await self._send(leader, OffsetRequest(-1, 0, [(topic, wanted)]))
                for _, answers in response.topics:
                    for number, code, _timestamp, offset in answers:
                        if code:
                            raise _error(code, f"offsets of {topic}:{number}")
                        offsets[number] = offset
            return offsets

        return dict(sorted((await self._insist(f"the offsets of {topic}", ask)).items()))

    async def _existing(self, topic: str) -> TopicMetadata:
        found = await self.describe([topic])
        if topic not in found:
            raise LogError(f"there is no topic {topic} in Kafka at {self._bootstrap}")
        return found[topic]

    async def _create(self, topics: Sequence[str], partitions: int) -> None:
        configs = [
            ("message.timestamp.type", "LogAppendTime"),
            ("max.message.bytes", str(TOPIC_BYTES)),
            ("retention.ms", "-1"),
        ]
        new: Any = [(topic, partitions, self._replication, [], configs) for topic in topics]

        async def ask() -> None:
            response = await self._send(self._controller(), CreateTopicsRequest(new, _REQUEST_MS, False))
            for topic, code, *message in response.topic_errors:
                if code not in (0, errors.TopicAlreadyExistsError.errno):
                    raise _error(code, f"creation of {topic}: {' '.join(str(m) for m in message)}")

        await self._insist(f"the creation of {', '.join(topics)}", ask)

    def _controller(self) -> int | None:
        controller = self._client.cluster.controller if self._client is not None else None
        return controller.nodeId if controller is not None else None

    async def _send(self, node: int | None, request: Any) -> Any:
        if self._client is None:
            raise LogError("the log is not connected: start it first")
        chosen = self._client.get_random_node() if node is None else node
        if chosen is None:
            raise errors.NodeNotReadyError("no broker is known")
        try:
            return await self._client.send(chosen, request)
        except NotImplementedError as old:
            raise LogError(f"Kafka at {self._bootstrap} is older than 2.8: {old}") from old

    async def _insist(self, what: str, ask: Callable[[], Awaitable[T]]) -> T:
        """Repeat what fails for a reason that passes; LogError after PATIENCE seconds."""
        deadline = time.monotonic() + PATIENCE
        while True:
            try:
                async with asyncio.timeout(max(deadline - time.monotonic(), 0)):
                    return await ask()
            except (errors.KafkaError, TimeoutError, OSError) as error:
                passing = not isinstance(error, errors.KafkaError) or error.retriable
                if not passing or time.monotonic() + _RETRY >= deadline:
                    raise LogError(f"Kafka at {self._bootstrap} does not give {what}: {error!r}") from error
                if self._client is not None:
                    self._client.force_metadata_update()
            await asyncio.sleep(_RETRY)


def _error(code: int, what: str) -> errors.KafkaError:
    kind = errors.for_code(code)
    made: errors.KafkaError = kind(what)
    return made
