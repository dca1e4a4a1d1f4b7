# %% [markdown]
# # 9. Comparing models and techniques
#
# Which technique is best is a question about four things: how good it is, how long it trains, how
# much memory it takes and how quickly it converges. This chapter compares on all four, and shows
# how to tell a difference from noise.

# %%
import textwrap

import matplotlib.pyplot as plt
import numpy as np

import course_data
import graft

# %% [markdown]
# Three techniques learn the topics of short questions from eight labels each: a linear layer on the
# frozen network, low-rank adapters in it, and the control, which starts without any knowledge.
# `dry_run=True` tells what the comparison will take before anything is trained.

# %%
data = course_data.questions()
techniques = ["from-scratch", "feature-extraction", "lora"]
plan = graft.compare(data, techniques, shots=8, seeds=3, dry_run=True)
print(f"{plan.seconds:.0f} s for {plan.runs} runs, {plan.jobs} at a time")

# %%
study = graft.compare(data, techniques, shots=8, seeds=3)
graft.plot.leaderboard(study)

# %% [markdown]
# ## Quality and cost
# What nothing else beats in both quality and training time is on the Pareto front. For anything off
# the front, something else is at least as good and at least as fast. The trivial baselines belong
# in the figure: they cost next to nothing.

# %%
graft.plot.quality_and_time(study)

# %% [markdown]
# Memory and the number of trained parameters are in the rows of the study, one for each run. Few
# trained parameters do not mean little memory: the frozen part of a network is in memory as well.

# %%
for technique in techniques:
    runs = [row for row in study.rows if row["technique"] == technique]
    memory = np.mean([row["peak_memory_mb"] for row in runs])
    print(f"{technique:20}{memory:8,.0f} MB{runs[0]['trainable_parameters']:14,} trained")

# %% [markdown]
# ## Convergence
# The curves show the metric on the validation split after each epoch. A line that is still rising
# at its end asks for more epochs; one that is flat for a long time could have stopped. By training
# time the same curves may change places, since an epoch takes each technique a different time.

# %%
graft.plot.learning_curves(study)

# %% [markdown]
# ## When is a difference noise?
# A test split is a sample: with another one of the same size the accuracy would be another. The
# next cell draws many test splits for two models that are *equally* good, and notes by how much
# the better of the two seems to win.

# %%
tested = len(data.splits["test"])
level = np.mean([row["test_accuracy"] for row in study.rows])
rng = np.random.default_rng(0)
scores = rng.binomial(tested, level, size=(10_000, 2)) / tested
gaps = 100 * np.abs(scores[:, 0] - scores[:, 1])
usual = np.quantile(gaps, 0.95)
print(f"{tested} test examples: 95 % of the gaps between equal models are up to {usual:.1f} points")

figure, axes = plt.subplots(figsize=(6, 2.6))
axes.hist(gaps, bins=30, color="#0072b2")
axes.axvline(usual, color="#c4500a", label="95 % of the gaps are smaller")
axes.set(xlabel="points between two equally good models", yticks=[])
axes.spines[["top", "left", "right"]].set_visible(False)
axes.legend(frameon=False)
plt.show()

# %% [markdown]
# Chance is smaller in a paired comparison: both models answer the same questions, so what is hard
# for one is often hard for the other, and cancels out. Graft compares in pairs, and its intervals
# hold both kinds of chance: that of the test examples, and that of the seeds, which also draw the
# training examples here. The p-value is corrected for the number of comparisons.

# %%
for sentence in study.verdict.sentences:
    print(textwrap.fill(sentence, 100))

# %% [markdown]
# Seeds matter too. A single run of each technique shows one of these numbers:

# %%
for technique in techniques:
    each = [f"{row['test_accuracy']:.1%}" for row in study.rows if row["technique"] == technique]
    print(f"{technique:20}{'  '.join(each)}")

# %% [markdown]
# ## Exercise
# How many test examples would it take before two equally good models seldom differ by more than one
# point? Use the simulation above.

# %% [markdown]
# **Solution.** The gap shrinks with the square root of the number of examples: four times as many
# halve it.

# %%
for examples in (250, 1_000, 4_000, 16_000):
    scores = rng.binomial(examples, level, size=(10_000, 2)) / examples
    usual = np.quantile(100 * np.abs(scores[:, 0] - scores[:, 1]), 0.95)
    print(f"{examples:6,} test examples: up to {usual:.1f} points")
