"""What a source held: rows, span and a digest of each table, to tell whether anything is new.

The digest does not depend on the order of rows and is computed where the data lie, by expressions
that DuckDB, PostgreSQL and Spark all know. It is compared between reads of one source by one
engine; engines write numbers as text in ways of their own, so it is none of the content across
them.
"""

import hashlib
import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

import ibis
import ibis.expr.datatypes as dt
import ibis.expr.types as ir
import pandas as pd

from features import contract
from features.source import Source

DIGITS = 12
"""Digits of each row's MD5 that enter the digest: one changed row goes unseen once in 16**12."""


@dataclass(frozen=True)
class Extent:
    """What one table held.

    Parameters
    ----------
    rows : int
    digest : str
        Changes with any value of any row, not with their order.
    first, last : str, optional
        Days of the earliest and latest time in it; None for a table without rows.
    """

    rows: int
    digest: str
    first: str | None
    last: str | None


@ibis.udf.scalar.builtin  # type: ignore[untyped-decorator]
def md5(text: str) -> str:  # type: ignore[empty-body]
    """MD5 of a text, in hexadecimal digits; every engine brings its own."""


def of(source: Source) -> dict[str, Extent]:
    """Read the extent of every contract table that a source has."""
    return {name: _extent(name, table) for name, table in sorted(source.tables.items())}


def row_text(table: ir.Table, columns: Sequence[str]) -> ir.StringValue:
    """These columns of each row as one text, from which any change of a value can be told."""
    # no text of people holds these marks: no value moves into its neighbour, none equals no value
    texts = [table[column].cast("string").fill_null("\x01") for column in columns]
    return texts[0] if len(texts) == 1 else ibis.literal("\x02").join(texts)


def digest(extents: dict[str, Extent], **more: Any) -> str:
    """One digest of all tables and whatever else must be equal for nothing to be new."""
    told = {"tables": {name: asdict(each) for name, each in extents.items()}, **more}
    text = json.dumps(told, sort_keys=True, default=str)
    return hashlib.sha256(text.encode()).hexdigest()


def _extent(name: str, table: ir.Table) -> Extent:
    row = row_text(table, sorted(table.columns))
    told = table.select(hashed=md5(row), **{f"at_{c}": table[c] for c in _times(name, table)})
    asked = {
        f"sum_{place}": told.hashed.substr(place, 1).ascii_str().cast("int64").sum().fill_null(0)
        for place in range(DIGITS)
    }
    for column in _times(name, table):
        asked[f"first_{column}"] = told[f"at_{column}"].min()
        asked[f"last_{column}"] = told[f"at_{column}"].max()
    found = told.aggregate(rows=told.count(), **asked).execute().iloc[0]
    sums = [
        0 if pd.isna(found[f"sum_{place}"]) else int(found[f"sum_{place}"])
        for place in range(DIGITS)
    ]
    shape = json.dumps([sorted(table.columns), int(found["rows"]), sums])
    first = [found[f"first_{column}"] for column in _times(name, table)]
    last = [found[f"last_{column}"] for column in _times(name, table)]
    return Extent(
        int(found["rows"]),
        hashlib.sha256(shape.encode()).hexdigest()[:16],
        _day(pd.Series(first, dtype="datetime64[ns]").min()),
        _day(pd.Series(last, dtype="datetime64[ns]").max()),
    )


def _times(name: str, table: ir.Table) -> list[str]:
    """The columns that say when something happened, in the contract's order."""
    return [
        column
        for column in contract.TABLES[name].column_names
        if column in table.columns and isinstance(table[column].type(), dt.Timestamp | dt.Date)
    ]


def _day(moment: Any) -> str | None:
    return None if pd.isna(moment) else f"{moment:%Y-%m-%d}"
