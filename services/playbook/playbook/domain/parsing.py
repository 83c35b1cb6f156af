"""A document -> a Definition. Every mistake says what, where, and what to do; none hides another."""

from collections.abc import Mapping, Set
from datetime import timedelta
from typing import Final

from csmodels.ids import PlaybookId, is_wire_id
from playbook.domain import placeholders
from playbook.domain.definition import (
    KINDS,
    OWNER_OF_ACCOUNT,
    PRIORITIES,
    Condition,
    Definition,
    Enroll,
    Step,
    TaskStep,
    Trigger,
    WebhookStep,
)
from playbook.domain.document import Field, InvalidDocument, Node, Plain
from playbook.domain.reader import Reader

KEYS: Final = ("id", "name", "kind", "trigger", "accounts", "enroll", "exit", "holdout", "steps")
STEPS: Final = ("task", "webhook")
OTHER_STEPS: Final = ("wait", "branch", "email", "survey", "set")  # of the language, not of this version
OTHER_TRIGGERS: Final = ("metric", "watch_list", "renewal", "stage", "schedule", "webhook")
FIXED_DATA: Final = ("account", "playbook", "run", "step")  # every webhook of a step carries them
MOST_STEPS: Final = 100


def parse(root: Node, triggers: Set[str]) -> Definition:
    """The definition that the document holds; `triggers` are the event types that may start a run.

    Raises InvalidDocument with all mistakes. Conditions are not compiled here.
    """
    parser = _Parser(triggers)
    definition = parser.playbook(root)
    if parser.mistakes or definition is None:
        raise InvalidDocument(parser.mistakes)
    return definition


