"""Colour against torchvision, kornia, colorsys and Pillow, sample by sample."""

from labkit.augment import image  # before torchvision, which labkit makes importable

# isort: split
import colorsys

import kornia
import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image, ImageOps
from torchvision.transforms.v2 import functional as F


def pictures(*shape, dtype=torch.float32, seed=0):
    return torch.rand(shape or (4, 3, 11, 14), generator=torch.Generator().manual_seed(seed), dtype=dtype)


FACTORS = [0.0, 0.4, 1.0, 2.3]
ORACLES = {
    "brightness": (image.brightness, "factor", FACTORS, F.adjust_brightness),
    "contrast": (image.contrast, "factor", FACTORS, F.adjust_contrast),
    "saturation": (image.saturation, "factor", FACTORS, F.adjust_saturation),
    "hue": (image.hue, "shift", [-0.5, -0.13, 0.0, 0.4], F.adjust_hue),
    "sharpen": (image.sharpen, "factor", FACTORS, F.adjust_sharpness),
    "solarize": (image.solarize, "threshold", [0.0, 0.3, 0.5, 1.0], F.solarize),
    "posterize": (image.posterize, "bits", [0, 1, 3, 8], F.posterize),
}


@pytest.mark.parametrize(("mine", "knob", "values", "theirs"), ORACLES.values(), ids=ORACLES.keys())
@pytest.mark.parametrize("channels", [1, 3])
def test_each_sample_is_torchvisions(mine, knob, values, theirs, channels):
    x = pictures(4, channels, 11, 14)
    x[..., 0, :3] = torch.tensor([0.0, 1.0, 0.5])
    y = mine(x, **{knob: torch.tensor(values)})
    for one, result, value in zip(x, y, values, strict=True):
        torch.testing.assert_close(result, theirs(one, value), rtol=0, atol=2e-6)


@pytest.mark.parametrize(("mine", "theirs"), [(image.invert, F.invert), (image.equalize, F.equalize)])
@pytest.mark.parametrize("shape", [(4, 3, 20, 30), (2, 1, 7, 9), (2, 3, 64, 64)], ids=str)
def test_what_has_no_knob_is_torchvisions(mine, theirs, shape):
    x = pictures(*shape) ** 2
    torch.testing.assert_close(mine(x), theirs(x), rtol=0, atol=1e-6)


def test_grayscale_is_torchvisions_where_it_is_asked_for():
    x = pictures()
    chosen = torch.tensor([True, False, False, True])
    grey = F.rgb_to_grayscale(x, num_output_channels=3)
    torch.testing.assert_close(image.grayscale(x), grey)
    torch.testing.assert_close(image.grayscale(x, gray=chosen), torch.where(chosen[:, None, None, None], grey, x))


def test_jitter_is_torchvisions_functions_one_after_the_other():
    x = pictures()
    knobs = {
        "brightness": torch.tensor([0.5, 1.0, 1.4, 2.0]),
        "contrast": torch.tensor([1.5, 0.2, 1.0, 0.7]),
        "saturation": torch.tensor([0.0, 1.3, 2.0, 1.0]),
        "hue": torch.tensor([0.1, -0.3, 0.5, 0.0]),
    }
    y = image.color_jitter(x, **knobs)
    for i, one in enumerate(x):
        b, c, s, h = (float(value[i]) for value in knobs.values())
        theirs = F.adjust_hue(F.adjust_saturation(F.adjust_contrast(F.adjust_brightness(one, b), c), s), h)
        torch.testing.assert_close(y[i], theirs, rtol=0, atol=3e-6)


@given(
    rgb=st.tuples(*[st.sampled_from([0.0, 0.25, 0.5, 0.75, 1.0]) | st.floats(0, 1)] * 3),
    shift=st.floats(-0.5, 0.5),
)
@settings(max_examples=300)
def test_hue_is_that_of_the_standard_library(rgb, shift):
    h, s, v = colorsys.rgb_to_hsv(*rgb)
    wanted = colorsys.hsv_to_rgb((h + shift) % 1.0, s, v)
    x = torch.tensor(rgb, dtype=torch.float64).view(1, 3, 1, 1)
    np.testing.assert_allclose(image.hue(x, shift=shift).flatten().numpy(), wanted, atol=1e-9)


