"""How a fork of the server becomes a place for one submission. Linux only.

Each step closes one way out; together they leave a process that sees its own processes, an empty network, a
read-only system and an empty home, and can change none of that:

1. own namespaces of every kind (the fork itself): other processes, the network, shared memory, host name and
   mounts are out of sight, and whatever changes in them goes when the submission goes;
2. fresh file systems over every writable place: nothing is found of the submission before, nothing is left for
   the next one, and their sizes are bounded;
3. no new user namespaces, no capabilities, no new privileges, a filter of system calls: no way to undo 1 and 2;
4. limits on what it may use.
"""

import fcntl
import os
import resource
import socket
import struct

from labkit.grading.engine.inside import seccomp as inside_seccomp
from labkit.grading.engine.inside import syscalls as sys_
from labkit.grading.engine.limits import Limits

HOME = "/home/student"
STUDENT = 1000
CAREFUL = sys_.MS_NOSUID | sys_.MS_NODEV
WRITABLE = {"home": HOME, "tmp": "/tmp", "shm": "/dev/shm", "vartmp": "/var/tmp"}
STAGE = "/run"
PLACE = "/opt/labkit"
"""Where a submission finds its copy of labkit."""
INODE = 16_384  # bytes of the disk for each file that it may hold: the kernel takes a thousand to describe one
FILES = 10_000  # files that it may hold in any case
TERMINALS = 32
# Memory that the kernel keeps for a process, and that no other limit covers.
KERNEL = {
    resource.RLIMIT_NOFILE: 256,  # as macOS has it; each may be a pipe, or wait for many others
    resource.RLIMIT_MEMLOCK: 0,  # also what is pinned for sending without a copy
    getattr(resource, "RLIMIT_SIGPENDING", -1): 1024,  # signals and timers
    getattr(resource, "RLIMIT_MSGQUEUE", -1): 0,
}
KERNEL.pop(-1, None)
# In its own network and namespaces: what waits in sockets, and what is watched.
SETTINGS = {
    "net/core/somaxconn": "16",
    "net/unix/max_dgram_qlen": "16",
    "net/ipv4/tcp_rmem": "4096 65536 131072",
    "net/ipv4/tcp_wmem": "4096 65536 131072",
    "net/ipv4/tcp_max_syn_backlog": "16",
    "net/ipv4/tcp_max_tw_buckets": "1024",
    "user/max_inotify_instances": "16",
    "user/max_inotify_watches": "1024",
    "user/max_user_namespaces": "0",  # one of the student's own would give all capabilities over it
}


def become_unprivileged(account: int, folders: list[str]) -> None:
    """Turn the server, which bubblewrap started as root, into an account that exists nowhere else.

    Real root is exempt from the limit on processes and owns the files that are bound here.

    Raises:
        PermissionError: if that account can't read this Python.
    """
    sys_.mount("proc", "/proc", "proc", sys_.MS_NOSUID | sys_.MS_NODEV | sys_.MS_NOEXEC)
    os.setgroups([])
    os.setresgid(account, account, account)
    os.setresuid(account, account, account)
    # Changing the account made /proc/self root's, and the forks must write their own uid maps there.
    sys_.prctl(sys_.PR_SET_DUMPABLE, 1, "dumpable")
    sys_.prctl(sys_.PR_SET_NO_NEW_PRIVS, 1, "no_new_privs")
    for folder in folders:
        if not os.access(folder, os.R_OK | os.X_OK):
            raise PermissionError(f"submissions don't run as root and can't read {folder}: chmod -R o+rX {folder}")


