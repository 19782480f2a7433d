"""Concept drift: whether the dimensions of health still tell churn as they used to.

`training.drift` sees metrics that changed. Here the metrics may stay as they are while what they
mean for churn changes: price decides where use once did. Of each renewal the last look counts. A
logistic model with one slope for the points lost in each dimension is tested against models in
which all slopes change on some day: for each candidate day a score test, their largest value the
statistic (Andrews 1993, doi 10.2307/2951764; as a test on the fluctuation of scores, Zeileis and
Hornik 2007, doi 10.1111/j.1467-9574.2007.00371.x). The days' statistics depend on each other, so
the p-value is read off Gaussian draws with the covariance of all scores, summed by account (Hansen
1996, doi 10.2307/2171789).

The churn rate may change: that is no change of meaning, and is allowed for. Nor is it one that
windows over months see little at first: the first looks are left out.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Self

import numpy as np
import pandas as pd
from scipy.optimize import brentq
from scipy.special import expit
from scipy.stats import ncx2, norm

from training import memory
from training.cells import Floats, Ints
from training.health_score import HealthScore

SETTLING_DAYS = 180
"""Days from the first look on that are left out: until then windows fill up, and what a metric
tells changes with that."""
EDGE = 0.15
"""Share of the renewals before the first candidate day, and after the last."""
DAYS = 15
"""The most candidate days."""
FEWEST_CHURNED = 40
"""Churned renewals that every candidate day must leave on each side."""
SURE = 0.02
"""p-value up to which a change is told; lower than usual, as it is asked at each training."""
NAMED = 0.05
"""Chance that a dimension is named although none changed its slope on that day."""
DRAWS = 4000
POWER = 0.8
"""How often the smallest change that is told to be visible would have been found."""
RIDGE = 1e-3
STEPS = 50


def find(table: pd.DataFrame, score: HealthScore, seed: int = 0) -> dict[str, Any] | None:
    """Test the dimensions' slopes for a change on an unknown day, and say which changed how.

    Parameters
    ----------
    table : DataFrame
        `features.build.training_table`.
    score : HealthScore
        Learned from that table. That it has seen the outcomes does no harm: it knows no time, so
        that it favours neither side of a day.
    seed : int

    Returns
    -------
    dict or None
        statistic, p, changed; renewals, churned, accounts, first_day, last_day (looks); candidates
        (days); since, the likeliest day, with renewals_before, churned_before, renewals_after and
        churned_after; visible, the factor by which one dimension's odds ratio must change to be
        found in `POWER` of the cases; `dimensions`, {dimension, before, after, factor, low, high,
        named}: odds ratios for one standard deviation of points lost, and after over before with
        its 95 % interval, largest change first; verdict. None of few churned.
    """
    rows = _renewals(table)
    days = _candidates(rows)
    if not len(days):
        return None
    names, lost = _points_lost(rows, score)
    if not names:
        return None
    look, churned = rows["as_of"].to_numpy(), rows["churned"].to_numpy(np.float64)
    account = pd.factorize(rows["account_id"])[0].astype(np.intp)
    late = look >= days[:, None]
    scores = Scores.of(lost, _context(rows, score), churned, account, late)
    statistics = scores.statistics()
    draws = scores.draws(seed).max(axis=1)
    best = int(statistics.argmax())
    p = float((1 + (draws >= statistics[best]).sum()) / (1 + len(draws)))
    after = late[best]
    facts = {
        "statistic": float(statistics[best]),
        "p": p,
        "changed": p <= SURE,
        "renewals": len(rows),
        "churned": int(churned.sum()),
        "accounts": int(account.max()) + 1,
        "first_day": f"{rows['as_of'].iloc[0]:%Y-%m-%d}",
        "last_day": f"{rows['as_of'].iloc[-1]:%Y-%m-%d}",
        "candidates": len(days),
        "since": f"{pd.Timestamp(days[best]):%Y-%m-%d}",
        "renewals_before": int((~after).sum()),
        "churned_before": int(churned[~after].sum()),
        "renewals_after": int(after.sum()),
        "churned_after": int(churned[after].sum()),
        "visible": scores.visible(float(np.quantile(draws, 1 - SURE))),
        "dimensions": _slopes(names, lost, _context(rows, score), churned, account, after),
    }
    return {**facts, "verdict": _verdict(facts)}


def _renewals(table: pd.DataFrame) -> pd.DataFrame:
    """The last look at each renewal that was due, in order of time, once windows are full."""
    settled = table["as_of"] >= table["as_of"].min() + pd.Timedelta(days=SETTLING_DAYS)
    # places first: of a large table only the rows that are wanted are copied
    keys = ["account_id", "renewal_date"]
    wanted = (table["due"] & settled).to_numpy()
    looks = table[["as_of", *keys]].assign(place=np.arange(len(table)))[wanted]
    looks = looks.sort_values("as_of", kind="stable").drop_duplicates(keys, keep="last")
    return table.iloc[looks["place"].to_numpy()].reset_index(drop=True)


def _candidates(rows: pd.DataFrame) -> Any:
    """Days, as datetime64, that leave enough renewals and churned on each side."""
    looks = rows.groupby("as_of")["churned"].agg(["size", "sum"])
    before = looks.cumsum().shift(fill_value=0)
    share, churned = before["size"] / max(len(rows), 1), before["sum"]
    enough = (churned >= FEWEST_CHURNED) & (looks["sum"].sum() - churned >= FEWEST_CHURNED)
    days = looks.index[enough & (share >= EDGE) & (share <= 1 - EDGE)].to_numpy()
    places = np.linspace(0, len(days) - 1, min(DAYS, len(days))).round().astype(int)
    return days[places]


def _points_lost(rows: pd.DataFrame, score: HealthScore) -> tuple[list[str], Floats]:
    """Points lost by dimension, in standard deviations; dimensions that hardly count left out."""
    parts = memory.chunks(len(rows))
    lost = pd.concat([_lost_by_dimension(score, rows.iloc[part]) for part in parts])
    spread = lost.std()
    told = lost.loc[:, spread > 0.02 * spread.max()]
    return list(told), _standard(told.fillna(told.mean()).to_numpy(np.float64))


def _lost_by_dimension(score: HealthScore, rows: pd.DataFrame) -> pd.DataFrame:
    points = score.contributions(rows)
    dimension = {metric.name: metric.dimension for metric in score.metrics}
    return points.T.groupby(dimension).sum().T.where(points.notna().any(axis=1))


def _context(rows: pd.DataFrame, score: HealthScore) -> Floats:
    """What the slopes stand beside: the contract, the segment, and the time, smoothly."""
    time = rows["as_of"].rank(pct=True).to_numpy(np.float64)
    code = score.grouping.codes(rows, score.segments)
    member = (code[:, None] == np.arange(len(score.segments))).astype(np.float64)
    known = [each.standard(rows) for each in score.background]
    return _standard(np.column_stack([*known, member, time, time**2]))


def _standard(values: Floats) -> Floats:
    """Columns in standard deviations, those that are one number everywhere left out."""
    centred = values - values.mean(axis=0)
    spread = centred.std(axis=0)
    return np.asarray(centred[:, spread > 1e-9] / spread[spread > 1e-9])


@dataclass(frozen=True)
class Scores:
    """Scores for a change of q slopes on each of k days, summed by account: shape (m, k, q)."""

    by_account: Floats

    @classmethod
    def of(cls, lost: Floats, context: Floats, churned: Floats, account: Ints, late: Any) -> Self:
        """Scores at the model without a change, made independent of all that may vary under it.

        Parameters
        ----------
        lost : ndarray of shape (n, q)
        context : ndarray of shape (n, c)
        churned : ndarray of shape (n,)
        account : ndarray of int, shape (n,)
        late : ndarray of bool, shape (k, n)
        """
        plain = np.column_stack([np.ones(len(lost)), context, lost])
        said = expit(plain @ _logistic(plain, churned)[0])
        weight, residual = said * (1 - said), churned - said
        told = np.empty((int(account.max()) + 1, len(late), lost.shape[1]))
        for number, after in enumerate(late):
            change, allowed = lost * after[:, None], np.column_stack([plain, after])
            weighted = allowed * weight[:, None]
            explained = np.linalg.lstsq(allowed.T @ weighted, weighted.T @ change)[0]
            own = (change - allowed @ explained) * residual[:, None]
            for column, values in enumerate(own.T):
                told[:, number, column] = np.bincount(account, values)
        return cls(told)

    def covariance(self) -> Floats:
        """Of all days' scores, shape (kq, kq)."""
        flat = self.by_account.reshape(len(self.by_account), -1)
        return np.asarray(flat.T @ flat)

    def statistics(self) -> Floats:
        """Score statistic of each day, shape (k,): chi-squared with q degrees where alone."""
        return np.asarray(self._quadratic(self.by_account.sum(axis=0)[None])[0])

    def draws(self, seed: int) -> Floats:
        """`statistics` as they would come about without a change, shape (`DRAWS`, k)."""
        values, vectors = np.linalg.eigh(self.covariance())
        root = vectors * np.sqrt(np.maximum(values, 0.0))
        noise = np.random.default_rng(seed).standard_normal((DRAWS, len(values)))
        return self._quadratic((noise @ root.T).reshape(DRAWS, *self.by_account.shape[1:]))

    def visible(self, critical: float) -> float:
        """Factor of one dimension's odds ratio that is found in `POWER` of the cases.

        On the day in the middle, for a dimension about which the data say middling much.
        """
        _, days, slopes = self.by_account.shape
        needed = brentq(lambda gap: ncx2.sf(critical, slopes, gap) - POWER, 1e-3, 1e4)
        information = np.median(np.diag(self._covariances()[days // 2]))
        return float(np.exp(np.sqrt(needed / information)))

    def _covariances(self) -> Floats:
        return np.asarray(np.einsum("mkq,mkr->kqr", self.by_account, self.by_account))

    def _quadratic(self, totals: Floats) -> Floats:
        inverse = np.linalg.pinv(self._covariances(), hermitian=True)
        return np.asarray(np.einsum("bkq,kqr,bkr->bk", totals, inverse, totals, optimize=True))


def _logistic(X: Floats, y: Floats) -> tuple[Floats, Floats]:
    """Maximum likelihood by Newton's method with a trace of a ridge, and the inverse Hessian."""
    beta, ridge = np.zeros(X.shape[1]), RIDGE * np.eye(X.shape[1])
    for _ in range(STEPS):
        said = expit(X @ beta)
        hessian = (X * (said * (1 - said))[:, None]).T @ X + ridge
        step = np.linalg.solve(hessian, X.T @ (y - said) - RIDGE * beta)
        beta = beta + step
        if np.abs(step).max() < 1e-8:
            break
    return beta, np.asarray(np.linalg.inv(hessian))


def _slopes(
    names: list[str], lost: Floats, context: Floats, churned: Floats, account: Ints, after: Any
) -> list[dict[str, Any]]:
    """Odds ratios before and after a day, and how surely they differ."""
    q = len(names)
    X = np.column_stack([np.ones(len(lost)), context, after, lost, lost * after[:, None]])
    beta, inverse = _logistic(X, churned)
    residual = churned - expit(X @ beta)
    summed = np.column_stack([np.bincount(account, column * residual) for column in X.T])
    error = np.sqrt(np.diag(inverse @ (summed.T @ summed) @ inverse))[-q:]
    before, change = beta[-2 * q : -q], beta[-q:]
    reach, sure = norm.ppf(0.975), norm.ppf(1 - NAMED / (2 * q))
    told = [
        {
            "dimension": name,
            "before": float(np.exp(before[j])),
            "after": float(np.exp(before[j] + change[j])),
            "factor": float(np.exp(change[j])),
            "low": float(np.exp(change[j] - reach * error[j])),
            "high": float(np.exp(change[j] + reach * error[j])),
            "named": bool(abs(change[j]) > sure * error[j]),
        }
        for j, name in enumerate(names)
    ]
    return sorted(told, key=lambda each: -abs(np.log(each["factor"])))


def _verdict(facts: dict[str, Any]) -> str:
    seen = (
        f"the last looks at {facts['renewals']:,} renewals, {facts['churned']:,} of them churned, "
        f"{facts['first_day']} to {facts['last_day']}"
    )
    found = f"p = {facts['p']:.3f}" if facts["p"] >= 0.001 else "p < 0.001"
    if not facts["changed"]:
        return (
            f"What the dimensions of health tell of churn: no change that is sure ({found}; {seen}"
            f"). At this size a dimension is seen to change in {POWER:.0%} of cases once its odds "
            f"ratio changes {facts['visible']:.1f} times over; less stays hidden."
        )
    return (
        f"Concept drift: what the dimensions of health tell of churn has changed ({found}; {seen})"
        f", most likely with the looks from {facts['since']} on: {facts['renewals_before']:,} "
        f"renewals before ({facts['churned_before']:,} churned), {facts['renewals_after']:,} after "
        f"({facts['churned_after']:,}). Odds of leaving for a standard deviation more points lost: "
        f"{'; '.join(_changes(facts['dimensions']))}. What was learned from before may hold less "
        "now: see in the figures by block of time whether the model got worse, ask what changed "
        "then (prices, product, who buys), and train anew as further outcomes come in."
    )


def _changes(dimensions: list[dict[str, Any]]) -> Iterator[str]:
    named = [each for each in dimensions if each["named"]]
    if not named:
        yield "no dimension surely by itself; largest"
    for each in named or dimensions[:2]:
        way = "gained" if each["factor"] > 1 else "lost"
        yield (
            f"{each['dimension']} {way} weight, times {each['before']:.2f} before and "
            f"{each['after']:.2f} after (a factor of {each['factor']:.2f}, {each['low']:.2f}-"
            f"{each['high']:.2f})"
        )
