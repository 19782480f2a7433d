"""Key features: the planted ones are found, chance is not, and later outcomes do not matter."""

from datetime import date

import numpy as np
import pandas as pd
import pytest
from histories import frame, source
from scipy.stats import hypergeom

from features.adoption import adoption
from features.settings import MetricSettings, ObservationSettings, Settings, TrainingSettings
from training import key_features

SETTINGS = Settings(
    observations=ObservationSettings(observed_until=date(2025, 12, 31)),
    training=TrainingSettings(folds=2),
)
FEATURES = ("planner", "billing", "search", "export", "chat", "share", "alert", "login")
PLANTED = {"planner", "billing"}


def company(seed, planted=PLANTED, accounts=500):
    """Terms of a year over two years; who lacks planted features leaves more often."""
    rng = np.random.default_rng(seed)
    contracts, usage = [], []
    for n in range(accounts):
        account = f"a{n:03}"
        own = [f for f in FEATURES if rng.random() < 0.6]
        start = pd.Timestamp("2023-06-01") + pd.Timedelta(days=int(rng.integers(0, 365)))
        risk = 0.05 + 0.3 * sum(feature not in own for feature in planted)
        for term in range(2):
            end = start + pd.DateOffset(years=1)
            left = bool(rng.random() < risk)
            outcome = "churned" if left else "renewed"
            row = {"contract_id": f"{account}-{term}", "account_id": account, "arr": 1.0}
            contracts.append(
                row | {"start_date": start, "end_date": end, "outcome": outcome, "decided_at": end}
            )
            months = pd.date_range(start, end, freq="30D")
            usage += [
                {"account_id": account, "user_id": account, "feature": f, "occurred_at": day}
                for day in months
                for f in own
            ]
            start = end
            if left:
                break
    segments = [{"account_id": f"a{n:03}", "segment": ["s", "l"][n % 2]} for n in range(accounts)]
    tables = {"accounts": segments, "contracts": contracts, "usage": usage}
    return {name: frame(name, rows) for name, rows in tables.items()}


@pytest.fixture(scope="module")
def planted():
    return company(1)


def test_the_planted_ones_are_found(planted):
    found = key_features.find(source(planted), SETTINGS)
    assert set(found.names) == PLANTED
    assert found.tested == len(FEATURES) - 1  # signing in is none
    assert all(each.churned_with < each.churned_without for each in found.evidence)


def test_what_is_counted_is_what_a_loop_counts(planted):
    groups, features = adoption(source(planted), SETTINGS)
    day = max(groups["as_of"][groups["due"] > 5])
    opens, closes = pd.Timestamp(day), pd.Timestamp(day) + pd.Timedelta(days=90)
    before = opens - pd.DateOffset(months=1) + pd.Timedelta(days=90)
    usage = planted["usage"]
    recent = usage[usage["occurred_at"].between(opens - pd.Timedelta(days=90), opens, "left")]
    expected, everybody = {}, {"s": [0, 0], "l": [0, 0]}
    for row in planted["contracts"].to_dict("records"):
        if not (before < row["end_date"] <= closes and row["start_date"] < opens):
            continue
        account, left = row["account_id"], row["outcome"] == "churned"
        segment = "sl"[int(account[1:]) % 2]
        used = set(recent["feature"][recent["account_id"] == account]) - {"login"}
        for count in [
            everybody[segment],
            *(expected.setdefault((segment, f), [0, 0]) for f in used),
        ]:
            count[0] += 1
            count[1] += left
    of_day = groups[groups["as_of"] == day]
    assert of_day.set_index("segment")[["due", "churned"]].T.to_dict("list") == everybody
    of_day = features[features["as_of"] == day]
    counted = of_day.set_index(["segment", "feature"])[["due", "churned"]]
    assert counted.T.to_dict("list") == expected


def test_each_renewal_is_looked_at_once(planted):
    groups, _ = adoption(source(planted), SETTINGS)
    ends = planted["contracts"]["end_date"]
    first = pd.Timestamp(min(groups["as_of"]))
    seen_until = pd.Timestamp(max(groups["as_of"])) + pd.Timedelta(days=90)
    assert groups["due"].sum() == ((ends > first) & (ends <= seen_until)).sum()


def test_outcomes_that_came_later_change_nothing(planted):
    found = key_features.find(source(planted), SETTINGS)
    day = pd.Timestamp(found.until) + pd.Timedelta(days=120)
    contracts = planted["contracts"]
    later = contracts["decided_at"] > day
    opposite = np.where(contracts["outcome"] == "churned", "renewed", "churned")
    turned = contracts.assign(outcome=np.where(later, opposite, contracts["outcome"]))
    assert later.sum() > 100
    assert key_features.find(source(planted | {"contracts": turned}), SETTINGS) == found
    earlier = contracts.assign(outcome=np.where(later, contracts["outcome"], opposite))
    other = key_features.find(source(planted | {"contracts": earlier}), SETTINGS)
    assert not PLANTED & set(other.names)


def counts(rng, days=12, features=6, effect=0.0):
    """Groups of renewals, and adopters among them, of features that do not matter."""
    groups, adopters = [], []
    for day in pd.date_range("2024-01-01", periods=days, freq="MS"):
        left = rng.random(30) < 0.2
        groups.append({"as_of": day, "segment": "", "due": 30, "churned": left.sum()})
        for n in range(features):
            used = rng.random(30) < np.where(left, 0.6 - effect, 0.6)
            told = {"due": used.sum(), "churned": (used & left).sum()}
            adopters.append({"as_of": day, "segment": "", "feature": f"f{n}", **told})
    return pd.DataFrame(groups), pd.DataFrame(adopters)


def test_where_none_matters_one_company_in_twenty_is_told_of_one():
    named = [key_features.learn(*counts(np.random.default_rng(n))).names for n in range(120)]
    assert sum(map(bool, named)) <= 12  # 6 expected; 13 or more come in 0.5 % of such trials


def test_the_statistic_is_that_of_urns():
    groups, adopters = counts(np.random.default_rng(5), features=1, effect=0.3)
    fewer = variance = 0.0
    for group, used in zip(groups.to_dict("records"), adopters.to_dict("records"), strict=True):
        urn = hypergeom(group["due"], group["churned"], used["due"])
        fewer += urn.mean() - used["churned"]
        variance += urn.var()
    (found,) = key_features.learn(groups, adopters).evidence
    assert found.z == pytest.approx((fewer - 0.5) / np.sqrt(variance), abs=1e-12)


def test_at_most_a_third_is_key():
    found = key_features.learn(*counts(np.random.default_rng(5), features=9, effect=0.3))
    assert len(found.names) == 3
    assert found.tested == 9


def test_what_is_given_is_taken(planted):
    given = Settings(metrics=MetricSettings(key_features=("chat",)))
    assert key_features.find(source(planted), given).names == ("chat",)


def test_too_short_a_history_names_none(planted):
    short = Settings(observations=ObservationSettings(observed_until=date(2024, 2, 1)))
    assert key_features.find(source(planted), short).names == ()