def settle(limits: Limits, account: tuple[int, int], folders: list[str]) -> None:
    """Steps 1 to 3 in the init process of the new namespaces, before a byte of the assignment is there.

    Args:
        account: the server's user and group, which inside appear as the student's.
        folders: what must stay in sight even where it lies in a place that is covered.
    """
    write("/proc/self/setgroups", "deny")
    write("/proc/self/uid_map", f"{STUDENT} {account[0]} 1")
    write("/proc/self/gid_map", f"{STUDENT} {account[1]} 1")
    fresh_file_systems(limits.disk_bytes, folders)
    loopback_up()
    for name, value in SETTINGS.items():
        if os.path.exists(f"/proc/sys/{name}"):  # an older kernel has one setting for the whole machine
            write(f"/proc/sys/{name}", value)
    write("/proc/self/oom_score_adj", "1000")  # where the machine runs short, the kernel takes a submission first
    # Nothing in /proc can be written from here on: not that number either.
    sys_.mount("none", "/proc", flags=sys_.MS_REMOUNT | sys_.MS_BIND | sys_.MS_RDONLY | CAREFUL | sys_.MS_NOEXEC)
    sys_.drop_capabilities()


def fresh_file_systems(size: int, folders: list[str]) -> None:
    """An own /proc, terminals, and one bounded tmpfs behind every writable place."""
    sys_.mount("none", "/", flags=sys_.MS_REC | sys_.MS_PRIVATE)
    sys_.mount("proc", "/proc", "proc", CAREFUL | sys_.MS_NOEXEC)
    terminals = f"newinstance,ptmxmode=0666,mode=620,max={TERMINALS}"
    sys_.mount("devpts", "/dev/pts", "devpts", sys_.MS_NOSUID | sys_.MS_NOEXEC, terminals)
    sys_.mount("tmpfs", STAGE, "tmpfs", CAREFUL, f"size={size},nr_inodes={max(FILES, size // INODE)},mode=755")
    for name, place in WRITABLE.items():
        os.mkdir(f"{STAGE}/{name}")
        for folder in folders:
            if folder.startswith(place + "/"):  # a Python installed in /tmp
                os.makedirs(STAGE + "/" + name + folder.removeprefix(place))
                sys_.mount(folder, STAGE + "/" + name + folder.removeprefix(place), flags=sys_.MS_BIND | sys_.MS_REC)
        sys_.mount(f"{STAGE}/{name}", place, flags=sys_.MS_BIND | sys_.MS_REC)
    sys_.detach(STAGE)
    sys_.mount("none", PLACE, flags=sys_.MS_REMOUNT | sys_.MS_BIND | sys_.MS_RDONLY | CAREFUL)


def loopback_up() -> None:
    """Start the own, otherwise empty network: libraries talk to themselves over 127.0.0.1."""
    up, flags = 0x8914, 0x49  # SIOCSIFFLAGS; IFF_UP | IFF_LOOPBACK | IFF_RUNNING
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as control:
        fcntl.ioctl(control, up, struct.pack("16sh14x", b"lo", flags))


def confine(limits: Limits, *, sandboxed: bool, counted: bool = False) -> None:
    """Steps 3 and 4: what the student's code can't raise again.

    Args:
        counted: whether a control group counts memory that belongs to no process.
    """
    lower(resource.RLIMIT_CORE, 0)
    # Past the first limit comes a signal that names the reason; who ignores that is killed past the second.
    resource.setrlimit(resource.RLIMIT_CPU, (limits.cpu_seconds, limits.cpu_seconds + 1))
    lower(resource.RLIMIT_FSIZE, limits.file_bytes)
    lower(resource.RLIMIT_DATA, limits.memory_bytes + data_bytes())
    if sandboxed:  # counted in the user namespace; without one it would count every process of the account
        lower(resource.RLIMIT_NPROC, limits.processes)
        for kind, value in KERNEL.items():
            lower(kind, value)
        inside_seccomp.install(shared=counted)


def lower(kind: int, value: int) -> None:
    """Set a limit for good, or keep a lower one that is set already."""
    _, hard = resource.getrlimit(kind)
    value = value if hard == resource.RLIM_INFINITY else min(value, hard)
    resource.setrlimit(kind, (value, value))


def data_bytes() -> int:
    """Private memory that this process, a copy of the server, holds already."""
    try:
        with open("/proc/self/statm") as file:
            return int(file.read().split()[5]) * resource.getpagesize()
    except OSError:  # no /proc: not Linux
        return 0


def write(path: str, text: str) -> None:
    """Write to a file of the kernel's, in one call."""
    with open(path, "w") as file:
        file.write(text)
