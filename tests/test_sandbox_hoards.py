"""Memory that the kernel keeps on behalf of a submission is limited too, where no control group counts it.

Each hoard fills what it can; in the end it holds less than it may, or was stopped for holding more.
"""

import re
from collections.abc import Iterator

import pytest

from labkit.grading.engine.inside import seccomp as inside_seccomp
from labkit.grading.engine.limits import MIB, Limits
from labkit.grading.engine.sandbox import Sandbox, probe
from labkit.grading.engine.sandbox import server as sandbox_server
from labkit.grading.engine.sandbox.cgroup import branches
from tests.hoards import HOARDS, SETUP

REASON = probe()
pytestmark = pytest.mark.skipif(bool(REASON), reason=f"no sandbox here: {REASON}")

LIMITS = Limits(cell_seconds=300, memory_bytes=256 * MIB, disk_bytes=32 * MIB, processes=16)
SENTENCE = "it used more than the 256 MiB of memory it may and was stopped"


@pytest.fixture(scope="module")
def alone() -> Iterator[Sandbox]:
    """A sandbox that makes no control groups."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(sandbox_server, "branches", list)
        with Sandbox(LIMITS, preload=()) as made:
            yield made


def held(sandbox: Sandbox, source: str) -> int:
    """MiB that a hoard got hold of; 0 if it was stopped for it."""
    with sandbox.open() as session:
        result = session.run_cell(f"{SETUP}\ntry:\n{indented(source)}\nfinally:\n    print('held', held >> 20)")
        if result.died:
            assert result.died == SENTENCE
            return 0
        text = "".join(output.get("text", "") for output in result.outputs)
        assert not result.timed_out
        return int(re.findall(r"held (\d+)", text)[-1])


def indented(source: str) -> str:
    """The source as the body of a block."""
    return "\n".join(f"    {line}" for line in source.strip().splitlines())


@pytest.mark.parametrize("kind", HOARDS)
def test_nothing_is_hoarded_where_no_control_group_counts(kind: str, alone: Sandbox) -> None:
    with alone.open() as neighbour:
        assert held(alone, HOARDS[kind]) <= 256
        assert neighbour.run_cell("1").died == ""


@pytest.mark.skipif(not branches(), reason="this account may make no control groups here")
@pytest.mark.parametrize("kind", ["sockets that nobody reads, in many processes", "shared memory that nobody maps"])
def test_a_control_group_counts_it_itself(kind: str) -> None:
    with Sandbox(LIMITS, preload=()) as made:
        assert held(made, HOARDS[kind]) <= 256 + 32


HONEST = """
import asyncio, mmap, multiprocessing, select, shutil, socket, sqlite3, subprocess, tempfile, threading
first, second = socket.socketpair()
first.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 1 << 20)
first.sendall(b"x" * 10_000)
assert len(second.recv(20_000)) == 10_000
server = socket.create_server(("127.0.0.1", 0))
sender = threading.Thread(target=lambda: socket.create_connection(server.getsockname()).sendall(b"y" * (4 << 20)))
sender.start()
received, _ = server.accept()
assert sum(len(part) for part in iter(lambda: received.recv(1 << 16), b"")) == 4 << 20
sender.join()
assert subprocess.run(["head", "-c", "1000", "/dev/zero"], capture_output=True).stdout == bytes(1000)
with multiprocessing.get_context("fork").Pool(4) as pool:
    assert pool.map(abs, range(-100, 0)) == list(range(100, 0, -1))
numbers = multiprocessing.get_context("fork").Array("d", 1000)
open("large", "wb").write(b"z" * (8 << 20))
assert open(shutil.copy("large", "copy"), "rb").read() == b"z" * (8 << 20)
private = mmap.mmap(-1, 1 << 20, flags=mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS)
with open("large", "r+b") as file, mmap.mmap(file.fileno(), 0) as mapped:
    mapped[:3] = b"abc"
