"""Sessions of hand-made events: where one ends, how long it lasts, and what was known of it."""

from datetime import date

import pandas as pd
import pytest
from histories import frame, source

from features import sessions

AS_OF = date(2025, 6, 1)


LATER = date(2025, 6, 8)


def event(at, duration_s=0, user="u", known_at=None):
    row = {"user_id": user, "feature": "report", "occurred_at": at, "known_at": known_at}
    return row | {"duration_s": float(duration_s)}


HOUR = 3600
CASES = {
    "a pause of half an hour ends a session": (
        [event("2025-05-20 09:00:00"), event("2025-05-20 09:30:00")],
        [2, 0],
    ),
    "a second less does not, and the pause is part of it": (
        [event("2025-05-20 09:00:00"), event("2025-05-20 09:29:59")],
        [1, 1799],
    ),
    "the pause is counted from the end of what lasted": (
        [event("2025-05-20 09:00:00", HOUR), event("2025-05-20 10:29:59", 10)],
        [1, HOUR + 1799 + 10],
    ),
    "what happens while something lasts adds no time": (
        [event("2025-05-20 09:00:00", HOUR), event("2025-05-20 09:10:00", 60)],
        [1, HOUR],
    ),
    "a long event holds a session open over a short one": (
        [
            event("2025-05-20 09:00:00", 2 * HOUR),
            event("2025-05-20 09:10:00", 60),
            event("2025-05-20 11:20:00", 0),
        ],
        [1, 2 * HOUR + 1200],
    ),
    "people have sessions of their own": (
        [event("2025-05-20 09:00:00", 60), event("2025-05-20 09:05:00", 90, user="v")],
        [2, 150],
    ),
    "what lasts longer than twelve hours was left open": (
        [event("2025-05-20 09:00:00", 100_000)],
        [1, 12 * HOUR],
    ),
    "a negative duration is none": ([event("2025-05-20 09:00:00", -60)], [1, 0]),
    "midnight does not end a session": (
        [event("2025-05-20 23:50:00"), event("2025-05-21 00:10:00")],
        [1, 1200],
    ),
    "a session begun before the window is not begun in it, but its time there counts": (
        [event("2025-05-03 23:50:00", 60), event("2025-05-04 00:10:00", 30)],
        [0, 1200 - 60 + 30],
    ),
    "the day itself and days before the window do not count": (
        [
            event("2025-05-03 12:00:00", 60),
            event("2025-05-31 23:00:00", 30),
            event("2025-06-01 00:00:01", 60),
        ],
        [1, 30],
    ),
    "events at the same second are one session": (
        [event("2025-05-20 09:00:00", 10), event("2025-05-20 09:00:00", 40)],
        [1, 40],
    ),
    "nobody knows whose an event without a user is": (
        [event("2025-05-20 09:00:00", 10), event("2025-05-20 15:00:00", 10, user=None)],
        [1, 10],
    ),
}


DAYS = [event(f"2025-05-{day} 00:00:00", HOUR) for day in (20, 21)]
KNOWN_LATE = [
    event("2025-05-20 09:00:00"),
    event("2025-05-20 09:25:00", known_at="2025-06-05 10:00:00"),
    event("2025-05-20 09:50:00"),
]
OTHERS = {
    "daily totals": DAYS,
    "daily totals and an event": [*DAYS, event("2025-05-22 09:00:00", 10)],
    "known late": KNOWN_LATE,
    "known on the day": [
        event("2025-05-20 09:25:00", 60, known_at="2025-06-01 00:00:00"),
        event("2025-05-20 12:00:00", 30),
    ],
    "known just before": [
        event("2025-05-20 09:25:00", 60, known_at="2025-05-31 23:59:59"),
        event("2025-05-20 12:00:00", 30),
    ],
}


def told(histories, as_ofs):
    """Sessions and seconds in them by account and day; an account for each history."""
    rows = [{"account_id": name, **row} for name, events in histories.items() for row in events]
    usage = source({"usage": frame("usage", rows)}).tables["usage"]
    found = sessions.quantities(usage, as_ofs).execute()
    return {
        (row.account_id, str(row.as_of)[:10]): [row.sessions_28d, row.session_seconds_28d]
        for row in found.itertuples()
    }


@pytest.fixture(scope="module")
def found():
    return told({name: events for name, (events, _) in CASES.items()} | OTHERS, [AS_OF, LATER])


@pytest.mark.parametrize("case", CASES)
def test_sessions_are_told_apart(found, case):
    assert found[case, str(AS_OF)] == CASES[case][1]


def test_daily_totals_tell_no_session(found):
    assert pd.isna(found["daily totals", str(AS_OF)]).all()
    assert found["daily totals and an event", str(AS_OF)] == [3, 2 * HOUR + 10]


def test_a_row_known_late_joins_two_sessions_from_then_on(found):
    """Between 9:00 and 9:50 something happened that nobody knew of before June 5."""
    assert found["known late", str(AS_OF)] == [2, 0]
    assert found["known late", str(LATER)] == [1, 3000]
    assert told({"alone": KNOWN_LATE}, [AS_OF]) == {("alone", str(AS_OF)): [2, 0]}


def test_a_row_known_on_the_day_itself_was_not_known_before_it(found):
    assert found["known on the day", str(AS_OF)] == [1, 30]
    assert found["known just before", str(AS_OF)] == [2, 90]
