from collections.abc import Mapping

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from features.errors import TenureError
from features.metric import Metric
from training.churn_model import ChurnModel
from training.measures import auc
from training.split import by_account, of_some_accounts, rolling_origin


def shuffled_months(months: int) -> pd.Series:
    looks = np.repeat(pd.date_range("2020-01-01", periods=months, freq="MS"), 3)
    return pd.Series(np.random.default_rng(0).permutation(looks))


@settings(deadline=None, max_examples=60)
@given(
    days=st.lists(st.integers(0, 1500), min_size=20, max_size=200),
    folds=st.integers(2, 6),
    embargo=st.integers(1, 200),
)
def test_nothing_learned_from_was_unknown_on_the_first_judged_day(
    days: list[int], folds: int, embargo: int
) -> None:
    as_ofs = pd.Series(pd.Timestamp("2020-01-01") + pd.to_timedelta(days, unit="D"))
    try:
        blocks = rolling_origin(as_ofs, folds, embargo)
    except TenureError:
        return
    assert len(blocks) == folds
    times_tested = np.zeros(len(days))
    for number, fold in enumerate(blocks):
        assert fold.train_mask.any()
        assert fold.test_mask.any()
        known_at = as_ofs[fold.train_mask] + pd.Timedelta(days=embargo)
        assert (known_at.to_numpy() <= as_ofs[fold.test_mask].min()).all()
        assert as_ofs[fold.train_mask].max() == fold.train_until
        assert as_ofs[fold.test_mask].min() == fold.test_from
        assert as_ofs[fold.test_mask].max() == fold.test_to
        # all that could be learned from is
        learnable = as_ofs + pd.Timedelta(days=embargo) <= fold.test_from
        assert (fold.train_mask == learnable).all()
        times_tested += fold.test_mask
        if number:
            assert blocks[number - 1].test_to < fold.test_from
    assert times_tested.max() == 1
    warm_up_known = as_ofs[blocks[0].test_mask] + pd.Timedelta(days=embargo)
    assert (warm_up_known <= blocks[1].test_from).all()
    # the end of the history is judged, without a hole
    assert (times_tested[as_ofs >= blocks[1].test_from] == 1).all()


def test_an_earlier_day_is_judged_where_few_days_are_left() -> None:
    blocks = rolling_origin(shuffled_months(13), folds=5, embargo_days=120)
    assert [fold.test_mask.sum() for fold in blocks[1:]] == [6, 3, 3, 3]


def test_too_short_a_history_says_what_would_do() -> None:
    with pytest.raises(TenureError) as raised:
        rolling_origin(shuffled_months(8), folds=5, embargo_days=120)
    assert str(raised.value) == (
        "8 observation days with a known outcome, 2020-01-01 to 2020-08-01, span 213 days: too "
        "short for a backtest of 5 folds with 120 days until an outcome is known.\n"
        "  Bring history for about 179 more days, observe more often (observations.every), or set "
        "a shorter observations.horizon_days or fewer training.folds."
    )


@pytest.mark.parametrize("months", [0, 1])
def test_hardly_any_day(months: int) -> None:
    with pytest.raises(TenureError, match="too short for a backtest"):
        rolling_origin(shuffled_months(months), folds=5, embargo_days=120)


def test_one_fold_is_none() -> None:
    with pytest.raises(TenureError, match="needs 2"):
        rolling_origin(shuffled_months(40), folds=1, embargo_days=120)


def looks_at_renewals(accounts: int, seed: int) -> pd.DataFrame:
    """Six looks at one renewal of each account; what is told hardly changes between them."""
    rng = np.random.default_rng(seed)
    state = rng.normal(size=accounts)
    left = rng.random(accounts) < 1 / (1 + np.exp(1.2 + 1.3 * state + rng.normal(size=accounts)))
    account = np.repeat(np.arange(accounts), 6)
    seen = 0.6 * rng.normal(size=accounts)
    return pd.DataFrame(
        {
            "account_id": account.astype(str),
            "usage": (state + seen)[account] + 0.05 * rng.normal(size=len(account)),
            **{
                name: rng.normal(size=accounts)[account] + 0.01 * rng.normal(size=len(account))
                for name in ("tickets", "noise", "nps")
            },
            "days_to_renewal": np.tile([180.0, 150, 120, 90, 60, 30], accounts),
            "churned": left[account],
            "weight": 1 / 6,
        }
    )


