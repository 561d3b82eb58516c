"""A check in two halves that share nothing but bytes.

``execute`` runs where the student's code lives and returns bytes. ``judge`` takes the bytes and returns a verdict; it
may run in another process on another machine. The bytes are safetensors, which cannot carry code. Arrays among the
outputs of case ``i`` are stored under ``i/name``. The header's metadata holds one record for each case: its status, its
other values and, if the answer failed before it gave outputs, a sentence.
"""

import dis
import json
import os
import time
import traceback
from collections.abc import Sequence
from contextlib import nullcontext
from functools import lru_cache
from pathlib import Path
from typing import Any

import safetensors.numpy
from numpy.typing import NDArray

from labkit import absent
from labkit.checks import bank, traces
from labkit.checks import verdict as verdicts
from labkit.checks.kinds import figures
from labkit.checks.protocol import Case, Check, Outputs, Report, Wrong, describe_case
from labkit.checks.values import Unsendable, freeze, thaw
from labkit.checks.verdict import Record, Trial
from labkit.checks.watch import Copied, watching

LIMIT = 64 * 2**20  # bytes of outputs one answer may send: a class of hundreds passes through one judge
MESSAGE = 4 * 2**20  # characters of the records: an object in JSON takes thirty times its characters when it is read
PACKAGE = str(Path(__file__).resolve().parents[1]) + os.sep
SENTENCE = 500  # characters of what an untrusted process may say
ENOUGH = 5.0  # seconds: an answer that has failed a case by then is not tried on the others
STATUSES = ("ok", "wrong", "stub", "error", "copied")
SENDABLE = "numbers, a text, an array, a tensor, a data frame, a figure, or a list or dictionary of such"
FINAL = ("stub", "copied")  # whoever fails so on one case does on all

Arrays = dict[str, NDArray[Any]]

NOT_STUDENTS: set[str] = set()
"""The files of a course's own checks, which lie outside of this package."""


class Malformed(ValueError):
    """Bytes that no honest run of a check produces."""


class CheckBroken(RuntimeError):
    """The check itself failed. This is never the student's fault and never gives zero points."""


# ── where the student's code lives ────────────────────────────────────────────────────────────────────────────────────


def execute(
    check: Check, answer: Any, seed: int, *, watch: bool = True, limit: int = LIMIT, prepared: bytes = b""
) -> bytes:
    """Run ``answer`` on the cases of ``seed``; the outputs as bytes.

    Args:
        watch: refuse an answer that calls labkit's own function, if that function exists here.
        limit: the largest number of bytes of outputs.
        prepared: the cases, if only the judge can make them; see ``prepare``.
    """
    forbidden = watched(check) if watch else ()
    records: list[dict[str, Any]] = []
    arrays: Arrays = {}
    start, room = time.monotonic(), MESSAGE // 2
    for i, case in enumerate(cases_of(check, seed, prepared)):
        absent.forget()
        record, own = attempt(check, answer, case, forbidden, f"{i}/")
        if sentence := absent.touched():
            record, own = {"status": "copied", "sentence": sentence}, {}
        if sum(a.nbytes for a in (*arrays.values(), *own.values())) > limit:
            record, own = {"status": "wrong", "sentence": f"the outputs exceed {limit} bytes"}, {}
        room -= len(json.dumps(record))
        if room < 0:
            record, own = {"status": "wrong", "sentence": "it returns too many numbers that are in no tensor"}, {}
        records.append({"case": str(case.get("case", i)), **record})
        arrays |= own
        if record["status"] in FINAL or (record["status"] != "ok" and time.monotonic() - start > ENOUGH):
            break
    return pack({"key": check.key, "records": records}, arrays)


def watched(check: Check) -> Sequence[Any]:
    """The functions that an answer must not call, if the answer key is here; otherwise none."""
    try:
        return bank.answer_key(check).forbidden
    except LookupError:
        return ()


