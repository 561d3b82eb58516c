"""Geometry against torchvision, kornia, scipy, scikit-image, and cases that can be worked out by hand."""

from labkit.augment import image  # before torchvision, which labkit makes importable

# isort: split
import kornia
import numpy as np
import pytest
import scipy.ndimage
import skimage.transform
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torchvision import tv_tensors
from torchvision.transforms.v2 import InterpolationMode
from torchvision.transforms.v2 import functional as F

SCIPY_MODES = {"constant": "grid-constant", "edge": "nearest", "reflect": "mirror", "wrap": "grid-wrap"}
TV_MODES = {"bilinear": InterpolationMode.BILINEAR, "nearest": InterpolationMode.NEAREST}
angles = st.floats(-180, 180)


def pictures(*shape, dtype=torch.float64, seed=0):
    return torch.rand(shape or (4, 3, 11, 14), generator=torch.Generator().manual_seed(seed), dtype=dtype)


def waves(b=3, h=40, w=48):
    """Smooth pictures, which survive being interpolated twice."""
    rows, columns = torch.meshgrid(torch.arange(h).double(), torch.arange(w).double(), indexing="ij")
    phase = torch.arange(b)[:, None, None, None].double()
    return 0.5 + 0.25 * torch.sin(rows / 6 + phase) + 0.25 * torch.cos(columns / 7 - phase)[:, :1]


@pytest.mark.parametrize("shape", [(2, 3, 6, 6), (2, 1, 5, 8), (1, 3, 7, 4), (1, 1, 1, 3)], ids=str)
@pytest.mark.parametrize("turns", [-3, -2, -1, 0, 1, 2, 3, 4])
def test_quarter_turns_are_exact(shape, turns):
    x = pictures(*shape, dtype=torch.float32)
    wanted = torch.rot90(x, turns, (2, 3))
    assert torch.equal(image.rotate(x, degrees=90.0 * turns, expand=True, interpolation="nearest"), wanted)
    smooth = image.rotate(x, degrees=90.0 * turns, expand=True)
    torch.testing.assert_close(smooth, wanted, rtol=0, atol=2e-6)


def test_whole_pixels_are_slices():
    x = pictures()
    y = image.translate(x, dx=torch.tensor([0, 3, -2, 14]), dy=torch.tensor([0, -4, 1, 0]))
    wanted = torch.zeros_like(x)
    wanted[0] = x[0]
    wanted[1, :, :-4, 3:] = x[1, :, 4:, :-3]
    wanted[2, :, 1:, :-2] = x[2, :, :-1, 2:]
    torch.testing.assert_close(y, wanted, rtol=0, atol=1e-12)


def test_half_a_pixel_is_the_mean_of_two():
    x = pictures()
    y = image.translate(x, dx=0.5, value=1.0)
    left = torch.cat([torch.ones_like(x[..., :1]), x[..., :-1]], -1)
    torch.testing.assert_close(y, (x + left) / 2, rtol=0, atol=1e-12)


def test_a_point_of_light_turns_anticlockwise():
    x = torch.zeros(1, 1, 5, 5)
    x[0, 0, 2, 4] = 1.0
    assert image.rotate(x, degrees=90, interpolation="nearest")[0, 0, 0, 2] == 1.0


@pytest.mark.parametrize("interpolation", ["bilinear", "nearest"])
@pytest.mark.parametrize("shape", [(4, 3, 11, 14), (4, 1, 9, 9)], ids=str)
def test_rotate_is_torchvisions(interpolation, shape):
    x = pictures(*shape)
    degrees = torch.tensor([-100.3, -7.0, 33.3, 171.0])
    y = image.rotate(x, degrees=degrees.double(), interpolation=interpolation)
    for mine, one, angle in zip(y, x, degrees.tolist(), strict=True):
        torch.testing.assert_close(mine, F.rotate(one, angle, interpolation=TV_MODES[interpolation]), rtol=0, atol=2e-6)


@pytest.mark.parametrize("degrees", [10.0, 33.0, 45.0, 71.0, 120.0, -160.0])
def test_the_grown_canvas_holds_every_corner_and_is_torchvisions_but_for_parity(degrees):
    x = pictures(1, 1, 24, 30)
    y = image.rotate(x, degrees=degrees, expand=True)
    theirs = F.rotate(x, degrees, expand=True, interpolation=TV_MODES["bilinear"])
    assert all(0 <= b - a <= 2 for a, b in zip(y.shape[2:], theirs.shape[2:], strict=True))
    if y.shape == theirs.shape:
        torch.testing.assert_close(y, theirs, rtol=0, atol=1e-5)
    assert y.sum() == pytest.approx(x.sum().item(), rel=0.02)


