"""Video: every map of time against a slow loop, one draw a clip against the frames one by one, what is refused."""

import doctest
import importlib
import math

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from labkit.augment import Compose, OneOf, Sometimes, audio, image, mixing, video
from labkit.data import simulate

MODULES = ("frames", "labels", "mixing", "flicker", "clips", "sound", "transforms")


def seeded(seed=0):
    return torch.Generator().manual_seed(seed)


def some(b=3, t=5, c=2, h=6, w=7, *, dtype=torch.float32, seed=1):
    return torch.rand(b, t, c, h, w, generator=seeded(seed), dtype=dtype)


@pytest.mark.parametrize("name", MODULES)
def test_the_examples_in_the_docstrings_run(name, unchecked):
    module = importlib.import_module(f"labkit.augment.video.{name}")
    assert doctest.testmod(module).failed == 0


# ── maps of time ──────────────────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64, torch.float16])
def test_resampling_is_the_loop_and_follows_its_input(dtype, device):
    x = some(dtype=torch.float64).to(dtype).to(device)
    index = torch.randint(5, (3, 8), generator=seeded()).to(device)
    expected = torch.stack([torch.stack([x[b, i] for i in index[b].tolist()]) for b in range(3)])
    got = video.resample(x, index=index)
    assert torch.equal(got, expected)
    assert got.dtype == dtype
    assert torch.equal(video.resample(x.transpose(3, 4), index=index), expected.transpose(3, 4))


def test_an_empty_batch_and_a_clip_of_one_frame():
    assert video.resample(some(0), index=torch.zeros(0, 4, dtype=torch.long)).shape == (0, 4, 2, 6, 7)
    one = some(2, 1)
    g = seeded()
    for t in (video.DropFrames(0.9), video.RepeatFrames(), video.Speed(), video.Reverse(1.0), video.TimeJitter(3)):
        assert torch.equal(t(one, generator=g), one)
    for t in (
        video.DropFrames(),
        video.Speed(),
        video.per_clip(image.Rotate(5)),
        video.per_clip(image.GaussianNoise()),
    ):
        assert t(some(0), generator=g).shape == (0, 5, 2, 6, 7)


def test_a_blend_is_the_loop_and_gives_gradients():
    x = some(2, 4, dtype=torch.float64).requires_grad_()
    p = torch.tensor([[0.0, 0.25, 2.5, 3.0], [1.0, 9.0, -1.0, 1.75]], dtype=torch.float64)
    y = video.blend(x, positions=p)
    for b in range(2):
        for s in range(4):
            at = min(max(float(p[b, s]), 0), 3)
            i = min(int(at), 2)
            torch.testing.assert_close(y[b, s], (1 - (at - i)) * x[b, i] + (at - i) * x[b, i + 1])
    assert torch.autograd.gradcheck(lambda v: video.blend(v, positions=p), (x[:, :, :1, :2, :2],))


keeps = st.lists(st.booleans(), min_size=1, max_size=9).filter(any)


@given(keeps)
def test_dropped_frames_are_held_or_moved_together(keep):
    t = len(keep)
    last, held = next(i for i, k in enumerate(keep) if k), []
    for i in range(t):
        last = i if keep[i] else last
        held.append(last)
    kept = [i for i in range(t) if keep[i]]
    table = torch.tensor([keep])
    assert video.drop_index(table).tolist() == [held]
    assert video.drop_index(table, fill="end").tolist() == [kept + [kept[-1]] * (t - len(kept))]


@given(st.lists(st.integers(0, 3), min_size=1, max_size=8).filter(any))
def test_repeated_frames_push_the_others_out(counts):
    shown = [i for i, n in enumerate(counts) for _ in range(n)]
    expected = (shown + [shown[-1]] * len(counts))[: len(counts)]
    assert video.repeat_index(torch.tensor([counts])).tolist() == [expected]


@given(st.floats(0.1, 4), st.integers(1, 12))
def test_speed_is_the_loop(rate, t):
    r = torch.tensor([rate], dtype=torch.float64)
    assert video.speed_index(r, frames=t).tolist() == [[min(math.floor(rate * i), t - 1) for i in range(t)]]


def test_speed_of_one_and_no_jitter_change_nothing():
    x = some()
    assert torch.equal(video.resample(x, index=video.speed_index(torch.ones(3), frames=5)), x)
    assert torch.equal(video.blend(x, positions=video.speed_positions(torch.ones(3), frames=5)), x)
    assert torch.equal(video.TimeJitter(0)(x), x)
    assert torch.equal(video.Reverse(0.0)(x), x)


