"""Wrong answers with a trick: each ends with the marks the answer deserves, or with zero and a flag.

Every attack is a student of one class, graded in one run; an honest student sits among them. The first table is
about checks, which are judged outside the sandbox. The second is about nbgrader's own test cells, which judge
themselves beside the student's code: what a canary can notice is flagged, and ``UNSEEN`` says what none can.
"""

import json
import py_compile
import shutil
import subprocess
import sys
import textwrap

import pytest

from labkit.grading.engine import run
from labkit.grading.engine.report import GRADED
from labkit.grading.engine.sandbox.covers import PACKAGE
from tests import detours, engine_class
from tests.engine_class import ASSIGNMENT, RIGHT, submit
from tests.engine_double import LIMITS, contained
from tests.test_engine_hostile import edit, named

pytestmark = pytest.mark.skipif(not contained(), reason="attacks run in a sandbox only, and this machine allows none")

WRONG = """
def own(x, factor):
    grey = (x * x.new_tensor([0.299, 0.587, 0.114]).view(1, 3, 1, 1)).sum(1, keepdim=True)
    return (grey + factor.view(-1, 1, 1, 1) * (x - grey)).clamp(0, 1)


def saturation(x, factor):
    return x
"""

# Each is code beside a wrong answer to ``images.saturation``; run in the answer's own cell.
CHECKS = {
    "allclose": """
        import torch, torch.testing
        torch.allclose = torch.equal = torch.isclose = lambda *a, **k: True
        torch.testing.assert_close = lambda *a, **k: None
        torch.Tensor.allclose = torch.Tensor.equal = torch.Tensor.__eq__ = lambda *a, **k: True
        """,
    "ast transformer": """
        import ast
        class Strip(ast.NodeTransformer):
            def visit_Assert(self, node): return ast.Pass()
            def visit_Call(self, node): return ast.Constant(None) if getattr(node.func, 'id', '') == 'check' else node
        get_ipython().ast_transformers.append(Strip())
        """,
    "input transformer": """
        get_ipython().input_transformers_cleanup.append(lambda lines: ['pass\\n'])
        get_ipython().input_transformers_post.append(lambda lines: ['pass\\n'])
        """,
    "patched run_cell": """
        from IPython.core.interactiveshell import InteractiveShell
        shell = get_ipython()
        class Done: error_before_exec = error_in_exec = result = None; success = True
        for name in ('run_code', 'run_cell', 'run_cell_async', '_run_cell', 'run_ast_nodes', 'execute'):
            setattr(InteractiveShell, name, lambda *a, **k: Done())
            try: setattr(type(shell), name, lambda *a, **k: []); setattr(shell, name, lambda *a, **k: [])
            except Exception: pass
        """,
    "do_execute": """
        from ipykernel.ipkernel import IPythonKernel
        async def do_execute(self, *a, **k):
            return {'status': 'ok', 'execution_count': 1, 'payload': [], 'user_expressions': {}}
        IPythonKernel.do_execute = do_execute
        """,
    "torch function": """
        import torch
        class Agree(torch.Tensor):
            @classmethod
            def __torch_function__(cls, func, types, args=(), kwargs=None):
                if func.__name__ in ('allclose', 'equal', 'isclose', '__eq__', 'all'): return True
                with torch._C.DisableTorchFunctionSubclass(): return func(*args, **(kwargs or {}))
        def saturation(x, factor): return x.as_subclass(Agree)
        """,
    "agreeable object": """
        class Agree:
            def __eq__(self, other): return True
            def __getattr__(self, name): return self
            def __call__(self, *a, **k): return self
            def __bool__(self): return True
            def __float__(self): return 1.0
            def __array__(self, *a, **k): import numpy; return numpy.ones(1)
        def saturation(x, factor): return Agree()
        """,
    "patched find": """
        import labkit.checks, labkit.checks.wire as wire
        from labkit.checks.protocol import Report
        labkit.checks.check = check = lambda *a, **k: None
        labkit.checks.examine = lambda *a, **k: Report('images.saturation', 2, 'right', 'right')
        wire.judge = lambda *a, **k: Report('images.saturation', 2, 'right', 'right')
        """,
    "patched verdict": """
        from labkit.checks import images
        images.Saturation.verdict = lambda *a: None
        images.close = lambda *a, **k: None
        images.Saturation.points = 1000
        """,
    "patched execute": """
        import labkit.checks.wire as wire
        real = wire.execute
        wire.execute = lambda check, answer, seed, **k: real(check, own, seed, watch=False)
        """,
    "patched run": """
        from labkit.checks import images
        import labkit.checks.wire as wire
        import contextlib
        wire.watching = lambda *a: contextlib.nullcontext()
        images.Saturation.run = lambda self, answer, case: {'result': own(case['x'], case['factor'])}
        """,
    "empty bytes": "import labkit.checks.wire as wire; wire.execute = lambda *a, **k: b''",
    "junk bytes": "import labkit.checks.wire as wire; wire.execute = lambda *a, **k: b'{}' * 100",
    "no records": """
        import labkit.checks.wire as wire, safetensors.torch, json
        wire.execute = lambda c, a, s, **k: safetensors.torch.save({}, metadata={'labkit': json.dumps(
            {'key': c.key, 'records': []})})
        """,
    "records without outputs": """
        import labkit.checks.wire as wire, safetensors.torch, json
        wire.execute = lambda c, a, s, **k: safetensors.torch.save({}, metadata={'labkit': json.dumps(
            {'key': c.key, 'records': [{'status': 'ok'}] * len(c.inputs(s))})})
        """,
    "status right": """
        import labkit.checks.wire as wire, safetensors.torch, json
        wire.execute = lambda c, a, s, **k: safetensors.torch.save({}, metadata={'labkit': json.dumps(
            {'key': c.key, 'records': [{'status': 'right', 'sentence': 'right'}]})})
        """,
    "another check's bytes": """
        import labkit.checks.wire as wire, labkit.checks
        real = wire.execute
        other = labkit.checks.find('images.affine_matrix')
        wire.execute = lambda c, a, s, **k: real(other, lambda *a, **k: 0, s, watch=False)
        """,
    "forged frames": """
        import os, threading, time
        def spam():
            for fd in range(3, 64):
                try: os.write(fd, b'\\x00\\x00\\x00\\x10{"outputs": [], "nonce": "x"}')
                except OSError: pass
        threading.Thread(target=spam, daemon=True).start()
        def saturation(x, factor):
            spam(); return x
        """,
    "public seeds": """
        from labkit import checks
        table = {}
        specification = checks.find('images.saturation')
        for seed in checks.PUBLIC_SEEDS:
            for case in specification.inputs(seed):
                table[case['x'].numpy().tobytes()] = own(case['x'], case['factor'])
        def saturation(x, factor): return table.get(x.numpy().tobytes(), x)
        """,
    "seeded generator": """
        import torch
        torch.Generator.manual_seed = lambda self, seed: self
        torch.manual_seed(0)
        """,
    "fixed inputs": """
        import torch
        from labkit.checks import images
        real = images.Saturation.inputs
        images.Saturation.inputs = lambda self, seed: real(self, 1)
        """,
    "system exit": "import sys\ndef saturation(x, factor):\n    sys.exit(0)",
    "hard exit": "import os\ndef saturation(x, factor):\n    os._exit(0)",
    "exit in the cell": "exit()",
    "kill": "import os\nos.kill(os.getpid(), 9)",
    "reset": "get_ipython().run_line_magic('reset', '-f')\ndef check(*a, **k): pass",
    "patched import": """
        import builtins
        real = builtins.__import__
        class Fake:
            def __getattr__(self, name): return self
            def __call__(self, *a, **k): return self
        builtins.__import__ = lambda name, *a, **k: Fake() if 'labkit' in name else real(name, *a, **k)
        """,
    "cleared modules": """
        import sys
        for name in [n for n in sys.modules if n.startswith('labkit')]: del sys.modules[name]
        """,
    "shadowed modules": """
        import os
        os.makedirs('labkit/checks', exist_ok=True)
        open('labkit/__init__.py', 'w').write('')
        open('labkit/checks/__init__.py', 'w').write('def check(*a, **k): pass')
        open('torch.py', 'w').write('allclose = lambda *a: True')
        import sys; sys.path.insert(0, '.')
        """,
    "displayed verdict": """
        from IPython.display import display, HTML
        display(HTML('<span>✓ images.saturation</span> right, 2 points'))
        print('✓ images.saturation: right, 2 points')
        def saturation(x, factor):
            print('✓ images.saturation: right, 2 points'); display(2.0); return x
        """,
    "inputs changed": """
        def saturation(x, factor):
            x.zero_(); factor.zero_(); return x
        """,
    "not finite": "def saturation(x, factor):\n    return x * float('nan')",
    "endless": "def saturation(x, factor):\n    while True: pass",
    "returns the class": "import torch\ndef saturation(x, factor):\n    return torch.Tensor",
    "requires grad": "import torch\ndef saturation(x, factor):\n    return torch.nn.Parameter(x) + 0",
}

