"""Standing: how healthy accounts are today, in which band, and how that has moved."""

from collections.abc import Sequence
from datetime import date
from typing import TYPE_CHECKING

import pandas as pd

from features import observations

if TYPE_CHECKING:
    from training.health import Health

LOOKS = 3
"""As_ofs over which a band is replayed: it knows where the account stood at the last looks."""

COLUMNS = ("health", "band", "health_change")


def looks(as_of: date, every: str) -> list[date]:
    """The days that a standing needs, the last of them as_of.

    Examples
    --------
    >>> [f"{day}" for day in looks(date(2025, 3, 1), "month")]
    ['2025-01-01', '2025-02-01', '2025-03-01']
    """
    days = [as_of]
    while len(days) < LOOKS:
        days.insert(0, observations.day_before(days[0], every))
    return days


def standing(features: pd.DataFrame, health: "Health", days: Sequence[date]) -> pd.DataFrame:
    """Health of accounts on the last of some days.

    Parameters
    ----------
    features : DataFrame
        Feature table of these days.
    health : Health
    days : sequence of date
        See `looks`.

    Returns
    -------
    DataFrame, indexed by account_id
        health (0-100), band, and health_change since the look before; null where unknown.
    """
    told = health.look(features)
    now, before = (
        told[told["as_of"] == pd.Timestamp(day)].set_index("account_id") for day in days[:-3:-1]
    )
    change = now["health"] - before["health"].reindex(now.index)
    return now[["health", "band"]].assign(health_change=change)


def unknown(accounts: pd.Series) -> pd.DataFrame:
    """Standing of accounts of which no health is told."""
    nothing = pd.DataFrame(index=accounts.to_numpy(), columns=list(COLUMNS), dtype=object)
    return nothing.astype({"health": "float64", "health_change": "float64"})
