"""Padding, cropping and resizing against numpy, torchvision and slices."""

from labkit.augment import image  # before torchvision, which labkit makes importable

# isort: split
import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torchvision.transforms.v2 import functional as F

NUMPY_MODES = {"constant": "constant", "reflect": "reflect", "edge": "edge", "wrap": "wrap"}


def pictures(*shape, dtype=torch.float64, seed=0):
    return torch.rand(shape or (4, 3, 11, 14), generator=torch.Generator().manual_seed(seed), dtype=dtype)


@given(
    sides=st.tuples(*[st.integers(0, 17)] * 4),
    fill=st.sampled_from(sorted(NUMPY_MODES)),
    size=st.tuples(st.integers(1, 6), st.integers(1, 6)),
)
def test_padding_is_numpys(sides, fill, size):
    x = pictures(2, 1, *size)
    left, top, right, bottom = sides
    y = image.pad(x, padding=sides, fill=fill, value=0.3)
    extra = {"constant_values": 0.3} if fill == "constant" else {}
    theirs = np.pad(x.numpy(), ((0, 0), (0, 0), (top, bottom), (left, right)), mode=NUMPY_MODES[fill], **extra)
    np.testing.assert_array_equal(y.numpy(), theirs)


def test_one_number_pads_all_sides():
    x = pictures()
    assert torch.equal(image.pad(x, padding=2), image.pad(x, padding=(2, 2, 2, 2)))
    with pytest.raises(ValueError, match="not below 0"):
        image.pad(x, padding=-1)


def test_crops_are_slices_each_its_own():
    x = pictures()
    top, left = torch.tensor([0, 3, 5, 6]), torch.tensor([0, 1, 8, 4])
    y = image.crop(x, top=top, left=left, height=5, width=6)
    for i, (t, j) in enumerate(zip(top.tolist(), left.tolist(), strict=True)):
        assert torch.equal(y[i], x[i, :, t : t + 5, j : j + 6])
    assert torch.equal(image.crop(x, top=2, left=3, height=5, width=6), x[:, :, 2:7, 3:9])
    assert torch.equal(image.crop(x, top=2, left=left, height=5, width=6)[2], x[2, :, 2:7, 8:14])


@pytest.mark.parametrize(
    "window",
    [
        {"top": 7, "left": 0, "height": 5, "width": 6},
        {"top": 0, "left": -1, "height": 5, "width": 6},
        {"top": torch.tensor([0, 0, 0, 7]), "left": 0, "height": 5, "width": 6},
        {"top": 0, "left": 0, "height": 12, "width": 6},
        {"top": 0, "left": 0, "height": 0, "width": 6},
        {"top": torch.tensor([0, 0]), "left": 0, "height": 5, "width": 6},
    ],
)
def test_a_window_that_does_not_fit_is_refused(window, unchecked):
    with pytest.raises(ValueError, match=r"expected|each of the 4"):
        image.crop(pictures(), **window)


@pytest.mark.parametrize("size", [(22, 28), (5, 7), (11, 20)])
@pytest.mark.parametrize("antialias", [True, False])
def test_resize_is_torchvisions(size, antialias):
    x = pictures(dtype=torch.float32)
    theirs = F.resize(x, list(size), antialias=antialias)
    torch.testing.assert_close(image.resize(x, size=size, antialias=antialias), theirs)
    nearest = F.resize(x, list(size), interpolation=F.InterpolationMode.NEAREST_EXACT)
    torch.testing.assert_close(image.resize(x, size=size, interpolation="nearest"), nearest)


def test_a_picture_can_become_one_pixel_wide():
    x = torch.tensor([[0.0, 0.0], [1.0, 1.0]]).expand(1, 3, 2, 2)
    column = torch.tensor([0.0, 0.5, 1.0])[:, None].expand(1, 3, 3, 1)
    torch.testing.assert_close(image.resize(x, size=(3, 1)), column)
    torch.testing.assert_close(
        image.resize(pictures(), size=(1, 1), antialias=False), pictures()[:, :, 5:6, 6:8].mean(3, True)
    )


@given(
    box=st.tuples(st.integers(0, 9), st.integers(0, 7), st.integers(1, 12), st.integers(1, 9)),
    size=st.tuples(st.integers(1, 20), st.integers(2, 20)),  # to a width of 1 torch's own is wrong
    antialias=st.booleans(),
)
@settings(max_examples=60)
def test_cutting_and_resizing_at_once_is_torchvisions_one_after_the_other(box, size, antialias):
    x = pictures(2, 3, 11, 14, dtype=torch.float32)
    left, top = box[:2]
    width, height = min(box[2], 14 - left), min(box[3], 11 - top)
    boxes = torch.tensor([[left, top, left + width, top + height]] * 2, dtype=torch.float32)
    theirs = F.resized_crop(x, top, left, height, width, list(size), antialias=antialias)
    y = image.crop_resize(x, boxes=boxes, size=size, antialias=antialias)
    torch.testing.assert_close(y, theirs, rtol=0, atol=1e-5)
    cut = image.crop(x, top=top, left=left, height=height, width=width)
    nearest = image.crop_resize(x, boxes=boxes, size=size, interpolation="nearest")
    assert torch.equal(nearest, image.resize(cut, size=size, interpolation="nearest"))


