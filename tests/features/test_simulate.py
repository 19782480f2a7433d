"""The simulated company: is its truth true, and do its tables know nothing of what is to come?"""

import hashlib
import os
import subprocess
import sys
from datetime import date
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from features import build, check, settings, source
from features.contract import TABLES
from features.errors import TenureError
from features.simulate import PRESETS, Company, simulate, write
from features.simulate.accounts import Calendar, found, sign
from features.simulate.life import NAMES, PLANTED, live

TODAY = date(2026, 11, 1)
LAST_DAY = pd.Timestamp("2026-06-30")
EVENTS = {
    name: table.times[0] for name, table in TABLES.items() if name not in ("accounts", "contracts")
}
LATER = {
    "users": {"deactivated_at": []},
    "surveys": {"responded_at": ["score", "comment"]},
    "tickets": {"first_response_at": [], "resolved_at": ["contacts", "reopened", "satisfaction"]},
    "invoices": {"paid_at": []},
    "objectives": {"status_at": ["status", "value"]},
    "incidents": {"ended_at": []},
}


@pytest.fixture(scope="module")
def company() -> Company:
    return simulate(accounts=600, months=24, seed=3)


@pytest.fixture(scope="module")
def large() -> Company:
    return simulate(accounts=4000, months=36, seed=4)


