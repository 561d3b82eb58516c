"""Time series: every transform against an oracle, what follows it, what is refused; anomalies, distances, scores."""

import doctest
import importlib
import math

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from scipy import signal
from scipy.interpolate import CubicSpline
from scipy.spatial.transform import Rotation

from labkit.augment import Compose, OneOf, Sometimes, mixing, series

MODULES = ("splines", "values", "timing", "resampling", "anomalies", "distance", "scoring", "transforms")


def seeded(seed=0):
    return torch.Generator().manual_seed(seed)


def waves(b=5, c=3, t=64, *, dtype=torch.float64, seed=1):
    """Smooth random series."""
    g = seeded(seed)
    at = torch.arange(t, dtype=dtype)
    parts = [torch.randn(b, c, 1, generator=g, dtype=dtype) * torch.sin(0.1 * k * at + k) for k in range(1, 5)]
    return torch.stack(parts).sum(0)


@pytest.mark.parametrize("name", MODULES)
def test_the_examples_in_the_docstrings_run(name, unchecked):
    module = importlib.import_module(f"labkit.augment.series.{name}")
    assert doctest.testmod(module).failed == 0


# ── splines, values ───────────────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("knots", [2, 3, 4, 5, 6, 9])
@pytest.mark.parametrize("steps", [2, 17, 100])
def test_a_spline_is_scipys(knots, steps):
    values = torch.randn(4, knots, generator=seeded(), dtype=torch.float64)
    at = np.linspace(0, steps - 1, knots)
    expected = CubicSpline(at, values.numpy(), axis=1)(np.arange(steps))
    torch.testing.assert_close(series.spline(values, steps=steps), torch.from_numpy(expected))


def test_jitter_is_in_units_of_each_channel():
    x = torch.zeros(400, 2, 50)
    unit = torch.tensor([1.0, 30.0])
    y = series.jitter(x, sigma=torch.linspace(0.1, 0.2, 400), unit=unit, generator=seeded())
    sizes = y.std(dim=(0, 2))
    torch.testing.assert_close(sizes, 0.1528 * unit, rtol=0.03, atol=0)
    assert series.jitter(x, sigma=0.0).equal(x)


def test_channel_std_is_numpys_and_never_0():
    x = torch.cat([waves(), torch.full((5, 1, 64), 3.0, dtype=torch.float64)], 1)
    expected = x.transpose(0, 1).flatten(1).numpy().std(1, ddof=1)
    torch.testing.assert_close(series.channel_std(x)[:3], torch.from_numpy(expected[:3]))
    assert series.channel_std(x)[3] == 1


def test_factors_are_one_an_item_or_one_a_channel():
    x = waves()
    each = torch.rand(5, 3, generator=seeded(), dtype=torch.float64)
    torch.testing.assert_close(series.scale(x, factor=each), torch.einsum("bct,bc->bct", x, each))
    torch.testing.assert_close(series.scale(x, factor=each[:, 0]), torch.einsum("bct,b->bct", x, each[:, 0]))
    warped = series.magnitude_warp(x, factors=each[:, :1].expand(5, 4))
    torch.testing.assert_close(warped, series.scale(x, factor=each[:, 0]))


def test_a_rotation_is_scipys_and_keeps_lengths():
    x, turn = waves(4, 6), torch.randn(4, 3, generator=seeded(), dtype=torch.float64)
    y = series.rotate(x, matrix=series.rotation_matrix(turn))
    for i in range(4):
        for triple in (slice(0, 3), slice(3, 6)):
            expected = Rotation.from_rotvec(turn[i].numpy()).apply(x[i, triple].T.numpy()).T
            torch.testing.assert_close(y[i, triple], torch.from_numpy(expected))
    torch.testing.assert_close(y[:, :3].norm(dim=1), x[:, :3].norm(dim=1))


