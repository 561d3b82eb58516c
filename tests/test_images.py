"""One checklist for every image transform: the functions first, then the classes that draw.

What is particular to a transform is held to its oracle in the files beside this one: geometry, windows, colour, filters
and noise.
"""

import dataclasses
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

from labkit.augment import image
from labkit.augment.image import _blocks


def between(low, high):
    return lambda x, g: torch.rand(x.shape[0], generator=g, dtype=torch.float64) * (high - low) + low


def like_images(channels=None):
    def make(x, g):
        shape = (x.shape[0], channels or x.shape[1], *x.shape[2:])
        return torch.rand(shape, generator=g, dtype=torch.float64)

    return make


def some(x, g):
    return torch.rand(x.shape[0], generator=g) < 0.5


def small_shift(x, g):
    return image.corners(x.double()) + torch.rand((x.shape[0], 4, 2), generator=g, dtype=torch.float64) - 0.5


def inner_boxes(x, g):
    low = torch.rand((x.shape[0], 2), generator=g, dtype=torch.float64) * 2
    size = torch.tensor([x.shape[3], x.shape[2]], dtype=torch.float64)
    high = size - torch.rand((x.shape[0], 2), generator=g, dtype=torch.float64) * 2
    return torch.cat([low, high], 1)


def kernels(x, g):
    return torch.rand((x.shape[0], 3, 5), generator=g, dtype=torch.float64) / 15


@dataclass(frozen=True)
class Op:
    """A function of the first layer and what is expected of it."""

    function: Callable[..., Tensor]
    params: dict[str, Callable[[Tensor, torch.Generator], Tensor]] = field(default_factory=dict)
    fixed: dict[str, Any] = field(default_factory=dict)
    neutral: dict[str, Any] | None = None
    bounded: bool = True
    smooth: tuple[str, ...] = ("x",)
    bad: dict[str, Any] = field(default_factory=dict)

    def draw(self, x, seed=0):
        """The parameters for ``x``: (B,) tensors and larger ones, in double precision, on its device."""
        g = torch.Generator().manual_seed(seed)
        return {name: make(x.cpu(), g).to(x.device) for name, make in self.params.items()}

    def __call__(self, x, **params):
        return self.function(x, **params, **self.fixed)


WARPS = {
    "rotate": Op(image.rotate, {"degrees": between(-60, 60)}, neutral={"degrees": 0}, smooth=("x", "degrees")),
    "scale": Op(
        image.scale, {"factor": between(0.6, 1.6)}, neutral={"factor": 1}, smooth=("x", "factor"), bad={"factor": 0.0}
    ),
    "translate": Op(
        image.translate,
        {"dx": between(-2, 2), "dy": between(-2, 2)},
        neutral={"dx": 0, "dy": 0},
        smooth=("x", "dx", "dy"),
        bad={"dx": float("nan")},
    ),
    "shear": Op(
        image.shear,
        {"shear_x": between(-20, 20), "shear_y": between(-20, 20)},
        neutral={"shear_x": 0, "shear_y": 0},
        smooth=("x", "shear_x", "shear_y"),
    ),
    "affine": Op(
        image.affine,
        {"degrees": between(-60, 60), "dx": between(-2, 2), "scale": between(0.7, 1.4), "shear_x": between(-9, 9)},
        neutral={"degrees": 0, "dx": 0, "scale": 1, "shear_x": 0},
        smooth=("x", "degrees", "dx", "scale", "shear_x"),
        bad={"scale": -1.0},
    ),
    "perspective": Op(image.perspective, {"end": small_shift}, smooth=("x", "end")),
    "elastic": Op(image.elastic, {"displacement": like_images(2)}, smooth=("x", "displacement")),
}

