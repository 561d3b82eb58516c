"""What all kinds of augmentation share: to write a transform, annotations that follow, combination, worker processes.

A tiny transform of each kind of data stands here: clips, waves, series, token lists.
"""

import dataclasses
import doctest
import importlib
from dataclasses import dataclass
from typing import Any

import pytest
import torch
from torch.utils.data import DataLoader, Dataset, get_worker_info

from labkit.augment import (
    Annotated,
    Compose,
    Identity,
    OneOf,
    Sometimes,
    Span,
    Transform,
    image,
    mixing,
    normal,
    repeat_params,
    span_field,
    uniform,
)
from labkit.augment.arguments import per_item

MODULES = ("augment.arguments", "draws", "augment.pipeline", "augment.transform")


def seeded(seed=0):
    return torch.Generator().manual_seed(seed)


@pytest.mark.parametrize("name", MODULES)
def test_the_examples_in_the_docstrings_run(name, unchecked):
    outcome = doctest.testmod(importlib.import_module(f"labkit.{name}"))
    assert outcome.attempted > 0
    assert outcome.failed == 0


# ── clips (B, T, C, H, W) ─────────────────────────────────────────────────────────────────────────────────────────────


@dataclass(frozen=True)
class EachFrame(Transform):
    """An image transform on clips: one draw a clip, the same for each of its frames."""

    transform: Transform

    def takes(self, name):
        """What the image transform takes."""
        return self.transform.takes(name)

    def make_params(self, x, *, generator=None):
        """A row a clip, drawn for the first frames."""
        return self.transform.make_params(x[:, 0], generator=generator)

    def apply(self, x, params):
        """All frames with their clip's row."""
        return self.apply_all(x, params, {})[0]

    def apply_all(self, x, params, annotations):
        """Frames of a mask (B, T, H, W) and boxes (B, T, N, 4) with those of the clip; labels are the clip's."""
        of_frames = {name: value.flatten(0, 1) for name, value in annotations.items() if name != "y"}
        frames, moved = self.transform.apply_all(x.flatten(0, 1), repeat_params(params, x.shape[1]), of_frames)
        back = {name: value.unflatten(0, x.shape[:2]) for name, value in moved.items()}
        return frames.unflatten(0, x.shape[:2]), {**annotations, **back}


@dataclass(frozen=True)
class ClipNoise(Transform):
    """One strength a clip, other noise in each frame."""

    sigma: Span = span_field((0.05, 0.2), low=0.0)

    def make_params(self, x, *, generator=None):
        """``sigma`` (B,) and ``noise`` of the clip's shape."""
        return {**super().make_params(x, generator=generator), "noise": normal(x.shape, like=x, generator=generator)}

    def apply(self, x, params):
        """x + σ n."""
        return x + per_item(params["sigma"], x) * params["noise"]


@dataclass(frozen=True)
class MirrorWithDirection(image.HorizontalFlip):
    """Left and right exchanged, also in labels: 0 is "to the left", 1 "to the right", 2 neither."""

    def apply_y(self, y, x, params):
        """1 − y of what moves sideways and was mirrored."""
        return torch.where(params["flip"] & (y < 2), 1 - y, y)


def clips(b=6, t=4, c=3, h=14, w=18):
    return torch.rand(b, t, c, h, w, generator=seeded(1))


