"""The explorer of fine-tuning, without a browser."""

import importlib
import xml.etree.ElementTree as ElementTree
from dataclasses import replace

import pytest

from labkit import explore, finetune, nets
from labkit.finetune.bundled import depths

topic = importlib.import_module("labkit.explore._finetune")
Settings = topic.Settings


@pytest.mark.parametrize("task", topic.TASKS)
@pytest.mark.parametrize("examples", topic.COUNTS)
def test_every_pane_draws(task, examples):
    for depth in range(topic.STAGES + 1):
        state = Settings(task=task, examples=examples, depth=depth)
        for show in (topic.show_parameters, topic.show_depths, topic.show_examples):
            assert len(ElementTree.fromstring(show(state)).attrib["aria-label"]) > 40
        for show in (topic.show_note, topic.show_code):
            assert ElementTree.fromstring(show(state)).tag in ("div", "pre")


def test_the_parameters_are_those_of_the_library():
    for depth in range(topic.STAGES + 1):
        model = finetune.freeze(finetune.new_head(finetune.base_model(finetune.small_cnn()), 10), depth)
        learns = nets.parameter_count(model, trainable=True)
        assert topic.counts(Settings(depth=depth)) == (learns, nets.parameter_count(model) - learns)


def test_every_setting_was_measured():
    for task in topic.TASKS.values():
        assert set(depths()[task]) == set(topic.COUNTS)
        for row in depths()[task].values():
            assert set(row) == {"scratch", *(str(d) for d in range(topic.STAGES + 1))}
            assert all(0 < v.mean < 1 and 0 <= v.std < 0.2 for v in row.values())


def test_a_moved_slider_redraws():
    opened = explore.finetune()
    bars = next(held for view, held in opened.views if view.title == "What learns")
    before = bars.value
    opened.widgets["depth"].value = 1
    assert opened.state == replace(Settings(), depth=1.0)
    assert bars.value == topic.show_parameters(opened.state) != before
