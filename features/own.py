"""Metrics of a company's own, from a Python file that tenure.toml names.

The file declares ``METRICS`` as the built-in dimensions do, and ``quantities(tables,
observations)``, from which they are made. It cannot look ahead: it is called once for every as_of,
with the tables as they stood on the morning of that day and the accounts observed on it. Whatever
happened or was known later is not in them, and what a row turned into later (a solution, an answer,
a payment) is empty. All tables of the contract are there, with all their columns; those that the
source lacks are empty, and a metric that needs them is absent.

The file is code and runs with the rights of whoever runs Tenure.
"""

import importlib.util
import re
import traceback
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, fields, replace
from datetime import date
from pathlib import Path
from typing import Any, get_args

import ibis
import ibis.expr.types as ir

from features.contract import ENGINE_TYPES, TABLES
from features.engagement import MESSAGES
from features.errors import TenureError, did_you_mean
from features.known import age_days, epoch_second, first_of, with_all_columns
from features.metric import CONTEXT, DIMENSIONS, Healthy, Kind, Metric
from features.observations import Tables, contracts_as_known, grid
from features.settings import MetricSettings
from features.windows import KEYS, attach

Quantities = Callable[[Tables, ir.Table], ir.Table]

_FIX = "docs/own-metrics.md shows a file that works."


@dataclass(frozen=True)
class OwnMetrics:
    """What the file declares.

    Parameters
    ----------
    path : Path
    metrics : tuple of Metric
    quantities : callable
        From the tables as they stood at one as_of, and the observations of that day, to a table
        with one row per account at most.
    """

    path: Path
    metrics: tuple[Metric, ...]
    quantities: Quantities

    def values(self, tables: Tables, observations: ir.Table, as_ofs: Sequence[date]) -> ir.Table:
        """The observations' own metrics.

        Returns
        -------
        Table
            account_id, as_of, and a column for each metric.

        Raises
        ------
        TenureError
            Where the file's code fails, or gives several rows for an account.
        """
        with _faults_of(self.path):
            days = [self._at(tables, observations, as_of) for as_of in as_ofs]
            t = attach(observations, ibis.union(*days) if len(days) > 1 else days[0])
            t = t.select(*KEYS, **{m.name: m.value(t).cast(_TYPES[m.kind]) for m in self.metrics})
            t = t.cache()
        repeated = t.count().execute() - observations.count().execute()
        if repeated:
            raise TenureError(
                f"{self.path}: quantities gives {repeated:,} rows too many.",
                'End it with .group_by("account_id").agg(...): one row for each account.',
            )
        return t

    @property
    def columns(self) -> tuple[Metric, ...]:
        """The metrics as `values` holds them: to be read, no longer to be computed."""
        return tuple(replace(m, value=_column(m.name)) for m in self.metrics)

    def _at(self, tables: Tables, observations: ir.Table, as_of: date) -> ir.Table:
        """Their quantities on one day."""
        t = self.quantities(
            as_known(tables, as_of), observations.filter(observations.as_of == as_of)
        )
        if not isinstance(t, ir.Table) or "account_id" not in t.columns:
            raise TenureError(
                f"{self.path}: quantities must give a table with the column account_id.", _FIX
            )
        given = [name for name in t.columns if name not in observations.columns]
        return t.select("account_id", *given, as_of=ibis.literal(as_of, "date"))


def load(settings: MetricSettings) -> OwnMetrics | None:
    """Read the file that the settings name; None where they name none.

    Raises
    ------
    TenureError
        Where it cannot be read, does not run, or declares a metric that does not hold together.
    """
    if not settings.file:
        return None
    path = Path(settings.file)
    said = _run(path)
    metrics, quantities = said.get("METRICS"), said.get("quantities")
    if not isinstance(metrics, tuple | list) or not callable(quantities):
        raise TenureError(
            f"{path} lacks METRICS (a tuple of Metric) or the function quantities(tables, "
            "observations).",
            _FIX,
        )
    faults = [fault for metric in metrics for fault in faults_of(metric)]
    if faults:
        raise TenureError("\n".join(f"{path}: {fault}" for fault in faults), _FIX)
    return OwnMetrics(path, tuple(metrics), quantities)


def as_known(tables: Tables, as_of: date) -> dict[str, ir.Table]:
    """All tables of the contract as they stood on the morning of a day.

    Parameters
    ----------
    tables : mapping of str to Table
        Conformed contract tables; those that are missing come out empty.
    as_of : date

    Returns
    -------
    dict of str to Table
        Every column of the contract, and ``days_ago`` (whole days from the row's time to as_of; 1
        is the day before). Of contracts, the newest revision known by then.
    """
    return {
        name: _cut(tables[name], name, as_of) if name in tables else _nothing(name)
        for name in TABLES
    }


