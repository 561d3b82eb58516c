"""The explorer of linkage, without a browser."""

import importlib
import xml.etree.ElementTree as ElementTree
from dataclasses import replace

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from labkit import explore, linkage
from labkit.explore import base

topic = importlib.import_module("labkit.explore._linkage")
Settings = topic.Settings


@settings(max_examples=15)
@given(seed=st.integers(0, 9999), films=st.integers(0, topic.MOST), order=st.sampled_from(topic.ORDERS))
def test_every_pane_draws_every_state(seed, films, order):
    state = replace(base.randomise(Settings(order=order), seed=seed), films=films)
    for show in (topic.show_ranking, topic.show_course):
        assert len(ElementTree.fromstring(show(state)).attrib["aria-label"]) > 20
    for show in (topic.show_card, topic.show_reading, topic.show_code):
        assert ElementTree.fromstring(show(state)).tag in ("div", "pre")


@pytest.mark.parametrize("m", [1, 5, 12])
def test_the_scores_are_those_of_the_card_so_far(m):
    state = Settings(films=m, seed=7)
    run, shown = topic.state_of(state)
    assert shown == m
    expected = linkage.scores(run.aux.first(m), linkage.sort_by_film(run.release))[0]
    torch.testing.assert_close(run.scores[m - 1], expected)
    matches = linkage.link(run.aux.first(m), run.release, phi=state.phi)
    assert int(matches.record) == int(run.matches.record[m - 1])


def test_the_card_holds_your_own_ratings():
    run, _ = topic.state_of(Settings(stars=0, days=0, seed=11))
    mine = topic.service().take(topic.service().user == 11)
    own = dict(zip(mine.film.tolist(), zip(mine.stars.tolist(), mine.day.tolist())))
    for film, stars, day in zip(*(v[0].tolist() for v in (run.aux.film, run.aux.stars, run.aux.day))):
        assert own[film] == (stars, day)
    support = [topic.supports()[topic.state_of(Settings(order=o, seed=11))[0].aux.film[0]] for o in topic.ORDERS[1:]]
    assert bool((support[0].diff() >= 0).all())
    assert bool((support[1].diff() <= 0).all())


def test_a_full_card_finds_you_and_reads_your_record():
    found = 0
    for seed in range(10):
        state = Settings(films=topic.MOST, seed=seed)
        run, m = topic.state_of(state)
        found += int(run.matches.record[m - 1]) == run.mine and bool(run.matches.match[m - 1])
    assert found == 10
    assert "and it is right" in topic.show_ranking(state)
    assert "you really" in topic.show_reading(state)


def test_who_is_not_there_has_no_record():
    run, _ = topic.state_of(Settings(absent=True, seed=3))
    assert run.mine == -1
    assert "not in the release" in topic.show_ranking(Settings(absent=True, seed=3))


def test_an_empty_card_claims_nobody():
    assert "fits everybody" in topic.show_ranking(Settings(films=0))
    assert "No record is claimed" in topic.show_reading(Settings(films=0))


def test_a_moved_slider_redraws_and_dates_are_greyed():
    opened = explore.linkage()
    ranking = next(held for view, held in opened.views if view.title == "Whom it fits")
    before = ranking.value
    opened.widgets["films"].value = 6
    assert ranking.value == topic.show_ranking(opened.state) != before
    opened.set(replace(opened.state, undated=True))
    assert opened.widgets["days"].disabled
