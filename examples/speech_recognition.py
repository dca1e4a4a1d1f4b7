"""Adapt Whisper to a new voice or a new kind of speech.

    python examples/speech_recognition.py RECORDINGS

RECORDINGS is a table with the columns file and text (and speaker, where there are several), a
folder with such a table, or one of LJSpeech's or Kaldi's form. The example transcribes up to 40
recordings with whisper-tiny.en as it is, adapts it by LoRA to up to 80 others, and transcribes
again. It prints both word error rates, and both transcripts of one recording. Needs the extra
`audio`.
"""

from __future__ import annotations

import sys

import graft

TASK = "automatic-speech-recognition"
SIZES = {"train": 80, "val": 20, "test": 40}


def main() -> None:
    if len(sys.argv) < 2:
        sys.exit(__doc__)
    data = graft.load_data(sys.argv[1], task=TASK)
    data = data.with_splits({split: data.splits[split][:size] for split, size in SIZES.items()})
    runs = {
        technique: graft.fit(data, task=TASK, technique=technique, out=f"runs/speech-{technique}")
        for technique in ("zero-shot", "lora")
    }
    for technique, run in runs.items():
        print(technique, "WER", run.result["metrics"]["test"]["wer"])
    sample = data.splits["test"][0]
    print(sample.roles["transcript"])
    for technique, run in runs.items():
        (row,) = run.model.predict([{"audio": sample.roles["audio"]}])
        print(f"  {technique}: {row['prediction']}")


if __name__ == "__main__":
    main()
