"""A generator in a data set that worker processes load: each worker has a copy, and all copies draw the same numbers.

A ``DataLoader`` with workers copies the data set into each of them, and what the data set holds as well. Draw without a
generator there: torch's own is seeded otherwise in each worker and in each epoch, and it repeats when the
``DataLoader`` is given a seeded ``generator``::

    def __getitem__(self, i):
        return transform(self.x[i : i + 1])[0], self.y[i]

Or seed the data set's generator with the worker's own seed in ``worker_init_fn``::

    def seed_generator(_):
        worker = torch.utils.data.get_worker_info()
        worker.dataset.generator.manual_seed(worker.seed)
"""

import weakref
from collections import deque
from collections.abc import Iterator, Mapping
from functools import partial
from types import FunctionType, MethodType, ModuleType
from typing import Any

from torch import Generator, Tensor, nn
from torch.utils.data import get_worker_info

OPAQUE = (Tensor, nn.Module, ModuleType, type, str, bytes, int, float)
MOST = 10_000  # objects to look at: a data set may hold a list of a million names

_examined: "weakref.WeakKeyDictionary[Generator, bool]" = weakref.WeakKeyDictionary()


def refuse_copied_generator(generator: Generator) -> None:
    """In a worker process of a ``DataLoader``: refuse a generator that came with the data set.

    It isn't refused where it was seeded with the worker's own seed.

    Raises:
        ValueError: if the workers would all draw the same numbers.
    """
    worker = get_worker_info()
    if worker is None or generator in _examined:
        return
    if generator.initial_seed() != worker.seed and _holds(worker.dataset, generator):
        raise ValueError(
            "this generator came with the data set, and each worker of the DataLoader has a copy that draws the same "
            "numbers; draw without a generator there (torch's own differs from worker to worker), or seed it in "
            "worker_init_fn with torch.utils.data.get_worker_info().seed"
        )
    _examined[generator] = True


def _holds(dataset: Any, generator: Generator) -> bool:
    """Whether the data set, one inside it, or a function of theirs holds the generator."""
    home, seen, waiting = type(dataset).__module__, {id(dataset)}, deque([dataset])
    while waiting and len(seen) < MOST:
        for held in _held(waiting.popleft(), home):
            if held is generator:
                return True
            if id(held) not in seen and not isinstance(held, OPAQUE):
                seen.add(id(held))
                waiting.append(held)
    return False


def _held(thing: Any, home: str) -> Iterator[Any]:
    """What a container, a function or an object holds; of a class and of globals only those of the module ``home``."""
    if isinstance(thing, Mapping):
        yield from thing.values()
    elif isinstance(thing, list | tuple | set | frozenset):
        yield from thing
    elif isinstance(thing, partial):
        yield from (thing.func, thing.args, thing.keywords)
    elif isinstance(thing, MethodType):
        yield from (thing.__self__, thing.__func__)
    elif isinstance(thing, FunctionType):
        yield from (cell.cell_contents for cell in thing.__closure__ or () if _filled(cell))
        yield from (thing.__defaults__, thing.__kwdefaults__)
        if thing.__module__ == home:
            yield from (thing.__globals__[name] for name in thing.__code__.co_names if name in thing.__globals__)
    elif hasattr(thing, "__dict__"):
        yield from vars(thing).values()
        if type(thing).__module__ == home:
            yield from (value for value in vars(type(thing)).values() if isinstance(value, FunctionType))


def _filled(cell: Any) -> bool:
    try:
        return cell.cell_contents is not None
    except ValueError:  # a variable that has no value yet
        return False
