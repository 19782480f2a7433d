"""tenure.toml -> frozen dataclasses. Nothing happens on import; every fault is told at once."""

import tomllib
from collections.abc import Mapping
from dataclasses import MISSING, Field, dataclass, field, fields, replace
from datetime import date, datetime
from pathlib import Path
from types import UnionType
from typing import Any, Literal, TypeVar, get_args, get_origin, get_type_hints

from features import contract
from features.errors import SettingsError, did_you_mean

FILE = "tenure.toml"

RENEWAL_HORIZON_DAYS = 180
"""Days from the furthest look of the design ``renewal`` to the renewal."""


@dataclass(frozen=True)
class TableMapping:
    """Where a contract table comes from when the source calls it otherwise.

    Either ``sql``, run on the source itself and in its own dialect, or the name of a foreign
    ``table``; ``columns`` renames ({contract column: foreign column}) after either.
    """

    sql: str | None = None
    table: str | None = None
    columns: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class OwnCheck:
    """A company's own check, run on the source itself.

    Parameters
    ----------
    table : str
        The contract table that it is about.
    message : str
        What is wrong, after "3 of 200 rows".
    sql : str
        Returns the offending rows.
    of : str, optional
        The table in the source of which these are rows, to count them against; by default the
        contract table.
    fix : str
        What to do.
    severity : {"error", "warning"}
    """

    table: str
    message: str
    sql: str
    of: str | None = None
    fix: str = "Correct these rows in the source, or leave them out in tenure.toml."
    severity: Literal["error", "warning"] = "warning"


@dataclass(frozen=True)
class MetricSettings:
    """What metrics need to be told: those beside the built-in ones, what is key, what is stale.

    Parameters
    ----------
    file : str, optional
        A Python file with metrics of the company's own (see `features.own`); in tenure.toml, from
        the folder in which that lies.
    csm_stale_days, survey_stale_days : int
        A CSM's rating and a customer's last answer are stale once they are older.
    key_features : tuple of str, optional
        Features in ``usage`` that matter most; None: learned in training, unknown until then.
    """

    file: str | None = None
    csm_stale_days: int = field(default=14, metadata={"low": 1, "high": 3660})
    survey_stale_days: int = field(default=180, metadata={"low": 1, "high": 3660})
    key_features: tuple[str, ...] | None = None


@dataclass(frozen=True)
class ObservationSettings:
    """Who is looked at when, and what counts as churn.

    Parameters
    ----------
    design : {"calendar", "renewal"}
        Look on every day of a regular grid, or on those at which a renewal comes within 180, 120,
        90, 60 and 30 days.
    every : {"day", "week", "month"}
        Step of the calendar grid.
    first : date, optional
        A day on the grid; by default the first of a month, or a Monday.
    horizon_days, lead_days : int
        The outcome window is (as_of + lead_days, as_of + lead_days + horizon_days]. In tenure.toml
        the horizon is 180 days in the design ``renewal`` unless told otherwise.
    grace_days : int
        A contract renewed or replaced within so many days of its end did not churn.
    observed_until : date, optional
        Last day on which the source is complete; by default the last day on which anything
        is recorded in it.
    """

    design: Literal["calendar", "renewal"] = "calendar"
    every: Literal["day", "week", "month"] = "month"
    first: date | None = None
    horizon_days: int = field(default=90, metadata={"low": 1, "high": 1830})
    lead_days: int = field(default=0, metadata={"low": 0, "high": 730})
    grace_days: int = field(default=30, metadata={"low": 0, "high": 366})
    observed_until: date | None = None


@dataclass(frozen=True)
class TrainingSettings:
    """How the model is learned.

    Parameters
    ----------
    seed : int
        The same seed on the same data gives the same model.
    folds : int
        Blocks of time in the backtest, each predicted from what came before it.
    bags : int
        Refits on resampled accounts, from which intervals of probabilities are read; the health
        score is refitted twice as often for its own. 0: no intervals.
    trees : int
        The most trees a model may have; the backtest settles on fewer.
    trials : int
        Shapes of trees that are tried before the backtest; 0 tries none.
    """

    seed: int = field(default=0, metadata={"low": 0})
    folds: int = field(default=5, metadata={"low": 2, "high": 50})
    bags: int = field(default=20, metadata={"low": 0, "high": 1000})
    trees: int = field(default=600, metadata={"low": 1, "high": 20000})
    trials: int = field(default=0, metadata={"low": 0, "high": 1000})


@dataclass(frozen=True)
class HealthSettings:
    """How health is told today, before anything was learned.

    Parameters
    ----------
    weights : mapping of str to float
        Of metrics or dimensions, in any unit; those not named count nothing today. Empty: none are
        in use.
    goals : mapping of str to float, or to a mapping of segment to float
        From where on a metric is healthy, in its unit; "all" stands for any other segment.
    """

    weights: Mapping[str, float] = field(default_factory=dict)
    goals: Mapping[str, float | Mapping[str, float]] = field(default_factory=dict)