@given(st.lists(st.integers(-4, 4), min_size=1, max_size=9))
def test_jitter_never_turns_back(offsets):
    index = video.jitter_index(torch.tensor([offsets]))[0].tolist()
    wanted = [min(max(t + o, 0), len(offsets) - 1) for t, o in enumerate(offsets)]
    assert index == [max(wanted[: t + 1]) for t in range(len(offsets))]


def test_crops_lie_within_the_clip_and_start_anywhere():
    x = torch.arange(10.0).view(1, 10, 1, 1, 1).expand(400, 10, 1, 1, 1)
    y = video.TemporalCrop(3, stride=2)(x, generator=seeded()).flatten(1)
    assert torch.equal(y.diff(dim=1), torch.full((400, 2), 2.0))
    assert sorted(y[:, 0].unique().tolist()) == [0, 1, 2, 3, 4, 5]


def test_each_clip_has_its_own_map():
    x = torch.arange(12.0).view(1, 12, 1, 1, 1).expand(8, 12, 1, 1, 1)
    for t in (video.DropFrames(), video.RepeatFrames(), video.Speed(), video.TimeJitter(2), video.ShuffleFrames()):
        assert len(t(x, generator=seeded()).flatten(1).unique(dim=0)) > 4


def test_half_of_the_frames_are_lost_and_one_always_stays():
    x = torch.arange(200.0).view(1, 200, 1, 1, 1).expand(50, 200, 1, 1, 1)
    y = video.DropFrames((0.5, 0.5))(x, generator=seeded()).flatten(1)
    shares = torch.tensor([row.unique().numel() / 200 for row in y])
    assert 0.47 < shares.mean() < 0.53
    assert len(video.DropFrames((1.0, 1.0))(x, generator=seeded()).flatten(1).unique(dim=1)) == 50


# ── what follows ──────────────────────────────────────────────────────────────────────────────────────────────────────


def test_masks_boxes_points_and_times_follow_the_frames():
    x = torch.arange(9.0).view(1, 9, 1, 1, 1).expand(4, 9, 1, 1, 1).contiguous()
    number = torch.arange(9.0).view(1, 9, 1, 1).expand(4, 9, 1, 1)
    for t in (video.DropFrames(), video.Speed(), video.Reverse(0.5), video.TemporalCrop(4, 2), video.ShuffleFrames()):
        times = torch.tensor([[0.0, 3.0, 8.0]]).expand(4, 3)
        r = t(x, mask=number, boxes=number.expand(4, 9, 1, 4), keypoints=number.expand(4, 9, 1, 2), times=times,
              generator=seeded(3))  # fmt: skip
        shown = r.x[:, :, 0, 0, 0]
        assert torch.equal(r.mask[:, :, 0, 0], shown)
        assert torch.equal(r.boxes[:, :, 0, 3], shown)
        assert torch.equal(r.keypoints[:, :, 0, 1], shown)
        for b in range(4):
            for n in range(3):
                at = float(r.times[b, n])
                if math.isnan(at):
                    assert not shown[b].amin() <= times[b, n] <= shown[b].amax()
                else:
                    assert abs(shown[b, int(at)] - times[b, n]) == (shown[b] - times[b, n]).abs().min()


def test_motions_are_relabelled_as_they_look():
    """A clip's opposite motion, by the centres of what moves: the simulator's own path is the oracle."""
    clips = simulate.moving(
        64, generator=seeded(2), frames=6, size=24, motions=("left", "right", "up", "down"), noise=0
    )
    grid = torch.arange(24.0)

    def direction(x):
        light = (x - x.amin((3, 4), keepdim=True)).squeeze(2)
        total = light.sum((2, 3))
        way = torch.stack([(light.sum(2) * grid).sum(2), (light.sum(3) * grid).sum(2)], -1) / total[..., None]
        dx, dy = (way[:, -1] - way[:, 0]).unbind(1)
        return torch.where(dx.abs() > dy.abs(), (dx > 0).long(), 2 + (dy > 0).long())

    assert torch.equal(direction(clips.x), clips.y)
    for t, pairs in ((video.Reverse, video.REVERSED), (video.Mirror, video.MIRRORED)):
        r = t(0.5, becomes=video.exchanged(clips.classes, pairs))(clips.x, y=clips.y, generator=seeded(4))
        assert torch.equal(direction(r.x), r.y)
        assert not torch.equal(r.y, clips.y)
        soft = mixing.one_hot(clips.y, classes=4)
        again = t(0.5, becomes=video.exchanged(clips.classes, pairs))(clips.x, y=soft, generator=seeded(4))
        assert torch.equal(again.y.argmax(1), r.y)
    upside = video.per_clip(image.VerticalFlip(1.0), upside_down=(0, 1, 3, 2))(clips.x, y=clips.y)
    assert torch.equal(direction(upside.x), upside.y)


