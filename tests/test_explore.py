"""Explorers without a browser: what they show is a pure function of their sliders."""

import asyncio
import base64
import importlib
import io
import subprocess
import sys
import threading
import time
import types
import xml.etree.ElementTree as ElementTree
from dataclasses import dataclass, fields, replace

import nbformat
import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from nbclient import NotebookClient
from PIL import Image

from labkit import data, explore, plot
from labkit.augment import image
from labkit.explore import base, charts, panel, pictures

topic = importlib.import_module("labkit.explore._images")
Settings = topic.Settings
CONTROLS = base.controls(Settings)
MOVED = {
    "degrees": 30, "scale": 1.4, "dx": 20, "dy": -20, "shear": 20, "flip": True, "brightness": 0.5, "contrast": 2,
    "saturation": 2, "hue": 0.3, "invert": True, "blur": 5, "noise": 0.2, "pepper": 0.2, "hole": 30,
}  # fmt: skip


@pytest.fixture(scope="module", autouse=True)
def _trained():
    """Both classifiers, once for all tests."""
    for lesson in topic.LESSONS:
        topic.classifier(lesson)


def knob(name, control):
    """Any value that a control can have."""
    if control.kind == "choice":
        return st.sampled_from(control.options)
    if control.kind == "switch":
        return st.booleans()
    last = round((control.high - control.low) / control.step)
    values = st.integers(0, last).map(lambda i: round(control.low + i * control.step, 10))
    return values.map(int) if control.kind == "number" else values


STATES = st.builds(Settings, **{name: knob(name, control) for name, control in CONTROLS.items()})


