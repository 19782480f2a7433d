"""`tenure evaluate --html`: one page that asks nobody for anything."""

import re
from dataclasses import replace

import numpy as np
import pytest
from markupsafe import escape

from serving import report, weights
from training import baseline, questions, tracking
from training.tracking import store


@pytest.fixture
def kept(champion, monkeypatch, use_store):
    use_store(monkeypatch, champion.store)
    info = tracking.info()
    return tracking.backtest(), info, weights.told(info.version)


def test_the_page_tells_leaders_and_data_scientists(kept):
    page = report.html(*kept)
    assert re.search(r"Of the \d+ accounts we would have called, <strong>\d+\.\d left", page)
    assert re.search(r"of \d+ at random, \d+\.\d\n", page)
    assert re.search(r"They held \d+ % <span .*\nof the ARR that left", page)
    for heading in ("Is it true what it says", "Ledger", "For data scientists"):
        assert heading in page
    assert page.count("<svg") >= 6


def test_it_says_whether_more_data_would_help(kept):
    backtest, info, health = kept
    page = report.html(backtest, info, health)
    told = info.summary["learning_curve"]
    assert told["verdict"].replace("+", "&#43;") in page or told["verdict"] in page
    assert f"{told['points'][0]['auc']:.3f} <" in page
    assert 'id="learning-' in page


def test_it_says_how_far_ahead_it_sees(kept):
    backtest, info, health = kept
    page = report.html(backtest, info, health)
    told = info.summary["time_to_churn"]
    assert str(escape(told["verdict"])) in page
    assert str(escape(info.summary["retained_arr"]["verdict"])) in page
    within = told["horizons"][1]
    followed = backtest[backtest["followed_days"] >= 90]
    assert within["said"] == pytest.approx(followed["probability"].mean())
    assert within["left"] == pytest.approx(followed["churned"].mean())
    assert f'<td>90 days</td>\n<td class="number">{100 * within["said"]:.1f} %</td>' in page
    assert "too few that left were followed" in page  # two years do not hold a judged one
    assert 'id="ahead-' in page


def test_it_tells_what_healthy_means(kept):
    page = report.html(*kept)
    health = kept[2]
    assert "What healthy means here" in page
    assert str(escape(weights.how_far(health))) in page
    for each in health["metrics"].values():
        assert str(escape(weights.goal_said(each, weights.goal_of(each)))) in page
    for line in weights.bands_said(health):
        assert str(escape(line)) in page
    run = store.artifact(store.find(kept[1].version), "report/report.html").read_text()
    assert "What healthy means here" in run


def test_the_page_shows_each_figure_with_one_interval(kept):
    backtest, info, health = kept
    page = report.html(backtest, info, health)
    told = info.summary
    for name in ("auc_due", "log_loss_due", "brier_due"):
        point, low, high = (f"{told[f'{name}{end}']:.3f}" for end in ("", "_low", "_high"))
        cell = f'{point} <span class="soft">{low}\u2013{high}</span>'
        assert page.count(cell) >= 2, name  # in the table, and beside what one would do without it
    card = store.artifact(store.find(info.version), "report/model_card.md").read_text()
    ends = f"{told['auc_due_low']:.3f}-{told['auc_due_high']:.3f}"
    assert f"| the model | {told['auc_due']:.3f} ({ends}) |" in card
    for fold in told["folds"]:
        assert fold["log_loss_low"] < fold["log_loss"] < fold["log_loss_high"]


def test_rules_without_a_model_are_calibrated_in_time(kept):
    """Else a ranking could not be judged by log-loss and Brier score."""
    backtest, _, _ = kept
    due = backtest[backtest["due"]]
    for name in ("contract_probability", "usage_probability"):
        assert due[name].between(0, 1, inclusive="neither").all()
        assert backtest.loc[~backtest["due"], name].isna().all()
    rules = questions.rankings(backtest).set_index("rule")
    assert rules.loc[["lowest usage first", "the contract alone"], "log_loss"].notna().all()


def test_it_asks_nobody_for_anything(kept):
    page = report.html(*kept)
    outside = [
        each
        for each in re.findall(r'(?:src|href|url)\s*[=(]\s*"?([^")\s>]+)', page)
        if not each.startswith("#")
    ]
    assert outside == []
    assert "<script" not in page


def test_names_inside_the_figures_do_not_meet(kept):
    names = re.findall(r'\bid="([^"]+)"', report.html(*kept))
    assert len(names) == len(set(names))


def test_the_run_keeps_report_card_and_frames(kept):
    _, info, _ = kept
    card = store.artifact(store.find(info.version), "report/model_card.md").read_text()
    assert f"{info.summary['observations']:,} observations" in card
    assert "## For whom" in card
    assert info.summary["time_to_churn"]["verdict"] in card
    for trait in ("segment", "region", "size by ARR", "touch model"):
        assert f"| {trait} | " in card
    page = store.artifact(store.find(info.version), "report/report.html").read_text()
    assert "Training run" in page


def test_the_score_in_use_today_stands_beside_the_model(kept):
    backtest, info, health = kept
    noise = np.random.default_rng(0).random(len(backtest))
    own = backtest.assign(
        baseline_score=noise, baseline_probability=0.1, baseline_probability_due=0.3
    )
    told = baseline.summary(own)
    page = report.html(own, replace(info, summary={**info.summary, "baseline": told}), health)
    assert told["verdict"] in page
    assert "Log-loss, among the due" in page
    for row in told["figures"]:
        assert f"{row['baseline']:.3f} <" in page
    assert "your present score" in page
    assert "Against your present score" not in report.html(backtest, info, health)
