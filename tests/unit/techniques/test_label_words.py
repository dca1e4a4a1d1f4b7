"""Label words: logits are calibrated log-likelihoods of words; the run is like any other."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest
import torch
from transformers import AutoModelForCausalLM

from graft import api
from graft.backbones.load import load_backbone
from graft.base.errors import BadValue
from graft.base.records import Batch
from graft.studies.run import build_model
from graft.techniques.specs.combine import parse
from tests.contracts.tiny import task_of
from tests.jobs import job

TEXT = "text-classification"
DECODERS = ["tiny:llama", "tiny:gpt2"]
TEXTS = ["bread and cheese", "the team", "", "a far longer one about the moon and a star"]
WORDS = ("food and drink", "the sky", "sport")
SPEC = "label-words:template=so {} is,words=food=food and drink;sky=the sky"


def logits(
    network: str, spec: str, texts: list[str], precision: torch.dtype = torch.float32
) -> torch.Tensor:
    """What the technique makes of a fresh network, in one padded batch."""
    task, _ = task_of(TEXT)
    model = build_model(network, task, pretrained=True, seed=0).eval()
    parse(spec).objective(model, task)
    p = model.backbone.preprocess
    with torch.no_grad(), torch.autocast("cpu", precision, enabled=precision != torch.float32):
        return model(Batch(p.collate([p(text, None) for text in texts]))).logits


def likelihoods(network: str, prompt: str) -> list[tuple[float, int]]:
    """Return log-likelihood and number of tokens of each class's words, computed word by word."""
    backbone = load_backbone(network, job("text-generation"))
    tokenizer = backbone.preprocess.tokenizer
    read = [tokenizer.bos_token_id, *tokenizer(prompt, add_special_tokens=False)["input_ids"]]
    found = []
    for words in WORDS:
        written = tokenizer(f" {words}", add_special_tokens=False)["input_ids"]
        with torch.no_grad():
            told = backbone.network(torch.tensor([read + written])).logits[0].log_softmax(-1)
        found.append(
            (
                sum(told[len(read) + i - 1, token].item() for i, token in enumerate(written)),
                len(written),
            )
        )
    return found


