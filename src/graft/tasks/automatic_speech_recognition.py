"""Automatic speech recognition: what is said, as text."""

from __future__ import annotations

import math
import unicodedata
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, ClassVar, Self

import numpy as np
from torch import Tensor

from graft.backbones.backbone import Backbone, Model
from graft.backbones.preprocess.preprocess import Preprocess
from graft.backbones.preprocess.sound import SoundPreprocess
from graft.backbones.speech.ctc_folder import HEAD as CTC
from graft.base.errors import BadValue, DataError
from graft.base.evidence import Column, Details, Shown, Table
from graft.base.job import Form
from graft.base.ranges import NotNegative, read_numbers
from graft.base.records import Batch, Output, Sample, Windows
from graft.data.data import Data
from graft.data.sounds.play import sound_uri
from graft.data.sounds.spectrogram import spectrogram_uri
from graft.data.sounds.wave_files import wave_bytes
from graft.metrics.cer import cer
from graft.metrics.edits import align, count_edits
from graft.metrics.language import bits_per_byte
from graft.metrics.metric import Metric
from graft.metrics.wer import wer
from graft.tasks.sounds.read import encode_sound, is_too_long, sound_length, sound_seconds
from graft.tasks.speech.characters import Characters, outputs_for
from graft.tasks.speech.coding import Coding
from graft.tasks.speech.long_sounds import cut_sounds, join_segments, join_texts
from graft.tasks.speech.normalization import WORDS, Normalization, normalize
from graft.tasks.speech.written_tokens import WrittenTokens
from graft.tasks.task import Baseline, Task, objects
from graft.tasks.text.generation import Decoding
from graft.tasks.text.token_loss import sum_of_sums
from graft.tasks.text.written import Written, as_json, likelihoods_of, most_tokens, texts_of

MARGIN = 1.25
"""The maximum length of a transcript, in lengths of the longest in training."""
LENGTHS = (5, 10, 20, 40)
"""Words up to which transcripts are counted together in the table by length."""
PART = 448
"""The most tokens of a part of a long sound: the positions of Whisper's decoder."""
CANDIDATES = 20
"""Transcripts of training that the baseline chooses among, beside none."""


