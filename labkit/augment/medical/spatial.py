"""Geometry: affine and elastic at once, with a single look-up, and predictions that follow it.

    y(p) = x( A⁻¹ (p + d(p)) )         A: the affine map of the picture's points, d: a smooth field of displacements

Affine and then elastic, one after the other, look every value up twice: the picture is blurred twice, and a thin
structure of a mask can vanish in the first step. Here both are one map. The picture is looked up between pixels, the
mask by the nearest pixel, at the same places: a mask of classes holds no class that it didn't hold before.

A prediction is no mask: probabilities may be interpolated. ``warp_prediction`` moves them as the picture moved, and
says which pixels came from inside the picture: for the others nobody knows.

Sources: P. Simard, D. Steinkraus and J. Platt, "Best Practices for Convolutional Neural Networks" (2003): the field;
for consistency under the same map, S. Laine and T. Aila (2017) and X. Li and others, "Transformation-Consistent
Self-Ensembling Model for Semisupervised Medical Image Segmentation" (2020).
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import torch
from torch import Generator, Tensor

from labkit.augment.arguments import Span, probability, span_field
from labkit.augment.image.geometry_transforms import ELASTIC_STEPS, elastic_field
from labkit.augment.image.matrices import compose_affine, warp_points
from labkit.augment.image.transform import Warp
from labkit.augment.image.warping import identity, project, projection, sample
from labkit.augment.transform import Params
from labkit.draws import chance
from labkit.shapes import Bool, Float, Images, images

INSIDE = 1 - 1e-3
"""From this share of a looked-up value on that comes from inside the picture, the pixel counts as seen."""


def affine_elastic_grid(
    x: Images, *, matrix: Float[Tensor, "b 3 3"], displacement: Float[Tensor, "b 2 h w"] | None = None
) -> Float[Tensor, "b 2 h w"]:
    """Where each pixel comes from under an affine map and a displacement together: a grid for ``image.sample``.

    Args:
        x: images (B, C, H, W).
        matrix: (B, 3, 3), which takes a point of the picture to its new place: see ``image.affine_matrix``.
        displacement: (B, 2, H, W) in pixels, (x, y) first; none where it is not given.

    Returns:
        (B, 2, H, W), (x, y) first, where −1 and 1 are the outer edges of the picture.

    Raises:
        ValueError: if x isn't a batch of float images, or there isn't a matrix and a field for each.

    >>> grid = affine_elastic_grid(torch.rand(1, 1, 2, 2), matrix=torch.eye(3)[None])
    >>> grid[0, 0]
    tensor([[-0.5000,  0.5000],
            [-0.5000,  0.5000]])
    """
    b, _, h, w = images(x).shape
    if matrix.shape != (b, 3, 3):
        raise ValueError(f"matrix has shape ({b}, 3, 3); this has shape {tuple(matrix.shape)}")
    rows = projection(x, matrix)
    grid = project(rows, h, w)
    if displacement is None:
        return grid
    if displacement.shape != (b, 2, h, w):
        raise ValueError(f"displacement has shape {(b, 2, h, w)}; this has shape {tuple(displacement.shape)}")
    return grid + torch.einsum("bij,bjhw->bihw", rows[:, :2, :2], displacement.to(grid))


@dataclass(frozen=True)
class AffineElastic(Warp):
    """Mirrored, turned, magnified, moved and bent, with one look-up; rotation and size have nnU-Net's spans.

    ``alpha`` and ``sigma`` are those of ``image.Elastic``: displacements measure about 0.16 · alpha / sigma pixels.
    With probability ``flip`` left and right are exchanged first: leave it at 0 where sides matter.
    """

    degrees: Span = span_field(30.0)
    scale: Span = span_field((0.7, 1.4), around=1.0, low=1e-3)
    dx: Span = span_field(0.0)
    dy: Span = span_field(0.0)
    alpha: float = 0.0
    sigma: float = 4.0
    flip: float = 0.0

    def __post_init__(self) -> None:
        super().__post_init__()
        probability(self.flip, name="flip")
        if self.alpha < 0 or self.sigma < 0:
            raise ValueError(f"alpha is {self.alpha} and sigma {self.sigma}; expected numbers not below 0")

    def matrix(self, x: Tensor, params: Params) -> Tensor:
        """See ``image.affine_matrix``."""
        return compose_affine(x, **params)

    def make_params(self, x: Any, *, generator: Generator | None = None) -> Params:
        """The four numbers, the ``matrix`` (B, 3, 3) they give, and where alpha is above 0 a ``displacement``."""
        params = super().make_params(x, generator=generator)
        if self.flip > 0:
            mirror = x.new_tensor([[-1.0, 0.0, x.shape[3] - 1.0], [0.0, 1.0, 0.0], [0.0, 0.0, 1.0]])
            flipped = chance(self.flip, x, generator=generator)[:, None, None]
            matrix = params["matrix"]
            params["matrix"] = torch.where(flipped, matrix @ mirror.to(matrix), matrix)
        if self.alpha == 0:
            return params
        return {**params, "displacement": elastic_field(x, alpha=self.alpha, sigma=self.sigma, generator=generator)}

    def grid(self, x: Images, params: Params) -> Float[Tensor, "b 2 h w"]:
        """Where each pixel comes from: what ``warp_prediction`` needs."""
        return affine_elastic_grid(x, matrix=params["matrix"], displacement=params.get("displacement"))

    def places(self, x: Tensor, params: Params) -> tuple[Tensor, Callable[[Tensor], Tensor]]:
        """See ``affine_elastic_grid``."""
        return (self.grid(x, params), identity) if "displacement" in params else super().places(x, params)

    def points(self, points: Tensor, x: Tensor, params: Params) -> Tensor:
        """Where points go: p with p + d(p) = A q is solved by iteration, as in ``image.Elastic``."""
        moved = warp_points(points, params["matrix"])
        if "displacement" not in params:
            return moved
        size = moved.new_tensor([x.shape[3], x.shape[2]])
        field, p = params["displacement"].to(moved), moved
        for _ in range(ELASTIC_STEPS):
            grid = ((2 * p + 1) / size - 1).mT[:, :, None, :]
            p = moved - sample(field, grid, fill="edge")[:, :, 0].mT
        return p


def warp_prediction(
    probabilities: Float[Tensor, "b k h w"], *, grid: Float[Tensor, "b 2 h w"]
) -> tuple[Float[Tensor, "b k h w"], Bool[Tensor, "b h w"]]:
    """Probabilities moved as their picture moved, and the pixels (B, H, W) that come from inside the picture.

    Args:
        probabilities: (B, K, H, W), no logits: beyond the edge they are 0, and a logit of 0 means ½.
        grid: as ``affine_elastic_grid`` makes it.

    Raises:
        ValueError: if the shapes don't fit.

    >>> p = torch.tensor([[[[0.2, 0.8]]]])
    >>> shifted = affine_elastic_grid(p, matrix=torch.tensor([[[1.0, 0, 1], [0, 1, 0], [0, 0, 1]]]))
    >>> warp_prediction(p, grid=shifted)
    (tensor([[[[0.0000, 0.2000]]]]), tensor([[[False,  True]]]))
    """
    moved = sample(probabilities, grid)
    seen = sample(torch.ones_like(probabilities[:, :1]), grid)
    return moved, seen[:, 0] >= INSIDE
