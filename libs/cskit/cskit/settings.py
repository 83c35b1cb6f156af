"""The common settings, all from KIZASHI_ environment variables. docs/settings.md is made from this file."""

import difflib
import types
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, ClassVar, Final, Literal, TypeVar, Union, get_args, get_origin, overload
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from pydantic import AfterValidator, BeforeValidator, Field, SecretStr, ValidationError
from pydantic.fields import FieldInfo
from pydantic_settings import BaseSettings, PydanticBaseSettingsSource, SettingsConfigDict

from cskit.guard import check_allowed

PREFIX: Final = "KIZASHI_"
TEST_PREFIX: Final = "KIZASHI_TEST_"  # never refused
SERVICES: Final = ("ingest", "scoring", "playbook", "survey", "console")


class SettingsError(Exception):
    """Settings that cannot be used. The text has one sentence a line, each naming its variable."""


def _zone(name: str) -> str:
    try:
        ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        raise ValueError("is not a time zone; write one such as UTC or Asia/Tokyo") from None
    return name


def _web_url(text: str) -> str:
    if not text.startswith(("http://", "https://")) or len(text) <= len("https://"):
        raise ValueError("is not a URL; it begins with http:// or https://")
    return text.rstrip("/")


def _entries(value: object) -> object:
    """A comma list as a tuple of its parts."""
    return tuple(part.strip() for part in value.split(",") if part.strip()) if isinstance(value, str) else value


Zone = Annotated[str, AfterValidator(_zone)]
WebUrl = Annotated[str, AfterValidator(_web_url)]
Allowed = Annotated[str, AfterValidator(check_allowed)]
CommaList = Annotated[tuple[Allowed, ...], BeforeValidator(_entries)]


class Settings(BaseSettings):
    """Read with `read_settings`, never from the process's environment behind one's back. Secrets are not in repr."""

    model_config = SettingsConfigDict(env_prefix=PREFIX, frozen=True, extra="forbid", hide_input_in_errors=True)

    data: Path = Field(Path("kizashi-data"), description="Folder of the embedded server: log, databases, keys")
    kafka: str | None = Field(None, description="Bootstrap servers of Apache Kafka; if set, the platform is clustered")
    kafka_security: Literal["PLAINTEXT", "SSL", "SASL_PLAINTEXT", "SASL_SSL"] = Field(
        "PLAINTEXT", description="Security protocol of the brokers"
    )
    kafka_mechanism: Literal["PLAIN", "SCRAM-SHA-256", "SCRAM-SHA-512"] = Field(
        "PLAIN", description="SASL mechanism of the brokers"
    )
    kafka_user: str | None = Field(None, description="SASL user name")
    kafka_password: SecretStr | None = Field(None, description="SASL password")
    kafka_ca_file: Path | None = Field(None, description="CA file that signs the brokers' certificates")
    database_url: SecretStr | None = Field(None, description="PostgreSQL of all services, when clustered")
    ingest_database_url: SecretStr | None = Field(None, description="PostgreSQL of ingest alone")
    scoring_database_url: SecretStr | None = Field(None, description="PostgreSQL of scoring alone")
    playbook_database_url: SecretStr | None = Field(None, description="PostgreSQL of playbook alone")
    survey_database_url: SecretStr | None = Field(None, description="PostgreSQL of survey alone")
    keys: Path | None = Field(None, description="File of API keys; when embedded, keys.json in the data folder")
    public_url: WebUrl = Field("http://127.0.0.1:8000", description="Where people and links reach this installation")
    time_zone: Zone = Field("UTC", description="Zone of the portfolio's days; fixed at the first start")
    locale: Literal["en", "ja"] = Field("en", description="Language where a person has not chosen one")
    currency: str = Field("USD", pattern="^[A-Z]{3}$", description="Currency of the portfolio, three letters")
    webhook_allow: CommaList = Field(
        (), description="Private hosts that webhooks may reach: host, host:port or CIDR, separated by commas"
    )
    ingest_url: WebUrl | None = Field(None, description="Where the other services find ingest")
    scoring_url: WebUrl | None = Field(None, description="Where the other services find scoring")
    playbook_url: WebUrl | None = Field(None, description="Where the other services find playbook")
    survey_url: WebUrl | None = Field(None, description="Where the other services find survey")
    console_url: WebUrl | None = Field(None, description="Where the other services find the console")
    url: WebUrl | None = Field(None, description="Server that commands speak to, when not the local one")
    key: SecretStr | None = Field(None, description="API key that commands use there")
    service_key: SecretStr | None = Field(
        None, min_length=16, description="Key the services share among each other; made at the start when embedded"
    )
    smtp_url: SecretStr | None = Field(None, description="Mail server, smtp[s]://user:password@host:port")
    mail_from: str | None = Field(None, description="Sender of emails, Name <address>")
    archive: str | None = Field(
        None, description="Where every event is kept: a folder or s3://bucket/prefix; when embedded, DATA/archive"
    )
    log_days: int = Field(
        30, ge=4, description="Days that records stay on the log; those of customers until they are archived, too"
    )
    archive_endpoint: WebUrl | None = Field(None, description="S3-compatible store of the archive, when not Amazon's")
    archive_region: str | None = Field(None, description="Region of the archive's bucket")
    archive_access_key: SecretStr | None = Field(None, description="Access key of the archive's bucket")
    archive_secret_key: SecretStr | None = Field(None, description="Secret key of the archive's bucket")
    oidc_issuer: WebUrl | None = Field(None, description="OpenID Connect issuer for signing in to the console")
    oidc_client_id: str | None = Field(None, description="Client id registered there")
    oidc_client_secret: SecretStr | None = Field(None, description="Client secret registered there")

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,
        file_secret_settings: PydanticBaseSettingsSource,
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        return (init_settings,)

    @property
    def clustered(self) -> bool:
        """Whether Kafka and PostgreSQL are in use. Only cskit.platform asks."""
        return self.kafka is not None

    def database_url_of(self, service: str) -> SecretStr | None:
        """The service's own database URL, else the common one."""
        own: SecretStr | None = getattr(self, f"{service}_database_url")
        return own or self.database_url

    def url_of(self, service: str) -> str:
        """Where to call a service: its own URL, else the public one (embedded serves all on one port)."""
        own: str | None = getattr(self, f"{service}_url")
        return own or self.public_url


