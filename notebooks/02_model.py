# %% [markdown]
# # What the model knows
#
# How well leavers were told from stayers before it happened, whether the probabilities are true,
# what moves them for one account, and whether any column knows too much. A simulated company, so
# that everybody can run this; on one of this size much stays uncertain, and the figures say so.

# %%
import tempfile
from dataclasses import replace
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd

from features import build, catalog, settings, simulate, source
from training import drift, evaluate, leaks, pipeline, questions, split

folder = Path(tempfile.mkdtemp()) / "company"
simulate.write(simulate.simulate(accounts=320, months=24, seed=1), folder)
quick = settings.TrainingSettings(folds=3, bags=0, trees=60)
options = replace(settings.Settings(), training=quick)
company = source.connect(folder, options)
table = build.training_table(company, options)
metrics = catalog.metrics(options)
print(f"{len(table):,} observations, {table.loc[table['churned'], 'account_id'].nunique()} left")

# %% [markdown]
# ## The backtest
#
# Each block of time is predicted by a model that knew only outcomes already known then. Among those
# who are due, since whoever is not due can hardly leave; intervals from drawing whole accounts.

# %%
trained = pipeline.train(table, options, metrics)
backtest = trained.backtest
print(evaluate.to_text(trained.summary))

# %%
due = backtest[backtest["due"]]
rules = questions.rankings(backtest).set_index("rule").iloc[::-1]
ends = np.abs(rules[["auc_low", "auc_high"]].sub(rules["auc"], axis=0)).T.to_numpy()
axes = rules["auc"].plot.barh(xerr=ends, figsize=(8, 3), color="#1f4e5f", capsize=3)
axes.axvline(0.5, color="#a8431b")
axes.set(title="Told apart among the due", xlabel="AUC (0.5 is chance)", ylabel="", xlim=(0.3, 1))
plt.tight_layout()

# %% [markdown]
# ## Is it true what it says?
#
# Of those who were told so much, so many left. On the line is right; whiskers are 95 % intervals.

# %%
promised = questions.promised(backtest)
figure, axes = plt.subplots(figsize=(5, 5))
top = promised[["said", "left_high"]].max().max()
axes.plot([0, top], [0, top], color="#b9c4c8")
axes.vlines(promised["said"], promised["left_low"], promised["left_high"], color="#1d2529")
axes.plot(promised["said"], promised["left"], "o", color="#1f4e5f")
axes.set(title="Said against seen", xlabel="said", ylabel="left")
plt.tight_layout()
promised[["said_from", "said_to", "left", "left_low", "left_high", "observations", "accounts"]]

# %% [markdown]
# ## What it gains
#
# Called from the riskiest down: which share of the leavers is found by then? And: of those whom a
# team would have called after one look, how many had left?

# %%
gain = questions.curves(due).query("curve == 'gain'")
figure, axes = plt.subplots(figsize=(6, 4))
axes.fill_between(gain["x"], gain["low"], gain["high"], color="#1f4e5f", alpha=0.16)
axes.plot(gain["x"], gain["y"], color="#1f4e5f")
axes.plot([0, 1], [0, 1], color="#b9c4c8")
axes.set(title="Gain", xlabel="share of the due called", ylabel="share of leavers found")
plt.tight_layout()
questions.called(backtest)[["rule", "called", "left", "left_low", "left_high"]].round(1)

# %% [markdown]
# ## Reasons for one account
#
# The riskiest of the last look. Points are percentage points of probability: the base and all
# points add up to what is said. They tell what the model goes by, not what would happen if it
# changed.

# %%
last = table[table["as_of"] == table["as_of"].max()].reset_index(drop=True)
probability = trained.model.predict_proba(last)
riskiest = int(np.argmax(probability))
points, base = trained.model.points(last.iloc[[riskiest]])
reasons = 100 * points.iloc[0]
largest = reasons.reindex(reasons.abs().sort_values().tail(10).index)
colours = np.where(largest > 0, "#a8431b", "#1f6b5c")
axes = largest.plot.barh(figsize=(8, 4), color=list(colours))
account = last.loc[riskiest, "account_id"]
axes.set(title=f"{account}: {probability[riskiest]:.0%}", xlabel="points", ylabel="")
plt.tight_layout()
print(f"base {100 * base:.1f} + points {reasons.sum():.1f} = {100 * base + reasons.sum():.1f} %")

# %% [markdown]
# ## Does any column know too much?
#
# Here none is suspected. A column that is planted, filled in once the outcome was known, is found.

# %%
used = [metrics[feature.name] for feature in trained.model.features]
print(f"suspected: {[leak.metric for leak in leaks.find(table, used)]}")
rng = np.random.default_rng(0)
planted = table["churned"] * 3.0 + rng.normal(size=len(table))
touched = table.assign(active_days_28d=planted)
for leak in leaks.find(touched, [metrics["active_days_28d"]]):
    print(leak.message)

# %% [markdown]
# ## Has the world changed?
#
# Two questions. Do the last months' values look like earlier ones? And do they still mean the same
# for churn, or has something else begun to decide? Each answer says how much it could have seen: a
# company of this size can only see large changes.

# %%
print("values: ", trained.summary["drift"]["verdict"])
meaning = trained.summary["concept_drift"]
print("meaning:", meaning["verdict"] if meaning else "too few left to tell")

# %% [markdown]
# A change that is planted, a tracker that counts everything twice in the last block, is found.

# %%
embargo = pipeline.embargo(options.observations)
last_block = split.rolling_origin(table["as_of"], quick.folds, embargo)[-1]
actions = table["actions_per_active_day_28d"]
doubled = table.assign(actions_per_active_day_28d=actions.mask(last_block.test_mask, 2 * actions))
print(drift.find(doubled, last_block, metrics)["verdict"])
figure, axes = plt.subplots(figsize=(8, 3))
for told, colour in ((table, "#1f4e5f"), (doubled, "#a8431b")):
    middle = told.groupby("as_of")["actions_per_active_day_28d"].median()
    axes.plot(middle, color=colour, marker="o", label="planted" if told is doubled else "as it is")
axes.set(title="Actions per active day, the middle account", ylim=(0, None))
axes.legend()
plt.tight_layout()

# %% [markdown]
# ## Would more data help?

# %%
print(trained.summary["learning_curve"]["verdict"])
curve = pd.DataFrame(trained.summary["learning_curve"]["points"])
curve[["share", "accounts", "churned", "auc", "auc_low", "auc_high", "judged_accounts"]].round(3)
