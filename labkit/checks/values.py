"""Values that answers return: how they are named, compared, described, and sent as bytes that hold no code.

A value is a number, a text, a date, a tensor, an array, a data frame, a figure, ``None``, or a list, tuple, set or
dictionary of values. Nothing here imports torch, pandas or Matplotlib: a check of plain Python or NumPy answers works
without them.
"""

import datetime
import sys
from collections.abc import Iterator, Mapping
from typing import Any, TypeGuard

import numpy as np
from numpy.typing import NDArray

from labkit.checks.kinds import figures, tables
from labkit.checks.kinds.figures import Picture

Value = Any
"""A number, a text, a date, ``None``, a tensor, an array, a data frame or series, a figure (as a ``Picture``), or a
list, tuple, set or dictionary of values."""

DTYPES = {
    "bool", "uint8", "int8", "int16", "int32", "int64", "float16", "bfloat16", "float32", "float64",
}  # fmt: skip
DEEPEST = 12  # levels of lists in lists
MOST = 100_000  # parts of one value that are no array's numbers


class Unsendable(ValueError):
    """A value that can't be sent as plain data, and that no check asks for; the text says what it is."""


def is_tensor(value: object) -> TypeGuard[Any]:
    """Whether a value is a torch tensor; this does not import torch."""
    torch = sys.modules.get("torch")
    return torch is not None and isinstance(value, torch.Tensor)


def is_module(value: object) -> bool:
    """Whether a value is a torch module."""
    torch = sys.modules.get("torch")
    return torch is not None and isinstance(value, torch.nn.Module)


def is_array(value: object) -> bool:
    """Whether a value is a tensor or a NumPy array."""
    return is_tensor(value) or isinstance(value, np.ndarray)


def is_texts(value: object) -> bool:
    """Whether a value is an array of texts, or of dates, which count as texts."""
    if not isinstance(value, np.ndarray):
        return False
    if value.dtype == object:
        return value.size > 0 and all(isinstance(text, str) for text in value.flat)
    return value.dtype.kind in "UM"


def is_number(value: object) -> bool:
    """Whether a value is a single number of Python or NumPy."""
    return isinstance(value, bool | int | float | np.number | np.bool_)


def dtype_of(value: object) -> str:
    """The name of an array's dtype, as in ``float32``; the same for torch and NumPy."""
    return str(getattr(value, "dtype", type(value).__name__)).removeprefix("torch.")


def array(value: Any) -> NDArray[Any]:
    """An array or a number as a NumPy array; bfloat16 becomes float32, which holds all its values."""
    if is_tensor(value):
        plain = value.detach().cpu()
        if dtype_of(plain) == "bfloat16":
            plain = plain.float()
        return np.asarray(plain.resolve_conj().resolve_neg().numpy())
    return np.asarray(value)


# ── as bytes ──────────────────────────────────────────────────────────────────────────────────────────────────────────


def freeze(value: Value, name: str, arrays: dict[str, NDArray[Any]], depth: int = 0) -> Any:
    """A value in a form that JSON can hold. Its arrays go to ``arrays`` under names that begin with ``name``.

    Raises:
        Unsendable: if the value holds anything else.
    """
    if depth > DEEPEST:
        raise Unsendable(f"lists nested more than {DEEPEST} deep")
    if value is None or isinstance(value, bool):
        return {"v": value}
    for plain in (int, float, str):  # of a subclass, too
        if isinstance(value, plain):
            return {"v": plain(value)}
    if is_number(value):
        return {"v": value.item()}
    if figures.is_axes_array(value) or figures.is_figure(value):
        return {"p": freeze(dict(figures.picture(value)), name, arrays, depth + 1)}
    if is_array(value):
        return freeze_array(value, name, arrays)
    if tables.is_table(value):
        return tables.freeze(value, lambda part, own: freeze(part, f"{name}/{own}", arrays, depth + 1))
    if isinstance(value, datetime.date | np.datetime64):
        return {"v": str(value)}
    if isinstance(value, Picture):
        return {"p": freeze(dict(value), name, arrays, depth + 1)}
    for kind, mark in ((list, "l"), (tuple, "p"), (set | frozenset, "s")):
        if isinstance(value, kind):
            entries = sorted(value, key=repr) if mark == "s" else value
            return {mark: [freeze(v, f"{name}/{i}", arrays, depth + 1) for i, v in enumerate(entries)]}
    if isinstance(value, Mapping):
        return {"d": [[freeze(k, f"{name}/{i}k", arrays, depth + 1), freeze(v, f"{name}/{i}", arrays, depth + 1)]
                      for i, (k, v) in enumerate(value.items())]}  # fmt: skip
    drawn = "; expected the figure or its axes" if type(value).__module__.startswith("matplotlib.") else ""
    raise Unsendable(f"a {type(value).__name__}{drawn}")


def freeze_array(value: Any, name: str, arrays: dict[str, NDArray[Any]]) -> dict[str, Any]:
    """A tensor or an array: its numbers go to ``arrays``. An array of texts has none."""
    if is_texts(value):
        return {"u": [str(text) for text in value.ravel().tolist()], "shape": list(value.shape)}
    dtype, kind = dtype_of(value), "torch" if is_tensor(value) else "numpy"
    if kind == "torch":
        torch = sys.modules["torch"]
        if value.layout is not torch.strided or dtype not in DTYPES:
            raise Unsendable(f"a {value.dtype} tensor of layout {value.layout}; expected a dense real one")
        plain = value.detach().as_subclass(torch.Tensor).cpu().clone(memory_format=torch.contiguous_format)
        arrays[name] = (plain.view(torch.int16) if dtype == "bfloat16" else plain).numpy()
    else:
        if dtype not in DTYPES:
            raise Unsendable(f"an array of dtype {dtype}; expected numbers")
        arrays[name] = np.array(value, copy=True, order="C", subok=False)
    return {"a": name, "kind": kind, "dtype": dtype}


