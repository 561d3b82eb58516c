"""What is left of boxes and points after a transform: which are still in the picture, and dropping those that aren't.

Transforms keep every box and point in its place, so that labels go on belonging to them. A box that left the picture
has no width or no height then, and a point lies outside. Drop them at the end, and their labels with them::

    result = transform(x, boxes=boxes, keypoints=points, generator=g)
    boxes, labels = image.sanitize_boxes(result.boxes, labels)
    seen = image.visible_keypoints(result.keypoints, size=result.x.shape[-2:])

or within a pipeline, where ``y`` holds a label for each box::

    result = Compose([image.RandomCrop((24, 24)), image.SanitizeBoxes()])(x, boxes=boxes, y=labels, generator=g)
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Generator, Tensor

from labkit.augment.arguments import describe
from labkit.augment.image.transform import PhotometricTransform, places
from labkit.augment.transform import Params
from labkit.shapes import images

Ragged = Sequence[Tensor]
"""One tensor a picture, whose lengths may differ."""


def visible_boxes(boxes: Tensor | Ragged, *, min_size: float = 1.0, min_area: float = 1.0) -> Any:
    """Which boxes are still boxes: their width and height are at least ``min_size``, their area ``min_area`` pixels.

    Args:
        boxes: (B, N, 4), (left, top, right, bottom), or a list with (N_i, 4) for each picture, cut off at the edges
            of the picture, as every transform gives them; (B, T, N, 4) of clips.
        min_size: the smallest width and height, in pixels.
        min_area: the smallest area, in pixels.

    Returns:
        Bool (B, N), (B, T, N), or a list of (N_i,); a box with a coordinate that is nan is not visible.

    Raises:
        ValueError: if they are no boxes, or a smallest size is negative.

    >>> visible_boxes(torch.tensor([[[0.0, 0, 5, 4], [7, 0, 7, 4]]]))
    tensor([[ True, False]])
    """
    if not min_size >= 0 or not min_area >= 0:
        raise ValueError(f"min_size is {min_size} and min_area {min_area}; expected numbers not below 0")

    def large(boxes: Tensor) -> Tensor:
        sides = boxes[..., 2:] - boxes[..., :2]
        return (sides >= min_size).all(-1) & (sides.clamp_min(0).prod(-1) >= min_area) & (sides > 0).all(-1)

    return _each(large, _examined("boxes", boxes))


def sanitize_boxes(
    boxes: Tensor | Ragged, *others: Tensor | Ragged, min_size: float = 1.0, min_area: float = 1.0
) -> Any:
    """The boxes that are ``visible_boxes``, and what belongs to them: labels, scores, one entry a box.

    Args:
        boxes: as ``visible_boxes`` takes them.
        others: each (B, N, …), or a list with (N_i, …) for each picture.
        min_size, min_area: see ``visible_boxes``.

    Returns:
        A list with one tensor for each picture; with ``others`` a tuple of such lists, the boxes first.

    Raises:
        ValueError: as ``visible_boxes``, and if something has another number of entries than there are boxes.

    >>> boxes = torch.tensor([[[0.0, 0, 5, 4], [7, 0, 7, 4]], [[1, 1, 3, 3], [0, 0, 9, 9]]])
    >>> kept, labels = sanitize_boxes(boxes, torch.tensor([[1, 2], [3, 4]]))
    >>> [len(b) for b in kept], labels
    ([1, 2], [tensor([1]), tensor([3, 4])])
    """
    visible = list(visible_boxes(boxes, min_size=min_size, min_area=min_area))
    for other in others:
        _refuse_other(other, boxes)
    kept = tuple([row[v] for row, v in zip(rows, visible, strict=True)] for rows in (boxes, *others))
    return kept if others else kept[0]


def visible_keypoints(keypoints: Tensor | Ragged, *, size: Sequence[int]) -> Any:
    """Which points lie in the picture: bool (B, N), or a list of (N_i,).

    The centres of pixels have whole numbers, so the picture reaches from −½ to W − ½ and to H − ½. A point with a
    coordinate that is nan is not visible. What lies in front of a point is not known.

    Args:
        keypoints: (B, N, 2), (x, y), or a list with (N_i, 2) for each picture; (B, T, N, 2) of clips.
        size: (H, W) of the picture *after* the transform.

    Raises:
        ValueError: if they are no points, or the size is none.

    >>> visible_keypoints(torch.tensor([[[0.0, 0], [7.4, 3], [7.6, 3]]]), size=(4, 8))
    tensor([[ True,  True, False]])
    """
    if len(size) != 2 or min(size) < 1:
        raise ValueError(f"size is {tuple(size)}; expected (height, width) of at least one pixel")

    def within(points: Tensor) -> Tensor:
        limits = points.new_tensor([size[1] - 0.5, size[0] - 0.5])
        return ((points >= -0.5) & (points < limits)).all(-1)

    return _each(within, _examined("keypoints", keypoints))


@dataclass(frozen=True)
class SanitizeBoxes(PhotometricTransform):
    """Drops the boxes that are not ``visible_boxes`` and the labels ``y`` of theirs, at the end of a pipeline.

    ``y`` holds a label for each box, (B, N, …) or a list of (N_i, …). Boxes and labels come back as lists with one
    tensor for each picture.

    >>> from labkit.augment import Compose, image
    >>> boxes = torch.tensor([[[0.0, 0.0, 2.0, 2.0], [5.0, 5.0, 8.0, 8.0]]])
    >>> pipeline = Compose([image.Translate((4, 4), (0, 0)), image.SanitizeBoxes()])
    >>> result = pipeline(torch.zeros(1, 1, 8, 8), boxes=boxes, y=torch.tensor([[3, 7]]))
    >>> result.boxes, result.y
    ([tensor([[4., 0., 6., 2.]])], [tensor([3])])
    """

    min_size: float = 1.0
    min_area: float = 1.0

    def __post_init__(self) -> None:
        visible_boxes(torch.zeros(0, 0, 4), min_size=self.min_size, min_area=self.min_area)

    def make_params(self, x: Any, *, generator: Generator | None = None) -> Params:
        """Nothing to draw."""
        return {}

    def apply(self, x: Any, params: Params) -> Tensor:
        """The images themselves."""
        return images(x)

    def examine(self, x: Any, annotations: Mapping[str, Any]) -> None:
        """Refuse annotations that don't fit the images, and labels that don't fit the boxes.

        Raises:
            ValueError: saying which shape was expected.
        """
        super().examine(x, annotations)
        if annotations.get("y") is not None and annotations.get("boxes") is not None:
            _refuse_other(annotations["y"], annotations["boxes"])

    def apply_all(self, x: Any, params: Params, annotations: dict[str, Any]) -> tuple[Any, dict[str, Any]]:
        """Boxes and labels together."""
        if "boxes" not in annotations:
            return images(x), annotations
        both = [name for name in ("boxes", "y") if name in annotations]
        kept = sanitize_boxes(*(annotations[name] for name in both), min_size=self.min_size, min_area=self.min_area)
        return images(x), {**annotations, **dict(zip(both, kept if len(both) == 2 else (kept,), strict=True))}


def _examined(name: str, value: Any) -> Any:
    """``value``, if it is boxes or keypoints of pictures or of clips."""
    if isinstance(value, Tensor) and value.ndim == 4:
        places(name, value.flatten(0, 1))
        return value
    return places(name, value)


def _each(decide: Any, rows: Any) -> Any:
    """``decide(rows)``, or a list with what it says of each picture."""
    return decide(rows) if isinstance(rows, Tensor) else [decide(row) for row in rows]


def _refuse_other(other: Any, boxes: Any) -> None:
    fits = isinstance(other, Tensor | list | tuple) and len(other) == len(boxes)
    if isinstance(other, Tensor) and other.ndim < 2:
        fits = False
    if not fits or any(not isinstance(o, Tensor) or len(o) != len(b) for o, b in zip(other, boxes, strict=True)):
        numbers = [len(b) for b in boxes]
        raise ValueError(
            f"there are {numbers} boxes in the pictures, and what belongs to them is {describe(other)}; expected one "
            "entry for each box, (B, N, …) or a list of (N, …)"
        )