class TestClips:
    @pytest.mark.parametrize(
        "transform",
        [
            image.Rotate(40),
            image.RandomCrop((9, 8)),
            Compose([image.HorizontalFlip(), Sometimes(OneOf([image.Elastic(20, 4), image.Hue(0.3)]), 0.7)]),
        ],
        ids=repr,
    )
    def test_frames_of_a_clip_share_a_draw_and_clips_do_not(self, transform):
        still = clips(8)[:, :1].expand(-1, 4, -1, -1, -1)
        y = EachFrame(transform)(still, generator=seeded())
        assert torch.equal(y, y[:, :1].expand_as(y))
        alike = clips(1).expand(8, -1, -1, -1, -1)
        assert len({tuple(clip.flatten().tolist()) for clip in EachFrame(transform)(alike, generator=seeded())}) > 2

    def test_it_is_the_image_transform_with_the_same_draw_on_every_frame(self):
        x = clips()
        y = EachFrame(image.Affine(30, 2, 2))(x, generator=seeded())
        params = image.Affine(30, 2, 2).make_params(x[:, 0], generator=seeded())
        for t in range(4):
            assert torch.equal(y[:, t], image.Affine(30, 2, 2).apply(x[:, t], params))

    def test_annotations_follow_frame_by_frame(self):
        x, mask = clips(), torch.rand(6, 4, 14, 18, generator=seeded(2)) < 0.3
        boxes = torch.tensor([2.0, 3, 8, 9]).expand(6, 4, 1, 4)
        result = EachFrame(image.Rotate(40))(x, mask=mask, boxes=boxes, y=torch.arange(6), generator=seeded())
        params = image.Rotate(40).make_params(x[:, 0], generator=seeded())
        alone = image.Rotate(40).replay(x[:, 3], params, mask=mask[:, 3], boxes=boxes[:, 3])
        assert torch.equal(result.mask[:, 3], alone.mask)
        assert torch.equal(result.boxes[:, 3], alone.boxes)
        assert torch.equal(result.y, torch.arange(6))

    def test_noise_differs_from_frame_to_frame_and_its_strength_from_clip_to_clip(self):
        x = torch.zeros(200, 4, 1, 8, 8)
        strength = ClipNoise()(x, generator=seeded()).flatten(2).std(2)
        assert (strength.std(1) / strength.mean(1)).mean() < 0.12
        assert strength.mean(1).std() > 0.03
        y = ClipNoise()(x, generator=seeded())
        assert not torch.equal(y[:, 0], y[:, 1])

    def test_a_label_changes_with_its_item(self):
        x, y = clips(60)[:, 0], torch.arange(60) % 3
        result = Compose([image.Hue(), MirrorWithDirection()])(x, y=y, generator=seeded())
        flipped = MirrorWithDirection().make_params(x, generator=seeded())["flip"]
        mirrored = (MirrorWithDirection()(x, generator=seeded()) != x).flatten(1).any(1)
        assert torch.equal(flipped, mirrored)
        result = MirrorWithDirection()(x, y=y, generator=seeded())
        assert torch.equal(result.y, torch.where(flipped, torch.tensor([1, 0, 2])[y], y))
        assert 10 < (result.y != y).sum() < 30


# ── waves (B, T) and (B, C, T), series (B, C, T) ──────────────────────────────────────────────────────────────────────


@dataclass(frozen=True)
class Window(Transform):
    """``steps`` steps from a place drawn for each item; labels of steps and times of events are counted from there."""

    steps: int

    @property
    def new_size(self):
        """``steps``."""
        return self.steps

    def make_params(self, x, *, generator=None):
        """``start`` (B,)."""
        return {"start": (uniform((len(x),), generator=generator) * (x.shape[-1] - self.steps + 1)).long()}

    def apply(self, x, params):
        """x from start on, whatever its channels."""
        index = per_item(params["start"], x).long() + torch.arange(self.steps)
        return x.gather(-1, index.expand(*x.shape[:-1], -1))

    def apply_mask(self, mask, x, params):
        """A label a step (B, T)."""
        return self.apply(mask, params)

    def apply_times(self, times, x, params):
        """Times (B, N), in steps."""
        return times - params["start"][:, None]


@dataclass(frozen=True)
class Backwards(Transform):
    """Time reversed: what a label says may no longer be true, so labels are refused."""

    keeps = ()

    def apply(self, x, params):
        """From the last step to the first."""
        return x.flip(-1)


