"""The second layer of sounds: a draw for each item, what moves along, what is refused; and the peers, marked slow."""

import warnings

import numpy as np
import pytest
import torch

from labkit import data
from labkit.augment import Compose, OneOf, Sometimes, audio

RATE = 8000
TRANSFORMS = {
    "AddNoise": audio.AddNoise(),
    "pink": audio.AddNoise(beta=1.0),
    "Babble": audio.Babble(),
    "Gain": audio.Gain(),
    "Clip": audio.Clip(),
    "Reverb": audio.Reverb((0.02, 0.05)),
    "Shift": audio.Shift(0.02),
    "Speed": audio.Speed(),
    "TimeStretch": audio.TimeStretch(n_fft=128),
    "PitchShift": audio.PitchShift(n_fft=128),
    "VocalTract": audio.VocalTract(n_fft=128),
}
MOVING = ("Shift", "Speed", "TimeStretch")


def seeded(seed=0):
    return torch.Generator().manual_seed(seed)


def sounds(*shape, device="cpu"):
    return torch.randn(shape, generator=seeded()).to(device)


@pytest.mark.parametrize("name", TRANSFORMS)
@pytest.mark.parametrize("shape", [(4, 600), (3, 2, 600)])
def test_a_seed_gives_the_same_and_parameters_bring_it_back(name, shape, device):
    t, x = TRANSFORMS[name], sounds(*shape, device=device)
    y = t(x, generator=seeded(1))
    assert (y.shape, y.dtype, y.device) == (x.shape, x.dtype, x.device)
    assert torch.equal(y, t(x, generator=seeded(1)))
    assert not torch.equal(y, t(x, generator=seeded(2)))
    params = t.make_params(x, generator=seeded(1))
    assert torch.equal(t.apply(x, params), y)
    assert all(len(value) == len(x) for value in params.values())


@pytest.mark.parametrize("name", TRANSFORMS)
def test_each_item_has_its_own_draw_and_all_its_channels_share_it(name):
    one = sounds(1, 1, 600)
    x = one.expand(4, 2, 600).clone()
    y = TRANSFORMS[name](x, generator=seeded(3))
    if name != "Babble":  # the items behind an item are all alike here
        assert not torch.allclose(y[0], y[1], atol=1e-3)
    if "oise" not in name and name != "pink":
        torch.testing.assert_close(y[:, 0], y[:, 1])
    else:
        assert not torch.equal(y[:, 0], y[:, 1])


def test_nobody_babbles_behind_himself_and_alone_nobody_babbles():
    x = torch.eye(6)[:, :, None].expand(6, 6, 20).reshape(6, 120).contiguous()
    params = audio.Babble(voices=5).make_params(x, generator=seeded())
    assert (params["noise"] * x).sum() == 0
    with pytest.raises(ValueError, match="at least 2 sounds"):
        audio.Babble()(x[:1])


@pytest.mark.parametrize("name", MOVING)
def test_times_and_masks_go_where_the_sound_goes(name):
    """A loud click within silence: where it is afterwards, the mask and the time are."""
    clicks = torch.tensor([1200.0, 2000.0, 2600.0])
    t = torch.arange(4000.0)
    x = torch.exp(-(((t - clicks[:, None]) / 12) ** 2)) * torch.cos((t - clicks[:, None]) / 5)
    mask = (t - clicks[:, None]).abs() < 60
    result = TRANSFORMS[name](x, times=clicks[:, None], mask=mask, y=torch.arange(3), generator=seeded(5))
    loudest = result.x.abs().argmax(1)
    assert (result.times[:, 0] - loudest).abs().max() <= (40 if name == "TimeStretch" else 2)
    assert not torch.equal(result.times[:, 0], clicks)
    for i in range(3):
        inside = result.mask[i].nonzero()[:, 0].double()
        assert abs(float(inside.mean() - result.times[i, 0])) < 2
    assert torch.equal(result.y, torch.arange(3))
    assert result.mask.dtype == torch.bool


