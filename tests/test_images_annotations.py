"""What belongs to pictures: masks filled and mixed, boxes that leave with their labels, points out of sight."""

from labkit.augment import (
    Compose,
    OneOf,
    Sometimes,
    image,
    mixing,
    video,
)  # before torchvision, which it makes importable

# isort: split
from itertools import product

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch.nn import functional
from torchvision import tv_tensors
from torchvision.transforms.v2 import functional as F

IGNORE = 255


def seeded(seed=0):
    return torch.Generator().manual_seed(seed)


def pictures(b=6, c=3, h=14, w=18):
    return torch.rand(b, c, h, w, generator=seeded(1))


def masks(dtype=torch.uint8, b=6, h=14, w=18):
    mask = torch.randint(0, 2, (b, h, w), generator=seeded(2))
    return (mask * 0.1).to(dtype) if dtype.is_floating_point else mask.to(dtype)


DTYPES = [torch.bool, torch.uint8, torch.int16, torch.int32, torch.int64, torch.float16, torch.float32, torch.float64]


class TestFill:
    @pytest.mark.parametrize("dtype", DTYPES, ids=str)
    @pytest.mark.parametrize("layers", [None, 2])
    def test_outside_is_the_value_and_inside_what_it_was(self, dtype, layers):
        mask = masks(dtype)
        mask = mask if layers is None else mask[:, None].expand(-1, layers, -1, -1)
        value = 1 if dtype == torch.bool else 77
        x = pictures()
        params = image.Rotate(60).make_params(x, generator=seeded())
        plain = image.Rotate(60).replay(x, params, mask=mask).mask
        filled = image.Rotate(60, mask_value=value).replay(x, params, mask=mask).mask
        inside = image.Rotate(60).replay(x, params, mask=torch.ones(6, 14, 18, dtype=torch.bool)).mask
        inside = inside if layers is None else inside[:, None].expand_as(filled)
        assert filled.dtype == dtype
        assert torch.equal(filled[inside], plain[inside])
        assert bool((filled[~inside] == value).all())
        assert int((~inside).sum()) > 100

    def test_it_is_torchvisions_padding_and_scipys_turn(self):
        x, mask = pictures(), masks()
        crop = image.RandomCrop((16, 20), padding=3, mask_value=IGNORE)
        params = crop.make_params(x, generator=seeded())
        moved = crop.replay(x, params, mask=mask).mask
        padded = F.pad(tv_tensors.Mask(mask), [3, 3, 3, 3], fill=IGNORE)
        for i, (top, left) in enumerate(zip(params["top"].tolist(), params["left"].tolist(), strict=True)):
            assert torch.equal(moved[i], padded[i, top : top + 16, left : left + 20].as_subclass(torch.Tensor))
        turned = image.Rotate((30.3, 30.3), mask_value=IGNORE)(x, mask=mask).mask
        theirs = F.rotate(tv_tensors.Mask(mask), 30.3, fill=IGNORE)
        assert torch.equal(turned, theirs.as_subclass(torch.Tensor))

    def test_no_fill_is_seen_where_the_picture_goes_on(self):
        for fill in ("reflect", "edge", "wrap"):
            assert not bool((image.Rotate(60, fill=fill, mask_value=9)(pictures(), mask=masks()).mask == 9).any())

    def test_nan_may_stand_for_a_depth_that_nobody_knows(self):
        depth = pictures()[:, 0]
        moved = image.Translate((4, 4), (0, 0), mask_value=torch.nan)(pictures(), mask=depth).mask
        assert bool(moved[:, :, :4].isnan().all())
        assert torch.equal(moved[:, :, 4:], depth[:, :, :-4])

    @pytest.mark.parametrize(
        ("transform", "dtype"),
        [
            (image.Rotate(20, mask_value=-1), torch.uint8),
            (image.Rotate(20, mask_value=255), torch.bool),
            (image.Rotate(20, mask_value=0.5), torch.int64),
            (image.RandomCrop((9, 9), padding=2, mask_value=300), torch.uint8),
            (image.Cutout(4, mask_value=-100), torch.uint8),
        ],
    )
    def test_a_value_that_a_mask_cannot_hold_is_refused(self, transform, dtype):
        with pytest.raises(ValueError, match=r"mask_value is .* holds whole numbers from"):
            transform(pictures(), mask=masks(dtype), generator=seeded())

    def test_colours_fill_the_picture_and_labels_the_mask(self):
        turn = image.Affine((45, 45), scale=(1, 1), value=(1.0, 0.5, 0.0), mask_value=IGNORE)
        result = turn(pictures(), mask=masks())
        corner = result.x[:, :, 0, 0]
        torch.testing.assert_close(corner, torch.tensor([[1.0, 0.5, 0.0]]).expand(6, 3))
        assert bool((result.mask[:, 0, 0] == IGNORE).all())


