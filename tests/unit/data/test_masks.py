"""Masks in every form: numbers, palettes, colors, instances, outlines; and what is refused."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from graft.base.errors import DataError
from graft.base.records import LabeledBox, RunLengths, Sample
from graft.data.checks.inspect import inspect
from graft.data.data import Data
from graft.data.load import load_data, read
from graft.data.masks.open import Mask, open_mask
from graft.data.masks.outlines import Outlines, outline_coding
from graft.data.memory import from_memory

RED, GREEN, BLACK = (255, 0, 0), (0, 176, 0), (0, 0, 0)
NAMED = {"bg": BLACK, "leaf": GREEN, "spot": RED}
STRIPES = np.repeat(np.array([[0, 1, 2, 1]], np.uint8), 4, axis=0)
"""A mask of 4 x 4 pixels: columns of 0, 1, 2 and 1."""


def colored(numbers: np.ndarray) -> np.ndarray:
    """The same mask in color."""
    return np.array([BLACK, GREEN, RED], np.uint8)[numbers]


def put(folder: Path, masks: dict[str, np.ndarray], names: str = "masks/{}.png") -> Path:
    """A folder of pictures of 4 x 4 pixels with these masks, pixels or images by name."""
    rng = np.random.default_rng(0)
    for name, mask in masks.items():
        file = folder / names.format(name)
        picture = folder / "images" / f"{name}.png"
        for each in (file, picture):
            each.parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(rng.integers(0, 256, (4, 4, 3), dtype=np.uint8)).save(picture)
        (mask if isinstance(mask, Image.Image) else Image.fromarray(mask)).save(file)
    return folder


def opened(data: Data, classes: list[str] | None = None) -> list[np.ndarray]:
    """The class indices of all masks, in the order of the samples."""
    samples = [sample for split in data.splits.values() for sample in split]
    return [open_mask(s.roles["mask"], classes or data.classes, s.id) for s in samples]


def with_palette(numbers: np.ndarray) -> Image.Image:
    """The mask as an image with a palette."""
    image = Image.fromarray(numbers)
    image.putpalette([*BLACK, *GREEN, *RED])
    return image


@pytest.mark.parametrize(
    "mask",
    [STRIPES, STRIPES.astype(np.uint16), with_palette(STRIPES), np.stack([STRIPES] * 3, -1)],
    ids=["grey", "16 bits", "palette", "grey in color"],
)
def test_numbers_are_classes_in_files_of_every_depth(tmp_path: Path, mask) -> None:
    data = read(put(tmp_path, {"a": mask}))
    assert (data.format, data.kind, data.classes) == ("mask-folders", "masks", ["0", "1", "2"])
    assert np.array_equal(opened(data)[0], STRIPES)


def test_255_is_ignored_beside_other_numbers(tmp_path: Path) -> None:
    data = read(put(tmp_path, {"a": np.where(STRIPES == 2, 255, STRIPES).astype(np.uint8)}))
    assert data.classes == ["0", "1"]
    assert opened(data)[0][0].tolist() == [0, 1, 255, 1]


def test_black_and_white_masks_have_two_classes(tmp_path: Path) -> None:
    data = read(put(tmp_path, {"a": (STRIPES > 0).astype(np.uint8) * 255, "b": STRIPES * 0}))
    assert data.classes == ["background", "foreground"]
    assert opened(data)[0][0].tolist() == [0, 1, 1, 1]
    assert "read as background and foreground" in data.notes[0]


def test_soft_edges_between_black_and_white_are_cut_in_the_middle(tmp_path: Path) -> None:
    ramp = np.zeros((4, 2000), np.uint8)
    ramp[:, 1000:] = 255
    ramp[:, 900:1000] = np.linspace(1, 254, 100)
    data = read(put(tmp_path, {"a": ramp}))
    assert data.classes == ["background", "foreground"]
    assert np.array_equal(opened(data)[0], ramp >= 128)


def test_colors_are_classes_named_by_themselves(tmp_path: Path) -> None:
    data = read(put(tmp_path, {"a": colored(STRIPES)}))
    assert data.classes == ["#000000", "#00b000", "#ff0000"]
    assert np.array_equal(opened(data)[0], STRIPES)


@pytest.mark.parametrize(
    ("mask", "classes"),
    [
        (colored(STRIPES), ["name 1", "name 2", "name 3"]),
        (STRIPES, ["name 1", "name 2", "name 3"]),
        ((STRIPES > 0).astype(np.uint8) * 255, ["background", "foreground"]),
    ],
    ids=["colors", "numbers", "black and white"],
)
def test_the_proposed_file_of_classes_fits_the_masks(tmp_path: Path, mask, classes) -> None:
    note = read(put(tmp_path, {"a": mask})).notes[0]
    _, _, proposed = note.partition("put a classes.json beside the data: ")
    (tmp_path / "classes.json").write_text(proposed.removesuffix("."))
    assert read(tmp_path).classes == classes


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("colours.json", json.dumps({"bg": BLACK, "leaf": GREEN, "spot": "#ff0000"})),
        ("classes.json", json.dumps([{"name": n, "color": c} for n, c in NAMED.items()])),
        ("classes.json", json.dumps({"#000000": "bg", "#00b000": "leaf", "#ff0000": "spot"})),
        ("class_dict.csv", "name,r,g,b\nbg,0,0,0\nleaf,0,176,0\nspot,255,0,0\n"),
        ("labelmap.txt", "# label:color_rgb\nbg:0,0,0::\nleaf:0,176,0::\nspot:255,0,0::\n"),
        ("label_colors.txt", "0 0 0\tbg\n0 176 0\tleaf\n255 0 0\t\tspot\n"),
    ],
)  # fmt: skip
def test_files_of_classes_name_colors(tmp_path: Path, name: str, text: str) -> None:
    (put(tmp_path, {"a": colored(STRIPES)}) / name).write_text(text)
    data = read(tmp_path)
    assert data.classes == ["bg", "leaf", "spot"]
    assert np.array_equal(opened(data)[0], STRIPES)


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("codes.txt", "bg\nleaf\nspot\n"),
        ("classes.json", '["bg", "leaf", "spot"]'),
        ("classes.json", '{"bg": 0, "leaf": 1, "spot": 2}'),
        ("classes.json", '{"0": "bg", "1": "leaf", "2": "spot"}'),
        ("classes.json", '{"bg": 0, "leaf": [1], "spot": "2-9"}'),
        ("classes.json", '{"classes": [{"id": 0, "name": "bg"}, {"id": 1, "name": "leaf"}, '
         '{"id": 2, "name": "spot"}]}'),
    ],
)  # fmt: skip
def test_files_of_classes_name_numbers(tmp_path: Path, name: str, text: str) -> None:
    (put(tmp_path, {"a": STRIPES}) / name).write_text(text)
    data = read(tmp_path)
    assert data.classes == ["bg", "leaf", "spot"]
    assert np.array_equal(opened(data)[0], STRIPES)


def test_a_palette_is_read_by_its_colors_if_the_file_of_classes_gives_colors(
    tmp_path: Path,
) -> None:
    put(tmp_path, {"a": with_palette(STRIPES)})
    (tmp_path / "labelmap.txt").write_text("bg:0,0,0::\nleaf:0,176,0::\nspot:255,0,0::\n")
    assert np.array_equal(opened(read(tmp_path))[0], STRIPES)


def test_void_in_a_file_of_classes_is_ignored(tmp_path: Path) -> None:
    put(tmp_path, {"a": STRIPES})
    (tmp_path / "classes.json").write_text('{"sky": 0, "void": 1, "road": 2}')
    data = read(tmp_path)
    assert data.classes == ["road", "sky"]
    assert opened(data)[0][0].tolist() == [1, 255, 0, 255]
    assert data.notes[-1].endswith("sky, road; some pixels are ignored.")


def test_instances_are_background_and_object(tmp_path: Path) -> None:
    data = read(put(tmp_path, {"a": STRIPES, "b": STRIPES * 90}, "instances/{}.png"))
    assert data.classes == ["background", "object"]
    assert opened(data)[1][0].tolist() == [0, 1, 1, 1]


def test_a_range_of_numbers_says_that_masks_number_each_object(tmp_path: Path) -> None:
    put(tmp_path, {"a": STRIPES})
    (tmp_path / "classes.json").write_text('{"background": 0, "cell": "1-65535"}')
    data = read(tmp_path)
    assert data.classes == ["background", "cell"]
    assert opened(data)[0][0].tolist() == [0, 1, 1, 1]


@pytest.mark.parametrize(
    ("mask", "words"),
    [
        (colored(STRIPES), r"a\.png has colors of no class: #ff0000, in 25\.00% of its pixels"),
        (np.stack([STRIPES * 9] * 3, -1), r"colors of no class: #090909"),
    ],
)
def test_unknown_colors_name_the_file(tmp_path: Path, mask: np.ndarray, words: str) -> None:
    put(tmp_path, {"a": mask})
    (tmp_path / "colors.json").write_text(json.dumps({"bg": BLACK, "leaf": GREEN}))
    data = read(tmp_path)
    with pytest.raises(DataError, match=words):
        opened(data)
    error = next(finding for finding in inspect(data) if finding.code == "masks")
    assert error.severity == "error" and error.samples == ("images/a.png",)


def test_unknown_numbers_name_the_file(tmp_path: Path) -> None:
    put(tmp_path, {"a": STRIPES})
    (tmp_path / "codes.txt").write_text("bg\nleaf\n")
    words = r"numbers of no class: 2, .*Known by codes\.txt: 0 = bg, 1 = leaf, 255 = ignored"
    with pytest.raises(DataError, match=words):
        opened(read(tmp_path))


def test_a_mask_of_another_size_is_an_error_that_names_both_sizes(tmp_path: Path) -> None:
    put(tmp_path, {"a": STRIPES, "b": STRIPES[:3]})
    (finding,) = [each for each in inspect(read(tmp_path)) if each.severity == "error"]
    assert "The mask of images/b.png" in finding.message
    assert "4 x 3 pixels, and its picture 4 x 4" in finding.message
    assert finding.samples == ("images/b.png",)


def test_a_mask_is_turned_upright_as_its_picture_is(tmp_path: Path) -> None:
    exif = Image.Exif()
    exif[0x0112] = 6  # a quarter turn to the right
    put(tmp_path, {"a": STRIPES})
    for name in ("images", "masks"):
        file = tmp_path / name / "a.png"
        stored = Image.open(file)
        stored.crop((0, 0, 4, 3)).save(file, exif=exif)
    data = read(tmp_path)
    assert not [each for each in inspect(data) if each.severity == "error"]
    assert np.array_equal(opened(data)[0], np.rot90(STRIPES[:3], -1))


@pytest.mark.parametrize("foreground", [1, 255])
def test_white_of_one_bit_is_what_the_file_of_classes_says(tmp_path: Path, foreground: int) -> None:
    put(tmp_path, {"a": STRIPES > 0})
    classes = {"bg": 0, "leaf": foreground}
    (tmp_path / "classes.json").write_text(json.dumps(classes))
    assert np.array_equal(opened(read(tmp_path))[0], STRIPES > 0)


def test_decimal_numbers_are_classes_if_they_are_whole(tmp_path: Path) -> None:
    put(tmp_path / "whole", {"a": STRIPES.astype(np.float32) * 300}, "masks/{}.tif")
    data = read(tmp_path / "whole")
    assert data.classes == ["0", "300", "600"] and np.array_equal(opened(data)[0], STRIPES)
    put(tmp_path / "shares", {"a": STRIPES.astype(np.float32) / 2}, "masks/{}.tif")
    with pytest.raises(DataError, match=r"a\.tif is an array of .*float32\. Allowed: whole"):
        read(tmp_path / "shares")


def test_palettes_that_differ_are_refused_unless_a_file_names_the_colors(tmp_path: Path) -> None:
    reversed_palette = with_palette(2 - STRIPES)
    reversed_palette.putpalette([*RED, *GREEN, *BLACK])
    put(tmp_path, {"a": with_palette(STRIPES), "b": reversed_palette})
    with pytest.raises(DataError, match=r"0 is #000000 in .*a\.png and #ff0000 in .*b\.png"):
        read(tmp_path)
    (tmp_path / "classes.json").write_text(json.dumps(NAMED))
    first, second = opened(read(tmp_path), list(NAMED))
    assert np.array_equal(first, STRIPES) and np.array_equal(second, STRIPES)


@pytest.mark.parametrize(
    ("number", "words"),
    [(255, "all pixels of 1 mask are ignored"), (0, "of 1 mask are of one class, 'bg'")],
)
def test_masks_from_which_nothing_is_learned_are_an_error(tmp_path: Path, number, words) -> None:
    put(tmp_path, {"a": np.full((4, 4), number, np.uint8)})
    (tmp_path / "classes.json").write_text('{"bg": 0, "leaf": 1}')
    (finding,) = [each for each in inspect(read(tmp_path)) if each.severity == "error"]
    assert words in finding.message


def test_jpegs_in_color_or_of_several_numbers_are_refused(tmp_path: Path) -> None:
    put(tmp_path / "colors", {"a": colored(STRIPES)}, "masks/{}.jpg")
    put(tmp_path / "numbers", {"a": STRIPES * 90}, "masks/{}.jpg")
    for folder in ("colors", "numbers"):
        with pytest.raises(DataError, match=r"blur.*[Ss]ave (it|masks) as PNG"):
            read(tmp_path / folder)


def test_a_photograph_in_place_of_a_mask_is_refused(tmp_path: Path) -> None:
    noise = np.random.default_rng(0).integers(0, 256, (40, 40, 3), dtype=np.uint8)
    with pytest.raises(DataError, match="one exact color for each class"):
        read(put(tmp_path, {"a": noise}))


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ('{"bg": 0, "leaf": 0}', "gives 0 to two classes: 'bg' and 'leaf'"),
        ('{"bg": 0, "leaf": "green"}', "'leaf' is given by 'green'. Allowed for a class: a number"),
        ('{"bg": 0,', "is not valid JSON"),
        ("[]", "names no classes"),
        ("3", "neither a list of class names nor a dict"),
    ],
)
def test_wrong_files_of_classes_are_refused(tmp_path: Path, text: str, words: str) -> None:
    (put(tmp_path, {"a": STRIPES}) / "classes.json").write_text(text)
    with pytest.raises(DataError, match=words):
        read(tmp_path)


def test_masks_are_not_opened_to_know_their_classes(tmp_path: Path) -> None:
    put(tmp_path, {"a": STRIPES})
    (tmp_path / "codes.txt").write_text("bg\nleaf\nspot\n")
    data = read(tmp_path)
    (tmp_path / "masks/a.png").unlink()
    assert data.classes == ["bg", "leaf", "spot"]
    with pytest.raises(DataError, match=r"The image of the mask .*a\.png cannot be read"):
        opened(data)


def test_the_fingerprint_of_data_follows_the_pixels_of_masks(tmp_path: Path) -> None:
    before = read(put(tmp_path, {"a": STRIPES})).fingerprint()
    assert read(tmp_path).fingerprint() == before
    Image.fromarray(STRIPES[:, ::-1].copy()).save(tmp_path / "masks/a.png")
    assert read(tmp_path).fingerprint() != before


def test_a_table_of_pairs_names_pictures_and_masks(tmp_path: Path) -> None:
    put(tmp_path, dict.fromkeys("abcd", STRIPES))
    rows = [f"images/{name}.png,masks/{name}.png,{name in 'ab'}" for name in "abcd"]
    (tmp_path / "pairs.csv").write_text("\n".join(["image,mask,patient", *rows]))
    data = read(tmp_path)
    assert (data.format, data.kind, data.classes) == ("csv", "masks", ["0", "1", "2"])
    assert all(np.array_equal(mask, STRIPES) for mask in opened(data))
    assert [s.roles["group"] for s in data.splits["all"]] == ["True", "True", "False", "False"]


def test_arrays_in_python_are_masks(tmp_path: Path) -> None:
    pictures = np.zeros((5, 4, 4, 3), np.uint8)
    rows = [{"image": image, "mask": STRIPES} for image in pictures]
    data = from_memory(rows)
    assert (data.kind, data.classes) == ("masks", ["0", "1", "2"])
    assert np.array_equal(opened(data)[0], STRIPES)


def test_outlines_are_drawn_small_objects_on_large_ones() -> None:
    square = ((1.0, 1.0, 7.0, 1.0, 7.0, 7.0, 1.0, 7.0),)
    inner = RunLengths(8, 8, (3 * 8 + 3, 2, 6, 2, 8 * 8 - 3 * 8 - 3 - 10))
    objects = (
        LabeledBox("cat", (3, 3, 5, 5), outline=inner),
        LabeledBox("dog", (1, 1, 7, 7), outline=square),
    )
    mask = Mask(Outlines(np.zeros((8, 8)), objects), outline_coding(["cat", "dog"], "the outlines"))
    pixels = open_mask(mask, ["background", "cat", "dog"], "1")
    wanted = np.zeros((8, 8), int)
    wanted[1:7, 1:7] = 2
    wanted[3:5, 3:5] = 1
    assert np.array_equal(pixels, wanted)


def test_boxes_without_outlines_are_ignored() -> None:
    box = LabeledBox("cat", (1, 2, 3, 4))
    mask = Mask(Outlines(np.zeros((4, 4)), (box,)), outline_coding(["cat"], "the outlines"))
    pixels = open_mask(mask, ["background", "cat"], "1")
    assert (pixels == 255).sum() == 4 and (pixels[2:4, 1:3] == 255).all()


def test_outlines_of_coco_are_masks_for_a_task_that_reads_masks(tmp_path: Path) -> None:
    put(tmp_path, {"a": STRIPES})
    (tmp_path / "masks/a.png").unlink()
    outline = [1, 0, 3, 0, 3, 4, 1, 1]  # a corner is cut off
    box = {
        "id": 1,
        "image_id": 1,
        "category_id": 2,
        "bbox": [1, 0, 2, 4],
        "segmentation": [outline],
    }
    content = {
        "images": [{"id": 1, "file_name": "a.png", "width": 4, "height": 4}],
        "annotations": [box],
        "categories": [{"id": 2, "name": "cat"}],
    }
    (tmp_path / "instances.json").write_text(json.dumps(content))
    assert read(tmp_path).kind == "boxes"
    data = read(tmp_path, kinds=["masks"])
    assert (data.kind, data.classes) == ("masks", ["background", "cat"])
    assert opened(data)[0].tolist() == [[0, 1, 1, 0], [0, 1, 1, 0], [0, 0, 1, 0], [0, 0, 0, 0]]


def test_splits_are_cut_at_random_and_groups_stay_whole() -> None:
    coding = read_coding()

    def roles(i: int) -> dict[str, object]:
        picture = np.full((4, 4), i, np.uint8)
        return {"image": picture, "mask": Mask(STRIPES, coding), "group": str(i // 2)}

    data = load_data(Data({"all": [Sample(f"{i}", roles(i)) for i in range(20)]}))
    assert {"train", "val", "test"} == set(data.splits)
    by_split = [{s.roles["group"] for s in part} for part in data.splits.values()]
    assert sum(map(len, by_split)) == 10


def read_coding():
    """The coding of `STRIPES`."""
    rows = [{"image": np.zeros((4, 4), np.uint8), "mask": STRIPES}] * 2
    return from_memory(rows).splits["all"][0].roles["mask"].coding