def test_labels_are_refused_where_nobody_said_what_they_become(unchecked):
    x, y = some(), torch.tensor([0, 1, 0])
    for t in (video.Reverse(), video.Mirror(), video.per_clip(image.HorizontalFlip())):
        with pytest.raises(ValueError, match="may change labels"):
            t(x, y=y)
    assert torch.equal(video.Reverse(1.0, becomes=())(x, y=y).y, y)
    with pytest.raises(ValueError, match="none of the classes"):
        video.exchanged(("left", "up"), video.MIRRORED)
    with pytest.raises(ValueError, match="change places in pairs"):
        video.Reverse(1.0, becomes=(1, 2, 0))(x, y=y)


def test_a_speed_grows_with_the_rate_and_other_labels_stay():
    x, y = some(), torch.tensor([1.0, 2.0, 3.0])
    assert torch.equal(video.Speed((2, 2), scales_y=True)(x, y=y).y, 2 * y)
    assert torch.equal(video.Speed((2, 2))(x, y=y).y, y)


# ── one draw a clip ───────────────────────────────────────────────────────────────────────────────────────────────────

TRANSFORMS = {
    "rotate": image.Rotate(30),
    "affine with a colour": image.Affine(20, value=(0.2, 0.4, 0.6)),
    "elastic": image.Elastic(),
    "crop": image.RandomCrop((5, 4), padding=1),
    "resized crop": image.RandomResizedCrop((6, 6)),
    "contrast": image.Contrast(0.5),
    "colour": image.ColorJitter(),
    "blur": image.GaussianBlur(),
    "erasing": image.RandomErasing(1.0),
    "posterize": image.Posterize(),
}


@pytest.mark.parametrize("name", TRANSFORMS)
def test_all_frames_of_a_clip_get_its_draw(name, device):
    """The slow loop: the image transform with the clip's parameters on each frame."""
    t, x = TRANSFORMS[name], some(4, 3, 3, 8, 8).to(device)
    lifted = video.per_clip(t)
    params = lifted.make_params(x, generator=seeded())
    y = lifted.apply(x, params)
    for k in range(3):
        torch.testing.assert_close(y[:, k], t.apply(x[:, k], params), atol=1e-5, rtol=1e-5)
    still = x[:1, :1].expand(4, 3, -1, -1, -1)
    y = lifted(still, generator=seeded())
    torch.testing.assert_close(y[:, 0], y[:, 2])
    assert len(y[:, 0].flatten(1).unique(dim=0)) > 1, "clips have draws of their own"


@pytest.mark.parametrize("name", ["GaussianNoise", "Speckle", "CauchyNoise", "PoissonNoise", "SaltAndPepper"])
def test_noise_is_new_in_each_frame_and_its_strength_is_the_clips(name):
    x = torch.full((6, 40, 1, 30, 30), 0.5)
    t = getattr(image, name)()
    y = video.per_clip(t)(x, generator=seeded())
    assert (y[:, 0] != y[:, 1]).flatten(1).any(1).all()
    if name != "CauchyNoise":
        size = (y - x).flatten(2).std(2)
        assert size.std(1).max() < 0.5 * size.mean(1).std()
    frozen = video.per_clip(t, frozen=True)(x, generator=seeded())
    assert torch.equal(frozen[:, 0], frozen[:, 9]) == (name != "PoissonNoise")


def test_pipelines_are_lifted_part_by_part():
    x = some(32, 3, 1, 8, 8)[:, :1].expand(-1, 3, -1, -1, -1)
    parts = [image.HorizontalFlip(), Sometimes(image.Rotate(30), 0.5), OneOf([image.Invert(), image.Contrast(0.5)])]
    y = video.per_clip(Compose(parts))(x, generator=seeded())
    torch.testing.assert_close(y[:, 0], y[:, 2])
    lifted = video.per_clip(Compose(parts), becomes=(1, 0))
    assert lifted(x, y=torch.zeros(32, dtype=torch.long), generator=seeded()).y.unique().tolist() == [0, 1]
    assert video.per_clip(lifted) == lifted


