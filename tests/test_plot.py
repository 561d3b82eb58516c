"""The figures, by what is drawn in them."""

import base64
import gc
import html
import io
import re
import weakref

import matplotlib
import numpy as np
import pytest
import torch
from matplotlib.axes import Axes
from matplotlib.colors import to_hex, to_rgb
from PIL import Image

from labkit import metrics, plot
from labkit.plot import pictures, style
from labkit.train import fit


def picture(x):
    """Numbers one figure in the rcParams could have changed."""
    return np.asarray(Image.open(io.BytesIO(x.png())).convert("RGB"))


def texts(figure):
    """What is written anywhere in the figure."""
    found = [*figure.texts, *([figure._suptitle] if figure._suptitle else [])]
    for ax in figure.axes:
        found += [*ax.texts, ax.title, ax._left_title, ax.xaxis.label, *ax.get_yticklabels()]
    for legend in figure.legends:
        found += [legend.get_title(), *legend.get_texts()]
    return [t.get_text() for t in found if t.get_text()]


@pytest.fixture
def x(generator, device):
    return torch.rand(5, 3, 6, 4, generator=generator, device=device)


@pytest.fixture
def seeds():
    """Four histories of different lengths."""
    rng = np.random.default_rng(0)
    return [{name: rng.random(5 + i).tolist() for name in ("loss", "val_loss", "accuracy")} for i in range(4)]


LONG = [f"a rule that stops when the {what} says so" for what in ("loss", "accuracy", "held-back set", "reader")]
FIGURES = {
    "images": lambda: plot.images(torch.rand(3, 1, 4, 4), titles=["a", "b", "c"], title="Some"),
    "pairs": lambda: plot.pairs(torch.rand(2, 3, 4, 4), torch.rand(2, 3, 4, 4), difference=True),
    "histories": lambda: plot.histories({"one": {"loss": [2.0, 1.0]}, "two": {"loss": [3.0, 1.0]}}, title="Both"),
    "lines": lambda: plot.lines({"roc": ([0.0, 1.0], [0.0, 1.0])}, diagonal=True, xlabel="fpr", ylabel="tpr"),
    "confusion": lambda: plot.confusion(torch.tensor([[3, 1], [0, 4]]), ["cat", "elephant"]),
    "bars": lambda: plot.bars({"plain": [0.5, 0.6], "mixed": [0.7, 0.8]}, label="accuracy"),
    "long names": lambda: plot.bars({"all": {name: [0.5, 0.6] for name in LONG}}, label="accuracy", title="Which rule"),
    "long names of points": lambda: plot.points({"all": {name: torch.rand(9, 2) for name in LONG}}),
    "roc": lambda: plot.roc({"attack": ([0.0, 0.2, 1.0], [0.0, 0.6, 1.0])}, title="Both"),
    "histogram": lambda: plot.histogram({"before": torch.rand(50), "after": torch.rand(50)}, title="Pixels"),
    "series": lambda: plot.series({"plain": torch.rand(2, 9), "warped": torch.rand(9)}, title="Series"),
}


@pytest.fixture(params=FIGURES)
def figure(request):
    return FIGURES[request.param]()


# Every figure


def test_it_is_a_figure_with_a_description(figure):
    assert isinstance(figure, matplotlib.figure.Figure)
    assert figure.alt.endswith(".")
    assert len(figure.alt) > 20
    assert "\n" not in figure.alt


def test_it_fits_a_notebook_and_is_crisp(figure):
    image = Image.open(io.BytesIO(figure.png()))
    assert image.width == pytest.approx(figure.get_figwidth() * style.DPI, abs=1)
    assert image.width <= 8 * style.DPI
    assert image.text["Description"] == figure.alt


def test_the_notebook_gets_the_description_as_alternative_text(figure):
    data, _ = figure._repr_mimebundle_()
    assert f'alt="{html.escape(figure.alt, quote=True)}"' in data["text/html"]
    picture = re.search(r"base64,([^\"]+)", data["text/html"]).group(1)
    assert base64.b64decode(picture).startswith(b"\x89PNG")
    assert figure.alt in data["text/plain"]
    assert set(data) == {"text/html", "text/plain"}, "a second copy of the picture doubles a notebook's size"


