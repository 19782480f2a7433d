"""The data contract: every table and column that Tenure reads, declared once.

The checks (`features.check`), the reading (`features.source`) and ``docs/data-contract.md`` follow
from these declarations; ``python -m features.contract`` prints the document.
"""

from dataclasses import dataclass
from typing import Literal

Type = Literal["text", "date", "time", "number", "integer", "boolean"]

ENGINE_TYPES: dict[Type, str] = {
    "text": "string",
    "date": "date",
    "time": "timestamp",
    "number": "float64",
    "integer": "int64",
    "boolean": "boolean",
}
"""The type of a conformed column by its type in the contract; times are naive and in UTC."""


@dataclass(frozen=True)
class Column:
    """One column of a contract table.

    Parameters
    ----------
    name : str
    type : {"text", "date", "time", "number", "integer", "boolean"}
    meaning : str
        For people, starting with a small letter.
    unit : str
        Empty where the type says it all.
    required : bool
        A table without it cannot be read. Its cells may not be empty unless ``may_be_empty``.
    low, high : float, optional
        Smallest and largest value allowed, both included.
    values : tuple of str
        The only values allowed, in small letters; empty if any value is.
    planned : bool
        A day that may lie in the future: the end of a contract, the date an invoice is due.
    since : tuple of str
        Columns that say from when on it held; of several, the first that is filled. Before that it
        was not known, even where the row was.
    """

    name: str
    type: Type
    meaning: str
    unit: str = ""
    required: bool = False
    may_be_empty: bool = False
    low: float | None = None
    high: float | None = None
    values: tuple[str, ...] = ()
    planned: bool = False
    since: tuple[str, ...] = ()


@dataclass(frozen=True)
class Table:
    """One table of the contract.

    Parameters
    ----------
    name : str
    grain : str
        What one row is.
    meaning : str
    key : tuple of str
        Columns that name a row; empty if rows have no name of their own.
    times : tuple of str
        Columns that say when the row happened; of several, the first that is filled.
    columns : tuple of Column
    required : bool
        Nothing can be learned without it.
    undated_is_known : bool
        A row without a time was always there; elsewhere such a row is never used.
    """

    name: str
    grain: str
    meaning: str
    key: tuple[str, ...]
    times: tuple[str, ...]
    columns: tuple[Column, ...]
    required: bool = False
    undated_is_known: bool = False

    @property
    def column_names(self) -> tuple[str, ...]:
        """Every column, in order, ``known_at`` last."""
        return tuple(column.name for column in self.columns)

    def column(self, name: str) -> Column:
        """The declaration of one column."""
        return next(column for column in self.columns if column.name == name)

    def since(self, name: str) -> tuple[str, ...]:
        """The columns that say from when on a column was known; none where it came with its row."""
        column = self.column(name)
        is_news = column.type in ("date", "time") and not column.planned
        if not column.since and is_news and name not in (*self.times[:1], "known_at"):
            return (name,)
        return column.since


_ACCOUNT = Column("account_id", "text", "the customer company", required=True)
_KNOWN_AT = Column(
    "known_at",
    "time",
    "when the row entered the systems; later than its event when it was written in afterwards. "
    "Without it, a row is known when it happened",
)


def _table(
    name: str,
    grain: str,
    meaning: str,
    *columns: Column,
    key: tuple[str, ...] = (),
    times: tuple[str, ...],
    required: bool = False,
    undated_is_known: bool = False,
) -> Table:
    columns = (*columns, _KNOWN_AT)
    return Table(name, grain, meaning, key, times, columns, required, undated_is_known)