def test_lost_steps_hold_the_last_value_that_came():
    x = waves(3, 2, 12)
    lost = torch.rand(3, 12, generator=seeded()) < 0.5
    for fill in ("hold", "zero"):
        y = series.drop_steps(x, drop=lost, fill=fill)
        for i in range(3):
            last = torch.zeros(2, dtype=x.dtype)
            for t in range(12):
                if not lost[i, t]:
                    last = x[i, :, t]
                expected = last if fill == "hold" or not lost[i, t] else torch.zeros_like(last)
                assert torch.equal(y[i, :, t], expected)


def test_a_dropped_channel_is_silent_and_one_always_stays():
    x = torch.ones(300, 3, 4)
    y = series.DropChannels(0.9)(x, generator=seeded())
    alive = y.amax(2).sum(1)
    assert alive.min() == 1
    assert set(y.unique().tolist()) == {0.0, 1.0}


# ── time ──────────────────────────────────────────────────────────────────────────────────────────────────────────────


def test_interpolation_is_numpys():
    x = waves()
    at = torch.rand(5, 40, generator=seeded(), dtype=torch.float64) * 70 - 3
    y = series.interpolate(x, positions=at)
    for i in range(5):
        for c in range(3):
            np.testing.assert_allclose(y[i, c].numpy(), np.interp(at[i].numpy(), np.arange(64), x[i, c].numpy()))


@given(
    sigma=st.floats(0, 3), knots=st.integers(2, 9), steps=st.integers(2, 200), seed=st.integers(0, 99),
)  # fmt: skip
def test_a_warp_never_turns_back_and_keeps_both_ends(sigma, knots, steps, seed):
    speeds = sigma * torch.randn(3, knots, generator=seeded(seed), dtype=torch.float64)
    p = series.warp_positions(speeds, steps=steps)
    assert (p.diff(dim=1) >= 0).all()
    assert torch.equal(p[:, 0], torch.zeros(3, dtype=p.dtype))
    torch.testing.assert_close(p[:, -1], torch.full((3,), steps - 1.0, dtype=p.dtype))


def test_a_warp_is_the_trapezoid_rule_and_one_map_for_all_channels():
    speeds = 0.5 * torch.randn(5, 6, generator=seeded(), dtype=torch.float64)
    p = series.warp_positions(speeds, steps=64)
    v = np.exp(CubicSpline(np.linspace(0, 63, 6), speeds.numpy(), axis=1)(np.arange(64)))
    walked = np.concatenate([np.zeros((5, 1)), np.cumsum((v[:, 1:] + v[:, :-1]) / 2, 1)], 1)
    np.testing.assert_allclose(p.numpy(), 63 * walked / walked[:, -1:], atol=1e-9)
    alike = waves(c=1).expand(5, 4, 64)
    y = series.time_warp(alike, log_speed=speeds)
    assert torch.equal(y, y[:, :1].expand_as(y))
    assert torch.equal(y[..., 0], alike[..., 0])
    torch.testing.assert_close(y[..., -1], alike[..., -1])


def test_a_warped_series_is_near_by_dtw_and_far_by_l2():
    x = waves(20, 1, 80)
    y = series.TimeWarp(0.4)(x, generator=seeded())
    far = (x - y).flatten(1).norm(dim=1)
    near = series.dtw(x, y)
    assert (near < far).all()
    assert near.mean() < 0.35 * far.mean()


def test_gradients_go_through_time():
    x = waves(2, 2, 9).requires_grad_()
    speeds = 0.3 * torch.randn(2, 4, generator=seeded(), dtype=torch.float64)
    speeds.requires_grad_()
    assert torch.autograd.gradcheck(lambda x, v: series.time_warp(x, log_speed=v), (x, speeds))


