"""nbgrader's settings for the instructor: those of everybody, and those of the course."""

import os

c = get_config()  # noqa: F821  traitlets defines it for this file

COURSE = os.path.join(os.environ.get("LABKIT_HUB", "/srv/labkit"), "course")
load_subconfig("nbgrader_config.py", path=os.path.join(os.path.dirname(__file__), "..", "everybody"))  # noqa: F821
load_subconfig("nbgrader_config.py", path=COURSE)  # noqa: F821
c.CourseDirectory.root = COURSE
