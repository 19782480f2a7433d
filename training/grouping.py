"""Whether goals should differ between groups of accounts: tested, not assumed.

A grouping has its price: each group's goals stand on fewer churns. It pays only where a scorecard
with goals per group predicts *later* renewals better than one with the same goals for all. Both are
given the groups' own churn rates, so that what is compared is goals and not rates.

The company's own segments were chosen by people who know it: they pay where they gain anything. All
other groupings must be sure to.
"""

from collections.abc import Mapping
from typing import Any

import numpy as np
import pandas as pd
from scipy.optimize import brentq
from scipy.special import expit, logit
from scipy.stats import norm

from features.errors import TenureError
from features.metric import Metric
from training.cells import Floats, Ints
from training.health_rows import per_renewal
from training.measures import paired
from training.present import Goals
from training.scorecard import BY_SEGMENT, EVERYONE, Grouping
from training.split import of_some_accounts, rolling_origin

AGE_EDGES_DAYS = (365.0,)
"""Accounts in their first year, and older ones."""

SIZE_COLUMNS = ("arr", "seats", "users")
VALUE_COLUMNS = ("segment", "product", "plan")
"""Columns whose bands, and whose values as they stand, may set accounts apart."""

MOST_GROUPS = 8
CHANCE = 0.05
"""Chance that a grouping other than the company's own is made though none pays, over all candidates
together."""


LOOKS = 10_000
"""Looks at renewals beyond which a part of the accounts is drawn: what does not show in so many is
small, and every grouping costs a fit."""


def candidates(table: pd.DataFrame) -> list[Grouping]:
    """Groupings that the table allows to test: segment, product, thirds by size, age."""
    told = [
        Grouping(name)
        for name in VALUE_COLUMNS
        if name in table and 2 <= table[name].nunique() <= MOST_GROUPS
    ]
    for name in SIZE_COLUMNS:
        if name in table and table[name].nunique() > MOST_GROUPS:
            edges = np.unique(table[name].quantile([1 / 3, 2 / 3]).dropna())
            told.append(Grouping(name, tuple(_round(edge) for edge in edges.tolist())))
    if "tenure_days" in table:
        told.append(Grouping("tenure_days", AGE_EDGES_DAYS))
    return told


def _round(edge: float) -> float:
    """Two figures: nobody wants a band that begins at 14,387.12."""
    return float(f"{edge:.2g}")


def compare(
    table: pd.DataFrame,
    metrics: Mapping[str, Metric],
    embargo_days: int,
    groupings: list[Grouping] | None = None,
    seed: int = 0,
) -> pd.DataFrame:
    """What each grouping gains on later renewals over one set of goals for all.

    Parameters
    ----------
    table : DataFrame
        Feature table with as_of, account_id, churned and weight; due and renewal_date where known.
    metrics : mapping of name to Metric
    embargo_days : int
        Days from an `as_of` until its outcome is known.
    groupings : list of Grouping, optional
        `candidates` of the table unless given.
    seed : int

    Returns
    -------
    DataFrame, one row per grouping, best first
        grouping, column, groups, renewals and churned (judged), gain (log-loss per renewal),
        low, high (its interval, by account, for all candidates together) and pays: whether the
        whole interval is above 0, or, by the company's own segments, the gain.

    Raises
    ------
    TenureError
        If the history is too short to judge on later renewals.
    """
    groupings = candidates(table) if groupings is None else groupings
    due = table["due"].to_numpy(bool) if "due" in table else np.ones(len(table), dtype=bool)
    looks = table[of_some_accounts(table["account_id"], due, LOOKS, seed)]
    before, after = rolling_origin(looks["as_of"], 2, embargo_days)[-1].parts(looks)
    plain = _log_odds(before, after, metrics, None, seed)
    share = per_renewal(after, after["weight"].to_numpy(np.float64))
    y = after["churned"].to_numpy(np.float64)
    account = pd.factorize(after["account_id"])[0].astype(np.intp)
    reach = float(norm.ppf(1 - CHANCE / max(len(groupings), 1)))
    told = []
    for grouping in groupings:
        own = _log_odds(before, after, metrics, grouping, seed)
        codes = grouping.codes(before), grouping.codes(after)
        same, apart = (_with_rates(each, *codes, before) for each in (plain, own))
        gain, error = paired(_loss(same, y) - _loss(apart, y), share, account)
        told.append(
            {
                "grouping": grouping,
                "column": grouping.column,
                "groups": before[grouping.column].pipe(grouping.names_of).nunique(),
                "renewals": float(share.sum()),
                "churned": after.loc[after["churned"], "account_id"].nunique(),
                "gain": gain,
                "low": gain - reach * error,
                "high": gain + reach * error,
                "pays": gain > (0.0 if grouping == BY_SEGMENT else reach * error),
            }
        )
    frame = pd.DataFrame(told)
    return frame.sort_values("gain", ascending=False, ignore_index=True) if told else frame


