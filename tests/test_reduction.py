"""What isn't there can't be called: which definitions of labkit an exercise goes without, read from source alone."""

import ast
import importlib
import importlib.util
import sys
import textwrap
import zipfile
from pathlib import Path

import pytest

from labkit import absent, checks
from labkit.grading.engine.copy import names, reduced, reduction
from labkit.grading.engine.judging import judge
from labkit.grading.engine.sandbox.covers import PACKAGE
from labkit.topics import SYLLABUS

EXERCISES = [topic for topic in SYLLABUS if (PACKAGE / "checks" / f"{topic.key}.py").is_file()]


def package(folder: Path, **modules: str) -> Path:
    """A package ``lab`` with a module for each text; ``sub__name`` is ``lab/sub/name.py``."""
    root = folder / "lab"
    for name, text in {"__init__": "", **modules}.items():
        path = root / f"{name.replace('__init__', '@').replace('__', '/').replace('@', '__init__')}.py"
        path.parent.mkdir(parents=True, exist_ok=True)
        for above in path.relative_to(root).parents:
            (root / above / "__init__.py").touch()
        path.write_text(textwrap.dedent(text))
    return root


def gone(root: Path, *forbidden: str) -> set[str]:
    """What goes with some functions, as ``module.name``."""
    made = reduction.reduce(root, [tuple(name.rsplit(".", 1)) for name in forbidden])
    return {".".join(name).removeprefix("lab.") for name in made.gone}


USERS = {
    "a caller": "from lab.maths import f\ndef g(x): return f(x)",
    "a caller of a caller": "from lab.maths import f\ndef h(x): return f(x)\ndef g(x): return h(x)",
    "a caller by its module": "from lab import maths\ndef g(x): return maths.f(x)",
    "a caller by the whole name": "import lab.maths\ndef g(x): return lab.maths.f(x)",
    "a caller by another name": "from lab.maths import f as other\ndef g(x): return other(x)",
    "a caller by another module's name": "import lab.maths as m\ndef g(x): return m.f(x)",
    "a caller that imports within": "def g(x):\n    from lab.maths import f\n    return f(x)",
    "a caller that imports the module within": "def g(x):\n    import lab.maths as m\n    return m.f(x)",
    "a caller by a star": "from lab.maths import *\ndef g(x): return f(x)",
    "a caller by a relative import": "from .maths import f\ndef g(x): return f(x)",
    "a lambda": "from lab.maths import f\ng = lambda x: f(x)",
    "a partial": "from functools import partial\nfrom lab.maths import f\ng = partial(f, 1)",
    "an alias": "from lab.maths import f\ng = f",
    "a table": "from lab.maths import f\ng = {'f': f}",
    "a list of pairs": "from lab.maths import f\ng = [('f', (f, 1))]",
    "a constant made with it": "from lab.maths import f\ng = f(3) + 1",
    "an annotated constant": "from lab.maths import f\ng: int = f(3)",
    "a default": "from lab.maths import f\ndef g(x, how=f): return how(x)",
    "a default by name only": "from lab.maths import f\ndef g(x, *, how=f): return how(x)",
    "a decorator": "from lab.maths import f\n@f\ndef g(x): return x",
    "what it decorates a class with": "from lab.maths import f\n@f\nclass g: pass",
    "a method": "from lab.maths import f\nclass g:\n    def call(self, x): return f(x)",
    "a static method": "from lab.maths import f\nclass g:\n    call = staticmethod(f)",
    "a property": "from lab.maths import f\nclass g:\n    @property\n    def call(self): return f(self)",
    "a class's constant": "from lab.maths import f\nclass g:\n    size = f(3)",
    "a nested function": "from lab.maths import f\ndef g(x):\n    def inner(y): return f(y)\n    return inner(x)",
    "a comprehension": "from lab.maths import f\ndef g(x): return [f(y) for y in x]",
    "a generator": "from lab.maths import f\ndef g(x):\n    yield from (f(y) for y in x)",
    "an f-string": "from lab.maths import f\ndef g(x): return f'{f(x)}'",
    "a coroutine": "from lab.maths import f\nasync def g(x): return f(x)",
    "a match": "from lab.maths import f\ndef g(x):\n    match x:\n        case int(): return f(x)",
    "a condition": "from lab.maths import f\nif True:\n    def g(x): return f(x)\nelse:\n    g = None",
    "a try": "try:\n    from lab.maths import f\n    g = f(1)\nexcept ImportError:\n    g = None",
    "a loop": "from lab.maths import f\nfor g in (f,): pass",
    "several names at once": "from lab.maths import f\ng, h = f, 1",
    "a walrus": "from lab.maths import f\ndef g(x): return (y := f(x)) + y",
    "an attribute": "from lab.maths import f\ndef g(x): return f.__wrapped__(x)",
    "a string that is a call": "from lab.maths import f\ndef g(x): return getattr(f, '__call__')(x)",
    "two statements in a line": "from lab.maths import f\nh = 1; g = f",
}  # fmt: skip


