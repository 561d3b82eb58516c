"""The explorer of S+U learning, without a browser, and the refiners that come with labkit."""

import importlib
import xml.etree.ElementTree as ElementTree
from dataclasses import replace

import pytest
import safetensors
import torch

from labkit import data, explore, refine
from labkit.explore import base
from labkit.refine import bundled

topic = importlib.import_module("labkit.explore._refine")
Settings = topic.Settings


@pytest.mark.parametrize("strength", topic.STRENGTHS)
def test_every_pane_draws_every_refiner(strength):
    state = Settings(strength=strength, pitch=-15, yaw=25, seed=3)
    for show in (topic.show_before, topic.show_after, topic.show_real):
        picture = show(state)
        assert picture.x.shape == (3, 16 * topic.ZOOM, 24 * topic.ZOOM)
        assert "pixels from its label" in picture.alt
        assert picture.png().startswith(b"\x89PNG")
    for show in (topic.show_values, topic.show_course):
        assert len(ElementTree.fromstring(show(state)).attrib["aria-label"]) > 20
    for show in (topic.show_legend, topic.show_code):
        assert ElementTree.fromstring(show(state)).tag in ("div", "pre")


def test_the_eye_looks_where_the_sliders_say():
    (left, at_left), (right, at_right) = (topic.eye(Settings(yaw=yaw), False) for yaw in (-25, 25))
    assert at_right[0] - at_left[0] > 5
    assert not torch.equal(left, right)
    assert torch.equal(topic.eye(Settings(), False)[1], topic.eye(Settings(), True)[1]), "the camera moves no pupil"


def test_crosses_stand_where_they_should():
    x = torch.full((1, 16, 24), 0.5)
    big = topic.marked(x, torch.tensor([3.0, -2.0]), torch.tensor([-6.0, 4.0]))
    row, column = (int((p + s / 2) * topic.ZOOM) for p, s in ((-2.0, 16), (3.0, 24)))
    blue = torch.tensor([int(topic.BLUE[i : i + 2], 16) / 255 for i in (1, 3, 5)])
    assert torch.allclose(big[:, row, column], blue)
    assert not torch.allclose(big[:, row + topic.ZOOM, column + topic.ZOOM], blue), "the label's cross is upright"
    row, column = (int((p + s / 2) * topic.ZOOM) for p, s in ((4.0, 16), (-6.0, 24)))
    orange = torch.tensor([int(topic.VERMILION[i : i + 2], 16) / 255 for i in (1, 3, 5)])
    assert torch.allclose(big[:, row + topic.ZOOM // 2, column + topic.ZOOM // 2], orange), "the other one is slanted"


def test_the_chart_says_what_the_lecture_says():
    """From λ = 0.1 up, refined eyes come closer to the real look the smaller λ is; λ = 10 changes hardly anything."""
    gap = dict(zip(["raw", *bundled.LAMBDAS], topic.course()["gap"]))
    assert gap[0.1] < 0.8 * gap["raw"]
    assert gap[0.1] < gap[1.0] < gap[10.0] < 1.05 * gap["raw"]


def test_the_refiners_come_with_how_they_were_made():
    path = importlib.resources.files("labkit.refine") / bundled.FILE
    with safetensors.safe_open(str(path), "pt") as file:
        assert "benchmarks.refine checkpoints" in file.metadata()["about"]
    assert path.stat().st_size < 300_000


def test_a_refiner_is_new_at_each_call_and_bad_input_is_refused():
    one, other = refine.pretrained(0.1), refine.pretrained(0.1)
    assert one is not other
    assert not one.training
    x = data.simulate.eyes(2, generator=torch.Generator().manual_seed(0), size=bundled.SIZE).x
    assert torch.equal(one(x), other(x))
    assert not torch.equal(one(x), refine.pretrained(0.0)(x))
    with pytest.raises(ValueError, match=r"there are refiners for 0, 0\.03, 0\.1"):
        refine.pretrained(0.5)


def test_a_moved_slider_redraws():
    opened = explore.refine()
    shown = next(held for view, held in opened.views if view.title == "Refined")
    before = shown.value
    opened.widgets["yaw"].value = -20
    assert opened.state == replace(Settings(), yaw=-20)
    assert shown.value == topic.show_after(opened.state).png() != before
    opened.set(base.randomise(opened.state, seed=7))
    assert opened.state.seed == 7
