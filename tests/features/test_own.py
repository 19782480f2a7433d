"""Own metrics: a file beside tenure.toml, safe in time, and clear about its faults."""

import re
from datetime import date
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from histories import frame, source
from hypothesis import HealthCheck, given
from hypothesis import settings as of_tests
from hypothesis import strategies as st
from random_history import AS_OFS, random_history, with_another_future

from features import build, catalog, own, settings
from features.contract import TABLES
from features.errors import TenureError
from features.settings import MetricSettings, Settings

PAGE = Path(__file__).parents[2] / "docs" / "own-metrics.md"
AS_OF = date(2025, 6, 1)

GREEDY = """
from functools import reduce
import ibis
from features.metric import Metric

NAMES = ("accounts", "users", "contracts", "usage", "surveys", "csm_sentiment", "tickets",
         "touchpoints", "invoices", "advocacy", "objectives", "incidents")

def quantities(tables, observations):
    t = observations
    for name in NAMES:
        seen = tables[name]
        filled = {c: seen[c].count() for c in seen.columns if c != "account_id"}
        counts = seen.group_by("account_id").agg(
            **{f"{name}_{c}": n for c, n in filled.items()},
            **{f"{name}_newest": seen.days_ago.min()},
        )
        everywhere = seen.agg(**{f"{name}_all": seen.count()})
        t = t.left_join(counts, "account_id").drop("account_id_right").cross_join(everywhere)
    return t

def one(name):
    return Metric(
        name=name, dimension="depth", label=name, unit="", healthy=None, actionable=False,
        formula="", sentence="{value}", needs=("contracts",), value=lambda t: t[name],
    )

METRICS = [one(f"{name}_{of}") for name in NAMES for of in ("known_at", "newest", "all")] + [
    one(name) for name in (
        "tickets_resolved_at", "tickets_satisfaction", "tickets_contacts", "tickets_reopened",
        "tickets_first_response_at", "contracts_outcome", "contracts_decided_at",
        "contracts_contract_id", "surveys_score", "surveys_responded_at", "invoices_paid_at",
        "objectives_status", "objectives_value", "objectives_status_at", "users_deactivated_at",
        "touchpoints_response_hours", "touchpoints_attended", "incidents_ended_at",
    )
]
"""


def written(folder, text):
    path = folder / "my_metrics.py"
    path.write_text(text, encoding="utf-8")
    return MetricSettings(str(path))


def example():
    return re.search(r"```python\n(.*?)```", PAGE.read_text(encoding="utf-8"), re.DOTALL)[1]


def table_of(history, mine, as_ofs=AS_OFS):
    return build.feature_table(source(history), Settings(metrics=mine), as_ofs)


@pytest.fixture(scope="module")
def greedy(tmp_path_factory):
    return written(tmp_path_factory.mktemp("own"), GREEDY)


@pytest.fixture
def small():
    """One account with a contract, three exports and four tickets, around one day."""
    return {
        "accounts": frame("accounts", [{"account_id": "a"}]),
        "contracts": frame(
            "contracts",
            [
                {
                    "contract_id": "c",
                    "account_id": "a",
                    "start_date": "2025-01-01",
                    "end_date": "2026-01-01",
                    "arr": 1.0,
                    "seats": 4.0,
                }
            ],
        ),
        "usage": frame(
            "usage",
            [
                {"account_id": "a", "feature": "export", "occurred_at": day, "known_at": known}
                for day, known in (
                    ("2025-05-20", None),
                    ("2025-05-31T23:59:59", None),
                    ("2025-05-31", "2025-06-01"),
                    ("2025-06-01", "2025-05-01"),
                    ("2025-05-03", None),
                )
            ],
        ),
        "tickets": frame(
            "tickets",
            [
                {
                    "ticket_id": f"{n}",
                    "account_id": "a",
                    "opened_at": "2025-05-01",
                    "resolved_at": solved,
                    "contacts": contacts,
                }
                for n, (solved, contacts) in enumerate(
                    [("2025-05-02", 1), ("2025-05-03", 2), ("2025-06-01", 1), (None, None)]
                )
            ],
        ),
    }


def test_the_example_of_the_documentation_works(tmp_path, small):
    mine = written(tmp_path, example())
    row = table_of(small, mine, [AS_OF]).iloc[0]
    assert row["exports_per_seat_28d"] == 2 / 4
    assert row["solved_at_once_share_90d"] == 1 / 2
    known = catalog.metrics(Settings(metrics=mine))
    assert known["exports_per_seat_28d"].said("1", "de") == (
        "1 Export pro Lizenz in den letzten 28 Tagen"
    )
    assert list(known) != sorted(known)
    assert list(dict.fromkeys(m.dimension for m in known.values())) == list(
        dict.fromkeys(m.dimension for m in catalog.metrics().values())
    )


def test_what_a_source_lacks_is_absent(tmp_path, small):
    mine = written(tmp_path, example())
    del small["tickets"]
    assert "exports_per_seat_28d" in table_of(small, mine, [AS_OF])
    assert "solved_at_once_share_90d" not in table_of(small, mine, [AS_OF])
    small["contracts"] = small["contracts"].drop(columns="seats")
    assert "exports_per_seat_28d" not in table_of(small, mine, [AS_OF])


