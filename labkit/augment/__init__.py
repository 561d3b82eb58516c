"""Augmentation: what is common to every kind of data here, each kind in a module of its own.

``from labkit.augment import Compose, OneOf, Sometimes, image``
"""

from labkit.augment.pipeline import Compose, Identity, OneOf, Sometimes, Transform

__all__ = ["Compose", "Identity", "OneOf", "Sometimes", "Transform"]
