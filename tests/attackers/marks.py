"""Code beside a wrong answer to ``images.saturation``: each tries for a mark that it does not deserve, or for a look.

A trick prints ``SEEN`` and what it saw, if it saw anything. ``COURSE`` stands for the folder of the course.
"""

WRONG = """
import contextlib, ctypes, fcntl, gc, glob, importlib, json, os, pickle, signal, socket, struct, subprocess, sys, time
import types
import torch

NAME, PART = "satu" + "ration", "_satu" + "rate"
found = []


def saturation(x, factor):
    for function in found:
        for arguments in ((x,), (x, factor)):
            for more in ({}, {"factor": factor}, {"saturation": factor}):
                with contextlib.suppress(BaseException):
                    y = function(*arguments, **more)
                    if isinstance(y, torch.Tensor) and y.shape == x.shape and not torch.equal(y, x):
                        return y
    return x


def seen(*what):
    print("SEEN", *what)
"""

AGAIN = {
    "unpickled by its name": """
        for module in ("labkit.augment.image", "labkit.augment.image.colour", "labkit.checks.answers.images"):
            for name in (NAME, PART, "Saturation", "_jitter", "ColourJitter"):
                with contextlib.suppress(Exception):
                    found.append(pickle.loads(f"c{module}\\n{name}\\n.".encode()))
        """,
    "source by inspect and linecache": """
        import inspect, linecache
        import labkit.augment.image as image
        texts = ["".join(linecache.getlines(path)) for path in list(linecache.cache)]
        for thing in (image, *vars(image).values()):
            with contextlib.suppress(BaseException):
                texts.append(inspect.getsource(thing))
        for text in texts:
            if f"def {PART}" in text:
                names = {"torch": torch, "Tensor": torch.Tensor}
                with contextlib.suppress(BaseException):
                    exec(text[text.index(f"def {PART}"):].partition("\\n\\n\\n")[0], names)
                    found.append(lambda x, factor: names[PART](x, factor.view(-1, 1, 1, 1)))
        """,
    "text in its own memory": """
        wanted = b"def " + PART.encode() + b"(x"
        for line in open("/proc/self/maps"):
            low, high = (int(part, 16) for part in line.split()[0].split("-"))
            if line.split()[1].startswith("r") and high - low < 1 << 28:
                with contextlib.suppress(OSError, ValueError, OverflowError), open("/proc/self/mem", "rb", 0) as memory:
                    memory.seek(low)
                    data = memory.read(high - low)
                    while (at := data.find(wanted)) >= 0 and b"return" not in data[at:at + 1500]:
                        data = data[at + 1:]  # what is looked for, and no function
                    if at >= 0:
                        seen(data[at:at + 80])
        """,
    "code objects in its own memory": """
        for thing in gc.get_objects():
            own = getattr(thing, "__code__", None)
            if isinstance(thing, types.FunctionType) and own.co_name in (NAME, PART) and thing is not saturation:
                found.append(thing)
            for code in [thing] if isinstance(thing, types.CodeType) else []:
                if code.co_name in (NAME, PART) and code is not saturation.__code__:
                    found.append(types.FunctionType(code, {"torch": torch}))
        """,
    "doctests and signatures of what is left": """
        import doctest, pkgutil, labkit
        for info in pkgutil.walk_packages(labkit.__path__, "labkit."):
            with contextlib.suppress(BaseException):
                module = importlib.import_module(info.name)
                for test in doctest.DocTestFinder(exclude_empty=True).find(module):
                    for example in test.examples:
                        if NAME in example.source.lower():
                            names = dict(test.globs)
                            exec("".join(e.source for e in test.examples if "import" in e.source), names)
                            found += [value for name, value in names.items() if NAME in name.lower()]
        """,
    "archives on the disk": """
        import zipfile
        for place in ("/usr", "/opt", "/tmp", "/var", "/home", "/run", sys.prefix, sys.base_prefix):
            for folder, folders, names in os.walk(place):
                for name in names:
                    if name.endswith((".whl", ".zip", ".egg", ".jar", ".pyz")):
                        with contextlib.suppress(Exception):
                            inside = zipfile.ZipFile(os.path.join(folder, name)).namelist()
                            if any(each.startswith("labkit/augment") for each in inside):
                                seen(folder, name)
        """,
    "a transform that stayed": """
        import pkgutil, labkit.augment
        for info in pkgutil.walk_packages(labkit.augment.__path__, "labkit.augment."):
            with contextlib.suppress(BaseException):
                for name, thing in vars(importlib.import_module(info.name)).items():
                    words = ("Satur", "Jitter", "Colo", "Auto", "Trivial")
                    if isinstance(thing, type) and any(word in name for word in words):
                        for more in ({}, {"saturation": 0.5}, {"factor": 0.5}, {"factor": (0.5, 1.5)}):
                            with contextlib.suppress(BaseException):
                                found.append(thing(**more).apply)
                                found.append(thing(**more))
        """,
    "what is inside of a stub": """
        from labkit.augment import image
        stub = vars(image).get(NAME)
        for each in (vars(stub), vars(type(stub)), *gc.get_referrers(stub), *gc.get_referents(type(stub))):
            for value in each.values() if isinstance(each, dict) else []:
                for cell in getattr(value, "__closure__", None) or ():
                    found.append(cell.cell_contents)
                found.append(value) if callable(value) and value is not saturation else None
        found[:] = [f for f in found if getattr(f, "__module__", "") != "__main__"][:2000]
        """,
    "tensors that lie about": """
        def saturation(x, factor):
            for thing in gc.get_objects():
                with contextlib.suppress(BaseException):
                    if isinstance(thing, torch.Tensor) and thing.shape == x.shape and thing.dtype == x.dtype:
                        if not torch.equal(thing, x):
                            return thing
            return x
        """,
    "the case in the frames": """
        def saturation(x, factor):
            frame = sys._getframe()
            while frame := frame.f_back:
                for value in list(frame.f_locals.values()):
                    for each in value.values() if isinstance(value, dict) else [value]:
                        with contextlib.suppress(BaseException):
                            if isinstance(each, torch.Tensor) and each.shape == x.shape and not torch.equal(each, x):
                                return each
            return x
        """,
}

