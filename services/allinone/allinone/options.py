"""What many commands take, and where their settings come from."""

import os
from pathlib import Path
from typing import Annotated

import typer

from cskit.settings import Settings, read_settings

NO, WRONG_USE, UNREACHABLE = 1, 2, 3  # exit statuses; 0: done

AsJson = Annotated[bool, typer.Option("--json", help="Print JSON.")]
Data = Annotated[Path | None, typer.Option("--data", help="Data folder (KIZASHI_DATA, ./kizashi-data).")]


def settings_of(data: Path | None = None) -> Settings:
    """From the environment; `data` is what the option said. Raises SettingsError."""
    settings = read_settings(os.environ)
    return settings if data is None else settings.model_copy(update={"data": data})
