"""A course's own checks, beside labkit's topics or in place of some.

In a course ``checks/sorting.py`` holds the cases and ``checks/answers/sorting.py`` the reference and the mistakes, as
labkit has them for its topics. Whoever needs them gets them as text:

- an author's notebook and tests: both halves, from the course that they lie in;
- a student's notebook: the file ``*.check`` beside it, which ``labkit release`` made: the cases and, in place of the
  second half, what the reference and the mistakes give under the public seeds (``record``);
- the grader's sandbox: the first half alone, as a module of its copy of labkit;
- the judge: both halves, sent to it by the process that grades.
"""

from labkit.checks.own.loading import Loaded, current, listed, use
from labkit.checks.own.proof import checks_of, prove
from labkit.own_checks import PLUMBING, Own, Unusable, read

__all__ = ["PLUMBING", "Loaded", "Own", "Unusable", "checks_of", "current", "listed", "prove", "read", "use"]
