"""A playbook as it is written: the values that a document becomes."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from typing import Final, Literal, TypeAlias

from csmodels.ids import PlaybookId
from playbook.domain.document import Place, Plain

KINDS: Final = ("onboarding", "implementation", "adoption", "renewal", "expansion")
LANGUAGES: Final = ("en", "ja")
PRIORITIES: Final = ("high", "normal", "low")
VARIABLES: Final = ("health", "previous", "account", "event", "staff", "task")  # what a condition may speak of
OWNER_OF_ACCOUNT: Final = "account.owner"

Texts: TypeAlias = Mapping[str, str]  # by language
Priority: TypeAlias = Literal["high", "normal", "low"]


@dataclass(frozen=True, slots=True)
class Condition:
    """A CEL expression as it is written, and where."""

    text: str
    at: Place
    path: str


@dataclass(frozen=True, slots=True)
class Trigger:
    """What starts a run: an event of this type for which `when` holds; old news only if `backfill`."""

    on: str
    when: Condition | None
    backfill: bool


@dataclass(frozen=True, slots=True)
class Enroll:
    """How often an account may go through: not again within `once_every`, and `at_most` times in all."""

    once_every: timedelta | None
    at_most: int | None


@dataclass(frozen=True, slots=True)
class TaskStep:
    """A task for a person; `due` and `remind` in business days of the owner, `owner` a staff id or account.owner."""

    id: str
    title: Texts
    how: Texts
    owner: str
    due: int
    priority: Priority
    remind: int | None


@dataclass(frozen=True, slots=True)
class WebhookStep:
    """A webhook to a named endpoint; texts in `data` may hold placeholders."""

    id: str
    endpoint: str
    data: Mapping[str, Plain]


Step: TypeAlias = TaskStep | WebhookStep


@dataclass(frozen=True, slots=True)
class Definition:
    """A playbook. The ids of its steps differ; there is at least one step."""

    id: PlaybookId
    name: Texts
    kind: str
    trigger: Trigger
    accounts: Condition | None
    enroll: Enroll
    exit: Condition | None
    steps: tuple[Step, ...]

    def conditions(self) -> Mapping[str, Condition]:
        """The conditions that are written, by their role: when, accounts, exit."""
        roles = {"when": self.trigger.when, "accounts": self.accounts, "exit": self.exit}
        return {role: condition for role, condition in roles.items() if condition is not None}