@given(shift=st.floats(-0.5, 0.5))
@settings(max_examples=30)
def test_hue_can_be_turned_back_and_keeps_the_extremes(shift):
    x = pictures(2, 3, 6, 6, dtype=torch.float64)
    y = image.hue(x, shift=shift)
    torch.testing.assert_close(image.hue(y, shift=-shift), x, rtol=0, atol=1e-9)
    for extreme in (torch.amax, torch.amin):
        torch.testing.assert_close(extreme(y, 1), extreme(x, 1), rtol=0, atol=1e-12)


def test_shifted_channels_are_kornias():
    x = pictures()
    shifts = [torch.tensor(v) for v in ([-0.5, 0.0, 0.3, 1.0], [0.2, -1.0, 0.0, 0.1], [0.0, 0.4, -0.2, 0.5])]
    y = image.rgb_shift(x, **dict(zip(("red", "green", "blue"), shifts)))
    torch.testing.assert_close(y, kornia.enhance.shift_rgb(x, *shifts), rtol=0, atol=1e-6)


def test_gains_are_brightness_channel_by_channel():
    x, gains = pictures(), {"red": 0.0, "green": 1.4, "blue": 0.7}
    y = image.rgb_gain(x, **gains)
    for channel, gain in enumerate(gains.values()):
        torch.testing.assert_close(y[:, [channel]], F.adjust_brightness(x[:, [channel]], gain), rtol=0, atol=1e-6)


@pytest.mark.parametrize("order", [(0, 1, 2), (2, 0, 1), (1, 0, 2)])
def test_shuffled_channels_are_torchvisions(order):
    x = pictures()
    assert torch.equal(image.channel_shuffle(x, order=order), F.permute_channels(x, list(order)))


def test_orders_are_drawn_evenly_and_each_sample_has_its_own():
    orders = image.ChannelShuffle().make_params(pictures(3000, 3, 1, 1), generator=torch.Generator().manual_seed(0))
    _, counts = orders["order"].unique(dim=0, return_counts=True)
    assert len(counts) == 6
    assert counts.min() > 400
    order = torch.tensor([[1, 2, 0], [0, 2, 1]])
    x = pictures(2, 3, 4, 5)
    y = image.channel_shuffle(x, order=order)
    assert torch.equal(y, torch.stack([x[0][[1, 2, 0]], x[1][[0, 2, 1]]]))


@pytest.mark.parametrize("order", [(0, 1, 1), (1, 2, 3), torch.tensor([[0, 1, 2], [2, 2, 1]])])
def test_what_is_no_permutation_is_refused(order, unchecked):
    with pytest.raises(ValueError, match="0, 1 and 2, each once"):
        image.channel_shuffle(pictures(2, 3, 4, 5), order=order)


def test_grey_pictures_have_no_channels_to_change():
    x = pictures(2, 1, 4, 5)
    for y in (image.rgb_shift(x, red=0.5), image.rgb_gain(x, green=0.0), image.channel_shuffle(x, order=(2, 1, 0))):
        assert torch.equal(y, x)


def test_hue_is_kornias_in_its_own_units():
    x = pictures(dtype=torch.float64)
    shift = torch.tensor([-0.4, -0.1, 0.2, 0.5], dtype=torch.float64)
    theirs = kornia.enhance.adjust_hue(x, shift * 2 * torch.pi)
    torch.testing.assert_close(image.hue(x, shift=shift), theirs, rtol=0, atol=1e-5)


def test_solarize_at_its_edge():
    x = torch.tensor([0.0, 0.5, 0.75, 1.0]).view(1, 1, 1, 4)
    torch.testing.assert_close(image.solarize(x, threshold=0.5).flatten(), torch.tensor([0.0, 0.5, 0.25, 0.0]))


def test_equalize_is_pillows():
    shades = (pictures(1, 1, 40, 50) ** 3 * 255).floor()
    theirs = ImageOps.equalize(Image.fromarray(shades[0, 0].numpy().astype(np.uint8)))
    y = image.equalize(shades / 255)
    np.testing.assert_array_equal((y[0, 0] * 255).round().numpy(), np.asarray(theirs))


def test_equalize_spreads_the_shades_of_each_channel_of_each_picture():
    x = pictures(3, 3, 128, 128) ** torch.tensor([1.0, 1.5, 0.5]).view(3, 1, 1, 1)
    y = image.equalize(x)
    for channel in y.flatten(0, 1):
        counts = torch.histc(channel, 8, 0, 1)
        assert (counts / counts.sum() - 1 / 8).abs().max() < 0.02


