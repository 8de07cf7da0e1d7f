"""Pictures with alt text, and the marks that the sanitiser of the notebooks masks."""

from __future__ import annotations

import base64
import re
from pathlib import Path

import matplotlib as mpl
import matplotlib.pyplot as plt
import pytest
from nbval.plugin import get_sanitize_patterns

from lessons import figures

CONFIG = Path(__file__).parent / "nbval_sanitize.cfg"
ALT = "The loss falls from 8 to 2 bits per byte."


@pytest.fixture
def fig(monkeypatch):
    with mpl.rc_context():
        mpl.use("agg")
        figures.style()
        figure, ax = plt.subplots()
        ax.plot([0, 1], [1, 0])
        yield figure
        plt.close(figure)


def masked(text):
    for regex, replace in get_sanitize_patterns(CONFIG.read_bytes().decode("ascii")):
        text = re.sub(regex, replace, text)
    return text


def test_a_picture_carries_its_alt_text_three_ways(fig):
    bundle = figures.bundle(fig, ALT)
    assert bundle["text/plain"] == ALT
    assert f'alt="{ALT}"' in bundle["text/html"]
    assert bundle["image/png"] in bundle["text/html"]
    assert base64.b64decode(bundle["image/png"]).startswith(b"\x89PNG")


def test_alt_text_cannot_leave_its_attribute(fig):
    html = figures.bundle(fig, 'She said "2 < 3 & 4" <script>alert(1)</script>')["text/html"]
    assert "<script" not in html
    assert "&quot;2 &lt; 3 &amp; 4&quot;" in html


@pytest.mark.parametrize("alt", ["", "   ", "A line plot", "too   short      for it"])
def test_a_picture_without_a_finding_is_refused_and_closed(fig, alt):
    with pytest.raises(ValueError, match="tell the finding"):
        figures.show(fig, alt)
    assert not plt.fignum_exists(fig.number)


def test_show_displays_once_and_closes(fig, monkeypatch):
    shown = []
    monkeypatch.setattr(figures, "display", lambda data, raw: shown.append((data, raw)))
    figures.show(fig, "The  loss\nfalls to 2 bits per byte.")
    assert [(data["text/plain"], raw) for data, raw in shown] == [
        ("The loss falls to 2 bits per byte.", True)
    ]
    assert not plt.fignum_exists(fig.number)


def test_pictures_are_readable_on_a_projector(fig):
    sizes = [mpl.rcParams[name] for name in ("font.size", "axes.labelsize", "xtick.labelsize")]
    assert min(sizes) >= 14
    assert mpl.rcParams["figure.dpi"] == mpl.rcParams["savefig.dpi"] == 110
    assert mpl.rcParams["image.cmap"] not in ("jet", "hsv", "rainbow", "turbo")
    assert mpl.rcParams["axes.prop_cycle"].by_key()["color"] == figures.PALETTE


def test_colours_stay_apart_in_grey():
    def lightness(color):
        red, green, blue = (int(color[i : i + 2], 16) / 255 for i in (1, 3, 5))
        return 0.2126 * red + 0.7152 * green + 0.0722 * blue

    first = [lightness(color) for color in figures.PALETTE[:2]]
    assert abs(first[0] - first[1]) > 0.2


@pytest.mark.parametrize(
    ("value", "spec", "text"),
    [
        (2.3149, ".2f", "≈ 2.31"),
        (-0.5, "+.1f", "≈ -0.5"),
        (1234567, ",", "≈ 1,234,567"),
        (0.1234, ".1%", "≈ 12.3%"),
        (1.5e-7, ".1e", "≈ 1.5e-07"),
        (3, "8.2f", "≈     3.00"),
        (float("nan"), ".2f", "≈ nan"),
        (float("-inf"), ".2f", "≈ -inf"),
    ],
)
def test_a_live_number_is_marked_and_masked_whole(value, spec, text):
    assert figures.approx(value, spec) == text
    assert masked(f"loss {text}, then") == "loss<number>, then"


def test_live_numbers_of_any_width_are_masked_alike():
    rows = [f"a {figures.approx(v, '.2f'):>12} | b" for v in (9.99, 10.01, -10.01)]
    assert len({masked(row) for row in rows}) == 1
    assert masked(f"{figures.approx(12)} % of it") == masked(f"{figures.approx(7.5)} % of it")
    assert masked("≈ 1.5 and 2.5") == "<number>and 2.5"
    assert masked("≈ 3.") == "<number>."
    assert masked("≈ \u22121.5") == "<number>"


def test_live_text_is_marked_and_masked_line_by_line():
    text = figures.approx_text("one\ntwo")
    assert text == "≈│ one\n≈│ two"
    assert masked(f"a\n{text}\nb") == masked(f"a\n{figures.approx_text('x')}\nb") == "a\n<text>b"
    assert masked("fixed\n") == "fixed\n"


def test_live_text_cannot_move_the_cursor():
    assert figures.approx_text("a\rb\x1b[2Jc\x0bd\u2028e") == "≈│ a�b�[2Jc�d�e"
    assert figures.approx_text("a\r\n\tb\xa0c") == "≈│ a\n≈│ \tb c"


def test_the_picture_in_html_is_masked_but_not_its_alt_text(fig):
    html = figures.bundle(fig, f"The loss falls to {figures.approx(2.0)} bits per byte.")[
        "text/html"
    ]
    assert masked(html) == '<img alt="The loss falls to<number>bits per byte." src="<picture>">'
