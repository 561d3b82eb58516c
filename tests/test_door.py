"""What comes in is examined at the door: every public function that takes tensors, tried with what users hand in.

The functions are discovered, not listed: each that can be called with the arguments of ``GIVEN`` is. Of each kind of
bad input the outcome is one clear ``ValueError``, or an honest nan; never a verdict, never a foreign exception.
"""

import importlib
import inspect
import pkgutil

import pytest
import torch
from torch import Tensor, nn

import labkit
from labkit.shapes import labels, pixels

B, K = 6, 3


def seeded():
    return torch.Generator().manual_seed(0)


def images(b=B, c=3):
    return torch.rand(b, c, 8, 8, generator=seeded())


def table(n=B, d=5, seed=0):
    return torch.randn(n, d, generator=torch.Generator().manual_seed(seed))


def network(outputs=K):
    torch.manual_seed(0)
    return nn.Sequential(nn.Flatten(), nn.Linear(192, outputs))


CLASSES = torch.tensor([0, 1, 2, 0, 1, 2])
FLAGS = torch.tensor([True, False, True, False, True, False])

GIVEN = {
    "model": network, "x": images, "y": lambda: CLASSES, "eps": lambda: 0.1, "logits": lambda: table(B, K),
    "predicted": lambda: table(B, K), "probabilities": lambda: table(B, K).softmax(1), "scores": lambda: table(B, 1)[:, 0],
    "positive": lambda: FLAGS, "member": lambda: FLAGS, "guess": lambda: ~FLAGS, "clusters": lambda: CLASSES.flip(0),
    "weak": lambda: table(B, K), "strong": lambda: table(B, K, 1), "student": lambda: table(B, K),
    "teacher": lambda: table(B, K, 1), "a": lambda: table(9), "b": lambda: table(9, seed=1), "source": lambda: table(9),
    "target": lambda: table(9, seed=1), "generated": lambda: table(40), "real": lambda: table(40, seed=1),
    "training": lambda: table(40, seed=2), "held_out": lambda: table(40, seed=3), "others": lambda: images(9),
    "synthetic": lambda: images(9), "released": lambda: images(9), "generator": seeded, "c": lambda: table(B, 1)[:, 0].sigmoid(),
    "q": lambda: 2, "counts": lambda: torch.tensor([3, 2, 1]), "k": lambda: 2, "classes": lambda: K, "fpr": lambda: 0.5,
    "tau": lambda: 0.5, "losses": lambda: table(B, 1)[:, 0].sigmoid(), "bound": lambda: 1.0, "n": lambda: 4,
    "mean_loss": lambda: 1.0, "lambda_": lambda: 0.3, "partner": lambda: torch.arange(B).flip(0), "phi": lambda: table(B, 1)[:, 0],
    "shadow": lambda: table(8, B), "members": lambda: (torch.arange(8)[:, None] + torch.arange(B)) % 2 == 0,
    "degrees": lambda: 20.0, "factor": lambda: 1.2, "sigma": lambda: 1.0, "size": lambda: (4, 4), "centres": lambda: images(2),
    "assignments": lambda: CLASSES % 2, "values": lambda: [1.0, 2.0, 3.0], "decision": lambda: FLAGS.long(),
    "group": lambda: ~FLAGS, "label": lambda: FLAGS.long(),
}  # fmt: skip
"""An argument for each name that a parameter may have."""


TRAINING = {"epochs", "schedule", "rounds", "optimizer", "restarts"}
"""Parameters of functions that train: they are left to their topics' tests."""


def public_functions():
    """Every function that a package of labkit names in ``__all__``, by its full name."""
    found = {}
    for module in pkgutil.walk_packages(labkit.__path__, "labkit."):
        name = module.name
        if any(part in name for part in (".grading", ".checks", ".explore", ".plot", ".data", "__main__", ".finetune", "not_there")):
            continue
        package = importlib.import_module(name)
        for public in getattr(package, "__all__", []):
            function = getattr(package, public)
            if inspect.isfunction(function):
                found[f"{function.__module__}.{function.__name__}"] = function
    metrics = importlib.import_module("labkit.metrics")
    for name, function in inspect.getmembers(metrics, inspect.isfunction):
        if function.__module__ == "labkit.metrics" and not name.startswith("_"):
            found[f"labkit.metrics.{name}"] = function
    return found


def arguments(function):
    """Arguments for a function, by name; None if one it needs is not in ``GIVEN``."""
    given = {}
    parameters = inspect.signature(function).parameters
    if TRAINING & set(parameters):
        return None
    for name, parameter in parameters.items():
        if parameter.kind in (parameter.VAR_KEYWORD, parameter.VAR_POSITIONAL):
            continue
        if parameter.default is inspect.Parameter.empty or name == "generator":
            if name not in GIVEN:
                return None
            given[name] = GIVEN[name]()
    return given


def call(function, given):
    """What a function returns; keyword-only arguments by name."""
    parameters = inspect.signature(function).parameters
    positional = [given[n] for n, p in parameters.items() if n in given and p.kind is not p.KEYWORD_ONLY]
    named = {n: v for n, v in given.items() if parameters[n].kind is inspect.Parameter.KEYWORD_ONLY}
    return function(*positional, **named)


def tensors(value):
    """All tensors and numbers in a result."""
    if isinstance(value, Tensor):
        return [value]
    if isinstance(value, bool | int | float):
        return [torch.tensor(float(value))]
    if isinstance(value, tuple | list):
        return [t for part in value for t in tensors(part)]
    return []


def reached():
    """The functions that work on ``GIVEN``."""
    works = {}
    for name, function in public_functions().items():
        given = arguments(function)
        if not given or not any(isinstance(v, Tensor) for v in given.values()):
            continue
        try:
            call(function, given)
        except (ValueError, TypeError, RuntimeError, IndexError, AttributeError):
            continue
        works[name] = function
    return works
