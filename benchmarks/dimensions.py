"""What each dimension of health costs, of the features of a whole company.

    tenure simulate company --accounts 10000 --months 36 --seed 1
    python -P benchmarks/dimensions.py company

Every metric of every account at every month's first day, as training builds them, in one process.
Each part is carried out on its own as soon as it is asked for, and its CPU seconds are told; what
the three dimensions of usage have in common (reading the events, finding their windows) is so
counted with each part that needs it. Shares can be compared within one run; seconds mean little on
a shared machine.
"""

import argparse
import resource
import time
from collections import Counter
from collections.abc import Callable
from types import ModuleType
from typing import Any

from features import (
    advocacy,
    build,
    commercial,
    context,
    engagement,
    observations,
    outcomes,
    peers,
    people,
    sentiment,
    sessions,
    support,
    usage,
    windows,
)
from features.settings import MetricSettings, Settings
from features.source import connect

PARTS: tuple[tuple[str, ModuleType, tuple[str, ...]], ...] = (
    ("frequency", windows, ("totals", "weeks", "user_days", "covered")),
    ("breadth", usage, ("_users", "_admins")),
    ("breadth", people, ("quantities",)),
    ("breadth", windows, ("largest_of", "champions")),
    ("depth", windows, ("distinct",)),
    ("depth", sessions, ("quantities",)),
    ("sentiment", sentiment, ("quantities",)),
    ("engagement", engagement, ("quantities",)),
    ("support", support, ("quantities",)),
    ("outcomes", outcomes, ("quantities",)),
    ("advocacy", advocacy, ("quantities",)),
    ("commercial", commercial, ("quantities",)),
    ("context", context, ("quantities",)),
    ("ranks among peers", peers, ("quantities",)),
)
KEY_FEATURES = ("report", "export", "workflow")


class Meter:
    """CPU seconds by dimension and by part; what one part asks of another is its own."""

    def __init__(self) -> None:
        self.seconds: Counter[tuple[str, str]] = Counter()
        self.inside = False

    def watch(self, dimension: str, module: ModuleType, name: str) -> None:
        """Have a part carried out where it is asked for, and timed."""
        part: Callable[..., Any] = getattr(module, name)

        def timed(*words: Any, **more: Any) -> Any:
            if self.inside:
                return part(*words, **more)
            self.inside, before = True, time.process_time()
            found = part(*words, **more).cache()
            label = f"{module.__name__.partition('.')[2]}.{name}"
            self.seconds[dimension, label] += time.process_time() - before
            self.inside = False
            return found

        setattr(module, name, timed)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("source")
    asked = parser.parse_args()
    settings = Settings(metrics=MetricSettings(key_features=KEY_FEATURES))
    source = connect(asked.source, settings)
    as_ofs = observations.calendar(
        observations.first_day(source), observations.last_day(source, settings), "month"
    )
    meter = Meter()
    for dimension, module, names in PARTS:
        for name in names:
            meter.watch(dimension, module, name)
    before = time.process_time()
    table = build.feature_table(source, settings, as_ofs)
    whole = time.process_time() - before
    meter.seconds["observations, joining, fetching", ""] = whole - meter.seconds.total()
    peak_gb = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e6
    print(f"{len(table):,} rows x {table.shape[1] - 2} metrics, {len(as_ofs)} as_ofs: ", end="")
    print(f"{whole:.0f} CPU s, {peak_gb:.1f} GB")
    by_dimension: Counter[str] = Counter()
    for (dimension, _part), seconds in meter.seconds.items():
        by_dimension[dimension] += seconds
    for dimension, seconds in by_dimension.most_common():
        print(f"{dimension:33}{seconds:8.1f}{seconds / whole:8.0%}")
    print("\nthe dearest parts")
    for (_dimension, part), seconds in meter.seconds.most_common(9):
        print(f"{part:33}{seconds:8.1f}{seconds / whole:8.0%}")


if __name__ == "__main__":
    main()
