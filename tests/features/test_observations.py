"""One tiny history per rule of the churn definition."""

from datetime import date, timedelta

import pandas as pd
import pytest
from histories import frame, source

from features import fates, observations
from features.errors import TenureError
from features.settings import ObservationSettings, Settings

AS_OF = date(2025, 6, 1)
DAY = timedelta(days=1)
SEEN_UNTIL = date(2030, 1, 1)


def contract(contract_id="c1", start="2024-07-01", end="2025-07-01", **more):
    return {
        "contract_id": contract_id,
        "account_id": "acme",
        "start_date": start,
        "end_date": end,
        "arr": 1200.0,
        **more,
    }


def looked(rows, as_ofs=(AS_OF,), **settings):
    """Observations of one account with their outcomes, by as_of."""
    rows = [{"decided_at": None, "outcome": None, "known_at": None, **row} for row in rows]
    s = source({"contracts": frame("contracts", rows)})
    o = ObservationSettings(**{"horizon_days": 90, "grace_days": 30, **settings})
    observed = observations.observe(s.tables, as_ofs, o.grace_days)
    came = fates.outcomes(s.tables, observed, o, as_ofs, SEEN_UNTIL).execute().sort_values("as_of")
    return {row.as_of.date(): row for row in came.itertuples()}


def observed_on(rows, as_of):
    rows = [{"decided_at": None, "outcome": None, "known_at": None, **row} for row in rows]
    s = source({"contracts": frame("contracts", rows)})
    return len(observations.observe(s.tables, [as_of], 30).execute()) == 1


def test_a_contract_that_ends_with_no_other_is_churn():
    row = looked([contract()])[AS_OF]
    assert row.churned
    assert row.due


def test_the_window_is_open_at_its_start_and_closed_at_its_end():
    end = date(2025, 7, 1)
    as_ofs = [end - 91 * DAY, end - 90 * DAY, end - DAY, end]
    rows = looked([contract()], as_ofs)
    assert [rows[a].churned for a in as_ofs[:3]] == [False, True, True]
    assert [rows[a].due for a in as_ofs[:3]] == [False, True, True]
    assert end not in rows, "on its last day the contract is over"


def test_renewed_one_day_late_within_grace_is_no_churn():
    late = contract("c2", "2025-07-02", "2026-07-02")
    assert not looked([contract(), late])[AS_OF].churned


def test_renewed_on_the_last_day_of_grace_is_no_churn_and_a_day_later_is():
    last = contract("c2", "2025-07-31", "2026-07-31")
    after = contract("c2", "2025-08-01", "2026-08-01")
    assert not looked([contract(), last])[AS_OF].churned
    assert looked([contract(), after])[AS_OF].churned


def test_product_switch_on_the_end_date_is_no_churn():
    other = contract("c2", "2025-07-01", "2026-07-01", product="plus")
    assert not looked([contract(product="basic"), other])[AS_OF].churned


def test_of_two_overlapping_contracts_one_ends():
    other = contract("c2", "2025-01-01", "2026-01-01")
    row = looked([contract(), other])[AS_OF]
    assert not row.churned
    assert not row.due, "the account runs on until the other one ends"


def test_a_settled_renewal_is_no_open_end():
    renewed = contract(outcome="renewed", decided_at="2025-05-20")
    assert not observed_on([renewed], AS_OF), "nothing is open until the next term is known"
    assert observed_on([renewed], date(2025, 5, 19))
    following = contract("c2", "2025-07-01", "2026-07-01", known_at="2025-05-25")
    for old in (renewed, contract()):
        row = looked([old, following], horizon_days=400)[AS_OF]
        assert row.due
        assert row.churned, "by the end of the next term"
        assert not looked([old, following])[AS_OF].due


def test_two_contracts_that_end_together_are_churn():
    assert looked([contract(), contract("c2", "2025-01-01")])[AS_OF].churned


def test_churn_notice_on_or_before_as_of_ends_the_observation():
    told = contract(outcome="churned", decided_at="2025-06-01")
    assert not observed_on([told], AS_OF)
    assert observed_on([told], AS_OF - DAY)
    assert looked([told], [AS_OF - DAY])[AS_OF - DAY].churned