def test_a_slice_of_its_own_length_is_a_crop_and_a_stretched_one_slows_down():
    x = waves()
    start = torch.tensor([0, 3, 20, 33, 34])
    y = series.window_slice(x, start=start, length=30, size=30)
    for i in range(5):
        torch.testing.assert_close(y[i], x[i, :, start[i] : start[i] + 30])
    tone = torch.sin(2 * math.pi * torch.arange(256.0) / 16).view(1, 1, 256)
    spectrum = torch.fft.rfft(series.window_slice(tone, start=10, length=128)[0, 0]).abs()
    assert int(spectrum.argmax()) == 8


def test_a_window_that_lasts_longer_takes_its_share():
    ramp = torch.arange(101.0, dtype=torch.float64).expand(2, 1, 101)
    y = series.window_warp(ramp, start=40, length=20, factor=torch.tensor([2.0, 0.5]))[:, 0]
    for i, factor in enumerate((2.0, 0.5)):
        total = 80 + 20 * factor
        old, new = [0, 40, 60, 100], np.array([0, 40, 40 + 20 * factor, total]) * 100 / total
        np.testing.assert_allclose(y[i].numpy(), np.interp(np.arange(101), new, old), atol=1e-9)


def test_rolls_and_permutations_are_torchs():
    x = waves(4, 2, 11)
    steps = torch.tensor([0, 3, -4, 11])
    y = series.roll(x, steps=steps)
    for i in range(4):
        assert torch.equal(y[i], x[i].roll(int(steps[i]), -1))
    order = torch.rand(4, 3, generator=seeded()).argsort(1)
    y = series.permute(x, order=order)
    edges = [0, 3, 7, 11]
    for i in range(4):
        pieces = [x[i, :, edges[k] : edges[k + 1]] for k in order[i].tolist()]
        assert torch.equal(y[i], torch.cat(pieces, -1))


# ── resampling ────────────────────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(("up", "down"), [(1, 2), (1, 3), (2, 3), (3, 2), (4, 1), (5, 7), (25, 32), (2, 4)])
@pytest.mark.parametrize(("ours", "theirs"), [("zero", "constant"), ("edge", "edge")])
@pytest.mark.parametrize("t", [64, 101])
def test_resampling_is_scipys(up, down, ours, theirs, t):
    x = 3 + waves(2, 2, t)
    expected = signal.resample_poly(x.numpy(), up, down, axis=2, padtype=theirs)
    torch.testing.assert_close(series.resample(x, up=up, down=down, padding=ours), torch.from_numpy(expected))


def test_a_constant_stays_a_constant_up_to_its_ends():
    y = series.resample(torch.full((1, 1, 40), 9.81, dtype=torch.float64), size=25)
    torch.testing.assert_close(y, torch.full((1, 1, 25), 9.81, dtype=torch.float64), rtol=2e-3, atol=0)
    assert series.resample(torch.full((1, 1, 40), 9.81), size=25, padding="zero")[0, 0, 0] < 8.5


def test_what_is_too_fast_vanishes_with_the_filter_and_comes_back_slower_without():
    tone = torch.sin(2 * math.pi * 20 * torch.arange(500.0) / 50).view(1, 1, 500)  # 20 Hz at 50 Hz
    filtered, plain = (series.resample(tone, size=250, antialias=a)[0, 0] for a in (True, False))
    assert filtered[20:-20].abs().max() < 0.01
    spectrum = torch.fft.rfft(plain).abs()
    assert float(spectrum.argmax()) / 250 * 25 == pytest.approx(5.0)


# ── what belongs to a series ──────────────────────────────────────────────────────────────────────────────────────────

TRANSFORMS = [
    series.Jitter(0.1), series.Jitter(0.1, unit=(1.0, 2.0, 3.0)), series.Scale(), series.Scale(0.2, per_channel=True),
    series.MagnitudeWarp(0.3), series.Rotate(90), series.DropSteps(0.2), series.DropSteps((0.1, 0.3), fill="zero"),
    series.DropChannels(0.3), series.TimeWarp(0.3), series.WindowSlice((0.5, 0.9)), series.WindowWarp(0.2),
    series.Roll(0.5), series.Permute(4), series.Resample(40), series.InjectAnomaly(),
]  # fmt: skip


