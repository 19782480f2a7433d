"""Key features: those whose adoption most separates the customers that renew from those that leave.

Of each feature it is counted who had used it in the 90 days before a renewal came into sight, among
those who churned and among all who were due on the same day in the same segment. Were adoption no
matter, the churned would hold as many adopters as their share says; the difference, added up over
days and segments, less one half, and divided by its standard error, is the statistic of Mantel and
Haenszel (1959, doi 10.1093/jnci/22.4.719). As each renewal counts once, and only against those of
its day, it is the log-rank test of survival analysis: several renewals of one account do it no
harm, and neither do seasons, growth, or segments that use more and stay longer anyway.

A feature is key where its adopters churned less, by Holm's correction (1979) so surely that a
company in which no feature matters would name any in one case of twenty only. Fewer than five
expected adopters or non-adopters among the churned are too few for the test (Mantel and Fleiss
1980). Only renewals count whose outcome was known on the first day that the backtest judges.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from scipy.stats import norm

from features.adoption import GROUP, adoption
from features.errors import TenureError
from features.settings import Settings
from features.source import Source
from training.pipeline import embargo
from training.split import rolling_origin

LEVEL = 0.05
"""Chance to name any feature where none matters."""

FEWEST_EXPECTED = 5.0
"""Adopters, and others, to be expected among the churned."""

MOST_SHARE, MOST = 1 / 3, 10
"""Of the features in use, a third and at most ten are key: were all key, none would be."""


@dataclass(frozen=True)
class KeyFeature:
    """A feature and its evidence.

    Parameters
    ----------
    name : str
    adopted : float
        Share of the accounts due that used it.
    churned_with, churned_without : float
        Share that churned of those that did, and of those that did not.
    z : float
        By how many standard errors fewer adopters churned than if it did not matter.
    """

    name: str
    adopted: float
    churned_with: float
    churned_without: float
    z: float


@dataclass(frozen=True)
class KeyFeatures:
    """What the key features are, and from where.

    Parameters
    ----------
    names : tuple of str
    given : bool
        Whether they stand in tenure.toml.
    tested : int
        Features with enough renewals on either side.
    renewals, churned : int
        From which they were learned.
    until : str, optional
        The last as_of that was learned from.
    evidence : tuple of KeyFeature
        One for each of the names that were learned, the surest first.
    """

    names: tuple[str, ...]
    given: bool = False
    tested: int = 0
    renewals: int = 0
    churned: int = 0
    until: str | None = None
    evidence: tuple[KeyFeature, ...] = ()


def find(source: Source, settings: Settings) -> KeyFeatures:
    """Take the key features that are given, or learn them from the time before the backtest.

    Parameters
    ----------
    source : Source
    settings : Settings
        ``metrics.key_features``, where given, is the answer; else ``observations`` says who is
        observed when, and ``training.folds`` where the backtest begins.
    """
    if settings.metrics.key_features is not None:
        return KeyFeatures(settings.metrics.key_features, given=True)
    if "usage" not in source.tables:
        return KeyFeatures(())
    try:
        groups, features = adoption(source, settings)
        folds = rolling_origin(
            groups["as_of"], settings.training.folds, embargo(settings.observations)
        )
    except TenureError:  # too short a history: training itself says how much would do
        return KeyFeatures(())
    until = folds[1].train_until
    return learn(_before(groups, until), _before(features, until))


def learn(groups: pd.DataFrame, features: pd.DataFrame) -> KeyFeatures:
    """Learn the key features from counts.

    Parameters
    ----------
    groups : DataFrame
        as_of, segment, due, churned (see `features.adoption.adoption`).
    features : DataFrame
        as_of, segment, feature, due, churned: the adopters among them.
    """
    told = groups[groups["due"] > 0]
    counts = {
        str(name): told.merge(
            rows.drop(columns="feature"), on=list(GROUP), how="left", suffixes=("", "_with")
        ).fillna({"due_with": 0, "churned_with": 0})
        for name, rows in features.groupby("feature")
    }
    evidence = [_evidence(name, rows) for name, rows in counts.items() if _enough(rows)]
    most = min(MOST, max(1, int(MOST_SHARE * len(counts))))
    chosen = _sure(evidence)[:most]
    last = told["as_of"].max()
    return KeyFeatures(
        tuple(each.name for each in chosen),
        tested=len(evidence),
        renewals=int(told["due"].sum()),
        churned=int(told["churned"].sum()),
        until=None if pd.isna(last) else f"{last:%Y-%m-%d}",
        evidence=tuple(chosen),
    )


def to_text(told: Mapping[str, Any]) -> str:
    """Which were chosen and why, for people; from the fields of `KeyFeatures`, as a run keeps them.

    Examples
    --------
    >>> to_text({"given": True, "names": ("report", "export")})
    'Key features, from tenure.toml: report, export.'
    """
    if told["given"]:
        return f"Key features, from tenure.toml: {', '.join(told['names']) or 'none'}."
    if not told["until"]:
        return "Key features: none, as there is too little to learn them from."
    base = (
        f"{told['renewals']:,} renewals looked at until {told['until']}, of which "
        f"{told['churned']:,} churned"
    )
    if not told["names"]:
        return f"Key features: none; {told['tested']} were tested on {base}."
    lines = [
        f"  {each['name']}: used by {each['adopted']:.0%}; of these {each['churned_with']:.0%} "
        f"churned, of the others {each['churned_without']:.0%}"
        for each in told["evidence"]
    ]
    return "\n".join([f"Key features, learned from {base}:", *lines])


def _before(counts: pd.DataFrame, until: pd.Timestamp) -> pd.DataFrame:
    return counts[pd.to_datetime(counts["as_of"]) <= until]


def _expected(rows: pd.DataFrame) -> pd.Series:
    """Adopters to be expected among the churned of each group."""
    return rows["churned"] * rows["due_with"] / rows["due"]


def _enough(rows: pd.DataFrame) -> bool:
    adopters = float(_expected(rows).sum())
    return min(adopters, float(rows["churned"].sum()) - adopters) >= FEWEST_EXPECTED


def _evidence(name: str, rows: pd.DataFrame) -> KeyFeature:
    due, churned, used = rows["due"], rows["churned"], rows["due_with"]
    variance = churned * (due - churned) * used * (due - used) / (due**2 * (due - 1).clip(1))
    fewer = float((_expected(rows) - rows["churned_with"]).sum())
    spread = float(np.sqrt(variance.sum()))
    left = float(rows["churned_with"].sum())
    return KeyFeature(
        name,
        adopted=float(used.sum() / due.sum()),
        churned_with=left / float(used.sum()),
        churned_without=(float(churned.sum()) - left) / float((due - used).sum()),
        z=(fewer - 0.5) / spread if spread else 0.0,
    )


def _sure(evidence: Sequence[KeyFeature]) -> list[KeyFeature]:
    """Those that pass Holm's test, the surest first."""
    ranked = sorted(evidence, key=lambda each: (-each.z, each.name))
    bars = LEVEL / np.arange(len(ranked), 0, -1)
    passed = norm.sf([each.z for each in ranked]) <= bars
    return ranked[: int(np.argmin(passed)) if not passed.all() else len(ranked)]
