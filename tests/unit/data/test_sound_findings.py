"""What a check says of sounds and transcripts: copies, canceled channels, what nobody says."""

from __future__ import annotations

import io
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import soundfile
from numpy.typing import NDArray

from graft.base.records import Sample
from graft.data.checks import sound_copies
from graft.data.checks.finding import Finding
from graft.data.checks.inspect import inspect
from graft.data.checks.sounds import listen
from graft.data.data import Data

RATE = 16_000


def babble(seed: int, seconds: float = 2.0) -> NDArray[np.float32]:
    """Noise that swells like syllables, another one for each seed."""
    rng = np.random.default_rng(seed)
    swell = np.repeat(rng.uniform(0.02, 0.4, int(10 * seconds)), RATE // 10)
    noise = np.convolve(rng.normal(size=len(swell)), np.ones(8) / 8, mode="same")
    return (swell * noise / np.abs(noise).max()).astype(np.float32)


def encoded(samples: NDArray[Any], format: str = "WAV", rate: int = RATE) -> bytes:
    buffer = io.BytesIO()
    soundfile.write(buffer, samples, rate, format=format)
    return buffer.getvalue()


def find(findings: list[Finding], code: str) -> list[Finding]:
    return [finding for finding in findings if finding.code == code]


def speak(*transcripts: str, seconds: float = 2.0, split: str = "train") -> dict[str, list[Sample]]:
    return {
        split: [
            Sample(f"{split}:{i}", {"audio": encoded(babble(i, seconds)), "transcript": text})
            for i, text in enumerate(transcripts)
        ]
    }


@pytest.mark.parametrize("format", ["FLAC", "OGG", "MP3"])
def test_a_sound_saved_again_is_known_across_splits(format: str) -> None:
    copy = encoded(0.3 * babble(1), format)
    sounds = {"train": [encoded(babble(i)) for i in range(3)], "test": [copy, encoded(babble(9))]}
    data = Data({
        split: [
            Sample(f"{split}:{i}", {"audio": raw, "label": "ab"[i % 2]})
            for i, raw in enumerate(part)
        ]
        for split, part in sounds.items()
    })  # fmt: skip
    (leak,) = find(inspect(data), "near-leak")
    assert leak.samples == ("train:1", "test:0")
    assert "1 sample of test is nearly the same as one of train: test:0 = train:1" in leak.message


def test_sounds_of_one_loudness_are_no_copies() -> None:
    """Two noises that swell alike: their samples say that they are others."""
    swell = np.repeat(np.random.default_rng(0).uniform(0.02, 0.4, 20), RATE // 10)
    noises = [np.random.default_rng(seed).normal(size=len(swell)) / 6 for seed in (1, 2)]
    one, other = (encoded((swell * noise).astype(np.float32)) for noise in noises)
    data = Data({
        "train": [Sample("a", {"audio": one, "label": "a"})],
        "test": [Sample("b", {"audio": other, "label": "a"})],
    })  # fmt: skip
    assert find(inspect(data), "near-leak") == []


def test_only_the_most_alike_sounds_are_compared_and_the_rest_is_told(monkeypatch) -> None:
    """Four others, each with two ones of its loudness; two pairs may be compared."""
    monkeypatch.setattr(sound_copies, "COMPARED", 2)
    one, other = (encoded(babble(i)) for i in (1, 2))
    ones, others = ([(raw, listen(raw, "a").print) for raw in side] for side in (
        [one, one], [one, one, other, one],
    ))  # fmt: skip
    near, num_untried = sound_copies.find_near_sounds(ones, others)
    assert 1 <= len(near) <= 2 and num_untried == 3 * 2 - 2
    assert all(index != 2 for _, index in near)
    splits = {"train": [one, one], "test": [encoded(0.5 * babble(1), "OGG") for _ in range(3)]}
    data = Data({
        split: [
            Sample(f"{split}:{i}", {"audio": raw, "label": "a"}) for i, raw in enumerate(sounds)
        ]
        for split, sounds in splits.items()
    })  # fmt: skip
    (note,) = find(inspect(data), "not-compared")
    assert note.message.startswith("4 pairs of sounds of train and test have about the same loud")


def test_a_tone_has_no_print_and_babble_has_one() -> None:
    tone = 0.5 * np.sin(np.arange(RATE) / 5)
    assert listen(encoded(tone), "a").print is None
    assert listen(encoded(babble(0)), "a").print is not None


def test_a_sound_of_less_than_a_sample_cannot_be_read() -> None:
    """Networks read 16,000 samples a second, so that none is left of one of 48,000."""
    raw = encoded(np.full(1, 0.5, np.float32), rate=48_000)
    data = Data({"all": [Sample("short", {"audio": raw, "label": "a"})]}, kind="labels")
    [finding] = find(inspect(data), "unreadable")
    assert "shorter than one sample at 16,000 Hz" in finding.message


def test_channels_that_cancel_are_named() -> None:
    sound = babble(0)
    channels = {
        "opposite": np.stack([sound, -sound], 1),
        "equal": np.stack([sound, sound], 1),
        "different": np.stack([sound, babble(1)], 1),
        "one-sided": np.stack([sound, np.zeros_like(sound)], 1),
        "mono": sound,
    }
    samples = [
        Sample(name, {"audio": encoded(samples), "label": "ab"[i % 2]})
        for i, (name, samples) in enumerate(channels.items())
    ]
    (finding,) = find(inspect(Data({"train": samples})), "opposite-channels")
    assert finding.severity == "warning" and finding.samples == ("opposite",)


def test_figures_and_signs_are_named_and_punctuation_is_counted() -> None:
    findings = inspect(Data(speak("it is 5 o'clock.", "wait, what?", "[noise] yes", "it's fine")))
    (signs,) = find(findings, "not-spoken")
    assert signs.samples == ("train:0", "train:2") and "train:0 (5), train:2 ([])" in signs.message
    (marks,) = find(findings, "punctuation")
    assert marks.severity == "info" and "2 of 4 transcripts have punctuation" in marks.message


def test_transcripts_in_several_cases_are_named() -> None:
    assert find(inspect(Data(speak("ONE", "TWO", "one", "two"))), "mixed-case")
    assert not find(inspect(Data(speak("ONE", "TWO", "ÉTÉ 日本"))), "mixed-case")
    assert not find(inspect(Data(speak("One", "And two", "Été"))), "mixed-case")


def test_transcripts_that_do_not_fit_their_sound_are_named() -> None:
    findings = inspect(Data(speak("a" * 51, "a", "ten letters", "")))
    fast, slow = find(findings, "pace")
    assert fast.samples == ("train:0",) and "train:0 (25.5)" in fast.message
    assert slow.samples == ("train:1",)
    (empty,) = find(findings, "empty")
    assert empty.samples == ("train:3",) and "1 transcript without a word" in empty.message


def test_one_word_in_a_second_is_not_too_slow() -> None:
    assert find(inspect(Data(speak("a", "b", seconds=1.5))), "pace") == []


def test_characters_that_cannot_be_learned_are_named() -> None:
    splits = {**speak("Abc abc", "abd abc"), **speak("abé", split="test")}
    findings = inspect(Data(splits))
    (rare,) = find(findings, "rare-characters")
    assert rare.samples == ("train:1",)
    assert "1 character of one transcript alone, case apart: 'd'" in rare.message
    (unseen,) = find(findings, "unseen-characters")
    assert unseen.samples == ("test:0",) and "'é' (test:0)" in unseen.message


def test_transcripts_of_signs_alone_have_no_word() -> None:
    (empty,) = find(inspect(Data(speak("one two", "... !!", "three"))), "empty")
    assert empty.samples == ("train:1",)


def test_case_and_punctuation_are_no_unseen_characters() -> None:
    findings = inspect(Data({**speak("abc", "Abd"), **speak("DAB, Jab!", split="test")}))
    (unseen,) = find(findings, "unseen-characters")
    assert "1 character, case and punctuation apart, that" in unseen.message
    assert "'j' (test:0). A network that writes" in unseen.message


def test_speakers_on_both_sides_of_a_split_are_named(tmp_path: Path) -> None:
    splits = {**speak("one two"), **speak("two three", split="test")}
    for part in splits.values():
        part[0].roles["group"] = "anna"
    (shared,) = find(inspect(Data(splits)), "shared-group")
    assert "'anna'" in shared.message


@pytest.mark.parametrize(("said", "count"), [
    (("今天天气很好", "你好", "ok"), 1), (("สวัสดีครับ",), 1),
    (("今日は good morning everyone",), 0), (("오늘 날씨가 좋다",), 0),
])  # fmt: skip
def test_a_script_without_blanks_between_words_is_told(said: tuple[str, ...], count: int) -> None:
    assert len(find(inspect(Data(speak(*said))), "unspaced")) == count
