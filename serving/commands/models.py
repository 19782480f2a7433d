"""Learn and judge: train, evaluate, promote, rollback, retrain."""

import json
from dataclasses import asdict
from functools import partial
from pathlib import Path
from typing import Annotated, Any

import typer

from features.errors import TenureError
from serving.commands.options import (
    Config,
    Json,
    Source,
)
from serving.terminal import say, then, track


def train(
    source: Source = None,
    flat: Annotated[
        Path | None,
        typer.Option(
            help="Cross-validate on a flat churn table (.csv, .parquet) without dates instead, for "
            "comparison with the literature; registers nothing.",
            show_default=False,
        ),
    ] = None,
    label: Annotated[
        str | None,
        typer.Option(metavar="COLUMN", help="Of the flat table: who churned.", show_default=False),
    ] = None,
    trials: Annotated[
        int | None,
        typer.Option(
            min=0,
            max=1000,
            help="Shapes of trees to try before the backtest, 0 for none; by default what "
            "tenure.toml says. A search that was killed goes on where it stopped.",
            show_default=False,
        ),
    ] = None,
    config: Config = None,
    as_json: Json = False,
) -> None:
    """Backtest, learn, calibrate, and register the model if it has skill."""
    if flat is not None or label is not None:
        if flat is None or label is None or source is not None:
            raise typer.BadParameter("--flat FILE and --label COLUMN go together, without SOURCE")
        _train_flat(flat, label, config, as_json)
        return
    from serving.workflow import Workplace, no_skill
    from training import evaluate, key_features

    place = Workplace.open_sound(source, config).with_trials(trials)
    trained, version = place.train(track)
    if as_json:
        print(_document(version, trained.summary))
    else:
        say(evaluate.to_text(trained.summary))
        say("\n" + key_features.to_text(trained.summary["key_features"]))
    if version is None:
        raise no_skill(place, trained.summary["verdict"])
    say(f"\nRegistered as version {version}, the challenger.")
    then("promote", version, why="let it serve")


def _train_flat(file: Path, label: str, config: Path | None, as_json: bool) -> None:
    from features import settings
    from training import flat

    told = flat.judge(flat.read(file, label), settings.load(config).training.seed, track=track)
    if as_json:
        print(_document(None, told))
    else:
        say(flat.to_text(told))
    then("train", "SOURCE", why="learn from tables with dates")


def evaluate(
    version: Annotated[
        str, typer.Argument(help="Version number, champion or challenger.")
    ] = "champion",
    html: Annotated[
        Path | None,
        typer.Option(help="Write a report for leaders and data scientists.", show_default=False),
    ] = None,
    as_json: Json = False,
) -> None:
    """Show how good a version was on what came after it had learned."""
    from serving import weights
    from training import evaluate as evaluation
    from training import key_features, tracking

    info = tracking.info(version)
    health = weights.told(info.version)
    if html:
        from serving import report
        from serving.files import write_aside

        page = report.html(tracking.backtest(info.version), info, health)
        write_aside(html, partial(report.write, page))
        say(f"The report on version {info.version}: {html}\n")
    if as_json:
        print(_document(info.version, info.summary))
        return
    say(f"Version {info.version}, trained {info.trained_at:%Y-%m-%d %H:%M} UTC\n")
    say(evaluation.to_text(info.summary))
    say("\n" + key_features.to_text(info.summary["key_features"]))
    say("\nHealth score\n")
    weights.print_table(health)
    say("\n" + weights.to_text(health))
    then("promote", info.version, why="let it serve, if it does not yet")


def promote(
    version: Annotated[str, typer.Argument(help="Version number, or challenger.")],
    force: Annotated[bool, typer.Option(help="Even if it is worse or incomparable.")] = False,
) -> None:
    """Make a version the champion; a worse one is refused."""
    from training import tracking

    decision = tracking.promote(version, force)
    say(decision.reason)
    then("score", "SOURCE", "--out", "scores.csv", why="everybody's risk, with its drivers")


def rollback() -> None:
    """Let the version serve again that served before the champion."""
    from training import tracking

    left, back = tracking.rollback()
    say(f"Version {back} serves again, in place of version {left}.")
    then("evaluate", back, why="how good it was")


def retrain(source: Source = None, config: Config = None) -> None:
    """Check, train, compare and promote unless worse; for schedulers (docs/retraining.md).

    Prints one line of JSON. Ends with 0 if the registry is as it should be (promoted, kept,
    nothing new), with 1 if somebody must look: errors in the data, no skill, another one running.
    """
    from serving.retraining import retrain as run

    try:
        outcome = run(str(source) if source else None, config, track)
    except TenureError as error:
        print(json.dumps({"status": "failed", "reason": error.message, "fix": error.fix}))
        raise
    print(json.dumps(asdict(outcome)))
    say(outcome.reason)


def _document(version: int | None, summary: dict[str, Any]) -> str:
    return json.dumps({"version": version, "registered": version is not None, **summary})
