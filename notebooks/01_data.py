# %% [markdown]
# # What the data know
#
# A simulated company, from its raw tables to one row per account and day, as known on that day.
# Nothing here trains a model: this is what a model would be given, and what came of each account.
#
# This file is a notebook in the percent format: Jupyter (with jupytext), VS Code and PyCharm open
# it cell by cell, and `python notebooks/01_data.py` runs it through.

# %%
import tempfile
from datetime import UTC, datetime
from pathlib import Path

import matplotlib.pyplot as plt
import pandas as pd

from features import build, catalog, check, settings, simulate, source

# %% [markdown]
# ## A company with known truth
#
# 600 customers over 24 months. Who leaves is drawn at renewals, from what happens to them and from
# luck; every table shows the present state, never the outcome.

# %%
folder = Path(tempfile.mkdtemp()) / "company"
simulate.write(simulate.simulate(accounts=600, months=24, seed=7), folder)
options = settings.Settings()
company = source.connect(folder, options)
pd.Series({name: table.count().execute() for name, table in company.tables.items()}, name="rows")

# %% [markdown]
# ## Is anything wrong with it?

# %%
report = check.check(company, options, datetime.now(UTC).date())
print(report.to_text())

# %% [markdown]
# ## One row per account and day
#
# Looked at on the first of each month, 90 days ahead. A row counts only if it happened *and* was
# known before that day. `due` says that the renewal falls into the window: whoever is not due can
# hardly leave.

# %%
table = build.training_table(company, options)
due = table[table["due"]]
print(
    f"{len(table):,} observations of {table['account_id'].nunique():,} accounts, {len(due):,} due"
)
print(f"churn among the due: {due['churned'].mean():.1%}")
table.head()

# %% [markdown]
# ## Do leavers look different beforehand?
#
# Each metric alone, among those due: how often a leaver lies on its unhealthy side of a stayer (0.5
# is chance). Single metrics tell little. That is normal, and no reason to distrust them together.

# %%
metrics = {name: m for name, m in catalog.metrics().items() if name in due and m.healthy}


def separation(name):
    """AUC of one metric in its unhealthy direction, by ranks."""
    ranks = due[name].rank() * (1 if metrics[name].healthy == "low" else -1)
    known = ranks.notna()
    leavers, stayers = ranks[known & due["churned"]], ranks[known & ~due["churned"]]
    if leavers.empty or stayers.empty:
        return float("nan")
    both = pd.concat([leavers, stayers]).rank()
    below = both.iloc[: len(leavers)].sum() - len(leavers) * (len(leavers) + 1) / 2
    return below / (len(leavers) * len(stayers))


alone = pd.Series({name: separation(name) for name in metrics}).sort_values()
axes = alone.tail(15).plot.barh(figsize=(8, 5), color="#1f4e5f")
axes.axvline(0.5, color="#c0392b")
axes.set(title="Metrics alone, among renewals due", xlabel="AUC (0.5 is chance)", xlim=(0.4, 0.75))
plt.tight_layout()

# %% [markdown]
# ## Rate of churn by active days
#
# In fifths of the accounts due. The bars' whiskers are 95 % intervals of a share; repeated looks at
# one renewal make them a little too narrow, which is why the backtest draws whole accounts.

# %%
fifths = pd.qcut(due["active_days_28d"], 5, duplicates="drop")
rates = due.groupby(fifths, observed=True)["churned"].agg(["mean", "size"])
spread = 1.96 * (rates["mean"] * (1 - rates["mean"]) / rates["size"]) ** 0.5
axes = rates["mean"].plot.bar(yerr=spread, figsize=(8, 4), color="#1f4e5f", capsize=4)
axes.set(
    title="Churn by active days", xlabel="active days of the last 28", ylabel="share that left"
)
plt.tight_layout()
