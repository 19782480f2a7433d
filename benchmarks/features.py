"""What the windows cost, beside a bare scan and beside the obvious ways to do the same.

    python benchmarks/features.py --millions 20
    python benchmarks/features.py --millions 20 --weekly --only scan tenure

The task: usage events of 20,000 accounts, 60 features, 18 months, in one Parquet file; 12 monthly
as_ofs (or 52 weekly ones); trailing 7, 28 and 90 days: actions, active days, distinct users,
distinct features, time in product, days since last use, and the change against the 28 days before.
Every contender runs in a process of its own on two threads, and is told in CPU seconds (its own,
imports from bytecode counted, not the machine's) and peak memory. One run compares them; single
times mean little on a shared machine, ratios do.
"""

import argparse
import os
import resource
import subprocess
import sys
import tempfile
from datetime import date, timedelta
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import pandas as pd

FIRST, LAST = date(2024, 1, 1), date(2025, 7, 1)
DAYS = (LAST - FIRST).days
MONTHLY = [date(2024 + m // 12, m % 12 + 1, 1) for m in range(7, 19)]
WEEKLY = [LAST - timedelta(weeks=n) for n in reversed(range(52))]
ACCOUNTS, FEATURES, USERS_EACH = 20_000, 60, 10
SPANS = {"7d": 7, "28d": 28, "90d": 90}
COLUMNS = "account_id, user_id, feature, occurred_at, quantity, duration_s"


def make(path: Path, millions: float) -> None:
    """Write the events, ordered by day as an event log is."""
    import duckdb

    duckdb.sql(f"""
        copy (
            select
                'A' || lpad(account::varchar, 6, '0') as account_id,
                'U' || lpad((account * {USERS_EACH} + n)::varchar, 7, '0') as user_id,
                'feature_' || (hash(i, 3) % {FEATURES}) as feature,
                timestamp '{FIRST}' + to_seconds(hash(i, 4) % 86400)
                    + to_days((i * {DAYS} // {int(millions * 1e6)})::int) as occurred_at,
                1.0::double as quantity,
                (hash(i, 5) % 600)::double as duration_s
            from (
                select i, hash(i, 1) % {ACCOUNTS} as account,
                    (hash(i, 2) % 100) * (hash(i, 6) % 100) * {USERS_EACH} // 10000 as n
                from range({int(millions * 1e6)}) as t(i)
            )
        ) to '{path}' (format parquet)
    """)


def scan(path: Path, _as_ofs: list[date]) -> int:
    """Read the columns and nothing else: what no form can do without."""
    import duckdb

    connection = duckdb.connect(config={"threads": 2})
    rows = connection.sql(f"""
        select max(account_id), max(user_id), max(feature), max(occurred_at), sum(quantity),
            sum(duration_s) from read_parquet('{path}')
    """).fetchall()
    return len(rows)


def tenure(path: Path, as_ofs: list[date]) -> int:
    """Tenure's own expressions on DuckDB."""
    import ibis

    from features import masks, windows
    from features.frequency import log2_ratio
    from features.observations import epoch_day

    con = ibis.duckdb.connect(threads=2)
    usage = con.read_parquet(path)
    usage = usage.mutate(known_at=usage.occurred_at)
    spans = tuple(SPANS)
    rows = 0
    for block in masks.blocks(as_ofs):
        marked = windows.mark(usage, block)
        sums = {
            "actions": (marked.quantity, (*spans, "28d_before")),
            "seconds": (marked.duration_s, spans),
        }
        t = windows.totals(marked, block, sums, active_days=spans)
        for part in (
            windows.distinct(marked, block, ["user_id"], "users", spans),
            windows.distinct(marked, block, ["feature"], "features", spans),
        ):
            t = windows.attach(t, part)
        table = t.mutate(
            as_of=t.as_of.cast("timestamp"),
            last_used=epoch_day(t.as_of) - epoch_day(t.last_used),
            trend=log2_ratio(t.actions_28d, t.actions_28d_before),
        )
        rows += len(table.execute())
    return rows


QUANTITIES = """account_id, as_of, sum(quantity), count(distinct occurred_at::date),
    count(distinct user_id), count(distinct feature), sum(duration_s), max(occurred_at)"""


def range_joins(path: Path, as_ofs: list[date]) -> int:
    """The obvious SQL: observations joined with their events, once per window."""
    return _by_sql(
        as_ofs,
        f"""
        select {QUANTITIES}
        from (
            select account_id, as_of
            from (select distinct account_id from read_parquet('{path}')), ({{days}})
        ) as observations
        join read_parquet('{path}') as usage using (account_id)
        where occurred_at < as_of and occurred_at >= as_of - to_days({{back}})
        group by account_id, as_of
        """,
    )


def day_joins(path: Path, as_ofs: list[date]) -> int:
    """A shorter one: bare days joined with the events, once per window; needs no observations."""
    return _by_sql(
        as_ofs,
        f"""
        select {QUANTITIES}
        from ({{days}})
        join read_parquet('{path}') on occurred_at < as_of
            and occurred_at >= as_of - to_days({{back}})
        group by account_id, as_of
        """,
    )


def _by_sql(as_ofs: list[date], query: str) -> int:
    import duckdb

    connection = duckdb.connect(config={"threads": 2})
    days = "select unnest([" + ", ".join(f"date '{day}'" for day in as_ofs) + "]) as as_of"
    rows = 0
    for back in SPANS.values():
        connection.sql(f"create or replace table found as {query.format(days=days, back=back)}")
        rows += len(connection.sql("from found").df())
    return rows // len(SPANS)


def pandas_loop(path: Path, as_ofs: list[date]) -> int:
    """A loop over days and windows in pandas, after reading everything once."""
    import pandas as pd

    return _loop(pd.read_parquet(path, columns=COLUMNS.split(", ")), as_ofs)


def pandas_codes(path: Path, as_ofs: list[date]) -> int:
    """The same after somebody thought of turning text into codes first."""
    import pandas as pd

    events = pd.read_parquet(path, columns=COLUMNS.split(", "))
    for column in ("account_id", "user_id", "feature"):
        events[column] = events[column].astype("category")
    return _loop(events, as_ofs)


def _loop(events: "pd.DataFrame", as_ofs: list[date]) -> int:
    import pandas as pd

    events["day"] = events["occurred_at"].dt.floor("D")
    rows = 0
    for as_of in as_ofs:
        parts = []
        for back in SPANS.values():
            first = pd.Timestamp(as_of - timedelta(days=back))
            seen = events[(events["occurred_at"] >= first) & (events["day"] < pd.Timestamp(as_of))]
            groups = seen.groupby("account_id", observed=True)
            parts.append(
                groups.agg(
                    actions=("quantity", "sum"),
                    seconds=("duration_s", "sum"),
                    active_days=("day", "nunique"),
                    users=("user_id", "nunique"),
                    features=("feature", "nunique"),
                    last=("day", "max"),
                )
            )
        rows += len(pd.concat(parts, axis=1))
    return rows


# an installed project is compiled once; without a cache every import would compile it again
ENVIRONMENT = {k: v for k, v in os.environ.items() if k != "PYTHONDONTWRITEBYTECODE"}

CONTENDERS = {
    each.__name__: each
    for each in (scan, tenure, pandas_codes, pandas_loop, day_joins, range_joins)
}


def measure(name: str, path: Path, weekly: bool) -> tuple[float, float, str]:
    """CPU seconds, peak memory in GB and what a contender says, in a process of its own."""
    # -P: this file's folder must not come before the package of the same name
    words = [sys.executable, "-P", __file__, "--run", name, "--data", str(path)]
    words += ["--weekly"] * weekly
    process = subprocess.Popen(words, stdout=subprocess.PIPE, text=True, env=ENVIRONMENT)
    assert process.stdout
    said = process.stdout.read().strip()
    _, status, used = os.wait4(process.pid, 0)
    if status:
        raise SystemExit(f"{name} failed")
    return used.ru_utime + used.ru_stime, used.ru_maxrss / 1e6, said


def imports() -> float:
    """CPU seconds that importing alone costs Tenure's contender, once there is bytecode."""
    words = [sys.executable, "-c", "import ibis, pandas, features.windows; ibis.duckdb.connect()"]
    subprocess.run(words, check=True, env=ENVIRONMENT)
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    subprocess.run(words, check=True, env=ENVIRONMENT)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--millions", type=float, default=20.0, help="events, in millions")
    parser.add_argument("--weekly", action="store_true", help="52 weekly as_ofs, not 12 monthly")
    parser.add_argument("--only", nargs="+", default=list(CONTENDERS), choices=list(CONTENDERS))
    parser.add_argument("--run", choices=list(CONTENDERS), help=argparse.SUPPRESS)
    parser.add_argument("--data", type=Path, help=argparse.SUPPRESS)
    asked = parser.parse_args()
    if asked.run:
        print(CONTENDERS[asked.run](asked.data, WEEKLY if asked.weekly else MONTHLY))
        return
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "events.parquet"
        make(path, asked.millions)
        print(f"{asked.millions:g} million events, {path.stat().st_size / 1e6:,.0f} MB Parquet")
        print(f"imports of the contender tenure: {imports():.1f} CPU s (counted in its figure)")
        print(f"{'':14}{'CPU s':>8}{'x scan':>8}{'GB':>7}  rows")
        base = 0.0
        for name in asked.only:
            cpu_s, memory_gb, said = measure(name, path, asked.weekly)
            base = base or cpu_s
            print(f"{name:14}{cpu_s:8.1f}{cpu_s / base:8.1f}{memory_gb:7.2f}  {said}", flush=True)


if __name__ == "__main__":
    main()
