"""The course around the checks: release, grading, reports, and the ``labkit`` command."""
