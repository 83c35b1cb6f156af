"""The address of an archive, from the settings."""

import pytest

from cskit.settings import SettingsError, read_settings
from scoring.archive.place import ArchiveRoot

KEYS = {"KIZASHI_ARCHIVE_ACCESS_KEY": "access", "KIZASHI_ARCHIVE_SECRET_KEY": "hidden-secret"}


@pytest.mark.parametrize(
    "address", ["archive", "/archive", "s3://bucket", "s3://bucket/", "s3://my.bucket-1/a", "s3://bucket/a b/顧客+1/"]
)
def test_a_folder_or_a_bucket_with_or_without_a_prefix_is_an_address(address: str) -> None:
    root = ArchiveRoot.of(read_settings(KEYS), address)

    assert root.address == address
    assert "hidden-secret" not in repr(root)


@pytest.mark.parametrize(
    "address",
    ["s3://", "s3:///bucket", "s3://bucket//a", "s3://bucket/a//b", "s3://bucket:9000/a", "s3://key:pass@bucket/a", "gs://bucket"],
)  # fmt: skip
def test_any_other_address_is_refused_without_repeating_it(address: str) -> None:
    with pytest.raises(SettingsError, match="s3://bucket/prefix") as refused:
        ArchiveRoot.of(read_settings({}), address)

    assert "pass" not in str(refused.value)


@pytest.mark.parametrize("name", KEYS)
def test_a_key_without_its_secret_or_the_other_way_round_is_refused(name: str) -> None:
    with pytest.raises(SettingsError, match="set both"):
        ArchiveRoot.of(read_settings({name: KEYS[name]}), "s3://bucket")