@pytest.mark.parametrize("transform", TRANSFORMS, ids=repr)
class TestEvery:
    def test_one_draw_an_item_the_same_again_and_nothing_changed(self, transform, device):
        x = waves(1, dtype=torch.float32).expand(8, 3, 64).to(device)
        before = x.clone()
        a, b = (transform(x, generator=seeded(3)) for _ in range(2))
        assert torch.equal(a, b)
        assert torch.equal(x, before)
        assert (a.device, a.dtype, a.shape[:2]) == (x.device, x.dtype, x.shape[:2])
        if not isinstance(transform, series.Resample):
            assert len({tuple(row.flatten().tolist()) for row in a.cpu()}) > 3

    @pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
    def test_dtypes_odd_batches_and_strides(self, transform, dtype):
        for b, t in ((0, 20), (1, 21), (3, 20)):
            x = waves(b, 3, t, dtype=dtype)
            strided = x.transpose(1, 2).contiguous().transpose(1, 2)
            assert not strided.is_contiguous() or b == 0
            a, c = (transform(v, generator=seeded()) for v in (x, strided))
            torch.testing.assert_close(a, c)
            assert a.dtype == dtype

    def test_an_item_does_not_depend_on_its_neighbours(self, transform):
        x = waves(6)
        params = transform.make_params(x, generator=seeded())
        all_of_them = transform.apply(x, params)
        alone = transform.apply(x[2:3], {name: value[2:3] for name, value in params.items()})
        torch.testing.assert_close(alone, all_of_them[2:3])

    def test_masks_and_events_go_where_the_series_goes(self, transform):
        if isinstance(transform, series.InjectAnomaly):
            pytest.skip("it says where its anomaly is")
        t, event = 64, torch.tensor([[10.0], [30.0], [55.0]])
        mask = torch.zeros(3, t, dtype=torch.bool)
        mask.scatter_(1, torch.cat([event - 1, event, event + 1], 1).long(), True)
        bump = 5 * torch.exp(-((torch.arange(t) - event) ** 2) / 4)[:, None].expand(3, 3, t).clone()
        result = transform(bump, generator=seeded(4), mask=mask, times=event, y=torch.arange(3))
        assert torch.equal(result.y, torch.arange(3))
        assert result.mask.dtype == torch.bool
        assert result.mask.shape == (3, result.x.shape[2])
        for i in range(3):
            moved = float(result.times[i])
            if not 2 <= moved <= result.x.shape[2] - 3:
                continue
            assert result.mask[i, round(moved)]
            moves = isinstance(transform, series.TimeWarp | series.WindowSlice | series.WindowWarp | series.Roll)
            if moves or isinstance(transform, series.Permute | series.Resample):
                assert abs(int(result.x[i, 0].argmax()) - moved) <= 1
            else:
                assert moved == float(event[i])

    def test_what_is_no_batch_of_series_is_refused(self, transform, unchecked):
        for x, says in (
            (torch.zeros(3, 64), "series are a tensor"),
            (torch.zeros(2, 3, 64, dtype=torch.int64), "series are floats"),
            ([[1.0]], "series are a tensor"),
        ):
            with pytest.raises(ValueError, match=says):
                transform(x)
        with pytest.raises(ValueError, match="a mask is a tensor"):
            transform(torch.zeros(2, 3, 64), mask=torch.zeros(2, 63, dtype=torch.bool))
        with pytest.raises(ValueError, match="times are a float tensor"):
            transform(torch.zeros(2, 3, 64), times=torch.zeros(2, 1, dtype=torch.int64))


def test_a_whole_mask_of_many_kinds_moves_by_whole_numbers():
    mask = torch.arange(64).expand(2, 2, 64)
    x = torch.arange(64.0).expand(2, 3, 64).clone()
    result = series.Roll()(x, mask=mask, generator=seeded())
    assert torch.equal(result.mask[:, 0].float(), result.x[:, 0])
    result = series.TimeWarp(0.5)(x, mask=mask, generator=seeded())
    assert (result.mask[:, 1] - result.x[:, 0]).abs().max() <= 0.5 + 1e-4


