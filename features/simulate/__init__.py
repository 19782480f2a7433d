"""A company with known truth: customers whose reasons for leaving we have planted ourselves.

The story, in this order, and nothing later changes what came before:

1. Accounts are founded and sign terms (`features.simulate.accounts`).
2. They live: states drift, shocks hit, metrics show it; from the metrics follows what each account
   risks in each month. This is the truth, and it is now fixed (`features.simulate.life`).
3. They leave tables behind, as if nobody ever left (`features.simulate.usage`,
   `features.simulate.tables`).
4. The lot is drawn at each renewal, with random numbers of its own, and whoever left falls silent
   on that day: the tables are cut (`features.simulate.fate`).

So a model that is trained on the tables can be held against the truth: its probabilities, its
reasons, the weights and the goals that it learned.
"""

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.csv
import pyarrow.parquet

from features.contract import TABLES, Type
from features.errors import TenureError, did_you_mean
from features.metric import DIMENSIONS
from features.simulate import fate, life, tables, usage
from features.simulate.accounts import (
    END,
    SEGMENTS,
    Bools,
    Calendar,
    Floats,
    Ints,
    found,
    sign,
)
from features.simulate.life import NAMES, PLANTED, Risk
from features.simulate.world import (
    World,
    codes,
    months_of,
    seats_of,
)


@dataclass(frozen=True)
class Preset:
    """A kind of company.

    Parameters
    ----------
    meaning : str
        What it is for.
    signal : bool
        Whether anything tells who leaves.
    leaks : bool
        Whether tables were written in afterwards, with the outcome in mind.
    drifts : bool
        Whether, half way, other reasons become the ones that count.
    terms : tuple of int
        Lengths of contracts, in months.
    accounts : int, optional
        How many accounts there are, whatever is asked for.
    """

    meaning: str
    signal: bool = True
    leaks: bool = False
    drifts: bool = False
    terms: tuple[int, ...] = (1, 12, 24, 36)
    accounts: int | None = None


PRESETS = {
    "normal": Preset("a company as they mostly are"),
    # Terms of different lengths would tell something: who renews monthly has more chances to leave.
    "no-signal": Preset("every renewal fails with the same probability", signal=False, terms=(12,)),
    "leak": Preset("tables that were touched up once accounts had left", leaks=True),
    "drift": Preset("half way, reasons and logging change", drifts=True),
    "small": Preset("150 accounts, too few for much", accounts=150),
}


@dataclass(frozen=True)
class Company:
    """A simulated company.

    Parameters
    ----------
    tables : dict of str to DataFrame
        Every table of the data contract.
    truth : dict
        Planted weights and goals, the best that a model could reach, the span: ``truth.json``.
    hazard : DataFrame of shape (accounts x months in force, ...)
        One row per account and first of a month on which it was in force: ``churn_if_due``, the
        probability that it leaves if its term ends in that month; ``hazard``, the same or 0 where
        none does; the log-odds that make it up (``intercept``, ``context``, ``frailty``,
        ``contribution_<metric>``); and the levels they follow from, those of the month before
        (``level_<metric>``, in the metric's unit).
    """

    tables: dict[str, pd.DataFrame]
    truth: dict[str, Any]
    hazard: pd.DataFrame


def simulate(
    accounts: int,
    months: int,
    seed: int,
    preset: str = "normal",
    *,
    outcome_seed: int | None = None,
) -> Company:
    """Simulate a company up to a fixed last day, 2026-06-30.

    Parameters
    ----------
    accounts : int
        How many customers there ever are; six in ten from the start, the others join later.
    months : int
        Months of data.
    seed : int
        Equal seeds give equal companies.
    preset : str
        One of `PRESETS`.
    outcome_seed : int, optional
        Seed of the lots drawn at renewals, by default `seed`: the same company with other luck.

    Returns
    -------
    Company

    Raises
    ------
    TenureError
        For an unknown preset, and for no accounts or under two months.

    Examples
    --------
    >>> company = simulate(accounts=40, months=6, seed=1)
    >>> company.tables["accounts"].account_id.tolist()[:2]
    ['A00000', 'A00001']
    """
    kind = _preset(preset, accounts, months)
    calendar = Calendar.ending(months)
    customers = found(kind.accounts or accounts, calendar, kind.terms, seed)
    terms = sign(customers, calendar, seed)
    lived = life.live(customers, terms, calendar, seed)
    change = months // 2 + 1 if kind.drifts else None
    weights = life.weights_by_month(calendar, change) if kind.signal else None
    risk = life.risk(customers, terms, lived, calendar, weights)

    seats = seats_of(customers, terms, lived, calendar, seed)
    twice = END if change is None else int(calendar.first_day[change])
    world = World(customers, terms, seats, calendar, lived, seed, twice)
    told = _emit(world)

    leaves = fate.draw(risk, seed if outcome_seed is None else outcome_seed)
    exits = fate.exit_days(world, leaves)
    told["contracts"] = fate.contracts(world, risk, leaves, exits)
    told = {name: fate.cut(name, told[name], exits) for name in TABLES}
    if kind.leaks:
        told = fate.touch_up(told, world, exits)
    told = {name: _spell_out(table) for name, table in told.items()}
    hazard = _hazard(world, risk, exits)
    facts = {"preset": preset, "seed": seed, **_span(calendar)}
    if change is not None:
        facts["drift"] = _drift(calendar, change)
    return Company(told, facts | _truth(kind, leaves, risk, calendar), hazard)


