"""Steps 2, 3 and 4: a base, frozen as far as wanted, and a new head on it.

    logits = g(f_L(… f_2(f_1(normalise(x)))))

f_1 … f_L are the *stages* of the body: each begins with a layer that has weights and ends before the next one; what
has none (an activation, pooling) or only normalises belongs to the stage before it. Frozen to depth d, f_1 … f_d
keep their parameters *and* their running statistics: a layer of batch normalisation whose parameters rest still
changes what it computes when it is in training mode (it normalises by the batch, and its averages move).

Sources: Yosinski et al., "How Transferable Are Features in Deep Neural Networks?" (2014); Ioffe and Szegedy, "Batch
Normalization" (2015), section 3.1; Keras's guide to transfer learning, for what it says of ``training=False``.
"""

import copy
from collections.abc import Callable, Sequence

import torch
from torch import Tensor, nn
from torch.nn.modules.batchnorm import _BatchNorm

from labkit.nets import Classifier, Normalize, eval_mode, seeded_weights
from labkit.shapes import Float, Images, Logits, images

STATISTICS = ("frozen", "all", "none")


class Network(Classifier):
    """``head(body(normalize(x)))`` with a body of stages; frozen stages stay in evaluation mode while it trains.

    Args:
        normalize: the first layer.
        body: the stages, in their order.
        head: what turns the body's output into logits.
        width: the number of features.

    Attributes:
        statistics: whose running statistics are held, and whose dropout rests, in training mode: ``"frozen"`` (of
            frozen stages), ``"all"`` (of every layer of batch normalisation), ``"none"`` (a well-known mistake).
    """

    def __init__(self, normalize: nn.Module, body: nn.Sequential, head: nn.Module, *, width: int) -> None:
        with torch.random.fork_rng(devices=[]):  # the parent draws a head, which is thrown away
            super().__init__(normalize, body, width=width, classes=1)
        self.head = head
        self.statistics = "frozen"
        self._pictures = any(isinstance(layer, nn.Conv2d) for layer in body.modules())

    def features(self, x: Float[Tensor, " b *rest"]) -> Float[Tensor, "b n"]:
        """What a linear head sees, (B, width): the body's output, averaged over the picture where it is maps."""
        maps = self._maps(x)
        return maps.mean((2, 3)) if maps.ndim == 4 else maps

    def forward(self, x: Float[Tensor, " b *rest"]) -> Logits:
        """The logits of the head, from whatever the body puts out."""
        return self.head(self._maps(x))

    def _maps(self, x: Tensor) -> Tensor:
        """What the body puts out."""
        return self.body(self.normalize(images(x) if self._pictures else x))

    def train(self, mode: bool = True) -> "Network":
        """Training mode, except for what is frozen: see ``statistics``."""
        super().train(mode)
        if mode and self.statistics != "none":
            for stage in stages(self):
                if _is_frozen(stage):
                    stage.eval()
            for layer in self.body.modules():
                if isinstance(layer, _BatchNorm) and (self.statistics == "all" or _is_frozen(layer)):
                    layer.eval()
        return self


def base_model(model: Classifier) -> Network:
    """Step 2: a copy of the model without its head; what it puts out are the features (B, width).

    Where the body ends in maps (B, C, H, W), as SqueezeNet's does, they are averaged over the picture.

    Args:
        model: a network from ``load``, or one of ``labkit.nets`` whose body is a sequence of layers. It is not changed.

    Raises:
        ValueError: if the body is no ``nn.Sequential``.
    """
    if not isinstance(model.body, nn.Sequential):
        raise ValueError(f"the body is a {type(model.body).__name__}; expected an nn.Sequential of stages")
    body = copy.deepcopy(model.body)
    if isinstance(model.head, nn.Sequential) and any(isinstance(layer, nn.Conv2d) for layer in model.head):
        body.add_module("average", nn.Sequential(nn.AdaptiveAvgPool2d(1), nn.Flatten()))
    return Network(copy.deepcopy(model.normalize), body, nn.Identity(), width=model.width)


