"""What this machine has, and what to do about what it lacks."""

import importlib.util
import os
import platform
import shutil
import subprocess
import sys
from dataclasses import dataclass
from importlib import metadata
from pathlib import Path

from labkit.grading.course import Course, CourseError
from labkit.grading.engine.sandbox import bwrap as sandbox_bwrap

OLDEST = (3, 11)
SPACE = 2.0  # GB: a class of hundreds with feedback, or one of the larger data sets
REINSTALL = "run `pip install labkit-course` (in a clone: `make lab`)"


@dataclass(frozen=True)
class Finding:
    """One line of the report. A lack matters unless it is ``optional``; ``remedy`` says what to do about it."""

    name: str
    value: str
    ok: bool
    remedy: str = ""
    optional: bool = False


def examine(course: Course | None) -> list[Finding]:
    """Look at everything the course needs."""
    return [
        python(),
        labkit(),
        where(course),
        torch_build(),
        *device(),
        *torchvision(),
        nbgrader(),
        kernel(),
        sandbox(),
        data(),
        language(),
        disk(course),
    ]


def python() -> Finding:
    """The interpreter."""
    version = platform.python_version()
    found = f"{version} on {platform.system()} {platform.machine()} ({sys.executable})"
    oldest = ".".join(map(str, OLDEST))
    return Finding("python", found, sys.version_info[:2] >= OLDEST, f"labkit needs Python {oldest} or newer")


def labkit() -> Finding:
    """labkit itself."""
    import labkit

    return Finding("labkit", f"{labkit.__version__} ({Path(labkit.__file__).parent})", True)


def where(course: Course | None) -> Finding:
    """The course folder."""
    if course is None:
        return Finding("course", "none here", False, "change to the folder that holds lectures/ and exercises/")
    return Finding("course", f"{course.root} ({len(course.released())} exercises)", True)


def torch_build() -> Finding:
    """torch, and what it was built for."""
    try:
        import torch
    except (ImportError, OSError) as error:
        return Finding("torch", f"can't be imported: {brief(error)}", False, REINSTALL)
    build = f"CUDA {torch.version.cuda}" if torch.version.cuda else "CPU"
    return Finding("torch", f"{torch.__version__}, built for {build}, {torch.get_num_threads()} threads", True)


def device() -> list[Finding]:
    """What labkit computes on, and its memory."""
    try:
        import torch

        from labkit import device as devices
    except (ImportError, OSError):
        return []
    try:
        chosen = devices.device()
    except ValueError as error:
        return [Finding("device", str(error), False, "set LABKIT_DEVICE to one that is there, or unset it")]
    if chosen.type == "cuda":
        free, total = torch.cuda.mem_get_info(chosen)
        name = torch.cuda.get_device_name(chosen)
        return [Finding("device", f"{chosen}: {name}, {free / 2**30:.0f} of {total / 2**30:.0f} GB free", True)]
    value = f"{chosen}, {os.cpu_count()} cores, {memory()}"
    if chosen.type == "mps":
        return [Finding("device", value, True)]
    hint = "every lecture runs on a CPU; `full=True` cells are faster on a GPU"
    if shutil.which("nvidia-smi") and not torch.version.cuda:
        hint = "there is an NVIDIA GPU, but torch was built for CPU: see https://pytorch.org/get-started"
    return [Finding("device", value, True), Finding("GPU", "none that torch can use", False, hint, optional=True)]


def memory() -> str:
    """The machine's memory."""
    try:
        total = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    except (AttributeError, ValueError, OSError):
        return "memory unknown"
    return f"{total / 2**30:.0f} GB of memory"


def torchvision() -> list[Finding]:
    """torchvision, and whether its compiled operators are there."""
    try:
        import torch
        import torchvision as vision
        import torchvision.extension as extension
    except (ImportError, OSError, RuntimeError) as error:
        remedy = "torch and torchvision must fit: `pip install --upgrade torchvision`"
        return [Finding("torchvision", f"can't be imported: {brief(error)}", False, remedy)]
    if extension._has_ops():
        return [Finding("torchvision", f"{vision.__version__}, with its compiled operators", True)]
    build = torch.version.cuda or "CPU"
    return [
        Finding("torchvision", f"{vision.__version__}", True),
        Finding(
            "its operators",
            f"not compiled for this torch ({build})",
            False,
            "labkit does without (it needs neither torchvision.io nor ops.nms); install both from one index if you do",
            optional=True,
        ),
    ]


def nbgrader() -> Finding:
    """nbgrader."""
    try:
        return Finding("nbgrader", metadata.version("nbgrader"), importlib.util.find_spec("nbgrader") is not None)
    except metadata.PackageNotFoundError:
        return Finding("nbgrader", "not installed", False, REINSTALL)


