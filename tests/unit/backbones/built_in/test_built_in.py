"""Every built-in backbone's file keeps the contract; nothing is fetched."""

from __future__ import annotations

import re

import pytest

from graft.base import plugins

NAMES = plugins.names("backbone")


def test_names_keep_their_public_spelling() -> None:
    assert NAMES == [
        "efficientnet-lite0",
        "efficientnet-lite2",
        "me5-small",
        "minilm-l6",
        "mobilenet-v2",
        "smollm2-135m",
        "whisper-tiny.en",
    ]


@pytest.mark.parametrize("name", NAMES)
def test_the_pin_names_one_file_of_one_version(name: str) -> None:
    pin = plugins.load("backbone", name).pin
    assert re.fullmatch(r"[0-9a-f]{64}", pin.sha256)
    assert re.fullmatch(r"[a-z0-9-]+", pin.package)
    assert re.fullmatch(r"\d+(\.\d+)+", pin.version)
    assert 0 < pin.megabytes < 200


@pytest.mark.parametrize("name", NAMES)
def test_members_have_names_of_their_own(name: str) -> None:
    members = plugins.load("backbone", name).members
    assert members
    # `convert` gets them by their file names alone.
    assert len({member.rpartition("/")[2] for member in members}) == len(members)


@pytest.mark.parametrize("name", NAMES)
def test_size_and_license_are_stated(name: str) -> None:
    cls = plugins.load("backbone", name)
    assert cls.parameters > 0
    assert cls.license in ("Apache-2.0", "MIT")
    # Four bits a weight is the least that any package keeps them in.
    assert cls.parameters / 2 <= cls.pin.megabytes * 1e6 * 1.1


def test_each_package_is_pinned_once() -> None:
    assert len({plugins.load("backbone", name).pin.sha256 for name in NAMES}) == len(NAMES)
