"""The explorer of transformation-invariant clustering, without a browser."""

import importlib
from dataclasses import replace
from xml.etree import ElementTree

import pytest
import torch

from labkit import explore
from labkit.explore import base

topic = importlib.import_module("labkit.explore._dti")
Settings = topic.Settings


@pytest.fixture(scope="module", autouse=True)
def _short():
    """Runs of a few steps on few images: what is shown, not how well it clusters."""
    patch = pytest.MonkeyPatch()
    patch.setattr(topic, "MANY", 40)
    patch.setattr(topic, "EPOCHS_A_SHOT", 1)
    patch.setattr(topic.trained, "results", {})
    topic.world.clear()
    yield
    topic.world.clear()
    patch.undo()


@pytest.mark.parametrize("world", topic.WORLDS)
def test_every_pane_draws_the_beginning_and_the_end(world):
    for lesson in topic.LESSONS if world == topic.WORLDS[0] else topic.LESSONS[:1]:
        for time in (0, topic.SHOTS):
            state = Settings(world=world, lesson=lesson, time=time)
            svg = ElementTree.fromstring(topic.show_course(state))
            assert "Accuracy" in svg.attrib["aria-label"]
            for show in (topic.show_prototypes, topic.show_image, topic.show_aligned):
                assert isinstance(show(state), base.Renderable)
                assert show(state).png()[:4] == b"\x89PNG"
            assert ElementTree.fromstring(topic.show_code(state)).tag == "pre"


def test_the_copies_are_those_of_one_run():
    run = topic.run_of(Settings())
    assert len(run.models) == len(run.losses) == len(run.accuracies) == topic.SHOTS + 1
    active = [model.transformer.active for model in run.models]
    assert active[0] == 0
    assert active == sorted(active)
    assert active[-1] == 2
    assert run.losses[-1] < run.losses[1]
    assert topic.run_of(Settings(time=2, image=5)) is run


def test_the_framed_prototype_is_the_nearest():
    state = Settings(image=7)
    model, x = topic.model_of(state), topic.chosen(state)
    best = int(model.predict(x)[0][0])
    assert f"number {best + 1} comes nearest" in topic.show_aligned(state).alt


def test_without_transformations_a_prototype_explains_every_image_alike():
    state = Settings(lesson=topic.LESSONS[2])
    model = topic.model_of(state)
    assert torch.equal(model.reconstruct(topic.chosen(state))[0], model.prototypes)


def test_every_control_does_something():
    plain = topic.show_aligned(Settings()).x
    moved = {"world": topic.WORLDS[1], "lesson": topic.LESSONS[2], "time": 4, "image": 9, "seed": 1}
    assert set(moved) == set(base.controls(Settings))
    for name, value in moved.items():
        state = replace(Settings(), **{name: value})
        topic.run_of(state)
        assert not torch.equal(topic.show_aligned(state).x, plain), name


class TestPanel:
    def test_a_moved_slider_redraws(self):
        topic.run_of(Settings())
        opened = explore.dti()
        held = {view.title: w for view, w in opened.views}
        before = held["Prototypes"].value
        opened.widgets["time"].value = 1
        assert held["Prototypes"].value == topic.show_prototypes(opened.state).png() != before

    def test_it_opens_before_anything_is_learnt_and_says_what_it_waits_for(self, monkeypatch):
        monkeypatch.setattr(topic.trained, "results", {})
        opened = explore.dti()
        held = {view.title: w for view, w in opened.views}
        assert "a few seconds" in held["Course"].value
        assert held["Prototypes"].tooltip == "Still to be learnt."
        opened._refresh()
        assert "prototypes at time" in held["Prototypes"].tooltip
