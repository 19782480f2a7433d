"""Split by time: learn from what was known then, judge on what came after.

A row of `as_of` is labelled by what happens until `as_of + embargo_days` (lead + horizon + grace).
Two rows closer than that may tell of the same renewal, so whatever is learned - trees, their
number, calibration - comes from rows whose outcome was known on the first day that is judged::

    |-- train --|  embargo  |-- warm-up --|  embargo  |-- judged 1 --|-- judged 2 --| ...
                                                       later folds train on all known before them

Where the claim is about accounts that were never seen, `by_account` keeps each on one side.
"""

from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from features.errors import TenureError

JUDGED_SHARE = 0.4
"""Share of the days, the latest, that is judged; the rest leads in."""

WARM_UP_SHARE = 0.4
"""Share of the lead-in, without its embargo, that warms up; the first trees learn from the rest."""


@dataclass(frozen=True)
class Fold:
    """One step of the backtest.

    Parameters
    ----------
    train_mask, test_mask : ndarray of bool, shape (n,)
        Rows learned from and rows predicted.
    train_until, test_from, test_to : Timestamp
        Last day learned from; first and last day predicted.
    """

    train_mask: NDArray[np.bool_]
    test_mask: NDArray[np.bool_]
    train_until: pd.Timestamp
    test_from: pd.Timestamp
    test_to: pd.Timestamp

    def parts(self, table: pd.DataFrame) -> tuple[pd.DataFrame, pd.DataFrame]:
        """The rows learned from, and those predicted: of a table sorted by day without a copy."""
        before, block = (_rows(table, mask) for mask in (self.train_mask, self.test_mask))
        return before, block


def _rows(table: pd.DataFrame, mask: NDArray[np.bool_]) -> pd.DataFrame:
    places = np.flatnonzero(mask)
    together = len(places) > 0 and places[-1] - places[0] + 1 == len(places)
    return table[places[0] : places[-1] + 1] if together else table[mask]


def rolling_origin(as_ofs: pd.Series, folds: int, embargo_days: int) -> list[Fold]:
    """Cut the rows into an expanding training part and the block of days after it, again and again.

    Parameters
    ----------
    as_ofs : Series of datetime64, shape (n,)
        The day of each row, in any order.
    folds : int
        Blocks to predict, at least 2. The first only warms up: it chooses the number of trees and
        starts the calibration, and its own outcomes are all known before the second begins.
    embargo_days : int
        Days from an `as_of` until its outcome is known.

    Returns
    -------
    list of Fold, of length `folds`, in order of time

    Raises
    ------
    TenureError
        If the days do not reach that far.

    Examples
    --------
    >>> months = pd.Series(pd.date_range("2024-01-01", periods=24, freq="MS"))
    >>> for fold in rolling_origin(months, folds=3, embargo_days=120):
    ...     print(f"{fold.train_until:%Y-%m} | {fold.test_from:%Y-%m} .. {fold.test_to:%Y-%m}")
    2024-05 | 2024-09 .. 2024-11
    2024-11 | 2025-03 .. 2025-07
    2025-04 | 2025-08 .. 2025-12
    """
    row_days = as_ofs.to_numpy(dtype="datetime64[D]")
    days = np.unique(row_days)
    embargo = np.timedelta64(embargo_days, "D")
    judged_from = _first_judged(days, folds, embargo)
    warm_up = _warm_up(days[days + embargo <= days[judged_from]], embargo)
    blocks = [warm_up, *np.array_split(days[judged_from:], folds - 1)]
    return [_fold(row_days, days, block, embargo) for block in blocks]


def within(fold: Fold, as_ofs: pd.Series, blocks: int, embargo_days: int) -> list[Fold]:
    """Cut a fold's block of days into smaller ones, each after what was known before it.

    Parameters
    ----------
    fold : Fold
    as_ofs : Series of datetime64, shape (n,)
        The day of each row.
    blocks : int
        The most blocks; there are no more than days.
    embargo_days : int

    Examples
    --------
    >>> months = pd.Series(pd.date_range("2024-01-01", periods=24, freq="MS"))
    >>> warm_up = rolling_origin(months, folds=3, embargo_days=120)[0]
    >>> for fold in within(warm_up, months, blocks=3, embargo_days=120):
    ...     print(f"{fold.train_until:%Y-%m} | {fold.test_from:%Y-%m} .. {fold.test_to:%Y-%m}")
    2024-05 | 2024-09 .. 2024-09
    2024-06 | 2024-10 .. 2024-10
    2024-07 | 2024-11 .. 2024-11
    """
    row_days = as_ofs.to_numpy(dtype="datetime64[D]")
    days, judged = np.unique(row_days), np.unique(row_days[fold.test_mask])
    embargo = np.timedelta64(embargo_days, "D")
    cut = np.array_split(judged, min(blocks, len(judged)))
    return [_fold(row_days, days, block, embargo) for block in cut]