@pytest.mark.parametrize("name", sorted(set(TRANSFORMS) - set(MOVING)))
def test_what_moves_nothing_leaves_times_and_masks(name):
    x, times, mask = sounds(3, 600), torch.rand(3, 2), torch.rand(3, 600) > 0.5
    result = TRANSFORMS[name](x, times=times, mask=mask, generator=seeded())
    assert torch.equal(result.times, times)
    assert torch.equal(result.mask, mask)


def test_wrapped_times_stay_inside():
    t = audio.Shift((0.05, 0.05), fill="wrap")
    assert t(sounds(1, 600), times=torch.tensor([[500.0]])).times.tolist() == [[300.0]]


def test_pipelines_take_sounds():
    x = sounds(6, 800)
    t = Compose([Sometimes(audio.Speed()), OneOf([audio.AddNoise(), audio.Gain()]), audio.Shift(0.01)])
    assert t(x, generator=seeded()).shape == x.shape
    with pytest.raises(ValueError, match="size"):
        Sometimes(audio.LogMel())
    mel = Compose([audio.Speed(), audio.LogMel(alpha=0.1), audio.SpecAugment()])(
        x, y=torch.arange(6), generator=seeded()
    )
    assert mel.x.shape == (6, 32, 13)


def test_a_bank_without_a_span_is_the_plain_one():
    x = sounds(3, 900)
    torch.testing.assert_close(audio.LogMel()(x), audio.log_mel(x, rate=RATE))
    assert not torch.allclose(audio.LogMel(alpha=0.1)(x, generator=seeded()), audio.log_mel(x, rate=RATE), atol=0.5)


class TestSpecAugment:
    """Widths, places, and what belongs to an item."""

    S = torch.ones(4000, 12, 30)

    def test_widths_and_starts_are_uniform_and_stay_inside(self):
        p = audio.SpecAugment(freq=4, time=40, share=0.5).make_params(self.S, generator=seeded())
        for width, start, most, size in (("freq_width", "freq_start", 4, 12), ("time_width", "time_start", 15, 30)):
            counts = torch.bincount(p[width][:, 0], minlength=most + 1)
            assert len(counts) == most + 1
            assert (counts / 4000 - 1 / (most + 1)).abs().max() < 0.03
            assert (p[start] >= 0).all()
            assert ((p[start] + p[width]) <= size).all()
            assert ((p[start] + p[width]) == size).any()
            assert (p[start][p[width] == most] == 0).any()

    def test_masks_lie_in_the_item_and_not_in_its_padding(self):
        lengths = torch.randint(1, 31, (4000,), generator=seeded())
        mask = torch.arange(30) < lengths[:, None]
        result = audio.SpecAugment(freq=0, time=8, fill=0.0)(self.S, mask=mask, generator=seeded(1))
        hidden = (result.x == 0).any(1)
        assert not (hidden & ~mask).any()
        assert (hidden & mask).sum(1).gt(0).double().mean() > 0.7
        assert torch.equal(result.mask, mask)

    def test_items_have_masks_of_their_own(self):
        p = audio.SpecAugment().make_params(self.S[:50], generator=seeded())
        for name in ("freq_start", "freq_width", "time_start", "time_width"):
            assert len(p[name].unique()) > 3

    def test_a_warp_keeps_the_ends_and_moves_frames_by_no_more_than_it_says(self):
        lengths = torch.cat([torch.arange(1, 31), torch.full((2000,), 30)])
        mask = torch.arange(30) < lengths[:, None]
        ramp = torch.arange(30.0).expand(len(lengths), 4, 30)
        t = audio.SpecAugment(freq=0, time=0, warp=6)
        result = t(ramp, mask=mask, times=ramp[:, 0], generator=seeded())
        assert torch.equal(result.x[:, 0][~mask], ramp[:, 0][~mask])
        last = (lengths - 1)[:, None, None].expand(-1, 4, 1)
        torch.testing.assert_close(result.x.gather(2, last), ramp.gather(2, last))
        assert (result.x[:, :, 0] == 0).all()
        moved = (result.x - ramp).abs().amax((1, 2))
        assert moved.max() <= 6.0001
        assert (moved[lengths == 30] > 5).double().mean() > 0.1
        assert (moved[:3] == 0).all()
        assert (moved[4:30] > 0).all()
        assert (result.x.diff(dim=2) > 0)[:, 0][mask[:, 1:]].all()
        p = t.make_params(ramp, generator=seeded(), mask=mask)
        back = audio.warp_source(result.times, center=p["center"], goal=p["goal"], last=lengths.float() - 1)
        torch.testing.assert_close(back, ramp[:, 0], atol=1e-3, rtol=0)

    def test_without_a_warp_bands_are_those_of_before_and_with_one_they_are_the_same(self):
        s = torch.randn(20, 12, 30, generator=seeded())
        plain = audio.SpecAugment().make_params(s, generator=seeded(1))
        warped = audio.SpecAugment(warp=5).make_params(s, generator=seeded(1))
        assert warped.keys() - plain.keys() == {"center", "goal"}
        assert all(torch.equal(plain[name], warped[name]) for name in plain)
        assert (warped["center"] - warped["goal"]).abs().max() <= 5

    @pytest.mark.parametrize(
        ("mask", "says"),
        [
            (torch.ones(4, 29, dtype=torch.bool), "a bool tensor"),
            (torch.ones(4, 30), "a bool tensor"),
            (torch.zeros(4, 30, dtype=torch.bool), "its first ones"),
        ],
    )
    def test_a_mask_that_does_not_fit_is_refused(self, mask, says):
        with pytest.raises(ValueError, match=says):
            audio.SpecAugment()(self.S[:4], mask=mask)