class TestErasing:
    @pytest.mark.parametrize("make", [lambda **k: image.RandomErasing(1.0, **k), lambda **k: image.Cutout(6, **k)])
    @pytest.mark.parametrize("layers", [None, 2])
    def test_the_mask_is_erased_where_the_picture_is(self, make, layers):
        x, mask = pictures() * 0.5 + 0.25, masks()
        mask = mask if layers is None else mask[:, None].expand(-1, layers, -1, -1)
        result = make(mask_value=IGNORE)(x, mask=mask, generator=seeded())
        erased = (result.x == 0).all(1)
        erased = erased if layers is None else erased[:, None].expand_as(mask)
        assert bool((result.mask[erased] == IGNORE).all())
        assert torch.equal(result.mask[~erased], mask[~erased])
        assert bool(erased.flatten(1).any(1).all())
        assert torch.equal(make()(x, mask=mask, generator=seeded()).mask, mask)


class TestBoxes:
    boxes = torch.tensor([[2.0, 3, 9, 8], [0, 0, 4, 4], [13, 9, 18, 14]]).expand(6, -1, -1)
    labels = torch.arange(18).view(6, 3)

    def test_they_leave_with_their_labels_as_in_torchvision(self):
        moved = image.Translate(14, 10)(pictures(), boxes=self.boxes, generator=seeded()).boxes
        kept, labels = image.sanitize_boxes(moved, self.labels, min_size=2, min_area=5)
        visible = image.visible_boxes(moved, min_size=2, min_area=5)
        dropped = 0
        for i in range(6):
            theirs, valid = F.sanitize_bounding_boxes(moved[i], "XYXY", (14, 18), min_size=2, min_area=5)
            assert torch.equal(kept[i], theirs)
            assert torch.equal(visible[i], valid)
            assert torch.equal(labels[i], self.labels[i][valid])
            dropped += int((~valid).sum())
        assert 3 < dropped < 18

    def test_at_the_end_of_a_pipeline(self):
        pipeline = Compose([image.Translate(14, 10), image.HorizontalFlip(), image.SanitizeBoxes()])
        result = pipeline(pictures(), boxes=self.boxes, y=self.labels, mask=masks(), generator=seeded())
        before = Compose(pipeline.transforms[:2])(pictures(), boxes=self.boxes, generator=seeded()).boxes
        kept, labels = image.sanitize_boxes(before, self.labels)
        assert all(torch.equal(a, b) for a, b in zip(result.boxes, kept, strict=True))
        assert all(torch.equal(a, b) for a, b in zip(result.y, labels, strict=True))
        assert {len(b) for b in kept} != {3}
        again = Compose([image.SanitizeBoxes(), image.Rotate(20)])(
            pictures(), boxes=result.boxes, y=result.y, generator=seeded()
        )
        assert [len(b) for b in again.boxes] == [len(b) for b in kept]

    def test_pictures_may_have_different_numbers_and_none(self):
        boxes = [self.boxes[0, :n].clone() for n in (0, 1, 3, 2, 0, 1)]
        labels = [torch.arange(len(b)) for b in boxes]
        for transform in (
            image.Rotate(20), image.HorizontalFlip(1.0), image.RandomCrop((9, 9)), image.Resize((7, 9)),
            image.Elastic(10, 3), Sometimes(image.Rotate(20)), Sometimes(image.SanitizeBoxes(), 0.5),
            OneOf([image.HorizontalFlip(1.0), image.ColorJitter()]),
        ):  # fmt: skip
            result = transform(pictures(), boxes=boxes, y=labels, generator=seeded())
            assert all(len(a) <= len(b) for a, b in zip(result.boxes, boxes, strict=True))
            assert all(a.shape[1:] == (4,) for a in result.boxes)
        nothing = image.Rotate(20)(pictures(), boxes=[torch.zeros(0, 4)] * 6, generator=seeded()).boxes
        assert [tuple(b.shape) for b in nothing] == [(0, 4)] * 6
        assert [len(b) for b in image.sanitize_boxes(boxes)] == [0, 1, 3, 2, 0, 1]

    def test_a_box_of_nan_or_without_extent_is_not_visible(self):
        boxes = torch.tensor([[[torch.nan, 0, 4, 4], [3, 3, 3, 9], [5, 5, 4, 4], [0, 0, 1, 1]]])
        assert image.visible_boxes(boxes, min_size=0, min_area=0).tolist() == [[False, False, False, True]]

    @pytest.mark.parametrize(
        ("call", "says"),
        [
            (lambda: image.sanitize_boxes(torch.zeros(2, 3, 4), torch.zeros(2, 2)), "one entry for each box"),
            (lambda: image.sanitize_boxes(torch.zeros(2, 3, 4), torch.zeros(2)), "one entry for each box"),
            (lambda: image.sanitize_boxes(torch.zeros(2, 3, 5)), r"boxes are a float tensor \(B, N, 4\)"),
            (lambda: image.visible_boxes(torch.zeros(2, 3, 4), min_size=-1), "min_size is -1"),
            (lambda: image.visible_keypoints(torch.zeros(2, 3, 2), size=(4, 0)), "size is"),
            (lambda: image.visible_keypoints(torch.zeros(2, 3), size=(4, 4)), "keypoints are a float"),
            (lambda: image.SanitizeBoxes()(pictures(), boxes=torch.zeros(6, 2, 4), y=torch.zeros(6)), "each box"),
        ],
    )
    def test_bad_input_gets_a_sentence(self, call, says, unchecked):
        with pytest.raises(ValueError, match=says):
            call()