def test_a_description_is_escaped():
    figure = plot.images(torch.rand(1, 1, 2, 2), alt='"><script>alert(1)</script>')
    assert "<script>" not in figure._repr_mimebundle_()[0]["text/html"]


def test_all_that_is_written_lies_inside_and_nothing_on_top_of_anything_else(figure):
    with style.house():
        figure.canvas.draw()
        renderer = figure.canvas.get_renderer()
        titles = [t for t in figure.texts if t.get_text()] + [a.title for a in figure.axes if a.title.get_text()]
        titles += [a._left_title for a in figure.axes if a._left_title.get_text()] + figure.legends
        boxes = [t.get_window_extent(renderer) for t in titles]
    for i, box in enumerate(boxes):
        assert box.x0 >= -1
        assert box.y0 >= -1
        assert box.x1 <= figure.bbox.x1 + 1
        assert box.y1 <= figure.bbox.y1 + 1
        assert not any(box.overlaps(other) for other in boxes[i + 1 :])


def test_the_users_settings_stay_and_do_not_matter():
    expected = {name: picture(make()) for name, make in FIGURES.items() if name in ("confusion", "bars")}
    with matplotlib.rc_context({"font.size": 30, "axes.grid": False, "figure.facecolor": "red", "lines.linewidth": 9}):
        before = dict(matplotlib.rcParams)
        for name, image in expected.items():
            assert np.array_equal(picture(FIGURES[name]()), image)
        assert dict(matplotlib.rcParams) == before


def test_no_figure_stays_in_memory_or_with_pyplot(figure):
    from matplotlib import pyplot

    assert pyplot.get_fignums() == []
    made = plot.images(torch.rand(1, 1, 2, 2))
    made.png()
    gone = weakref.ref(made)
    del made
    gc.collect()
    assert gone() is None


def test_the_colours_can_be_told_apart_on_white_and_by_the_colour_blind():
    # Machado et al. (2009), full deuteranopia and protanopia, on linear light.
    deutan = np.array(
        [[0.367322, 0.860646, -0.227968], [0.280085, 0.672501, 0.047413], [-0.011820, 0.042940, 0.968881]]
    )
    protan = np.array(
        [[0.152286, 1.052583, -0.204868], [0.114503, 0.786281, 0.099216], [-0.003882, -0.048116, 1.051998]]
    )
    from skimage.color import deltaE_ciede2000, rgb2lab

    linear = np.array([to_rgb(c) for c in plot.PALETTE]) ** 2.2
    for vision in (np.eye(3), deutan, protan):
        lab = rgb2lab((linear @ vision.T).clip(0, 1) ** (1 / 2.2))
        distances = deltaE_ciede2000(lab[:, None], lab[None]) + 1e3 * np.eye(len(lab))
        # The first four, which are all that most plots use, lie further apart.
        assert distances.min() > 8
        assert distances[:4, :4].min() > 12
    assert all(linear.mean(1) < 0.7)


def test_the_sequential_map_grows_steadily_darker():
    rgb = style.SEQUENTIAL(np.linspace(0, 1, 64))[:, :3]
    luminance = rgb**2.2 @ [0.2126, 0.7152, 0.0722]
    assert (np.diff(luminance) < 0).all()


def test_ipython_draws_a_figure_once_whatever_it_does_with_others(x, monkeypatch):
    from IPython.core.interactiveshell import InteractiveShell
    from IPython.core.pylabtools import select_figure_formats

    monkeypatch.delenv("VIRTUAL_ENV", raising=False)  # IPython warns where another environment is active
    shell = InteractiveShell()
    monkeypatch.setattr("IPython.get_ipython", lambda: shell)
    select_figure_formats(shell, {"png", "svg"})  # as pyplot has it do
    drawn = []
    monkeypatch.setattr(style.Figure, "draw", lambda self, renderer: drawn.append(self))
    figure = plot.images(x)
    assert list(shell.display_formatter.format(figure)[0]) == ["text/plain", "text/html"]
    assert drawn == [figure]
    other = matplotlib.figure.Figure()
    other.subplots()
    assert {"image/png", "image/svg+xml"} <= set(shell.display_formatter.format(other)[0])


