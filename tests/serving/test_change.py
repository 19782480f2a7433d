"""Parts of a change, against models and tables where each cause is known."""

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from features import build, catalog, observations
from serving import change, language, score
from serving.change import Earlier, Judged, Told
from training.health_score import HealthScore


@pytest.fixture(scope="module")
def world(champion, use_store):
    """The champion, and its company at two as_ofs."""
    from serving.workflow import Workplace
    from training import tracking

    with pytest.MonkeyPatch.context() as patch:
        use_store(patch, champion.store)
        model, info = tracking.load()
    place = Workplace.open(str(champion.company), champion.config)
    day = observations.scoring_day(place.source, place.settings)
    before = observations.day_before(day, "month")
    table = build.feature_table(place.source, place.settings_of(info), [before, day])
    now = table["as_of"] == pd.Timestamp(day)
    known = ["account_id", "as_of", *(each.name for each in model.features)]
    return model, table[now][known].reset_index(drop=True), table[~now][known]


@pytest.fixture(scope="module")
def both(world):
    """Accounts that were there at both looks, in the same order."""
    _, now, before = world
    was, seen = Earlier(before).of(now["account_id"])
    return now[seen].reset_index(drop=True), was[seen].reset_index(drop=True)


def other(model):
    """A model that says something else."""
    shifted = replace(model.calibration, offset=model.calibration.offset + 0.3, slope=0.7)
    return replace(model, calibration=shifted)


@pytest.fixture(scope="module")
def health(both):
    """A health score of three metrics, learned from made-up fates."""
    names = ["active_days_28d", "active_users_28d", "days_since_last_use"]
    rng = np.random.default_rng(0)
    table = pd.concat([both[0]] * 4, ignore_index=True)
    table["account_id"] = [f"x{n}" for n in range(len(table))]
    table[names] += rng.normal(size=(len(table), 3))
    odds = -table["active_days_28d"].rank(pct=True).fillna(0.5) * 3
    churned = pd.Series(rng.random(len(table)) < 1 / (1 + np.exp(-odds)))
    table = table.assign(due=True, renewal_date=table["as_of"])
    known = {name: catalog.metrics()[name] for name in names}
    return HealthScore.fit(table, churned, pd.Series(1.0, table.index), known, refits=2)


def test_behaviour_alone_explains_what_one_model_says_on_two_days(world, both):
    model = world[0]
    now, was = both
    parts, _ = change.parts(Judged.by(now, model), Judged.by(was, model))
    moved = model.predict_proba(now) - model.predict_proba(was)
    np.testing.assert_allclose(parts.sum(axis=1), moved, rtol=0, atol=1e-12)
    assert not parts[["model", "settings"]].to_numpy().any()
    assert np.abs(moved).max() > 0.01


def test_another_model_on_the_same_rows_is_the_models_doing_alone(world, both):
    model, (now, _) = world[0], both
    parts, _ = change.parts(*[Judged.by(now, model)] * 2, then=Judged.by(now, other(model)))
    assert not parts.drop(columns="model").to_numpy().any()
    gap = model.predict_proba(now) - other(model).predict_proba(now)
    np.testing.assert_allclose(parts["model"], gap, rtol=0, atol=1e-15)


def test_all_causes_together_sum_to_the_difference_with_what_was_told(world, both, health):
    model = world[0]
    now, was = both
    rng = np.random.default_rng(0)
    told = Told(rng.random(len(now)), 100 * rng.random(len(now)))
    parts, won = change.parts(
        Judged.by(now, model, health),
        Judged.by(was, model, health),
        Judged.by(was, other(model), health),
        told,
    )
    moved = model.predict_proba(now) - told.probability
    np.testing.assert_allclose(parts.sum(axis=1), moved, rtol=0, atol=1e-12)
    gap = health.score(now)["health"] - told.health
    known = health.score(was)["health"].notna() & gap.notna()
    assert known.mean() > 0.5
    np.testing.assert_allclose(won[known].sum(axis=1), gap[known], rtol=0, atol=1e-9)
    assert won[~known].isna().all().all()


def test_a_goal_that_moved_is_told_as_settings_and_not_as_behaviour(world, both, health):
    model, (now, _) = world[0], both
    judged = Judged.by(now, model, health)
    stricter = health.score(now)["health"].to_numpy() + 5.0
    _, won = change.parts(judged, judged, told=Told(judged.probability.probability, stricter))
    known = won["settings"].notna()
    np.testing.assert_allclose(won["settings"][known], -5.0, atol=1e-9)
    assert not won[known].drop(columns="settings").to_numpy().any()


