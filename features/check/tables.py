"""What can be wrong inside one table, and in it beside the accounts."""

from collections.abc import Iterator
from datetime import date, timedelta

import ibis
import ibis.expr.types as ir

from features.check.probe import Probe, examples_of, one_row, run, table_fault
from features.check.report import Fault, share
from features.contract import SIGNALS, TABLES, Column, bounds
from features.errors import did_you_mean
from features.source import ISO_TIME, OFFSET, Source, acceptable, conform_column

FAR_AWAY = date(2100, 1, 1)
"""An end date beyond it stands for "no end"."""

ORDERS = {
    "users": (("created_at", "deactivated_at"),),
    "surveys": (("sent_at", "responded_at"),),
    "tickets": (("opened_at", "first_response_at"), ("opened_at", "resolved_at")),
    "incidents": (("started_at", "ended_at"),),
}
"""Pairs of times of which the second cannot come first."""

SURVEY_SCALES = {"nps": (0, 10), "csat": (1, 5), "ces": (1, 7)}

NOT_READABLE_AS = {
    "date": ("cannot be read as a date", "Write days as 2024-01-31."),
    "time": (
        "cannot be read as a time",
        "Write times as 2024-01-31T09:30:00+01:00, or days as 2024-01-31.",
    ),
    "number": ("are no number", "Write plain numbers such as 1234.5; leave unknown ones empty."),
    "integer": ("are no whole number", "Write whole numbers; leave unknown ones empty."),
    "boolean": ("are neither true nor false", "Write true or false; leave unknown ones empty."),
}


def check_table(source: Source, name: str, rows: int, today: date) -> list[Fault]:
    """Every fault that can be seen in one table, and in it beside the accounts."""
    found, conformed = source.found[name], source.tables[name]
    separator = _wrong_separator(found)
    if separator:
        return [
            table_fault(
                name,
                f"{name} has the single column '{found.columns[0]}': its columns stand apart by "
                f"{separator!r}, not by commas.",
                "Write the file with commas between the columns.",
            )
        ]
    faults = [*_missing_columns(name, found), *_wrong_types(name, found)]
    if rows == 0:
        return [*faults, _empty(name)]
    faults += run(name, found, [*_cells(name, found), *_future(name, found, today)])
    faults += _mixed_offsets(name, found)
    faults += run(name, conformed, list(_within_row(name, conformed)))
    faults += _repeated_keys(name, conformed, rows)
    if name != "accounts" and source.has_required("accounts"):
        faults += _beside_accounts(source, name)
    return faults


def _wrong_separator(found: ir.Table) -> str:
    if len(found.columns) != 1:
        return ""
    return next((each for each in (";", "\t", "|") if each in found.columns[0]), "")


def _missing_columns(name: str, found: ir.Table) -> list[Fault]:
    known = {column.name for column in TABLES[name].columns}
    faults = [
        table_fault(
            name,
            f"{name} has no column {column.name}."
            f"{did_you_mean(column.name, set(found.columns) - known)}",
            f"Add it ({column.meaning}); or name yours in tenure.toml: "
            f'[tables.{name}] columns = {{ {column.name} = "..." }}.',
            column.name,
        )
        for column in TABLES[name].columns
        if column.required and column.name not in found.columns
    ]
    if name == "surveys" and not {"sent_at", "responded_at"} & set(found.columns):
        faults.append(
            table_fault(
                name,
                "surveys has neither sent_at nor responded_at.",
                "Add at least one of them: without a time no answer can be used.",
                "sent_at",
            )
        )
    return faults


def _wrong_types(name: str, found: ir.Table) -> list[Fault]:
    return [
        table_fault(
            name,
            f"{name}.{column.name} is of type {found[column.name].type()}, "
            f"where a {column.type} is needed.",
            f"Convert it in the source, or in tenure.toml by [tables.{name}] sql.",
            column.name,
        )
        for column in _present(name, found)
        if not acceptable(found[column.name].type(), column)
    ]


def _empty(name: str) -> Fault:
    return table_fault(
        name,
        f"{name} has no row.",
        "Is the export complete?"
        if TABLES[name].required
        else "Its metrics will be absent. Fill it, or leave it out.",
        severity="error" if TABLES[name].required else "warning",
    )


def _present(name: str, table: ir.Table) -> list[Column]:
    return [column for column in TABLES[name].columns if column.name in table.columns]