class TestKeypoints:
    def test_a_point_is_visible_where_its_pixel_is(self):
        """Each pixel's own point, and whether the picture of that pixel alone has any light after the move."""
        h, w = 5, 6
        rows, columns = torch.meshgrid(torch.arange(h), torch.arange(w), indexing="ij")
        points = torch.stack([columns, rows], -1).flatten(0, 1).float()
        lights = torch.eye(h * w).view(h * w, 1, h, w)
        for dx, dy in ((2, -1), (-3, 0), (0, 4), (6, 0)):
            result = image.Translate((dx, dx), (dy, dy))(lights, keypoints=points[:, None])
            seen = image.visible_keypoints(result.keypoints, size=result.x.shape[-2:])
            assert torch.equal(seen[:, 0], result.x.flatten(1).sum(1) > 0.5)

    def test_in_clips(self):
        points = torch.rand(2, 3, 4, 2, generator=seeded()) * 8
        seen = image.visible_keypoints(points, size=(5, 6))
        assert torch.equal(seen.flatten(0, 1), image.visible_keypoints(points.flatten(0, 1), size=(5, 6)))
        boxes = torch.cat([points, points + 3], -1)
        assert bool(image.visible_boxes(boxes, min_size=2).all())
        with pytest.raises(ValueError, match="keeps all of its boxes"):
            video.per_clip(Compose([image.Rotate(20), image.SanitizeBoxes()]))
        turn = video.per_clip(image.Rotate(20, mask_value=-1))
        clip = pictures()[:, None].expand(-1, 2, -1, -1, -1)
        with pytest.raises(ValueError, match="mask_value is -1"):
            turn(clip, mask=torch.zeros(6, 2, 14, 18, dtype=torch.uint8))

    def test_lists_and_nan(self):
        points = [torch.tensor([[0.0, 0], [torch.nan, 1]]), torch.zeros(0, 2)]
        seen = image.visible_keypoints(points, size=(4, 4))
        assert [s.tolist() for s in seen] == [[True, False], []]


