"""Charts of explorers: points land where their numbers say, nothing is told by colour alone, all follows the theme."""

import ast
import re
import xml.etree.ElementTree as ElementTree
from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from labkit import explore, plot
from labkit.explore import charts, pictures
from labkit.explore.axes import Axes, Bar, stairs
from labkit.explore.svg import BLUE, DARK, INK, MARKS, VERMILION, ink, theme

FOLDER = Path(explore.__file__).parent
NUMBER = r"-?[\d.]+"
limits = st.tuples(st.floats(-50, 50), st.floats(-50, 50)).filter(lambda pair: abs(pair[0] - pair[1]) > 0.1)


def elements(svg, tag):
    return [e for e in ElementTree.fromstring(svg).iter() if e.tag.endswith("}" + tag)]


def boxes(svg):
    """The rectangles of a chart: left, top, right, bottom, and the fill."""
    for e in elements(svg, "rect"):
        x, y, w, h = (float(e.attrib[name]) for name in ("x", "y", "width", "height"))
        yield x, y, x + w, y + h, e.attrib["fill"]


class TestAxes:
    @given(xlim=limits, ylim=limits, share=st.tuples(st.floats(0, 1), st.floats(0, 1)))
    def test_a_point_lies_as_far_across_and_up_as_its_numbers_say(self, xlim, ylim, share):
        axes = Axes(xlim, ylim, width=200, height=100, left=30, right=20)
        x, y = (low + s * (high - low) for s, (low, high) in zip(share, (xlim, ylim)))
        (line,) = elements(axes.line([xlim[0], x], [ylim[0], y]).svg("A line."), "polyline")
        begin, end = ([float(v) for v in point.split(",")] for point in line.attrib["points"].split())
        assert begin == [30, 100]
        assert end == pytest.approx([30 + 150 * share[0], 100 - 100 * share[1]], abs=0.06)

    @given(
        st.integers(1, 9).flatmap(lambda n: st.lists(st.lists(st.integers(0, 2), min_size=n, max_size=n), min_size=1))
    )
    def test_regions_cover_the_field_once_each_place_in_its_colour(self, classes):
        classes = torch.tensor(classes)
        rows, columns = classes.shape
        colours = ("#000001", "#000002", "#000003")
        axes = Axes((0, columns), (0, rows), width=10 * columns, height=10 * rows, left=0, right=0)
        painted = torch.full_like(classes, -1)
        for left, top, right, bottom, fill in boxes(axes.regions(classes, colours=colours).svg("Regions.")):
            part = painted[round(top / 10) : round(bottom / 10), round(left / 10) : round(right / 10)]
            assert (part == -1).all(), "painted twice"
            part.fill_(colours.index(fill))
        assert torch.equal(painted, classes)

    def test_columns_stand_on_their_base_and_go_down_where_they_are_negative(self):
        axes = Axes((0, 2), (-1, 1), width=100, height=100, left=0, right=0)
        first, second = boxes(axes.columns([0, 1, 2], [0.5, -1], colour=BLUE).svg("Columns."))
        assert first[:4] == pytest.approx((0, 25, 49.2, 50))
        assert second[:4] == pytest.approx((50, 50, 99.2, 100))
        assert first[4] == ink(BLUE)

    def test_bars_are_as_long_as_their_values_and_bear_their_words(self):
        rows = [Bar("a", 0.25, "25%", BLUE), Bar("b", 1, "100%", bold=True)]
        svg = Axes((0, 1), (2, 0), width=100, left=0, right=0).bars(rows).svg("Bars.")
        assert [right - left for left, _, right, _, _ in boxes(svg)] == [25, 100]
        assert [e.text for e in elements(svg, "text")] == ["a", "25%", "b", "100%"]
        assert [e.attrib.get("font-weight") for e in elements(svg, "text")] == [None, None, "700", "700"]

    def test_a_band_lies_between_its_two_lines(self):
        axes = Axes((0, 1), (0, 1), width=100, height=100, left=0, right=0)
        (area,) = elements(axes.band([0, 1], [0, 0.2], [0.5, 0.7]).svg("A band."), "polygon")
        points = [tuple(map(float, point.split(","))) for point in area.attrib["points"].split()]
        assert points == [(0, 100), (100, 80), (100, 30), (0, 50)]

    @pytest.mark.parametrize("mark", ["circle", *MARKS])
    def test_every_mark_is_around_its_point(self, mark):
        svg = (
            Axes((0, 1), (0, 1), width=100, height=100, left=0, right=0).dots([0.5], [0.5], mark=mark, size=4).svg("A.")
        )
        (shape,) = elements(svg, "circle" if mark == "circle" else "path")
        if mark == "circle":
            assert [shape.attrib[name] for name in ("cx", "cy", "r")] == ["50.0", "50.0", "4.0"]
        else:
            corners = np.array(re.findall(NUMBER, shape.attrib["d"]), dtype=float).reshape(-1, 2)
            assert np.abs(corners - 50).max() < 5
            assert (corners.min(0) < 50).all()
            assert (corners.max(0) > 50).all()

    def test_labels_of_ticks_stay_on_the_chart(self):
        svg = (
            Axes((0, 1), (0, 1), width=100, left=0, right=0).xticks([0, 1], ["quite long", "as long too"]).svg("Ticks.")
        )
        first, last = (float(e.attrib["x"]) for e in elements(svg, "text"))
        assert first > 30
        assert last < 70

    def test_lines_of_text_take_room_above_and_below(self):
        def height(svg):
            return float(ElementTree.fromstring(svg).attrib["viewBox"].split()[3])

        plain = height(Axes((0, 1), (0, 1)).svg("Nothing."))
        assert height(Axes((0, 1), (0, 1)).above("a").under("b").svg("Two lines.")) == plain + 30
        assert height(Axes((0, 1), (0, 1)).above("a").above("b", end=True).svg("One line.")) == plain + 15

    @pytest.mark.parametrize("words", ["", "  "])
    def test_a_chart_must_say_what_it_shows(self, words):
        with pytest.raises(ValueError, match="description of a chart is empty"):
            Axes((0, 1), (0, 1)).svg(words)

    def test_words_are_escaped(self):
        svg = Axes((0, 1), (0, 1)).text(0, 0, "a < b & c").svg('"<b>"')
        assert elements(svg, "text")[0].text == "a < b & c"
        assert ElementTree.fromstring(svg).attrib["aria-label"] == '"<b>"'


