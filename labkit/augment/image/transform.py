"""The second layer of image transforms: what draws parameters, and what follows the geometry.

A transform of images is a frozen dataclass. Most of its fields are spans, from which each image's parameter is drawn
uniformly, and ``apply`` hands the draw to the function of the first layer. A call may bring annotations, which move
with the picture:

``mask``       (B, H, W) or (B, K, H, W), any dtype: looked up by the nearest pixel; where the picture is
               filled with a constant, ``mask_value``: 0, or the label that a loss ignores, say 255;
``boxes``      (B, N, 4): (left, top, right, bottom) by the edges of pixels, so that ``x[..., t:b, l:r]`` has
               the box (l, t, r, b); the result is the smallest box around the four moved corners, cut off
               at the edges of the picture;
``keypoints``  (B, N, 2): (x, y) by the centres of pixels; they may leave the picture;
``y``          whatever belongs to a picture as a whole, or to each of its boxes: it stays.

Boxes and keypoints may be a list with one tensor (N_i, 4) or (N_i, 2) for each picture, where their numbers differ.
What has left the picture stays in its place, so that labels go on belonging to it: see ``boxes``.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import torch
from torch import Generator, Tensor
from torch.nn.utils.rnn import pad_sequence

from labkit.augment.arguments import describe, member
from labkit.augment.image._args import FILLS, INTERPOLATIONS, Fill
from labkit.augment.image.matrices import box_corners, hull_boxes, warp_points
from labkit.augment.image.warping import look_up, project, projection
from labkit.augment.transform import Params, Transform
from labkit.shapes import images

LAST = {"boxes": 4, "keypoints": 2}


class ImageTransform(Transform):
    """A transform of images (B, C, H, W) that moves things: it knows where points go, and annotations follow.

    A subclass gives ``apply`` and ``points``, and ``apply_nearest`` and ``canvas`` where they differ.

    Raises:
        ValueError: if a span is out of range; in a call, if x isn't a batch of float images or an annotation doesn't
            fit it.
    """

    def make_params(self, x: Any, *, generator: Generator | None = None) -> Params:
        """One uniform number an image and span, (B,) each."""
        return super().make_params(images(x), generator=generator)

    def canvas(self, x: Tensor) -> tuple[int, int]:
        """Height and width of the result."""
        return x.shape[2], x.shape[3]

    def points(self, points: Tensor, x: Tensor, params: Params) -> Tensor:
        """Where the points (B, N, 2) of ``x`` are afterwards.

        Raises:
            NotImplementedError: unless a subclass says it.
        """
        raise NotImplementedError(f"{type(self).__name__} has no method `points`: annotations can't follow it")

    def apply_nearest(self, mask: Tensor, params: Params) -> Tensor:
        """A mask (B, K, H, W), as floats, by the nearest pixel."""
        return self.apply(mask, params)

    def apply_mask(self, mask: Tensor, x: Tensor, params: Params) -> Tensor:
        """The mask where the picture went."""
        layers = mask if mask.ndim == 4 else mask[:, None]
        # Whole numbers up to 2^24 are exact in float32, up to 2^53 in float64.
        exact = torch.float64 if mask.dtype in (torch.int64, torch.float64) else torch.float32
        moved = self.apply_nearest(layers.to(exact), params)
        moved = moved > 0.5 if mask.dtype == torch.bool else moved.to(mask.dtype)
        return moved if mask.ndim == 4 else moved[:, 0]

    def apply_boxes(self, boxes: Any, x: Tensor, params: Params) -> Any:
        """The boxes around where the corners went."""

        def move(boxes: Tensor) -> Tensor:
            corners = box_corners(boxes)
            moved = self.points(corners.flatten(1, 2), x, params).unflatten(1, corners.shape[1:3])
            return hull_boxes(moved, size=self.canvas(x))

        return _each_or_padded(move, boxes)

    def apply_keypoints(self, keypoints: Any, x: Tensor, params: Params) -> Any:
        """The points where they went."""
        return _each_or_padded(lambda points: self.points(points, x, params), keypoints)

    def examine(self, x: Any, annotations: Mapping[str, Any]) -> None:
        """Refuse annotations that don't fit the images.

        Raises:
            ValueError: saying which shape was expected.
        """
        images(x)
        for name in annotations:
            if name == "mask":
                refuse_mask(annotations[name], x)
            elif name in LAST:
                places(name, annotations[name], len(x))
            else:
                super().examine(x, {name: annotations[name]})


class PhotometricTransform(ImageTransform):
    """A transform of images that changes values and moves nothing: annotations stay as they are."""

    def points(self, points: Tensor, x: Tensor, params: Params) -> Tensor:
        """The points themselves."""
        return points

    def apply_mask(self, mask: Tensor, x: Tensor, params: Params) -> Tensor:
        """The mask itself."""
        return mask

    def apply_boxes(self, boxes: Any, x: Tensor, params: Params) -> Any:
        """The boxes themselves."""
        return boxes

    def apply_keypoints(self, keypoints: Any, x: Tensor, params: Params) -> Any:
        """The keypoints themselves."""
        return keypoints


@dataclass(frozen=True, kw_only=True)
class Warp(ImageTransform):
    """A transform that looks values up between pixels and outside the picture, by default by a matrix: see ``warp``.

    A subclass gives ``matrix``; it is worked out once a call, and picture, mask, boxes and keypoints follow it.
    """

    interpolation: str = "bilinear"
    fill: str = "constant"
    value: Fill = 0.0
    mask_value: float = 0

    def __post_init__(self) -> None:
        super().__post_init__()
        member(self.interpolation, INTERPOLATIONS, name="interpolation")
        member(self.fill, FILLS, name="fill")

    def matrix(self, x: Tensor, params: Params) -> Tensor:
        """The matrices (B, 3, 3) that move the points of ``x``, from what was drawn."""
        raise NotImplementedError

    def make_params(self, x: Any, *, generator: Generator | None = None) -> Params:
        """What is drawn, and the ``matrix`` (B, 3, 3) that it gives."""
        params = super().make_params(x, generator=generator)
        return {**params, "matrix": self.matrix(x, params)}

    def points(self, points: Tensor, x: Tensor, params: Params) -> Tensor:
        """The points moved by the matrix."""
        return warp_points(points, params["matrix"])

    def places(self, x: Tensor, params: Params) -> tuple[Tensor, Callable[[Tensor], Tensor]]:
        """Where pixels come from: rows, one an image, and the function that makes a ``sample`` grid of some of them."""
        height, width = self.canvas(x)
        return projection(x, params["matrix"]), lambda rows: project(rows, height, width)

    def apply(self, x: Any, params: Params) -> Tensor:
        """The images, looked up."""
        return self._look_up(images(x), params)[0]

    def apply_mask(self, mask: Tensor, x: Tensor, params: Params) -> Tensor:
        """The mask by the nearest pixel, and ``mask_value`` where the picture is filled with a constant."""
        return self._look_up(x, params, mask)[1]

    def _look_up(self, x: Tensor, params: Params, mask: Tensor | None = None) -> tuple[Tensor, Any]:
        rows, grid = self.places(x, params)
        return look_up(
            x, rows, grid, interpolation=self.interpolation, fill=self.fill, value=self.value, mask=mask,
            mask_value=self.mask_value,
        )  # fmt: skip

    def examine(self, x: Any, annotations: Mapping[str, Any]) -> None:
        """Refuse annotations that don't fit the images, and masks that can't hold ``mask_value``.

        Raises:
            ValueError: saying what was expected.
        """
        super().examine(x, annotations)
        refuse_mask_value(self.mask_value, annotations.get("mask"))

    def apply_all(self, x: Any, params: Params, annotations: dict[str, Any]) -> tuple[Any, dict[str, Any]]:
        """Picture and mask together: both are looked up in the same places."""
        if "mask" not in annotations:
            return super().apply_all(x, params, annotations)
        y, mask = self._look_up(images(x), params, annotations["mask"])
        others = {name: self._moved(name, value, x, params) for name, value in annotations.items() if name != "mask"}
        return y, {"mask": mask, **others}


def _each_or_padded(move: Callable[[Tensor], Tensor], places: Any) -> Any:
    """``move(places)``, or for a list with one tensor (N_i, k) a picture the list of what becomes of them."""
    if isinstance(places, Tensor):
        return move(places)
    if not places:
        return []
    return [row[: len(given)] for row, given in zip(move(pad_sequence(list(places), True)), places, strict=True)]


def refuse_mask(mask: Any, x: Tensor) -> None:
    """Refuse a mask that doesn't fit the pictures.

    Raises:
        ValueError: saying which shape was expected.
    """
    b, _, h, w = x.shape
    if not isinstance(mask, Tensor) or mask.ndim not in (3, 4) or mask.shape[0] != b or mask.shape[-2:] != (h, w):
        raise ValueError(f"a mask is a tensor ({b}, {h}, {w}) or ({b}, K, {h}, {w}); this is {describe(mask)}")


def refuse_mask_value(value: float | None, mask: Any) -> None:
    """Refuse a number for pixels of a mask that its dtype can't hold.

    Raises:
        ValueError: saying which numbers it can.
    """
    if value is None or not isinstance(mask, Tensor) or mask.is_floating_point():
        return
    low, high = (0, 1) if mask.dtype == torch.bool else (torch.iinfo(mask.dtype).min, torch.iinfo(mask.dtype).max)
    if not low <= value <= high or value != int(value):
        name = str(mask.dtype).removeprefix("torch.")
        raise ValueError(f"mask_value is {value}; a mask of {name} holds whole numbers from {low} to {high}")


def places(name: str, value: Any, count: int | None = None) -> Any:
    """``value``, if it is boxes or keypoints, as ``name`` says, of ``count`` pictures: a tensor, or one a picture.

    Raises:
        ValueError: saying what it is instead.
    """
    last = LAST[name]
    one_tensor = _floats(value, 3, last)
    listed = isinstance(value, list | tuple) and all(_floats(row, 2, last) for row in value)
    if not (one_tensor or listed) or count not in (None, len(value)):
        b = "B" if count is None else count
        raise ValueError(
            f"{name} are a float tensor ({b}, N, {last}), or a list of {b} tensors (N, {last}); "
            f"these are {describe(value)}"
        )
    return value


def _floats(value: Any, ndim: int, last: int) -> bool:
    """Whether it is a float tensor of so many dimensions, the last of that size."""
    return isinstance(value, Tensor) and value.ndim == ndim and value.shape[-1] == last and value.is_floating_point()
