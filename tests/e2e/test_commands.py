"""The `kizashi` command as people use it: real processes, their exit status, and what they print where."""

import asyncio
import json
import os
import re
import shutil
import signal
from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import httpx
import pytest
import pytest_asyncio
from tests.chaos.snapshot import looking
from tests.running.processes import Ended, Process, command, ended, free_port
from tests.running.systems import SERVICES, clustered_system
from tests.running.worlds import until

from cskit.log import NewRecord
from cskit.testing.engines import DATABASE, fresh_database, missing_engines
from csmodels.partitioning import partition_of
from csmodels.topics import CUSTOMER_EVENTS

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(180), pytest.mark.asyncio(loop_scope="module")]

SECONDS = 30.0
READERS = {"scoring", "playbook", "survey"}  # of cs.customer-events
BODY = '{"half": "[red]a[/red] :smile: \x1b[2J兆し"'  # poison; whoever prints it must neither read nor obey it
POISON = NewRecord(CUSTOMER_EVENTS, partition_of("akagi"), b"akagi", BODY.encode())


def assert_refused(done: Ended, status: int, *words: str) -> None:
    """It ended with this status, printed nothing, and complained in sentences with these words."""
    assert done.status == status, done
    assert done.out == ""
    assert "Traceback" not in done.err
    for word in words:
        assert word in done.err, done.err
    assert re.search(r"([.?]|Run: kizashi .+|─╯)$", done.err.rstrip()), done.err  # the last: how typer frames wrong use


def assert_no_traceback(process: Process) -> None:
    assert "Traceback" not in process.tail(100_000), process.tail()


@dataclass(frozen=True)
class Server:
    """An embedded server that was started on a folder without keys, and with poison on its log."""

    process: Process
    data: Path

    @property
    def environment(self) -> dict[str, str]:
        return {"KIZASHI_DATA": str(self.data)}

    async def status(self, key: str) -> int:
        """What the server answers a request with this key."""
        async with httpx.AsyncClient(base_url=self.process.url, trust_env=False, timeout=30) as client:
            return (await client.get("/v1/accounts", headers={"authorization": f"Bearer {key}"})).status_code


def new_process(folder: Path) -> Process:
    return Process(("--data", str(folder / "my data")), {}, folder / "kizashi.log")


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def server(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Server]:
    folder = tmp_path_factory.mktemp("server")
    data = folder / "my data"  # names may have spaces
    data.mkdir()
    async with looking({"KIZASHI_DATA": str(data)}) as platform:
        await platform.log.append([POISON])
    process = new_process(folder)
    await process.start()
    await process.ready()
    try:
        yield Server(process, data)
    finally:
        await process.stop()


# The first start


@pytest.mark.skipif(shutil.which("curl") is None, reason="curl is not installed")
async def test_the_first_start_prints_curl_lines_that_make_a_score_appear(server: Server) -> None:
    send, read = re.findall(r"^ +(curl .*)$", server.process.tail(), re.MULTILINE)

    sent = await in_bash(send)

    assert [item["status"] for item in json.loads(sent)["items"]] == ["accepted"], sent

    async def scored() -> dict[str, Any] | None:
        health: dict[str, Any] = json.loads(await in_bash(read))
        return health if "score" in health else None

    health = await until("a score", scored, SECONDS)
    assert health["account"] == "akagi"


async def in_bash(line: str) -> str:
    process = await asyncio.create_subprocess_exec("bash", "-c", line, stdout=asyncio.subprocess.PIPE)
    out, _ = await process.communicate()
    assert process.returncode == 0, line
    return out.decode()


async def test_the_first_start_prints_a_key_that_the_folder_keeps_only_as_a_digest(server: Server) -> None:
    (key,) = re.findall(r"^ +(kz_\S+)$", server.process.tail(), re.MULTILINE)

    assert await server.status(key) == 200
    assert key.rpartition("_")[2] not in (server.data / "keys.json").read_text()
    assert (server.data / "keys.json").stat().st_mode & 0o777 == 0o600
    assert (server.data / "server.json").stat().st_mode & 0o777 == 0o600


# Keys