@dataclass(frozen=True)
class Frames(Transform):
    """Waves (B, T) cut into frames, as a picture (B, 1, T / n, n)."""

    n: int

    @property
    def new_size(self):
        """Another kind of data."""
        return "frames", self.n

    def apply(self, x, params):
        """Frame after frame, from top to bottom."""
        return x.unflatten(1, (-1, self.n))[:, None]


class TestSignals:
    @pytest.mark.parametrize("shape", [(16, 50), (16, 1, 50), (16, 3, 50)])
    def test_channels_share_a_draw_and_items_do_not(self, shape):
        x = torch.arange(50.0).expand(shape)
        y = Window(20)(x, generator=seeded())
        assert y.shape == (*shape[:-1], 20)
        assert (y.diff(dim=-1) == 1).all()
        assert torch.equal(y, y.flatten(1, -2)[:, :1].expand_as(y) if y.ndim == 3 else y)
        assert len(y[..., 0].unique()) > 8

    def test_labels_of_steps_and_times_of_events_move_along(self):
        x = torch.rand(16, 2, 50, generator=seeded(1))
        mask = torch.zeros(16, 50, dtype=torch.int64)
        mask[:, 30] = 7
        result = Window(40)(x, mask=mask, times=torch.full((16, 1), 30.0), y=torch.arange(16), generator=seeded())
        for i in range(16):
            at = int(result.times[i])
            assert result.mask[i].nonzero().tolist() == [[at]]
            assert torch.equal(result.x[i, :, at], x[i, :, 30])
        assert torch.equal(result.y, torch.arange(16))

    def test_a_pipeline_may_go_from_one_kind_of_data_to_another(self, unchecked):
        pipeline = Compose([Window(40), Frames(8), image.RandomErasing(1.0)])
        waves, y = torch.rand(6, 50, generator=seeded(1)), torch.arange(6)
        result = pipeline(waves, y=y, generator=seeded())
        assert result.x.shape == (6, 1, 5, 8)
        assert torch.equal(result.x, pipeline(waves, generator=seeded()))
        assert torch.equal(result.y, y)
        with pytest.raises(ValueError, match="Compose knows no annotation 'times'"):
            pipeline(waves, times=torch.zeros(6, 1), generator=seeded())

    def test_what_a_transform_cannot_move_is_refused(self, unchecked):
        x = torch.rand(4, 1, 50)
        with pytest.raises(ValueError, match=r"Backwards knows no annotation 'y'; it knows \[\]"):
            Backwards()(x, y=torch.arange(4))
        with pytest.raises(ValueError, match="Window knows no annotation 'boxes'"):
            Window(4)(x, boxes=torch.rand(4, 1, 4))
        with pytest.raises(ValueError, match="Compose knows no annotation 'times'"):
            Compose([Window(4), Backwards()])(x, times=torch.zeros(4, 1))
        with pytest.raises(ValueError, match="times has one entry for each of the 4 items; this is float32"):
            Window(4)(x, times=torch.zeros(3, 1))


# ── token lists ───────────────────────────────────────────────────────────────────────────────────────────────────────


@dataclass(frozen=True)
class DropWords(Transform):
    """Each word lost with probability ``p``, but for the first; the words' tags go with them."""

    p: float = 0.3

    def make_params(self, x, *, generator=None):
        """``kept``: bool, one tensor a sentence."""
        lengths = [len(words) for words in x]
        return {"kept": (uniform((sum(lengths),), generator=generator) >= self.p).split(lengths)}

    def apply(self, x, params):
        """The words that are kept."""
        kept = zip(x, params["kept"], strict=True)
        return [[word for i, (word, keep) in enumerate(zip(words, row, strict=True)) if keep or i == 0]
                for words, row in kept]  # fmt: skip

    def apply_tags(self, tags, x, params):
        """The tags of the words that are kept."""
        return self.apply(tags, params)


