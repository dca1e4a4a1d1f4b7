"""Whole data sets of images as one array: their value range and shape."""

from __future__ import annotations

import math

import numpy as np

from graft.base.errors import DataError


def to_images(array: np.ndarray, name: str) -> tuple[np.ndarray, list[str]]:
    """`array` as uint8 (N, H, W) or (N, H, W, C), and notes of what was done to it.

    Taken are (N, H, W), (N, H, W, C), (N, C, H, W) with C of 1, 3 or 4, and rows of square pictures
    (N, H * H). Values other than uint8 are scaled once for the whole array, see `full_scale`.
    Raises DataError.
    """
    notes: list[str] = []
    if array.ndim == 2:
        side = math.isqrt(array.shape[1])
        if side * side != array.shape[1] or side < 4:
            raise DataError(
                f"{name} has the shape {array.shape}. Images need (N, H, W), (N, H, W, C) or rows "
                "of square pictures (N, H * H)."
            )
        array = array.reshape(len(array), side, side)
        notes.append(f"The rows of {name} are taken as pictures of {side} x {side} pixels.")
    if array.ndim == 4 and array.shape[3] not in (1, 3, 4) and array.shape[1] in (1, 3, 4):
        array = array.transpose(0, 2, 3, 1)
        notes.append(f"{name} has its channels first; they were put last.")
    if array.ndim not in (3, 4) or (array.ndim == 4 and array.shape[3] not in (1, 3, 4)):
        raise DataError(
            f"{name} has the shape {array.shape}. "
            "Images need (N, H, W) or (N, H, W, C) with C of 1, 3 or 4."
        )
    if array.dtype == np.uint8:
        return array, notes
    full = full_scale(array, name)
    notes.append(
        f"{name} ({array.dtype}) has values up to {float(array.max()):g}; they are scaled from "
        f"0..{full:g} to 0..255."
    )
    return (array * (255.0 / full)).round().astype(np.uint8), notes


def full_scale(array: np.ndarray, name: str) -> float:
    """The value of white: the smallest of 1, 2^k - 1 and 2^k that no value exceeds.

    It is 16 for values from 0 to 16, and 255 for 0 to 253. Raises DataError for values that are
    negative or not finite.
    """
    if array.dtype.kind not in "buif" or not np.isfinite(array).all():
        missing = f"dtype {array.dtype}"
        if array.dtype.kind == "f":
            missing = f"{int((~np.isfinite(array)).sum()):,} values that are not finite"
        raise DataError(f"{name} holds {missing}. Images need finite numbers.")
    low, high = float(array.min(initial=0)), float(array.max(initial=0))
    if low < 0:
        raise DataError(
            f"{name} has values from {low:g} to {high:g}. "
            "Images need values from 0 up; undo the normalization first."
        )
    if high <= 1:
        return 1.0
    bits = math.ceil(math.log2(high))
    return float(2**bits - 1 if high <= 2**bits - 1 else 2**bits)
