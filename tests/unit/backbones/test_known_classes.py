"""Which class of a pretrained head a user's name means."""

from __future__ import annotations

from graft.backbones.known_classes import find_class, imagenet_classes, number_classes

IMAGENET = number_classes(imagenet_classes())


def test_a_class_is_known_by_each_of_its_words_and_its_wordnet_id():
    for name in ("tench", "Tinca_tinca", "TENCH", "tench, Tinca tinca", "n01440764"):
        assert find_class(name, IMAGENET) == 0


def test_a_word_of_several_classes_means_the_one_of_which_it_is_the_first():
    assert find_class("crayfish", IMAGENET) == 124  # a synonym of the spiny lobster, too


def test_a_word_that_is_the_first_of_two_classes_means_none():
    assert find_class("crane", IMAGENET) is None
    assert find_class("n02012849", IMAGENET) == 134


def test_capitals_separate_two_classes_of_one_word():
    assert find_class("Cardigan", IMAGENET) == 264  # the dog
    assert find_class("cardigan", IMAGENET) == 474  # the clothing


def test_another_network_of_a_thousand_classes_is_not_taken_for_imagenet():
    numbers = number_classes([f"kind {number}" for number in range(1000)])
    assert find_class("kind 7", numbers) == 7
    assert find_class("tench", numbers) is None
