"""The score table as a file: Parquet, CSV or JSON, whole or not at all."""

import csv
import json
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pandas as pd

from features.errors import TenureError
from serving import entries, score
from serving.files import write_aside

if TYPE_CHECKING:
    import pyarrow as pa

Writer = Callable[[pd.DataFrame, Path], None]


def writer(path: Path) -> Writer:
    """Find how to write a score table to a path, by its suffix; raises TenureError if none can."""
    known = _WRITERS.get(path.suffix.lower())
    if known is None:
        raise TenureError(
            f"{path}: files ending in '{path.suffix}' are none that scores can be written to.",
            f"End the name in one of {', '.join(_WRITERS)}.",
        )
    return known


def write(table: pd.DataFrame, path: Path) -> None:
    """Write a score table to Parquet, CSV (lists as JSON text) or JSON, whole or not at all."""
    to_file = writer(path)
    write_aside(path, lambda aside: to_file(table, aside))


def read(path: Path) -> list[dict[str, Any]]:
    """Read what `write` wrote, row by row as plain values.

    Raises
    ------
    TenureError
        Where the file is not there, or is none of this kind.
    """
    known = _READERS.get(path.suffix.lower())
    try:
        if known is None:
            raise ValueError(f"its name ends in none of {', '.join(_READERS)}")
        return known(path)
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise TenureError(
            f"{path} cannot be read as a score table: {error}.",
            "Give a file that `tenure score --out FILE` wrote.",
        ) from None


def _from_json(path: Path) -> list[dict[str, Any]]:
    rows: list[dict[str, Any]] = json.loads(path.read_text(encoding="utf-8"))
    return [dict(row) for row in rows]


def _from_csv(path: Path) -> list[dict[str, Any]]:
    with path.open(newline="", encoding="utf-8") as file:
        return [
            {name: _value(name, text) for name, text in row.items()} for row in csv.DictReader(file)
        ]


def _value(name: str, text: str) -> Any:
    """One cell of a CSV file; lists stand in it as JSON, numbers with every digit."""
    if name in _NESTED:
        return json.loads(text)
    if name in _TEXTS or not text:
        return text or None
    return float(text)


def _from_parquet(path: Path) -> list[dict[str, Any]]:
    import pyarrow.parquet as pq

    rows: list[dict[str, Any]] = pq.read_table(path).to_pylist()
    for row in rows:
        row["as_of"] = row["as_of"].isoformat()
        for entry in (*row.get("drivers", ()), *row.get("change_drivers", ())):
            category = entry.pop("category", None)
            entry["value"] = entry["value"] if category is None else category
    return rows


def _to_json(table: pd.DataFrame, path: Path) -> None:
    path.write_text(json.dumps(score.records(table), indent=1) + "\n", encoding="utf-8")


def _to_csv(table: pd.DataFrame, path: Path) -> None:
    flat = pd.DataFrame(score.records(table))
    for name in _NESTED:
        flat[name] = flat[name].map(json.dumps)
    flat["days_to_renewal"] = flat["days_to_renewal"].astype("Int64")
    flat.to_csv(path, index=False)


def _to_parquet(table: pd.DataFrame, path: Path) -> None:
    """Write typed columns; a driver's value is a number or a category there, each in its field."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    typed = {
        "as_of": pa.date32(),
        "renewal_date": pa.date32(),
        "days_to_renewal": pa.int32(),
        **{
            shares: pa.struct({name: pa.float64() for name in table[shares].iloc[0]})
            for shares in ("dimension_points", "coverage_by_status")
        },
        "scored_at": pa.timestamp("us", tz="UTC"),
        **dict.fromkeys(_WORDS, pa.string()),
    }
    columns = {
        name: entries.to_arrow(table[name].tolist())
        if isinstance(table[name].iloc[0], entries.Entry)
        else _arrow(table[name], typed.get(name, pa.float64()))
        for name in table
    }
    pq.write_table(pa.table(columns), path)


def _arrow(column: pd.Series, kind: "pa.DataType") -> "pa.Array":
    """A column of a type; what is missing is null."""
    import pyarrow as pa

    if pa.types.is_date32(kind):
        return pa.array(column.to_numpy("datetime64[D]"), kind)
    if pa.types.is_timestamp(kind):
        return pa.array(column.dt.tz_convert(None).to_numpy("datetime64[us]"), kind)
    if pa.types.is_int32(kind):
        return pa.array(column, pa.float64(), from_pandas=True).cast(kind, safe=False)
    return pa.array(column, kind, from_pandas=True)


_WRITERS: dict[str, Writer] = {
    ".parquet": _to_parquet,
    ".csv": _to_csv,
    ".json": _to_json,
}

_READERS: dict[str, Callable[[Path], list[dict[str, Any]]]] = {
    ".parquet": _from_parquet,
    ".csv": _from_csv,
    ".json": _from_json,
}
_NESTED = ("drivers", "dimension_points", "change_drivers", "coverage_by_status")
_WORDS = ("account_id", *score.LABELS, "model_version", "band", "coverage_sentence")
_TEXTS = {*_WORDS, "as_of", "renewal_date", "scored_at"}
