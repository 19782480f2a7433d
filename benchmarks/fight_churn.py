"""fight-churn's training step, in an environment of its own: `benchmarks/training.py` calls it.

    uv run --no-project --with fightchurn==1.2.0 python -P benchmarks/fight_churn.py DATASET.csv

It wants pandas 2 and does without Tenure. Its way from a data set to a model that predicts
(listings 8.1 and 8.2): statistics, scores, groups of correlated metrics, one logistic regression
with an L1 penalty; each step reads and writes CSV. No backtest, no calibration.
"""

import contextlib
import io
import json
import resource
import sys
import time

from fightchurn.listings.chap8.listing_8_1_prepare_data import prepare_data
from fightchurn.listings.chap8.listing_8_2_logistic_regression import logistic_regression

started, clock = time.process_time(), time.perf_counter()
with contextlib.redirect_stdout(io.StringIO()):
    prepare_data(sys.argv[1])
    logistic_regression(sys.argv[1])
told = {
    "cpu_s": time.process_time() - started,
    "wall_s": time.perf_counter() - clock,
    "peak_bytes": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024,
}
print(json.dumps(told))
