# %% [markdown]
# # 10. Data efficiency
#
# Labels cost money. The practical question about a transfer is often not how good it is with all of
# them, but how many it saves: how few labels reach what training from scratch needs many for?

# %%
import json
from collections import Counter

import numpy as np

import course_data
import graft

# %% [markdown]
# `fractions` trains every technique on nested parts of the training split: what is in the small
# part is in the larger one as well. The test split stays the same, so the results can be compared.
# The number of epochs is left at its default: a control that is stopped before it has learned
# anything makes every transfer look good.

# %%
data = course_data.questions()
techniques = ("from-scratch", "full-fine-tuning")
study = graft.compare(data, techniques, fractions=[0.1, 0.3, 1.0], seeds=3)
graft.plot.data_efficiency(study)

# %% [markdown]
# Look at the horizontal distance between the two curves, not at the vertical one: it is the factor
# by which the transfer saves labels. The axis is logarithmic, so equal distances are equal factors.

# %% [markdown]
# ## Has the control learned?
# A saving is worth what the control is worth. It has learned something if it is better on the test
# split than naming the most frequent class can be by luck, and if its training loss is well below
# the logarithm of the number of classes, which is the loss of guessing.

# %%
tested = Counter(sample.roles["label"] for sample in data.splits["test"])
guessing = max(tested.values()) / tested.total()
luck = guessing + 2 * np.sqrt(guessing * (1 - guessing) / tested.total())
print(f"Guessing: up to {luck:.1%}, loss {np.log(len(tested)):.2f}")


def final_loss(row: dict) -> float:
    """The training loss of the last epoch of a run."""
    lines = (study.folder / "runs" / row["run"] / "history.jsonl").read_text().splitlines()
    return json.loads(lines[-1])["losses"]["task"]


for row in study.rows:
    if row["technique"] == "from-scratch" and row["train_examples"] == len(data.splits["train"]):
        print(f"from-scratch, seed {row['seed']}: {row['test_accuracy']:.1%}", end="")
        print(f", loss {final_loss(row):.2f}")

# %% [markdown]
# ## The factor in numbers
# From the points of a curve, the number of labels for a given accuracy can be read between them, on
# the logarithmic axis of the figure. A curve may be above that accuracy at its first point already:
# then the factor is at least the one that is printed. And where the verdict finds no difference
# between the curves, or the control has learned nothing, there is no factor.


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


for technique in techniques:
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
most = sizes[accuracies.argmax()]
needed = labels_needed("full-fine-tuning", wanted)
if wanted <= luck:
    print(f"The control has learned nothing ({wanted:.1%}), so that nothing can be saved of it.")
elif study.verdict.outcome != "positive transfer" or needed is None:
    print(f"With all labels: {study.verdict.outcome}. There is no factor to read.")
else:
    bound = ("at most", "at least") if needed == sizes[0] else ("about", "about")
    print(f"From scratch: {wanted:.1%} with {most} labels.", end=" ")
    print(f"Fine-tuning needs {bound[0]} {needed:.0f}: {bound[1]} {most / needed:.1f} times fewer.")

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
    gain = "" if previous is None else f", {accuracy - previous:+.1f} points by doubling them"
    print(f"{shots} label{'s' * (shots > 1)} a class: {accuracy:.1f} %{gain}")
    previous = accuracy