async def test_a_key_works_at_once_in_a_running_server_and_is_revoked_at_once(server: Server) -> None:
    made = await ended(
        *("keys", "new", "shop", "--scope", "read", "--source", "web", "--expires", "P90D"),
        environment=server.environment,
    )
    assert made.status == 0
    assert re.fullmatch(r"kz_\S+\n", made.out), "the key alone"
    assert await server.status(made.out.strip()) == 200

    (shop,) = [each for each in await listed_keys(server) if each["name"] == "shop"]
    assert (shop["scopes"], shop["source"]) == ("read", "web")
    life = datetime.fromisoformat(shop["expires"]) - datetime.fromisoformat(shop["created"])
    assert timedelta(days=90) <= life < timedelta(days=90, seconds=2)

    revoked = await ended("keys", "revoke", "shop", environment=server.environment)
    assert (revoked.status, revoked.out) == (0, "1 revoked\n")
    assert await server.status(made.out.strip()) == 401
    again = await ended("keys", "revoke", "shop", environment=server.environment)
    assert_refused(again, 2, "no key “shop”", "kizashi keys list")


async def listed_keys(server: Server) -> list[dict[str, Any]]:
    keys: list[dict[str, Any]] = json.loads(await command("keys", "list", "--json", environment=server.environment))
    return keys


async def test_a_key_is_refused_once_it_has_expired(server: Server) -> None:
    options = ("--scope", "read", "--expires", "PT1H")
    key = (await command("keys", "new", "brief", *options, environment=server.environment)).strip()
    assert await server.status(key) == 200

    file = server.data / "keys.json"
    whole = json.loads(file.read_text())
    (brief,) = [each for each in whole["keys"] if each["name"] == "brief"]
    brief["expires"] = brief["created"]  # an hour later
    file.write_text(json.dumps(whole))

    assert await server.status(key) == 401


# Starting where one cannot


async def test_a_second_server_on_one_folder_is_refused_with_the_pid_of_the_first(server: Server) -> None:
    done = await ended("serve", "--port", str(free_port()), environment=server.environment)

    assert_refused(done, 1, "in use", f"process id {server.process.pid}", "--data")
    assert server.process.runs


async def test_a_port_in_use_is_refused_and_named(server: Server, tmp_path: Path) -> None:
    done = await ended("serve", "--port", str(server.process.port), environment={"KIZASHI_DATA": str(tmp_path)})

    assert_refused(done, 1, f"127.0.0.1:{server.process.port}", "--port")


