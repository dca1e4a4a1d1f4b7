from __future__ import annotations

import math
from dataclasses import replace

import pytest
import torch

from graft.base.errors import BadValue, DataError
from graft.base.records import Sample
from graft.studies.run import build_model
from graft.tasks.summarization import Summarization
from graft.tasks.text.generation import Decoding, continue_prompts
from graft.tasks.text.writing import MARGIN
from graft.tasks.text.written import Written
from graft.tasks.translation import Translation
from graft.training.engine import Engine
from graft.training.evaluate import add_texts, evaluate
from graft.training.feeds.feed import Feed

TASK = Translation(longest=20)
NETWORKS = ("llama", "t5", "bart")


@pytest.fixture(scope="module", params=NETWORKS)
def model(request):
    return build_model(f"tiny:{request.param}", TASK, pretrained=True, seed=0)


@pytest.fixture(scope="module")
def decoder():
    return build_model("tiny:llama", TASK, pretrained=True, seed=0)


def pair(source: str, target: str | None = "rot", *references: str) -> Sample:
    further = {"references": references} if references else {}
    return Sample("1", {"source": source, "target": target, **further})


def feed(model, samples) -> Feed:
    return Feed.of(samples, TASK, model.backbone.preprocess, torch.device("cpu"))


def text(ids, model) -> str:
    return model.backbone.preprocess.tokenizer.decode(ids).replace(" ", "")


def test_a_decoder_reads_the_source_and_the_instruction_and_learns_the_target_alone(decoder):
    encoded = TASK.encode(pair("red"), decoder.backbone.preprocess, None)
    assert text(encoded["input_ids"], decoder) == "[BOS]redtranslation:rot"
    target = encoded["target"]
    assert text(target[target >= 0], decoder) == "rot[EOS]"
    assert len(target) == len(encoded["input_ids"])


def test_a_prompt_is_what_is_read(model):
    preprocess, task = model.backbone.preprocess, replace(TASK, prompt="say {} so")
    (piece,) = task.windows([pair("red")], preprocess).pieces
    whole = preprocess.tokenizer("say red so")["input_ids"]
    assert (
        piece.roles["ids"].tolist()
        == ([preprocess.tokenizer.bos_token_id] if preprocess.decoder_start is None else []) + whole
    )
    assert task.settings()["prompt"] == "say {} so"


def test_of_a_long_source_its_end_is_left_out_and_never_the_prompt(model):
    preprocess = model.backbone.preprocess
    for task in (TASK, replace(TASK, prompt="say {} so")):
        (piece,) = task.windows([pair("abcd " * 200)], preprocess).pieces
        read, cut = text(piece.roles["ids"], model), piece.roles["cut"]
        ends = task.prompt[-2:] or ("translation:" if preprocess.decoder_start is None else "")
        assert cut and ends in read[-20:] and "abcdabcd" in read
        room = preprocess.max_length - (
            task._room(preprocess) if preprocess.decoder_start is None else 0
        )
        assert room - 6 <= len(piece.roles["ids"]) <= room


def test_prompts_without_a_place_or_room_for_the_source_are_refused(model):
    with pytest.raises(BadValue, match=r"has {} once.*Got 'translate' instead"):
        Translation(prompt="translate")
    with pytest.raises(BadValue, match=r"prompt of translation takes \d+ tokens"):
        replace(TASK, prompt="so it goes " * 100 + "{}").windows(
            [pair("red")], model.backbone.preprocess
        )


@pytest.mark.parametrize("name", ["t5", "bart"])
def test_beside_an_encoder_the_decoder_reads_what_it_is_to_say_one_later(name):
    model = build_model(f"tiny:{name}", TASK, pretrained=True, seed=0)
    preprocess = model.backbone.preprocess
    encoded = TASK.encode(pair("red"), preprocess, None)
    assert encoded["input_ids"].tolist() == preprocess.tokenizer("red")["input_ids"]
    assert encoded["target"].tolist() == preprocess.tokenizer(text_target="rot")["input_ids"]
    assert encoded["decoder_input_ids"].tolist() == [
        preprocess.decoder_start,
        *encoded["target"].tolist()[:-1],
    ]


def test_the_loss_is_that_of_transformers_for_the_same_targets(model):
    samples = [pair("red"), pair("a longer one", "und das Ziel")]
    (batch,) = feed(model, samples).stream([[0, 1]])
    with torch.no_grad():
        model.network.eval()
        theirs = model.network(**batch.inputs)
        ours = TASK.loss(model(batch), batch)
    known = torch.nn.functional.cross_entropy(
        theirs.logits.flatten(0, 1), batch.target.flatten(), ignore_index=-100
    )
    assert ours.item() == pytest.approx(known.item(), rel=1e-5)


def test_what_is_read_of_a_source_does_not_depend_on_its_target(model):
    preprocess = model.backbone.preprocess
    reads = [
        TASK.windows([pair("abcd " * 200, t)], preprocess).pieces[0].roles["ids"]
        for t in ("a", "b" * 300)
    ]
    assert reads[0].tolist() == reads[1].tolist()
    assert len(reads[0]) <= preprocess.max_length