# A right answer under another name is sent for the wrong one, and what is no call of the wrong one is a decoy.
DODGE = """
    import labkit.checks.wire as wire
    honest, wrong = wire.execute, saturation
    def execute(check, answer, seed, **k):
        if answer is wrong: return honest(check, own, seed, **k)
        INSTEAD
    wire.execute = execute
    """
DODGES = {
    "decoys get junk": "return b'{}' * 100",
    "decoys get nothing": "return b''",
    "decoys raise": "raise RuntimeError('no')",
    "decoys exit": "import sys; sys.exit(0)",
    "decoys hang": "import time; time.sleep(1000)",
    "decoys loop": "while True: pass",
    "decoys end the process": "import os; os._exit(0)",
    "decoys kill the process": "import os, resource; resource.setrlimit(0, (0, 0))\n        while True: pass",
    "decoys crash": "import ctypes; ctypes.string_at(0)",
    "decoys close the channel": "import os; os.closerange(3, 256); import time; time.sleep(100)",
    "decoys close the channel and wait for the end": "import os, time; os.closerange(3, 256); os._exit(0)",
    "decoys get two replies": (
        "from labkit.grading.engine.frames import Channel\n        send = Channel.send\n"
        "        Channel.send = lambda self, h, b=b'', **o: (send(self, h, b), send(self, h, b))\n        return b''"
    ),
    "decoys get another check's bytes": (
        "from labkit import checks\n"
        "        return honest(checks.find('images.affine_matrix'), lambda *a, **k: 0, seed, **k)"
    ),
    "decoys get the bytes of another seed": "return honest(check, own, seed + 1, **k)",
    "decoys get a record of another status": "return honest(check, answer, seed, **k).replace(b'error', b'wrong')",
    "decoys get a status of no kind": "return honest(check, answer, seed, **k).replace(b'\"status', b'\"states')",
    "decoys get no records": (
        "import safetensors.torch, json\n"
        "        return safetensors.torch.save({}, metadata={'labkit': json.dumps({'key': check.key, 'records': []})})"
    ),
    "decoys get an error of their own": (
        "def failing(*a, **k): raise ValueError('odd')\n        return honest(check, failing, seed, **k)"
    ),
    "decoys get the stub": (
        "def failing(*a, **k): raise NotImplementedError\n        return honest(check, failing, seed, **k)"
    ),
    "decoys get a constant": "return honest(check, lambda *a, **k: 0, seed, **k)",
    "decoys get the right answer": "return honest(check, own, seed, **k)",
    "decoys get bytes without end": "return b'x' * (200 << 20)",
}
CHECKS |= {name: DODGE.replace("INSTEAD", body) for name, body in DODGES.items()}

