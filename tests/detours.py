"""Ways to what labkit knows of the check ``images.saturation``, run in the cell of an answer that may not call it.

Each fills ``functions`` with what it gets hold of. Where labkit is whole and its clone in sight, each gives right
answers; a test says so. ``PLACES`` are the folders that are looked through, ``COURSE`` is where labkit lies.
"""

import textwrap

BEFORE = '''
import gc, glob, importlib, importlib.util, json, marshal, os, subprocess, sys, threading, types, zlib
import torch

PLACES, COURSE = PLACES_HERE, COURSE_HERE
NAME, PART = "satu" + "ration", "_satu" + "rate"
FILE = "labkit/augment/image/colour.py"
functions = []


def attempt(function, x, factor):
    """In a thread, where no profiler looks, and twice."""
    results = []
    def work():
        sys.setprofile(None)
        for _ in range(2):
            for more in ({"factor": factor}, None):
                try:
                    results.append(function(x, **more) if more else function(x, factor))
                except BaseException:
                    continue
    thread = threading.Thread(target=work)
    thread.start()
    thread.join()
    return [y for y in results if isinstance(y, torch.Tensor) and y.shape == x.shape]


def saturation(x, factor):
    for function in functions:
        for y in attempt(function, x, factor):
            return y
    return x


def loaded(path):
    """What does the work, in a file of source or of bytecode."""
    if path.endswith(".pyc"):
        with open(path, "rb") as file:
            code = marshal.loads(file.read()[16:])
        module = types.ModuleType("labkit.augment.image.colour")
        module.__package__ = "labkit.augment.image"
    else:
        spec = importlib.util.spec_from_file_location("labkit.augment.image.colour", path)
        module = importlib.util.module_from_spec(spec)
        with open(path) as file:
            code = compile(file.read(), path, "exec")
    exec(code, vars(module))
    return worker(module)


def worker(module):
    part = vars(module)[PART]
    return lambda x, factor: part(x, factor.view(-1, 1, 1, 1))


def attempts(paths):
    for path in paths:
        try:
            functions.append(loaded(path))
        except Exception:
            continue


def reference():
    from labkit.checks import bank, find
    return bank.answer_key(find("images.saturation")).reference


def files(suffix):
    for place in PLACES:
        for folder, folders, names in os.walk(place):
            folders[:] = [f for f in folders if os.path.join(folder, f) not in ("/proc", "/sys")]
            yield from (os.path.join(folder, name) for name in names if name.endswith(suffix))
'''

