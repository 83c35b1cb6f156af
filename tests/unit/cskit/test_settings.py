"""Settings are read from a mapping, refuse what they do not know, and say so in sentences."""

from pathlib import Path

import pytest

from cskit.settings import Settings, SettingsError, TestHooks, markdown, read_settings, read_test_hooks


class MoreSettings(Settings):
    """What a service adds."""

    batch: int = 500


def test_without_variables_the_defaults_hold() -> None:
    settings = read_settings({"PATH": "/bin"})

    assert settings.data == Path("kizashi-data")
    assert settings.public_url == "http://127.0.0.1:8000"
    assert not settings.clustered


def test_the_process_environment_is_not_read_behind_ones_back(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("KIZASHI_KAFKA", "elsewhere:9092")

    assert read_settings({}).kafka is None
    assert Settings().kafka is None


def test_values_are_typed_and_an_empty_variable_counts_as_absent() -> None:
    settings = read_settings({
        "KIZASHI_KAFKA": "a:9092,b:9092",
        "KIZASHI_TIME_ZONE": "Asia/Tokyo",
        "KIZASHI_LOCALE": "",
        "KIZASHI_WEBHOOK_ALLOW": "10.0.0.0/8, Receiver.internal:8080,hooks",
        "KIZASHI_PUBLIC_URL": "https://cs.example.com/",
    })  # fmt: skip

    assert settings.clustered
    assert settings.locale == "en"
    assert settings.webhook_allow == ("10.0.0.0/8", "receiver.internal:8080", "hooks")
    assert settings.public_url == "https://cs.example.com"


@pytest.mark.parametrize(
    ("wrong", "right"),
    [
        ("KIZASHI_KAFCA", "KIZASHI_KAFKA"),
        ("KIZASHI_TIMEZONE", "KIZASHI_TIME_ZONE"),
        ("KIZASHI_SCORING_DATABASE", "KIZASHI_SCORING_DATABASE_URL"),
    ],
)
def test_an_unknown_variable_is_refused_with_the_nearest_right_name(wrong: str, right: str) -> None:
    with pytest.raises(SettingsError) as refused:
        read_settings({wrong: "x"})

    assert str(refused.value) == f"{wrong} is not a setting. Did you mean {right}?"


def test_test_variables_are_never_refused_nor_those_of_other_services() -> None:
    settings = read_settings({"KIZASHI_TEST_ANYTHING": "1", "KIZASHI_BATCH": "7"}, also=[MoreSettings])

    assert settings == Settings()
    assert read_settings({"KIZASHI_BATCH": "7"}, MoreSettings).batch == 7


@pytest.mark.parametrize(
    ("name", "value", "says"),
    [
        ("KIZASHI_TIME_ZONE", "Mars/Base", "is not a time zone"),
        ("KIZASHI_LOCALE", "fr", "'en' or 'ja'"),
        ("KIZASHI_CURRENCY", "yen", "pattern"),
        ("KIZASHI_PUBLIC_URL", "cs.example.com", "is not a URL"),
        ("KIZASHI_WEBHOOK_ALLOW", "http://host/", "neither a host"),
        ("KIZASHI_SERVICE_KEY", "short", "16"),
    ],
)
def test_a_wrong_value_is_a_sentence_that_names_its_variable(name: str, value: str, says: str) -> None:
    with pytest.raises(SettingsError) as refused:
        read_settings({name: value})

    sentence = str(refused.value)
    assert sentence.startswith(name)
    assert says in sentence
    assert sentence.endswith(".")


def test_all_that_is_wrong_is_said_at_once() -> None:
    with pytest.raises(SettingsError) as refused:
        read_settings({"KIZASHI_NOPE_NOPE": "1", "KIZASHI_LOCALE": "fr", "KIZASHI_CURRENCY": "x"})

    assert len(str(refused.value).splitlines()) == 3


def test_secrets_are_not_in_repr_nor_in_an_error() -> None:
    settings = read_settings({"KIZASHI_DATABASE_URL": "postgresql://u:hush@h/d", "KIZASHI_SERVICE_KEY": "hush" * 4})

    assert "hush" not in repr(settings)
    with pytest.raises(SettingsError) as refused:
        read_settings({"KIZASHI_SERVICE_KEY": "hush"})
    assert "hush" not in str(refused.value)


def test_a_service_has_its_own_database_and_url_or_the_common_ones() -> None:
    settings = read_settings({
        "KIZASHI_DATABASE_URL": "postgresql://all",
        "KIZASHI_SCORING_DATABASE_URL": "postgresql://scoring",
        "KIZASHI_INGEST_URL": "http://ingest:8000",
    })  # fmt: skip

    scoring, survey = settings.database_url_of("scoring"), settings.database_url_of("survey")
    assert scoring is not None
    assert scoring.get_secret_value() == "postgresql://scoring"
    assert survey is not None
    assert survey.get_secret_value() == "postgresql://all"
    assert settings.url_of("ingest") == "http://ingest:8000"
    assert settings.url_of("survey") == "http://127.0.0.1:8000"


def test_the_table_names_every_variable_and_shows_no_secret_default() -> None:
    table = markdown()

    assert all(f"`KIZASHI_{name.upper()}`" in table for name in Settings.model_fields)
    assert "| `KIZASHI_LOCALE` | `en`, `ja` | `en` |" in table
    assert "| `KIZASHI_KEY` | secret |  |" in table
    assert all(field.description for field in Settings.model_fields.values())


def test_the_test_hooks_are_off_unless_named() -> None:
    assert read_test_hooks({}) == TestHooks(cut=None, unfenced=False)
    assert read_test_hooks({"KIZASHI_TEST_CUT": "64", "KIZASHI_TEST_UNFENCED": "1"}) == TestHooks(64, unfenced=True)
    with pytest.raises(SettingsError, match="KIZASHI_TEST_CUT"):
        read_test_hooks({"KIZASHI_TEST_CUT": "0"})