SENTENCES = [[f"{i}.{j}" for j in range(i % 5 + 1)] for i in range(60)]
TAGS = [[word.upper() for word in words] for words in SENTENCES]


class TestTokens:
    @pytest.mark.parametrize(
        "pipeline",
        [DropWords(), Sometimes(DropWords(), 0.5), Compose([DropWords(0.1), OneOf([DropWords(0.6), Identity()])])],
        ids=repr,
    )
    def test_ragged_lists_go_in_and_come_out(self, pipeline):
        result = pipeline(SENTENCES, tags=TAGS, y=list(range(60)), generator=seeded())
        assert isinstance(result.x, list)
        assert [[word.upper() for word in words] for words in result.x] == result.tags
        assert [int(words[0].split(".")[0]) for words in result.x] == result.y == list(range(60))
        assert 60 < sum(map(len, result.x)) < sum(map(len, SENTENCES))
        assert result.x == pipeline(SENTENCES, generator=seeded())
        assert result.x != pipeline(SENTENCES, generator=seeded(1))
        params = pipeline.make_params(SENTENCES, generator=seeded())
        assert pipeline.replay(SENTENCES, params, tags=TAGS).tags == result.tags

    def test_nothing_comes_of_nothing(self):
        assert DropWords()([], generator=seeded()) == []
        assert Sometimes(DropWords())([], generator=seeded()) == []


# ── annotations ───────────────────────────────────────────────────────────────────────────────────────────────────────


def pictures(b=8, c=3, h=14, w=18):
    return torch.rand(b, c, h, w, generator=seeded(1)) * 0.8 + 0.1


