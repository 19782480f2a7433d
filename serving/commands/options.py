"""Arguments and options that several commands share."""

from datetime import datetime
from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

Source = Annotated[
    str | None,
    typer.Argument(
        metavar="[SOURCE]",
        help="Folder of CSV or Parquet files, .duckdb file, postgresql:// or spark:// address "
        "(docs/sources.md); by default the one that tenure.toml names.",
        show_default=False,
    ),
]
Config = Annotated[
    Path | None,
    typer.Option(help="Settings; by default ./tenure.toml if there is one.", show_default=False),
]
Json = Annotated[bool, typer.Option("--json", help="Print one JSON document to stdout.")]
Day = Annotated[
    datetime | None,
    typer.Option(
        formats=["%Y-%m-%d"],
        metavar="DATE",
        help="Day to look on; by default the day after the source's last.",
        show_default=False,
    ),
]
Port = Annotated[int, typer.Option(min=1, max=65535, help="Port to listen on.")]


class Every(StrEnum):
    """Step of a grid of days."""

    day = "day"
    week = "week"
    month = "month"


class Lang(StrEnum):
    """A language in which metrics are told."""

    en = "en"
    de = "de"


Language = Annotated[Lang, typer.Option(help="Language of labels and sentences.")]
