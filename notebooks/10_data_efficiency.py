# %% [markdown]
# # 10. Data efficiency
#
# Labels cost money. The practical question about a transfer is often not how good it is with all of
# them, but how many it saves: how few labels reach what training from scratch needs many for?

# %%
import numpy as np

import course_data
import graft

# %% [markdown]
# `fractions` trains every technique on nested parts of the training split: what is in the small
# part is in the larger one as well. The test split stays the same, so the results can be compared.

# %%
data = course_data.photographs(train=120, val=40, test=100)
study = graft.compare(
    data,
    ["from-scratch", "feature-extraction"],
    fractions=[0.1, 0.3, 1.0],
    seeds=2,
    epochs=3,
)
graft.plot.data_efficiency(study)

# %% [markdown]
# Look at the horizontal distance between the two curves, not at the vertical one: it is the factor
# by which the transfer saves labels. The axis is logarithmic, so equal distances are equal factors.

# %% [markdown]
# ## The factor in numbers
# From the points of a curve, the number of labels for a given accuracy can be read between them, on
# the logarithmic axis of the figure. A curve may be above that accuracy at its first point already:
# then the factor is at least the one that is printed. And where the verdict finds no difference
# between the curves, a factor between them would be noise.


# %%
def curve(technique: str) -> tuple[np.ndarray, np.ndarray]:
    """The numbers of training examples and the mean test accuracies of a technique."""
    rows = [row for row in study.rows if row["technique"] == technique]
    sizes = sorted({row["train_examples"] for row in rows})
    means = [
        np.mean([row["test_accuracy"] for row in rows if row["train_examples"] == size])
        for size in sizes
    ]
    return np.array(sizes), np.array(means)


for technique in ("from-scratch", "feature-extraction"):
    for size, accuracy in zip(*curve(technique), strict=True):
        print(f"{technique:20}{size:5} labels  {accuracy:.1%}")


# %%
def labels_needed(technique: str, wanted: float) -> float | None:
    """The number of labels at which the curve reaches an accuracy; None if it never does."""
    sizes, accuracies = curve(technique)
    rising = np.maximum.accumulate(accuracies)
    if wanted > rising[-1]:
        return None
    if wanted <= rising[0]:
        return float(sizes[0])
    return float(np.exp(np.interp(wanted, rising, np.log(sizes))))


sizes, accuracies = curve("from-scratch")
wanted = accuracies.max()
needed = labels_needed("feature-extraction", wanted)
if study.verdict.outcome != "positive transfer" or needed is None:
    print(f"With all labels: {study.verdict.outcome}. There is no factor to read.")
else:
    print(f"From scratch: {wanted:.1%} with at most {sizes[-1]} labels.", end=" ")
    most = "at most " if needed == sizes[0] else "about "
    print(f"Feature extraction needs {most}{needed:.0f}.")

# %% [markdown]
# ## With how much confidence?
# The verdict is made for each size. Few seeds and few labels make wide intervals, and the curve of
# a single study may bend where another would not.

# %%
for verdict in (study.verdict, *study.verdict.smaller):
    print(f"With {verdict.training_size}: {verdict.outcome}")

# %% [markdown]
# ## When it saves nothing
# With enough labels of your own, the two curves meet: what the pretrained network knew, your data
# teach as well. The more your data differ from those of the pretraining, the earlier they meet. And
# a trivial baseline may need fewer labels than both; it is in the figure for that reason.

# %% [markdown]
# ## Exercise
# Where is the first label spent best? Measure feature extraction with one, two and four labels a
# class, and say what each doubling brings. These are single runs: which labels are drawn matters as
# much as their number.

# %% [markdown]
# **Solution.** `shots` is the number of labels a class.

# %%
previous = None
for shots in (1, 2, 4):
    run = graft.fit(data, technique="feature-extraction", shots=shots)
    accuracy = 100 * run.result["metrics"]["test"]["accuracy"]["value"]
    gain = "" if previous is None else f", {accuracy - previous:+.1f} points"
    print(f"{shots} labels a class: {accuracy:.1f} %{gain}")
    previous = accuracy
