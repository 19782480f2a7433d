"""Who is at risk and why: score, explain."""

import json
from pathlib import Path
from typing import Annotated

import typer

from features.errors import TenureError
from serving.commands.options import (
    Config,
    Day,
    Json,
    Lang,
    Language,
    Source,
)
from serving.terminal import say, then


def score(
    source: Source = None,
    out: Annotated[Path, typer.Option(help="File to write: .parquet, .csv or .json.")] = Path(
        "scores.parquet"
    ),
    as_of: Day = None,
    version: Annotated[str, typer.Option(help="Version number, champion or challenger.")] = (
        "champion"
    ),
    previous: Annotated[
        Path | None,
        typer.Option(
            help="Earlier score table to tell changes against, also of another model version; by "
            "default, what this version says of the as_of before.",
            show_default=False,
        ),
    ] = None,
    replay: Annotated[
        Path | None,
        typer.Option(
            help="Score table to compute again and compare to the bit; nothing is written.",
            show_default=False,
        ),
    ] = None,
    lang: Language = Lang.en,
    config: Config = None,
) -> None:
    """Write the score table: every account's risk with its drivers."""
    from serving import score_files
    from serving.workflow import Workplace

    if replay is not None:
        _replay(replay, source, config, previous)
        return
    score_files.writer(out)
    told = score_files.read(previous) if previous else None
    place = Workplace.open_sound(source, config)
    table, info = place.score(as_of.date() if as_of else None, version, lang.value, told)
    score_files.write(table, out)
    say(
        f"{len(table):,} accounts as of {table['as_of'].iloc[0]:%Y-%m-%d}, "
        f"model version {info.version}: {out}"
    )
    riskiest = table["account_id"].iloc[0]
    then("explain", place.source.url, riskiest, why="why the riskiest is at risk", config=config)


def _replay(path: Path, source: str | None, config: Path | None, previous: Path | None) -> None:
    """Prove that a score table can be computed again, or name the first value that differs."""
    from serving import replay
    from serving.workflow import Workplace

    place = Workplace.open_sound(source, config)
    replayed = replay.replay(path, place, previous)
    made = f"as of {replayed.as_of}, model version {replayed.version}"
    if replayed.difference:
        raise TenureError(
            f"{path} is not what its source and its model give now ({made}):\n"
            f"{replayed.difference.to_text()}",
            "The source or the settings have changed since, or the file has.",
        )
    say(f"{path}: {replayed.rows:,} accounts {made}: the same to the bit.")
    then("score", place.source.url, "--out", "scores.csv", why="today's scores", config=config)


def explain(
    source: Annotated[str, typer.Argument(help="As for the other commands.")],
    account: Annotated[str, typer.Argument(help="The account's id.")],
    as_of: Day = None,
    version: Annotated[str, typer.Option(help="Version number, champion or challenger.")] = (
        "champion"
    ),
    lang: Language = Lang.en,
    config: Config = None,
    as_json: Json = False,
) -> None:
    """Tell one account's risk and what it comes from, in words and numbers."""
    from features.errors import did_you_mean
    from serving import account_text
    from serving import explain as words
    from serving import score as scoring
    from serving.workflow import Workplace

    place = Workplace.open_sound(source, config)
    table, info = place.score(as_of.date() if as_of else None, version, lang.value)
    found = table[table["account_id"] == account]
    if found.empty:
        raise TenureError(
            f"No account {account!r} has a contract in force on {table['as_of'].iloc[0]:%Y-%m-%d}."
            f"{did_you_mean(account, table['account_id'])}",
            "Only accounts under contract are scored; --as-of looks on another day.",
        )
    row = scoring.records(found)[0]
    if as_json:
        print(json.dumps(row))
    else:
        window = info.settings["observations"]
        ahead = words.window(window["lead_days"], window["horizon_days"], lang.value)
        print(account_text.to_text(row, ahead, lang.value))
    then("serve", place.source.url, why="see all accounts on a page", config=config)
