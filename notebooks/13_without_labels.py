# %% [markdown]
# # 13. Without labels
#
# Labels are often there for other data than those that matter: for photographs, while the pictures
# to be sorted are drawings. Or there are a few labels and many pictures without. This chapter asks
# what samples without labels add, and who may decide that when no labels can be looked at.

# %%
import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
from sklearn.decomposition import PCA

import course_data
import graft

# %%
data = course_data.two_domains(train=180, val=40, unlabeled=200, test=105)
print("Classes:", ", ".join(data.classes))

# %% [markdown]
# ## The gap
# The *source* has labels, the *target* has the same classes and looks different. A network that was
# trained on neither turns pictures of both into vectors. Drawn in two directions, they lie apart:
# a linear layer that separates the classes of the source may cut the target anywhere.

# %%
figure, axes = plt.subplots(figsize=(5, 3.6))
pictures = {"source": data.splits["train"][:100], "target": data.splits["unlabeled"][:100]}
vectors = {
    name: graft.embed("efficientnet-lite0", [sample.roles["image"] for sample in samples]).vectors
    for name, samples in pictures.items()
}
plane = PCA(2).fit(np.concatenate(list(vectors.values())))
for name, found in vectors.items():
    axes.scatter(*plane.transform(found).T, s=16, alpha=0.7, label=name)
axes.set(xticks=[], yticks=[], xlabel="first principal component", ylabel="second")
axes.spines[["top", "right"]].set_visible(False)
axes.legend(frameon=False, fontsize=8)
plt.show()

# %% [markdown]
# ## Does adaptation help?
# `feature-extraction + mcc` trains the head on the labels of the source and, on the target, against
# predictions that two classes share. `+ bnm` asks for confident predictions that use all classes,
# `+ self-training` learns from its own confident ones. The control trains the same head on the
# source alone. The network is frozen, so both domains pass it once for all runs.

# %%
techniques = [f"feature-extraction + {name}" for name in ("mcc", "bnm", "self-training")]
study = graft.compare(data, techniques, seeds=3, epochs=20, selected_by="mixval")
print("\n".join(study.verdict.sentences))

# %%
graft.plot.leaderboard(study)

# %% [markdown]
# ## Who chose?
# The labels of the target were used for the figures above and for nothing else. The validation
# split cannot choose: it is of the source, where all techniques are good. *Validators* look at
# predictions on the target, without labels. Each value is better the higher it is; a validator
# that is worth trusting ranks the techniques as the first column does.

# %%
rows = pd.DataFrame(study.rows)
values = [column for column in rows if column.startswith("validator_")]
columns = ["test_accuracy", "val_accuracy", *values]
table = rows.groupby("technique")[columns].mean().sort_values("test_accuracy", ascending=False)
table.columns = [column.removeprefix("validator_") for column in table]
table.astype(float).round(2)

# %% [markdown]
# For each of them: the technique that it would have chosen, and how much less that one reaches on
# the test split than the best; where a validator values several equally, their mean. The control
# is left out, as it is not among the choices.

# %%
adapted = table[~table.index.str.startswith("source-only")]
best = adapted["test_accuracy"].max()
for validator in adapted.columns[1:]:
    chosen = adapted[adapted[validator] == adapted[validator].max()]
    words = chosen.index[0] if len(chosen) == 1 else f"{len(chosen)} valued equally"
    lost = best - chosen["test_accuracy"].mean()
    print(f"{validator:20}{words:36}{100 * lost:5.1f} points less than the best")

# %% [markdown]
# ## Few labels, and clusters as a teacher
# Now one domain, five labels a class, and hundreds of pictures without any. `deep-clustering`
# groups them by the network's own features and learns to tell the groups apart; what it has
# learned so serves the task afterwards. The fair comparison is with the labels alone.

# %%
few = course_data.few_labels(shots=5, unlabeled=400, test=200)
last = "from_group=-1,views=2,epochs=4"
for technique in (
    "feature-extraction",
    f"deep-clustering:{last},clusters=20 then feature-extraction",
):
    accuracy = graft.fit(few, technique=technique).result["metrics"]["test"]["accuracy"]
    print(f"{accuracy['value']:.1%} ({accuracy['low']:.1%} to {accuracy['high']:.1%})  {technique}")

# %% [markdown]
# These are single runs whose intervals overlap: a verdict needs several seeds, and the control
# `longer-fine-tuning`, which spends the same time on the labels. The pages on
# [adaptation](../docs/adaptation.md) and [self-supervision](../docs/self-supervision.md) say when
# to expect something, and what was measured.

# %% [markdown]
# ## Exercise
# Does adaptation need a balanced target? Leave out the unlabeled samples of the first two classes,
# which the techniques are not told, and compare again.

# %% [markdown]
# **Solution.** The labels of unlabeled samples are not kept, so the classes are taken from the
# predictions of the adapted model. `bnm` and `mcc` suppose that all classes occur. Two seeds show a
# direction and no more; the intervals say how little two seeds and 105 pictures can separate.

# %%
guessed = study.model.predict([sample.roles["image"] for sample in data.splits["unlabeled"]])
kept = [
    sample
    for sample, row in zip(data.splits["unlabeled"], guessed, strict=True)
    if row["prediction"] not in data.classes[:2]
]
shifted = data.with_splits({**data.splits, "unlabeled": kept})
other = graft.compare(shifted, techniques[:2], seeds=2, epochs=20, selected_by="mixval")
for name, each in (("all classes", study), ("two left out", other)):
    scores = pd.DataFrame(each.rows).groupby("technique")["test_accuracy"].mean()
    print(name, scores.astype(float).round(3).to_dict())
print("\n".join(other.verdict.cautions))
