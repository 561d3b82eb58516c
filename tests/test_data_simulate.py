"""The simulators: what holds for all of them, and what each label promises, measured on the samples."""

import re
import sys
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch
from scipy.ndimage import binary_dilation, binary_fill_holes, gaussian_filter
from scipy.ndimage import label as components
from sklearn.ensemble import RandomForestClassifier
from sklearn.feature_extraction.text import CountVectorizer
from sklearn.linear_model import LogisticRegression, Ridge
from sklearn.metrics import roc_auc_score
from sklearn.neighbors import KNeighborsClassifier
from sklearn.svm import SVC

from labkit import data
from labkit.data import Dataset, simulate
from labkit.data.simulate import draw
from labkit.data.simulate.sentences import EASY, HARD, WORDS
from labkit.data.simulate.strokes import STROKES

SHAPE = {
    "shapes": (1, 32, 32),
    "glyphs": (1, 28, 28),
    "lesions": (1, 64, 64),
    "brain": (1, 96, 96),
    "eyes": (1, 35, 55),
    "loans": (17,),
    "tones": (4000,),
    "vowels": (4000,),
    "motions": (6, 128),
    "bearings": (4, 160),
    "moving": (12, 1, 32, 32),
    "moons": (2,),
    "blobs": (2,),
}
IMAGES = ("shapes", "glyphs", "lesions", "brain", "eyes", "moving")
UNBALANCED = ("eyes", "loans", "bearings")