OPS = {
    **WARPS,
    **{
        f"{n} {fill}": dataclasses.replace(WARPS[n], fixed={"fill": fill})
        for n in ("affine", "elastic")
        for fill in ("reflect", "edge", "wrap")
    },
    "affine white": dataclasses.replace(WARPS["affine"], fixed={"value": 1.0}),
    "affine nearest": dataclasses.replace(WARPS["affine"], fixed={"interpolation": "nearest"}, smooth=("x",)),
    "hflip": Op(image.hflip, {"flip": some}),
    "vflip": Op(image.vflip, {"flip": some}),
    "pad": Op(image.pad, fixed={"padding": (1, 2, 0, 9), "fill": "reflect"}),
    "crop": Op(
        image.crop,
        {
            "top": lambda x, g: torch.randint(0, 2, (x.shape[0],), generator=g),
            "left": lambda x, g: torch.randint(0, 3, (x.shape[0],), generator=g),
        },
        {"height": 4, "width": 4},
    ),
    "resize": Op(image.resize, fixed={"size": (5, 9)}),
    "crop_resize": Op(image.crop_resize, {"boxes": inner_boxes}, {"size": (6, 5)}, smooth=("x", "boxes")),
    "crop_resize nearest": Op(image.crop_resize, {"boxes": inner_boxes}, {"size": (6, 5), "interpolation": "nearest"}),
    "brightness": Op(
        image.brightness,
        {"factor": between(0.5, 1.5)},
        neutral={"factor": 1},
        smooth=("x", "factor"),
        bad={"factor": -0.1},
    ),
    "contrast": Op(
        image.contrast,
        {"factor": between(0.5, 1.5)},
        neutral={"factor": 1},
        smooth=("x", "factor"),
        bad={"factor": -0.1},
    ),
    "saturation": Op(
        image.saturation,
        {"factor": between(0.5, 1.5)},
        neutral={"factor": 1},
        smooth=("x", "factor"),
        bad={"factor": -0.1},
    ),
    "hue": Op(
        image.hue, {"shift": between(-0.5, 0.5)}, neutral={"shift": 0}, smooth=("x", "shift"), bad={"shift": 0.6}
    ),
    "color_jitter": Op(
        image.color_jitter,
        {
            "brightness": between(0.5, 1.5),
            "contrast": between(0.5, 1.5),
            "saturation": between(0.5, 1.5),
            "hue": between(-0.5, 0.5),
        },
        neutral={"brightness": 1, "contrast": 1, "saturation": 1, "hue": 0},
        smooth=("x", "brightness", "contrast", "saturation", "hue"),
        bad={"saturation": -1.0},
    ),
    "grayscale": Op(image.grayscale, {"gray": some}),
    "invert": Op(image.invert),
    "posterize": Op(
        image.posterize,
        {"bits": lambda x, g: torch.randint(1, 8, (x.shape[0],), generator=g)},
        smooth=(),
        bad={"bits": 9},
    ),
    "solarize": Op(image.solarize, {"threshold": between(0.2, 0.8)}, bad={"threshold": 1.5}),
    "equalize": Op(image.equalize, smooth=()),
    "add_gaussian_noise": Op(
        image.add_gaussian_noise,
        {"sigma": between(0, 0.3), "noise": like_images()},
        neutral={"sigma": 0},
        smooth=("x", "sigma", "noise"),
        bad={"sigma": -0.1},
    ),
    "add_cauchy_noise": Op(
        image.add_cauchy_noise,
        {"gamma": between(0, 0.3), "noise": like_images()},
        neutral={"gamma": 0},
        smooth=("x", "gamma", "noise"),
        bad={"gamma": -0.1},
    ),
    "speckle": Op(
        image.speckle,
        {"sigma": between(0, 0.3), "noise": like_images()},
        neutral={"sigma": 0},
        smooth=("x", "sigma", "noise"),
        bad={"sigma": -0.1},
    ),
    "poisson_noise": Op(
        image.poisson_noise,
        {"peak": between(1, 30), "counts": lambda x, g: like_images()(x, g).mul(30).round()},
        smooth=("peak",),
        bad={"peak": 0.0},
    ),
    "salt_and_pepper": Op(
        image.salt_and_pepper,
        {"amount": between(0, 0.6), "salt": between(0, 1), "u": like_images(1)},
        neutral={"amount": 0},
        bad={"amount": 1.1},
    ),
    "filter2d": Op(image.filter2d, {"kernel": kernels}, smooth=("x", "kernel")),
    "filter2d one": Op(lambda x, **k: image.filter2d(x, torch.ones(3, 3, dtype=torch.float64) / 9, **k)),
    "gaussian_blur": Op(
        image.gaussian_blur,
        {"sigma": between(0.2, 3)},
        {"kernel_size": 9},
        neutral={"sigma": 0},
        smooth=("x", "sigma"),
        bad={"sigma": -1.0, "kernel_size": 4},
    ),
    "box_blur": Op(image.box_blur, fixed={"kernel_size": 3}, bad={"kernel_size": 2}),
    "motion_blur": Op(
        image.motion_blur,
        {"length": between(1.1, 4.9), "degrees": between(5, 80)},
        {"kernel_size": 5},
        neutral={"length": 1},
        smooth=("x", "length", "degrees"),
        bad={"length": 0.5, "kernel_size": 0},
    ),
    "sharpen": Op(
        image.sharpen, {"factor": between(0, 2)}, neutral={"factor": 1}, smooth=("x", "factor"), bad={"factor": -1.0}
    ),
    "unsharp": Op(
        image.unsharp,
        {"sigma": between(0.3, 2), "amount": between(0, 2)},
        {"kernel_size": 7},
        neutral={"amount": 0, "sigma": 2},
        smooth=("x", "sigma", "amount"),
        bad={"amount": -1.0},
    ),
    "emboss": Op(
        image.emboss,
        {"strength": between(0, 1)},
        neutral={"strength": 0},
        smooth=("x", "strength"),
        bad={"strength": -1.0},
    ),
    "sobel": Op(image.sobel, bounded=False),
    "laplacian": Op(image.laplacian, bounded=False),
    "erase": Op(image.erase, {"boxes": inner_boxes}),
    "erase several": Op(
        image.erase, {"boxes": lambda x, g: torch.stack([inner_boxes(x, g) - 2, inner_boxes(x, g) + 3], 1)}
    ),
    "erase noise": Op(image.erase, {"boxes": inner_boxes, "noise": like_images()}, {"value": "noise"}),
    "erase mean": Op(image.erase, {"boxes": inner_boxes}, {"value": "mean"}),
    "cutout": Op(
        image.cutout,
        {"centres": lambda x, g: torch.randint(0, 7, (x.shape[0], 2), generator=g).double()},
        {"size": 4, "value": 0.5},
    ),
}

