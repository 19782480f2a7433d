"""Which of two versions is better, on the later observations that both predicted.

They are judged by the same outcomes, so that both must mean the same by churn.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from training.evaluate import draw_figures
from training.measures import log_losses

FEWEST_CHURNED = 20
"""Churned rows that two versions must both have predicted to be compared."""

OUTCOME = ("design", "lead_days", "horizon_days", "grace_days")
"""Settings of the observations that say what counts as churn, and of whom it is asked."""


@dataclass(frozen=True)
class Decision:
    """Why a version was promoted, or was not.

    Parameters
    ----------
    version, champion : int
        The one that wants to serve, and the one that serves; None where there was none.
    promoted : bool
    reason : str
        A sentence with the figures.
    observations, accounts : int
        Rows that both predicted before their time.
    difference, low, high : float, optional
        Log-loss of the version minus the champion's on those rows, with its 90 % interval from
        drawing whole accounts; below 0 is better.
    """

    version: int
    champion: int | None
    promoted: bool
    reason: str
    observations: int = 0
    accounts: int = 0
    difference: float | None = None
    low: float | None = None
    high: float | None = None


def compare(champion: pd.DataFrame, challenger: pd.DataFrame, seed: int = 0) -> dict[str, Any]:
    """Set two backtests side by side on the observations that both predicted.

    Returns
    -------
    dict
        `observations`, `accounts`, `churned`, and the mean log-loss of the second minus that of the
        first with its 90 % interval: `difference`, `low`, `high` (None without common rows).
    """
    keys = ["account_id", "as_of"]
    both = challenger.merge(champion[[*keys, "probability"]], on=keys, suffixes=("", "_champion"))
    counted = {
        "observations": len(both),
        "accounts": int(both["account_id"].nunique()),
        "churned": int(both["churned"].sum()),
    }
    if both.empty:
        return {**counted, "difference": None, "low": None, "high": None}
    churned = both["churned"].to_numpy(np.float64)
    extra = log_losses(both["probability"].to_numpy(), churned) - log_losses(
        both["probability_champion"].to_numpy(), churned
    )

    def mean(_: pd.DataFrame, weights: NDArray[np.float64]) -> dict[str, NDArray[np.float64]]:
        return {"difference": extra @ weights / weights.sum(axis=0)}

    low, high = np.quantile(draw_figures(both, mean, seed=seed)["difference"], [0.05, 0.95])
    point = mean(both, both["weight"].to_numpy(np.float64)[:, None])["difference"][0]
    return {**counted, "difference": float(point), "low": float(low), "high": float(high)}


def differing(champion: Mapping[str, Any], challenger: Mapping[str, Any]) -> list[str]:
    """Name what two versions understand differently by churn; empty where they agree.

    Parameters
    ----------
    champion, challenger : mapping
        The observations that each was trained with; see `features.settings.ObservationSettings`.

    Examples
    --------
    >>> plain = {"design": "calendar", "lead_days": 0, "horizon_days": 90, "grace_days": 30}
    >>> differing(plain, {**plain, "horizon_days": 180})
    ['horizon_days 180 against 90']
    """
    return [
        f"{name} {challenger[name]} against {champion[name]}"
        for name in OUTCOME
        if challenger[name] != champion[name]
    ]


def decide(
    version: int,
    serving: int,
    backtests: tuple[pd.DataFrame, pd.DataFrame],
    observations: tuple[Mapping[str, Any], Mapping[str, Any]],
    force: bool = False,
) -> Decision:
    """Say whether a version may take the serving one's place.

    Parameters
    ----------
    version, serving : int
        The one that wants to serve, and the one that serves.
    backtests : tuple of DataFrame
        Of the serving one, and of the other; see `compare`.
    observations : tuple of mapping
        What each was trained with, in the same order; see `differing`.
    force : bool
        Promote a worse or incomparable one too.
    """
    if apart := differing(*observations):
        # the outcomes of one would judge the other, which never spoke of them
        verdict = (
            f"cannot be compared with champion {serving}: they do not mean the same by churn "
            f"({', '.join(apart)})"
        )
        return Decision(version, serving, force, _sentence(version, verdict, forced=force))
    found = compare(*backtests)
    churned = found.pop("churned")
    if churned < FEWEST_CHURNED:
        verdict, good = (
            f"cannot be compared with champion {serving}: both predicted only {churned} churned "
            f"observations, {FEWEST_CHURNED} are needed",
            False,
        )
    else:
        good = found["low"] <= 0
        word = "worse than" if not good else "better than" if found["high"] < 0 else "as good as"
        verdict = (
            f"is {word} champion {serving}: log-loss {found['difference']:+.5f} "
            f"(90 % interval {found['low']:+.5f} to {found['high']:+.5f}) on "
            f"{found['observations']:,} common later observations of {found['accounts']:,} accounts"
        )
    reason = _sentence(version, verdict, forced=force and not good)
    return Decision(version, serving, good or force, reason, **found)


def _sentence(version: int, verdict: str, forced: bool) -> str:
    return f"Version {version} {verdict}{', promoted by force' if forced else ''}."
