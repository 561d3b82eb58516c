"""Noise and erasing: their distributions, their exact rates, and what they leave alone."""

import pytest
import scipy.stats
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from labkit.augment import image


def seeded(seed=0):
    return torch.Generator().manual_seed(seed)


def grey(shade, b=4, c=3, n=64):
    return torch.full((b, c, n, n), shade)


def follows(sample, law):
    """Whether a one-sided Kolmogorov–Smirnov test finds nothing wrong with a sample."""
    return scipy.stats.kstest(sample.flatten().double().numpy(), law).pvalue > 1e-3


def test_gaussian_noise_is_normal_with_its_own_sigma_in_each_sample():
    sigma = torch.tensor([0.01, 0.02, 0.05, 0.08])
    noise = image.add_gaussian_noise(grey(0.5), sigma=sigma, generator=seeded()) - 0.5
    for one, s in zip(noise, sigma.tolist(), strict=True):
        assert follows(one, scipy.stats.norm(0, s).cdf)


def test_cauchy_noise_is_cauchy_where_it_is_not_clamped():
    noise = image.standard_cauchy(grey(0.5), generator=seeded())
    assert follows(noise, scipy.stats.cauchy.cdf)
    y = image.add_cauchy_noise(grey(0.5), gamma=0.01, noise=noise)
    torch.testing.assert_close(y, (0.5 + 0.01 * noise).clamp(0, 1))


def test_speckle_grows_with_the_light():
    for shade in (0.2, 0.6):
        noise = image.speckle(grey(shade), sigma=0.1, generator=seeded()) - shade
        assert follows(noise, scipy.stats.norm(0, 0.1 * shade).cdf)
    assert (image.speckle(grey(0.0), sigma=0.5, generator=seeded()) == 0).all()


@pytest.mark.parametrize("peak", [3.0, 40.0])
def test_photons_are_poisson(peak):
    counts = image.photon_counts(grey(0.5), peak=peak, generator=seeded())
    observed = torch.bincount(counts.flatten().long(), minlength=int(5 * peak)).double().numpy()
    expected = scipy.stats.poisson(0.5 * peak).pmf(range(len(observed))) * counts.numel()
    common = expected > 20
    chi2 = ((observed - expected)[common] ** 2 / expected[common]).sum()
    assert scipy.stats.chi2(common.sum() - 1).sf(chi2) > 1e-3
    y = image.poisson_noise(grey(0.5), peak=peak, counts=counts)
    torch.testing.assert_close(y, (counts / peak).clamp(0, 1))


def test_photons_without_light_are_none():
    assert (image.poisson_noise(grey(0.0), peak=5, generator=seeded()) == 0).all()


def test_salt_and_pepper_come_at_their_rates():
    amount, salt = torch.tensor([0.0, 0.1, 0.5, 1.0]), torch.tensor([0.5, 0.2, 1.0, 0.25])
    y = image.salt_and_pepper(grey(0.5, n=128), amount=amount, salt=salt, generator=seeded())
    for one, a, s in zip(y, amount.tolist(), salt.tolist(), strict=True):
        assert (one == one[:1]).all(), "a pixel is lost with all its channels"
        white, black, n = (one[0] == 1).sum().item(), (one[0] == 0).sum().item(), 128 * 128
        for seen, p in ((white, a * s), (black, a * (1 - s))):
            assert scipy.stats.binomtest(seen, n, p).pvalue > 1e-3
        assert white + black + (one[0] == 0.5).sum().item() == n


@given(u=st.floats(0, 1, exclude_max=True, width=32), amount=st.floats(0, 1), salt=st.floats(0, 1))
def test_a_pixel_is_pepper_below_and_salt_above(u, amount, salt):
    x = torch.full((1, 1, 1, 1), 0.5, dtype=torch.float64)
    y = image.salt_and_pepper(x, amount=amount, salt=salt, u=torch.full_like(x, u)).item()
    white = amount * salt
    assert y == (1.0 if u >= 1 - white else 0.0 if u < amount - white else 0.5)


