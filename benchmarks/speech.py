"""Measure what Whisper's smallest network brings to sounds and speech, and write speech.md.

    python benchmarks/speech.py [--data FOLDER] [--out FOLDER] [--only NAME ...] [--print]

Runs or resumes the cases one after the other; finished runs are not run again, and the sections of
the page whose runs are not in the folder stay as they are. Needs the extra
`audio`, and the sets fsdd, esc10, emodb, pronunciation_scores, librispeech_mini, ljspeech_mini and
yesno.
"""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pandas as pd
from choose import choose, make_parser
from quality import Case, Lines, machine, table
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

import graft
from graft.api import open_study
from graft.backbones.sources.wheel import folder_of
from graft.base import files
from graft.base.errors import GraftError
from graft.base.records import Sample
from graft.data.data import Data
from graft.data.sounds.open import open_sound, read_sound_header
from graft.data.sounds.wave_files import wave_bytes
from graft.metrics.edits import count_edits
from graft.tasks.speech.normalization import normalize

HERE = Path(__file__).parent
NOT_RUN = "Not run."
RATE, PADDED = 16_000, 30
"""Samples a second, and the seconds that Whisper was pretrained on."""
RECOGNIZES = "automatic-speech-recognition"
FOUR = ("feature-extraction", "lp-ft", "lora", "from-scratch")
SPELLS = "ctc"
WRITERS = ("zero-shot", "lora", "full-fine-tuning", SPELLS, "from-scratch")
"""Ways to recognize speech; `ctc` is letters on the frozen encoder, the others are Whisper's."""


def rows_of(data: Path, name: str) -> pd.DataFrame:
    """The table of a set, with whole paths of its sounds."""
    rows = pd.read_csv(data / name / "labels.csv", dtype={"speaker": str, "label": str})
    folder = data / name / ("" if rows.file[0].startswith("audio/") else "audio")
    return rows.assign(file=[str(folder / file) for file in rows.file])


def by(rows: pd.DataFrame, column: str, **splits: Sequence[str]) -> pd.DataFrame:
    """Put each row into the split whose list has its value in the column."""
    names = {str(value): split for split, values in splits.items() for value in values}
    return rows.assign(split=rows[column].astype(str).map(names))


def fsdd(data: Path) -> pd.DataFrame:
    """Spoken digits; two speakers for test and one for validation, whom training never hears."""
    return by(
        rows_of(data, "fsdd"),
        "speaker",
        train=("george", "jackson", "lucas"),
        val=("nicolas",),
        test=("theo", "yweweler"),
    )


def esc10(data: Path) -> pd.DataFrame:
    """Sounds of the environment: folds 1 to 3, 4 and 5."""
    rows = by(rows_of(data, "esc10"), "fold", train=("1", "2", "3"), val=("4",), test=("5",))
    return rows.drop(columns="fold")


SOUNDS = {
    "fsdd, spoken digits of unseen speakers": (
        fsdd,
        {"audio": "file", "label": "label", "group": "speaker"},
        Case("", "", ("feature-extraction", "from-scratch"), 3),
        (1, 5, 20, None),
    ),
    "esc10, sounds of the environment": (
        esc10,
        {"audio": "file", "label": "label"},
        Case("", "", FOUR, settings={"epochs": 6}),
        (None,),
    ),
    "emodb, emotions of unseen speakers": (
        partial(rows_of, name="emodb"),
        {"audio": "file", "label": "emotion", "group": "speaker"},
        Case("", "", FOUR, settings={"epochs": 6}),
        (None,),
    ),
    "pronunciation_scores, how well unseen speakers pronounce": (
        partial(rows_of, name="pronunciation_scores"),
        {"audio": "file", "value": "total", "group": "speaker"},
        Case(
            "",
            "",
            FOUR,
            settings={"task": "audio-regression", "epochs": 6},
            also=("mae", "pearson", "spearman"),
        ),
        (None,),
    ),
}
"""Name -> its table, its columns, what is compared, and the numbers of clips a class."""