class TestExpand:
    def test_with_angles_alone_it_is_rotates(self):
        x = pictures().double()
        degrees = torch.tensor([0.0, 17, -40, 90, 133, 180])
        torch.testing.assert_close(
            image.affine(x, degrees=degrees, expand=True), image.rotate(x, degrees=degrees, expand=True)
        )
        for low, high in ((-30, 30), (10, 80), (90, 90), (100, 250)):
            a = image.Affine((low, high), scale=(1, 1), expand=True).canvas(x)
            assert a == image.Rotate((low, high), expand=True).canvas(x)

    def test_it_is_the_middle_of_a_much_larger_picture(self):
        x, compared = pictures().double(), 0
        for scale, dx, dy in product((0.8, 1.0, 1.3), (2.0, 2.5), (-1.0, -1.5)):
            knobs = {"degrees": 25.0, "scale": scale, "shear_x": 20.0, "shear_y": -10.0, "dx": dx, "dy": dy}
            y = image.affine(x, **knobs, expand=True)
            large = image.affine(functional.pad(x, (40,) * 4), **knobs)
            rest = [a - b for a, b in zip(large.shape[2:], y.shape[2:], strict=True)]
            if rest[0] % 2 == 0 and rest[1] % 2 == 0:  # else the two grids lie half a pixel apart
                top, left = rest[0] // 2, rest[1] // 2
                torch.testing.assert_close(y, large[:, :, top:-top, left:-left])
                compared += 1
        assert compared == 3

    @given(
        degrees=st.floats(-180, 180), spread=st.floats(0, 60), scale=st.floats(0.5, 1.6), shear_x=st.floats(-40, 40),
        shear_y=st.floats(-30, 30), dx=st.floats(-5, 5), seed=st.integers(0, 99),
    )  # fmt: skip
    @settings(max_examples=15)
    def test_no_draw_loses_a_corner_and_the_canvas_is_no_larger_than_needed(
        self, degrees, spread, scale, shear_x, shear_y, dx, seed
    ):
        spans = {
            "degrees": (degrees - spread, degrees + spread), "scale": (0.4, scale), "dx": (min(0.0, dx), max(0.0, dx)),
            "shear_x": (min(shear_x, 5.0), max(shear_x, 5.0)), "shear_y": (min(shear_y, 0.0), max(shear_y, 0.0)),
        }  # fmt: skip
        x = pictures(100)
        transform = image.Affine(**spans, expand=True)
        h, w = transform.canvas(x)
        box = torch.tensor([[[0.0, 0, 18, 14]]]).expand(100, -1, -1)
        params = transform.make_params(x, generator=seeded(seed))
        corners = torch.tensor([[-0.5, -0.5], [17.5, -0.5], [17.5, 13.5], [-0.5, 13.5]]).expand(100, -1, -1)
        moved = image.warp_points(corners, params["matrix"]) + 0.5
        assert float(moved.amin()) > -1e-3
        assert float((moved - torch.tensor([w, h])).amax()) < 1e-3
        assert transform.replay(x[:2], {k: v[:2] for k, v in params.items()}, boxes=box[:2]).x.shape == (2, 3, h, w)
        # The tightest canvas, by brute force over the ends of the spans and many angles.
        ends = np.array(np.meshgrid(*(spans[k] for k in ("dx", "shear_x", "shear_y")))).reshape(3, -1).T
        angles = np.linspace(*spans["degrees"], 61)
        tx, a, sx, sy = (torch.tensor(v) for v in zip(*[(d, t, p, q) for d, p, q in ends for t in angles], strict=True))
        matrix = image.affine_matrix(
            torch.zeros(len(a), 1, 14, 18).double(), degrees=a, dx=tx, scale=scale, shear_x=sx, shear_y=sy
        )
        far = image.warp_points(corners[:1].double().expand(len(a), -1, -1), matrix) - torch.tensor([8.5, 6.5])
        need = 2 * far.abs().flatten(0, 1).amax(0)
        assert w <= float(need[0]) * 1.002 + 1.01
        assert h <= float(need[1]) * 1.002 + 1.01

    def test_what_grows_is_refused_beside_what_does_not(self):
        with pytest.raises(ValueError, match="change their size"):
            Sometimes(image.Affine(20, expand=True))
        grown = image.Affine(20, expand=True)(pictures(), mask=masks(), generator=seeded())
        assert grown.mask.shape[-2:] == grown.x.shape[-2:]