def test_an_outcome_without_a_day_of_decision_is_known_at_the_end():
    told = contract(outcome="churned")
    assert observed_on([told], AS_OF)
    assert looked([told])[AS_OF].churned


def test_an_outcome_renewed_needs_no_following_contract():
    for outcome in observations.RENEWED:
        assert not looked([contract(outcome=outcome)])[AS_OF].churned


def test_replaced_within_grace_outweighs_an_outcome_churned():
    new = contract("c2", "2025-07-10", "2026-07-10")
    assert not looked([contract(outcome="churned"), new])[AS_OF].churned


def test_early_termination_ends_the_contract_and_gives_nothing_away_before():
    planned = contract(end="2026-07-01", known_at="2024-07-01")
    stopped = contract(end="2025-07-15", known_at="2025-07-15")
    s = source({"contracts": frame("contracts", [planned, stopped])})
    seen = observations.observe(s.tables, [AS_OF], 30).execute()
    assert seen.renewal_date[0].date() == date(2026, 7, 1), "what was planned, as known then"
    assert looked([planned, stopped])[AS_OF].churned


def test_a_termination_recorded_late_is_not_learned_from_as_a_stayer():
    planned = contract(end="2026-07-01", known_at="2024-07-01")
    stopped = contract(end="2025-05-10", known_at="2025-06-20")
    assert observed_on([planned, stopped], AS_OF)
    assert AS_OF not in looked([planned, stopped])


def test_an_open_ended_contract_is_in_force_and_always_due():
    row = looked([contract(end=None)])[AS_OF]
    assert row.due
    assert not row.churned


def test_lost_within_the_lead_is_no_observation_and_after_it_is_churn():
    end = date(2025, 7, 1)
    as_ofs = [end - 31 * DAY, end - 30 * DAY]
    rows = looked([contract()], as_ofs, lead_days=30)
    assert list(rows) == as_ofs[:1]
    assert rows[as_ofs[0]].churned


def test_not_known_or_not_begun_is_not_observed():
    assert not observed_on([contract(known_at="2025-06-01")], AS_OF)
    assert observed_on([contract(known_at="2025-05-31 23:59")], AS_OF)
    assert not observed_on([contract(start="2025-06-02", known_at="2025-05-01")], AS_OF)


def test_the_design_renewal_looks_at_each_renewal_on_its_five_days():
    end = date(2025, 7, 1)
    days = [end - n * DAY for n in range(400, 0, -1)]
    rows = looked([contract()], days, design="renewal", horizon_days=180)
    assert [(end - day).days for day in rows] == [180, 120, 90, 60, 30]
    assert all(row.due and row.churned for row in rows.values())
    assert list(looked([contract()], days, design="renewal")) == [
        end - n * DAY for n in (90, 60, 30)
    ]


def test_on_a_grid_of_months_it_takes_the_first_day_from_then_on():
    # 180, 120, 90, 60, 30 days before July 18: January 19, March 20, April 19, May 19, June 18
    grid = observations.calendar(date(2024, 10, 1), date(2025, 7, 1), "month")
    rows = looked([contract(end="2025-07-18")], grid, design="renewal", horizon_days=180)
    assert [day.month for day in rows] == [2, 4, 5, 6, 7]


def test_one_renewal_has_one_fate_in_the_design_renewal():
    then = contract("c2", "2025-07-01", "2025-10-01")
    day = date(2025, 5, 2)
    both = [contract(), then]
    assert looked(both, [day], horizon_days=180)[day].churned, "within the window, by the next term"
    assert not looked(both, [day], horizon_days=180, design="renewal")[day].churned
    later = date(2025, 8, 2)
    assert looked(both, [later], horizon_days=180, design="renewal")[later].churned


def test_a_renewal_that_has_not_been_seen_to_its_end_is_not_learned_from(monkeypatch):
    day = date(2025, 6, 1)
    assert looked([contract()], [day], design="renewal")
    monkeypatch.setitem(globals(), "SEEN_UNTIL", date(2025, 7, 30))
    assert not looked([contract()], [day], design="renewal"), "its grace ends on July 31"


def test_the_next_loss_is_told_once_it_has_been_seen(monkeypatch):
    row = looked([contract(end="2025-12-01")])[AS_OF]
    assert (row.churned, row.churn_date.date()) == (False, date(2025, 12, 1))
    monkeypatch.setitem(globals(), "SEEN_UNTIL", date(2025, 12, 30))
    row = looked([contract(end="2025-12-01")])[AS_OF]
    assert pd.isna(row.churn_date)
    assert row.followed_days == (date(2025, 11, 30) - AS_OF).days


