"""What is learned of a text, what is measured, and what is written."""

from __future__ import annotations

import math
from collections import Counter

import numpy as np
import pytest
import torch
from torch.nn.functional import cross_entropy

from graft.backbones.backbone import Model
from graft.backbones.load import load_backbone
from graft.base import plugins
from graft.base.errors import BackboneError, BadValue, DataError
from graft.base.records import Output, Sample
from graft.data.data import Data
from graft.tasks.text import token_loss
from graft.tasks.text.generation import Decoding, continue_prompts
from graft.tasks.text.token_blocks import blocks, prompt_tokens, split_tokens, tokens
from graft.tasks.text.token_loss import IGNORED
from graft.tasks.text_generation import TextGeneration
from graft.training.engine import Engine
from graft.training.evaluate import predict
from graft.training.feeds.feed import Feed
from tests.jobs import job

TEXT = "the naïve café, 東京; " * 40


@pytest.fixture(scope="module", params=["tiny:gpt2", "tiny:llama"])
def model(request) -> Model:
    return Model(load_backbone(request.param, job("text-generation")), fresh_head=False)


def passage(text: str, name: str = "1") -> Sample:
    return Sample(name, {"passage": text})


def pair(prompt: object, completion: str | None, name: str = "1") -> Sample:
    return Sample(name, {"prompt": prompt, "completion": completion})


def scored(task: TextGeneration, model: Model, samples: list[Sample], size: int = 4) -> np.ndarray:
    feed = Feed.of(samples, task, model.backbone.preprocess, torch.device("cpu"), size)
    return predict(model, feed, Engine("fp32"))[0]


