# %% [markdown]
# # 6. BERT on reviews in seven steps
#
# Courses on BERT teach seven steps: install, select, freeze, add layers, load data, fit, evaluate.
# Here they are, one cell each. The network is MiniLM, a small BERT of six layers that is built in;
# where the hub answers, `transformers:bert-base-uncased` goes through the same cells.

# %% [markdown]
# ## Step 1: install

# %%
import course_data
import graft

print(f"Graft {graft.__version__}")

# %% [markdown]
# ## Step 2: select a pretrained network
# A backbone is named by one word: a built-in one by its alias, any other as `source:name`.

# %%
backbone = "minilm-l6"

# %% [markdown]
# ## Step 3: freeze
# Layer groups are counted from the head down: -1 is the last layer of the network. This technique
# trains that layer and the head, and freezes everything before them. `bert-base-uncased` has a
# pooler above its last layer, which is a group too, so there -2 is the last layer.

# %%
technique = "partial-fine-tuning:from_group=-1"

# %% [markdown]
# ## Step 4: add layers
# The task adds the head: one linear layer on the features, with an output for each class. Other
# heads are named in the task: `text-classification:head=pooled` averages over the tokens first.

# %%
task = "text-classification"

# %% [markdown]
# ## Step 5: load the data
# A folder, a table or arrays do; splits that are missing are cut. `check` looks for duplicates,
# leaks between the splits and unreadable samples before they cost you a week.

# %%
data = course_data.reviews(train=400, val=100, test=200)
for finding in graft.check(data)[:4]:
    print(f"{finding.severity}: {finding.message}")

# %% [markdown]
# ## Step 6: fit
# What will happen is known before it happens: what trains, and what is recorded because it is
# frozen and would be computed in each epoch again.

# %%
estimate = graft.fit(data, backbone, technique, task=task, epochs=3, dry_run=True)
for phase in estimate.phases:
    print(f"{phase.phase}: {phase.trainable_parameters:,} parameters train,", end=" ")
    print(f"the recording saves a factor of {phase.gain:.1f}")

# %%
run = graft.fit(data, backbone, technique, task=task, epochs=3)
graft.plot.learning_curves(run)

# %% [markdown]
# ## Step 7: evaluate
# `fit` has measured the trained model once, on the test split. The accuracy has an interval, and
# the trivial baselines are beside it: a model that counts words needs no BERT.

# %%
run

# %%
accuracy = run.result["metrics"]["test"]["accuracy"]
trivial = max(scores["accuracy"]["value"] for scores in run.result["baseline"].values())
print(f"BERT {accuracy['value']:.1%} ({accuracy['low']:.1%} to {accuracy['high']:.1%}).", end=" ")
print(f"The best trivial baseline {trivial:.1%}.")

# %%
sentences = ["A dull film that never ends.", "I laughed, I cried, I went to see it again."]
for sentence, row in zip(sentences, run.model.predict(sentences), strict=True):
    print(f"{row['prediction']:10}{row['confidence']:.0%}  {sentence}")

# %% [markdown]
# The model is an ordinary folder of transformers, which opens it and predicts the same classes.

# %%
from transformers import pipeline
from transformers.utils.logging import disable_progress_bar

disable_progress_bar()
classify = pipeline("text-classification", model=str(run.folder / "model"))
print([answer["label"] for answer in classify(sentences)])

# %% [markdown]
# ## Exercise
# Step 3 froze all but the last layer. What does it cost to freeze everything, and what does it
# bring to freeze nothing?

# %% [markdown]
# **Solution.** Only the technique changes.

# %%
for technique in ("feature-extraction", "full-fine-tuning"):
    other = graft.fit(data, backbone, technique, task=task, epochs=3)
    accuracy, cost = other.result["metrics"]["test"]["accuracy"], other.result["cost"]
    low, high = accuracy["low"], accuracy["high"]
    print(f"{technique:20}{accuracy['value']:.1%} ({low:.1%} to {high:.1%})", end="")
    print(f"{cost['train_seconds']:8.1f} s")
