"""A class day on a real JupyterHub: an instructor, three students, nbgrader's exchange, and walls between them.

Everything goes over the hub's and the servers' interfaces, as JupyterLab's panels call them; what a shell can do is
tried in a shell. It needs root, and takes some minutes.
"""

import json
import os
import pwd
import shutil
import stat
import sys
import time
from pathlib import Path

import pytest

from labkit.grading import notebooks, release
from tests import tiny
from tests.engine_double import contained
from tests.hub import PUPILS, TEACHER, as_user, running

pytestmark = [pytest.mark.hub, pytest.mark.slow, pytest.mark.timeout(1800)]

COURSE = {"course_id": "labkit", "assignment_id": tiny.NAME}
ANN, BEN, CEM = PUPILS
SOLVED = {"double": "def double(numbers):\n    return [n + n for n in numbers]", "mean": "from statistics import mean"}
ANSWERS = {ANN: SOLVED, BEN: {"double": SOLVED["double"]}, CEM: {}}
POINTS = {ANN: 5, BEN: 3, CEM: 0}


@pytest.fixture(scope="module")
def hub():
    with running() as started:
        course = tiny.build(started.place / "course")
        release.release(course, tiny.NAME)
        for path in [course.root, *course.root.rglob("*")]:
            shutil.chown(path, TEACHER, TEACHER)
        yield started


@pytest.fixture(scope="module")
def people(hub):
    """All four, logged in and with servers that run."""
    logged_in = {name: hub.log_in(name) for name in (TEACHER, *PUPILS)}
    for person in logged_in.values():
        assert person is not None
        person.start()
    return logged_in


def shell(hub, name, *command):
    """A command in a user's shell, with the settings that the hub gives the user's terminal."""
    role = "instructor" if name == TEACHER else "students"
    folders = [str(hub.place / "settings" / part) for part in (role, "everybody")]
    where = hub.place / "course" if name == TEACHER else Path("/")
    return as_user(name, list(command), LABKIT_HUB=str(hub.place), JUPYTER_CONFIG_PATH=os.pathsep.join(folders),
                   PWD=str(where))  # fmt: skip


def ok(answer):
    assert answer.status_code in (200, 201), f"{answer.url}: {answer.status_code}: {answer.text[:2000]}"
    body = answer.json()
    assert not isinstance(body, dict) or body.get("success", True), body
    return body


@pytest.fixture(scope="module")
def day(hub, people):
    """The class day, until everybody could fetch feedback; what was seen on the way."""
    teacher, seen = people[TEACHER], {}
    teacher_does(hub, "db", "assignment", "add", tiny.NAME)
    ok(teacher.call("POST", f"formgrader/api/assignment/{tiny.NAME}/release"))
    for name in PUPILS:
        seen[name, "offered"] = ok(people[name].call("GET", "assignments", params=COURSE))
        ok(people[name].call("POST", "assignments/fetch", json=COURSE))
        seen[name, "validated"] = answer(people[name])
        ok(people[name].call("POST", "assignments/submit", json=COURSE))
        time.sleep(1.1)  # nbgrader's folders are named by the second
    ok(teacher.call("POST", f"formgrader/api/assignment/{tiny.NAME}/collect"))
    wall = [] if contained() else ["--no-sandbox"]
    seen["grade"] = shell(hub, TEACHER, *labkit("grade", "images", "-j", "1", *wall))
    seen["formgrader"] = ok(teacher.call("GET", f"formgrader/api/submissions/{tiny.NAME}"))
    seen["feedback"] = shell(hub, TEACHER, *labkit("feedback", "images"))
    ok(teacher.call("POST", f"formgrader/api/assignment/{tiny.NAME}/release_feedback"))
    for name in PUPILS:
        seen[name, "fetched"] = ok(people[name].call("POST", "assignments/fetch_feedback", json=COURSE))
    return seen


def labkit(*arguments):
    return [sys.executable, "-m", "labkit", *arguments]


def teacher_does(hub, *arguments):
    done = shell(hub, TEACHER, sys.executable, "-m", "nbgrader", *arguments)
    assert done.returncode == 0, done.stderr


def answer(person):
    """Write the answers into the fetched notebook over the server's interface, and validate it; what that said."""
    path = f"api/contents/{tiny.NAME}/{tiny.FILE}"
    content = notebooks.parse(json.dumps(ok(person.call("GET", path))["content"]), tiny.FILE)
    for name, source in ANSWERS[person.name].items():
        tiny.cell(content, name).source = source
    tiny.cell(content, "why").source = f"Because of {person.name}."
    ok(person.call("PUT", path, json={"type": "notebook", "format": "json", "content": content}))
    return ok(person.call("POST", "assignments/validate", json={"path": f"{tiny.NAME}/{tiny.FILE}"}))


