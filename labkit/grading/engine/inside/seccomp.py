"""A filter of system calls for student code: what namespaces don't cover, and what no notebook needs.

Written as classic BPF by hand, for two architectures; a call on the list gets an error, never a signal, so that
an honest library that tries one falls back as on an older kernel. Reasons stand beside the groups.
"""

import ctypes
import errno
import platform
import struct

from labkit.grading.engine.inside.syscalls import PR_SET_SECCOMP, prctl

AUDIT_ARCH = {"x86_64": 0xC000003E, "aarch64": 0xC00000B7}
COLUMN = {"x86_64": 0, "aarch64": 1}

# Numbers of a call on x86-64 and on arm64.
REFUSED: dict[int, dict[str, tuple[int, int]]] = {
    errno.EPERM: {
        # Looking into or steering another process.
        "ptrace": (101, 117), "process_vm_readv": (310, 270), "process_vm_writev": (311, 271),
        "process_madvise": (440, 440), "kcmp": (312, 272), "pidfd_getfd": (438, 438),
        # New namespaces and mounts: with them come capabilities, and most of the kernel's attack surface.
        "unshare": (272, 97), "setns": (308, 268), "mount": (165, 40), "umount2": (166, 39),
        "pivot_root": (155, 41), "move_mount": (429, 429), "open_tree": (428, 428), "fsopen": (430, 430),
        "fsconfig": (431, 431), "fsmount": (432, 432), "fspick": (433, 433), "mount_setattr": (442, 442),
        "open_tree_attr": (467, 467), "chroot": (161, 51),
        "name_to_handle_at": (303, 264), "open_by_handle_at": (304, 265),
        # Keyrings outlive a submission: the session keyring is the fork server's.
        "add_key": (248, 217), "request_key": (249, 218), "keyctl": (250, 219),
        # Kernel machinery with a history of holes.
        "bpf": (321, 280), "perf_event_open": (298, 241), "userfaultfd": (323, 282), "personality": (135, 92),
        "io_uring_setup": (425, 425), "io_uring_enter": (426, 426), "io_uring_register": (427, 427),
        "syslog": (103, 116), "fanotify_init": (300, 262),
    },
    errno.ENOSYS: {
        # Memory that belongs to no process and no file system, so that no limit here counts it.
        "memfd_create": (319, 279), "memfd_secret": (447, 447), "shmget": (29, 194), "semget": (64, 190),
        "msgget": (68, 186), "mq_open": (240, 180), "io_setup": (206, 0), "landlock_create_ruleset": (444, 444),
        "landlock_add_rule": (445, 445), "landlock_restrict_self": (446, 446),
        # What is handed on without a copy stays where it was, whole pages for a single byte, when its owner is gone.
        "vmsplice": (278, 75), "splice": (275, 76), "tee": (276, 77), "sendfile": (40, 71),
        # They tell where on this machine the folders lie that are let in.
        "statmount": (457, 457), "listmount": (458, 458),
        # Its flags lie in memory, where a filter can't look; glibc falls back to clone.
        "clone3": (435, 435),
    },
}  # fmt: skip
CLONE, SOCKET, IOCTL = (56, 220), (41, 198), (16, 29)
MMAP, FCNTL, SETSOCKOPT = (9, 222), (72, 25), (54, 208)
CLONE_NEW = 0x7E020000  # every CLONE_NEW* flag
FAMILIES = (1, 2, 10, 16)  # unix, IPv4, IPv6, netlink. AF_VSOCK reaches a virtual machine's host past any network
# namespace, so what is not known to be confined by one is refused.
TIOCSTI, TIOCLINUX = 0x5412, 0x541C  # typing into somebody else's terminal
MAP_SHARED, MAP_ANONYMOUS, MAP_HUGETLB = 0x1, 0x20, 0x40000
F_SETPIPE_SZ = 1031
SOL_SOCKET = 1
BUFFERS = (7, 8)  # SO_SNDBUF, SO_RCVBUF

LOAD, EQUAL, AT_LEAST, ANY_BIT, RETURN = 0x20, 0x15, 0x35, 0x45, 0x06
ALLOW, KILL, ERRNO = 0x7FFF0000, 0x80000000, 0x00050000
# Offsets in struct seccomp_data: the low words of little-endian arguments.
NUMBER, ARCH, FIRST, SECOND, THIRD, FOURTH = 0, 4, 16, 24, 32, 40