@pytest.mark.parametrize("kind", USERS)
def test_whatever_refers_to_it_goes_too(tmp_path, kind):
    root = package(tmp_path, maths="def f(x): return x\ndef kept(x): return x", user=USERS[kind])
    found = gone(root, "lab.maths.f")
    assert {"maths.f", "user.g"} <= found
    assert "maths.kept" not in found


KEPT = {
    "an import alone": "from lab.maths import f\ndef g(x): return x",
    "a parameter of that name": "from lab.maths import f\ndef g(f): return f(1)",
    "a variable of that name": "from lab.maths import f\ndef g():\n    f = len\n    return f('')",
    "a loop's variable": "from lab.maths import f\ndef g(x): return [f for f in x]",
    "a lambda's parameter": "from lab.maths import f\ng = lambda f: f",
    "an inner function of that name": "from lab.maths import f\ndef g():\n    def f(): return 1\n    return f()",
    "an exception of that name": "from lab.maths import f\ndef g():\n    try: pass\n    except E as f: return f",
    "a pattern of that name": "from lab.maths import f\ndef g(x):\n    match x:\n        case [f]: return f",
    "an annotation": "from lab.maths import f\ndef g(x: f) -> f: return x",
    "another module's function": "from lab.other import f\ndef g(x): return f(x)",
    "its own function of that name": "def f(x): return x\ndef g(x): return f(x)",
    "a method of that name": "from lab.maths import f\nclass g:\n    def f(self): ...\n    def h(self): self.f()",
    "an attribute of that name": "from lab import maths\ndef g(x): return x.f",
    "a text": "from lab.maths import f\ng = 'f(x)'",
}


@pytest.mark.parametrize("kind", KEPT)
def test_what_only_looks_as_if_it_did_stays(tmp_path, kind):
    root = package(tmp_path, maths="def f(x): return x", other="def f(x): return -x", user=KEPT[kind])
    assert gone(root, "lab.maths.f") == {"maths.f"}


def test_a_class_goes_as_a_whole_if_a_method_may_not_be_called(tmp_path):
    text = "class A:\n    def f(self): ...\n    def g(self): ...\nclass B(A): ...\nclass C: ..."
    root = package(tmp_path, maths=text)
    assert gone(root, "lab.maths.A") == {"maths.A", "maths.B"}


def test_a_name_that_a_package_passes_on_is_followed(tmp_path):
    root = package(
        tmp_path,
        sub__deep__maths="def f(x): return x",
        sub__deep____init__="from lab.sub.deep.maths import f",
        sub____init__="from lab.sub.deep import f as f",
        user="from lab import sub\ndef g(x): return sub.f(x)\ndef h(x): return sub.deep.maths.f(x)",
    )
    assert gone(root, "lab.sub.deep.maths.f") == {"sub.deep.maths.f", "user.g", "user.h"}


