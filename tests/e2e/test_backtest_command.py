"""`kizashi backtest` as people use it: files of their own and nothing else, or a server's archive."""

import json
from collections.abc import Sequence
from datetime import UTC, date, datetime, time, timedelta
from pathlib import Path

import pytest
from tests.running.processes import command, ended
from tests.running.stores import Store

from cskit.settings import read_settings
from csmodels.customer import ContractChanged, UsageTracked
from csmodels.envelope import Event
from csmodels.partitioning import partition_of
from scoring.archive.columns import ArchivedRecord, encoded
from scoring.archive.files import ArchiveFile
from scoring.archive.place import ArchiveRoot

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(180)]

FIRST = date(2026, 1, 1)
ONE = timedelta(days=1)
ACCOUNTS = 24
LEAVES = FIRST + 150 * ONE  # every fourth account, after a silence of a month
LAST = 220


def used(account: int, day: int) -> bool:
    return (account % 4 != 0 or day < 120) and day % 3 != account % 3


def at(day: int) -> datetime:
    return datetime.combine(FIRST + day * ONE, time(9), tzinfo=UTC)


def events_file(folder: Path, *more: str) -> str:
    rows = [f"report,{at(day).isoformat()},a{n},p{n}" for day in range(LAST) for n in range(ACCOUNTS) if used(n, day)]
    return written(folder / "events.csv", ["Name,TIME,Account,person", *rows, *more])


def churn_file(folder: Path) -> str:
    return written(folder / "churn.csv", ["churned_on,account", *(f"{LEAVES},a{n}" for n in range(0, ACCOUNTS, 4))])


def written(path: Path, lines: Sequence[str]) -> str:
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")
    return str(path)


async def test_anyone_can_judge_the_default_score_on_files_of_their_own_without_a_server(tmp_path: Path) -> None:
    report = tmp_path / "report.html"
    files = ("--events", events_file(tmp_path), "--churn", churn_file(tmp_path))
    span = ("--from", "2026-02-01", "--to", "2026-07-31")

    told = json.loads(
        await command("backtest", *files, *span, "--report", str(report), "--json", environment=nowhere(tmp_path))
    )

    auc = told["auc"]
    assert list(auc) == ["score", "recency", "volume"]
    assert 0.5 < auc["score"]["value"] <= 1
    assert auc["score"]["low"] <= auc["score"]["value"] <= auc["score"]["high"]
    assert (told["horizon"], told["every"], told["view"]) == ("P60D", "P14D", "as_known")
    assert told["sample"]["churned_accounts"] == ACCOUNTS / 4
    assert told["sample"]["moments"][0] == "2026-02-01"
    assert report.read_text(encoding="utf-8").startswith("<!DOCTYPE html>")
    assert not (tmp_path / "data").exists()


async def test_people_read_sentences_and_a_table_in_their_language(tmp_path: Path) -> None:
    files = ("--events", events_file(tmp_path), "--churn", churn_file(tmp_path))

    english = await command("backtest", *files, environment=nowhere(tmp_path))
    japanese = await command("backtest", *files, "--lang", "ja", environment=nowhere(tmp_path))

    assert "Of a customer who left within 60 days" in english
    assert "AUC" in english
    assert "60 日以内に解約した顧客" in japanese


async def test_bad_rows_are_named_with_their_line_and_the_rest_is_judged(tmp_path: Path) -> None:
    files = ("--events", events_file(tmp_path, "report,yesterday,a1,p1"), "--churn", churn_file(tmp_path))

    done = await ended("backtest", *files, "--json", environment=nowhere(tmp_path))

    assert done.status == 0
    line = len((tmp_path / "events.csv").read_text(encoding="utf-8").splitlines())
    assert f"events.csv, line {line}: time “yesterday” should be" in done.err
    assert json.loads(done.out)["data"]["rows_refused"] == 1


async def test_a_scorecard_of_ones_own_is_judged_and_a_wrong_one_named_with_its_line(tmp_path: Path) -> None:
    files = ("--events", events_file(tmp_path), "--churn", churn_file(tmp_path))
    wrong = written(tmp_path / "wrong.yaml", ["scorecard: mine", "version: none"])

    refused = await ended("backtest", *files, "--scorecard", wrong, environment=nowhere(tmp_path))

    assert refused.status == 2
    assert "wrong.yaml" in refused.err
    assert "ine " in refused.err


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("--horizon", "60"), ("P60D",)),
        (("--every", "P1M"), ("P1M", "P60D")),
        (("--from", "today"), ("--from", "2026-01-31")),
        (("--from", "2026-07-01", "--to", "2026-06-01"), ("no day",)),
        (("--from", "2026-07-20"), ("No account can be judged", "--horizon")),
        (("--lang", "fr"), ("en, ja",)),
        (("--churn", "none.csv"), ("none.csv", "No such file")),
        (("--scorecard", "none.yaml"), ("none.yaml", "No such file")),
        (("--report", "none/report.html"), ("none/report.html", "cannot be written")),
    ],
)
async def test_wrong_use_says_what_and_what_to_do(
    tmp_path: Path, arguments: tuple[str, ...], words: tuple[str, ...]
) -> None:
    files = ("--events", events_file(tmp_path), "--churn", churn_file(tmp_path))

    refused = await ended("backtest", *files, *arguments, environment=nowhere(tmp_path))

    assert (refused.status, refused.out) == (2, "")
    assert "Traceback" not in refused.err
    for word in words:
        assert word in refused.err