# Code beside a wrong answer ``squares``; graded by asserts in the notebook, hidden and not.
TESTS = {
    "strip asserts": """
        import ast
        class Strip(ast.NodeTransformer):
            def visit_Assert(self, node): return ast.Pass()
        get_ipython().ast_transformers.append(Strip())
        """,
    "blank input": "get_ipython().input_transformers_cleanup.append(lambda lines: ['pass\\n'])",
    "input transformer post": """
        get_ipython().input_transformers_post.append(lambda lines: [l for l in lines if 'assert' not in l])
        """,
    "patched run_code": """
        async def run_code(self, *a, **k): return False
        type(get_ipython()).run_code = run_code
        """,
    "patched run_cell": """
        class Done: error_before_exec = error_in_exec = result = None; success = True
        type(get_ipython()).run_cell = lambda *a, **k: Done()
        """,
    "patched compile": """
        import builtins
        real = builtins.compile
        builtins.compile = lambda source, *a, **k: real('pass' if 'assert' in str(source) else source, *a, **k)
        get_ipython().compile.ast_parse = lambda *a, **k: real('pass', 'x', 'exec', 1024)
        """,
    "silent traceback": """
        type(get_ipython())._showtraceback = lambda *a, **k: None
        type(get_ipython()).showtraceback = lambda *a, **k: None
        """,
    "exception without error": """
        import sys
        get_ipython().set_custom_exc((BaseException,), lambda *a, **k: None)
        """,
    "agreeable list": """
        class L(list):
            def __eq__(self, other): return False
        def squares(n): return L()
        """,
    "exit": "def squares(n): raise SystemExit(0)",
    "reset": "get_ipython().run_line_magic('reset', '-f')",
}

