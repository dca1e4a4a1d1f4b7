# %% [markdown]
# # 4. Small images
#
# CIFAR's pictures have 32 x 32 pixels; EfficientNet, ResNet and VGG were trained on 224 x 224. Put
# a small picture into such a network as it is, and it sees little of it. This chapter shows why,
# and what to do about it.

# %%
import os
from dataclasses import replace

import matplotlib.pyplot as plt
import numpy as np
import torch
from sklearn.linear_model import LogisticRegression

import course_data
import graft

# %%
data = course_data.small_images(train=300, val=60, test=200)
print("Classes:", ", ".join(data.classes))

# %% [markdown]
# ## What a network for 224 pixels does with 32
# A convolutional network halves its picture again and again: EfficientNet five times. What is left
# of 224 pixels is a map of 7 x 7 places; of 32 pixels it is a single one, so that all places of the
# picture are one. The code takes the network out of Graft's model and runs it at both sizes.

# %%
run = graft.fit(data, "efficientnet-lite0", "feature-extraction")
backbone = run.model.network.backbone
network = backbone.network.eval()


@torch.no_grad()
def feature_maps(split: str, side: int) -> torch.Tensor:
    """The last feature maps (N, C, h, w) of pictures that enter at side x side pixels."""
    preprocess = replace(backbone.preprocess, size=(side, side), crop=1.0)
    pictures = [course_data.picture(sample) for sample in data.splits[split]]
    encoded = [preprocess(picture, None) for picture in pictures]
    batches = [encoded[start : start + 50] for start in range(0, len(encoded), 50)]
    return torch.cat([network.forward_features(preprocess.collate(b)["x"]) for b in batches])


for side in (32, 224):
    maps = feature_maps("val", side)
    print(f"{side:4} x {side}: the last map has {maps.shape[2]} x {maps.shape[3]} places")

# %% [markdown]
# ## How much does the size cost?
# The same pictures enter the same frozen network, enlarged to different sizes. A linear layer on
# the features says what they are worth. Enlarging adds no information: it only brings edges and
# textures to the scale at which the network looks for them.


# %%
def accuracy_at(side: int) -> float:
    """The test accuracy of a linear layer on the features at this size."""
    vectors, labels = {}, {}
    for split in ("train", "test"):
        vectors[split] = feature_maps(split, side).mean((2, 3)).numpy()
        labels[split] = [sample.roles["label"] for sample in data.splits[split]]
    classifier = LogisticRegression(C=0.1, max_iter=500).fit(vectors["train"], labels["train"])
    return classifier.score(vectors["test"], labels["test"])


sides = (32, 64, 96, 160, 224)
accuracies = [accuracy_at(side) for side in sides]
for side, accuracy in zip(sides, accuracies, strict=True):
    print(f"{side:4} pixels: {accuracy:.1%}")

# %%
figure, axes = plt.subplots(figsize=(6, 3))
axes.plot(sides, 100 * np.array(accuracies), "o-", color="#0072b2")
axes.set(xlabel="pixels at which the picture enters the network", ylabel="test accuracy (%)")
axes.spines[["top", "right"]].set_visible(False)
axes.grid(axis="y", alpha=0.3)
plt.show()

# %% [markdown]
# ## What Graft does
# Graft scales every picture to the size at which the backbone was pretrained, so the accuracy of
# the run above is that of large input. It costs computing time, which grows with the square of the
# side; with a frozen network it is paid once a picture, since the features are recorded.

# %%
accuracy = run.result["metrics"]["test"]["accuracy"]
low, high = accuracy["low"], accuracy["high"]
pixels = run.result["baseline"]["pixels-logistic"]["accuracy"]["value"]
print(f"Graft's run: {accuracy['value']:.1%} ({low:.1%} to {high:.1%}); pixels alone: {pixels:.1%}")

# %% [markdown]
# ## VGG19 and EfficientNetB0 of Keras
# Networks of Keras are backbones like all others: `keras:VGG19` is translated to PyTorch when it is
# loaded, with Keras' own preprocessing, and saved as a `.keras` file. Keras says itself how many
# places their last maps have; weights do not change that.

# %%
os.environ["KERAS_BACKEND"] = "torch"  # before the first import of Keras
import keras


def make_network(name: str, side: int) -> keras.Model:
    """A network of Keras without its classifier, for pictures of this size, of random weights."""
    make = getattr(keras.applications, name)
    return make(weights=None, include_top=False, input_shape=(side, side, 3))


for name in ("EfficientNetB0", "VGG19"):
    for side in (32, 224):
        model = make_network(name, side)
        _, height, width, channels = model.output_shape
        print(f"{name:15}at {side:3} pixels: {height} x {width} places, {channels} numbers each")
    print(f"{name:15}{model.count_params():,} weights")

# %% [markdown]
# Their weights of ImageNet come from Keras' host. Where that does not answer, the cell says so and
# goes on. VGG19 computes far more for a picture than the others, so only a few pictures are used.

# %%
few = data.sample(train=60, val=20, test=60)
for name in ("keras:EfficientNetB0", "keras:VGG19"):
    try:
        other = graft.fit(few, name, "feature-extraction")
    except graft.GraftError as error:
        print(f"{str(error).split('. ')[0]}.")
        break
    accuracy = other.result["metrics"]["test"]["accuracy"]
    low, high = accuracy["low"], accuracy["high"]
    print(f"{name:24}{accuracy['value']:.1%} ({low:.1%} to {high:.1%})")

# %% [markdown]
# Courses on CIFAR often build VGG19 for 32 pixels, and freeze it. A file of Keras is a backbone as
# well, so that network can be held against the others. Its weights here are random: what a linear
# layer reads from it is no transfer, and a pretrained network has to be better than that.

# %%
make_network("VGG19", 32).save("vgg19.keras")
other = graft.fit(data, "keras:vgg19.keras", "feature-extraction")
accuracy = other.result["metrics"]["test"]["accuracy"]
low, high = accuracy["low"], accuracy["high"]
print(f"VGG19 of random weights, 32 pixels: {accuracy['value']:.1%} ({low:.1%} to {high:.1%})")
print(f"EfficientNet-lite0 of ImageNet, 32 pixels: {accuracies[0]:.1%}; pixels alone: {pixels:.1%}")

# %% [markdown]
# ## Exercise
# At 64 pixels a picture costs about a twelfth of the computation at 224. Is a larger network at 64
# pixels better than a small one at 224? Compare EfficientNet-lite2 at 64 with what you have.

# %% [markdown]
# **Solution.** The functions above read `backbone` and `network`, so setting these is enough.

# %%
larger = graft.fit(data, "efficientnet-lite2", "feature-extraction", shots=2)
backbone = larger.model.network.backbone
network = backbone.network.eval()
print(f"efficientnet-lite2 at 64 pixels: {accuracy_at(64):.1%}")
print(f"efficientnet-lite0 at 224 pixels: {accuracies[-1]:.1%}")
