"""kizashi import --map: a file that is no mapping is refused before a server is asked."""

from pathlib import Path

import pytest

from allinone.commands.imports import Asked, dry_run
from cskit.errors import Invalid
from cskit.settings import Settings


@pytest.mark.parametrize("value", ["2026-02-30", "0x_", "!!bool x", '"\\UFFFFFFFF"', "[" * 3000])
def test_a_value_that_cannot_be_read_is_refused(tmp_path: Path, value: str) -> None:
    rows, map_file = tmp_path / "rows.csv", tmp_path / "map.yaml"
    rows.write_text("id,account\n1,acme\n")
    map_file.write_text(f"columns: {{account: {value}}}\n")

    with pytest.raises(Invalid) as refused:
        dry_run(Settings(), Asked("contracts", rows, map_file))

    assert refused.value.code == "bad_map"
