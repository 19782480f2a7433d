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
from features.source import connect

PAGE = Path(__file__).parents[2] / "docs" / "own-metrics.md"
AS_OF = date(2025, 6, 1)

GREEDY = """
from features.metric import Metric

def quantities(tables, observations):
    usage, tickets = tables["usage"], tables["tickets"]
    events = usage.agg(events=usage.count(), newest=usage.days_ago.min())
    solved = tickets.agg(solved=tickets.resolved_at.count(), contacts=tickets.contacts.sum())
    return observations.select("account_id").cross_join(events).cross_join(solved)

METRICS = [
    Metric(
        name=f"all_{name}", dimension="depth", label=name, unit="", healthy=None, actionable=False,
        formula="", sentence="{value}", needs=("contracts",), value=lambda t, name=name: t[name],
    )
    for name in ("events", "newest", "solved", "contacts")
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


@pytest.mark.parametrize("lacking", ["nothing", "tickets"])
def test_the_example_works_on_every_engine(put, tmp_path, small, lacking):
    mine = Settings(metrics=written(tmp_path, example()))
    tables = {name: t for name, t in small.items() if name != lacking}
    row = build.feature_table(connect(put(tables), mine), mine, [AS_OF]).iloc[0]
    assert row["exports_per_seat_28d"] == 0.5
    assert row.get("solved_at_once_share_90d") == (None if lacking == "tickets" else 0.5)


def test_what_a_source_lacks_is_absent(tmp_path, small):
    mine = written(tmp_path, example())
    del small["tickets"]
    assert "exports_per_seat_28d" in table_of(small, mine, [AS_OF])
    assert "solved_at_once_share_90d" not in table_of(small, mine, [AS_OF])
    small["contracts"] = small["contracts"].drop(columns="seats")
    assert "exports_per_seat_28d" not in table_of(small, mine, [AS_OF])


def test_a_metric_that_takes_all_it_can_get_sees_nothing_of_the_future(tmp_path, small):
    mine = written(tmp_path, GREEDY)
    names = [f"all_{name}" for name in ("events", "newest", "solved", "contacts")]
    table = table_of(small, mine, [date(2025, 5, 21), AS_OF, date(2025, 6, 2)])
    assert table[names].to_numpy().tolist() == [[2, 1, 2, 3], [3, 1, 2, 3], [5, 1, 3, 4]]


@of_tests(max_examples=3, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(st.integers(0, 2**32 - 1), st.sampled_from(AS_OFS))
def test_the_tables_that_a_file_sees_are_the_same_whatever_comes_later(seed, as_of):
    rng = np.random.default_rng(seed)
    history, noise = random_history(rng), random_history(rng)
    day = pd.Timestamp(as_of)
    changed = {}
    for name, t in history.items():
        later = noise[name].assign(known_at=noise[name]["known_at"].clip(lower=day))
        changed[name] = pd.concat([t[t["known_at"] < day], later], ignore_index=True)
    changed = with_another_future(changed, day, rng)
    before, after = seen_by_a_file(history, as_of), seen_by_a_file(changed, as_of)
    assert sum(map(len, before.values())) > 50
    for name, rows in before.items():
        pd.testing.assert_frame_equal(after[name], rows, obj=name)


def seen_by_a_file(history, as_of):
    """The tables as a file sees them, in one order."""
    tables = own.as_known(source(history).tables, as_of)
    frames = {name: t.execute() for name, t in tables.items()}
    return {
        name: t.sort_values(list(t.columns), ignore_index=True, key=lambda c: c.astype(str))
        for name, t in frames.items()
    }


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
    if table == "touchpoints" and column.name == "kind":
        return "email"
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
        (('unit="share"', 'unit="share", age="arr"'), "age and stale_days go together"),
        (('unit="share"', 'unit="share", age="arr", stale_days="days"'), "days or csm_stale_days"),
        (('unit="share"', 'unit="share", age="ar", stale_days=9'), "goes by 'ar', .*Did you mean"),
        (('unit="share"', 'unit="share", not_for=(("churned", 0),)'), "goes by 'churned'"),
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
        listed_and_computed(small, mine)
    assert "my_metrics.py" in fault.value.message
    assert fault.value.fix


def listed_and_computed(tables, mine):
    """What a command does: the catalog first, so that a fault is told before any work."""
    catalog.metrics(Settings(metrics=mine))
    return table_of(tables, mine, [AS_OF])


def test_the_file_lies_beside_the_settings(tmp_path, monkeypatch):
    written(tmp_path, example())
    (tmp_path / "tenure.toml").write_text('[metrics]\nfile = "my_metrics.py"\n')
    assert "exports_per_seat_28d" in catalog.metrics(settings.load(tmp_path / "tenure.toml"))
    monkeypatch.chdir(tmp_path)
    assert "exports_per_seat_28d" in catalog.metrics(settings.load())


def test_a_file_that_is_not_there_is_told(tmp_path):
    with pytest.raises(TenureError, match=r"nowhere.py is not there"):
        own.load(MetricSettings(str(tmp_path / "nowhere.py")))
