"""CTC: likelihoods and texts over all paths, characters of training, and what does not fit."""

from __future__ import annotations

import itertools
from collections import Counter
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

import graft
from graft.backbones import folder as model_folder
from graft.backbones.backbone import Model
from graft.backbones.heads.head import head_of
from graft.backbones.heads.layers.frame_norm import FrameNorm
from graft.backbones.load import load_backbone
from graft.base.errors import BadValue, DataError
from graft.base.records import Batch, Output, Sample
from graft.data.data import Data
from graft.data.sounds.open import read_sound_header
from graft.data.sounds.wave_files import wave_bytes
from graft.studies.run import build_model
from graft.tasks.automatic_speech_recognition import AutomaticSpeechRecognition
from graft.tasks.speech import ctc
from graft.tasks.speech.characters import Characters, outputs_for
from graft.tasks.text.generation import Decoding
from tests.contracts.tiny import SPELLED, batch_of

FRAMES, OUTPUTS = 5, 3


def random_frames(seed: int) -> np.ndarray:
    logits = torch.from_numpy(np.random.default_rng(seed).normal(0, 2, (FRAMES, OUTPUTS)))
    return logits.log_softmax(-1).numpy()


def probabilities(frames: np.ndarray) -> Counter[tuple[int, ...]]:
    """Of each text the sum over all its paths."""
    sums: Counter[tuple[int, ...]] = Counter()
    for path in itertools.product(range(OUTPUTS), repeat=FRAMES):
        joined = (number for number, _ in itertools.groupby(path))
        sums[tuple(filter(None, joined))] += np.exp(frames[range(FRAMES), path].sum())
    return sums


@pytest.mark.parametrize("seed", range(8))
def test_the_likelihood_of_a_text_is_the_sum_over_its_paths(seed: int) -> None:
    frames = random_frames(seed)
    nats = ctc.negative_log_likelihoods(
        torch.from_numpy(frames)[None], torch.ones(1, FRAMES), torch.tensor([[1, 2]])
    )
    # It is computed in float32.
    assert float(nats) == pytest.approx(-np.log(probabilities(frames)[1, 2]), rel=1e-5)


@pytest.mark.parametrize("seed", range(8))
def test_many_beams_find_the_likeliest_text(seed: int) -> None:
    frames = random_frames(seed)
    (likeliest, _), *_ = probabilities(frames).most_common()
    assert tuple(ctc.find_text(frames, 99)) == likeliest


def test_the_best_path_joins_neighbors_and_leaves_out_blanks() -> None:
    path = [0, 1, 1, 0, 1, 2, 2, 0, 0]
    assert ctc.find_text(np.log(np.eye(3)[path] + 1e-9), 1) == [1, 1, 2]


def test_words_have_the_frames_from_their_first_character_to_their_last() -> None:
    outputs = ("<pad>", "|", "a", "b")
    path = [0, 2, 2, 0, 2, 1, 1, 0, 3, 3, 0, 1, 0]
    frames = np.log(np.eye(4)[path] + 1e-9)
    assert ctc.find_words(frames, outputs) == [("aa", 1, 4), ("b", 8, 9)]
    written = " ".join(word for word, *_ in ctc.find_words(frames, outputs))
    assert written == ctc.decode(ctc.best_path(frames), outputs)


def test_beams_weigh_all_paths_where_the_best_one_misleads() -> None:
    # Two blanks are the likeliest path (0.36), but three others are the text (1,).
    frames = np.log([[0.6, 0.4], [0.6, 0.4]])
    assert ctc.find_text(frames, 1) == [] and ctc.find_text(frames, 4) == [1]


def test_characters_become_a_text_again_and_unknown_ones_are_left_out() -> None:
    outputs = ctc.vocabulary_of(["ab  c"])
    assert outputs == ("<pad>", "|", "a", "b", "c")
    assert ctc.decode(ctc.encode(" ab c ", outputs), outputs) == "ab c"
    assert ctc.decode(ctc.encode("abzc z", outputs), outputs) == "abc"


