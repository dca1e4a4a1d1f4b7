from __future__ import annotations

import json
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from tokenizers import Tokenizer, decoders, models, pre_tokenizers, processors, trainers
from transformers import PreTrainedTokenizerFast

from graft.backbones.load import load_backbone
from graft.backbones.preprocess.preprocess import TextPreprocess
from graft.base.errors import BackboneError, DataError
from graft.base.records import Output, Sample
from graft.data.data import Data
from graft.tasks.question_answering import QuestionAnswering
from graft.tasks.text.answer_spans import AnswerScores, Span
from tests.jobs import job

PROSE = (
    "Graz lies on the river Mur. It had 292,630 people in 2021, "
    "and is the second largest city of Austria.\n"
    "Its old town, with a clock tower (the  Uhrturm), has been a World Heritage Site since 1999! "
    "Élan — naïve café 🙂 ok. "
)
LONG = (
    PROSE * 3
    + "東京タワーは高さ三百三十三メートルの電波塔で千九百五十八年に完成した。" * 4
    + " "
    + "x" * 150
    + " end"
)


def sample(question: str, context: str, *answers: str, name: str = "1") -> Sample:
    return Sample(
        name,
        {
            "question": question,
            "context": context,
            "answers": tuple((a, context.index(a)) for a in answers),
        },
    )


def byte_level() -> PreTrainedTokenizerFast:
    """GPT-2's kind: bytes joined to tokens, no marks, the blank belongs to the word behind it."""
    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = decoders.ByteLevel()
    tokenizer.post_processor = processors.ByteLevel(trim_offsets=False)
    alphabet = pre_tokenizers.ByteLevel.alphabet()
    special = ["<end>"]
    tokenizer.train_from_iterator(
        [PROSE] * 3,
        trainers.BpeTrainer(
            vocab_size=400, initial_alphabet=alphabet, special_tokens=special, show_progress=False
        ),
    )
    return PreTrainedTokenizerFast(
        tokenizer_object=tokenizer,
        eos_token="<end>",
        pad_token="<end>",
        model_input_names=["input_ids", "attention_mask"],
    )


def metaspace() -> PreTrainedTokenizerFast:
    """As in T5 and XLNet: word pieces with a mark for blanks, special tokens last, left padding."""
    tokenizer = Tokenizer(models.BPE(unk_token="<unk>"))
    tokenizer.pre_tokenizer = pre_tokenizers.Metaspace()
    special = ["<pad>", "<unk>", "<sep>", "<cls>"]
    tokenizer.train_from_iterator(
        [PROSE] * 3,
        trainers.BpeTrainer(vocab_size=120, special_tokens=special, show_progress=False),
    )
    tokenizer.post_processor = processors.TemplateProcessing(
        single="$A <sep> <cls>",
        pair="$A <sep> $B:1 <sep>:1 <cls>:2",
        special_tokens=[("<sep>", 2), ("<cls>", 3)],
    )
    names = {"pad_token": "<pad>", "unk_token": "<unk>", "sep_token": "<sep>", "cls_token": "<cls>"}
    inputs = ["input_ids", "token_type_ids", "attention_mask"]
    return PreTrainedTokenizerFast(
        tokenizer_object=tokenizer, padding_side="left", model_input_names=inputs, **names
    )


def preprocess_of(name: str, longest: int) -> TextPreprocess:
    if name in ("byte-level", "metaspace"):
        return TextPreprocess(byte_level() if name == "byte-level" else metaspace(), longest)
    return TextPreprocess(
        load_backbone(name, job("text-classification", 2), True).preprocess.tokenizer, longest
    )


KINDS = ["tiny:bert", "tiny:xlnet", "byte-level", "metaspace", "minilm-l6"]


def starts_and_ends(logits: torch.Tensor) -> dict[str, torch.Tensor]:
    """What a network returns, from (B, T, 2)."""
    return {"start_logits": logits[..., 0], "end_logits": logits[..., 1]}


@pytest.fixture(scope="module", params=KINDS)
def preprocess(request) -> TextPreprocess:
    try:
        return preprocess_of(request.param, 48)
    except BackboneError as error:
        if "pip" not in str(error):
            raise
        pytest.skip(f"the built-in backbone cannot be fetched: {error}")


