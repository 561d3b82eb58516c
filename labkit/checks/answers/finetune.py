"""Topic ``finetune``: what is right in exercise 14, and what is likely wrong."""

import copy
from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor, nn

from labkit import finetune
from labkit.checks.bank import mistake, mistakes, reference, verdict
from labkit.checks.finetune import Net, Pretrained
from labkit.checks.protocol import Case, Outputs, Wrong
from labkit.nets import eval_mode

# ── freezing by predicate ─────────────────────────────────────────────────────────────────────────────────────────────

Where = Callable[[str], bool]


@reference("finetune.freeze", instead_of=(finetune.freeze,))
def freeze(model: nn.Module, where: Where) -> nn.Module:
    """Freeze by name; training mode that leaves frozen normalisation at rest."""
    return rest(flag(model, where))


def flag(model: nn.Module, where: Where) -> nn.Module:
    """The right marks of what may learn."""
    for name, parameter in model.named_parameters():
        parameter.requires_grad_(not where(name))
    return model


def rest(model: nn.Module) -> nn.Module:
    """The right modes."""
    model.train()
    for layer in norms(model):
        if still(layer):
            layer.eval()
    return model


def still(part: nn.Module) -> bool:
    """Whether nothing of it learns."""
    return not any(p.requires_grad for p in part.parameters())


def norms(model: nn.Module) -> list[nn.BatchNorm2d]:
    """Its layers of batch normalisation."""
    return [layer for layer in model.modules() if isinstance(layer, nn.BatchNorm2d)]


def each(act: Callable[[str, nn.Parameter, Where], Any]) -> Callable[..., nn.Module]:
    """An answer that treats each parameter by ``act`` of its name, itself and the condition; modes are right."""

    def answer(model, where):
        for name, p in model.named_parameters():
            act(name, p, where)
        return rest(model)

    return answer


mistakes(
    "finetune.freeze",
    {
        "it is the wrong way round: where(name) is True for what is to be *frozen*": (
            lambda name, p, where: p.requires_grad_(where(name))
        ),
        "what is not to be frozen must be trainable, also if it was frozen before: set both": (
            lambda name, p, where: p.requires_grad_(p.requires_grad and not where(name))
        ),
        "what is to be frozen still learns: requires_grad_ belongs on parameters": (
            lambda name, p, where: p.requires_grad_(True)
        ),
        "nothing is changed: set `requires_grad` of every parameter, by its name": lambda name, p, where: None,
        "everything is frozen: ask `where` of each name": (
            lambda name, p, where: p.requires_grad_(False),
            lambda name, p, where: p.requires_grad_(not where),
        ),
        "what is not to be frozen is set, but what is to be frozen stays as it was: set both": (
            lambda name, p, where: p.requires_grad_(p.requires_grad or not where(name))
        ),
        "weights are frozen, biases are not: `where` is asked of every parameter": (
            lambda name, p, where: p.requires_grad_(not where(name) or name.endswith("bias"))
        ),
        "`where` is asked of the layer's name: it takes the parameter's own, as in `named_parameters()`": (
            lambda name, p, where: p.requires_grad_(not where(name.rpartition(".")[0])),
            lambda name, p, where: p.requires_grad_(not where(name.rpartition(".")[2])),
        ),
    },
    of=each,
)


def modes(act: Callable[[nn.Module], Any]) -> Callable[..., nn.Module]:
    """An answer that marks the right parameters, and sets modes by ``act``."""

    def answer(model, where):
        act(flag(model, where))
        return model

    return answer


def all_but(resting: Callable[[nn.BatchNorm2d], bool]) -> Callable[[nn.Module], None]:
    """Training mode, except for the layers of batch normalisation that ``resting`` chooses."""

    def act(model: nn.Module) -> None:
        model.train()
        for layer in norms(model):
            layer.train(not resting(layer))

    return act


