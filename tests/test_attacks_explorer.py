"""The explorer of attacks: what its views show, and that its code gives its pictures."""

import importlib
from dataclasses import replace
from xml.etree import ElementTree

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from labkit import attacks, data, explore
from labkit.explore import base

topic = importlib.import_module("labkit.explore._attacks")
Settings = topic.Settings


@pytest.fixture(scope="module", autouse=True)
def _trained():
    """The three networks, once for all tests."""
    for lesson in topic.LESSONS:
        topic.network(lesson)


def knob(control):
    """Any value that a control can have."""
    if control.kind == "choice":
        return st.sampled_from(control.options)
    last = round((control.high - control.low) / control.step)
    values = st.integers(0, last).map(lambda i: round(control.low + i * control.step, 10))
    return values.map(int) if control.kind == "number" else values


STATES = st.builds(Settings, **{name: knob(control) for name, control in base.controls(Settings).items()})


class TestWhatIsShown:
    @settings(max_examples=20)
    @given(state=STATES)
    def test_the_code_gives_the_picture_within_the_budget(self, state):
        x = topic.original(state.picture)
        names = {"torch": torch, "attacks": attacks, "x": x, "model": topic.network(state.lesson)}
        exec(topic.code(state), names)
        assert torch.equal(names["z"], topic.result(state))
        change = (names["z"] - x).flatten()
        size = change.abs().max() if state.norm == "linf" else change.norm()
        assert size <= topic.budget(state) + 1e-5

    @settings(max_examples=20)
    @given(state=STATES)
    def test_every_pane_draws_every_state(self, state):
        for show in (topic.show_original, topic.show_change, topic.show_result):
            assert isinstance(show(state), base.Renderable)
        assert "change" in topic.show_change(state).alt.lower()
        for show in (topic.show_opinion, topic.show_map, topic.show_code):
            assert ElementTree.fromstring(show(state)).tag.rpartition("}")[2] in ("svg", "pre")

    def test_an_eps_of_0_changes_nothing(self):
        for name in topic.ATTACKS:
            assert torch.equal(topic.result(Settings(attack=name, eps=0)), topic.original("digit 3"))
        assert "nothing to blow up" in topic.show_change(Settings(eps=0)).alt

    def test_every_control_does_something(self):
        plain = topic.result(Settings(attack="PGD"))
        moved = {"picture": "digit 7", "lesson": topic.LESSONS[2], "attack": "FGSM", "eps": 0.2, "steps": 2,
                 "norm": "l2", "aim": "towards 8", "seed": 5}  # fmt: skip
        assert set(moved) == set(base.controls(Settings))
        for name, value in moved.items():
            assert not torch.equal(topic.result(replace(Settings(attack="PGD"), **{name: value})), plain), name

    def test_the_map_is_the_networks_answer(self):
        state = Settings()
        plane = topic.plane(state.picture, state.lesson, state.seed)
        middle = topic.CELLS // 2
        assert torch.allclose(
            plane[middle, middle], topic.probabilities(state, topic.original(state.picture)), atol=1e-5
        )
        right = topic.result(Settings(attack="FGSM", eps=0.4))
        assert torch.allclose(plane[middle, -1], topic.probabilities(state, right), atol=1e-5)
        said = topic.show_map(state)
        assert "along the gradient the answer changes at" in said
        numbers = [e.text for e in ElementTree.fromstring(said).iter() if e.tag.endswith("text")][: topic.CELLS**2]
        assert numbers == [str(k) for k in plane.argmax(2).flatten().tolist()]

    def test_networks_read_digits_and_those_trained_against_attacks_withstand_more(self):
        test = data.digits("test")
        clean, under = {}, {}
        for lesson in topic.LESSONS:
            model = topic.network(lesson)
            clean[lesson] = attacks.robust_accuracy(model, test.x, test.y, lambda m, x, y: x)
            under[lesson] = attacks.robust_accuracy(
                model, test.x, test.y, lambda m, x, y: attacks.bim(m, x, y, eps=topic.TRAINED, steps=10)
            )
        assert min(clean.values()) > 0.85
        assert under[topic.LESSONS[2]] > under[topic.LESSONS[0]] + 0.2


class TestPanel:
    def test_a_moved_slider_redraws(self):
        opened = explore.attacks()
        held = {view.title: w for view, w in opened.views}
        before = held["Attacked"].value
        opened.widgets["eps"].value = 0.3
        assert held["Attacked"].value == topic.show_result(opened.state).png() != before
        assert "eps=0.3" in held["The same in python"].value
        assert held["Clean"].value == topic.show_original(opened.state).png()

    def test_controls_without_effect_are_greyed(self):
        opened = explore.attacks()
        opened.set(Settings(attack="random signs"))
        assert {name for name, w in opened.widgets.items() if w.disabled} == {"steps", "aim"}
        opened.set(Settings(attack="FGSM"))
        assert {name for name, w in opened.widgets.items() if w.disabled} == {"steps"}

    def test_it_opens_before_a_network_is_trained_and_says_what_it_waits_for(self, monkeypatch, capsys):
        monkeypatch.setattr(topic.network, "results", {})
        opened = explore.attacks()
        held = {view.title: w for view, w in opened.views}
        assert "learning 1,297 digits as they are" in held["What the network sees"].value
        assert "still to learn" in held["Change, blown up"].tooltip
        opened._ipython_display_()
        assert "blown up" not in held["Change, blown up"].tooltip
        assert "times" in held["Change, blown up"].tooltip
        assert "VBox" in capsys.readouterr().out