def _preset(preset: str, accounts: int, months: int) -> Preset:
    if preset not in PRESETS:
        raise TenureError(
            f"There is no preset '{preset}'.{did_you_mean(preset, PRESETS)}",
            "Take one of: " + "; ".join(f"{name} ({p.meaning})" for name, p in PRESETS.items()),
        )
    if accounts < 1 or months < 2:
        raise TenureError(
            f"{accounts} accounts over {months} months make no company.",
            "Ask for at least 1 account and 2 months, for instance --accounts 1500 --months 30.",
        )
    return PRESETS[preset]


def _emit(world: World) -> dict[str, pd.DataFrame]:
    """All tables but the contracts, as if nobody ever left."""
    months = months_of(world.accounts, world.calendar)
    users = usage.hire(world)
    crew = usage.assemble(world, months, users)
    return {
        "accounts": tables.accounts(world),
        "users": usage.listed(world, users),
        "usage": usage.usage(world, months, crew),
        "surveys": tables.surveys(world, months, crew),
        "csm_sentiment": tables.csm_sentiment(world, months),
        "tickets": tables.tickets(world, months, crew),
        "touchpoints": tables.touchpoints(world, months),
        "invoices": tables.invoices(world),
        "advocacy": tables.advocacy(world, months),
        "objectives": tables.objectives(world, months),
        "incidents": tables.incidents(world),
    }


def _spell_out(table: pd.DataFrame) -> pd.DataFrame:
    """Names in place of numbers, times in place of seconds."""
    columns: dict[str, Any] = {}
    for column, values in table.items():
        if column == "account":
            columns["account_id"] = codes("A", 5, values.to_numpy())
        elif column == "user":
            columns["user_id"] = codes("U", 7, values.to_numpy())
        elif str(column).endswith(("_at", "_date")):
            columns[str(column)] = (
                values.to_numpy().astype("datetime64[s]").astype("datetime64[us]")
            )
        else:
            columns[str(column)] = values
    return pd.DataFrame(columns)


def _hazard(world: World, risk: Risk, exits: Ints) -> pd.DataFrame:
    """The truth as a table; see `Company`."""
    accounts, calendar = world.accounts, world.calendar
    first = calendar.first_day[None, : calendar.months + 1]
    there = (accounts.start[:, None] <= first) & (exits[:, None] > first)
    there[:, 0] = False
    account, month = np.nonzero(there)
    if_due, due = risk.if_due[account, month], risk.due[account, month]
    columns: dict[str, Any] = {
        "account_id": codes("A", 5, account),
        "month": calendar.first_day[month].astype("datetime64[D]").astype("datetime64[us]"),
        "segment": np.array(SEGMENTS)[accounts.segment[account]],
        "due": due,
        "hazard": np.where(due, if_due, 0.0),
        "churn_if_due": if_due,
        "intercept": risk.intercept[account, month],
        "context": risk.context[account, month],
        "frailty": accounts.frailty[account] * bool(risk.contributions.any()),
    }
    for j, name in enumerate(NAMES):
        columns[f"contribution_{name}"] = risk.contributions[j, account, month].astype(np.float32)
    for j, name in enumerate(NAMES):
        columns[f"level_{name}"] = world.life.levels[j, account, month - 1].astype(np.float32)
    columns["level_csm_sentiment"][accounts.touch[account] == 0] = np.nan  # nobody rates these
    return pd.DataFrame(columns)


def _span(calendar: Calendar) -> dict[str, Any]:
    days = np.array([calendar.start, END - 1]).astype("datetime64[D]").astype(str)
    return {"first_day": str(days[0]), "last_day": str(days[1]), "months": calendar.months}


