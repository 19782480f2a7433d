"""The command line. What takes long to import is imported inside the commands that need it."""

import json
import os
import sys
import traceback
from datetime import datetime
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Any

import typer

from features.errors import TenureError
from serving.cli_keys import app as keys
from serving.terminal import say, then, track

app = typer.Typer(
    name="tenure",
    help="Predicts which B2B customers will leave, and says why.",
    no_args_is_help=True,
    add_completion=False,
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)
app.add_typer(keys, name="keys")

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


def main() -> None:
    """Run a command; what the data, the settings or the model forbid ends with exit code 1."""
    os.environ.setdefault("BENTOML_DO_NOT_TRACK", "True")
    os.environ.setdefault("MLFLOW_DISABLE_TELEMETRY", "true")
    try:
        app()
    except TenureError as error:
        say(str(error))
        sys.exit(1)
    except Exception as error:
        if os.environ.get("TENURE_DEBUG"):
            traceback.print_exc()
        say(
            f"This is a defect in Tenure, not in your data: {type(error).__name__}: {error}\n"
            "  Run the command again with TENURE_DEBUG=1 to see where, and report it."
        )
        sys.exit(1)


@app.command()
def check(source: Source = None, config: Config = None, as_json: Json = False) -> None:
    """Tell what is there, what is wrong, and what can be learned from it."""
    from serving.workflow import Workplace

    place = Workplace.open(source, config)
    report = place.check()
    if as_json:
        print(report.to_json())
    else:
        say(report.to_text())
    if report.errors:
        then("check", place.source.url, why="once the errors are corrected", config=config)
        raise typer.Exit(1)
    then("train", place.source.url, why="learn from it", config=config)


@app.command()
def features(
    source: Source = None,
    out: Annotated[Path, typer.Option(help="Parquet file to write.")] = Path("features.parquet"),
    as_of: Annotated[
        list[datetime] | None,
        typer.Option(formats=["%Y-%m-%d"], metavar="DATE", help="Day to look on; repeatable."),
    ] = None,
    every: Annotated[
        Every | None, typer.Option(help="Look at every day, week or month instead.")
    ] = None,
    start: Annotated[
        datetime | None, typer.Option("--from", formats=["%Y-%m-%d"], metavar="DATE")
    ] = None,
    end: Annotated[
        datetime | None, typer.Option("--to", formats=["%Y-%m-%d"], metavar="DATE")
    ] = None,
    config: Config = None,
) -> None:
    """Write the feature table: one row per account and day, as known on that day."""
    from features import build, observations
    from serving.files import write_aside
    from serving.workflow import Workplace

    place = Workplace.open_sound(source, config)
    if every is not None:
        days = observations.calendar(
            start.date() if start else observations.first_day(place.source),
            end.date() if end else observations.last_day(place.source, place.settings),
            every.value,
            place.settings.observations.first,
        )
    elif as_of:
        days = [moment.date() for moment in as_of]
    else:
        days = [observations.scoring_day(place.source, place.settings)]
    table = build.feature_table(place.source, place.settings, days)
    write_aside(out, lambda path: table.to_parquet(path, index=False))
    say(f"{len(table):,} rows of {table.shape[1] - 2} features on {len(days)} days: {out}")
    then("train", place.source.url, why="learn from it", config=config)


@app.command()
def metrics(
    lang: Language = Lang.en,
    config: Config = None,
    as_json: Json = False,
) -> None:
    """List every metric there is, with its definition."""
    from features import catalog, settings
    from serving import explain

    known = catalog.metrics(settings.load(config)).values()
    names = ("name", "dimension", "unit", "healthy", "actionable", "formula", "needs")
    if as_json:
        rows = [
            {name: getattr(each, name) for name in names}
            | {"label": each.called(lang.value), "sentence": each.said("…", lang.value)}
            for each in known
        ]
        print(json.dumps(rows))
        return
    dimension = ""
    for each in known:
        if each.dimension != dimension:
            dimension = each.dimension
            print(f"\n{explain.dimension_label(dimension)}")
        notes = [f"{each.healthy} is healthy"] if each.healthy else []
        notes += ["actionable"] if each.actionable else []
        noted = f" ({', '.join(notes)})" if notes else ""
        print(f"  {each.name}: {each.called(lang.value)}{noted}\n      {each.formula}")
    then("check", "SOURCE", why="see which of them your tables can tell")


