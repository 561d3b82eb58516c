"""Moodle's team assignments: one hand-in of several students becomes one for each of them, or a sentence.

Since Moodle 4.1 a team's files carry the group's name and number, which say nothing of its members and may be some
other participant's number. The grading worksheet of the assignment knows them: its column Group.
"""

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace

from labkit.grading.course import CourseError
from labkit.grading.download import File
from labkit.grading.roster import Person

GROUP = re.compile(
    r"\b(group|gruppe|team|équipe|equipe|groupe|grupo|gruppo|squadra|equipo|groep|grupp|ryhmä)\b", re.IGNORECASE
)
WORKSHEET = (
    "these are the submissions of teams, which do not say who is in which: download the assignment's grading worksheet"
    " from Moodle, and give it with --roster"
)

Listed = tuple[str, Person] | None


def shared(
    found: Sequence[File], known: Mapping[str, tuple[str, Person]], platform: str
) -> Iterator[tuple[list[File], Listed]]:
    """The files of each student, and what the roster says of the student; a team's files are those of each member.

    Raises:
        CourseError: if the files are those of teams whose members nobody knows.
    """
    members = by_team(known)
    refuse_unknown(found, members, platform)
    own: dict[tuple[str, str], list[File]] = {}
    for file in found:
        team = plain(file.name)
        own.setdefault((file.number, team if team in members else ""), []).append(file)
    for (number, team), files in own.items():
        if not team:
            yield [replace(file, name=alone(file.name)) for file in files], known.get(number)
        for student, person in members.get(team, ()):
            yield [replace(file, name=person.name, number=person.number) for file in files], (student, person)


def by_team(known: Mapping[str, tuple[str, Person]]) -> dict[str, list[tuple[str, Person]]]:
    """The members of each team of a roster."""
    members: dict[str, list[tuple[str, Person]]] = {}
    for student, person in known.values():
        if person.team:
            members.setdefault(plain(person.team), []).append((student, person))
    return members


def refuse_unknown(found: Sequence[File], members: Mapping[str, object], platform: str) -> None:
    """Raise ``CourseError`` if a team is among the owners of the files whose members are unknown."""
    if platform != "moodle":
        return
    names = {file.name for file in found}
    unknown = sorted({file.name for file in found if not file.number and plain(file.name) not in members})
    if unknown and members:
        raise CourseError(
            f"the roster has nobody in {unknown[0]!r}, which handed in: put its members there, or leave it out"
        )
    if unknown or (not members and names and all(map(GROUP.search, names)) and not any("-" in name for name in names)):
        raise CourseError(WORKSHEET)


def alone(name: str) -> str:
    """A student's name without that of the team, which older Moodles write before it: ``Group A-Ada Lovelace``."""
    team, _, rest = name.partition("-")
    return rest if rest and GROUP.search(team) else name


def plain(team: str) -> str:
    """A team's name as it can be compared: Moodle leaves out of a file's name what is not allowed in one."""
    return re.sub(r"[\W_]+", " ", team.casefold()).strip()