over_ops = pytest.mark.parametrize("op", OPS.values(), ids=OPS.keys())
over_neutral = pytest.mark.parametrize(
    "op", [op for op in OPS.values() if op.neutral], ids=[n for n, op in OPS.items() if op.neutral]
)


def pictures(*shape, dtype=torch.float64, device="cpu", seed=1):
    """Random pictures away from 0 and 1, where a clamp would hide a gradient."""
    g = torch.Generator().manual_seed(seed)
    return (torch.rand(shape or (4, 3, 7, 9), generator=g, dtype=torch.float64) * 0.9 + 0.05).to(device, dtype)


@over_ops
@pytest.mark.parametrize("dtype", [torch.float64, torch.float32, torch.float16, torch.bfloat16], ids=str)
def test_dtype_and_device_are_those_of_the_images(op, dtype, device):
    x = pictures(dtype=dtype, device=device)
    y = op(x, **op.draw(x))
    assert (y.dtype, y.device) == (x.dtype, x.device)
    precise = op(x.double(), **op.draw(x))
    loose = {torch.float64: 1e-12, torch.float32: 1e-4, torch.float16: 2e-2, torch.bfloat16: 0.1}[dtype]
    off = (y.double() - precise).abs()
    # A rounded value may fall into the neighbouring bin, shade or side of a threshold.
    assert off.quantile(0.9) <= loose
    if op.smooth and op.function is not image.solarize:
        assert off.max() <= 20 * loose


@over_ops
def test_no_value_is_read_back(op):
    """On the device ``meta`` tensors have no values, so whoever asks for one, and would wait on a GPU, fails."""
    x = pictures(device="meta")
    here = pictures()
    y = op(x, **{name: value.to("meta") for name, value in op.draw(here).items()})
    assert y.device.type == "meta"
    assert y.shape == op(here, **op.draw(here)).shape


@over_ops
def test_nothing_that_is_given_is_changed(op):
    x, params = pictures(), op.draw(pictures())
    before = x.clone(), {name: value.clone() for name, value in params.items()}
    y = op(x, **params)
    assert torch.equal(x, before[0])
    assert all(torch.equal(params[name], value) for name, value in before[1].items())
    y.fill_(7.0)
    assert torch.equal(x, before[0]), "the result shares memory with the images"


