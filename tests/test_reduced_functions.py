"""Of what is left of labkit in the grader's sandbox, no function gives right answers to a check of the exercise.

Which definitions go is read from source alone. Here every function that stays is tried as the answer to every check,
as it is and with the arguments by their order. ``PARTS`` are those that do come out right, with the reason.
"""

import base64
import json
import os
import subprocess
import sys
import zipfile

import pytest

from labkit import checks
from labkit.checks import wire
from labkit.grading.engine.copy import reduced
from labkit.grading.engine.judging import judge
from labkit.grading.engine.sandbox.covers import PACKAGE
from labkit.topics import SYLLABUS

TOPICS = [topic.key for topic in SYLLABUS if (PACKAGE / "checks" / f"{topic.key}.py").is_file()]
SEED = 5
PARTS: dict[tuple[str, str], str] = {}

SEARCH = """
import base64, importlib, inspect, json, pkgutil, signal, sys, types, warnings
import labkit
from labkit import checks
from labkit.checks import wire

warnings.simplefilter("ignore")
SEED, prepared, out = int(sys.argv[1]), json.load(sys.stdin), sys.stdout
sys.stdout = sys.stderr


def late(*_):
    raise TimeoutError


signal.signal(signal.SIGALRM, late)
candidates = {}
for info in pkgutil.walk_packages(labkit.__path__, "labkit."):
    if info.name.split(".")[1] in ("checks", "data", "explore", "grading", "not_there", "plot"):
        continue
    module = importlib.import_module(info.name)
    for name, thing in vars(module).items():
        if isinstance(thing, types.FunctionType) and thing.__module__ == info.name:
            candidates[f"{info.name}.{name}"] = thing


def by_order(function):
    names = list(inspect.signature(function).parameters)
    return lambda *given, **more: function(**dict(zip(names, given)), **more)


for key, text in prepared.items():
    check, data = checks.find(key), base64.b64decode(text)
    cases = wire.cases_of(check, SEED, data)
    for name, function in candidates.items():
        for answer in (function, by_order(function)):
            signal.alarm(5)
            try:
                if wire.attempt(check, answer, cases[0])[0]["status"] != "ok":
                    continue
                sent = wire.execute(check, answer, SEED, watch=False, prepared=data)
            except BaseException:
                continue
            finally:
                signal.alarm(0)
            cases = wire.cases_of(check, SEED, data)
            print(json.dumps([key, name, base64.b64encode(sent).decode()]), file=out, flush=True)
print(json.dumps(["", "functions", str(len(candidates))]), file=out)
"""


@pytest.mark.slow
@pytest.mark.parametrize("topic", TOPICS)
def test_no_function_that_stays_answers_a_check(topic, tmp_path):
    keys = [check.key for check in checks.of(topic)]
    with zipfile.ZipFile(reduced.archive(judge.forbidden(keys))) as archive:
        archive.extractall(tmp_path)
    prepared = {key: base64.b64encode(wire.prepare(checks.find(key), SEED)).decode() for key in keys}
    environment = {**os.environ, "PYTHONPATH": str(tmp_path), "OMP_NUM_THREADS": "1"}
    done = subprocess.run(
        [sys.executable, "-c", SEARCH, str(SEED)], input=json.dumps(prepared), env=environment, cwd=tmp_path, text=True,
        stdout=subprocess.PIPE, check=True,
    )  # fmt: skip
    *tried, (_, _, count) = map(json.loads, done.stdout.splitlines())
    assert int(count) > 300
    right = {
        (key, name)
        for key, name, sent in tried
        if wire.judge(checks.find(key), base64.b64decode(sent), SEED).status == "right"
    }
    assert right == {pair for pair in PARTS if pair[0] in keys}
