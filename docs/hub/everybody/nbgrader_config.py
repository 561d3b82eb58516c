"""nbgrader's settings for everybody on the hub: which course this is, and where exercises change hands."""

import os

c = get_config()  # noqa: F821  traitlets defines it for this file

c.CourseDirectory.course_id = "labkit"
c.Exchange.root = os.path.join(os.environ.get("LABKIT_HUB", "/srv/labkit"), "exchange")