@pytest.mark.parametrize(
    ("said", "is_plain", "kept"),
    [
        ("It's 5 o'clock!", True, "'5ciklost"),
        ("It's A", False, "'AIst"),
        ("שלום, כן", True, "םוכלןש"),
        ("ÄÉ ﬁn", True, "finäé"),
        ("ΟΔΟΣ ΣΑΣ", True, "αδοσς"),
    ],
)
def test_outputs_are_the_characters_that_are_learned(said: str, is_plain: bool, kept: str) -> None:
    task = AutomaticSpeechRecognition.from_data(Data({"train": [Sample("a", spoken(said))]}))
    outputs = outputs_for(task.characters, is_plain)
    assert outputs == ("<pad>", "|", *sorted(kept))
    learned = Characters(outputs, is_plain).simplify(said)
    assert ctc.decode(ctc.encode(learned, outputs), outputs) == learned


def spoken(transcript: str) -> dict[str, object]:
    return {"audio": wave_bytes(np.zeros(800), 8000), "transcript": transcript}


def batch_with(targets: list[list[int]], frames: list[int]) -> Batch:
    coding = Characters(("<pad>", "|", "a"), is_plain=True)
    mask = (torch.arange(max(frames)) < torch.tensor(frames)[:, None]).long()
    target = coding.collate_targets([torch.tensor(t, dtype=torch.long) for t in targets])
    return Batch({"x": torch.zeros(len(frames), 1)}, target, mask=mask)


@pytest.mark.parametrize(
    ("target", "frames", "possible"),
    [([1, 2], 2, True), ([1, 2], 1, False), ([2, 2], 3, True), ([2, 2], 2, False), ([], 1, True)],
)
def test_equal_neighbors_need_a_blank_between_them(
    target: list[int], frames: int, possible: bool
) -> None:
    batch = batch_with([target, [1]], [frames, 4])
    assert bool(ctc.are_possible(batch.mask, batch.target)[0]) == possible
    assert (ctc.count_frames_needed(target) <= frames) == possible


def test_a_transcript_that_does_not_fit_weighs_nothing_and_counts_as_guessed() -> None:
    coding = Characters(("<pad>", "|", "a"), is_plain=True)
    torch.manual_seed(0)
    logits = torch.randn(2, 4, 3, requires_grad=True)
    both = batch_with([[1, 2, 1], [1, 2]], [2, 4])
    alone = both.take(slice(1, 2))
    loss = coding.loss(Output(logits, None), both)
    torch.testing.assert_close(loss, coding.loss(Output(logits[1:], None), alone))
    (gradient,) = torch.autograd.grad(loss, logits)
    assert gradient[0].eq(0).all() and gradient[1].ne(0).any()
    (nats, count), _ = coding.rows(Output(logits.detach(), None), both)
    assert (nats, count) == (pytest.approx(3 * np.log(3)), 3)


def test_padding_changes_no_loss() -> None:
    coding = Characters(("<pad>", "|", "a"), is_plain=True)
    torch.manual_seed(0)
    logits = torch.randn(2, 6, 3)
    together = coding.rows(Output(logits, None), batch_with([[1, 2], [2, 1, 2]], [3, 6]))
    (alone,) = coding.rows(Output(logits[:1, :3], None), batch_with([[1, 2]], [3]))
    assert together[0] == pytest.approx(alone, rel=1e-6)


def recognizer(network: str) -> tuple[AutomaticSpeechRecognition, Model]:
    """A network whose characters are random, but many."""
    data = AutomaticSpeechRecognition.tiny_data()
    learned = AutomaticSpeechRecognition.from_data(data)
    task = AutomaticSpeechRecognition(characters=learned.characters, head="ctc")
    torch.manual_seed(0)
    backbone = task.with_head(load_backbone(network, task.job()))
    head_of(backbone).initialize(backbone)
    with torch.no_grad():
        backbone.network.get_submodule(backbone.head[-1]).weight.normal_(0, 3)
    return task, Model(backbone).eval()


