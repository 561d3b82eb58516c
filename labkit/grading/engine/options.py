"""How a run goes: all that whoever starts one may choose, in one place."""

from dataclasses import dataclass

from labkit.grading.engine.limits import Limits

SEEDS = 3  # secret seeds a check is run under, as many as the notebook has public ones


@dataclass(frozen=True)
class Options:
    """The choices for a run.

    Attributes:
        force: grade again what was graded before. Marks given by hand stay.
        jobs: how many submissions run at a time; by default one a processor and one a judge, as who waits for a
            verdict uses no processor.
        limits: what a submission may use; the course's, by default.
        sandboxed: whether students' code is contained. Without, it runs with the rights of this user.
        kernel: whether each notebook runs in a Jupyter kernel, in the sandbox: slower, for what needs one.
        cluster: the address of a Dask scheduler, whose workers run the notebooks instead of this machine.
        seeds: under how many secret seeds each check runs.
    """

    force: bool = False
    jobs: int | None = None
    limits: Limits | None = None
    sandboxed: bool = True
    kernel: bool = False
    cluster: str | None = None
    seeds: int = SEEDS
