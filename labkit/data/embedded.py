"""Real data that scikit-learn and scikit-image bring with them: nothing here touches the network.

===============  =====================================  =================
``digits``       1,797 handwritten digits of 8×8        (1797, 1, 8, 8)
``faces``        100 faces and 100 patches without one  (200, 1, 25, 25)
``photographs``  eighteen photographs                   {name: (3, H, W)}
===============  =====================================  =================

All images are float32 in [0, 1]. Their files are read where they lie: neither package is imported, which would take a
second.
"""

import importlib.util
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from labkit.data.dataset import About, DataError, Dataset

DIGITS = About(
    name="digits",
    licence="CC BY 4.0",
    citation="E. Alpaydin and C. Kaynak, Optical Recognition of Handwritten Digits, UCI Machine Learning "
    "Repository, 1998, doi:10.24432/C50P49",
    source="scikit-learn, sklearn.datasets.load_digits",
)
FACES = About(
    name="faces",
    licence="research; photographs by the press, gathered by Labeled Faces in the Wild",
    citation="G. Huang, M. Mattar, H. Lee and E. Learned-Miller, Learning to Align from Scratch, NIPS 2012",
    source="scikit-image, skimage.data.lfw_subset",
)


@dataclass(frozen=True)
class Photograph:
    """One bundled photograph: the package and file it lies in, what it shows, and its terms."""

    package: str
    file: str
    shows: str
    licence: str


SKIMAGE, SKLEARN, SKLEARN_DATA = "skimage.data", "sklearn.datasets.images", "sklearn.datasets.data"
CC0 = "CC0"
PHOTOGRAPHS = {
    "astronaut": Photograph(SKIMAGE, "astronaut.png", "Eileen Collins", "public domain, NASA"),
    "brick": Photograph(SKIMAGE, "brick.png", "a brick wall, grey", CC0),
    "camera": Photograph(SKIMAGE, "camera.png", "a man with a camera, grey", "CC0, Lav Varshney"),
    "cat": Photograph(SKIMAGE, "chelsea.png", "Chelsea the cat", "CC0, Stefan van der Walt"),
    "cell": Photograph(SKIMAGE, "cell.png", "a cell in saline, phase image, grey", CC0),
    "china": Photograph(SKLEARN, "china.jpg", "a temple in China", "CC BY 2.0, danielbuechele on Flickr"),
    "clock": Photograph(
        SKIMAGE, "clock_motion.png", "a clock, blurred by motion, grey", "public domain, S. van der Walt"
    ),
    "coffee": Photograph(SKIMAGE, "coffee.png", "a cup of coffee", "CC0, Rachel Michetti"),
    "coins": Photograph(SKIMAGE, "coins.png", "Greek coins, grey", "no known restrictions, Brooklyn Museum"),
    "flower": Photograph(SKLEARN, "flower.jpg", "a flower", "CC BY 2.0, vultilion on Flickr"),
    "galaxies": Photograph(SKIMAGE, "hubble_deep_field.jpg", "the Hubble eXtreme Deep Field", "public domain, NASA"),
    "grass": Photograph(SKIMAGE, "grass.png", "grass, grey", CC0),
    "gravel": Photograph(SKIMAGE, "gravel.png", "gravel, grey", CC0),
    "moon": Photograph(
        SKIMAGE, "moon.png", "the surface of the moon, low contrast, grey", "not stated by scikit-image"
    ),
    "motorcycle": Photograph(SKIMAGE, "motorcycle_left.png", "a motorcycle", "CC0, D. Scharstein, Middlebury 2014"),
    "retina": Photograph(SKIMAGE, "retina.jpg", "a human retina", "CC0, Mikael Häggström"),
    "rocket": Photograph(SKIMAGE, "rocket.jpg", "the launch of a Falcon 9", "public domain, SpaceX"),
    "tissue": Photograph(SKIMAGE, "ihc.png", "stained colonic glands", "no known restrictions, CMMI"),
}
"""The photographs by name. Grey ones come as three equal channels."""


