"""The colors of classes in pictures.

They have the hues of the figures of a report, in the same order, and are brighter: on a picture no
text has to be read in them. Any two of the base colors can be told apart with each kind of color
blindness. Source: Okabe and Ito, Color universal design, 2008.
"""

from __future__ import annotations

import re

Color = tuple[int, int, int]

BASE: tuple[Color, ...] = (
    (0, 114, 178),  # blue
    (213, 94, 0),  # vermilion
    (0, 158, 115),  # green
    (204, 121, 167),  # pink
    (230, 159, 0),  # orange
    (86, 180, 233),  # sky blue
    (240, 228, 66),  # yellow
    (70, 70, 70),  # gray, so that it can become lighter and darker
)
WHITE, BLACK = (255, 255, 255), (0, 0, 0)
_SHADES = ((BLACK, 0.0), (BLACK, 0.5), (WHITE, 0.5))
"""What further classes have mixed into the base colors: they differ by lightness."""
_HEXADECIMAL = re.compile("#[0-9a-fA-F]{6}")


def class_color(number: int) -> Color:
    """The color of a class by its number; from 24 classes on colors recur."""
    base = BASE[number % len(BASE)]
    other, share = _SHADES[number // len(BASE) % len(_SHADES)]
    red, green, blue = (round(a + share * (b - a)) for a, b in zip(base, other, strict=True))
    return red, green, blue


def named_color(name: str, number: int) -> Color:
    """The color that a class has as its name, such as `#00a000`, else that of its number."""
    if _HEXADECIMAL.fullmatch(name):
        red, green, blue = bytes.fromhex(name[1:])
        return red, green, blue
    return class_color(number)


def text_color(background: Color) -> Color:
    """Black or white, whichever is easier to read on a background."""
    red, green, blue = ((part / 255) ** 2.2 for part in background)
    luminance = 0.2126 * red + 0.7152 * green + 0.0722 * blue
    # Where black and white have the same contrast by WCAG 2: (L + 0.05)^2 = 1.05 * 0.05.
    return BLACK if luminance > 0.179 else WHITE
