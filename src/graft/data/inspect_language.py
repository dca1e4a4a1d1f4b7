"""What a person should know of tagged tokens, of questions with answers, and of texts to be continued."""

from __future__ import annotations

import statistics
from collections import Counter
from collections.abc import Sequence

from graft.base.records import Sample
from graft.base.tags import marks_entities
from graft.data.data import Data
from graft.data.finding import Finding, listed, number
from graft.data.tags import count


def tag_counts(data: Data) -> dict[str, Counter[str]]:
    """Split -> how many entities there are of each type, or how many times each plain tag, over its samples."""
    sequences = {split: [s.roles["tags"] for s in part if s.roles["tags"] is not None] for split, part in data.splits.items()}
    of_entities = marks_entities(tag for tags in sequences.values() for sequence in tags for tag in sequence)
    return {split: count(tags, of_entities) for split, tags in sequences.items()}


def tag_findings(data: Data) -> list[Finding]:
    """How many samples, tokens and entities there are, and which types are rare or missing somewhere."""
    counts = tag_counts(data)
    known = {tag for part in data.splits.values() for s in part for tag in s.roles["tags"] or ()}
    noun, thing = ("entity type", "entity") if marks_entities(known) else ("tag", "token")
    sizes = ", ".join(f"{split} {len(part):,} ({_tokens(part):,} tokens)" for split, part in data.splits.items())
    types = "types of entities" if thing == "entity" else "tags"
    total, classes = sum(map(len, data.splits.values())), data.classes
    found = [Finding("counts", "info", f"{total:,} samples with {len(classes)} {types}: {sizes}.")]
    for split, of in counts.items():
        if of:
            more = ", ..." if len(of) > 12 else ""
            shown = ", ".join(f"{name} {n:,}" for name, n in of.most_common(12))
            found.append(Finding("classes", "info", f"{split}: {shown}{more}."))
    training = counts.get("train", counts.get("all", Counter()))
    if single := sorted(name for name, n in training.items() if n == 1):
        words = f"{number(single, noun)} with one {thing} in training: {listed(single)}."
        found.append(Finding("single-example", "warning", words))
    for split in ("train", "val", "test"):
        if split in counts and (missing := [name for name in classes if not counts[split][name]]):
            words = f"{number(missing, noun)} without {'an entity' if thing == 'entity' else 'a token'} in {split}"
            found.append(Finding("missing-class", "warning", f"{words}: {listed(missing)}."))
    return found


def answer_findings(data: Data) -> list[Finding]:
    """How many questions there are, on how many contexts, and how many have no answer."""
    sizes = ", ".join(f"{split} {len(part):,}" for split, part in data.splits.items())
    found = [Finding("counts", "info", f"{sum(map(len, data.splits.values())):,} questions: {sizes}.")]
    for split, part in data.splits.items():
        told = [s.roles["answers"] for s in part if s.roles["answers"] is not None]
        contexts = {s.roles["context"] for s in part}
        none = sum(not answers for answers in told)
        several = sum(len(set(answers)) > 1 for answers in told)
        words = f"{split}: {len(part):,} questions on {number(contexts, 'context')}"
        share = f"{none:,} ({none / len(told):.0%}) without an answer, {several:,} with several" if told else "answers not known"
        found.append(Finding("answers", "info", f"{words}; {share}."))
    return found


def generation_findings(data: Data, role: str) -> list[Finding]:
    """How many passages there are, or texts with what is to be written, and how many characters are to be learnt."""
    noun = {"passage": "passages", "completion": "prompts with completions", "target": "sources with targets"}[role]
    sizes = ", ".join(
        f"{split} {len(part):,} ({sum(len(s.roles[role] or '') for s in part):,} characters)"
        for split, part in data.splits.items()
    )
    return [Finding("counts", "info", f"{sum(map(len, data.splits.values())):,} {noun}: {sizes}.")]


def lengths(what: str, unit: str, sizes: Sequence[int]) -> Finding:
    """The range, the median and the 95th percentile of the lengths of texts."""
    found = sorted(sizes)
    p95 = found[min(len(found) - 1, int(0.95 * len(found)))]
    middle = f"median {statistics.median(found):g}, 95 % have at most {p95:,}."
    return Finding("lengths", "info", f"{what}: {found[0]:,} to {found[-1]:,} {unit}, {middle}")


def difference(ones: Sample, others: Sample, role: str) -> tuple[str, str]:
    """In what the targets of two equal samples differ: the tags of the first token that has two, or the answers."""
    one, other = ones.roles[role], others.roles[role]
    if role == "tags":
        token, a, b = next((token, a, b) for token, a, b in zip(ones.roles["tokens"], one, other, strict=True) if a != b)
        return f"{a!r} at {token!r}", repr(b)
    return tuple(repr(" | ".join(dict.fromkeys(text for text, _ in answers)) or "no answer") for answers in (one, other))


def _tokens(samples: Sequence[Sample]) -> int:
    return sum(len(s.roles["tokens"]) for s in samples)
