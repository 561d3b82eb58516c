"""Topic ``finetune``: the cases on which the answers of exercise 14 are tried.

The networks are plain modules of torch: nothing in them holds frozen statistics by itself.
"""

from collections.abc import Callable, Iterator
from itertools import pairwise
from typing import Any

import torch
from torch import Generator, Tensor, nn

from labkit.checks.protocol import Case, Check, Compare, Outputs, Wrong, one
from labkit.checks.tensors import tensor
from labkit.nets import Normalize


class Net(nn.Module):
    """``head(features(x))``: two stages with batch normalisation, the second one nested; width 6.

    Its weights and its running statistics are drawn from ``g``, so the statistics are not the initial ones.
    """

    width = 6

    def __init__(self, g: Generator, *, classes: int = 3, dropout: float = 0.0) -> None:
        super().__init__()
        self.normalize = Normalize(0.5, 0.5)
        second = nn.Sequential(nn.Conv2d(4, 6, 3, padding=1), nn.BatchNorm2d(6), nn.ReLU(), nn.MaxPool2d(2))
        first = [nn.Conv2d(1, 4, 3, padding=1), nn.BatchNorm2d(4), nn.ReLU(), nn.MaxPool2d(2)]
        self.body = nn.Sequential(*first, second, nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Dropout(dropout))
        self.head = nn.Linear(6, classes)
        drawn(self, g)

    def features(self, x: Tensor) -> Tensor:
        """(B, 1, H, W) → (B, width)."""
        return self.body(self.normalize(x))

    def forward(self, x: Tensor) -> Tensor:
        """Logits (B, classes)."""
        return self.head(self.features(x))


def drawn(model: nn.Module, g: Generator) -> nn.Module:
    """The model with weights and statistics drawn from ``g``."""
    with torch.no_grad():
        for p in model.parameters():
            p.copy_(torch.randn(p.shape, generator=g) / max(1, p[0].numel()) ** 0.5 + 0.5 * (p.ndim == 1))
        for layer in model.modules():
            if isinstance(layer, nn.BatchNorm2d) and layer.running_mean is not None and layer.running_var is not None:
                layer.running_mean.copy_(0.3 * torch.randn(layer.num_features, generator=g))
                layer.running_var.copy_(0.2 + 0.3 * torch.rand(layer.num_features, generator=g))
    return model


def photos(g: Generator, n: int) -> Tensor:
    """Images (n, 1, 8, 8) with more brightness and less contrast than those the network has seen."""
    return 0.5 + 0.5 * torch.rand(n, 1, 8, 8, generator=g)


def module(given: Any, name: str) -> nn.Module:
    """The model that an answer returned; anything else is a wrong answer."""
    if given is None:
        raise Wrong(f"{name} returned nothing: is a `return` missing?")
    if not isinstance(given, nn.Module):
        raise Wrong(f"{name} returned {one(given)}; expected the model")
    return given


def lot(g: Generator) -> Callable[[str], bool]:
    """A random condition on names, true for about half of them. It gives the same result in every call."""
    names = [name for name, _ in Net(g).named_parameters()]
    chosen = {name for name, half in zip(names, torch.rand(len(names), generator=g) < 0.5) if half}
    return lambda name: name in chosen


