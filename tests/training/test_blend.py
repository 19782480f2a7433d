"""Trees and scorecard together where a renewal is due, the trees alone elsewhere."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from scipy.special import logit

from features.metric import Metric
from features.settings import Settings, TrainingSettings
from training import grouping, pipeline
from training.blend import Blend
from training.calibration import Calibration
from training.churn_model import ChurnModel
from training.health_score import HealthScore
from training.ladder import SHARES
from training.pipeline import Trained
from training.scorecard import Grouping
from training.split import rolling_origin

WINDOW = (1, 93)
BAGS = 4
SHARE = 0.75
GROUPINGS = {
    "segments": Grouping("segment"),
    "bands": Grouping("usage", (-0.5, 0.5)),
    "everyone": Grouping(""),
}


@pytest.fixture(scope="module")
def company(make_panel: Callable[..., pd.DataFrame]) -> pd.DataFrame:
    table = make_panel(500, seed=11)
    table.loc[::17, "segment"] = None
    return table


@pytest.fixture(scope="module", params=GROUPINGS.values(), ids=GROUPINGS.keys())
def score(
    request: pytest.FixtureRequest, company: pd.DataFrame, metrics: dict[str, Metric]
) -> HealthScore:
    return HealthScore.fit(
        company, company["churned"], company["weight"], metrics, BAGS, grouping=request.param
    )


@pytest.fixture(scope="module")
def trees(company: pd.DataFrame, metrics: dict[str, Metric]) -> ChurnModel:
    model = ChurnModel.fit(company, company["churned"], company["weight"], metrics, trees=40)
    bagged = model.with_bags(company, company["churned"], company["weight"], BAGS)
    return replace(bagged, calibration=Calibration(slope=0.8, offset=-0.1))


@pytest.fixture(scope="module")
def model(trees: ChurnModel, score: HealthScore, company: pd.DataFrame) -> ChurnModel:
    both = trees.beside(score, company, WINDOW, SHARE)
    assert both.blend is not None
    return both


def test_a_share_of_each_where_a_renewal_is_due(
    model: ChurnModel, trees: ChurnModel, score: HealthScore, company: pd.DataFrame
) -> None:
    due = company["due"].to_numpy(bool)
    mean = (1 - SHARE) * trees.scores(company) + SHARE * logit(score.risk(company))
    told = model.scores(company)
    np.testing.assert_allclose(told[due], mean[due], atol=1e-9)
    assert (told[~due] == trees.scores(company)[~due]).all()
    assert 0 < due.sum() < len(due)


def test_at_the_whole_share_the_scorecard_speaks_alone_and_explains_itself(
    trees: ChurnModel, score: HealthScore, company: pd.DataFrame
) -> None:
    alone = trees.beside(score, company, WINDOW, SHARES["blend 1/1"])
    due = company[company["due"]]
    np.testing.assert_allclose(alone.scores(due), logit(score.risk(due)), atol=1e-9)
    rows = company.sample(80, random_state=0)
    points, base = alone.points(rows)
    np.testing.assert_allclose(base + points.sum(axis=1), alone.predict_proba(rows), atol=1e-9)
    # of no healthy direction, so that only the trees read it
    assert np.abs(trees.points(due)[0]["noise"]).max() > 0.001
    np.testing.assert_allclose(alone.points(due)[0]["noise"], 0, atol=1e-9)


def test_intervals_come_from_refits_of_both(
    model: ChurnModel, trees: ChurnModel, score: HealthScore, company: pd.DataFrame
) -> None:
    rows = company[company["due"]]
    low, high = model.interval(rows)
    bags = []
    for bag, odds in zip(trees.bags, score.drawn, strict=True):
        of_refit = _naive(score, odds, rows)
        grown = replace(trees, booster=bag).scores(rows)
        bags.append(model.calibration.probability((1 - SHARE) * grown + SHARE * of_refit))
    point = model.predict_proba(rows)
    ends = np.quantile(bags, [0.05, 0.95], axis=0)
    np.testing.assert_allclose(low, np.minimum(ends[0], point), atol=1e-9)
    np.testing.assert_allclose(high, np.maximum(ends[1], point), atol=1e-9)


def _naive(score: HealthScore, odds: object, rows: pd.DataFrame) -> np.ndarray:
    """Log-odds of a refit, row by row and metric by metric."""
    told = []
    names = score.grouping.names_of(rows[score.grouping.column]) if score.segments else None
    for at, (_, row) in enumerate(rows.iterrows()):
        name = None if names is None else names.iloc[at]
        group = score.segments.index(name) if name in score.segments else len(score.segments)
        z = odds.group[group]
        for j, each in enumerate(score.metrics):
            value = row[each.name]
            if pd.isna(value):
                z += odds.missing[j]
            else:
                red, green = odds.red[j, group], odds.green[j, group]
                z += odds.metric[j] * (1 - min(max((value - red) / (green - red), 0), 1))
        for each, slope in zip(score.background, odds.context, strict=True):
            value = row.get(each.name)
            if value is not None and not pd.isna(value):
                x = np.log1p(max(value, 0)) if each.logarithm else value
                z += slope * (x - each.centre) / each.spread
        told.append(z)
    return np.array(told)


def test_contributions_add_up_and_their_mean_is_that_of_who_is_due(
    model: ChurnModel, trees: ChurnModel, company: pd.DataFrame
) -> None:
    explained = model.explain(company)
    total = explained.base + explained.shap.sum(axis=1)
    np.testing.assert_allclose(total, logit(model.predict_proba(company)), atol=1e-9)
    np.testing.assert_allclose(
        explained.base_probability + explained.point_matrix.sum(axis=1),
        model.predict_proba(company),
        atol=1e-12,
    )
    assert explained.base == trees.explain(company).base
    # what both say less the trees': the scorecard's terms, which weigh up to nothing
    due = company["due"].to_numpy(bool)
    ours, theirs = (each.contributions[due] for each in (explained, trees.explain(company)))
    terms = (ours - (1 - SHARE) * theirs).drop(columns="days_to_renewal")
    mean = np.average(terms, axis=0, weights=company["weight"][due])
    np.testing.assert_allclose(mean, 0, atol=1e-9)
    assert (terms.abs().max() > 0.1)["usage"]


def test_a_metric_contributes_what_a_change_of_it_moves(
    model: ChurnModel, score: HealthScore, company: pd.DataFrame
) -> None:
    """Of the scorecard's share: of a sum, an exact SHAP value."""
    rows = company[company["due"]].head(50)
    alone = replace(model, calibration=Calibration())
    for name in ("tickets", "nps"):
        worse = rows.assign(**{name: rows[name] + 0.3})
        moved = logit(score.risk(worse)) - logit(score.risk(rows))
        trees = replace(alone, blend=None)
        ours = alone.contributions(worse)[0][name] - alone.contributions(rows)[0][name]
        theirs = trees.contributions(worse)[0][name] - trees.contributions(rows)[0][name]
        np.testing.assert_allclose(ours - (1 - SHARE) * theirs, SHARE * moved, atol=1e-9)