def test_its_private_parts_go_and_what_else_is_made_of_them(tmp_path):
    root = package(tmp_path, maths="""
        def f(x): return _core(check(x))
        def _core(x): return _deeper(x)
        def _deeper(x): return x
        def other(x): return _core(x)
        def check(x): return x
        def unrelated(x): return _deeper(check(x))
    """)  # fmt: skip
    assert gone(root, "lab.maths.f") == {"maths.f", "maths._core", "maths.other"}


def test_what_nobody_else_uses_goes_unless_it_is_for_everybody(tmp_path):
    root = package(
        tmp_path,
        topic____init__="from lab.topic.maths import f, shown",
        topic__maths="""
            SIZE = 3
            def f(x): return helper(x) + shown(x) + common(x)
            def helper(x): return second(x) + SIZE
            def second(x): return x
            def shown(x): return x
            def common(x): return x
            def kept(x): return common(x)
            def never_used(x): return x
        """,
    )
    assert gone(root, "lab.topic.maths.f") == {f"topic.maths.{name}" for name in ("f", "helper", "second", "SIZE")}


def test_two_that_use_each_other_go_together(tmp_path):
    text = "def f(n): return g(n)\ndef g(n): return h(n) if n else 0\ndef h(n): return g(n - 1)"
    root = package(tmp_path, topic__maths=text)
    assert gone(root, "lab.topic.maths.f") >= {"topic.maths.f"}
    assert gone(root, "lab.topic.maths.h") == {"topic.maths.f", "topic.maths.g", "topic.maths.h"}


def test_what_is_not_of_the_package_is_passed_over(tmp_path):
    root = package(tmp_path, maths="import torch\ndef f(x): return torch.f(x)")
    assert gone(root, "torch.f", "lab.maths.nothing", "lab.nothing.f") == set()


# ── the source that is left ───────────────────────────────────────────────────────────────────────────────────────────

SOURCE = '''
"""What it is about."""

from __future__ import annotations

import math

SIZE = 3  # kept


@cached
@other
def f(x: int) -> int:
    """Twice the secret."""
    # the secret itself
    return 2 * x * SIZE


# ── a heading ──


class Kept:
    """Kept."""

    how: Gone | None = None
    size = SIZE


class Gone:
    secret = 1


A, B = f(1), 2
TABLE: dict[str, object] = {"f": f}
print(f(2))
'''


def test_in_its_place_is_a_stub_and_the_rest_is_as_it_was(tmp_path):
    root = package(tmp_path, maths=SOURCE)
    made = reduction.reduce(root, [("lab.maths", "f"), ("lab.maths", "Gone")])
    text = reduction.source(made, made.package.modules["lab.maths"])
    assert "secret" not in text
    assert "print" not in text
    for line in ('"""What it is about."""', "SIZE = 3  # kept", "# ── a heading ──", "class Kept:", "import math"):
        assert line in text.splitlines()
    tree = ast.parse(text)
    bound = {name for node in tree.body for name in names.bound([node])}
    assert {"f", "Gone", "A", "B", "TABLE", "Kept", "SIZE"} <= bound
    assert text.index("from __future__") < text.index("from labkit.absent")
    scope = {"__name__": "maths"}
    exec(compile(text, "maths", "exec"), scope)
    assert scope["SIZE"] == 3
    assert str(scope["f"]) == f"<{FGSM.replace('fgsm', 'f')}>"
    assert "`TABLE` isn't there while an answer is graded: it belongs to `f`, which" in str(scope["TABLE"])


def test_a_module_from_which_nothing_goes_is_not_touched(tmp_path):
    root = package(tmp_path, maths="def f(x): return x", other=SOURCE)
    made = reduction.reduce(root, [("lab.maths", "f")])
    assert reduction.source(made, made.package.modules["lab.other"]) == (root / "other.py").read_text()


# ── stubs ─────────────────────────────────────────────────────────────────────────────────────────────────────────────