@over_ops
def test_a_sample_does_not_depend_on_the_others(op):
    x = pictures()
    params = op.draw(x)
    whole = op(x, **params)
    for i in range(len(x)):
        alone = op(x[i : i + 1], **{name: value[i : i + 1] for name, value in params.items()})
        torch.testing.assert_close(whole[i : i + 1], alone, rtol=0, atol=1e-12)


@over_ops
def test_one_number_holds_for_every_sample(op):
    x = pictures()
    single = {name: value for name, value in op.draw(x).items() if value.ndim == 1 and value.is_floating_point()}
    others = {name: value for name, value in op.draw(x).items() if name not in single}
    alike = op(x, **others, **{name: value[:1].expand(len(x)) for name, value in single.items()})
    number = op(x, **others, **{name: float(value[0]) for name, value in single.items()})
    torch.testing.assert_close(alike, number, rtol=0, atol=1e-12)


@over_ops
@pytest.mark.parametrize("shape", [(1, 3, 7, 9), (2, 1, 9, 7), (3, 3, 8, 8), (0, 3, 7, 9)], ids=str)
def test_any_batch_of_grey_or_colour(op, shape):
    x = pictures(*shape)
    y = op(x, **op.draw(x))
    assert y.shape[:2] == x.shape[:2]
    assert y.isfinite().all()


@over_ops
def test_blocks_of_a_batch_make_up_the_whole(op, monkeypatch):
    x = pictures(5, 3, 7, 9)
    params = op.draw(x)
    whole = op(x, **params)
    monkeypatch.setattr(_blocks, "BLOCK", 2 * x[0].numel() // torch.get_num_threads())
    torch.testing.assert_close(op(x, **params), whole, rtol=0, atol=1e-12)


@over_ops
def test_the_layout_in_memory_does_not_matter(op):
    x = pictures()
    params = op.draw(x)
    strided = x.to(memory_format=torch.channels_last)
    torch.testing.assert_close(op(strided, **params), op(x, **params), rtol=0, atol=1e-12)


@pytest.mark.parametrize(
    "op", [op for op in OPS.values() if op.bounded], ids=[n for n, op in OPS.items() if op.bounded]
)
@settings(max_examples=20)
@given(seed=st.integers(0, 2**16), shade=st.sampled_from([None, 0.0, 1.0, 0.5]))
def test_pictures_stay_pictures(op, seed, shade):
    x = torch.rand(3, 3, 7, 9, generator=torch.Generator().manual_seed(seed))
    x = x if shade is None else torch.full_like(x, shade)
    y = op(x, **op.draw(x, seed))
    assert y.isfinite().all()
    assert y.min() >= -1e-6
    assert y.max() <= 1 + 1e-6


@over_neutral
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64], ids=str)
def test_neutral_parameters_change_nothing(op, dtype):
    x = pictures(dtype=dtype)
    others = {name: value for name, value in op.draw(x).items() if name not in op.neutral}
    y = op(x, **others, **op.neutral)
    torch.testing.assert_close(y, x, rtol=0, atol=1e-5 if dtype == torch.float32 else 1e-12)


SMOOTH = {f"{n}:{v}": (op, v) for n, op in OPS.items() for v in op.smooth}


@pytest.mark.parametrize(("op", "variable"), SMOOTH.values(), ids=SMOOTH.keys())
def test_gradients_are_those_of_finite_differences(op, variable):
    x = pictures(2, 3, 5, 6) * 0.5 + 0.2
    inputs = {"x": x, **op.draw(x)}
    chosen = inputs.pop(variable).double().requires_grad_()

    def function(value):
        held = {"x": x, **inputs, variable: value}
        return op(held.pop("x"), **held)

    assert torch.autograd.gradcheck(function, (chosen,), eps=1e-6, atol=1e-5, rtol=1e-4, fast_mode=True)


@over_ops
@pytest.mark.parametrize(
    ("x", "says"),
    [
        (torch.rand(3, 7, 9), r"\(B, C, H, W\)"),
        (torch.randint(0, 256, (4, 3, 7, 9), dtype=torch.uint8), "divide by 255"),
        ([[1.0]], "torch tensor"),
    ],
    ids=["three dimensions", "bytes", "a list"],
)
def test_what_is_no_batch_of_images_is_refused(op, x, says, unchecked):
    params = op.draw(pictures())
    with pytest.raises(ValueError, match=says):
        op(x, **params)