@pytest.fixture(scope="module")
def folder(company: Company, tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("company")
    write(company, path)
    return path


def renewals(company: Company) -> pd.DataFrame:
    """Every renewal in the data with its true hazard and what came of it."""
    terms = company.tables["contracts"].drop_duplicates("contract_id", keep="last")
    terms = terms[terms.end_date <= LAST_DAY]
    last_day_in_force = terms.end_date - pd.Timedelta(days=1)
    terms = terms.assign(month=last_day_in_force.dt.to_period("M").dt.to_timestamp())
    due = company.hazard[company.hazard.due].drop(columns="segment")
    joined = terms.merge(due, on=["account_id", "month"], validate="one_to_one")
    assert len(joined) == len(terms) == len(due)
    joined["churned"] = joined.outcome == "churned"
    return joined.merge(company.tables["accounts"], on="account_id")


def auc(probability: pd.Series, churned: pd.Series) -> float:
    wins = probability.rank()[churned].sum() - churned.sum() * (churned.sum() + 1) / 2
    return float(wins / (churned.sum() * (~churned).sum()))


def exits(company: Company) -> pd.Series:
    """Day on which each account is gone, by its contracts."""
    contracts = company.tables["contracts"]
    left = contracts[contracts.outcome == "churned"].set_index("account_id").end_date
    accounts = company.tables["accounts"].account_id
    return left.reindex(accounts).fillna(LAST_DAY + pd.Timedelta(days=1))


def digests(path: Path) -> dict[str, str]:
    return {f.name: hashlib.sha256(f.read_bytes()).hexdigest() for f in sorted(path.iterdir())}


def test_truth_is_calibrated_by_tenths(large: Company) -> None:
    r = renewals(large)
    tenths = r.groupby(pd.qcut(r.hazard, 10))
    expected, seen = tenths.hazard.sum(), tenths.churned.sum()
    spread = tenths.hazard.apply(lambda p: np.sqrt((p * (1 - p)).sum()))
    assert (np.abs(seen - expected) / spread).max() < 3.5


@pytest.mark.parametrize("by", ["segment", "industry", "region", "touch_model", "quarter", "term"])
def test_truth_ranks_within_every_slice(large: Company, by: str) -> None:
    r = renewals(large)
    r["quarter"] = r.end_date.dt.to_period("Q")
    r["term"] = ((r.end_date - r.start_date).dt.days / 30.4).round()
    for _, rows in r.groupby(by):
        if rows.churned.sum() >= 15:
            assert auc(rows.hazard, rows.churned) > 0.5


@pytest.mark.parametrize("seed", [0, 1, 2])
def test_oracle_lies_where_real_companies_lie(seed: int) -> None:
    company = simulate(accounts=2500, months=30, seed=seed)
    r = renewals(company)
    assert 0.80 <= company.truth["oracle"]["auc"] <= 0.86
    assert company.truth["oracle"]["auc"] == pytest.approx(auc(r.hazard, r.churned), abs=1e-6)
    assert company.truth["renewals"] == len(r)


def test_yearly_churn_by_segment(large: Company) -> None:
    terms = large.tables["contracts"].drop_duplicates("contract_id", keep="last")
    terms = terms.merge(large.tables["accounts"][["account_id", "segment"]])
    begin, end = pd.Timestamp(large.truth["first_day"]), LAST_DAY + pd.Timedelta(days=1)
    days = (terms.end_date.clip(upper=end) - terms.start_date.clip(lower=begin)).dt.days
    yearly = (terms.outcome == "churned").groupby(terms.segment).sum() / (
        days.groupby(terms.segment).sum() / 365.25
    )
    assert 0.15 <= yearly["small"] <= 0.25
    assert 0.08 <= yearly["mid"] <= 0.12
    assert 0.03 <= yearly["enterprise"] <= 0.07


def test_hazard_is_the_sum_of_its_parts(company: Company) -> None:
    h = company.hazard
    parts = h[["intercept", "context", "frailty"]].sum(axis=1)
    log_odds = parts + h.filter(like="contribution_").astype(float).sum(axis=1)
    np.testing.assert_allclose(1 / (1 + np.exp(-log_odds)), h.churn_if_due, rtol=1e-5)
    assert (h.hazard[~h.due] == 0).all()
    nothing = [f"contribution_{name}" for name in company.truth["null_metrics"]]
    assert (h[nothing] == 0).all(axis=None)


def test_no_row_depends_on_the_outcome(company: Company) -> None:
    other = simulate(accounts=600, months=24, seed=3, outcome_seed=99)
    both = pd.concat([exits(company), exits(other)], axis=1).min(axis=1)
    assert (exits(company) != exits(other)).sum() > 50
    for name in EVENTS:
        one, two = (_until(c.tables[name], name, both) for c in (company, other))
        pd.testing.assert_frame_equal(one, two, obj=name)
    one, two = (_agreed_terms(c, both) for c in (company, other))
    pd.testing.assert_frame_equal(one, two)
    one, two = (_before(c.hazard, both, "month") for c in (company, other))
    pd.testing.assert_frame_equal(one, two)


def _before(table: pd.DataFrame, day: pd.Series, column: str) -> pd.DataFrame:
    end = table.account_id.map(day).fillna(LAST_DAY + pd.Timedelta(days=1))
    return table[table[column] < end].reset_index(drop=True)


def _until(table: pd.DataFrame, name: str, day: pd.Series) -> pd.DataFrame:
    """What was known of a table before the given day of each account."""
    seen = _before(table, day, EVENTS[name])
    if "known_at" in seen:
        seen = _before(seen.fillna({"known_at": pd.Timestamp(0)}), day, "known_at")
    end = seen.account_id.map(day).fillna(LAST_DAY + pd.Timedelta(days=1))
    for moment, rests_on_it in LATER.get(name, {}).items():
        unseen = ~(seen[moment] < end)
        if name == "objectives":
            unseen |= seen.status == "open"
        for column in rests_on_it:
            seen[column] = seen[column].mask(unseen, None)
        seen[moment] = seen[moment].mask(unseen)
    return seen


def _agreed_terms(company: Company, day: pd.Series) -> pd.DataFrame:
    terms = _before(company.tables["contracts"], day, "start_date")
    ended = terms.end_date < terms.account_id.map(day)
    return terms.assign(
        outcome=terms.outcome.where(ended),
        reason=terms.reason.where(ended),
    )


def test_same_seed_same_bytes_whatever_the_hash_order(folder: Path, tmp_path: Path) -> None:
    code = (
        "import sys, pathlib; from features.simulate import simulate, write; "
        "write(simulate(accounts=600, months=24, seed=3), pathlib.Path(sys.argv[1]))"
    )
    env = os.environ | {"PYTHONHASHSEED": "17"}
    subprocess.run([sys.executable, "-c", code, str(tmp_path)], check=True, env=env)
    assert digests(tmp_path) == digests(folder)
    assert len(digests(folder)) == len(TABLES) + 2


def test_other_seed_other_company(company: Company) -> None:
    other = simulate(accounts=600, months=24, seed=5)
    assert not other.tables["accounts"].equals(company.tables["accounts"])
    assert not other.hazard.equals(company.hazard)


@pytest.mark.parametrize("name", EVENTS)
def test_rows_lie_in_the_life_of_their_account(company: Company, name: str) -> None:
    table, moments = company.tables[name], [EVENTS[name], *LATER.get(name, {})]
    table = table[table.account_id.notna()] if name == "incidents" else table
    end = table.account_id.map(exits(company))
    for moment in moments:
        assert (table[moment].isna() | (table[moment] < end)).all()
    begin = table.account_id.map(company.tables["contracts"].groupby("account_id").start_date.min())
    if name not in ("users", "objectives"):
        assert (table[EVENTS[name]] >= begin).all()
    for moment in LATER.get(name, {}):
        assert (table[moment].isna() | (table[moment] >= table[EVENTS[name]])).all()


def test_users_act_while_they_are_there(company: Company) -> None:
    users = company.tables["users"].set_index("user_id")
    for name, moment in (
        ("usage", "occurred_at"),
        ("surveys", "sent_at"),
        ("tickets", "opened_at"),
    ):
        rows = company.tables[name]
        user = users.loc[rows.user_id]
        assert (user.account_id.to_numpy() == rows.account_id.to_numpy()).all()
        assert (rows[moment].to_numpy() >= user.created_at.to_numpy()).all()
        gone = user.deactivated_at.to_numpy()
        assert (np.isnat(gone) | (rows[moment].to_numpy() < gone)).all()


def test_contracts_follow_upon_each_other(company: Company) -> None:
    terms = company.tables["contracts"].drop_duplicates("contract_id", keep="last")
    after = terms.groupby("account_id").shift(-1)
    renewed = terms.outcome.isin(["renewed", "expanded", "contracted"])
    assert (after.start_date[renewed] == terms.end_date[renewed]).all()
    assert after.start_date[~renewed].isna().all()
    assert (terms.outcome.isna() == (terms.end_date > LAST_DAY)).all()
    notice = (terms.end_date - terms.decided_at).dt.days[terms.outcome.notna()]
    assert notice.between(0, 45).all()
    assert (terms.decided_at.dropna() >= terms.start_date[terms.outcome.notna()]).all()
    grown = after.seats[terms.outcome == "expanded"] > terms.seats[terms.outcome == "expanded"]
    assert grown.all()


@pytest.mark.parametrize("format", ["parquet", "csv"])
def test_the_contract_holds(company: Company, tmp_path: Path, format: str) -> None:
    write(company, tmp_path, format)
    (tmp_path / "truth.parquet").unlink()
    options = settings.load(None)
    report = check.check(source.connect(str(tmp_path), options), options, TODAY)
    assert [str(fault) for fault in (*report.errors, *report.warnings)] == []
    for name, table in company.tables.items():
        declared = set(TABLES[name].column_names) - {"active_users", "note", "name"}
        assert declared - {"known_at"} <= set(table.columns) <= set(TABLES[name].column_names)


def test_the_tables_show_the_planted_levels(company: Company, folder: Path) -> None:
    options = settings.load(None)
    as_ofs = [date(2025, month, 1) for month in (3, 6, 9, 12)]
    table = build.feature_table(source.connect(str(folder), options), options, as_ofs)
    table["month"] = pd.to_datetime(table["as_of"])
    truth = company.hazard.drop(columns="segment")
    seen = table.merge(truth, on=["account_id", "month"], how="inner")
    assert len(seen) > 1000
    shown = [name for name in NAMES if name in seen]
    assert shown == list(NAMES)
    for name in shown:
        by_segment = seen.groupby("segment")[[name, f"level_{name}"]]
        agreement = by_segment.corr("spearman").xs(name, level=1)[f"level_{name}"]
        assert agreement.mean() > 0.3, (name, agreement)


def test_levels_correlate_as_dimensions_do() -> None:
    calendar = Calendar.ending(24)
    accounts = found(3000, calendar, (12,), seed=1)
    life = live(accounts, sign(accounts, calendar, seed=1), calendar, seed=1)
    moving = [j for j, metric in enumerate(PLANTED) if metric.spread]
    levels = life.levels[moving][:, accounts.segment == 0, 20]
    health = levels * np.array([PLANTED[j].healthy for j in moving])[:, None]
    together = pd.DataFrame(health.T).corr("spearman").to_numpy()
    family = np.array([PLANTED[j].dimension for j in moving])
    same = family[:, None] == family[None, :]
    apart = ~np.eye(len(moving), dtype=bool)
    assert together[same & apart].mean() == pytest.approx(0.6, abs=0.08)
    assert together[~same].mean() == pytest.approx(0.35, abs=0.08)


def test_what_real_companies_show(large: Company) -> None:
    usage, surveys = large.tables["usage"], large.tables["surveys"]
    assert (usage.occurred_at.dt.day_of_week < 5).mean() > 0.95
    answered = surveys.score.notna().groupby(surveys.account_id).mean()
    assert 0.2 < answered.mean() < 0.5
    accounts = large.tables["accounts"].set_index("account_id")
    rated = accounts.touch_model.loc[large.tables["csm_sentiment"].account_id]
    assert "scale" not in set(rated)
    assert usage.known_at.notna().mean() == pytest.approx(0.005, abs=0.001)
    assert large.tables["contracts"].contract_id.duplicated().any()
    ends = large.tables["contracts"].start_date.dt
    assert ends.is_quarter_end.mean() > 3 / 92
    assert len(usage) < 1_000_000 * 4


def test_planted_weights_and_goals(company: Company) -> None:
    truth = company.truth
    assert sum(truth["weights"].values()) == pytest.approx(100)
    assert sum(truth["dimensions"].values()) == pytest.approx(100)
    assert len(truth["null_metrics"]) / len(truth["weights"]) == pytest.approx(0.25, abs=0.05)
    for metric in PLANTED:
        for goal in truth["goals"].get(metric.name, {}).values():
            assert metric.healthy * (goal["green"] - goal["red"]) > 0
            assert goal["goal"] == pytest.approx((goal["green"] + goal["red"]) / 2, abs=1e-3)


def test_no_signal_has_none() -> None:
    company = simulate(accounts=1500, months=30, seed=0, preset="no-signal")
    assert company.hazard.churn_if_due.min() == company.hazard.churn_if_due.max()
    assert company.truth["oracle"]["auc"] == 0.5
    assert set(company.truth["null_metrics"]) == set(NAMES)
    assert company.truth["churned"] > 100


def test_leaks_tell_the_outcome() -> None:
    company = simulate(accounts=800, months=24, seed=0, preset="leak")
    left = exits(company)
    left = left[left <= LAST_DAY]
    last = company.tables["csm_sentiment"].groupby("account_id").sentiment.last()
    assert (last.reindex(left.index).dropna() == 1).mean() > 0.9
    surveys = company.tables["surveys"]
    assert surveys.score[surveys.account_id.isin(left.index)].isna().all()
    assert {leak["metric"] for leak in company.truth["leaks"]} <= set(NAMES)


def test_drift_changes_what_counts() -> None:
    company = simulate(accounts=1500, months=24, seed=0, preset="drift")
    drift = company.truth["drift"]
    later = company.hazard.month >= pd.Timestamp(drift["from"])
    share = "contribution_payment_delay_days_365d"
    mean = company.hazard.groupby(later)[share].mean()
    assert mean[True] > 2 * mean[False]
    assert sum(drift["weights"].values()) == pytest.approx(100, abs=0.01)
    usage = company.tables["usage"]
    quantity = usage.quantity.groupby(usage.occurred_at >= drift["from"]).mean()
    assert quantity[True] > 1.6 * quantity[False]


def test_small_is_small() -> None:
    assert len(simulate(accounts=5000, months=12, seed=0, preset="small").tables["accounts"]) == 150


@pytest.mark.parametrize("months", [2, 5])
def test_a_single_account_is_a_company(months: int, tmp_path: Path) -> None:
    for seed in range(5):
        write(simulate(accounts=1, months=months, seed=seed), tmp_path)


def test_what_cannot_be_simulated_is_said() -> None:
    with pytest.raises(TenureError, match=r"no preset 'leek'. Did you mean 'leak'\?"):
        simulate(accounts=10, months=12, seed=0, preset="leek")
    with pytest.raises(TenureError, match="0 accounts over 12 months make no company"):
        simulate(accounts=0, months=12, seed=0)
    assert set(PRESETS) == {"normal", "no-signal", "leak", "drift", "small"}
