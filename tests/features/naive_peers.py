"""Ranks among peers once more, by counting one account's peers one by one."""

import naive
import pandas as pd

RANKED = (
    "active_days_28d",
    "active_seat_share_28d",
    "minutes_per_active_user_28d",
    "features_used_28d",
)


def everybody(tables, as_of):
    """All observed accounts at one as_of: what is ranked, and who their peers are."""
    segments = {
        row["account_id"]: row.get("segment") for row in tables["accounts"].to_dict("records")
    }
    found = {}
    for account_id in sorted(set(tables["contracts"]["account_id"])):
        facts = naive.features(tables, account_id, as_of)
        if facts is not None:
            segment = segments.get(account_id)
            years = facts["tenure_days"] / 365
            age = "new" if years <= 1 else "known" if years <= 3 else "old"
            found[account_id] = (None if pd.isna(segment) else segment, age), facts
    return found


def features(company, account_id):
    """Ranks of one account among a company from `everybody`."""
    kind, own = company[account_id]
    others = [
        facts for other, (its, facts) in company.items() if other != account_id and its == kind
    ]
    result = {}
    for name in RANKED:
        told = [facts[name] for facts in others if facts[name] is not None]
        ranked = own[name] is not None and len(told) >= 10
        below = sum(value < own[name] for value in told) if ranked else 0
        result[f"{name}_peer_rank"] = below / len(told) if ranked else None
    return result