@pytest.mark.parametrize("function", [image.add_gaussian_noise, image.speckle])
def test_noise_of_another_shape_is_refused(function, unchecked):
    with pytest.raises(ValueError, match="images' shape"):
        function(grey(0.5), sigma=0.1, noise=torch.zeros(4, 3, 64, 63))


def test_boxes_are_erased_and_nothing_else():
    x = torch.rand(3, 2, 8, 9, generator=seeded())
    boxes = torch.tensor([[1, 2, 5, 6], [-3, -3, 4, 2], [5, 5, 5, 8]])
    y = image.erase(x, boxes=boxes, value=0.25)
    wanted = x.clone()
    wanted[0, :, 2:6, 1:5] = 0.25
    wanted[1, :, :2, :4] = 0.25
    assert torch.equal(y, wanted)
    both = image.erase(x, boxes=torch.stack([boxes, torch.tensor([[0, 0, 1, 1]] * 3)], 1), value=0.25)
    wanted[:, :, 0, 0] = 0.25
    assert torch.equal(both, wanted)


def test_the_mean_is_each_channels_of_each_picture():
    x = torch.rand(3, 2, 8, 9, generator=seeded())
    y = image.erase(x, boxes=torch.tensor([[0, 0, 9, 8]] * 3), value="mean")
    torch.testing.assert_close(y, x.mean((2, 3), keepdim=True).expand_as(x))


def test_noise_in_a_box_is_fresh_and_uniform():
    y = image.erase(grey(0.5), boxes=torch.tensor([[0, 0, 64, 64]] * 4), value="noise", generator=seeded())
    assert follows(y, scipy.stats.uniform.cdf)


@given(x=st.integers(0, 8), y=st.integers(0, 7), size=st.integers(1, 12))
@settings(max_examples=60)
def test_cutout_is_a_slice_around_its_centre(x, y, size):
    ones = torch.ones(1, 1, 8, 9)
    low = size // 2
    wanted = ones.clone()
    wanted[..., max(y - low, 0) : max(y - low + size, 0), max(x - low, 0) : max(x - low + size, 0)] = 0
    assert torch.equal(image.cutout(ones, centres=torch.tensor([[float(x), float(y)]]), size=size), wanted)


def test_random_erasing_erases_its_share_of_samples_and_area():
    x = torch.ones(3000, 1, 40, 50)
    y = image.RandomErasing(0.3, scale=(0.1, 0.2))(x, generator=seeded())
    lost = (y == 0).float().mean((1, 2, 3))
    hit = lost > 0
    assert scipy.stats.binomtest(int(hit.sum()), 3000, 0.3).pvalue > 1e-3
    assert lost[hit].min() > 0.08
    assert lost[hit].max() < 0.22
    assert lost[hit].mean().item() == pytest.approx(0.15, abs=0.01)


@pytest.mark.parametrize(
    ("call", "says"),
    [
        (lambda x: image.erase(x, boxes=torch.zeros(3, 4)), "B = 4"),
        (lambda x: image.erase(x, boxes=torch.zeros(4, 3)), "left, top"),
        (lambda x: image.erase(x, boxes=torch.zeros(4, 4), value="blue"), "noise, mean"),
        (lambda x: image.erase(x, boxes=torch.zeros(4, 4), value="noise", noise=torch.zeros(4, 3, 2, 2)), "shape"),
        (lambda x: image.cutout(x, centres=torch.zeros(4, 3), size=2), r"\(4, 2\)"),
        (lambda x: image.cutout(x, centres=torch.zeros(4, 2), size=0), "at least 1"),
        (lambda x: image.salt_and_pepper(x, amount=0.1, u=torch.zeros(4, 3, 64, 64)), r"\(B, 1, H, W\)"),
    ],
)
def test_bad_input_is_refused(call, says, unchecked):
    with pytest.raises(ValueError, match=says):
        call(grey(0.5))
