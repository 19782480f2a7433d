"""Features kept on disk, one partition per as_of, of which only those are built that must be.

A partition rests on what was known before its as_of. So each day's news is told by a count and a
checksum, worked out by the engine (`_news`), and a partition keeps the digest of all news before
its as_of. Where the source still tells the same, the partition stands; a late row, a row that was
changed or one that is gone gives another digest to the as_ofs after the day on which it was known,
and to no others. What a row says of later (a ticket's solution, an outcome) is news of that later
day. Other settings, other metrics and other code give another digest to all.
"""

import hashlib
import json
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import date
from pathlib import Path

import ibis
import ibis.expr.types as ir
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
from ibis import _

from features import build, contract
from features.errors import TenureError
from features.fingerprint import row_text
from features.masks import blocks
from features.observations import epoch_day
from features.settings import Settings
from features.source import Source
from features.windows import KEYS

_DIGEST = b"tenure_digest"
_CHECKSUM_BELOW = 2**40
"""Eight million rows of a day add up to less than an integer holds."""


@dataclass(frozen=True)
class Update:
    """What an update did: as_ofs built, and as_ofs that stood as they were."""

    built: tuple[date, ...]
    kept: tuple[date, ...]


def update(
    source: Source,
    settings: Settings,
    as_ofs: Sequence[date],
    folder: Path,
    progress: build.Progress | None = None,
) -> Update:
    """Bring the partitions of these as_ofs up to date; others in the folder are left alone.

    Parameters
    ----------
    source, settings
        As for `features.build.feature_table`.
    as_ofs : sequence of date
        The days that are wanted.
    folder : Path
        Made where it is not there. Partitions are ``as_of=2025-06-01/part.parquet``, as Hive,
        DuckDB, Spark and pandas read them.
    progress : callable, optional
        Told of every block of as_ofs that is built.

    Raises
    ------
    TenureError
        Where the folder cannot be written to, or no account is in force on the days to be built.
        Each partition is whole: the old one, or the new one.
    """
    rests_on = digests(source, settings, as_ofs)
    wanted = stale(folder, rests_on)
    done = 0
    for block in blocks(wanted):
        table = build.feature_table(source, settings, block)
        for day in block:
            rows = table[table["as_of"] == pd.Timestamp(day)]
            _write(rows.drop(columns="as_of"), _path(folder, day), rests_on[day])
        done += len(block)
        if progress:
            progress(done, len(wanted))
    return Update(wanted, tuple(day for day in rests_on if day not in set(wanted)))


def digests(source: Source, settings: Settings, as_ofs: Sequence[date]) -> dict[date, str]:
    """What the features of each as_of rest on, in one word: the same word, the same features.

    Parameters
    ----------
    source, settings, as_ofs
        As for `update`.
    """
    told = {name: _news_by_day(name, table) for name, table in source.tables.items()}
    always = _always(source, settings)
    return {day: _digest(told, always, day) for day in sorted(set(as_ofs))}


def stale(folder: Path, rests_on: Mapping[date, str]) -> tuple[date, ...]:
    """As_ofs whose partition is missing, broken, or rests on something else than it now would.

    Parameters
    ----------
    folder : Path
        One that `update` wrote, or will.
    rests_on : mapping of date to str
        From `digests`.
    """
    return tuple(day for day in rests_on if _kept_digest(_path(folder, day)) != rests_on[day])


def read(folder: Path, as_ofs: Sequence[date]) -> pd.DataFrame:
    """The feature table that lies in a folder, as `features.build.feature_table` gives it.

    Parameters
    ----------
    folder : Path
        One that `update` wrote.
    as_ofs : sequence of date
        The days that are wanted. Those that the last `update` was not asked for may rest on older
        settings.

    Raises
    ------
    TenureError
        Where a partition is missing.
    """
    missing = [day for day in sorted(as_ofs) if not _path(folder, day).exists()]
    if missing:
        raise TenureError(
            f"{folder} has no features of {', '.join(map(str, missing))}.",
            f"Build them: tenure features SOURCE --out {folder}.",
        )
    parts = []
    for day in sorted(as_ofs):
        part = pq.ParquetFile(_path(folder, day)).read().to_pandas()
        part.insert(1, "as_of", pd.Series(pd.Timestamp(day), part.index, "datetime64[s]"))
        parts.append(part)
    return pd.concat(parts).sort_values(list(KEYS), ignore_index=True)