def test_what_belongs_to_frames_moves_with_them():
    x = torch.zeros(2, 3, 1, 9, 9)
    x[:, :, :, 2, 1] = 1
    mask = x[:, :, 0] > 0.5
    points = torch.tensor([1.0, 2.0]).expand(2, 3, 1, 2)
    boxes = torch.tensor([1.0, 2.0, 2.0, 3.0]).expand(2, 3, 1, 4)
    r = video.Mirror(1.0)(x, mask=mask, keypoints=points, boxes=boxes)
    assert r.x[0, 0, 0, 2, 7] == 1
    assert torch.equal(r.mask, r.x[:, :, 0] > 0.5)
    assert r.keypoints[1, 2, 0].tolist() == [7, 2]
    assert r.boxes[1, 2, 0].tolist() == [7, 2, 8, 3]
    turned = video.per_clip(image.Translate((3, 3), (1, 1)))(x, mask=mask, keypoints=points)
    assert torch.equal(turned.mask, turned.x[:, :, 0] > 0.5)
    assert turned.keypoints[0, 0, 0].tolist() == [4, 3]


def test_torchvision_does_the_same_with_the_same_draw():
    from torchvision import tv_tensors
    from torchvision.transforms import v2

    x = some(2, 4, 3, 9, 9)
    for b, angle in enumerate((25.0, -10.0)):
        theirs = v2.functional.rotate(tv_tensors.Video(x[b]), angle, interpolation=v2.InterpolationMode.BILINEAR)
        ours = video.per_clip(image.Rotate((angle, angle)))(x[b : b + 1])[0]
        torch.testing.assert_close(
            ours[..., 2:7, 2:7], theirs.as_subclass(torch.Tensor)[..., 2:7, 2:7], atol=1e-4, rtol=0
        )
        flipped = v2.functional.horizontal_flip(tv_tensors.Video(x[b]))
        assert torch.equal(video.Mirror(1.0)(x[b : b + 1])[0], flipped.as_subclass(torch.Tensor))


@pytest.mark.slow
def test_kornia_does_the_same_with_the_same_draw():
    import kornia.augmentation as K

    x = some(3, 4, 3, 9, 9)
    turn = K.VideoSequential(K.RandomAffine((-40.0, 40.0), p=1.0), data_format="BTCHW", same_on_frame=True)
    theirs = turn(x)
    angles = -turn._params[0].data["angle"][::4]  # kornia turns clockwise
    ours = torch.cat([video.per_clip(image.Rotate((a, a)))(x[b : b + 1]) for b, a in enumerate(angles.tolist())])
    torch.testing.assert_close(ours[..., 2:7, 2:7], theirs[..., 2:7, 2:7], atol=1e-4, rtol=0)


# ── mixing, flicker ───────────────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("kind", ["spatial", "temporal", "cube"])
def test_labels_are_mixed_by_what_is_seen(kind):
    x = torch.eye(8).view(8, 1, 8, 1, 1).expand(8, 6, 8, 10, 9)  # channel k is 1 in clip k alone
    r = video.VideoMix(classes=8, kind=kind)(x, y=torch.arange(8), generator=seeded())
    torch.testing.assert_close(r.y, r.x.mean((1, 3, 4)))
    changed = r.x != x
    if kind == "spatial":
        assert torch.equal(changed.any(1), changed.all(1))
    if kind == "temporal":
        assert torch.equal(changed.any((3, 4)), changed.all((3, 4)))
    assert torch.equal(video.VideoMix(classes=8, kind=kind, p=0.0)(x, generator=seeded()), x)


def test_the_volume_is_lambda_on_average():
    x = torch.zeros(4000, 8, 1, 12, 12)
    t = video.VideoMix(kind="cube")
    params = t.make_params(x, generator=seeded())
    kept = video.volume_kept(params["blocks"], size=(8, 12, 12))
    assert 0.5 < kept.mean() < 0.85  # blocks are cut off at the edges
    assert kept.min() >= 0
    assert kept.max() <= 1


