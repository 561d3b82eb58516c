"""Augmentation: the parts that all kinds of data share. Each kind of data has a module of its own.

``from labkit.augment import Compose, OneOf, Sometimes, image``. How to write a transform: ``labkit.augment.transform``.
"""

from labkit.augment.arguments import Span, span_field
from labkit.augment.pipeline import Compose, Identity, OneOf, Sometimes, repeat_params
from labkit.augment.transform import Annotated, Params, Transform
from labkit.draws import normal, uniform

__all__ = [
    "Annotated", "Compose", "Identity", "OneOf", "Params", "Sometimes", "Span", "Transform", "normal", "repeat_params",
    "span_field", "uniform",
]  # fmt: skip
