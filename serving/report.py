"""The report on a model: one page for leaders and data scientists that asks nobody for anything."""

from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pandas as pd

from serving import web, weights
from training import baseline, hazard_backtest, model_card, plots, questions

if TYPE_CHECKING:
    from jinja2 import Template

    from training.tracking import ModelInfo

HERE = Path(__file__).parent


def html(backtest: pd.DataFrame, info: "ModelInfo", health: weights.Told) -> str:
    """Write the report on a version; `health` is `serving.weights.told` of it."""
    title = f"Model version {info.version}"
    told = _told(backtest, info.summary, info.settings["training"]["seed"])
    return _page(title, told, plots.figures(told), info.summary, info.settings, health)


def write(page: str, path: Path) -> None:
    """Write a page to a file."""
    path.write_text(page, encoding="utf-8")


def documents(
    backtest: pd.DataFrame,
    summary: Mapping[str, Any],
    settings: Mapping[str, Any],
    health: weights.Told,
) -> dict[str, str]:
    """Everything that a run keeps for readers: report, model card, frames and figures, by path.

    `health` is `serving.weights.of_learned`.
    """
    told = _told(backtest, summary, settings["training"]["seed"])
    drawn = plots.figures(told)
    return {
        "report/report.html": _page("Training run", told, drawn, summary, settings, health),
        "report/model_card.md": model_card.markdown(summary, settings, told),
        **{f"report/{name}.csv": frame.to_csv(index=False) for name, frame in told.items()},
        **{f"report/{name}.svg": svg for name, svg in drawn.items()},
    }


def _told(backtest: pd.DataFrame, summary: Mapping[str, Any], seed: int) -> dict[str, pd.DataFrame]:
    """What the judged rows answer, and what only training could."""
    told = questions.answers(backtest, seed)
    if learned := summary["learning_curve"]["points"]:
        told["learning"] = pd.DataFrame(learned)
    if summary["time_to_churn"]:
        horizons = pd.DataFrame(summary["time_to_churn"]["horizons"])
        told["ahead"] = horizons.astype(dict.fromkeys(hazard_backtest.FIGURES, float))
    return told


def _page(
    title: str,
    told: Mapping[str, pd.DataFrame],
    drawn: Mapping[str, str],
    summary: Mapping[str, Any],
    settings: Mapping[str, Any],
    health: weights.Told,
) -> str:
    parts = web.templates().get_template("health_parts.html").module
    return _template().render(
        title=title,
        style=(HERE / "static" / "tenure.css").read_text(encoding="utf-8"),
        told={name: frame.to_dict("records") for name, frame in told.items()},
        # each figure names its parts; on one page the names must not meet
        drawn={name: _apart(svg, name) for name, svg in drawn.items()},
        e=summary,
        baseline_figures=baseline.FIGURES,
        window=settings["observations"],
        health=parts.story(health),  # type: ignore[attr-defined]
    )


def _apart(svg: str, name: str) -> str:
    for word in ('id="', 'href="#', "url(#"):
        svg = svg.replace(word, f"{word}{name}-")
    return svg


@cache
def _template() -> "Template":
    from jinja2 import Environment, FileSystemLoader, StrictUndefined

    kept = Environment(
        loader=FileSystemLoader(HERE / "templates"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    kept.filters["percent"] = lambda value: f"{100 * value:.0f} %"
    kept.filters["missing"] = pd.isna
    return kept.get_template("report.html")