mistakes(
    "finetune.freeze",
    {
        "a frozen layer of batch normalisation is in training mode: its parameters rest, but it normalises by the "
        "batch and its running statistics move. Put it into evaluation mode, after model.train()": nn.Module.train,
        "the model is to be in training mode at the end; only frozen batch normalisation rests": (
            nn.Module.eval,
            lambda model: [model.eval(), *(layer.train() for layer in norms(model) if not still(layer))],
        ),
        "the modes are left as they came in: call `model.train()`, then put frozen batch normalisation to rest": (
            lambda model: None
        ),
        "frozen batch normalisation rests, but the model isn't put into training mode: call `model.train()` before": (
            lambda model: [layer.eval() for layer in norms(model) if not layer.weight.requires_grad],
            lambda model: [m.eval() for m in norms(model) if still(m)],
            lambda model: [m.train(not still(m)) for m in norms(model)],
        ),
        "a layer of batch normalisation that learns is in evaluation mode: only frozen ones rest": (
            all_but(lambda layer: True)
        ),
        "a layer of batch normalisation rests only if *all* of its own parameters are frozen: look at its bias too": (
            all_but(lambda layer: not layer.weight.requires_grad)
        ),
        "a layer of batch normalisation rests only if *all* of its own parameters are frozen, not one of them": (
            all_but(lambda layer: not all(p.requires_grad for p in layer.parameters()))
        ),
        "a layer of batch normalisation rests only if *all* of its own parameters are frozen: look at its weight too": (
            all_but(lambda layer: not layer.bias.requires_grad)
        ),
        "it is the wrong way round: batch normalisation that is *frozen* rests": (
            all_but(lambda layer: not still(layer))
        ),
        "every frozen layer is put into evaluation mode: only batch normalisation is": (
            lambda model: [model.train(), *(m.eval() for m in model.modules() if still(m))]
        ),
        "every frozen layer with parameters is put into evaluation mode: only batch normalisation is": (
            lambda model: [model.train(), *(m.eval() for m in model.modules() if [*m.parameters()] and still(m))]
        ),
        "a layer within a layer is overlooked: go through `model.modules()`, not `children()`": (
            lambda model: [model.train(), *(m.eval() for m in model.body if m in norms(model) and still(m))],
        ),
        "only the model as a whole is asked: each layer of batch normalisation rests by itself": (
            lambda model: model.train(not still(model))
        ),
    },
    of=modes,
)


@mistake("finetune.freeze", "it returns another model: change the one that it was given, and return that")
def freezes_a_copy(model, where):
    return freeze(copy.deepcopy(model), where)


# ── a new head ────────────────────────────────────────────────────────────────────────────────────────────────────────


@reference(
    "finetune.new_head",
    instead_of=(finetune.new_head,),
    otherwise={
        "what the last layer is given": (
            "what the last layer is given has changed: everything below it must stay as it was"
        ),
        "the number of parameters that learn": (
            "other parameters learn than those of the new layer: it has a weight for each of its inputs and a bias, "
            "for each class"
        ),
        "the number of all parameters": (
            "the model has more or fewer parameters than with a new last layer in place of the old one"
        ),
    },
)
def new_head(model: Pretrained, k: int) -> Pretrained:
    """A frozen base, and a new last layer of k logits that learns."""
    model.requires_grad_(False)
    model.classifier[-1] = layer(model, k)
    return model


def layer(model: Pretrained, k: int, **knobs: Any) -> nn.Linear:
    """The new layer."""
    old: Any = model.classifier[-1]
    return nn.Linear(old.in_features, k, dtype=old.weight.dtype, **knobs)


def surgery(act: Callable[[Any, int], Any], *, first: bool = True) -> Callable[..., nn.Module]:
    """An answer that freezes all, before ``act`` or after it, and returns the model."""

    def answer(model, k):
        if first:
            model.requires_grad_(False)
        act(model, k)
        return model if first else model.requires_grad_(False)

    return answer


def put(model: Any, i: int, new: nn.Module) -> Any:
    """The model with a layer put into its classifier."""
    model.classifier[i] = new
    return model


def renumbered(model: Any, k: int) -> None:
    """Change what the layer says of itself."""
    model.classifier[-1].out_features = k
    model.classifier[-1].requires_grad_(True)


BELOW = "what the last layer is given has changed: everything below it must stay as it was"