def thaw(node: Any, arrays: Mapping[str, NDArray[Any]]) -> Value:
    """The value that ``freeze`` turned into a node. The node comes from an untrusted process.

    Raises:
        ValueError, KeyError, TypeError: if ``freeze`` never makes such a node.
    """
    budget = iter(range(MOST))
    return _thaw(node, arrays, budget, 0)


def _thaw(node: Any, arrays: Mapping[str, Any], budget: Iterator[int], depth: int) -> Value:
    if next(budget, None) is None or depth > DEEPEST + 1 or not isinstance(node, dict):
        raise ValueError("not a value")
    inner = lambda part: _thaw(part, arrays, budget, depth + 1)  # noqa: E731
    match node:
        case {"v": None | bool() | int() | float() | str() as value}:
            return value
        case {"a": str() as name, "kind": "torch" | "numpy" as kind, "dtype": str() as dtype} if dtype in DTYPES:
            return thaw_array(arrays[name], kind, dtype)
        case {"u": list() as texts, "shape": list() as shape} if all(isinstance(text, str) for text in texts):
            return np.array(texts, dtype=str).reshape(shape)
        case {"t": "frame" | "series"}:
            return tables.thaw(node, inner)
        case {"p": dict() as seen}:
            return Picture(inner(seen))
        case {"l": list() as entries}:
            return [inner(entry) for entry in entries]
        case {"p": list() as entries}:
            return tuple(inner(entry) for entry in entries)
        case {"s": list() as entries}:
            return frozenset(inner(entry) for entry in entries)
        case {"d": list() as entries}:
            return {inner(key): inner(value) for key, value in entries}
    raise ValueError("not a value")


def thaw_array(numbers: NDArray[Any], kind: str, dtype: str) -> Any:
    """An array of the kind and dtype it had."""
    if str(numbers.dtype) != ("int16" if dtype == "bfloat16" else dtype):
        raise ValueError(f"an array of {numbers.dtype} that claims to be {dtype}")
    if kind == "numpy":
        return numbers
    import torch

    tensor = torch.from_numpy(np.array(numbers, copy=True))
    return tensor.view(torch.bfloat16) if dtype == "bfloat16" else tensor


# ── in words ──────────────────────────────────────────────────────────────────────────────────────────────────────────


def describe(value: object) -> str:
    """A short description of a value: the numbers of a small array, the shape and range of a large one."""
    if tables.is_table(value):
        return tables.describe(value)
    if isinstance(value, Picture) or figures.is_figure(value):
        return figures.describe(value if isinstance(value, Picture) else figures.picture(value))
    if not is_array(value):
        return text_of(value)
    numbers = array(value)
    head = f"{'text' if is_texts(value) else dtype_of(value)} {tuple(numbers.shape)}"
    if numbers.size == 0:
        return f"{head}, empty"
    if numbers.size <= 12:
        return f"{head} {entries(numbers.tolist())}"
    if numbers.dtype.kind not in "biuf":
        return f"{head}, begins {entries(numbers.ravel()[:4].tolist())}"
    flat = numbers.astype(np.float64).ravel()
    with np.errstate(all="ignore"):
        return f"{head}, from {flat.min():.4g} to {flat.max():.4g}, mean {flat.mean():.4g}, begins {entries(numbers.ravel()[:4].tolist())}"  # noqa: E501


def text_of(value: object, length: int = 160) -> str:
    """The text of a value that is no array, cut if it is long."""
    text = repr(value) if isinstance(value, list | tuple | dict) else str(value)
    return text if len(text) <= length else text[: length - 1] + "…"


def entries(value: Any) -> str:
    """The text of nested lists of numbers, with four digits each."""
    if isinstance(value, list):
        return "[" + ", ".join(entries(entry) for entry in value) + "]"
    return f"{value:.4g}" if isinstance(value, float) else repr(value) if isinstance(value, str) else str(value)


# ── the same or not ───────────────────────────────────────────────────────────────────────────────────────────────────


def agree(a: Any, b: Any, *, atol: float = 1e-5, rtol: float = 1e-4) -> bool:
    """Whether two values are the same within the tolerance; nan equals nan, and dtypes may differ."""
    if tables.is_table(a) or tables.is_table(b):
        same = lambda x, y: agree(x, y, atol=atol, rtol=rtol)  # noqa: E731
        return tables.is_table(a) and tables.is_table(b) and tables.agree(a, b, same)
    if is_texts(a) and is_texts(b):
        return a.shape == b.shape and bool((a.astype(str) == b.astype(str)).all())
    if is_array(a) or is_array(b) or (is_number(a) and is_number(b)):
        if not all(is_array(v) or is_number(v) for v in (a, b)):
            return False
        x, y = array(a), array(b)
        if x.shape != y.shape or not all(v.dtype.kind in "biuf" for v in (x, y)):
            return False
        with np.errstate(all="ignore"):
            return bool(np.allclose(x.astype(np.float64), y.astype(np.float64), atol=atol, rtol=rtol, equal_nan=True))
    if isinstance(a, Mapping) and isinstance(b, Mapping):
        return a.keys() == b.keys() and all(agree(a[key], b[key], atol=atol, rtol=rtol) for key in a)
    if isinstance(a, list | tuple) and isinstance(b, list | tuple):
        return len(a) == len(b) and all(agree(x, y, atol=atol, rtol=rtol) for x, y in zip(a, b))
    return type(a) is type(b) and bool(a == b)