@pytest.mark.parametrize("interpolation", ["bilinear", "nearest"])
def test_affine_is_torchvisions(interpolation):
    x = pictures()
    knobs = {
        "degrees": torch.tensor([12.0, -70.0, 5.0, 0.0]).double(),
        "dx": torch.tensor([1.0, -3.0, 0.0, 2.0]).double(),
        "dy": torch.tensor([0.0, 2.0, -1.0, 2.0]).double(),
        "scale": torch.tensor([0.7, 1.3, 1.0, 2.1]).double(),
        "shear_x": torch.tensor([0.0, 10.0, -20.0, 5.0]).double(),
        "shear_y": torch.tensor([3.0, 0.0, 9.0, -15.0]).double(),
    }
    y = image.affine(x, **knobs, interpolation=interpolation)
    for i, one in enumerate(x):
        a, dx, dy, s, sx, sy = (float(value[i]) for value in knobs.values())
        theirs = F.affine(one, -a, [dx, dy], s, [sx, sy], interpolation=TV_MODES[interpolation])
        torch.testing.assert_close(y[i], theirs, rtol=0, atol=1e-5)


@pytest.mark.parametrize("fill", SCIPY_MODES)
@pytest.mark.parametrize("value", [0.0, 0.7])
def test_every_fill_mode_is_scipys(fill, value):
    x = pictures(3, 2, 9, 12)
    matrix = image.affine_matrix(
        x, degrees=torch.tensor([20.0, -50.0, 170.0]).double(), dx=25.0, dy=torch.tensor([0.3, -17.0, 6.0]), scale=0.6
    )
    y = image.warp(x, matrix, fill=fill, value=value, size=(10, 13))
    swap = np.array([[0, 1, 0], [1, 0, 0], [0, 0, 1]])
    for i in range(3):
        inverse = swap @ np.linalg.inv(matrix[i].numpy()) @ swap
        for c in range(2):
            theirs = scipy.ndimage.affine_transform(
                x[i, c].numpy(), inverse, output_shape=(10, 13), order=1, mode=SCIPY_MODES[fill], cval=value
            )
            np.testing.assert_allclose(y[i, c].numpy(), theirs, atol=1e-10)


@pytest.mark.parametrize("fill", SCIPY_MODES)
def test_elastic_is_scipys_map_coordinates(fill):
    x = pictures(2, 1, 9, 12)
    d = pictures(2, 2, 9, 12, seed=1) * 8 - 4
    y = image.elastic(x, displacement=d, fill=fill, value=0.3)
    rows, columns = np.mgrid[:9, :12]
    for i in range(2):
        places = [rows + d[i, 1].numpy(), columns + d[i, 0].numpy()]
        theirs = scipy.ndimage.map_coordinates(x[i, 0].numpy(), places, order=1, mode=SCIPY_MODES[fill], cval=0.3)
        np.testing.assert_allclose(y[i, 0].numpy(), theirs, atol=1e-10)


@pytest.mark.parametrize("fill", SCIPY_MODES)
@pytest.mark.parametrize("shape", [(1, 1, 1, 5), (1, 1, 4, 1), (1, 1, 1, 1)], ids=str)
def test_a_picture_of_one_row_or_column_can_be_warped(fill, shape):
    x = torch.ones(*shape)
    assert image.rotate(x, degrees=30, fill=fill).isfinite().all()
    if fill != "constant":
        torch.testing.assert_close(image.affine(x, degrees=30, dx=7, fill=fill), x)


def test_rotate_is_scikit_images():
    x = pictures(1, 1, 15, 20)
    theirs = skimage.transform.rotate(x[0, 0].numpy(), 25, order=1, mode="edge")
    np.testing.assert_allclose(image.rotate(x, degrees=25, fill="edge")[0, 0].numpy(), theirs, atol=1e-10)


def quadrilaterals(b=5, seed=0, size=1.5):
    g = torch.Generator().manual_seed(seed)
    square = torch.tensor([[0.0, 0], [13, 0], [13, 10], [0, 10]], dtype=torch.float64)
    return square + size * torch.randn(b, 4, 2, generator=g, dtype=torch.float64)