class Freeze(Compare):
    """Which parameters learn, and whether frozen batch normalisation keeps its statistics."""

    key = "finetune.freeze"
    points = 4
    seeds = 1
    returns = ("what may learn", "what is in training mode")
    ignores = ("model.flags", "model.modes")

    def cases(self, g: Generator) -> Iterator[Case]:
        """Every kind of condition, on models that were frozen or in evaluation mode, as a whole or in part."""
        where: dict[str, Callable[[str], bool]] = {
            "everything but the head": lambda name: not name.startswith("head"),
            "the first stage, of a frozen model": lambda name: name.startswith(("body.0.", "body.1.")),
            "nothing": lambda name: False,
            "biases, of a frozen model": lambda name: name.endswith("bias"),
            "everything": lambda name: True,
            "weights": lambda name: name.endswith("weight"),
            "one layer of batch normalisation": lambda name: name.startswith("body.4.1"),
            "some by lot": lot(g),
        }
        for i, (name, condition) in enumerate(where.items()):
            model = Net(g, dropout=0.5).requires_grad_("of a frozen" not in name).train(i % 3 == 0)
            if name.startswith("one"):
                model.body[1].train()
            yield {"case": name, "model": model, "where": condition}

    def run(self, answer: Callable[..., Any], case: Case) -> Outputs:
        """Call the answer; return the names of the parameters that may learn, and of the modules in training mode."""
        model = case["model"]
        if module(answer(model, case["where"]), "freeze") is not model:
            raise Wrong("it returns another model: change the one that it was given, and return that")
        return {
            "what may learn": [name for name, p in model.named_parameters() if p.requires_grad],
            "what is in training mode": [name or "the model" for name, m in model.named_modules() if m.training],
        }


class Pretrained(nn.Module):
    """A network as torchvision writes them: ``features``, and a ``classifier`` that ends in the old logits."""

    def __init__(self, g: Generator, *, hidden: int, classes: int) -> None:
        super().__init__()
        self.features = nn.Sequential(nn.Conv2d(1, 3, 3), nn.ReLU(), nn.AdaptiveAvgPool2d(2), nn.Flatten())
        self.classifier = nn.Sequential(nn.Linear(12, hidden), nn.ReLU(), nn.Dropout(0.5), nn.Linear(hidden, classes))
        drawn(self, g)

    def forward(self, x: Tensor) -> Tensor:
        """Logits (B, classes)."""
        return self.classifier(self.features(x))


class NewHead(Compare):
    """Head surgery: replace one layer and leave everything else as it was."""

    key = "finetune.new_head"
    points = 3
    returns = (
        "the shape of the logits", "what the last layer is given", "the number of parameters that learn",
        "the number of all parameters",
    )  # fmt: skip
    ignores = ("model",)
    no_gradients = "the weights of a new layer are drawn anew"

    def cases(self, g: Generator) -> Iterator[Case]:
        """Two classes; ten, of a model that is frozen already; float64 in training mode; one."""
        for name, k, hidden, old, dtype in (
            ("two classes", 2, 7, 20, torch.float32),
            ("ten classes", 10, 5, 30, torch.float32),
            ("float64", 3, 6, 4, torch.float64),
            ("one class", 1, 8, 5, torch.float32),
        ):
            model = Pretrained(g, hidden=hidden, classes=old).to(dtype).train(k == 3).requires_grad_(k != 10)
            x = torch.rand(4, 1, 8, 8, generator=g, dtype=dtype)
            yield {"case": name, "model": model, "k": k, "x": x}

    def run(self, answer: Callable[..., Any], case: Case) -> Outputs:
        """Call the answer; return the logits' shape, the input of the last layer, and how many parameters learn."""
        given = module(answer(case["model"], case["k"]), "new_head").eval()
        linear = [m for m in given.modules() if isinstance(m, nn.Linear)]
        if not linear:
            raise Wrong("there is no nn.Linear in the model any more: the new layer is one")
        if linear[-1].weight.dtype != case["x"].dtype:
            raise Wrong("the new layer has another dtype than the model: follow the old layer's")
        seen: list[Tensor] = []
        handle = linear[-1].register_forward_hook(lambda _, inputs, __: seen.append(inputs[0].detach()))
        logits = tensor(given(case["x"]), name="the model")
        handle.remove()
        return {
            "the shape of the logits": list(logits.shape),
            "what the last layer is given": seen[-1] if seen else torch.zeros(0),
            "the number of parameters that learn": sum(p.numel() for p in given.parameters() if p.requires_grad),
            "the number of all parameters": sum(p.numel() for p in given.parameters()),
        }


