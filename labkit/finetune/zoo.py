"""Step 1: load a pretrained model.

=============  ======  ==========  ==============================================================================
name           input   weights     source
=============  ======  ==========  ==============================================================================
``vgg16``      224²    528 MB      Simonyan and Zisserman, "Very Deep Convolutional Networks" (2014)
``vgg19``      224²    548 MB      the same
``inception``  299²    104 MB      Szegedy et al., "Rethinking the Inception Architecture" (2015)
``resnet50``   224²    98 MB       He et al., "Deep Residual Learning" (2015)
``xception``   299²    88 MB       Chollet, "Xception" (2017); needs timm: ``pip install 'labkit-course[zoo]'``
``squeezenet`` 224²    5 MB        Iandola et al., "SqueezeNet" (2016), version 1.0
``small_cnn``  16²     0.2 MB      characters and shapes by this course's simulators; comes with labkit
=============  ======  ==========  ==============================================================================

Each is cut into normalisation (so that images are in [0, 1]), a body of stages, and its own head. Weights are
torchvision's and timm's, trained on ImageNet, verified by the checksum in their file's name.
"""

from collections import OrderedDict
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlparse

import torch
from torch import nn

from labkit.data import DataError, fetch
from labkit.data.download import intact
from labkit.finetune.bundled import small_cnn
from labkit.finetune.network import Network, adapt_input
from labkit.nets import Classifier, Normalize

IMAGENET = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)
HALF = (0.5, 0.5, 0.5), (0.5, 0.5, 0.5)
TORCH = "https://download.pytorch.org/models/"
TIMM = "https://github.com/rwightman/pytorch-image-models/releases/download/v0.1-cadene/"
Cut = tuple["OrderedDict[str, nn.Module]", nn.Module]


@dataclass(frozen=True)
class Entry:
    """One pretrained network.

    Attributes:
        title: what a person calls it.
        build: makes the original, with random weights.
        cut: takes it apart into named stages and its head.
        url: where its weights are published; the file's name ends in the first digits of their SHA-256.
        width: the number of its features.
        size: the side in pixels of the images it was trained on.
        scaling: mean and standard deviation of its normalisation.
        keras: its parameters at two classes as the deck counts them, None where the deck doesn't name it.
        keras_biases: whether Keras's convolutions have biases that these lack.
        keras_scales: whether Keras's batch normalisation has a scale, as these do.
    """

    title: str
    build: Callable[[], nn.Module]
    cut: Callable[[Any], Cut]
    url: str
    width: int
    size: int = 224
    scaling: tuple[Sequence[float], Sequence[float]] = IMAGENET
    keras: int | None = None
    keras_biases: bool = False
    keras_scales: bool = True

    @property
    def checksum(self) -> str:
        """The first digits of the file's SHA-256, which its publisher wrote into its name."""
        return Path(urlparse(self.url).path).stem.rpartition("-")[2]


def load(
    name: str,
    *,
    weights: str | Path | None = "imagenet",
    in_chans: int | None = None,
    root: str | Path | None = None,
    download: bool = True,
    progress: bool = True,
) -> Classifier:
    """Step 1: a pretrained model, in evaluation mode on the CPU; a new one at each call.

    Args:
        name: one of the module's table.
        weights: ``"imagenet"``: the published ones, downloaded once, see ``labkit.data.download``; a path: a file of
            the original's state; None: random ones (under ``torch.device("meta")`` none at all, to count with).
        in_chans: the channels of the images, if others than the model was trained on: see ``adapt_input``.
        root: the folder for downloads.
        download: False never touches the network.
        progress: show a bar on stderr while something is downloaded.

    Returns:
        A classifier of images (B, 3, H, W), or (B, in_chans, H, W), in [0, 1] into ImageNet's 1000 classes, which it
        gives the logits that the original gives; ``small_cnn`` takes (B, 1, H, W).

    Raises:
        ValueError: if there is none of that name, Xception is wanted and timm is not installed, or ``in_chans`` is
            below 1.
        DataError: if the weights are not here and can't be fetched: one sentence with what to do.
    """
    if name == "small_cnn":
        return small_cnn() if in_chans is None else adapt_input(small_cnn(), in_chans)
    if name not in ZOO:
        raise ValueError(f"no model is called {name!r}; there are {', '.join([*ZOO, 'small_cnn'])}")
    entry = ZOO[name]
    original = entry.build()
    if weights is not None:
        path = weights_of(entry, root=root, download=download, progress=progress) if weights == "imagenet" else weights
        original.load_state_dict(state(path))
    parts, head = entry.cut(original)
    mean, std = entry.scaling
    model = Network(Normalize(list(mean), list(std)), nn.Sequential(parts), head, width=entry.width).eval()
    return model if in_chans is None else adapt_input(model, in_chans)


def weights_of(entry: Entry, *, root: str | Path | None, download: bool, progress: bool) -> Path:
    """The file of the published weights: torch's own cache is looked into first, then labkit's folders."""
    file = Path(urlparse(entry.url).path).name
    there = Path(torch.hub.get_dir()) / "checkpoints" / file
    if root is None and intact(there, f"sha256:{entry.checksum}"):
        return there
    return fetch(entry.url, entry.checksum, name=f"weights/{file}", root=root, download=download, progress=progress)


