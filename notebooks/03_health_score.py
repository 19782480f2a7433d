# %% [markdown]
# # What healthy means
#
# Weights and goals of a health score, learned from who left; how sure they are; and bands that mean
# something. A simulated company, so that everybody can run this.

# %%
import tempfile
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd

from features import build, catalog, settings, simulate, source
from training import bands, health_backtest, pipeline
from training.bands import Bands
from training.health import Health
from training.health_score import HealthScore
from training.split import rolling_origin

folder = Path(tempfile.mkdtemp()) / "company"
simulate.write(simulate.simulate(accounts=400, months=24, seed=7), folder)
options = settings.Settings()
company = source.connect(folder, options)
table = build.training_table(company, options).sort_values(["as_of", "account_id"])
table = table.reset_index(drop=True)
metrics = catalog.metrics(options)
print(f"{len(table):,} observations, {table.loc[table['churned'], 'account_id'].nunique()} left")

# %% [markdown]
# ## Weights
#
# How far learning goes depends on how many have left: below 60 nothing, below 200 the weights of
# dimensions, then those of metrics, and goals. The lines are 90 % intervals.

# %%
score = HealthScore.fit(table, table["churned"], table["weight"], metrics, refits=5)
print(f"learned: {score.learned}, from {score.churned} that left of {score.accounts} accounts")
weights = pd.DataFrame([vars(each) for each in score.dimensions]).set_index("name")
weights = weights.sort_values("weight").astype(float)
ends = np.abs(weights[["low", "high"]].sub(weights["weight"], axis=0)).T.fillna(0.0)
axes = weights["weight"].plot.barh(xerr=ends.to_numpy(), figsize=(8, 4), color="#1f4e5f", capsize=3)
axes.set(title="What counts for health", xlabel="weight, of 100", ylabel="")
plt.tight_layout()

# %% [markdown]
# ## A goal, and what came of accounts on each side
#
# A metric is a ramp from red (no points) to green (all of them); the goal lies half way.

# %%
name = "active_days_28d"
goal = next(each for each in score.metrics if each.name == name).portfolio
due = table[table["due"]]
fifths = pd.qcut(due[name], 5, duplicates="drop")
rates = due.groupby(fifths, observed=True)["churned"].mean()
middles = [interval.mid for interval in rates.index]
figure, axes = plt.subplots(figsize=(8, 4))
axes.axvspan(*sorted([goal.red, goal.green]), color="#c3cdd1", label="from red to green")
axes.axvline(goal.goal, color="#a8431b", label=f"goal: {goal.goal:.1f} days")
axes.plot(middles, rates, "o-", color="#1f4e5f")
axes.set(
    title="Churn by active days", xlabel="active days of the last 28", ylabel="share that left"
)
axes.legend()
print(f"below: {goal.churned_below} of {goal.accounts_below} left", end="; ")
print(f"above: {goal.churned_above} of {goal.accounts_above}; enough evidence: {goal.enough}")
plt.tight_layout()

# %% [markdown]
# ## Told before it happened
#
# Each block of time is scored by a health score that knew only what came before it. On these, bands
# are cut; what they mean is measured on the blocks that did not teach them.

# %%
embargo_days = pipeline.embargo(options.observations)
folds = rolling_origin(table["as_of"], 3, embargo_days)
scores = health_backtest.learned_before(table, folds, metrics, embargo_days)
told = health_backtest.told_before(table, folds, scores)
keys = ["account_id", "as_of", "churned", "due", "renewal_date"]
looks = told.merge(table[keys], on=["account_id", "as_of"])
looks["fold"] = pd.factorize(looks["as_of"] > looks["as_of"].median())[0]
health = Health(score, Bands.learn(looks))
print(health.bands.cuts)
print("\n".join(health.bands.unmet) or "The bands mean what they should.")

# %%
looks["band"] = bands.assign(looks, health.bands.cuts)
at_renewal = bands.renewals(looks)
left = at_renewal.groupby("band")["churned"].mean().reindex(["healthy", "watch", "at risk"])
axes = left.plot.bar(figsize=(6, 4), color=["#4a9c8a", "#d9a93f", "#a8431b"], rot=0)
axes.axhline(at_renewal["churned"].mean(), color="#5a666c", linestyle="--")
axes.set(title="Left, by band 60 to 90 days before", xlabel="", ylabel="share that left")
plt.tight_layout()

# %% [markdown]
# ## Greens that left, reds that stayed
#
# The two figures that leaders ask for: how often health was wrong, by quarter.

# %%
bands.audit(looks).pivot_table(index="period", columns="band", values=["left", "stayed"])