class Cached(Compare):
    """Cached features: the head turns them into the model's logits."""

    key = "finetune.cached_features"
    points = 3
    seeds = 1
    returns = "the features"

    def cases(self, g: Generator) -> Iterator[Case]:
        """Batch sizes that divide the images, don't, are larger, or are 1; a model in training mode."""
        for name, n, size, training in (
            ("six images in threes", 6, 3, False),
            ("seven images in threes", 7, 3, True),
            ("a batch larger than all", 5, 64, True),
            ("one image at a time", 4, 1, True),
            ("nine images in twos", 9, 2, False),
        ):
            yield {"case": name, "model": Net(g).train(training), "x": photos(g, n), "batch_size": size}

    def run(self, answer: Callable[..., Any], case: Case) -> Outputs:
        """Call the answer; return the features, whether they keep a graph, and whether a batch was too large."""
        sizes: list[int] = []
        handle = case["model"].body.register_forward_pre_hook(lambda _, inputs: sizes.append(len(inputs[0])))
        given = answer(case["model"], case["x"], case["batch_size"])
        handle.remove()
        graph = isinstance(given, Tensor) and given.requires_grad
        features = self.entry(given)
        return {"the features": features, "too many": max(sizes, default=0) > case["batch_size"], "graph": graph}


class Groups(Compare):
    """Discriminative rates: the group and the learning rate of each parameter."""

    key = "finetune.parameter_groups"
    points = 3
    seeds = 1
    returns = "the rates of the parameters"
    atol = 1e-9
    no_gradients = "a list of parameters is returned"

    def cases(self, g: Generator) -> Iterator[Case]:
        """All trainable; the first stage frozen; the middle one; single parameters; factor 1; the head frozen."""
        draw = lambda low, high: float(low + (high - low) * torch.rand((), generator=g))  # noqa: E731
        for name, factor, count, frozen in (
            ("everything learns", draw(2, 3), 3, ()),
            ("the first stage is frozen", draw(1.5, 3), 4, ("0.",)),
            ("the second of three is frozen", draw(1.5, 3), 3, ("1.",)),
            ("only biases of the first stage are frozen", 2.6, 3, ("0.1.bias",)),
            ("factor 1", 1.0, 4, ("0.",)),
            ("the head is frozen", draw(3, 4), 3, ("2.",)),
            ("a head alone", draw(2, 3), 1, ()),
        ):
            widths = (1, 3, 4, 5)[:count]
            stages = [nn.Sequential(nn.Conv2d(a, b, 2), nn.BatchNorm2d(b), nn.ReLU()) for a, b in pairwise(widths)]
            parts = [drawn(part, g) for part in (*stages, nn.Linear(widths[-1], 2))]
            for i, part in enumerate(parts):
                for own, p in part.named_parameters():
                    p.requires_grad_(not f"{i}.{own}".startswith(frozen or ("none",)))
            yield {"case": name, "parts": parts, "lr": draw(0.01, 0.2), "factor": factor}

    def run(self, answer: Callable[..., Any], case: Case) -> Outputs:
        """Call the answer; read the learning rate of every parameter, zero for a parameter in no group."""
        everyone = [p for part in case["parts"] for p in part.parameters()]
        given = answer(case["parts"], case["lr"], case["factor"])
        if given is None:
            raise Wrong("parameter_groups returned nothing: is a `return` missing?")
        if not isinstance(given, list | tuple):
            raise Wrong(f"parameter_groups returned {one(given)}; expected a list of groups")
        if any(not isinstance(group, dict) or not {"params", "lr"} <= group.keys() for group in given):
            raise Wrong("each group is a dict with `params` and `lr`")
        rates: dict[int, list[float]] = {}
        empty = False
        for group in given:
            members = [group["params"]] if isinstance(group["params"], Tensor) else list(group["params"])
            empty = empty or not members
            for p in members:
                if not any(p is own for own in everyone):
                    what = "a name with its parameter: use `parameters()`" if isinstance(p, tuple) else one(p)
                    raise Wrong(f"`params` holds the model's own parameters; it holds {what}")
                rates.setdefault(id(p), []).append(float(group["lr"]))
        if max(map(len, rates.values()), default=1) > 1:
            raise Wrong("a parameter is in two groups: an optimiser refuses that")
        found = torch.tensor([rates.get(id(p), [0.0])[0] for p in everyone], dtype=torch.float64)
        left_out = any(p.requires_grad and id(p) not in rates for p in everyone)
        return {"left out": left_out, "the rates of the parameters": found, "empty": empty}


