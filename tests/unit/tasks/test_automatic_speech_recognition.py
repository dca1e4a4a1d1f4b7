from __future__ import annotations

import json
import math
from dataclasses import replace

import numpy as np
import pytest
import torch

import graft
from graft.base.errors import BackboneError, BadValue, DataError
from graft.base.records import Sample
from graft.data.data import Data
from graft.data.sounds.open import open_sound
from graft.data.sounds.part import SoundPart
from graft.data.sounds.wave_files import wave_bytes
from graft.studies.run import build_model
from graft.tasks.automatic_speech_recognition import AutomaticSpeechRecognition
from graft.tasks.speech.long_sounds import cut_sounds, join_segments
from graft.tasks.speech.written_tokens import read_segments
from graft.tasks.task import objects
from graft.tasks.text.generation import Decoding
from graft.tasks.text.token_loss import IGNORED
from graft.tasks.text.written import Written
from graft.training.engine import Engine
from graft.training.evaluate import evaluate, predict
from graft.training.feeds.feed import Feed
from tests.unit.backbones.test_recognizer import several_languages

TASK = AutomaticSpeechRecognition(longest=20, silence=0.0)
START, TIMELESS, END = 257, 258, 256


@pytest.fixture(scope="module")
def model():
    return build_model("tiny:whisper", TASK, pretrained=True, seed=0)


def spoken(transcript: str | None = "do mi", seconds: float = 0.5, name: str = "1") -> Sample:
    noise = np.random.default_rng(len(name)).uniform(-0.3, 0.3, int(8000 * seconds))
    audio = wave_bytes(noise, 8000)
    return Sample(name, {"audio": audio, "transcript": transcript})


def feed(model, samples, task=TASK) -> Feed:
    return Feed.of(samples, task, model.backbone.preprocess, torch.device("cpu"))


def batch(model, *samples):
    return next(feed(model, samples).stream([list(range(len(samples)))]))


# The four bugs of those who adapt Whisper.


def test_the_start_token_is_read_once_and_never_a_target(model):
    encoded = TASK.encode(spoken("do"), model.backbone.preprocess, None)
    read, target = encoded["decoder_input_ids"].tolist(), encoded["target"].tolist()
    assert read[:2] == [START, TIMELESS] and read.count(START) == 1
    assert START not in target
    # What is read is what is to be said, one later: no token is dropped or doubled.
    assert read[2:] == target[1:-1]
    text = model.backbone.preprocess.tokenizer.decode(target[1:-1])
    assert text == " do"


def test_the_end_is_learned_although_padding_is_the_same_token(model):
    assert model.backbone.preprocess.generation.pad_token_id == END
    given = batch(model, spoken("do"), spoken("do mi so mi"))
    ends = (given.target == END).sum(1)
    assert ends.tolist() == [1, 1]
    padding = given.inputs["decoder_attention_mask"] == 0
    assert padding.any() and (given.target[padding] == IGNORED).all()
    assert (given.inputs["decoder_input_ids"][padding] == END).all()


def test_what_the_prompt_says_has_no_loss(model):
    given = batch(model, spoken("do"))
    size = len(model.backbone.preprocess.prompt)
    assert (given.target[0, : size - 1] == IGNORED).all()
    assert TASK.loss_weight(given) == len(" do") + 1
    with torch.no_grad():
        output = model(given)
        first = TASK.loss(output, given)
        output.raw[:, : size - 1] += torch.randn(360)
        assert torch.equal(TASK.loss(output, given), first)


def test_a_network_for_several_languages_must_be_told_which():
    with pytest.raises(BackboneError, match="Set the option language to one of: de, en"):
        TASK.with_head(several_languages())
    told = replace(TASK, language="de").with_head(several_languages())
    assert told.preprocess.prompt[1] == 301
    assert told.preprocess.settings()["language"] == "de"


# Targets and decoding.


def test_the_loss_is_that_of_transformers_for_the_same_targets(model):
    given = batch(model, spoken("do"), spoken("do mi so", 0.9, "22"))
    with torch.no_grad():
        output = model(given)
    known = torch.nn.functional.cross_entropy(
        output.logits.flatten(0, 1), given.target.flatten(), ignore_index=-100
    )
    assert TASK.loss(output, given).item() == pytest.approx(known.item(), rel=1e-5)


def test_special_tokens_in_a_transcript_are_text(model):
    encoded = TASK.encode(spoken("a <|endoftext|> b"), model.backbone.preprocess, None)
    assert (encoded["target"] == END).sum() == 1


