"""What the windows cost, beside a bare scan and beside the obvious ways to do the same.

    python benchmarks/features.py --millions 20

The task: usage events of 20,000 accounts, 60 features, 18 months, in one Parquet file; 12 monthly
as_ofs; trailing 7, 28 and 90 days: actions, active days, distinct users, distinct features, time in
product, days since last use, and the change against the 28 days before. Every contender runs in a
process of its own on two threads, and is told in CPU seconds (its own, not the machine's) and peak
memory. One run compares them; single times mean little on a shared machine, ratios do.
"""

import argparse
import os
import resource
import subprocess
import sys
import tempfile
from datetime import date, timedelta
from pathlib import Path

AS_OFS = [date(2024 + m // 12, m % 12 + 1, 1) for m in range(7, 19)]
FIRST = date(2024, 1, 1)
DAYS = (AS_OFS[-1] - FIRST).days
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


def scan(path: Path) -> int:
    """Read the columns and nothing else: what no form can do without."""
    import duckdb

    connection = duckdb.connect(config={"threads": 2})
    rows = connection.sql(f"""
        select max(account_id), max(user_id), max(feature), max(occurred_at), sum(quantity),
            sum(duration_s) from read_parquet('{path}')
    """).fetchall()
    return len(rows)


def tenure(path: Path) -> int:
    """Tenure's own expressions on DuckDB."""
    import ibis

    from features import windows
    from features.frequency import log2_ratio
    from features.observations import epoch_day

    con = ibis.duckdb.connect(threads=2)
    usage = con.read_parquet(path)
    usage = usage.mutate(known_at=usage.occurred_at)
    spans = tuple(SPANS)
    rows = 0
    for block in windows.blocks(AS_OFS):
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


def range_joins(path: Path) -> int:
    """The obvious SQL: one range join of days and events per window."""
    import duckdb

    connection = duckdb.connect(config={"threads": 2})
    days = ", ".join(f"(date '{day}')" for day in AS_OFS)
    rows = 0
    for back in SPANS.values():
        rows += len(
            connection.sql(f"""
                select account_id, as_of, sum(quantity), count(distinct occurred_at::date),
                    count(distinct user_id), count(distinct feature), sum(duration_s),
                    max(occurred_at)
                from (values {days}) as looks(as_of)
                join read_parquet('{path}') on occurred_at < as_of
                    and occurred_at >= as_of - to_days({back})
                group by account_id, as_of
            """).fetchall()
        )
    return rows // len(SPANS)


def pandas_loop(path: Path) -> int:
    """A loop over days and windows in pandas, after reading everything once."""
    import pandas as pd

    events = pd.read_parquet(path, columns=COLUMNS.split(", "))
    for column in ("account_id", "user_id", "feature"):
        events[column] = events[column].astype("category")
    events["day"] = events["occurred_at"].dt.floor("D")
    rows = 0
    for as_of in AS_OFS:
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


CONTENDERS = {
    "scan": scan,
    "tenure": tenure,
    "pandas_loop": pandas_loop,
    "range_joins": range_joins,
}


def measure(name: str, path: Path) -> tuple[float, float, str]:
    """CPU seconds, peak memory in GB and what a contender says, in a process of its own."""
    # -P: this file's folder must not come before the package of the same name
    words = [sys.executable, "-P", __file__, "--only", name, "--data", str(path)]
    process = subprocess.Popen(words, stdout=subprocess.PIPE, text=True)
    assert process.stdout
    said = process.stdout.read().strip()
    _, status, used = os.wait4(process.pid, 0)
    if status:
        raise SystemExit(f"{name} failed")
    return used.ru_utime + used.ru_stime, used.ru_maxrss / 1e6, said


def imports() -> float:
    """CPU seconds that importing alone costs Tenure's contender."""
    code = "import ibis, features.windows"
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    subprocess.run([sys.executable, "-c", code], check=True)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--millions", type=float, default=20.0, help="events, in millions")
    parser.add_argument("--skip", nargs="*", default=[], choices=list(CONTENDERS))
    parser.add_argument("--only", choices=list(CONTENDERS), help=argparse.SUPPRESS)
    parser.add_argument("--data", type=Path, help=argparse.SUPPRESS)
    asked = parser.parse_args()
    if asked.only:
        print(CONTENDERS[asked.only](asked.data))
        return
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "events.parquet"
        make(path, asked.millions)
        print(f"{asked.millions:g} million events, {path.stat().st_size / 1e6:,.0f} MB Parquet")
        print(f"imports of the contender tenure: {imports():.1f} CPU s (counted in its figure)")
        print(f"{'':14}{'CPU s':>8}{'x scan':>8}{'GB':>7}  rows")
        base = 0.0
        for name in CONTENDERS:
            if name in asked.skip:
                continue
            cpu_s, memory_gb, said = measure(name, path)
            base = base or cpu_s
            print(f"{name:14}{cpu_s:8.1f}{cpu_s / base:8.1f}{memory_gb:7.2f}  {said}", flush=True)


if __name__ == "__main__":
    main()