def classify(name: str, data: Path, out: Path, run: bool) -> list[str]:
    """Compare techniques on one set of sounds, for each number of clips a class."""
    read, columns, case, sizes = SOUNDS[name]
    lines = [f"## {name}", ""]
    for shots in sizes:
        folder = out / (f"{shots} a class" if shots else "all")
        settings = {"task": "audio-classification", **case.settings}
        if run:
            sounds = graft.load_data(
                read(data), columns={**columns, "split": "split"}, task=settings["task"]
            )
            graft.compare(
                sounds,
                case.techniques,
                seeds=case.seeds,
                shots=shots,
                out=folder,
                observer=Lines(),
                **settings,
            )
        if not any(folder.glob("runs/*/result.json")):
            return [*lines, NOT_RUN, ""]
        heading, *rows = table(replace(case, name=f"{shots} a class" if shots else "all"), folder)
        verdict = [f"> {sentence}" for sentence in open_study(folder).verdict.sentences]
        lines += ["#" + heading, *rows, "", *verdict, ""]
    return lines


def recognize(
    name: str, epochs: Mapping[int | None, int], clean: str, data: Path, out: Path, run: bool
) -> list[str]:
    """Adapt to so many minutes of speech, and measure what becomes of `clean` English."""
    lines = [
        f"## {name}, by minutes of speech in training",
        "",
        "| minutes | technique | epochs | WER | 95 % interval | CER | WER of clean English "
        "| train, s |",
        "| ---: | --- | ---: | ---: | ---: | ---: | ---: | ---: |",
    ]
    for limit in epochs:
        for technique in WRITERS:
            if technique == "zero-shot" and limit != next(iter(epochs)):
                continue  # it learns from none of them
            folder = out / f"{limit or 'all'} {technique}"
            if run and not (folder / "result.json").is_file():
                _adapt(_speech(data, name, limit), technique, epochs[limit], folder)
            if run and not (folder / "clean.json").is_file():
                rate = _word_errors(folder, _speech(data, clean, None).splits["train"])
                files.write_json(folder / "clean.json", rate)
            if (folder / "clean.json").is_file():
                lines.append(_line(limit, technique, epochs[limit], folder))
    if not any(out.glob("*/clean.json")):
        return [lines[0], "", NOT_RUN, ""]
    return [*lines, "", *_note_of(name, clean), ""]


def _speech(data: Path, name: str, minutes: int | None) -> Data:
    """The utterances of a set: up to so many minutes to train, 10 to validate, some 50 to test."""
    if name == "ljspeech_mini":
        return graft.load_data(data / name, task=RECOGNIZES, val=0, test=0)
    if name == "clean":
        rows = rows_of(data, "librispeech_mini")
        return graft.load_data(
            rows[rows.split == "valid"].drop(columns="split"), task=RECOGNIZES, val=0, test=0
        )
    rows = rows_of(data, name)
    speech = graft.load_data(rows, task=RECOGNIZES)
    train, heard = [], 0.0
    for sample in speech.splits["train"]:
        heard += read_sound_header(sample.roles["audio"], sample.id).seconds
        if minutes and train and heard > 60 * minutes:
            break
        train.append(sample)
    val, test = speech.splits["val"][:10], speech.splits["test"]
    # Every second, since those of one speaker follow one another.
    step = 2 if len(test) > 60 else 1
    return speech.with_splits({"train": train, "val": val, "test": test[::step]})


def _adapt(speech: Data, technique: str, epochs: int, folder: Path) -> None:
    if technique == SPELLS:  # its layer is trained on recordings, as long as it gets better
        task = f"{RECOGNIZES}:head=ctc"
        graft.fit(speech, technique="feature-extraction", task=task, out=folder)
    else:
        settings = {} if technique == "zero-shot" else {"epochs": epochs}
        graft.fit(speech, technique=technique, task=RECOGNIZES, out=folder, **settings)


def _word_errors(folder: Path, samples: Sequence[Sample]) -> float:
    """The word error rate of a trained model on other speech."""
    written = graft.load(folder).predict([{"audio": s.roles["audio"]} for s in samples])
    return _rate(samples, [row["prediction"] for row in written])


