"""Kernels against torchvision, kornia, scipy and scikit-image, and the little that can be worked out by hand."""

from labkit.augment import image  # before torchvision, which labkit makes importable

# isort: split
import kornia
import numpy as np
import pytest
import scipy.ndimage
import skimage.filters
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torchvision.transforms.v2 import functional as F

SCIPY_MODES = {"constant": "constant", "edge": "nearest", "reflect": "mirror", "wrap": "grid-wrap"}


def pictures(*shape, dtype=torch.float64, seed=0):
    return torch.rand(shape or (4, 3, 11, 14), generator=torch.Generator().manual_seed(seed), dtype=dtype)


@pytest.mark.parametrize("fill", SCIPY_MODES)
@pytest.mark.parametrize("sides", [(3, 3), (5, 1), (1, 7), (9, 15)], ids=str)
def test_a_kernel_is_scipys_correlation(fill, sides):
    x, kernel = pictures(2, 2, 6, 8), pictures(*sides, seed=1) - 0.5
    y = image.filter2d(x, kernel, fill=fill, value=0.4)
    for i in range(2):
        for c in range(2):
            theirs = scipy.ndimage.correlate(x[i, c].numpy(), kernel.numpy(), mode=SCIPY_MODES[fill], cval=0.4)
            np.testing.assert_allclose(y[i, c].numpy(), theirs, atol=1e-12)


def test_each_sample_has_its_own_kernel():
    x, kernels = pictures(), pictures(4, 3, 5, seed=1)
    y = image.filter2d(x, kernels)
    for i in range(4):
        torch.testing.assert_close(y[i], image.filter2d(x[i : i + 1], kernels[i])[0], rtol=0, atol=1e-12)
    torch.testing.assert_close(y, kornia.filters.filter2d(x, kernels, border_type="reflect"), rtol=0, atol=1e-12)


@pytest.mark.parametrize(
    ("kernel", "says"),
    [
        (torch.ones(2, 3), "height is 2; expected an odd number"),
        (torch.ones(3, 4), "width is 4; expected an odd number"),
        (torch.ones(3), r"\(k, l\)"),
        (torch.ones(3, 3, 3), r"\(4, k, l\)"),
    ],
)
def test_a_kernel_that_is_none_is_refused(kernel, says, unchecked):
    with pytest.raises(ValueError, match=says):
        image.filter2d(pictures(), kernel)


def test_gaussian_blur_is_torchvisions():
    x = pictures(dtype=torch.float32)
    sigma = torch.tensor([0.3, 0.8, 1.5, 3.0])
    y = image.gaussian_blur(x, sigma=sigma, kernel_size=9)
    for one, result, s in zip(x, y, sigma.tolist(), strict=True):
        torch.testing.assert_close(result, F.gaussian_blur(one, [9, 9], [s, s]), rtol=0, atol=2e-6)


@pytest.mark.parametrize("fill", SCIPY_MODES)
def test_gaussian_blur_is_scipys_with_every_border(fill):
    x = pictures(1, 1, 12, 9)
    theirs = scipy.ndimage.gaussian_filter(x[0, 0].numpy(), 1.4, radius=5, mode=SCIPY_MODES[fill], cval=0.2)
    y = image.gaussian_blur(x, sigma=1.4, kernel_size=11, fill=fill, value=0.2)
    np.testing.assert_allclose(y[0, 0].numpy(), theirs, atol=1e-12)


def test_the_kernel_grows_with_the_largest_sigma():
    x = pictures(2, 1, 40, 40)
    automatic = image.gaussian_blur(x, sigma=torch.tensor([0.5, 3.0]))
    torch.testing.assert_close(automatic, image.gaussian_blur(x, sigma=torch.tensor([0.5, 3.0]), kernel_size=19))


@pytest.mark.parametrize("blur", [{"sigma": 6.0}, {"sigma": torch.tensor([6.0, 2.0]).double()}], ids=["one", "each"])
def test_a_blur_may_be_wider_than_its_picture(blur):
    x = pictures(2, 1, 4, 5)
    y = image.gaussian_blur(x, **blur)
    assert y.shape == x.shape
    assert y[0].std() < 0.2 * x[0].std()


@pytest.mark.parametrize("kernel_size", [1, 3, 7])
def test_box_blur_is_kornias(kernel_size):
    x = pictures()
    theirs = kornia.filters.box_blur(x, kernel_size, border_type="reflect")
    torch.testing.assert_close(image.box_blur(x, kernel_size=kernel_size), theirs, rtol=0, atol=1e-12)


@pytest.mark.parametrize("fill", SCIPY_MODES)
@pytest.mark.parametrize("kernel_size", [1, 3, 5])
def test_median_filter_is_scipys(kernel_size, fill):
    x = pictures(2, 2, 6, 8)
    y = image.median_filter(x, kernel_size=kernel_size, fill=fill, value=0.4)
    for i in range(2):
        for c in range(2):
            theirs = scipy.ndimage.median_filter(x[i, c].numpy(), kernel_size, mode=SCIPY_MODES[fill], cval=0.4)
            np.testing.assert_array_equal(y[i, c].numpy(), theirs)


def test_the_median_removes_salt_and_pepper_better_than_a_blur():
    clean = image.gaussian_blur(pictures(1, 1, 64, 64), sigma=4.0)
    noisy = image.salt_and_pepper(clean, amount=0.1, generator=torch.Generator().manual_seed(0))
    median, mean = image.median_filter(noisy, kernel_size=3), image.box_blur(noisy, kernel_size=3)
    assert 10 * (median - clean).abs().mean() < (mean - clean).abs().mean()