def test_transcripts_that_are_too_long_are_cut_and_counted(model):
    """Of a sound that is too long the whole is transcribed, in parts."""
    samples = [spoken(), spoken("do " * 60), spoken("do", 2.5), spoken(None)]
    assert TASK.count_cut(samples, model.backbone.preprocess) == 1
    encoded = TASK.encode(samples[1], model.backbone.preprocess, None)
    assert len(encoded["target"]) == model.backbone.preprocess.max_length
    assert END not in encoded["target"]


def test_sounds_that_are_heard_in_part_are_not_learned_from(model):
    part = SoundPart(spoken("do", 2.5).roles["audio"], 0.0, 1.5)
    short, long = spoken("do", 0.5, "s"), spoken("do mi", 2.5, "l")
    heard = Sample("p", {"audio": part, "transcript": "do"})
    data = Data({"train": [short, long, heard], "val": [long, short], "test": [long]}, "talks")
    learned, (note,) = TASK.choose_learnable(data, model.backbone.preprocess)
    kept = {split: [s.id for s in samples] for split, samples in learned.splits.items()}
    assert kept == {"train": ["s", "p"], "val": ["s"], "test": ["l"]}
    assert note.startswith("1 of 3 train and 1 of 2 val sounds are longer than the 2 seconds that")
    whole = data.with_splits({**data.splits, "val": [short], "train": [short]})
    assert TASK.choose_learnable(whole, model.backbone.preprocess) == (whole, [])


@pytest.mark.parametrize("split", ["train", "val"])
def test_a_split_of_sounds_that_are_too_long_alone_is_refused(model, split):
    splits = {name: [spoken()] for name in ("train", "val", "test")}
    data = Data({**splits, split: [spoken("do", 2.5)]}, "talks")
    with pytest.raises(DataError, match=f"Every sound in {split} of talks is longer than the 2 s"):
        TASK.choose_learnable(data, model.backbone.preprocess)


def test_transcripts_of_signs_alone_are_refused_unless_signs_count(model):
    data = Data({name: [spoken("?!")] for name in ("train", "val", "test")})
    task = AutomaticSpeechRecognition.from_data(data)
    with pytest.raises(DataError, match="normalize=basic leaves nothing of the transcripts"):
        task.choose_learnable(data, model.backbone.preprocess)
    counting = replace(task, normalize="none")
    assert counting.choose_learnable(data, model.backbone.preprocess) == (data, [])


def test_the_order_of_sounds_changes_no_transcript(model):
    samples = [spoken(None, seconds, str(seconds)) for seconds in (1.5, 0.3, 0.8)]
    together = TASK.generate(model, samples, Decoding(max_new_tokens=6))
    assert together == [
        TASK.generate(model, [each], Decoding(max_new_tokens=6))[0] for each in samples
    ]


def test_capitals_throughout_are_learned_in_lower_case_unless_case_counts(model):
    data = Data({"train": [spoken("DO MI")], "val": [spoken("DO")], "test": [spoken("SO")]})
    task = AutomaticSpeechRecognition.from_data(data)
    assert task.is_upper
    for normalization, learned in (("basic", " do mi"), ("none", " DO MI")):
        task = replace(task, normalize=normalization)
        target = task.encode(data.splits["train"][0], model.backbone.preprocess, None)["target"]
        assert model.backbone.preprocess.tokenizer.decode(target[1:-1]) == learned
    assert not AutomaticSpeechRecognition.from_data(
        Data({"train": [spoken("DO MI"), spoken("do")]})
    ).is_upper


def test_the_most_tokens_follow_from_the_longest_transcript(model):
    found = evaluate(model, feed(model, [spoken("do mi")]), Engine("fp32"))
    # A blank, five bytes and the end: seven tokens for five bytes.
    assert TASK.tune(found.scores, found.targets).most == 35


def test_metrics_and_mistakes_ignore_what_the_normalization_ignores(model):
    samples = [spoken("Do, mi!"), spoken("do mi so")]
    scores = objects([Written("do mi"), Written("Do so.")])
    for normalization, rate in (("basic", 1 / 5), ("none", 1.0)):
        task = replace(TASK, normalize=normalization)
        assert task.metrics["wer"](scores, task.targets(samples)) == pytest.approx(rate)
    rows = TASK.decode(scores, samples)
    assert TASK.severity({**rows[0], "target": "Do, mi!"}) is None
    assert TASK.severity({**rows[1], "target": "do mi so"}) == pytest.approx(1 / 3)
    shown = TASK.show(samples[1], "Do so.", "do mi so")
    assert shown.edits == (("do", "do"), ("mi", ""), ("so", "so"))


def test_the_baseline_says_what_is_nearest_to_all():
    (baseline,) = TASK.baselines
    train = [spoken(text) for text in ("yes no", "yes no", "no no", "a much longer thing")]
    assert baseline.predict(train, train)[0].text == "yes no"