def test_a_single_shade_stays():
    x = torch.full((2, 3, 8, 8), 0.4)
    torch.testing.assert_close(image.equalize(x), x, rtol=0, atol=1 / 255)


@pytest.mark.parametrize("function", [image.contrast, image.saturation, image.hue])
def test_colour_needs_one_three_or_four_channels(function):
    with pytest.raises(ValueError, match="3 channels, or 4 with alpha, grey ones 1; these have 2"):
        function(pictures(2, 2, 4, 4), **{"shift" if function is image.hue else "factor": 0.1})


COLOURS = {
    "brightness": lambda x: image.brightness(x, factor=0.5),
    "contrast": lambda x: image.contrast(x, factor=torch.linspace(0, 2, len(x))),
    "saturation": lambda x: image.saturation(x, factor=0.3),
    "hue": lambda x: image.hue(x, shift=0.3),
    "color_jitter": lambda x: image.color_jitter(x, brightness=1.2, contrast=0.7, saturation=2, hue=-0.1),
    "rgb_gain": lambda x: image.rgb_gain(x, red=0.5, green=torch.linspace(0, 2, len(x))),
    "rgb_shift": lambda x: image.rgb_shift(x, red=0.2, blue=-0.1),
    "channel_shuffle": lambda x: image.channel_shuffle(x, order=(1, 2, 0)),
    "grayscale": lambda x: image.grayscale(x, gray=torch.arange(len(x)) % 2 == 0),
    "invert": image.invert,
    "posterize": lambda x: image.posterize(x, bits=2),
    "solarize": lambda x: image.solarize(x, threshold=0.4),
    "equalize": image.equalize,
    "Brightness": lambda x: image.Brightness()(x, generator=torch.Generator().manual_seed(0)),
    "ColorJitter": lambda x: image.ColorJitter()(x, generator=torch.Generator().manual_seed(0)),
    "Grayscale": lambda x: image.Grayscale(0.5)(x, generator=torch.Generator().manual_seed(0)),
}


@pytest.mark.parametrize("function", COLOURS.values(), ids=COLOURS)
def test_alpha_stays_and_the_colours_change_as_without_it(function):
    x = pictures(4, 4, 16, 18)
    before = x.clone()
    y = function(x)
    assert torch.equal(y[:, 3], x[:, 3])
    torch.testing.assert_close(y[:, :3], function(x[:, :3].contiguous()))
    assert not torch.equal(y[:, :3], x[:, :3])
    assert torch.equal(x, before)
    x.requires_grad_()
    slope = torch.autograd.grad(function(x)[:, 3].sum(), x)[0]
    assert torch.equal(slope[:, 3], torch.ones(4, 16, 18))


def test_one_number_spans_both_sides_of_its_neutral_value():
    assert image.Brightness(0.4).span("factor") == (0.6, 1.4)
    assert image.Brightness(1.5).span("factor") == (0.0, 2.5)
    assert image.Hue(0.2).span("shift") == (-0.2, 0.2)
    assert image.Contrast((0.2, 0.3)).span("factor") == (0.2, 0.3)


def test_bits_are_drawn_from_first_to_last():
    x = pictures(400, 1, 2, 2)
    bits = image.Posterize((2, 5)).make_params(x, generator=torch.Generator().manual_seed(0))["bits"]
    values, counts = bits.unique(return_counts=True)
    assert values.tolist() == [2, 3, 4, 5]
    assert counts.min() > 70


@pytest.mark.parametrize(
    ("transform", "name", "low", "high"),
    [
        (image.Brightness(0.3), "factor", 0.7, 1.3),
        (image.Hue((-0.1, 0.4)), "shift", -0.1, 0.4),
        (image.Rotate(30), "degrees", -30, 30),
        (image.GaussianBlur((0.5, 1.5)), "sigma", 0.5, 1.5),
    ],
)
def test_parameters_are_drawn_evenly_from_their_span(transform, name, low, high):
    drawn = transform.make_params(pictures(4000, 1, 2, 2), generator=torch.Generator().manual_seed(0))[name]
    assert low <= drawn.min()
    assert drawn.max() <= high
    shares = torch.histc(drawn, 5, low, high) / 4000
    assert (shares - 0.2).abs().max() < 0.03