_DECLARED = (
    _table(
        "accounts",
        "account",
        "The customer companies.",
        _ACCOUNT,
        Column("name", "text", "the name people know it by"),
        Column("segment", "text", "your own grouping, for instance by size"),
        Column("industry", "text", "its line of business"),
        Column("region", "text", "where it is"),
        Column("csm", "text", "who looks after it"),
        Column("touch_model", "text", "how it is looked after", values=("high", "mid", "scale")),
        Column("created_at", "time", "when it became an account"),
        key=("account_id",),
        times=("created_at",),
        undated_is_known=True,
        required=True,
    ),
    _table(
        "users",
        "user",
        "The people of an account who may use the product.",
        Column("user_id", "text", "the person", required=True),
        _ACCOUNT,
        Column("role", "text", "what the person may do", values=("admin", "user")),
        Column("created_at", "time", "when the person was invited or first seen"),
        Column("deactivated_at", "time", "when the person lost access"),
        key=("user_id",),
        times=("created_at",),
        undated_is_known=True,
    ),
    _table(
        "contracts",
        "contract term",
        "One row per term: a renewal is a new row. A row with the same contract_id and a later "
        "known_at replaces the earlier one from that moment on; this is how an early termination "
        "is told without giving the future away.",
        Column("contract_id", "text", "the contract term", required=True),
        _ACCOUNT,
        Column("product", "text", "what was bought"),
        Column("start_date", "date", "first day of the term", required=True, planned=True),
        Column(
            "end_date",
            "date",
            "the renewal date: the day from which the term no longer holds. "
            "Empty: it runs until it is ended",
            required=True,
            may_be_empty=True,
            planned=True,
        ),
        Column(
            "arr",
            "number",
            "yearly recurring revenue",
            unit="currency a year",
            required=True,
            low=0,
        ),
        Column("seats", "number", "users paid for", unit="users", low=0),
        Column("auto_renew", "boolean", "renews unless somebody acts"),
        Column(
            "outcome",
            "text",
            "what came of the term, empty while open. Without it, it is derived: a contract that "
            "ended with no other of the account in force within grace_days churned",
            values=("renewed", "expanded", "contracted", "churned"),
            since=("decided_at", "end_date"),
        ),
        Column("decided_at", "time", "when the outcome became known"),
        Column(
            "reason",
            "text",
            "why, in the words of whoever wrote it down",
            since=("decided_at", "end_date"),
        ),
        key=("contract_id", "known_at"),
        times=("start_date",),
        required=True,
    ),
    _table(
        "usage",
        "event, or a daily total",
        "What people did in the product.",
        _ACCOUNT,
        Column("user_id", "text", "who did it"),
        Column("feature", "text", "what was used; `login` is a sign-in", required=True),
        Column("occurred_at", "time", "when; the day of a daily total", required=True),
        Column("quantity", "number", "how many times; 1 without it", unit="times", low=0),
        Column("duration_s", "number", "how long it took", unit="seconds", low=0),
        Column(
            "active_users",
            "number",
            "distinct users behind a daily total that has no user_id",
            unit="users",
            low=0,
        ),
        times=("occurred_at",),
    ),
    _table(
        "surveys",
        "one question sent",
        "Surveys, answered or not. At least one of sent_at and responded_at is needed.",
        _ACCOUNT,
        Column("user_id", "text", "who was asked"),
        Column("kind", "text", "which question", required=True, values=("nps", "csat", "ces")),
        Column(
            "score",
            "number",
            "the answer: nps 0-10, csat 1-5, ces 1-7. Empty: no answer",
            unit="points",
            required=True,
            may_be_empty=True,
            low=0,
            high=10,
            since=("responded_at", "sent_at"),
        ),
        Column("comment", "text", "what was written beside it", since=("responded_at", "sent_at")),
        Column("sent_at", "time", "when it was asked"),
        Column("responded_at", "time", "when it was answered"),
        times=("sent_at", "responded_at"),
    ),
    _table(
        "csm_sentiment",
        "one entry",
        "How the people who look after an account judge it.",
        _ACCOUNT,
        Column("csm", "text", "who judged"),
        Column(
            "sentiment",
            "integer",
            "1 very poor, 2 poor, 3 neutral, 4 good, 5 very good",
            unit="points",
            required=True,
            low=1,
            high=5,
        ),
        Column("note", "text", "what was written beside it"),
        Column("logged_at", "time", "when", required=True),
        times=("logged_at",),
    ),
    _table(
        "tickets",
        "ticket",
        "Requests to support.",
        Column("ticket_id", "text", "the ticket", required=True),
        _ACCOUNT,
        Column("user_id", "text", "who asked"),
        Column("opened_at", "time", "when it was asked", required=True),
        Column("priority", "text", "how pressing", values=("low", "normal", "high", "urgent")),
        Column("first_response_at", "time", "when somebody first answered"),
        Column("resolved_at", "time", "when it was solved; empty while open"),
        Column(
            "contacts",
            "integer",
            "exchanges until solved; 1 = solved at first contact",
            unit="exchanges",
            low=0,
            since=("resolved_at",),
        ),
        Column(
            "reopened",
            "boolean",
            "was opened again after it had been solved",
            since=("resolved_at",),
        ),
        Column(
            "satisfaction",
            "number",
            "the rating given, higher is better",
            unit="points",
            since=("resolved_at",),
        ),
        Column("text", "text", "what was written"),
        key=("ticket_id",),
        times=("opened_at",),
    ),
    _table(
        "touchpoints",
        "one contact",
        "Contacts between your people and theirs.",
        _ACCOUNT,
        Column(
            "kind",
            "text",
            "what it was",
            required=True,
            values=("meeting", "qbr", "email", "call", "training"),
        ),
        Column(
            "direction", "text", "who began: they (inbound) or you", values=("inbound", "outbound")
        ),
        Column("occurred_at", "time", "when", required=True),
        Column("attended", "boolean", "they came, or answered"),
        Column("response_hours", "number", "until they answered", unit="hours", low=0),
        times=("occurred_at",),
    ),
    _table(
        "invoices",
        "invoice",
        "What was billed and when it was paid.",
        Column("invoice_id", "text", "the invoice", required=True),
        _ACCOUNT,
        Column("amount", "number", "negative for a credit note", unit="currency", required=True),
        Column("issued_at", "time", "when it was sent", required=True),
        Column("due_at", "time", "when it must be paid", required=True, planned=True),
        Column("paid_at", "time", "when it was paid in full; empty while open"),
        key=("invoice_id",),
        times=("issued_at",),
    ),
    _table(
        "advocacy",
        "one act",
        "What the customer did for you in public.",
        _ACCOUNT,
        Column(
            "kind",
            "text",
            "what it was",
            required=True,
            values=("reference", "case_study", "review", "referral", "community", "event"),
        ),
        Column("occurred_at", "time", "when", required=True),
        times=("occurred_at",),
    ),
    _table(
        "objectives",
        "goal of the customer",
        "What the customer wants to reach, and whether it did.",
        Column("objective_id", "text", "the goal", required=True),
        _ACCOUNT,
        Column(
            "kind",
            "text",
            "what sort of goal",
            required=True,
            values=("onboarding", "integration", "outcome"),
        ),
        Column("name", "text", "the goal in words"),
        Column("target", "number", "what is to be reached"),
        Column(
            "value", "number", "what is reached now, in the unit of target", since=("status_at",)
        ),
        Column("created_at", "time", "when it was agreed"),
        Column("due_at", "time", "when it is to be reached", planned=True),
        Column(
            "status",
            "text",
            "how it stands",
            required=True,
            values=("open", "met", "missed", "abandoned"),
            since=("status_at",),
        ),
        Column("status_at", "time", "since when it stands so", required=True),
        key=("objective_id",),
        times=("created_at", "status_at"),
    ),
    _table(
        "incidents",
        "product fault",
        "Outages and other faults of the product.",
        Column("incident_id", "text", "the fault", required=True),
        Column("account_id", "text", "the customer company hit. Empty: all of them"),
        Column("started_at", "time", "when it began", required=True),
        Column("ended_at", "time", "when it was over; empty while it lasts"),
        Column("severity", "text", "your own grading"),
        key=("incident_id",),
        times=("started_at",),
    ),
)

