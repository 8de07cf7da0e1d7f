"""Pictures that everyone can read, and marks for numbers and text that differ between machines."""

from __future__ import annotations

import base64
import html
import io

import matplotlib.pyplot as plt
from cycler import cycler
from IPython.display import display
from matplotlib.figure import Figure

COLORS = {
    "blue": "#0072B2",
    "orange": "#E69F00",
    "green": "#009E73",
    "vermillion": "#D55E00",
    "purple": "#CC79A7",
    "sky": "#56B4E9",
    "black": "#000000",
    "yellow": "#F0E442",
}
"""Okabe and Ito's palette: eight colours that the usual kinds of colour blindness keep apart."""

PALETTE = list(COLORS.values())
"""The same colours in the order in which lines take them."""

APPROX = "≈"
"""Stands before a live number; tests/nbval_sanitize.cfg masks the number after it."""

APPROX_LINE = "≈│"
"""Starts a line of live text; tests/nbval_sanitize.cfg masks consecutive lines of it."""

SHORTEST_ALT = 20


def style() -> None:
    """Set matplotlib to the course's look: 14 pt or more, 110 dpi, safe colours, no rainbow."""
    plt.rcParams.update(
        {
            "figure.figsize": (9, 5),
            "figure.dpi": 110,
            "savefig.dpi": 110,
            "font.size": 14,
            "axes.titlesize": 16,
            "axes.labelsize": 14,
            "xtick.labelsize": 14,
            "ytick.labelsize": 14,
            "legend.fontsize": 14,
            "figure.titlesize": 18,
            "lines.linewidth": 2.5,
            "axes.prop_cycle": cycler(color=PALETTE),
            "image.cmap": "cividis",
            "axes.spines.top": False,
            "axes.spines.right": False,
            "axes.grid": True,
            "grid.alpha": 0.3,
            "legend.frameon": False,
        }
    )


def bundle(fig: Figure, alt: str) -> dict[str, str]:
    """The picture as PNG and as HTML that carries the alt text, with the alt text as plain text.

    JupyterLab ignores alt text in a picture's metadata, so the HTML holds the picture once more.
    Raises ValueError when `alt` is too short to tell what the picture shows.
    """
    alt = " ".join(alt.split())
    if len(alt) < SHORTEST_ALT:
        raise ValueError(
            f"alt text {alt!r} has {len(alt)} characters, at least {SHORTEST_ALT} are needed: "
            "tell the finding (what rises, what wins, by how much), not the kind of picture"
        )
    buffer = io.BytesIO()
    fig.savefig(buffer, format="png", bbox_inches="tight", metadata={"Software": None})
    png = base64.b64encode(buffer.getvalue()).decode("ascii")
    image = f'<img alt="{html.escape(alt)}" src="data:image/png;base64,{png}">'
    return {"text/html": image, "image/png": png, "text/plain": alt}


def show(fig: Figure, alt: str) -> None:
    """Display `fig` with its alt text and close it; ValueError for too short an alt text."""
    try:
        display(bundle(fig, alt), raw=True)
    finally:
        plt.close(fig)


def approx(value: float, spec: str = ".2f") -> str:
    """A live number with its mark: `approx(2.3149)` is "≈ 2.31". Assert its range in that cell."""
    return f"{APPROX} {format(value, spec)}"


def approx_text(text: str) -> str:
    """Live text with its mark before each line; characters that would move the cursor become �."""
    text = text.replace("\r\n", "\n").replace("\xa0", " ")
    text = "".join(char if char.isprintable() or char in "\n\t" else "�" for char in text)
    return "\n".join(f"{APPROX_LINE} {line}" for line in text.split("\n"))