@app.command()
def train(source: Source = None, config: Config = None, as_json: Json = False) -> None:
    """Backtest, learn, calibrate, and register the model if it has skill."""
    from serving.workflow import Workplace, no_skill
    from training import evaluate

    place = Workplace.open_sound(source, config)
    trained, version = place.train(track)
    if as_json:
        print(_document(version, trained.summary))
    else:
        say(evaluate.to_text(trained.summary))
    if version is None:
        raise no_skill(place, trained.summary["verdict"])
    say(f"\nRegistered as version {version}, the challenger.")
    then("promote", version, why="let it serve")


@app.command()
def evaluate(
    version: Annotated[
        str, typer.Argument(help="Version number, champion or challenger.")
    ] = "champion",
    as_json: Json = False,
) -> None:
    """Show how good a version was on what came after it had learned."""
    from training import evaluate as evaluation
    from training import tracking

    info = tracking.info(version)
    if as_json:
        print(_document(info.version, info.summary))
        return
    say(f"Version {info.version}, trained {info.trained_at:%Y-%m-%d %H:%M} UTC\n")
    say(evaluation.to_text(info.summary))
    then("promote", info.version, why="let it serve, if it does not yet")


@app.command()
def promote(
    version: Annotated[str, typer.Argument(help="Version number, or challenger.")],
    force: Annotated[bool, typer.Option(help="Even if it is worse or incomparable.")] = False,
) -> None:
    """Make a version the champion; a worse one is refused."""
    from training import tracking

    decision = tracking.promote(version, force)
    say(decision.reason)
    then("score", "SOURCE", "--out", "scores.csv", why="everybody's risk, with its drivers")


@app.command()
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


@app.command()
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


@app.command()
def serve(
    source: Source = None,
    host: Annotated[str, typer.Option(help="Address to listen on.")] = "127.0.0.1",
    port: Port = 3000,
    workers: Annotated[
        int | None,
        typer.Option(
            min=1, max=64, help="Processes that answer; by default one.", show_default=False
        ),
    ] = None,
    as_of: Day = None,
    config: Config = None,
) -> None:
    """Answer programs and people: API and pages. Other machines need keys: `tenure keys add`."""
    from serving.server import Server

    day = as_of.date() if as_of else None
    raise typer.Exit(Server(source, host, port, config, day, workers).run())


@app.command()
def simulate(
    folder: Annotated[Path, typer.Argument(metavar="DIR", help="Folder to write to.")],
    accounts: Annotated[int, typer.Option(min=1, help="Number of customers.")] = 1500,
    months: Annotated[int, typer.Option(min=1, help="Length of the history.")] = 30,
    seed: Annotated[int, typer.Option(min=0, help="The same seed gives the same bytes.")] = 0,
    preset: Annotated[str, typer.Option(help="Kind of company, such as normal or small.")] = (
        "normal"
    ),
    csv: Annotated[bool, typer.Option("--csv", help="Write CSV files, not Parquet.")] = False,
) -> None:
    """Write a simulated company's tables, with the truth behind them in truth.json."""
    from features import simulate as simulation

    company = simulation.simulate(accounts, months, seed, preset)
    simulation.write(company, folder, "csv" if csv else "parquet")
    say(f"{accounts:,} accounts over {months} months: {folder}")
    then("check", folder, why="see what is there")


@app.command()
def demo(
    serve: Annotated[
        bool, typer.Option("--serve/--no-serve", help="End with a served page.")
    ] = True,
    accounts: Annotated[int, typer.Option(min=300, help="Number of customers.")] = 1500,
    months: Annotated[int, typer.Option(min=18, help="Length of the history.")] = 30,
    seed: Annotated[int, typer.Option(min=0)] = 0,
    port: Port = 3000,
) -> None:
    """All of it on a simulated company, with a page at the end; everything stays under ./demo."""
    from serving.demo import Demo

    raise typer.Exit(Demo(Path("demo"), accounts, months, seed).run(port if serve else None))


def _document(version: int | None, summary: dict[str, Any]) -> str:
    return json.dumps({"version": version, "registered": version is not None, **summary})


if __name__ == "__main__":
    main()