BAD = [
    (lambda: audio.Speed((0.0, 1.0)), "rate is"),
    (lambda: audio.VocalTract((0.4, 1.0)), "alpha is"),
    (lambda: audio.PitchShift(30.0), "semitones is"),
    (lambda: audio.Shift(fill="mirror"), "fill is"),
    (lambda: audio.Clip((0.0, 1.0)), "level is"),
    (lambda: audio.SpecAugment(freq=-1), "freq is -1"),
    (lambda: audio.SpecAugment(share=1.5), "share is 1.5"),
    (lambda: audio.SpecAugment(warp=-2), "warp is -2"),
    (lambda: audio.SpecAugment()(torch.zeros(3, 9, 8), times=torch.zeros(3, 2).long()), "times are"),
    (lambda: audio.Babble(voices=0), "voices is 0"),
    (lambda: audio.Speed()(torch.zeros(3)), "shape"),
    (lambda: audio.Speed()(torch.zeros(3, 9), mask=torch.zeros(3, 8)), "a mask is"),
    (lambda: audio.Speed()(torch.zeros(3, 9), times=torch.zeros(3, 2).long()), "times are"),
    (lambda: audio.LogMel()(torch.zeros(3, 999), times=torch.zeros(3, 2)), "no annotation"),
]


@pytest.mark.parametrize(("call", "says"), BAD, ids=[says for _, says in BAD])
def test_a_knob_or_annotation_that_is_wrong_is_refused(call, says, unchecked):
    with pytest.raises(ValueError, match=says):
        call()


# ── the peers, which compile when they are imported ───────────────────────────────────────────────────────────────────