def kernel() -> Finding:
    """Whether Jupyter's ``python3`` kernel is this Python."""
    remedy = f"run `{sys.executable} -m ipykernel install --sys-prefix`"
    try:
        from jupyter_client.kernelspec import KernelSpecManager, NoSuchKernel
    except ImportError as error:
        return Finding("kernel", f"Jupyter can't be imported: {brief(error)}", False, REINSTALL)
    try:
        spec = KernelSpecManager().get_kernel_spec("python3")
    except NoSuchKernel:
        return Finding("kernel", "Jupyter has no python3 kernel", False, remedy)
    program = spec.argv[0]
    if program in ("python", "python3") or Path(program).resolve() == Path(sys.executable).resolve():
        return Finding("kernel", f"python3, which is this Python ({spec.resource_dir})", True)
    return Finding("kernel", f"python3 is another Python: {program}", False, remedy)


def sandbox() -> Finding:
    """Whether bubblewrap is there and the kernel lets it make namespaces."""
    what = "sandbox"
    if platform.system() != "Linux":
        return Finding(what, f"not on {platform.system()}", False, "only grading needs one: grade on Linux", True)
    program = sandbox_bwrap.program()
    if program is None:
        return Finding(what, "bubblewrap is not installed", False, f"for grading: {sandbox_bwrap.INSTALL}", True)
    arguments = ["--unshare-all", "--ro-bind", "/", "/", "--dev", "/dev", "--proc", "/proc", "--die-with-parent"]
    try:
        tried = subprocess.run(
            [program, *arguments, sys.executable, "-c", "print(6 * 7)"], capture_output=True, text=True, timeout=20
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        return Finding(what, f"bubblewrap does not run: {brief(error)}", False, namespaces(), True)
    if tried.returncode or tried.stdout.strip() != "42":
        said = (tried.stderr.strip().splitlines() or ["it said nothing"])[-1]
        return Finding(what, f"bubblewrap may not make namespaces: {said}", False, namespaces(), True)
    version = subprocess.run([program, "--version"], capture_output=True, text=True, timeout=20).stdout.split()
    which = f"bubblewrap {version[-1] if version else ''} ({program})"
    return Finding(what, f"{which} works, with its own network and processes", True)


def namespaces() -> str:
    """What to do where user namespaces are not allowed."""
    apparmor = Path("/proc/sys/kernel/apparmor_restrict_unprivileged_userns")
    if apparmor.is_file() and apparmor.read_text().strip() == "1":
        return "for grading: `sudo sysctl kernel.apparmor_restrict_unprivileged_userns=0`"
    switch = Path("/proc/sys/kernel/unprivileged_userns_clone")
    if switch.is_file() and switch.read_text().strip() == "0":
        return "for grading: `sudo sysctl kernel.unprivileged_userns_clone=1`"
    return "for grading: allow user namespaces (in a container: start it with them, or grade outside it)"


def data() -> Finding:
    """The folder of public data sets."""
    named = os.environ.get("LABKIT_DATA")
    if not named:
        hint = "the lectures need none; for `full=True` set LABKIT_DATA to a folder with some GB of space"
        return Finding("data", "LABKIT_DATA is not set", False, hint, optional=True)
    folder = Path(named).expanduser()
    if not folder.is_dir():
        return Finding("data", f"{folder} is no folder", False, "make it, or set LABKIT_DATA to one that exists")
    there = sorted(path.name for path in folder.iterdir() if path.name[0] != ".")
    held = ", ".join(there[:6]) + (f" and {len(there) - 6} more" if len(there) > 6 else "") if there else "empty so far"
    if not os.access(folder, os.W_OK):
        hint = "downloads need a folder you may write to; what is there already can be used"
        return Finding("data", f"{folder} (read-only): {held}", False, hint, optional=True)
    return Finding("data", f"{folder}: {held}", True)


def language() -> Finding:
    """A thesaurus and a translator, which topic 05 can use where they are."""
    there = {
        "WordNet": Path("/usr/share/wordnet/index.noun").is_file(),
        "MyThes": Path("/usr/share/mythes/th_en_US_v2.dat").is_file(),
        "Apertium": shutil.which("apertium") is not None,
    }
    held = ", ".join(name for name, found in there.items() if found) or "no thesaurus, no translator"
    hint = (
        "the lectures need none; `apt install wordnet-base mythes-en-us apertium-eng-spa` gives text more to work with"
    )
    return Finding("language", held, all(there.values()), hint, optional=True)


def disk(course: Course | None) -> Finding:
    """The space where this person's files go."""
    folder = course.place if course else Path.cwd()
    while not folder.exists():
        folder = folder.parent
    try:
        free = shutil.disk_usage(folder).free / 1e9
    except OSError as error:
        return Finding("disk", brief(error), False, f"look at {folder}")
    return Finding("disk", f"{free:.0f} GB free at {folder}", free >= SPACE, f"make room: {SPACE:.0f} GB at least")


def brief(error: BaseException) -> str:
    """An exception's first line."""
    text = str(error.strerror or error) if isinstance(error, OSError) else str(error)
    return text.strip().splitlines()[0][:160] if text.strip() else type(error).__name__


def course_or_none() -> Course | None:
    """The course here, if there is one."""
    from labkit.grading import course

    try:
        return course.find()
    except CourseError:
        return None