class TestAnnotations:
    @pytest.mark.parametrize("transform", [image.Rotate(20), image.Hue(), Compose([image.Invert()]), Identity()])
    def test_a_result_cannot_be_unpacked_by_mistake(self, transform):
        x = pictures()
        for annotations in ({"mask": None}, {"mask": torch.zeros(8, 14, 18)}, {"y": torch.arange(8), "boxes": None}):
            result = transform(x, **annotations)
            with pytest.raises(TypeError, match="read by name"):
                _picture, *_ = result
            assert isinstance(result, Annotated)
            assert result.x.shape == result.image.shape == x.shape
            for name in annotations:
                assert (getattr(result, name) is None) == (annotations[name] is None)
            assert result.keypoints is None
        assert isinstance(transform(x), torch.Tensor)

    def test_a_result_says_what_it_holds(self):
        result = image.Invert()(pictures(), mask=torch.ones(8, 14, 18, dtype=torch.bool), y=list("abcdefgh"))
        assert repr(result) == "Annotated(x: float32 (8, 3, 14, 18), y: a list of 8, mask: bool (8, 14, 18))"

    def test_labels_pass_the_geometry_before_and_after_mixing(self):
        x, y = pictures(), torch.arange(8) % 3
        first = Compose([image.Rotate(20), mixing.Mixup(classes=3)])(x, y=y, generator=seeded())
        rotated = image.Rotate(20)(x, generator=(g := seeded()))
        mixed = mixing.Mixup(classes=3)(rotated, y=y, generator=g)
        assert torch.equal(first.x, mixed.x)
        assert torch.equal(first.y, mixed.y)
        last = Compose([mixing.Mixup(classes=3), image.Rotate(20)])(x, y=y, generator=seeded())
        assert last.y.shape == (8, 3)
        torch.testing.assert_close(last.y.sum(1), torch.ones(8))

    def test_boxes_that_are_mixed_are_refused_and_a_mask_that_nothing_touches_passes(self):
        x, mask, boxes = pictures(), torch.zeros(8, 14, 18), torch.zeros(8, 1, 4)
        with pytest.raises(ValueError, match="Mixup knows no annotation 'boxes'"):
            mixing.Mixup()(x, boxes=boxes)
        with pytest.raises(ValueError, match="knows no annotation 'boxes'"):
            Compose([image.Rotate(20), mixing.Mixup()])(x, boxes=boxes)
        result = Identity()(x, mask=mask, times=torch.zeros(8, 2))
        assert torch.equal(result.mask, mask)

    @pytest.mark.parametrize(
        "transform",
        [
            image.ColorJitter(),
            image.Rotate(20),
            image.RandomErasing(),
            Sometimes(image.Rotate(20), 0.001),
            OneOf([Identity(), image.Invert()], weights=[1000, 1]),
            Compose([Identity(), image.Invert()]),
        ],
        ids=repr,
    )
    @pytest.mark.parametrize(
        ("name", "value", "says"),
        [
            ("mask", torch.zeros(8, 14, 17), r"\(8, 14, 18\)"),
            ("mask", [[0] * 14] * 8, "this is a list of 8"),
            ("mask", torch.zeros(8, 14, 18).numpy(), "this is a ndarray of 8"),
            ("boxes", torch.zeros(7, 1, 4), r"\(8, N, 4\)|each of the 8 items"),
            ("boxes", [torch.zeros(2, 4)] * 7, r"(\(N, 4\); these are|each of the 8 items; this is) a list of 7"),
            ("boxes", [torch.zeros(2, 3)] * 8, r"list of 8 tensors \(N, 4\)"),
            ("keypoints", [torch.zeros(2, 2, dtype=torch.int64)] * 8, "float"),
            ("y", torch.zeros(7), "y has one entry for each of the 8 items; this is float32"),
            ("y", 3, "y has one entry for each of the 8 items; this is the int 3"),
        ],
    )
    def test_what_does_not_fit_gets_a_sentence_whatever_is_drawn(self, transform, name, value, says, unchecked):
        with pytest.raises(ValueError, match=says):
            transform(pictures(), generator=seeded(), **{name: value})

    @pytest.mark.parametrize(
        "transform",
        [image.Rotate(40), image.HorizontalFlip(), image.Elastic(20, 4), image.Hue(), Sometimes(image.Scale(0.3))],
        ids=repr,
    )
    def test_boxes_and_points_may_differ_in_number(self, transform):
        x, counts = pictures(), [0, 3, 1, 2, 5, 0, 1, 4]
        boxes = [torch.rand(n, 4, generator=seeded(n)) * 5 + torch.tensor([0, 0, 6, 6]) for n in counts]
        points = [torch.rand(n, 2, generator=seeded(n)) * 12 for n in counts]
        result = transform(x, boxes=boxes, keypoints=points, generator=seeded())
        assert [len(b) for b in result.boxes] == [len(p) for p in result.keypoints] == counts
        params = transform.make_params(x, generator=seeded())
        full = transform.replay(
            x, params, boxes=torch.stack([torch.cat([b, torch.zeros(9 - len(b), 4)]) for b in boxes])
        )
        for i, n in enumerate(counts):
            torch.testing.assert_close(result.boxes[i], full.boxes[i, :n])
        assert transform(x[:0], boxes=[], generator=seeded()).boxes == []

    def test_masks_of_every_dtype_go_the_same_way(self):
        """At half pixels two pixels are equally near: which is taken must not depend on how labels are stored."""
        x = pictures(4)
        labels = torch.randint(0, 100, (4, 14, 18), generator=seeded(3))
        moves = (image.Translate((0.5, 0.5), (0.5, 0.5)), image.Scale((2, 2)), image.Affine((45, 45), 0, 0, (0.5, 0.5)))
        fills = ("constant", "edge", "reflect", "wrap")
        for transform in (dataclasses.replace(move, fill=fill) for move in moves for fill in fills):
            moved = transform(x, mask=labels, generator=seeded()).mask
            for dtype in (torch.uint8, torch.int16, torch.int32, torch.float16, torch.float32, torch.float64):
                other = transform(x, mask=labels.to(dtype), generator=seeded()).mask
                assert other.dtype == dtype
                assert torch.equal(other.long(), moved), (transform, dtype)
            layers = torch.stack([labels, labels == 3], 1)
            assert torch.equal(transform(x, mask=layers, generator=seeded()).mask[:, 0], moved)
            assert torch.equal(transform(x, mask=labels == 3, generator=seeded()).mask, moved == 3)

    def test_large_labels_are_exact(self):
        labels = torch.randint(0, 2**62, (4, 14, 18), generator=seeded(3))
        result = image.Rotate((180, 180))(pictures(4), mask=labels)
        assert torch.equal(result.mask, labels.rot90(2, (1, 2)))

    def test_picture_and_mask_of_a_large_batch_are_those_of_each_alone(self):
        x, mask = pictures(40, 3, 96, 96), torch.rand(40, 96, 96, generator=seeded(3)) < 0.5
        params = image.Rotate(40).make_params(x, generator=seeded())
        whole = image.Rotate(40).replay(x, params, mask=mask)
        for i in (0, 17, 39):
            row = {name: value[i : i + 1] for name, value in params.items()}
            alone = image.Rotate(40).replay(x[i : i + 1], row, mask=mask[i : i + 1])
            assert torch.equal(whole.x[i : i + 1], alone.x)
            assert torch.equal(whole.mask[i : i + 1], alone.mask)

    def test_a_transform_without_points_says_so(self):
        class Shuffle(image.ImageTransform):
            def apply(self, x: Any, params: Any) -> Any:
                return x.flip(0)

        with pytest.raises(NotImplementedError, match="Shuffle has no method `points`"):
            Shuffle()(pictures(), keypoints=torch.rand(8, 1, 2))


