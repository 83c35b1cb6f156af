"""The timeline of an account's page, a part at a time."""

from datetime import timedelta

from tests.integration.console.conftest import Visitor
from tests.integration.console.reading import Page
from tests.integration.console.upstream import NOW, FakeUpstream


async def test_a_filter_changes_neither_roles_nor_marks(visitor: Visitor) -> None:
    browser = visitor()

    def block(html: str, id_: str) -> str:
        return html[html.index(f'id="{id_}"') :].partition("</section>")[0]

    whole, filtered = await browser.get("/accounts/akagi"), await browser.get("/accounts/akagi?show=ticket")

    assert "left" in block(whole.text, "acc-people")
    assert "Turned red" in block(whole.text, "acc-health")
    for id_ in ("acc-people", "acc-health"):
        assert block(whole.text, id_) == block(filtered.text, id_)


async def test_tasks_alone_are_no_reason_to_search_the_timeline(visitor: Visitor, upstream: FakeUpstream) -> None:
    answer = await visitor().get("/accounts/akagi?show=task")

    asked = [request for request in upstream.requests if request.url.path.endswith("/timeline")]
    assert len(asked) == 1
    assert "Call the champion" in answer.text


async def test_the_next_page_of_a_timeline_does_not_repeat_tasks(visitor: Visitor, upstream: FakeUpstream) -> None:
    akagi = upstream.accounts["akagi"]
    newest = akagi.timeline[0]
    akagi.timeline = [
        newest.model_copy(
            update={
                "id": f"m-{n}",
                "at": NOW - timedelta(hours=n),
                "kind": "milestone",
                "data": {"milestone": f"m-{n}"},
            }
        )
        for n in range(60)
    ]
    browser = visitor()
    first = await browser.get("/accounts/akagi")
    (older,) = [link for link in Page(first.text).links if "before=" in link]

    second = await browser.get(older)

    assert "Milestone reached: m-39." in first.text
    assert "Milestone reached: m-40." in second.text
    added = "Task: Call the champion."
    assert added in Page(first.text).text
    assert added not in Page(second.text).text


async def test_what_playbooks_did_is_told_and_a_task_only_once(visitor: Visitor, upstream: FakeUpstream) -> None:
    akagi = upstream.accounts["akagi"]
    told = {"run": ("started", {"playbook": "rescue"}), "email": ("sent", {}), "task": ("created", {"task": "t1"})}
    akagi.timeline += [
        akagi.timeline[0].model_copy(
            update={"id": f"{kind}/p/1", "at": NOW, "kind": kind, "data": {"what": what, **data}}
        )
        for kind, (what, data) in told.items()
    ]

    text = Page((await visitor().get("/accounts/akagi")).text).text
    tasks = Page((await visitor().get("/accounts/akagi?show=task")).text).text

    name = next(each["name"]["en"] for each in upstream.playbooks if each["id"] == "rescue")
    assert f"Playbook “{name}” started." in text
    assert "Email sent." in text
    assert text.count("Task: Call the champion.") == 1
    assert f"Playbook “{name}” started." in tasks