@pytest.mark.slow
def test_a_real_notebook_shows_each_figure_once_and_a_bar_for_training():
    import nbclient
    import nbformat

    cells = [
        "%matplotlib inline\nimport torch\nfrom labkit import plot, train\nplot.images(torch.rand(2, 1, 4, 4))",
        "train.fit(lambda b: {'loss': 0.5}, [1], epochs=2, on_epoch=train.Progress())",
        "from matplotlib import pyplot\nfigure = plot.images(torch.rand(2, 1, 4, 4))\npyplot.get_fignums()",
    ]
    notebook = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(cell) for cell in cells])
    nbclient.NotebookClient(notebook, timeout=120, kernel_name="python3").execute()
    shown, trained, quiet = ([output.data for output in cell.outputs] for cell in notebook.cells)
    assert [list(data) for data in shown] == [["text/plain", "text/html"]]
    assert 'alt="2 images of 4×4 pixels."' in shown[0]["text/html"]
    assert "application/vnd.jupyter.widget-view+json" in trained[0]
    assert [data["text/plain"] for data in quiet] == ["[]"]


# Images


def test_images_show_their_pixels_in_reading_order(x):
    figure = plot.images(x, columns=3, titles=range(5))
    assert len(figure.axes) == 5
    for ax, image in zip(figure.axes, x):
        np.testing.assert_allclose(ax.images[0].get_array(), image.permute(1, 2, 0).cpu(), rtol=1e-6)
    corners = [ax.get_position() for ax in figure.axes]
    assert corners[0].y0 == corners[2].y0 > corners[3].y0
    assert corners[0].x0 == corners[3].x0 < corners[1].x0
    assert [ax.get_title() for ax in figure.axes] == list("01234")
    assert figure.alt == "5 images of 6×4 pixels, titled 0, 1, 2, 3 and 4."


def test_grey_images_are_black_at_the_lower_and_white_at_the_upper_limit(device):
    x = torch.tensor([-3.0, -1.0, 0.0, 1.0, 3.0], device=device).view(1, 1, 1, 5)
    shown = plot.images(x, limits=(-1, 1)).axes[0].images[0]
    assert shown.get_array().tolist() == [[0, 0, 0.5, 1, 1]]
    assert (shown.norm.vmin, shown.norm.vmax, shown.get_cmap().name) == (0, 1, "gray")


def test_input_is_left_alone_and_may_carry_gradients(x):
    before = x.clone()
    plot.images(x.requires_grad_(), limits=(0.2, 0.4))
    assert torch.equal(x.detach(), before)


def test_a_list_may_hold_images_of_any_size():
    figure = plot.images([torch.rand(1, 4, 4), torch.rand(3, 9, 5)], titles=["small", "large"], title="Two")
    assert [ax.images[0].get_array().shape for ax in figure.axes] == [(4, 4), (9, 5, 3)]
    assert figure.alt == "Two: 2 images, titled small and large."
    assert "Two" in texts(figure)


def test_one_title_a_column_stands_above_the_first_row_only(x):
    figure = plot.images(x[:4], columns=2, titles=["left", "right"], rows=["first", "second"])
    assert [ax.get_title() for ax in figure.axes] == ["left", "right", "", ""]
    assert {"first", "second"} <= set(texts(figure))


def test_long_titles_are_wrapped(x):
    figure = plot.images(x, titles=["a title much longer than its image is wide"] * 5)
    assert all("\n" in ax.get_title() for ax in figure.axes)
    assert "\n" not in figure.alt


def test_panels_without_ticks_look_as_matplotlibs_own_axes_do(x, monkeypatch):
    def drawn():
        return plot.images(x, columns=2, titles=["one line", "two lines, this", "", "ß", "e"], rows="abc")

    quick = drawn().png()
    monkeypatch.setattr(pictures, "Panel", Axes)
    slow = drawn()
    for ax in slow.axes:
        ax._autotitlepos = True  # the title is laid out above the ticks
    assert slow.png() == quick


