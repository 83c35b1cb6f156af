"""JSON that somebody has made already, on both databases."""

from sqlalchemy import Table, select

from cskit.db import Database, JsonText


async def test_json_that_is_text_already_reads_back_as_the_value_it_stands_for(
    database: Database, table: Table
) -> None:
    values = [JsonText('{"a":[1.5,null,"日本"]}'), {"a": [1.5, None, "日本"]}, "a text", None, JsonText("[]")]

    async with database.write() as tx:
        tx.insert(table, [{"id": str(n), "count": n, "document": value} for n, value in enumerate(values)])
        tx.upsert(table, [{"id": "4", "count": 4, "document": JsonText('["again"]')}])

    async with database.read() as tx:
        found = await tx.fetch(select(table.c.document).order_by(table.c.id))
    assert [row.document for row in found] == [
        {"a": [1.5, None, "日本"]},
        {"a": [1.5, None, "日本"]},
        "a text",
        None,
        ["again"],
    ]
