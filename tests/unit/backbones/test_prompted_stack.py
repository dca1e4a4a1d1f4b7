"""Learned tokens before a text: beside PEFT's, with padding, with a cache, and their positions."""

from __future__ import annotations

import peft
import pytest
import torch
from torch import Tensor

import graft
from graft.backbones.adapters import added
from graft.backbones.backbone import Model
from graft.backbones.folder import open_model
from graft.backbones.load import load_backbone
from graft.base.errors import BadValue
from graft.base.records import Batch
from graft.studies.run import build_model
from graft.tasks.text.generation import Decoding, continue_prompts, write_tokens
from graft.techniques.specs.combine import parse
from graft.training import optim
from tests.contracts.tiny import task_of, trained

TEXT, WRITING = "text-classification", "text-generation"
SPEC = "prompt-tuning:tokens=2"
ASKS_DEPRECATED = pytest.mark.filterwarnings("ignore:`is_gradient_checkpointing`:FutureWarning")
"""What peft 0.21 asks of networks of transformers 5.23."""
TOKENS = torch.tensor([[7, 9, 30, 12, 3]])
MASKED = ("bert", "sentence-bert", "roberta", "electra", "distilbert")
READERS = (*MASKED, "xlnet", "gpt2", "llama", "t5")


def open_plain(task_name: str, network: str) -> Model:
    return build_model(f"tiny:{network}", task_of(task_name)[0], pretrained=True, seed=0).eval()


def open_prompted(task_name: str, network: str, spec: str = SPEC) -> Model:
    """A model in evaluation mode with learned tokens before its texts."""
    model = open_plain(task_name, network)
    torch.manual_seed(0)
    parse(spec).objective(model, task_of(task_name)[0])
    return model.eval()


def learned(model: Model) -> Tensor:
    """The learned tokens (P, D)."""
    ((_, layer),) = added.added_layers(model.network)
    return layer.added_tokens