def test_each_sample_has_its_own_box():
    x = pictures()
    boxes = torch.tensor([[0.0, 0, 14, 11], [1, 2, 9, 10], [3, 3, 4, 4], [5.5, 1.25, 13.0, 8.75]], dtype=torch.float64)
    y = image.crop_resize(x, boxes=boxes, size=(6, 8))
    for i in range(4):
        alone = image.crop_resize(x[i : i + 1], boxes=boxes[i : i + 1], size=(6, 8))
        torch.testing.assert_close(y[i : i + 1], alone)
    torch.testing.assert_close(y[2], x[2, :, 3:4, 3:4].expand(3, 6, 8))


@pytest.mark.parametrize("antialias", [True, False])
@pytest.mark.parametrize("size", [(3, 4), (6, 20), (15, 5), (22, 30), (11, 14), (1, 1)])
@pytest.mark.parametrize("hole", [None, torch.nan, torch.inf])
def test_sums_of_few_pixels_are_those_of_whole_matrices(size, antialias, hole):
    x = pictures(5, 2, 11, 14)
    boxes = torch.tensor(
        [[0.0, 0, 14, 11], [1, 2, 9, 10], [3, 3, 4, 4], [5.5, 1.25, 13.0, 8.75], [0.5, 0.5, 1.5, 1.5]],
        dtype=torch.float64,
    )
    if hole is not None:
        x[:, :, 3, 3] = x[:, :, 9, 11] = hole
    few = image.crop_resize(x, boxes=boxes, size=size, antialias=antialias)
    whole = image.crop_resize(x.clone().requires_grad_(), boxes=boxes, size=size, antialias=antialias)
    assert not whole[4].isnan().any()
    torch.testing.assert_close(few, whole.detach(), equal_nan=True, rtol=0, atol=1e-12)


@pytest.mark.parametrize(
    ("boxes", "says"),
    [
        (torch.tensor([[3.0, 0, 3.5, 11]] * 4), "width of a box"),
        (torch.tensor([[3.0, 5, 9, 4]] * 4), "height of a box"),
        (torch.zeros(3, 4), r"\(B, 4\)"),
    ],
)
def test_a_box_that_is_none_is_refused(boxes, says, unchecked):
    with pytest.raises(ValueError, match=says):
        image.crop_resize(pictures(), boxes=boxes, size=(4, 4))


@pytest.mark.parametrize("size", [(0, 4), (4,)])
def test_a_size_that_is_none_is_refused(size, unchecked):
    with pytest.raises(ValueError, match="size is"):
        image.resize(pictures(), size=size)


def test_random_windows_reach_every_place_and_no_other():
    x = torch.arange(20.0).reshape(1, 1, 4, 5).expand(2000, 1, 4, 5)
    y = image.RandomCrop((2, 3))(x, generator=torch.Generator().manual_seed(0))
    corners = y[:, 0, 0, 0].unique(return_counts=True)
    assert corners[0].tolist() == [0, 1, 2, 5, 6, 7, 10, 11, 12]
    assert corners[1].min() > 2000 / 9 * 0.75


def test_a_window_larger_than_its_picture_is_refused():
    with pytest.raises(ValueError, match="doesn't fit"):
        image.RandomCrop((12, 5))(pictures())
    assert image.RandomCrop((12, 5), padding=1)(pictures()).shape == (4, 3, 12, 5)


def test_random_boxes_have_the_area_and_shape_they_were_drawn_from():
    x = torch.empty(0).new_zeros(4000, 1, 200, 300)
    boxes = image.random_boxes(x, scale=(0.1, 0.3), ratio=(0.5, 2.0), generator=torch.Generator().manual_seed(0))
    w, h = (boxes[:, 2:] - boxes[:, :2]).unbind(1)
    share, shape = w * h / 60000, w / h
    assert share.min() > 0.095
    assert share.max() < 0.305
    assert share.mean().item() == pytest.approx(0.2, abs=0.01)
    assert shape.min() > 0.48
    assert shape.max() < 2.1
    assert shape.log().mean().abs() < 0.03
    assert (boxes[:, :2] >= 0).all()
    assert (boxes[:, 2] <= 300).all()
    assert (boxes[:, 3] <= 200).all()