@dataclass(frozen=True)
class AutomaticSpeechRecognition(Task):
    """Write what is said in a sound.

    Whisper's decoder writes tokens while it attends to the frames of the sound, of which up to 30
    seconds are read. Errors are counted after `normalize`: `basic` ignores case and punctuation,
    `whisper-english` follows Whisper's rules for English, `none` counts everything. Transcripts are
    generated once, at the end, for the test split; before that, bits per byte of the true ones
    measure progress. Transcripts in capitals throughout are learned in lower case, unless
    `normalize=none`, since networks know words in lower case best. With `head=ctc`, one linear
    layer on any encoder of speech gives each frame a character of the transcripts, or none.
    Baseline: the one transcript, or the empty one, that has the fewest word errors in training.
    Example: graft fit talks --task automatic-speech-recognition -t lora
    """

    name: ClassVar[str] = "automatic-speech-recognition"
    reads: ClassVar[str] = "audio"
    roles: ClassVar[frozenset[str]] = frozenset({"audio", "transcript"})
    target_role: ClassVar[str] = "transcript"
    gives: ClassVar[str] = "text"
    heads: ClassVar[dict[Form, str]] = {"seq2seq": "own", "sequence": "ctc"}
    generates: ClassVar[bool] = True
    measures_texts: ClassVar[bool] = True
    batch_size: ClassVar[int | None] = 8
    options: ClassVar[tuple[str, ...]] = ("normalize", "num_beams", "language", "silence")
    cut_words: ClassVar[str] = (
        "sounds or transcripts are longer than the network reads or writes, and are cut"
    )

    classes: tuple[str, ...] = ()
    longest: int = 0
    most: int | None = None
    is_upper: bool = False
    characters: str = ""
    """Those of the transcripts in training, in order, which the head `ctc` gives."""
    normalize: Normalization = "basic"
    """What is ignored where errors are counted: `basic` is case and punctuation."""
    num_beams: int = 1
    """The number of texts that are searched for the likeliest one; 1 takes the likeliest token each
    time."""
    language: str = ""
    """The language that is spoken, as `de`, of a network for several."""
    silence: NotNegative = 10.0
    """Seconds of silence that Whisper hears behind a sound, up to thirty in all. With one or none
    it is faster, but as it was pretrained it then repeats itself."""

    def __post_init__(self) -> None:
        """Raises BadValue for impossible numbers, and for options that would have no effect."""
        super().__post_init__()
        read_numbers(self)
        Decoding(num_beams=self.num_beams)
        language = self.language.strip("<|>").lower()
        if self.normalize == "whisper-english" and language not in ("", "en"):
            raise BadValue(
                f"normalize=whisper-english has rules for English alone, and language="
                f"{self.language} was given. Use normalize=basic."
            )
        if self.head == CTC:
            self._refuse_decoder_options()
            outputs = outputs_for(self.characters, self.normalize != "none")
            object.__setattr__(self, "classes", outputs)

    def _refuse_decoder_options(self) -> None:
        """Raise BadValue for options that only a decoder has."""
        if self.language:
            raise BadValue(
                f"language={self.language} is for networks that write in several languages. "
                "The head 'ctc' learns the characters of training alone: leave it out."
            )
        if self.silence != type(self).silence:
            raise BadValue(
                f"silence={self.silence:g} is for Whisper's decoder, which relies on silence "
                "behind a sound. The head 'ctc' has no decoder: leave it out."
            )

    @classmethod
    def from_data(cls, data: Data, *, weighted: bool = False) -> Self:
        """Raises DataError if no transcript in training has a word."""
        transcripts = [sample.roles["transcript"] for sample in data.splits["train"]]
        words = " ".join(transcripts)
        if not words.strip():
            raise DataError(
                "Every transcript in the training split of "
                f"{data.path or 'the data'} is empty; give some that are not."
            )
        longest = max(len(text.encode()) for text in transcripts)
        characters = "".join(sorted(set(unicodedata.normalize("NFC", "".join(words.split())))))
        return cls(longest=longest, is_upper=words.isupper(), characters=characters)

    @property
    def coding(self) -> Coding:
        """How transcripts become targets of the network."""
        if self.head == CTC:
            return Characters(self.classes, self.normalize != "none")
        return WrittenTokens()

    def with_head(self, backbone: Backbone) -> Backbone:
        """Set the language and the silence; raises BackboneError for a language it cannot read."""
        backbone = super().with_head(backbone)
        if backbone.form != "seq2seq":
            return backbone
        given = {"language": self.language, "silence": self.silence}
        preprocess = replace(backbone.preprocess, **given)
        preprocess.check()
        return replace(backbone, preprocess=preprocess)

    def _lower_capitals(self, transcript: str) -> str:
        """The transcript as the network learns it."""
        is_lowered = self.is_upper and self.normalize != "none"
        return transcript.lower() if is_lowered else transcript

    def _normalize_all(self, texts: Sequence[str]) -> np.ndarray:
        """What is left of texts (N,) where errors are counted."""
        return objects([normalize(text, self.normalize) for text in texts])

    def encode(
        self, sample: Sample, preprocess: SoundPreprocess, rng: np.random.Generator | None
    ) -> dict[str, Tensor]:
        inputs = encode_sound(sample, preprocess, rng)
        transcript = sample.roles.get("transcript")
        if transcript is None:
            return inputs
        coded = self.coding.code(self._lower_capitals(transcript), preprocess)
        return self.coding.add_target(inputs, coded, preprocess)

    def encode_target(
        self, piece: Sample, preprocess: SoundPreprocess, rng: np.random.Generator | None
    ) -> Tensor | None:
        transcript = piece.roles.get("transcript")
        if transcript is None or not isinstance(self.coding, Characters):
            return super().encode_target(piece, preprocess, rng)
        return self.coding.target(self.coding.code(self._lower_capitals(transcript), preprocess))

    def length(self, piece: Sample, preprocess: SoundPreprocess) -> int:
        return sound_length(piece, preprocess)

    def count_cut(self, samples: Sequence[Sample], preprocess: SoundPreprocess) -> int:
        return sum(
            is_too_long(sample, preprocess) or self._is_cut(sample, preprocess)
            for sample in samples
        )

    def _is_cut(self, sample: Sample, preprocess: Preprocess) -> bool:
        text = sample.roles.get("transcript")
        if text is None:
            return False
        coded = self.coding.code(self._lower_capitals(text), preprocess)
        return coded.is_cut or not self.coding.fits(coded, sound_seconds(sample), preprocess)

    def collate_targets(self, targets: list[Tensor]) -> Tensor:
        return self.coding.collate_targets(targets)

    def loss(self, output: Output, batch: Batch) -> Tensor:
        return self.coding.loss(output, batch)

    def loss_weight(self, batch: Batch) -> float | Tensor:
        return self.coding.loss_weight(batch)

    def rows(self, output: Output, batch: Batch) -> list[tuple[float, int]]:
        return self.coding.rows(output, batch)

    def losses(
        self, output: Output, batch: Batch, rows: Sequence[tuple[float, int]]
    ) -> tuple[float, int]:
        return sum_of_sums(rows)

    def scores(self, rows: Sequence[tuple[float, int]], windows: Windows) -> np.ndarray:
        """Return the score of each sound before its transcript is written, see `Written`."""
        texts = (sample.roles.get("transcript") for sample in windows.samples)
        sizes = [len(self._lower_capitals(text or "").strip().encode()) for text in texts]
        return objects(
            [
                Written(None, nats, count, size)
                for (nats, count), size in zip(rows, sizes, strict=True)
            ]
        )

    def with_texts(self, scores: np.ndarray, texts: Sequence[str]) -> np.ndarray:
        return objects([replace(s, text=text) for s, text in zip(scores, texts, strict=True)])

    def targets(self, samples: Sequence[Sample]) -> np.ndarray:
        """What is left of each transcript where errors are counted."""
        return self._normalize_all([sample.roles["transcript"] for sample in samples])

    def tune(self, scores: np.ndarray, targets: np.ndarray) -> Self:
        """Decode up to `most` tokens: those of the longest transcript, and a quarter more."""
        return replace(self, most=most_tokens(scores, self.longest, MARGIN) or self.most)

    @property
    def decoding(self) -> Decoding:
        """The likeliest tokens, by beams where there are several.

        A token being a byte at least, until `most` is known.
        """
        return Decoding(self.most or max(1, self.longest), num_beams=self.num_beams)

    def generate(self, model: Model, samples: Sequence[Sample], decoding: Decoding) -> list[str]:
        """Transcribe sounds, long ones in parts that are cut in pauses."""
        windows = cut_sounds(samples, model.backbone.preprocess)
        decoding = _for_parts(decoding, windows)
        return join_texts(windows, self.coding.write(model, windows.pieces, decoding))

    def segments(
        self, model: Model, samples: Sequence[Sample], decoding: Decoding
    ) -> list[list[dict[str, Any]]]:
        """Generate the `text` of each sound in parts, with their `start` and `end` in seconds.

        Raises BadValue for a network that writes no times.
        """
        windows = cut_sounds(samples, model.backbone.preprocess)
        decoding = _for_parts(decoding, windows)
        return join_segments(windows, self.coding.write_timed(model, windows.pieces, decoding))

    def decode(self, scores: np.ndarray, samples: Sequence[Sample]) -> list[dict[str, Any]]:
        """`prediction`: the transcript that was written.

        `confidence`: the mean (geometric) probability of a byte of the true transcript, in a
        prediction of the written one. `nats`, `tokens` and `bytes` are those of the true one.
        """
        return [as_json(score) for score in scores]

    def is_right(self, prediction: str, target: str) -> bool:
        """Whether nothing differs that is counted."""
        written, true = self._normalize_all([prediction, target])
        return written == true

    def severity(self, row: Mapping[str, Any]) -> float | None:
        """The errors a word; None if there is none."""
        written, true = (
            text.split() for text in self._normalize_all([row["prediction"], row["target"]])
        )
        return count_edits(true, written) / max(1, len(true)) or None

    def details(self, scores: np.ndarray, targets: np.ndarray) -> Details:
        written = self._normalize_all(texts_of(scores))
        note = f"Those with the most errors a word, compared {WORDS[self.normalize]}."
        return Details(per_class=_by_length(written, targets), mistakes=("Worst transcripts", note))

    def show(
        self, sample: Sample, prediction: str | None = None, target: str | None = None
    ) -> Shown:
        """The sound, with the words of the true transcript that were written otherwise."""
        sound, edits = (sample.roles["audio"], sample.id), ()
        if prediction is not None and target is not None:
            written, true = (text.split() for text in self._normalize_all([prediction, target]))
            edits = tuple((edit.removed or "", edit.added or "") for edit in align(true, written))
        return Shown("audio", sound_uri(*sound), picture=spectrogram_uri(*sound), edits=edits)

    def right_output(self, batch: Batch) -> Output:
        return self.coding.right_output(batch)

    @property
    def metrics(self) -> dict[str, Metric]:
        def read(scores: np.ndarray) -> np.ndarray:
            return self._normalize_all(texts_of(scores))

        return {metric.name: metric.with_reader(read) for metric in (wer, cer)}

    @property
    def watched(self) -> dict[str, Metric]:
        """Bits per byte of the transcripts, for which nothing need be written."""
        return {bits_per_byte.name: bits_per_byte.with_reader(likelihoods_of)}

    @property
    def baselines(self) -> tuple[Baseline, ...]:
        return (
            Baseline("constant-transcript", "always the same transcript", self._write_constant),
        )

    def _write_constant(self, train: Sequence[Sample], test: Sequence[Sample]) -> np.ndarray:
        """The transcript with the fewest word errors in training, among the most frequent ones."""
        true = [text.split() for text in self.targets(train)]
        frequent = Counter(tuple(words) for words in true).most_common(CANDIDATES)
        candidates = [(), *(words for words, _ in frequent)]
        best = min(candidates, key=lambda words: sum(count_edits(words, text) for text in true))
        return objects([Written(" ".join(best)) for _ in test])

    @classmethod
    def tiny_data(cls) -> Data:
        rng = np.random.default_rng(0)
        pitches = {"do": 200, "mi": 800, "so": 2000}

        def sample(split: str, number: int) -> Sample:
            """One to four tones with their names; one of six is more than a tiny network hears."""
            count = 20 if number % 6 == 5 else int(rng.integers(1, 5))
            names = [str(name) for name in rng.choice(list(pitches), count)]
            times = np.arange(960) / 8000
            tones = [0.3 * np.sin(2 * np.pi * pitches[name] * times) for name in names]
            noise = rng.uniform(-0.02, 0.02, 960 * count)
            sound = wave_bytes(np.concatenate(tones) + noise, 8000)
            transcript = f"{' '.join(names).capitalize()}."
            return Sample(f"{split}:{number}", {"audio": sound, "transcript": transcript})

        sizes = {"train": 24, "val": 8, "test": 12}
        return Data(
            {split: [sample(split, i) for i in range(n)] for split, n in sizes.items()},
            "tiny tunes",
        )


def _for_parts(decoding: Decoding, windows: Windows) -> Decoding:
    """Let parts of long sounds have more words than any sound in training, which was shorter."""
    is_cut = len(windows.pieces) > len(windows.samples)
    return (
        replace(decoding, max_new_tokens=max(PART, decoding.max_new_tokens)) if is_cut else decoding
    )


def _by_length(written: np.ndarray, true: np.ndarray) -> Table:
    """The error rates of transcripts by their number of words."""
    columns = (
        Column(wer.name, wer.words),
        Column(cer.name, cer.words),
        Column("transcripts", "transcripts", "count"),
    )
    lengths = np.array([len(text.split()) for text in true])
    rows = {}
    for least, most in zip((0, *LENGTHS), (*LENGTHS, math.inf), strict=True):
        within = (lengths > least) & (lengths <= most) if least else lengths <= most
        if within.any():
            name = f"{least + 1} to {most} words" if least else f"up to {most} words"
            name = name if most < math.inf else f"over {least} words"
            rates = {rate.name: rate(written[within], true[within]) for rate in (wer, cer)}
            rows[name] = {**rates, "transcripts": int(within.sum())}
    return Table(("length", "lengths"), columns, rows, wer.name)