def _cells(name: str, found: ir.Table) -> Iterator[Probe]:
    """Values that do not fit their column: type, gaps, range."""
    for column in _present(name, found):
        raw = found[column.name]
        if not acceptable(raw.type(), column):
            continue
        value = conform_column(raw, column)
        if column.type in NOT_READABLE_AS:
            says, fix = NOT_READABLE_AS[column.type]
            yield Probe(column.name, _filled(raw) & value.isnull(), says, fix, raw)
        if column.required and not column.may_be_empty:
            yield _gap(name, column, raw)
        if column.values:
            yield Probe(
                column.name,
                value.notnull() & ~value.isin(column.values),
                f"are none of {', '.join(column.values)}",
                f"Translate them under [tables.{name}] of tenure.toml by sql: case ... end.",
                raw,
            )
        if column.low is not None:
            yield _out_of_range(column, raw, value)


def _gap(name: str, column: Column, raw: ir.Value) -> Probe:
    cannot_do_without = TABLES[name].required or column.name in TABLES[name].key
    return Probe(
        column.name,
        ~_filled(raw),
        "are empty",
        "Fill them in the source"
        + (", or leave those rows out." if cannot_do_without else "; such rows are not used."),
        ibis.literal("(empty)"),
        severity="error" if cannot_do_without else "warning",
        error_above=0.5,
    )


def _out_of_range(column: Column, raw: ir.Value, value: ir.NumericValue) -> Probe:
    outside, says = value < column.low, "are negative"
    if column.high is not None:
        outside, says = outside | (value > column.high), f"lie outside {bounds(column)}"
    fix = "Correct them in the source; leave unknown ones empty."
    return Probe(column.name, outside, says, fix, raw)


def _filled(raw: ir.Value) -> ir.BooleanValue:
    """Whether a cell says anything; "not a number" does not."""
    if raw.type().is_string():
        return raw.notnull() & (raw != "")
    return raw.notnull() & ~raw.isnan() if raw.type().is_floating() else raw.notnull()


def _future(name: str, found: ir.Table, today: date) -> Iterator[Probe]:
    tomorrow = ibis.date(today + timedelta(days=1)).cast("timestamp")
    for column in _present(name, found):
        if column.type not in ("date", "time") or not acceptable(found[column.name].type(), column):
            continue
        raw = found[column.name]
        value = conform_column(raw, column).cast("timestamp")
        if not column.planned:
            yield Probe(
                column.name,
                value >= tomorrow,
                f"lie in the future, after {today}",
                "Are days and months swapped, or is a plan taken for an event? Such rows are not "
                "used before their time.",
                raw.cast("string"),
                severity="warning",
                error_above=0.5,
            )
        elif column.name == "end_date":
            yield Probe(
                column.name,
                value >= ibis.date(FAR_AWAY).cast("timestamp"),
                f"lie beyond {FAR_AWAY.year}",
                "Leave the end empty where a contract runs until it is ended.",
                raw.cast("string"),
                severity="warning",
            )


def _within_row(name: str, table: ir.Table) -> Iterator[Probe]:
    """Columns of one row that contradict each other."""
    if name == "contracts" and {"start_date", "end_date"} <= set(table.columns):
        yield Probe(
            "end_date",
            table.end_date < table.start_date,
            "end before they start",
            "Correct start_date or end_date in the source.",
            _span(table.start_date, table.end_date),
        )
    if name == "surveys" and {"kind", "score"} <= set(table.columns):
        for kind, (low, high) in SURVEY_SCALES.items():
            outside = (table.score < low) | (table.score > high)
            yield Probe(
                "score",
                (table.kind == kind) & outside,
                f"are answers to {kind} outside {low} to {high}",
                "Bring the answers to that scale in tenure.toml by SQL, or correct them.",
                table.score,
            )
    happened = [each for each in TABLES[name].times if each in table.columns]
    if name in SIGNALS and happened:
        yield Probe(
            "known_at",
            table.known_at < table[happened[0]],
            f"were known before they happened ({happened[0]})",
            "Is a plan taken for an event, or does one of the two follow another time zone?",
            _span(table[happened[0]], table.known_at),
            severity="warning",
        )
    for first, second in ORDERS.get(name, ()):
        if {first, second} <= set(table.columns):
            yield Probe(
                second,
                table[second] < table[first],
                f"lie before {first}",
                "Look at how these times are recorded; time zones are a common reason.",
                _span(table[first], table[second]),
                severity="warning",
            )


def _span(start: ir.Value, end: ir.Value) -> ir.StringValue:
    return start.cast("string") + " to " + end.cast("string")