def test_flicker_is_what_changes_where_nothing_moved():
    x = torch.zeros(2, 4, 3, 6, 6)
    x[:, 2:, :, :3] = 1  # the upper half changes once
    y = x + torch.tensor([0.0, 0.1, -0.1, 0.1]).view(1, 4, 1, 1, 1)
    steps = [0.1**2] * 36 + [0.2**2] * 18 + [0.2**2] * 36
    assert video.flicker(y, x).item() == pytest.approx((sum(steps) / len(steps)) ** 0.5, rel=1e-5)
    assert video.flicker(x, x) == 0
    y = y.double().requires_grad_()
    mask = video.static_mask(x, threshold=0.05)
    assert torch.autograd.gradcheck(lambda v: video.temporal_loss(v, mask=mask), (y,))


# ── sound ─────────────────────────────────────────────────────────────────────────────────────────────────────────────


def test_pieces_of_sound_are_the_loop_over_frames_and_channels():
    sound = torch.randn(3, 2, 20, generator=seeded())
    index = torch.randint(5, (3, 7), generator=seeded(1))
    expected = torch.stack(
        [torch.cat([sound[b, :, 4 * i : 4 * i + 4] for i in index[b].tolist()], 1) for b in range(3)]
    )
    assert torch.equal(video.sound_pieces(sound, index=index, frames=5), expected)
    assert torch.equal(video.sound_pieces(sound[:, 0], index=index, frames=5), expected[:, 0])
    odd = torch.randn(2, 23, generator=seeded())
    assert torch.equal(video.sound_pieces(odd, index=torch.arange(5).expand(2, -1), frames=5), odd)