base = sqlite3.connect("base.db")
base.execute("create table t (n)")
base.executemany("insert into t values (?)", [(n,) for n in range(1000)])
base.commit()
async def add(a, b):
    await asyncio.sleep(0)
    return a + b
loop = asyncio.new_event_loop()
assert loop.run_until_complete(add(1, 2)) == 3
files = [tempfile.TemporaryFile() for _ in range(150)]
print("all well")
"""


@pytest.mark.parametrize("groups", [True, False])
def test_honest_programs_find_what_they_need(groups: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    if not groups:
        monkeypatch.setattr(sandbox_server, "branches", list)
    with Sandbox(LIMITS, preload=()) as made, made.open() as session:
        result = session.run_cell(HONEST)
        assert result.died == ""
        assert result.outputs == [{"output_type": "stream", "name": "stdout", "text": "all well\n"}]


@pytest.mark.parametrize("machine", ["x86_64", "aarch64"])
@pytest.mark.parametrize("shared", [True, False])
def test_no_jump_of_the_filter_leaves_it(machine: str, shared: bool) -> None:
    code = inside_seccomp.program(machine, shared=shared)
    assert len(code) < 4096
    for number, (kind, yes, no, _) in enumerate(code):
        if kind & 7 == 5:
            assert max(number + 1 + yes, number + 1 + no) < len(code)
    assert code[-1][0] == inside_seccomp.RETURN


def run(code: list[tuple[int, int, int, int]], words: dict[int, int]) -> int:
    """What the filter says to a call, by the words of ``struct seccomp_data``."""
    at, value = 0, 0
    while True:
        kind, yes, no, number = code[at]
        at += 1
        if kind == inside_seccomp.RETURN:
            return number
        if kind == inside_seccomp.LOAD:
            value = words[number]
        else:
            holds = {
                inside_seccomp.EQUAL: value == number,
                inside_seccomp.AT_LEAST: value >= number,
                inside_seccomp.ANY_BIT: bool(value & number),
            }[kind]
            at += yes if holds else no


def call(machine: str, number: int, *arguments: int, shared: bool = True) -> int | None:
    """The error that a call gets, 0 where it is passed over; None where it is allowed."""
    words = {0: number, 4: inside_seccomp.AUDIT_ARCH[machine]}
    words |= {16 + 8 * i: argument for i, argument in enumerate([*arguments, *[0] * 6][:6])}
    action = run(inside_seccomp.program(machine, shared=shared), words)
    return None if action == inside_seccomp.ALLOW else action & 0xFFFF


MMAP, SETSOCKOPT, FCNTL = ({"x86_64": n, "aarch64": m} for n, m in ((9, 222), (54, 208), (72, 25)))


@pytest.mark.parametrize("machine", ["x86_64", "aarch64"])
def test_the_filter_looks_at_arguments(machine: str) -> None:
    private, anonymous, shared, huge = 0x22, 0x21, 0x01, 0x40022
    assert call(machine, MMAP[machine], 0, 4096, 3, private, shared=False) is None
    assert call(machine, MMAP[machine], 0, 4096, 3, shared, shared=False) is None
    assert call(machine, MMAP[machine], 0, 4096, 3, anonymous, shared=False) == 1
    assert call(machine, MMAP[machine], 0, 4096, 3, anonymous | 2, shared=False) == 1  # MAP_SHARED_VALIDATE
    assert call(machine, MMAP[machine], 0, 4096, 3, anonymous, shared=True) is None
    assert {call(machine, MMAP[machine], 0, 4096, 3, huge, shared=s) for s in (True, False)} == {1}
    assert [call(machine, SETSOCKOPT[machine], 3, 1, name) for name in (2, 7, 8, 9)] == [None, 0, 0, None]
    assert call(machine, SETSOCKOPT[machine], 3, 6, 7) is None
    assert [call(machine, FCNTL[machine], 3, command) for command in (1, 6, 1031)] == [None, None, 1]
