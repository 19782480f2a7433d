"""What there is for each dimension, against a count of the same rows with pandas."""

from datetime import date

import numpy as np
import pandas as pd
import pytest
from histories import EVENT_TIME, source
from random_history import random_history

from features import catalog
from features.check import check
from features.check.dimensions import dimensions
from features.metric import DIMENSIONS
from features.settings import Settings
from features.source import ALWAYS_KNOWN

TODAY = date(2025, 12, 1)
SIGNALS = set(EVENT_TIME) - {"accounts", "users", "contracts"}


@pytest.fixture(scope="module")
def history():
    """All tables, one account without any ticket, and some tickets without a priority."""
    tables = random_history(np.random.default_rng(1))
    tickets = tables["tickets"][tables["tickets"]["account_id"] != "a"]
    untold = np.arange(len(tickets)) % 3 == 0
    return tables | {"tickets": tickets.assign(priority=tickets["priority"].mask(untold))}


def told(tables):
    rows = {name: len(table) for name, table in tables.items()}
    return dimensions(source(tables), Settings(), rows, TODAY)


@pytest.fixture(scope="module")
def found(history):
    return told(history)


def test_tables_are_told_as_pandas_counts_them(history, found):
    seen = {}
    for name, table in history.items():
        if name == "accounts":
            continue
        happened = table[EVENT_TIME[name]].fillna(table["known_at"])
        if name == "surveys":
            happened = table["sent_at"].fillna(table["responded_at"]).fillna(table["known_at"])
        if name == "objectives":
            happened = table["created_at"].fillna(table["status_at"]).fillna(table["known_at"])
        seen[name] = happened[happened < pd.Timestamp(TODAY) + pd.Timedelta(days=1)]
    last = max(seen[name].max() for name in SIGNALS).normalize()
    accounts = set(history["accounts"]["account_id"])
    listed = set()
    for facts in found.values():
        for one in facts["tables"]:
            name = one["table"]
            listed.add(name)
            table, happened = history[name], seen[name]
            assert one["rows"] == len(table)
            assert one["first_day"] == happened.min().date()
            assert one["last_day"] == happened.max().date()
            assert one["days_behind"] == max((last - happened.max().normalize()).days, 0)
            of_all = name == "incidents" and table["account_id"].isna().any()
            own = accounts if of_all else accounts & set(table["account_id"])
            assert one["accounts"] == len(own)
            assert one["share_of_accounts"] == len(own) / len(accounts)
            for column, share in one["filled"].items():
                assert share == pytest.approx(table[column].notna().mean()), (name, column)
    assert listed == set(history) - {"accounts"}
    (tickets,) = (t for t in found["support"]["tables"] if t["table"] == "tickets")
    assert tickets["share_of_accounts"] < 1
    assert 0 < tickets["filled"]["priority"] < 1


def test_where_everything_is_there_nothing_would_add_a_metric(found):
    assert list(found) == list(DIMENSIONS)
    every = catalog.metrics().values()
    for name, facts in found.items():
        of = sum(metric.dimension == name for metric in every)
        assert (facts["metrics"], facts["of"], facts["missing"]) == (of, of, [])


def test_what_is_missing_or_empty_is_told_with_what_it_would_add(history):
    tables = {name: t for name, t in history.items() if name != "csm_sentiment"}
    tables["advocacy"] = history["advocacy"].iloc[:0]
    tables["tickets"] = history["tickets"].drop(columns="contacts").assign(priority=None)
    tables["tickets"]["resolved_at"] = pd.NaT  # nothing is solved yet: no gap
    found = told(tables)
    assert found["sentiment"]["missing"] == [
        {
            "needs": ["csm_sentiment"],
            "metrics": [
                "csm_sentiment",
                "csm_sentiment_age_days",
                "csm_sentiment_trend_90d",
                "csm_customer_gap",
            ],
        }
    ]
    assert found["advocacy"]["metrics"] == 0
    assert [table["table"] for table in found["advocacy"]["tables"]] == ["surveys"]
    assert {tuple(each["needs"]) for each in found["support"]["missing"]} == {
        ("tickets.contacts",),
        ("tickets.priority",),
    }
    assert found["frequency"]["missing"] == []


def test_people_read_it_as_a_table(history):
    tables = {name: t for name, t in history.items() if name not in ("invoices", "touchpoints")}
    report = check(source(tables), Settings(), TODAY)
    told = report.summary["dimensions"]
    assert set(told) == set(DIMENSIONS) - {"engagement"}
    assert report.summary["missing_dimensions"] == {"engagement": ["touchpoints"]}
    lines = [line.split() for line in report.to_text().splitlines()]
    (usage,) = told["frequency"]["tables"]
    of, share = told["frequency"]["of"], f"{100 * usage['share_of_accounts']:.0f}"
    days = [str(usage["first_day"]), str(usage["last_day"])]
    behind = [str(usage["days_behind"]), "day" if usage["days_behind"] == 1 else "days"]
    expected = ["frequency", str(of), "of", str(of), "usage", f"{usage['rows']:,}"]
    assert [*expected, *days, *behind, share, "%"] in lines
    assert ["+", "invoices.paid_at", "would", "add"] in [line[:4] for line in lines]
    assert any(line[:3] == ["tickets.priority", "is", "filled"] for line in lines)


def test_of_users_without_any_time_no_day_is_told(history):
    always = pd.Timestamp(ALWAYS_KNOWN)
    users = history["users"].assign(created_at=pd.NaT, known_at=always)
    dated = users["user_id"] == users["user_id"].iloc[0]
    day = pd.Timestamp("2025-02-03")

    def days(users):
        (one,) = (
            t
            for t in told(history | {"users": users})["breadth"]["tables"]
            if t["table"] == "users"
        )
        return one["first_day"], one["last_day"]

    assert days(users) == (None, None)
    assert days(users.assign(created_at=users["created_at"].mask(dated, day))) == (day.date(),) * 2