def test_pipelines_know_series_and_mixup_takes_them():
    policy = Compose([series.TimeWarp(), Sometimes(series.Roll(), 0.5), OneOf([series.Jitter(), series.Scale()])])
    result = policy(waves(), mask=torch.zeros(5, 64, dtype=torch.bool), y=torch.arange(5), generator=seeded())
    assert result.x.shape == (5, 3, 64)
    with pytest.raises(ValueError, match="change their size"):
        Sometimes(series.Resample(32))
    mixed = mixing.Mixup(classes=5)(waves(), y=torch.arange(5), generator=seeded())
    assert mixed.x.shape == (5, 3, 64)
    torch.testing.assert_close(mixed.y.sum(1), torch.ones(5, dtype=mixed.y.dtype))


# ── anomalies ─────────────────────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("kind", series.KINDS)
class TestInject:
    def test_nothing_changes_outside_of_the_mask_and_something_within(self, kind):
        x = waves(6)
        glitch = series.inject(x, kind, start=torch.tensor([0, 5, 20, 30, 50, 60]), length=9, generator=seeded())
        inside = glitch.mask[:, None].expand_as(x)
        assert torch.equal(glitch.x[~inside], x[~inside])
        assert ((glitch.x != x) & inside).flatten(1).any(1).all()
        assert [series.KINDS[k] for k in glitch.kind] == [kind] * 6
        expected = {"spike": [1] * 6, "missing": [64, 59, 44, 34, 14, 4]}.get(kind, [9, 9, 9, 9, 9, 4])
        assert glitch.mask.sum(1).tolist() == expected

    def test_only_the_channels_that_are_named_are_hit(self, kind):
        x, hit = waves(4), torch.tensor([[True, False, False]] * 4)
        glitch = series.inject(x, kind, start=20, length=10, channels=hit, generator=seeded())
        assert torch.equal(glitch.x[:, 1:], x[:, 1:])
        assert not torch.equal(glitch.x[:, 0], x[:, 0])

    def test_kinds_side_by_side_are_the_kinds_alone(self, kind):
        x, noise = waves(len(series.KINDS)), waves(len(series.KINDS), seed=5)
        together = series.inject(x, series.KINDS, start=20, length=10, noise=noise)
        i = series.KINDS.index(kind)
        alone = series.inject(x[i : i + 1], kind, start=20, length=10, noise=noise[i : i + 1])
        assert torch.equal(together.x[i], alone.x[0])


def test_anomalies_are_what_they_are_called():
    x, noise = waves(1, 1), torch.randn(1, 1, 64, generator=seeded(), dtype=torch.float64)
    window = slice(20, 30)
    near = x[0, 0, 20 - 16 : 30 + 16]
    size = 4 * near.std(correction=0)

    def moved(kind, **knobs):
        return (series.inject(x, kind, start=20, length=10, strength=4.0, noise=noise, **knobs).x - x)[0, 0, window]

    torch.testing.assert_close(moved("level"), size.expand(10))
    torch.testing.assert_close(moved("trend"), size * torch.linspace(0, 1, 10, dtype=torch.float64))
    torch.testing.assert_close(moved("noise"), size * noise[0, 0, window])
    torch.testing.assert_close(moved("stuck"), x[0, 0, 20] - x[0, 0, window])
    torch.testing.assert_close(moved("gap"), -x[0, 0, window])
    torch.testing.assert_close(moved("frequency"), x[0, 0, 20:40:2] - x[0, 0, window])
    assert moved("drift", speed=1.0).abs().max() < 1e-12
    assert moved("drift")[0].abs() < 1e-12


