"""Stubs for what is absent while an answer is graded: an object that raises ``Absent`` when it is used.

The grader's sandbox holds a copy of labkit without the functions that an exercise asks to write. ``import`` still finds
their names, so that a notebook that imports one and doesn't use it runs as it does elsewhere; whatever else is done
with them raises ``Absent``. In the package itself nothing is absent, and nobody calls this.
"""

from typing import Any, NoReturn

REDUCED = False
"""Whether this is such a copy."""

_touched: list[str] = []


class Absent(Exception):
    """Something of labkit was used that isn't there while an answer is graded; the message is a sentence."""


def touched() -> str:
    """The sentence for the first absent thing that was used since ``forget``; "" if none was."""
    return _touched[0] if _touched else ""


def forget() -> None:
    """Count anew what is used."""
    _touched.clear()


class Stub:
    """Stands for what is absent. Its name may be imported, stored, shown and stand in an annotation.

    Args:
        sentence: what is said to whoever uses it.
    """

    def __init__(self, sentence: str) -> None:
        self.__dict__["_sentence"] = sentence

    def __getattr__(self, name: str) -> NoReturn:
        _touched.append(self.__dict__["_sentence"])
        raise Absent(self.__dict__["_sentence"])

    def __repr__(self) -> str:
        return f"<{self.__dict__['_sentence']}>"

    def __or__(self, other: object) -> "Stub":
        return self

    __ror__ = __or__


def _use(self: Stub, *_: object, **__: object) -> NoReturn:
    """Whatever is done with it."""
    self.__getattr__("")


for _name in (
    "call", "setattr", "delattr", "getitem", "setitem", "delitem", "contains", "iter", "next", "len", "bool",
    "reversed", "enter", "exit", "await", "aiter", "anext", "index", "int", "float", "complex", "bytes", "mro_entries",
    "instancecheck", "subclasscheck", "lt", "le", "gt", "ge", "neg", "pos", "abs", "invert", "add", "radd", "sub",
    "rsub", "mul", "rmul", "truediv", "rtruediv", "floordiv", "rfloordiv", "mod", "rmod", "pow", "rpow", "matmul",
    "rmatmul", "and", "rand", "xor", "rxor", "lshift", "rshift", "copy", "deepcopy", "reduce_ex", "dir",
):  # fmt: skip
    setattr(Stub, f"__{_name}__", _use)


def absent(name: str, of: str = "") -> Any:
    """A stub in place of ``name``.

    Args:
        of: what the exercise asks to write, where that is something else, which ``name`` uses or is a part of.

    >>> fgsm = absent("fgsm")
    >>> fgsm(1, eps=0.1)
    Traceback (most recent call last):
    labkit.absent.Absent: labkit's own `fgsm` isn't there while an answer is graded: the exercise asks you to write it
    """
    why = f"it belongs to `{of}`, which the exercise asks you to write" if of else "the exercise asks you to write it"
    return Stub(f"labkit's own `{name}` isn't there while an answer is graded: {why}")