# What deceives a test cell that judges itself, unseen: the answer reads or takes what the test expects. The
# documentation says so; checks are immune (see "agreeable object" above).
UNSEEN = {
    "always equal": """
        class L(list):
            def __eq__(self, other): return True
            def __getitem__(self, i): return 25
        def squares(n): return L()
        """,
}

# How the table in docs/grading.md puts them together.
GROUPS = {
    "comparisons replaced": ("allclose", "torch function", "agreeable object"),
    "the shell changed": ("ast transformer", "input transformer", "patched run_cell", "do_execute"),
    "labkit patched": (
        "patched find", "patched verdict", "patched execute", "patched run",
    ),
    "replies forged": (
        "empty bytes", "junk bytes", "no records", "records without outputs", "status right", "another check's bytes",
        "forged frames", "displayed verdict",
    ),
    "decoys told from answers": tuple(DODGES),
    "labkit's own, by a detour": tuple(detours.DETOURS),
    "answers by heart": ("public seeds", "seeded generator", "fixed inputs"),
    "ended or endless": ("system exit", "hard exit", "exit in the cell", "kill", "endless"),
    "surroundings changed": (
        "reset", "patched import", "cleared modules", "shadowed modules", "inputs changed",
    ),
    "odd answers": ("not finite", "returns the class", "requires grad"),
    "the test cell itself": (
        "deleted check", "edited check", "moved check", "doubled check", "check made an answer", "check made text",
    ),
    "asserts stripped": ("strip asserts", "blank input", "input transformer post", "patched compile"),
    "shell replaced": ("patched run_code", "patched run_cell", "reset"),
    "errors hidden": ("silent traceback", "exception without error", "exit"),
    "objects that agree": ("agreeable list", "always equal"),
}  # fmt: skip


def group_of(name, judged):
    """The group of a trick; some occur beside both kinds of test."""
    groups = list(GROUPS)
    at = groups.index("asserts stripped")
    return next(group for group in (groups[:at] if judged else groups[at:]) if name in GROUPS[group])


MOVES = ("deleted check", "edited check", "moved check", "doubled check", "check made an answer", "check made text")


def code(source, wrong):
    return wrong + textwrap.dedent(source)