def save(task: AutomaticSpeechRecognition, model: Model, folder: Path) -> None:
    preprocess = model.backbone.preprocess
    probe = batch_of(preprocess.example(), preprocess)
    model_folder.save(model, folder, task.job(), list(task.classes), {}, probe)


@pytest.mark.parametrize("network", ["tiny:wav2vec2", "tiny:hubert"])
def test_a_pipeline_of_transformers_writes_the_same(network: str, tmp_path: Path) -> None:
    from transformers import pipeline

    task, model = recognizer(network)
    save(task, model, tmp_path / "model")
    times = np.arange(16_000, dtype=np.float32) / 16_000
    sound = 0.3 * np.sin(2 * np.pi * 500 * times**2).astype(np.float32)
    # Sixteen bits, as a file has them.
    sound = np.round(sound * (2**15 - 1)) / 2**15
    sample = Sample("a", {"audio": wave_bytes(sound * 2**15 / (2**15 - 1), 16_000)})
    (written,) = task.generate(model, [sample], Decoding())
    recognize = pipeline(
        "automatic-speech-recognition", model=str(tmp_path / "model"), device="cpu"
    )
    assert len(written) > 9 and recognize(sound)["text"] == written


@pytest.mark.parametrize("network", ["tiny:whisper", "tiny:wav2vec2"])
def test_a_saved_model_writes_the_same_alone_and_beside_others(
    network: str, tmp_path: Path
) -> None:
    task, model = recognizer(network)
    save(task, model, tmp_path / "model")
    opened, _ = model_folder.open_model(tmp_path / "model")
    samples = [task.without_target(s) for s in task.tiny_data().splits["test"][:4]]
    together = task.generate(model, samples, Decoding())
    alone = [task.generate(opened, [sample], Decoding())[0] for sample in samples]
    assert together == alone and all(together)
    timed = task.write(model, samples, Decoding(), timed=True)
    for sample, words in zip(samples, timed.segments, strict=True):
        ends = [time for word in words for time in (word["start"], word["end"])]
        length = read_sound_header(sample.roles["audio"], "a").seconds
        # Two lengths of a window of 25 ms beyond the sound, which is padded to whole frames.
        assert ends == sorted(ends) and ends[0] >= 0 and ends[-1] <= min(2, length) + 0.05
    assert [" ".join(word["text"] for word in words) for words in timed.segments] == together
    assert timed.texts == together


@pytest.mark.parametrize("technique", ["feature-extraction:epochs=2", "lora", "from-scratch"])
def test_any_encoder_of_speech_is_fitted_and_predicts(technique: str, tmp_path: Path) -> None:
    run = graft.fit(
        AutomaticSpeechRecognition.tiny_data(),
        task=SPELLED,
        technique=technique,
        backbone="tiny:hubert",
        out=tmp_path / "run",
        epochs=2,
    )
    assert run.result["metrics"]["test"]["wer"]["value"] >= 0
    new = tmp_path / "new.wav"
    new.write_bytes(AutomaticSpeechRecognition.tiny_data().splits["test"][0].roles["audio"])
    (row,) = run.model.predict([new])
    assert isinstance(row["prediction"], str) and 0 <= row["confidence"] <= 1


def test_the_standardization_is_in_the_layer_that_is_saved(tmp_path: Path) -> None:
    task, model = recognizer("tiny:wav2vec2")
    path, *_ = model.backbone.head
    norm = model.network.get_submodule(path)
    example = batch_of(model.backbone.preprocess.example(), model.backbone.preprocess)
    norm.train()
    with torch.no_grad():
        model(example)
    norm.eval()
    assert norm.mean.ne(0).all() and norm.batches == 1
    with torch.no_grad():
        whole = model(example).logits
    save(task, model, tmp_path / "model")
    opened, _ = model_folder.open_model(tmp_path / "model")
    assert opened.network.get_submodule(path).mean.eq(0).all()
    with torch.no_grad():
        # Features of size 1 and weights of size 3, in float32.
        torch.testing.assert_close(opened(example).logits, whole, atol=1e-3, rtol=1e-4)


