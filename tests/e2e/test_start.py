"""What a server looks at before it serves."""

from collections.abc import Mapping
from pathlib import Path

import pytest

from allinone.composition import started
from allinone.embedded import embedded_server
from cskit.db.sqlite import SqliteDatabase
from cskit.service import Service
from cskit.settings import Settings, SettingsError


async def test_another_time_zone_than_that_of_the_first_start_is_refused_with_a_sentence(tmp_path: Path) -> None:
    tokyo = Settings(data=tmp_path, time_zone="Asia/Tokyo")
    async with embedded_server(tokyo, host="127.0.0.1", port=0):
        pass

    with pytest.raises(SettingsError, match=r"KIZASHI_TIME_ZONE is UTC, .* counted in Asia/Tokyo .* Set it to"):
        async with embedded_server(tokyo.model_copy(update={"time_zone": "UTC"}), host="127.0.0.1", port=0):
            pytest.fail("it serves")

    async with embedded_server(tokyo, host="127.0.0.1", port=0) as server:  # and nothing was left locked
        assert not server.workers.done()


async def test_all_services_are_closed_when_one_of_them_refuses_to_start(tmp_path: Path) -> None:
    done: list[str] = []

    def service(name: str, refuses: bool = False) -> Service:
        async def start() -> None:
            if refuses:
                raise SettingsError("no")
            done.append(f"{name} starts")

        async def ready() -> Mapping[str, str]:
            return {}

        async def close() -> None:
            done.append(f"{name} closes")

        return Service(name, [], [], SqliteDatabase(tmp_path / f"{name}.db"), ready, start=start, close=close)

    with pytest.raises(SettingsError):
        async with started([service("a"), service("b", refuses=True), service("c")]):
            pytest.fail("it serves")

    assert done == ["a starts", "a closes", "b closes", "c closes"]
