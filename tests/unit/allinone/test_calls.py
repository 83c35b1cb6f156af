"""How commands call the server: the key they send, and what an answer means."""

import httpx
import pytest
from pydantic import SecretStr

from allinone.commands.calls import NotAllowed, Refused, one_by_one, said, server_client
from cskit.settings import Settings, SettingsError


def settings(key: str) -> Settings:
    return Settings(url="http://127.0.0.1:1", key=SecretStr(key))


def test_a_key_may_end_with_a_line_break_as_files_do() -> None:
    with server_client(settings("kz_abc_secret\n"), "scoring") as client:
        assert client.headers["authorization"] == "Bearer kz_abc_secret"


@pytest.mark.parametrize("key", ["kz_abc\nsecret", "kz_あ", "kz_abc secret", "kz_abc\x00secret"])
def test_a_key_that_none_can_be_is_refused_and_not_shown(key: str) -> None:
    with pytest.raises(SettingsError) as refused, server_client(settings(key), "scoring"):
        pass

    assert "KIZASHI_KEY" in str(refused.value)
    assert "kz_" not in str(refused.value)


@pytest.mark.parametrize(("status", "error"), [(401, NotAllowed), (403, NotAllowed), (404, Refused), (409, Refused)])
def test_who_may_not_is_told_apart_from_what_cannot_be(status: int, error: type[Exception]) -> None:
    answer = httpx.Response(status, json={"message": "No."}, request=httpx.Request("GET", "http://kizashi"))

    with pytest.raises(error, match=r"^No\.$"):
        said(answer)


def test_one_that_is_refused_keeps_nothing_from_the_others() -> None:
    def half(number: int) -> int:
        if number % 2:
            raise Refused(f"{number} is odd.")
        return number // 2

    assert one_by_one([4, 3, 2, 1], half) == ([2, 1], ["3 is odd.", "1 is odd."])
