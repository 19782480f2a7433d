"""Bands of health: healthy, watch and at risk, cut so that they mean something.

What they are to mean, where the data allow it:

    at risk   leave at least three times as often as all do
    healthy   two thirds of those who leave are no longer healthy 60 to 90 days before they do
    healthy   at most four fifths of the accounts, so that the word says something

Cuts are learned on health that was told out of time, and what they reach is measured on blocks of
time that they were not learned on. What cannot be reached is said, in `Bands.unmet`.

An account falls at a cut at once; it rises only when it stands `margin` above it, about what health
moves from look to look by itself. The band is thus a function of the health now and of the band
before, `step`, and of an account's whole series, `assign`.
"""

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Literal, Self

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from training import questions

Band = Literal["healthy", "watch", "at risk"]
BANDS: tuple[Band, ...] = ("at risk", "watch", "healthy")
"""From bad to good; a band's place is its code."""
UNKNOWN = -1

TIMES_BASE = 3.0
LEAVERS_BELOW = 2 / 3
MOST_HEALTHY = 0.8
LEAST_HEALTHY = 0.2
"""Share of accounts that must be left healthy, however many leavers that lets through."""
DAYS_BEFORE = (60, 90)
FEWEST_LEAVERS = 20
"""Leavers with a known health, below which no cut is learned."""
FEWEST_AT_RISK = 10
"""Leavers that a band must hold for its churn rate to count."""
SURE = 1.28
"""Standard errors by which a promise must be kept where it is learned: 90 %, one-sided."""
USUAL_AT_RISK, USUAL_BELOW = 0.1, 0.4
"""Shares of accounts at risk, and below healthy, where nothing can be learned."""
MARGINS = (1.0, 10.0)
"""Least and most points of health that an account must stand above a cut to rise."""

Codes = NDArray[np.int_]
Floats = NDArray[np.float64]


@dataclass(frozen=True)
class Cuts:
    """Where bands begin, in points of health, and by how much an account must rise above it."""

    at_risk_below: float
    healthy_from: float
    margin: float


@dataclass(frozen=True)
class Bands:
    """Bands, and what they mean on blocks of time that they were not learned on.

    Parameters
    ----------
    cuts : Cuts
    renewals, leavers : int
        Renewals that the figures are about, each at its last look 60 to 90 days before.
    days_before : float, optional
        Median of the days from that look to the renewal.
    base_rate, at_risk_rate : float, optional
        Churn rate of all of them, and of those at risk.
    at_risk_low, at_risk_high : float, optional
        95 % interval of `at_risk_rate`.
    at_risk_renewals, at_risk_leavers : int
    leavers_below, leavers_below_low, leavers_below_high : float, optional
        Share of the leavers that were below healthy, and its 95 % interval.
    healthy_share : float, optional
        Share of healthy accounts over all looks.
    unmet : tuple of str
        What the bands should mean and do not, as sentences.
    """

    cuts: Cuts
    renewals: int
    leavers: int
    days_before: float | None
    base_rate: float | None
    at_risk_rate: float | None
    at_risk_low: float | None
    at_risk_high: float | None
    at_risk_renewals: int
    at_risk_leavers: int
    leavers_below: float | None
    leavers_below_low: float | None
    leavers_below_high: float | None
    healthy_share: float | None
    unmet: tuple[str, ...]

    @classmethod
    def learn(cls, looks: pd.DataFrame) -> Self:
        """Cut bands by what came of accounts after their health was told.

        Parameters
        ----------
        looks : DataFrame
            account_id, as_of, fold, health (told out of time), due, churned, renewal_date.
        """
        known = looks[looks["health"].notna()]
        cuts = _cuts(known)
        measured = out_of_fold(known, cuts)
        at_renewal = renewals(measured)
        risky = at_renewal[at_renewal["band"] == "at risk"]
        left = at_renewal[at_renewal["churned"]]
        at_risk = _share(risky["churned"])
        below = _share(left["band"] != "healthy")
        told = cls(
            cuts=cuts,
            renewals=len(at_renewal),
            leavers=len(left),
            days_before=_mean(at_renewal["days_before"].median()),
            base_rate=_mean(at_renewal["churned"].mean()),
            at_risk_rate=at_risk[0],
            at_risk_low=at_risk[1],
            at_risk_high=at_risk[2],
            at_risk_renewals=len(risky),
            at_risk_leavers=int(risky["churned"].sum()),
            leavers_below=below[0],
            leavers_below_low=below[1],
            leavers_below_high=below[2],
            healthy_share=_mean((measured["band"] == "healthy").mean()),
            unmet=(),
        )
        return cls(**{**vars(told), "unmet": tuple(_unmet(told))})

    @classmethod
    def of(cls, told: dict[str, object]) -> Self:
        """Read what `as_dict` gave."""
        cuts = Cuts(**told["cuts"])  # type: ignore[arg-type]
        return cls(**{**told, "cuts": cuts, "unmet": tuple(told["unmet"])})  # type: ignore[arg-type]

    def as_dict(self) -> dict[str, object]:
        """Give everything as plain values, for JSON."""
        return asdict(self)