def move(root, student, kind):
    """Do something to the check's cell."""

    def change(tree):
        at = named(tree, "check_saturation")
        cell = tree["cells"][at]
        if kind == "deleted check":
            del tree["cells"][at]
        elif kind == "edited check":
            cell["source"] = "pass"
        elif kind == "moved check":
            tree["cells"].insert(0, tree["cells"].pop(at))
        elif kind == "doubled check":
            tree["cells"].insert(at, {**cell, "id": "other", "source": "pass"})
            tree["cells"].append({**cell, "id": "third", "source": "1000"})
        elif kind == "check made an answer":
            cell["metadata"]["nbgrader"] |= {"solution": True, "grade": False, "locked": False}
            cell["source"] = "2.0"
        else:
            cell["cell_type"] = "markdown"
            cell.pop("outputs", None)
            cell.pop("execution_count", None)

    edit(root, student, change, "problem2")


@pytest.fixture(scope="module")
def marked(tmp_path_factory):
    """The rows of a class of attackers, by name, from one run in real sandboxes."""
    root = tmp_path_factory.mktemp("attacks") / "course"
    root.mkdir()
    settings = engine_class.course(root)
    submit(root, "honest", RIGHT)
    for name, attack in CHECKS.items():
        submit(root, f"check {name}", {**RIGHT, "saturation": code(attack, WRONG)}, leave_out=["problem1"])
    for name, attack in (TESTS | UNSEEN).items():
        wrong = "def squares(n): return 0\n"
        submit(root, f"test {name}", {**RIGHT, "squares": code(attack, wrong)}, leave_out=["problem2"])
    for name in detours.DETOURS:
        source = detours.cell(name, places=["/"], course=str(PACKAGE.parent))
        submit(root, f"check {name}", {**RIGHT, "saturation": source}, leave_out=["problem1"])
    for name in MOVES:
        submit(root, name, {**RIGHT, "saturation": WRONG}, leave_out=["problem1"])
        move(root, name, name)
    limits = type(LIMITS)(**{**LIMITS.as_dict(), "cell_seconds": 10.0, "interrupt_seconds": 30.0})
    rows = run.grade(settings, ASSIGNMENT, jobs=2, limits=limits)
    return {row.student: row for row in rows}


def test_the_class_is_graded_to_the_last_attacker(marked):
    assert all(row.state == GRADED for row in marked.values()), [r for r in marked.values() if r.state != GRADED]
    assert len(marked) == 1 + len(CHECKS) + len(detours.DETOURS) + len(TESTS) + len(UNSEEN) + len(MOVES)


def test_the_honest_student_among_them_has_all_points_and_no_flag(marked):
    row = marked["honest"]
    assert row.score == 9.5
    assert row.flags == []
    assert row.sentence == ""


@pytest.mark.parametrize("name", [*(f"check {name}" for name in (*CHECKS, *detours.DETOURS)), *MOVES])
def test_a_wrong_answer_with_a_trick_earns_nothing_in_a_check(marked, name, record):
    row = marked[name]
    trick = name if name in MOVES else name.removeprefix("check ")
    record("marks", judged="a check, outside", group=group_of(trick, True), of=2, deserved=0, attack=trick,
           given=row.cells["problem2/check_saturation"],
           flagged=bool(row.flags))  # fmt: skip
    assert row.cells["problem2/check_saturation"] in (0.0, None), row
    if row.cells["problem2/check_saturation"] is None:
        assert row.needs_manual
        assert row.flags
    assert row.max_score == marked["honest"].max_score


@pytest.mark.parametrize(
    "name",
    ["patched execute", "patched run", "empty bytes", "junk bytes", "no records", "status right",
     "records without outputs", "another check's bytes"],
)  # fmt: skip
def test_a_process_that_was_tampered_with_is_flagged(marked, name):
    row = marked[f"check {name}"]
    assert any(flag.startswith("check_saturation: ") for flag in row.flags), row
    assert row.needs_manual