@pytest.mark.parametrize("n", [1, 2, 7, 16, 40, 100])
def test_a_grid_of_any_number_is_as_wide_as_the_page_at_most(n):
    figure = plot.images(torch.rand(n, 1, 8, 8))
    assert len(figure.axes) == n
    assert figure.get_figwidth() <= 8.0


def test_pairs_stand_below_each_other_with_their_difference(x):
    after = 1 - x
    figure = plot.pairs(x, after, names=("photograph", "negative"), difference=True)
    assert len(figure.axes) == 15
    tops = [ax.get_position().y0 for ax in figure.axes]
    assert tops[0] > tops[5] > tops[10]
    change = after - x
    expected = 0.5 + change / (2 * change.abs().max())
    for ax, image in zip(figure.axes[10:], expected):
        np.testing.assert_allclose(ax.images[0].get_array(), image.permute(1, 2, 0).cpu(), atol=1e-6)
    assert figure.alt.startswith("15 images of 6×4 pixels in rows photograph, negative and difference (±")


def test_pairs_that_do_not_differ_have_a_grey_difference(x):
    figure = plot.pairs(x, x, difference=True)
    assert (figure.axes[-1].images[0].get_array() == 0.5).all()


# Curves


def curves(ax):
    return {
        line.get_label(): line for line in ax.lines if not line.get_label().startswith("_") and len(line.get_xdata())
    }


def test_a_history_of_fit_is_drawn_as_it_is():
    history = fit(lambda b: {"loss": b}, [3.0, 1.0], epochs=3, evaluate=lambda: {"val_accuracy": 0.5})
    figure = plot.histories(history)
    assert [ax._left_title.get_text() for ax in figure.axes] == ["Loss", "Validation accuracy"]
    assert figure.axes[0].lines[0].get_xydata().tolist() == [[1, 2], [2, 2], [3, 2]]
    assert not figure.axes[0].collections


def test_the_band_is_mean_and_deviation_over_seeds_as_far_as_all_went(seeds):
    figure = plot.histories(seeds, name="accuracy")
    (ax,) = figure.axes
    table = np.array([seed["accuracy"][:5] for seed in seeds])
    np.testing.assert_allclose(ax.lines[0].get_ydata(), table.mean(0))
    (band,) = ax.collections
    edge = band.get_paths()[0].vertices
    for epoch in range(5):
        ends = table[:, epoch].mean() + np.array([-1, 1]) * table[:, epoch].std(ddof=1)
        low, high = ends.clip(0, 1)
        at = edge[edge[:, 0] == epoch + 1, 1]
        assert (at.min(), at.max()) == pytest.approx((low, high))
    assert "over 4 seeds" in figure.alt


def test_a_quantity_and_its_validation_share_a_panel(seeds):
    figure = plot.histories({"plain": seeds, "mixed": seeds[:2]})
    loss, accuracy = figure.axes
    assert [t.get_text() for t in loss.get_legend().get_texts()] == ["training", "validation"]
    solid = curves(loss)
    assert list(solid) == ["plain", "mixed"]
    np.testing.assert_allclose(solid["plain"].get_ydata(), np.mean([s["val_loss"][:5] for s in seeds], 0))
    dashed = loss.lines[0]
    assert dashed.get_linestyle() == "--"
    assert dashed.get_color() == solid["plain"].get_color() == plot.PALETTE[0]
    assert accuracy.get_legend() is None
    assert [t.get_text() for t in figure.legends[0].get_texts()] == ["plain", "mixed"]


def test_an_only_epoch_is_a_point():
    figure = plot.histories({"loss": [1.0]})
    assert figure.axes[0].lines[0].get_marker() == "o"


def test_lines_over_a_common_x_and_over_their_own(device):
    y = torch.rand(3, 4, device=device, requires_grad=True)
    figure = plot.lines({"seeds": y, "own": ([1, 2], [5.0, 6.0])}, x=[1, 10, 100, 1000], log="x", ylabel="accuracy")
    (ax,) = figure.axes
    assert ax.get_xscale() == "log"
    assert ax.get_yscale() == "linear"
    np.testing.assert_allclose(ax.lines[0].get_ydata(), y.detach().mean(0).cpu(), rtol=1e-6)
    assert ax.lines[1].get_xydata().tolist() == [[1, 5], [2, 6]]
    assert len(ax.collections) == 1
    assert "own: from 5 at 1 to 6 at 2." in figure.alt


