"""The score table: one row per account, computed here and read by everything that shows scores.

Points are shares of calibrated probability (0.01 is one percentage point). For every row,
``base_probability`` plus the points of all drivers is ``churn_probability``, and each dimension's
points are the sum of its drivers'. What the model uses that is no matter of health, such as the
segment or the days to renewal, is the dimension "context" and is shown like any other.

How much of it rests on what is known of the account, and what is with the rest, `serving.coverage`
tells.
"""

import math
from collections.abc import Mapping
from datetime import UTC, date, datetime
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from features import build, catalog, status
from features.errors import TenureError
from features.metric import CONTEXT, DIMENSIONS, Language, Metric
from features.settings import MetricSettings, Settings
from features.source import Source
from serving import change, coverage, drivers
from serving import standing as standings
from serving.change import Earlier, Judged
from serving.entries import Entry

if TYPE_CHECKING:
    from training.churn_model import ChurnModel
    from training.health import Health
    from training.outlook import Outlook

LABELS = ("name", "segment", "csm")
"""What people call and sort accounts by; empty where the source does not say."""

CURVE = ("churn_30d", "churn_90d", "churn_180d", "churn_365d")
"""Probability of leaving within so many days of as_of; see `training.outlook`."""


def score_table(
    source: Source,
    settings: Settings,
    model: "ChurnModel",
    health: "Health",
    version: str,
    as_of: date,
    language: Language = "en",
    earlier: Earlier | None = None,
    outlook: "Outlook | None" = None,
) -> pd.DataFrame:
    """Score every account in force at as_of.

    Changes are told against `earlier`, by default what the same model says of the as_of before.

    Returns
    -------
    DataFrame of shape (accounts, 30)
        By falling churn_probability: account_id, as_of, name, segment, csm, churn_probability,
        probability_low, probability_high, probability_change (since the previous as_of), churn_30d,
        churn_90d, churn_180d, churn_365d (the curve through churn_probability; none is below the
        one before it, NaN where none is told), health (0-100), band, health_change, arr (per year),
        renewal_date, days_to_renewal, arr_at_risk, expected_retained_arr (per year, at the end of
        the outcome window), coverage (0-1), coverage_by_status (dict, see `serving.coverage`),
        coverage_sentence, drivers (list of dicts by absolute points), dimension_points (dict),
        change_drivers (list of dicts, see `serving.change`), base_probability, model_version,
        scored_at (UTC).
    """
    days = standings.looks(as_of, settings.observations.every)
    features = build.feature_table(source, settings, days)
    now, before = (
        features[features["as_of"] == pd.Timestamp(day)].reset_index(drop=True)
        for day in (as_of, days[-2])
    )
    if now.empty:
        raise TenureError(
            f"No account has a contract in force on {as_of:%Y-%m-%d}.",
            "Give a day on which contracts run with --as-of.",
        )
    scored = score(
        now,
        model,
        catalog.metrics(settings),
        version,
        datetime.now(UTC),
        earlier or Earlier(before),
        language,
        health,
        change.since(standings.standing(features, health, days), earlier),
        settings.metrics,
        outlook,
    )
    return _labelled(scored, source.tables["accounts"].to_pandas())


