"""The line drawings of geometric shapes: what their labels and knobs promise, measured on the pictures."""

import numpy as np
import pytest
import torch
from skimage.measure import label
from sklearn.neighbors import KNeighborsClassifier

from labkit.data.simulate import original_shapes, shapes
from labkit.data.simulate.shapes import SHAPES, unit_corners


def seeded(seed: int) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def test_same_seed_same_bytes() -> None:
    one, same, other = (shapes(20, generator=seeded(s)) for s in (1, 1, 2))
    assert one.x.numpy().tobytes() == same.x.numpy().tobytes()
    assert one.y.equal(same.y)
    assert not one.x.equal(other.x)


@pytest.mark.parametrize(("n", "size"), [(1, 16), (9, 32), (14, 65)])
def test_shape_range_and_balance(n: int, size: int) -> None:
    drawn = shapes(n, generator=seeded(0), size=size, classes=SHAPES)
    assert drawn.x.shape == (n, 1, size, size)
    assert drawn.x.dtype == torch.float32
    assert 0 <= float(drawn.x.min()) <= float(drawn.x.max()) <= 1
    counts = torch.bincount(drawn.y, minlength=7)
    assert int(counts.max() - counts.min()) <= 1


def test_the_simulator_follows_its_generator(generator: torch.Generator) -> None:
    assert shapes(4, generator=generator).x.device == generator.device


def exact(name: str, **knobs: object) -> torch.Tensor:
    """One clean white-on-black drawing of a shape, (size, size), with radius 40 pixels."""
    settings = {"scale": (0.8, 0.8), "rotation": (0, 0), "shift": 0, "contrast": (1, 1), "wobble": 0, "noise": 0}
    drawn = shapes(1, generator=seeded(0), size=100, classes=(name,), paper=0, **(settings | knobs))  # type: ignore[arg-type]
    return drawn.x[0, 0]


@pytest.mark.parametrize("name", SHAPES)
def test_a_filled_shape_has_the_area_of_geometry(name: str) -> None:
    if name == "circle":
        area = np.pi
    else:
        x, y = np.array(unit_corners(name)).T
        area = abs(np.dot(x, np.roll(y, 1)) - np.dot(y, np.roll(x, 1))) / 2
    assert float(exact(name, fill=True).sum()) == pytest.approx(area * 40**2, rel=0.01)


@pytest.mark.parametrize("name", SHAPES)
@pytest.mark.parametrize("width", [2, 5])
def test_ink_is_length_times_width(name: str, width: int) -> None:
    corners = np.array(
        unit_corners(name) if name != "circle" else [(np.cos(t), np.sin(t)) for t in np.arange(0, 6.2832, 0.01)]
    )
    length = np.linalg.norm(corners - np.roll(corners, 1, axis=0), axis=1).sum() * 40
    ink = float(exact(name, line_width=(width / 100, width / 100)).sum())
    assert ink == pytest.approx(length * width, rel=0.06)


@pytest.mark.parametrize("name", SHAPES)
def test_an_outline_is_one_closed_line(name: str) -> None:
    ink = exact(name, line_width=(0.04, 0.04)).numpy() > 0.3
    assert label(ink, connectivity=2).max() == 1
    sides = np.bincount(label(~ink, connectivity=1).flat)[1:]
    assert (sides > 20).sum() == 2, "an inside and an outside; the tips of a star are closed by the pen"


def test_lines_are_anti_aliased() -> None:
    drawing = exact("triangle", line_width=(0.04, 0.04))
    assert int(((drawing > 0.05) & (drawing < 0.95)).sum()) > 100


def test_contrast_is_the_difference_to_the_paper() -> None:
    drawn = shapes(30, generator=seeded(0), size=64, noise=0.0, paper=1.0, contrast=(0.3, 0.9), line_width=(0.06, 0.08))
    assert torch.allclose(1 - drawn.x.amin((1, 2, 3)), drawn.extra["contrast"], atol=1e-4)
    chalk = shapes(30, generator=seeded(0), size=64, noise=0.0, paper=0.0, contrast=(0.3, 0.9), line_width=(0.06, 0.08))
    assert torch.allclose(chalk.x, 1 - drawn.x, atol=1e-6)


def test_centre_and_size_are_those_of_the_picture() -> None:
    drawn = shapes(40, generator=seeded(0), size=64, classes=("circle",), noise=0.0, wobble=0.0, paper=0.0)
    at = torch.linspace(-1 + 1 / 64, 1 - 1 / 64, 64)
    mass = drawn.x[:, 0] / drawn.x[:, 0].sum((1, 2), keepdim=True)
    x, y = (mass.sum(1) * at).sum(1), (mass.sum(2) * at).sum(1)
    assert torch.allclose(torch.stack([x, y], 1), drawn.extra["centre"], atol=0.01)
    radius = ((mass * torch.hypot(at[None] - x[:, None], torch.zeros(1))[:, None, :] ** 2).sum((1, 2)) * 2).sqrt()
    assert torch.allclose(radius, drawn.extra["scale"], atol=0.02)


def test_shapes_stay_within_the_picture() -> None:
    drawn = shapes(400, generator=seeded(0), size=32, noise=0.0, paper=0.0, classes=SHAPES)
    edge = torch.cat([drawn.x[..., 0, :], drawn.x[..., -1, :], drawn.x[..., 0], drawn.x[..., -1]], dim=-1)
    assert float(edge.max()) < 0.05


def test_rotation_turns_counter_clockwise() -> None:
    upright = exact("triangle", fill=True)
    turned = exact("triangle", fill=True, rotation=(90, 90))
    assert torch.allclose(torch.rot90(upright), turned, atol=1e-3)


def test_shapes_can_be_told_apart_but_not_at_a_glance() -> None:
    train, test = shapes(800, generator=seeded(0)), shapes(400, generator=seeded(1))
    few = train.subset(per_class=5, generator=seeded(2))

    def accuracy(data: object) -> float:
        model = KNeighborsClassifier(1).fit(data.x.flatten(1), data.y)  # type: ignore[attr-defined]
        return float(model.score(test.x.flatten(1), test.y))

    assert accuracy(few) < 0.75
    assert accuracy(train) > accuracy(few)
    assert accuracy(train) > 0.4


def test_originals_are_four_with_one_pen() -> None:
    four = original_shapes()
    assert four.x.shape == (4, 1, 64, 64)
    assert [four.classes[i] for i in four.y] == ["circle", "triangle", "square", "star"]
    assert four.extra["line_width"].unique().numel() == four.extra["contrast"].unique().numel() == 1
    assert four.x.equal(original_shapes().x)


@pytest.mark.parametrize(
    ("knobs", "sentence"),
    [
        ({"n": 0}, "n is 0"),
        ({"classes": ("blob",)}, "the classes are"),
        ({"classes": ()}, "the classes are"),
        ({"scale": (0.9, 0.2)}, "scale is"),
        ({"contrast": (0.5, 2.0)}, "contrast is"),
        ({"paper": -1.0}, "paper is"),
    ],
)
def test_impossible_knobs_are_named(knobs: dict, sentence: str) -> None:
    with pytest.raises(ValueError, match=sentence):
        shapes(**({"n": 3} | knobs))