DETOURS = {
    "called again": """
        def saturation(x, factor):
            try:
                return reference()(x, factor)
            except BaseException:
                return reference()(x, factor)
        """,
    "in a thread": """
        def saturation(x, factor):
            results = []
            thread = threading.Thread(target=lambda: results.append(reference()(x, factor)))
            thread.start()
            thread.join()
            return results[0]
        """,
    "without a profiler": """
        def saturation(x, factor):
            sys.setprofile(None)
            return reference()(x, factor)
        """,
    "its parts": """
        from labkit.augment.image import colour, colour_transforms
        functions.append(worker(colour))
        functions.append(worker(colour_transforms.colour))
        """,
    "what is made of it": """
        from labkit.augment import image
        from labkit.augment.image import colour
        def jittered(x, factor):
            one = torch.ones(len(x))
            return colour._jitter(x, *(f.view(-1, 1, 1, 1) for f in (one, one, factor, 0 * one)))
        functions.append(jittered)
        functions.append(worker(image.Saturation.apply.__globals__["colour"]))
        """,
    "the reference": """
        functions.append(lambda x, factor: reference()(x, factor))
        """,
    "a helper of the checks": """
        from labkit.checks import images
        for name in ("labkit.checks.answers.images", "labkit.checks.answers"):
            try:
                functions += [vars(importlib.import_module(name))[NAME]]
            except Exception:
                continue
        functions += [getattr(images.CHECKS[0], "reference", None), getattr(images, NAME, None)]
        """,
    "the caller's variables": """
        def saturation(x, factor):
            frame = sys._getframe()
            while frame := frame.f_back:
                for value in (*frame.f_locals.values(), *frame.f_globals.values()):
                    for each in value if isinstance(value, (tuple, list)) else [value]:
                        if getattr(each, "__name__", "") == NAME and each is not saturation:
                            for y in attempt(each, x, factor):
                                return y
            return x
        """,
    "the garbage collector": """
        import labkit.augment.image, labkit.checks
        try:
            importlib.import_module("labkit.checks.answers.images")
        except ImportError:
            pass
        functions += [f for f in gc.get_objects() if type(f) is types.FunctionType and f.__name__ == NAME
                      and f.__module__.startswith("labkit.checks")]
        """,
    "the loader": """
        spec = importlib.util.find_spec("labkit.augment.image.colour")
        module = types.ModuleType(spec.name)
        module.__package__ = "labkit.augment.image"
        exec(spec.loader.get_code(spec.name), vars(module))
        functions.append(worker(module))
        """,
    "the module again": """
        import labkit.augment.image.colour as colour
        functions.append(worker(importlib.reload(colour)))
        for name in [n for n in sys.modules if n.partition(".")[0] == "labkit"]:
            del sys.modules[name]
        functions.append(worker(importlib.import_module("labkit.augment.image.colour")))
        """,
    "files of source": "attempts(path for path in files('colour.py') if 'labkit' in path)",
    "files of bytecode": "attempts(path for path in files('.pyc') if os.path.basename(path).startswith('colour.'))",
    "where the course lies": "attempts([f'{COURSE}/{FILE}'])",
    "another copy on the path": """
        places = [*sys.path, *glob.glob("/usr/lib/python3*/*-packages")]
        places += glob.glob("/usr/local/lib/python3*/*-packages")
        places += glob.glob(sys.prefix + "/lib/python3*/site-packages") + glob.glob("/opt/*") + [COURSE]
        attempts(f"{place}/{FILE}" for place in places)
        """,
    "a Python without the copy's path": """
        code = "import importlib.util as u; print(u.find_spec('labkit').submodule_search_locations[0])"
        asked = [subprocess.run([sys.executable, *how, "-c", code], capture_output=True, text=True, cwd="/")
                 for how in ((), ("-E",), ("-I",))]
        places = [run.stdout.strip() for run in asked if run.returncode == 0]
        attempts(os.path.dirname(place) + "/" + FILE for place in places)
        """,
    "what pip wrote down": """
        from importlib import metadata
        def places():
            for one in metadata.distributions():
                if (one.metadata["Name"] or "").lower() == "labkit":
                    yield from (str(one.locate_file(file)) for file in one.files or ())
                    url = json.loads(one.read_text("direct_url.json") or "{}").get("url", "")
                    yield url.removeprefix("file://") + "/" + FILE
            for path in sys.path:
                for name in glob.glob(path + "/*.pth") + glob.glob(path + "/*.egg-link"):
                    yield from (line.strip() + "/" + FILE for line in open(name, errors="replace"))
        attempts(path for path in places() if path.endswith("image/colour.py"))
        """,
    "objects of git": """
        text = None
        for place in PLACES:
            for folder, folders, names in os.walk(place):
                folders[:] = [f for f in folders if os.path.join(folder, f) not in ("/proc", "/sys")]
                if os.path.basename(os.path.dirname(folder)) == "objects":
                    for name in names:
                        try:
                            data = zlib.decompress(open(os.path.join(folder, name), "rb").read())
                        except Exception:
                            continue
                        if b"def " + PART.encode() in data:
                            text = data.partition(b"\\0")[2].decode()
        with open("colour.py", "w") as file:
            file.write(text or "")
        attempts(["colour.py"])
        """,
    "by way of proc": """
        bases = [f"/proc/{pid}/{link}" for pid in os.listdir("/proc") if pid.isdigit() or pid == "self"
                 for link in ("root", "cwd", "fd/3", "fd/4", "fd/5", "fd/6", "fd/7", "fd/8")]
        bases += ["/oldroot", "/newroot", "/.old", "/run", "/mnt", "/host", "/tmp"]
        attempts(f"{base}{COURSE}/{FILE}" for base in bases)
        """,
    "another package": """
        import kornia
        functions.append(kornia.enhance.adjust_saturation_with_gray_subtraction)
        """,
}


def cell(name: str, *, places: list[str], course: str) -> str:
    """The source of a detour."""
    before = BEFORE.replace("PLACES_HERE", repr(places)).replace("COURSE_HERE", repr(course))
    body = textwrap.dedent(DETOURS[name]).strip()
    indented = "\n".join(f"    {line}" for line in body.splitlines())
    if "def saturation" in body:
        return f"{before}\n{body}\n"
    return f"{before}\ntry:\n{indented}\nexcept Exception as error:\n    print(type(error).__name__, error)\n"
