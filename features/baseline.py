"""The company's own score in use today, as it was known at each observation.

It is no metric: nothing learns from it. The model is compared with it (`training.baseline`). A
value counts at as_of if its date lies before that midnight, and so does its ``known_at`` where the
table has one; the last of them stands.
"""

import ibis
import ibis.expr.types as ir
from ibis import _

from features.contract import Column
from features.engines import engine_errors, table, words
from features.errors import TenureError, did_you_mean
from features.known import known_rows
from features.settings import BaselineSettings
from features.source import Source, acceptable, conform_column
from features.windows import KEYS

NAME = "baseline_score"

_FIX = (
    "Correct [baseline] in tenure.toml: table, column, date and account name what the source has."
)


def read(source: Source, settings: BaselineSettings) -> ir.Table:
    """The scores that can be used, in the direction of risk.

    Returns
    -------
    Table
        account_id, scored_at, known_at (both in UTC), and `NAME`, higher is riskier.

    Raises
    ------
    TenureError
        Where the table or a column is not there, or no row holds an account, a date and a number.
    """
    found = _find(source, settings.table)
    columns = {
        "account_id": Column(settings.account, "text", ""),
        "scored_at": Column(settings.date, "time", ""),
        NAME: Column(settings.column, "number", ""),
    }
    absent = [each.name for each in columns.values() if each.name not in found.columns]
    if absent:
        near = " ".join(f"'{name}'.{did_you_mean(name, found.columns)}" for name in absent)
        raise TenureError(f"[baseline]: the table {settings.table} has no column {near}", _FIX)
    unfit = [
        f"'{each.name}' is no {each.type}"
        for each in columns.values()
        if not acceptable(found[each.name].type(), each)
    ]
    if unfit:
        raise TenureError(f"[baseline]: in {settings.table} {', '.join(unfit)}.", _FIX)
    told = {name: conform_column(found[each.name], each) for name, each in columns.items()}
    if "known_at" in found.columns:
        known = conform_column(found["known_at"], Column("known_at", "time", ""))
        told["known_at"] = ibis.greatest(ibis.coalesce(known, told["scored_at"]), told["scored_at"])
    else:
        told["known_at"] = told["scored_at"]
    if settings.higher_is == "healthier":
        told[NAME] = -told[NAME]
    scores = found.select(**told)
    usable = scores.filter(*(scores[name].notnull() for name in columns))
    try:
        rows, kept = (int(each.count().execute()) for each in (found, usable))
    except engine_errors() as error:
        raise TenureError(
            f"[baseline]: the table {settings.table} cannot be read: {words(error)}.", _FIX
        ) from None
    if not kept:
        raise TenureError(
            f"[baseline]: none of the {rows:,} rows of {settings.table} holds an account, a date "
            f"and a number in {', '.join(each.name for each in columns.values())}.",
            "Dates are ISO 8601, 2024-01-31; numbers like 1234.5 (docs/data-contract.md).",
        )
    return usable


def beside(scores: ir.Table, observations: ir.Table) -> ir.Table:
    """The last score known at each observation; observations without one are left out.

    Parameters
    ----------
    scores : Table
        As `read` gives them.
    observations : Table
        With `KEYS`.

    Returns
    -------
    Table
        account_id, as_of, `NAME`. Of several at the same moment, the riskiest.
    """
    newest = ibis.window(
        group_by=list(KEYS),
        order_by=[ibis.desc("scored_at"), ibis.desc("known_at"), ibis.desc(NAME)],
    )
    known = known_rows(scores, observations).mutate(place=ibis.row_number().over(newest))
    return known.filter(_.place == 0).select(*KEYS, NAME)


def _find(source: Source, name: str) -> ir.Table:
    """A table of the contract as it was mapped, or any other that the source has."""
    if name in source.found:
        return source.found[name]
    try:
        return table(source.con, name)
    except engine_errors():
        near = did_you_mean(name, [*source.found, *source.foreign])
        raise TenureError(f"[baseline]: the source has no table '{name}'.{near}", _FIX) from None