S = TypeVar("S", bound=Settings)


@overload
def read_settings(env: Mapping[str, str], *, also: Iterable[type[Settings]] = ()) -> Settings: ...
@overload
def read_settings(env: Mapping[str, str], cls: type[S], also: Iterable[type[Settings]] = ()) -> S: ...
def read_settings(
    env: Mapping[str, str], cls: type[Settings] = Settings, also: Iterable[type[Settings]] = ()
) -> Settings:
    """The settings in `env`; an empty variable counts as absent. Variables that only `also` knows are let pass.

    SettingsError for values that are wrong and for KIZASHI_ variables that do not exist.
    """
    names = {PREFIX + name.upper(): name for name in cls.model_fields}
    known = {*names, *(PREFIX + name.upper() for other in also for name in other.model_fields)}
    given = {name: text for name, text in env.items() if name.startswith(PREFIX) and not name.startswith(TEST_PREFIX)}
    problems = [_unknown(name, known) for name in sorted(given) if name not in known]
    try:
        settings = cls.model_validate({names[name]: text for name, text in given.items() if name in names and text})
    except ValidationError as error:
        problems += [_sentence(one) for one in error.errors(include_url=False, include_input=False)]
    if problems:
        raise SettingsError("\n".join(problems))
    return settings


def _unknown(name: str, known: Iterable[str]) -> str:
    near = difflib.get_close_matches(name, known, n=1, cutoff=0.6)
    hint = f"Did you mean {near[0]}?" if near else "docs/settings.md lists those that are known."
    return f"{name} is not a setting. {hint}"


def _sentence(error: Any) -> str:
    name = PREFIX + str(error["loc"][0]).upper() if error["loc"] else PREFIX
    said = str(error["msg"])
    if error["type"] == "value_error":
        said = said.removeprefix("Value error, ")
        return f"{name} {said}." if said.startswith("is ") else f"{name}: {said}."
    return f"{name}: {said[:1].lower()}{said[1:]}."


def markdown(cls: type[Settings] = Settings) -> str:
    """The table of docs/settings.md."""
    rows = [
        f"| `{PREFIX}{name.upper()}` | {_type_name(field.annotation)} | {_default(field)} | {field.description} |"
        for name, field in cls.model_fields.items()
    ]
    return "\n".join(["| variable | value | default | meaning |", "|---|---|---|---|", *rows]) + "\n"


_TYPE_NAMES: Final[Mapping[object, str]] = {
    str: "text", int: "number", float: "number", bool: "true or false", Path: "path", SecretStr: "secret",
}  # fmt: skip


def _type_name(annotation: Any) -> str:
    origin = get_origin(annotation)
    if origin in (Union, types.UnionType):
        return " or ".join(_type_name(part) for part in get_args(annotation) if part is not type(None))
    if origin is Annotated:
        return _type_name(get_args(annotation)[0])
    if origin is Literal:
        return ", ".join(f"`{value}`" for value in get_args(annotation))
    if origin is tuple:
        return "comma list"
    return _TYPE_NAMES.get(annotation, "text")


def _default(field: FieldInfo) -> str:
    return "" if field.default in (None, ()) else f"`{field.default}`"


@dataclass(frozen=True, slots=True)
class TestHooks:
    """What only tests set. `cut` makes the runner cut batches of cs.customer-events only at offsets divisible by it;
    `unfenced` switches the epoch check off, so that the test which proves its worth can fail; `topic_prefix` stands
    before the names of topics and groups, so that tests share a Kafka without meeting."""

    __test__: ClassVar[bool] = False

    cut: int | None = None
    unfenced: bool = False
    topic_prefix: str = ""


def read_test_hooks(env: Mapping[str, str]) -> TestHooks:
    """From KIZASHI_TEST_CUT, _UNFENCED and _TOPIC_PREFIX. SettingsError if CUT is not a number above 0."""
    cut = env.get("KIZASHI_TEST_CUT", "")
    if cut and not (cut.isdigit() and int(cut) > 0):
        raise SettingsError(f"KIZASHI_TEST_CUT is a number above 0, not “{cut}”.")
    return TestHooks(
        cut=int(cut) if cut else None,
        unfenced=env.get("KIZASHI_TEST_UNFENCED", "").lower() in ("1", "true", "yes"),
        topic_prefix=env.get("KIZASHI_TEST_TOPIC_PREFIX", ""),
    )
