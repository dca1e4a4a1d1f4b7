# %% [markdown]
# # 12. Sounds
#
# A network that has learned to write down what people say knows a lot about voices and words. This
# chapter takes the half of Whisper that listens, and teaches it to name spoken digits. The question
# that decides whether it will be of use is who spoke: the voices of the test, or others.

# %%
import matplotlib.pyplot as plt
from IPython.display import Audio

import course_data
import graft

# %%
data = course_data.spoken_digits(train=400, val=150, test=200)
print("Classes:", ", ".join(data.classes))

# %% [markdown]
# ## What the network hears
# A recording is one number per sample, thousands of them a second. What matters is easier to see in
# a spectrogram: time from left to right, low to high pitch from bottom to top, dark where the sound
# is loud. Whisper reads something very similar.

# %%
figure, axes = plt.subplots(1, 3, figsize=(8, 2.2), sharey=True)
for panel, name in zip(axes, data.classes[:3], strict=True):
    sample = next(each for each in data.splits["test"] if each.roles["label"] == name)
    wave, rate = course_data.wave(sample)
    panel.specgram(wave + 1e-6, NFFT=128, Fs=rate, noverlap=96, cmap="Greys", vmin=-120)
    panel.set(title=name, xlabel="seconds")
    panel.spines[["top", "right"]].set_visible(False)
axes[0].set_ylabel("hertz")
plt.show()
Audio(wave, rate=rate)

# %% [markdown]
# ## A linear layer on a frozen listener
# The encoder stays as it is. The mean over all moments of a sound is its feature vector, and a
# linear layer on top is all that learns. The trivial baselines are the most frequent class and
# logistic regression on a summary of the spectrogram, which knows no speech at all.

# %%
run = graft.fit(data, technique="feature-extraction")
for name, scores in run.result["baseline"].items():
    print(f"{run.result['baseline_words'][name]}: {scores['accuracy']['value']:.1%}")
run

# %%
graft.plot.confusion(run)

# %% [markdown]
# ## Voices that it knows
# The speakers of the test split were held out. Had they been heard in training, the figure would
# have looked better and would have said less: next, the same number of recordings is mixed without
# regard for who spoke. A network that knows the voices is expected to do better.
#
# The interval for other speakers is wide because it counts people, not recordings: there are two
# in this test split, and a third one may be understood better or worse. More recordings of the same
# two would not make it narrower. One run each shows the direction, not the size of the difference.

# %%
known = course_data.spoken_digits(by_speaker=False, train=400, val=150, test=200)
mixed = graft.fit(known, technique="feature-extraction")
for name, each in (("other speakers", run), ("the same speakers", mixed)):
    accuracy = each.result["metrics"]["test"]["accuracy"]
    low, high = accuracy["low"], accuracy["high"]
    print(f"{name:20}{accuracy['value']:.1%} ({low:.1%} to {high:.1%})")

# %% [markdown]
# ## Few labels
# Recording and labeling sounds is work. How few labels would do? The features are on disk by now,
# so that a run with fewer labels takes seconds. Again, the intervals are those of two speakers.

# %%
for shots in (2, 5, 15):
    few = graft.fit(data, technique="feature-extraction", shots=shots)
    accuracy = few.result["metrics"]["test"]["accuracy"]
    spectrum = few.result["baseline"]["log-mel-logistic"]["accuracy"]["value"]
    print(f"{shots:2} labels a class: {accuracy['value']:.1%}", end=" ")
    print(f"({accuracy['low']:.1%} to {accuracy['high']:.1%}), spectrogram {spectrum:.1%}")

# %% [markdown]
# ## Use it
# The model takes files of any rate and number of channels, one or many. These are of the test
# split, so the truth is known.

# %%
chosen = data.splits["test"][::45]
rows = run.model.predict([sample.roles["audio"] for sample in chosen])
for sample, row in zip(chosen, rows, strict=True):
    print(f"{row['prediction']:8}{row['confidence']:.0%}, truth {sample.roles['label']}")

# %% [markdown]
# ## What was said
# With its other half, which writes, Whisper turns speech into text. It has read far more English
# than any of us will record, so the question is another one: does a little speech of one's own help
# it, or not? What counts is the word error rate: the words that are wrong, missing or added, over
# those that were said, without regard to case and punctuation. Lower is better.

# %%
speech = course_data.of_task(
    "automatic-speech-recognition", "librispeech_mini", "sentences that are read aloud",
    train=24, val=6, test=12,
)  # fmt: skip
runs = {
    technique: graft.fit(speech, task="automatic-speech-recognition", technique=technique)
    for technique in ("zero-shot", "lora:epochs=1")
}
for technique, each in runs.items():
    wer = each.result["metrics"]["test"]["wer"]
    print(
        f"{technique:14}word error rate {wer['value']:.1%} ({wer['low']:.1%} to {wer['high']:.1%})"
    )

# %% [markdown]
# A rate says how often the words are wrong, not how much it matters. Read what was written, beside
# what was said.

# %%
for sample in speech.splits["test"][:2]:
    print("said:", sample.roles["transcript"].lower())
    for technique, each in runs.items():
        (row,) = each.model.predict([sample.roles["audio"]])
        print(f"  {technique}: {row['prediction']}")

# %% [markdown]
# ## Exercise
# Is it better to record many people or one person often? Train on the recordings of a single
# speaker, then on as many from all speakers of the training split.

# %% [markdown]
# **Solution.** The speaker of a sample is its role `group`. These are single runs, tested on two
# speakers: as long as the intervals overlap so much, the answer is that the data cannot tell.

# %%
train = data.splits["train"]
speaker = train[0].roles.get("group")
alone = [sample for sample in train if sample.roles.get("group") == speaker]
mixture = data.sample(train=len(alone))
for name, samples in (("one speaker", alone), ("all speakers", mixture.splits["train"])):
    splits = {**data.splits, "train": samples}
    each = graft.fit(data.with_splits(splits), technique="feature-extraction")
    accuracy = each.result["metrics"]["test"]["accuracy"]
    print(f"{name:14}{accuracy['value']:.1%} ({accuracy['low']:.1%} to {accuracy['high']:.1%})")
