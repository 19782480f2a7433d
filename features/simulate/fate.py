"""What becomes of the simulated accounts: the lot at each renewal, the silence after a loss.

Everything that depends on an outcome stands here, and only here.
"""

from collections.abc import Mapping
from typing import Any

import numpy as np
import pandas as pd

from features import contract
from features.metric import DIMENSIONS
from features.simulate.accounts import END, Bools, Ints, stream
from features.simulate.life import PLANTED, Risk
from features.simulate.world import DAY, NOT_YET, World, arr_of, codes, office_seconds, wait


def draw(risk: Risk, seed: int) -> Ints:
    """Month in which each account leaves; one past the last for those that stay."""
    u = stream(seed, "outcomes").random(risk.if_due.shape)
    lost = risk.due & (u < risk.if_due)
    return np.asarray(np.where(lost.any(axis=1), lost.argmax(axis=1), lost.shape[1]))


def exit_days(world: World, leaves: Ints) -> Ints:
    """First day on which each account is gone; `END` for those that stay."""
    terms = world.terms
    exits = np.full(len(world.accounts), END)
    last = (terms.month <= world.calendar.months) & (terms.month == leaves[terms.account])
    exits[terms.account[last]] = terms.end[last]
    return exits


_REASONS = {
    "frequency": "not used enough",
    "breadth": "too few people use it",
    "depth": "only a part was used",
    "sentiment": "not satisfied",
    "engagement": "lost contact",
    "support": "poor support",
    "outcomes": "goals not reached",
    "advocacy": "no champion",
    "commercial": "price",
}


def contracts(world: World, risk: Risk, leaves: Ints, exits: Ints) -> pd.DataFrame:
    """Terms that came to be, with what came of them and when it was decided."""
    rng = stream(world.seed, "contracts")
    accounts, terms, calendar = world.accounts, world.terms, world.calendar
    n, account = len(terms.account), terms.account
    ended = terms.month <= calendar.months
    change = np.append(world.seats[1:], 0) - world.seats
    churned = ended & (terms.month == leaves[account])
    fates = [churned, change > 0, change < 0]
    outcome = np.select(fates, ["churned", "expanded", "contracted"], "renewed")
    notice = np.minimum(45, 0.8 * (terms.end - terms.start)) * rng.random(n)
    decided = (terms.end - 1 - notice.astype(np.int64)) * DAY + office_seconds(rng, n)
    signed = np.where(terms.number == 0, terms.start * DAY - wait(rng, n, 8), np.roll(decided, 1))
    table = pd.DataFrame({
        "contract_id": codes("C", 6, np.arange(n)),
        "account": account,
        "product": np.where(rng.random(len(accounts)) < 0.3, "plus", "core")[account],
        "start_date": terms.start * DAY,
        "end_date": terms.end * DAY,
        "arr": arr_of(world),
        "seats": world.seats.astype(float),
        "auto_renew": (rng.random(len(accounts)) < 0.5)[account],
        "outcome": pd.Series(outcome, dtype="str").where(ended),
        "decided_at": np.where(ended, decided, NOT_YET),
        "reason": _reasons(world, risk, churned),
        # What is older than the data was imported when they begin.
        "known_at": np.maximum(signed, calendar.start * DAY),
    })  # fmt: skip
    table = _with_corrections(table[terms.start < exits[account]], world)
    return table.sort_values(["contract_id", "known_at"], ignore_index=True)


def _with_corrections(table: pd.DataFrame, world: World) -> pd.DataFrame:
    """Let some contracts be written down with a wrong sum first, and put right weeks later."""
    rng = stream(world.seed, "corrections")
    chosen = (rng.random(len(world.terms.account)) < 0.015)[table.index]
    put_right = table.start_date + DAY * rng.integers(15, 60, len(world.terms.account))[table.index]
    long_enough = table.end_date - table.start_date > 300 * DAY
    seen = (put_right > world.calendar.start * DAY) & (put_right < END * DAY)
    wrong = chosen & long_enough & seen
    first = table[wrong].assign(outcome=None, decided_at=NOT_YET, reason=None)
    first["arr"] = (first.arr * 1.1).round(2)
    corrected = table.assign(known_at=table.known_at.where(~wrong, put_right))
    return pd.concat([corrected, first], ignore_index=True)