def test_the_day_goes_from_release_to_feedback(day):
    for name in PUPILS:
        assert [a["status"] for a in day[name, "offered"]["value"]] == ["released"]
    assert day["grade"].returncode == 0, day["grade"].stderr
    scores = {entry["student"]: entry["score"] for entry in day["formgrader"]}
    assert scores == POINTS
    assert day["feedback"].returncode == 0, day["feedback"].stderr


def test_validation_says_what_fails(day):
    assert "failed" not in day[ANN, "validated"]["value"]
    assert len(day[CEM, "validated"]["value"]["failed"]) == 3


def test_each_student_fetches_their_own_feedback_and_no_other(hub, people, day):
    for name in PUPILS:
        home = Path("/home") / name
        pages = list((home / tiny.NAME / "feedback").rglob("*.html"))
        assert len(pages) == 1
        text = pages[0].read_text()
        assert f"Because of {name}." in text
        assert [other for other in PUPILS if other != name and other in text] == []


def test_the_formgrader_is_the_instructors_alone(people, day):
    assert people[TEACHER].call("GET", "formgrader").status_code == 200
    for name in PUPILS:
        assert people[name].call("GET", "formgrader").status_code == 404
        assert people[name].call("GET", "formgrader/api/assignments").status_code == 404


def test_nobody_enters_another_server(people, day):
    for visitor in (TEACHER, *PUPILS):
        for owner in (TEACHER, *PUPILS):
            status = people[visitor].call("GET", "api/contents", owner=owner).status_code
            assert (status == 200) == (visitor == owner), (visitor, owner, status)


def test_a_shell_reads_neither_anothers_work_nor_solutions_nor_marks(hub, people, day):
    course, exchange = hub.place / "course", hub.place / "exchange"
    closed = [
        course / "solutions" / tiny.NAME / tiny.FILE,
        course / "gradebook.db",
        course / "submitted",
        course / "feedback",
        exchange / "labkit" / "inbound",
        exchange / "labkit" / "feedback",
        hub.place / "hub" / "jupyterhub.sqlite",
        Path("/home") / ANN,
        Path("/home") / ANN / tiny.NAME / tiny.FILE,
    ]
    for path in closed:
        assert path.exists(), path
        for reader in (BEN, CEM):
            done = shell(hub, reader, "ls" if path.is_dir() else "cat", str(path))
            assert done.returncode != 0, f"{reader} reads {path}: {done.stdout[:200]}"
            assert "Permission denied" in done.stderr
    for reader in (BEN, CEM):
        found = shell(hub, reader, "grep", "-rls", "BEGIN SOLUTION", str(hub.place), "/home")
        assert found.stdout == ""
        found = shell(hub, reader, "grep", "-rlsF", f"Because of {ANN}.", str(hub.place), "/home", "/tmp")
        assert found.stdout == ""


def test_what_is_handed_out_cannot_be_changed_by_a_student(hub, people, day):
    out = hub.place / "exchange" / "labkit" / "outbound" / tiny.NAME / tiny.FILE
    assert shell(hub, BEN, "cat", str(out)).returncode == 0
    assert shell(hub, BEN, "sh", "-c", f"echo >> {out}").returncode != 0
    assert shell(hub, BEN, "rm", str(out)).returncode != 0
    assert (
        shell(hub, BEN, "mv", str(hub.place / "exchange" / "labkit"), str(hub.place / "exchange" / "x")).returncode != 0
    )


def test_only_the_course_may_log_in(hub):
    assert hub.log_in(ANN, "wrong") is None
    assert hub.log_in("root", "x") is None


def test_a_students_server_has_its_limits(hub, people, day):
    """Without systemd each process of the server has them; the kernel tells."""
    if Path("/run/systemd/system").is_dir():
        pytest.skip("systemd's control groups hold the limits here")
    servers = [
        path
        for path in Path("/proc").glob("[0-9]*")
        if path.stat().st_uid == pwd.getpwnam(BEN).pw_uid
        and b"jupyterhub.singleuser" in (path / "cmdline").read_bytes()
    ]
    assert len(servers) == 1
    limits = (servers[0] / "limits").read_text()
    line = next(line for line in limits.splitlines() if line.startswith("Max data size"))
    assert line.split()[3] == str(3 * 2**30)
    assert stat.S_IMODE((Path("/home") / BEN).stat().st_mode) == 0o700
