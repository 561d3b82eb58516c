"""The explorer of domain adaptation, without a browser."""

import importlib
import xml.etree.ElementTree as ElementTree
from dataclasses import replace

import pytest
import torch

from labkit import explore

topic = importlib.import_module("labkit.explore._domain")
Settings = topic.Settings


@pytest.fixture(autouse=True)
def short(monkeypatch):
    """A tenth of the training, which is forgotten again: what is tested here is the panel."""
    monkeypatch.setattr(topic, "EPOCHS", 8)
    monkeypatch.setattr(topic.trained, "results", {})


@pytest.mark.parametrize("how", topic.METHODS)
def test_every_pane_draws(how):
    state = Settings(method=how, lambda_=1, share=0.2)
    assert topic.waiting(state)
    for show in (topic.show_source, topic.show_target, topic.show_curve):
        assert len(ElementTree.fromstring(show(state)).attrib["aria-label"]) > 40
    for show in (topic.show_note, topic.show_code):
        assert ElementTree.fromstring(show(state)).tag in ("div", "pre")
    assert not topic.waiting(state)


def test_the_target_has_the_share_that_was_asked_for():
    _, target = topic.world(35.0, 0.2, 0)
    assert len(target) == topic.POINTS
    assert float((target.y == 0).float().mean()) == pytest.approx(0.2)


def test_the_ground_is_read_from_the_top():
    cells = topic.cells().reshape(topic.CELLS[1], topic.CELLS[0], 2)
    left, right, bottom, top = topic.FRAME
    assert torch.all(cells[0, :, 1] > cells[-1, :, 1])
    assert left < float(cells[0, 0, 0]) < float(cells[0, -1, 0]) < right
    assert bottom < float(cells[-1, 0, 1]) < float(cells[0, 0, 1]) < top


def test_a_moved_slider_redraws():
    opened = explore.domain()
    target = next(held for view, held in opened.views if view.title == "Target")
    before = target.value
    opened.widgets["lambda_"].value = 2
    assert opened.state == replace(Settings(), lambda_=2)
    assert target.value == topic.show_target(opened.state) != before