def score(
    features: pd.DataFrame,
    model: "ChurnModel",
    metrics: Mapping[str, Metric],
    version: str,
    scored_at: datetime,
    earlier: Earlier | None = None,
    language: Language = "en",
    health: "Health | None" = None,
    standing: pd.DataFrame | None = None,
    settings: MetricSettings | None = None,
    outlook: "Outlook | None" = None,
) -> pd.DataFrame:
    """Score a feature table.

    Parameters
    ----------
    features : DataFrame of shape (n, k)
        account_id, as_of and the model's features.
    model : ChurnModel
        Gives probabilities, their intervals and points that sum to them.
    metrics : mapping of str to Metric
        Words, units and dimensions of the features.
    version : str
        Of the model.
    scored_at : datetime
        Now, in UTC.
    earlier : Earlier, optional
        The accounts at the previous as_of; without it no change is told.
    language : {"en", "de"}
        Of the sentences.
    health : Health, optional
        Tells goals, and what moved health.
    standing : DataFrame indexed by account_id, optional
        health, band and health_change (see `serving.standing`).
    settings : MetricSettings, optional
        When a value is stale.
    outlook : Outlook, optional
        Tells other horizons, and retained ARR.

    Returns
    -------
    DataFrame of shape (n, 27)
        The score table without the labels that only the accounts table knows.
    """
    by_health = health.score if health else None
    goals = health.goals(features) if health else None
    lost = by_health.contributions(features) if by_health else None
    whole, features = features, _read_by(model, features)
    earlier = earlier or Earlier(features.head(0))
    explained = model.explain(features)
    points, probability = explained.points, explained.probability
    used = features[list(points.columns)]
    changed = change.explain(
        features, Judged(explained, lost), earlier, model, metrics, by_health, language
    )
    code = status.codes(
        status.columns_of(whole),
        len(whole),
        {name: metrics[name] for name in points},
        settings or MetricSettings(),
    )
    weight = points.abs().mean().to_numpy()
    by_status = coverage.by_status(code, weight)
    before = earlier.of(features["account_id"])[0]
    told = drivers.drivers(used, points, metrics, code, goals, before, language)
    account_id = features["account_id"].astype(str)
    stands = standings.unknown(account_id) if standing is None else standing.loc[account_id]
    ahead = (
        outlook.ahead(whole, probability)
        if outlook
        else pd.DataFrame(np.nan, index=whole.index, columns=[*CURVE, "expected_retained_arr"])
    )
    days = _column(features, "days_to_renewal")
    arr = _column(features, "arr")
    table = pd.DataFrame(
        {
            "account_id": account_id,
            "as_of": features["as_of"],
            "churn_probability": probability,
            "probability_low": explained.low,
            "probability_high": explained.high,
            "probability_change": changed["probability_change"],
            **{name: ahead[name].to_numpy() for name in CURVE},
            **{name: stands[name].to_numpy() for name in standings.COLUMNS},
            "arr": arr,
            "renewal_date": features["as_of"] + pd.to_timedelta(days, unit="D"),
            "days_to_renewal": days,
            "arr_at_risk": arr * probability,
            "expected_retained_arr": ahead["expected_retained_arr"].to_numpy(),
            "coverage": coverage.coverage(code, weight),
            "coverage_by_status": by_status,
            "coverage_sentence": [coverage.sentence(shares, language) for shares in by_status],
            "drivers": told.column(features.index),
            "dimension_points": _dimension_points(points, metrics),
            "change_drivers": changed["change_drivers"],
            "base_probability": explained.base_probability,
            "model_version": version,
            "scored_at": scored_at,
        }
    )
    return table.sort_values(
        ["churn_probability", "account_id"], ascending=[False, True], ignore_index=True
    )


def records(table: pd.DataFrame) -> list[dict[str, Any]]:
    """Turn score rows into plain values for JSON: ISO dates, None for what is unknown."""
    rows: list[dict[str, Any]] = table.to_dict("records")
    return [{name: _plain(name, value) for name, value in row.items()} for row in rows]


def _read_by(model: "ChurnModel", features: pd.DataFrame) -> pd.DataFrame:
    """Leave out metrics that came to the catalog after the model had learned."""
    known = {"account_id", "as_of", "arr", "days_to_renewal"} | {f.name for f in model.features}
    return features[[name for name in features if name in known]].reset_index(drop=True)


def _labelled(scored: pd.DataFrame, accounts: pd.DataFrame) -> pd.DataFrame:
    """Put the accounts' own labels beside the scores."""
    by_id = accounts.assign(account_id=accounts["account_id"].astype(str)).set_index("account_id")
    for place, label in enumerate(LABELS, start=2):
        known = by_id[label] if label in by_id else pd.Series(dtype=object)
        scored.insert(place, label, scored["account_id"].map(known).astype(object))
    return scored


def _column(features: pd.DataFrame, name: str) -> pd.Series:
    """A number of the feature table; unknown throughout where the source lacks it."""
    if name in features:
        return features[name].astype("float64")
    return pd.Series(np.nan, index=features.index)


def _dimension_points(
    points: pd.DataFrame, metrics: Mapping[str, Metric]
) -> list[dict[str, float]]:
    """Sums of the points of each dimension's metrics, in the order in which people read them."""
    members = {
        dimension: [name for name in points if metrics[name].dimension == dimension]
        for dimension in (*DIMENSIONS, CONTEXT)
    }
    sums = pd.DataFrame({name: points[own].sum(axis=1) for name, own in members.items() if own})
    rows: list[dict[str, float]] = sums.to_dict("records")
    return rows


def _plain(name: str, value: Any) -> Any:
    if isinstance(value, Entry):
        return list(value)
    if isinstance(value, list | dict):
        return value
    if value is None or pd.isna(value):
        return None
    if name in ("as_of", "renewal_date"):
        return value.date().isoformat()
    if name == "scored_at":
        return value.isoformat(timespec="seconds")
    if name == "days_to_renewal":
        return int(value)
    if isinstance(value, float) and not math.isfinite(value):
        return None
    return value
