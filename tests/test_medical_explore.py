"""The explorer of medical images: what its views show is what the functions give, and it says so in words."""

import html
import importlib

import pytest
import torch

from labkit import explore
from labkit.augment import Compose, image, medical
from labkit.explore import base

topic = importlib.import_module("labkit.explore._medical")
Settings = topic.Settings


class TestResult:
    """The scan under both policies."""

    def test_without_a_policy_nothing_changes(self):
        x, mask = topic.result(Settings())
        assert torch.equal(x, topic.original(Settings())[0])
        assert torch.equal(mask, topic.original(Settings())[1])
        assert "0% of the pixels" in topic.show_result(Settings()).alt

    def test_each_side_changes_its_own_pixels_only(self):
        x, mask = topic.original(Settings())
        inside, _ = topic.result(Settings(in_gamma=2, in_noise=0.1))
        outside, _ = topic.result(Settings(out_gamma=2, out_bias=0.5))
        assert not ((inside != x)[:, 0] & ~mask).any()
        assert not ((outside != x)[:, 0] & mask).any()
        assert (inside != x).any()
        assert (outside != x).any()

    def test_the_mask_moves_along(self):
        _, before = topic.original(Settings(scan="scan 3"))
        _, after = topic.result(Settings(scan="scan 3", in_right=2, in_down=-1))
        assert torch.equal(after, before.roll((-1, 2), (1, 2)))

    @pytest.mark.parametrize("seed", range(6))
    def test_the_code_gives_the_picture(self, seed):
        state = base.randomise(Settings(), seed=seed)
        shown = topic.show_code(state)
        code = html.unescape(shown[shown.index(">") + 1 : shown.rindex("<")])
        x, mask = topic.original(state)
        names = {"torch": torch, "image": image, "medical": medical, "Compose": Compose, "x": x, "mask": mask}
        exec(code, names)
        assert torch.equal(names["result"].x, topic.result(state)[0])
        assert torch.equal(names["result"].mask, topic.result(state)[1])


class TestNetworks:
    """Two U-Nets that have learned other scans."""

    def test_they_are_trained_once_and_say_so_before(self, monkeypatch):
        monkeypatch.setattr(topic.network, "results", {})
        assert "learning" in topic.waiting(Settings())
        monkeypatch.setattr(topic.network, "function", lambda lesson: torch.nn.Identity())
        for lesson in topic.LESSONS:
            topic.network(lesson)
        assert topic.waiting(Settings()) == ""

    def test_they_find_tumours_and_training_leaves_the_global_random_numbers_alone(self):
        before = torch.get_rng_state()
        dices = [v for scan in topic.SCANS for name, v in topic.scores(Settings(scan=scan)) if "before" in name]
        assert torch.equal(torch.get_rng_state(), before)
        assert sum(dices) / len(dices) > 0.4
        assert "Dice: plain, before" in topic.show_dice(Settings())
        assert "pixels are called a tumour" in topic.show_prediction(Settings(), lesson=topic.LESSONS[0])


class TestPanel:
    """The panel as a whole."""

    def test_it_opens_and_describes_itself(self):
        opened = explore.medical()
        opened._refresh()
        for view, held in opened.views:
            if view.html:
                assert held.value.startswith("<")
                assert "learning" not in held.value
            else:
                assert held.tooltip

    @pytest.mark.parametrize("seed", range(4))
    def test_what_chance_makes_of_it_can_be_shown(self, seed):
        state = base.randomise(Settings(), seed=seed)
        assert topic.show_result(state).png().startswith(b"\x89PNG")
        assert topic.show_dice(state).startswith("<svg")