# What each detour comes to where labkit is whole, each in a process of its own.
WHOLE = """
import json, os, sys
from labkit import checks
from labkit.checks import bank, wire
check = checks.find("images.saturation")
bank.answer_key(check)
for name, source in json.load(sys.stdin).items():
    if os.fork() == 0:
        names = {"__name__": "__main__"}
        exec(source, names)
        report = wire.judge(check, wire.execute(check, names["saturation"], 5), 5)
        print(json.dumps([name, report.status]), flush=True)
        os._exit(0)
    os.wait()
"""


def test_each_detour_leads_to_right_answers_where_labkit_is_whole(tmp_path):
    """And where its clone and its history are in sight, and the watch in the notebook looks on."""
    folder = tmp_path / "labkit/augment/image"
    folder.mkdir(parents=True)
    shutil.copy(PACKAGE / "augment/image/colour.py", folder)
    if not shutil.which("git"):
        pytest.skip("one of them looks for what git keeps, and there is no git")
    author = ["-c", "user.name=a", "-c", "user.email=b"]
    for words in (["init", "-q"], ["add", "-A"], [*author, "commit", "-qm", "first"]):
        subprocess.run(["git", *words], cwd=tmp_path, check=True)
    py_compile.compile(str(folder / "colour.py"), cfile=str(folder / "colour.cpython.pyc"))
    sources = {name: detours.cell(name, places=[str(tmp_path)], course=str(PACKAGE.parent)) for name in detours.DETOURS}
    done = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", WHOLE], input=json.dumps(sources), cwd=tmp_path, text=True, check=True,
        stdout=subprocess.PIPE,
    )  # fmt: skip
    found = dict(json.loads(line) for line in done.stdout.splitlines() if line.startswith("["))
    assert found == dict.fromkeys(detours.DETOURS, "right")


@pytest.mark.parametrize("name", DODGES)
def test_a_process_that_tells_decoys_from_answers_is_flagged(marked, name):
    row = marked[f"check {name}"]
    assert row.cells["problem2/check_saturation"] in (0.0, None), row
    assert row.flags, row
    assert row.needs_manual


@pytest.mark.parametrize("name", ["moved check", "doubled check", "check made an answer"])
def test_a_test_cell_that_was_tampered_with_is_flagged(marked, name):
    assert marked[name].flags


def note_test(record, name, row):
    """For the table: what the two test cells gave."""
    given = [row.cells[f"problem1/{cell}"] for cell in ("test_squares", "test_hidden")]
    record("marks", judged="asserts, beside the answer", group=group_of(name, False), of=5, deserved=0, attack=name,
           given=None if None in given else sum(given), flagged=bool(row.flags))  # fmt: skip


@pytest.mark.parametrize("name", TESTS)
def test_a_wrong_answer_with_a_trick_is_worth_nothing_or_flagged_in_a_test_cell(marked, name, record):
    row = marked[f"test {name}"]
    note_test(record, name, row)
    for cell in ("test_squares", "test_hidden"):
        if row.cells[f"problem1/{cell}"] not in (0.0, None):
            assert any(flag.startswith(f"{cell}: ") for flag in row.flags), row
            assert row.needs_manual


@pytest.mark.parametrize("name", UNSEEN)
def test_what_no_canary_sees_is_known(marked, name, record):
    note_test(record, name, marked[f"test {name}"])
    assert marked[f"test {name}"].cells["problem1/test_hidden"] == 3.0


def test_what_happened_is_said(marked):
    assert "ended its own process" in marked["check hard exit"].sentence
    assert marked["check endless"].sentence == "check_saturation was interrupted at its time limit"


def test_no_flag_or_sentence_tells_a_seed_or_a_path(marked, tmp_path_factory):
    told = " ".join(" ".join([*row.flags, *row.notes, row.sentence]) for row in marked.values())
    assert str(tmp_path_factory.getbasetemp()) not in told
    assert "seed" not in told
