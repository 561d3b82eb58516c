"""A pretrained network that needs no download: trained on characters and shapes that this course's simulators draw.

``source_task`` draws the images of its task: ten digits and 26 letters in many hands and seven shapes, white on black,
at two sharpnesses. ``benchmarks/finetune_source.py`` trained it; how, with which seed and at what cost stands in
``small_cnn.json`` beside the weights. It has seen nothing that a person wrote, and no photograph.

``handwriting`` and ``textures`` are two new tasks for it: real digits, which look like what it knows, and patches
of photographs, which don't.
"""

import json
from functools import cache
from importlib.resources import files
from typing import Any, NamedTuple

import safetensors.torch
import torch
from torch import Tensor
from torch.nn import functional

from labkit.data import Dataset, digits, photographs
from labkit.data.dataset import About
from labkit.data.simulate import glyphs, shapes
from labkit.data.simulate.shapes import SHAPES
from labkit.nets import CNN
from labkit.shapes import Float, Images

SIZE = 16
CHARACTERS = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ"
CLASSES = (*CHARACTERS, *SHAPES)
WIDTH, DEPTH = 16, 4
FOLDER = "labkit.finetune"
ABOUT = About("characters and shapes", "simulated: free of rights", "", "simulated")
WRITERS: dict[str, Any] = {"scale": (0.6, 1.0), "stretch": (0.6, 1.4), "slant": (-0.3, 0.5), "rotation": (-20, 20),
                           "thickness": (0.05, 0.25), "jitter": 0.2, "shift": 0.08, "noise": 0.02}  # fmt: skip
SURFACES = ("brick", "grass", "gravel", "cat", "china", "flower", "tissue", "galaxies", "moon", "coins")
"""The photographs whose patches are the classes of ``textures``."""


def small_cnn() -> CNN:
    """The pretrained network, in evaluation mode; a new one at each call. Images are (B, 1, H, W), from 16 pixels."""
    model = CNN(1, len(CLASSES), width=WIDTH, depth=DEPTH, mean=0.2, std=0.3)
    weights = safetensors.torch.load((files(FOLDER) / "small_cnn.safetensors").read_bytes())
    model.load_state_dict({k: v.float() if v.is_floating_point() else v for k, v in weights.items()}, strict=False)
    return model.eval()


def about() -> dict[str, Any]:
    """How ``small_cnn`` was trained, and how good it is at its own task."""
    return json.loads((files(FOLDER) / "small_cnn.json").read_text(encoding="utf-8"))


class Measured(NamedTuple):
    """An accuracy over several draws."""

    mean: float
    std: float


@cache
def depths() -> dict[str, dict[str, dict[str, Measured]]]:
    """Accuracies of ``adapt`` by task, examples a class, and strategy: ``"scratch"`` or the number of frozen stages."""
    table = json.loads((files(FOLDER) / "depths.json").read_text(encoding="utf-8"))
    return {
        task: {n: {strategy: Measured(*pair) for strategy, pair in row.items()} for n, row in counts.items()}
        for task, counts in table.items()
    }


def source_task(n: int, *, generator: torch.Generator) -> Dataset:
    """The task that ``small_cnn`` was trained on: characters and shapes, (n, 1, 16, 16) in [0, 1], 43 classes.

    Args:
        n: how many; about as many of every class.
        generator: the source of all randomness.

    Raises:
        ValueError: if there are fewer than 43.
    """
    if n < len(CLASSES):
        raise ValueError(f"n is {n}; expected {len(CLASSES)} or more, one of every class")
    written = round(n * len(CHARACTERS) / len(CLASSES))
    characters = glyphs(written, generator=generator, size=32, characters=CHARACTERS, **WRITERS)
    drawn = shapes(n - written, generator=generator, size=32, classes=SHAPES, scale=(0.6, 0.9), shift=0.1,
                   line_width=(0.05, 0.16), contrast=(0.8, 1.0), paper=0.0)  # fmt: skip
    x = torch.cat([characters.x, drawn.x])
    # Half of them as blurred as digits of 8² are when they are enlarged.
    blurred = torch.rand(n, generator=generator) < 0.5
    x = torch.where(blurred[:, None, None, None], enlarged(functional.avg_pool2d(x, 4)), functional.avg_pool2d(x, 2))
    y = torch.cat([characters.y, drawn.y + len(CHARACTERS)])
    order = torch.randperm(n, generator=generator)
    return Dataset(
        x[order], y[order], CLASSES, About("characters and shapes", "simulated: free of rights", "", "simulated")
    )


def enlarged(x: Images) -> Float[Tensor, "b c 16 16"]:
    """Images of any size as 16²."""
    return functional.interpolate(x, size=(SIZE, SIZE), mode="bilinear", align_corners=False)


def handwriting(*, seed: int = 0) -> tuple[Dataset, Dataset]:
    """A similar task: scikit-learn's real digits, enlarged to 16²; 1,297 to learn from and 500 to measure on."""
    learn, test = (digits(split, seed=seed) for split in ("train", "test"))
    return tuple(Dataset(enlarged(d.x), d.y, d.classes, d.about) for d in (learn, test))  # type: ignore[return-value]


def textures(*, per_class: int = 200, generator: torch.Generator) -> tuple[Dataset, Dataset]:
    """A different task: of which photograph is this grey patch of 16²? Ten bundled photographs at half size.

    Patches to learn from lie in the upper three fifths of a photograph, those to measure on in the lower two fifths.
    Each is set to the same mean and contrast, so that brightness gives nothing away.

    Args:
        per_class: patches of each photograph in either set.
        generator: where they lie.

    Returns:
        Two sets (10 · per_class, 1, 16, 16) in [0, 1].

    Raises:
        ValueError: if ``per_class`` is below 1.
        DataError: if an installed package lacks its photographs.
    """
    if per_class < 1:
        raise ValueError(f"per_class is {per_class}; expected 1 or more")
    upper, lower = [], []
    for picture in photographs(*SURFACES).values():
        grey = functional.avg_pool2d(picture.mean(0, keepdim=True)[None], 2)[0, 0]
        border = round(0.6 * len(grey))
        upper.append(patches(grey[:border], per_class, generator))
        lower.append(patches(grey[border:], per_class, generator))
    y = torch.arange(len(SURFACES)).repeat_interleave(per_class)
    what = About("textures", "as of each photograph", "", "patches of labkit.data.photographs")
    return tuple(Dataset(torch.cat(x), y, SURFACES, what) for x in (upper, lower))  # type: ignore[return-value]


def patches(picture: Tensor, n: int, generator: torch.Generator) -> Images:
    """n patches (n, 1, 16, 16) of a picture (H, W) at random places, each of mean 0.5 and deviation 0.2."""
    places = picture.unfold(0, SIZE, 1).unfold(1, SIZE, 1)
    rows, columns = (torch.randint(places.shape[i], (n,), generator=generator) for i in (0, 1))
    x = places[rows, columns]
    std, mean = torch.std_mean(x, dim=(1, 2), keepdim=True)
    return (0.5 + 0.2 * (x - mean) / std.clamp_min(1e-3)).clamp(0, 1)[:, None]
