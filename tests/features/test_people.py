"""Who is new and who left: told of 90 days that the users table knows, and of nothing else."""

import pandas as pd
import pytest
from histories import frame, source

from features import build
from features.settings import Settings

AS_OF = pd.Timestamp("2025-06-01")
COUNTS = ["new_users_90d", "deactivated_users_90d"]


def ago(days):
    return AS_OF - pd.Timedelta(days=days)


def user(name, account="a", **times):
    row = {"user_id": name, "account_id": account, "created_at": None, "deactivated_at": None}
    return row | times


def counts_of(*users, account="a"):
    """New and deactivated users of an account, as a table of these users tells them."""
    told = frame("users", list(users))
    rows = [
        {
            "contract_id": name,
            "account_id": name,
            "start_date": ago(400),
            "end_date": ago(-100),
            "arr": 1.0,
        }
        for name in ("a", "b")
    ]
    tables = {
        "accounts": frame("accounts", [{"account_id": "a"}, {"account_id": "b"}]),
        "contracts": frame("contracts", rows),
        "users": told.drop(columns=[c for c in told if c != "known_at" and told[c].isna().all()]),
        "usage": frame("usage", [{"account_id": "a", "feature": "x", "occurred_at": ago(1)}]),
    }
    if "deactivated_at" not in tables["users"]:
        tables["users"]["deactivated_at"] = pd.NaT
    table = build.feature_table(source(tables), Settings(), [AS_OF.date()])
    row = table.set_index("account_id").reindex(columns=COUNTS).loc[account]
    return [None if pd.isna(value) else value for value in row]


@pytest.mark.parametrize(("first", "expected"), [(90, [2.0, 1.0]), (89, [None, None])])
def test_a_table_that_does_not_go_back_over_the_window_counts_nobody(first, expected):
    left = user("b", created_at=ago(60), deactivated_at=ago(10))
    found = counts_of(user("a", created_at=ago(first)), left, user("c", created_at=ago(20)))
    assert found == expected


def test_anybody_s_users_tell_how_far_the_table_goes_back():
    others = user("other", account="b", created_at=ago(300))
    assert counts_of(user("a", created_at=ago(20)), others) == [1.0, 0.0]
    late = others | {"known_at": AS_OF}
    assert counts_of(user("a", created_at=ago(20)), late) == [None, None]


def test_without_days_of_creation_the_table_goes_back_as_far_as_it_was_known():
    def known(days, **times):
        return user(f"u{days}", known_at=ago(days), **times)

    assert counts_of(known(90), known(40, deactivated_at=ago(3))) == [None, 1.0]
    assert counts_of(known(80), known(40, deactivated_at=ago(3))) == [None, None]


def test_of_an_account_without_a_known_user_nothing_is_counted():
    others = user("other", account="b", created_at=ago(300))
    assert counts_of(others) == [None, None]
    ahead = user("a", created_at=ago(0), known_at=ago(5))
    assert counts_of(others, ahead) == [None, None]
    assert counts_of(others, user("a", created_at=ago(1))) == [1.0, 0.0]


def test_users_who_are_all_yet_to_come_tell_of_no_admins():
    tables = {
        "accounts": frame("accounts", [{"account_id": "a"}]),
        "contracts": frame(
            "contracts",
            [
                {
                    "contract_id": "a",
                    "account_id": "a",
                    "start_date": ago(400),
                    "end_date": ago(-100),
                    "arr": 1.0,
                }
            ],
        ),
        "usage": frame(
            "usage",
            [
                {"account_id": "a", "user_id": "u", "feature": "x", "occurred_at": ago(days)}
                for days in (100, 1)
            ],
        ),
    }

    def admins(created):
        row = {"user_id": "v", "account_id": "a", "role": "admin", "created_at": created}
        users = frame("users", [row | {"known_at": ago(50)}])
        found = build.feature_table(source(tables | {"users": users}), Settings(), [AS_OF.date()])
        return found["active_admins_28d"].item()

    assert pd.isna(admins(ago(0)))
    assert admins(ago(60)) == 0
