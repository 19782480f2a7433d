"""Replay: a score table of the past computed again, to the bit, or the first value that differs.

A score is a function of its as_of, the model version and the source. Its table is written anew in
the file's own form and both are read the same way, so that nothing is compared but what was told.
When it was scored is left out: that is the one value that must differ.
"""

import tempfile
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Any

from features.errors import TenureError
from features.metric import Language
from serving import score_files
from serving.workflow import Workplace

_MOMENT = "scored_at"


@dataclass(frozen=True)
class Difference:
    """The first value that is not what the file says.

    Parameters
    ----------
    account_id : str
    column : str
        With the place inside of it, such as "drivers[3].points".
    told, found : any
        In the file, and computed again; None also where one side has nothing there.
    """

    account_id: str
    column: str
    told: Any
    found: Any

    def to_text(self) -> str:
        """Name row, column and both values."""
        return (
            f"account {self.account_id}, column {self.column}: the file says {self.told!r}, "
            f"computed again it is {self.found!r}"
        )


@dataclass(frozen=True)
class Replayed:
    """What came of a replay: of how many rows, by which version as of when, and what differs."""

    rows: int
    as_of: str
    version: str
    difference: Difference | None


def replay(path: Path, place: Workplace, previous: Path | None = None) -> Replayed:
    """Compute a score table again and compare.

    Parameters
    ----------
    path : Path
        A file that `tenure score` wrote.
    place : Workplace
        The source that it was made from.
    previous : Path, optional
        The earlier table that its changes were told against.

    Raises
    ------
    TenureError
        Where the file is no score table of one day and one version, or the version is gone.
    """
    told = score_files.read(path)
    as_of, version = about(path, told)
    table, _ = place.score(date.fromisoformat(as_of), version, _language(told), _earlier(previous))
    with tempfile.TemporaryDirectory() as folder:
        again = Path(folder) / f"again{path.suffix}"
        score_files.write(table, again)
        found = score_files.read(again)
    return Replayed(len(told), as_of, version, first_difference(told, found))


def about(path: Path, rows: Sequence[Mapping[str, Any]]) -> tuple[str, str]:
    """Day and model version of a score table; raises TenureError where it has not one of each."""
    wanted = ("account_id", "as_of", "model_version", "churn_probability")
    missing = [name for name in wanted if not rows or name not in rows[0]]
    if missing:
        raise TenureError(
            f"{path} is no score table: it has {f'no {missing[0]}' if rows else 'no rows'}.",
            "Give a file that `tenure score --out FILE` wrote.",
        )
    days, versions = ({str(row[name]) for row in rows} for name in ("as_of", "model_version"))
    if len(days) > 1 or len(versions) > 1:
        raise TenureError(
            f"{path} holds {len(days)} days and {len(versions)} model versions.",
            "Give one score table at a time.",
        )
    return days.pop(), versions.pop()


def first_difference(
    told: Sequence[Mapping[str, Any]], found: Sequence[Mapping[str, Any]]
) -> Difference | None:
    """Compare two score tables in the order of the first; equal to the bit gives None.

    Examples
    --------
    >>> rows = [{"account_id": "a", "drivers": [{"points": 0.1}]}]
    >>> first_difference(rows, [{"account_id": "a", "drivers": [{"points": 0.2}]}]).to_text()
    'account a, column drivers[0].points: the file says 0.1, computed again it is 0.2'
    """
    by_id = {row["account_id"]: row for row in found}
    for place, row in enumerate(told):
        account_id = row["account_id"]
        if account_id not in by_id:
            return Difference(account_id, "account_id", account_id, None)
        for column, said, seen in _differences(_compared(row), _compared(by_id[account_id])):
            return Difference(account_id, column, said, seen)
        if place < len(found) and found[place]["account_id"] != account_id:
            return Difference(account_id, "row", place + 1, _row_of(found, account_id))
    new = [row["account_id"] for row in found if row["account_id"] not in _ids(told)]
    return Difference(new[0], "account_id", None, new[0]) if new else None


def _differences(told: Any, found: Any, column: str = "") -> Iterator[tuple[str, Any, Any]]:
    """Places at which two values differ, from the first on."""
    if isinstance(told, dict) and isinstance(found, dict):
        for name in dict.fromkeys([*told, *found]):
            place = f"{column}.{name}" if column else str(name)
            yield from _differences(told.get(name), found.get(name), place)
    elif isinstance(told, list) and isinstance(found, list):
        for number, (said, seen) in enumerate(zip(told, found, strict=False)):
            yield from _differences(said, seen, f"{column}[{number}]")
        if len(told) != len(found):
            yield f"{column} (length)", len(told), len(found)
    elif type(told) is not type(found) or told != found:
        yield column, told, found


def _compared(row: Mapping[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in row.items() if name != _MOMENT}


def _ids(rows: Sequence[Mapping[str, Any]]) -> set[str]:
    return {row["account_id"] for row in rows}


def _row_of(rows: Sequence[Mapping[str, Any]], account_id: str) -> int:
    return 1 + next(n for n, row in enumerate(rows) if row["account_id"] == account_id)


def _language(rows: Sequence[Mapping[str, Any]]) -> Language:
    """Language of a table's sentences, seen from the labels of its drivers."""
    from features import catalog

    metrics = catalog.metrics()
    for driver in rows[0].get("drivers") or []:
        metric = metrics.get(driver["metric"])
        if metric and metric.label != metric.label_de:
            return "de" if driver["label"] == metric.label_de else "en"
    return "en"


def _earlier(path: Path | None) -> list[dict[str, Any]] | None:
    return None if path is None else score_files.read(path)
