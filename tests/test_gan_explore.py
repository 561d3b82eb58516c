"""The explorer of GANs, without a browser."""

import importlib
import math
from dataclasses import replace
from xml.etree import ElementTree

import pytest
import torch

from labkit import explore, gan

topic = importlib.import_module("labkit.explore._gan")
Settings = topic.Settings


@pytest.mark.parametrize("model", topic.MODELS)
@pytest.mark.parametrize("path", topic.PATHS)
def test_every_pane_draws(model, path):
    for t, kind in ((0.0, 0), (0.35, 2), (1.0, 9)):
        state = Settings(model=model, path=path, t=t, kind=kind, seed=4)
        for show in (topic.show_walk, topic.show_strip, topic.show_nearest):
            picture = show(state)
            assert picture.png().startswith(b"\x89PNG")
            assert len(picture.alt) > 20
        assert len(ElementTree.fromstring(topic.show_losses(state)).attrib["aria-label"]) > 40
        for show in (topic.show_test, topic.show_score, topic.show_code):
            assert ElementTree.fromstring(show(state)).tag in ("div", "pre")


def test_its_code_gives_its_picture():
    state = Settings(t=0.4, kind=1, seed=3)
    code = topic.show_code(state).partition(">")[2].removesuffix("</pre>").replace("&#x27;", "'")
    space = {"torch": torch, "gan": gan}
    exec(code, space)
    x, s = topic.here(state)
    assert torch.allclose(space["x"][0], x, atol=1e-5)
    assert float(space["s"][0]) == pytest.approx(s, abs=1e-4)


def test_the_dot_says_what_the_losses_are():
    state = Settings(seed=5)
    s = torch.tensor([topic.here(state)[1]], dtype=torch.float64)
    alt = ElementTree.fromstring(topic.show_losses(state)).attrib["aria-label"]
    assert f"−log D is {float(gan.generator_loss(s)):.2f}" in alt
    assert f"log(1 − D) is {float(gan.generator_loss(s, game='saturating')):.2f}" in alt


def test_a_walk_ends_where_another_path_ends_and_differs_between():
    sphere, line = (topic.walked("liver lesions", 0, path, 1)[0] for path in topic.PATHS)
    assert torch.allclose(sphere[[0, -1]], line[[0, -1]], atol=1e-4)
    assert not torch.allclose(sphere[10], line[10], atol=1e-3)


@pytest.mark.parametrize("source", topic.SOURCES)
def test_the_test_scores_the_reader(source):
    for seed in range(5):
        state = Settings(source=source, seed=seed, reveal=True)
        _, generated = topic.questions(state.model, source, seed)
        assert int(generated.sum()) == 5
        right = replace(state, **{n: bool(v) for n, v in zip("abcdefghij", generated)})
        assert topic.score(right) == 10
        assert topic.score(replace(state, **{n: not v for n, v in zip("abcdefghij", generated.tolist())})) == 0
        assert topic.score(state) == 5
        assert "10 of 10" in topic.show_score(right)
    assert topic.luck(10) == pytest.approx(1 / 1024)
    assert topic.luck(0) == 1


def test_a_memorisers_fakes_are_copies_and_the_gans_are_not_exactly_so():
    known = topic.training("handwritten digits").x
    distance = {}
    for source in topic.SOURCES:
        x, generated = topic.questions("handwritten digits", source, 2)
        distance[source] = gan.nearest_neighbours(x[generated], known).distance
    assert distance["a memoriser"].max() < 0.1 < distance["the GAN"].min()


def test_the_answers_are_hidden_until_asked_for():
    shown = topic.show_test(Settings())
    assert "✓" not in shown
    assert "real" not in shown.replace("realign", "")
    assert "✓" in topic.show_test(Settings(reveal=True))


def test_controls_move_the_panes_and_ticks_are_frozen_once_told():
    opened = explore.gan()
    before = {view.title: held.value for view, held in opened.views}
    opened.widgets["t"].value = 0.5
    changed = {view.title for view, held in opened.views if held.value != before[view.title]}
    assert {"Where the walk is", "The two losses here", "The walk in python"} <= changed
    assert "Visual Turing test: which are generated?" not in changed
    opened.widgets["reveal"].value = True
    assert opened.widgets["a"].disabled
    assert not math.isnan(topic.score(opened.state))