def faults_of(metric: Any) -> list[str]:
    """Say what does not hold together in a declaration.

    Examples
    --------
    >>> from features import catalog
    >>> faults_of(replace(catalog.metrics()["arr"], sentence="It is much"))
    ["arr: {value} must stand once in 'It is much'"]
    """
    if not isinstance(metric, Metric):
        return [f"METRICS holds {metric!r}, which is no Metric"]
    faults = []
    if not re.fullmatch(r"[a-z][a-z0-9_]*", metric.name):
        faults.append(f"the name {metric.name!r} must be of small letters, digits and _")
    for field, allowed in (
        ("dimension", (*DIMENSIONS, CONTEXT)),
        ("healthy", (*get_args(Healthy), None)),
        ("kind", get_args(Kind)),
        ("actionable", (True, False)),
    ):
        value = getattr(metric, field)
        if value not in allowed:
            one_of = ", ".join(map(repr, allowed))
            faults.append(f"{metric.name}: {field} is {value!r} and must be one of {one_of}")
    for sentence in (metric.sentence, metric.sentence_de or "{value}"):
        if sentence.count("{value}") != 1:
            faults.append(f"{metric.name}: {{value}} must stand once in {sentence!r}")
    faults += _faults_of_age(metric)
    known = [name for table in TABLES for name in (table, *_columns(table))]
    for need in (one for needs in metric.needs for one in needs.split("|")):
        if need not in known:
            near = did_you_mean(need, known)
            faults.append(f"{metric.name}: needs {need!r}, which is not in the contract.{near}")
    return faults


def _faults_of_age(metric: Metric) -> list[str]:
    days, settings = metric.stale_days, [f.name for f in fields(MetricSettings) if f.type is int]
    if isinstance(days, str) and days not in settings:
        known = " or ".join(settings)
        return [f"{metric.name}: stale_days is {days!r} and must be a number of days or {known}"]
    if bool(metric.age) != bool(days) or (isinstance(days, int) and days < 0):
        return [f"{metric.name}: age and stale_days go together, and stale_days is 1 or more"]
    return []


_TYPES = {"number": "float64", "category": "string"}


def _columns(table: str) -> list[str]:
    return [f"{table}.{column}" for column in TABLES[table].column_names]


def _column(name: str) -> Callable[[ir.Table], ir.Value]:
    return lambda t: t[name]


def _run(path: Path) -> dict[str, Any]:
    """What the names in the file stand for once it has run."""
    if not path.is_file():
        raise TenureError(
            f"{path} is not there.",
            "[metrics] file in tenure.toml names it, from the folder in which that lies.",
        )
    spec = importlib.util.spec_from_file_location("own_metrics", path)
    if spec is None or spec.loader is None:
        raise TenureError(f"{path} is no Python file.", "Let its name end in .py.")
    module = importlib.util.module_from_spec(spec)
    with _faults_of(path):
        spec.loader.exec_module(module)
    return vars(module)


@contextmanager
def _faults_of(path: Path) -> Iterator[None]:
    """Tell what goes wrong in the file as its fault, with the line."""
    try:
        yield
    except TenureError:
        raise
    except Exception as error:
        lines = [f.lineno for f in traceback.extract_tb(error.__traceback__) if _same(f, path)]
        if isinstance(error, SyntaxError):
            lines.append(error.lineno)
        where = f"{path}, line {lines[-1]}" if lines else str(path)
        what = str(error).strip().partition("\n")[0]
        raise TenureError(f"{where}: {type(error).__name__}: {what}", _FIX) from error


def _same(frame: traceback.FrameSummary, path: Path) -> bool:
    return Path(frame.filename) == path.absolute()


def _cut(table: ir.Table, name: str, as_of: date) -> ir.Table:
    """One table without what happened or was known on a day or later."""
    declared = TABLES[name]
    t = with_all_columns(table, name).mutate(as_of=ibis.literal(as_of, "date"))
    t = t.filter(t.known_at < t.as_of.cast("timestamp"))
    if name == "contracts":
        t = contracts_as_known(t.drop("as_of"), grid([as_of]))
    happened = declared.column(declared.times[0])
    if not happened.planned:
        t = t.filter(_before(t, happened.name) | t[happened.name].isnull())
    unseen = {
        c.name: _told(t, c.name, _before(t, c.name))
        for c in declared.columns
        if c.type in ("time", "date") and not c.planned
    }
    unseen |= {
        c.name: _told(t, c.name, first_of(t, *c.since) < t.as_of.cast("timestamp"))
        for c in declared.columns
        if c.since
    }
    if name == "touchpoints":
        unseen |= _answers(t)
    days_ago = age_days(t, t[happened.name])
    return t.mutate(days_ago=days_ago, **unseen).select(*declared.column_names, "days_ago")


def _before(t: ir.Table, column: str) -> ir.Value:
    return t[column].cast("timestamp") < t.as_of.cast("timestamp")


def _told(t: ir.Table, column: str, when: ir.Value) -> ir.Value:
    return ibis.ifelse(when.fill_null(False), t[column], ibis.null(t[column].type()))


def _answers(t: ir.Table) -> dict[str, ir.Value]:
    """What came back of contacts. When a message was answered, its hours of waiting tell.

    A message that waits looks like one that was never answered, as it did on that day.
    """
    wait = (t.response_hours.fill_null(0.0) * 3600.0).round().cast("int64")
    answered = epoch_second(t.occurred_at) + wait < epoch_second(t.as_of)
    return {
        "response_hours": _told(t, "response_hours", answered),
        "attended": _told(t, "attended", ~t.kind.isin(MESSAGES) | (answered & t.attended)),
    }


def _nothing(name: str) -> ir.Table:
    """A table that the source lacks: all columns, no row."""
    columns = {c.name: ENGINE_TYPES[c.type] for c in TABLES[name].columns}
    return ibis.memtable([], schema={**columns, "days_ago": "int64"})
