"""Sounds: each function against a closed form, a slow loop or scipy; then what all of them promise."""

import doctest
import importlib
import math

import numpy as np
import pytest
import scipy.signal
import torch

from labkit import data
from labkit.augment import audio
from labkit.augment.audio import timing

RATE = 8000
MODULES = ("_args", "masks", "measure", "noise", "spectra", "timing", "transforms", "vocal", "vocoder", "wav")


def seeded(seed=0):
    return torch.Generator().manual_seed(seed)


def tone(f, size=4000, rate=RATE, phase=0.3, dtype=torch.float64):
    """A sine of f Hz, (1, size)."""
    return torch.sin(2 * torch.pi * f * torch.arange(size, dtype=dtype) / rate + phase)[None]


def loudest(x, rate=RATE):
    """The frequency of the largest peak of each wave, in Hz."""
    window = torch.hann_window(x.shape[-1], dtype=x.dtype)
    spectrum = torch.fft.rfft(x * window, n=16 * x.shape[-1]).abs()
    return spectrum.argmax(-1) * rate / (16 * x.shape[-1])


@pytest.mark.parametrize("name", MODULES)
def test_the_examples_in_the_docstrings_run(name, unchecked):
    outcome = doctest.testmod(importlib.import_module(f"labkit.augment.audio.{name}"))
    assert outcome.failed == 0


# ── noise ─────────────────────────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("shape", [(5, 3000), (5, 2, 3000)])
def test_noise_has_the_ratio_that_was_asked_for_in_each_item(shape):
    x = torch.randn(shape, generator=seeded()) * torch.tensor([0.01, 0.1, 1, 3, 0.5]).view(-1, *[1] * (len(shape) - 1))
    asked = torch.tensor([-10.0, 0.0, 6.0, 20.0, 40.0])
    noise = 100 * torch.randn(shape, generator=seeded(1))
    for i in range(5):  # by the definition with powers, one item at a time
        added = audio.add_noise(x, noise, snr=asked)[i] - x[i]
        ratio = 10 * math.log10(float(x[i].double().square().sum() / added.double().square().sum()))
        assert ratio == pytest.approx(float(asked[i]), abs=0.05)
    torch.testing.assert_close(audio.snr(x, audio.add_noise(x, noise, snr=asked)), asked, atol=0.05, rtol=0)


def test_padding_does_not_make_the_noise_weaker_and_gets_none():
    sound, noise = torch.randn(2, 500, generator=seeded()), torch.randn(2, 1000, generator=seeded(1))
    padded = torch.cat([sound, torch.zeros(2, 500)], dim=1)
    y = audio.add_noise(padded, noise, snr=3.0, lengths=torch.tensor([500, 1000]))
    torch.testing.assert_close(audio.snr(sound[:1], y[:1, :500]), torch.tensor([3.0]), atol=1e-3, rtol=0)
    assert (y[0, 500:] == 0).all()
    assert (y[1, 500:] != 0).all()


def test_silence_stays_silent_and_silent_noise_changes_nothing():
    x, n = torch.randn(2, 100, generator=seeded()), torch.randn(2, 100, generator=seeded(1))
    assert torch.equal(audio.add_noise(x, torch.zeros_like(x), snr=0.0), x)
    assert torch.equal(audio.add_noise(torch.zeros_like(x), n, snr=0.0), torch.zeros_like(x))


@pytest.mark.parametrize("beta", [-1.0, 0.0, 1.0, 2.0])
def test_coloured_noise_has_its_slope(beta):
    n = audio.colored_noise((200, 4096), beta=beta, generator=seeded())
    assert n.mean(1).abs().max() < 1e-3
    torch.testing.assert_close(n.square().mean(1), torch.ones(200))
    power = torch.fft.rfft(n).abs().square().mean(0)[10:1500].log()
    f = torch.arange(10.0, 1500).log()
    slope = np.polyfit(f.numpy(), power.numpy(), 1)[0]
    assert slope == pytest.approx(-beta, abs=0.03)


def test_babble_is_the_sum_of_the_others():
    x, partners = torch.randn(4, 2, 30, generator=seeded()), torch.tensor([[1, 2], [0, 3], [3, 3], [0, 1]])
    slow = torch.stack([sum(x[j] for j in row) for row in partners.tolist()])
    torch.testing.assert_close(audio.babble(x, partners=partners), slow)


