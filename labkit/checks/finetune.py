"""Topic ``finetune``: what the answers of exercise 14 must satisfy."""

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor, nn

from labkit import finetune, nets
from labkit.checks.protocol import Case, Check, Outputs, Wrong, agree, close
from labkit.checks.tensors import generator, tensor
from labkit.nets import eval_mode

Model = finetune.Network


def network(seed: int, *, depth: int = 2, width: int = 4, classes: int = 3) -> Model:
    """A small pretrained network of the seed: batch normalisation has statistics that are not those of its birth."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        model = nets.CNN(1, classes, width=width, depth=depth)
        for layer in model.body.children():
            if isinstance(layer, nn.BatchNorm2d):
                nn.init.uniform_(layer.weight, 0.5, 1.5)
                layer.running_mean = 0.3 * torch.randn(layer.num_features)
                layer.running_var = 0.2 + 0.3 * torch.rand(layer.num_features)
    return Model(model.normalize, nn.Sequential(*model.body.children()), model.head, width=model.width).eval()


def start(g: torch.Generator) -> Tensor:
    """A seed for a network."""
    return torch.randint(2**31, (), generator=g)


def module(given: Any, name: str) -> nn.Module:
    """What an answer gave back, if it is a model."""
    if given is None:
        raise Wrong(f"{name} returned nothing: is a `return` missing?")
    if not isinstance(given, nn.Module):
        raise Wrong(f"{name} returned a {type(given).__name__}; expected the model")
    return given


def photos(g: torch.Generator, n: int) -> Tensor:
    """Images (n, 1, 8, 8), brighter and with less contrast than those the network has seen."""
    return 0.5 + 0.5 * torch.rand(n, 1, 8, 8, generator=g)


# ── freezing by predicate ─────────────────────────────────────────────────────────────────────────────────────────────

PREDICATES: dict[str, Callable[[str], bool]] = {
    "everything but the head": lambda name: not name.startswith("head"),
    "the first stage": lambda name: name.startswith(("body.0.", "body.1.")),
    "nothing": lambda name: False,
    "biases": lambda name: name.endswith("bias"),
}


def freeze(model: Model, where: Callable[[str], bool]) -> Model:
    """The reference of the first task: freeze by name, and train mode that leaves frozen normalisation at rest."""
    for name, parameter in model.named_parameters():
        parameter.requires_grad_(not where(name))
    model.train()
    for layer in model.modules():
        own = list(layer.parameters(recurse=False))
        if isinstance(layer, nn.BatchNorm2d) and not any(p.requires_grad for p in own):
            layer.eval()
    return model


class Freeze(Check):
    """Which parameters learn, and whether frozen batch normalisation rests."""

    key = "finetune.freeze"
    points = 4
    seeds = 1
    reference = staticmethod(freeze)
    forbidden = (finetune.freeze,)

    def inputs(self, seed: int) -> list[Case]:
        """Every predicate, on models some of which are frozen already."""
        g = generator(seed)
        return [
            {"case": name, "start": start(g), "x": photos(g, 6), "before": i % 2 == 1}
            for i, name in enumerate(PREDICATES)
        ]

    @staticmethod
    def model(case: Case) -> Model:
        """The network of a case, whose own ``train`` holds nothing; frozen already where the case says so."""
        model = network(int(case["start"]))
        model.statistics = "none"
        return model.requires_grad_(not case["before"])

    def run(self, answer: Callable[..., Any], case: Case) -> Outputs:
        """Call the answer, let the model see a batch as training would; what may learn, what rests, what moved."""
        model = self.model(case)
        given = module(answer(model, PREDICATES[case["case"]]), "freeze")
        flags = torch.tensor([p.requires_grad for p in given.parameters()])
        norms = [layer for layer in given.modules() if isinstance(layer, nn.BatchNorm2d)]
        modes = torch.tensor([layer.training for layer in norms] + [given.training])
        with torch.no_grad():
            given(case["x"])
        means = torch.cat([layer.running_mean for layer in norms if layer.running_mean is not None])
        return {"flags": flags, "modes": modes, "means": means}

    def verdict(self, outputs: Outputs, case: Case) -> None:
        """Parameters, then modes, then statistics."""
        model, where = self.model(case), PREDICATES[case["case"]]
        names = [name for name, _ in model.named_parameters()]
        wanted = torch.tensor([not where(name) for name in names])
        if outputs["flags"].shape != wanted.shape:
            raise Wrong("the model has other parameters than before: freezing adds and removes nothing")
        if agree(outputs["flags"], ~wanted):
            raise Wrong("it is the wrong way round: where(name) is True for what is to be *frozen*")
        if bool((~outputs["flags"] & wanted).any()):
            raise Wrong("what is not to be frozen must be trainable, also if it was frozen before: set both")
        if bool((outputs["flags"] & ~wanted).any()):
            left = [
                n for n, given, right in zip(names, outputs["flags"].tolist(), wanted.tolist()) if given and not right
            ]
            raise Wrong(f"{left[0]} still learns, and is to be frozen: requires_grad_ belongs on parameters")
        right = freeze(model, where)
        norms = [layer for layer in right.modules() if isinstance(layer, nn.BatchNorm2d)]
        modes = torch.tensor([layer.training for layer in norms] + [right.training])
        if not bool(outputs["modes"][-1]):
            raise Wrong("the model is to be in training mode at the end; only frozen batch normalisation rests")
        if bool((outputs["modes"] & ~modes).any()):
            raise Wrong(
                "a frozen layer of batch normalisation is in training mode: its parameters rest, but it normalises by "
                "the batch and its running statistics move. Put it into evaluation mode, after model.train()"
            )
        if bool((~outputs["modes"] & modes).any()):
            raise Wrong("a layer of batch normalisation that learns is in evaluation mode: only frozen ones rest")
        with torch.no_grad():
            right(case["x"])
        means = torch.cat([layer.running_mean for layer in norms if layer.running_mean is not None])
        close(outputs["means"], means, what="the running means after a batch")


# ── a new head ────────────────────────────────────────────────────────────────────────────────────────────────────────


class Pretrained(nn.Module):
    """A network as torchvision writes them: ``features``, and a ``classifier`` whose last layer gives 1000 logits."""

    def __init__(self, seed: int, *, hidden: int, classes: int) -> None:
        super().__init__()
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(seed)
            self.features = nn.Sequential(nn.Conv2d(1, 3, 3), nn.ReLU(), nn.AdaptiveAvgPool2d(2), nn.Flatten())
            self.classifier = nn.Sequential(
                nn.Linear(12, hidden), nn.ReLU(), nn.Dropout(0.5), nn.Linear(hidden, classes)
            )
        self.hidden = hidden

    def forward(self, x: Tensor) -> Tensor:
        """Logits (B, classes)."""
        return self.classifier(self.features(x))


def new_head(model: Pretrained, k: int) -> Pretrained:
    """The reference of the second task: a frozen base, and a new last layer of k logits that learns."""
    model.requires_grad_(False)
    width, weight = model.hidden, next(model.classifier[-1].parameters())
    model.classifier[-1] = nn.Linear(width, k).to(weight)
    return model


class NewHead(Check):
    """Head surgery: one layer exchanged, everything else as it was."""

    key = "finetune.new_head"
    points = 3
    reference = staticmethod(new_head)
    forbidden = (finetune.new_head, finetune.base_model)

    def inputs(self, seed: int) -> list[Case]:
        """Two classes; ten; float64."""
        g = generator(seed)
        cases: list[Case] = []
        for name, k, hidden, dtype in (
            ("two classes", 2, 7, torch.float32),
            ("ten classes", 10, 5, torch.float32),
            ("float64", 3, 6, torch.float64),
        ):
            x = torch.rand(4, 1, 8, 8, generator=g, dtype=dtype)
            cases.append({"case": name, "k": k, "hidden": hidden, "start": start(g), "x": x, "dtype": str(dtype)})
        return cases

    @staticmethod
    def model(case: Case) -> Pretrained:
        """The pretrained network of a case."""
        return Pretrained(int(case["start"]), hidden=case["hidden"], classes=20).to(case["x"].dtype).eval()

    def run(self, answer: Callable[..., Any], case: Case) -> Outputs:
        """Call the answer; the logits, what the last layer is given, and how many parameters learn."""
        given = module(answer(self.model(case), case["k"]), "new_head")
        given.eval()
        linear = [m for m in given.modules() if isinstance(m, nn.Linear)]
        seen: list[Tensor] = []
        handle = linear[-1].register_forward_hook(lambda _, inputs, __: seen.append(inputs[0]))
        logits = given(case["x"])
        handle.remove()
        learns = sum(p.numel() for p in given.parameters() if p.requires_grad)
        total = sum(p.numel() for p in given.parameters())
        return {
            "logits": tensor(logits, name="the model"),
            "seen": tensor(seen[-1]) if seen else torch.zeros(0),
            "learns": torch.tensor(learns),
            "total": torch.tensor(total),
            "constant": torch.tensor(bool((linear[-1].weight == 0).all())),
        }

    def verdict(self, outputs: Outputs, case: Case) -> None:
        """Shape of the logits, what is below them, and what learns."""
        model, k, width = self.model(case), case["k"], case["hidden"]
        given = outputs["logits"]
        if given.shape != (len(case["x"]), k):
            if given.shape[-1] == 20:
                raise Wrong("the model still gives the old classes: is the new layer in place of the old one?")
            raise Wrong(f"the logits have the wrong shape: expected {k} for each image", given=tuple(given.shape))
        if given.dtype != case["x"].dtype:
            raise Wrong("the new layer has another dtype than the model: follow the old layer's", given=given.dtype)
        with torch.no_grad():
            below = nn.Sequential(model.features, *list(model.classifier)[:-1])(case["x"])
            old = model(case["x"])
        if outputs["seen"].shape == old.shape and agree(outputs["seen"], old):
            raise Wrong(
                "the new layer stands *behind* the old one, on 20 logits of old classes; it belongs in its place"
            )
        if outputs["seen"].shape != below.shape or not agree(outputs["seen"], below):
            raise Wrong("what the last layer is given has changed: everything below it must stay as it was")
        total = sum(p.numel() for p in model.parameters()) - 21 * width - 20 + width + k * (width + 1)
        learns = k * (width + 1)
        if int(outputs["learns"]) == int(outputs["total"]):
            raise Wrong("everything can still learn: the base is to be frozen, the head is not")
        if int(outputs["learns"]) == 0:
            raise Wrong("nothing can learn: freeze first, then put the new layer in, or unfreeze it")
        if int(outputs["learns"]) != learns or int(outputs["total"]) != total:
            raise Wrong(f"expected {learns} trainable parameters of {total}: {width} weights and a bias for each class",
                        given=(int(outputs["learns"]), int(outputs["total"])))  # fmt: skip


# ── features computed once ────────────────────────────────────────────────────────────────────────────────────────────


def cached_features(model: Model, x: Tensor, size: int) -> Tensor:
    """The reference of the third task: features of all images, in evaluation mode, without a graph, batch by batch."""
    with eval_mode(model), torch.no_grad():
        return torch.cat([model.features(part) for part in x.split(size)])


class Cached(Check):
    """Cached features through the head are the model's logits."""

    key = "finetune.cached_features"
    points = 3
    seeds = 1
    reference = staticmethod(cached_features)
    forbidden = (finetune.cached_features,)

    def inputs(self, seed: int) -> list[Case]:
        """Batches that divide the images, that don't, that are larger, of one; a model in training mode."""
        g = generator(seed)
        return [
            {"case": name, "start": start(g), "x": photos(g, n), "size": size, "training": training}
            for name, n, size, training in (
                ("six images in threes", 6, 3, False),
                ("seven images in threes", 7, 3, False),
                ("a batch larger than all", 5, 64, True),
                ("one image at a time", 4, 1, True),
            )
        ]

    @staticmethod
    def model(case: Case) -> Model:
        """The frozen network of a case; training mode moves its statistics, as it does in plain PyTorch."""
        model = network(int(case["start"])).requires_grad_(False)
        model.statistics = "none"
        return model.train(case["training"])

    def run(self, answer: Callable[..., Any], case: Case) -> Outputs:
        """Call the answer, pass what comes back through the head, and look at the model afterwards."""
        model = self.model(case).requires_grad_(True)
        largest: list[int] = []
        handle = model.body.register_forward_pre_hook(lambda _, inputs: largest.append(len(inputs[0])))
        given = answer(model, case["x"], case["size"])
        handle.remove()
        graph = isinstance(given, Tensor) and given.requires_grad
        h = tensor(given, name="cached_features")
        state = torch.cat([v.flatten().double() for v in model.state_dict().values()])
        ways = {"graph": torch.tensor(graph), "training": torch.tensor(model.training)}
        return {"h": h, "largest": torch.tensor(max(largest, default=0)), "state": state, **ways}

    def verdict(self, outputs: Outputs, case: Case) -> None:
        """The features, the logits they give, and the traces."""
        model = self.model(case)
        state = torch.cat([v.flatten().double() for v in model.state_dict().values()])
        expected = cached_features(model, case["x"], case["size"])
        given = outputs["h"]
        with torch.no_grad():
            logits = model.head(expected)
            model.train()
            in_training = torch.cat([model.features(part) for part in case["x"].split(case["size"])])
        if given.shape == logits.shape and agree(given, logits):
            raise Wrong("these are logits: the head has been passed already. Features are what it is given")
        if given.ndim == 2 and given.shape[1] == expected.shape[1] and len(given) < len(expected):
            raise Wrong(f"there are {len(given)} rows for {len(expected)} images: what about the last, smaller batch?")
        mistaken = {
            "the model was in training mode: batch normalisation saw the batch instead of its statistics, so that "
            "features depend on who else is in it": in_training
        }
        close(given, expected, what="the features", mistaken=mistaken)
        if int(outputs["largest"]) > case["size"]:
            raise Wrong(f"{int(outputs['largest'])} images passed the base at once; expected {case['size']} at most")
        if not agree(outputs["state"], state):
            raise Wrong("the model has changed: its running statistics moved. Evaluation mode first")
        if bool(outputs["graph"]):
            raise Wrong("the features still hang on the graph of the base, and keep all its memory: torch.no_grad()")
        if bool(outputs["training"]) != case["training"]:
            raise Wrong("the model is left in another mode than it came in: put it back")


