"""A check in two halves that share nothing but bytes.

``execute`` runs where the student's code lives and gives bytes; ``judge`` takes bytes and gives a verdict, and
may sit in another process on another machine. The bytes are safetensors, which cannot carry code: the outputs
of case ``i`` stand under ``i/name``, and the header's metadata holds one record a case (its status and, where
the answer failed before it gave outputs, a sentence).
"""

import dis
import inspect
import json
import os
import sys
import traceback
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from types import CodeType, FrameType
from typing import Any

import safetensors.torch
import torch
from torch import Tensor

from labkit import absent
from labkit.checks.protocol import Case, Check, Outputs, Report, Wrong, describe_case

LIMIT = 64 * 2**20  # bytes of outputs one answer may send: a class of hundreds passes through one judge
PACKAGE = str(Path(__file__).resolve().parents[1]) + os.sep
SENTENCE = 500  # characters of what an untrusted process may say
DTYPES = {
    torch.bool, torch.uint8, torch.int8, torch.int16, torch.int32, torch.int64,
    torch.float16, torch.bfloat16, torch.float32, torch.float64,
}  # fmt: skip


class Malformed(ValueError):
    """Bytes that no honest run of a check produces."""


class CheckBroken(RuntimeError):
    """The check itself failed: never the student's fault, and never a zero."""


class Copied(Exception):
    """Raised inside an answer that calls the labkit function it was to write."""


def execute(check: Check, answer: Any, seed: int, *, watch: bool = True, limit: int = LIMIT) -> bytes:
    """Run ``answer`` on the inputs of ``seed``, as far as the first case that fails; the outputs as bytes.

    Args:
        watch: refuse an answer that calls labkit's own function.
        limit: how many bytes of outputs are accepted.
    """
    records: list[dict[str, str]] = []
    tensors: dict[str, Tensor] = {}
    for i, case in enumerate(check.inputs(seed)):
        absent.forget()
        record, outputs = attempt(check, answer, case, watch=watch)
        if sentence := absent.touched():
            record, outputs = {"status": "copied", "sentence": sentence}, {}
        if sum(t.nbytes for t in (*tensors.values(), *outputs.values())) > limit:
            record, outputs = {"status": "wrong", "sentence": f"the outputs exceed {limit} bytes"}, {}
        records.append({"case": str(case.get("case", i)), **record})
        tensors |= {f"{i}/{name}": value for name, value in outputs.items()}
        if record["status"] != "ok":
            break
    return safetensors.torch.save(tensors, metadata={"labkit": json.dumps({"key": check.key, "records": records})})


def attempt(check: Check, answer: Any, case: Case, *, watch: bool) -> tuple[dict[str, str], Outputs]:
    """Run one case: a record of what happened, and the outputs if all went well."""
    before = {name: value.clone() for name, value in case.items() if isinstance(value, Tensor)}
    try:
        with watching(check, answer) if watch else nothing():
            outputs = check.run(answer, case)
        outputs = {name: portable(value, name) for name, value in outputs.items()}
    except Copied as copied:
        return {"status": "copied", "sentence": str(copied)}, {}
    except Wrong as wrong:
        return {"status": "wrong", "sentence": wrong.sentence}, {}
    except NotImplementedError as error:
        if raised_by_student(error):
            return {"status": "stub", "sentence": "not written yet"}, {}
        return {"status": "error", "sentence": sentence_of(error)}, {}
    except (Exception, SystemExit) as error:  # noqa: BLE001  whatever an answer raises is its result
        return {"status": "error", "sentence": sentence_of(error)}, {}
    for name, value in before.items():
        if not torch.equal(value.nan_to_num() if value.is_floating_point() else value,
                           case[name].nan_to_num() if value.is_floating_point() else case[name]):  # fmt: skip
            return {
                "status": "wrong",
                "sentence": f"it changes its input `{name}` in place: return a new tensor",
            }, {}
    return {"status": "ok"}, outputs


def judge(check: Check, data: bytes, seed: int, *, limit: int = LIMIT) -> Report:
    """The verdict on what ``execute`` sent. The inputs are made again here, from the seed.

    Raises:
        Malformed: if the bytes are not what ``execute`` sends for this check.
        CheckBroken: if the verdict itself fails.
    """
    records, outputs = unpack(check, data, limit)
    cases = check.inputs(seed)
    if not 0 < len(records) <= len(cases):
        raise Malformed(f"{len(records)} records for {len(cases)} cases")
    for i, (record, case) in enumerate(zip(records, cases)):
        if record["status"] != "ok":
            sentence = record.get("sentence", "")[:SENTENCE]
            return Report(check.key, check.points, record["status"], sentence, describe_case(case))
        try:
            check.verdict(outputs[i], case)
        except Wrong as wrong:
            return Report(
                check.key,
                check.points,
                "wrong",
                wrong.sentence,
                describe_case(case),
                wrong.expected,
                wrong.given,
            )
        except Exception as error:
            raise CheckBroken(f"the check {check.key} failed by itself: {sentence_of(error)}") from error
    if len(records) < len(cases):
        raise Malformed(f"{len(records)} records for {len(cases)} cases, all of them ok")
    return Report(check.key, check.points, "right", "right")