def _path(folder: Path, as_of: date) -> Path:
    return folder / f"as_of={as_of}" / "part.parquet"


def _kept_digest(path: Path) -> str | None:
    """The digest of what a partition rests on; None where there is none that can be read."""
    try:
        digest: bytes = (pq.read_schema(path).metadata or {})[_DIGEST]
    except (OSError, KeyError, pa.ArrowInvalid):
        return None
    return digest.decode()


def _write(rows: pd.DataFrame, path: Path, digest: str) -> None:
    table = pa.Table.from_pandas(rows, preserve_index=False)
    table = table.replace_schema_metadata({**(table.schema.metadata or {}), _DIGEST: digest})
    aside = path.with_name(".part.parquet")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        pq.write_table(table, aside)
        aside.replace(path)
    except OSError as error:
        with suppress(OSError):  # where the folder itself is at fault, nothing lies aside
            aside.unlink()
        raise TenureError(
            f"{path} could not be written: {error.strerror or error}.",
            f"See that {path.parents[1]} is a folder, not a file, may be written to and has room. "
            "What stood there is untouched.",
        ) from error


def _digest(told: dict[str, pd.DataFrame], always: str, as_of: date) -> str:
    known = {}
    for name, news in told.items():
        before = news[news["day"] < (as_of - date(1970, 1, 1)).days]
        known[name] = [int(before["rows"].sum()), int(before["checksum"].sum())]
    return hashlib.sha256(f"{always} {json.dumps(known, sort_keys=True)}".encode()).hexdigest()


def _always(source: Source, settings: Settings) -> str:
    """What all as_ofs rest on: the code, the settings that change features, and the columns."""
    code = hashlib.sha256()
    for path in sorted(Path(__file__).parent.rglob("*.py")):
        code.update(path.read_bytes())
    if settings.metrics.file and Path(settings.metrics.file).exists():
        code.update(Path(settings.metrics.file).read_bytes())
    columns = {name: sorted(table.columns) for name, table in source.tables.items()}
    metrics = settings.metrics
    asked = [settings.observations.grace_days, metrics.file, metrics.key_features]
    return json.dumps([code.hexdigest(), columns, asked], sort_keys=True)


def _news_by_day(name: str, table: ir.Table) -> pd.DataFrame:
    """Rows and checksum of a table's news for each day since 1970 on which they became known."""
    news = ibis.union(*_news(contract.TABLES[name], table))
    by_day = news.group_by("day").agg(rows=_.count(), checksum=_.checksum.sum())
    return by_day.execute()


def _news(declared: contract.Table, table: ir.Table) -> Iterator[ir.Table]:
    """The rows as they first were, and what was told of them later."""
    known_day = epoch_day(table.known_at)
    kinds: dict[tuple[str, ...], list[str]] = {}
    for column in declared.columns:
        if column.name in table.columns:
            since = tuple(c for c in declared.since(column.name) if c in table.columns)
            kinds.setdefault(since, []).append(column.name)
    first = kinds.pop((), [])
    yield table.select(day=known_day, checksum=_checksum(table, first))
    for since, columns in kinds.items():
        moment = ibis.coalesce(*(table[c].cast("timestamp") for c in since))
        # a decision counts on its very day: one day too early costs a partition, one too late a lie
        day = ibis.greatest(known_day, epoch_day(moment) - 1)
        # what came at no time that is told, no as_of has seen
        seen = moment.notnull() & ibis.or_(*(table[c].notnull() for c in columns))
        later = table.select(day=day, checksum=_checksum(table, [*first, *columns]), seen=seen)
        yield later.filter(_.seen).drop("seen")


def _checksum(table: ir.Table, columns: Sequence[str]) -> ir.Value:
    """A number that another content of these columns hardly shares; it may be added up."""
    return (row_text(table, columns).hash() % _CHECKSUM_BELOW).cast("int64")