def _mixed_offsets(name: str, found: ir.Table) -> list[Fault]:
    """Text columns in which some times carry an offset to UTC and others do not."""
    return [
        fault
        for column in _present(name, found)
        if column.type in ("date", "time") and found[column.name].type().is_string()
        for fault in _mixed(name, column, found)
    ]


def _mixed(name: str, column: Column, found: ir.Table) -> list[Fault]:
    text = found[column.name]
    told, untold = _has_offset(text), lacks_offset(text)
    row = one_row(
        found.aggregate(
            rows=found.count(),
            told=told.sum(),
            untold=untold.sum(),
            one=text.min(where=told),
            other=text.min(where=untold),
        )
    )
    if not (row["told"] and row["untold"]):
        return []
    return [
        Fault(
            severity="error",
            table=name,
            column=column.name,
            count=row["untold"],
            rows=row["rows"],
            examples=(repr(row["one"]), repr(row["other"])),
            message=f"{name}.{column.name} mixes time zones: {row['told']:,} with an offset to "
            f"UTC, {row['untold']:,} without.",
            fix="Write all of them with an offset, or all of them in UTC and without.",
        )
    ]


def _has_offset(text: ir.StringValue) -> ir.BooleanValue:
    return text.re_search(OFFSET)


def lacks_offset(text: ir.StringValue) -> ir.BooleanValue:
    """Whether a text is a time of day that says nothing of its distance to UTC."""
    return text.re_search(ISO_TIME) & ~text.re_search(OFFSET) & text.contains(":")


def _repeated_keys(name: str, table: ir.Table, rows: int) -> list[Fault]:
    """Rows that bear a name which another row bears already."""
    key = TABLES[name].key
    if not key or not set(key) <= set(table.columns):
        return []
    named_rows = table.filter(table[key[0]].notnull())
    groups = named_rows.group_by(*key).agg(bearers=named_rows.count())
    repeated = groups.filter(groups.bearers > 1)
    count = one_row(repeated.aggregate(more=(repeated.bearers - 1).sum()))["more"]
    if not count:
        return []
    more = int(count)
    named = " and ".join(key)
    hint = " Give a later correction its own known_at." if "known_at" in key else ""
    return [
        Fault(
            severity="error",
            table=name,
            column=key[0],
            count=more,
            rows=rows,
            examples=examples_of(repeated, repeated[key[0]]),
            message=f"{name}.{key[0]}: {share(more, rows)} repeat the {named} of another row.",
            fix=f"Keep one row for each.{hint}",
        )
    ]


def _beside_accounts(source: Source, name: str) -> list[Fault]:
    """Rows of accounts that nobody knows, and from before the account began."""
    table = source.tables[name]
    if "account_id" not in table.columns:
        return []
    joined = table.left_join(_beginnings(source), [("account_id", "known_account")])
    probes = [
        Probe(
            "account_id",
            joined.account_id.notnull() & joined.known_account.isnull(),
            "belong to an account that is not in accounts",
            "Add these accounts, or look whether both tables write the ids alike."
            + ("" if TABLES[name].required else " Such rows are not used."),
            joined.account_id,
            severity="error" if TABLES[name].required else "warning",
            error_above=0.5,
        )
    ]
    happened = [each for each in TABLES[name].times if each in table.columns]
    if happened and name not in ("users", "contracts"):
        time = joined[happened[0]]
        probes.append(
            Probe(
                happened[0],
                time.date() < joined.began,
                "lie before the account began",
                "They count all the same. Look at accounts.created_at: the day of an import is "
                "not the day the customer came.",
                joined.account_id + " on " + time.date().cast("string"),
                severity="warning",
            )
        )
    return run(name, joined, probes)


def _beginnings(source: Source) -> ir.Table:
    """The day each account began: its created_at, else the start of its first contract."""
    accounts = source.tables["accounts"]
    told = "created_at" in accounts.columns
    created = accounts.created_at.date() if told else ibis.null("date")
    known = (
        accounts.filter(accounts.account_id.notnull())
        .select(known_account="account_id", created=created)
        .group_by("known_account")
        .agg(created=ibis._.created.min())
    )
    if not source.has_required("contracts"):
        return known.select("known_account", began="created")
    contracts = source.tables["contracts"]
    first = contracts.group_by(first_of=contracts.account_id).agg(start=contracts.start_date.min())
    both = known.left_join(first, [("known_account", "first_of")])
    return both.select("known_account", began=ibis.coalesce(both.created, both.start))
