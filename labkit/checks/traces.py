"""What a call leaves behind: the gradients that flow through its outputs, and the changes in its arguments.

All of it happens in the process where the student's code lives. Nothing here imports torch before there is a tensor.
"""

import copy
import random
import sys
from collections.abc import Callable, Iterable, Mapping, Sequence, Set
from typing import Any

import numpy as np
from numpy.typing import NDArray

from labkit.checks.kinds import tables
from labkit.checks.values import array, dtype_of, is_array, is_module, is_number, is_tensor

SLOPE = "the gradient of {output} for `{argument}`"
BEGIN = "the gradient of "


# ── gradients ─────────────────────────────────────────────────────────────────────────────────────────────────────────


def leaves(arguments: Mapping[str, Any], names: Iterable[str]) -> dict[str, Any]:
    """The named tensors as fresh leaves of a graph."""
    return {name: arguments[name].detach().clone().requires_grad_() for name in names}


def gradients(outputs: Mapping[str, Any], arguments: Mapping[str, Any], names: Iterable[str]) -> dict[str, Any]:
    """The gradient of each output for each argument that it flows to.

    The entries of a large output get different weights, so that exchanging two of them changes the gradient. Where no
    gradient flows there is no entry.
    """
    slopes = {}
    for output, value in outputs.items():
        if not (is_tensor(value) and value.requires_grad):
            continue
        torch = sys.modules["torch"]
        weights = torch.linspace(0.5, 1.5, max(1, value.numel()), dtype=torch.float64).to(value)[: value.numel()]
        total = (value * weights.view(value.shape)).sum() if value.numel() != 1 else value.sum()
        for argument, targets in reachable(arguments, names):
            flow = slope(total, targets)
            if flow is not None:
                slopes[SLOPE.format(output=output, argument=argument)] = flow
    return slopes


def reachable(arguments: Mapping[str, Any], names: Iterable[str]) -> list[tuple[str, list[Any]]]:
    """The targets of a gradient: the named tensors, and the trainable weights of each module."""
    tensors = [(name, [arguments[name]]) for name in names]
    modules = [(name, [p for p in value.parameters() if p.requires_grad])
               for name, value in arguments.items() if is_module(value)]  # fmt: skip
    return tensors + [(name, targets) for name, targets in modules if targets]


def slope(total: Any, targets: list[Any]) -> Any:
    """The gradient for some tensors, as one vector (one tensor keeps its shape); None where none flows."""
    torch = sys.modules["torch"]
    try:
        parts = torch.autograd.grad(total, targets, retain_graph=True, allow_unused=True)
    except RuntimeError:  # the graph is gone: the answer has called backward itself
        return None
    if all(part is None for part in parts):
        return None
    filled = [torch.zeros_like(t) if part is None else part for part, t in zip(parts, targets)]
    return filled[0] if len(filled) == 1 else torch.cat([part.flatten() for part in filled])


def dice() -> Callable[[], list[str]]:
    """A function that names the shared sources of random numbers that were used since ``dice`` was called."""
    before = sources()
    return lambda: [name for name, state in sources().items() if state != before[name]]


def sources() -> dict[str, Any]:
    """The states of Python's, NumPy's and torch's own random numbers."""
    torch, numpy = sys.modules.get("torch"), np.random.get_state(legacy=False)["state"]
    theirs = torch.get_rng_state().numpy().tobytes() if torch else b""
    return {"python": random.getstate(), "numpy": (numpy["key"].tobytes(), numpy["pos"]), "torch": theirs}


# ── what became of the arguments ──────────────────────────────────────────────────────────────────────────────────────


def states(arguments: Mapping[str, Any], names: Sequence[str]) -> dict[str, Any]:
    """The named arguments as they are now, as values: ``"model"``, or one aspect of it, ``"model.weights"``."""
    values: dict[str, Any] = {}
    for name in names:
        argument, _, aspect = name.partition(".")
        parts = aspects(arguments[argument])
        shown = {aspect: parts[aspect]} if aspect else parts
        values |= {ASPECTS[part].format(argument): value for part, value in shown.items()}
    return values


ASPECTS = {
    "weights": "the weights of `{}`",
    "buffers": "the buffers of `{}`",
    "flags": "the marks of what may learn in `{}`",
    "modes": "the modes of `{}`",
    "state": "the state of `{}`",
    "rates": "the learning rates of `{}`",
    "value": "`{}` afterwards",
}


def aspects(value: Any) -> dict[str, Any]:
    """The aspects of an argument that may change, by the names in ``ASPECTS``."""
    if is_module(value):
        return {
            "weights": joined(list(value.parameters())),
            "buffers": joined(list(value.buffers())),
            "flags": np.array([p.requires_grad for p in value.parameters()], dtype=bool),
            "modes": np.array([module.training for module in value.modules()], dtype=bool),
        }
    if is_optimizer(value):
        tensors = [v for state in value.state.values() for v in state.values() if is_tensor(v)]
        return {"state": joined(tensors), "rates": np.array([float(group["lr"]) for group in value.param_groups])}
    return {"value": value}