@dataclass(frozen=True)
class BaselineSettings:
    """The company's own score in use today, with which the model is compared.

    Parameters
    ----------
    table : str
        Of the contract, or any other that the source has.
    column : str
        Its column of numbers.
    date : str
        Its column that says from when on a number holds.
    higher_is : {"healthier", "riskier"}
    account : str
        Its column of accounts.
    """

    table: str
    column: str
    date: str
    higher_is: Literal["healthier", "riskier"]
    account: str = "account_id"


@dataclass(frozen=True)
class ServingSettings:
    """How the service answers.

    Parameters
    ----------
    keys, audit_log : str
        Files; in tenure.toml, from the folder in which that lies.
    requests_per_minute : int
        Of one key, over all workers; so many may also come at once.
    workers : int
        Processes that answer.
    """

    keys: str = "models/keys.json"
    audit_log: str = "models/audit.jsonl"
    requests_per_minute: int = field(default=1200, metadata={"low": 1, "high": 1_000_000})
    workers: int = field(default=1, metadata={"low": 1, "high": 64})


@dataclass(frozen=True)
class Settings:
    """Everything that tenure.toml can say."""

    source_url: str | None = None
    tables: Mapping[str, TableMapping] = field(default_factory=dict)
    checks: tuple[OwnCheck, ...] = ()
    metrics: MetricSettings = MetricSettings()
    observations: ObservationSettings = ObservationSettings()
    training: TrainingSettings = TrainingSettings()
    health_present: HealthSettings = HealthSettings()
    baseline: BaselineSettings | None = None
    serving: ServingSettings = ServingSettings()


@dataclass(frozen=True)
class _Source:
    url: str | None = None


def load(path: Path | None = None) -> Settings:
    """Read settings from a file, by default from tenure.toml in the working folder.

    Without a path and without that file, everything stands at its default.

    Raises
    ------
    SettingsError
        Naming the file and every key or value in it that is not understood.
    """
    if path is None:
        path = Path(FILE)
        if not path.exists():
            return Settings()
    try:
        said = tomllib.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise SettingsError(
            f"{path} cannot be read: {error.strerror}.", "Give the right path with --config."
        ) from None
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise SettingsError(
            f"{path} is no valid TOML: {error}.", "tenure.toml in the repository shows the form."
        ) from None
    faults: list[str] = []
    settings = _settings(said, path.parent, faults)
    if faults:
        raise SettingsError(
            "\n".join(f"{path}: {fault}" for fault in faults),
            "Every setting is explained in tenure.toml at the root of the repository.",
        )
    return settings


def _settings(said: dict[str, Any], folder: Path, faults: list[str]) -> Settings:
    sections = (
        "source",
        "tables",
        "checks",
        "metrics",
        "observations",
        "training",
        "health_score",
        "baseline",
        "serving",
    )
    for key in said.keys() - set(sections):
        faults.append(f"unknown section [{key}].{did_you_mean(key, sections)}")
    metrics = _fill(MetricSettings, said.get("metrics", {}), "metrics", faults)
    return Settings(
        source_url=_fill(_Source, said.get("source", {}), "source", faults).url,
        tables=_mappings(said.get("tables", {}), faults),
        checks=_checks(said.get("checks", []), faults),
        metrics=replace(metrics, file=metrics.file and str(folder / metrics.file)),
        observations=_observations(said.get("observations", {}), faults),
        training=_fill(TrainingSettings, said.get("training", {}), "training", faults),
        health_present=_present(said.get("health_score", {}), faults),
        baseline=_baseline(said["baseline"], faults) if "baseline" in said else None,
        serving=_serving(said.get("serving", {}), folder, faults),
    )


def _observations(said: Any, faults: list[str]) -> ObservationSettings:
    """Read [observations]; its horizon reaches to the furthest look of the design."""
    read = _fill(ObservationSettings, said, "observations", faults)
    if read.design == "renewal" and "horizon_days" not in said:
        return replace(read, horizon_days=RENEWAL_HORIZON_DAYS)
    return read


def _present(said: Any, faults: list[str]) -> HealthSettings:
    """Read [health_score.present]; whether its names are metrics is checked when it is used."""
    if not isinstance(said, dict) or said.keys() - {"present"}:
        faults.append("[health_score] holds one section only: [health_score.present].")
        return HealthSettings()
    present = said.get("present", {})
    if not isinstance(present, dict) or present.keys() - {"weights", "goals"}:
        faults.append("[health_score.present] holds weights and goals, and nothing else.")
        return HealthSettings()
    for name, value in present.items():
        _check_numbers(name, value, faults)
    return HealthSettings(present.get("weights", {}), present.get("goals", {}))


def _check_numbers(name: str, said: Any, faults: list[str]) -> None:
    where = f"health_score.present.{name}"
    if not isinstance(said, dict):
        faults.append(f"[{where}] must be a section of metrics and numbers.")
        return
    for metric, value in said.items():
        by_segment = isinstance(value, dict) and name == "goals"
        values = list(value.values()) if by_segment else [value]
        if not all(isinstance(v, int | float) and not isinstance(v, bool) for v in values):
            wanted = "a number, or numbers by segment" if name == "goals" else "a number"
            faults.append(f"[{where}] {metric} = {value!r}: must be {wanted}.")