def test_strength_is_in_units_of_what_the_series_does_there():
    quiet, loud = 0.01 * waves(1, 1), 100 * waves(1, 1)
    for x in (quiet, loud):
        jump = series.inject(x, "spike", start=30, length=1, strength=3.0).x - x
        near = x[0, 0, 30 - 16 : 30 + 17]
        torch.testing.assert_close(jump.sum(), 3 * near.std(correction=0))


def test_injected_masks_are_added_to_those_that_are_there():
    x, old = waves(30), torch.zeros(30, 64, dtype=torch.bool)
    old[:, 0] = True
    result = series.InjectAnomaly()(x, mask=old, generator=seeded())
    assert result.mask[:, 0].all()
    changed = (result.x != x).any(1)
    assert (changed <= result.mask).all()
    assert changed.any(1).all()
    assert ((result.x != x).any(2).sum(1) == 1).all()


# ── distances ─────────────────────────────────────────────────────────────────────────────────────────────────────────


def slow_dtw(a, b):
    """The definition, a cell at a time."""
    table = np.full((a.shape[1] + 1, b.shape[1] + 1), np.inf)
    table[0, 0] = 0
    for i in range(a.shape[1]):
        for j in range(b.shape[1]):
            cost = float(((a[:, i] - b[:, j]) ** 2).sum())
            table[i + 1, j + 1] = cost + min(table[i, j + 1], table[i + 1, j], table[i, j])
    return math.sqrt(table[-1, -1])


@pytest.mark.parametrize("sizes", [(7, 7), (5, 12), (12, 5), (1, 4), (1, 1)])
def test_dtw_is_its_definition(sizes):
    a, b = waves(3, 2, sizes[0]), waves(3, 2, sizes[1], seed=2)
    expected = [slow_dtw(a[i].numpy(), b[i].numpy()) for i in range(3)]
    np.testing.assert_allclose(series.dtw(a, b).numpy(), expected)


def test_the_nearest_window_is_found_by_looking_at_all():
    x = waves(1, 1, 60)[0, 0] + 1e6  # far from 0
    x[30:40] = x[30]  # a row that never changes
    length, n = 10, 51
    rows = np.stack([x[i : i + length].numpy() for i in range(n)])
    std = rows.std(1, keepdims=True)
    rows = np.where(std > 1e-6 * 1e6, (rows - rows.mean(1, keepdims=True)) / np.where(std > 0, std, 1), 0)
    distance = np.linalg.norm(rows[:, None] - rows[None], axis=2)
    np.testing.assert_allclose(series.nearest_window(x, x[:40], length=length), distance[:, :31].min(1), atol=1e-5)
    near = np.abs(np.arange(n)[:, None] - np.arange(n)) <= 3
    profile = series.nearest_window(x, length=length).numpy()
    np.testing.assert_allclose(profile, np.where(near, np.inf, distance).min(1), atol=1e-5)


def test_discord_scores_are_the_farthest_channels_nearest_windows():
    x, normal = waves(2, 3, 30), waves(4, 3, 25, seed=3)
    scores = series.discord_scores(x, normal, length=8, stride=2)
    for i in range(2):
        by_channel = []
        for c in range(3):
            far = [series.nearest_window(x[i, c], normal[k, c], length=8) for k in range(4)]
            apart = [series.nearest_window(x[i, c], normal[k, c, s : s + 8], length=8) for k in range(4)
                     for s in range(0, 18, 2)]  # fmt: skip
            by_channel.append(torch.stack(apart).amin(0))
            assert (by_channel[-1] >= torch.stack(far).amin(0) - 1e-9).all()
        worst = torch.stack(by_channel).amax(0)
        for t in range(30):
            around = [worst[min(max(s, 0), 22)] for s in range(t - 7, t + 1)]
            assert float(scores[i, t]) == pytest.approx(float(sum(around) / 8))


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore")
def test_the_peers_agree():
    """Numba compiles at their first import: minutes on a machine that is busy."""
    stumpy, metrics = pytest.importorskip("stumpy"), pytest.importorskip("tslearn.metrics")
    a, b = waves(3, 2, 30), waves(3, 2, 40, seed=2)
    expected = [metrics.dtw(a[i].T.numpy(), b[i].T.numpy()) for i in range(3)]
    np.testing.assert_allclose(series.dtw(a, b).numpy(), expected)
    x = waves(1, 1, 200)[0, 0] + 0.1 * torch.randn(200, generator=seeded(), dtype=torch.float64)
    profile = stumpy.stump(x.numpy(), 16)[:, 0].astype(float)
    np.testing.assert_allclose(series.nearest_window(x, length=16).numpy(), profile, atol=1e-5)


