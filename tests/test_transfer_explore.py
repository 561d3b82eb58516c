"""The explorer of two languages, without a browser."""

import importlib
import xml.etree.ElementTree as ElementTree
from dataclasses import replace

import pytest
import torch

from labkit import explore

topic = importlib.import_module("labkit.explore._transfer")
Settings = topic.Settings


@pytest.mark.parametrize("kind", topic.MAPS)
@pytest.mark.parametrize("look", topic.LOOKS)
def test_every_pane_draws(kind, look):
    state = Settings(kind=kind, look=look, pairs=7, rounds=1, sentences=500)
    for show in (topic.show_plane, topic.show_curve):
        assert len(ElementTree.fromstring(show(state)).attrib["aria-label"]) > 40
    for show in (topic.show_fit, topic.show_note, topic.show_code):
        assert ElementTree.fromstring(show(state)).tag in ("div", "pre")
    assert not topic.waiting(state)


def test_it_says_when_something_must_be_learned():
    topic.spaces.clear()
    assert "read" in topic.waiting(Settings())
    topic.spaces_of(Settings())
    assert topic.waiting(Settings()) == ""


def test_what_is_asked_is_never_among_the_known_pairs():
    s = topic.spaces_of(Settings())
    assert topic.MOST + topic.TESTED <= topic.WORDS
    known, asked = s.order[: topic.MOST], s.order[topic.WORDS - topic.TESTED :]
    assert not set(known.tolist()) & set(asked.tolist())


def test_a_rotation_wins_with_as_many_pairs_as_dimensions():
    state = Settings()
    assert topic.score(state, 16) > topic.score(replace(state, kind="any linear map"), 16) + 0.1
    assert topic.score(replace(state, kind="none"), 16) < 0.05
    assert topic.score(state, 100) > 0.6


def test_controls_without_effect_are_disabled():
    assert topic.disabled_controls(Settings()) == []
    assert topic.disabled_controls(Settings(kind="none")) == ["rounds", "pairs"]


def test_the_code_gives_the_similarity():
    state = Settings(pairs=30, look="CSLS", rounds=2)
    s = topic.spaces_of(state)
    known = s.order[:30]
    names = {"torch": torch, "transfer": topic.method, "first": s.first, "second": s.second,
             "x": s.first[known], "y": s.second[s.translation[known]]}  # fmt: skip
    code = ElementTree.fromstring(topic.show_code(state)).text
    exec(code, names)
    assert torch.allclose(names["similarity"], topic.similarity(state, topic.fitted(state, 30)), atol=1e-5)


def test_a_moved_slider_redraws():
    opened = explore.transfer()
    plane = next(held for view, held in opened.views if view.title == "Words and their translations")
    before = plane.value
    opened.widgets["pairs"].value = 60
    assert opened.state == replace(Settings(), pairs=60)
    assert plane.value == topic.show_plane(opened.state) != before
