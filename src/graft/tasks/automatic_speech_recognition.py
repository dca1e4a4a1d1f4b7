"""Automatic speech recognition: what is said, as text."""

from __future__ import annotations

import unicodedata
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, ClassVar, Self

import numpy as np
from torch import Tensor

from graft.backbones.backbone import Backbone, Model
from graft.backbones.preprocess.sound import SoundPreprocess
from graft.backbones.speech.ctc_folder import HEAD as CTC
from graft.base.baseline import Baseline
from graft.base.errors import BadValue, DataError
from graft.base.evidence import Details, Shown
from graft.base.job import Form
from graft.base.ranges import NotNegative, read_numbers
from graft.base.records import Batch, Output, Sample, Windows
from graft.data.data import Data
from graft.data.sounds.play import sound_uri
from graft.data.sounds.spectrogram import spectrogram_uri
from graft.data.sounds.wave_files import wave_bytes
from graft.data.unspaced import is_unspaced
from graft.metrics.metric import Metric
from graft.tasks.sounds.read import encode_sound, is_too_long, sound_length, sound_seconds
from graft.tasks.speech.characters import Characters, outputs_for
from graft.tasks.speech.coding import Coding
from graft.tasks.speech.long_sounds import (
    cut_sounds,
    join_segments,
    join_texts,
    leave_out_long,
    with_transcripts,
)
from graft.tasks.speech.normalization import WORDS, Normalization, normalize
from graft.tasks.speech.units import CHARACTER, WORD, Unit
from graft.tasks.speech.written_tokens import WrittenTokens
from graft.tasks.task import objects
from graft.tasks.text.generation import Decoding, Generated
from graft.tasks.text.token_loss import sum_of_sums
from graft.tasks.text.writing import Writing
from graft.tasks.text.written import Written, as_json, texts_of


