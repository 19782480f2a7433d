"""A small sound company as CSV files, to be broken in one place by a test."""

import csv
from collections.abc import Mapping
from datetime import date, timedelta
from pathlib import Path

Rows = list[dict[str, object]]


def sound(accounts: int = 120, churners: int = 40) -> dict[str, Rows]:
    """Accounts on terms of 90 days from 2024 on, four each; the first churn after the second.

    Each account uses the product every tenth day while it has a contract.
    """
    tables: dict[str, Rows] = {"accounts": [], "contracts": [], "usage": []}
    for number in range(accounts):
        account = f"A{number:03d}"
        begins = date(2024, 1, 1) + timedelta(days=number % 60)
        terms = 2 if number < churners else 4
        tables["accounts"].append(
            {"account_id": account, "segment": "small", "created_at": begins.isoformat()}
        )
        for term in range(terms):
            starts = begins + timedelta(days=90 * term)
            tables["contracts"].append(
                {
                    "contract_id": f"{account}-{term}",
                    "account_id": account,
                    "start_date": starts.isoformat(),
                    "end_date": (starts + timedelta(days=90)).isoformat(),
                    "arr": 1000 + number,
                }
            )
        for day in range(0, 90 * terms, 10):
            tables["usage"].append(
                {
                    "account_id": account,
                    "user_id": f"{account}-u",
                    "feature": "login",
                    "occurred_at": f"{begins + timedelta(days=day)} 09:30:00",
                    "quantity": 1,
                }
            )
    return tables


def write(folder: Path, tables: Mapping[str, Rows], delimiter: str = ",") -> Path:
    """Write tables as CSV files into a folder; what a row does not say is an empty cell."""
    folder.mkdir(parents=True, exist_ok=True)
    for name, rows in tables.items():
        with (folder / f"{name}.csv").open("w", encoding="utf-8", newline="") as file:
            columns = list(dict.fromkeys(column for row in rows for column in row))
            writer = csv.DictWriter(file, columns, delimiter=delimiter)
            writer.writeheader()
            writer.writerows(rows)
    return folder