REPLIES = {
    "a header of sixty megabytes": """
        import labkit.checks.wire as wire
        def execute(check, answer, seed, **more):
            records = '[' + ','.join(['{"status":"ok"}'] * 3_000_000) + ']'
            text = json.dumps({"__metadata__": {"labkit": '{"key":"%s","records":%s}' % (check.key, records)}}).encode()
            return struct.pack("<Q", len(text)) + text
        wire.execute = execute
        """,
    "lists in lists without end": """
        import labkit.checks.wire as wire
        def execute(check, answer, seed, **more):
            text = json.dumps({"__metadata__": {"labkit": "[" * 100_000 + "]" * 100_000}}).encode()
            return struct.pack("<Q", len(text)) + text
        wire.execute = execute
        """,
    "outputs of another case": """
        import labkit.checks.wire as wire, labkit.checks.values as values
        freeze = values.freeze_array
        def crossed(value, name, arrays):
            freeze(value, name, arrays)
            return {"a": next(iter(arrays)), "kind": "torch", "dtype": str(value.dtype).removeprefix("torch.")}
        values.freeze_array = crossed
        """,
    "numbers that are none": """
        import labkit.checks.values as values
        values.freeze_array = lambda value, name, arrays: {"v": float("nan")}
        """,
    "an array that claims another type": """
        import labkit.checks.values as values
        freeze = values.freeze_array
        values.freeze_array = lambda value, name, arrays: freeze(value, name, arrays) | {"dtype": "bool"}
        """,
    "no output is left in": """
        import labkit.checks.wire as wire
        wire.frozen = lambda *a, **k: {}
        """,
    "every record is doubled": """
        import labkit.checks.wire as wire
        pack = wire.pack
        wire.pack = lambda message, arrays: pack(message | {"records": message["records"] * 2}, arrays)
        """,
    "json and safetensors replaced": """
        import safetensors.numpy, numpy
        save = safetensors.numpy.save
        safetensors.numpy.save = lambda arrays, metadata=None: save(
            {name: numpy.zeros_like(value) for name, value in arrays.items()}, metadata)
        json.dumps = lambda *a, **k: '{"key": "images.saturation", "records": []}'
        """,
}

