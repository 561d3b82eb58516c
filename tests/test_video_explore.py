"""The explorer of video: what its views show is what the functions give, and it says so in words."""

import importlib
import xml.etree.ElementTree as ElementTree
from dataclasses import replace

import pytest
import torch

from labkit import explore
from labkit.augment import video
from labkit.explore import base

topic = importlib.import_module("labkit.explore._video")
Settings = topic.Settings


def test_a_player_that_does_nothing_shows_the_clip():
    for motion in topic.MOTIONS:
        x, shown = topic.result(Settings(motion=motion))
        assert torch.equal(x, topic.clip(motion, 0))
        assert shown == list(range(topic.FRAMES))


@pytest.mark.parametrize("knobs", [{"lost": 0.5}, {"lost": 0.5, "fill": "end"}, {"repeated": 0.5}, {"speed": 2.0},
                                   {"jitter": 2}, {"reverse": True}, {"shuffle": True}])  # fmt: skip
def test_what_is_shown_are_the_frames_that_the_map_names(knobs):
    state = Settings(seed=3, **knobs)
    x, shown = topic.result(state)
    assert torch.equal(x[0], topic.clip(state.motion, 3)[0, shown])
    assert shown != list(range(topic.FRAMES))
    if "shuffle" not in knobs and "reverse" not in knobs:
        assert shown == sorted(shown)


def test_the_network_knows_the_motions_and_their_opposites():
    """On whole clips, seen forwards and backwards, in at least 14 of 16."""
    backwards = video.exchanged(topic.MOTIONS, video.REVERSED)
    right = 0
    for k, motion in enumerate(topic.MOTIONS):
        for reverse in (False, True):
            state = Settings(motion=motion, reverse=reverse, seed=1)
            right += int(topic.probabilities(state).argmax()) == (backwards[k] if reverse else k)
    assert right >= 14


@pytest.mark.parametrize("seed", range(4))
def test_the_code_gives_the_picture(seed):
    state = replace(base.randomise(Settings(), seed=seed), lost=0.4, reverse=True)
    shown = topic.show_code(state)
    names = {"torch": torch, "video": video, "x": topic.clip(state.motion, state.seed)}
    code = shown[shown.index(">") + 1 : shown.rindex("<")].replace("&quot;", '"').replace("&#x27;", "'")
    exec(code, names)
    assert torch.equal(names["x"], topic.result(state)[0])


@pytest.mark.parametrize("seed", range(4))
def test_what_chance_makes_of_it_can_be_shown(seed):
    state = base.randomise(Settings(), seed=seed)
    for view in (topic.show_map(state), topic.show_opinion(state)):
        assert ElementTree.fromstring(view).tag.rpartition("}")[2] in ("svg", "div")
        assert "&lt;" not in view
    assert topic.show_clip(state).png()[:4] == b"\x89PNG"
    assert state.motion in topic.show_clip(state).alt


def test_it_opens_and_moves():
    opened = explore.video()
    opened.widgets["reverse"].value = True
    shown = [held.value for _, held in opened.views]
    assert "backwards" in shown[3]
    assert "Reverse(1.0)" in shown[4]
