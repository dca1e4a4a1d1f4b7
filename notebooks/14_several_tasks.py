# %% [markdown]
# # 14. Several tasks, few labels, a small network
#
# One network can do several things at once, can be held back where labels are few, and can teach a
# smaller one. All of this is said to help. The chapter asks each time whether it did, on data for
# which minutes are enough.

# %%
import time

import matplotlib.pyplot as plt
import pandas as pd

import course_data
import graft

# %% [markdown]
# ## Two tasks over one network
# A spoken command has an intent, such as `PlayMusic`, and each of its words has a tag: `B-` and
# `I-` for the first and the other words of a name, a place or a time, `O` for the rest. Both are
# learned over one network. Its last layer has outputs for each word; the intent is their mean.

# %%
data = course_data.commands(train=150, val=60, test=150)
tasks = data.columns["parts"]
sample = data.splits["test"][0]
for name in tasks:
    print(f"{name}:", sample.roles["parts"][name])

# %% [markdown]
# ## Does one help the other?
# `graft.compare` trains each task alone as well, by the same network, examples and epochs. So there
# is an answer for each: `helped`, `no evidence` or `hurt`, with the interval of the difference.
# Two seeds are few; they keep the chapter short.

# %%
technique = "full-fine-tuning:lr=2e-4"
together = graft.compare(data, technique, task=tasks, seeds=2, epochs=4)
columns = ["task", "technique", "alone", "together", "gain", "low", "high", "outcome"]
pd.DataFrame([vars(row) for row in together.verdict.tasks])[columns].round(3)

# %% [markdown]
# Tasks that share a network also share its time: the same steps serve both. Do they pull it the
# same way? At each epoch the history has the cosine between their gradients in the last layers that
# they share, on one batch. Below 0 a step for one of them makes the other one worse there.

# %%
figure, axes = plt.subplots(figsize=(5, 2.6))
for row in together.rows:
    if row["technique"] == technique:
        path = together.folder / "runs" / row["run"] / "history.jsonl"
        history = pd.read_json(path, lines=True).dropna(subset="cosines")
        for pair, values in pd.DataFrame(list(history["cosines"])).items():
            axes.plot(history["epoch"], values, marker="o", label=f"{pair}, seed {row['seed']}")
axes.axhline(0, color="gray", linewidth=0.8)
axes.set(xlabel="epochs", ylabel="cosine of the gradients", ylim=(-1, 1))
axes.spines[["top", "right"]].set_visible(False)
axes.legend(frameon=False, fontsize=8)
plt.show()

# %% [markdown]
# ## Few labels: hold the network back
# Forty labels, and millions of weights: the network can learn the examples by heart. Regularized
# fine-tuning holds it back: `r-drop` asks for the same prediction under other dropout. An adapter
# changes little in the first place: `lora` freezes the network and trains a small part beside it.

# %%
few = course_data.questions(test=150)
techniques = ["full-fine-tuning", "r-drop", "lora"]
held_back = graft.compare(few, techniques, shots=8, seeds=2, epochs=6)
print("\n".join(held_back.verdict.sentences))

# %%
graft.plot.leaderboard(held_back)

# %% [markdown]
# Whatever the verdict, an adapter trains fewer numbers, and no more than these need to be kept for
# each task.

# %%
rows = pd.DataFrame(held_back.rows)
costs = rows.groupby("technique")[["test_accuracy", "trainable_parameters", "train_seconds"]].mean()
costs.astype(float).round(3).sort_values("test_accuracy", ascending=False)

# %% [markdown]
# ## A small network learns from a large one
# The teacher is fine-tuned on the questions. The student has its first two layers of six and a new
# head. `distillation` teaches the student the labels and, beside them, how probable the teacher
# finds each class. The rival is the same student, trained on the labels alone.

# %%
many = course_data.questions(train=200, test=150)
teacher = graft.fit(many, technique="full-fine-tuning", epochs=4, out="runs/teacher")
student = course_data.first_layers("runs/teacher/model", 2, "runs/student")

# %%
techniques = ["full-fine-tuning", "distillation:teacher=runs/teacher"]
students = graft.compare(many, techniques, student, seeds=2, epochs=3)
print("\n".join(students.verdict.sentences))

# %% [markdown]
# If distillation does not help, the teacher may have little to say: it has learned from the same
# examples, of which it is nearly certain, so that its probabilities are the labels once more.
#
# What is lost in quality, and won in size and time:

# %%
texts = [sample.roles["text"] for sample in many.splits["test"]]
for name, each in (("teacher", teacher), ("student", students)):
    model = each.model
    started = time.perf_counter()
    rows = model.predict(texts)
    seconds = time.perf_counter() - started
    pairs = zip(rows, many.splits["test"], strict=True)
    right = sum(row["prediction"] == sample.roles["label"] for row, sample in pairs)
    size = sum(tensor.numel() for tensor in model.network.parameters()) / 1e6
    print(f"{name}: {right / len(texts):.1%} right, {size:.1f} million weights, ", end="")
    print(f"{1000 * seconds / len(texts):.1f} ms a question")

# %% [markdown]
# The embeddings of the words are most of what is left of the student: a network for texts is never
# smaller than its vocabulary. The pages on [several tasks](../docs/tasks/multi-task.md) and
# [techniques](../docs/techniques.md) say when to expect something, and what was measured.

# %% [markdown]
# ## Exercise
# A task that is hard to learn may need a larger weight. Give the last one of the tasks three times
# the weight of the other, and ask again whether they help each other.

# %% [markdown]
# **Solution.** The runs of the first comparison are not repeated. If the interval of a difference
# holds 0, the weight changed nothing that these data can show.

# %%
weighted = f'{technique} + task-weights:weights="{tasks[-1]}=3"'
again = graft.compare(data, [technique, weighted], task=tasks, seeds=2, epochs=4)
pd.DataFrame([vars(row) for row in again.verdict.tasks])[columns].round(3)
