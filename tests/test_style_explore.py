"""The explorer of style: what its views show, and that its code gives its pictures."""

import importlib
from dataclasses import replace
from xml.etree import ElementTree

import pytest
import torch

from labkit import explore, style
from labkit.explore import base

topic = importlib.import_module("labkit.explore._style")
Settings = topic.Settings

STATES = [
    Settings(steps=5),
    Settings(content="rocket", style="gravel", strength=4.5, layers="the finest", steps=5),
    Settings(style="galaxies", layers="the coarsest", start="noise", seed=3, steps=5),
    Settings(content="flower", style="china", method="colour transfer"),
    Settings(content="flower", style="flower", steps=0),
]


@pytest.mark.parametrize("state", STATES, ids=range(len(STATES)))
class TestEveryState:
    def test_the_code_gives_the_picture(self, state):
        names = {"torch": torch, "style": style, "content": topic.picture(state.content)}
        names["painted"] = topic.picture(state.style)
        exec(topic.code(state), names)
        assert torch.equal(names["z"], topic.result(state))

    def test_every_pane_draws_it(self, state):
        for show in (topic.show_content, topic.show_style, topic.show_result):
            assert isinstance(show(state), base.Renderable)
        assert state.style in topic.show_result(state).alt
        for show in (topic.show_distance, topic.show_code):
            assert ElementTree.fromstring(show(state)).tag.rpartition("}")[2] in ("svg", "pre")


def test_more_strength_leaves_less_distance_and_fewer_edges():
    weak, strong = Settings(strength=1, steps=10), Settings(strength=5, steps=10)
    left = [topic.distances(topic.result(s), s.style).sum() for s in (weak, strong)]
    kept = [style.edge_agreement(topic.picture(s.content), topic.result(s)) for s in (weak, strong)]
    assert left[1] < 0.5 * left[0]
    assert kept[1] < kept[0]


def test_every_control_does_something():
    plain = Settings(start="noise", steps=5)
    moved = {"content": "coffee", "style": "china", "method": "colour transfer", "strength": 1, "layers": "the finest",
             "start": "content", "steps": 10, "seed": 5}  # fmt: skip
    assert set(moved) == set(base.controls(Settings))
    for name, value in moved.items():
        assert not torch.equal(topic.result(replace(plain, **{name: value})), topic.result(plain)), name


def test_a_moved_slider_redraws_and_a_map_of_colours_has_no_strength():
    opened = explore.style()
    held = {view.title: w for view, w in opened.views}
    before = held["Result"].value
    opened.widgets["strength"].value = 5.0
    assert held["Result"].value == topic.show_result(opened.state).png() != before
    assert "style_weight=10**5.0" in held["The same in python"].value
    opened.set(Settings(method="colour transfer"))
    assert {name for name, w in opened.widgets.items() if w.disabled} == {"strength", "layers", "start", "steps"}