def digits(split: str = "all", *, seed: int = 0) -> Dataset:
    """scikit-learn's handwritten digits: float32 (N, 1, 8, 8) in [0, 1], labels (N,) int64 from 0 to 9.

    Args:
        split: ``"all"``: the 1,797 images in scikit-learn's order. ``"test"``: 50 of each digit, 500 images,
            drawn at random with ``seed``; ``"train"``: the other 1,297. The two are shuffled.
        seed: another seed, another split.

    Raises:
        ValueError: if ``split`` is none of the three.
        DataError: if the installed scikit-learn does not bring the file.
    """
    if split not in ("all", "train", "test"):
        raise ValueError(f"split is {split!r}; expected 'all', 'train' or 'test'")
    images, labels = handwriting()
    x = torch.from_numpy(images / 16).unsqueeze(1)
    y = torch.from_numpy(labels.copy())
    data = Dataset(x, y, tuple("0123456789"), DIGITS)
    if split == "all":
        return data
    train, test = data.split(test=50, generator=torch.Generator().manual_seed(seed))
    return train if split == "train" else test


@cache
def handwriting() -> tuple[NDArray[np.float32], NDArray[np.int64]]:
    """scikit-learn's digits as its file has them, read once: (1797, 8, 8) from 0 to 16, and labels (1797,)."""
    table = np.loadtxt(bundled("the digits", SKLEARN_DATA, "digits.csv.gz"), delimiter=",", dtype=np.float32)
    images, labels = table[:, :-1].reshape(-1, 8, 8), table[:, -1].astype(np.int64)
    images.flags.writeable = labels.flags.writeable = False
    return images, labels


def faces() -> Dataset:
    """scikit-image's part of Labeled Faces in the Wild: float32 (200, 1, 25, 25), labels 0 no face, 1 face.

    The first 100 are faces, the last 100 patches of the backgrounds of the same photographs.

    Raises:
        DataError: if the installed scikit-image does not bring the file.
    """
    array = np.load(bundled("the faces", SKIMAGE, "lfw_subset.npy"))
    x = torch.from_numpy(array.astype(np.float32)).unsqueeze(1)
    y = (torch.arange(len(x)) < 100).long()
    return Dataset(x, y, ("no face", "face"), FACES)


def photographs(*names: str) -> dict[str, Tensor]:
    """Photographs by name, each float32 (3, H, W) in [0, 1], the sizes as they are, 300 to 1411 pixels a side.

    Args:
        names: some of ``PHOTOGRAPHS``. Without a name: all that the installed packages bring.

    Raises:
        ValueError: if there is no photograph of that name.
        DataError: if the installed package does not bring one that was asked for.
    """
    unknown = [name for name in names if name not in PHOTOGRAPHS]
    if unknown:
        raise ValueError(f"there is no photograph {unknown[0]!r}; expected some of {', '.join(PHOTOGRAPHS)}")
    if names:
        return {name: photograph(name) for name in names}
    present = [n for n, p in PHOTOGRAPHS.items() if (folder(p.package) / p.file).is_file()]
    return {name: photograph(name) for name in present}


def photograph(name: str) -> Tensor:
    """The photograph called ``name``: float32 (3, H, W) in [0, 1]. Raises as ``photographs`` does."""
    if name not in PHOTOGRAPHS:
        raise ValueError(f"there is no photograph {name!r}; expected one of {', '.join(PHOTOGRAPHS)}")
    from PIL import Image

    entry = PHOTOGRAPHS[name]
    with Image.open(bundled(f"the photograph {name!r}", entry.package, entry.file)) as image:
        array = np.array(image.convert("RGB"))
    return torch.from_numpy(array).permute(2, 0, 1).float().div(255).contiguous()


def bundled(what: str, package: str, file: str) -> Path:
    """The path of a file that an installed package brings.

    Raises:
        DataError: if it isn't there.
    """
    path = folder(package) / file
    if not path.is_file():
        raise DataError(missing(what, package, file))
    return path


def folder(package: str) -> Path:
    """Where a package lies, which isn't imported for that: a place without files if it isn't installed."""
    first, *rest = package.split(".")
    spec = importlib.util.find_spec(first)
    places = spec.submodule_search_locations if spec else None
    return Path(*(places or ["not installed"])[:1], *rest)


def missing(what: str, package: str, file: str) -> str:
    """The sentence for data that an installed package should bring and does not."""
    return (
        f"{what} should come with the installed {package.split('.')[0]}, but {package} has no {file}: "
        f"reinstall it with `pip install --force-reinstall --no-deps "
        f"{'scikit-image' if package == SKIMAGE else 'scikit-learn'}`"
    )
