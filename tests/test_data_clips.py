"""Clips read from files that the tests write: pictures, moments, sound, and what is said where that is impossible."""

import sys

import numpy as np
import pytest
import torch
from PIL import Image

from labkit import data
from labkit.augment import video
from labkit.data import DataError

FPS, RATE = 10, 8000


def gif(path, colours, duration=100):
    """An animated GIF with a picture of each colour."""
    first, *others = [Image.new("RGB", (8, 6), colour) for colour in colours]
    first.save(path, save_all=True, append_images=others, duration=duration)
    return path


@pytest.fixture(scope="module")
def film(tmp_path_factory):
    """Two seconds: frame k is grey of brightness 12k; a tone of 500 Hz in the second second, on the left alone."""
    av = pytest.importorskip("av")
    path = tmp_path_factory.mktemp("film") / "film.mkv"
    with av.open(str(path), "w") as container:
        pictures = container.add_stream("ffv1", rate=FPS, width=16, height=12, pix_fmt="bgr0")
        sound = container.add_stream("pcm_s16le", rate=RATE, layout="stereo")
        for k in range(2 * FPS):
            frame = av.VideoFrame.from_ndarray(np.full((12, 16, 3), 12 * k, dtype=np.uint8), format="rgb24")
            container.mux(pictures.encode(frame))
        t = np.arange(2 * RATE)
        left = np.where(t >= RATE, 16000 * np.sin(2 * np.pi * 500 * t / RATE), 0).astype(np.int16)
        for k in range(20):
            part = np.stack([left, 0 * left], 1)[k * 800 : (k + 1) * 800].reshape(1, -1)
            block = av.AudioFrame.from_ndarray(np.ascontiguousarray(part), format="s16", layout="stereo")
            block.sample_rate, block.pts = RATE, k * 800
            container.mux(sound.encode(block))
        container.mux(pictures.encode(None))
        container.mux(sound.encode(None))
    return path


def test_a_film_is_its_pictures_and_its_sound(film):
    clip = data.read_clip(film)
    assert clip.x.shape == (20, 3, 12, 16)
    torch.testing.assert_close(clip.x[:, 0, 0, 0], torch.arange(20) * 12 / 255)
    torch.testing.assert_close(clip.times, torch.arange(20) / FPS, atol=1e-3, rtol=0)
    assert clip.fps == pytest.approx(FPS, rel=1e-3)
    assert clip.rate == RATE
    assert clip.sound.shape == (2, 2 * RATE)
    assert clip.sound[:, :RATE].abs().max() == 0
    tone = 16000 / 32768 * torch.sin(2 * torch.pi * 500 * torch.arange(RATE).double() / RATE)
    torch.testing.assert_close(clip.sound[0, RATE:].double(), tone, atol=1e-3, rtol=0)
    assert clip.sound[1].abs().max() == 0


def test_a_part_of_a_film_has_its_part_of_the_sound(film):
    clip = data.read_clip(film, start=0.6, frames=5, every=2, size=(6, 8))
    assert clip.x.shape == (5, 3, 6, 8)
    torch.testing.assert_close(clip.x[:, 1, 2, 3], torch.arange(6, 16, 2) * 12 / 255)
    assert clip.fps == pytest.approx(FPS / 2, rel=1e-3)
    assert clip.sound.shape == (2, RATE)
    assert clip.sound[0, : int(0.4 * RATE) - 1].abs().max() == 0
    assert clip.sound[0, int(0.4 * RATE) :].abs().max() > 0.4
    assert len(data.read_clip(film, start=1.75).x) == 2


def test_what_is_read_goes_into_transforms_with_its_sound(film):
    clip = data.read_clip(film)
    result = video.Reverse(1.0)(clip.x[None], sound=clip.sound[None])
    assert torch.equal(result.x[0], clip.x.flip(0))
    assert torch.equal(result.sound[0], clip.sound.flip(1))


def test_a_gif_needs_nothing_more(tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "av", None)
    clip = data.read_clip(gif(tmp_path / "a.gif", ("black", "red", "blue", "white"), 50), start=0.05, frames=2)
    assert clip.x[:, :, 0, 0].tolist() == [[1, 0, 0], [0, 0, 1]]
    assert clip.fps == pytest.approx(20)
    assert (clip.sound, clip.rate) == (None, 0)
    assert len(data.read_clip(gif(tmp_path / "one.gif", ("red",))).x) == 1


def test_without_pyav_a_sentence_says_what_to_install(tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "av", None)
    film = tmp_path / "a.mp4"
    film.write_bytes(b"x")
    with pytest.raises(DataError, match=r"pip install 'labkit-course\[video\]'"):
        data.read_clip(film)


@pytest.mark.parametrize("name", ["broken.gif", "broken.mp4"])
def test_what_is_no_clip_gets_a_sentence(tmp_path, name):
    if name.endswith("mp4"):
        pytest.importorskip("av")
    (tmp_path / name).write_bytes(b"this is no film" * 50)
    with pytest.raises(DataError, match="read"):
        data.read_clip(tmp_path / name)


def test_impossible_requests_get_a_sentence(tmp_path):
    with pytest.raises(DataError, match="there is no file"):
        data.read_clip(tmp_path / "nothing.mp4")
    path = gif(tmp_path / "a.gif", ("black", "red"))
    with pytest.raises(DataError, match="nothing from second 9"):
        data.read_clip(path, start=9)
    for wrong in ({"start": -1.0}, {"frames": 0}, {"every": 0}, {"size": (0, 5)}):
        with pytest.raises(ValueError, match="expected start"):
            data.read_clip(path, **wrong)