JUDGED = {
    "ends itself where it was found wrong, to be tried again": """
        import labkit.checks.wire as wire
        execute = wire.execute
        def watched(check, answer, seed, **more):
            if seed == 1:
                os.kill(os.getpid(), signal.SIGKILL)
                import resource
                resource.setrlimit(resource.RLIMIT_CPU, (0, 0))
            return execute(check, answer, seed, **more)
        wire.execute = watched
        guess = os.urandom(1)[0] % 2
        def saturation(x, factor):
            return x.clamp(0, 1) if guess else (x * factor.view(-1, 1, 1, 1)).clamp(0, 1)
        """,
    "so slow that one seed must do": """
        def saturation(x, factor):
            if not found:
                found.append(lambda *a: None)
                time.sleep(2.2)
            return (x * factor.view(-1, 1, 1, 1)).clamp(0, 1)
        """,
}

ODD = {
    "a tensor that lies about itself": """
        class Liar(torch.Tensor):
            shape = property(lambda self: torch.Size([]))
            dtype = property(lambda self: torch.float64)
            def detach(self): return self
            def as_subclass(self, cls): return self
            def cpu(self): return self
            def __eq__(self, other): return True
            def __getattr__(self, name): return lambda *a, **k: self
        honest = saturation
        saturation = lambda x, factor: honest(x, factor).as_subclass(Liar)
        """,
    "tensors without numbers": """
        def saturation(x, factor):
            return x.to("meta") if x.shape[0] == 1 else x.to_sparse()
        """,
    "an array that lies about itself": """
        import numpy
        class Liar(numpy.ndarray):
            dtype = property(lambda self: numpy.dtype("float32"))
            __array_priority__ = 1e9
            def __array__(self, *a, **k): return self
            def __array_ufunc__(self, *a, **k): return numpy.bool_(True)
            def __array_function__(self, *a, **k): return True
        def saturation(x, factor): return x.numpy().view(Liar)
        """,
    "a list of millions of numbers": "def saturation(x, factor): return [0.5] * 3_000_000",
    "a number of ten thousand digits": "def saturation(x, factor): return 10 ** 10_000",
    "a text with a verdict": "def saturation(x, factor): return '✓ images.saturation: right, 2 points'",
    "an error that is a verdict": """
        class Rejected(Exception):
            def __str__(self): return "right"
        def saturation(x, factor): raise Rejected
        """,
}