# Tables


def test_confusion_shades_by_row_and_writes_counts():
    matrix = metrics.confusion_matrix(torch.tensor([0, 0, 1, 1, 1, 1]), torch.tensor([0, 0, 0, 0, 1, 1]), classes=3)
    figure = plot.confusion(matrix, ["cat", "dog", "fox"], title="Pets")
    (ax,) = figure.axes
    np.testing.assert_allclose(ax.images[0].get_array(), [[0.5, 0.5, 0], [0, 1, 0], [0, 0, 0]])
    assert [t.get_text() for t in ax.texts] == ["2", "2", "2"]
    assert [t.get_text() for t in ax.get_yticklabels()] == ["cat", "dog", "fox"]
    assert figure.alt == (
        "Pets: confusion matrix of 3 classes: 66.7% of 6 right. Most often confused: 50% of cat are taken for dog."
    )


def test_numbers_in_the_cells_stand_out():
    figure = plot.confusion(torch.tensor([[9, 1], [5, 5]]))
    for text in figure.axes[0].texts:
        x, y = text.get_position()
        image = figure.axes[0].images[0]
        background = np.array(image.get_cmap()(image.get_array()[y, x])[:3])
        contrast = abs(background.mean() - np.mean(to_rgb(text.get_color())))
        assert contrast > 0.4, (text.get_text(), to_hex(background))


def test_a_large_confusion_matrix_has_no_numbers():
    figure = plot.confusion(torch.eye(60, dtype=torch.long))
    assert not figure.axes[0].texts
    assert len(figure.axes[0].get_xticks()) <= 21
    assert figure.get_figwidth() <= 8.0


def test_bars_reach_to_the_mean_with_whiskers_and_a_dot_a_seed():
    values = {"plain": [0.5, 0.6, 0.7], "mixed": torch.tensor([0.8]), "cut": np.array([0.9, 0.8])}
    figure = plot.bars(values, percent=True, label="accuracy (%)")
    (ax,) = figure.axes
    assert [bar.get_width() for bar in ax.patches] == pytest.approx([60, 80, 85])
    whisker = ax.containers[1].lines[2][0].get_segments()[0]
    assert whisker[:, 0].tolist() == pytest.approx([50, 70])
    dots = [d for c in ax.collections for d in c.get_offsets()[:, 0].tolist() if len(c.get_offsets()) > 1]
    assert sorted(dots) == pytest.approx([50, 60, 70, 80, 90])
    assert [t.get_text() for t in ax.get_yticklabels()] == ["plain", "mixed", "cut"]
    assert figure.alt == "Bars: accuracy (%): plain 60 ± 10, mixed 80 and cut 85 ± 7."


def test_bars_in_groups_share_colours_and_a_legend():
    groups = {"upright": {"plain": [0.9], "rotated": [0.8]}, "turned": {"plain": [0.3], "rotated": [0.8]}}
    figure = plot.bars(groups, title="Digits")
    (ax,) = figure.axes
    shades = [bar.get_facecolor() for bar in ax.patches]
    assert shades[0] == shades[2] != shades[1] == shades[3]
    assert {"Digits", "plain", "rotated", "upright", "turned"} <= set(texts(figure))


def test_an_axis_without_zero_has_no_bars():
    (ax,) = plot.bars({"a": [0.9, 0.92]}, limits=(0.8, 1.0)).axes
    assert ax.get_xlim() == (0.8, 1.0)
    assert len(ax.patches) == 0, "a bar's length is its number"
    assert [0.91, 0.0] in ax.collections[0].get_offsets().tolist()
    (ax,) = plot.bars({"a": [0.9, 0.92]}, limits=(0.0, 1.0)).axes
    assert ax.patches[0].get_x() == 0
    assert ax.patches[0].get_width() == pytest.approx(0.91)