def _drift(calendar: Calendar, change: int) -> dict[str, Any]:
    """What becomes of the weights, and from which day; logged actions count twice from then on."""
    day = str(calendar.first_day[change].astype("datetime64[D]"))
    weights = dict(zip(NAMES, life.drifted_weights().round(4).tolist(), strict=True))
    return {"from": day, "weights": weights, "doubled": "actions_per_active_day_28d"}


def _truth(kind: Preset, leaves: Ints, risk: Risk, calendar: Calendar) -> dict[str, Any]:
    """Planted weights and goals, and how well one could do who knew the hazards."""
    weights = {m.name: float(m.weight) if kind.signal else 0.0 for m in PLANTED}
    dimensions = {d: sum(weights[m.name] for m in PLANTED if m.dimension == d) for d in DIMENSIONS}
    reds, greens = life.ramps(np.arange(len(SEGMENTS)))
    goals = {
        name: {
            segment: {
                "red": round(float(red), 4),
                "green": round(float(green), 4),
                "goal": round(float(red + green) / 2, 4),
            }
            for segment, red, green in zip(SEGMENTS, reds[j], greens[j], strict=True)
        }
        for j, name in enumerate(NAMES)
        if weights[name]
    }
    in_time = np.arange(calendar.months + 1)[None, :] <= leaves[:, None]
    account, month = np.nonzero(risk.due & in_time)
    churned = leaves[account] == month
    return {
        "weights": weights,
        "dimensions": dimensions,
        "goals": goals,
        "null_metrics": [name for name, weight in weights.items() if not weight],
        "leaks": fate.LEAKS if kind.leaks else [],
        "oracle": _oracle(risk.if_due[account, month], churned),
        "accounts": len(leaves),
        "renewals": len(churned),
        "churned": int(churned.sum()),
    }


def _oracle(probability: Floats, churned: Bools) -> dict[str, float | None]:
    """AUC and log-loss, among renewals, of the true probabilities."""
    loss = -np.log(np.where(churned, probability, 1 - probability))
    left, stayed = int(churned.sum()), int((~churned).sum())
    if not left or not stayed:
        return {"auc": None, "log_loss": round(float(loss.mean()), 6) if len(loss) else None}
    wins = pd.Series(probability).rank()[churned].sum() - left * (left + 1) / 2
    return {
        "auc": round(float(wins / (left * stayed)), 6),
        "log_loss": round(float(loss.mean()), 6),
    }


def write(company: Company, folder: Path, format: Literal["parquet", "csv"] = "parquet") -> None:
    """Write the tables, ``truth.json`` and ``truth.parquet`` to a folder.

    The same company gives the same bytes.

    Parameters
    ----------
    company : Company
    folder : Path
        Made where it is missing; files of the same names are replaced.
    format : {"parquet", "csv"}
        How the contract tables are written.

    Raises
    ------
    TenureError
        Where the folder cannot be made or written to.
    """
    try:
        _write(company, folder, format)
    except OSError as error:
        raise TenureError(
            f"The company could not be written to {folder}: {error.strerror or error}.",
            "Name a folder, not a file, that may be written to and has room.",
        ) from error


def _write(company: Company, folder: Path, format: Literal["parquet", "csv"]) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    for name, table in company.tables.items():
        typed = _typed(name, table, unit="us" if format == "parquet" else "s")
        if format == "parquet":
            pa.parquet.write_table(typed, folder / f"{name}.parquet")
        else:
            pa.csv.write_csv(typed, folder / f"{name}.csv")
    hazard = pa.Table.from_pandas(company.hazard, preserve_index=False)
    pa.parquet.write_table(hazard.replace_schema_metadata(None), folder / "truth.parquet")
    text = json.dumps(company.truth, indent=2)
    (folder / "truth.json").write_text(text + "\n", encoding="utf-8")


def _typed(name: str, table: pd.DataFrame, unit: str) -> pa.Table:
    """The table in the types that the data contract says; times in CSV need no fractions."""
    types: dict[Type, pa.DataType] = {
        "text": pa.string(),
        "date": pa.date32(),
        "time": pa.timestamp(unit),
        "number": pa.float64(),
        "integer": pa.int64(),
        "boolean": pa.bool_(),
    }
    fields = [pa.field(c, types[TABLES[name].column(c).type]) for c in table.columns]
    typed = pa.Table.from_pandas(table, schema=pa.schema(fields), preserve_index=False)
    return typed.replace_schema_metadata(None)