@dataclass(frozen=True)
class AutomaticSpeechRecognition(Writing):
    """Write what is said in a sound.

    Whisper's decoder writes tokens while it attends to the frames of the sound. It hears up to 30
    seconds at once: longer sounds are transcribed in parts, and are left out of training. Errors
    are counted after `normalize`: `basic` ignores case and punctuation, `whisper-english` follows
    Whisper's rules for English, `none` counts everything. They are those of words, or of characters
    if the transcripts are in a script without blanks between words, as Chinese or Thai. Transcripts
    are generated once, at the end, for the test split; before that, bits per byte of the true ones
    measure progress. Transcripts in capitals throughout are learned in lower case, unless
    `normalize=none`, since networks know words in lower case best. With `head=ctc`, one linear
    layer on any encoder of speech gives each frame a character of the transcripts, or none.
    Baseline: the one transcript, or the empty one, that has the fewest errors in training.
    Example: graft fit talks --task automatic-speech-recognition -t lora
    """

    name: ClassVar[str] = "automatic-speech-recognition"
    reads: ClassVar[str] = "audio"
    roles: ClassVar[frozenset[str]] = frozenset({"audio", "transcript"})
    target_role: ClassVar[str] = "transcript"
    heads: ClassVar[dict[Form, str]] = {"seq2seq": "own", "sequence": "ctc"}
    times_texts: ClassVar[bool] = True
    batch_size: ClassVar[int | None] = 8
    options: ClassVar[tuple[str, ...]] = ("normalize", "num_beams", "language", "silence")
    is_upper: bool = False
    is_unspaced: bool = False
    """Whether no blanks separate the words of transcripts, so that characters are counted."""
    characters: str = ""
    """Those of the transcripts in training, in order, which the head `ctc` gives."""
    normalize: Normalization = "basic"
    """What is ignored where errors are counted: `basic` is case and punctuation."""
    language: str = ""
    """The language that is spoken, as `de`, of a network for several."""
    silence: NotNegative = 10.0
    """Seconds of silence that Whisper hears behind a sound, up to thirty in all. With one or none
    it is faster, but as it was pretrained it then repeats itself."""

    def __post_init__(self) -> None:
        """Raises BadValue for impossible numbers, and for options that would have no effect."""
        super().__post_init__()
        read_numbers(self)
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
        transcripts = cls.training_targets(data)
        words = " ".join(transcripts)
        return cls(
            longest=max(len(text.encode()) for text in transcripts),
            is_upper=words.isupper(),
            is_unspaced=is_unspaced(transcripts),
            characters="".join(sorted(set(unicodedata.normalize("NFC", "".join(words.split()))))),
        )

    @property
    def coding(self) -> Coding:
        """How transcripts become targets of the network."""
        if self.head == CTC:
            return Characters(self.classes, self.normalize != "none")
        return WrittenTokens()

    @property
    def unit(self) -> Unit:
        """What errors are counted in."""
        return CHARACTER if self.is_unspaced else WORD

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

    def choose_learnable(self, data: Data, preprocess: SoundPreprocess) -> tuple[Data, list[str]]:
        """Leave out sounds of which the network hears the beginning only, not the whole transcript.

        Raises DataError if none is left, and if no transcript in training has a letter or figure,
        or none fits its sound.
        """
        learnable, notes = leave_out_long(data, preprocess)
        train = learnable.splits["train"]
        if not any(self.targets(train)):
            raise DataError(
                f"normalize={self.normalize} leaves nothing of the transcripts in training: they "
                f"have neither letters nor figures, but {self.characters[:20]!r}. Give transcripts "
                "of what is said, or use normalize=none."
            )
        if not any(self._fits(sample, preprocess) for sample in train):
            raise DataError(
                f"No transcript in the training split of {data.path or 'the data'} fits its sound: "
                f"the network gives each at most one character a frame, and {train[0].id} lasts "
                f"{sound_seconds(train[0]):.3g} seconds. Give whole sounds with their transcripts."
            )
        return learnable, notes

    def count_cut(self, samples: Sequence[Sample], preprocess: SoundPreprocess) -> int:
        heard = (sample for sample in samples if not is_too_long(sample, preprocess))
        return sum(not self._fits(sample, preprocess) for sample in heard)

    @property
    def cut_words(self) -> str:
        return self.coding.cut_words

    def _fits(self, sample: Sample, preprocess: SoundPreprocess) -> bool:
        """Whether the network can give the whole transcript of a sound."""
        text = sample.roles.get("transcript")
        if text is None:
            return True
        coded = self.coding.code(self._lower_capitals(text), preprocess)
        return not coded.is_cut and self.coding.fits(coded, sound_seconds(sample), preprocess)

    def collate_targets(self, targets: list[Tensor]) -> Tensor:
        return self.coding.collate_targets(targets)

    def loss(self, output: Output, batch: Batch) -> Tensor:
        return self.coding.loss(output, batch)

    def loss_weight(self, batch: Batch) -> float | Tensor:
        return self.coding.loss_weight(batch)

    def rows(self, output: Output, batch: Batch) -> list[tuple[float, int]]:
        return self.coding.rows(output, batch)

    def scores(self, rows: Sequence[tuple[float, int]], windows: Windows) -> np.ndarray:
        """Return the score of each sound before its transcript is written, see `Written`."""
        return objects([self._score(parts) for parts in windows.by_sample(rows)])

    def _score(self, parts: Sequence[tuple[Sample, tuple[float, int]]]) -> Written:
        """The sums over the parts of a sound, each with its nats and their number."""
        texts = [piece.roles.get("transcript") or "" for piece, _ in parts]
        size = sum(len(self._lower_capitals(text).strip().encode()) for text in texts)
        return Written(None, *sum_of_sums(row for _, row in parts), size)

    def targets(self, samples: Sequence[Sample]) -> np.ndarray:
        """What is left of each transcript where errors are counted."""
        return self._normalize_all([sample.roles["transcript"] for sample in samples])

    @property
    def decoding(self) -> Decoding:
        """As for other texts, but a sound that is longer than those of training may have more."""
        return replace(super().decoding, by_length=True)

    def generate(self, model: Model, samples: Sequence[Sample], decoding: Decoding) -> list[str]:
        """Transcribe sounds, long ones in parts that are cut in pauses."""
        return list(self.write(model, samples, decoding).texts)

    def write(
        self, model: Model, samples: Sequence[Sample], decoding: Decoding, timed: bool = False
    ) -> Generated:
        """Transcribe sounds; raises BadValue if `timed` of a network that writes no times."""
        windows = cut_sounds(samples, model.backbone.preprocess)
        segments = None
        if timed:
            parts = self.coding.write_timed(model, windows.pieces, decoding)
            texts = [" ".join(segment["text"] for segment in part) for part in parts]
            segments = join_segments(windows, parts)
        else:
            texts = self.coding.write(model, windows.pieces, decoding)
        return Generated(join_texts(windows, texts), with_transcripts(windows, texts), segments)

    def decode(self, scores: np.ndarray, samples: Sequence[Sample]) -> list[dict[str, Any]]:
        """`prediction`: the transcript that was written.

        `confidence`: the mean (geometric) probability of a byte of the true transcript, in a
        prediction of the written one. `nats`, `tokens` and `bytes` are those of the true one. A
        written one is measured part by part; nothing says which words of a true one are in which
        part of a long sound, so it is measured as if all were in the beginning that is heard.
        """
        return [as_json(score) for score in scores]

    def is_right(self, prediction: str, target: str) -> bool:
        """Whether nothing differs that is counted."""
        written, true = self._normalize_all([prediction, target])
        return written == true

    def severity(self, row: Mapping[str, Any]) -> float | None:
        """The errors a word, or a character; None if there is none."""
        written, true = self._normalize_all([row["prediction"], row["target"]])
        return self.unit.error_rate(true, written) or None

    def details(self, scores: np.ndarray, targets: np.ndarray) -> Details:
        table = self.unit.table(self._normalize_all(texts_of(scores)), targets)
        note = (
            f"Those with the most errors a {self.unit.noun}, compared {WORDS[self.normalize]}. "
            "What was said and not written is struck out, what was written instead is underlined."
        )
        return Details(per_class=table, mistakes=("Worst transcripts", note))

    def show(
        self, sample: Sample, prediction: str | None = None, target: str | None = None
    ) -> Shown:
        """The sound, with what of the true transcript was written otherwise."""
        sound, edits = (sample.roles["audio"], sample.id), ()
        if prediction is not None and target is not None:
            written, true = self._normalize_all([prediction, target])
            edits = self.unit.align(true, written)
        return Shown("audio", sound_uri(*sound), picture=spectrogram_uri(*sound), edits=edits)

    def right_output(self, batch: Batch) -> Output:
        return self.coding.right_output(batch)

    @property
    def metrics(self) -> dict[str, Metric]:
        def read(scores: np.ndarray) -> np.ndarray:
            return self._normalize_all(texts_of(scores))

        return {metric.name: metric.with_reader(read) for metric in self.unit.rates}

    @property
    def baselines(self) -> tuple[Baseline, ...]:
        return (
            Baseline("constant-transcript", "always the same transcript", self._write_constant),
        )

    def _write_constant(self, train: Sequence[Sample], test: Sequence[Sample]) -> np.ndarray:
        constant = self.unit.choose_constant(list(self.targets(train)))
        return objects([Written(constant) for _ in test])

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