class TestHoles:
    """A value that is no number stays where it is: 0 · NaN isn't 0."""

    @pytest.mark.parametrize("hole", [torch.nan, torch.inf, -torch.inf])
    def test_a_hole_in_a_depth_mask_stays_a_hole(self, hole):
        depth = torch.rand(8, 14, 18, generator=seeded(2))
        holed = depth.clone()
        holed[:, 3, 4] = hole
        for transform in (
            image.RandomResizedCrop((12, 10)),
            image.Resize((28, 36)),
            image.RandomCrop((9, 9)),
            image.Rotate(30),
        ):
            full = transform(pictures(), mask=depth, generator=seeded()).mask
            result = transform(pictures(), mask=holed, generator=seeded()).mask
            lost = ~result.isfinite()
            assert lost.float().mean() < 0.1
            assert torch.equal(result[~lost], full[~lost])
        assert not image.Resize((28, 36))(pictures(), mask=holed).mask.isfinite().all()

    @pytest.mark.parametrize("hole", [torch.nan, torch.inf, -torch.inf])
    @pytest.mark.parametrize("antialias", [True, False])
    def test_what_lies_outside_a_window_has_no_influence(self, hole, antialias):
        x = pictures(2).double()
        boxes = torch.tensor([[4.0, 3.0, 12.0, 11.0], [2.5, 1.5, 9.0, 9.0]], dtype=torch.float64)
        holed = x.clone()
        holed[:, 0, 12, 15] = hole
        cut = {"boxes": boxes, "size": (6, 5), "antialias": antialias}
        torch.testing.assert_close(image.crop_resize(holed, **cut), image.crop_resize(x, **cut))
        holed[0, 1, 5, 6] = hole
        y, clean = image.crop_resize(holed, **cut), image.crop_resize(x, **cut)
        lost = ~y.isfinite()
        assert lost[0, 1].any()
        assert lost.sum() == lost[0, 1].sum() < 12
        torch.testing.assert_close(y[~lost], clean[~lost])
        assert (y[lost] == hole).all() or hole != hole


# ── pipelines ─────────────────────────────────────────────────────────────────────────────────────────────────────────