@ASKS_DEPRECATED
@pytest.mark.parametrize("network", ["gpt2", "llama"])
def test_a_prompt_computes_what_that_of_peft_does(network):
    model, plain = open_prompted(WRITING, network), open_plain(WRITING, network).network
    untouched = plain(TOKENS).logits
    config = peft.PromptTuningConfig(task_type="CAUSAL_LM", num_virtual_tokens=2)
    theirs = peft.get_peft_model(plain, config).eval()
    theirs.prompt_encoder["default"].embedding.weight.data.copy_(learned(model))
    expected = theirs(input_ids=TOKENS, attention_mask=torch.ones_like(TOKENS)).logits[:, 2:]
    found = model.network(input_ids=TOKENS).logits
    assert not torch.allclose(found, untouched)
    torch.testing.assert_close(found, expected, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("network", READERS)
def test_a_prompt_of_words_is_read_as_these_words(network):
    model, plain = open_prompted(TEXT, network), open_plain(TEXT, network)
    ((path, layer),) = added.added_layers(model.network)
    embeddings, base = layer.base.get_input_embeddings(), plain.network.get_submodule(path)
    words = torch.tensor([[20, 31]])
    layer.added_tokens.data.copy_(embeddings(words)[0])
    expected = base(input_ids=torch.cat([words, TOKENS], 1))["last_hidden_state"][:, 2:]
    found = layer(input_ids=TOKENS)["last_hidden_state"]
    torch.testing.assert_close(found, expected, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("network", READERS)
def test_padding_changes_no_logits(network):
    model = open_prompted(TEXT, network)
    read = model.backbone.preprocess
    long, short = (read(text, None) for text in ("one two three four", "one"))
    with torch.no_grad():
        found, alone = (
            model(Batch(inputs, mask=read.mask(inputs))).logits[-1]
            for inputs in (read.collate([long, short]), read.collate([short]))
        )
    torch.testing.assert_close(found, alone, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("network", ["gpt2", "llama"])
def test_padding_on_the_left_changes_no_token(network):
    model = open_prompted(WRITING, network).network
    ids = torch.nn.functional.pad(TOKENS, (4, 0))
    mask = torch.nn.functional.pad(torch.ones_like(TOKENS), (4, 0))
    positions = (mask.cumsum(1) - 1).clamp(min=0)
    found = model(input_ids=ids, attention_mask=mask, position_ids=positions).logits[:, 4:]
    torch.testing.assert_close(found, model(input_ids=TOKENS).logits, rtol=1e-4, atol=1e-5)


def test_a_pooler_reads_the_states_of_the_text():
    model = open_prompted(TEXT, "bert")
    ((_, layer),) = added.added_layers(model.network)
    output = layer(input_ids=TOKENS)
    torch.testing.assert_close(output.pooler_output, layer.base.pooler(output.last_hidden_state))


def test_a_mean_over_tokens_leaves_the_learned_ones_out():
    model = open_prompted(TEXT, "sentence-bert")
    ((_, layer),) = added.added_layers(model.network)
    mask = torch.tensor([[1, 1, 1, 0, 0]])
    output = layer(input_ids=TOKENS, attention_mask=mask)
    mean = output.last_hidden_state[:, :3].mean(1)
    expected = torch.nn.functional.layer_norm(mean, mean.shape[1:], eps=layer.pooler.eps)
    torch.testing.assert_close(output.pooler_output, expected, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("beams", [1, 2])
@pytest.mark.parametrize("network", ["gpt2", "llama", "t5", "bart"])
def test_texts_are_generated_with_a_cache_as_without(network, beams):
    task_name = WRITING if network in ("gpt2", "llama") else "translation"
    model = open_prompted(task_name, network)
    ids = torch.tensor([[7, 9, 30, 12, 8], [0, 0, 0, 20, 21]])
    mask = torch.tensor([[1, 1, 1, 1, 1], [0, 0, 0, 1, 1]])
    inputs = {"input_ids": ids, "attention_mask": mask}
    decoding = Decoding(max_new_tokens=8, num_beams=beams)
    cached, whole = (
        write_tokens(model, inputs, decoding, use_cache=use_cache) for use_cache in (True, False)
    )
    assert torch.equal(cached, whole)


def test_learned_tokens_take_positions_of_what_is_generated():
    model = open_prompted(WRITING, "gpt2")
    assert continue_prompts(model, [[7] * 120], Decoding(max_new_tokens=8))
    with pytest.raises(BadValue, match="are more than the 128 positions of tiny:gpt2"):
        continue_prompts(model, [[7] * 120], Decoding(max_new_tokens=9))


@pytest.mark.parametrize(
    ("spec", "message"),
    [
        (
            "prompt-tuning:tokens=5",
            r"5 of 'prompt-tuning' and texts of up to 128.* Use at most tok",
        ),
        (f"{SPEC} then prompt-tuning:tokens=3", r"the 132 positions of tiny:bert\. Use at most to"),
    ],
)
def test_tokens_beyond_the_positions_are_refused(spec, message):
    model, task = open_plain(TEXT, "bert"), task_of(TEXT)[0]
    with pytest.raises(BadValue, match=message):
        for part in parse(spec).parts:
            part.objective(model, task)


def test_texts_in_packs_are_refused():
    task = task_of(f"{WRITING}:packed=true")[0]
    with pytest.raises(BadValue, match="before one text, and packed=true"):
        parse(SPEC).check(load_backbone("tiny:llama", task.job()), task)


@pytest.mark.parametrize(
    ("task_name", "network"),
    [("image-classification", "tiny:vit"), ("audio-classification", "tiny:whisper")],
)
def test_another_network_is_refused(task_name, network):
    task = task_of(task_name)[0]
    backbone = load_backbone(network, task.job())
    with pytest.raises(
        BadValue, match=r"'prompt-tuning' found no transformer in tiny:.*Use 'lora'"
    ):
        parse(SPEC).check(backbone, task)
    assert not backbone.added


def test_layers_keep_their_groups_around_which_a_prompt_was_added():
    plain, model = open_plain(TEXT, "bert"), open_prompted(TEXT, "bert")
    groups = {name.replace(".base.", "."): group for name, group in model.group_indices().items()}
    assert groups.pop("bert.added_tokens") == 0
    assert groups == plain.group_indices()
    optim.freeze(model, ["bert.added_tokens", "classifier.weight"])
    assert not model.network.bert.base.encoder.layer[2].output.dropout.training


def test_a_later_part_trains_the_layers_around_which_a_prompt_was_added(tmp_path):
    spec = f"{SPEC},epochs=1 then partial-fine-tuning:from_group=-2,epochs=1,views=1"
    model, position = trained(spec, TEXT, tmp_path / "run", backbone="tiny:bert")
    plain = open_plain(TEXT, "bert").network.state_dict()
    with added.without_added(model.network):
        moved = {
            name
            for name, tensor in model.network.state_dict().items()
            if not torch.equal(tensor, plain[name])
        }
    assert {name.split(".")[3] for name in moved if ".layer." in name} == {"2"}
    assert all(phase["unchanged"] for phase in position.frozen)


def test_label_words_after_a_prompt_are_refused_before_anything_is_trained():
    task = task_of(TEXT)[0]
    spec = f'{SPEC} then label-words:words="food=a;sky=b;sport=c"'
    with pytest.raises(BadValue, match=r"'label-words' gives the network a mask.*'prefix-tuning'"):
        parse(spec).check(load_backbone("tiny:llama", task.job()), task)


def test_words_are_masked_under_the_pretrained_head_after_a_prompt(tmp_path):
    spec = f"{SPEC},epochs=1 then masked-language-modeling:epochs=1"
    model, _ = trained(spec, TEXT, tmp_path / "run", backbone="tiny:bert")
    plain = open_plain(TEXT, "bert").network.state_dict()
    with added.without_added(model.network):
        moved = model.network.bert.embeddings.word_embeddings.weight
    assert not torch.equal(moved, plain["bert.embeddings.word_embeddings.weight"])


def test_a_model_with_a_prompt_is_opened_and_its_head_trained_on(tmp_path):
    data = task_of(TEXT)[1]
    model = str(graft.fit(data, "tiny:bert", SPEC, epochs=1, out=tmp_path / "one").folder / "model")
    again = graft.fit(data, model, "feature-extraction", out=tmp_path / "two")
    before, after = (open_model(folder)[0].network for folder in (model, again.folder / "model"))
    assert torch.equal(after.bert.added_tokens, before.bert.added_tokens)
    assert not torch.equal(after.classifier.weight, before.classifier.weight)