def test_homographies_are_those_of_kornia_and_scikit_image():
    start, end = quadrilaterals(), quadrilaterals(seed=1)
    mine = image.homography(start, end)
    mine = mine / mine[:, 2:, 2:]
    torch.testing.assert_close(mine, kornia.geometry.get_perspective_transform(start, end), rtol=1e-6, atol=1e-6)
    for a, b, matrix in zip(start, end, mine, strict=True):
        theirs = skimage.transform.ProjectiveTransform.from_estimate(a.numpy(), b.numpy())
        np.testing.assert_allclose(matrix.numpy(), theirs.params, atol=1e-6)


@given(seed=st.integers(0, 2**20), size=st.floats(0, 1.5))
def test_a_homography_moves_its_four_points_and_back(seed, size):
    start, end = quadrilaterals(3, seed, size), quadrilaterals(3, seed + 1, size)
    matrix = image.homography(start, end)
    torch.testing.assert_close(image.warp_points(start, matrix), end, rtol=0, atol=1e-6)
    torch.testing.assert_close(image.warp_points(end, image.invert_matrix(matrix)), start, rtol=0, atol=1e-6)
    torch.testing.assert_close(image.invert_matrix(matrix), torch.linalg.inv(matrix), rtol=1e-6, atol=1e-8)


def test_perspective_is_kornias():
    x = pictures(5, 3, 11, 14)
    start, end = quadrilaterals(), quadrilaterals(seed=1)
    matrix = kornia.geometry.get_perspective_transform(start, end)
    theirs = kornia.geometry.warp_perspective(x, matrix, (11, 14), align_corners=True)
    torch.testing.assert_close(image.perspective(x, start=start, end=end), theirs, rtol=0, atol=1e-5)


def test_perspective_is_torchvisions_half_a_pixel_apart():
    x = pictures(4, 3, 11, 14)
    start, end = quadrilaterals(4), quadrilaterals(4, seed=1)
    y = image.perspective(x, start=start, end=end)
    for i, one in enumerate(x):
        theirs = F.perspective(one, (start[i] + 0.5).tolist(), (end[i] + 0.5).tolist())
        torch.testing.assert_close(y[i], theirs, rtol=0, atol=2e-5)


def test_nothing_is_seen_behind_the_horizon():
    x = torch.ones(1, 1, 20, 20)
    end = torch.tensor([[[8.0, 8], [11, 8], [19, 19], [0, 19]]])
    y = image.perspective(x, end=end)
    assert y[0, 0, 12, 10] == 1
    assert (y[0, 0, :7] == 0).all()


@pytest.mark.parametrize("corner", [0, 1, 2, 3])
def test_three_corners_on_a_line_are_refused(corner):
    x = pictures(2)
    x = pictures(2, 1, 5, 5)
    end = image.corners(x).clone()
    end[1, corner] = (end[1, corner - 1] + end[1, (corner + 1) % 4]) / 2
    with pytest.raises(ValueError, match=r"of sample 1 lie on one line"):
        image.perspective(x, end=end)


@pytest.mark.parametrize("bad", [torch.zeros(2, 3, 2), torch.zeros(1, 4, 2), torch.zeros(4, 2)])
def test_corners_of_the_wrong_shape_are_refused(bad, unchecked):
    with pytest.raises(ValueError, match=r"\(B, 4, 2\)"):
        image.homography(quadrilaterals(2), bad)


@pytest.mark.parametrize("bad", [torch.eye(3), torch.eye(2)[None], torch.eye(3).expand(3, 3, 3)])
def test_matrices_of_the_wrong_shape_are_refused(bad, unchecked):
    with pytest.raises(ValueError, match=r"\(2, 3, 3\)"):
        image.warp(pictures(2, 1, 5, 5), bad)


@pytest.mark.parametrize(("knob", "value"), [("fill", "mirror"), ("interpolation", "cubic")])
def test_unknown_words_are_refused_with_the_known_ones(knob, value):
    with pytest.raises(ValueError, match="expected one of"):
        image.rotate(pictures(), degrees=3, **{knob: value})