PARAMS = {f"{n}:{p}": (op, p) for n, op in OPS.items() for p in op.params}


@pytest.mark.parametrize(("op", "name"), PARAMS.values(), ids=PARAMS.keys())
def test_a_parameter_of_the_wrong_length_is_refused(op, name, unchecked):
    x = pictures()
    params = op.draw(x)
    params[name] = params[name][:3]
    with pytest.raises(ValueError, match="shape"):
        op(x, **params)


BAD = {f"{n}:{p}": (op, p, v) for n, op in OPS.items() for p, v in op.bad.items()}


@pytest.mark.parametrize(("op", "name", "value"), BAD.values(), ids=BAD.keys())
def test_a_parameter_out_of_range_is_refused(op, name, value, unchecked):
    x = pictures()
    rest = {n: v for n, v in op.fixed.items() if n != name}
    with pytest.raises(ValueError, match="expected"):
        op.function(x, **{**op.draw(x), **rest, name: value})
    if name in op.params:
        with pytest.raises(ValueError, match="expected"):
            op.function(x, **{**op.draw(x), **rest, name: torch.full((len(x),), float(value))})


PHOTOMETRIC = [
    image.Brightness(),
    image.Contrast((0.5, 2.0)),
    image.Saturation(),
    image.Hue(0.5),
    image.ColorJitter(),
    image.Grayscale(0.5),
    image.Invert(),
    image.Posterize((1, 4)),
    image.Solarize((0.2, 0.8)),
    image.Equalize(),
    image.GaussianNoise(),
    image.CauchyNoise(),
    image.Speckle(),
    image.PoissonNoise(),
    image.SaltAndPepper((0.1, 0.5)),
    image.GaussianBlur(),
    image.MotionBlur(),
    image.Sharpen(),
    image.Emboss(),
    image.RandomErasing(1.0),
    image.RandomErasing(0.5, value="noise"),
    image.RandomErasing(value="mean"),
    image.Cutout(4),
    image.Cutout(4, value="noise"),
]
GEOMETRIC = [
    image.HorizontalFlip(),
    image.VerticalFlip(),
    image.Rotate(40),
    image.Rotate((-80, 70), expand=True),
    image.Rotate(40, fill="reflect"),
    image.Scale(0.3),
    image.Translate(3, (0, 2)),
    image.Shear(20, 10),
    image.Affine(30, 2, 2, 0.2, 10, 10),
    image.Perspective(0.4),
    image.Perspective(0.4, fill="edge"),
    image.Elastic(20, 4),
    image.RandomCrop((10, 12)),
    image.RandomCrop((16, 12), padding=3, fill="reflect"),
    image.RandomResizedCrop((12, 10)),
    image.RandomResizedCrop((40, 30), scale=(0.4, 0.9)),
    image.Resize((20, 9)),
]
STILL = (image.Invert, image.Equalize, image.Resize)
over_transforms = pytest.mark.parametrize("transform", PHOTOMETRIC + GEOMETRIC, ids=repr)


def seeded(seed=0):
    return torch.Generator().manual_seed(seed)


def test_the_checklist_leaves_nothing_out():
    exported = {name: getattr(image, name) for name in image.__all__}
    transforms = {v for v in exported.values() if isinstance(v, type) and issubclass(v, image.ImageTransform)}
    elsewhere = {image.ImageTransform, image.PhotometricTransform, image.SanitizeBoxes}
    listed = {type(t) for t in PHOTOMETRIC + GEOMETRIC}
    forgotten = sorted(t.__name__ for t in transforms - elsewhere - listed)
    assert not forgotten, f"image.{', image.'.join(forgotten)}: add it to PHOTOMETRIC or GEOMETRIC here"
    assert listed == transforms - elsewhere
    helpers = {
        *("affine_matrix", "box_masks", "corners", "elastic_field", "gaussian_kernel", "homography", "invert_matrix"),
        *("motion_kernel", "photon_counts", "random_boxes", "rotated_size", "sample", "sobel_gradients"),
        *("standard_cauchy", "warp", "warp_boxes", "warp_points"),
        *("sanitize_boxes", "visible_boxes", "visible_keypoints"),
    }
    functions = {name for name, value in exported.items() if not isinstance(value, type)}
    forgotten = sorted(functions - helpers - {name.split()[0] for name in OPS})
    assert not forgotten, f"image.{', image.'.join(forgotten)}: add it to OPS here, or to the helpers"
    assert functions - helpers == {name.split()[0] for name in OPS}