async def test_a_folder_that_cannot_be_made_is_refused_and_named(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("not a folder")

    done = await ended("serve", "--port", "0", environment={"KIZASHI_DATA": str(tmp_path / "file" / "data")})

    assert_refused(done, 1, str(tmp_path / "file" / "data"))


async def test_wrong_use_ends_with_status_2_and_says_what_is_right(tmp_path: Path) -> None:
    data = {"KIZASHI_DATA": str(tmp_path)}
    kafka = {"KIZASHI_KAFKA": "127.0.0.1:9", "KIZASHI_DATABASE_URL": "nonsense"}
    wrong: list[tuple[str, Mapping[str, str], tuple[str, ...]]] = [
        ("keys new shop --scope reed", data, ("reed", "read, write, configure")),
        ("keys new shop --scope read --expires P9999999999D", data, ("calendar",)),
        ("keys list", {"KIZASHI_DATA": str(tmp_path / "none")}, (str(tmp_path / "none"), "--data")),
        ("keys list", {"KIZASHI_DATTA": "x"}, ("KIZASHI_DATTA", "Did you mean KIZASHI_DATA?")),
        ("serve scoring", data, ("KIZASHI_KAFKA",)),
        ("serve scorin", data, ("scorin", "ingest, scoring, playbook, survey")),
        ("serve --port 99999", data, ("--port", "65535")),
        ("migrate ingest", kafka, ("KIZASHI_INGEST_DATABASE_URL", "postgresql://")),
        ("doctor --from latest", data, ("--from", "--resolve")),
        ("doctor --resolve scoring cs.nothing --from latest", data, ("cs.nothing", "cs.customer-events")),
        (
            "doctor survey --resolve scoring cs.customer-events --from latest",
            data,
            ("--resolve", "leave the service out"),
        ),
    ]

    done = await asyncio.gather(*(ended(*line.split(), environment=environment) for line, environment, _ in wrong))

    for (_, _, words), one in zip(wrong, done, strict=True):
        assert_refused(one, 2, *words)
    assert list(tmp_path.iterdir()) == [], "wrong use leaves nothing behind"


async def test_what_cannot_be_reached_ends_with_status_3(tmp_path: Path) -> None:
    nowhere = f"http://127.0.0.1:{free_port()}"
    database = {"KIZASHI_KAFKA": "127.0.0.1:9", "KIZASHI_DATABASE_URL": "postgresql://a:secret@127.0.0.1:9/a"}

    stopped, remote, migrated = await asyncio.gather(
        ended("dlq", "list", environment={"KIZASHI_DATA": str(tmp_path)}),
        ended("dlq", "list", environment={"KIZASHI_URL": nowhere, "KIZASHI_KEY": "kz_x"}),
        ended("migrate", "scoring", environment=database),
    )

    assert_refused(stopped, 3, str(tmp_path), "kizashi serve")
    assert_refused(remote, 3, nowhere, "Is the server running?")
    assert_refused(migrated, 3, "database of scoring", "KIZASHI_DATABASE_URL")
    assert "secret" not in migrated.err


# Ends and beginnings


async def test_a_server_ends_in_good_order_on_ctrl_c_and_on_sigterm_and_starts_again(tmp_path: Path) -> None:
    process = new_process(tmp_path)

    for number in (signal.SIGINT, signal.SIGTERM):
        await process.start()
        await process.ready()
        assert (tmp_path / "my data" / "server.json").exists()

        process.signal(number)

        assert await process.ended(8) == 0, process.tail()
        assert not (tmp_path / "my data" / "server.json").exists()
    assert_no_traceback(process)


async def test_a_killed_server_leaves_a_lock_that_the_next_start_ignores(tmp_path: Path) -> None:
    process = new_process(tmp_path)
    await process.start()
    await process.ready()
    (key,) = re.findall(r"^ +(kz_\S+)$", process.tail(), re.MULTILINE)
    await process.kill()
    assert {"lock", "server.json"} <= {each.name for each in (tmp_path / "my data").iterdir()}
    asked = await ended("dlq", "list", "--data", str(tmp_path / "my data"), environment={})
    assert_refused(asked, 3, process.url, "Is the server running?")

    await process.start()
    await process.ready()

    try:
        assert await Server(process, tmp_path).status(key) == 200
        assert process.tail().count("Your first key") == 1, "a key that was made is not made anew"
    finally:
        await process.stop()
    assert_no_traceback(process)


# doctor and migrate


async def findings(environment: Mapping[str, str], status: int, *services: str) -> dict[str, dict[str, Any]]:
    """What doctor --json finds, by what was looked at; it ended with this status."""
    done = await ended("doctor", *services, "--json", environment=environment)
    assert done.status == status, done
    return {each["what"]: each for each in json.loads(done.out)}


async def test_doctor_names_each_problem_with_the_command_that_mends_it(tmp_path: Path) -> None:
    environment = {"KIZASHI_DATA": str(tmp_path)}
    reading = "scoring reading cs.customer-events"

    empty = await findings(environment, 1)
    assert empty["scoring schema"]["advice"] == "kizashi migrate scoring"

    await command("migrate", "survey", environment=environment)
    one = await findings(environment, 0, "survey")
    assert not [what for what in one if what.startswith(("ingest", "scoring", "archive", "playbook"))]
    assert one["survey schema"]["well"]

    both = await asyncio.gather(*(command("migrate", environment=environment) for _ in range(2)))
    assert [text.split(": revision")[0] for text in both[0].splitlines()] == list(SERVICES)
    migrated = await findings(environment, 0)
    assert all(each["well"] for each in migrated.values())
    assert migrated[reading]["state"] == "0 records behind"

    await resolve(environment, "earliest")
    for file in tmp_path.glob("log.db*"):
        file.unlink()
    anew = await findings(environment, 1)
    assert (anew[reading]["state"], anew[reading]["advice"][:44]) == (
        "the topic was made anew",
        "kizashi doctor --resolve scoring cs.customer",
    )

    moved = await resolve(environment, "latest")
    assert {each["next"] for each in moved} == {0}
    assert (await findings(environment, 0))[reading]["well"]


async def resolve(environment: Mapping[str, str], start: str) -> list[dict[str, Any]]:
    arguments = ("--resolve", "scoring", CUSTOMER_EVENTS, "--from", start, "--json")
    moved: list[dict[str, Any]] = json.loads(await command("doctor", *arguments, environment=environment))
    return moved


@pytest.mark.postgres
async def test_migrate_brings_one_service_or_all_to_the_schema_without_which_they_do_not_start() -> None:
    if not os.environ.get(DATABASE):
        pytest.skip(f"{DATABASE} not set")
    async with fresh_database() as url:
        environment = {"KIZASHI_KAFKA": "127.0.0.1:9", "KIZASHI_DATABASE_URL": url}

        refused = await ended("serve", "ingest", "--port", "0", environment=environment)
        assert_refused(refused, 1, "revision", "kizashi migrate ingest")
        assert await command("migrate", "survey", environment=environment) == "survey: revision 0001\n"
        assert (await findings(environment, 1))["survey schema"]["well"]
        every = await command("migrate", environment=environment)
        assert [line.split(":")[0] for line in every.splitlines()] == list(SERVICES)
        found = await findings(environment, 1)  # 1: there is no Kafka
        assert all(found[f"{name} schema"]["well"] for name in SERVICES)


# Dead letters


async def test_dead_letters_are_listed_shown_and_replayed_embedded(server: Server) -> None:
    await go_through_the_dead_letters(server.environment)


@pytest.mark.kafka
@pytest.mark.postgres
async def test_dead_letters_are_listed_shown_and_replayed_clustered(tmp_path: Path) -> None:
    if (reason := missing_engines()) is not None:
        pytest.skip(reason)
    async with clustered_system(tmp_path, replicas={"scoring": 1}) as system:
        async with looking(system.environment) as platform:
            await platform.log.append([POISON])
        await system.start()
        await go_through_the_dead_letters(system.environment)


async def letters(environment: Mapping[str, str], *arguments: str) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = json.loads(
        await command("dlq", "list", *arguments, "--json", environment=environment)
    )
    return found


async def go_through_the_dead_letters(environment: Mapping[str, str]) -> None:
    async def all_of_them() -> list[dict[str, Any]] | None:
        found = await letters(environment)
        return found if len(found) == len(READERS) else None

    found = await until("a letter of each reader", all_of_them, SECONDS)
    assert {each["group"] for each in found} == READERS
    (letter,) = [each for each in found if each["group"] == "scoring"]
    assert (letter["topic"], letter["partition"], letter["key"]) == (CUSTOMER_EVENTS, POISON.partition, "akagi")
    problems = await findings(environment, 1)
    assert problems["scoring dead letters"]["advice"] == "kizashi dlq list scoring"

    as_json, as_text, as_table = await asyncio.gather(
        command("dlq", "show", letter["id"], "--json", environment=environment),
        command("dlq", "show", letter["id"], environment=environment),
        command("dlq", "list", "scoring", environment=environment),
    )
    assert json.loads(as_json)["body"] == BODY
    assert BODY.replace("\x1b", r"\x1b") in as_text
    assert any(line.startswith(letter["id"] + " ") for line in as_table.splitlines())

    (replayed,) = json.loads(await command("dlq", "replay", letter["id"], "--json", environment=environment))
    assert (replayed["id"], replayed["replayed_at"] is not None) == (letter["id"], True)

    async def the_next_one() -> dict[str, Any] | None:
        of_scoring = await letters(environment, "scoring")
        return next((each for each in of_scoring if each["id"] != letter["id"]), None)

    second = await until("the letter of the record that was appended once more", the_next_one, SECONDS)
    assert second["offset"] > letter["offset"]
    again, unknown, one_of_two = await asyncio.gather(
        ended("dlq", "replay", letter["id"], environment=environment),
        ended("dlq", "show", "scoring:nothing", environment=environment),
        ended("dlq", "replay", letter["id"], second["id"], environment=environment),
    )
    assert_refused(again, 1, letter["id"], "was replayed at")
    assert (one_of_two.status, second["id"] in one_of_two.out, letter["id"] in one_of_two.err) == (1, True, True)
    assert_refused(unknown, 1, "no dead letter scoring:nothing")