def state(path: str | Path) -> dict[str, torch.Tensor]:
    """The tensors of a checkpoint; a file with anything else in it is refused, so that it can't run code."""
    try:
        return torch.load(path, map_location="cpu", weights_only=True)
    except OSError as error:
        raise DataError(f"{path} can't be read ({error.strerror}): expected a file of weights") from error


def _vgg(depth: int) -> Callable[[], nn.Module]:
    def build() -> nn.Module:
        from torchvision import models

        return models.vgg16(weights=None) if depth == 16 else models.vgg19(weights=None)

    return build


def _inception() -> nn.Module:
    from torchvision import models

    return models.inception_v3(weights=None, aux_logits=True, init_weights=False)


def _resnet50() -> nn.Module:
    from torchvision import models

    return models.resnet50(weights=None)


def _squeezenet() -> nn.Module:
    from torchvision import models

    return models.squeezenet1_0(weights=None)


def _xception() -> nn.Module:
    try:
        import timm
    except ImportError as error:
        sentence = "Xception comes from timm, which is not installed: pip install 'labkit-course[zoo]'"
        raise ValueError(sentence) from error
    return timm.create_model("legacy_xception", pretrained=False)


def _cut_vgg(model: Any) -> Cut:
    """Five blocks, each up to its pooling, and the two layers of 4,096."""
    parts: OrderedDict[str, nn.Module] = OrderedDict()
    for i, block in enumerate(_split(model.features, lambda layer: isinstance(layer, nn.MaxPool2d)), start=1):
        parts[f"block{i}"] = nn.Sequential(*block)
    parts["flatten"] = nn.Sequential(model.avgpool, nn.Flatten())
    dense = list(model.classifier)
    parts |= {"fc6": nn.Sequential(*dense[:3]), "fc7": nn.Sequential(*dense[3:6])}
    return parts, dense[6]


def _cut_inception(model: Any) -> Cut:
    """Its children in their order, without the auxiliary classifier, which only served to train it."""
    children = OrderedDict(model.named_children())
    head = children.pop("fc")
    children.pop("AuxLogits")
    dropout = children.pop("dropout")
    return children | {"flatten": nn.Flatten(), "dropout": dropout}, head


def _cut_resnet(model: Any) -> Cut:
    """The stem and four layers of blocks."""
    children = OrderedDict(model.named_children())
    head = children.pop("fc")
    stem = nn.Sequential(*(children.pop(name) for name in ("conv1", "bn1", "relu", "maxpool")))
    return OrderedDict(stem=stem) | children | {"flatten": nn.Flatten()}, head


def _cut_squeezenet(model: Any) -> Cut:
    """The stem and eight fire modules; its head is a convolution, a ReLU and an average over the picture."""
    layers = list(model.features)
    parts: OrderedDict[str, nn.Module] = OrderedDict(stem=nn.Sequential(*layers[:3]))
    for layer in layers[3:]:
        name = f"pool{len(parts)}" if isinstance(layer, nn.MaxPool2d) else f"fire{2 + len(_fires(parts))}"
        parts[name] = layer
    return parts, nn.Sequential(*model.classifier, nn.Flatten())


def _fires(parts: "OrderedDict[str, nn.Module]") -> list[str]:
    return [name for name in parts if name.startswith("fire")]


def _cut_xception(model: Any) -> Cut:
    """timm's children in their order."""
    children = OrderedDict(model.named_children())
    head = children.pop("fc")
    return children, head


def _split(layers: nn.Sequential, ends: Callable[[nn.Module], bool]) -> Iterator[list[nn.Module]]:
    """The layers in runs, each up to and with one that ``ends`` it."""
    run: list[nn.Module] = []
    for layer in layers:
        run.append(layer)
        if ends(layer):
            yield run
            run = []
    if run:
        yield run


ZOO = {
    "vgg16": Entry("VGG-16", _vgg(16), _cut_vgg, TORCH + "vgg16-397923af.pth", 4096, keras=134_268_738),
    "vgg19": Entry("VGG-19", _vgg(19), _cut_vgg, TORCH + "vgg19-dcbb9e9d.pth", 4096, keras=139_578_434),
    "inception": Entry(
        "Inception V3", _inception, _cut_inception, TORCH + "inception_v3_google-0cc3c7bd.pth", 2048, 299, HALF,
        keras=21_806_882, keras_scales=False,
    ),
    "xception": Entry(
        "Xception", _xception, _cut_xception, TIMM + "xception-43020ad28.pth", 2048, 299, HALF, keras=20_865_578
    ),
    "resnet50": Entry(
        "ResNet-50", _resnet50, _cut_resnet, TORCH + "resnet50-0676ba61.pth", 2048,
        keras=23_591_810, keras_biases=True,
    ),
    "squeezenet": Entry("SqueezeNet", _squeezenet, _cut_squeezenet, TORCH + "squeezenet1_0-b66bff10.pth", 512),
}  # fmt: skip
"""The deck's five in its order, and SqueezeNet."""