def step(before: Codes, health: Floats, cuts: Cuts) -> Codes:
    """Band now, from the band before and the health now, shape (n,).

    Examples
    --------
    >>> cuts = Cuts(at_risk_below=40.0, healthy_from=60.0, margin=5.0)
    >>> watch = np.array([1, 1, 1, 1])
    >>> [BANDS[code] for code in step(watch, np.array([39.0, 59.0, 62.0, 66.0]), cuts)]
    ['at risk', 'watch', 'watch', 'healthy']
    """
    falls = _over(health, cuts, 0.0)
    rises = _over(health, cuts, cuts.margin)
    held = np.where(before == UNKNOWN, len(BANDS) - 1, before)
    return np.where(np.isnan(health), UNKNOWN, np.minimum(falls, np.maximum(rises, held)))


def assign(looks: pd.DataFrame, cuts: Cuts) -> pd.Series:
    """Band of each look, replaying every account's series from its first look on.

    Parameters
    ----------
    looks : DataFrame
        account_id, as_of, health; in any order. Where health is not known there is no band, and
        the one before is remembered.

    Returns
    -------
    Series of str, indexed as `looks`; None where unknown
    """
    account, ids = pd.factorize(looks["account_id"])
    health = looks["health"].to_numpy(np.float64)
    memory = np.full(len(ids), UNKNOWN)
    codes = np.full(len(looks), UNKNOWN)
    for places in looks.groupby("as_of", sort=True).indices.values():
        who = account[places]
        codes[places] = step(memory[who], health[places], cuts)
        told = codes[places] != UNKNOWN
        memory[who[told]] = codes[places][told]
    words = np.array([*BANDS, None], dtype=object)
    return pd.Series(words[codes], index=looks.index, name="band", dtype=object)


def out_of_fold(known: pd.DataFrame, cuts: Cuts) -> pd.DataFrame:
    """Looks whose health is known, each block of time with the bands that the other blocks teach.

    By these bands are judged; where there is one block alone, `cuts` stand.
    """
    folds = known["fold"].unique()
    if len(folds) < 2:
        return known.assign(band=assign(known, cuts))
    parts = []
    for fold in folds:
        here = known["fold"] == fold
        band = assign(known, _cuts(known[~here]))
        parts.append(known[here].assign(band=band[here]))
    return pd.concat(parts)


def renewals(looks: pd.DataFrame) -> pd.DataFrame:
    """One row per renewal that was seen through: its last look 60 to 90 days before.

    Where accounts are never looked at so early, as with monthly plans, the last look before counts.

    Returns
    -------
    DataFrame
        The columns of `looks`, `days_before`, and `churned` of the renewal.
    """
    keys = ["account_id", "renewal_date"]
    dated = looks[[*keys, "as_of", "due", "churned"]].reset_index(drop=True)
    dated = dated[dated["renewal_date"].notna()]
    fate = dated[dated["due"]].groupby(keys)["churned"].max().reset_index()
    days = (dated["renewal_date"] - dated["as_of"]).dt.days
    early = days.between(*DAYS_BEFORE)
    chosen = dated.assign(days_before=days)[early if early.any() else dated["due"]]
    last = chosen.sort_values("as_of", kind="stable").drop_duplicates(keys, keep="last")
    told = (
        looks.drop(columns="churned")
        .iloc[last.index]
        .assign(days_before=last["days_before"].to_numpy())
    )
    return told.merge(fate, on=keys)


def audit(looks: pd.DataFrame) -> pd.DataFrame:
    """Greens that left and reds that stayed, by quarter.

    Parameters
    ----------
    looks : DataFrame
        As for `Bands.learn`, with `band`: that of `out_of_fold`, as the bands are judged by.

    Returns
    -------
    DataFrame
        period ("2025Q1", of the renewal), band, renewals, left, stayed.
    """
    told = renewals(looks[looks["band"].notna()])
    told["period"] = told["renewal_date"].dt.to_period("Q").astype(str)
    counted = told.groupby(["period", "band"])["churned"].agg(renewals="size", left="sum")
    wanted = pd.MultiIndex.from_product(
        [sorted(told["period"].unique()), BANDS[::-1]], names=["period", "band"]
    )
    counted = counted.reindex(wanted, fill_value=0).astype(int).reset_index()
    return counted.assign(stayed=counted["renewals"] - counted["left"])


