"""What-if: the model asked anew, by the rules that people were promised."""

import numpy as np
import pandas as pd
import pytest

from features import build, catalog, observations
from features.errors import TenureError
from serving import score, what_if
from serving.what_if import WhatIf
from training.health_score import HealthScore

NAMES = ("active_days_28d", "active_users_28d", "days_since_last_use", "usage_trend_28d")


@pytest.fixture(scope="module")
def model(champion, use_store):
    from training import tracking

    with pytest.MonkeyPatch.context() as patch:
        use_store(patch, champion.store)
        return tracking.load()[0]


@pytest.fixture(scope="module")
def rows(scored):
    return score.records(scored[0])


@pytest.fixture(scope="module")
def asking(model, champion):
    """With a health score of four metrics, from fates that follow use."""
    from serving.workflow import Workplace

    place = Workplace.open(str(champion.company), champion.config)
    day = observations.scoring_day(place.source, place.settings)
    rng = np.random.default_rng(0)
    table = pd.concat(
        [build.feature_table(place.source, place.settings, [day])] * 4, ignore_index=True
    )
    table["account_id"] = [f"x{n}" for n in range(len(table))]
    odds = -4 * table["active_days_28d"].rank(pct=True).fillna(0.5)
    churned = pd.Series(rng.random(len(table)) < 1 / (1 + np.exp(-odds - 1)))
    table = table.assign(due=True, renewal_date=table["as_of"])
    known = {name: catalog.metrics()[name] for name in NAMES}
    health = HealthScore.fit(table, churned, pd.Series(1.0, table.index), known, refits=2)
    return WhatIf(model, catalog.metrics(), health, healthy_from=60.0)


def test_nothing_changed_is_the_score_table_itself(asking, rows):
    for row in rows[:5]:
        told = asking.ask(what_if.observed(row), {})
        assert told["before"] == told["after"]
        assert told["after"]["churn_probability"] == row["churn_probability"]
        assert "no promise" in told["note"]


def test_an_improvement_never_raises_the_risk_nor_lowers_health(asking, rows):
    for row in rows[::200]:
        seen = what_if.observed(row)
        for name in asking.actionable:
            if seen[name] is None:
                continue
            up = 1.0 if catalog.metrics()[name].healthy == "high" else -1.0
            told = [asking.ask(seen, {name: seen[name] + up * step}) for step in (0.3, 1.0, 5.0)]
            risks = [told[0]["before"], *(each["after"] for each in told)]
            assert (np.diff([each["churn_probability"] for each in risks]) <= 0).all(), name
            assert (np.diff([each["health"] for each in risks]) >= -1e-12).all(), name
            assert all(each["changes"][0]["better"] for each in told)


def test_what_is_said_is_what_the_model_says_of_the_changed_row(asking, model, rows):
    seen = what_if.observed(rows[0])
    told = asking.ask(seen, {"active_days_28d": 20, "active_users_28d": 9.0})
    changed = pd.DataFrame([{**seen, "active_days_28d": 20.0, "active_users_28d": 9.0}])
    for feature in model.features:
        if feature.kind == "number":
            changed[feature.name] = changed[feature.name].astype(float)
    assert told["after"]["churn_probability"] == model.predict_proba(changed)[0]
    assert told["after"]["health"] == asking.health.score(changed)["health"][0]
    assert told["changes"][0]["sentence"].endswith("to 20")


def test_what_moves_along_is_named_as_staying(asking, rows):
    told = asking.ask(what_if.observed(rows[0]), {"active_days_28d": 20.0})
    assert "active_days_7d" in told["unchanged"]
    assert "active_days_28d" not in told["unchanged"]
    label = catalog.metrics()["active_days_7d"].label
    assert label in told["note"]
    german = asking.ask(what_if.observed(rows[0]), {"active_days_28d": 20.0}, "de")
    assert catalog.metrics()["active_days_7d"].label_de in german["note"]
    assert "kein Versprechen" in german["note"]


def test_every_change_that_cannot_be_made_is_named(asking, rows):
    changes = {"days_to_renewal": 400.0, "active_days_28": 3.0, "active_users_28d": float("nan")}
    with pytest.raises(TenureError) as told:
        asking.ask(what_if.observed(rows[0]), changes)
    said = str(told.value)
    assert "days_to_renewal is nothing that a team can act on" in said
    assert "Did you mean 'active_days_28d'" in said
    assert "active_users_28d must be a number" in said


def test_the_smallest_single_change_suffices_and_anything_less_does_not(asking, rows):
    found = 0
    for row in rows[:25]:
        seen = what_if.observed(row)
        ways = asking.ways(seen)
        shares = [asking._share_of_range(way) for way in ways]
        assert shares == sorted(shares)
        for way in ways:
            found += 1
            assert way["better"]
            assert way["health"] >= 60.0
            again = asking.ask(seen, {way["metric"]: way["to"]})["after"]
            assert again == {name: way[name] for name in again}
            steps = asking._steps(way["metric"], seen)
            nearer = steps[steps.index(way["to"]) - 1] if way["to"] != steps[0] else way["value"]
            assert asking.ask(seen, {way["metric"]: nearer})["after"]["health"] < 60.0
            if way["metric"] in ("active_days_28d", "active_users_28d", "days_since_last_use"):
                assert way["to"] == int(way["to"])
    assert found > 5


def test_a_healthy_account_and_a_model_without_health_have_no_ways(asking, model, rows):
    well = next(
        row
        for row in rows
        if (asking.ask(what_if.observed(row), {})["before"]["health"] or 0) >= 60.0
    )
    assert asking.ways(what_if.observed(well)) == []
    bare = WhatIf(model, catalog.metrics())
    assert bare.ways(what_if.observed(rows[0])) == []
    assert bare.ask(what_if.observed(rows[0]), {})["after"]["health"] is None
