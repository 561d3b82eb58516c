"""The explorer of sounds: what it shows is what the functions give, and it says so in words."""

import base64
import importlib
import io
import re
import wave

import pytest
import torch

from labkit import explore
from labkit.augment import audio
from labkit.device import seed

topic = importlib.import_module("labkit.explore._audio")
Settings = topic.Settings
STATES = [
    Settings(),
    Settings(sound="vowel i", semitones=5, tempo=0.8, alpha=1.2, snr=10, colour="pink", seed=3),
    Settings(sound="note G", semitones=-12, tempo=2),
    Settings(sound="clicks", tempo=0.5),
    Settings(sound="rising tone", alpha=0.7, snr=-10, colour="brown"),
]


@pytest.mark.parametrize("state", STATES, ids=str)
def test_every_view_draws_every_state_and_says_what_it_shows(state):
    for show in (topic.show_before, topic.show_after, topic.show_plane, topic.show_waves):
        shown = show(state)
        assert re.search(r'(alt|aria-label)="[A-Z][^"]+', shown)
    assert "NaN" not in topic.show_waves(state)
    assert "<td>after</td>" in topic.show_measured(state)


def test_neutral_sliders_change_nothing():
    for sound in topic.SOUNDS:
        state = Settings(sound=sound)
        assert torch.equal(topic.changed(state), topic.original(sound, 0))


@pytest.mark.parametrize("state", STATES, ids=str)
def test_the_code_gives_the_sound(state):
    shown = topic.show_code(state)
    code = shown[shown.index(">") + 1 : shown.rindex("<")]
    names = {"audio": audio, "seed": seed, "x": topic.original(state.sound, state.seed)}
    exec(code, names)
    torch.testing.assert_close(names["y"], topic.changed(state))


def test_the_player_plays_the_sound():
    state = STATES[1]
    source = re.search(r"data:audio/wav;base64,([^\"]+)", topic.show_after(state))
    with wave.open(io.BytesIO(base64.b64decode(source.group(1)))) as file:
        assert file.getframerate() == topic.RATE
        assert file.getnframes() == topic.changed(state).shape[1] == 6000


def test_measurements_follow_the_sliders():
    def pitch(state):
        return float(re.findall(r"<td>(\d+) Hz</td>", topic.show_measured(state))[-1])

    low, high = (pitch(Settings(sound="vowel a", semitones=s)) for s in (0, 12))
    assert high == pytest.approx(2 * low, abs=6)
    assert pitch(Settings(sound="vowel a", alpha=1.3)) == pytest.approx(low, abs=3)


def test_it_opens_and_greys_the_colour_of_no_noise():
    panel = explore.audio()
    assert panel.widgets["colour"].disabled
    panel.set(Settings(snr=10))
    assert not panel.widgets["colour"].disabled
