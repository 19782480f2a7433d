"""The metrics' declarations agree with themselves, the contract and the documentation."""

import re
from pathlib import Path

import pytest

from features import catalog, own
from features.metric import CONTEXT, DIMENSIONS

ROOT = Path(__file__).parents[2]
METRICS = catalog.metrics()


def test_the_documentation_is_what_the_declarations_say():
    written = (ROOT / "docs" / "metrics.md").read_text(encoding="utf-8")
    assert written == catalog.document(), "run: python -m features.catalog > docs/metrics.md"


def test_every_dimension_has_metrics_in_the_order_in_which_people_read_them():
    assert list(dict.fromkeys(m.dimension for m in METRICS.values())) == [CONTEXT, *DIMENSIONS]


@pytest.mark.parametrize("metric", METRICS.values(), ids=lambda metric: metric.name)
def test_a_declaration_holds_together(metric):
    assert own.faults_of(metric) == []
    assert metric.formula
    assert metric.label
    assert metric.label_de
    assert metric.sentence_de
    assert (metric.dimension == CONTEXT) <= (metric.healthy is None), "context is not health"
    assert {name for name, _ in metric.not_for} | ({metric.age} - {""}) <= set(METRICS)
    window = re.search(r"_(\d+)d$", metric.name)
    if window:
        assert window[1] in metric.formula, "the window stands in the definition"


@pytest.mark.parametrize("metric", METRICS.values(), ids=lambda metric: metric.name)
def test_words_agree_with_their_number(metric):
    for language in ("en", "de"):
        assert not set("{|}") & set(metric.said("1", language) + metric.said("2", language))
    if metric.unit.endswith("s"):
        assert f"1 {metric.unit}" not in metric.said("1"), "1 days"
    if "|" in metric.sentence:
        assert "|" in metric.sentence_de or "{value} Mal " in metric.sentence_de


@pytest.mark.parametrize(
    ("value", "language", "said"),
    [
        ("1", "en", "1 user was active in the last 28 days"),
        ("0", "en", "0 users were active in the last 28 days"),
        ("1", "de", "1 Nutzer war in den letzten 28 Tagen aktiv"),
        ("1.5", "de", "1.5 Nutzer waren in den letzten 28 Tagen aktiv"),
        ("<1 %", "de", "<1 % Nutzer war in den letzten 28 Tagen aktiv"),
    ],
)
def test_one_takes_its_own_form(value, language, said):
    assert METRICS["active_users_28d"].said(value, language) == said


def test_what_no_team_can_move_in_weeks_is_not_actionable():
    assert METRICS["active_users_28d"].actionable
    fixed = ("tenure_days", "renewals_behind", "price_change_last_renewal", "csm_sentiment")
    assert not any(METRICS[name].actionable for name in fixed)
    assert not any(m.actionable for m in METRICS.values() if m.dimension == CONTEXT)


def test_no_two_metrics_share_a_name():
    names = [m.name for module in catalog._MODULES for m in module.METRICS]
    assert len(names) == len(set(names))