def unpack(check: Check, data: bytes, limit: int) -> tuple[list[dict[str, str]], list[Outputs]]:
    """The records and the outputs of each case, validated: the bytes come from an untrusted process."""
    if len(data) > 2 * limit + 2**20:
        raise Malformed(f"{len(data)} bytes of outputs; at most {limit} are accepted")
    try:
        length = int.from_bytes(data[:8], "little")
        message = json.loads(json.loads(data[8 : 8 + length])["__metadata__"]["labkit"])
        tensors = safetensors.torch.load(data)
        records = [{str(k): str(v) for k, v in record.items()} for record in message["records"]]
    except Exception as error:
        raise Malformed(f"not the outputs of a check ({type(error).__name__})") from error
    if message.get("key") != check.key:
        raise Malformed(f"outputs of {message.get('key')!r}, expected {check.key!r}")
    if any(record.get("status") not in ("ok", "wrong", "stub", "error", "copied") for record in records):
        raise Malformed("a record without a status")
    outputs: list[Outputs] = [{} for _ in records]
    for name, value in tensors.items():
        index, _, rest = name.partition("/")
        if not index.isdigit() or int(index) >= len(records):
            raise Malformed(f"an output of no case: {name!r}")
        outputs[int(index)][rest] = value
    return records, outputs


def portable(value: Tensor, name: str) -> Tensor:
    """A contiguous copy on the CPU, as bytes can carry it.

    Raises:
        Wrong: if it is sparse or of a dtype that no check asks for.
    """
    if value.layout is not torch.strided or value.dtype not in DTYPES:
        raise Wrong(f"the {name} is a {value.dtype} tensor of layout {value.layout}; expected a dense real one")
    return value.detach().as_subclass(Tensor).cpu().clone(memory_format=torch.contiguous_format)


@contextmanager
def nothing() -> Iterator[None]:
    """No watch."""
    yield


@contextmanager
def watching(check: Check, answer: Any) -> Iterator[None]:
    """Raise ``Copied`` the moment one of labkit's own functions of this check is called."""
    functions = (check.reference, *check.forbidden)
    if any(answer is function for function in functions):
        raise Copied(copied(answer))
    codes = {code: function for function in functions for code in codes_of(function)}

    def profile(frame: FrameType, event: str, _: Any) -> None:
        if event == "call" and frame.f_code in codes:
            sys.setprofile(previous)
            raise Copied(copied(codes[frame.f_code]))

    previous = sys.getprofile()
    sys.setprofile(profile)
    try:
        yield
    finally:
        sys.setprofile(previous)


def codes_of(function: Callable[..., Any]) -> list[CodeType]:
    """The code objects by which a call of a function, or of a class's methods, is recognised."""
    if isinstance(function, type):
        return [f.__code__ for f in vars(function).values() if inspect.isfunction(f)]
    code = getattr(inspect.unwrap(function), "__code__", None)
    return [code] if isinstance(code, CodeType) else []


def copied(function: Callable[..., Any]) -> str:
    """The sentence for an answer that calls what it was to write."""
    return f"it calls labkit's own `{getattr(function, '__name__', 'function')}`: write it yourself"


def raised_by_student(error: BaseException) -> bool:
    """Whether a ``raise`` statement of the student's made this error: torch's operators raise it too."""
    trace = error.__traceback__
    while trace is not None and trace.tb_next is not None:
        trace = trace.tb_next
    if trace is None or not written_by_student(trace.tb_frame.f_code.co_filename):
        return False
    return dis.opname[trace.tb_frame.f_code.co_code[trace.tb_lasti]] == "RAISE_VARARGS"


def written_by_student(filename: str) -> bool:
    """Whether a file of a traceback is a notebook cell or a script, and no installed library or part of labkit."""
    return "site-packages" not in filename and not filename.startswith(PACKAGE)


def sentence_of(error: BaseException) -> str:
    """What was raised and, where it can be told, at which line of the student's code."""
    if isinstance(error, SystemExit):
        return "it ends the program (exit or SystemExit)"
    text = f"it raises {type(error).__name__}: {error}"[:SENTENCE]
    frames = [f for f in traceback.extract_tb(error.__traceback__) if written_by_student(f.filename) and f.line]
    if isinstance(error, NameError) and error.name and not frames:  # the answer itself: no code of it has run
        return f"`{error.name}` is not defined: has the cell that defines it run without an error?"
    if not frames:
        return text
    line = (frames[-1].line or "").strip()[:120]
    return f"{text} (in line {frames[-1].lineno}: {line})"