@pytest.mark.parametrize(
    ("count", "read", "most"),
    [(500, 1, 128), (129, 1, 128), (130, 1, 128), (300, 100, 101), (40, 7, 8), (5, 2, 9)],
)
def test_each_token_is_predicted_in_one_block(count, read, most):
    seen: Counter[int] = Counter()
    for number, (ids, before) in enumerate(blocks(range(count), read, most)):
        assert len(ids) <= most + 1
        assert list(ids) == list(range(ids[0], ids[0] + len(ids))), "a block is a run of the text"
        assert before == (read if number == 0 else most // 4 + 1)
        seen.update(ids[before:].tolist())
    assert seen == Counter(range(read, count))


def test_bits_of_a_long_text_are_those_of_one_forward(model):
    """If a network sees only the last token, blocks give the same result as the whole text."""
    table = torch.randn(
        len(model.backbone.preprocess.tokenizer), len(model.backbone.preprocess.tokenizer)
    )
    task, preprocess = TextGeneration(), model.backbone.preprocess
    samples = [passage(TEXT), passage("short"), passage(TEXT[7:300])]
    windows = task.windows(samples, preprocess)
    assert len(windows.pieces) > 8
    batch = task.collate(
        [task.encode(piece, preprocess, None) for piece in windows.pieces], preprocess
    )
    rows = task.rows(Output(table[batch.inputs["input_ids"]], torch.zeros(1)), batch)
    for sample, (nats, count, size) in zip(samples, task.scores(rows, windows), strict=True):
        ids = torch.tensor(
            [
                preprocess.tokenizer.bos_token_id,
                *tokens(sample.roles["passage"], preprocess.tokenizer),
            ]
        )
        assert count == len(ids) - 1
        assert size == len(sample.roles["passage"].encode())
        assert nats == pytest.approx(
            cross_entropy(table[ids[:-1]], ids[1:], reduction="sum").item(), rel=1e-5
        )


def test_a_text_that_fits_is_one_forward_alone_or_among_others(model):
    task, preprocess = TextGeneration(), model.backbone.preprocess
    short, other = passage("so it goes"), passage("a text that is a good deal longer than that")
    together = scored(task, model, [other, short])
    ids = torch.tensor(
        [[preprocess.tokenizer.bos_token_id, *tokens("so it goes", preprocess.tokenizer)]]
    )
    with torch.no_grad():
        logits = model.network(ids).logits[0, :-1]
    expected = cross_entropy(logits, ids[0, 1:], reduction="sum").item()
    assert together[1] == pytest.approx((expected, ids.shape[1] - 1, 10), rel=1e-4)
    assert scored(task, model, [short])[0] == pytest.approx(together[1], rel=1e-5)
    bits = task.metrics["bits_per_byte"](together, np.zeros(2))
    assert bits == pytest.approx((together[0][0] + expected) / math.log(2) / (43 + 10), rel=1e-4)


def test_only_the_completion_and_its_end_are_learned(model):
    task, preprocess = TextGeneration(separator="\n"), model.backbone.preprocess
    samples = [pair("say ab:", "ab"), pair("c", "longer")]
    batch = task.collate([task.encode(sample, preprocess, None) for sample in samples], preprocess)
    wanted = [preprocess.tokenizer.decode(row[row != IGNORED]) for row in batch.target]
    assert [text.replace(" ", "") for text in wanted] == ["ab[EOS]", "longer[EOS]"]
    counted = batch.target != IGNORED
    logits = torch.randn(*batch.target.shape, 80, requires_grad=True)
    loss = task.loss(Output(logits, torch.zeros(1)), batch)
    assert loss.item() == pytest.approx(
        cross_entropy(logits[counted], batch.target[counted]).item(), rel=1e-5
    )
    loss.backward()
    assert (logits.grad.abs().sum(-1) > 0).equal(counted)


def test_the_loss_in_parts_is_that_of_the_whole(monkeypatch):
    monkeypatch.setattr(token_loss, "ROWS", 5)
    target = torch.randint(0, 11, (3, 7)).masked_fill(torch.rand(3, 7) < 0.3, IGNORED)
    one, other = (
        torch.randn(3, 7, 11, generator=torch.Generator().manual_seed(0)).requires_grad_()
        for _ in range(2)
    )
    found = token_loss._nats(one, target)
    plain = cross_entropy(
        other.flatten(0, 1), target.flatten(), reduction="sum", ignore_index=IGNORED
    )
    assert found.sum().item() == pytest.approx(plain.item(), rel=1e-5)
    found.sum().backward()
    plain.backward()
    torch.testing.assert_close(one.grad, other.grad)


def test_a_prompt_is_never_cut(model):
    task, preprocess = TextGeneration(), model.backbone.preprocess
    with pytest.raises(
        DataError, match=r"data\.jsonl:7: the prompt has 301 tokens, and 128 are read at once"
    ):
        task.windows([pair("x" * 300, "y", "data.jsonl:7")], preprocess)
    pieces = task.windows([pair("x" * 100, "y" * 200)], preprocess).pieces
    assert len(pieces) > 1
    assert sum(len(p.roles["ids"]) - p.roles["read"] for p in pieces) == 201


def test_empty_texts_cost_nothing(model):
    task = TextGeneration()
    scores = scored(task, model, [passage(""), passage("some words"), pair("now:", "")])
    assert scores[0] == (0, 0, 0)
    assert scores[2][1:] == (1, 0), "an empty completion still has an end"
    assert np.isfinite(task.metrics["bits_per_byte"](scores, np.zeros(3)))
    json = task.decode(scores, [passage(""), passage("some words"), pair("now:", "")])
    assert all(0 <= row["confidence"] <= 1 for row in json)


def test_what_stands_between_prompt_and_completion():
    def learned(*pairs: tuple[str, str]) -> str:
        return TextGeneration.from_data(
            Data({"train": [pair(*texts) for texts in pairs]})
        ).separator

    assert learned(("Say a", "a"), ("Say b", "b")) == "\n"
    assert learned(("Say a", " a"), ("Say b", "b")) == ""
    assert learned(("Say a\n", "a")) == ""
    assert TextGeneration.from_data(Data({"train": [passage("text")]})) == TextGeneration()
    with pytest.raises(DataError, match="are texts, others messages"):
        TextGeneration.from_data(
            Data({"train": [pair("a", "b"), pair(({"role": "user", "content": "a"},), "b")]})
        )


def test_messages_are_rendered_by_the_template_or_plainly(model):
    tokenizer = model.backbone.preprocess.tokenizer
    asked = ({"role": "user", "content": "hi"},)
    assert prompt_tokens(asked, "", tokenizer) == prompt_tokens(
        "user:\nhi\n\nassistant:\n", "", tokenizer
    )
    tokenizer.chat_template = (
        "{% for m in messages %}<{{m['role']}}>{{m['content']}}{% endfor %}"
        "{% if add_generation_prompt %}!{% endif %}"
    )
    try:
        assert prompt_tokens(asked, "", tokenizer) == prompt_tokens("<user>hi!", "", tokenizer)
    finally:
        tokenizer.chat_template = None


def test_bytes_are_counted_alike_by_network_and_n_grams(model):
    task = TextGeneration(separator="\n")
    train, test = [pair("say ab:", "ab. ab.")] * 3, [pair("say äb:", "äb. ab."), pair("c", "d")]
    (n_grams,) = task.baselines
    ours, theirs = scored(task, model, test), n_grams.predict(train, test)
    assert [row[2] for row in ours] == [row[2] for row in theirs] == [8, 1]
    assert np.isnan(task.metrics["perplexity"](theirs, np.zeros(2))), (
        "of bytes it would be no perplexity of tokens"
    )
    running = n_grams.predict([passage("so it goes")], [passage("so it goes")])
    assert running[0][2] == 10
    assert task.metrics["bits_per_byte"](running, np.zeros(1)) < 4


def test_greedy_text_is_the_likeliest_token_again_and_again(model):
    tokenizer = model.backbone.preprocess.tokenizer
    prompts = [prompt_tokens(text, "", tokenizer) for text in ("hello there", "a", "one two three")]
    written = continue_prompts(model, prompts, Decoding(6))
    for prompt, text in zip(prompts, written, strict=True):
        ids = list(prompt)
        with torch.no_grad():
            for _ in range(6):
                ids.append(int(model.network(torch.tensor([ids])).logits[0, -1].argmax()))
        assert text == tokenizer.decode(ids[len(prompt) :], skip_special_tokens=True)
        assert continue_prompts(model, [prompt], Decoding(6)) == [text], (
            "alone as among longer ones"
        )


def test_drawn_text_is_the_same_for_the_same_seed(model):
    prompts = [prompt_tokens("hello", "", model.backbone.preprocess.tokenizer)]
    state = torch.random.get_rng_state()
    one, again, other = (
        continue_prompts(model, prompts, Decoding(20, temperature=1.0, seed=seed))
        for seed in (1, 1, 2)
    )
    assert one == again != other
    assert torch.equal(state, torch.random.get_rng_state())
    assert continue_prompts(
        model, prompts, Decoding(20, temperature=1.0, top_k=1)
    ) == continue_prompts(model, prompts, Decoding(20))
    assert len(continue_prompts(model, prompts, Decoding(5, num_beams=3))) == 1


@pytest.mark.parametrize(
    ("options", "word"),
    [
        ({"max_new_tokens": 0}, "max_new_tokens must be a whole number from 1 on"),
        ({"temperature": -1.0}, "temperature must be 0, or a number from 0.0001 on"),
        ({"temperature": 1e-300}, "temperature must be 0, or"),
        ({"temperature": math.inf}, "temperature must be 0, or"),
        ({"temperature": "1"}, "temperature must be 0, or"),
        ({"temperature": 1.0, "top_p": 0.0}, "top_p must be a number more than 0"),
        ({"top_k": 5}, "top_k only count"),
        ({"num_beams": 0}, "num_beams must be a whole number from 1 on"),
        ({"max_new_tokens": 2.5}, "max_new_tokens must be a whole number"),
        ({"seed": 2.5}, "seed must be a whole number from 0 to"),
        ({"seed": -1}, "seed must be a whole number from 0 to"),
        ({"seed": 2**64}, "seed must be a whole number from 0 to"),
        ({"num_beams": 3, "temperature": 1.0}, "num_beams=3 searches .* temperature=1 draws"),
    ],
)
def test_options_that_make_no_sense(options, word):
    with pytest.raises(BadValue, match=word):
        Decoding(**options)


def test_a_prompt_beyond_the_positions_is_refused(model):
    with pytest.raises(BadValue, match="positions of tiny:"):
        continue_prompts(model, [[5] * 120], Decoding(64))


def test_a_network_that_sees_what_comes_is_refused():
    tokenizer = load_backbone("tiny:bert", job("text-classification", 2)).preprocess.tokenizer
    sizes = {
        "hidden_size": 32,
        "num_hidden_layers": 1,
        "num_attention_heads": 2,
        "intermediate_size": 64,
    }
    source = plugins.load("source", "transformers")()
    torch.manual_seed(0)
    with pytest.raises(BackboneError, match="reads the tokens that it would have to predict"):
        source.create(
            {"model_type": "bert", "vocab_size": len(tokenizer), **sizes},
            tokenizer,
            job("text-generation"),
        )
    with pytest.raises(BackboneError, match="smollm2-135m"):
        load_backbone("minilm-l6", job("text-generation"))


def test_what_is_to_be_continued():
    task = TextGeneration()
    assert task.without_target(Sample("1", {"text": "so"})).roles == {"prompt": "so"}
    assert task.without_target(pair("so", "far")).roles == {"prompt": "so"}
    messages = [{"role": "user", "content": "hi"}]
    assert task.without_target(Sample("1", {"messages": messages})).roles == {
        "prompt": tuple(messages)
    }
    with pytest.raises(DataError, match="--columns prompt=NAME"):
        task.without_target(Sample("1", {"image": None}))


def test_samples_are_continuations_with_what_really_followed(model):
    task = TextGeneration()
    found = task.samples(model, [passage("so it goes on and on and on")] * 9)
    assert len(found) == 4
    whole = (found[0]["prompt"] + found[0]["reference"]).replace(" ", "")
    assert whole == "soitgoesonandonandon"
    assert found == task.samples(model, [passage("so it goes on and on and on")] * 9)
    (one,) = task.samples(model, [pair("say a:", "a")])
    assert (one["prompt"], one["reference"]) == ("say a:", "a")


def test_an_empty_prompt_needs_a_token_to_begin_with():
    model = Model(load_backbone("tiny:llama", job("text-generation")), fresh_head=False)
    preprocess = model.backbone.preprocess
    assert split_tokens(pair("", "so"), "", preprocess)[1] == 1
    preprocess.tokenizer.bos_token = preprocess.tokenizer.eos_token = None
    with pytest.raises(DataError, match=r"row 7: the prompt is empty.*Give it a word"):
        split_tokens(pair("", "so", "row 7"), "", preprocess)
    with pytest.raises(BadValue, match=r"Prompt 2 is empty, and tiny:llama"):
        TextGeneration().generate(model, [pair("a", None), pair("", None)], Decoding(2))