@of_tests(max_examples=4, deadline=None, suppress_health_check=list(HealthCheck))
@given(seed=st.integers(0, 2**32 - 1), as_of=st.sampled_from(AS_OFS))
def test_a_metric_that_counts_all_it_can_see_sees_nothing_of_the_future(greedy, seed, as_of):
    rng = np.random.default_rng(seed)
    history, noise = random_history(rng), random_history(rng)
    day = pd.Timestamp(as_of)
    changed = {"accounts": history["accounts"]}
    for name, t in history.items():
        if name != "accounts":
            later = noise[name].assign(known_at=noise[name]["known_at"].clip(lower=day))
            changed[name] = pd.concat([t[t["known_at"] < day], later], ignore_index=True)
    changed = with_another_future(changed, day, rng)
    try:
        before = table_of(history, greedy, [as_of])
    except build.TenureError:
        return
    pd.testing.assert_frame_equal(table_of(changed, greedy, [as_of]), before)
    together = table_of(history, greedy)
    together = together[together["as_of"] == day].reset_index(drop=True)
    pd.testing.assert_frame_equal(together, before)


def test_every_column_that_changes_later_is_empty_until_then():
    tables = {
        name: [{c.name: _some(c, name) for c in declared.columns}]
        for name, declared in TABLES.items()
    }
    seen = own.as_known(source({n: frame(n, rows) for n, rows in tables.items()}).tables, AS_OF)
    found = {}
    for name, t in seen.items():
        row = t.execute().iloc[0]
        found[name] = {c for c in row.index if pd.isna(row[c])}
    assert found == {
        "accounts": set(),
        "users": {"deactivated_at"},
        "contracts": {"outcome", "decided_at", "reason"},
        "usage": set(),
        "surveys": {"score", "comment", "responded_at"},
        "csm_sentiment": set(),
        "tickets": {"first_response_at", "resolved_at", "contacts", "reopened", "satisfaction"},
        "touchpoints": {"attended", "response_hours"},
        "invoices": {"paid_at"},
        "advocacy": set(),
        "objectives": {"value", "status", "status_at"},
        "incidents": {"ended_at"},
    }


def _some(column, table):
    """A row that was there the day before, with all that came of it on the day or later."""
    if column.type in ("time", "date"):
        happened = column.name in (TABLES[table].times[0], "known_at")
        return "2025-05-31" if happened else "2025-06-01"
    if column.name == "response_hours":
        return 24.0
    return {"text": "x", "number": 1.0, "integer": 1, "boolean": True}[column.type]


@pytest.mark.parametrize(
    ("change", "told"),
    [
        (("import ibis", "import ibis\nimport no_such_library"), "line 2: ModuleNotFoundError"),
        (("def quantities(", "def quantities)("), "line 6: SyntaxError"),
        (("actionable=True,", ""), "line 2[0-9]: TypeError: .*'actionable'"),
        (("def quantities(", "def amounts("), "lacks METRICS"),
        (("exports_per_seat_28d", "active_days_28d"), "the name 'active_days_28d' is taken"),
        (("exports_per_seat_28d", "churned"), "the name 'churned' is taken"),
        (("solved_at_once_share_90d", "exports_per_seat_28d"), "'exports_per_seat_28d' is taken"),
        (('dimension="depth"', 'dimension="dept"'), "dimension is 'dept' and must be one of"),
        (('"tickets.contacts"', '"tickets.contact"'), "Did you mean 'tickets.contacts'?"),
        (("{value} of the solved", "Some of the solved"), "{value} must stand once"),
        (('tables["usage"]', 'tables["use"]'), "line 7: KeyError: 'use'"),
        (("usage.days_ago", "usage.days_past"), "line 8: AttributeError: .*days_past"),
        (("t.exports.fill", "t.export.fill"), "line 3[0-9]: AttributeError"),
        (('.group_by("account_id").agg(exports', ".mutate(exports"), "gives 1 rows too many"),
        (("    return t.left_join(quick", "    return None\n    t.left_join(quick"), "must give a"),
    ],
)
def test_a_fault_in_the_file_is_told_with_its_line(tmp_path, small, change, told):
    assert change[0] in example()
    mine = written(tmp_path, example().replace(*change))
    with pytest.raises(TenureError, match=told.replace("{", r"\{")) as fault:
        catalog.metrics(Settings(metrics=mine))
        table_of(small, mine, [AS_OF])
    assert "my_metrics.py" in fault.value.message
    assert fault.value.fix


def test_the_file_lies_beside_the_settings(tmp_path, monkeypatch):
    written(tmp_path, example())
    (tmp_path / "tenure.toml").write_text('[metrics]\nfile = "my_metrics.py"\n')
    assert "exports_per_seat_28d" in catalog.metrics(settings.load(tmp_path / "tenure.toml"))
    monkeypatch.chdir(tmp_path)
    assert "exports_per_seat_28d" in catalog.metrics(settings.load())


def test_a_file_that_is_not_there_is_told(tmp_path):
    with pytest.raises(TenureError, match=r"nowhere.py is not there"):
        own.load(MetricSettings(str(tmp_path / "nowhere.py")))
