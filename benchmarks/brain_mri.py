"""Real slices of brains, some with a tumour: the pictures in ``LABKIT_DATA/medical/brain_mri``."""

from collections.abc import Iterator

from PIL import Image

from benchmarks import kit


def slices() -> Iterator[tuple[Image.Image, int]]:
    """The slices in grey, each of its own size, and whether a tumour was seen: 0 or 1. Those without come first.

    Raises:
        Missing: if ``LABKIT_DATA`` lacks them.
    """
    for label, folder in enumerate(("no", "yes")):
        for path in sorted(kit.real_data("medical", "brain_mri", folder).iterdir()):
            with Image.open(path) as picture:
                yield picture.convert("L"), label
