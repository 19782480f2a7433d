"""The company's own score: the last known before each day, and what is told where it cannot be."""

from dataclasses import replace
from datetime import date

import numpy as np
import pandas as pd
import pytest
from histories import frame, source

from features import baseline, build, check
from features.errors import TenureError
from features.settings import BaselineSettings, ObservationSettings, Settings

OWN = BaselineSettings("scores", "score", "scored_on", "healthier")


@pytest.fixture(scope="module")
def company():
    """40 accounts in force for two years, scored on random days, some rows known late."""
    rng = np.random.default_rng(0)
    accounts = [f"a{n:02}" for n in range(40)]
    contracts = [
        {
            "contract_id": account,
            "account_id": account,
            "start_date": pd.Timestamp("2024-01-01"),
            "end_date": pd.Timestamp("2024-12-15"),
            "arr": 1.0,
        }
        for account in accounts
    ]
    place = source(
        {
            "accounts": frame("accounts", [{"account_id": account} for account in accounts]),
            "contracts": frame("contracts", contracts),
            "usage": frame(
                "usage",
                [
                    {"account_id": "a00", "feature": "login", "occurred_at": day}
                    for day in ("2024-01-02", "2025-06-30")
                ],
            ),
        }
    )
    days = pd.Timestamp("2024-01-01") + pd.to_timedelta(rng.integers(0, 300, 400), "D")
    scores = pd.DataFrame(
        {
            "account_id": rng.choice(accounts[1:], 400),
            "scored_on": days,
            "known_at": days + pd.to_timedelta(rng.integers(-3, 40, 400), "D"),
            "score": np.where(rng.random(400) < 0.9, rng.integers(0, 101, 400), np.nan),
        }
    ).drop_duplicates(["account_id", "scored_on"])
    place.con.create_table("scores", scores)
    return place, scores


def last_known(scores: pd.DataFrame, account: str, as_of: pd.Timestamp) -> float:
    """Walk through one account's scores."""
    told, newest = np.nan, pd.Timestamp.min
    for row in scores[scores["account_id"] == account].dropna().itertuples():
        known = max(row.scored_on, row.known_at) < as_of
        if known and row.scored_on > newest:
            told, newest = row.score, row.scored_on
    return told


def test_the_last_value_known_stands_beside_each_observation(company):
    place, scores = company
    look = ObservationSettings(observed_until=date(2025, 6, 30))
    settings = Settings(observations=look, baseline=OWN)
    table = build.training_table(place, settings)
    wanted = [
        -last_known(scores, row.account_id, row.as_of)
        for row in table[["account_id", "as_of"]].itertuples()
    ]
    assert len(table) > 200
    assert 0.3 < table[baseline.NAME].notna().mean() < 1
    assert table.loc[table["account_id"] == "a00", baseline.NAME].isna().all()
    np.testing.assert_array_equal(table[baseline.NAME], wanted)


def test_it_may_count_up_or_down(company):
    place, scores = company
    risk = baseline.read(place, replace(OWN, higher_is="riskier")).execute()[baseline.NAME]
    assert sorted(risk) == sorted(scores["score"].dropna())


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"table": "score"}, "no table 'score'"),
        ({"column": "scored"}, "scores has no column 'scored'. Did you mean"),
        ({"date": "score"}, "'score' is no time"),
        ({"column": "account_id"}, "none of the"),
    ],
)
def test_what_cannot_be_read_is_told(company, change, words):
    place, _ = company
    wrong = replace(OWN, **change)
    with pytest.raises(TenureError, match="baseline") as fault:
        baseline.read(place, wrong)
    assert words in fault.value.message
    report = check.check(place, Settings(baseline=wrong), date(2025, 7, 1))
    assert fault.value.message in [error.message for error in report.errors]