def _over(health: Floats, cuts: Cuts, margin: float) -> Codes:
    ends = (cuts.at_risk_below, cuts.healthy_from)
    return np.asarray(np.sum([health >= end + margin for end in ends], axis=0))


def _cuts(known: pd.DataFrame) -> Cuts:
    """Learn where bands begin."""
    told = renewals(known)
    health = known["health"].to_numpy(np.float64)
    left = told.loc[told["churned"], "health"].to_numpy(np.float64)
    if len(left) < FEWEST_LEAVERS:
        low, high = np.quantile(health, [USUAL_AT_RISK, USUAL_BELOW]) if len(health) else (40, 70)
        return Cuts(float(low), float(high), _margin(known))
    least, most = np.quantile(health, [1 - MOST_HEALTHY, 1 - LEAST_HEALTHY])
    wanted = LEAVERS_BELOW + SURE * np.sqrt(LEAVERS_BELOW * (1 - LEAVERS_BELOW) / len(left))
    healthy_from = float(np.clip(np.quantile(left, min(wanted, 1.0)) + 1e-9, least, most))
    return Cuts(min(_risky_below(told, health), healthy_from), healthy_from, _margin(known))


def _risky_below(told: pd.DataFrame, health: Floats) -> float:
    """Highest cut below which three times as many leave; else the lowest tenth."""
    ordered = told.sort_values("health", kind="stable")
    left = ordered["churned"].cumsum().to_numpy()
    below = np.arange(1, len(ordered) + 1)
    rate = left / below
    surely = rate - SURE * np.sqrt(rate * (1 - rate) / below)
    fits = (surely >= TIMES_BASE * ordered["churned"].mean()) & (left >= FEWEST_AT_RISK)
    if not fits.any():
        return float(np.quantile(health, USUAL_AT_RISK))
    return float(ordered["health"].iloc[np.flatnonzero(fits)[-1]]) + 1e-9


def _margin(known: pd.DataFrame) -> float:
    """What health moves from look to look by itself: the median of the absolute change."""
    series = known.sort_values(["account_id", "as_of"], kind="stable")
    moved = series.groupby("account_id")["health"].diff().abs().median()
    return float(np.clip(moved if np.isfinite(moved) else MARGINS[0], *MARGINS))


def _unmet(told: Bands) -> Sequence[str]:
    if told.leavers < FEWEST_LEAVERS:
        return [
            f"Only {told.leavers} leavers have a health that was told before; {FEWEST_LEAVERS} are "
            "needed to cut bands by what came of accounts. Bands are shares of accounts: the "
            f"lowest {USUAL_AT_RISK:.0%} are at risk, the lowest {USUAL_BELOW:.0%} not healthy."
        ]
    unmet = []
    base, risky = told.base_rate or 0.0, told.at_risk_rate or 0.0
    if told.at_risk_leavers < FEWEST_AT_RISK or risky < TIMES_BASE * base:
        unmet.append(
            f"At risk does not mean {TIMES_BASE:.0f} times the base churn rate: {risky:.1%} of "
            f"{told.at_risk_renewals} renewals at risk churned ({told.at_risk_leavers}), "
            f"{risky / base:.1f} times the {base:.1%} of all. No cut that holds enough "
            "leavers kept that promise on other blocks of time."
        )
    if (told.leavers_below or 0.0) < LEAVERS_BELOW:
        unmet.append(
            f"{told.leavers_below:.0%} of {told.leavers} leavers were below healthy before they "
            f"left, not two thirds. A higher cut would leave fewer than {LEAST_HEALTHY:.0%} "
            "healthy, or later leavers stood higher than earlier ones."
        )
    if (told.healthy_share or 0.0) > MOST_HEALTHY:
        unmet.append(
            f"{told.healthy_share:.0%} are healthy, more than four fifths: health rose after the "
            "cut was learned."
        )
    return unmet


def _share(which: pd.Series) -> tuple[float | None, float | None, float | None]:
    """Share of rows that are True, with its interval; None of no rows."""
    if which.empty:
        return None, None, None
    return (float(which.mean()), *questions.exact(int(which.sum()), len(which)))


def _mean(value: float) -> float | None:
    return float(value) if np.isfinite(value) else None