class EarlyStopping(Check):
    """Early stopping on given losses: when does training end, and which epoch's weights are kept?"""

    key = "finetune.early_stopping"
    points = 3

    def cases(self, g: Generator) -> Iterator[Case]:
        """A best in the middle; improvement to the end; ups and downs; equal losses; too few epochs; patience 1."""
        for name, curve, epochs, patience in (
            ("down, then up", [0.9, 0.6, 0.5, 0.7, 0.8, 0.9, 1.0, 0.1], 8, 3),
            ("better until the end", [0.9, 0.8, 0.7, 0.6, 0.5], 5, 2),
            ("ups and downs", [0.9, 1.0, 0.8, 0.95, 0.7, 0.9, 0.9, 0.9, 0.2], 9, 3),
            ("it never improves on the first", [0.3, 0.5, 0.4, 0.6, 0.5, 0.1], 6, 2),
            ("patience 1", [0.9, 0.5, 0.6, 0.3], 4, 1),
            ("the epochs are used up before patience is", [0.9, 0.4, 0.6, 0.5, 0.1], 4, 4),
            ("a single epoch", [0.7, 0.2], 1, 2),
        ):
            noise = 0.01 * torch.rand(len(curve), generator=g, dtype=torch.float64)
            values = (torch.tensor(curve).double() + noise).tolist()
            yield {"case": name, "curve": values, "epochs": epochs, "patience": patience}
        yield {"case": "it stays the same", "curve": [0.5] * 6, "epochs": 6, "patience": 2}
        again = {"curve": [0.9, 0.4, 0.6, 0.4, 0.7, 0.3, 0.2], "epochs": 7, "patience": 3}
        yield {"case": "the best loss comes again: equal is not better", **again}
        # Nobody knows by heart where this one ends.
        curve = torch.rand(30, generator=g, dtype=torch.float64).tolist()
        yield {"case": "thirty epochs at random", "curve": curve, "epochs": 30, "patience": 4}

    def run(self, answer: Callable[..., Any], case: Case) -> Outputs:
        """Call the answer with a model that counts its epochs in a weight and a buffer."""
        model: Any = nn.BatchNorm1d(1)
        curve, epochs, count = case["curve"], case["epochs"], [0]

        def step(net: Any) -> None:
            count[0] += 1
            if count[0] > epochs + 20:
                raise Wrong(f"training goes on after `epochs` epochs, here {epochs}: it ought to have ended")
            with torch.no_grad():
                net.weight.add_(1.0)
                net.running_mean.add_(1.0)

        def loss(net: Any) -> float:
            epoch = round(float(net.weight.detach()) - 1)
            # Before the first epoch it is bad: who asks then has made no mistake.
            return float(curve[min(epoch, len(curve)) - 1]) if epoch > 0 else 1e3

        returned = answer(model, step, loss, epochs, case["patience"])
        done = tensor(returned, name="train_until").double().reshape(-1)[:1]
        kept = torch.tensor([float(model.weight.detach()) - 1, float(model.running_mean)]).double()
        return {"returned": done, "kept": kept, "trained": count[0]}


CHECKS = (Freeze(), NewHead(), Cached(), Groups(), EarlyStopping())