def known_before(
    out_of_time: pd.DataFrame, number: int, fold: Fold, embargo_days: int
) -> pd.DataFrame:
    """Rows of the blocks before this one, `fold` of `as_of`, whose outcome it could know."""
    known = out_of_time["as_of"] + pd.Timedelta(days=embargo_days) <= fold.test_from
    return out_of_time[known & (out_of_time["fold"] < number)]


def by_account(accounts: pd.Series, folds: int, seed: int = 0) -> list[NDArray[np.bool_]]:
    """Deal whole accounts into parts of about equal size, drawn at random.

    Several rows of one account tell of one relationship: a model that has seen some of them knows
    the others' outcome, and rows dealt at random promise what no new account will keep.

    Parameters
    ----------
    accounts : Series, shape (n,)
        The account of each row.
    folds : int
    seed : int

    Returns
    -------
    list of ndarray of bool, shape (n,)
        The rows of each part; every row is in one of them.
    """
    codes, names = pd.factorize(accounts)
    part = np.random.default_rng(seed).permutation(len(names)) % folds
    return [part[codes] == number for number in range(folds)]


def of_some_accounts(
    accounts: pd.Series, wanted: NDArray[np.bool_], most: int, seed: int
) -> NDArray[np.bool_]:
    """Which of the rows to learn from, where they are more than it takes.

    Whole accounts are drawn, whether they left or not: rates stay as they are.

    Parameters
    ----------
    accounts : Series, shape (n,)
        The account of each row.
    wanted : ndarray of bool, shape (n,)
        Rows that could be learned from.
    most : int
    seed : int

    Returns
    -------
    ndarray of bool, shape (n,)
        `wanted` if they are no more than `most`; else those of as many accounts, drawn at random,
        as have `most` of them together.
    """
    if wanted.sum() <= most:
        return wanted
    codes, names = pd.factorize(accounts)
    order = np.random.default_rng(seed).permutation(len(names))
    reached = np.bincount(codes[wanted], minlength=len(names))[order].cumsum()
    drawn = np.zeros(len(names), dtype=bool)
    drawn[order[reached <= most]] = True
    return np.asarray(wanted & drawn[codes])


def _first_judged(days: NDArray[np.datetime64], folds: int, embargo: np.timedelta64) -> int:
    """Position of the first judged day: the latest share of the days, if the lead-in fits."""
    if folds < 2:
        raise TenureError(
            f"training.folds is {folds}; a backtest needs 2: one to warm up, one to judge.",
            "Set training.folds to 5 in tenure.toml.",
        )
    wanted = min(round((1 - JUDGED_SHARE) * len(days)), len(days) - (folds - 1))
    first_warm_up = _position(days, days[:1] + embargo)
    possible = _position(days, days[first_warm_up : first_warm_up + 1] + embargo)
    judged_from = max(wanted, possible)
    if len(days) - judged_from < folds - 1:
        raise _too_short(days, folds, embargo)
    return judged_from


def _position(days: NDArray[np.datetime64], moment: NDArray[np.datetime64]) -> int:
    """Position of the first day at or after `moment`; past the end where there is none."""
    return int(np.searchsorted(days, moment[0])) if len(moment) else len(days)


def _warm_up(known: NDArray[np.datetime64], embargo: np.timedelta64) -> NDArray[np.datetime64]:
    """Those of the days with known outcome that the first, smallest training part predicts."""
    earliest = _position(known, known[:1] + embargo)
    return known[earliest + int((1 - WARM_UP_SHARE) * (len(known) - earliest)) :]


def _fold(
    row_days: NDArray[np.datetime64],
    days: NDArray[np.datetime64],
    block: NDArray[np.datetime64],
    embargo: np.timedelta64,
) -> Fold:
    train_days = days[days + embargo <= block[0]]
    return Fold(
        train_mask=row_days <= train_days[-1],
        test_mask=(row_days >= block[0]) & (row_days <= block[-1]),
        train_until=pd.Timestamp(train_days[-1]),
        test_from=pd.Timestamp(block[0]),
        test_to=pd.Timestamp(block[-1]),
    )


def _too_short(days: NDArray[np.datetime64], folds: int, embargo: np.timedelta64) -> TenureError:
    have = int((days[-1] - days[0]).astype(int)) if len(days) else 0
    step = have / (len(days) - 1) if len(days) > 1 else 30.0
    need = 2 * int(embargo.astype(int)) + round(step * folds)
    span = f", {days[0]} to {days[-1]}," if len(days) else ""
    return TenureError(
        f"{len(days)} observation days with a known outcome{span} span {have} days: too short for "
        f"a backtest of {folds} folds with {int(embargo.astype(int))} days until an outcome is "
        "known.",
        f"Bring history for about {max(need - have, 1)} more days, observe more often "
        "(observations.every), or set a shorter observations.horizon_days or fewer training.folds.",
    )