def adapt_input(model: Classifier, in_chans: int) -> Classifier:
    """The model itself, changed in place, for images with another number of channels.

    The first convolution keeps what it has learned, as in timm: for one channel its weights are summed over the
    channels, so that a grey picture gives what the same picture in grey colours gives; for n channels they are
    repeated in turn, and made smaller by n over their number, so that sums stay as large as they were. The mean and
    standard deviation of the normalisation are averaged for one channel, and repeated for several.

    Args:
        model: a network from ``load``, or one of ``labkit.nets`` that begins with a convolution.
        in_chans: the channels of the images.

    Raises:
        ValueError: if there is no convolution, it has groups, or ``in_chans`` is below 1.

    >>> from labkit.nets import CNN
    >>> model = adapt_input(CNN(3, 10, mean=[0.4, 0.5, 0.6], std=0.2), 1)
    >>> model(torch.zeros(2, 1, 8, 8)).shape, model.normalize.mean
    (torch.Size([2, 10]), tensor([0.5000]))
    """
    if in_chans < 1:
        raise ValueError(f"in_chans is {in_chans}; expected 1 or more")
    first = next((layer for layer in model.body.modules() if isinstance(layer, nn.Conv2d)), None)
    if first is None or first.groups != 1 or not isinstance(model.normalize, Normalize):
        raise ValueError("the model doesn't begin with a normalisation and a convolution of all channels; expected one")
    if in_chans == first.in_channels:
        return model
    with torch.no_grad():
        if in_chans == 1:
            weight = first.weight.sum(1, keepdim=True)
        else:
            turns = torch.arange(in_chans, device=first.weight.device) % first.in_channels
            weight = first.weight[:, turns] * (first.in_channels / in_chans)
    first.weight, first.in_channels = nn.Parameter(weight, first.weight.requires_grad), in_chans
    for name in ("mean", "std"):
        value = getattr(model.normalize, name)
        if len(value) > 1:
            turns = torch.arange(in_chans, device=value.device) % len(value)
            setattr(model.normalize, name, value.mean(0, keepdim=True) if in_chans == 1 else value[turns])
    return model


def stages(model: Classifier) -> list[nn.Sequential]:
    """The stages of the body, each a sequence of layers that it shares with the model.

    Raises:
        ValueError: if the body is no ``nn.Sequential``.
    """
    if not isinstance(model.body, nn.Sequential):
        raise ValueError(f"the body is a {type(model.body).__name__}; expected an nn.Sequential of stages")
    parts: list[list[nn.Module]] = [[]]
    begun = False
    for layer in model.body:
        begins = next(layer.parameters(), None) is not None and not isinstance(layer, _BatchNorm)
        if begins and begun:
            parts.append([])
        parts[-1].append(layer)
        begun = begun or begins
    return [nn.Sequential(*part) for part in parts]


def freeze(
    model: Network,
    depth: int | None = None,
    *,
    where: Callable[[str], bool] | None = None,
    statistics: str = "frozen",
) -> Network:
    """Step 3, in place: the first ``depth`` stages are frozen, everything after them is trainable.

    Args:
        model: with a head or without; the head is trainable afterwards.
        depth: how many stages to freeze, from 0; None freezes all of them.
        where: instead of a depth, the names of the parameters to freeze, such as ``"layer1.0.conv1.weight"``.
        statistics: see ``Network``.

    Returns:
        The model itself.

    Raises:
        ValueError: if there are fewer stages, ``depth`` and ``where`` are both given, or ``statistics`` is unknown.
    """
    parts = stages(model)
    if depth is not None and where is not None:
        raise ValueError("both a depth and a condition are given; expected one of them")
    if depth is not None and not 0 <= depth <= len(parts):
        raise ValueError(f"depth is {depth}; expected 0 to {len(parts)}, the number of stages")
    if statistics not in STATISTICS:
        raise ValueError(f"statistics is {statistics!r}; expected one of {', '.join(STATISTICS)}")
    model.requires_grad_(True)
    if where is not None:
        for name, parameter in model.body.named_parameters():
            parameter.requires_grad_(not where(name))
    else:
        for stage in parts[:depth]:
            stage.requires_grad_(False)
    model.statistics = statistics
    return model.train(model.training)


def new_head(
    model: Network, classes: int, *, hidden: Sequence[int] = (), generator: torch.Generator | None = None
) -> Network:
    """Step 4, in place: new trainable layers on the base, in place of any head it has.

    Args:
        model: a base; its frozen parameters stay frozen.
        classes: the number of logits.
        hidden: widths of layers with ReLU before the last one; none for a linear head.
        generator: the source of the new weights; torch's global one if None.

    Returns:
        The model itself.

    Raises:
        ValueError: if there are fewer than two classes.
    """
    if classes < 2:
        raise ValueError(f"there are to be {classes} classes; expected 2 or more")
    like = next(model.body.parameters(), torch.empty(0))
    with seeded_weights(generator):
        layers: list[nn.Module] = []
        for before, after in zip([model.width, *hidden], hidden):
            layers += [nn.Linear(before, after), nn.ReLU()]
        layers.append(nn.Linear(hidden[-1] if hidden else model.width, classes))
    head = nn.Sequential(*layers) if hidden else layers[0]
    model.head = head.to(device=like.device, dtype=like.dtype)
    return model


def feature_maps(model: Classifier, x: Images) -> list[Tensor]:
    """What each stage puts out for ``x``, in evaluation mode and without gradients.

    Returns:
        A tensor a stage: feature maps (B, C, H, W); the features (B, width) last, where the body ends in them.

    Raises:
        ValueError: as ``stages``, or if x isn't a batch of images.
    """
    outputs = []
    with eval_mode(model), torch.no_grad():
        x = model.normalize(images(x))
        for stage in stages(model):
            x = stage(x)
            outputs.append(x)
    return outputs


def _is_frozen(module: nn.Module) -> bool:
    """Whether it has parameters, and none of them is trainable."""
    parameters = list(module.parameters())
    return bool(parameters) and not any(p.requires_grad for p in parameters)