def seeded(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def call(name: str, n: int, **knobs: Any) -> Dataset:
    return getattr(simulate, name)(n, **({"generator": seeded()} | knobs))


def score(model: Any, train: Dataset, test: Dataset, features: Callable[[Dataset], torch.Tensor]) -> float:
    return float(model.fit(features(train), train.y).score(features(test), test.y))


def flat(samples: Dataset) -> torch.Tensor:
    return samples.x.flatten(1)


# ── all of them ──


@pytest.mark.parametrize("name", SHAPE)
def test_shape_dtype_and_range(name: str) -> None:
    for n in (1, 7):
        made = call(name, n)
        assert made.x.shape == (n, *SHAPE[name])
        assert made.x.dtype == torch.float32
        assert bool(torch.isfinite(made.x).all())
        if name in IMAGES:
            assert 0 <= float(made.x.min()) < float(made.x.max()) <= 1
        if name in ("tones", "vowels"):
            assert float(made.x.abs().max()) <= 1


@pytest.mark.parametrize("name", SHAPE)
def test_same_seed_same_bytes_and_another_seed_others(name: str) -> None:
    one, same, other = (call(name, 6, generator=seeded(s)) for s in (3, 3, 4))
    assert one.x.numpy().tobytes() == same.x.numpy().tobytes()
    assert one.y.numpy().tobytes() == same.y.numpy().tobytes()
    for key, value in one.extra.items():
        assert value.equal(same.extra[key])
    assert not one.x.equal(other.x)


@pytest.mark.parametrize("name", SHAPE)
def test_randomness_comes_from_the_generator_alone(name: str) -> None:
    before = torch.get_rng_state()
    call(name, 3)
    assert torch.get_rng_state().equal(before)


@pytest.mark.parametrize("name", SHAPE)
def test_everything_lives_on_the_generators_device(name: str, generator: torch.Generator) -> None:
    made = call(name, 5, generator=generator)
    assert {made.x.device, made.y.device, *(v.device for v in made.extra.values())} == {generator.device}


@pytest.mark.parametrize("name", [name for name in SHAPE if name not in UNBALANCED])
def test_classes_are_named_and_balanced(name: str) -> None:
    made = call(name, 50)
    counts = torch.bincount(made.y, minlength=len(made.classes))
    assert len(counts) == len(made.classes)
    assert int(counts.max() - counts.min()) <= 1
    assert not made.y.equal(made.y.sort().values), "the labels come in random order"


@pytest.mark.parametrize("name", [*SHAPE, "sentences", "ratings"])
def test_no_sample_at_all_is_refused(name: str) -> None:
    with pytest.raises(ValueError, match="n is 0; expected at least one sample"):
        call(name, 0)


@pytest.mark.parametrize(
    ("name", "knobs"),
    [
        ("glyphs", {"characters": "a"}),
        ("glyphs", {"characters": "00"}),
        ("glyphs", {"thickness": (0.2, 0.1)}),
        ("lesions", {"radius": (0.2, 0.9)}),
        ("brain", {"tumour": 1.5}),
        ("eyes", {"yaw": (-90.0, 90.0)}),
        ("loans", {"group": -0.1}),
        ("tones", {"rate": 100}),
        ("vowels", {"tract": (0.1, 1.0)}),
        ("motions", {"classes": ("swimming",)}),
        ("moving", {"motions": ("sideways",)}),
        ("bearings", {"life": (100, 200)}),
        ("bearings", {"cycles": 1}),
        ("moving", {"frames": 1}),
        ("blobs", {"classes": 0}),
        ("ratings", {"per_user": (1, 1000)}),
        ("ratings", {"days": 1}),
        ("sentences", {"hard": 2}),
    ],
)
def test_impossible_knobs_are_refused_in_a_sentence(name: str, knobs: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match=r"(is|are) .*; expected "):
        call(name, 4, **knobs)


# ── drawing ──


def test_texture_has_mean_0_and_spread_1_and_the_grain_it_says() -> None:
    fine, coarse = (draw.texture(seeded(), 4, 64, grain=g) for g in (0.6, 4))
    for made in (fine, coarse):
        assert torch.allclose(made.mean((1, 2)), torch.zeros(4), atol=1e-5)
        assert torch.allclose(made.std((1, 2)), torch.ones(4), atol=1e-4)
    # White noise blurred by a Gaussian of s pixels has the autocorrelation exp(−d²/4s²).
    at = (coarse * coarse.roll(4, 1)).mean()
    assert float(at) == pytest.approx(np.exp(-(4**2) / (4 * 4**2)), abs=0.08)
    assert float((fine * fine.roll(4, 1)).mean()) < 0.1


def test_blurred_is_a_periodic_gaussian_filter() -> None:
    image = torch.randn(2, 20, 27, generator=seeded())
    ours = draw.blurred(image, torch.tensor([1.5, 3.0]))
    for i, sigma in enumerate((1.5, 3.0)):
        expected = gaussian_filter(image[i].numpy(), sigma, mode="wrap", truncate=8)
        assert np.abs(ours[i].numpy() - expected).max() < 1e-3
    assert torch.allclose(draw.blurred(image, 0.0), image, atol=1e-5)


# ── glyphs ──


def test_every_character_fills_its_box() -> None:
    for name in STROKES:
        for form in STROKES[name]:
            points = np.array([tuple(map(int, p.split(","))) for p in re.findall(r"-?\d+,-?\d+", form)])
            assert np.abs(points[:, 0]).max() <= 60, name
            assert np.abs(points[:, 1]).max() <= 105, name
            assert points[:, 1].max() - points[:, 1].min() >= 185, name


def test_ink_is_length_times_thickness() -> None:
    for thickness in (0.05, 0.1):
        drawn = simulate.glyphs(
            1, generator=seeded(), size=200, characters="L", jitter=0, slant=(0, 0), rotation=(0, 0), shift=0,
            scale=(0.8, 0.8), stretch=(1, 1), contrast=(1, 1), thickness=(thickness, thickness),
        )  # fmt: skip
        length = (2.0 + 0.92) * 0.8 * 100
        ends = np.pi * (thickness * 100) ** 2
        assert float(drawn.x.sum()) == pytest.approx(length * thickness * 200 + ends, rel=0.03)


def test_slant_leans_to_the_right_and_rotation_to_the_left() -> None:
    def lean(**knobs: Any) -> float:
        still = {"slant": (0, 0), "rotation": (0, 0), "jitter": 0, "shift": 0}
        image = simulate.glyphs(1, generator=seeded(), size=56, characters="H", **(still | knobs)).x[0, 0]
        at = torch.arange(56.0)
        top, bottom = image[:28].sum(0), image[28:].sum(0)
        return float((top * at).sum() / top.sum() - (bottom * at).sum() / bottom.sum())

    assert abs(lean()) < 0.1
    assert lean(slant=(0.3, 0.3)) > 3
    assert lean(rotation=(10, 10)) < -1


def test_glyphs_teach_a_classifier_to_read_real_handwriting() -> None:
    made = simulate.glyphs(1500, generator=seeded(), size=32, scale=(0.8, 0.95))
    small = torch.nn.functional.avg_pool2d(made.x, 4).flatten(1)
    digits = data.digits()
    model = SVC(C=5).fit(small, made.y)
    accuracy = model.score(digits.x.flatten(1), digits.y)
    assert 0.55 < accuracy < 0.9, "well above chance, well below a classifier that has seen real ones"


# ── medical ──


def test_lesions_come_in_the_numbers_of_the_paper() -> None:
    made = simulate.lesions(generator=seeded())
    assert torch.bincount(made.y).tolist() == [53, 64, 65]
    assert torch.bincount(simulate.lesions((2, 0, 1), generator=seeded()).y).tolist() == [2, 0, 1]
    with pytest.raises(ValueError, match="three numbers of at least 0"):
        simulate.lesions((0, 0, 0))


@pytest.mark.parametrize(("name", "reach"), [("lesions", 7), ("brain", 13)])
def test_the_mask_is_where_the_image_changed(name: str, reach: int) -> None:
    made = call(name, 40)
    changed = (made.x - made.extra["healthy"])[:, 0].abs() > 1e-6
    for mask, change, depth in zip(made.extra["mask"].numpy(), changed.numpy(), made.y.tolist()):
        if name == "brain" and depth == 0:
            assert not mask.any()
            assert not change.any()
            continue
        assert change[mask].mean() > 0.97, "nearly every pixel of the mask differs"
        near = binary_dilation(mask, np.ones((3, 3)), iterations=reach)
        assert not change[~near].any(), "margin and swelling end soon outside of it"


def test_lesions_have_the_size_they_say() -> None:
    made = simulate.lesions(60, generator=seeded())
    measured = (made.extra["mask"].sum((1, 2)) / np.pi).sqrt()
    assert bool(((measured / made.extra["radius"] - 0.95).abs() < 0.2).all())


def test_lesions_look_as_the_textbook_says() -> None:
    made = simulate.lesions(300, generator=seeded(), noise=0.0)
    mask, healthy = made.extra["mask"], made.extra["healthy"][:, 0]
    inside = torch.where(mask, made.x[:, 0] - healthy, torch.nan)
    cyst, metastasis, hemangioma = (inside[made.y == k].flatten(1) for k in range(3))
    assert bool((cyst.nanmean(1) < 0).all())
    assert float(cyst.nanmean()) < float(metastasis.nanmean()) < float(hemangioma.nanmean())

    def spread(values: torch.Tensor) -> float:
        return float((values - values.nanmean(1, keepdim=True)).square().nanmean().sqrt())

    assert spread(cyst) < spread(metastasis) < spread(hemangioma)
    bright = (torch.nan_to_num(hemangioma) > 0.05).any(1).float().mean()
    assert float(bright) > 0.7, "nodules are brighter than liver"
    assert not bool((torch.nan_to_num(cyst) > 0.05).any())


def test_lesions_can_be_told_apart_but_not_easily() -> None:
    train, test = simulate.lesions(300, generator=seeded(1)), simulate.lesions(150, generator=seeded(2))
    assert 0.5 < score(SVC(C=10), train, test, flat) < 0.9


def test_tumours_lie_in_the_brain_in_the_share_asked_for() -> None:
    made = simulate.brain(40, generator=seeded(), tumour=0.25)
    assert int(made.y.sum()) == 10
    assert bool((made.extra["mask"].any(2).any(1) == (made.y == 1)).all())
    assert not bool((made.extra["mask"] & ~made.extra["brain"]).any())
    corner = made.x[:, 0, :8, :8]
    assert float(corner.mean()) < 0.06, "air is dark"


def test_tumours_can_be_found_but_not_by_brightness_alone() -> None:
    train, test = simulate.brain(160, generator=seeded(1)), simulate.brain(80, generator=seeded(2))

    def small(made: Dataset) -> torch.Tensor:
        return made.x[:, :, ::3, ::3].flatten(1)

    def brightness(made: Dataset) -> torch.Tensor:
        return made.x.flatten(1).mean(1, keepdim=True)

    assert 0.6 < score(RandomForestClassifier(150, random_state=0), train, test, small) < 0.97
    assert score(LogisticRegression(), train, test, brightness) < 0.7


# ── eyes ──


def test_the_pupil_is_where_the_image_is_darkest() -> None:
    made = simulate.eyes(
        30, generator=seeded(), size=(105, 165), openness=(1.0, 1.0), iris=(0.45, 0.45), pitch=(-10, 10), yaw=(-20, 20)
    )
    x, y = draw.pixels((105, 165), torch.device("cpu"))
    for image, pupil, opening in zip(made.x[:, 0], made.extra["pupil"], made.extra["opening"]):
        regions, count = components((image < 0.13).numpy() & opening.numpy())
        sizes = np.bincount(regions.flat)[1:]
        near = [k for k in range(1, count + 1) if sizes[k - 1] > 100]
        found = []
        for k in near:
            blob = torch.from_numpy(binary_fill_holes(regions == k))
            found.append(torch.stack([x[0][blob].mean(), y[0][blob].mean()]))
        nearest = min(float((centre - pupil).norm()) for centre in found)
        assert nearest < 2.0, "within two of 165 pixels"


def test_the_gaze_moves_the_pupil_as_geometry_says() -> None:
    made = simulate.eyes(200, generator=seeded())
    pitch, yaw = made.y.unbind(1)
    expected = 17 * torch.stack([pitch.cos() * yaw.sin(), -pitch.sin()], 1)
    # What is left is where the eye lies in the image: at most 1.5 pixels off its middle.
    assert float((made.extra["pupil"] - expected).abs().max()) <= 1.5
    assert float(yaw.abs().max()) <= np.deg2rad(30)
    assert float(pitch.abs().max()) <= np.deg2rad(20)


def test_gaze_can_be_learned_and_is_lost_on_a_cheap_camera() -> None:
    train, test = simulate.eyes(800, generator=seeded(1)), simulate.eyes(200, generator=seeded(2))
    cheap = simulate.eyes(200, generator=seeded(2), contrast=(0.35, 0.6), blur=(0.8, 1.4), noise=0.02)
    model = Ridge(10).fit(train.x.flatten(1), train.y)
    assert cheap.y.equal(test.y)
    sharp, dull = (model.score(part.x.flatten(1), part.y) for part in (test, cheap))
    assert 0.7 < sharp < 0.99
    assert dull < sharp - 0.1


# ── tables ──


def test_the_group_is_no_column_but_its_proxies_give_it_away() -> None:
    made = simulate.loans(4000, generator=seeded())
    group = made.extra["group"]
    assert not any(bool((made.x[:, i] == group).all()) for i in range(made.x.shape[1]))
    assert len(made.columns) == made.x.shape[1]

    def leak(samples: Dataset) -> float:
        model = LogisticRegression(max_iter=500).fit(samples.x[:2000], samples.extra["group"][:2000])
        return float(roc_auc_score(samples.extra["group"][2000:], model.predict_proba(samples.x[2000:])[:, 1]))

    assert leak(made) > 0.85
    assert leak(simulate.loans(4000, generator=seeded(), proxies=0, confounding=0)) < 0.56
    assert 0.6 < leak(simulate.loans(4000, generator=seeded(), proxies=0)) < leak(made) - 0.05, "through wealth alone"


def test_wealth_is_all_that_separates_the_groups() -> None:
    made = simulate.loans(20000, generator=seeded())
    group, repaid = made.extra["group"], made.y.float()
    gap = repaid[group == 0].mean() - repaid[group == 1].mean()
    assert 0.12 < float(gap) < 0.35
    fair = simulate.loans(20000, generator=seeded(), confounding=0)
    assert (
        abs(float(fair.y[fair.extra["group"] == 0].float().mean() - fair.y[fair.extra["group"] == 1].float().mean()))
        < 0.03
    )
    known = torch.stack([made.extra["wealth"], group.float()], 1)
    weights = LogisticRegression().fit(known, made.y).coef_[0]
    assert abs(weights[1]) < 0.1 * weights[0], "given the wealth, the group says nothing about repaying"
    biased = LogisticRegression().fit(known, made.extra["approved"]).coef_[0]
    assert biased[1] < -0.5, "but the clerk held it against them"


def test_loans_repay_with_the_chance_they_say() -> None:
    made = simulate.loans(20000, generator=seeded())
    for low in (0.1, 0.4, 0.7):
        bin_ = (made.extra["chance"] >= low) & (made.extra["chance"] < low + 0.2)
        assert float(made.y[bin_].float().mean()) == pytest.approx(float(made.extra["chance"][bin_].mean()), abs=0.03)
    assert made.x[:, 7:13].sum(1).unique().tolist() == [1.0], "everybody lives somewhere"
    assert torch.allclose(made.x[:, :7].std(0), torch.ones(7), atol=0.15)


def test_ratings_are_sparse_dated_and_each_film_rated_once() -> None:
    made = simulate.ratings(300, generator=seeded(), films=200, days=700, per_user=(5, 20))
    assert len({*zip(made.user.tolist(), made.film.tolist())}) == len(made)
    per_user = torch.bincount(made.user, minlength=300)
    assert (int(per_user.min()), int(per_user.max())) == (5, 20)
    assert 0 <= int(made.day.min()) <= int(made.day.max()) < 700
    assert made.stars.unique().tolist() == [1, 2, 3, 4, 5]
    assert bool((made.user.diff() >= 0).all())
    same = made.user.diff() == 0
    assert bool((made.day.diff()[same] >= 0).all())
    table = made.matrix()
    assert int((~table.isnan()).sum()) == len(made)
    assert float(table[made.user[7], made.film[7]]) == float(made.stars[7])
    assert float(made.matrix(made.day)[made.user[7], made.film[7]]) == float(made.day[7])


def test_hits_are_seen_by_many_and_the_tail_is_long() -> None:
    made = simulate.ratings(800, generator=seeded())
    seen = torch.bincount(made.film, minlength=500).sort(descending=True).values
    assert int(seen[:50].sum()) > 0.25 * len(made)
    assert int((seen < 0.05 * 800).sum()) > 150
    flat_ = torch.bincount(simulate.ratings(800, generator=seeded(), tail=0).film, minlength=500).float()
    assert float(flat_.std() / flat_.mean()) < 0.3


def test_taste_can_be_learned_from_ratings() -> None:
    made = simulate.ratings(400, generator=seeded(), films=60, per_user=(30, 50))
    user_mean = made.matrix().nanmean(1)[made.user]
    film_mean = made.matrix().nanmean(0)[made.film]
    stars = made.stars.float()
    assert float((stars - user_mean - film_mean + stars.mean()).var()) < 0.85 * float(stars.var())


def test_a_few_ratings_with_dates_single_a_person_out() -> None:
    made = simulate.ratings(500, generator=seeded())
    stars, days = made.matrix(), made.matrix(made.day)
    alone = 0
    for person in range(50):
        known = (made.user == person).nonzero()[-4:, 0]
        film = made.film[known]
        close = (stars[:, film] == made.stars[known]) & ((days[:, film] - made.day[known]).abs() <= 14)
        alone += int(close.all(1).sum() == 1)
    assert alone >= 48


def test_ratings_are_the_same_for_the_same_seed() -> None:
    one, same, other = (simulate.ratings(50, generator=seeded(s)) for s in (1, 1, 2))
    for name in ("user", "film", "stars", "day"):
        assert getattr(one, name).equal(getattr(same, name))
    assert len(one.take(one.stars == 5)) == int((one.stars == 5).sum())
    assert not (len(one) == len(other) and one.film.equal(other.film))


# ── sounds ──


def test_the_loudest_frequency_of_a_tone_is_its_pitch() -> None:
    made = simulate.tones(70, generator=seeded(), noise=(0.0, 0.01))
    spectrum = torch.fft.rfft(made.x, n=16 * 4000).abs()
    measured = spectrum.argmax(1) * 8000 / (16 * 4000)
    assert bool(((measured / made.extra["pitch"]).log2().abs() * 12 < 0.2).all()), "within a fifth of a semitone"


def test_the_pitch_of_a_tone_is_its_note() -> None:
    made = simulate.tones(70, generator=seeded(), octaves=(-1, 2), mistuned=0.2)
    semitones = 12 * (made.extra["pitch"] / 261.63).log2()
    scale = torch.tensor([0.0, 2, 4, 5, 7, 9, 11])
    off = (semitones - scale[made.y]) % 12
    assert bool((torch.minimum(off, 12 - off) <= 0.201).all())
    assert int((semitones / 12).floor().max() - (semitones / 12).floor().min()) >= 2


def test_the_pitch_of_a_vowel_is_the_voices() -> None:
    made = simulate.vowels(40, generator=seeded(), noise=(0.0, 0.0))
    power = torch.fft.rfft(made.x, n=8192).abs().square()
    echo = torch.fft.irfft(power)[:, :200]
    for i, pitch in enumerate(made.extra["pitch"].tolist()):
        low, high = int(8000 / pitch * 0.85), int(8000 / pitch * 1.2) + 1
        peak = low + int(echo[i, low:high].argmax())
        assert 8000 / peak == pytest.approx(pitch, rel=0.06)


def test_vowels_are_loud_near_their_formants() -> None:
    made = simulate.vowels(100, generator=seeded(), noise=(0.0, 0.0), pitch=(90.0, 110.0), accent=0.0)
    power = torch.fft.rfft(made.x).abs().square()
    frequency = torch.fft.rfftfreq(4000, 1 / 8000)

    def energy(centre: torch.Tensor) -> torch.Tensor:
        near = (frequency / centre[:, None]).log2().abs() < 0.2
        return (power * near).sum(1) / near.sum(1)

    for k in range(2):
        formant = made.extra["formants"][:, k]
        assert float((energy(formant) > energy(formant * 1.5)).float().mean()) > 0.75


@pytest.mark.parametrize(("name", "least", "most"), [("tones", 0.9, 1.0), ("vowels", 0.8, 1.0)])
def test_sounds_can_be_told_apart(name: str, least: float, most: float) -> None:
    def spectrum(made: Dataset) -> torch.Tensor:
        if name == "tones":
            return torch.fft.rfft(made.x).abs()[:, :500]
        window = torch.hann_window(256)
        return torch.stft(made.x, 256, window=window, return_complex=True).abs().mean(-1).log1p()

    train, test = call(name, 300, generator=seeded(1)), call(name, 150, generator=seeded(2))
    heard = score(LogisticRegression(max_iter=1000), train, test, spectrum)
    assert least < heard <= most
    assert score(KNeighborsClassifier(1), train, test, flat) < heard - 0.05, "the waveform as it is says less"


# ── motion ──


def test_standing_feels_gravity_and_nothing_else() -> None:
    made = simulate.motions(50, generator=seeded(), classes=("standing",), noise=0.0)
    assert torch.allclose(made.x[:, :3].mean(-1).norm(dim=1), torch.ones(50), atol=0.05)
    assert float(made.x[:, :3].std(-1).max()) < 0.05


def test_steps_are_as_frequent_as_the_cadence_says() -> None:
    made = simulate.motions(60, generator=seeded(), classes=("walking", "running"), seconds=10.24, tilt=0.0)
    upward = made.x[:, 2] - made.x[:, 2].mean(-1, keepdim=True)
    spectrum = torch.fft.rfft(upward, n=4096).abs()
    measured = spectrum.argmax(1) * 50 / 4096
    assert float((measured - made.extra["cadence"]).abs().max()) < 0.2


def test_a_sensor_worn_askew_feels_the_same_strength() -> None:
    straight, askew = (simulate.motions(30, generator=seeded(), noise=0.0, tilt=t) for t in (0.0, 40.0))
    assert torch.allclose(straight.x[:, :3].norm(dim=1), askew.x[:, :3].norm(dim=1), atol=1e-4)
    assert not torch.allclose(straight.x, askew.x, atol=0.1)


def test_activities_can_be_told_apart_by_what_one_computes_from_them() -> None:
    train, test = simulate.motions(400, generator=seeded(1)), simulate.motions(200, generator=seeded(2))

    def features(made: Dataset) -> torch.Tensor:
        return torch.cat([made.x.std(-1), made.x.mean(-1)], 1)

    good = score(RandomForestClassifier(100, random_state=0), train, test, features)
    assert 0.85 < good < 1
    assert score(KNeighborsClassifier(1), train, test, flat) < good


def test_clips_move_as_their_label_says() -> None:
    made = simulate.moving(160, generator=seeded(), noise=0.0)
    clip = made.x[:, :, 0]
    ink = clip - clip.amin((2, 3), keepdim=True)
    mass = ink.sum((2, 3))
    at = torch.arange(32.0) - 15.5
    x, y = (ink.sum(2) * at).sum(-1) / mass, (ink.sum(3) * at).sum(-1) / mass
    path = made.extra["path"]
    assert torch.allclose(x, path[..., 0], atol=0.15)
    assert torch.allclose(y, path[..., 1], atol=0.15)
    dx, dy = x[:, -1] - x[:, 0], y[:, -1] - y[:, 0]
    growth = mass[:, -1] / mass[:, 0]
    for i, name in enumerate(made.classes[k] for k in made.y):
        sideways, downwards = float(dx[i]), float(dy[i])
        expected = {"left": (-1, 0), "right": (1, 0), "up": (0, -1), "down": (0, 1)}.get(name, (0, 0))
        assert (
            round(sideways / 12 + 0.2 * np.sign(sideways)),
            round(downwards / 12 + 0.2 * np.sign(downwards)),
        ) == expected
        assert (float(growth[i]) > 1.15) == (name == "growing")
        assert (float(growth[i]) < 0.87) == (name == "shrinking")


def test_turning_shapes_turn_as_their_label_says() -> None:
    made = simulate.moving(
        20, generator=seeded(), motions=("clockwise", "counter-clockwise"), noise=0.0, frames=2, size=64
    )
    assert int(made.extra["shape"].min()) > 0, "a circle would turn unseen"
    angle = made.extra["path"][..., 2]
    assert bool(((angle[:, 1] > angle[:, 0]) == (made.y == 1)).all())


def test_a_clip_backwards_is_the_opposite_and_one_frame_tells_little() -> None:
    train, test = simulate.moving(500, generator=seeded(1)), simulate.moving(200, generator=seeded(2))
    forest = RandomForestClassifier(50, random_state=0)

    def middle(made: Dataset) -> torch.Tensor:
        return made.x[:, 6, :, ::2, ::2].flatten(1)

    def change(made: Dataset) -> torch.Tensor:
        return (made.x[:, -1] - made.x[:, 0])[..., ::2, ::2].flatten(1)

    assert score(forest, train, test, middle) < 0.3
    assert score(forest, train, test, change) > 0.5
    opposite = torch.from_numpy(forest.predict(-change(test))) == (test.y ^ 1)
    assert float(opposite.float().mean()) > 0.5


# ── sentences ──


def test_every_template_can_be_filled_and_reads_well() -> None:
    for table in (EASY, HARD):
        for templates in table.values():
            for template in templates:
                assert set(re.findall(r"{(\w+)}", template)) <= set(WORDS)
    made = simulate.sentences(600, generator=seeded(), hard=0.5)
    assert len(set(made.x)) > 400
    for sentence in made.x:
        assert "{" not in sentence
        assert not re.search(r"\ba [aeiou]", sentence)
        assert not re.search(r"\ban [^aeiou]", sentence)


def test_sentences_are_the_same_for_the_same_seed() -> None:
    one, same, other = (simulate.sentences(40, generator=seeded(s)) for s in (1, 1, 2))
    assert one.x == same.x
    assert one.x != other.x
    assert one.y.equal(same.y)


@pytest.mark.parametrize(("hard", "least", "most"), [(0.0, 0.98, 1.0), (0.3, 0.6, 0.9)])
def test_counting_words_works_only_for_easy_sentences(hard: float, least: float, most: float) -> None:
    made = simulate.sentences(900, generator=seeded(), hard=hard)
    words = CountVectorizer().fit(made.x)
    model = LogisticRegression(max_iter=1000).fit(words.transform(made.x[:600]).toarray(), made.y[:600])
    assert least <= model.score(words.transform(made.x[600:]).toarray(), made.y[600:]) <= most
    turned = simulate.sentences(200, generator=seeded(), hard=1)
    assert model.score(words.transform(turned.x).toarray(), turned.y) < 0.6


# ── the plane ──


def test_moons_are_half_circles_that_turn() -> None:
    still = simulate.moons(100, generator=seeded(), noise=0)
    upper, lower = still.x[still.y == 0], still.x[still.y == 1]
    assert torch.allclose(upper.norm(dim=1), torch.ones(50), atol=1e-5)
    assert torch.allclose((lower - torch.tensor([1.0, 0.5])).norm(dim=1), torch.ones(50), atol=1e-5)
    assert float(upper[:, 1].min()) >= -1e-6
    assert float(lower[:, 1].max()) <= 0.5 + 1e-6
    turned = simulate.moons(100, generator=seeded(), noise=0, rotation=90)
    middle = torch.tensor([0.5, 0.25])
    quarter = torch.stack([-(still.x - middle)[:, 1], (still.x - middle)[:, 0]], 1)
    assert torch.allclose(turned.x - middle, quarter, atol=1e-5)


def test_blobs_lie_around_the_unit_circle() -> None:
    made = simulate.blobs(3000, generator=seeded(), classes=4, spread=0.2, stretch=1.0)
    for k, centre in enumerate([(1, 0), (0, 1), (-1, 0), (0, -1)]):
        points = made.x[made.y == k]
        assert torch.allclose(points.mean(0), torch.tensor(centre, dtype=torch.float32), atol=0.03)
        assert torch.allclose(points.std(0), torch.full((2,), 0.2), atol=0.02)
    long = simulate.blobs(3000, generator=seeded(), classes=2, spread=0.2, stretch=3.0)
    widths = torch.linalg.eigvalsh(torch.cov(long.x[long.y == 0].T)).sqrt()
    assert torch.allclose(widths, torch.tensor([0.2, 0.6]), atol=0.04)


# ── bearings ──


def test_a_bearing_wears_until_it_fails_and_its_vibration_shows_it() -> None:
    made = simulate.bearings(40, generator=seeded())
    wear = made.extra["wear"]
    assert bool((made.y.diff(dim=1) == -1).all())
    assert bool((made.y[:, -1] == 0).all())
    assert bool((wear.diff(dim=1) >= 0).all())
    assert bool((wear[:, -1] == 1).all())
    kurtosis = made.x[:, 1]
    assert float(kurtosis[wear < 0.01].mean()) == pytest.approx(3, abs=0.1)
    assert float(kurtosis[:, -10:].mean()) > 5


def test_the_load_moves_the_level_of_vibration_and_not_its_kurtosis() -> None:
    made = simulate.bearings(40, generator=seeded(), height=(0.0, 0.0))
    rms, kurtosis, load = (made.x[:, k].flatten() for k in (0, 1, 3))
    assert float(torch.corrcoef(torch.stack([rms, load]))[0, 1]) > 0.9
    assert abs(float(torch.corrcoef(torch.stack([kurtosis, load]))[0, 1])) < 0.1


def test_films_that_are_drawn_for_some_users_at_a_time_are_those_of_all_at_once(monkeypatch):
    whole = simulate.ratings(50, films=30, per_user=(2, 9), generator=torch.Generator().manual_seed(0))
    monkeypatch.setattr(sys.modules["labkit.data.simulate.ratings"], "AT_ONCE", 100)
    parts = simulate.ratings(50, films=30, per_user=(2, 9), generator=torch.Generator().manual_seed(0))
    for name in ("user", "film", "stars", "day"):
        assert torch.equal(getattr(parts, name), getattr(whole, name))
