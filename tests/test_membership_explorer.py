"""The explorer of membership attacks: what its panes show, and that its figures are the attacks' own."""

import importlib
from dataclasses import replace
from xml.etree import ElementTree

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from labkit import explore, membership, metrics
from labkit.explore import base

topic = importlib.import_module("labkit.explore.membership")
Knobs = topic.Knobs
SHORT = Knobs(epochs=5)  # trained once for most tests

STATES = st.builds(
    lambda attack, threshold, axes: replace(SHORT, attack=attack, threshold=threshold / 100, axes=axes),
    st.sampled_from(topic.ATTACKS),
    st.integers(0, 100),
    st.sampled_from(("plain", "logarithmic")),
)


class TestWhatIsShown:
    @settings(max_examples=25)
    @given(knobs=STATES)
    def test_every_pane_draws_every_state(self, knobs):
        for show in (topic.show_histograms, topic.show_roc, topic.show_figures, topic.show_words, topic.show_code):
            assert ElementTree.fromstring(show(knobs)).tag.rpartition("}")[2] in ("svg", "div", "pre")
        fpr, tpr, _ = topic.judged(knobs)
        assert f"{tpr:.0%} of the members" in topic.show_histograms(knobs)
        assert f"{fpr:.0%} accused" in topic.show_histograms(knobs)

    def test_the_point_lies_on_the_curve(self):
        knobs = replace(SHORT, threshold=0.37)
        curve = membership.roc(topic.scores(knobs), topic.bob(knobs).member)
        fpr, tpr, found = topic.judged(knobs)
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
            knobs = replace(SHORT, threshold=t)
            called.append(int((topic.scores(knobs) >= topic.tau(knobs)).sum()))
        assert called == sorted(called, reverse=True)
        assert called[0] > called[-1]

    def test_every_control_does_something(self):
        moved = {"size": "50 digits", "attack": topic.ATTACKS[1], "threshold": 0.8, "axes": "logarithmic",
                 "epochs": 10.0, "noise": 0.2, "seed": 3}  # fmt: skip
        assert set(moved) == set(base.controls(Knobs))
        plain = topic.show_roc(SHORT)
        for name, value in moved.items():
            assert topic.show_roc(replace(SHORT, **{name: value})) != plain, name

    def test_wrong_labels_are_counted_among_those_named(self):
        assert "wrong label" in topic.show_words(replace(SHORT, noise=0.2))
        assert "wrong label" not in topic.show_words(SHORT)

    def test_nobody_called_has_no_precision(self):
        knobs = replace(SHORT, threshold=1.0)
        him = topic.bob(knobs)
        assert him.member.dtype == torch.bool
        if not bool((topic.scores(knobs) >= topic.tau(knobs)).any()):
            assert "nobody called" in topic.show_figures(knobs)
        else:
            assert "%" in topic.show_figures(knobs)


class TestPanel:
    def test_a_moved_slider_redraws(self):
        opened = explore.membership()
        opened.set(SHORT)
        held = {pane.title: w for pane, w in opened.panes}
        before = held["ROC"].value
        opened.widgets["threshold"].value = 0.9
        assert held["ROC"].value == topic.show_roc(opened.state) != before

    def test_it_opens_before_anything_is_trained_and_says_what_it_waits_for(self, monkeypatch):
        monkeypatch.setattr(topic.trained, "found", {})
        opened = explore.membership()
        held = {pane.title: w for pane, w in opened.panes}
        assert "Training 40 networks" in held["ROC"].value