@over_transforms
def test_the_same_seed_gives_the_same_pictures(transform):
    x = pictures(6, 3, 14, 18, dtype=torch.float32)
    first = transform(x, generator=seeded())
    assert torch.equal(first, transform(x, generator=seeded()))
    if not isinstance(transform, STILL):
        assert not torch.equal(first, transform(x, generator=seeded(1)))


@over_transforms
def test_a_draw_can_be_applied_again(transform):
    x = pictures(6, 3, 14, 18, dtype=torch.float32)
    drawn = transform.make_params(x, generator=seeded())
    assert torch.equal(transform.apply(x, drawn), transform(x, generator=seeded()))
    assert all(len(value) == len(x) for value in drawn.values())


@over_transforms
def test_each_sample_has_its_own_draw(transform):
    x = pictures(1, 3, 14, 18, dtype=torch.float32).expand(12, -1, -1, -1)
    y = transform(x, generator=seeded())
    if isinstance(transform, STILL):
        assert (y == y[:1]).all()
    else:
        assert len({tuple(sample.flatten().tolist()) for sample in y}) > 1


@over_transforms
def test_without_a_generator_torch_decides(transform):
    x = pictures(6, 3, 14, 18, dtype=torch.float32)
    torch.manual_seed(3)
    first = transform(x)
    torch.manual_seed(3)
    assert torch.equal(first, transform(x))


@over_transforms
def test_transforms_follow_the_device_whatever_the_generators(transform, device):
    x = pictures(6, 3, 14, 18, dtype=torch.float32)
    y = transform(x.to(device), generator=seeded())
    assert y.device.type == device.type
    off = (y.cpu() - transform(x, generator=seeded())).abs()
    assert off.quantile(0.98) <= 1e-4
    assert transform(x.to(device)).device.type == device.type


@over_transforms
def test_no_value_is_read_back_by_a_transform(transform):
    x = pictures(6, 3, 14, 18, dtype=torch.float32)
    there = transform(x.to("meta"))
    assert there.device.type == "meta"
    assert there.shape == transform(x).shape


@over_transforms
@pytest.mark.parametrize("dtype", [torch.float64, torch.float16], ids=str)
def test_transforms_keep_the_dtype(transform, dtype):
    x = pictures(3, 3, 14, 18, dtype=dtype)
    y = transform(x, generator=seeded())
    assert y.dtype == dtype
    assert y.isfinite().all()


@over_transforms
def test_an_empty_batch_stays_empty(transform):
    assert len(transform(pictures(0, 3, 14, 18, dtype=torch.float32))) == 0


@over_transforms
def test_a_transform_is_a_value(transform):
    assert transform == dataclasses.replace(transform)
    assert hash(transform) == hash(dataclasses.replace(transform))
    assert type(transform).__name__ in repr(transform)
    with pytest.raises((AttributeError, TypeError)):
        transform.p = 1


@over_transforms
def test_what_is_no_batch_of_images_is_refused_by_a_transform(transform, unchecked):
    with pytest.raises(ValueError, match=r"\(B, C, H, W\)"):
        transform(torch.rand(3, 14, 18))


def annotations(x):
    b, _, h, w = x.shape
    mask = torch.zeros(b, h, w, dtype=torch.int64)
    mask[:, 4:9, 5:12] = 3
    boxes = torch.tensor([[5.0, 4.0, 12.0, 9.0], [0.0, 0.0, w, h]]).expand(b, 2, 4).contiguous()
    keypoints = torch.tensor([[5.0, 4.0], [11.0, 8.0], [8.0, 6.0]]).expand(b, 3, 2).contiguous()
    return {"mask": mask, "boxes": boxes, "keypoints": keypoints}