def auc_of(rows: pd.DataFrame, parts: list[np.ndarray], metrics: Mapping[str, Metric]) -> float:
    """AUC of rows that are each predicted by a model of the other parts."""
    told = np.empty(len(rows))
    for part in parts:
        told[part] = fitted(rows[~part], metrics).scores(rows[part])
    return auc(told, rows["churned"])


def fitted(rows: pd.DataFrame, metrics: Mapping[str, Metric]) -> ChurnModel:
    return ChurnModel.fit(rows, rows["churned"], 6 * rows["weight"], metrics, 150)


def test_random_rows_promise_what_new_accounts_do_not_keep(metrics: dict[str, Metric]) -> None:
    rows, new = looks_at_renewals(1500, seed=1), looks_at_renewals(8000, seed=2)
    truth = auc(fitted(rows, metrics).scores(new), new["churned"])
    at_random = np.random.default_rng(0).integers(5, size=len(rows))
    promised = auc_of(rows, [at_random == part for part in range(5)], metrics)
    ours = auc_of(rows, by_account(rows["account_id"], 5), metrics)
    assert promised - truth > 0.03
    assert abs(ours - truth) <= 0.02


def test_each_account_is_on_one_side_and_in_one_part() -> None:
    accounts = pd.Series(np.random.default_rng(0).integers(50, size=400).astype(str))
    parts = by_account(accounts, 4)
    assert (np.sum(parts, axis=0) == 1).all()
    for part in parts:
        assert not set(accounts[part]) & set(accounts[~part])
    assert by_account(accounts, 4)[0].tolist() == parts[0].tolist()


@pytest.mark.parametrize("order", ["by day", "by chance"])
def test_parts_of_a_fold_are_the_rows_of_its_masks(order: str) -> None:
    days = pd.Series(pd.date_range("2024-01-01", periods=24, freq="MS").repeat(3))
    table = pd.DataFrame({"as_of": days, "row": range(len(days))})
    if order == "by chance":
        table = table.sample(frac=1, random_state=0, ignore_index=True)
    for fold in rolling_origin(table["as_of"], folds=3, embargo_days=120):
        for part, mask in zip(fold.parts(table), (fold.train_mask, fold.test_mask), strict=True):
            pd.testing.assert_frame_equal(part, table.loc[mask])
            assert (order == "by day") == np.shares_memory(part["row"], table["row"])


def test_of_many_accounts_some_are_drawn_whole_and_at_random() -> None:
    rng = np.random.default_rng(3)
    table = pd.DataFrame({"account_id": rng.integers(4000, size=60_000).astype(str)})
    due = rng.random(len(table)) < 0.5
    drawn = of_some_accounts(table["account_id"], due, 10_000, seed=1)
    assert 9_900 < drawn.sum() <= 10_000
    assert not drawn[~due].any()
    whole = table[due].groupby("account_id").size()
    kept = table[drawn].groupby("account_id").size()
    assert (whole[kept.index] == kept).all(), "an account comes with all its looks or not at all"
    # a trait of accounts is as frequent among the drawn: 1,333 of 4,000, so within 4 errors of .013
    trait = table["account_id"].astype(int) % 4 == 0
    assert abs(trait[drawn].mean() - trait[due].mean()) < 4 * 0.013
    assert (drawn == of_some_accounts(table["account_id"], due, 10_000, seed=1)).all()
    assert (drawn != of_some_accounts(table["account_id"], due, 10_000, seed=2)).any()
    assert of_some_accounts(table["account_id"], due, int(due.sum()), seed=1) is due