class TestMixedMasks:
    def test_a_mixed_mask_is_the_mixture_of_one_hot_masks(self):
        x, mask = pictures(), masks(torch.int64)
        mix = mixing.Mixup(classes=3)
        params = mix.make_params(x, generator=seeded())
        soft = mix.replay(x, params, mask=mask).mask
        hard = functional.one_hot(mask, 3).movedim(-1, 1).float()
        weight = params["lambda_"].view(-1, 1, 1, 1)
        torch.testing.assert_close(soft, weight * hard + (1 - weight) * hard[params["partner"]])
        logits = torch.randn(6, 3, 14, 18, generator=seeded(3))
        loss = mixing.soft_cross_entropy(logits, soft)
        torch.testing.assert_close(loss, functional.cross_entropy(logits, soft))
        each = [
            (functional.cross_entropy(logits, m, reduction="none").mean((1, 2)))
            for m in (mask, mask[params["partner"]])
        ]
        kept = params["lambda_"]
        torch.testing.assert_close(loss, (kept * each[0] + (1 - kept) * each[1]).mean())

    def test_bool_and_float_masks(self):
        x = pictures()
        mix = mixing.Mixup()
        params = mix.make_params(x, generator=seeded())
        weight, partner = params["lambda_"].view(-1, 1, 1), params["partner"]
        for mask in (masks(torch.bool), masks(torch.float32)):
            expected = weight * mask.float() + (1 - weight) * mask[partner].float()
            torch.testing.assert_close(mix.replay(x, params, mask=mask).mask, expected)

    @pytest.mark.parametrize("dtype", DTYPES, ids=str)
    def test_cutmix_pastes_the_mask_with_the_picture(self, dtype):
        x = pictures()
        mask = masks(dtype)
        if not dtype.is_floating_point and dtype != torch.bool:
            mask[:, 0] = 100  # a label to be ignored
        mix = mixing.CutMix(classes=4)
        result = mix(x, mask=mask, y=torch.arange(6) % 4, generator=seeded())
        params = mix.make_params(x, generator=seeded())
        pasted = (result.x != x).all(1)
        assert result.mask.dtype == dtype
        assert torch.equal(result.mask[~pasted], mask[~pasted])
        assert torch.equal(result.mask[pasted], mask[params["partner"]][pasted])
        assert 0 < float(pasted.float().mean()) < 1

    @pytest.mark.parametrize("kind", ["spatial", "temporal", "cube"])
    def test_clips_are_mixed_with_their_masks(self, kind):
        clip = torch.rand(4, 5, 2, 8, 9, generator=seeded())
        mix = video.VideoMix(classes=4, kind=kind)
        for mask in (clip[:, :, 0] > 0.5, clip > 0.5):
            result = mix(clip, mask=mask, y=torch.arange(4), generator=seeded(1))
            assert torch.equal(result.mask, result.x[:, :, 0] > 0.5 if mask.ndim == 4 else result.x > 0.5)
        with pytest.raises(ValueError, match=r"\(4, 5, 8, 9\)"):
            mix(clip, mask=mask[:, :, 0, 1:], generator=seeded())

    def test_in_a_pipeline(self):
        pipeline = Compose([image.Rotate(20, mask_value=1), Sometimes(mixing.CutMix(), 0.5), mixing.Mixup(classes=2)])
        result = pipeline(pictures(), mask=masks(torch.int64), generator=seeded())
        torch.testing.assert_close(result.mask.sum(1), torch.ones(6, 14, 18))

    @pytest.mark.parametrize(
        ("mask", "says"),
        [
            (masks(torch.int64)[:, None], "mixed as probabilities"),
            (masks(torch.uint8) * 255, "mask goes from 0 to 255"),
            (masks(torch.uint8)[:, :-1], r"a mask is a tensor \(6, 14, 18\)"),
        ],
    )
    def test_a_mask_that_cannot_be_mixed_is_refused(self, mask, says):
        with pytest.raises(ValueError, match=says):
            mixing.Mixup(classes=2)(pictures(), mask=mask, generator=seeded())
        with pytest.raises(ValueError, match="here None"):
            mixing.Mixup()(pictures(), mask=masks(torch.int64), generator=seeded())