mistakes(
    "finetune.new_head",
    {
        "the new layer stands *behind* the old one, on logits of old classes; it belongs in its place": (
            lambda model, k: model.classifier.append(
                nn.Linear(model.classifier[-1].out_features, k).to(model.classifier[-1].weight)),
            lambda model, k: put(model, -1, nn.Sequential(model.classifier[-1],
                nn.Linear(model.classifier[-1].out_features, k).to(model.classifier[-1].weight))),
        ),
        "the model still gives the old classes: is the new layer in place of the old one?": (
            renumbered,
            lambda model, k: model.classifier[-1].requires_grad_(True),
            lambda model, k: setattr(model, "head", layer(model, k)),
            lambda model, k: setattr(model, "fc", layer(model, k)),
        ),
        "the whole classifier is replaced: only its last layer is": (
            lambda model, k: setattr(model, "classifier", nn.Sequential(
                nn.Linear(12, k).to(model.classifier[-1].weight))),
            lambda model, k: setattr(model, "classifier", nn.Linear(12, k).to(model.classifier[-1].weight)),
        ),
        "the new layer has a weight for each of its inputs and a bias for each class: the bias is missing": (
            lambda model, k: put(model, -1, layer(model, k, bias=False))
        ),
        "the new layer has `k` logits, not one more": lambda model, k: put(model, -1, layer(model, k + 1)),
        "only the new layer's weight learns: its bias does too": lambda model, k: [
            put(model, -1, layer(model, k)), model.classifier[-1].bias.requires_grad_(False)],
        "a softmax is behind the new layer, or another one before it: the model gives logits, as before": (
            lambda model, k: put(put(model, -2, nn.Softmax(dim=1)), -1, layer(model, k))
        ),
        BELOW: (
            lambda model, k: [put(model, -1, layer(model, k)), put(model, 0, nn.Linear(12, model.classifier[0]
                .out_features).to(model.classifier[0].weight).requires_grad_(False))],
        ),
    },
    of=surgery,
)  # fmt: skip

mistakes(
    "finetune.new_head",
    {
        "everything can still learn: the base is to be frozen, the head is not": (
            lambda model, k: put(model.requires_grad_(True), -1, layer(model, k))
        ),
        "the base is left as it came in: freeze it": lambda model, k: put(model, -1, layer(model, k)),
        "layers of the classifier below the new one learn: they are part of the base; only the new layer learns": (
            surgery(lambda model, k: put(model, -1, layer(model, k)).classifier.requires_grad_(True)),
            surgery(lambda model, k: put(model, -1, layer(model, k)).classifier[0].requires_grad_(True)),
            lambda model, k: [model.features.requires_grad_(False), put(model, -1, layer(model, k))] and model,
        ),
        "nothing can learn: freeze first, then put the new layer in, or unfreeze it": surgery(
            lambda model, k: put(model, -1, layer(model, k)), first=False
        ),
        "the new layer has another dtype than the model: follow the old layer's": lambda model, k: put(
            model.requires_grad_(False), -1, nn.Linear(model.classifier[-1].in_features, k)
        ),
        "it returns the new layer alone: return the model": lambda model, k: put(
            model.requires_grad_(False), -1, layer(model, k)
        ).classifier[-1],
        "it returns the classifier alone: return the model": lambda model, k: (
            put(model.requires_grad_(False), -1, layer(model, k)).classifier
        ),
    },
)


# ── features computed once ────────────────────────────────────────────────────────────────────────────────────────────


@reference(
    "finetune.cached_features",
    instead_of=(finetune.cached_features,),
    otherwise={
        "too many": "more than `batch_size` images pass through the model at once",
        "graph": "the features still hang on the graph of the base, and keep all its memory: torch.no_grad()",
    },
)
def cached_features(model: Net, x: Tensor, batch_size: int) -> Tensor:
    """Features of all images, in evaluation mode, without a graph, batch by batch."""
    return at_rest(lambda net, part: net.features(part))(model, x, batch_size)


def at_rest(of: Callable[[Net, Tensor], Tensor]) -> Callable[..., Tensor]:
    """An answer that calls ``of`` for each batch, leaves no trace, and joins the results."""

    def answer(model, x, batch_size):
        with eval_mode(model), torch.no_grad():
            return torch.cat([of(model, part) for part in x.split(batch_size)])

    return answer