class _Parser(Reader):
    def __init__(self, triggers: Set[str]) -> None:
        super().__init__()
        self._triggers = triggers

    def playbook(self, root: Node) -> Definition | None:
        fields = self.mapping(root, "", KEYS, required=("id", "name", "kind", "trigger", "steps"))
        id_ = self.code(fields["id"].node, "id") if "id" in fields else None
        name = self.texts(fields["name"].node, "name") if "name" in fields else None
        kind = self.choice(fields["kind"].node, "kind", KINDS) if "kind" in fields else None
        trigger = self._trigger(fields["trigger"].node) if "trigger" in fields else None
        accounts = self._optional_condition(fields, "accounts", "accounts")
        enroll = self._enroll(fields["enroll"].node) if "enroll" in fields else Enroll(None, None)
        leave = self._optional_condition(fields, "exit", "exit")
        if "holdout" in fields:
            self._holdout(fields["holdout"].node)
        steps = self._steps(fields["steps"].node) if "steps" in fields else ()
        if id_ is None or name is None or kind is None or trigger is None:
            return None
        return Definition(PlaybookId(id_), name, kind, trigger, accounts, enroll, leave, steps)

    def _optional_condition(self, fields: Mapping[str, Field], key: str, path: str) -> Condition | None:
        return self.condition(fields[key].node, path) if key in fields else None

    def _trigger(self, node: Node) -> Trigger | None:
        fields = self.mapping(node, "trigger", ("on", "when", "backfill"), required=("on",))
        on = None
        if "on" in fields:
            at = fields["on"].node
            if at.value in OTHER_TRIGGERS:
                available = ", ".join(sorted(self._triggers))
                said = f"The trigger “{at.value}” is not available in this version; available: {available}."
                self.wrong(at.at, "trigger.on", said)
            else:
                on = self.choice(at, "trigger.on", sorted(self._triggers))
        when = self._optional_condition(fields, "when", "trigger.when")
        backfill = self.flag(fields["backfill"].node, "trigger.backfill") if "backfill" in fields else False
        return None if on is None else Trigger(on, when, bool(backfill))

    def _enroll(self, node: Node) -> Enroll:
        fields = self.mapping(node, "enroll", ("once_every", "at_most"))
        every: timedelta | None = None
        if "once_every" in fields:
            every = self.duration(fields["once_every"].node, "enroll.once_every")
        most = self.count(fields["at_most"].node, "enroll.at_most") if "at_most" in fields else None
        return Enroll(every, most)

    def _holdout(self, node: Node) -> None:
        share = node.value
        if isinstance(share, bool) or not isinstance(share, int | float) or not 0 <= share <= 1:
            self.wrong(node.at, "holdout", f"“holdout” is a share from 0 to 1, not {node.kind()}.")
        elif share:
            self.wrong(node.at, "holdout", "A “holdout” is not available in this version; leave it out or write 0.")

    def _steps(self, node: Node) -> tuple[Step, ...]:
        items = self.items(node, "steps")
        if not 1 <= len(items) <= MOST_STEPS and not self.mistakes:
            self.wrong(node.at, "steps", f"A playbook has 1 to {MOST_STEPS} steps; this one has {len(items)}.")
        steps: list[Step] = []
        taken: dict[str, int] = {}
        for number, item in enumerate(items, 1):
            step = self._step(item, number)
            if step is None:
                continue
            if step.id in taken:
                self.wrong(
                    item.at, f"steps.{number}.id",
                    f"Step {number} has the id “{step.id}” of step {taken[step.id]}; give it another one.",
                )  # fmt: skip
            taken.setdefault(step.id, number)
            steps.append(step)
        return tuple(steps)

    def _step(self, item: Node, number: int) -> Step | None:
        path = f"steps.{number}"
        available = f"available: {', '.join(STEPS)}"
        if not isinstance(item.value, Mapping):
            said = f"Step {number} is a mapping such as “task: {{...}}”, not {item.kind()}; {available}."
            self.wrong(item.at, path, said)
            return None
        kinds = [key for key in item.value if key != "id"]
        for key in kinds:
            if key not in STEPS:
                known = key in OTHER_STEPS
                said = "is not available in this version" if known else "is no kind of step"
                self.wrong(item.value[key].at, f"{path}.{key}", f"Step {number} “{key}” {said}; {available}.")
        if len(kinds) != 1:
            self.wrong(item.at, path, f"Step {number} has one kind, and beside it only “id”; {available}.")
        if len(kinds) != 1 or kinds[0] not in STEPS:
            return None
        kind = kinds[0]
        named = item.value.get("id")
        id_ = f"{kind}-{number}" if named is None else self.code(named.node, f"{path}.id")
        inner = item.value[kind].node
        if id_ is None:
            return None
        read = self._task if kind == "task" else self._webhook
        return read(inner, f"{path}.{kind}", id_)

    def _task(self, node: Node, path: str, id_: str) -> TaskStep | None:
        known = ("title", "how", "owner", "due", "priority", "remind")
        fields = self.mapping(node, path, known, required=("title", "owner", "due"), later=("escalate",))
        title = self.texts(fields["title"].node, f"{path}.title") if "title" in fields else None
        how = self.texts(fields["how"].node, f"{path}.how") if "how" in fields else {}
        owner = self._owner(fields["owner"].node, f"{path}.owner") if "owner" in fields else None
        due = self.business_days(fields["due"].node, f"{path}.due") if "due" in fields else None
        priority: str | None = "normal"
        if "priority" in fields:
            priority = self.choice(fields["priority"].node, f"{path}.priority", PRIORITIES)
        remind: int | None = None
        if "remind" in fields:
            remind = self.business_days(fields["remind"].node, f"{path}.remind", before=True)
        if title is None or owner is None or due is None or priority is None:
            return None
        return TaskStep(id_, title, how or {}, owner, due, priority, remind)  # type: ignore[arg-type]

    def _owner(self, node: Node, path: str) -> str | None:
        if isinstance(node.value, str) and is_wire_id(node.value):
            return node.value
        self.wrong(node.at, path, f"“{path}” is {OWNER_OF_ACCOUNT} or the id of a member of staff, not {node.kind()}.")
        return None

    def _webhook(self, node: Node, path: str, id_: str) -> WebhookStep | None:
        fields = self.mapping(node, path, ("endpoint", "data"), required=("endpoint",))
        endpoint = self.code(fields["endpoint"].node, f"{path}.endpoint") if "endpoint" in fields else None
        data: dict[str, Plain] = {}
        if "data" in fields:
            inner = fields["data"].node
            if isinstance(inner.value, Mapping):
                self._check_data(inner, f"{path}.data")
                for key in FIXED_DATA:
                    if key in inner.value:
                        self.wrong(
                            inner.value[key].at, f"{path}.data.{key}",
                            f"“{key}” is in every webhook already; give yours another name.",
                        )  # fmt: skip
                plain = inner.plain()
                data = plain if isinstance(plain, dict) else {}
            else:
                self.wrong(inner.at, f"{path}.data", f"“{path}.data” is a mapping, not {inner.kind()}.")
        return None if endpoint is None else WebhookStep(id_, endpoint, data)

    def _check_data(self, node: Node, path: str) -> None:
        if isinstance(node.value, Mapping):
            for key, field in node.value.items():
                self._check_data(field.node, f"{path}.{key}")
        elif isinstance(node.value, str):
            said = placeholders.fault(node.value)
            if said is not None:
                self.wrong(node.at, path, f"In “{path}” {said}.")
        elif not isinstance(node.value, int | float | None):
            for number, item in enumerate(self.items(node, path), 1):
                self._check_data(item, f"{path}.{number}")