# ── scores ────────────────────────────────────────────────────────────────────────────────────────────────────────────


def runs(mask):
    """(begin, end) of each run of a row."""
    padded = np.diff(np.concatenate([[0], mask.astype(int), [0]]))
    return list(zip(np.flatnonzero(padded == 1), np.flatnonzero(padded == -1)))


@pytest.mark.parametrize("seed", range(12))
def test_scores_are_those_of_a_slow_count(seed):
    g = seeded(seed)
    truth, predicted = (torch.rand(4, 30, generator=g).cumsum(1).fmod(3) < 1 for _ in range(2))
    if seed == 0:
        predicted = torch.zeros_like(truth)
    p, t = predicted.numpy(), truth.numpy()
    found = series.detection(predicted, truth)
    hits = (p & t).sum()
    assert found.precision == pytest.approx(hits / max(p.sum(), 1))
    assert found.recall == pytest.approx(hits / t.sum())
    adjusted, parts, rights = p.copy(), [], []
    for i in range(4):
        for begin, end in runs(t[i]):
            share = p[i, begin:end].mean()
            parts.append((share > 0) / 2 + share / 2)
            if share > 0:
                adjusted[i, begin:end] = True
        rights += [t[i, begin:end].mean() for begin, end in runs(p[i])]
    assert np.array_equal(series.point_adjust(predicted, truth).numpy(), adjusted)
    by_range = series.range_detection(predicted, truth)
    assert by_range.recall == pytest.approx(np.mean(parts))
    assert by_range.precision == pytest.approx(np.mean(rights) if rights else 0)


def test_point_adjustment_flatters_a_random_score():
    truth = torch.zeros(50, 200, dtype=torch.bool)
    truth[:, 80:120] = True
    for seed in range(10):
        said = torch.rand(50, 200, generator=seeded(seed)) < 0.05
        assert series.detection(said, truth).f1 < 0.12
        assert series.detection(series.point_adjust(said, truth), truth).f1 > 0.7


def test_the_peak_counts_within_its_tolerance():
    truth = torch.zeros(4, 20, dtype=torch.bool)
    truth[:, 8:10] = True
    score = torch.nn.functional.one_hot(torch.tensor([8, 9, 11, 12]), 20).float()
    assert series.peak_inside(score, truth).tolist() == [True, True, False, False]
    assert series.peak_inside(score, truth, tolerance=2).tolist() == [True, True, True, False]


def test_too_late_costs_more_than_too_early():
    true = torch.full((2,), 50.0, dtype=torch.float64)
    early, late = (series.remaining_life_score(true + d, true) for d in (-20.0, 20.0))
    assert float(early) == pytest.approx(math.exp(20 / 13) - 1)
    assert float(late) == pytest.approx(math.exp(2) - 1)
    assert series.remaining_life_score(true, true) == 0


# ── what is refused ───────────────────────────────────────────────────────────────────────────────────────────────────