def _baseline(said: Any, faults: list[str]) -> BaselineSettings:
    """Read [baseline]; what it names is looked for in the source when it is used."""
    missing = {"table", "column", "date", "higher_is"} - (
        said.keys() if isinstance(said, dict) else set()
    )
    if missing:
        faults.append(f"[baseline] lacks {', '.join(sorted(missing))}.")
    return _fill(BaselineSettings, said, "baseline", faults)


def _serving(said: Any, folder: Path, faults: list[str]) -> ServingSettings:
    """Read [serving]; files that it names are meant from the folder of tenure.toml."""
    serving = _fill(ServingSettings, said, "serving", faults)
    told = said if isinstance(said, dict) else {}
    named = {name: getattr(serving, name) for name in ("keys", "audit_log") if name in told}
    files: dict[str, Any] = {name: str(folder / file) for name, file in named.items()}
    return replace(serving, **files)


def _mappings(said: Any, faults: list[str]) -> dict[str, TableMapping]:
    if not isinstance(said, dict):
        faults.append("tables must be sections, one per table: [tables.usage].")
        return {}
    mappings = {}
    for name, values in said.items():
        if name not in contract.TABLES:
            faults.append(f"[tables.{name}]: no such table.{did_you_mean(name, contract.TABLES)}")
            continue
        mapping = _fill(TableMapping, values, f"tables.{name}", faults)
        if mapping.sql is not None and mapping.table is not None:
            faults.append(f"[tables.{name}] has both sql and table: keep one.")
        known = contract.TABLES[name].column_names
        for column in mapping.columns.keys() - set(known):
            faults.append(
                f"[tables.{name}] columns: {name} has no column '{column}'."
                f"{did_you_mean(column, known)}"
            )
        mappings[name] = mapping
    return mappings


def _checks(said: Any, faults: list[str]) -> tuple[OwnCheck, ...]:
    if not isinstance(said, list):
        faults.append("checks must be a list of sections, each opened by [[checks]].")
        return ()
    required = {"table", "message", "sql"}
    checks = []
    for number, values in enumerate(said, start=1):
        where = f"checks, number {number}"
        missing = required - (values.keys() if isinstance(values, dict) else set())
        if missing:
            faults.append(f"[{where}] lacks {', '.join(sorted(missing))}.")
            continue
        if values["table"] not in contract.TABLES:
            near = did_you_mean(str(values["table"]), contract.TABLES)
            faults.append(f"[{where}]: no such table, {values['table']!r}.{near}")
        checks.append(_fill(OwnCheck, values, where, faults))
    return tuple(checks)


T = TypeVar("T")


def _fill(kind: type[T], said: Any, where: str, faults: list[str]) -> T:
    """Build one dataclass from what the file says; faults are noted, their values left out."""
    if not isinstance(said, dict):
        faults.append(f"[{where}] must be a section of keys and values.")
        said = {}
    known: dict[str, Field[Any]] = {each.name: each for each in fields(kind)}  # type: ignore[arg-type]
    hints = get_type_hints(kind)
    values: dict[str, Any] = {
        name: "" for name, each in known.items() if each.default is each.default_factory is MISSING
    }
    for key, value in said.items():
        if key not in known:
            faults.append(f"[{where}]: unknown key '{key}'.{did_you_mean(key, known)}")
            continue
        wanted = _unfit(value, hints[key], known[key].metadata)
        if wanted:
            faults.append(f"[{where}] {key} = {value!r}: must be {wanted}.")
        else:
            values[key] = tuple(value) if isinstance(value, list) else value
    return kind(**values)


def _unfit(value: Any, hint: Any, bounds: Mapping[str, int]) -> str:
    """Say what the value must be, or nothing where it fits."""
    if isinstance(hint, UnionType):
        hint = next(each for each in get_args(hint) if each is not type(None))
    if get_origin(hint) is Literal:
        allowed = get_args(hint)
        return "" if value in allowed else f"one of {', '.join(map(repr, allowed))}"
    if hint is str:
        return "" if isinstance(value, str) else "text in quotes"
    if get_origin(hint) is tuple:
        fits = isinstance(value, list) and all(isinstance(each, str) for each in value)
        return (
            "" if fits and len(set(value)) == len(value) else 'different texts, as ["one", "two"]'
        )
    if hint is date:
        fits = isinstance(value, date) and not isinstance(value, datetime)
        return "" if fits else "a date such as 2024-01-31, without quotes"
    if hint is int:
        return _unfit_number(value, bounds)
    fits = isinstance(value, dict) and all(isinstance(each, str) for each in value.values())
    return "" if fits else 'names, such as { account_id = "customer" }'


def _unfit_number(value: Any, bounds: Mapping[str, int]) -> str:
    low, high = bounds["low"], bounds.get("high")
    if not isinstance(value, int) or isinstance(value, bool):
        return "a whole number"
    if value < low or (high is not None and value > high):
        return f"from {low} to {high}" if high is not None else f"{low} or more"
    return ""