def attempt(
    check: Check, answer: Any, case: Case, forbidden: Sequence[Any] = (), name: str = ""
) -> tuple[dict[str, Any], Arrays]:
    """Run one case: a record of what happened, and the arrays of the outputs if all went well."""
    changed = traces.watch(case, (*check.changes, *check.ignores))
    arrays: Arrays = {}
    drew = traces.dice()
    tidy = figures.opened()
    try:
        with watching(forbidden, answer) if forbidden else nullcontext():
            outputs = check.run(answer, case)
        record = {"status": "ok", "values": frozen(outputs, name, arrays, check), "drew": drew()}
    except Copied as copied:
        return {"status": "copied", "sentence": str(copied)}, {}
    except Wrong as wrong:
        return {"status": "wrong", "sentence": wrong.sentence}, {}
    except NotImplementedError as error:
        if raised_by_student(error):
            return {"status": "stub", "sentence": "not written yet"}, {}
        return failure(error), {}
    except (Exception, SystemExit) as error:  # noqa: BLE001  whatever an answer raises is its result
        return failure(error), {}
    finally:
        tidy()
    if sentence := changed():
        return {"status": "wrong", "sentence": sentence}, {}
    return record, arrays


def frozen(outputs: Outputs, name: str, arrays: Arrays, check: Check) -> dict[str, Any]:
    """The outputs in the form of a record; their arrays go to ``arrays``.

    Raises:
        Wrong: if an output can't be sent.
    """
    values = {}
    for key, value in outputs.items():
        try:
            values[key] = freeze(value, name + key, arrays)
        except Unsendable as error:
            text = f"{check.name} returned {error}"
            raise Wrong(text if "expected" in text else f"{text}; expected {SENDABLE}") from error
    return values


def failure(error: BaseException) -> dict[str, Any]:
    """The record of an answer that raised something."""
    return {"status": "error", "sentence": sentence_of(error), "error": type(error).__name__}


def pack(message: dict[str, Any], arrays: Arrays) -> bytes:
    """A message and its arrays as bytes."""
    return bytes(safetensors.numpy.save(arrays, metadata={"labkit": json.dumps(message)}))


# ── at the judge's ────────────────────────────────────────────────────────────────────────────────────────────────────


def prepare(check: Check, seed: int) -> bytes:
    """The cases of a seed as bytes, if only the judge can make them; empty if ``execute`` makes them itself."""
    make = bank.answer_key(check).prepare
    if make is None:
        return b""
    arrays: Arrays = {}
    cases = [
        {name: freeze(value, f"{i}/{name}", arrays) for name, value in c.items()} for i, c in enumerate(make(seed))
    ]
    return pack({"cases": cases}, arrays)


def cases_of(check: Check, seed: int, prepared: bytes = b"") -> list[Case]:
    """The cases of a seed: those that were sent, or made here."""
    if prepared:
        message, arrays = opened(prepared)
        return [{name: thaw(node, arrays) for name, node in case.items()} for case in message["cases"]]
    try:
        key = bank.answer_key(check)
    except LookupError:
        return check.inputs(seed)
    cases = key.prepare(seed) if key.prepare else check.inputs(seed)
    return list(key.recorded.cases(seed, cases)) if key.recorded else cases


def judge(check: Check, data: bytes, seed: int, *, limit: int = LIMIT, explain: bool = True) -> Report:
    """The verdict on the bytes from ``execute``. The inputs are made again here, from the seed.

    Args:
        limit: the largest number of bytes of outputs.
        explain: if the answer is wrong, look for the mistake that was made.

    Raises:
        Malformed: if the bytes are not what ``execute`` sends for this check.
        CheckBroken: if the verdict itself fails.
    """
    records = unpack(check, data, limit)
    cases = cases_of(check, seed)
    if not 0 < len(records) <= len(cases):
        raise Malformed(f"{len(records)} records for {len(cases)} cases")
    if len(records) < len(cases) and all(record.status == "ok" for record in records):
        raise Malformed(f"{len(records)} records for {len(cases)} cases, all of them ok")

    key = bank.answer_key(check)
    lasting = {key.reference, *(mistake.function for mistake in key.mistakes)}

    def tried(answer: Any, which: Sequence[int] | None = None) -> list[Record]:
        """The records of another answer on the same cases, or some of them. An answer may change its cases, so they
        are made again."""
        kept = recall(check, key, seed) if answer in lasting else {}
        where = range(len(records)) if which is None else which
        if missing := [i for i in where if (answer, i) not in kept]:
            fresh = cases_of(check, seed)
            kept |= {(answer, i): own_record(check, answer, fresh[i]) for i in missing}
        return [kept[answer, i] for i in where]

    trials = [Trial(case, record) for case, record in zip(cases, records)]
    try:
        return verdicts.decide(check, key, trials, tried, explain=explain)
    except Exception as error:
        raise CheckBroken(f"the check {check.key} failed by itself: {sentence_of(error)}") from error


