# %% [markdown]
# # 5. Transformers as they are
#
# Before anything is trained, a pretrained network can already do a lot: compare texts, sort them
# into classes that it has only been told about, and continue them. This chapter does all of that
# without a training step of the network, and measures how far it carries.

# %%
import matplotlib.pyplot as plt
import numpy as np

import course_data
import graft

# %% [markdown]
# ## Features: texts as vectors
# A sentence encoder turns a text into a vector, so that texts with a similar meaning point in a
# similar direction. The cosine of the angle between two vectors is their similarity.

# %%
texts = [
    "The film was a waste of time.",
    "I regret every minute of that movie.",
    "A moving story, wonderfully acted.",
    "The train to Vienna leaves at noon.",
    "When does the next train go?",
]
vectors = graft.embed("minilm-l6", texts, normalize=True).vectors
similarity = vectors @ vectors.T

figure, axes = plt.subplots(figsize=(6.4, 3))
image = axes.imshow(similarity, cmap="Blues", vmin=0, vmax=1)
axes.set_xticks(range(len(texts)), [str(number + 1) for number in range(len(texts))])
axes.set_yticks(range(len(texts)), [f"{number + 1}  {text}" for number, text in enumerate(texts)])
for (row, column), value in np.ndenumerate(similarity):
    axes.text(column, row, f"{value:.2f}", ha="center", va="center", fontsize=8,
              color="white" if value > 0.6 else "black")  # fmt: skip
axes.tick_params(length=0)
plt.show()

# %% [markdown]
# ## Zero-shot: classes by their description
# If the classes have names that mean something, a text can be given to the class whose description
# is most similar. `zero-shot` does that, and its result is a run like any other, with an interval
# and with baselines. The labels are used for nothing but to measure it.

# %%
data = course_data.reviews(train=200, val=50, test=150)
template = "This film is {}." if "good" in data.classes else "This is a question about {}."
zero_shot = graft.fit(data, "minilm-l6", f"zero-shot:template={template}")
zero_shot

# %% [markdown]
# ## A decoder as a classifier
# A language model says how likely each next word is. So it can be asked for the class: after the
# text, which class name is it most likely to write? `label-words` does this with SmolLM2. It reads
# a few texts a second, so the test split is small here and the interval wide.

# %%
few = data.sample(train=20, val=10, test=40)
words = r"{}\nThe film is" if "good" in data.classes else r"{}\nTopic:"
decoder = graft.fit(few, "smollm2-135m", f"label-words:template={words}")
for name, run in (("zero-shot, encoder", zero_shot), ("label words, decoder", decoder)):
    accuracy = run.result["metrics"]["test"]["accuracy"]
    low, high = accuracy["low"], accuracy["high"]
    majority = run.result["baseline"]["majority"]["accuracy"]["value"]
    print(f"{name:22}{accuracy['value']:.1%} ({low:.1%} to {high:.1%}), majority {majority:.1%}")

# %% [markdown]
# ## Generation
# The same decoder continues a text. At temperature 0 it takes the likeliest token each time and
# tends to repeat itself; above 0 it draws tokens by their probability, the same again for one seed.
# Graft makes a model by a run, which needs data: a few reviews, of which nothing is learned here.

# %%
passages = [{"passage": f"{sample.roles['text']}\n" * 3} for sample in data.splits["train"][:20]]
writer = graft.fit(passages, "smollm2-135m", "zero-shot", task="text-generation").model
prompt = "The capital of France is"
for temperature in (0.0, 0.8):
    (text,) = writer.generate([prompt], max_new_tokens=25, temperature=temperature)
    print(f"temperature {temperature}: {prompt}{text}\n")

# %% [markdown]
# ## Is it enough?
# The honest comparison is with a little training. A linear layer on the same encoder, with eight
# labels a class, takes seconds. On so few test texts, a difference of a few points may be noise.

# %%
trained = graft.fit(data, "minilm-l6", "feature-extraction", shots=8)
for name, run in (("no label", zero_shot), ("8 labels a class", trained)):
    print(f"{name:20}{run.result['metrics']['test']['accuracy']['value']:.1%}")

# %% [markdown]
# ## Exercise
# The description is all that a zero-shot classifier knows. Does another wording change the result?

# %% [markdown]
# **Solution.** Several wordings, the same encoder. If the best one is chosen by its test accuracy,
# that accuracy is too optimistic: choose the wording on validation, like any other setting.

# %%
for template in ("{}", "It was {}.", "What they say about it is {}."):
    run = graft.fit(data, "minilm-l6", f"zero-shot:template={template}")
    accuracy = run.result["metrics"]
    print(f"{template:32}val {accuracy['val']['accuracy']:.1%}", end="  ")
    print(f"test {accuracy['test']['accuracy']['value']:.1%}")
