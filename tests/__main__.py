"""`make test`: what can share the machine in three processes, since many wait; then what must be alone; one table."""

import os
import subprocess
import sys
import tempfile
from pathlib import Path

NOTHING_RAN = 5  # pytest's exit status where no test was selected


def run(arguments: list[str], table: Path) -> int:
    command = [sys.executable, "-m", "pytest", *arguments, *sys.argv[1:]]
    return subprocess.run(command, env={**os.environ, "KIZASHI_TEST_TABLE": str(table)}, check=False).returncode


def main() -> int:
    with tempfile.TemporaryDirectory() as folder:
        table = Path(folder) / "table.json"
        together = run(["-n", "3", "--dist", "worksteal", "-m", "not alone and not long"], table)
        if together not in (0, NOTHING_RAN):
            return together
        alone = run(["-m", "alone and not long"], table)
    if alone == NOTHING_RAN:
        return together
    return alone


if __name__ == "__main__":
    sys.exit(main())
