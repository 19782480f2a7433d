"""What the windows cost, beside a bare scan and beside the obvious ways to do the same.

    python benchmarks/features.py --millions 20
    python benchmarks/features.py --millions 20 --weekly --only scan tenure

The task: usage events of 20,000 accounts, 60 features, 18 months, in one Parquet file; 12 monthly
as_ofs (or 52 weekly ones); trailing 7, 28 and 90 days: actions, active days, distinct users,
distinct features, time in product, days since last use, and the change against the 28 days before,
in one table that is the same for all (tests/test_benchmarks.py).
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
LONGEST = max(SPANS.values())
COUNTS = [
    *(
        f"{c}_{w}"
        for c in ("actions", "seconds", "active_days", "users", "features")
        for w in SPANS
    ),
    "actions_28d_before",
]
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


def scan(path: Path, _as_ofs: list[date]) -> list[tuple[object, ...]]:
    """Read the columns and nothing else: what no form can do without."""
    import duckdb

    connection = duckdb.connect(config={"threads": 2})
    return connection.sql(f"""
        select max(account_id), max(user_id), max(feature), max(occurred_at), sum(quantity),
            sum(duration_s) from read_parquet('{path}')
    """).fetchall()


def tenure(path: Path, as_ofs: list[date]) -> "pd.DataFrame":
    """Tenure's own expressions on DuckDB."""
    import ibis
    import pandas as pd

    from features import masks, windows
    from features.frequency import log2_ratio
    from features.observations import epoch_day

    con = ibis.duckdb.connect(threads=2)
    usage = con.read_parquet(path)
    usage = usage.mutate(known_at=usage.occurred_at)
    spans = tuple(SPANS)
    tables = []
    for block in masks.blocks(as_ofs):
        marked = windows.mark(usage, block)
        sums = {
            "actions": (marked.quantity, (*spans, "28d_before")),
            "seconds": (marked.duration_s, spans),
        }
        t = windows.attach(
            windows.totals(marked, block, sums, active_days=spans),
            windows.distinct(marked, block, ["user_id"], "users", spans),
            windows.distinct(marked, block, ["feature"], "features", spans),
        )
        t = t.mutate(**{count: t[count].fill_null(0) for count in COUNTS})
        table = t.mutate(
            as_of=t.as_of.cast("timestamp"),
            last_used=epoch_day(t.as_of) - epoch_day(t.last_used),
            trend=log2_ratio(t.actions_28d, t.actions_28d_before),
        )
        tables.append(table.execute())
    return pd.concat(tables)


def range_joins(path: Path, as_ofs: list[date]) -> "pd.DataFrame":
    """The obvious SQL: observations joined with their events, once per window."""
    return _by_sql(
        as_ofs,
        f"""
        from (
            select account_id, as_of
            from (select distinct account_id from read_parquet('{path}')), ({{days}})
        ) as observations
        join read_parquet('{path}') as usage using (account_id)
        where occurred_at < as_of - to_days({{until}}) and occurred_at >= as_of - to_days({{back}})
        """,
    )


def day_joins(path: Path, as_ofs: list[date]) -> "pd.DataFrame":
    """A shorter one: bare days joined with the events, once per window; needs no observations."""
    return _by_sql(
        as_ofs,
        f"""
        from ({{days}})
        join read_parquet('{path}') on occurred_at < as_of - to_days({{until}})
            and occurred_at >= as_of - to_days({{back}})
        """,
    )


def _by_sql(as_ofs: list[date], joined: str) -> "pd.DataFrame":
    """One table per window, then one of all; the longest window has every account of the others."""
    import duckdb

    connection = duckdb.connect(config={"threads": 2})
    days = "select unnest([" + ", ".join(f"date '{day}'" for day in as_ofs) + "]) as as_of"

    def window(name: str, back: int, quantities: str, until: int = 0) -> None:
        events = joined.format(days=days, back=back, until=until)
        connection.sql(f"""
            create table of_{name} as
            select account_id, as_of, {quantities} {events} group by account_id, as_of
        """)

    for name, back in SPANS.items():
        window(
            name,
            back,
            f"""
            sum(quantity) as actions_{name}, sum(duration_s) as seconds_{name},
            count(distinct occurred_at::date) as active_days_{name},
            count(distinct user_id) as users_{name}, count(distinct feature) as features_{name}
            {", max(occurred_at) as last_at" if back == LONGEST else ""}
            """,
        )
    window("28d_before", 56, "sum(quantity) as actions_28d_before", until=28)
    return connection.sql(f"""
        select account_id, as_of, {", ".join(f"coalesce({c}, 0) as {c}" for c in COUNTS)},
            as_of - last_at::date as last_used,
            log2((coalesce(actions_28d, 0) + 1) / (coalesce(actions_28d_before, 0) + 1)) as trend
        from of_90d
        left join of_28d using (account_id, as_of)
        left join of_7d using (account_id, as_of)
        left join of_28d_before using (account_id, as_of)
    """).df()


def pandas_loop(path: Path, as_ofs: list[date]) -> "pd.DataFrame":
    """A loop over days and windows in pandas, after reading everything once."""
    import pandas as pd

    return _loop(pd.read_parquet(path, columns=COLUMNS.split(", ")), as_ofs)


def pandas_codes(path: Path, as_ofs: list[date]) -> "pd.DataFrame":
    """The same after somebody thought of turning text into codes first."""
    import pandas as pd

    events = pd.read_parquet(path, columns=COLUMNS.split(", "))
    for column in ("account_id", "user_id", "feature"):
        events[column] = events[column].astype("category")
    return _loop(events, as_ofs)


def _loop(events: "pd.DataFrame", as_ofs: list[date]) -> "pd.DataFrame":
    import numpy as np
    import pandas as pd

    events["day"] = events["occurred_at"].dt.floor("D")
    tables = []
    for as_of in map(pd.Timestamp, as_ofs):
        longest = _between(events, as_of, LONGEST)
        parts = []
        for name, back in SPANS.items():
            groups = _between(longest, as_of, back).groupby("account_id", observed=True)
            found = groups.agg(
                actions=("quantity", "sum"),
                seconds=("duration_s", "sum"),
                active_days=("day", "nunique"),
                users=("user_id", "nunique"),
                features=("feature", "nunique"),
            )
            parts.append(found.add_suffix(f"_{name}"))
        before = _between(longest, as_of, 56, 28).groupby("account_id", observed=True)
        parts.append(before["quantity"].sum().rename("actions_28d_before"))
        t = pd.concat(parts, axis=1).fillna(0)
        last_day = longest.groupby("account_id", observed=True)["day"].max()
        t["last_used"] = (as_of - last_day).dt.days
        t["trend"] = np.log2((t["actions_28d"] + 1) / (t["actions_28d_before"] + 1))
        tables.append(t.assign(as_of=as_of).reset_index())
    return pd.concat(tables)


def _between(
    events: "pd.DataFrame", as_of: "pd.Timestamp", back: int, until: int = 0
) -> "pd.DataFrame":
    import pandas as pd

    first, end = as_of - pd.Timedelta(days=back), as_of - pd.Timedelta(days=until)
    return events[(events["day"] >= first) & (events["day"] < end)]


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
        print(len(CONTENDERS[asked.run](asked.data, WEEKLY if asked.weekly else MONTHLY)))
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
