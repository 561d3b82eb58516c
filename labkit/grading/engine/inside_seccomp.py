"""A filter of system calls for student code: what namespaces don't cover, and what no notebook needs.

Written as classic BPF by hand, for two architectures; a call on the list gets an error, never a signal, so that
an honest library that tries one falls back as on an older kernel. Reasons stand beside the groups.
"""

import ctypes
import errno
import platform
import struct

from labkit.grading.engine.inside_syscalls import PR_SET_SECCOMP, prctl

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
        "chroot": (161, 51), "name_to_handle_at": (303, 264), "open_by_handle_at": (304, 265),
        # Keyrings outlive a submission: the session keyring is the fork server's.
        "add_key": (248, 217), "request_key": (249, 218), "keyctl": (250, 219),
        # Kernel machinery with a history of holes.
        "bpf": (321, 280), "perf_event_open": (298, 241), "userfaultfd": (323, 282), "personality": (135, 92),
        "io_uring_setup": (425, 425), "io_uring_enter": (426, 426), "io_uring_register": (427, 427),
        "syslog": (103, 116), "fanotify_init": (300, 262),
    },
    # Memory that belongs to no process and no file system, so that no limit here counts it.
    errno.ENOSYS: {
        "memfd_create": (319, 279), "memfd_secret": (447, 447), "shmget": (29, 194),
        # Its flags lie in memory, where a filter can't look; glibc falls back to clone.
        "clone3": (435, 435),
    },
}  # fmt: skip
CLONE, SOCKET, IOCTL = (56, 220), (41, 198), (16, 29)
CLONE_NEW = 0x7E020000  # every CLONE_NEW* flag
FAMILIES = (1, 2, 10, 16)  # unix, IPv4, IPv6, netlink. AF_VSOCK reaches a virtual machine's host past any network
# namespace, so what is not known to be confined by one is refused.
TIOCSTI, TIOCLINUX = 0x5412, 0x541C  # typing into somebody else's terminal

LOAD, EQUAL, AT_LEAST, ANY_BIT, RETURN = 0x20, 0x15, 0x35, 0x45, 0x06
ALLOW, KILL, ERRNO = 0x7FFF0000, 0x80000000, 0x00050000
NUMBER, ARCH, FIRST, SECOND = 0, 4, 16, 24  # offsets in struct seccomp_data, low words of little-endian arguments

Instruction = tuple[int, int, int, int]


def give(action: int) -> Instruction:
    """An instruction that ends the filter."""
    return (RETURN, 0, 0, action)


def program(machine: str) -> list[Instruction]:
    """The filter for ``machine``.

    Raises:
        KeyError: if there is none for this architecture.
    """
    column = COLUMN[machine]
    code: list[Instruction] = [(LOAD, 0, 0, ARCH), (EQUAL, 1, 0, AUDIT_ARCH[machine]), give(KILL)]
    code.append((LOAD, 0, 0, NUMBER))
    if machine == "x86_64":  # the x32 numbers would be a second door to every call
        code += [(AT_LEAST, 0, 1, 0x40000000), give(ERRNO | errno.EPERM)]
    for number, calls in REFUSED.items():
        for columns in calls.values():
            code += [(EQUAL, 0, 1, columns[column]), give(ERRNO | number)]
    code += [(EQUAL, 0, 4, CLONE[column]), (LOAD, 0, 0, FIRST), (ANY_BIT, 0, 1, CLONE_NEW)]
    code += [give(ERRNO | errno.EPERM), give(ALLOW)]
    code += [(EQUAL, 0, len(FAMILIES) + 3, SOCKET[column]), (LOAD, 0, 0, FIRST)]
    code += [(EQUAL, len(FAMILIES) - i, 0, family) for i, family in enumerate(FAMILIES)]
    code += [give(ERRNO | errno.EAFNOSUPPORT), give(ALLOW)]
    code += [(EQUAL, 0, 4, IOCTL[column]), (LOAD, 0, 0, SECOND), (EQUAL, 1, 0, TIOCSTI), (EQUAL, 0, 1, TIOCLINUX)]
    return [*code, give(ERRNO | errno.EPERM), give(ALLOW)]


def install() -> None:
    """Put the filter on this process and all it will start. ``no_new_privs`` must be set."""
    instructions = program(platform.machine())
    packed = b"".join(struct.pack("HBBI", *instruction) for instruction in instructions)
    buffer = ctypes.create_string_buffer(packed, len(packed))
    head = struct.pack("HxxxxxxP", len(instructions), ctypes.addressof(buffer))
    holder = ctypes.create_string_buffer(head, len(head))
    prctl(PR_SET_SECCOMP, 2, "seccomp filter", third=ctypes.addressof(holder))
