"""The explorer of learned augmentation: what its views show, and that its code gives its figures."""

import importlib
from dataclasses import replace
from xml.etree import ElementTree

import pytest
import torch

from labkit import explore, learned, train
from labkit.explore import base

topic = importlib.import_module("labkit.explore._learned")
Settings = topic.Settings

STATES = [
    Settings(updates=20),
    Settings(updates=5, tries=9, rate=0.3, scale=120, entropy=1.5, shown="vflip", seed=3),
    Settings(updates=10, without=True),
    Settings(updates=0, shown="hflip"),
]


@pytest.mark.parametrize("state", STATES, ids=range(len(STATES)))
class TestEveryState:
    def test_the_code_gives_the_policy(self, state):
        names = {"torch": torch, "learned": learned, "train": train, "table": topic.recorded()}
        exec(topic.code(state), names)
        assert torch.equal(names["p"], topic.result(state)[-1])

    def test_every_pane_draws_it(self, state):
        assert isinstance(topic.show_pictures(state), base.Renderable)
        assert state.shown in topic.show_pictures(state).alt
        for show in (topic.show_policy, topic.show_path, topic.show_code):
            assert ElementTree.fromstring(show(state)).tag.rpartition("}")[2] in ("svg", "pre")


def test_an_agent_learns_and_one_without_a_baseline_learns_less():
    worth = topic.recorded().mean(1)

    def earned(**change):
        return torch.stack([topic.result(Settings(updates=100, seed=s, **change))[-1] @ worth for s in range(5)]).mean()

    assert earned() > worth.mean() + 0.5 * (worth.max() - worth.mean())
    assert earned(without=True) < earned()


def test_every_control_does_something():
    plain = Settings(updates=20)
    moved = {"updates": 25, "tries": 7, "rate": 0.2, "scale": 100, "entropy": 1.0, "without": True, "seed": 5}
    assert {*moved, "shown"} == set(base.controls(Settings))
    for name, value in moved.items():
        assert not torch.equal(topic.result(replace(plain, **{name: value}))[-1], topic.result(plain)[-1]), name


def test_a_moved_slider_redraws():
    opened = explore.learned()
    held = {view.title: w for view, w in opened.views}
    before = held["Policy"].value
    opened.widgets["updates"].value = 100.0
    assert held["Policy"].value == topic.show_policy(opened.state) != before
    opened.set(Settings(shown="vflip"))
    assert "vflip" in topic.show_pictures(opened.state).alt