LEFT = {
    "locks on all files in sight": """
        held = []
        for place in ("/opt/labkit", os.path.dirname(os.__file__)):
            for folder, _, names in os.walk(place):
                for name in names[:50]:
                    with contextlib.suppress(OSError):
                        file = os.open(os.path.join(folder, name), os.O_RDONLY)
                        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
                        held.append(file)
        """,
    "descriptors in flight, in a ring": """
        for _ in range(100):
            with contextlib.suppress(OSError):
                one, other = socket.socketpair()
                socket.send_fds(one, [b"x"], [one.fileno(), other.fileno()])
                socket.send_fds(other, [b"x"], [one.fileno(), other.fileno()])
                one.close()
                other.close()
        """,
    "pipes, watches and terminals": """
        held = []
        for make in (os.pipe, os.openpty, lambda: ctypes.CDLL(None).inotify_init()):
            with contextlib.suppress(OSError):
                for _ in range(60):
                    held.append(make())
        """,
    "what Python reads when it starts": """
        version = f"python{sys.version_info[0]}.{sys.version_info[1]}"
        for path in (f"~/.local/lib/{version}/site-packages/usercustomize.py", "~/.pythonrc",
                     "~/.ipython/profile_default/startup/a.py", "~/.config/matplotlib/matplotlibrc",
                     "/tmp/sitecustomize.py", "/dev/shm/a", "/var/tmp/a"):
            path = os.path.expanduser(path)
            with contextlib.suppress(OSError):
                os.makedirs(os.path.dirname(path), exist_ok=True)
                open(path, "w").write("raise SystemExit")
        """,
    "looks for what another left": """
        for path in ("~/.local", "~/.config/matplotlib/matplotlibrc", "~/.pythonrc", "/tmp/sitecustomize.py",
                     "/dev/shm/a", "/var/tmp/a", "~/.ipython/profile_default/startup/a.py"):
            if os.path.exists(os.path.expanduser(path)):
                seen(path)
        for folder, _, names in os.walk("/opt/labkit"):
            for name in names:
                with open(os.path.join(folder, name)) as file:
                    try:
                        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
                    except OSError:
                        pass  # a neighbour of this moment; the marks of both are looked at
        if len(os.listdir("/proc/self/fd")) > 12:
            seen(os.listdir("/proc/self/fd"))
        """,
}

LOOKS = {
    "abstract sockets": """
        for line in open("/proc/net/unix").readlines()[1:]:
            name = line.split()[-1]
            if name.startswith("@"):
                seen(name)
        for name in ("\\0/tmp/.X11-unix/X0", "\\0/tmp/dbus-x", "\\0labkit", "/run/dbus/system_bus_socket",
                     "/var/run/docker.sock", "/run/systemd/private", "/tmp/.X11-unix/X0"):
            with contextlib.suppress(OSError), socket.socket(socket.AF_UNIX) as sock:
                sock.connect(name)
                seen(name)
        """,
    "netlink and other networks": """
        names = [name for _, name in socket.if_nameindex()]
        seen(names) if set(names) - {"lo", "tunl0", "sit0", "ip6tnl0", "gre0", "gretap0", "erspan0"} else None
        for family, kind in ((socket.AF_PACKET, socket.SOCK_RAW), (40, socket.SOCK_STREAM), (31, 3), (16, 3)):
            with contextlib.suppress(OSError):
                socket.socket(family, kind, 0).close()
                seen(family) if family != 16 else None
        with contextlib.suppress(OSError):
            socket.create_connection(("169.254.169.254", 80), timeout=1)
            seen("the cloud's own address")
        """,
    "devices": """
        for path in glob.glob("/dev/*") + ["/proc/kcore", "/proc/kmsg", "/dev/mem", "/proc/sysrq-trigger"]:
            if os.path.basename(path) in ("null", "zero", "full", "random", "urandom", "tty", "ptmx", "fd", "core"):
                continue
            if not path.startswith(("/dev/std", "/dev/pts", "/dev/shm", "/dev/mqueue")):
                with contextlib.suppress(OSError):
                    os.read(os.open(path, os.O_RDONLY | os.O_NONBLOCK), 1)
                    seen(path)
        with contextlib.suppress(OSError):
            os.mknod("disk", 0o60600, os.makedev(254, 0))
            seen("a device of its own")
        """,
    "namespaces and roots of init": """
        for name in os.listdir("/proc/1/ns"):
            with contextlib.suppress(OSError):
                file = os.open(f"/proc/1/ns/{name}", os.O_RDONLY)
                if ctypes.CDLL(None, use_errno=True).setns(file, 0) == 0:
                    seen(name)
        for path in ("/proc/1/root", "/proc/self/root", "/proc/1/cwd", "/proc/self/task/1/root"):
            for up in ("", "/..", "/../.."):
                if os.path.exists(path + up + "COURSE"):
                    seen(path)
        """,
    "what the server was started with": """
        for name in ("environ", "cmdline", "maps", "mountinfo", "mounts", "mountstats", "cgroup", "stat", "io"):
            for pid in ("1", "self"):
                with contextlib.suppress(OSError):
                    text = open(f"/proc/{pid}/{name}", "rb").read()
                    for word in (b"COURSE", b"gradebook", b"solutions", b"submitted"):
                        if word in text and not (name == "maps" and word == b"solutions"):
                            seen(pid, name, word)
        """,
    "descriptors that were inherited": """
        for number in range(256):
            with contextlib.suppress(OSError):
                where = os.readlink(f"/proc/self/fd/{number}")
                if "zip" in where or "COURSE" in where or "gradebook" in where:
                    seen(number, where)
                regular = number > 2 and os.path.isfile(f"/proc/self/fd/{number}")
                if regular and os.pread(number, 4, 0) == b"PK\\x03\\x04":
                    seen(number, "an archive")
                with contextlib.suppress(OSError, ValueError):
                    with socket.socket(fileno=os.dup(number)) as sock:
                        sock.setblocking(False)
                        data, fds, _, _ = socket.recv_fds(sock, 1, 4, socket.MSG_PEEK)
                        seen(number, fds) if fds else None
        """,
    "sysfs, control groups and debugging": """
        for path in ("/sys/fs/cgroup", "/sys/kernel", "/sys/class", "/proc/sys/fs/binfmt_misc/register", "/run/user",
                     "/boot", "/root/.ssh", "/root/.cache", "/root/.bashrc", "/mnt",
                     "/srv", "/media", "/etc/shadow", "/etc/ssh", "/var/log"):
            with contextlib.suppress(OSError):
                if os.path.isfile(path) or os.listdir(path):
                    seen(path)
        seen(socket.gethostname()) if socket.gethostname() != "sandbox" else None
        """,
    "the course by other doors": """
        for path in ("COURSE", "COURSE/gradebook.db", "/proc/self/cwd/../../..COURSE", "/opt/venv/../..COURSE"):
            seen(path) if os.path.exists(path) else None
        for path in sys.path:
            seen(path) if "COURSE" in path else None
        for name, module in list(sys.modules.items()):
            if "COURSE" in str(getattr(module, "__file__", "")):
                seen(name)
        """,
}