def test_an_echo_is_a_convolution_as_loud_as_before():
    x = torch.randn(3, 2, 400, dtype=torch.float64, generator=seeded())
    h = audio.room_response(3, rt60=0.02, rate=RATE, size=160, like=x, generator=seeded(1))
    y = audio.reverberate(x, response=h)
    for i in range(3):
        for c in range(2):
            slow = np.convolve(x[i, c].numpy(), h[i].numpy())[:400]
            assert np.corrcoef(slow, y[i, c].numpy())[0, 1] == pytest.approx(1, abs=1e-9)
    torch.testing.assert_close(audio.rms(y), audio.rms(x))


def test_an_echo_is_sixty_decibels_down_after_its_time():
    h = audio.room_response(500, rt60=0.2, rate=RATE, size=1700, like=torch.empty(0), generator=seeded())
    level = 10 * torch.log10(h[:, 1:].square().mean(0))
    early, late = level[:80].mean(), level[1600:1680].mean()
    assert float(early - late) == pytest.approx(60, abs=1)
    torch.testing.assert_close(h[:, 1:].square().sum(1), torch.full((500,), 10 ** (-3.0 / 10)))


# ── time ──────────────────────────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("shape", [(4, 7), (4, 3, 7)])
def test_a_shift_is_a_slow_loop(shape):
    x, by = torch.randn(shape, generator=seeded()), [0, 2, -3, 9]
    for fill in ("silence", "wrap"):
        slow = torch.zeros_like(x)
        for i, s in enumerate(by):
            for t in range(7):
                if fill == "wrap" or 0 <= t - s < 7:
                    slow[i, ..., t] = x[i, ..., (t - s) % 7]
        assert torch.equal(audio.shift(x, samples=torch.tensor(by), fill=fill), slow)