def recall(check: Check, key: bank.AnswerKey, seed: int) -> dict[tuple[Any, int], Record]:
    """The known records of the bank's answers under a seed."""
    kept = memory(check, seed)
    if key.recorded and not kept:
        kept |= key.recorded.records(seed)
    return kept


@lru_cache(maxsize=8)
def memory(check: Check, seed: int) -> dict[tuple[Any, int], Record]:
    """A cache of the bank's records for the last few seeds. A second try in the notebook runs the answer alone."""
    return {}


def own_record(check: Check, answer: Any, case: Case) -> Record:
    """The record of one of labkit's own answers: the reference, or a mistake of the bank."""
    record, arrays = attempt(check, answer, case)
    values = {name: thaw(node, arrays) for name, node in record.get("values", {}).items()}
    return Record(
        record["status"], values, record.get("sentence", ""), record.get("error", ""), tuple(record.get("drew", ()))
    )


def opened(data: bytes, *, most: int | None = None) -> tuple[dict[str, Any], Arrays]:
    """The message and the arrays in some bytes.

    Args:
        most: the largest length of the header, which holds the message.

    Raises:
        Malformed: if ``pack`` can't have made these bytes.
    """
    length = int.from_bytes(data[:8], "little")
    if most is not None and length > most:
        raise Malformed(f"a header of {length} bytes; at most {most} are accepted")
    try:
        message = json.loads(json.loads(data[8 : 8 + length])["__metadata__"]["labkit"])
        return dict(message), dict(safetensors.numpy.load(data))
    except Exception as error:
        raise Malformed(f"not the outputs of a check ({type(error).__name__})") from error


def unpack(check: Check, data: bytes, limit: int = LIMIT) -> list[Record]:
    """The records of each case with their outputs, validated: the bytes come from an untrusted process."""
    if len(data) > 2 * limit + 2**20:
        raise Malformed(f"{len(data)} bytes of outputs; at most {limit} are accepted")
    message, arrays = opened(data, most=MESSAGE)
    if message.get("key") != check.key:
        raise Malformed(f"outputs of {message.get('key')!r}, expected {check.key!r}")
    raw = message.get("records")
    if not isinstance(raw, list) or not all(isinstance(record, dict) for record in raw):
        raise Malformed("no records")
    indices = {name.partition("/")[0] for name in arrays}
    if not indices <= {str(i) for i in range(len(raw))}:
        raise Malformed("an output of no case")
    return [record_of(record, arrays, f"{i}/") for i, record in enumerate(raw)]


def record_of(raw: dict[str, Any], arrays: Arrays, name: str) -> Record:
    """One record, its outputs included, with each part validated."""
    if raw.get("status") not in STATUSES:
        raise Malformed("a record without a status")
    try:
        nodes = raw.get("values", {}).items()
        own = {key: value for key, value in arrays.items() if key.startswith(name)}
        values = {str(key): thaw(node, own) for key, node in nodes}
    except Exception as error:
        raise Malformed(f"outputs of no known form ({type(error).__name__})") from error
    sentence, kind = (str(raw.get(part, ""))[:SENTENCE] for part in ("sentence", "error"))
    drew = tuple(name for name in traces.sources() if name in str(raw.get("drew", "")))
    return Record(str(raw["status"]), values, sentence, kind, drew)


# ── what an answer raised ─────────────────────────────────────────────────────────────────────────────────────────────


def raised_by_student(error: BaseException) -> bool:
    """Whether a ``raise`` statement of the student made this error; torch's operators raise the same type."""
    trace = error.__traceback__
    while trace is not None and trace.tb_next is not None:
        trace = trace.tb_next
    if trace is None or not written_by_student(trace.tb_frame.f_code.co_filename):
        return False
    return dis.opname[trace.tb_frame.f_code.co_code[trace.tb_lasti]] == "RAISE_VARARGS"


def written_by_student(filename: str) -> bool:
    """Whether a file of a traceback is a notebook cell or a script, and no installed library or part of labkit."""
    return "site-packages" not in filename and not filename.startswith(PACKAGE) and filename not in NOT_STUDENTS


def sentence_of(error: BaseException) -> str:
    """The error and, where known, the line of the student's code that raised it."""
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


__all__ = ["LIMIT", "CheckBroken", "Malformed", "cases_of", "describe_case", "execute", "judge", "prepare", "unpack"]