def answered(
    task: QuestionAnswering, samples: list[Sample], preprocess: TextPreprocess
) -> tuple[np.ndarray, float]:
    """The scores and the loss of a network that is right about every piece."""
    windows = task.windows(samples, preprocess)
    batch = task.collate(
        [task.encode(piece, preprocess, None) for piece in windows.pieces], preprocess
    )
    logits = torch.zeros(*batch.inputs["input_ids"].shape, 2).scatter_(
        1, batch.target[:, None, :], 20.0
    )
    output = Output(starts_and_ends(logits), torch.zeros(1))
    return task.scores(task.rows(output, batch), windows), float(task.loss(output, batch))


@pytest.mark.parametrize("context", ["", " ", PROSE, LONG, LONG + "\n\n", "x" * 300, "🙂" * 100])
def test_windows_cover_the_context_and_fit(preprocess, context):
    task = QuestionAnswering()
    whole = sample("Where does Graz lie?", context)
    windows = task.windows([whole], preprocess)
    reached = 0
    for piece in windows.pieces:
        start, end = piece.roles.get("window", (0, len(context)))
        encoded = task.encode(piece, preprocess, None)
        assert len(encoded["input_ids"]) <= 48
        offsets = encoded["offsets"].numpy()
        there = offsets[offsets[:, 1] > 0]
        assert start <= reached, "no gap"
        if len(there):
            assert there[:, 0].min() >= start
            assert context[there[:, 1].max() : end].strip() == "", "nothing is cut off"
        reached = end
    assert reached == len(context)


@pytest.mark.parametrize(
    "answer",
    ["Graz", "river Mur", "292,630", "2021", "second largest", "café", "Élan", "ok", "1999"],
)
def test_a_network_that_is_right_answers_in_the_words_of_the_context(preprocess, answer):
    task = QuestionAnswering(threshold=0.0)
    samples = [
        sample("What is it?", PROSE, answer),
        sample("What is it?", LONG, answer),
        sample("What is it?", answer, answer),
    ]
    scores, loss = answered(task, samples, preprocess)
    assert loss < 0.01
    for found, one, row in zip(scores, samples, task.decode(scores, samples), strict=True):
        assert answer in row["prediction"], "a token may hold more than the answer"
        assert len(row["prediction"]) <= len(answer) + 6
        assert one.roles["context"][row["start"] : row["end"]] == row["prediction"]
        assert all(
            one.roles["context"][span.start : span.end] == span.text == span.text.strip()
            for span in found.spans
        )


def test_no_answer_is_the_mark_of_the_beginning_or_the_first_token(preprocess):
    task = QuestionAnswering(threshold=0.0)
    encoded = task.encode(sample("Who?", PROSE), preprocess, None)
    cls = preprocess.tokenizer.cls_token_id
    assert encoded["target"].tolist() == [int(encoded["none"])] * 2
    assert encoded["input_ids"][encoded["none"]] == (
        encoded["input_ids"][0] if cls is None else cls
    )
    scores, _ = answered(task, [sample("Who?", LONG), sample("Who?", PROSE)], preprocess)
    assert [row["prediction"] for row in task.decode(scores, [])] == ["", ""]


def test_a_piece_without_the_whole_answer_has_none(preprocess):
    task = QuestionAnswering()
    windows = task.windows([sample("What?", LONG, "292,630 people")], preprocess)
    assert len(windows.pieces) > 3
    for piece in windows.pieces:
        start, end = piece.roles["window"]
        encoded = task.encode(piece, preprocess, None)
        inside = start <= LONG.index("292,630") and LONG.index("292,630 people") + 14 <= end
        assert inside == (encoded["target"].tolist() != [int(encoded["none"])] * 2)


def test_a_long_question_is_cut_at_its_end(preprocess):
    task = QuestionAnswering(threshold=0.0)
    asked = sample("Where is the river Mur, and who knows it? " * 20, LONG, "292,630")
    scores, _ = answered(task, [asked], preprocess)
    assert "292,630" in task.decode(scores, [asked])[0]["prediction"]


