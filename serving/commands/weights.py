"""Weights and goals of health: show them, decide on them, take them elsewhere."""

import getpass
import json
from datetime import UTC, datetime
from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from features.errors import TenureError
from serving.commands.options import Config, Json
from serving.terminal import say, then


class Tool(StrEnum):
    """A customer success tool."""

    gainsight = "gainsight"
    vitally = "vitally"
    planhat = "planhat"
    churnzero = "churnzero"
    hubspot = "hubspot"
    totango = "totango"


DECIDING = ("accept", "reject", "fix")


def weights(
    what: Annotated[
        str,
        typer.Argument(
            metavar="[VERSION | accept | reject | fix]",
            help="Version number, champion or challenger to show; or what to decide.",
        ),
    ] = "champion",
    metric: Annotated[
        str | None,
        typer.Argument(
            metavar="[METRIC | DIMENSION]", help="What to decide on.", show_default=False
        ),
    ] = None,
    weight: Annotated[
        float | None, typer.Option(help="With fix: its weight, out of 100.", show_default=False)
    ] = None,
    goal: Annotated[
        float | None, typer.Option(help="With fix: its goal, in its unit.", show_default=False)
    ] = None,
    segment: Annotated[str, typer.Option(help="With --goal alone: for this segment only.")] = "all",
    why: Annotated[str, typer.Option(help="Reason for a decision; kept with it.")] = "",
    by: Annotated[
        str | None, typer.Option(help="Who decides; by default who is logged in here.")
    ] = None,
    version: Annotated[
        str, typer.Option(help="Version to decide on: a number, champion or challenger.")
    ] = "champion",
    html: Annotated[
        Path | None, typer.Option(help="Write a page for leaders.", show_default=False)
    ] = None,
    export: Annotated[
        Tool | None,
        typer.Option(help="Write --out as this tool configures it.", show_default=False),
    ] = None,
    out: Annotated[Path, typer.Option(help="CSV file that --export writes.")] = Path(
        "health_score.csv"
    ),
    source: Annotated[
        str | None,
        typer.Option(
            help="Learn from this source, without a model: for companies with too few churns for "
            "one. Nothing is registered.",
            show_default=False,
        ),
    ] = None,
    config: Config = None,
    as_json: Json = False,
) -> None:
    """Show weights and goals of the health score with their evidence; accept, reject or fix them.

    `tenure weights fix nps --goal 30 --why "agreed at the review"` is kept in the version with who
    and when, and is served from then on; on a version that does not serve, once it is promoted.
    """
    if what in DECIDING:
        _decide(what, metric, weight, goal, segment, why, by, version)
        return
    if metric is not None:
        raise TenureError(
            f"'{what}' is nothing that can be decided about {metric}.",
            f"Say one of {', '.join(DECIDING)}.",
        )
    from serving import weights as told

    if source is None:
        document = told.told(what)
        called = f"Health score of version {document['version']}"
    else:
        from serving.workflow import Workplace

        document = Workplace.open_sound(source, config).health_alone()
        called = "Health score, learned without a model"
    if html is not None:
        from serving.health_page import write

        write(document, html)
        say(f"{called}: {html}")
    elif export is not None:
        from serving.weights_export import write_csv

        note = write_csv(document, export.value, out)
        say(f"{called}, for {export.value}: {out}\n{note}")
    elif as_json:
        print(json.dumps(document))
    else:
        say(f"{called}\n")
        told.print_table(document)
        say("\n" + told.to_text(document))
    if source is None:
        then("weights", "fix", "METRIC", "--weight", 10, "--why", "...", why="you know better")
    else:
        then("weights", "--source", source, "--export", "planhat", why="take it into your tool")


def _decide(
    action: str,
    metric: str | None,
    weight: float | None,
    goal: float | None,
    segment: str,
    why: str,
    by: str | None,
    version: str,
) -> None:
    from training import tracking
    from training.decisions import HealthDecision

    if metric is None:
        raise TenureError(
            f"Which metric or dimension to {action}?", f"`tenure weights {action} METRIC`."
        )
    decision = HealthDecision(
        action=action,  # type: ignore[arg-type]
        metric=metric,
        why=why,
        by=by or getpass.getuser(),
        at=datetime.now(UTC).isoformat(timespec="milliseconds"),
        weight=weight,
        goal=goal,
        segment=segment,
    )
    own = tracking.version(version)
    number = tracking.decide(decision, own)
    told = (
        ", and served from now on."
        if own == _serving()
        else f"; it is served once version {own} is promoted."
    )
    say(f"Recorded as decision {number} on version {own}{told}")
    then("weights", version, why="weights and goals as they are now")


def _serving() -> int | None:
    """Number of the version that serves, if any does."""
    from training import tracking

    try:
        return tracking.version()
    except tracking.NoChampionError:
        return None