Instruction = tuple[int, int, int, int]


def give(action: int) -> Instruction:
    """An instruction that ends the filter."""
    return (RETURN, 0, 0, action)


def rule(number: int, where: int, tests: list[tuple[int, int]], action: int) -> list[Instruction]:
    """For a call of this number: load an argument; end with ``action`` if a test (a comparison, a value) holds, else
    allow the call.
    """
    body: list[Instruction] = [(LOAD, 0, 0, where)]
    body += [(kind, len(tests) - i, 0, value) for i, (kind, value) in enumerate(tests)]
    return [(EQUAL, 0, len(body) + 2, number), *body, give(ALLOW), give(action)]


def program(machine: str, *, shared: bool = True) -> list[Instruction]:
    """The filter for ``machine``.

    Args:
        shared: allow memory that processes share and that is no file's. Who has it can be seen only as long as it is
            mapped, so that nothing but a control group counts it.

    Raises:
        KeyError: if there is none for this architecture.
    """
    column = COLUMN[machine]
    refuse = ERRNO | errno.EPERM
    code: list[Instruction] = [(LOAD, 0, 0, ARCH), (EQUAL, 1, 0, AUDIT_ARCH[machine]), give(KILL)]
    code.append((LOAD, 0, 0, NUMBER))
    if machine == "x86_64":  # the x32 numbers would be a second door to every call
        code += [(AT_LEAST, 0, 1, 0x40000000), give(refuse)]
    for number, calls in REFUSED.items():
        for columns in calls.values():
            code += [(EQUAL, 0, 1, columns[column]), give(ERRNO | number)]
    code += rule(CLONE[column], FIRST, [(ANY_BIT, CLONE_NEW)], refuse)
    code += [(EQUAL, 0, len(FAMILIES) + 3, SOCKET[column]), (LOAD, 0, 0, FIRST)]
    code += [(EQUAL, len(FAMILIES) - i, 0, family) for i, family in enumerate(FAMILIES)]
    code += [give(ERRNO | errno.EAFNOSUPPORT), give(ALLOW)]
    code += rule(IOCTL[column], SECOND, [(EQUAL, TIOCSTI), (EQUAL, TIOCLINUX)], refuse)
    code += rule(FCNTL[column], SECOND, [(EQUAL, F_SETPIPE_SZ)], refuse)
    code += buffers(SETSOCKOPT[column])
    code += mappings(MMAP[column], shared)
    return [*code, give(ALLOW)]


def buffers(number: int) -> list[Instruction]:
    """A socket's buffers stay as they are; who asks for others is told that all went well, as elsewhere."""
    body = [(LOAD, 0, 0, SECOND), (EQUAL, 0, 3, SOL_SOCKET), (LOAD, 0, 0, THIRD)]
    body += [(EQUAL, 2, 0, BUFFERS[0]), (EQUAL, 1, 0, BUFFERS[1])]
    return [(EQUAL, 0, len(body) + 2, number), *body, give(ALLOW), give(ERRNO)]


def mappings(number: int, shared: bool) -> list[Instruction]:
    """No huge pages that were set aside for others; without ``shared``, no anonymous memory that is."""
    body = [(LOAD, 0, 0, FOURTH), (ANY_BIT, 1 if shared else 3, 0, MAP_HUGETLB)]
    body += [] if shared else [(ANY_BIT, 0, 1, MAP_ANONYMOUS), (ANY_BIT, 1, 0, MAP_SHARED)]
    return [(EQUAL, 0, len(body) + 2, number), *body, give(ALLOW), give(ERRNO | errno.EPERM)]


def install(*, shared: bool) -> None:
    """Put the filter on this process and all it will start. ``no_new_privs`` must be set."""
    instructions = program(platform.machine(), shared=shared)
    packed = b"".join(struct.pack("HBBI", *instruction) for instruction in instructions)
    buffer = ctypes.create_string_buffer(packed, len(packed))
    head = struct.pack("HxxxxxxP", len(instructions), ctypes.addressof(buffer))
    holder = ctypes.create_string_buffer(head, len(head))
    prctl(PR_SET_SECCOMP, 2, "seccomp filter", third=ctypes.addressof(holder))
