"""The explorer of series: what its views show is what the functions give, and it says so in words."""

import importlib
import xml.etree.ElementTree as ElementTree
from dataclasses import replace

import pytest
import torch

from labkit import explore
from labkit.augment import series
from labkit.explore import base

topic = importlib.import_module("labkit.explore._series")
Settings = topic.Settings


def fate(settings):
    return {f.label: f.kept for f in topic.fates(settings)}


@pytest.mark.parametrize("activity", topic.ACTIVITIES)
@pytest.mark.parametrize("transform", topic.TRANSFORMS)
def test_without_strength_all_stays(transform, activity):
    state = Settings(transform=transform, activity=activity, strength=0)
    torch.testing.assert_close(topic.result(state).x, topic.gesture(activity, 0), atol=1e-5, rtol=1e-5)
    assert all(fate(state).values())


def test_each_transform_forgets_what_it_must_and_keeps_the_rest():
    """On nine of ten seeds at least."""

    def share(label, **knobs):
        return sum(fate(Settings(seed=s, **knobs))[label] for s in range(10)) / 10

    assert share("way up", transform="sensor turned", strength=0.5) == 0
    assert share("cadence", transform="sensor turned", strength=0.5) == 1
    assert share("when", transform="sensor turned", strength=0.5) == 1
    assert share("cadence", transform="window stretched", strength=0.6) <= 0.1
    assert share("way up", transform="window stretched", strength=0.6) >= 0.9
    assert share("when", transform="turned in a circle", strength=1) <= 0.2
    assert all(share(label, transform="another gain", strength=0.2) == 1 for label in ("way up", "cadence", "when"))


def test_the_event_moves_with_the_map():
    for name in ("time warp", "window stretched", "turned in a circle", "pieces exchanged"):
        state = Settings(transform=name, event=60, seed=3)
        result = topic.result(state)
        moment = float(result.times[0, 0])
        if 1 <= moment <= topic.STEPS - 2:
            assert abs(float(result.mask[0, round(moment)]) - 60) <= 1.5


@pytest.mark.parametrize("transform", topic.TRANSFORMS)
def test_the_code_gives_the_picture(transform):
    state = Settings(transform=transform, strength=0.35, seed=5)
    shown = topic.show_code(state)
    x, times = topic.gesture(state.activity, state.seed), torch.tensor([[float(state.event)]])
    names = {"torch": torch, "series": series, "x": x, "times": times}
    exec(shown[shown.index(">") + 1 : shown.rindex("<")].replace("&#x27;", "'"), names)
    assert torch.equal(names["result"].x, topic.result(state).x)
    assert torch.equal(names["result"].times, topic.result(state).times)


@pytest.mark.parametrize("seed", range(6))
def test_what_chance_makes_of_it_can_be_shown(seed):
    state = base.randomise(replace(Settings(), transform=list(topic.TRANSFORMS)[seed]), seed=seed)
    shown = [topic.show_series(state, after=a) for a in (False, True)] + [
        topic.show_map(state),
        topic.show_fates(state),
    ]
    for view in shown:
        assert ElementTree.fromstring(view).tag.rpartition("}")[2] in ("svg", "div")
    assert state.activity in shown[1]


def test_it_opens_and_moves():
    opened = explore.series()
    before = [held.value for _, held in opened.views]
    opened.widgets["transform"].value = "sensor turned"
    opened.widgets["strength"].value = 1.0
    after = [held.value for _, held in opened.views]
    assert before[1] != after[1]
    assert "✗ wrong now" in after[3]
    assert "Rotate" in after[4]
