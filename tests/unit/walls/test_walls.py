"""Each wall of the architecture holds, and would fail if it were crossed."""

import ast
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[3]
PACKAGES = {
    name: ROOT / parent / name / name
    for parent, names in {
        "libs": ("csmodels", "cskit", "csworld"),
        "services": ("ingest", "scoring", "playbook", "survey", "console", "allinone"),
    }.items()
    for name in names
}

# What nobody may do: into which file of a package which import must not come, by the contract that forbids it.
CROSSINGS = [
    ("independent", "scoring/handlers.py", "import playbook.tables"),
    ("independent", "playbook/store/work.py", "import scoring.engine.fold"),
    ("composition", "cskit/runner.py", "import scoring.handlers"),
    ("composition", "csworld/world.py", "import ingest.domain.native"),
    ("independent", "console/service.py", "import scoring.domain.score"),
    ("downward", "survey/service.py", "import allinone.composition"),
    ("downward", "console/service.py", "import csworld.fates"),
    ("world", "csworld/world.py", "import csmodels.ids"),
    ("world", "csworld/dice.py", "import numpy"),
    ("stateless", "console/service.py", "import cskit.db"),
    ("stateless", "console/upstream.py", "import cskit.log"),
    ("models", "csmodels/envelope.py", "import msgspec"),
    ("models", "csmodels/topics.py", "import cskit.log"),
    ("pure", "scoring/domain/score.py", "import sqlalchemy"),
    ("pure", "playbook/domain/run.py", "import cskit.clock"),
    ("pure", "scoring/engine/fold.py", "import httpx"),
    ("engine", "scoring/engine/features.py", "import scoring.store"),
    ("layers", "scoring/tables.py", "import scoring.store"),
    ("layers", "survey/api.py", "import survey.handlers"),
    ("layers", "survey/store.py", "import survey.api"),
    ("adapters", "scoring/handlers.py", "import cskit.log.kafka"),
    ("adapters", "ingest/service.py", "import cskit.db.sqlite"),
    ("conditions", "playbook/definitions.py", "import cel_expr_python"),
]


@pytest.fixture(scope="module")
def copies(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """All packages side by side, to be spoilt."""
    folder = tmp_path_factory.mktemp("walls")
    for name, package in PACKAGES.items():
        shutil.copytree(package, folder / name, ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copy(ROOT / "pyproject.toml", folder)
    return folder


def lint(folder: Path, contract: str | None = None) -> subprocess.CompletedProcess[str]:
    command = [str(Path(sys.executable).parent / "lint-imports"), "--no-cache"]
    if contract is not None:
        command += ["--contract", contract]
    env = {**os.environ, "PYTHONPATH": str(folder)}
    return subprocess.run(command, cwd=folder, env=env, capture_output=True, text=True, check=False)


def test_the_walls_hold(copies: Path) -> None:
    done = lint(copies)

    assert done.returncode == 0, done.stdout


@pytest.mark.parametrize(("contract", "file", "line"), CROSSINGS, ids=[f"{c[0]}:{c[1]}" for c in CROSSINGS])
def test_a_wall_fails_when_it_is_crossed(copies: Path, contract: str, file: str, line: str) -> None:
    path = copies / file
    before = path.read_text()
    path.write_text(f"{before}\n\ndef crossed() -> None:\n    {line}\n")

    try:
        done = lint(copies, contract)
    finally:
        path.write_text(before)

    assert done.returncode == 1, f"{contract} holds although {file} has `{line}`:\n{done.stdout}"
    assert "BROKEN" in done.stdout


def asks_for_the_engine(tree: ast.AST) -> Iterator[int]:
    """Lines that ask which log or database is in use."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Attribute) and node.attr == "clustered":
            yield node.lineno
        if isinstance(node, ast.Compare):
            words = [side.value for side in (node.left, *node.comparators) if isinstance(side, ast.Constant)]
            if any(isinstance(word, str) and word in ("sqlite", "postgresql", "kafka") for word in words):
                yield node.lineno


MAY_ASK = {
    "cskit/platform.py",  # the one place that chooses
    "cskit/settings.py",  # where the choice is read
    "cskit/db/types.py",  # the column types of both databases
}


def test_nobody_but_the_platform_asks_which_engine_is_in_use() -> None:
    found = []
    for name, package in PACKAGES.items():
        for path in sorted(package.rglob("*.py")):
            place = f"{name}/{path.relative_to(package).as_posix()}"
            if place not in MAY_ASK:
                found += [f"{place}:{line}" for line in asks_for_the_engine(ast.parse(path.read_text()))]

    assert found == []


@pytest.mark.parametrize("code", ['x = y == "sqlite"', 'if name in "kafka": pass', "settings.clustered"])
def test_asking_for_the_engine_would_be_found(code: str) -> None:
    assert list(asks_for_the_engine(ast.parse(code)))