def _reasons(world: World, risk: Risk, churned: Bools) -> Any:
    """What was written down as the reason: mostly the dimension that weighed most."""
    rng = stream(world.seed, "reasons")
    family = np.array([DIMENSIONS.index(metric.dimension) for metric in PLANTED])
    at = (world.terms.account[churned], world.terms.month[churned])
    points = np.zeros((len(DIMENSIONS), churned.sum()))
    np.add.at(points, family, risk.contributions[:, *at])
    named = np.array(list(_REASONS.values()), dtype=object)[points.argmax(axis=0)]
    named[rng.random(len(named)) < 0.3] = "other"
    reasons = np.full(len(churned), None, dtype=object)
    reasons[churned] = named
    return reasons


_HAPPENED = {
    name: table.times[0]
    for name, table in contract.TABLES.items()
    if name not in ("accounts", "contracts")
}
_COMES_LATER: Mapping[str, Mapping[str, tuple[str, ...]]] = {
    "users": {"deactivated_at": ()},
    "surveys": {"responded_at": ("score", "comment", "known_at")},
    "tickets": {"first_response_at": (), "resolved_at": ("contacts", "reopened", "satisfaction")},
    "invoices": {"paid_at": ()},
    "objectives": {"status_at": ("value",)},
    "incidents": {"ended_at": ()},
}
"""Moments of a later state, with the columns that are empty until then."""


def cut(name: str, table: pd.DataFrame, exits: Ints) -> pd.DataFrame:
    """Drop what would have happened, or been known, after an account left or the data end."""
    if name not in _HAPPENED:
        return table
    account = table.account.to_numpy()
    end = np.where(account < 0, END, exits[account]) * DAY
    for moment, rests_on_it in _COMES_LATER.get(name, {}).items():
        not_yet = (table[moment] >= end) | (table[moment] == NOT_YET)
        table[moment] = table[moment].where(~not_yet, NOT_YET)
        for column in rests_on_it:
            nothing = NOT_YET if column == "known_at" else None
            table[column] = table[column].where(~not_yet, nothing)
    if name == "objectives":
        still_open = table.status_at == NOT_YET
        table["status"] = table.status.where(~still_open, "open")
        table["status_at"] = table.status_at.where(~still_open, table.created_at)
    kept = table[_HAPPENED[name]].to_numpy() < end
    if "known_at" in table:
        kept &= table.known_at.to_numpy() < end
    return table[kept].reset_index(drop=True)


LEAKS = [
    {
        "metric": "csm_sentiment",
        "table": "csm_sentiment",
        "how": "accounts that left were rated 1 in hindsight, dated 100 to 130 days before the end",
    },
    {
        "metric": "survey_response_rate_180d",
        "table": "surveys",
        "how": "the answers of accounts that left were deleted, so that their absence tells",
    },
]


def touch_up(tables: dict[str, pd.DataFrame], world: World, exits: Ints) -> dict[str, pd.DataFrame]:
    """Spoil the tables as real ones are: by people who knew the outcome when they wrote."""
    rng = stream(world.seed, "leaks")
    left = np.flatnonzero(exits < END)
    rated = left[world.accounts.csm[left] >= 0]
    day = exits[rated] - rng.integers(100, 131, len(rated))
    in_life = day >= np.maximum(world.accounts.start[rated], world.calendar.start)
    rated, day = rated[in_life], day[in_life]
    hindsight = pd.DataFrame({
        "account": rated,
        "csm": codes("csm", 3, world.accounts.csm[rated]),
        "sentiment": np.ones(len(rated), dtype=np.int64),
        "logged_at": day * DAY + office_seconds(rng, len(rated)),
        "known_at": NOT_YET,
    })  # fmt: skip
    until = np.full(len(exits), END * DAY)
    until[rated] = hindsight.logged_at
    ratings = tables["csm_sentiment"]
    ratings = ratings[ratings.logged_at < until[ratings.account]]
    ratings = pd.concat([ratings, hindsight], ignore_index=True)
    surveys = tables["surveys"].copy()
    gone = np.isin(surveys.account, left)
    surveys.loc[gone, ["score", "comment"]] = None
    surveys.loc[gone, "responded_at"] = NOT_YET
    return tables | {"csm_sentiment": ratings, "surveys": surveys}