def flash_and_click(b=40, t=12, per_frame=50):
    """Clips with one bright frame each, and sounds with a click in the middle of that frame."""
    at = torch.randint(t, (b,), generator=seeded())
    x = torch.zeros(b, t, 1, 1, 1)
    x[torch.arange(b), at] = 1
    sound = torch.zeros(b, t * per_frame)
    sound[torch.arange(b), at * per_frame + per_frame // 2] = 1
    return x, sound


@pytest.mark.parametrize(
    ("transform", "late"),
    [
        (video.DropFrames(0.5, fill="end"), 0),
        (video.RepeatFrames(0.5), 0),
        (video.Reverse(0.5), 0),
        (video.ShuffleFrames(), 0),
        (video.TemporalCrop(6), 0),
        (video.TemporalCrop(4, 3), 1),
        (video.Speed((0.5, 2.0)), 1),
        (video.TimeJitter(1), 1),
        (Sometimes(video.Reverse(1.0), 0.5), 0),
    ],
)
def test_a_click_is_heard_in_the_frame_that_flashes(transform, late):
    x, sound = flash_and_click()
    result = transform(x, sound=sound, generator=seeded())
    assert result.sound.shape[1] == 50 * result.x.shape[1]
    seen = result.x.flatten(1)
    heard = result.sound.unflatten(1, (-1, 50)).abs().amax(2)
    moment = torch.where(heard.amax(1) > 0.2, heard.argmax(1), -9)
    both = (seen.amax(1) > 0) & (moment >= 0)
    assert both.sum() >= 10
    for flashes, m in zip(seen[both], moment[both].tolist()):
        assert (flashes.nonzero()[:, 0] - m).abs().min() <= late
    if late == 0:
        assert torch.equal(seen.amax(1) > 0, moment >= 0)


def test_a_faster_clip_sounds_higher_and_is_silent_where_it_stands_still():
    tone = torch.sin(2 * torch.pi * 440 * torch.arange(8000) / 8000).expand(3, -1)
    rate = torch.tensor([2.0, 1.0, 0.5])
    params = {"rate": rate, "start": torch.tensor([0.0, 0.0, 4.0])}
    y = video.Speed().replay(some(3, 10), params, sound=tone).sound
    peaks = audio.spectrogram(y[:, :3500], n_fft=800, hop=800).mean(2).argmax(1) * 10
    assert (peaks - 440 * rate).abs().max() <= 10
    assert y[0, 4100:].abs().max() == 0
    torch.testing.assert_close(y[1], tone[1], atol=1e-4, rtol=0)
    torch.testing.assert_close(y[2:], audio.speed(audio.shift(tone[:1], samples=-3200), rate=0.5))


def test_a_mirror_exchanges_the_channels_of_stereo_and_nothing_else():
    x, stereo = some(2), torch.randn(2, 2, 30)
    assert torch.equal(video.Mirror(1.0, ())(x, sound=stereo).sound, stereo.flip(1))
    assert torch.equal(video.Mirror(1.0, (), vertical=True)(x, sound=stereo).sound, stereo)
    assert torch.equal(video.Mirror(1.0, ())(x, sound=stereo[:, 0]).sound, stereo[:, 0])
    turned = Compose([video.per_clip(image.Rotate(9)), video.DropFrames()])(x, sound=stereo)
    assert torch.equal(turned.sound, stereo)


# ── what is refused ───────────────────────────────────────────────────────────────────────────────────────────────────

X = torch.zeros(2, 3, 1, 4, 4)
REFUSED = {
    "no batch": (lambda: video.resample(X[0], index=torch.zeros(2, 3, dtype=torch.long)), "clips are a tensor"),
    "bytes": (lambda: video.Reverse()(X.byte()), "divide by 255"),
    "no such frame": (lambda: video.resample(X, index=torch.full((2, 3), 3)), "from 0 to 2"),
    "one row for all": (lambda: video.resample(X, index=torch.zeros(1, 3, dtype=torch.long)), r"tensor \(2, T\)"),
    "fractions": (lambda: video.resample(X, index=torch.zeros(2, 3)), "whole numbers"),
    "nan": (lambda: video.blend(X, positions=torch.full((2, 3), math.nan)), "positions is nan"),
    "nothing kept": (lambda: video.drop_index(torch.zeros(1, 3, dtype=torch.bool)), "keeps no frame"),
    "no bools": (lambda: video.drop_index(torch.ones(1, 3)), "True where a frame stays"),
    "unknown fill": (lambda: video.DropFrames(fill="zero"), "hold, end"),
    "negative counts": (lambda: video.repeat_index(torch.tensor([[1, -1]])), "from -1 to 1"),
    "no counts": (lambda: video.repeat_index(torch.tensor([[0, 0]])), "0 times"),
    "speed 0": (lambda: video.speed_index(torch.zeros(1), frames=3), "rate is 0"),
    "late start": (lambda: video.speed_index(torch.ones(1), frames=3, start=3.0), "start is 3"),
    "long crop": (lambda: video.TemporalCrop(3, 2)(X), "don't fit"),
    "crop beyond": (lambda: video.crop_index(torch.tensor([2]), frames=2, of=3), "from 2 to 2"),
    "mixing in a clip": (lambda: video.per_clip(mixing.Mixup()), "transform of labkit.augment.image"),
    "mask of pictures": (lambda: video.Reverse()(X, mask=torch.zeros(2, 4, 4)), "one a frame"),
    "times of whole numbers": (lambda: video.Reverse()(X, times=torch.zeros(2, 1, dtype=torch.long)), "in frames"),
    "sound of one clip": (lambda: video.Reverse()(X, sound=torch.zeros(9)), "one entry for each|sound is a float"),
    "sound too short": (lambda: video.Reverse()(X, sound=torch.zeros(2, 2)), "at least 3 samples"),
    "sound that is mixed": (lambda: video.VideoMix()(X, sound=torch.zeros(2, 9)), "no annotation 'sound'"),
    "sound far too fast": (lambda: video.sound_at_speed(torch.zeros(2, 9), rate=20.0, frames=3), "rate is 20"),
    "no partner": (lambda: video.videomix(X, partner=torch.zeros(1), blocks=torch.zeros(2, 6)), r"partner is \(2,\)"),
    "one frame flickers": (lambda: video.static_mask(X[:, :1], threshold=0.1), "2 frames or more"),
    "nothing stayed": (
        lambda: video.temporal_loss(X, mask=torch.zeros(2, 2, 1, 4, 4, dtype=torch.bool)),
        "no pixel stayed",
    ),
}


@pytest.mark.parametrize("what", REFUSED)
def test_bad_input_is_refused_in_a_sentence(what, unchecked):
    call, sentence = REFUSED[what]
    with pytest.raises(ValueError, match=sentence):
        call()


def test_nothing_is_changed_and_a_draw_can_be_replayed():
    x = some(4, 6, 3, 8, 8)
    before = x.clone()
    dirt = video.per_clip(Compose([image.Rotate(20), image.GaussianNoise()]))
    pipeline = Compose([dirt, video.Speed(smooth=True), video.DropFrames()])
    params = pipeline.make_params(x, generator=seeded())
    assert torch.equal(pipeline.apply(x, params), pipeline(x, generator=seeded()))
    assert torch.equal(x, before)