def test_what_those_who_stay_keep():
    less = contract("c2", "2025-07-01", "2026-07-01", arr=900.0)
    row = looked([contract(outcome="contracted"), less])[AS_OF]
    assert (row.outcome, row.arr_after) == ("contracted", 900.0)
    late = contract("c2", "2025-08-20", "2026-07-01", arr=1500.0)
    ends_with_window = contract(end="2025-08-30")
    row = looked([ends_with_window, {**late, "start_date": "2025-09-05"}])[AS_OF]
    assert row.arr_after == 1500.0, "in force after a gap within grace"
    assert pd.isna(row.outcome)
    gone = looked([contract()])[AS_OF]
    assert pd.isna(gone.arr_after)


def test_end_of_data_inside_the_window_is_not_mature():
    rows = [contract(outcome=None, decided_at=None)]
    days = ("2024-07-01", "2025-09-28")
    usage = [{"account_id": "acme", "feature": "report", "occurred_at": day} for day in days]
    s = source({"contracts": frame("contracts", rows), "usage": frame("usage", usage)})
    o = ObservationSettings(horizon_days=60, grace_days=30, observed_until=date(2025, 9, 28))
    days = observations.mature_as_ofs(s, Settings(observations=o))
    assert max(days) == date(2025, 6, 1), "90 days before the end of what was seen is June 30"


def test_what_was_seen_ends_with_the_last_news_of_contracts():
    rows = [contract(), contract("c2", "2025-07-01", "2026-07-01")]
    usage = [{"account_id": "acme", "feature": "report", "occurred_at": "2025-09-28"}]
    s = source({"contracts": frame("contracts", rows), "usage": frame("usage", usage)})
    assert observations.scoring_day(s, Settings()) == date(2025, 9, 29)
    assert observations.last_day(s, Settings()) == date(2025, 7, 1)


def test_a_history_too_short_is_said_with_its_figures():
    rows = [contract(start="2025-07-01")]
    usage = [{"account_id": "acme", "feature": "report", "occurred_at": "2025-09-28"}]
    s = source({"contracts": frame("contracts", rows), "usage": frame("usage", usage)})
    with pytest.raises(TenureError, match="needs 120 days after it"):
        observations.mature_as_ofs(s, Settings())


def test_what_contracts_said_then():
    rows = [
        contract(arr=1000.0, seats=10),
        contract("c2", "2025-01-01", "2027-01-01", arr=500.0, seats=5),
        contract("c0", "2023-07-01", "2024-07-01", arr=800.0, seats=8),
    ]
    s = source({"contracts": frame("contracts", rows)})
    row = observations.observe(s.tables, [AS_OF], 30).execute().iloc[0]
    assert (row.arr, row.seats, row.contracts, row.term_days) == (1500.0, 15.0, 2, 730)
    assert row.renewal_date.date() == date(2027, 1, 1), "until then the second contract runs"
    assert row.customer_since.date() == date(2023, 7, 1)


def test_contract_fates_agree_with_the_definition():
    rows = [
        contract("c0", "2023-07-01", "2024-07-01"),
        contract("c1", "2024-07-01", "2025-07-01"),
        contract("c2", "2025-07-05", None),
    ]
    s = source({"contracts": frame("contracts", rows)})
    ended = fates.contract_fates(s.tables, 3).execute().set_index("contract_id").churned
    assert ended.to_dict() == {"c0": False, "c1": True}


@pytest.mark.parametrize(
    ("every", "anchor", "days"),
    [
        ("month", None, [date(2025, 2, 1), date(2025, 3, 1)]),
        ("month", date(2020, 1, 31), [date(2025, 1, 31), date(2025, 2, 28)]),
        ("week", None, [date(2025, 1, 27) + n * 7 * DAY for n in range(6)]),
        ("week", date(2025, 3, 5), [date(2025, 1, 29) + n * 7 * DAY for n in range(6)]),
    ],
)
def test_the_grid(every, anchor, days):
    assert observations.calendar(date(2025, 1, 25), date(2025, 3, 6), every, anchor) == days