# ── a rate for each stage ─────────────────────────────────────────────────────────────────────────────────────────────


def parameter_groups(parts: list[nn.Module], lr: float, factor: float) -> list[dict[str, Any]]:
    """The reference of the fourth task: one group for each part that learns; the last one at lr."""
    found = []
    for i, part in enumerate(reversed(parts)):
        learning = [p for p in part.parameters() if p.requires_grad]
        if learning:
            found.append({"params": learning, "lr": lr / factor**i})
    return found[::-1]


class Groups(Check):
    """Discriminative rates: who is in which group, and how fast each parameter moves."""

    key = "finetune.parameter_groups"
    points = 3
    seeds = 1
    reference = staticmethod(parameter_groups)
    forbidden = (finetune.parameter_groups, finetune.discriminative_rates)

    def inputs(self, seed: int) -> list[Case]:
        """All trainable; the first stage frozen; the middle one; single parameters; factor 1."""
        g = generator(seed)
        draw = lambda low, high: float(low + (high - low) * torch.rand((), generator=g))  # noqa: E731
        return [
            {"case": name, "start": start(g), "lr": draw(0.01, 0.2), "factor": factor, "frozen": frozen}
            for name, factor, frozen in (
                ("everything learns", draw(2, 3), ()),
                ("the first stage is frozen", draw(1.5, 3), ("0.",)),
                ("the second of three is frozen", draw(1.5, 3), ("1.",)),
                ("only biases of the first stage are frozen", 2.6, ("0.1.bias",)),
                ("factor 1", 1.0, ("0.",)),
            )
        ]

    @staticmethod
    def parts(case: Case) -> list[nn.Module]:
        """Two stages and the head."""
        model = network(int(case["start"]))
        parts: list[nn.Module] = [*finetune.stages(model), model.head]
        for i, part in enumerate(parts):
            for name, p in part.named_parameters():
                p.requires_grad_(not f"{i}.{name}".startswith(case["frozen"] or ("none",)))
        return parts

    def run(self, answer: Callable[..., Any], case: Case) -> Outputs:
        """Call the answer; put its groups into SGD, and read the rate at which every parameter learns."""
        parts = self.parts(case)
        given = answer(parts, case["lr"], case["factor"])
        if given is None:
            raise Wrong("parameter_groups returned nothing: is a `return` missing?")
        found = list(given)
        if any(not isinstance(group, dict) or not {"params", "lr"} <= group.keys() for group in found):
            raise Wrong("each group is a dict with `params` and `lr`")
        found = [{**group, "params": list(group["params"])} for group in found]
        empty = any(not group["params"] for group in found)
        rate: dict[int, list[float]] = {}
        for group in found:
            for p in group["params"]:
                rate.setdefault(id(p), []).append(float(group["lr"]))
        everyone = [p for part in parts for p in part.parameters()]
        if max(map(len, rate.values()), default=1) > 1:
            raise Wrong("a parameter is in two groups: an optimiser refuses that")
        of = torch.tensor([rate.get(id(p), [0.0])[0] for p in everyone], dtype=torch.float64)
        return {"rates": of, "count": torch.tensor(len(found)), "empty": torch.tensor(empty)}

    def verdict(self, outputs: Outputs, case: Case) -> None:
        """The rate of every parameter, zero for one in no group."""
        parts, lr, factor = self.parts(case), case["lr"], case["factor"]
        n = len(parts)

        def of(rate: Callable[[int], float], *, frozen: bool = False) -> Tensor:
            values = [
                rate(i) if p.requires_grad or frozen else 0.0 for i, part in enumerate(parts) for p in part.parameters()
            ]
            return torch.tensor(values, dtype=torch.float64)

        alive = [i for i, part in enumerate(parts) if any(p.requires_grad for p in part.parameters())]
        mistaken = {
            "frozen parameters are in the groups: leave them out": of(
                lambda i: lr / factor ** (n - 1 - i), frozen=True
            ),
            "the early stages learn fastest: it is the other way round, the head has lr": of(lambda i: lr / factor**i),
            "every stage has the same rate: divide by the factor once more for each stage further down": of(
                lambda i: lr
            ),
            "the head itself learns at lr; the division begins with the stage below it": of(
                lambda i: lr / factor ** (n - i)
            ),
            "the rates grow towards the input: divide by the factor, don't multiply": of(
                lambda i: lr * factor ** (n - 1 - i)
            ),
            "a frozen stage still counts: the power says how far below the head a stage lies": of(
                lambda i: lr / factor ** (len(alive) - 1 - alive.index(i)) if i in alive else 0.0
            ),
            "the rates fall in even steps; each is to be the next one divided by the factor": of(
                lambda i: lr / max(1.0, factor * (n - 1 - i))
            ),
        }
        missing = (outputs["rates"] == 0) & (of(lambda i: 1.0) > 0)
        if bool(missing.any()):
            raise Wrong("a parameter that can learn is in no group: the optimiser would never move it")
        close(outputs["rates"], of(lambda i: lr / factor ** (n - 1 - i)), what="the rate of each parameter",
              mistaken=mistaken)  # fmt: skip
        if bool(outputs["empty"]):
            raise Wrong("a stage without trainable parameters makes an empty group: leave it out")


