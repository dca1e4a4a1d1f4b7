"""A picture of a sound for a page: its log-mel spectrum, with seconds and kilohertz."""

from __future__ import annotations

import base64
import io
from typing import Any
from urllib.parse import quote

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from graft.data.sounds.mel_spectrum import RATE, band_edges, log_mel
from graft.data.sounds.open import open_sound, read_sound_header
from graft.data.sounds.play import LONGEST

WIDTH, HEIGHT = 248, 96
"""The size of the spectrum in units of the drawing."""
LEFT, TOP, BELOW = 32, 6, 16
"""Room beside the spectrum for kilohertz, above it, and below it for seconds."""
MOST_COLUMNS = 200
"""Frames are averaged to so many columns at most, so that a picture has about six kilobytes."""
RANGE = 6.0
"""Powers of ten below the loudest place that are told from silence: 60 dB."""
COLORS = ((8, 8, 32), (66, 14, 104), (147, 38, 103), (221, 81, 58), (252, 165, 10), (252, 255, 180))
"""From silence to the loudest place, equally far apart."""
EDGE = 12
"""Half the width of a mark."""
SHADES = 16
"""Shades of the picture: four bits a place."""
KILOHERTZ = (0, 0.5, 1, 2, 4, 8)
INTERVALS = (0.1, 0.2, 0.5, 1, 2, 5)
"""Seconds between two marks, of which there are six at most."""
_UNQUOTED = " =:/;,+!@$&'()*-_.~"
"""Characters that a data URI of text may hold as they are."""
_STYLE = (
    "text{font:9px system-ui,sans-serif;fill:#5e6266}"
    "@media(prefers-color-scheme:dark){text{fill:#a3a6a6}}"
)


def spectrogram_uri(value: Any, name: str) -> str:
    """Draw the part of a sound that a page plays, as SVG in a data URI.

    Its highest pitch is the one that the file can hold. Raises DataError and MissingExtra.
    """
    highest = min(RATE, read_sound_header(value, name).rate) / 2
    sound = open_sound(value, name, RATE, LONGEST)
    bands = max(1, int((band_edges()[1:-1] < highest).sum()))
    spectrum = log_mel(sound)[:, :bands]
    marks = [*_mark_pitches(highest), *_mark_seconds(len(sound) / RATE)]
    size = f"{LEFT + WIDTH + 2} {TOP + HEIGHT + BELOW}"
    svg = (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {size}"><style>{_STYLE}</style>'
        f'<image x="{LEFT}" y="{TOP}" width="{WIDTH}" height="{HEIGHT}" '
        f'preserveAspectRatio="none" href="{_png_uri(spectrum)}"/>{"".join(marks)}</svg>'
    )
    return f"data:image/svg+xml,{quote(svg, safe=_UNQUOTED)}"


def _png_uri(spectrum: NDArray[np.float64]) -> str:
    """The spectrum (T, BANDS) in shades, low pitches at the bottom."""
    columns = min(len(spectrum), MOST_COLUMNS)
    starts = np.arange(columns) * len(spectrum) // columns
    counts = np.diff([*starts, len(spectrum)])
    means = np.add.reduceat(spectrum, starts) / counts[:, None]
    level = np.clip((means - means.max()) / RANGE + 1, 0, 1)
    shades = np.round(level.T[::-1] * (SHADES - 1)).astype(np.uint8)
    image = Image.frombytes("P", (columns, len(shades)), shades.tobytes())
    image.putpalette([int(part) for color in _shades() for part in color])
    buffer = io.BytesIO()
    image.save(buffer, "PNG", bits=4, optimize=True)
    return "data:image/png;base64," + base64.b64encode(buffer.getvalue()).decode()


def _shades() -> NDArray[np.float64]:
    """The colors (SHADES, 3) of the shades."""
    places = np.linspace(0, len(COLORS) - 1, SHADES)
    channels = np.array(COLORS, float).T
    return np.stack([np.interp(places, range(len(COLORS)), c) for c in channels], axis=1)


def _mark_pitches(highest: float) -> list[str]:
    """Kilohertz at the left, where they lie on the mel scale."""

    def mel(pitch: float) -> float:
        return float(np.log1p(pitch / 700))

    shown = [k for k in KILOHERTZ if mel(1000 * k) <= 1.02 * mel(highest)]
    heights = [TOP + HEIGHT * (1 - min(1, mel(1000 * k) / mel(highest))) for k in shown]
    return [
        f'<text x="{LEFT - 4}" y="{y + 3:.0f}" text-anchor="end">{k:g}{" kHz" * (k == shown[-1])}'
        "</text>"
        for k, y in zip(shown, heights, strict=True)
    ]


def _mark_seconds(seconds: float) -> list[str]:
    """Seconds below the spectrum."""
    step = next((step for step in INTERVALS if seconds / step <= 6), INTERVALS[-1])
    shown = [step * number for number in range(int(seconds / step) + 1)]
    places = [WIDTH * second / seconds for second in shown]
    return [
        f'<text x="{LEFT + place:.0f}" y="{TOP + HEIGHT + 11}" '
        f'text-anchor="{_anchor(place)}">{second:g} s</text>'
        for second, place in zip(shown, places, strict=True)
    ]


def _anchor(place: float) -> str:
    """Which part of a mark stands at its place, so that none leaves the drawing."""
    return "start" if place < EDGE else "end" if place > WIDTH - EDGE else "middle"
