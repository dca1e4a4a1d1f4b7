"""Specs: names with parameters, read to the types of the fields, and their errors."""

from __future__ import annotations

import pytest

from graft.base import specs
from graft.base.errors import BadValue, UnknownName
from graft.techniques.specs.combine import Sum, parse


def test_parameters_are_read_to_the_types_of_the_fields():
    technique = parse("lora:r=4,alpha=8,lr=1e-3,epochs=none,optimizer=sgd")
    assert (technique.r, technique.alpha, technique.lr, technique.epochs, technique.optimizer) == (
        4,
        8.0,
        1e-3,
        None,
        "sgd",
    )


@pytest.mark.parametrize(
    ("spec", "words"),
    [
        ("lorra", "Did you mean 'lora'"),
        ("lora:rank=4", "Unknown parameter of the technique 'lora'"),
        ("lora:r=abc", "must be a whole number. Got 'abc'"),
        ("lora:r=inf", "must be a whole number. Got 'inf'"),
        ("lora:r=1.5", "must be a whole number. Got '1.5'"),
        ("lora:optimizer=adam", "must be one of 'adamw', 'sgd'"),
        ("lora:r", "is not key=value"),
        ("lora:r=4,r=8", "'r' occurs twice in 'lora:r=4,r=8', as '4' and '8'"),
        ("lora:from-group=1,from_group=1", "'from_group' occurs twice in"),
        ("lora +", "missing beside '+'"),
        ("", "missing beside"),
    ],
)
def test_a_wrong_spec_is_named_with_what_is_allowed(spec, words):
    with pytest.raises((BadValue, UnknownName), match="(?s)" + words.replace("+", r"\+")):
        parse(spec)


def test_plus_binds_more_tightly_than_then():
    first, second = parse("feature-extraction then full-fine-tuning + l2-sp").parts
    assert type(first).__name__ == "FeatureExtraction"
    assert isinstance(second, Sum)


def test_losses_cannot_be_added_to_a_sequence():
    with pytest.raises(BadValue, match="cannot follow 'then'"):
        parse("feature-extraction then lora") + parse("l2-sp")


def test_a_text_gives_only_what_differs_from_the_defaults():
    assert specs.text("lora", parse("lora:r=4,alpha=16")) == "lora:r=4"


def test_a_quoted_value_may_hold_what_else_would_end_it():
    first, second = parse(
        'label-words:template="{} + more, then:",per_token=yes then lora:r=2'
    ).parts
    assert (first.template, first.per_token, second.r) == ("{} + more, then:", True, 2)
    assert parse(specs.text("label-words", first)) == first


def test_quotes_within_a_value_are_part_of_it():
    assert parse('label-words:template={} is "about"').template == '{} is "about"'