@pytest.mark.parametrize("transform", PHOTOMETRIC, ids=repr)
def test_colours_leave_annotations_alone(transform):
    x = pictures(6, 3, 14, 18, dtype=torch.float32)
    given_ones = annotations(x)
    result = transform(x, generator=seeded(), **given_ones)
    assert isinstance(result, image.Annotated)
    assert torch.equal(result.image, transform(x, generator=seeded()))
    assert all(torch.equal(getattr(result, name), value) for name, value in given_ones.items())


@pytest.mark.parametrize("transform", GEOMETRIC, ids=repr)
class TestAnnotationsFollow:
    """The mask as a picture, the box and the points as blobs drawn into one, must all arrive in the same place."""

    def test_the_same_annotations_come_back(self, transform):
        x = pictures(6, 3, 14, 18, dtype=torch.float32)
        whole = annotations(x)
        result = transform(x, generator=seeded(), **whole)
        assert torch.equal(result.image, transform(x, generator=seeded()))
        assert (result.mask.dtype, result.mask.shape) == (torch.int64, (6, *result.image.shape[2:]))
        assert (result.boxes.shape, result.keypoints.shape) == ((6, 2, 4), (6, 3, 2))
        for name, value in whole.items():
            alone = transform(x, generator=seeded(), **{name: value})
            assert torch.equal(getattr(alone, name), getattr(result, name))
            assert sum(part is not None for part in vars(alone).values()) == 2

    def test_a_mask_is_the_picture_by_the_nearest_pixel(self, transform):
        x = pictures(6, 1, 14, 18, dtype=torch.float32)
        labels = annotations(x)["mask"]
        result = transform(x, generator=seeded(), mask=labels)
        assert set(result.mask.unique().tolist()) <= {0, 3}
        smooth = transform(labels[:, None].float() / 3, generator=seeded())[:, 0]
        shrunk = isinstance(transform, image.Resize | image.RandomResizedCrop)
        clear = (smooth - 0.5).abs() > (0.49 if shrunk else 0.4)
        assert torch.equal(smooth[clear] > 0.5, result.mask[clear] == 3)
        as_bool = transform(x, generator=seeded(), mask=(labels == 3)[:, None])
        assert torch.equal(as_bool.mask[:, 0], result.mask == 3)

    def test_a_point_goes_where_its_blob_goes(self, transform):
        h, w = 44, 52
        rows, columns = torch.meshgrid(torch.arange(h), torch.arange(w), indexing="ij")
        place = torch.tensor([24.0, 20.0])
        blob = torch.exp(-((columns - place[0]) ** 2 + (rows - place[1]) ** 2) / 8).expand(8, 1, h, w)
        big = dataclasses.replace(transform, size=(40, 36)) if hasattr(transform, "size") else transform
        result = big(blob, generator=seeded(), keypoints=place.expand(8, 1, 2))
        weight = result.image[:, 0] ** 2
        down = (weight.sum(2) * torch.arange(weight.shape[1])).sum(1) / weight.sum((1, 2))
        along = (weight.sum(1) * torch.arange(weight.shape[2])).sum(1) / weight.sum((1, 2))
        seen = torch.stack([along, down], 1)
        point = result.keypoints[:, 0]
        size = torch.tensor([weight.shape[2], weight.shape[1]])
        whole = ((point > 7) & (point < size - 8)).all(1)
        assert whole.any()
        assert (seen - point)[whole].abs().max() < (1.0 if isinstance(transform, image.Elastic) else 0.5)

    def test_a_box_holds_its_mask_and_no_more_than_needed(self, transform):
        x = pictures(8, 1, 44, 52, dtype=torch.float32)
        mask = torch.zeros(8, 44, 52, dtype=torch.bool)
        mask[:, 12:30, 14:40] = True
        boxes = torch.tensor([[14.0, 12.0, 40.0, 30.0]]).expand(8, 1, 4).contiguous()
        result = transform(x, generator=seeded(), mask=mask, boxes=boxes)
        h, w = result.mask.shape[1:]
        limits = torch.tensor([w, h, w, h])
        assert ((result.boxes >= 0) & (result.boxes <= limits)).all()
        if getattr(transform, "fill", "constant") == "reflect":
            return
        for box, seen in zip(result.boxes[:, 0], result.mask, strict=True):
            if not seen.any():
                continue
            rows, columns = seen.nonzero().unbind(1)
            hull = torch.stack([columns.min(), rows.min(), columns.max() + 1, rows.max() + 1])
            slack = 2.5 if isinstance(transform, image.Elastic) else 1.01
            assert ((box - hull) * torch.tensor([-1, -1, 1, 1]) >= -slack).all(), (box, hull)
            inside = ((hull > 0) & (hull < limits)).all()
            if inside and not isinstance(transform, image.Elastic | image.Perspective):
                assert (box - hull).abs().max() < 2 + 0.2 * (hull[2:] - hull[:2]).max()


