"""The gradebook beyond what nbgrader's preprocessors write: flags for a person, and the rows of a report."""

from nbgrader.api import Gradebook, MissingEntry, SubmittedNotebook

from labkit.grading.engine.nbgrader.autograde import Submission
from labkit.grading.engine.nbgrader.cells import grade_id
from labkit.grading.engine.report import Row
from labkit.grading.engine.work.job import Result


def annotate(book: Gradebook, assignment: str, made: Submission, result: Result) -> None:
    """Mark in the gradebook what a person must look at: flagged cells, unjudged checks, broken notebooks."""
    submission = book.find_submission(assignment, made.student)
    notebooks = {notebook.name: notebook for notebook in submission.notebooks}
    for name, outcome in result.outcomes.items():
        grades = {grade.name: grade for grade in notebooks[name].grades}
        for index, cell in outcome.cells.items():
            grade = grades.get(grade_id(made.notebooks[name].cells[index]))
            if grade is not None and (cell.flags or cell.person):
                grade.needs_manual_grade = True
                grade.auto_score = None if cell.person else grade.auto_score
        if any(cell.flags for cell in outcome.cells.values()):
            notebooks[name].flagged = True
    for name in made.broken:
        leave_to_person(notebooks[name])
    book.db.commit()


def leave_to_person(notebook: SubmittedNotebook) -> None:
    """No machine's mark stands for a notebook that could not be graded."""
    for grade in notebook.grades:
        grade.auto_score, grade.needs_manual_grade = None, True
    notebook.flagged = True


def withdraw(book: Gradebook, assignment: str, student: str) -> None:
    """After a failure half-way: no mark that was written stands."""
    try:
        submission = book.find_submission(assignment, student)
    except MissingEntry:
        return
    for notebook in submission.notebooks:
        leave_to_person(notebook)
    book.db.commit()


def fill(book: Gradebook, row: Row) -> None:
    """Put the gradebook's marks into a row, if it has any."""
    try:
        submission = book.find_submission(row.assignment, row.student)
    except MissingEntry:
        return
    penalty = 0.0
    for notebook in submission.notebooks:
        penalty += notebook.late_submission_penalty or 0.0
        for grade in notebook.grades:
            none = grade.auto_score is None and grade.manual_score is None
            row.cells[f"{notebook.name}/{grade.name}"] = None if none else float(grade.score)
    row.score = max(0.0, float(submission.score) - penalty)
    row.max_score = float(submission.max_score)
    row.needs_manual = bool(submission.needs_manual_grade)
