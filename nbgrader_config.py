"""nbgrader's settings for this course; `labkit` and plain `nbgrader` both follow them.

Add your own below or override these: a course id, another database (`CourseDirectory.db_url`, any SQLAlchemy URL),
another exchange, penalties for lateness, longer limits.
"""

c = get_config()  # noqa: F821  traitlets defines it for this file

c.CourseDirectory.source_directory = "solutions"
c.CourseDirectory.release_directory = "exercises"
c.CourseDirectory.ignore = [".ipynb_checkpoints", "*.pyc", "__pycache__", "feedback", ".*"]

# What stands in the release in place of a solution.
c.ClearSolutions.code_stub = {"python": 'raise NotImplementedError("write this")  # YOUR CODE HERE'}
c.ClearSolutions.text_stub = "*Your answer here.*"

# A test cell that a student deleted comes back, and earns nothing; it is not left out.
c.OverwriteCells.add_missing_cells = True

# Seconds that a cell may take, for `labkit grade` as well; `c.Limits.cell_seconds` and `--limit` come before it.
c.Execute.timeout = 30
c.Execute.extra_arguments = ["--IPKernelApp.log_level=ERROR"]

# nbgrader gives no points to a cell that writes to stderr. A warning of a library is no mistake.
c.IgnorePattern.enabled = True
c.IgnorePattern.pattern = r"\w*Warning: "

# `nbgrader autograde` on a fresh clone: put the exercise into the gradebook first.
# `nbgrader generate_assignment`: give the release the normal form that `labkit release` gives it.
c.Autograde.pre_convert_hook = "labkit.grading.hooks.register"
c.GenerateAssignment.post_convert_hook = "labkit.grading.hooks.normalise"

# What students hand in runs in the sandbox only, also by the formgrader's autograde button (without one, it says what
# is missing), and their pages run nothing in the browser of whoever reads them.
from labkit.grading import kernel  # noqa: E402

kernel.contain(c)