def test_stairs_are_the_outline_of_a_histogram():
    xs, ys = stairs([1, 3])
    assert xs == [0, 0.5, 0.5, 1]
    assert ys == [1, 1, 3, 3]


def luminance(colour):
    rgb = np.array([int(colour[i : i + 2], 16) / 255 for i in (1, 3, 5)])
    linear = np.where(rgb <= 0.03928, rgb / 12.92, ((rgb + 0.055) / 1.055) ** 2.4)
    return float(linear @ [0.2126, 0.7152, 0.0722])


def contrast(a, b):
    """Of two colours, as WCAG 2 reckons it: 3 is wanted of what is drawn, 4.5 of what is written."""
    low, high = sorted((luminance(a), luminance(b)))
    return (high + 0.05) / (low + 0.05)


class TestColours:
    def test_lines_stand_out_on_light_and_on_dark_pages(self):
        assert all(contrast(colour, "#ffffff") >= 3 for colour in (BLUE, VERMILION))
        assert all(contrast(colour, ground) >= 4.5 for colour in DARK for ground in ("#111111", "#212121"))

    def test_the_dark_forms_are_lighter_in_the_same_order(self):
        assert len(DARK) == len(plot.PALETTE)
        assert all(luminance(dark) > luminance(light) for dark, light in zip(DARK, plot.PALETTE))
        for i, colour in enumerate(DARK):
            assert f"--labkit-{i}: {colour};" in theme()
            assert ink(plot.PALETTE[i]) == f"var(--labkit-{i}, {plot.PALETTE[i]})"

    def test_colours_of_pixels_are_those_of_charts(self):
        assert (pictures.rgb("#0072B2") * 255).round().flatten().tolist() == [0, 0x72, 0xB2]

    def test_other_colours_are_left_alone(self):
        assert ink(INK) == INK


def test_a_table_escapes_its_cells_and_has_a_head_if_it_has_words():
    assert "<tr><th>a</th></tr><tr><td>1 &lt; 2</td></tr>" in charts.table(["a"], [["1 < 2"]])
    assert "<th>" not in charts.table([], [["1"]])


def sources():
    return {path.name: path.read_text(encoding="utf-8") for path in FOLDER.glob("*.py")}


def test_charts_are_drawn_by_axes_alone():
    drawing = {name for name, source in sources().items() if re.search(r"<(svg|path|rect|circle|poly|text)\b", source)}
    assert drawing <= {"axes.py", "svg.py"}


def test_explorers_remember_in_one_way():
    for name, source in sources().items():
        imported = {
            alias.name
            for node in ast.walk(ast.parse(source))
            if isinstance(node, ast.ImportFrom)
            for alias in node.names
        }
        assert not imported & {"cache", "lru_cache", "cached_property"}, name
