"""The explorer of self-training, without a browser."""

import importlib
import xml.etree.ElementTree as ElementTree
from dataclasses import replace
from itertools import product

import pytest
import torch

from labkit import explore
from labkit.explore import base
from labkit.selftrain import confidence

topic = importlib.import_module("labkit.explore._selftrain")
Settings = topic.Settings
SETTINGS = list(product(topic.WORLDS, topic.BASES, topic.RULES))


@pytest.mark.parametrize(("world", "base", "rule"), SETTINGS)
def test_every_pane_draws_the_beginning_the_middle_and_the_end(world, base, rule):
    for r in (0, 2, topic.LAST):
        state = Settings(world=world, base=base, rule=rule, round=r, seed=3)
        for show in (topic.show_plane, topic.show_course):
            svg = ElementTree.fromstring(show(state))
            assert len(svg.attrib["aria-label"]) > 20
        for show in (topic.show_round, topic.show_legend, topic.show_code):
            assert ElementTree.fromstring(show(state)).tag in ("div", "pre")


@pytest.mark.parametrize(("world", "base", "rule"), SETTINGS)
def test_the_loop_it_shows_moves_what_the_rule_says(world, base, rule):
    run = topic.rounds(Settings(world=world, base=base, rule=rule, q=7, threshold=0.8))
    for r in run.trace.rounds[:-1]:
        if rule == topic.RULES[0]:
            assert len(r.moved) == 7
        elif rule == topic.RULES[1]:
            assert r.y.bincount().max() <= 7
        else:
            assert (r.c > 0.8).all()
    assert len(run.opinions) == len(run.regions) == len(run.trace.rounds) + 1 == len(run.trace.scores)


def test_the_numbers_are_those_of_the_run():
    state = Settings(round=3)
    run, r = topic.run_of(state)
    moved, wrong = topic.tally(run, range(r))
    given, when = run.trace.pseudo_labels(), run.trace.when()
    done = (when > 0) & (when <= r)
    assert moved == int(done.sum())
    assert wrong == int((given[done] != run.unlabelled.y[done]).sum())
    assert f"{wrong} of them with a wrong label" in topic.show_plane(state)


def test_the_round_is_only_where_one_looks():
    first, later = topic.run_of(Settings(round=1))[0], topic.run_of(Settings(round=5))[0]
    assert first is later
    assert topic.run_of(Settings(round=topic.LAST))[1] <= topic.LAST


def test_self_training_helps_and_harms_as_the_lecture_says():
    gains = {}
    for rule in topic.RULES[:2]:
        runs = [topic.rounds(Settings(rule=rule, seed=s)) for s in range(10)]
        gains[rule] = [run.trace.scores[-1] - run.trace.scores[0] for run in runs]
    assert min(gains[topic.RULES[0]]) < -0.1, "the q surest of all end below where they began on some seed"
    assert sum(gains[topic.RULES[1]]) > sum(gains[topic.RULES[0]])


def test_neighbourhoods_are_a_kernel_estimate():
    generator = torch.Generator().manual_seed(0)
    X, y, new = torch.rand(9, 2, generator=generator), torch.arange(9) % 3, torch.rand(5, 2, generator=generator)
    model = topic.Neighbourhoods(0.2, 3)
    model.fit(X, y)
    votes = torch.zeros(5, 3)
    for i, j in product(range(5), range(9)):
        votes[i, y[j]] += torch.exp(-(new[i] - X[j]).square().sum() / (2 * 0.2**2))
    chosen, c = confidence((votes + 1e-3) / (votes + 1e-3).sum(1, keepdim=True))
    assert torch.equal(model.predict(new)[0], chosen)
    assert torch.allclose(model.predict(new)[1], c, atol=1e-5)


def test_controls_without_effect_are_greyed_and_others_are_not():
    opened = explore.selftrain()
    greyed = lambda: {name for name, w in opened.widgets.items() if w.disabled}  # noqa: E731
    assert greyed() == {"threshold"}
    opened.set(Settings(rule=topic.RULES[2], base=topic.BASES[1], world=topic.WORLDS[2]))
    assert greyed() == {"q", "width", "noise"}


def test_a_moved_slider_redraws():
    opened = explore.selftrain()
    plane = next(held for view, held in opened.views if view.title == "The plane")
    before = plane.value
    opened.widgets["round"].value = 4
    assert opened.state == replace(Settings(), round=4)
    assert plane.value == topic.show_plane(opened.state) != before
    opened.set(base.randomise(opened.state, seed=7))
    assert opened.state.seed == 7
