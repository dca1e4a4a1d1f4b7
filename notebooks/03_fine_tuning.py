# %% [markdown]
# # 3. Fine-tuning and freezing
#
# Fine-tuning goes on with the training of the pretrained network on your data. It can bring more
# than a linear layer, and it can destroy what the network knew. This chapter trains all of a
# network, a part of it, and its layers at different rates, and shows what freezing freezes.

# %%
import matplotlib.pyplot as plt
import torch
from torch import nn

import course_data
import graft

# %%
data = course_data.questions()

# %% [markdown]
# ## The layers of a network
# Graft cuts every network into layer groups, in the order in which they run. Lower groups know what
# is true of any text, upper ones what the pretraining asked for, and the head, which is new, knows
# nothing yet.

# %%
probe = graft.fit(data, technique="feature-extraction", shots=8)
backbone = probe.model.network.backbone
sizes = {name: tensor.numel() for name, tensor in backbone.network.named_parameters()}
for number, group in enumerate(backbone.groups):
    count = sum(sizes.get(tensor, 0) for tensor in group.tensors)
    place = number - len(backbone.groups) + 1  # -1 is the last group below the head
    print(f"{place or '':4}  {group.name:30}{count:12,} parameters")

# %% [markdown]
# ## How much to train
# Each technique is a choice of what trains, and in which order. `from_group=-3` trains the head and
# the three groups below it. `lp-ft` first solves the head and then trains everything, so that the
# random head does not pull the network away from what it knew. The learning rates are the defaults.

# %%
techniques = {
    "only the head": "feature-extraction",
    "the last groups": "partial-fine-tuning:from_group=-3",
    "everything": "full-fine-tuning",
    "first the head, then everything": "lp-ft",
    "group by group, from the head": "gradual-unfreezing",
}
runs = {
    words: graft.fit(data, technique=technique, shots=8) for words, technique in techniques.items()
}
for words, run in runs.items():
    accuracy, cost = run.result["metrics"]["test"]["accuracy"], run.result["cost"]
    print(f"{words:34}{accuracy['value']:.1%}  {cost['trainable_parameters']:12,} trained", end="")
    print(f"  {cost['train_seconds']:5.1f} s")

# %% [markdown]
# These are single runs with one seed: differences of a few points between them may be noise, as
# chapter 9 shows, and what sounds most careful need not win. What one run can show is its course.

# %%
graft.plot.learning_curves(runs["everything"])

# %% [markdown]
# ## Lower layers at lower rates
# What lower layers know is general, so they should change less. `layer_decay=0.7` multiplies the
# learning rate by 0.7 for each group below the head. The figure is what that means here.

# %%
groups = len(backbone.groups)
rates = [0.7 ** (groups - 1 - number) for number in range(groups)]
figure, axes = plt.subplots(figsize=(6, 2.4))
axes.bar(range(groups), rates, color="#0072b2")
axes.set(xlabel="layer group, from the input to the head", ylabel="share of the rate")
axes.spines[["top", "right"]].set_visible(False)
plt.show()

# %%
decayed = graft.fit(data, technique="full-fine-tuning:layer_decay=0.7", shots=8)
for words, run in (("one rate for all", runs["everything"]), ("layer_decay=0.7", decayed)):
    print(f"{words:20}{run.result['metrics']['test']['accuracy']['value']:.1%}")

# %% [markdown]
# ## What freezing freezes
# In PyTorch, `requires_grad_(False)` stops the gradient, and only that. A layer with running
# statistics still changes them whenever the network is in training mode, so a "frozen" network
# gives other outputs after training. The cell below freezes a batch norm and runs it once.

# %%
norm = nn.BatchNorm2d(3).requires_grad_(False)
before = norm.running_mean.clone()
norm.train()
norm(5 + torch.randn(8, 3, 4, 4))
print("After one batch in training mode the frozen layer's mean moved by", end=" ")
print(f"{(norm.running_mean - before).abs().max():.2f}.")

# %% [markdown]
# Graft keeps frozen layers in evaluation mode, gives their tensors no gradient, leaves them out of
# the optimizer, and proves it: every frozen tensor, running statistics included, is hashed before
# and after each phase of the training. The last two techniques freeze less from phase to phase:
# their number is that of the phase that freezes most.

# %%
for words, run in runs.items():
    frozen = run.result["frozen"]
    state = f"unchanged: {frozen['unchanged']}" if frozen["tensors"] else "nothing was frozen"
    print(f"{words:34}{frozen['tensors']:4} tensors, {state}")

# %% [markdown]
# ## Exercise
# How far down must the training go? Train the head with one, three and five groups below it.

# %% [markdown]
# **Solution.** `from_group=-1` is the head and the last group; each step down trains one more.
# Where two intervals do not overlap, the figures differ by more than the chance of the test split.

# %%
for group in (-1, -3, -5):
    run = graft.fit(data, technique=f"partial-fine-tuning:from_group={group}", shots=8)
    accuracy = run.result["metrics"]["test"]["accuracy"]
    low, high = accuracy["low"], accuracy["high"]
    print(f"from_group={group}: {accuracy['value']:.1%} ({low:.1%} to {high:.1%})")