async def test_events_need_their_churn(tmp_path: Path) -> None:
    refused = await ended("backtest", "--events", events_file(tmp_path), environment=nowhere(tmp_path))

    assert refused.status == 2
    assert "--churn" in refused.err


@pytest.fixture(params=["folder", pytest.param("bucket", marks=pytest.mark.s3)])
def archive(request: pytest.FixtureRequest, tmp_path: Path) -> dict[str, str]:
    """The settings of an archive that holds the past."""
    if request.param == "folder":
        archived(ArchiveRoot(str(tmp_path / "archive")))
        return {"KIZASHI_ARCHIVE": str(tmp_path / "archive")}
    store: Store = request.getfixturevalue("store")
    settings = store.settings(f"s3://{store.bucket()}/kizashi")
    archived(ArchiveRoot.of(read_settings(settings), settings["KIZASHI_ARCHIVE"]))
    return settings


async def test_the_archive_is_judged_by_the_ends_of_contracts_with_or_without_its_server(
    tmp_path: Path, archive: dict[str, str]
) -> None:
    environment = {**nowhere(tmp_path), **archive}
    span = ("--from", "2026-02-01", "--to", "2026-07-31")

    told = json.loads(await command("backtest", *span, "--json", environment=environment))

    assert told["sample"]["churned_accounts"] == ACCOUNTS / 4
    assert 0.5 < told["auc"]["score"]["value"] <= 1
    assert told["churned_revenue_green"]["by"] == "mrr"
    assert told["data"]["observed_until"] == (FIRST + (LAST - 2) * ONE).isoformat()


@pytest.mark.parametrize(
    ("arguments", "words"),
    [((), ("--from", "--to")), (("--from", "2026-02-01", "--to", "2026-07-31"), ("holds nothing", "--events"))],
)
async def test_an_archive_that_says_nothing_is_told(
    tmp_path: Path, arguments: tuple[str, ...], words: tuple[str, ...]
) -> None:
    refused = await ended("backtest", *arguments, environment=nowhere(tmp_path))

    assert refused.status == 2
    for word in words:
        assert word in refused.err


def nowhere(folder: Path) -> dict[str, str]:
    """No server, and a data folder that was never made."""
    return {"KIZASHI_DATA": str(folder / "data")}


@pytest.mark.s3
async def test_an_archive_whose_bucket_is_not_there_is_no_empty_one(tmp_path: Path, store: Store) -> None:
    environment = {**nowhere(tmp_path), **store.settings("s3://no-such-bucket/kizashi")}

    refused = await ended("backtest", "--from", "2026-02-01", "--to", "2026-07-31", environment=environment)

    assert refused.status == 3
    assert "s3://no-such-bucket/kizashi cannot be used" in refused.err
    assert "Traceback" not in refused.err


def archived(root: ArchiveRoot) -> None:
    """The same accounts as records of the archive, with contracts; the last day is there in every partition."""
    place = root.open()
    by_partition: dict[int, list[Event]] = {}
    for day in range(LAST):
        for number in range(ACCOUNTS):
            found = by_partition.setdefault(partition_of(f"a{number}"), [])
            if day == 0:
                found.append(contract(number))
            if used(number, day) or day == LAST - 1:
                found.append(usage(number, day))
    for partition, events in by_partition.items():
        records = [
            ArchivedRecord(partition, offset, int(one.receivedtime.timestamp() * 1000), one.key, one.to_bytes())
            for offset, one in enumerate(events)
        ]
        place.put(ArchiveFile(partition, 0, len(records) - 1), encoded(records))


def usage(number: int, day: int) -> Event:
    return UsageTracked.model_validate(
        {**envelope(number, day), "id": f"{number}-{day}", "data": {"name": "report", "count": 1, "properties": {}}}
    )


def contract(number: int) -> Event:
    ends_on = LEAVES - ONE if number % 4 == 0 else None
    data = {"contract": f"c{number}", "status": "active", "mrr": "100", "ends_on": ends_on, "starts_on": FIRST}
    return ContractChanged.model_validate({**envelope(number, 0), "id": f"c{number}", "data": data})


def envelope(number: int, day: int) -> dict[str, object]:
    person = f"00000000-0000-4000-8000-{number:012x}"
    return {"source": "test", "subject": f"a{number}", "time": at(day), "receivedtime": at(day), "personid": person}
