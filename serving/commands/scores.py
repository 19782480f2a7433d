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
    lang: Language = Lang.en,
    config: Config = None,
) -> None:
    """Write the score table: every account's risk with its drivers."""
    from serving import score_files
    from serving.workflow import Workplace

    score_files.writer(out)
    place = Workplace.open_sound(source, config)
    table, info = place.score(as_of.date() if as_of else None, version, lang.value)
    score_files.write(table, out)
    say(
        f"{len(table):,} accounts as of {table['as_of'].iloc[0]:%Y-%m-%d}, "
        f"model version {info.version}: {out}"
    )
    riskiest = table["account_id"].iloc[0]
    then("explain", place.source.url, riskiest, why="why the riskiest is at risk", config=config)


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