class TestPipelines:
    @pytest.mark.parametrize(
        "build",
        [
            lambda: Sometimes(image.RandomCrop((5, 5))),
            lambda: Sometimes(image.RandomResizedCrop((5, 5)), 0.01),
            lambda: Sometimes(Compose([image.Hue(), image.Resize((8, 8))])),
            lambda: Sometimes(image.Rotate(20, expand=True)),
            lambda: OneOf([image.RandomCrop((9, 9)), Identity()]),
            lambda: OneOf([image.RandomCrop((9, 9)), image.Resize((9, 8))]),
            lambda: OneOf([image.Rotate(20, expand=True), image.Rotate(30, expand=True)]),
            lambda: Sometimes(Window(5)),
        ],
    )
    def test_parts_that_disagree_in_size_are_refused_when_they_are_put_together(self, build):
        with pytest.raises(ValueError, match="must return the same shape"):
            build()

    @pytest.mark.parametrize(
        "pipeline",
        [
            OneOf([image.RandomCrop((9, 9)), image.Resize((9, 9)), Compose([image.Hue(), image.Resize((9, 9))])]),
            OneOf([image.Rotate(20, expand=True), image.Rotate(20, expand=True, fill="edge")]),
            OneOf([Compose([image.Rotate(20, expand=True), image.Resize((9, 9))]), image.RandomCrop((9, 9))]),
            Sometimes(image.RandomCrop((9, 9)), p=1.0),
            OneOf([image.Invert(), image.RandomCrop((5, 5))], weights=[1, 0]),
            Compose([image.RandomCrop((9, 9)), Sometimes(image.Rotate(20))]),
        ],
        ids=repr,
    )
    def test_parts_that_agree_are_not(self, pipeline):
        x = pictures(40)
        assert len(pipeline(x, generator=seeded())) == 40

    def test_partners_by_label_are_found_inside_any_pipeline(self):
        x, y = pictures(40), torch.arange(40) % 3
        steady = y.float()[:, None, None, None].expand(-1, 3, 4, 4)
        for pipeline in (
            Compose([image.HorizontalFlip(), mixing.SameClass()]),
            Sometimes(mixing.SameClass(), 0.5),
            OneOf([mixing.SameClass(), Compose([Identity(), mixing.SameClass(alpha=0.2)])]),
        ):
            assert pipeline.depends_on == ("y",)
            torch.testing.assert_close(pipeline(steady, y=y, generator=seeded()).x, steady)
            params = pipeline.make_params(x, y=y, generator=seeded())
            assert torch.equal(pipeline.apply(x, params), pipeline(x, y=y, generator=seeded()).x)
            with pytest.raises(ValueError, match="call it with y="):
                pipeline(x, generator=seeded())

    def test_pipelines_are_values(self):
        one, other = Sometimes(image.Rotate(20), 0.3), Sometimes(image.Rotate(20), 0.3)
        assert one == other
        assert hash(one) == hash(other)
        assert one != Sometimes(image.Rotate(20), 0.4)
        assert Compose([one]) != OneOf([one])
        assert OneOf([one, Identity()]) == OneOf((other, Identity()), weights=[1, 1])
        assert repr(one).startswith("Sometimes(Rotate(")
        assert eval(repr(Compose([one])), {**vars(image)}) == Compose([one])

    def test_a_draw_is_repeated_row_by_row(self):
        pipeline = Compose([image.Rotate(20), Sometimes(image.Cutout(3))])
        x = pictures(5)
        params = repeat_params(pipeline.make_params(x, generator=seeded()), 3)
        three = pipeline.apply(x.repeat_interleave(3, 0), params)
        assert torch.equal(three, pipeline(x, generator=seeded()).repeat_interleave(3, 0))


# ── worker processes ──────────────────────────────────────────────────────────────────────────────────────────────────