@pytest.mark.parametrize("rate", [0.5, 0.83, 1.0, 1.27, 2.0])
@pytest.mark.parametrize("f", [100.0, 440.0, 1500.0])
def test_a_tone_at_a_speed_is_the_tone_that_the_formula_gives(rate, f):
    x = tone(f, 4000)
    steps = int(4000 / rate)
    y = audio.speed(x, rate=rate, length=steps)
    expected = torch.sin(2 * torch.pi * f * rate * torch.arange(steps, dtype=torch.float64) / RATE + 0.3)[None]
    edge = 150
    assert (y - expected)[:, edge:-edge].abs().max() < 4e-3
    assert (y - expected)[:, steps // 3 : -steps // 3].abs().max() < 2e-3


def test_what_the_rate_cannot_carry_is_taken_away_and_not_folded_back():
    x = tone(3200.0)
    assert audio.speed(x, rate=1.5)[:, 100:2500].abs().max() < 0.01  # 4800 Hz would come back as 3200
    naive = x[:, (torch.arange(2666) * 1.5).long()]
    assert naive[:, 100:2500].abs().max() > 0.9


@pytest.mark.parametrize(("up", "down"), [(4, 5), (5, 4), (10, 9)])
def test_speed_is_scipys_resampling(up, down):
    series = torch.fft.rfft(torch.randn(3, 4000, dtype=torch.float64, generator=seeded()))
    series[:, 1200:] = 0  # nothing near the highest frequency, where every filter has its own slope
    x = torch.fft.irfft(series, n=4000)
    expected = scipy.signal.resample_poly(x.numpy(), up, down, axis=1, window=("kaiser", 12.0))
    y = audio.speed(x, rate=down / up, length=expected.shape[1]).numpy()
    inside = slice(300, -300)
    assert np.abs(y - expected)[:, inside].max() < 2e-3 * np.abs(expected).max()


def test_each_item_has_its_own_speed_and_is_silent_after_its_end():
    x = torch.randn(3, 2, 1000, generator=seeded())
    rates = torch.tensor([0.8, 1.0, 2.5])
    y = audio.speed(x, rate=rates)
    for i in range(3):
        alone = audio.speed(x[i : i + 1], rate=float(rates[i]))
        torch.testing.assert_close(y[i : i + 1], alone, atol=1e-5, rtol=1e-5)
    torch.testing.assert_close(y[1], x[1], atol=1e-5, rtol=0)
    assert (y[2, :, 400:] == 0).all()
    assert (y[2, :, 390] != 0).all()


@pytest.mark.parametrize("n", [1, 2, 7, 64, 1000, 4097, 16001])
def test_sizes_for_transforms_are_large_enough_and_not_much_larger(n):
    assert n <= timing.smooth(n) <= 1.25 * n + 1


# ── the phase vocoder ─────────────────────────────────────────────────────────────────────────────────────────────────


def slow_vocoder(s, rate, hop, frames):
    """The formula, a bin and a frame at a time: s is (F, S)."""
    bins, last = s.shape
    s = np.concatenate([s, np.zeros((bins, 2))], axis=1)
    y = np.zeros((bins, frames), complex)
    for k in range(bins):
        phase, own = np.angle(s[k, 0]), np.pi * k / (bins - 1) * hop
        for j in range(frames):
            i = min(int(j * rate), last)
            a = min(j * rate - i, 1)
            y[k, j] = ((1 - a) * abs(s[k, i]) + a * abs(s[k, i + 1])) * np.exp(1j * phase)
            turn = np.angle(s[k, i + 1]) - np.angle(s[k, i]) - own
            phase += own + turn - 2 * np.pi * round(turn / (2 * np.pi))
    return y


@pytest.mark.parametrize("rate", [0.7, 1.0, 1.3])
def test_the_vocoder_is_the_formula(rate):
    x = torch.randn(2, 700, dtype=torch.float64, generator=seeded())
    s = audio.stft(x, n_fft=32, hop=8)
    frames = math.ceil(s.shape[-1] / rate)
    y = audio.phase_vocoder(s, rate=rate, hop=8)
    assert y.shape == (2, 17, frames)
    for i in range(2):
        np.testing.assert_allclose(y[i].numpy(), slow_vocoder(s[i].numpy(), rate, 8, frames), atol=1e-9)


def test_a_stretch_keeps_the_pitch_and_a_pitch_shift_the_length():
    x = tone(440.0, 8000) + tone(880.0, 8000)
    slow = audio.time_stretch(x, rate=0.5, length=16000)
    assert float(loudest(slow[:, 2000:14000])) == pytest.approx(440, abs=2)
    assert audio.rms(slow[:, 2000:14000]) == pytest.approx(float(audio.rms(x)), rel=0.15)
    high = audio.pitch_shift(x, semitones=7.0)
    assert high.shape == x.shape
    assert float(loudest(high[:, 1000:7000])) == pytest.approx(440 * 2 ** (7 / 12), abs=2)


def test_each_item_has_its_own_stretch_and_pitch():
    x = torch.randn(3, 2, 2000, dtype=torch.float64, generator=seeded())
    for f, name, values in (
        (audio.time_stretch, "rate", [0.8, 1.0, 1.6]),
        (audio.pitch_shift, "semitones", [-3, 0, 5]),
    ):
        y = f(x, **{name: torch.tensor(values, dtype=torch.float64)})
        for i, value in enumerate(values):
            alone = f(x[i : i + 1], **{name: float(value)})
            # The pitch shift works on as long a wave as the highest of its batch needs; the Fourier series differs.
            torch.testing.assert_close(y[i : i + 1, :, 100:-600], alone[:, :, 100:-600], atol=2e-2, rtol=0)


def test_no_stretch_and_no_shift_give_the_sound_back():
    x = torch.randn(2, 3000, dtype=torch.float64, generator=seeded())
    torch.testing.assert_close(audio.time_stretch(x, rate=1.0), x, atol=1e-9, rtol=0)
    torch.testing.assert_close(audio.pitch_shift(x, semitones=0.0), x, atol=1e-9, rtol=0)
    torch.testing.assert_close(audio.vocal_tract(x, alpha=1.0, rate=RATE), x, atol=1e-9, rtol=0)


# ── the vocal tract ───────────────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("alpha", [0.8, 0.9, 1.0, 1.1, 1.3])
def test_the_map_is_the_papers_and_leaves_the_ends(alpha):
    f = torch.linspace(0, 4000, 401, dtype=torch.float64)
    moved = audio.vtlp_map(f, alpha=alpha, f_hi=2400.0, nyquist=4000.0)
    for before, after in zip(f.tolist(), moved.tolist()):
        if before <= 2400 * min(alpha, 1) / alpha:
            expected = before * alpha
        else:
            top = 4000 - 2400 * min(alpha, 1)
            expected = 4000 - top / (4000 - 2400 * min(alpha, 1) / alpha) * (4000 - before)
        assert after == pytest.approx(expected, abs=1e-6)
    assert (moved[0], moved[-1]) == (0, 4000)
    assert (moved.diff() > 0).all()
    back = audio.vtlp_map(moved, alpha=alpha, f_hi=2400.0, nyquist=4000.0, inverse=True)
    torch.testing.assert_close(back, f, atol=1e-6, rtol=0)


def test_a_bank_for_alpha_sees_the_formants_moved():
    """A tone at f through the bank for α peaks where a tone at αf does through the plain bank."""
    x = tone(1000.0)
    for alpha in (0.85, 1.2):
        moved = audio.log_mel(x, rate=RATE, bank=audio.vtlp_bank(32, alpha=torch.tensor([alpha]).double(), n_fft=256,
                              rate=RATE))  # fmt: skip
        plain = audio.log_mel(tone(1000.0 * alpha), rate=RATE)
        assert int(moved.mean(2).argmax()) == int(plain.mean(2).argmax())


def test_the_tract_moves_formants_and_keeps_the_pitch():
    """Over ten seeds the largest median error is 0.05 of a formant's place, and 0.001 of the pitch."""
    v = data.simulate.vowels(20, generator=seeded(), rate=16000, accent=0)
    before, pitch = audio.formants(v.x, rate=16000), audio.pitch(v.x, rate=16000)
    for alpha in (0.87, 1.15):
        y = audio.vocal_tract(v.x, alpha=alpha, rate=16000)
        ratio = (audio.formants(y, rate=16000) / before).nanmedian(0).values
        assert (ratio - alpha).abs().max() < 0.08
        assert ((audio.pitch(y, rate=16000) / pitch) - 1).abs().median() < 0.005
        torch.testing.assert_close(audio.rms(y), audio.rms(v.x))


def test_measured_pitch_and_formants_are_those_of_the_simulator():
    v = data.simulate.vowels(40, generator=seeded(1), rate=8000)
    assert (audio.pitch(v.x, rate=8000) / v.extra["pitch"] - 1).abs().max() < 0.02
    error = (audio.formants(v.x, rate=8000, order=10) / v.extra["formants"] - 1).abs().nanmedian(0).values
    assert error.max() < 0.1


# ── spectrograms and masks ────────────────────────────────────────────────────────────────────────────────────────────


def test_a_spectrogram_is_the_transform_of_each_frame():
    x = torch.randn(2, 100, dtype=torch.float64, generator=seeded())
    s = audio.spectrogram(x, n_fft=16, hop=5)
    padded = np.pad(x.numpy(), ((0, 0), (8, 8)))
    window = np.hanning(17)[:-1]
    for j in range(s.shape[-1]):
        expected = np.abs(np.fft.rfft(padded[:, 5 * j : 5 * j + 16] * window)) ** 2
        np.testing.assert_allclose(s[:, :, j].numpy(), expected, atol=1e-9)
    torch.testing.assert_close(audio.spectrogram(x, n_fft=16, hop=5, power=1.0), s.sqrt())


@pytest.mark.parametrize("scale", ["htk", "slaney"])
def test_the_mel_scales_have_their_published_values(scale):
    known = {
        "htk": (999.9855, 2595 * math.log10(1 + 4000 / 700)),
        "slaney": (15.0, 15 + 27 * math.log(4) / math.log(6.4)),
    }
    mel = audio.hz_to_mel(torch.tensor([1000.0, 4000.0], dtype=torch.float64), scale=scale)
    assert mel.tolist() == pytest.approx(known[scale], rel=1e-6)
    f = torch.linspace(0, 8000, 99, dtype=torch.float64)
    torch.testing.assert_close(audio.mel_to_hz(audio.hz_to_mel(f, scale=scale), scale=scale), f, atol=1e-8, rtol=0)


def test_masks_hide_what_they_say_and_nothing_in_the_padding():
    s = torch.randn(2, 3, 5, 8, generator=seeded())
    arguments = {"freq_start": torch.tensor([[1], [0]]), "freq_width": torch.tensor([[2], [0]]),
                 "time_start": torch.tensor([[4], [0]]), "time_width": torch.tensor([[3], [1]])}  # fmt: skip
    y = audio.spec_mask(s, **arguments, lengths=torch.tensor([6, 8]))
    for i, length in enumerate((6, 8)):
        value = s[i, :, :, :length].mean()
        for f in range(5):
            for t in range(8):
                hidden = (i == 0 and (f in (1, 2) or t in (4, 5))) or (i == 1 and t == 0)
                expected = value.expand(3) if hidden and t < length else s[i, :, f, t]
                torch.testing.assert_close(y[i, :, f, t], expected)


def test_a_time_warp_is_numpys_interpolation_between_three_fixed_frames():
    s = torch.randn(3, 2, 4, 12, generator=seeded(), dtype=torch.float64)
    center, goal = torch.tensor([3.0, 5.5, 7.0]).double(), torch.tensor([6.5, 2.0, 7.0]).double()
    lengths = torch.tensor([12, 9, 10])
    y = audio.time_warp(s, center=center, goal=goal, lengths=lengths)
    for i, length in enumerate(lengths.tolist()):
        fixed = [0, float(center[i]), length - 1]
        source = np.interp(np.arange(length), [0, float(goal[i]), length - 1], fixed)
        for row, new in zip(s[i].reshape(8, 12).numpy(), y[i].reshape(8, 12).numpy()):
            np.testing.assert_allclose(new[:length], np.interp(source, np.arange(12), row), atol=1e-12)
            np.testing.assert_array_equal(new[length:], row[length:])
    inner = torch.arange(8.0).double().expand(3, -1)
    back = audio.warp_source(
        audio.warp_source(inner, center=center, goal=goal, last=lengths.double() - 1),
        center=goal, goal=center, last=lengths.double() - 1,
    )  # fmt: skip
    torch.testing.assert_close(back, inner)


@pytest.mark.parametrize(("center", "goal"), [(0.0, 1.0), (1.0, 7.0), (3.0, 8.0), (-1.0, 1.0)])
def test_a_warp_that_would_lose_an_end_is_refused(center, goal):
    with pytest.raises(ValueError, match="center"):
        audio.time_warp(torch.zeros(1, 2, 8), center=torch.tensor([center]), goal=torch.tensor([goal]))


# ── what all promise ──────────────────────────────────────────────────────────────────────────────────────────────────

OPERATIONS = {
    "add_noise": lambda x, p: audio.add_noise(x, x.flip(-1), snr=20 * p),
    "gain": lambda x, p: audio.gain(x, db=6 * p),
    "clip": lambda x, p: audio.clip(x, level=p.clamp(max=1)),
    "shift": lambda x, p: audio.shift(x, samples=(100 * p).long()),
    "speed": lambda x, p: audio.speed(x, rate=p),
    "time_stretch": lambda x, p: audio.time_stretch(x, rate=p, n_fft=64),
    "pitch_shift": lambda x, p: audio.pitch_shift(x, semitones=p, n_fft=64),
    "vocal_tract": lambda x, p: audio.vocal_tract(x, alpha=p, rate=RATE, n_fft=64),
    "reverberate": lambda x, p: audio.reverberate(x, response=p[:, None] * torch.ones(1, 9).to(p)),
}


@pytest.mark.parametrize("name", OPERATIONS)
@pytest.mark.parametrize("shape", [(1, 333), (5, 512), (3, 2, 333)])
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_shape_dtype_device_and_input_stay(name, shape, dtype, device):
    x = torch.randn(shape, generator=seeded()).to(device=device, dtype=dtype)
    p = torch.linspace(0.8, 1.2, shape[0]).to(device=device, dtype=dtype)
    before = x.clone()
    y = OPERATIONS[name](x, p)
    assert (y.shape, y.dtype, y.device.type) == (x.shape, dtype, x.device.type)
    assert torch.equal(x, before)
    assert y.isfinite().all()


@pytest.mark.parametrize("name", OPERATIONS)
def test_a_view_that_is_not_contiguous_gives_the_same_and_an_empty_batch_an_empty_one(name):
    x, p = torch.randn(400, 3, generator=seeded()).T, torch.tensor([0.8, 1.0, 1.2])
    torch.testing.assert_close(OPERATIONS[name](x, p), OPERATIONS[name](x.contiguous(), p))
    assert OPERATIONS[name](x[:0], p[:0]).shape == (0, 400)


@pytest.mark.parametrize("name", OPERATIONS)
def test_gradients_flow_and_are_finite_even_through_silence(name):
    x = torch.randn(2, 300, dtype=torch.float64, generator=seeded())
    x[:, 120:200] = 0
    x.requires_grad_()
    OPERATIONS[name](x, torch.tensor([0.9, 1.1], dtype=torch.float64)).square().sum().backward()
    assert x.grad.isfinite().all()
    assert x.grad.abs().sum() > 0


BAD = [
    (lambda x: audio.gain(x[0], db=1.0), r"shape \(B, T\) or \(B, C, T\)"),
    (lambda x: audio.gain((100 * x).short(), db=1.0), "divide 16-bit samples"),
    (lambda x: audio.gain(x.tolist(), db=1.0), "a torch tensor; this is a list"),
    (lambda x: audio.speed(x, rate=0.0), "rate is 0"),
    (lambda x: audio.speed(x, rate=torch.tensor([1.0, 1.0, 1.0])), "one for each of the 2"),
    (lambda x: audio.speed(x, rate=float("nan")), "rate is nan"),
    (lambda x: audio.shift(x, samples=0.5), "a whole number"),
    (lambda x: audio.shift(x, samples=torch.tensor([0.5, 1.0])), "whole numbers"),
    (lambda x: audio.shift(x, samples=1, fill="mirror"), "one of silence, wrap"),
    (lambda x: audio.add_noise(x, x[:1], snr=0.0), "the noise is float32"),
    (lambda x: audio.add_noise(x, x, snr=0.0, lengths=torch.tensor([0, 3])), "a length is from 1 to"),
    (lambda x: audio.pitch_shift(x, semitones=30.0), "semitones is 30"),
    (lambda x: audio.vocal_tract(x, alpha=3.0, rate=RATE), "alpha is 3"),
    (lambda x: audio.vtlp_map(x, alpha=1.0, f_hi=4000.0, nyquist=4000.0), "f_hi is 4000"),
    (lambda x: audio.stft(x, n_fft=31), "n_fft is 31"),
    (lambda x: audio.stft(x, n_fft=32, hop=33), "hop is 33"),
    (lambda x: audio.mel_bank(0, n_fft=64, rate=RATE), "n_mels is 0"),
    (lambda x: audio.mel_bank(4, n_fft=64, rate=RATE, f_max=5000.0), "f_max 5000"),
    (lambda x: audio.clip(x, level=0.0), "level is 0"),
    (lambda x: audio.pitch(x[:, :50], rate=RATE), "two periods"),
    (lambda x: audio.colored_noise((3, 1), beta=0.0), "at least 2 samples"),
    (lambda x: audio.reverberate(x, response=x[0]), "one response for each of the 2"),
    (lambda x: audio.phase_vocoder(x[:, None], rate=1.0), "must be complex"),
    (lambda x: audio.log_mel(x, rate=RATE, bank=torch.ones(4, 5)), "129 frequencies"),
    (lambda x: audio.wav_bytes(x[None], rate=RATE), "a single sound"),
]


@pytest.mark.parametrize(("call", "says"), BAD, ids=[says for _, says in BAD])
def test_bad_input_is_refused_in_one_sentence(call, says, unchecked):
    with pytest.raises(ValueError, match=says) as refusal:
        call(torch.randn(2, 400, generator=seeded()))
    assert "\n" not in str(refusal.value)


def test_a_file_is_read_as_it_was_written(tmp_path):
    x = 0.9 * torch.sin(torch.arange(300.0) / 9).expand(2, 300) * torch.tensor([[1.0], [0.5]])
    path = tmp_path / "a.wav"
    path.write_bytes(audio.wav_bytes(x, rate=11025))
    y, rate = audio.read_wav(path)
    assert rate == 11025
    torch.testing.assert_close(y, x, atol=1e-4, rtol=0)
    path.write_bytes(b"no sound")
    with pytest.raises(ValueError, match="no WAV file"):
        audio.read_wav(path)
