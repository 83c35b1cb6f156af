"""Writes the JSON Schemas to libs/csmodels/schemas/: run it as `python -m csmodels.schemas [--release]`."""

import sys
from pathlib import Path
from typing import Final

from csmodels.schemas import exported, rendered

FOLDER: Final = Path(__file__).resolve().parents[1] / "schemas"


def write(folder: Path) -> list[Path]:
    """Write one file per event type into the folder, and delete files of types that are gone; answers the files."""
    folder.mkdir(parents=True, exist_ok=True)
    wanted = {folder / f"{name}.json": rendered(schema) for name, schema in exported().items()}
    for stale in set(folder.glob("*.json")) - set(wanted):
        stale.unlink()
    for path, text in wanted.items():
        path.write_text(text, encoding="utf-8")
    return sorted(wanted)


def main() -> None:
    """Write the schemas, with --release also the released copies that later versions are held against."""
    folders = [FOLDER, FOLDER / "released"] if "--release" in sys.argv[1:] else [FOLDER]
    for folder in folders:
        print(f"{len(write(folder))} schemas in {folder}")