class Kept(Dataset):
    """A generator kept in the data set: each worker gets a copy of it."""

    def __init__(self, use_it=True):
        self.x, self.generator = torch.full((16, 1, 6, 6), 0.5), seeded() if use_it else None

    def __len__(self):
        return 16

    def __getitem__(self, i):
        return image.GaussianNoise((0.1, 0.1))(self.x[i : i + 1], generator=self.generator)[0]


class Fresh(Kept):
    """A generator of each item's own."""

    def __getitem__(self, i):
        return image.GaussianNoise((0.1, 0.1))(self.x[i : i + 1], generator=seeded(i))[0]


class Enclosed(Kept):
    """A generator that only a function knows."""

    def __init__(self):
        super().__init__(use_it=False)
        g = seeded()
        self.transform = lambda x: image.GaussianNoise((0.1, 0.1))(x, generator=g)

    def __getitem__(self, i):
        return self.transform(self.x[i : i + 1])[0]


def seed_in_worker(_):
    worker = get_worker_info()
    worker.dataset.generator.manual_seed(worker.seed)


def distinct(loader):
    return len({tuple(x.flatten().tolist()) for batch in loader for x in batch})


class TestWorkers:
    @pytest.mark.parametrize("dataset", [Kept(), Enclosed()], ids=["attribute", "closure"])
    def test_a_generator_that_was_copied_into_the_workers_is_refused(self, dataset):
        loader = DataLoader(dataset, batch_size=4, num_workers=2, multiprocessing_context="fork")
        with pytest.raises(ValueError, match="each worker of the DataLoader has a copy"):
            distinct(loader)
        assert distinct(DataLoader(dataset, batch_size=4)) == 16

    @pytest.mark.parametrize(
        ("dataset", "start"),
        [(Kept(use_it=False), None), (Kept(), seed_in_worker), (Fresh(), None)],
        ids=["torch's own", "seeded in the worker", "one an item"],
    )
    def test_the_ways_that_are_advised_draw_anew_for_each_item(self, dataset, start):
        knobs = {"batch_size": 4, "num_workers": 2, "worker_init_fn": start, "multiprocessing_context": "fork"}
        assert distinct(DataLoader(dataset, generator=seeded(), **knobs)) == 16
        first, again = (torch.cat(list(DataLoader(dataset, generator=seeded(), **knobs))) for _ in range(2))
        assert torch.equal(first, again)


# ── spans ─────────────────────────────────────────────────────────────────────────────────────────────────────────────


def spanned(cls=Transform):
    """All transforms of labkit with the names of what they draw from a span."""
    for child in cls.__subclasses__():
        if child.__module__.startswith("labkit.") and dataclasses.is_dataclass(child) and child.__name__[0] != "_":
            yield from ((child, f.name) for f in dataclasses.fields(child) if "range" in f.metadata)
        yield from spanned(child)


for kind in ("audio", "image", "medical", "mixing", "series", "text", "video"):
    importlib.import_module(f"labkit.augment.{kind}")
SPANS = sorted(set(spanned()), key=lambda pair: (pair[0].__module__, pair[0].__name__, pair[1]))


@pytest.mark.parametrize(("cls", "name"), SPANS, ids=[f"{cls.__name__}.{name}" for cls, name in SPANS])
@pytest.mark.parametrize("number", [0.0, 0.3, 5.0, 50.0])
def test_one_number_is_a_span_in_order_around_what_changes_nothing_or_refused(cls, name, number, unchecked):
    field = next(f for f in dataclasses.fields(cls) if f.name == name)
    required = {"classes": 3} if "classes" in {f.name for f in dataclasses.fields(cls)} else {}
    bounds, refusal = None, ""
    try:
        bounds = cls(**{name: number}, **required).span(name)
    except ValueError as error:
        refusal = str(error)
    if bounds is None:
        assert f"{name} is {number}; expected" in refusal
    else:
        assert bounds[0] <= field.metadata["range"].around <= bounds[1]
        assert field.metadata["range"].low <= bounds[0]