@given(length=st.floats(1, 9), degrees=st.floats(-360, 360))
@settings(max_examples=60)
def test_a_stroke_of_motion_is_even_central_and_as_long_as_it_says(length, degrees):
    kernel = image.motion_kernel(
        torch.tensor([length], dtype=torch.float64), torch.tensor([degrees], dtype=torch.float64), kernel_size=9
    )[0]
    assert kernel.sum().item() == pytest.approx(1)
    assert kernel.min() >= 0
    torch.testing.assert_close(kernel, kernel.flip(0, 1), rtol=0, atol=1e-9)
    rows, columns = np.mgrid[-4:5, -4:5]
    angle = np.deg2rad(degrees)
    along = columns * np.cos(angle) - rows * np.sin(angle)
    across = columns * np.sin(angle) + rows * np.cos(angle)
    spread = (kernel.numpy() * along**2).sum()
    # A line of this length has the variance length² / 12; the pixels' own extent adds less than 1/3.
    assert -0.1 <= spread - (length**2 - 1) / 12 <= 0.55
    assert (kernel.numpy() * across**2).sum() < 0.35


def test_motion_along_the_axes_is_a_row_or_a_column_of_equal_weights():
    def kernel(length, degrees):
        return image.motion_kernel(torch.tensor([length]), torch.tensor([degrees]), kernel_size=5)[0]

    row = torch.zeros(5, 5)
    row[2, 1:4] = 1 / 3
    torch.testing.assert_close(kernel(3.0, 0.0), row)
    torch.testing.assert_close(kernel(3.0, 90.0), row.T, rtol=0, atol=1e-6)
    torch.testing.assert_close(kernel(3.0, 180.0), row, rtol=0, atol=1e-6)
    assert kernel(5.0, 45.0)[0, 4] > 0.03
    assert kernel(5.0, 45.0)[0, 0] == 0


def test_motion_blur_smears_along_its_direction_only():
    stripes = (torch.arange(24) // 3 % 2).double().expand(1, 1, 24, 24).contiguous()
    torch.testing.assert_close(image.motion_blur(stripes, length=7, degrees=90), stripes, rtol=0, atol=1e-6)
    assert image.motion_blur(stripes, length=7, degrees=0).std() < 0.5 * stripes.std()
    lengths = torch.tensor([1.0, 6.0], dtype=torch.float64)
    automatic = image.motion_blur(stripes.expand(2, 1, 24, 24), length=lengths, degrees=10.0)
    wanted = image.motion_blur(stripes.expand(2, 1, 24, 24), length=lengths, degrees=10.0, kernel_size=7)
    torch.testing.assert_close(automatic, wanted)


def test_sobel_is_kornias_and_scikit_images():
    x = pictures()
    dx, dy = image.sobel_gradients(x)
    theirs = kornia.filters.spatial_gradient(x)
    torch.testing.assert_close(torch.stack([dx, dy], 2), theirs, rtol=0, atol=1e-12)
    torch.testing.assert_close(image.sobel(x), kornia.filters.sobel(x, eps=0.0), rtol=0, atol=1e-12)
    other = skimage.filters.sobel(x[0, 0].numpy(), mode="mirror")
    np.testing.assert_allclose(image.sobel(x, fill="reflect")[0, 0].numpy(), other / 2 * np.sqrt(2), atol=1e-12)


def test_a_ramp_has_the_slope_it_was_given():
    rows, columns = torch.meshgrid(torch.arange(6.0), torch.arange(8.0), indexing="ij")
    x = (0.1 * columns + 0.03 * rows)[None, None]
    inner = (..., slice(1, -1), slice(1, -1))
    dx, dy = image.sobel_gradients(x)
    torch.testing.assert_close(dx[inner], torch.full_like(x, 0.1)[inner])
    torch.testing.assert_close(dy[inner], torch.full_like(x, 0.03)[inner])
    torch.testing.assert_close(image.laplacian(x)[inner], torch.zeros_like(x)[inner], rtol=0, atol=1e-6)


def test_a_flat_picture_has_a_gradient_of_sobel_that_is_a_number():
    x = torch.full((1, 1, 5, 5), 0.5, requires_grad=True)
    image.sobel(x).sum().backward()
    assert x.grad.isfinite().all()


def test_laplacian_is_scipys():
    x = pictures(1, 1, 9, 7)
    for fill, mode in SCIPY_MODES.items():
        theirs = scipy.ndimage.laplace(x[0, 0].numpy(), mode=mode)
        np.testing.assert_allclose(image.laplacian(x, fill=fill)[0, 0].numpy(), theirs, atol=1e-12)


def test_unsharp_is_kornias_within_the_range():
    x = pictures() * 0.4 + 0.3
    theirs = kornia.filters.unsharp_mask(x, (7, 7), (1.2, 1.2))
    torch.testing.assert_close(image.unsharp(x, sigma=1.2, kernel_size=7), theirs.clamp(0, 1), rtol=0, atol=1e-9)


def test_emboss_lights_one_side_of_a_step_and_shades_the_other():
    x = torch.full((1, 1, 9, 9), 0.5)
    x[..., 3:6, 3:6] = 0.6
    relief = image.emboss(x) - x
    assert relief[0, 0, 2, 2] > 0
    assert relief[0, 0, 6, 6] < 0
    assert relief[0, 0, 4, 4].abs() < 1e-6
    assert relief[0, 0, 0, 0].abs() < 1e-6


def test_a_tiny_picture_has_no_inside_to_sharpen():
    x = pictures(2, 3, 2, 5, dtype=torch.float32)
    torch.testing.assert_close(image.sharpen(x, factor=2.0), x)