def test_risk_never_runs_against_a_healthy_direction(
    model: ChurnModel, company: pd.DataFrame
) -> None:
    rows = company[company["due"]].dropna(subset=["usage", "tickets", "nps"]).head(200)
    by_usage = model.blend is not None and model.blend.edges
    for name, better in (("usage", 1), ("tickets", -1), ("nps", 1)):
        if name == "usage" and by_usage:
            continue  # another band has other goals
        moved = model.predict_proba(rows.assign(**{name: rows[name] + better * 0.5}))
        assert (moved <= model.predict_proba(rows) + 1e-12).all(), name


def test_saved_it_says_the_same_to_the_bit(
    model: ChurnModel, company: pd.DataFrame, tmp_path: Path
) -> None:
    model.save(tmp_path)
    again, told = ChurnModel.load(tmp_path).explain(company), model.explain(company)
    for name in ("log_odds", "low", "high", "shap"):
        assert np.array_equal(getattr(again, name), getattr(told, name)), name


def test_one_row_is_told_as_many_are(model: ChurnModel, company: pd.DataFrame) -> None:
    rows = company.sample(60, random_state=1)
    many = model.explain(rows)
    for place in range(len(rows)):
        one = model.explain(rows.iloc[[place]])
        for name in ("log_odds", "low", "high"):
            assert getattr(one, name)[0] == getattr(many, name)[place], name
        assert (one.shap[0] == many.shap[place]).all()


