"""The explorer of fairness, without a browser."""

import importlib
import xml.etree.ElementTree as ElementTree
from dataclasses import replace

import pytest

from labkit import explore, fair

topic = importlib.import_module("labkit.explore._fair")
Settings = topic.Settings


@pytest.mark.parametrize("criterion", fair.CRITERIA)
def test_every_pane_draws(criterion):
    for state in (Settings(criterion=criterion), Settings(criterion=criterion, lambda_=5, cut=0.9)):
        for show in (topic.show_scores, topic.show_figures, topic.show_frontier):
            assert len(ElementTree.fromstring(show(state)).attrib["aria-label"]) > 40
        for show in (topic.show_note, topic.show_code):
            assert ElementTree.fromstring(show(state)).tag in ("div", "pre")


def test_the_figures_are_those_of_the_library():
    state = Settings(lambda_=1, cut=0.6)
    run, test = topic.of(state)
    yes, a = (run.score > 0.6).long(), test.extra["group"]
    figures = topic.figures(state)
    assert figures["parity gap"] == float(fair.parity_gap(yes, a))
    assert figures["odds gap"] == float(fair.odds_gap(yes, test.y, a))
    assert figures["a new adversary"] == run.probe


def test_the_adversary_closes_the_gap_and_leaves_the_group_to_be_found():
    # Ten of ten seeds: parity falls by .12 to .28, and the probe still finds .79 to .87.
    plain, closed = topic.figures(Settings()), topic.figures(Settings(lambda_=2))
    assert closed["parity gap"] < plain["parity gap"] - 0.03
    assert closed["a new adversary"] > 0.6


def test_without_proxies_and_confounding_there_is_nothing_to_find():
    # Ten of ten seeds: the probe finds .47 to .53, and the gap is .06 at most.
    figures = topic.figures(Settings(confounding=0, proxies=0))
    assert figures["a new adversary"] < 0.58
    assert figures["parity gap"] < 0.1


def test_a_moved_slider_redraws():
    opened = explore.fair()
    scores = next(held for view, held in opened.views if view.title == "Scores of the groups")
    before = scores.value
    opened.widgets["cut"].value = 0.7
    assert opened.state == replace(Settings(), cut=0.7)
    assert scores.value == topic.show_scores(opened.state) != before