@pytest.mark.parametrize(
    ("kind", "value", "says"),
    [
        ("mask", torch.zeros(6, 14, 17), r"\(6, 14, 18\)"),
        ("mask", torch.zeros(14, 18), r"\(6, 14, 18\)"),
        ("boxes", torch.zeros(6, 4), r"\(6, N, 4\)"),
        ("boxes", torch.zeros(6, 1, 4, dtype=torch.int64), "float"),
        ("keypoints", torch.zeros(5, 1, 2), r"\(6, N, 2\)"),
        ("labels", torch.zeros(6), "mask"),
    ],
)
def test_annotations_that_do_not_fit_are_refused(kind, value, says, unchecked):
    with pytest.raises(ValueError, match=says):
        image.Rotate(20)(pictures(6, 3, 14, 18), **{kind: value})


@pytest.mark.parametrize(
    "build",
    [
        lambda: image.HorizontalFlip(1.5),
        lambda: image.VerticalFlip(-0.1),
        lambda: image.Rotate(-20),
        lambda: image.Rotate((20, 10)),
        lambda: image.Rotate(20, fill="mirror"),
        lambda: image.Rotate(20, interpolation="cubic"),
        lambda: image.Scale((0.0, 1.0)),
        lambda: image.Shear(95),
        lambda: image.Perspective(1.0),
        lambda: image.Elastic(-1.0),
        lambda: image.RandomCrop((0, 4)),
        lambda: image.RandomCrop((4, 4), padding=-1),
        lambda: image.RandomCrop((4, 4), fill="mirror"),
        lambda: image.RandomResizedCrop((4, 0)),
        lambda: image.RandomResizedCrop((4, 4), scale=(0.0, 2.0)),
        lambda: image.RandomResizedCrop((4, 4), interpolation="cubic"),
        lambda: image.Resize((4, 4), interpolation="cubic"),
        lambda: image.Resize((0, 4)),
        lambda: image.Brightness((-0.5, 1.0)),
        lambda: image.Hue(0.6),
        lambda: image.Hue((-0.7, 0.0)),
        lambda: image.Posterize((4, 9)),
        lambda: image.Grayscale(2.0),
        lambda: image.GaussianNoise((-0.1, 0.1)),
        lambda: image.SaltAndPepper((0.0, 1.5)),
        lambda: image.PoissonNoise((0.0, 10.0)),
        lambda: image.MotionBlur((0.0, 3.0)),
        lambda: image.GaussianBlur((2.0, 1.0)),
        lambda: image.RandomErasing(1.2),
        lambda: image.RandomErasing(scale=(0.5, 0.2)),
        lambda: image.RandomErasing(value="blue"),
        lambda: image.Cutout(0),
        lambda: image.Cutout(4, value="blue"),
    ],
)
def test_a_knob_out_of_range_is_refused_at_once(build, unchecked):
    with pytest.raises(ValueError, match="expected"):
        build()


@pytest.mark.parametrize("side", [4, 90])
@pytest.mark.parametrize(("turn", "dim"), [(image.hflip, 3), (image.vflip, 2)])
def test_turned_images_and_their_gradients_are_a_choice_for_each_pixel(turn, dim, side):
    x = torch.rand(3, 3, side, side + 1, generator=torch.Generator().manual_seed(0)).requires_grad_()
    flip = torch.tensor([True, False, True])
    y, chosen = turn(x, flip=flip), torch.where(flip[:, None, None, None], x.flip(dim), x)
    assert torch.equal(y, chosen)
    slope = torch.rand_like(y)
    assert torch.equal(*(torch.autograd.grad((out * slope).sum(), x)[0] for out in (y, chosen)))
