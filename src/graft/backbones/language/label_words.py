"""A causal language model as a classifier, by the likelihood of the words of each class."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from typing import Any

import torch
from torch import Tensor, nn

from graft.backbones.backbone import Backbone, LayerGroup

MARK = "graft_label_words"
"""The key in config.json under which a saved causal network says how it classifies."""
PROMPT, PADDING = -1, -2
"""Whose a token is that belongs to no class."""
ROWS = 256
"""Tokens whose logits are held in float32 at once: of a vocabulary of 49,152 that takes 50 MB."""


@dataclass(frozen=True)
class Prompt:
    """The template around a text, and the words that may follow it, as token ids."""

    before: Sequence[int]
    after: Sequence[int]
    words: Sequence[Sequence[int]]
    """The token ids of each class, at least one."""
    marks: Sequence[int]
    """Tokens of a text that are not read: its beginning, end and padding."""
    prior: Sequence[float]
    """The value that is subtracted from the log-likelihood of each class."""
    per_token: bool = False
    """Whether a class has the mean log-likelihood of its tokens, not their sum."""

    @property
    def longest(self) -> int:
        """The number of positions that the template takes."""
        return len(self.before) + len(self.after) + max(map(len, self.words)) - 1


class LabelWords(nn.Module):
    """Logits (B, K): log p(words of class k | before, text, after) - prior of k.

    The causal network reads prompt and words as one sequence, once: after the prompt each class has
    its words, which see the prompt and themselves but not the words of other classes, and whose
    positions begin where the prompt ends.
    """

    def __init__(self, causal: nn.Module, prompt: Prompt):
        super().__init__()
        self.causal, self.prompt = causal, prompt
        words = prompt.words
        self._keep("first", [word[0] for word in words])
        self._keep("read", [token for word in words for token in word[:-1]])
        self._keep("later", [token for word in words for token in word[1:]])
        self._keep("owner", [k for k, word in enumerate(words) for _ in word[1:]])
        self._keep("place", [i for word in words for i in range(len(word) - 1)])
        self._keep("sizes", [len(word) if prompt.per_token else 1 for word in words])
        self._keep("marks", prompt.marks)
        self.register_buffer(
            "prior", torch.tensor(prompt.prior, dtype=torch.float32), persistent=False
        )

    def _keep(self, name: str, numbers: Sequence[int]) -> None:
        self.register_buffer(name, torch.tensor(numbers, dtype=torch.long), persistent=False)

    @property
    def config(self) -> Any:
        return self.causal.config

    @property
    def base_model(self) -> nn.Module:
        return self.causal.base_model

    def calibrate(self, prior: Sequence[float]) -> None:
        """Subtract this of the logit of each class, also in what is saved."""
        self.prompt = replace(self.prompt, prior=list(prior))
        self.prior.copy_(torch.tensor(prior))
        setattr(self.config, MARK, asdict(self.prompt))

    def forward(self, input_ids: Tensor, attention_mask: Tensor) -> Tensor:
        """Both are of the texts alone (B, T), padded on either side."""
        kept = attention_mask.bool() & ~torch.isin(input_ids, self.marks)
        prompts = [self._around(ids[mask]) for ids, mask in zip(input_ids, kept, strict=True)]
        ends = torch.tensor([len(prompt) for prompt in prompts], device=input_ids.device)
        ids = nn.utils.rnn.pad_sequence(
            [torch.cat([prompt, self.read]) for prompt in prompts], batch_first=True
        )
        mask, positions = self._layout(ends)
        states = self.base_model(
            input_ids=ids, attention_mask=mask, position_ids=positions, use_cache=False
        )[0]
        rows = torch.arange(len(ids), device=ids.device)
        logits = self._log_likelihood(states[rows, ends - 1], self.first.expand(len(ids), -1))
        if len(self.read):
            places = ends[:, None] + torch.arange(len(self.read), device=ids.device)
            rest = self._log_likelihood(
                states[rows[:, None], places].flatten(0, 1), self.later.repeat(len(ids))[:, None]
            )
            logits = logits.index_add(1, self.owner, rest.view(len(ids), -1))
        return logits / self.sizes - self.prior

    def _around(self, text: Tensor) -> Tensor:
        return torch.cat(
            [text.new_tensor(self.prompt.before), text, text.new_tensor(self.prompt.after)]
        )

    def _layout(self, ends: Tensor) -> tuple[Tensor, Tensor]:
        """The mask (B, 1, L, L) and the positions (B, L).

        The mask is 0 where a token is seen and the lowest number elsewhere.
        """
        owners = [
            torch.cat([self.owner.new_full((end,), PROMPT), self.owner]) for end in ends.tolist()
        ]
        owner = nn.utils.rnn.pad_sequence(owners, batch_first=True, padding_value=PADDING)
        places = [
            torch.cat([torch.arange(end, device=ends.device), end + self.place])
            for end in ends.tolist()
        ]
        seen = (owner[:, None] == PROMPT) | (owner[:, None] == owner[..., None])
        mask = torch.zeros(seen.shape, device=ends.device).masked_fill(
            ~seen.tril(), torch.finfo(torch.float32).min
        )
        return mask[:, None], nn.utils.rnn.pad_sequence(places, batch_first=True)

    def _log_likelihood(self, states: Tensor, tokens: Tensor) -> Tensor:
        """log p (N, M) of each of `tokens` (N, M) after what `states` (N, D) have read.

        Float32 for some rows at a time.
        """
        head = self.causal.get_output_embeddings()
        parts = [
            head(some).float().log_softmax(-1).gather(1, wanted)
            for some, wanted in zip(states.split(ROWS), tokens.split(ROWS), strict=True)
        ]
        return torch.cat(parts)


def read_prompt(config: Any) -> Prompt | None:
    """Read the prompt of a saved classifier from its config."""
    saved = getattr(config, MARK, None)
    return Prompt(**saved) if saved else None


def as_classifier(backbone: Backbone, prompt: Prompt) -> Backbone:
    """A causal backbone as a classifier.

    Texts are cut to leave room for the prompt, where positions are counted.
    """
    network = LabelWords(backbone.network, prompt).train(backbone.network.training)
    setattr(network.config, MARK, asdict(prompt))
    positions = getattr(network.config, "max_position_embeddings", None)
    most = (
        backbone.preprocess.max_length
        if positions is None
        else min(backbone.preprocess.max_length, positions - prompt.longest)
    )
    groups = [LayerGroup(g.name, _inside(g.modules), _inside(g.tensors)) for g in backbone.groups]
    preprocess = replace(backbone.preprocess, max_length=most)
    return replace(
        backbone,
        network=network,
        form="finished",
        head=_inside(backbone.head),
        groups=groups,
        preprocess=preprocess,
    )


def _inside(names: Sequence[str]) -> tuple[str, ...]:
    return tuple(f"causal.{name}" for name in names)