TABLES: dict[str, Table] = {table.name: table for table in _DECLARED}
"""Every table of the contract by name, in the order in which people read them."""

SIGNALS = tuple(name for name in TABLES if name not in ("accounts", "contracts", "users"))
"""Tables that say how an account does: at least one of them is needed."""

DIMENSION_TABLES: dict[str, tuple[str, ...]] = {
    "frequency": ("usage",),
    "breadth": ("usage",),
    "depth": ("usage",),
    "sentiment": ("csm_sentiment", "surveys"),
    "engagement": ("touchpoints",),
    "support": ("tickets",),
    "outcomes": ("objectives",),
    "advocacy": ("advocacy",),
    "commercial": ("invoices", "contracts"),
}
"""Tables of which a dimension needs at least one."""


def document() -> str:
    """The contract as a page for people, in Markdown."""
    parts = [_INTRODUCTION, *(_describe(table) for table in TABLES.values())]
    return "\n".join(parts)


_INTRODUCTION = """\
# The data contract

<!-- Generated: python -m features.contract > docs/data-contract.md -->

A **source** is a folder of CSV (`.csv`, `.csv.gz`) or Parquet (`.parquet`) files, a DuckDB file
(`.duckdb`), a PostgreSQL database or Spark ([sources.md](sources.md)), whose tables bear the names
below. Where your own tables look different, `tenure.toml` maps each of them by SQL or by column
names. Only `accounts`, `contracts` and one table of signals are needed. Every other table, and
every column that is not required, is optional: the metrics that rest on it are then absent, never
zero.

- **CSV** is read as text: comma between columns, UTF-8, a heading in the first line, `"` around
  text with commas. An empty cell is a missing value. Nothing is guessed: what does not fit the
  column's type is reported. SQL in `tenure.toml` meets CSV columns as text and casts them itself.
- **date**: `2024-01-31`. **time**: ISO 8601, `2024-01-31`, `2024-01-31 09:30:00` or
  `2024-01-31T09:30:00+01:00`. A time with an offset is converted to UTC, one without is read as
  UTC; one column must not mix them.
- **number**: `1234.5`, no thousands separator, no currency. **integer**: a whole number.
  **boolean**: `true` or `false`, `1` or `0`, `yes` or `no`; in a column of numbers, all but 0 is
  true.
- Where only some values are allowed, capital letters do not matter.
- **State that changes** (a ticket's resolution, an invoice's payment, a contract's outcome) is used
  only from the moment it happened.
- Every table may carry `known_at`. A look back to some day uses only rows known before it.

`tenure check SOURCE` compares a source with this page and reports every fault at once. Then it says
for each dimension of health how many of its metrics can be told; from which tables, over which
days, how many days each ends before the last signal of any, and what share of the accounts has a
row in it; which columns are filled in part only; and which metrics a missing table or column would
add. With `--json` it stands under `summary.dimensions`: `{name: {metrics, of, tables: [{table,
rows, first_day, last_day, days_behind, accounts, share_of_accounts, filled}], missing: [{needs,
metrics}]}}`.
"""


