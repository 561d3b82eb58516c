"""Stands in the place of a package that isn't there while an answer is graded: importing it says so."""

raise ModuleNotFoundError(
    f"{__name__} isn't there while an answer is graded: labkit doesn't need it, and its tests compare with it",
    name=__name__,
)