def find(compared: pd.DataFrame) -> Grouping | None:
    """The grouping that gains most of those that pay; None where none does."""
    if compared.empty or not compared["pays"].any():
        return None
    best: Grouping = compared[compared["pays"]].sort_values("gain")["grouping"].iloc[-1]
    return best


def chosen(
    table: pd.DataFrame,
    metrics: Mapping[str, Metric],
    embargo_days: int,
    present_goals: Goals,
    seed: int,
) -> tuple[Grouping, pd.DataFrame]:
    """Which accounts get goals of their own, and the comparison behind it.

    The company's own segments stay, untested, where its goals of today differ by segment and where
    too few have churned to learn goals before the renewals that are judged; then the comparison is
    empty.
    """
    if any(isinstance(goal, Mapping) for goal in present_goals.values()):
        return BY_SEGMENT, pd.DataFrame()
    try:
        compared = compare(table, metrics, embargo_days, seed=seed)
    except TenureError:
        return BY_SEGMENT, pd.DataFrame()
    return find(compared) or EVERYONE, compared


def _log_odds(
    before: pd.DataFrame,
    after: pd.DataFrame,
    metrics: Mapping[str, Metric],
    grouping: Grouping | None,
    seed: int,
) -> tuple[Floats, Floats]:
    """Log-odds of rows learned from, and of later ones, from a scorecard with these groups."""
    from training.health_score import HealthScore

    score = HealthScore.fit(
        before, before["churned"], before["weight"], metrics, 0, seed, grouping=grouping
    )
    if score.learned != "metrics":
        raise TenureError(
            f"{score.churned} accounts churned before the renewals that are judged: too few to "
            "learn goals from, let alone goals per group.",
            "Bring a longer history or more accounts.",
        )
    return logit(score.risk(before)), logit(score.risk(after))


def _with_rates(
    odds: tuple[Floats, Floats], before: Ints, after: Ints, table: pd.DataFrame
) -> Floats:
    """Later log-odds, moved by each group's own churn rate as known from the earlier rows."""
    y, weight = table["churned"].to_numpy(np.float64), table["weight"].to_numpy(np.float64)
    moved = odds[1].copy()
    for group in np.unique(before):
        rows = before == group
        if rows.any():
            moved[after == group] += _offset(odds[0][rows], y[rows], weight[rows])
    return moved


def _offset(odds: Floats, y: Floats, weight: Floats) -> float:
    """What makes the mean probability that of the outcomes, pulled weakly towards 0."""

    def over(offset: float) -> float:
        return float(weight @ (expit(odds + offset) - y) + offset)

    return float(brentq(over, -10, 10))


def _loss(odds: Floats, y: Floats) -> Floats:
    return np.asarray(np.logaddexp(0, odds) - y * odds)


def describe(compared: pd.DataFrame) -> list[dict[str, Any]]:
    """The comparison ready for JSON."""
    rows = compared.drop(columns="grouping", errors="ignore")
    return [{str(key): value for key, value in row.items()} for row in rows.to_dict("records")]
