"""The explorer of mixing: what its views show is what the functions give, and it says so in words."""

import importlib

import pytest
import torch

from labkit import explore
from labkit.augment import mixing
from labkit.explore import base

topic = importlib.import_module("labkit.explore._mixing")
Settings = topic.Settings


class TestMixture:
    """The picture and its label."""

    @pytest.mark.parametrize("method", topic.METHODS)
    @pytest.mark.parametrize("first", ["cat", "digit 3"])
    def test_extremes_are_the_two_pictures(self, method, first):
        state = {"first": first, "second": "rocket", "method": method}
        assert torch.equal(topic.mixture(Settings(lambda_=1, **state)), topic.picture(first)[0])
        torch.testing.assert_close(topic.mixture(Settings(lambda_=0, **state)), topic.picture("rocket")[0])
        assert topic.label(Settings(lambda_=1, **state)) == {first: 1.0, "rocket": 0.0}

    @pytest.mark.parametrize("place", [(50, 50), (0, 100), (90, 20)])
    def test_the_label_counts_the_pixels_of_the_mixture(self, place):
        state = Settings(method="CutMix", lambda_=0.4, box_x=place[0], box_y=place[1])
        differs = (topic.mixture(state) != topic.picture(state.first)[0]).any(0)
        pair = (topic.picture(state.first) != topic.picture(state.second))[0].any(0)
        left, top, right, bottom = topic.box(state)[0].tolist()
        inside = torch.zeros_like(differs)
        inside[top:bottom, left:right] = True
        assert torch.equal(differs, inside & pair)
        assert topic.label(state)[state.second] == pytest.approx(float(inside.double().mean()), abs=1e-6)

    def test_a_box_that_is_cut_off_says_that_the_area_counts(self):
        assert "the label goes by the area" in topic.show_label(Settings(method="CutMix", lambda_=0.5, box_x=0))
        assert "the label goes by the area" not in topic.show_label(Settings(method="mixup", lambda_=0.5))

    def test_a_picture_with_itself_has_one_label(self):
        assert topic.label(Settings(first="cat", second="cat", lambda_=0.3)) == {"cat": 1.0}

    @pytest.mark.parametrize("method", topic.METHODS)
    def test_the_code_gives_the_picture(self, method):
        state = Settings(method=method, lambda_=0.35, box_x=80)
        shown = topic.show_code(state)
        code = shown[shown.index(">") + 1 : shown.rindex("<")].replace("&#x27;", "'")
        x = torch.cat([topic.picture(state.first), topic.picture(state.second)])
        names = {"torch": torch, "mixing": mixing, "x": x, "y": torch.eye(2)}
        exec(code, names)
        torch.testing.assert_close(names["x2"][0], topic.mixture(state))
        assert names["y2"][0].tolist() == pytest.approx(list(topic.label(state).values()), abs=1e-6)


class TestBoundary:
    """The network in the plane."""

    def test_mixup_makes_it_less_sure_and_less_obedient_to_wrong_labels(self):
        # Over seeds 0 to 9 the share of the plane that is surer than 95 % is at least 0.82 without, at most 0.54 with.
        state = Settings(alpha=1, wrong=0.1)
        sure = [float(((topic.surface(state, mixed=m) - 0.5).abs() > 0.45).double().mean()) for m in (False, True)]
        assert sure[0] > sure[1] + 0.2

    def test_it_is_trained_once_and_says_so_before(self):
        state = Settings(seed=77, alpha=2)
        assert "learning" in topic.waiting(state, mixed=True)
        before = torch.random.get_rng_state()
        first = topic.surface(state, mixed=True)
        assert torch.equal(torch.random.get_rng_state(), before)
        assert topic.waiting(state, mixed=True) == ""
        assert topic.surface(state, mixed=True) is first

    def test_wrong_labels_are_as_many_as_asked_for(self):
        right, wrong = topic.sample(Settings(wrong=0)), topic.sample(Settings(wrong=0.2))
        assert torch.equal(right[0], wrong[0])
        assert int((right[1] != wrong[1]).sum()) == 12


class TestPanel:
    """The panel as a whole."""

    def test_it_opens_waits_and_describes_itself(self):
        topic.trained.clear()
        opened = explore.mixing()
        waits = [held.value for view, held in opened.views if view.title.startswith("Boundary")]
        assert all("learning the moons" in text for text in waits)
        opened._refresh()
        for view, held in opened.views:
            if view.html:
                assert held.value.startswith("<")
                assert "learning" not in held.value
            else:
                assert held.tooltip

    def test_the_box_is_idle_where_there_is_none(self):
        assert set(topic.disabled_controls(Settings(method="mixup"))) == {"box_x", "box_y"}
        assert not topic.disabled_controls(Settings(method="CutMix"))

    @pytest.mark.parametrize("seed", range(8))
    def test_what_chance_makes_of_it_can_be_shown(self, seed):
        state = base.randomise(Settings(), seed=seed)
        assert topic.show_mixture(state).png().startswith(b"\x89PNG")
        assert topic.show_label(state).startswith("<svg")