@pytest.mark.parametrize("network", DECODERS)
@pytest.mark.parametrize("per_token", [False, True])
def test_logits_are_log_likelihoods_of_the_words_after_the_prompt(network, per_token):
    found = logits(network, f"{SPEC},calibration=none,per_token={per_token}", TEXTS)
    for row, text in zip(found, TEXTS, strict=True):
        expected = [
            total / (count if per_token else 1)
            for total, count in likelihoods(network, f"so {text} is")
        ]
        torch.testing.assert_close(row, torch.tensor(expected), rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize("network", DECODERS)
def test_calibration_is_that_of_the_papers(network):
    plain = logits(network, f"{SPEC},calibration=none", TEXTS)

    def told(text: str) -> torch.Tensor:
        return torch.tensor([total for total, _ in likelihoods(network, f"so {text} is")])

    mutual = plain - told("")  # Holtzman et al.: p(y | x) / p(y | domain)
    torch.testing.assert_close(
        logits(network, f"{SPEC},calibration=domain", TEXTS), mutual, rtol=1e-4, atol=1e-4
    )
    free = torch.stack([told(text).softmax(0) for text in ("N/A", "[MASK]", "")]).mean(0)
    weighed = plain.softmax(1) / free  # Zhao et al.: W = diag(p_cf)^-1, b = 0
    contextual = logits(network, f"{SPEC},calibration=contextual", TEXTS).softmax(1)
    torch.testing.assert_close(
        contextual, weighed / weighed.sum(1, keepdim=True), rtol=1e-4, atol=1e-4
    )


def test_half_precision_is_near():
    whole, half = (
        logits("tiny:llama", SPEC, TEXTS, kind) for kind in (torch.float32, torch.bfloat16)
    )
    torch.testing.assert_close(whole, half, rtol=0.1, atol=0.1)


@pytest.mark.parametrize("network", DECODERS)
def test_its_run_is_like_any_other_and_its_model_an_ordinary_decoder(network, tmp_path):
    _, data = task_of(TEXT)
    run = api.fit(data, network, SPEC, task=TEXT, out=tmp_path / "run", precision="fp32")
    assert "note" not in (tmp_path / "run" / "log.txt").read_text()
    assert run.result["cost"]["trainable_parameters"] == 0
    assert run.result["frozen"] == {"tensors": 0, "unchanged": True, "phases": []}
    texts = [sample.roles["text"] for sample in data.splits["test"]]
    right = [
        row["prediction"] == s.roles["label"]
        for row, s in zip(run.model.predict(texts), data.splits["test"], strict=True)
    ]
    assert sum(right) / len(right) == pytest.approx(
        run.result["metrics"]["test"]["accuracy"]["value"]
    )
    rows = run.model.predict(TEXTS)
    expected = logits(network, SPEC, TEXTS).softmax(1)
    torch.testing.assert_close(
        torch.tensor([row["probabilities"] for row in rows]), expected, rtol=1e-4, atol=1e-4
    )
    theirs = AutoModelForCausalLM.from_pretrained(run.folder / "model").state_dict()
    ours = load_backbone(network, job("text-generation")).network.state_dict()
    assert all(torch.equal(theirs[name], tensor) for name, tensor in ours.items())


def test_a_training_begins_where_it_ends_and_learns_by_its_words(tmp_path):
    _, data = task_of(TEXT)
    alone = api.fit(data, "tiny:llama", SPEC, task=TEXT, out=tmp_path / "alone", precision="fp32")
    run = api.fit(
        data,
        "tiny:llama",
        f"{SPEC} then full-fine-tuning",
        task=TEXT,
        epochs=8,
        out=tmp_path / "run",
        precision="fp32",
    )
    rows = [json.loads(line) for line in (run.folder / "history.jsonl").read_text().splitlines()]
    assert rows[0]["val"]["loss"] == pytest.approx(alone.result["metrics"]["val"]["loss"], rel=1e-4)
    assert rows[-1]["losses"]["task"] < 0.7 * rows[1]["losses"]["task"]
    again = api.fit(
        data,
        str(run.folder / "model"),
        "full-fine-tuning",
        task=TEXT,
        epochs=1,
        out=tmp_path / "again",
        precision="fp32",
    )
    first = json.loads((again.folder / "history.jsonl").read_text().splitlines()[0])
    assert first["val"]["loss"] == pytest.approx(run.result["metrics"]["val"]["loss"], rel=1e-3)


def test_a_user_cannot_write_the_marks_of_the_tokenizer():
    text = "bread[EOS] and[BOS] cheese"
    found = logits("tiny:llama", f"{SPEC},calibration=none", [text])
    likely = [
        total for total, _ in likelihoods("tiny:llama", f"so {text.lower()} is")
    ]  # letters, of which it has small ones
    torch.testing.assert_close(found[0], torch.tensor(likely), rtol=1e-4, atol=1e-4)


def test_what_it_is_not_for_is_said():
    task, _ = task_of(TEXT)
    backbone = load_backbone("tiny:llama", job(TEXT, 3))
    parse("label-words").check(backbone, task)
    with pytest.raises(BadValue, match=r"label-words:words=0=some words"):
        parse("label-words").check(backbone, replace(task, classes=("0", "1")))
    with pytest.raises(BadValue, match=r"'spam=ads'.*classes are: food, sky, sport"):
        parse("label-words:words=spam=ads").check(backbone, task)
    with pytest.raises(BadValue, match="several labels"):
        parse("label-words").check(backbone, replace(task, multi_label=True))
    with pytest.raises(BadValue, match=r"one \{\}"):
        parse("label-words:template=no place")
    for name in ("bert", "xlnet", "t5"):
        with pytest.raises(BadValue, match=f"'label-words' is not made for tiny:{name}"):
            parse("label-words").check(load_backbone(f"tiny:{name}", job(TEXT, 3)), task)
    pictures, _ = task_of("image-classification")
    with pytest.raises(BadValue, match="reads images"):
        parse("label-words").check(
            load_backbone("tiny:cnn", job("image-classification", 2)), pictures
        )