@pytest.mark.parametrize("question", ["", "Who?"])
def test_an_empty_context_has_no_answer(preprocess, question):
    for task in (QuestionAnswering(), QuestionAnswering(threshold=3.0)):
        empty = sample(question, "")
        scores, _ = answered(task, [empty, sample("Who?", PROSE, "Graz")], preprocess)
        row = task.decode(scores, [])[0]
        assert (row["prediction"], row["start"], row["confidence"]) == ("", None, 1.0)


def test_of_several_answers_the_first_in_the_window_is_learned(preprocess):
    task = QuestionAnswering()
    encoded = task.encode(sample("What?", "It is red, or blue.", "blue", "red"), preprocess, None)
    first, last = encoded["target"].tolist()
    assert (
        "blue" in "It is red, or blue."[encoded["offsets"][first, 0] : encoded["offsets"][last, 1]]
    )


def test_padding_on_either_side_shifts_what_counts(preprocess):
    task = QuestionAnswering()
    samples = [
        sample("What?", "It is red.", "red"),
        sample("What is it that we see?", "It is a blue lamp.", "blue"),
    ]
    alone = [task.collate([task.encode(s, preprocess, None)], preprocess) for s in samples]
    both = task.collate([task.encode(s, preprocess, None) for s in samples], preprocess)
    for row, one in enumerate(alone):
        assert (
            both.inputs["input_ids"][row, both.target[row]].tolist()
            == one.inputs["input_ids"][0, one.target[0]].tolist()
        )
        assert (
            both.extras["offsets"][row, both.target[row]].tolist()
            == one.extras["offsets"][0, one.target[0]].tolist()
        )
    logits = torch.randn(
        *both.inputs["input_ids"].shape, 2, generator=torch.Generator().manual_seed(0)
    )
    for row, one in enumerate(alone):
        there = both.inputs["attention_mask"][row].bool()
        ((spans, none),) = task.rows(
            Output(starts_and_ends(logits[row : row + 1, there]), torch.zeros(1)), one
        )
        padded_spans, padded_none = task.rows(
            Output(starts_and_ends(logits), torch.zeros(1)), both
        )[row]
        assert padded_spans.tolist() == spans.tolist()
        assert padded_none == none


def test_the_loss_is_over_the_context_and_no_answer_alone():
    task, preprocess = QuestionAnswering(), preprocess_of("tiny:bert", 48)
    batch = task.collate([task.encode(sample("ab", "cd", "d"), preprocess, None)], preprocess)
    places = [
        int(batch.extras["none"][0]),
        *np.flatnonzero(batch.extras["offsets"][0, :, 1].numpy()),
    ]
    logits = torch.randn(
        1, batch.inputs["input_ids"].shape[1], 2, generator=torch.Generator().manual_seed(0)
    )
    chosen = logits[0, places].log_softmax(0)
    expected = -(chosen[2, 0] + chosen[2, 1]) / 2
    assert float(
        task.loss(Output(starts_and_ends(logits), torch.zeros(1)), batch)
    ) == pytest.approx(float(expected))


def test_an_answer_that_does_not_stand_there_is_an_error():
    wrong = Sample(
        "dev.json:7", {"question": "Who?", "context": "the cat", "answers": (("cat", 3),)}
    )
    with pytest.raises(
        DataError, match=r"dev.json:7: the answer 'cat' does not stand at character 3.*' ca'"
    ):
        QuestionAnswering().encode(wrong, preprocess_of("tiny:bert", 48), None)


def found(none: float, *spans: tuple[str, float]) -> AnswerScores:
    return AnswerScores(tuple(Span(text, 0, len(text), score) for text, score in spans), none)


def objects(values: list) -> np.ndarray:
    array = np.empty(len(values), dtype=object)
    array[:] = values
    return array


def test_the_threshold_decides_what_is_no_answer():
    scores = objects([found(5.0, ("cat", 3.0)), found(2.0, ("cat", 3.0), ("dog", 1.0))])
    for threshold, expected in [
        (None, ["cat", "cat"]),
        (0.0, ["", "cat"]),
        (2.5, ["cat", "cat"]),
        (-2.0, ["", ""]),
    ]:
        rows = QuestionAnswering(threshold=threshold).decode(scores, [])
        assert [row["prediction"] for row in rows] == expected
        for row in rows:
            assert row["n_best"][0]["text"] == row["prediction"]
            assert sum(choice["confidence"] for choice in row["n_best"]) == pytest.approx(1)
            assert row["confidence"] == max(choice["confidence"] for choice in row["n_best"])
        json.dumps(rows)


