# %% [markdown]
# # 2. Feature extraction
#
# The cheapest transfer leaves the pretrained network as it is. All layers but its last turn each
# picture into a vector, the *features*, and only a new linear layer on top of them learns. This
# chapter looks at these vectors before anything is trained, and then trains on them.

# %%
import time

import matplotlib.pyplot as plt
import numpy as np
from sklearn.decomposition import PCA
from sklearn.linear_model import LogisticRegression

import course_data
import graft

# %%
data = course_data.photographs(train=200, val=40, test=150)
print("Classes:", ", ".join(data.classes))

# %% [markdown]
# ## The features of pictures
# `embed` runs pictures through a network and returns one vector for each. EfficientNet-lite0 was
# trained to tell 1,000 kinds of objects apart; nobody told it which two are asked for here.


# %%
def features(split: str) -> tuple[np.ndarray, np.ndarray]:
    """The vectors (N, D) of a split and its labels (N,)."""
    samples = data.splits[split]
    pictures = [sample.roles["image"] for sample in samples]
    labels = np.array([sample.roles["label"] for sample in samples])
    return graft.embed("efficientnet-lite0", pictures).vectors, labels


started = time.perf_counter()
train, train_labels = features("train")
test, test_labels = features("test")
print(f"{len(train) + len(test)} pictures, {train.shape[1]} numbers each,", end=" ")
print(f"{time.perf_counter() - started:.0f} s")

# %% [markdown]
# Two directions of so many can be drawn. Each point is a picture, its color the true class, which
# the network never saw. Where the colors form groups, a linear classifier can separate them.

# %%
places = PCA(2).fit(train).transform(test)
figure, axes = plt.subplots(figsize=(5, 3.6))
for label, color in zip(data.classes, plt.cm.tab10.colors, strict=False):
    chosen = places[test_labels == label]
    axes.scatter(chosen[:, 0], chosen[:, 1], s=16, color=color, label=label, alpha=0.7)
axes.set(xticks=[], yticks=[], xlabel="first principal component", ylabel="second")
axes.spines[["top", "right"]].set_visible(False)
axes.legend(frameon=False, fontsize=8)
plt.show()

# %% [markdown]
# ## A linear layer on top
# This is all of feature extraction: logistic regression on the vectors.

# %%
classifier = LogisticRegression(max_iter=1000).fit(train, train_labels)
print(f"scikit-learn on the features: accuracy {classifier.score(test, test_labels):.1%}")

# %% [markdown]
# Graft's technique does the same, and more: it chooses how strongly to regularize on the validation
# split, measures an interval and the trivial baselines, and saves an ordinary model. The features
# are recorded on disk, so every later run on these pictures begins where the network ends.

# %%
run = graft.fit(data, technique="feature-extraction")
cost = run.result["cost"]
print(f"{cost['train_seconds']:.1f} s of training, {cost['trainable_parameters']:,} weights")
run

# %% [markdown]
# The frozen network did not change. Graft hashes each frozen tensor before and after.

# %%
frozen = run.result["frozen"]
print(f"{frozen['tensors']} frozen tensors, unchanged: {frozen['unchanged']}")

# %% [markdown]
# ## What it gets wrong

# %%
graft.plot.confusion(run)

# %% [markdown]
# ## When not
# Features are what the network learned to look for. If your pictures differ in something else, such
# as a texture under a microscope or small digits, the vectors may not hold it, and no linear layer
# can bring it back. Then more of the network has to be trained: that is the next chapter.

# %% [markdown]
# ## Exercise
# MobileNetV2 is a smaller network, made for slow machines. Are its features worse for these
# pictures? Look at the intervals before you answer.

# %% [markdown]
# **Solution.** The second argument of `fit` is the backbone.

# %%
for backbone in ("efficientnet-lite0", "mobilenet-v2"):
    run = graft.fit(data, backbone, "feature-extraction")
    accuracy = run.result["metrics"]["test"]["accuracy"]
    low, high = accuracy["low"], accuracy["high"]
    print(f"{backbone:20}{accuracy['value']:.1%}  ({low:.1%} to {high:.1%})")