def test_a_deviation_ends_where_a_share_ends():
    (ax,) = plot.bars({"a": [1.0, 1.0, 0.7]}, percent=True).axes
    ends = ax.containers[1].lines[2][0].get_segments()[0][:, 0]
    assert ends.tolist() == pytest.approx([90 - 100 * np.std([1, 1, 0.7], ddof=1), 100])
    table = [[0.0, 0.9], [0.1, 1.0], [0.0, 1.0]]
    for scale, label, ends in ((1, "accuracy", True), (100, "accuracy, %", True), (2, "distance", False)):
        (ax,) = plot.lines({"a": scale * np.array(table)}, ylabel=label).axes
        heights = ax.collections[0].get_paths()[0].vertices[:, 1]
        assert (heights.min() == 0) == (heights.max() == scale) == ends


@pytest.mark.parametrize("name", FIGURES)
def test_nothing_is_written_small(name):
    """Twelve pixels of a browser, 9 points, wherever there is text."""
    made = FIGURES[name]()
    written = [text for text in made.findobj(matplotlib.text.Text) if text.get_text()]
    assert written or name == "points"
    assert {text.get_fontsize() for text in written if text.get_fontsize() < 9} == set()


def test_what_is_nearly_black_is_stretched_where_asked_for():
    x = torch.stack([torch.full((1, 2, 2), v) for v in (0.0, 0.1, 0.5)])
    shown = [ax.images[0].get_array().max() for ax in plot.images(x, stretch=True, titles=["a", "b", "c"]).axes]
    assert shown == pytest.approx([0, 1, 0.5])
    for given, shown in ((["a", "b", "c"], ["a", "b (×10)", "c"]), (None, ["", "(×10)", ""])):
        made = plot.images(x, stretch=True, titles=given)
        assert [ax.get_title() for ax in made.axes] == shown
    assert [ax.images[0].get_array().max() for ax in plot.images(x).axes] == pytest.approx([0, 0.1, 0.5])


def test_a_description_names_no_empty_titles():
    made = plot.images(torch.rand(4, 1, 2, 2), columns=2, titles=["a", "b"], rows=["up", ""])
    assert made.alt == "4 images of 2×2 pixels in rows up, titled a and b."
    made = plot.images(torch.rand(4, 1, 2, 2), titles=["a", "", " ", "b"])
    assert made.alt.endswith("titled a and b.")
    assert plot.images(torch.rand(2, 1, 2, 2), titles=["", ""]).alt == "2 images of 2×2 pixels."


def test_histograms_are_numpys_and_add_up_to_one(generator, device):
    values = torch.randn(200, generator=generator, device=device)
    figure = plot.histogram({"a": values, "b": 2 * values}, bins=10, limits=(-2.0, 2.0))
    outline = figure.axes[0].patches[1]
    counts, edges = np.histogram(values.cpu().clamp(-2, 2).double().numpy(), 10, (-2, 2))
    np.testing.assert_allclose(outline.get_data().values, counts / 200)
    np.testing.assert_allclose(outline.get_data().edges, edges)
    assert sum(figure.axes[0].patches[3].get_data().values) == pytest.approx(1)


# Bad input