def _describe(table: Table) -> str:
    needed = " Required." if table.required else ""
    key = f" Named by {', '.join(f'`{name}`' for name in table.key)}." if table.key else ""
    rows = "\n".join(
        f"| `{column.name}` | {column.type} | {'yes' if column.required else ''} "
        f"| {column.unit} | {_allowed(column)} | {column.meaning}{_from_when(column)} |"
        for column in table.columns
    )
    return (
        f"## {table.name}\n\n{table.meaning} One row: {table.grain}.{key}{needed}\n\n"
        "| column | type | required | unit | allowed | meaning |\n"
        f"|---|---|---|---|---|---|\n{rows}\n"
    )


def _from_when(column: Column) -> str:
    """Say from when on a changing value counts."""
    columns = " or else ".join(f"`{name}`" for name in column.since)
    return f". Counts from {columns} on" if columns else ""


def _allowed(column: Column) -> str:
    if column.values:
        return ", ".join(column.values)
    return bounds(column)


def bounds(column: Column) -> str:
    """The range of a column in words.

    Examples
    --------
    >>> bounds(TABLES["csm_sentiment"].column("sentiment"))
    '1 to 5'
    >>> bounds(TABLES["contracts"].column("arr"))
    '0 or more'
    """
    if column.low is None:
        return ""
    return (
        f"{column.low:g} or more" if column.high is None else f"{column.low:g} to {column.high:g}"
    )


if __name__ == "__main__":
    print(document(), end="")
