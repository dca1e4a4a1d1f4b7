"""What a tokenizer does not know of texts."""

from __future__ import annotations

from pathlib import Path

import pytest
from transformers import AutoTokenizer

from graft.backbones.language import unknown_tokens as module
from graft.backbones.language.unknown_tokens import unknown_tokens
from graft.backbones.load import load_backbone
from graft.backbones.preprocess.preprocess import TextPreprocess
from graft.base import files
from tests.jobs import job

CYRILLIC = "Пример: мы пишем по-русски."
CHINESE = "我们写中文。"


def preprocess_of(network: str):
    return load_backbone(network, job("text-classification", 2)).preprocess


@pytest.mark.parametrize("network", ["tiny:bert", "tiny:llama", "tiny:xlnet"])
def test_what_is_unknown_is_counted_and_shown(network):
    found = unknown_tokens(
        ["plain letters", "ab \u6f22\u6f22\u6f22 \u0416", "abcd", ""], preprocess_of(network)
    )
    assert (found.texts, found.with_unknown) == (4, 1)
    assert found.share == 4 / (12 + 6 + 4)
    assert found.examples == ("\u6f22", "\u0416")


def test_special_tokens_in_a_text_are_known_and_those_around_it_are_not_counted():
    assert (
        unknown_tokens(["[UNK] [PAD]", "abc", CHINESE], preprocess_of("tiny:bert")).with_unknown
        == 1
    )
    assert unknown_tokens(["\u6f22"], preprocess_of("tiny:bert")).share == 1.0


def test_no_texts_and_empty_ones():
    assert unknown_tokens([], preprocess_of("tiny:bert")).share == 0
    assert unknown_tokens(["", ""], preprocess_of("tiny:gpt2")) == module.Unknown(2, 0, 0.0, ())


def test_of_many_texts_some_are_looked_at(monkeypatch):
    monkeypatch.setattr(module, "LOOKED_AT", 3)
    monkeypatch.setattr(module, "CHARACTERS", 4)
    found = unknown_tokens(["a", "b", "c", "abcd\u6f22", "\u6f22"], preprocess_of("tiny:bert"))
    assert (found.texts, found.with_unknown) == (3, 1)


@pytest.mark.parametrize(("alias", "knows"), [("minilm-l6", False), ("smollm2-135m", True)])
def test_the_built_in_networks(alias, knows):
    folder = next(Path(files.cache_folder(), "backbones").glob(f"{alias}-*"), None)
    if folder is None:
        pytest.skip(f"{alias} is not in the cache")
    preprocess = TextPreprocess(AutoTokenizer.from_pretrained(folder))
    assert unknown_tokens(["A plain sentence, and another one."], preprocess).share == 0
    found = unknown_tokens([CYRILLIC, CHINESE, "so good 🎉🥳"], preprocess)
    assert (found.share == 0) == knows
    assert any("🎉" in text for text in found.examples) != knows