FGSM = "labkit's own `fgsm` isn't there while an answer is graded: the exercise asks you to write it"
USES = {
    "call": lambda f: f(1, x=2),
    "attribute": lambda f: f.anything,
    "name": lambda f: f.__name__,
    "item": lambda f: f[0],
    "iteration": list,
    "length": len,
    "truth": lambda f: 1 if f else 2,
    "sum": lambda f: 1 + f,
    "comparison": lambda f: f < 1,
    "a class of its own": lambda f: __import__("types").new_class("Sub", (f,)),
    "class statement": lambda f: exec("class Sub(f): pass", {"f": f}),
    "isinstance": lambda f: isinstance(1, f),
    "issubclass": lambda f: issubclass(int, f),
    "with": lambda f: f.__enter__(),
    "decorator": lambda f: f(lambda: 1),
    "wraps": lambda f: __import__("functools").wraps(f)(lambda: 1),
    "signature": lambda f: __import__("inspect").signature(f),
    "source": lambda f: __import__("inspect").getsource(f),
    "map": lambda f: list(map(f, [1])),
    "partial": lambda f: __import__("functools").partial(f, 1)(),
    "pickle": lambda f: __import__("pickle").dumps(f),
    "copy": lambda f: __import__("copy").copy(f),
    "setattr": lambda f: setattr(f, "x", 1),
    "unpacking": lambda f: [*f],
    "in": lambda f: 1 in f,
}


@pytest.mark.parametrize("kind", USES)
def test_whoever_uses_a_stub_reads_what_it_stands_for(kind):
    absent.forget()
    with pytest.raises(absent.Absent, match="^" + FGSM.replace("(", r"\(") + "$"):
        USES[kind](absent.absent("fgsm"))
    assert absent.touched() == FGSM
    absent.forget()
    assert absent.touched() == ""


def test_a_stub_may_be_stored_shown_and_stand_in_an_annotation():
    stub = absent.absent("fgsm")
    absent.forget()
    assert {"f": stub, "g": [stub]}["f"] is stub
    assert repr(stub) == f"<{FGSM}>" == str(stub)
    assert stub == stub
    assert stub in {stub}
    assert callable(stub)

    def annotated(x: stub | None, y: stub | None = stub) -> list[stub]:
        return [y]

    assert annotated(None) == [stub]
    assert absent.touched() == ""


def test_nothing_is_absent_from_the_package_itself():
    assert not absent.REDUCED


# ── labkit ────────────────────────────────────────────────────────────────────────────────────────────────────────────


@pytest.fixture(scope="module", params=EXERCISES, ids=lambda topic: topic.key)
def taken(request):
    """An exercise, what no answer may call, and what goes."""
    forbidden = judge.forbidden([check.key for check in checks.of(request.param.key)])
    pairs = [tuple(name.split(":")) for name in forbidden]
    return request.param, pairs, reduction.reduce(PACKAGE, pairs)


def test_every_function_that_no_answer_may_call_is_found(taken):
    _, pairs, made = taken
    own = {pair for pair in pairs if pair[0].startswith("labkit.") and not pair[0].startswith("labkit.checks.answers")}
    assert own
    assert own <= made.gone.keys()


def test_what_is_left_can_be_compiled_and_holds_nothing_of_it(taken):
    _, _, made = taken
    for module in made.package.modules.values():
        text = reduction.source(made, module)
        tree = ast.parse(text)
        for node in tree.body:
            if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
                assert (module.name, node.name) not in made.gone


def test_no_line_of_what_goes_is_left_anywhere(taken):
    _, _, made = taken
    lines = distinctive(made)
    assert lines
    text = "\n".join(reduction.source(made, module) for module in made.package.modules.values())
    kept = {line.strip() for line in text.splitlines()}
    assert lines & kept == set()


