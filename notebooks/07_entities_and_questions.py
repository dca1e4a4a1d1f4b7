# %% [markdown]
# # 7. Entities and questions
#
# Some answers are not one label for a text but a place in it: the name of a person, or the words
# that answer a question. The network is the same; the head has an output for each token. This
# chapter trains both, and reads the results as a person would.

# %%
import course_data
import graft

# %% [markdown]
# ## Named entities
# Each word carries a tag: outside of any name, or part of the name of a person, a place, an
# organization. What counts is the entity: it is right if its words *and* its type are.

# %%
sentences = course_data.of_task(
    "token-classification", "conll2003", "sentences with names", train=250, val=40, test=150
)
print("Types:", ", ".join(sentences.classes))

# %%
tagger = graft.fit(sentences, technique="full-fine-tuning", task="token-classification", epochs=4)
f1 = tagger.result["metrics"]["test"]["entity_f1"]
print(f"entity F1 {f1['value']:.3f} ({f1['low']:.3f} to {f1['high']:.3f})")
for name, scores in tagger.result["baseline"].items():
    print(f"{tagger.result['baseline_words'][name]}: {scores['entity_f1']['value']:.3f}")

# %% [markdown]
# The types are not equally hard, and not equally frequent. A mean over all of them hides the rare
# ones.

# %%
for kind, scores in tagger.result["per_class"].items():
    print(f"{kind:10}F1 {scores['f1']:.2f}, {scores['support']} in the test split")

# %%
text = "Angela Merkel met the head of Volkswagen in Paris on Monday."
print(text)
for entity in tagger.model.predict([text])[0]["prediction"]:
    print(f"  {entity['type']:6}{entity['text']}")

# %% [markdown]
# ## Questions about a text
# Extractive question answering finds two places: where the answer begins and where it ends. Models
# that do this well have seen a hundred thousand questions and search whole pages. To stay within
# minutes, this one gets 400 questions, each with the one sentence that answers it. The trivial
# baseline answers with the sentence that shares most words with the question: here, all of it.

# %%
questions = course_data.questions_on_sentences(train=400, val=60, test=120)
reader = graft.fit(questions, technique="full-fine-tuning", task="question-answering", epochs=4)
f1 = reader.result["metrics"]["test"]["answer_f1"]
trivial = max(scores["answer_f1"]["value"] for scores in reader.result["baseline"].values())
winner = "the network" if f1["value"] > trivial else "the trivial baseline"
print(f"network F1 {f1['value']:.3f} ({f1['low']:.3f} to {f1['high']:.3f}),", end=" ")
print(f"best trivial baseline {trivial:.3f}: {winner} is better.")

# %%
asked = [
    {"question": question, "context": context}
    for question, context in (
        ("When was the lighthouse built?", "The lighthouse was built by two brothers in 1887."),
        ("How high does it stand?", "It stands 34 meters above the sea and was lit with paraffin."),
        ("Who invented the lamp?", "The lamp is an invention of Augustin Fresnel, a physicist."),
    )
]
for question, row in zip(asked, reader.model.predict(asked), strict=True):
    print(f"{question['question']:34}{row['prediction'] or 'no answer'}  ({row['confidence']:.2f})")

# %% [markdown]
# ## Exercise
# How much of the tagger's F1 comes from the pretrained network? Train the control and compare.

# %% [markdown]
# **Solution.** `from-scratch` is the same network without its knowledge. Where its F1 is about
# zero, four epochs have taught it nothing: so little training needs the pretrained network, and
# what more of it would reach is not known. Chapter 10 has a control that learns.

# %%
control = graft.fit(sentences, technique="from-scratch", task="token-classification", epochs=4)
for name, run in (("pretrained", tagger), ("from scratch", control)):
    f1 = run.result["metrics"]["test"]["entity_f1"]
    print(f"{name:14}entity F1 {f1['value']:.3f} ({f1['low']:.3f} to {f1['high']:.3f})")