def test_frames_are_standardized_without_padding() -> None:
    norm, hidden = FrameNorm(3), torch.randn(2, 5, 3)
    mask = torch.tensor([[1, 1, 1, 1, 1], [1, 1, 0, 0, 0]])
    norm.take_mask(norm, (), {"attention_mask": mask})
    frames = norm(hidden)[mask.bool()]
    torch.testing.assert_close(frames.mean(0), torch.zeros(3), atol=1e-6, rtol=0)
    torch.testing.assert_close(frames.std(0, correction=0), torch.ones(3))
    norm.eval()
    # After one batch the running statistics are those of it.
    torch.testing.assert_close(norm(hidden)[mask.bool()], frames)


def test_no_character_is_drawn() -> None:
    task, model = recognizer("tiny:whisper")
    with pytest.raises(BadValue, match=r"no character is drawn: leave out temperature \(got 0\.5"):
        task.generate(model, [], Decoding(temperature=0.5))


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"language": "de"}, "learns the characters of training alone: leave it out"),
        ({"silence": 1.0}, r"silence=1 is for Whisper's decoder.* has no decoder: leave it out"),
    ],
)
def test_options_of_a_decoder_are_none_of_characters(
    options: dict[str, object], words: str
) -> None:
    with pytest.raises(BadValue, match=words):
        AutomaticSpeechRecognition(head="ctc", **options)


def test_transcripts_none_of_which_fits_its_sound_are_refused_before_training() -> None:
    task, model = recognizer("tiny:hubert")
    audio = wave_bytes(np.random.default_rng(0).uniform(-0.3, 0.3, 1600), 8000)
    samples = [Sample("1", {"audio": audio, "transcript": "do mi so " * 20})]
    data = Data({"train": samples, "val": samples, "test": samples}, "talks")
    assert task.count_cut(samples, model.backbone.preprocess) == 1
    with pytest.raises(DataError, match="No transcript in the training split of talks fits its s"):
        task.choose_learnable(data, model.backbone.preprocess)


SCRIPTS = {
    "arabic": ("مرحبا بالعالم", "السَّلَامُ عَلَيْكُم"),
    "hebrew": ("שָׁלוֹם עולם", "בוקר טוב"),
    "chinese": ("今天天气很好", "你好世界"),
    "letters": ("a", "b"),
}


@pytest.mark.parametrize("texts", SCRIPTS.values(), ids=SCRIPTS)
def test_every_script_is_learned_and_written(texts: tuple[str, ...]) -> None:
    rng = np.random.default_rng(0)

    def spoken(split: str, number: int) -> Sample:
        audio = wave_bytes(rng.uniform(-0.3, 0.3, 6400), 8000)
        return Sample(f"{split}:{number}", {"audio": audio, "transcript": texts[number % 2]})

    sizes = {"train": 4, "val": 2, "test": 2}
    data = Data(
        {split: [spoken(split, i) for i in range(n)] for split, n in sizes.items()}, "talks"
    )
    task = replace(AutomaticSpeechRecognition.from_data(data), head="ctc")
    model = build_model("tiny:hubert", task, pretrained=True, seed=0)
    assert task.choose_learnable(data, model.backbone.preprocess) == (data, [])
    coding = task.coding
    for text in texts:
        numbers = coding.code(text, model.backbone.preprocess).ids
        assert ctc.decode(numbers, coding.outputs) == coding.simplify(text)
    written = task.generate(model, data.splits["test"], Decoding())
    assert set("".join("".join(written).split())) <= set("".join(task.classes[2:]))
