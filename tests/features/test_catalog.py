"""The metrics' declarations agree with themselves, the contract and the documentation."""

import re
from pathlib import Path

import pytest

from features import catalog
from features.contract import TABLES
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
    assert metric.sentence.count("{value}") == 1
    assert metric.formula
    assert metric.label
    assert (metric.dimension == CONTEXT) <= (metric.healthy is None), "context is not health"
    for need in metric.needs:
        for one in need.split("|"):
            table, _, column = one.partition(".")
            assert table in TABLES
            assert not column or column in TABLES[table].column_names
    window = re.search(r"_(\d+)d$", metric.name)
    if window:
        assert window[1] in metric.formula, "the window stands in the definition"


def test_no_two_metrics_share_a_name():
    names = [m.name for module in catalog._MODULES for m in module.METRICS]
    assert len(names) == len(set(names))