@pytest.fixture
def librosa():
    """Librosa, whose first call compiles for a minute."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return pytest.importorskip("librosa")


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore")
def test_spectrograms_are_librosas(librosa):
    x = data.simulate.vowels(4, generator=seeded(), rate=16000).x.double()
    for i in range(4):
        theirs = librosa.feature.melspectrogram(
            y=x[i].numpy(), sr=16000, n_fft=512, hop_length=128, n_mels=40, htk=True, norm=None, pad_mode="constant"
        )
        bank = audio.mel_bank(40, n_fft=512, rate=16000, like=x)
        ours = (bank @ audio.spectrogram(x[i : i + 1], n_fft=512, hop=128))[0].numpy()
        np.testing.assert_allclose(ours, theirs, rtol=1e-5, atol=1e-5)
        np.testing.assert_allclose(
            audio.log_mel(x[i : i + 1], rate=16000, n_mels=40, n_fft=512, hop=128)[0].numpy(),
            librosa.power_to_db(theirs, top_db=None), atol=1e-4,
        )  # fmt: skip
    for scale, norm in (("htk", None), ("slaney", None), ("htk", "slaney"), ("slaney", "slaney")):
        theirs = librosa.filters.mel(sr=8000, n_fft=256, n_mels=20, htk=scale == "htk", norm=norm, dtype=np.float64)
        like = torch.empty(0, dtype=torch.float64)
        ours = audio.mel_bank(20, n_fft=256, rate=8000, scale=scale, norm=norm is not None, like=like)
        np.testing.assert_allclose(ours.numpy(), theirs, atol=1e-9)


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("rate", [0.8, 1.0, 1.3, 2.0])
def test_the_vocoder_is_librosas(librosa, rate):
    x = data.simulate.vowels(1, generator=seeded(), rate=16000).x.double()
    s = librosa.stft(x[0].numpy(), n_fft=512, hop_length=128)
    theirs = librosa.phase_vocoder(s, rate=rate, hop_length=128)
    ours = audio.phase_vocoder(audio.stft(x, n_fft=512, hop=128), rate=rate, hop=128)
    np.testing.assert_allclose(ours[0].numpy(), theirs, atol=1e-9 * np.abs(theirs).max())
    stretched = librosa.effects.time_stretch(x[0].numpy(), rate=rate, n_fft=512, hop_length=128)
    ours = audio.time_stretch(x, rate=rate, n_fft=512, hop=128, length=len(stretched))
    inside = slice(0, len(stretched) - 1000)  # ours also hears the frames that begin in the sound and end behind it
    np.testing.assert_allclose(ours[0, inside].numpy(), stretched[inside], atol=1e-6)


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore")
def test_the_ratio_of_noise_is_audiomentations():
    peer = pytest.importorskip("audiomentations")
    x = sounds(1, 8000)
    noisy = peer.AddGaussianSNR(min_snr_db=12.0, max_snr_db=12.0, p=1.0)(x[0].numpy(), sample_rate=RATE)
    theirs = audio.snr(x, torch.from_numpy(noisy)[None])
    ours = audio.snr(x, audio.AddNoise((12, 12))(x, generator=seeded()))
    torch.testing.assert_close(ours, theirs, atol=0.2, rtol=0)


def praat(x, rate):
    """Pitch and the first two formants by Praat: (N, 3)."""
    import parselmouth

    rows = []
    for wave in x.double().numpy():
        sound = parselmouth.Sound(wave, rate)
        pitch = sound.to_pitch().selected_array["frequency"]
        burg = sound.to_formant_burg(max_number_of_formants=5, maximum_formant=5500)
        times = np.linspace(0.1, 0.4, 16)
        rows.append([np.median(pitch[pitch > 0])] + [
            np.nanmedian([burg.get_value_at_time(k, t) for t in times]) for k in (1, 2)
        ])  # fmt: skip
    return np.array(rows)


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize(
    ("change", "pitch", "formants"),
    [
        (lambda x: audio.vocal_tract(x, alpha=1.15, rate=16000), 1.0, 1.15),
        (lambda x: audio.vocal_tract(x, alpha=0.87, rate=16000), 1.0, 0.87),
        (lambda x: audio.time_stretch(x, rate=1.2), 1.0, 1.0),
        (lambda x: audio.speed(x, rate=1.2), 1.2, 1.2),
        (lambda x: audio.pitch_shift(x, semitones=3.0), 2 ** (3 / 12), 2 ** (3 / 12)),
    ],
    ids=["shorter tract", "longer tract", "stretch", "speed", "pitch shift"],
)
def test_praat_hears_what_was_asked_for(change, pitch, formants):
    pytest.importorskip("parselmouth")
    x = data.simulate.vowels(20, generator=seeded(), rate=16000).x
    ratio = np.median(praat(change(x), 16000) / praat(x, 16000), axis=0)
    assert ratio[0] == pytest.approx(pitch, abs=0.01)
    assert ratio[1:] == pytest.approx([formants] * 2, abs=0.06)