def _rate(samples: Sequence[Sample], texts: Sequence[str]) -> float:
    """The word error rate without case and punctuation."""
    pairs = [
        (normalize(s.roles["transcript"], "basic").split(), normalize(text, "basic").split())
        for s, text in zip(samples, texts, strict=True)
    ]
    return sum(count_edits(*pair) for pair in pairs) / sum(len(true) for true, _ in pairs)


def _line(limit: int | None, technique: str, epochs: int, folder: Path) -> str:
    result = json.loads((folder / "result.json").read_text(encoding="utf-8"))
    clean = json.loads((folder / "clean.json").read_text(encoding="utf-8"))
    test = result["metrics"]["test"]
    heard = "none" if technique == "zero-shot" else limit or "all"
    passes = "" if technique in ("zero-shot", SPELLS) else epochs
    return (
        f"| {heard} | {technique} | {passes} | {test['wer']['value']:.3f} | "
        f"{test['wer']['low']:.3f} to {test['wer']['high']:.3f} | {test['cer']['value']:.3f} | "
        f"{clean:.3f} | {result['cost']['train_seconds']:.0f} |"
    )


def _note_of(name: str, clean: str) -> list[str]:
    tested = {
        "yesno": "all 29 utterances of the test split",
        "librispeech_mini": "every second utterance of the test split, 50 of 10 speakers",
    }
    heard = {
        "clean": "30 utterances of librispeech_mini",
        "ljspeech_mini": "the 8 utterances of ljspeech_mini, of another speaker",
    }
    return [
        f"Test: {tested[name]}. Clean English: {heard[clean]}. Rates after `basic` normalization: "
        "without case and punctuation."
    ]


def lengths(data: Path, out: Path, run: bool) -> list[str]:
    """Features and transcripts of sounds at their true length, and padded to thirty seconds."""
    if run and not (out / "features.json").is_file():
        out.mkdir(parents=True, exist_ok=True)
        files.write_json(out / "features.json", _features(data))
    if run and not (out / "transcripts.json").is_file():
        files.write_json(out / "transcripts.json", _transcripts(data, out))
    if not (out / "transcripts.json").is_file():
        return ["## True length beside thirty seconds", "", NOT_RUN, ""]
    seen, written = (
        json.loads((out / name).read_text(encoding="utf-8"))
        for name in ("features.json", "transcripts.json")
    )
    true, padded = seen["true"], seen["padded"]
    return [
        "## True length beside thirty seconds",
        "",
        "| | true length | padded to 30 s | ratio |",
        "| --- | ---: | ---: | ---: |",
        f"| fsdd, {seen['clips']} clips, features, s | {true['seconds']:.1f} | "
        f"{padded['seconds']:.1f} | {padded['seconds'] / true['seconds']:.1f} |",
        f"| fsdd, accuracy of a linear probe on unseen speakers | {true['accuracy']:.3f} | "
        f"{padded['accuracy']:.3f} | |",
        f"| librispeech_mini, {written['utterances']} utterances, transcripts, s | "
        f"{written['true']['seconds']:.1f} | "
        f"{written['padded']['seconds']:.1f} | "
        f"{written['padded']['seconds'] / written['true']['seconds']:.1f} |",
        f"| librispeech_mini, WER | {written['true']['wer']:.3f} | "
        f"{written['padded']['wer']:.3f} | |",
        "",
        "Padded transcripts are those of `transformers.pipeline` with the same weights, greedy. "
        "Graft appends ten seconds of silence to each sound, and its time includes the confidence.",
        "",
    ]


def _features(data: Path) -> dict[str, Any]:
    """Embed every fifth clip of the digits in both ways, and fit a probe on them."""
    rows = fsdd(data)
    rows = rows[rows.split != "val"].iloc[::5]
    measured: dict[str, Any] = {"clips": len(rows)}
    ways: dict[str, Callable[[str], Any]] = {"true": str, "padded": _padded}
    graft.embed("whisper-tiny.en", [{"audio": rows.file.iloc[0]}])  # the first start apart
    for way, prepare in ways.items():
        inputs = [{"audio": prepare(file)} for file in rows.file]
        start = time.perf_counter()
        vectors = graft.embed("whisper-tiny.en", inputs).vectors
        seconds = time.perf_counter() - start
        probe = make_pipeline(StandardScaler(), LogisticRegression(C=0.1, max_iter=1000))
        is_test = (rows.split == "test").to_numpy()
        probe.fit(vectors[~is_test], rows.label[~is_test])
        accuracy = float(np.mean(probe.predict(vectors[is_test]) == rows.label[is_test]))
        measured[way] = {"seconds": seconds, "accuracy": accuracy}
    return measured


