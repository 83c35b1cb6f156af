"""What the demo tells, and in which words."""

from collections.abc import Sequence
from datetime import UTC, datetime

import pytest

from allinone.demo.story import CAUSE_TO_TASK, SUM_UP_EVERY, TOGETHER, Given, Standing, Story, causes_of
from allinone.demo.words import ENGLISH, JAPANESE, Words

AT = datetime(2026, 11, 24, 9, 41, tzinfo=UTC)
BEFORE = Standing(71.2, "yellow", {"usage_trend": 8.0, "open_tickets": 3.0, "nps": -1.0})
AFTER = Standing(46.1, "red", {"usage_trend": -6.0, "open_tickets": -5.0, "nps": -0.7})
RESCUE = Given("rescue-declining-usage", "yuka")


def story_of(words: Words = ENGLISH, accounts: int = 1) -> Story:
    names = {"akagi": "Akagi Valve", **{f"a{number}": f"Account {number}" for number in range(accounts)}}
    story = Story(names, {"yuka": "森 由佳"}, words)
    for account in names:
        story.known(account, BEFORE)
    return story


def told(story: Story, now: float, after: float = TOGETHER) -> Sequence[str]:
    assert story.lines(now) == [], "too early"
    return story.lines(now + after)


@pytest.mark.parametrize("task_first", [False, True])
def test_a_fall_is_told_with_its_causes_and_the_task_it_caused_whichever_is_heard_first(task_first: bool) -> None:
    story = story_of()
    if task_first:
        story.task("akagi", RESCUE, 10.0, AT)
    story.health("akagi", AFTER, 10.1, AT)
    if not task_first:
        story.task("akagi", RESCUE, 10.2, AT)

    lines = told(story, 10.3)

    assert lines == [
        "Tue 24 Nov 09:41  Akagi Valve fell from 71 to 46 and turned red: usage trend -14, open tickets -8; "
        "playbook rescue-declining-usage gave 森 由佳 a task"
    ]


def test_the_same_is_told_in_japanese() -> None:
    story = story_of(JAPANESE)
    story.health("akagi", AFTER, 0.0, AT)
    story.task("akagi", RESCUE, 0.0, AT)

    lines = told(story, 0.0)

    assert lines == [
        "11/24(火) 09:41  Akagi Valveのスコアが71から46に下がり、赤になりました"
        "（利用の推移 -14、未解決の問い合わせ -8）。"
        "プレイブック rescue-declining-usage が森 由佳にタスクを割り当てました"
    ]


def test_many_small_steps_become_one_rise_that_is_told() -> None:
    story = story_of()
    said: list[str] = []
    for step in range(1, 6):
        now = 2.0 * step
        score = BEFORE.score + 1.2 * step
        story.health("akagi", Standing(score, "yellow", {**BEFORE.parts, "nps": score - 72.2}), now, AT)
        said += told(story, now)

    assert said == ["Tue 24 Nov 09:41  Akagi Valve rose from 71 to 77: NPS +6"]
    assert story.lines(60.0) == ["  and 4 smaller changes"]


def test_a_band_that_turns_is_told_even_if_the_score_hardly_moved() -> None:
    story = story_of()
    story.health("akagi", Standing(70.9, "green", {**BEFORE.parts, "nps": -1.3}), 0.0, AT)

    assert told(story, 0.0) == ["Tue 24 Nov 09:41  Akagi Valve fell from 71.2 to 70.9 and turned green"]


def test_an_account_that_turned_red_waits_a_moment_for_its_task() -> None:
    story = story_of()
    story.health("akagi", AFTER, 0.0, AT)

    before = story.lines(2.0)
    story.task("akagi", RESCUE, 2.1, AT)

    assert before == []
    assert [line.endswith("gave 森 由佳 a task") for line in story.lines(2.2)] == [True]


def test_an_answer_is_told_and_so_is_a_task_without_a_change() -> None:
    story = story_of()
    story.answer("akagi", "champion", 3, 0.0, AT)
    story.task("akagi", Given("detractor-follow-up", None), 0.1, AT)
    story.completed("akagi", RESCUE, "reached", 0.2, AT)

    assert [line.partition("  ")[2] for line in told(story, 0.3, CAUSE_TO_TASK)] == [
        "Akagi Valve: playbook detractor-follow-up gave nobody a task",
        "Akagi Valve: a champion answered 3 to the survey",
        "Akagi Valve: 森 由佳 completed the task of rescue-declining-usage, outcome: reached",
    ]


def test_what_happens_all_at_once_is_told_a_few_lines_a_second_tasks_first() -> None:
    story = story_of(accounts=30)
    for number in range(30):
        story.health(f"a{number}", AFTER, 0.0, AT)
    story.task("a29", RESCUE, 0.0, AT)

    lines = told(story, 0.0, CAUSE_TO_TASK)
    later = [line for tenth in range(200) for line in story.lines(CAUSE_TO_TASK + tenth / 10)]

    assert len(lines) == 6
    assert "Account 29" in lines[0]
    assert later == ["  and 24 smaller changes"]


def test_what_there_was_no_room_for_is_told_with_the_next_change() -> None:
    story = story_of(accounts=9)
    for number in range(9):
        story.health(f"a{number}", AFTER, 0.0, AT)
    told(story, 0.0, CAUSE_TO_TASK)
    assert story.lines(40.0) == ["  and 3 smaller changes"]
    story.health("a8", Standing(45.0, "red", AFTER.parts), 50.0, AT)

    assert any("Account 8 fell from 71 to 45" in line for line in told(story, 50.0, CAUSE_TO_TASK))


def test_an_account_that_has_just_appeared_is_compared_with_nothing() -> None:
    story = story_of()
    story.health("new", AFTER, 0.0, AT)

    assert told(story, SUM_UP_EVERY) == []


def test_causes_are_those_that_moved_the_score_its_way_the_largest_first() -> None:
    before = Standing(60, "yellow", {"a": 1.0, "b": 2.0, "c": 0.0, "d": 0.0, "e": 0.0, "f": 5.0})
    after = Standing(50, "yellow", {"a": -3.0, "b": 9.0, "c": -9.0, "d": -5.0, "e": -0.4, "g": -2.0})

    assert causes_of(before, after) == [("c", -9.0), ("d", -5.0), ("f", -5.0)]


def test_both_languages_fill_in_the_same_places() -> None:
    def places(text: object) -> set[str]:
        names = ("account", "before", "after", "turned", "playbook", "owner", "score", "role", "count", "url", "speed")
        return {name for name in names if f"{{{name}}}" in str(text)}

    for field in ENGLISH.__dataclass_fields__:
        assert places(getattr(ENGLISH, field)) == places(getattr(JAPANESE, field)), field
    assert ENGLISH.measures.keys() == JAPANESE.measures.keys()
    assert ENGLISH.roles.keys() == JAPANESE.roles.keys()