def test_a_scorecard_that_learned_nothing_stands_beside_no_trees(
    trees: ChurnModel, company: pd.DataFrame, metrics: dict[str, Metric]
) -> None:
    few = company[company["account_id"].isin(company["account_id"].unique()[:60])]
    nothing = HealthScore.fit(few, few["churned"], few["weight"], metrics, 0)
    assert nothing.learned == "nothing"
    assert trees.beside(nothing, few, WINDOW, SHARE).blend is None


@pytest.fixture(scope="module")
def trained(company: pd.DataFrame, metrics: dict[str, Metric]) -> Trained:
    few = TrainingSettings(bags=2, trees=60, folds=3)
    return pipeline.train(company, replace(Settings(), training=few), metrics)


def test_training_puts_it_beside_the_trees_and_says_so(trained: Trained) -> None:
    told = trained.summary["ladder"]
    assert told["log_loss"].keys() == {"trees", *SHARES}
    assert trained.summary["kind"] == "blend"
    share = told["chosen"].split()[1]
    assert told["verdict"].startswith(
        "Two kinds of model were tried, and LightGBM with the health scorecard "
        f"({share} of the log-odds of renewals due) serves: log-loss "
    )
    assert trained.summary["trees"] > 0
    assert trained.model.blend is not None
    assert trained.model.blend.share == SHARES[told["chosen"]]
    assert len(trained.model.blend.told) == 1 + 2


def test_where_the_last_scorecard_learned_nothing_trees_are_told_to_serve(
    company: pd.DataFrame, metrics: dict[str, Metric], monkeypatch: pytest.MonkeyPatch
) -> None:
    few = TrainingSettings(bags=1, trees=20, folds=3)
    of = Blend.of
    # only the model that serves has refits
    monkeypatch.setattr(Blend, "of", lambda *a, refits=0: None if refits else of(*a, refits=refits))
    told = pipeline.train(company, replace(Settings(), training=few), metrics)
    assert told.summary["ladder"]["chosen"] in SHARES
    assert told.model.blend is None
    assert told.summary["kind"] == "trees"


def test_the_figures_are_those_of_both_before_it_happened(
    trained: Trained, company: pd.DataFrame, metrics: dict[str, Metric]
) -> None:
    """The last block once more, by hand: trees and scorecard from what was known before it."""
    table = company.sort_values(["as_of", "account_id"], ignore_index=True)
    embargo_days = pipeline.embargo(Settings().observations)
    before, block = rolling_origin(table["as_of"], 3, embargo_days)[-1].parts(table)
    told = trained.backtest[trained.backtest["fold"] == 2]
    grown = ChurnModel.fit(
        before, before["churned"], before["weight"], metrics, trained.summary["trees"]
    )
    groups, _ = grouping.chosen(before, metrics, embargo_days, {}, 0)
    score = HealthScore.fit(
        before, before["churned"], before["weight"], metrics, 0, grouping=groups
    )
    due = block["days_to_renewal"].to_numpy() < 91
    alone, card = grown.scores(block), logit(score.risk(block))
    ours = told.set_index(["account_id", "as_of"])["score"]
    ours = ours.loc[pd.MultiIndex.from_frame(block[["account_id", "as_of"]])]
    close = [
        np.allclose(ours, np.where(due, (1 - share) * alone + share * card, alone), atol=1e-9)
        for share in SHARES.values()
    ]
    assert sum(close) == 1, "one share for the whole block"