def _padded(file: str) -> bytes:
    samples = open_sound(file, file, RATE)
    return wave_bytes(np.pad(samples, (0, PADDED * RATE - len(samples))), RATE)


def _transcripts(data: Path, out: Path) -> dict[str, Any]:
    """Transcribe the same utterances by Graft and by transformers, greedily, one at a time."""
    from transformers import pipeline

    speech = _speech(data, "librispeech_mini", None)
    run = graft.fit(speech, technique="zero-shot", task=RECOGNIZES, out=out / "zero-shot")
    samples, model = speech.splits["test"], run.model
    padded = pipeline("automatic-speech-recognition", model=str(folder_of("whisper-tiny.en")))
    greedy = {"num_beams": 1}

    def write_padded(sample: Sample) -> str:
        sound = {"raw": open_sound(sample.roles["audio"], sample.id, RATE), "sampling_rate": RATE}
        return padded(sound, generate_kwargs=greedy)["text"]

    def write(sample: Sample) -> str:
        (row,) = model.predict([{"audio": sample.roles["audio"]}])
        return row["prediction"]

    measured: dict[str, Any] = {"utterances": len(samples)}
    for way, transcribe in {"true": write, "padded": write_padded}.items():
        transcribe(samples[0])  # the first start apart
        start = time.perf_counter()
        texts = [transcribe(sample) for sample in samples]
        measured[way] = {"seconds": time.perf_counter() - start, "wer": _rate(samples, texts)}
    return measured


class Measured(NamedTuple):
    """A section of the page: called with the data, the folder of its runs, and whether to run."""

    name: str
    measure: Callable[[Path, Path, bool], list[str]]


CASES = (
    Measured("lengths", lengths),
    *(Measured(name, partial(classify, name)) for name in SOUNDS),
    Measured(
        "librispeech_mini",
        partial(recognize, "librispeech_mini", {1: 8, 5: 4, None: 1}, "ljspeech_mini"),
    ),
    Measured("yesno", partial(recognize, "yesno", {1: 8, None: 8}, "clean")),
)


def main() -> None:
    asked = make_parser(__doc__, "speech")
    given = asked.parse_args()
    chosen = {case.name for case in choose(CASES, "case", given.only)}
    page = HERE / "speech.md"
    kept = _sections(page.read_text(encoding="utf-8"))
    lines = [*HEAD]
    for case in CASES:
        out = given.out / case.name.partition(",")[0]
        section = case.measure(given.data, out, case.name in chosen and not given.print)
        heading = section[0]
        if NOT_RUN in section and heading in kept:
            lines += kept[heading]
        else:
            lines += [heading, "", machine(), *section[1:]]
    page.write_text("\n".join(lines).rstrip() + "\n", encoding="utf-8")


def _sections(page: str) -> dict[str, list[str]]:
    """The lines of each section of the page as it stands, by heading."""
    sections: dict[str, list[str]] = {}
    lines: list[str] = []
    for line in page.splitlines():
        if line.startswith("## "):
            lines = sections[line] = []
        lines.append(line)
    return sections


HEAD = (
    "# Sounds and speech",
    "",
    "Printed by `python benchmarks/speech.py`, with `whisper-tiny.en` and default settings,",
    "six epochs where four techniques are compared. Intervals are of 95 %; the clips of a speaker",
    "count as one where the data name speakers.",
    "`train` is the wall time of training without evaluation, on one core.",
    "",
)


if __name__ == "__main__":
    try:
        main()
    except GraftError as error:
        sys.exit(str(error))