def test_characters_are_counted_where_no_blanks_separate_words():
    data = Data({"train": [spoken("今天天气很好"), spoken("你好 ok")]})
    task = AutomaticSpeechRecognition.from_data(data)
    assert list(task.metrics) == ["cer", "wer"] and list(TASK.metrics) == ["wer", "cer"]
    row = {"prediction": "今天天氣很好", "target": "今天天气很好"}
    assert task.severity(row) == pytest.approx(1 / 6) and TASK.severity(row) == 1
    shown = task.show(data.splits["train"][0], **row)
    assert shown.edits == (("今天天", "今天天"), ("气", "氣"), ("很好", "很好"))


def test_transcripts_without_a_word_are_refused():
    with pytest.raises(DataError, match="Every transcript in the training split"):
        AutomaticSpeechRecognition.from_data(Data({"train": [spoken(" ")]}))


def test_impossible_options_are_refused():
    with pytest.raises(BadValue, match="num_beams"):
        AutomaticSpeechRecognition(num_beams=0)


def test_rules_for_english_are_refused_for_another_language():
    AutomaticSpeechRecognition(normalize="whisper-english", language="en")
    with pytest.raises(BadValue, match=r"English alone, and language=de .*normalize=basic"):
        AutomaticSpeechRecognition(normalize="whisper-english", language="de")


def test_silence_is_heard_behind_a_sound_as_far_as_it_is_read(model):
    lengths = []
    for silence in (0.0, 0.5, 30.0):
        backbone = replace(TASK, silence=silence).with_head(model.backbone)
        assert backbone.preprocess.settings()["silence"] == silence
        inputs = TASK.encode(spoken(None, 0.6), backbone.preprocess, None)
        lengths.append(inputs["input_features"].shape[1])
    assert lengths == [60, 110, 200]  # hundredths of a second; the network reads two seconds
    with pytest.raises(BadValue, match="silence"):
        AutomaticSpeechRecognition(silence=-1.0)


# Times.


@pytest.mark.parametrize(
    ("pieces", "segments"),
    [
        ([0, " do", 25, 30, " mi", 50], [(0.0, 0.5, "do"), (0.6, 1.0, "mi")]),
        ([0, " do mi"], [(0.0, 1.2, "do mi")]),  # its end is the sound's
        ([10, " do", 99], [(0.2, 1.2, "do")]),  # and never behind it
        ([0, 20], []),
        ([], []),
    ],
)
def test_segments_are_read_from_tokens_of_times(model, pieces, segments):
    preprocess = model.backbone.preprocess
    ids = []
    for piece in pieces:
        if isinstance(piece, int):
            ids.append(TIMELESS + 1 + piece)
        else:
            ids += preprocess.tokenizer(piece, add_special_tokens=False)["input_ids"]
    found = read_segments([*ids, END, END], 1.2, preprocess)
    assert [(part["start"], part["end"], part["text"]) for part in found] == segments


def test_a_long_sound_is_transcribed_in_parts_and_its_times_go_on(model):
    """Two sounds of 1.5 seconds with a pause between them; the network hears two seconds."""
    parts = [open_sound(spoken(None, 1.5, name).roles["audio"], name, 8000) for name in "ab"]
    quiet = np.zeros(4000, np.float32)
    long = Sample("long", {"audio": wave_bytes(np.concatenate([parts[0], quiet, parts[1]]), 8000)})
    short = spoken(None, 0.5)
    decoding = Decoding(max_new_tokens=6)
    texts = TASK.generate(model, [long, short], decoding)
    assert len(texts[0].split()) == 2 * len(texts[1].split())
    (windows,) = cut_sounds([long], model.backbone.preprocess).by_sample(["", ""])
    second = windows[1][0].roles["audio"].start
    assert 1.5 < second < 2
    timed = [[{"start": 0.1, "end": 0.4, "text": "do"}], [{"start": 0.2, "end": 1.0, "text": "mi"}]]
    (joined,) = join_segments(cut_sounds([long], model.backbone.preprocess), timed)
    assert [part["start"] for part in joined] == [0.1, pytest.approx(0.2 + second, abs=0.01)]


def test_a_transcript_without_an_end_is_told(model, caplog):
    """A network with random weights writes on and on."""
    TASK.generate(model, [spoken(None, 0.5)], Decoding(max_new_tokens=3))
    assert "1 transcript of 1 without an end after 3 tokens" in caplog.text