def test_cut_sources_and_targets_are_counted(model):
    samples = [pair("red"), pair("abcd " * 200), pair("red", "ab" * 300), pair("red", None)]
    assert TASK.count_cut(samples, model.backbone.preprocess) == 2


def test_a_cut_target_counts_the_bytes_that_are_left_of_it(model):
    found = evaluate(model, feed(model, [pair("red", "ab" * 300)]), Engine("fp32"))
    (score,) = found.scores
    room = TASK._room(model.backbone.preprocess)
    assert score.tokens == room and 0 < score.bytes <= room


def test_the_order_of_a_batch_changes_no_text(model):
    sources = ["red", "a big old cat and a dog", "hat"]
    decoding = Decoding(max_new_tokens=6)
    together = TASK.generate(model, [pair(s, None) for s in sources], decoding)
    assert together == [TASK.generate(model, [pair(s, None)], decoding)[0] for s in sources]


def test_texts_are_those_that_transformers_writes(model):
    preprocess = model.backbone.preprocess
    piece = TASK._piece(pair("red", None), preprocess)
    ids = torch.from_numpy(piece.roles["ids"])[None]
    told = model.network.generate(
        input_ids=ids, attention_mask=torch.ones_like(ids), max_new_tokens=5, num_beams=3
    )
    new = told[0, 1:] if preprocess.decoder_start is not None else told[0, ids.shape[1] :]
    expected = preprocess.tokenizer.decode(new, skip_special_tokens=True).strip()
    assert TASK.generate(model, [pair("red", None)], Decoding(max_new_tokens=5, num_beams=3)) == [
        expected
    ]


def test_no_more_is_written_than_the_longest_target_has_and_a_quarter(model):
    data = Translation.tiny_data()
    task = Translation.from_data(data)
    assert task.longest == max(
        len(sample.roles["target"].encode()) for sample in data.splits["train"]
    )
    found = evaluate(model, feed(model, data.splits["val"]), Engine("fp32"))
    fitted = task.tune(found.scores, found.targets)
    tokens, size = (
        sum(score.tokens for score in found.scores),
        sum(score.bytes for score in found.scores),
    )
    assert fitted.decoding.max_new_tokens == math.ceil(MARGIN * task.longest * tokens / size)
    assert task.tune(found.scores[:0], found.targets[:0]) == task
    long = replace(fitted, most=10_000)
    assert len(long.generate(model, [pair("abcd " * 200, None)], long.decoding)) == 1, (
        "no more than there are positions for"
    )


def test_the_evaluation_gets_the_texts_and_keeps_the_rest(model):
    samples = [pair("red"), pair("blue", "blau")]
    found = evaluate(model, feed(model, samples), Engine("fp32"))
    assert [score.text for score in found.scores] == [None, None]
    whole = add_texts(model, TASK, samples, found, Engine("fp32"))
    assert [score.text for score in whole.scores] == TASK.generate(model, samples, TASK.decoding)
    assert [score.nats for score in whole.scores] == [score.nats for score in found.scores]


def test_every_reference_counts():
    task = Summarization()
    targets = task.targets([pair("a", "one two", "three four")])
    measured = {
        told: task.metrics["rouge1"]([Written(told)], targets)
        for told in ("one two", "three four", "five")
    }
    assert measured == {"one two": 1, "three four": 1, "five": 0}


def test_first_sentences_are_as_many_as_the_usual_target_has():
    sources = ["Dr. No left. He ran.", "one line\nanother", "no end", "", '  "Hello?" Yes!']
    (lead,) = Summarization().baselines
    test = [pair(source) for source in sources]
    one, two = (
        [Sample("1", {"source": "", "target": target})]
        for target in ("short", "Two of them. So it is.")
    )
    assert [score.text for score in lead.predict(one, test)] == [
        "Dr.",
        "one line",
        "no end",
        "",
        '"Hello?"',
    ]
    assert [score.text for score in lead.predict(two, test)][:2] == [
        "Dr. No left.",
        "one line another",
    ]


def test_copying_is_the_baseline_of_translation():
    (copied,) = Translation().baselines
    assert [score.text for score in copied.predict([], [pair("red"), pair("")])] == ["red", ""]


def test_what_is_to_be_written_from():
    assert TASK.without_target(pair("red")).roles == {"source": "red"}
    assert TASK.without_target(Sample("1", {"text": "red"})).roles == {"source": "red"}
    with pytest.raises(DataError, match="--columns source=NAME"):
        TASK.without_target(Sample("1", {"image": None}))


def test_targets_without_a_word_are_refused():
    with pytest.raises(DataError, match="empty"):
        Translation.from_data(Translation.tiny_data().with_splits({"train": [pair("a", " ")]}))


def test_no_beams_are_refused():
    with pytest.raises(BadValue, match="num_beams"):
        Translation(num_beams=0)


def test_a_prompt_longer_than_the_positions_is_refused(decoder):
    room = decoder.network.config.max_position_embeddings
    with pytest.raises(BadValue, match=f"{room:,} positions"):
        continue_prompts(decoder, [[5] * room], Decoding(max_new_tokens=8))
