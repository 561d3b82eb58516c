"""The explorer of membership attacks: what its views show, and that its figures are the attacks' own."""

import importlib
from dataclasses import replace
from xml.etree import ElementTree

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from labkit import explore, membership, metrics
from labkit.explore import base

topic = importlib.import_module("labkit.explore._membership")
Settings = topic.Settings
SHORT = Settings(epochs=5)  # trained once for most tests

STATES = st.builds(
    lambda attack, threshold, axes: replace(SHORT, attack=attack, threshold=threshold / 100, axes=axes),
    st.sampled_from(topic.ATTACKS),
    st.integers(0, 100),
    st.sampled_from(("plain", "logarithmic")),
)


class TestWhatIsShown:
    @settings(max_examples=25)
    @given(state=STATES)
    def test_every_pane_draws_every_state(self, state):
        for show in (topic.show_histograms, topic.show_roc, topic.show_figures, topic.show_words, topic.show_code):
            assert ElementTree.fromstring(show(state)).tag.rpartition("}")[2] in ("svg", "div", "pre")
        fpr, tpr, _ = topic.judged(state)
        assert f"{tpr:.0%} of the members" in topic.show_histograms(state)
        assert f"{fpr:.0%} accused" in topic.show_histograms(state)

    def test_the_point_lies_on_the_curve(self):
        state = replace(SHORT, threshold=0.37)
        curve = membership.roc(topic.scores(state), topic.bob(state).member)
        fpr, tpr, found = topic.judged(state)
        on = (curve.fpr - fpr).abs() + (curve.tpr - tpr).abs()
        assert float(on.min()) < 1e-12
        assert found.advantage == pytest.approx(tpr - fpr)

    def test_scores_rank_as_the_attacks_of_their_names_do(self):
        him = topic.bob(SHORT)
        for attack, own in (
            (topic.ATTACKS[0], membership.confidence(him.logits.double())),
            (topic.ATTACKS[1], -membership.loss(him.logits.double(), him.y)),
        ):
            shown = metrics.roc_auc(topic.scores(replace(SHORT, attack=attack)), him.member)
            assert shown == pytest.approx(metrics.roc_auc(own, him.member), abs=1e-3)

    def test_a_higher_threshold_calls_fewer(self):
        called = []
        for t in (0.0, 0.25, 0.5, 0.75, 1.0):
            state = replace(SHORT, threshold=t)
            called.append(int((topic.scores(state) >= topic.tau(state)).sum()))
        assert called == sorted(called, reverse=True)
        assert called[0] > called[-1]

    def test_every_control_does_something(self):
        moved = {"size": "50 digits", "attack": topic.ATTACKS[1], "threshold": 0.8, "axes": "logarithmic",
                 "epochs": 10.0, "noise": 0.2, "seed": 3}  # fmt: skip
        assert set(moved) == set(base.controls(Settings))
        plain = topic.show_roc(SHORT)
        for name, value in moved.items():
            assert topic.show_roc(replace(SHORT, **{name: value})) != plain, name

    def test_wrong_labels_are_counted_among_those_named(self):
        assert "wrong label" in topic.show_words(replace(SHORT, noise=0.2))
        assert "wrong label" not in topic.show_words(SHORT)

    def test_nobody_called_has_no_precision(self):
        state = replace(SHORT, threshold=1.0)
        him = topic.bob(state)
        assert him.member.dtype == torch.bool
        if not bool((topic.scores(state) >= topic.tau(state)).any()):
            assert "nobody called" in topic.show_figures(state)
        else:
            assert "%" in topic.show_figures(state)


class TestPanel:
    def test_a_moved_slider_redraws(self):
        opened = explore.membership()
        opened.set(SHORT)
        held = {view.title: w for view, w in opened.views}
        before = held["ROC"].value
        opened.widgets["threshold"].value = 0.9
        assert held["ROC"].value == topic.show_roc(opened.state) != before

    def test_it_opens_before_anything_is_trained_and_says_what_it_waits_for(self, monkeypatch):
        monkeypatch.setattr(topic.trained, "results", {})
        opened = explore.membership()
        held = {view.title: w for view, w in opened.views}
        assert "Training 40 networks" in held["ROC"].value
