"""The model card: what a version is for, what it learned from, how good it was and for whom.

After Mitchell et al. (2019), Model Cards for Model Reporting, doi 10.1145/3287560.3287596.
"""

from collections.abc import Mapping
from typing import Any

import pandas as pd

COUNTS = ("observations", "accounts", "churned")


def markdown(
    summary: Mapping[str, Any], settings: Mapping[str, Any], told: Mapping[str, pd.DataFrame]
) -> str:
    """Write the card from a run's figures; `told` as of `training.questions.answers`."""
    window, judged = settings["observations"], summary["judged"]
    lead = f", from {window['lead_days']} days on" if window["lead_days"] else ""
    lines = [
        "# Model card",
        "",
        "## What it is for",
        "",
        f"Ranking customer accounts by the probability that they leave within "
        f"{window['horizon_days']} days{lead}, so that a customer success team calls the right "
        "ones. Not for: prices or contract terms of single accounts, judging employees, or saying "
        "what would happen if something were changed: drivers are predictive, not causal.",
        "",
        "## Data",
        "",
        f"Learned from {summary['observations']:,} observations of {summary['accounts']:,} "
        f"accounts, {summary['first_day']} to {summary['last_day']}, with "
        f"{summary['renewals']:,} renewals of which {summary['churned']:,} churned. "
        f"{summary['features']} features, {_kind(summary)}, calibrated.",
        *(["", summary["ladder"]["verdict"]] if summary.get("ladder") else []),
        "",
        f"Judged on {judged['observations']:,} later observations of {judged['accounts']:,} "
        f"accounts, {judged['first_day']} to {judged['last_day']}, each predicted from what was "
        "known before.",
        "",
        "## How good it was",
        "",
        summary["verdict"],
        "",
        *_table(told.get("rankings"), ["rule", "auc", "log_loss", "brier", *COUNTS]),
        "",
        *_ahead(summary, told),
        "## For whom",
        "",
        "Among accounts due. `said` is the mean predicted probability, `left` the share that left; "
        "where the interval of `left` does not hold `said`, the model is too sure or too careful "
        "for that group.",
        "",
        *_off(told.get("groups")),
        *_table(
            told.get("groups"),
            ["trait", "group", "said", "left", "auc", "log_loss", *COUNTS],
        ),
        "",
        "## Limits",
        "",
        "- The past is what it learned: a new product, price or market is not in it.",
        "- Where the team already acted on risk, the outcomes hold the effect of that.",
        "- Intervals tell of which accounts happened to be there, not of what the world may do.",
        f"- {summary['learning_curve']['verdict']}",
        *(f"- {summary[n]['verdict']}" for n in ("drift", "concept_drift") if summary[n]),
        *(f"- Suspected leak: {leak['message']}" for leak in summary["leaks"]),
        "",
    ]
    return "\n".join(lines)


def _ahead(summary: Mapping[str, Any], told: Mapping[str, pd.DataFrame]) -> list[str]:
    """Say how far ahead it sees, and what ARR it expected."""
    if not summary["time_to_churn"]:
        return []
    columns = ["days", "said", "left", "auc", "log_loss", "log_loss_base"]
    return [
        summary["time_to_churn"]["verdict"],
        "",
        *_table(told["ahead"], [*columns, *COUNTS]),
        "",
        summary["retained_arr"]["verdict"],
        "",
    ]


def _off(groups: pd.DataFrame | None) -> list[str]:
    """Name the groups for which it was too sure or too careful."""
    if groups is None:
        return []
    off = groups[(groups["said"] < groups["left_low"]) | (groups["said"] > groups["left_high"])]
    named = [
        f"{row.trait} {row.group} (said {row.said:.1%}, left {row.left:.1%}, "
        f"{row.left_low:.1%} to {row.left_high:.1%}, {row.accounts:,} accounts)"
        for row in off.itertuples()
    ]
    chance = f"Of {len(groups)} groups about {len(groups) / 20:.0f} would be so by chance alone."
    return [f"That is so for {'; '.join(named) or 'none of them'}. {chance}", ""]


def _kind(summary: Mapping[str, Any]) -> str:
    if summary["kind"] == "logistic":
        return "a penalised logistic model"
    beside = " together with the health scorecard" if summary["kind"] == "blend" else ""
    return f"{summary['trees']} trees (LightGBM){beside}"


def _table(rows: pd.DataFrame | None, columns: list[str]) -> list[str]:
    if rows is None:
        return ["The data do not tell."]
    body = [
        "| " + " | ".join(_cell(row, column) for column in columns) + " |"
        for row in rows.to_dict("records")
    ]
    return ["| " + " | ".join(columns) + " |", "|" + "---|" * len(columns), *body]


def _cell(row: Mapping[Any, Any], column: str) -> str:
    value = row[column]
    if not isinstance(value, float):
        return f"{value:,}" if isinstance(value, int) else str(value)
    if pd.isna(value):
        return "too few"
    low, high = row.get(f"{column}_low"), row.get(f"{column}_high")
    return f"{value:.3f}" if low is None else f"{value:.3f} ({low:.3f}-{high:.3f})"