# ── early stopping ────────────────────────────────────────────────────────────────────────────────────────────────────


def train(model: nn.Module, step: Callable[[nn.Module], None], loss: Callable[[nn.Module], float], epochs: int,
          patience: int) -> int:  # fmt: skip
    """The reference of the fifth task: train, stop when the loss no longer improves, and keep the best weights."""
    best, kept, since, done = float("inf"), {}, 0, 0
    for _ in range(epochs):
        step(model)
        done += 1
        value = loss(model)
        if value < best:
            best, since = value, 0
            kept = {name: v.clone() for name, v in model.state_dict().items()}
        else:
            since += 1
        if since >= patience:
            break
    model.load_state_dict(kept)
    return done


class EarlyStopping(Check):
    """A script of losses: when does training end, and whose weights are kept?"""

    key = "finetune.early_stopping"
    points = 3
    reference = staticmethod(train)
    forbidden = ()

    def inputs(self, seed: int) -> list[Case]:
        """A best in the middle; improvement to the end; ups and downs within patience; equal losses; patience 1."""
        g = generator(seed)
        noise = lambda n: 0.01 * torch.rand(n, generator=g, dtype=torch.float64)  # noqa: E731
        curves = {
            "down, then up": (torch.tensor([0.9, 0.6, 0.5, 0.7, 0.8, 0.9, 1.0, 0.1]), 3),
            "better until the end": (torch.tensor([0.9, 0.8, 0.7, 0.6, 0.5]), 2),
            "ups and downs": (torch.tensor([0.9, 1.0, 0.8, 0.95, 0.7, 0.9, 0.9, 0.9, 0.2]), 3),
            "it never improves on the first": (torch.tensor([0.3, 0.5, 0.4, 0.6, 0.5, 0.1]), 2),
            "patience 1": (torch.tensor([0.9, 0.5, 0.6, 0.3]), 1),
        }
        cases: list[Case] = []
        for name, (curve, patience) in curves.items():
            cases.append({"case": name, "curve": curve.double() + noise(len(curve)), "patience": patience})
        cases.append({"case": "it stays the same", "curve": torch.full((6,), 0.5).double(), "patience": 2})
        return cases

    def run(self, answer: Callable[..., Any], case: Case) -> Outputs:
        """Call the answer with a model that counts its epochs in a weight and a buffer."""
        model: Any = nn.BatchNorm1d(1)
        curve, asked = case["curve"], []

        def step(net: Any) -> None:
            with torch.no_grad():
                net.weight.add_(1.0)
                net.running_mean.add_(1.0)

        def loss(net: Any) -> float:
            asked.append(round(float(net.weight.detach()) - 1))
            # Before the first epoch it is bad: who asks then has made no mistake.
            return float(curve[min(asked[-1], len(curve)) - 1]) if asked[-1] > 0 else 1e3

        done = answer(model, step, loss, len(curve), case["patience"])
        epochs = tensor(done, name="train").double().reshape(-1)[:1]
        kept = torch.tensor([float(model.weight.detach()) - 1, float(model.running_mean)]).double()
        return {
            "epochs": epochs,
            "kept": kept,
            "asked": torch.tensor(len(asked)),
            "seen": torch.tensor(max(asked, default=0)),
        }

    def verdict(self, outputs: Outputs, case: Case) -> None:
        """How long, and which weights."""
        curve, patience = case["curve"].tolist(), case["patience"]
        best, end = 1, len(curve)
        for i, value in enumerate(curve, start=1):
            if value < curve[best - 1]:
                best = i
            if i - best >= patience:
                end = i
                break
        seen, kept = int(outputs["seen"]), outputs["kept"].round().int().tolist()
        if seen > end:
            raise Wrong(f"training goes on after {patience} epochs in a row without a new best: it ought to have ended",
                        expected=f"{end} epochs", given=f"{seen} epochs")  # fmt: skip
        if seen < end:
            raise Wrong("training ends too early: patience counts epochs since the *best* loss, and starts anew with "
                        "each new best", expected=f"{end} epochs", given=f"{seen} epochs")  # fmt: skip
        if kept[0] == end and kept[0] != best:
            raise Wrong("the model has its last weights, not its best: load the kept ones at the end. (state_dict() "
                        "holds the weights themselves, not copies: clone them)")  # fmt: skip
        if kept[0] != best:
            raise Wrong(f"the kept weights are those of epoch {kept[0]}; the best loss was in epoch {best}")
        if kept[1] != best:
            raise Wrong(
                "the weights are those of the best epoch, the buffers are not: running statistics belong to them"
            )
        if int(outputs["epochs"]) != end:
            raise Wrong("return how many epochs were trained", expected=end, given=int(outputs["epochs"]))


CHECKS = (Freeze(), NewHead(), Cached(), Groups(), EarlyStopping())