X = torch.zeros(2, 3, 10)
REFUSED = [
    (lambda: series.jitter(X, sigma=-1.0), "sigma is -1"),
    (lambda: series.jitter(X, sigma=1.0, unit=torch.ones(2)), "unit is a tensor (3,)"),
    (lambda: series.jitter(X, sigma=1.0, noise=torch.ones(1, 3, 10)), "noise is a tensor (2, 3, 10)"),
    (lambda: series.scale(X, factor=torch.ones(3)), "factor is one number or one for each of the 2"),
    (lambda: series.scale(X, factor=float("nan")), "factor is nan"),
    (lambda: series.magnitude_warp(X, factors=torch.ones(3, 4)), "factors are (B, K) with B = 2"),
    (lambda: series.rotate(X[:, :2], matrix=torch.eye(3).expand(2, 3, 3)), "these series have 2 channels"),
    (lambda: series.rotate(X, matrix=torch.eye(3)), "matrix is a tensor (2, 3, 3)"),
    (lambda: series.drop_steps(X, drop=torch.zeros(2, 10)), "drop is True where something is lost"),
    (lambda: series.drop_steps(X, drop=X[:, 0] > 0, fill="mean"), "fill is 'mean'"),
    (lambda: series.interpolate(X, positions=torch.zeros(3, 4)), "positions are (B, S) with B = 2"),
    (lambda: series.time_warp(X, log_speed=torch.zeros(2, 3, 4)), "one map an item"),
    (lambda: series.time_warp(X, log_speed=torch.full((2, 4), math.inf)), "log_speed is inf"),
    (lambda: series.time_warp(X[..., :1], log_speed=torch.zeros(2, 4)), "expected at least 2"),
    (lambda: series.window_slice(X, start=5, length=6), "a window ends at step 11"),
    (lambda: series.window_slice(X, start=0, length=5, size=0), "size is 0"),
    (lambda: series.window_warp(X, start=0, length=5, factor=0.0), "factor is 0"),
    (lambda: series.roll(X, steps=torch.ones(2)), "steps is a whole number"),
    (lambda: series.roll(X, steps=11), "steps is 11"),
    (lambda: series.permute(X, order=torch.tensor([[0, 0], [0, 1]])), "holds 0 to 1 once"),
    (lambda: series.resample(X), "give either size, or up and down"),
    (lambda: series.resample(X, size=5, up=1, down=2), "give either size, or up and down"),
    (lambda: series.resample(X, size=0), "whole numbers of at least 1"),
    (lambda: series.inject(X, "glitch", start=0, length=1), "kind is 'glitch'"),
    (lambda: series.inject(X, ["spike"], start=0, length=1), "1 kinds for 2 series"),
    (lambda: series.inject(X, "spike", start=10, length=1), "start is 10"),
    (lambda: series.inject(X, "drift", start=0, length=5, speed=3.0), "speed is 3"),
    (lambda: series.inject(X, "level", start=0, length=0), "length is 0"),
    (lambda: series.dtw(X, X[:1]), "compared in pairs"),
    (lambda: series.windows(X, length=11), "windows of 11 steps"),
    (lambda: series.discord_scores(X, X[:, :2], length=4), "the reference 2"),
    (lambda: series.nearest_window(X, length=4), "windows of 4 steps in series of shapes"),
    (lambda: series.detection(X[:, 0], X[:, 0]), "masks are bool"),
    (lambda: series.remaining_life_score(torch.zeros(0), torch.zeros(0)), "expected as many, not none"),
    (lambda: series.spline(torch.zeros(2, 1), steps=5), "at least two values"),
    (lambda: series.TimeWarp(-1.0), "sigma is -1.0"),
    (lambda: series.TimeWarp(knots=1), "knots is 1"),
    (lambda: series.InjectAnomaly(kinds=("dent",)), "kinds is 'dent'"),
    (lambda: series.Permute(0), "segments is 0"),
    (lambda: series.WindowWarp(factors=(0.0,)), "factors are (0.0,)"),
]


@pytest.mark.parametrize(("call", "says"), REFUSED, ids=[says for _, says in REFUSED])
def test_bad_input_gets_one_sentence(call, says, unchecked):
    with pytest.raises(ValueError) as raised:
        call()
    assert says in str(raised.value)
    assert "\n" not in str(raised.value)