def test_a_long_sound_may_have_more_words_than_any_in_training(model):
    """A network with random weights writes as long as it may, of tokens that are bytes."""
    preprocess = model.backbone.preprocess
    room = preprocess.max_length - len(preprocess.prompt) + 1
    noise = np.random.default_rng(0).uniform(-0.5, 0.5, 8000 * 5).astype(np.float32)

    def count(seconds: float, most: int, by_length: bool = True) -> int:
        sound = wave_bytes(noise[: round(8000 * seconds)], 8000)
        task = replace(TASK, most=most)
        decoding = replace(task.decoding, by_length=by_length)
        (text,) = task.generate(model, [Sample("noise", {"audio": sound})], decoding)
        return len(text)

    assert count(0.1, 6) <= 6
    assert count(1.0, 6, by_length=False) <= 6
    half = math.ceil(room / 2)
    assert half / 2 < count(1.0, 6) <= half, "the encoder hears two seconds"
    assert count(5.0, 6) > room, "each part has room of its own"


def test_the_bound_of_a_short_sound_does_not_depend_on_a_longer_one_beside_it(model):
    task, sounds = replace(TASK, most=3), [spoken(None, 0.3), spoken(None, 1.5)]
    together = task.generate(model, sounds, task.decoding)
    assert together == [task.generate(model, [each], task.decoding)[0] for each in sounds]


def test_the_confidence_of_a_long_sound_is_that_of_all_its_parts(model):
    noise = np.random.default_rng(0).uniform(-0.5, 0.5, 8000 * 5).astype(np.float32)
    long = Sample("long", {"audio": wave_bytes(noise, 8000)})
    written = TASK.write(model, [long], Decoding(max_new_tokens=4))
    assert len(written.windows.pieces) > 2
    together = replace(feed(model, [long]), windows=written.windows)
    (whole,), _ = predict(model, together, Engine("fp32"))
    parts, _ = predict(model, feed(model, written.windows.pieces), Engine("fp32"))
    assert whole.nats == pytest.approx(sum(part.nats for part in parts))
    assert whole.bytes == sum(len(p.roles["transcript"].encode()) for p in written.windows.pieces)
    assert whole.tokens == sum(part.tokens for part in parts)


def test_a_network_without_tokens_of_times_is_refused():
    timeless = build_model("tiny:whisper", TASK, pretrained=True, seed=0)
    timeless.backbone.preprocess.generation.no_timestamps_token_id = None
    with pytest.raises(BadValue, match=r"has no tokens for times\. Leave the timestamps out"):
        TASK.write(timeless, [spoken(None)], TASK.decoding, timed=True)


# Runs.


@pytest.fixture(scope="module")
def data():
    return AutomaticSpeechRecognition.tiny_data()


@pytest.mark.parametrize("technique", [
    "zero-shot", "lora", "partial-fine-tuning:from_group=-2 then full-fine-tuning",
])  # fmt: skip
def test_techniques_run(technique, data, tmp_path):
    run = graft.fit(
        data,
        task="automatic-speech-recognition",
        backbone="tiny:whisper",
        technique=technique,
        epochs=1,
        out=tmp_path / "run",
    )
    assert set(run.result["metrics"]["test"]) == {"wer", "cer"}
    assert run.result["primary_metric"] == "wer"
    if technique != "zero-shot":
        assert run.result["cost"]["trainable_parameters"] > 0


def test_a_run_ends_in_a_model_that_a_pipeline_opens_with_the_same_text(data, tmp_path):
    """Both hear the same silence behind a sound."""
    from transformers import pipeline

    run = graft.fit(
        data,
        task="automatic-speech-recognition:normalize=none",
        backbone="tiny:whisper",
        technique="zero-shot",
        out=tmp_path / "run",
    )
    whole = spoken(None, 0.7)
    (row,) = run.model.predict([{"audio": whole.roles["audio"]}])
    assert row["prediction"] and 0 < row["confidence"] <= 1
    recognize = pipeline(
        "automatic-speech-recognition", model=str(tmp_path / "run" / "model"), device="cpu"
    )
    preprocess = run.model.network.backbone.preprocess
    room = preprocess.max_length - len(preprocess.prompt) + 1
    most = min(run.model.task.most, room)  # a network with random weights goes on to the end
    theirs = recognize(
        open_sound(whole.roles["audio"], "1", 16000),
        generate_kwargs={"num_beams": 1, "max_new_tokens": most},
    )
    assert theirs["text"].strip() == row["prediction"]
    card = json.loads((tmp_path / "run" / "model" / "graft.json").read_text())
    assert card["task_settings"]["normalize"] == "none"
    mistakes = (tmp_path / "run" / "mistakes.jsonl").read_text().splitlines()
    assert json.loads(mistakes[0])["edits"]
