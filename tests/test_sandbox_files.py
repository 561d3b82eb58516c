"""A notebook finds the files that the notebook before it wrote, and nothing else travels that way."""

from collections.abc import Iterator

import pytest

from labkit.grading.engine.frames import Tampered
from labkit.grading.engine.limits import MIB, Limits
from labkit.grading.engine.sandbox import Sandbox, probe
from labkit.grading.engine.sandbox import files as sandbox_files

REASON = probe()
needs_sandbox = pytest.mark.skipif(bool(REASON), reason=f"no sandbox here: {REASON}")
LIMITS = Limits(cell_seconds=60, memory_bytes=512 * MIB, disk_bytes=64 * MIB, reply_bytes=4 * MIB)
GIVEN = {"data.csv": b"a,b\n", "sub/other.txt": b"other", "gone.txt": b"x"}


@pytest.fixture(scope="module", params=[pytest.param(True, marks=needs_sandbox), False], ids=["sandbox", "no-sandbox"])
def sandbox(request: pytest.FixtureRequest) -> Iterator[Sandbox]:
    with Sandbox(LIMITS, sandboxed=request.param, preload=()) as made:
        yield made


def test_what_was_written_changed_and_deleted_is_found_outside(sandbox: Sandbox) -> None:
    source = """
import os
os.makedirs("new/deep")
open("new/deep/é.bin", "wb").write(bytes(range(256)) * 1000)
open("data.csv", "a").write("c,d\\n")
os.remove("gone.txt")
os.symlink("/etc/passwd", "link")
os.mkfifo("pipe")
os.chdir("/tmp")
"""
    with sandbox.open(GIVEN) as session:
        assert session.run_cell(source).outputs == []
        left = session.files(GIVEN)
    assert left == {
        "data.csv": b"a,b\nc,d\n",
        "sub/other.txt": b"other",
        "new/deep/é.bin": bytes(range(256)) * 1000,
    }
    with sandbox.open(left) as session:
        result = session.run_cell("print(open('new/deep/é.bin', 'rb').read() == bytes(range(256)) * 1000)")
        assert result.outputs[0]["text"] == "True\n"


def test_a_file_of_the_same_size_that_was_changed_is_sent_again(sandbox: Sandbox) -> None:
    with sandbox.open(GIVEN) as session:
        session.run_cell("open('data.csv', 'w').write('A,B\\n')\nimport os\nos.utime('data.csv', (0, 0))\nNone")
        assert session.files(GIVEN)["data.csv"] == b"A,B\n"


def test_more_than_fits_is_left_out(sandbox: Sandbox) -> None:
    with sandbox.open(GIVEN) as session:
        session.run_cell("for i in range(9): _ = open(f'f{i}', 'wb').write(b'x' * (1 << 20))")
        left = session.files(GIVEN)
        assert sorted(left) == sorted([*GIVEN, "f0", "f1", "f2", "f3"])
        assert session.died == ""


def test_a_process_that_is_gone_leaves_what_it_was_given(sandbox: Sandbox) -> None:
    with sandbox.open(GIVEN) as session:
        assert session.run_cell("import os; open('new', 'w').write('x'); os._exit(3)").died
        assert session.files(GIVEN) == GIVEN


@pytest.mark.parametrize(
    "forged",
    [
        "{}",
        "[[1, 2]]",
        "[['/etc/x', 0]]",
        "[['../x', 0]]",
        "[['a', 7]]",
        "[['nobody', None]]",
        "[['a', 0], ['a/b', 0]]",
    ],
)
def test_a_forged_list_of_files_is_tampering(sandbox: Sandbox, forged: str) -> None:
    source = f"""
from labkit.grading.engine.inside import files as inside_files
inside_files.left = lambda *_: ({{"files": {forged}}}, b"")
"""
    with sandbox.open(GIVEN) as session:
        session.run_cell(source)
        assert session.files(GIVEN) == GIVEN
        assert session.tampered
        assert session.died == "the reply channel was tampered with"


@pytest.mark.parametrize("name", ["a/../b", "", ".", "a//b", "a\0b", "x" * 256, "y/" * 600 + "z", "/", "./a"])
def test_a_name_that_leaves_the_folder_is_tampering(name: str) -> None:
    with pytest.raises(Tampered):
        sandbox_files.received([[name, 0]], b"", {}, 10**9)


@pytest.mark.parametrize("table", [None, 3, [["a", -1]], [["a", True]], [["a", 1.5]], [["a"]], [["a", 2]], ["ab"]])
def test_a_table_of_a_strange_shape_is_tampering(table: object) -> None:
    with pytest.raises(Tampered):
        sandbox_files.received(table, b"", {}, 10**9)


def test_files_that_the_next_disk_could_not_hold_stay_behind() -> None:
    table = [[f"f{i}", 0] for i in range(100)]
    assert sandbox_files.received(table, b"", {"g": b""}, 10_000) == {"g": b""}
    assert len(sandbox_files.received(table, b"", {"g": b""}, 1_000_000)) == 100
