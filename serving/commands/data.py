"""Look at the tables: check, features, metrics, simulate."""

import json
from datetime import datetime
from pathlib import Path
from typing import Annotated

import typer

from serving.commands.options import (
    Config,
    Every,
    Json,
    Lang,
    Language,
    Source,
)
from serving.terminal import say, then


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
    if report.summary["enough"]:
        then("train", place.source.url, why="learn from it", config=config)
    else:
        then("check", place.source.url, why="once there is more history", config=config)


def features(
    source: Source = None,
    out: Annotated[
        Path,
        typer.Option(
            help="Parquet file to write; or a folder, in which each day is kept and only those are "
            "built anew of which more has become known."
        ),
    ] = Path("features.parquet"),
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
    if start and end and start > end:
        raise typer.BadParameter(f"--from {start:%Y-%m-%d} is after --to {end:%Y-%m-%d}")
    from features import build, observations, store
    from serving.files import write_aside
    from serving.workflow import Workplace

    place, key_features = Workplace.open_sound(source, config).with_key_features()
    say(key_features)
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
    if not out.suffix:
        done = store.update(place.source, place.settings, days, out)
        say(f"{len(done.built):,} days built, {len(done.kept):,} kept as they were: {out}")
        then("train", place.source.url, why="learn from it", config=config)
        return
    table = build.feature_table(place.source, place.settings, days)
    write_aside(out, lambda path: table.to_parquet(path, index=False))
    say(f"{len(table):,} rows of {table.shape[1] - 2} features on {len(days)} days: {out}")
    then("train", place.source.url, why="learn from it", config=config)


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


def simulate(
    folder: Annotated[Path, typer.Argument(metavar="DIR", help="Folder to write to.")],
    accounts: Annotated[int, typer.Option(min=1, help="Number of customers.")] = 1500,
    months: Annotated[int, typer.Option(min=2, help="Length of the history.")] = 30,
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
