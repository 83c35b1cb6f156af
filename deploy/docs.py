"""Write what is made from code, or with --check say what is out of date: docs/settings.md, event schemas, dashboard."""

import sys
from pathlib import Path

import dashboard

from cskit.settings import markdown
from csmodels.schemas import exported, rendered

ROOT = Path(__file__).resolve().parent.parent

SETTINGS = """# Settings

Environment variables, made from the code by `make docs`. An unknown `KIZASHI_` variable is an error that names the
nearest right one; `KIZASHI_TEST_*` are for tests and never refused.

{table}"""


def files() -> dict[Path, str]:
    """Each made file with its content."""
    made = {ROOT / "docs" / "settings.md": SETTINGS.format(table=markdown())}
    made[ROOT / "deploy" / "grafana" / "kizashi.json"] = dashboard.rendered()
    for name, schema in exported().items():
        made[ROOT / "libs" / "csmodels" / "schemas" / f"{name}.json"] = rendered(schema)
    return made


def main() -> int:
    made = files()
    stale = [path for path, text in made.items() if not path.exists() or path.read_text() != text]
    if "--check" in sys.argv:
        for path in stale:
            print(f"{path.relative_to(ROOT)} is out of date: run `make docs`.")
        return 1 if stale else 0
    for path in stale:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(made[path])
        print(f"wrote {path.relative_to(ROOT)}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
