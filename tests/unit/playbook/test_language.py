"""The language of playbooks: what is taken, and what a person is told of what is not."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from playbook.definitions import Compiler, library, read
from playbook.domain.definition import TaskStep, WebhookStep
from playbook.domain.document import InvalidDocument, Mistake

GOOD = """\
id: rescue
name: {en: Rescue}
kind: adoption
trigger: {on: health.changed, when: 'health.band == "red"'}
steps:
  - task: {title: {en: Call, ja: 電話する}, owner: account.owner, due: 2 business days, remind: 1 business day before}
"""
COMPILER = Compiler()


def found_in(text: str) -> tuple[Mistake, ...]:
    try:
        COMPILER.compile(text, 1)
    except InvalidDocument as error:
        return error.mistakes
    return ()


def mistakes(text: str) -> list[tuple[int, int, str]]:
    with pytest.raises(InvalidDocument) as error:
        COMPILER.compile(text, 1)
    return [(each.at.line, each.at.column, each.message) for each in error.value.mistakes]


@pytest.mark.parametrize("name", ["rescue-declining-usage", "detractor-follow-up"])
def test_the_shipped_playbooks_are_valid_and_speak_both_languages(name: str) -> None:
    playbook = COMPILER.compile(library()[name].text, 1)

    steps = playbook.definition.steps
    assert playbook.definition.name.keys() == {"en", "ja"}
    assert [type(step) for step in steps] == [TaskStep, WebhookStep]
    assert all(set(step.title) == set(step.how) == {"en", "ja"} for step in steps if isinstance(step, TaskStep))


def test_a_step_without_an_id_is_named_by_its_kind_and_place() -> None:
    assert [step.id for step in COMPILER.compile(GOOD, 1).definition.steps] == ["task-1"]


def test_json_is_taken_as_well() -> None:
    document = {
        "id": "x",
        "name": {"en": "X"},
        "kind": "renewal",
        "trigger": {"on": "survey.answered"},
        "steps": [{"webhook": {"endpoint": "crm"}}],
    }

    assert COMPILER.compile(json.dumps(document), 1).definition.id == "x"


@pytest.mark.parametrize("step", ["wait", "branch", "email", "survey", "set"])
def test_a_step_of_a_later_version_is_refused_by_name_with_its_place(step: str) -> None:
    found = mistakes(f"{GOOD}  - webhook: {{endpoint: crm}}\n  - {step}: {{}}\n")

    assert found == [(8, 5, f"Step 3 “{step}” is not available in this version; available: task, webhook.")]


def test_a_step_that_nobody_knows_is_refused() -> None:
    assert mistakes(f"{GOOD}  - tsk: {{}}\n") == [
        (7, 5, "Step 2 “tsk” is no kind of step; available: task, webhook."),
    ]


def test_a_holdout_is_refused_by_name_unless_it_is_nothing() -> None:
    assert mistakes(f"{GOOD}holdout: 0.1\n") == [
        (7, 10, "A “holdout” is not available in this version; leave it out or write 0.")
    ]
    assert COMPILER.compile(f"{GOOD}holdout: 0\n", 1)


@pytest.mark.parametrize(
    ("line", "found"),
    [
        ("enrol: {at_most: 1}", (7, 1, "“enrol” is no key. Did you mean “enroll”?")),
        ("enroll: {once_evry: P1D}", (7, 10, "“once_evry” is no key of “enroll”. Did you mean “once_every”?")),
        ("enroll: {once_every: 30 days}", (7, 22, "“enroll.once_every” is a duration such as P30D, P2W or PT12H,")),
        ("enroll: {at_most: true}", (7, 19, "“enroll.at_most” is a whole number from 1 on, not true.")),
        ("exit: 'health.bnd == \"green\"'", (7, 8, "In “exit”: “health.bnd” is unknown. Did you mean “health.band”?")),
        ("exit: 'health.band'", (7, 8, "In “exit”: A condition is true or false; this one gives")),
        ("id: again", (7, 1, "“id” stands here again, after line 1; keep one.")),
        ("accounts: &a true\nexit: *a", (8, 7, "Aliases (“*name”) are not taken; write the value out.")),
        ('label: "\\UFFFFFFFF"', (7, 11, "This is not YAML here: found no character or number that there is.")),
        ("exit: [", (8, 1, "This is not YAML here: expected the node content, but found '<stream end>'.")),
    ],
)  # fmt: skip
def test_a_mistake_says_where_it_is_and_what_to_do(line: str, found: tuple[int, int, str]) -> None:
    first, *others = mistakes(f"{GOOD}{line}\n")

    assert first[:2] == found[:2]
    assert first[2].startswith(found[2])
    assert not others


def test_all_mistakes_are_told_at_once_in_the_order_of_the_document() -> None:
    bad = GOOD.replace("adoption", "adoptoin").replace("health.changed", "health.chnged").replace("2 business", "2")

    assert [(line, message) for line, _, message in mistakes(bad)] == [
        (3, "“adoptoin” is no “kind”. Did you mean “adoption”?"),
        (4, "“health.chnged” is no “trigger.on”. Did you mean “health.changed”?"),
        (6, "“steps.1.task.due” reads like “2 business days”; found “2 days”."),
    ]


def test_two_steps_of_one_id_are_refused() -> None:
    text = f"{GOOD}  - id: task-1\n    webhook: {{endpoint: crm}}\n"

    assert mistakes(text) == [(7, 5, "Step 2 has the id “task-1” of step 1; give it another one.")]


def test_a_webhook_may_not_hide_what_every_webhook_carries() -> None:
    text = f"{GOOD}  - webhook: {{endpoint: crm, data: {{account: x, note: '{{{{ acount.owner }}}}'}}}}\n"

    assert [message for _, _, message in mistakes(text)] == [
        "“account” is in every webhook already; give yours another name.",
        "In “steps.2.webhook.data.note” a placeholder begins with one of health, previous, account, event, staff, "
        "task, not with “acount”.",
    ]


def test_a_trigger_that_speaks_only_of_its_event_is_judged_before_the_first_health() -> None:
    shipped = library()

    assert COMPILER.compile(shipped["detractor-follow-up"].text, 1).early
    assert not COMPILER.compile(shipped["rescue-declining-usage"].text, 1).early


def test_a_name_inside_a_text_is_no_variable() -> None:
    text = GOOD.replace("health.changed", "signal.seen").replace('health.band == "red"', 'event.data.topic == "health"')

    assert COMPILER.compile(text, 1).early


@pytest.mark.parametrize("text", ["\\0", "\\x07", "\\x1b", "\\N", "\\u0085", "\\ud800", "\\udc00\\ud83d"])
@pytest.mark.parametrize(
    ("line", "at"),
    [
        ('  - webhook: {endpoint: crm, data: {note: "a%s"}}', (7, 43)),
        ('  - webhook: {endpoint: crm, data: {deep: [{"k%s": 1}]}}', (7, 45)),
        ('  - task: {title: {en: "a%s"}, owner: account.owner, due: 2 business days}', (7, 24)),
        ('  - task: {title: {en: x}, how: {ja: "a%s"}, owner: account.owner, due: 2 business days}', (7, 38)),
        ('exit: "true // %s"', (7, 7)),
    ],
)
def test_a_character_that_no_database_takes_is_refused_where_it_stands(
    text: str, line: str, at: tuple[int, int]
) -> None:
    ((row, column, message),) = mistakes(f"{GOOD}{line % text}\n")

    assert (row, column) == at
    assert "control character" in message
    message.encode()


def test_a_raw_control_character_is_refused_where_it_stands() -> None:
    ((line, column, message),) = mistakes(f"{GOOD}# a\x00b\n")

    assert (line, column) == (7, 4)
    assert "control character" in message


def test_tabs_line_breaks_and_json_s_pairs_of_surrogates_are_taken() -> None:
    text = f'{GOOD}  - webhook: {{endpoint: crm, data: {{"\\ud83d\\ude00": "a\\tb\\r\\n\\ud83d\\ude00"}}}}\n'

    step = COMPILER.compile(text, 1).definition.steps[1]
    assert isinstance(step, WebhookStep)
    assert step.data == {"😀": "a\tb\r\n😀"}


@pytest.mark.parametrize(
    "value",
    [
        "!!bool foo",
        "!!int ''",
        "!!float ''",
        "!!int x",
        f"0x{'f' * 10_000}",
        "9007199254740992",
        ".inf",
        "1:" * 400 + "1.5",
    ],
)
def test_a_value_that_is_none_is_a_mistake_with_its_place(value: str) -> None:
    assert [found[:2] for found in mistakes(f"{GOOD}  - webhook: {{endpoint: crm, data: {{n: {value}}}}}\n")] == [
        (7, 40)
    ]


def test_deep_nesting_is_refused_before_it_is_read() -> None:
    with pytest.raises(InvalidDocument, match="more than 20 levels"):
        read("[" * 1000)


@given(st.text(alphabet=st.characters(codec="utf-8"), max_size=60))
def test_any_text_is_read_or_refused_with_a_place(text: str) -> None:
    for each in found_in(text):
        assert each.at.line >= 1
        assert each.at.column >= 1
        assert each.message


@given(st.recursive(st.none() | st.booleans() | st.integers() | st.text(max_size=8), lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(["id", "name", "kind", "trigger", "steps", "task", "webhook", "data", "exit", "x"]), inner, max_size=4), max_leaves=12))  # fmt: skip  # noqa: E501
def test_any_document_is_read_or_refused_with_sentences(document: object) -> None:
    assert all(each.message.endswith((".", "?")) for each in found_in(json.dumps(document)))