def distinctive(made: reduction.Reduction) -> set[str]:
    """Lines of what goes that stand nowhere else in labkit, and are long enough to say something."""
    inside: set[str] = set()
    outside: set[str] = set()
    for module in made.package.modules.values():
        every = module.source.splitlines()
        mine = set()
        for definition in module.definitions:
            if any((module.name, name) in made.gone for name in definition.names):
                mine |= set(range(definition.first - 1, definition.last))
        for first, last, _, _ in made.halves.get(module.name, []):
            mine |= set(range(first - 1, last))
        for number, line in enumerate(every):
            (inside if number in mine else outside).add(line.strip())
    rest = "\n".join(outside)
    said_by_many = ("#", '"""', "@", "with warnings.")  # other libraries have such lines, too
    return {line for line in inside if len(line) > 30 and line not in rest and not line.startswith(said_by_many)}


def test_an_archive_is_made_once_and_has_what_it_should(tmp_path, monkeypatch):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    path = reduced.archive(["labkit.attacks.gradient:fgsm"])
    before = path.stat().st_mtime_ns
    assert reduced.archive(["labkit.attacks.gradient:fgsm"]) == path
    assert path.stat().st_mtime_ns == before
    other = reduced.archive([])
    whole = reduced.archive(None)
    assert len({path, other, whole}) == 3
    entries = set(zipfile.ZipFile(path).namelist())
    assert "labkit/attacks/gradient.py" in entries
    assert any(name.endswith(".safetensors") for name in entries)
    left_out = ("labkit/_course", "labkit/checks/answers", "labkit/grading/release", "labkit/grading/engine/judging")
    assert not [name for name in entries if name.startswith(left_out)]
    assert "REDUCED = True" in zipfile.ZipFile(path).read("labkit/absent.py").decode()
    assert "REDUCED = False" in zipfile.ZipFile(whole).read("labkit/absent.py").decode()
    assert str(PACKAGE).encode() not in b"".join(zipfile.ZipFile(path).read(name) for name in entries)


def test_another_state_of_labkit_has_another_archive(tmp_path, monkeypatch):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    root = package(tmp_path, maths="def f(x): return x", absent="REDUCED = False\n")
    first = reduced.archive(["lab.maths:f"], root)
    (root / "maths.py").write_text("def f(x): return 2 * x")
    reduced.state.cache_clear()
    assert reduced.archive(["lab.maths:f"], root) != first


def test_the_oldest_archives_go(tmp_path, monkeypatch):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.setattr(reduced, "KEPT", 2)
    root = package(tmp_path, maths="def f(x): return x\ndef g(x): return x", absent="REDUCED = False\n")
    for forbidden in ([], ["lab.maths:f"], ["lab.maths:g"], None):
        last = reduced.archive(forbidden, root)
    assert last.is_file()
    assert len(list(last.parent.glob("*.zip"))) == 2


def test_what_no_answer_may_call_is_asked_once(tmp_path, monkeypatch):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    asked = []

    def ask(keys):
        asked.append(keys)
        return ["a:b"]

    assert reduced.forbidden(("x.y",), ask) == reduced.forbidden(("x.y",), ask) == ["a:b"]
    assert asked == [("x.y",)]
    reduced.forbidden(("x.z",), ask)
    assert len(asked) == 2


def test_a_cache_that_can_not_be_written_is_done_without(tmp_path, monkeypatch):
    (tmp_path / "file").write_text("")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "file"))
    monkeypatch.setattr(reduced.tempfile, "mkdtemp", lambda prefix: str(tmp_path))
    assert reduced.archive([]).parent == tmp_path


def test_a_compiled_file_is_used_as_it_is(tmp_path):
    name, data = reduced.compiled("lab/maths.py", b"def f(): return 1\n")
    (tmp_path / name).parent.mkdir(parents=True)
    (tmp_path / name).write_bytes(data)
    (tmp_path / "lab/maths.py").write_text("raise AssertionError('compiled anew')")
    spec = importlib.util.spec_from_file_location("maths_of_test", tmp_path / "lab/maths.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    assert module.f() == 1
    assert str(tmp_path) not in data.decode("latin-1")


def test_a_package_that_is_not_there_says_so():
    sys.modules.pop("labkit.not_there", None)
    with pytest.raises(ModuleNotFoundError, match="isn't there while an answer is graded"):
        importlib.import_module("labkit.not_there")