@pytest.mark.parametrize(
    ("call", "sentence"),
    [
        (lambda: plot.images(torch.rand(3, 4, 4)), r"shape \(B, C, H, W\)"),
        (lambda: plot.images(torch.zeros(1, 1, 4, 4, dtype=torch.uint8)), "divide by 255"),
        (lambda: plot.images(torch.rand(1, 2, 4, 4)), "1 or 3 channels"),
        (lambda: plot.images(torch.rand(1, 1, 0, 4)), "at least one channel, row and column"),
        (lambda: plot.images([torch.rand(4, 4)]), r"\(C, H, W\); this one has shape \(4, 4\)"),
        (lambda: plot.images([]), "there are 0 images"),
        (lambda: plot.images(torch.rand(401, 1, 1, 1)), "there are 401 images; expected 1 to 400"),
        (lambda: plot.images(torch.full((1, 1, 2, 2), torch.nan)), "hold nan"),
        (lambda: plot.images(torch.rand(3, 1, 2, 2), titles=["a"]), "1 titles for 3 images"),
        (lambda: plot.images(torch.rand(3, 1, 2, 2), rows=["a", "b"]), "2 row names for 1 rows"),
        (lambda: plot.images(torch.rand(3, 1, 2, 2), columns=-1), "columns is -1"),
        (lambda: plot.images(torch.rand(3, 1, 2, 2), limits=(1.0, 0.0)), "the lower one first"),
        (lambda: plot.pairs(torch.rand(3, 1, 2, 2), torch.rand(2, 1, 2, 2)), "3 images before and 2 after"),
        (lambda: plot.pairs(torch.rand(2, 1, 2, 2), torch.rand(2, 1, 2, 2), titles=["a"]), "1 titles for 2 pairs"),
        (
            lambda: plot.pairs(torch.rand(2, 1, 2, 2), torch.rand(2, 1, 3, 3), difference=True),
            "difference needs images of one size",
        ),
        (lambda: plot.histories([]), "no history"),
        (lambda: plot.histories({"loss": [1.0]}, name="accuracy"), "'accuracy' in the history; it has loss"),
        (lambda: plot.histories({"a": {"x": [1.0]}, "b": {"y": [1.0]}}), "no quantity"),
        (lambda: plot.histories({str(i): {"x": [1.0]} for i in range(9)}), "9 things to tell apart"),
        (lambda: plot.histories({"loss": []}), "no epoch"),
        (lambda: plot.lines({}), "no lines"),
        (lambda: plot.lines({"a": [1.0, 2.0]}, x=[1.0]), r"x of shape \(1,\) and y of shape \(1, 2\)"),
        (lambda: plot.lines({"a": [1.0]}, log="z"), "log is 'z'"),
        (lambda: plot.confusion(torch.zeros(2, 3)), r"shape \(k, k\); this has shape \(2, 3\)"),
        (lambda: plot.confusion(torch.zeros(2, 2) - 1), "counts from 0"),
        (lambda: plot.confusion(torch.zeros(2, 2), ["a"]), "1 class names for 2 classes"),
        (lambda: plot.bars({}), "at least one"),
        (lambda: plot.bars({"a": []}), "no value"),
        (lambda: plot.bars({"g": {"a": [1]}, "h": {"b": [1]}}), "the first has a"),
        (lambda: plot.histogram(torch.tensor([])), "none, or not finite"),
        (lambda: plot.histogram({"a": torch.tensor([torch.inf])}), "of a are none, or not finite"),
        (lambda: plot.histogram(torch.rand(3), bins=0), "bins is 0"),
    ],
)
def test_bad_input_gets_a_sentence(call, sentence):
    with pytest.raises(ValueError, match=sentence):
        call()


class TestPoints:
    def test_each_set_has_its_colour_in_every_panel_and_the_boundary_is_drawn(self):
        a, b = torch.zeros(3, 2), torch.ones(4, 2)
        figure = plot.points({"one": {"a": a, "b": b}, "two": {"b": b}}, fields={"one": lambda v: v[:, 0]}, title="T")
        one, two = figure.axes
        colours = [
            [tuple(c.get_facecolor()[0][:3]) for c in ax.collections if len(c.get_offsets()) > 2] for ax in (one, two)
        ]
        assert colours[0][-1] == colours[1][-1] != colours[0][0]
        assert "4 points b around (1, 1)" in figure.alt
        assert one.images
        assert not two.images
        assert figure.png().startswith(b"\x89PNG")

    def test_what_is_no_plane_is_named(self):
        with pytest.raises(ValueError, match=r"one or more of \(n, 2\)"):
            plot.points({"one": {"a": torch.zeros(3, 3)}})


def test_series_show_what_was_before_and_where_something_is_wrong():
    x, mask = torch.rand(2, 9), torch.arange(9) > 6
    figure = plot.series({"a": x, "b": x + 1, "c": x[0]}, before=x, masks={"b": mask}, columns=2)
    shown = [ax for ax in figure.axes if ax.get_visible()]
    assert len(shown) == 3
    assert [len(ax.lines) for ax in shown] == [4, 4, 3]
    assert [len(ax.collections) for ax in shown] == [0, 1, 0]
    assert np.allclose(shown[1].lines[2].get_ydata(), x[0] + 1)
    with pytest.raises(ValueError, match="expected series"):
        plot.series({})
