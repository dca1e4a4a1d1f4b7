# %% [markdown]
# # 8. Generation, translation and summarization with LoRA
#
# To continue a text, to translate it or to summarize it, a language model keeps its head: it
# predicts the next token, as it always did. What changes is a small part of it. LoRA leaves all
# weights as they are and adds two thin matrices to each of its linear layers; only these train.

# %%
import course_data
import graft

# %% [markdown]
# The backbone is SmolLM2 with 135 million parameters: small enough for two cores, and too small to
# do any of this well. The data are tiny cuts of short texts, so that each training takes less than
# a minute. What you see is the direction in which things move, with wide intervals.

# %%
passages = course_data.passages(characters=300, train=16, val=2, test=8)

# %% [markdown]
# ## Generation
# The measure is bits per byte: how many bits the model needs for each byte of a text that it has
# not seen. Lower is better, and models with different tokens can be compared. `zero-shot` is the
# network as it is; n-grams of bytes, counted in the same passages, are the trivial baseline.

# %%
runs = {
    technique: graft.fit(passages, "smollm2-135m", technique, task="text-generation", epochs=1)
    for technique in ("zero-shot", "lora")
}
for technique, run in runs.items():
    bits = run.result["metrics"]["test"]["bits_per_byte"]
    low, high = bits["low"], bits["high"]
    print(f"{technique:10}{bits['value']:.3f} bits per byte ({low:.3f} to {high:.3f})")
baseline = runs["lora"].result["baseline"]["byte-n-grams"]["bits_per_byte"]
print(f"{'n-grams':10}{baseline['value']:.3f} bits per byte")

# %% [markdown]
# The two intervals are of one test split, so where they overlap the networks may still differ on
# each passage. This is what LoRA trained, and how the two continue an opening that is in no split
# of the data.

# %%
cost = runs["lora"].result["cost"]
trained, whole = cost["trainable_parameters"], cost["total_parameters"]
print(f"LoRA trains {trained:,} of {whole:,} parameters: {trained / whole:.1%}.\n")
opening = "My lord, the king has sent for you, and"
for technique, run in runs.items():
    (text,) = run.model.generate([opening], max_new_tokens=30, temperature=0.7)
    print(f"{technique}: {opening}{text}\n")

# %% [markdown]
# ## Translation
# Translations are learned from pairs. Graft writes the prompt: the source and the line
# "Translation:", after which only the target is learned. chrF compares pieces of words, so it gives
# credit to a word that is almost right. The trivial baseline is the unchanged source, which often
# has names and numbers right. Only short pairs are used: to read and to write tokens is what takes
# the time. They make few steps of training, so the learning rate is a high one.

# %%
pairs = course_data.of_task(
    "translation", "multi30k_en_de", "English captions of pictures and their German translations"
)
pairs = course_data.shorter(pairs, 45, train=64, val=4, test=8)
translator = graft.fit(pairs, "smollm2-135m", "lora:lr=0.002", task="translation", epochs=1)
chrf = translator.result["metrics"]["test"]["chrf"]
copied = translator.result["baseline"]["copy-source"]["chrf"]["value"]
low, high = 100 * chrf["low"], 100 * chrf["high"]
print(f"chrF {100 * chrf['value']:.1f} ({low:.1f} to {high:.1f}), unchanged {100 * copied:.1f}")
for sample in translator.result["samples"][:3]:
    print(f"{sample['prompt']}\n  {sample['output']}\n  ({sample['reference']})")

# %% [markdown]
# In brackets is what a person wrote. So few pairs teach how such captions sound in German, not the
# language: compare what the words say. Next are new sentences, by the network as it is, which gets
# the same prompt, and by the trained one.

# %%
sentences = ["A dog runs through the snow.", "Two women are sitting on a bench."]
prompts = [f"{sentence}\n\nTranslation:" for sentence in sentences]
before = runs["zero-shot"].model.generate(prompts, max_new_tokens=16)
after = translator.model.generate(sentences, max_new_tokens=16)
for sentence, *texts in zip(sentences, before, after, strict=True):
    print(f"{sentence}\n  as it is: {texts[0]!r}\n  lora:     {texts[1]!r}")

# %% [markdown]
# ## Summarization
# The same again with texts and what they are about. ROUGE-1 counts the words that a summary shares
# with the reference. The first sentence of a text is a baseline that is notoriously hard to beat.

# %%
mails = course_data.of_task("summarization", "aeslc", "mails and their subjects")
mails = course_data.shorter(mails, 200, train=32, val=4, test=8)
summarizer = graft.fit(mails, "smollm2-135m", "lora:lr=0.002", task="summarization", epochs=1)
rouge = summarizer.result["metrics"]["test"]["rouge1"]
lead = summarizer.result["baseline"]["lead-sentences"]["rouge1"]["value"]
print(f"ROUGE-1 {rouge['value']:.3f} ({rouge['low']:.3f} to {rouge['high']:.3f}),", end=" ")
print(f"of the first sentence {lead:.3f}")
for sample in summarizer.result["samples"][:3]:
    print(f"{sample['output']!r}, written by a person: {sample['reference']!r}")

# %% [markdown]
# ## What is saved
# The matrices are added to the weights, so the folder is an ordinary causal language model of
# transformers: nobody who uses it needs to know about LoRA.

# %%
print(", ".join(sorted(path.name for path in (translator.folder / "model").iterdir())))

# %% [markdown]
# ## Exercise
# The rank `r` of the matrices is 8 unless you say otherwise. How many parameters train with four
# times as much, and how much longer does that take?

# %% [markdown]
# **Solution.** `dry_run=True` tries a step and says what a training would take. The parameters grow
# in step with the rank; the time need not, since each step runs all of the frozen network as well.

# %%
plan = graft.fit(
    passages, "smollm2-135m", "lora:r=32", task="text-generation", epochs=1, dry_run=True
)
more = sum(phase.trainable_parameters for phase in plan.phases)
print(f"r=8:  {trained:10,} trained parameters, {cost['train_seconds']:.0f} s of training")
print(f"r=32: {more:10,} trained parameters, about {plan.training_seconds:.0f} s of training")
