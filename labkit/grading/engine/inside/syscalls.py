"""The few system calls that Python has no name for. Linux only; imported only where a sandbox is made."""

import ctypes
import os
import platform
import struct
import threading

# PyDLL keeps Python's lock during the call: a clone must not return into a child whose lock somebody else holds.
LIBC = ctypes.PyDLL(None, use_errno=True)

NEW_NAMESPACES = {
    "user": 0x10000000,
    "pid": 0x20000000,
    "mount": 0x00020000,
    "net": 0x40000000,
    "ipc": 0x08000000,
    "uts": 0x04000000,
    "cgroup": 0x02000000,
}
MS_RDONLY, MS_NOSUID, MS_NODEV, MS_NOEXEC, MS_REMOUNT, MS_BIND, MS_REC, MS_PRIVATE = (
    1,
    2,
    4,
    8,
    32,
    4096,
    16384,
    1 << 18,
)
MNT_DETACH = 2
PR_SET_DUMPABLE, PR_CAPBSET_DROP, PR_SET_NO_NEW_PRIVS, PR_SET_SECCOMP, PR_CAP_AMBIENT = 4, 24, 38, 22, 47
PR_CAP_AMBIENT_CLEAR_ALL = 4
PR_GET_TID_ADDRESS = 40
CLONE_CHILD_SETTID = 0x01000000
SYS_CLONE = {"x86_64": 56, "aarch64": 220}
SYS_CAPSET = {"x86_64": 126, "aarch64": 91}
CAPABILITY_VERSION_3 = 0x20080522
SIGCHLD = 17


def checked(result: int, what: str) -> int:
    """The result of a call.

    Raises:
        OSError: saying what failed.
    """
    if result < 0:
        number = ctypes.get_errno()
        raise OSError(number, f"{what}: {os.strerror(number)}")
    return result


def mount(source: str, target: str, kind: str = "", flags: int = 0, options: str = "") -> None:
    """mount(2)."""
    arguments = (source.encode(), target.encode(), kind.encode() or None, ctypes.c_ulong(flags), options.encode())
    checked(LIBC.mount(*arguments), f"mount {kind or source} on {target}")


def detach(target: str) -> None:
    """umount2(2) of a mount that stays where it is bound elsewhere."""
    checked(LIBC.umount2(target.encode(), MNT_DETACH), f"unmount {target}")


def prctl(option: int, value: int, what: str, third: int = 0) -> int:
    """prctl(2)."""
    arguments = [ctypes.c_ulong(n) for n in (value, third, 0, 0)]
    return checked(LIBC.prctl(option, *arguments), what)


def fork_into_namespaces() -> int:
    """Fork a child that is init of its own namespaces of every kind: 0 in the child, its pid in the parent.

    One clone does what unshare and a second fork would do, and copies this process's page tables once instead
    of twice. glibc's fork would refresh the thread id it caches, which the kernel does here where it knows the place;
    else that stays 1, which is right where parent and child are both the first process of their namespace.
    """
    place = thread_number()
    flags = sum(NEW_NAMESPACES.values()) | SIGCHLD | (CLONE_CHILD_SETTID if place else 0)
    last = (ctypes.c_void_p(place), None) if platform.machine() == "x86_64" else (None, ctypes.c_void_p(place))
    ctypes.pythonapi.PyOS_BeforeFork()
    pid = LIBC.syscall(SYS_CLONE[platform.machine()], ctypes.c_ulong(flags), None, None, *last)
    number = ctypes.get_errno()
    if pid == 0:
        ctypes.pythonapi.PyOS_AfterFork_Child()
        return 0
    ctypes.pythonapi.PyOS_AfterFork_Parent()
    ctypes.set_errno(number)
    return checked(pid, "clone into new namespaces")


def thread_number() -> int:
    """The address at which the C library caches this thread's number; 0 where the kernel doesn't tell it."""
    place = ctypes.c_void_p()
    if LIBC.prctl(PR_GET_TID_ADDRESS, ctypes.byref(place), None, None, None) or not place.value:
        return 0
    return place.value if ctypes.c_int.from_address(place.value).value == threading.get_native_id() else 0


def use_huge_pages() -> None:
    """Gather this process's memory in pages of 2 MiB, as far as the kernel does that: a fork copies the table
    of pages, which is then 512 times shorter, and takes a quarter of the time.
    """
    huge, advise, collapse = 1 << 21, 14, 25
    try:
        with open("/proc/self/maps") as file:
            lines = [line.split() for line in file]
    except OSError:
        return  # not Linux
    for words in lines:
        if words[1] == "rw-p" and (len(words) == 5 or words[5] == "[heap]"):
            low, high = (int(word, 16) for word in words[0].split("-"))
            low, high = -(-low // huge) * huge, high // huge * huge
            if low < high:  # a refusal, as by kernels before 6.1, leaves all as it was
                for advice in (advise, collapse):
                    LIBC.madvise(ctypes.c_void_p(low), ctypes.c_size_t(high - low), advice)


def drop_capabilities() -> None:
    """Give up every capability, and the means to get one back by starting a program."""
    with open("/proc/sys/kernel/cap_last_cap") as file:
        last = int(file.read())
    for capability in range(last + 1):
        prctl(PR_CAPBSET_DROP, capability, "drop from the bounding set")
    prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_CLEAR_ALL, "clear the ambient set")
    header, none = struct.pack("Ii", CAPABILITY_VERSION_3, 0), bytes(24)
    checked(LIBC.syscall(SYS_CAPSET[platform.machine()], header, none), "capset")
    prctl(PR_SET_NO_NEW_PRIVS, 1, "no_new_privs")