@given(a=angles, b=angles, dx=st.floats(-9, 9), scale=st.floats(0.3, 3))
@settings(max_examples=40)
def test_matrices_of_turns_add_up_and_undo_each_other(a, b, dx, scale):
    x = pictures(2, 1, 7, 10)
    both = image.affine_matrix(x, degrees=a) @ image.affine_matrix(x, degrees=b)
    torch.testing.assert_close(both, image.affine_matrix(x, degrees=a + b), rtol=0, atol=1e-9)
    there = image.affine_matrix(x, degrees=a, scale=scale, dx=dx)
    back = image.affine_matrix(x, degrees=-a, scale=1 / scale) @ image.affine_matrix(x, dx=-dx)
    torch.testing.assert_close(back @ there, torch.eye(3, dtype=x.dtype).expand(2, 3, 3), rtol=0, atol=1e-8)
    torch.testing.assert_close(image.invert_matrix(there), back, rtol=0, atol=1e-8)


@given(
    knobs=st.sampled_from(
        [
            ({"degrees": 23}, {"degrees": -23}),
            ({"dx": 2.3, "dy": -1.6}, {"dx": -2.3, "dy": 1.6}),
            ({"scale": 1.2}, {"scale": 1 / 1.2}),
            ({"shear_x": 9}, {"shear_x": -9}),
        ]
    ),
    fill=st.sampled_from(sorted(SCIPY_MODES)),
)
def test_there_and_back_is_where_one_was(knobs, fill):
    x = waves()
    again = image.affine(image.affine(x, **knobs[0], fill=fill), **knobs[1], fill=fill)
    inner = (..., slice(12, -12), slice(12, -12))
    torch.testing.assert_close(again[inner], x[inner], rtol=0, atol=0.02)


def test_each_sample_turns_by_its_own_angle():
    x = waves(4)
    degrees = torch.tensor([0.0, 10.0, -20.0, 90.0], dtype=torch.float64)
    y = image.rotate(x, degrees=degrees)
    for i in range(4):
        torch.testing.assert_close(y[i : i + 1], image.rotate(x[i : i + 1], degrees=float(degrees[i])))


def test_flips_are_torchvisions_where_they_are_asked_for():
    x = pictures()
    chosen = torch.tensor([True, False, True, False])
    for mine, theirs in ((image.hflip, F.horizontal_flip), (image.vflip, F.vertical_flip)):
        torch.testing.assert_close(mine(x), theirs(x))
        torch.testing.assert_close(mine(x, flip=chosen), torch.where(chosen[:, None, None, None], theirs(x), x))
        torch.testing.assert_close(mine(mine(x)), x)


@pytest.mark.parametrize("flip", [torch.ones(3, dtype=torch.bool), torch.ones(4)])
def test_a_flip_that_is_no_yes_or_no_a_sample_is_refused(flip, unchecked):
    with pytest.raises(ValueError, match="flip is bool"):
        image.hflip(pictures(), flip=flip)


def test_boxes_and_keypoints_flip_as_torchvisions():
    boxes = torch.tensor([[[1.0, 2, 5, 9], [0, 0, 14, 11]]])
    points = torch.tensor([[[1.0, 2], [13, 10], [0, 0]]])
    x = pictures(1, 1, 11, 14)
    theirs = tv_tensors.BoundingBoxes(boxes[0], format="XYXY", canvas_size=(11, 14))
    dots = tv_tensors.KeyPoints(points[0], canvas_size=(11, 14))
    for transform, flip in (
        (image.HorizontalFlip(1.0), F.horizontal_flip),
        (image.VerticalFlip(1.0), F.vertical_flip),
    ):
        result = transform(x, boxes=boxes, keypoints=points)
        torch.testing.assert_close(result.boxes[0], flip(theirs).as_subclass(torch.Tensor))
        torch.testing.assert_close(result.keypoints[0], flip(dots).as_subclass(torch.Tensor))


@given(a=angles, scale=st.floats(0.4, 1.5), dx=st.floats(-6, 6))
@settings(max_examples=40)
def test_a_moved_box_is_the_hull_of_its_corners_within_the_picture(a, scale, dx):
    x = pictures(1, 1, 22, 30)
    matrix = image.affine_matrix(x, degrees=a, scale=scale, dx=dx)
    box = torch.tensor([[[6.0, 4, 19, 15]]], dtype=torch.float64)
    corners = torch.tensor([[[5.5, 3.5], [18.5, 3.5], [18.5, 14.5], [5.5, 14.5]]], dtype=torch.float64)
    moved = image.warp_points(corners, matrix)[0] + 0.5
    limits = torch.tensor([30.0, 22.0], dtype=torch.float64)
    wanted = torch.cat([moved.amin(0), moved.amax(0)]).clamp_min(0).minimum(limits.repeat(2))
    torch.testing.assert_close(image.warp_boxes(box, matrix, size=(22, 30))[0, 0], wanted)