def prepared(before: Callable[[nn.Module], Any], after: Callable[[nn.Module, bool], Any]) -> Callable[..., Tensor]:
    """An answer with other modes before and after."""

    def answer(model, x, batch_size):
        training = model.training
        before(model)
        with torch.no_grad():
            h = torch.cat([model.features(part) for part in x.split(batch_size)])
        after(model, training)
        return h

    return answer


BATCH_SEEN = (
    "the model was in training mode: batch normalisation saw the batch instead of its statistics, so that features "
    "depend on who else is in it"
)


@mistake("finetune.cached_features", BATCH_SEEN)
def statistics_of_the_batch(model, x, batch_size):
    with torch.no_grad():
        return torch.cat([copy.deepcopy(model).train().features(part) for part in x.split(batch_size)])


@mistake("finetune.cached_features", says="running statistics")
def stays_in_training_mode(model, x, batch_size):
    return prepared(nn.Module.train, nn.Module.train)(model, x, batch_size)


mistakes(
    "finetune.cached_features",
    {
        "these are logits: the head has been passed already. Features are what it is given": (
            at_rest(lambda net, part: net(part))
        ),
        "the last, smaller batch is missing: there is a row for every image": lambda model, x, batch_size: (
            cached_features(model, x[: max(1, len(x) // batch_size) * batch_size], batch_size)
        ),
        "only the first batch is returned: join all of them with `torch.cat`": lambda model, x, batch_size: (
            cached_features(model, x[:batch_size], batch_size)
        ),
        "only the last batch is returned: join all of them with `torch.cat`": lambda model, x, batch_size: (
            cached_features(model, x.split(batch_size)[-1], batch_size)
        ),
        "more than `batch_size` images pass through the model at once": (
            lambda model, x, batch_size: cached_features(model, x, len(x)),
            lambda model, x, batch_size: torch.cat([cached_features(model, v, len(v)) for v in x.chunk(batch_size)]),
        ),
        "the batches come in the reverse order": lambda model, x, batch_size: torch.cat(
            [cached_features(model, part, batch_size) for part in reversed(x.split(batch_size))]
        ),
        "the features are averaged over each batch: there is a row for every image": lambda model, x, batch_size: (
            torch.stack([cached_features(model, part, batch_size).mean(0) for part in x.split(batch_size)])
        ),
        "these are maps, before they are flattened: `model.features(part)` gives (b, width)": at_rest(
            lambda net, part: net.body[:-2](net.normalize(part))
        ),
        "the images pass the body without the model's own normalisation: call `model.features(part)`": at_rest(
            lambda net, part: net.body(part)
        ),
        "it leaves `model`, or a layer of it, in another mode (train, eval) than it came in: put it back": (
            prepared(nn.Module.eval, lambda model, training: None),
            prepared(nn.Module.eval, lambda model, training: model.train()),
            prepared(nn.Module.eval, lambda model, training: model.train(not training)),
        ),
    },
)


@mistake(
    "finetune.cached_features",
    "the features still hang on the graph of the base, and keep all its memory: torch.no_grad()",
)
def keeps_the_graph(model, x, batch_size):
    with eval_mode(model):
        return torch.cat([model.features(part) for part in x.split(batch_size)])


@mistake("finetune.cached_features", says="returned a list")
def returns_a_list_of_batches(model, x, batch_size):
    with eval_mode(model), torch.no_grad():
        return [model.features(part) for part in x.split(batch_size)]


# ── a rate for each stage ─────────────────────────────────────────────────────────────────────────────────────────────


LEFT_OUT = "a parameter that can learn is in no group: the optimiser would never move it"


@reference(
    "finetune.parameter_groups",
    instead_of=(finetune.parameter_groups, finetune.discriminative_rates),
    otherwise={
        "left out": LEFT_OUT,
        "empty": "a stage without trainable parameters makes an empty group: leave it out",
    },
)
def parameter_groups(parts: list[nn.Module], lr: float, factor: float) -> list[dict[str, Any]]:
    """One group for each part that learns; the last part at lr, each other one at that of the next by factor."""
    return groups(lambda i, n, lr, factor: lr / factor ** (n - 1 - i))(parts, lr, factor)


def groups(
    rate: Callable[[int, int, float, float], float],
    *,
    among: Callable[[nn.Parameter], bool] = lambda p: p.requires_grad,
    empty: bool = False,
) -> Callable[..., list[dict[str, Any]]]:
    """An answer whose part i of n learns at ``rate(i, n, lr, factor)``."""

    def answer(parts, lr, factor):
        n = len(parts)
        found = [
            {"params": [p for p in part.parameters() if among(p)], "lr": rate(i, n, lr, factor)}
            for i, part in enumerate(parts)
        ]
        return [group for group in found if group["params"] or empty]

    return answer


def living(count: Callable[[int, int], int]) -> Callable[..., list[dict[str, Any]]]:
    """An answer that counts only parts that learn: ``count(i, n)`` is the power for the i-th of n of them."""

    def answer(parts, lr, factor):
        learning = [[p for p in part.parameters() if p.requires_grad] for part in parts]
        learning = [p for p in learning if p]
        return [{"params": p, "lr": lr / factor ** count(i, len(learning))} for i, p in enumerate(learning)]

    return answer


mistakes(
    "finetune.parameter_groups",
    {
        "the early stages learn fastest: it is the other way round, the head has lr": (
            lambda i, n, lr, factor: lr / factor**i
        ),
        "every stage has the same rate: divide by the factor once more for each stage further down": (
            lambda i, n, lr, factor: lr
        ),
        "the head itself learns at lr; the division begins with the stage below it": (
            lambda i, n, lr, factor: lr / factor ** (n - i)
        ),
        "the rates grow towards the input: divide by the factor, don't multiply": (
            lambda i, n, lr, factor: lr * factor ** (n - 1 - i)
        ),
        "the rates grow towards the head, and the first stage has lr: the *head* has lr": (
            lambda i, n, lr, factor: lr * factor**i
        ),
        "the rates fall in even steps; each is to be the next one divided by the factor": (
            lambda i, n, lr, factor: lr / max(1.0, factor * (n - 1 - i)),
            lambda i, n, lr, factor: lr / (1 + factor * (n - 1 - i)),
        ),
        "all stages below the head have the same rate: each is the next one's divided by the factor": (
            lambda i, n, lr, factor: lr if i == n - 1 else lr / factor
        ),
        "the factor is subtracted: each rate is the next one *divided* by it": (
            lambda i, n, lr, factor: lr - factor * (n - 1 - i)
        ),
        "the power is that of the factor's exponential: divide by factor ** i": (
            lambda i, n, lr, factor: lr * torch.tensor(-factor * (n - 1 - i)).exp().item()
        ),
    },
    of=groups,
)

DOWN = lambda i, n, lr, factor: lr / factor ** (n - 1 - i)  # noqa: E731

mistakes(
    "finetune.parameter_groups",
    {
        "frozen parameters are in the groups: leave them out": groups(DOWN, among=lambda p: True),
        "frozen parameters are in the groups, and those that learn are not: it is the other way round": groups(
            DOWN, among=lambda p: not p.requires_grad
        ),
        "a stage without trainable parameters makes an empty group: leave it out": groups(DOWN, empty=True),
        "a frozen stage still counts: the power says how far below the head a stage lies": (
            living(lambda i, n: n - 1 - i)
        ),
        "a frozen stage still counts, and the rates fall towards the input: the *head* has lr": living(lambda i, n: i),
        "the head is in no group: it learns at lr": lambda parts, lr, factor: [
            group for group in parameter_groups(parts, lr, factor)
            if group["params"][0] is not next((p for p in parts[-1].parameters() if p.requires_grad), None)
        ],
        "only the head is in a group: every part that learns has one": lambda parts, lr, factor: (
            parameter_groups(parts[-1:], lr, factor)
        ),
        "a stage of which a single parameter is frozen is left out: leave out that parameter alone": (
            lambda parts, lr, factor: [
                {"params": list(part.parameters()), "lr": lr / factor**i}
                for i, part in enumerate(reversed(parts))
                if all(p.requires_grad for p in part.parameters())
            ]
        ),
        "a stage of which something learns is in a group as a whole: leave out its frozen parameters": (
            lambda parts, lr, factor: [
                {"params": list(part.parameters()), "lr": lr / factor**i}
                for i, part in enumerate(reversed(parts))
                if any(p.requires_grad for p in part.parameters())
            ]
        ),
        LEFT_OUT: (
            groups(DOWN, among=lambda p: p.requires_grad and p.ndim > 1),
            lambda parts, lr, factor: [
                {"params": group["params"][:1], "lr": group["lr"]} for group in parameter_groups(parts, lr, factor)
            ],
        ),
    },
)  # fmt: skip


@mistake("finetune.parameter_groups", says="empty group")
def returns_names_of_no_parameters(parts, lr, factor):
    return [{"params": [], "lr": lr}, *parameter_groups(parts, lr, factor)]


@mistake("finetune.parameter_groups", says="a dict with `params` and `lr`")
def returns_pairs(parts, lr, factor):
    return [(group["params"], group["lr"]) for group in parameter_groups(parts, lr, factor)]


@mistake("finetune.parameter_groups", says="use `parameters()`")
def takes_named_parameters(parts, lr, factor):
    return [{"params": list(part.named_parameters()), "lr": lr / factor**i} for i, part in enumerate(reversed(parts))]


# ── early stopping ────────────────────────────────────────────────────────────────────────────────────────────────────


@reference("finetune.early_stopping")
def train_until(model, step, loss, epochs, patience) -> int:
    """Train, stop when the loss no longer improves, and keep the best weights."""
    return trained()(model, step, loss, epochs, patience)


def trained(
    *,
    better: Callable[[float, float], bool] = lambda value, best: value < best,
    stop: Callable[[int, int, int], bool] = lambda since, falls, patience: since >= patience,
    keep: Callable[[Any], Any] = lambda model: copy.deepcopy(model.state_dict()),
    restore: Callable[[Any, Any], Any] = lambda model, kept: model.load_state_dict(kept),
    returned: Callable[[int, int], Any] = lambda epoch, at: epoch,
) -> Callable[..., Any]:
    """An answer with another part: what is better, when it stops, what it keeps, restores and returns.

    ``stop`` is given the epochs since the best one, how often the loss has not improved on the best so far, patience.
    """

    def answer(model, step, loss, epochs, patience):
        best, at, rises, kept = float("inf"), 0, 0, None
        for epoch in range(1, epochs + 1):
            step(model)
            value = loss(model)
            if better(value, best):
                best, at, kept = value, epoch, keep(model)
            else:
                rises += 1
            if stop(epoch - at, rises, patience):
                break
        restore(model, kept)
        return returned(epoch, at)

    return answer


@verdict("finetune.early_stopping")
def judge_stopping(outputs: Outputs, case: Case) -> None:
    """How long, and which weights."""
    curve, patience, epochs = case["curve"], case["patience"], case["epochs"]
    best, end = 1, epochs
    for i, value in enumerate(curve[:epochs], start=1):
        if value < curve[best - 1]:
            best = i
        if i - best >= patience:
            end = i
            break
    trained, kept = int(outputs["trained"]), outputs["kept"].round().int().tolist()
    if trained > epochs:
        raise Wrong(f"training goes on after `epochs` epochs, here {epochs}: it ought to have ended",
                    expected=f"{end} epochs", given=f"{trained} epochs")  # fmt: skip
    if trained > end:
        raise Wrong(f"training goes on after {patience} epochs in a row without a new best: it ought to have ended",
                    expected=f"{end} epochs", given=f"{trained} epochs")  # fmt: skip
    if trained < end:
        raise Wrong("training ends too early: patience counts epochs since the *best* loss, and starts anew with "
                    "each new best", expected=f"{end} epochs", given=f"{trained} epochs")  # fmt: skip
    if kept[0] == end and kept[0] != best:
        raise Wrong("the model has its last weights, not its best: load the kept ones at the end. (state_dict() "
                    "holds the weights themselves, not copies: clone them)")  # fmt: skip
    if kept[0] != best:
        raise Wrong(f"the kept weights are those of epoch {kept[0]}; the best loss was in epoch {best}")
    if kept[1] != best:
        raise Wrong("the weights are those of the best epoch, the buffers are not: running statistics belong to them")
    if outputs["returned"].numel() != 1 or int(outputs["returned"]) != end:
        raise Wrong("return how many epochs were trained", expected=end, given=outputs["returned"])


def parameters_of(model: nn.Module) -> list[Tensor]:
    """Copies of the weights alone."""
    return [p.detach().clone() for p in model.parameters()]


def put_back(model: nn.Module, kept: list[Tensor]) -> None:
    """Weights alone."""
    with torch.no_grad():
        for p, old in zip(model.parameters(), kept):
            p.copy_(old)


mistakes(
    "finetune.early_stopping",
    {
        "training ends too early, at the first epoch that is no better: wait for `patience` of them in a row": (
            trained(stop=lambda since, rises, patience: since >= 1)
        ),
        "training ends too early: a new best starts the count anew, `patience` epochs *in a row*": trained(
            stop=lambda since, rises, patience: rises >= patience
        ),
        "training ends an epoch too late: `since >= patience`, not `>`": trained(
            stop=lambda since, rises, patience: since > patience
        ),
        "training ends an epoch too early: stop after `patience` epochs without a new best": trained(
            stop=lambda since, rises, patience: since >= max(1, patience - 1)
        ),
        "training never ends before `epochs`: stop after `patience` epochs without a new best": trained(
            stop=lambda since, rises, patience: False
        ),
        "an equal loss counts as better: `<`, not `<=`": trained(better=lambda value, best: value <= best),
        "the largest loss is kept: the best is the smallest": trained(
            better=lambda value, best: best == float("inf") or value > best
        ),
        "the model has its last weights, not its best: load the kept ones at the end. (state_dict() holds the weights "
        "themselves, not copies: clone them)": (
            trained(restore=lambda model, kept: None),
            trained(keep=lambda model: model.state_dict()),
            trained(keep=lambda model: dict(model.state_dict())),
            trained(keep=lambda model: copy.copy(model.state_dict())),
        ),
        "the weights are those of the best epoch, the buffers are not: running statistics belong to them": (
            trained(keep=parameters_of, restore=put_back)
        ),
        "return how many epochs were trained, not which was the best": trained(returned=lambda epoch, at: at),
        "return how many epochs were trained: epochs are counted from 1": trained(returned=lambda epoch, at: epoch - 1),
        "return how many epochs were trained, not how many have been without a new best": trained(
            returned=lambda epoch, at: epoch - at
        ),
    },
)


@mistake("finetune.early_stopping", "an epoch is compared with the one before it: compare it with the *best* so far")
def compares_with_the_epoch_before(model, step, loss, epochs, patience):
    before, best, since, kept = float("inf"), float("inf"), 0, None
    for epoch in range(1, epochs + 1):  # noqa: B007
        step(model)
        value = loss(model)
        since = 0 if value < before else since + 1
        before = value
        if value < best:
            best, kept = value, copy.deepcopy(model.state_dict())
        if since >= patience:
            break
    model.load_state_dict(kept)
    return epoch


@mistake(
    "finetune.early_stopping", "the loss is asked before the step: the weights it judges are those of the epoch before"
)
def asks_before_the_step(model, step, loss, epochs, patience):
    best, at, kept = float("inf"), 0, None
    for epoch in range(1, epochs + 1):
        value = loss(model)
        step(model)
        if value < best:
            best, at, kept = value, epoch, copy.deepcopy(model.state_dict())
        if epoch - at >= patience:
            break
    model.load_state_dict(kept)
    return epoch


@mistake(
    "finetune.early_stopping", "the weights are put back only if patience ran out: also where `epochs` are used up"
)
def restores_only_when_it_stops(model, step, loss, epochs, patience):
    best, at, kept = float("inf"), 0, None
    for epoch in range(1, epochs + 1):
        step(model)
        value = loss(model)
        if value < best:
            best, at, kept = value, epoch, copy.deepcopy(model.state_dict())
        if epoch - at >= patience:
            model.load_state_dict(kept)
            return epoch
    return epochs


@mistake("finetune.early_stopping", says="`epochs` epochs")
def never_looks_at_epochs(model, step, loss, epochs, patience):
    best, at, epoch, kept = float("inf"), 0, 0, None
    while epoch - at < patience:
        step(model)
        epoch += 1
        value = loss(model)
        if value < best:
            best, at, kept = value, epoch, copy.deepcopy(model.state_dict())
    model.load_state_dict(kept)
    return epoch