class TestWhatIsShown:
    @pytest.mark.parametrize("picture", ["digit 6", "cat"])
    def test_neutral_sliders_change_nothing(self, picture):
        state = Settings(picture=picture)
        assert topic.pipeline(state) == []
        assert torch.equal(topic.result(state), topic.original(picture))

    def test_every_control_of_the_pipeline_does_something(self):
        plain = topic.result(Settings(picture="astronaut"))
        for name, value in MOVED.items():
            assert not torch.equal(topic.result(Settings(picture="astronaut", **{name: value})), plain), name
        turned, hole = Settings(picture="astronaut", degrees=30), Settings(picture="astronaut", hole=30)
        for state, name, value in [
            *((turned, "fill", fill) for fill in topic.FILLS[1:]),
            *((hole, name, 20) for name in ("hole_x", "hole_y")),
            *((hole, "hole_value", value) for value in ("mean", "noise")),
        ]:
            assert not torch.equal(topic.result(replace(state, **{name: value})), topic.result(state)), (name, value)
        spared = {"seed", "picture", "lesson", "fill", "hole_x", "hole_y", "hole_value"}
        assert set(MOVED) | spared == set(CONTROLS)

    def test_a_slider_is_the_function_of_its_name(self):
        x = topic.original("coffee")
        assert torch.allclose(topic.result(Settings(picture="coffee", degrees=33)), image.rotate(x, degrees=33))
        assert torch.allclose(topic.result(Settings(picture="coffee", hue=-0.2)), image.hue(x, shift=-0.2), atol=1e-6)
        moved = topic.result(Settings(picture="coffee", dx=10, dy=20))
        side = topic.SIDE
        assert torch.allclose(moved[..., side // 5 :, side // 10 :], x[..., : -side // 5, : -side // 10], atol=1e-4)

    @settings(max_examples=40)
    @given(state=STATES)
    def test_the_code_gives_the_picture(self, state):
        names = {"torch": torch, "image": image, "x": topic.original(state.picture)}
        exec(topic.code(state), names)
        assert torch.equal(names["x"], topic.result(state))
        assert names["x"].isfinite().all()
        assert names["x"].min() >= 0
        assert names["x"].max() <= 1

    @settings(max_examples=40)
    @given(state=STATES)
    def test_every_pane_draws_every_state(self, state):
        for show in (topic.show_original, topic.show_result):
            picture = show(state)
            assert state.picture in picture.alt
            assert isinstance(picture, base.Renderable)
        for show in (topic.show_histogram, topic.show_opinion, topic.show_code):
            assert ElementTree.fromstring(show(state)).tag.rpartition("}")[2] in ("svg", "div", "pre")

    def test_noise_depends_on_the_seed_alone(self):
        a, b = Settings(noise=0.1, seed=1), Settings(noise=0.1, seed=2)
        first = topic.result(a).clone()
        topic.result.clear()
        assert torch.equal(topic.result(a), first)
        assert not torch.equal(topic.result(b), first)


class TestClassifier:
    @pytest.mark.parametrize(
        ("lesson", "upright", "turned"), [(topic.LESSONS[0], 0.95, 0), (topic.LESSONS[1], 0.88, 0.88)]
    )
    def test_it_reads_digits_it_has_not_seen(self, lesson, upright, turned):
        test = data.digits("test")
        model = topic.classifier(lesson)
        angles = torch.linspace(-30, 30, len(test.x))
        for x, least in ((test.x, upright), (image.rotate(test.x, degrees=angles), turned)):
            assert (model(x).argmax(1) == test.y).float().mean() >= least

    def test_the_two_differ_where_the_lecture_says_so(self):
        test = data.digits("test")
        x = image.rotate(test.x, degrees=torch.linspace(-40, 40, len(test.x)))
        plain, moved = ((topic.classifier(lesson)(x).argmax(1) == test.y).float().mean() for lesson in topic.LESSONS)
        assert moved > plain + 0.1

    def test_a_six_becomes_a_nine(self):
        assert int(topic.probabilities(Settings(picture="digit 6")).argmax()) == 6
        assert int(topic.probabilities(Settings(picture="digit 6", degrees=180)).argmax()) == 9

    def test_it_is_trained_once_and_says_so_before(self, monkeypatch):
        monkeypatch.setattr(topic.classifier, "results", {})
        monkeypatch.setattr(topic.classifier, "function", lambda lesson: torch.nn.Identity())
        assert "upright digits" in topic.waiting(Settings())
        assert topic.waiting(Settings(picture="cat")) == ""
        assert topic.classifier(topic.LESSONS[0]) is topic.classifier(topic.LESSONS[0])
        assert topic.waiting(Settings()) == ""

    def test_training_leaves_the_global_random_numbers_alone(self):
        before = torch.get_rng_state()
        a, b = (topic.classifier.function(topic.LESSONS[0]) for _ in range(2))
        assert torch.equal(torch.get_rng_state(), before)
        assert all(torch.equal(p, q) for p, q in zip(a.state_dict().values(), b.state_dict().values()))

    def test_a_photograph_is_no_digit(self):
        assert "digits only" in topic.show_opinion(Settings(picture="cat"))


class TestCharts:
    def test_a_picture_file_holds_the_pixels(self):
        x = torch.rand(3, 120, 100)
        array = np.asarray(Image.open(io.BytesIO(pictures.Picture(x, "").png())))
        assert np.abs(array / 255 - x.permute(1, 2, 0).numpy()).max() <= 0.5 / 255 + 1e-6

    def test_small_pictures_are_blown_up_to_squares(self):
        x = torch.rand(1, 8, 8)
        array = np.asarray(Image.open(io.BytesIO(pictures.Picture(x, "").png())))
        assert array.shape == (480, 480)
        blocks = array.reshape(8, 60, 8, 60)
        assert (blocks == blocks[:, :1, :, :1]).all()

    def test_shares_are_those_of_numpy(self):
        x = torch.cat([torch.rand(2, 9, 7), torch.zeros(1, 9, 7), torch.ones(1, 9, 7)])
        shares = charts.shares(x, bins=16)
        for channel, share in zip(x, shares):
            expected = np.histogram(channel.double().numpy(), bins=16, range=(0, 1))[0] / 63
            assert np.allclose(share.numpy(), expected)

    def test_what_is_cut_off_says_so(self):
        flat, spike = torch.full((1, 32), 1 / 32), torch.zeros(1, 32)
        spike[0, 0] = 1
        assert "▲" not in charts.histogram(flat, flat, names=["grey"])
        assert "▲ 100%" in charts.histogram(flat, spike, names=["grey"])

    def test_an_opinion_says_in_words_whether_it_is_right(self):
        p = torch.tensor([0.1, 0.7, 0.2])
        right, wrong = charts.opinion(p, truth=1), charts.opinion(p, truth=2)
        assert "says 1 with 70%, which is right" in right
        assert "but it is a 2" in wrong
        assert "✗" in wrong
        assert "✗" not in right

    def test_a_figure_of_labkit_plot_can_stand_in_a_pane(self):
        assert isinstance(plot.images(torch.zeros(1, 1, 8, 8)), base.Renderable)


@dataclass(frozen=True)
class Small(base.State):
    size: float = base.slider(1, 0, 10, step=0.5, label="size", group="All", draw=(2, 3))
    on: bool = base.switch(label="on", group="All", draw=True)
    kept: float = base.slider(4, 0, 10, step=1, label="kept", group="All")
    what: str = base.choice(["a", "b"], label="what")


class TestState:
    def test_a_state_refuses_what_its_controls_cannot_show(self):
        with pytest.raises(ValueError, match="size is 11; expected a number from 0 to 10"):
            Small(size=11)
        with pytest.raises(ValueError, match="what is 'c'; expected one of a, b"):
            Small(what="c")

    def test_chance_stays_within_its_span_and_leaves_the_rest(self):
        states = [base.randomise(Small(what="b", size=9), seed=seed) for seed in range(200)]
        assert {s.size for s in states} == {1, 2, 2.5, 3}
        assert {s.on for s in states} == {True, False}
        assert {(s.kept, s.what) for s in states} == {(4, "b")}
        assert states == [base.randomise(Small(what="b"), seed=seed) for seed in range(200)]

    def test_reset_keeps_what_stands_above_the_panel(self):
        assert base.reset(Small(size=3, on=True, kept=1, what="b", seed=4)) == Small(what="b")

    @given(seed=st.integers(0, 9999))
    def test_what_chance_makes_of_the_images_can_be_shown(self, seed):
        state = base.randomise(Settings(picture="cat"), seed=seed)
        for name, control in CONTROLS.items():
            if control.kind == "slider":
                steps = (getattr(state, name) - control.low) / control.step
                assert abs(steps - round(steps)) < 1e-6, name


def test_what_is_remembered_is_computed_once_and_the_oldest_makes_room():
    asked = []
    square = base.remembered(2)(lambda x: asked.append(x) or x * x)
    assert not square.knows(3)
    assert [square(3), square(4), square(3), square(5)] == [9, 16, 9, 25]
    assert asked == [3, 4, 5]
    assert [square.knows(x) for x in (3, 4, 5)] == [True, False, True]
    assert square(4) == 16
    assert asked == [3, 4, 5, 4]
    square.clear()
    assert not square.knows(4)


class TestPanel:
    def test_a_moved_slider_redraws_and_keeps_the_rest(self):
        opened = explore.images()
        opened.set(Settings(contrast=1.5))
        result = shown(opened, "Result")
        before, original = result.value, shown(opened, "Original").value
        opened.widgets["degrees"].value = 45
        assert opened.state == Settings(contrast=1.5, degrees=45)
        assert result.value == topic.show_result(opened.state).png() != before
        assert shown(opened, "Original").value == original
        assert "affine" in result.tooltip
        assert "degrees=45" in shown(opened, "The same in python").value

    def test_a_slider_means_the_value_on_its_grid_that_a_browser_sends_nearly(self):
        drawn = []
        opened = panel.Explorer(Small(), [[base.View("", lambda state: drawn.append(state) or "", html=True)]])
        opened.widgets["kept"].value = 3.9999999999
        assert drawn == [opened.state] == [Small()], "nothing moved, so nothing is drawn again"
        opened.widgets["kept"].value = 6.9999999999
        opened.widgets["size"].value = 2.5000000001
        assert opened.state == Small(kept=7, size=2.5)

    def test_controls_start_where_the_state_is_and_hold_its_range(self):
        opened = explore.images()
        for f in fields(Settings):
            assert opened.widgets[f.name].value == f.default, f.name
            control = CONTROLS[f.name]
            if control.kind == "slider":
                assert (opened.widgets[f.name].min, opened.widgets[f.name].max) == (control.low, control.high)

    def test_many_controls_move_and_the_panes_are_drawn_once(self):
        drawn = []
        view = base.View("", lambda state: drawn.append(state) or "", html=True)
        opened = panel.Explorer(Small(), [[view]])
        assert drawn == [Small()]
        opened.set(Small(size=3, on=True, what="b"))
        assert drawn[1:] == [Small(size=3, on=True, what="b")]

    def test_buttons_draw_with_the_next_seed_and_put_back(self):
        opened = explore.images()
        opened.set(Settings(picture="cat"))
        buttons = {b.description: b for b in descendants(opened.box) if type(b).__name__ == "Button"}
        buttons["Draw at random"].click()
        assert opened.state == base.randomise(Settings(picture="cat"), seed=1) != Settings(picture="cat", seed=1)
        assert opened.widgets["seed"].value == 1
        buttons["Reset"].click()
        assert opened.state == Settings(picture="cat")

    def test_controls_without_effect_are_greyed(self):
        opened = explore.images()
        greyed = {name for name, w in opened.widgets.items() if w.disabled}
        assert greyed == {"saturation", "hue", "hole_x", "hole_y", "hole_value"}
        opened.set(Settings(picture="cat", hole=10))
        assert {name for name, w in opened.widgets.items() if w.disabled} == {"lesson"}

    def test_what_takes_long_is_drawn_once_after_the_last_of_many_moves(self, monkeypatch):
        monkeypatch.setattr(panel, "PAUSE", 0.0)
        drawn = []
        slow = base.View("", lambda s: drawn.append(s.degrees) or "there", html=True, wait=lambda s: "a moment")
        quick = base.View("", lambda s: f"{s.degrees}", html=True)

        async def moves():
            explorer = panel.Explorer(Settings(), [[slow, quick]])
            for degrees in (10, 20, 30):
                explorer.widgets["degrees"].value = degrees
            held = [held.value for _, held in explorer.views]
            before = list(drawn)
            await asyncio.sleep(0.01)
            explorer.widgets["degrees"].value = 40
            explorer.reset()
            await asyncio.sleep(0.01)
            return explorer, held, before

        explorer, held, before = asyncio.run(moves())
        assert before == []
        assert "a moment" in held[0]
        assert held[1] == "30.0"
        assert drawn == [30.0, 0.0]
        assert explorer.state == Settings()

    def test_a_reset_on_another_thread_is_not_overtaken_by_what_is_still_being_drawn(self):
        """JupyterLab handles the moves of widgets on threads of their own."""
        begun, go_on = threading.Event(), threading.Event()

        def slow(state):
            if state.degrees:
                begun.set()
                assert go_on.wait(60)
            return f"{state.degrees}"

        explorer = panel.Explorer(Settings(), [[base.View("", slow, html=True), base.View("", slow, html=True)]])
        move = threading.Thread(target=setattr, args=(explorer.widgets["degrees"], "value", 20))
        move.start()
        assert begun.wait(60)
        reset = threading.Thread(target=explorer.reset)
        reset.start()
        while explorer.state.degrees:
            time.sleep(0.001)
        go_on.set()
        for thread in (move, reset):
            thread.join(60)
        assert [held.value for _, held in explorer.views] == ["0", "0"]

    def test_a_pane_that_takes_long_waits_until_the_panel_is_shown(self, capsys):
        done = []
        view = base.View("", lambda s: done.append(1) or "there", html=True, wait=lambda s: "" if done else "a moment")
        opened = panel.Explorer(Small(), [[view]])
        held = opened.views[0][1]
        assert "a moment" in held.value
        assert not done
        opened._ipython_display_()
        assert held.value == "there"
        assert "VBox" in capsys.readouterr().out

    def test_every_picture_and_chart_says_what_it_shows(self):
        opened = explore.images()
        opened.set(Settings(picture="digit 3"))
        assert "digit 3" in shown(opened, "Original").tooltip
        for title in ("Values of the pixels", "The classifier's opinion"):
            svg = ElementTree.fromstring(shown(opened, title).value)
            assert svg.attrib["role"] == "img"
            assert len(svg.attrib["aria-label"]) > 20


def descendants(box):
    return [d for child in getattr(box, "children", ()) for d in (child, *descendants(child))]


def shown(opened, title):
    return next(held for view, held in opened.views if view.title == title)


class TestPackage:
    def test_importing_it_imports_no_explorer(self):
        code = "import sys; from labkit import explore; print([m for m in ('ipywidgets', 'torch') if m in sys.modules])"
        result = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
        assert result.stdout.strip() == "[]"

    def test_the_name_is_the_function_though_the_module_was_imported_before(self):
        assert explore.images is topic.images
        assert type(explore) is types.ModuleType
        assert importlib.import_module("labkit.explore._images") is topic

    def test_an_unknown_explorer_is_named(self):
        with pytest.raises(AttributeError, match=r"no explorer 'imagse'; there is one for each topic .* images"):
            _ = explore.imagse
        assert "images" in dir(explore)


def test_it_opens_where_there_is_no_front_end():
    cell = nbformat.v4.new_code_cell("from labkit import explore\nexplore.images()")
    notebook = nbformat.v4.new_notebook(cells=[cell])
    NotebookClient(notebook, timeout=120, kernel_name="python3").execute()
    (output,) = notebook.cells[0].outputs
    assert "application/vnd.jupyter.widget-view+json" in output["data"]
    states = notebook.metadata["widgets"]["application/vnd.jupyter.widget-state+json"]["state"].values()
    pictures = [s for s in states if s["model_name"] == "ImageModel"]
    assert len(pictures) == 2
    for picture in pictures:
        (buffer,) = [b for b in picture["buffers"] if b["path"] == ["value"]]
        assert Image.open(io.BytesIO(base64.b64decode(buffer["data"]))).size == (480, 480)
    assert any("The classifier says 6" in str(s["state"].get("value")) for s in states)