def test_the_threshold_is_chosen_on_validation():
    scores = objects(
        [
            found(5.0, ("cat", 3.0)),
            found(2.0, ("dog", 3.0)),
            found(9.0, ("x", 1.0)),
            found(4.0, ("y", 1.0)),
        ]
    )
    targets = objects([("cat",), ("dog",), (), ()])
    task = QuestionAnswering(threshold=0.0)
    assert task.metrics["answer_f1"](scores, targets) == 0.75
    fitted = task.tune(scores, targets)
    assert fitted.threshold == 2.5
    assert (
        fitted.metrics["answer_f1"](scores, targets)
        == fitted.metrics["exact_match"](scores, targets)
        == 1
    )
    assert {name: metric(scores, targets) for name, metric in task.watched.items()} == {
        "answer_f1": 1,
        "exact_match": 1,
    }
    assert QuestionAnswering().tune(scores, targets) == QuestionAnswering()
    assert type(task)(**fitted.settings() | {"classes": ("start", "end")}) == fitted


def test_without_unanswerable_questions_none_is_left_unanswered():
    data = QuestionAnswering.tiny_data()
    some = [s for s in data.splits["train"] if s.roles["answers"]]
    assert QuestionAnswering.from_data(data).threshold == 0.0
    assert QuestionAnswering.from_data(Data({"train": some})).threshold is None
    with pytest.raises(DataError, match="No question in the training split"):
        QuestionAnswering.from_data(
            Data({"train": [s for s in data.splits["train"] if not s.roles["answers"]]})
        )


def test_baselines():
    train = [sample("What is red?", "The lamp is red. The box is blue.", "The lamp")]
    context = 'The lamp is red. It cost 3.50 dollars, he said "so." The rare okapi eats!\nWho is it'
    test = [
        sample("What does the okapi eat?", context),
        sample("What did it cost?", context),
        sample("Who?", ""),
    ]
    task = QuestionAnswering(threshold=0.0)
    sentence, nothing = task.baselines
    scores = sentence.predict(train, test)
    assert [row["prediction"] for row in task.decode(scores, test)] == [
        "The rare okapi eats!",
        'It cost 3.50 dollars, he said "so."',
        "",
    ]
    assert [row["prediction"] for row in task.decode(nothing.predict(train, test), test)] == [
        ""
    ] * 3
    assert QuestionAnswering().baselines == (sentence,)


def test_what_a_person_sees():
    task, asked = QuestionAnswering(), sample("Who?", "the cat sat", "the cat", "cat")
    assert task.answer(asked) == ["the cat", "cat"]
    assert task.is_right("Cat", task.answer(asked))
    assert not task.is_right("sat", task.answer(asked))
    assert task.is_right("", task.answer(sample("Who?", "the cat")))
    assert [task.say(v) for v in ("cat", "", ["the cat", "cat"], [])] == [
        "cat",
        "no answer",
        "the cat / cat",
        "no answer",
    ]
    assert task.show(asked).value == "Who?\nthe cat sat"


def test_pieces_are_batched_by_their_length():
    preprocess = SimpleNamespace()
    piece = Sample(
        "1", {"question": "Who?", "context": "x" * 100, "answers": (), "window": (10, 30)}
    )
    assert QuestionAnswering().length(piece, preprocess) == 24


def test_tiny_data_have_long_and_unanswerable_questions():
    data, preprocess = QuestionAnswering.tiny_data(), preprocess_of("tiny:bert", 128)
    task = QuestionAnswering.from_data(data)
    for samples in data.splits.values():
        assert 0 < sum(not s.roles["answers"] for s in samples) < len(samples) / 3
        assert len(task.windows(samples, preprocess).pieces) > len(samples)
        scores, _ = answered(task, samples, preprocess)
        assert task.metrics["exact_match"](scores, task.targets(samples)) == 1
