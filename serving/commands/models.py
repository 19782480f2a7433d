"""Learn and judge: train, evaluate, promote."""

import json
from typing import Annotated, Any

import typer

from serving.commands.options import (
    Config,
    Json,
    Source,
)
from serving.terminal import say, then, track


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


def promote(
    version: Annotated[str, typer.Argument(help="Version number, or challenger.")],
    force: Annotated[bool, typer.Option(help="Even if it is worse or incomparable.")] = False,
) -> None:
    """Make a version the champion; a worse one is refused."""
    from training import tracking

    decision = tracking.promote(version, force)
    say(decision.reason)
    then("score", "SOURCE", "--out", "scores.csv", why="everybody's risk, with its drivers")


def _document(version: int | None, summary: dict[str, Any]) -> str:
    return json.dumps({"version": version, "registered": version is not None, **summary})