def test_the_part_of_a_metric_follows_its_contribution(world, both):
    model = world[0]
    now, was = both
    parts, _ = change.parts(Judged.by(now, model), Judged.by(was, model))
    moved = model.contributions(now)[0] - model.contributions(was)[0]
    names = list(moved)
    assert (np.sign(parts[names].to_numpy()) == np.sign(moved.to_numpy())).all()
    one = was.copy()
    one["days_to_renewal"] = now["days_to_renewal"]
    only, _ = change.parts(Judged.by(one, model), Judged.by(was, model))
    assert np.abs(only["days_to_renewal"]).sum() > 0.5 * np.abs(only[names]).sum().sum()


def test_every_row_of_the_score_table_tells_its_change(scored):
    table, _ = scored
    known = table[table["probability_change"].notna()]
    assert len(known) > 0.8 * len(table)
    for row in known.itertuples():
        in_all = sum(each["points"] for each in row.change_drivers)
        assert in_all == pytest.approx(row.probability_change, abs=1e-9)
        weights = [abs(each["points"]) for each in row.change_drivers]
        assert weights == sorted(weights, reverse=True)
    assert all(len(row.change_drivers) == 0 for row in table.drop(known.index).itertuples())


def test_the_change_is_the_difference_of_two_score_tables(world, scored):
    model, _, before = world
    now = pd.Timestamp("2026-01-01", tz="UTC")
    earlier = score.score(before, model, catalog.metrics(), "1", now)
    pairs = scored[0].merge(earlier, on="account_id", suffixes=("", "_then"))
    gap = pairs["churn_probability"] - pairs["churn_probability_then"]
    np.testing.assert_allclose(pairs["probability_change"], gap, rtol=0, atol=1e-12)


def test_an_earlier_table_by_another_model_is_split_from_what_it_told(world):
    model, now, before = world
    moment = pd.Timestamp("2026-01-01", tz="UTC")
    told = score.score(before, other(model), catalog.metrics(), "1", moment)
    told["churn_probability"] += 0.01
    earlier = Earlier(before, other(model), told)
    table = score.score(now, model, catalog.metrics(), "2", moment, earlier).set_index("account_id")
    was = told.set_index("account_id")["churn_probability"].reindex(table.index)
    gap = table["churn_probability"] - was
    np.testing.assert_allclose(table["probability_change"], gap, rtol=0, atol=1e-12)
    row = table[table["probability_change"].notna()].iloc[0]
    causes = {each["cause"]: each["points"] for each in row["change_drivers"]}
    assert causes["settings"] == pytest.approx(-0.01)
    assert causes["model"] != 0
    assert sum(each["points"] for each in row["change_drivers"]) == pytest.approx(
        row["probability_change"], abs=1e-12
    )


def test_a_row_told_again_in_its_own_language_is_the_same(scored):
    for row in score.records(scored[0].head(20)):
        again = language.retell(row, "en")
        for name in ("drivers", "change_drivers"):
            for there, here in zip(again[name], row[name], strict=True):
                assert there == here


def test_a_row_told_in_german_keeps_its_numbers(scored):
    row = score.records(scored[0].head(1))[0]
    german = language.retell(row, "de")
    for name in ("drivers", "change_drivers"):
        for there, here in zip(german[name], row[name], strict=True):
            assert there["points"] == here["points"]
            assert not {"{", "}"} & set(there["sentence"])
    said = {each["sentence"] for each in german["drivers"]}
    assert said.isdisjoint(
        each["sentence"] for each in row["drivers"] if each["dimension"] != "context"
    )


@pytest.mark.parametrize(
    ("lang", "header", "expected"),
    [
        (None, None, "en"),
        ("de", "en", "de"),
        ("DE", None, "de"),
        ("xx", "de", "de"),
        (None, "de-CH, en;q=0.5", "de"),
        (None, "en;q=0.5, de;q=0.9", "de"),
        (None, "de;q=0, en", "en"),
        (None, "fr, *", "en"),
        (None, ";;q=,de;q=x", "en"),
    ],
)
def test_the_language_is_the_readers(lang, header, expected):
    assert language.chosen(lang, header) == expected