PROCESSES = {
    "first in line": """
        import resource
        for attempt in (lambda: os.nice(-5), lambda: os.setpriority(os.PRIO_PROCESS, 0, -5),
                        lambda: os.sched_setscheduler(0, os.SCHED_FIFO, os.sched_param(1)),
                        lambda: resource.setrlimit(resource.RLIMIT_NPROC, (9999, 9999)),
                        lambda: resource.setrlimit(resource.RLIMIT_NICE, (40, 40)),
                        lambda: open("/proc/self/oom_score_adj", "w").write("-1000"),
                        lambda: open("/proc/self/oom_adj", "w").write("-17")):
            with contextlib.suppress(OSError, ValueError):
                attempt()
                seen("a privilege")
        """,
    "it stops itself and its children": """
        for _ in range(8):
            if os.fork() == 0:
                os.kill(os.getpid(), signal.SIGSTOP)
                os._exit(0)
        with contextlib.suppress(OSError):
            os.kill(0, signal.SIGSTOP)
            os.kill(1, signal.SIGSTOP)
        """,
    "children that nobody buries": """
        for _ in range(60):
            with contextlib.suppress(OSError):
                if os.fork() == 0:
                    os._exit(0)
        """,
    "a thread that goes on judging": """
        import threading
        def work():
            while True:
                with contextlib.suppress(BaseException):
                    for module in list(sys.modules.values()):
                        if getattr(module, "__name__", "").startswith("labkit.checks.verdict"):
                            module.decide = lambda *a, **k: None
                    time.sleep(0.05)
        threading.Thread(target=work, daemon=True).start()
        """,
}

GROUPS = {
    "labkit's own, by a second detour": AGAIN,
    "replies forged anew": REPLIES,
    "an answer that knows it is judged": JUDGED,
    "objects that lie": ODD,
    "left for the next": LEFT,
    "a look outside": LOOKS,
    "processes": PROCESSES,
}