def joined(tensors: Sequence[Any]) -> NDArray[Any]:
    """Tensors as one vector of doubles."""
    parts = [array(t).astype(np.float64).ravel() for t in tensors]
    return np.concatenate(parts) if parts else np.zeros(0)


def is_optimizer(value: object) -> bool:
    """Whether a value is one of torch's optimisers."""
    torch = sys.modules.get("torch")
    return torch is not None and isinstance(value, torch.optim.Optimizer)


def watch(arguments: Mapping[str, Any], allowed: Sequence[str] = ()) -> Callable[[], str]:
    """Remember some arguments. The returned function says how they have changed: a sentence, or ``""``.

    Args:
        arguments: the arguments by name; functions, generators and objects of a user's own classes are not compared.
        allowed: the names of those that may change, as a whole or in one aspect, as in ``"model.weights"``.
    """
    watched = [name for name in arguments if name != "case" and name not in allowed]
    before = {name: remembered(arguments[name]) for name in watched}

    def changed() -> str:
        for name in watched:
            free = {entry.partition(".")[2] for entry in allowed if entry.startswith(f"{name}.")}
            if text := change(name, arguments[name], before[name], free):
                return text
        return ""

    return changed


def remembered(value: Any) -> Any:
    """A copy of what can be compared later."""
    return aspects(value) if is_module(value) or is_optimizer(value) else plain(value)


def plain(value: Any) -> Any:
    """A copy of a value with no tensor in it; an object that is no value becomes None."""
    if is_array(value):
        return array(value).copy()
    if tables.is_table(value):
        return tables.plain(value)
    if is_module(value) or is_optimizer(value):
        return [("id", id(value)), *aspects(value).items()]
    if isinstance(value, list | tuple):
        return [type(value).__name__, *(plain(entry) for entry in value)]
    if isinstance(value, dict):
        return [(copy.copy(key), plain(entry)) for key, entry in value.items()]
    if isinstance(value, set | frozenset):
        return sorted(map(repr, value))
    return value if isinstance(value, str) or is_number(value) else None


def change(name: str, value: Any, old: Any, free: Set[str] = frozenset()) -> str:
    """What has changed in an argument, as a sentence; ``""`` if only aspects that are ``free`` have changed."""
    if is_module(value) or is_optimizer(value):
        new = aspects(value)
        for aspect, text in CHANGES.items():
            if aspect in new and aspect not in free and not equal(new[aspect], old[aspect]):
                return text.format(name)
        return ""
    if equal(plain(value), old):
        return ""
    if is_array(value):
        return f"it changes its input `{name}` in place: return a new {'tensor' if is_tensor(value) else 'array'}"
    if tables.is_table(value):
        return f"it changes its input `{name}`: work on a copy, `{name}.copy()`"
    if isinstance(value, list | tuple) and len(old) == len(value) + 1:
        for i, entry in enumerate(value):
            same = is_module(entry) and old[i + 1][0] == ("id", id(entry))
            if same and (text := change(f"{name}[{i}]", entry, dict(old[i + 1]), free)):
                return text
            if is_array(entry) and not any(equal(plain(entry), other) for other in old[1:]):
                return change(f"{name}[{i}]", entry, old[i + 1], free)
    return f"it changes the {type(value).__name__} `{name}` that it was given: work on a copy"


CHANGES = {
    "weights": "it changes the weights of `{}`: leave them as they are",
    "buffers": (
        "the running statistics of batch normalisation in `{}` have moved: put the model into evaluation mode while "
        "you use it, then back"
    ),
    "flags": "it leaves other parameters of `{}` trainable than before: put `requires_grad` back",
    "modes": "it leaves `{}`, or a layer of it, in another mode (train, eval) than it came in: put it back",
    "state": "it changes the state of the optimiser `{}`: leave it as it is",
    "rates": "it changes the learning rates of the optimiser `{}`: leave them as they are",
}


def equal(a: Any, b: Any) -> bool:
    """Whether two copies are the same; nan equals nan."""
    if isinstance(a, np.ndarray) and isinstance(b, np.ndarray):
        floats = a.dtype.kind in "fc" and b.dtype.kind in "fc"
        return dtype_of(a) == dtype_of(b) and np.array_equal(a, b, equal_nan=floats)
    if isinstance(a, list | tuple) and isinstance(b, list | tuple):
        return len(a) == len(b) and all(equal(x, y) for x, y in zip(a, b))
    return type(a) is type(b) and bool(a == b or a != a)