def test_a_box_that_has_left_the_picture_is_empty():
    x = pictures(1, 1, 10, 10)
    away = image.warp_boxes(torch.tensor([[[1.0, 1, 4, 4]]]), image.affine_matrix(x, dx=-30.0), size=(10, 10))
    assert away[0, 0, 0] == away[0, 0, 2] == 0


def test_labels_keep_their_numbers_however_large():
    x = pictures(1, 1, 8, 8)
    mask = torch.full((1, 8, 8), 2**40 + 1)
    result = image.Rotate((90, 90))(x, mask=mask)
    assert torch.equal(result.mask, mask)


def test_the_canvas_of_a_span_is_large_enough_for_each_of_its_angles():
    x = pictures(1, 1, 20, 31)
    for low, high in ((-10, 10), (30, 50), (0, 180), (-100, -80), (40, 40)):
        height, width = image.Rotate((low, high), expand=True).canvas(x)
        needed = [image.rotated_size((20, 31), a) for a in np.linspace(low, high, 400)]
        assert max(h for h, _ in needed) in (height, height - 1)
        assert max(w for _, w in needed) in (width, width - 1)
        assert all(h <= height and w <= width for h, w in needed)


def test_elastic_fields_are_as_strong_as_they_say():
    x = torch.zeros(40, 1, 32, 32)
    for alpha, sigma in ((34.0, 4.0), (10.0, 2.0)):
        field = image.elastic_field(x, alpha=alpha, sigma=sigma, generator=torch.Generator().manual_seed(0))
        assert field.mean().abs() < 0.1
        assert field.std().item() == pytest.approx(0.163 * alpha / sigma, rel=0.05)


def test_a_displacement_of_the_wrong_size_is_refused(unchecked):
    with pytest.raises(ValueError, match=r"\(4, 2, 11, 14\)"):
        image.elastic(pictures(), displacement=torch.zeros(4, 2, 11, 13))


def test_gradients_reach_a_parameter_through_a_warp():
    x, target = waves(), 7.5
    wanted = image.rotate(x, degrees=target)
    degrees = torch.zeros(3, dtype=torch.float64, requires_grad=True)
    optimiser = torch.optim.Adam([degrees], lr=0.5)
    for _ in range(80):
        optimiser.zero_grad()
        (image.rotate(x, degrees=degrees) - wanted).square().mean((1, 2, 3)).sum().backward()
        optimiser.step()
    torch.testing.assert_close(degrees.detach(), torch.full((3,), target, dtype=torch.float64), rtol=0, atol=0.2)


class TestLargeBatches:
    """What is looked up a picture at a time is what is looked up at once."""

    @pytest.mark.parametrize("mask_dtype", [torch.bool, torch.uint8, torch.int64, torch.float32])
    def test_pictures_and_masks_are_the_same_bits(self, mask_dtype):
        x = torch.rand(3, 2, 150, 170, generator=torch.Generator().manual_seed(0))
        mask = (5 * torch.rand(3, 150, 170, generator=torch.Generator().manual_seed(1))).to(mask_dtype)
        t = image.Rotate(40, mask_value=1)
        params = t.make_params(x, generator=torch.Generator().manual_seed(2))
        whole = t.replay(x.clone().requires_grad_(), params, mask=mask)  # a gradient keeps the batch together
        apart = t.replay(x, params, mask=mask)
        assert torch.equal(apart.x, whole.x.detach())
        assert torch.equal(apart.mask, whole.mask)
        assert apart.mask.dtype == mask_dtype

    def test_an_affine_grid_is_that_of_the_homography(self):
        x = torch.rand(2, 1, 20, 30)
        matrix = image.affine_matrix(x, degrees=torch.tensor([20.0, -50.0]), scale=torch.tensor([0.7, 1.3]), dx=2.0)
        y = image.warp(x, matrix)
        assert torch.equal(y, image.warp(x, matrix.clone().requires_grad_()).detach())
