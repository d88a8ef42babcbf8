"""Which calls the system refuses a child: sockets, tracing, mounts, keys, new namespaces, and on demand processes.

A filter of system calls in the system's own small machine (seccomp BPF); it holds for C code too, and for good.
"""

from __future__ import annotations

import ctypes
import errno
import struct

from llmos_nb.tools.devices.child.sandbox.libc import MACHINE, no_new_privileges, prctl

_FILTER, _SECCOMP = 2, 22
_ALLOW, _KILL, _ERRNO = 0x7FFF0000, 0x80000000, 0x00050000
_LOAD, _EQUAL, _AT_LEAST, _BITS, _RETURN = 0x20, 0x15, 0x35, 0x45, 0x06
_NUMBER, _ARCH, _FIRST = 0, 4, 16  # offsets in what the filter sees
_NEW_SPACES, _THREAD = 0x7E020000, 0x10000
_X32 = 0x40000000

ARCHES = {"x86_64": 0xC000003E, "aarch64": 0xC00000B7}
# By name: the number on x86_64 and on aarch64; from 424 on they are the same everywhere.
_REFUSED = {
    "socket": (41, 198), "ptrace": (101, 117), "process_vm_readv": (310, 270), "process_vm_writev": (311, 271),
    "mount": (165, 40), "umount2": (166, 39), "pivot_root": (155, 41), "chroot": (161, 51), "bpf": (321, 280),
    "perf_event_open": (298, 241), "keyctl": (250, 219), "add_key": (248, 217), "request_key": (249, 218),
    "userfaultfd": (323, 282), "unshare": (272, 97), "setns": (308, 268), "kexec_load": (246, 104),
    "kexec_file_load": (320, 294), "init_module": (175, 105), "finit_module": (313, 273), "delete_module": (176, 106),
    "reboot": (169, 142), "swapon": (167, 224), "swapoff": (168, 225), "quotactl": (179, 60), "acct": (163, 89),
    "open_by_handle_at": (304, 265), "name_to_handle_at": (303, 264), "fanotify_init": (300, 262),
    "settimeofday": (164, 170), "clock_settime": (227, 112), "adjtimex": (159, 171), "clock_adjtime": (305, 266),
    "syslog": (103, 116), "personality": (135, 92), "kcmp": (312, 272), "sethostname": (170, 161),
    "setdomainname": (171, 162), "shmget": (29, 194), "msgget": (68, 186), "semget": (64, 190), "mq_open": (240, 180),
    "memfd_create": (319, 279), "iopl": (172, None), "ioperm": (173, None), "vhangup": (153, 58),
    **{name: (n, n) for name, n in (
        ("pidfd_open", 434), ("io_uring_setup", 425), ("io_uring_enter", 426), ("io_uring_register", 427),
        ("open_tree", 428), ("move_mount", 429), ("fsopen", 430), ("fsconfig", 431), ("fsmount", 432), ("fspick", 433),
        ("pidfd_getfd", 438), ("process_madvise", 440), ("mount_setattr", 442), ("quotactl_fd", 443),
        ("memfd_secret", 447),
    )},
}  # fmt: skip
# What says something about files, of which Landlock knows nothing: refused where mounts cannot be made read-only.
_ABOUT_FILES = {
    "chmod": (90, None), "fchmod": (91, 52), "fchmodat": (268, 53), "fchmodat2": (452, 452), "chown": (92, None),
    "fchown": (93, 55), "lchown": (94, None), "fchownat": (260, 54), "utime": (132, None), "utimes": (235, None),
    "futimesat": (261, None), "utimensat": (280, 88), "setxattr": (188, 5), "lsetxattr": (189, 6),
    "fsetxattr": (190, 7), "removexattr": (197, 14), "lremovexattr": (198, 15), "fremovexattr": (199, 16),
}  # fmt: skip
# What changes files, signals others, or starts another program; an `open` for writing is told by its flags.
_ACTS = {
    "creat": (85, None), "unlink": (87, None), "unlinkat": (263, 35), "rename": (82, None), "renameat": (264, 38),
    "renameat2": (316, 276), "mkdir": (83, None), "mkdirat": (258, 34), "rmdir": (84, None), "link": (86, None),
    "linkat": (265, 37), "symlink": (88, None), "symlinkat": (266, 36), "mknod": (133, None), "mknodat": (259, 33),
    "truncate": (76, 45), "kill": (62, 129), "tkill": (200, 130), "shmat": (30, 196), "execve": (59, 221),
    "execveat": (322, 281), "pidfd_send_signal": (424, 424), "openat2": (437, 437),
}  # fmt: skip
_OPENS = (("open", (2, None), 1), ("openat", (257, 56), 2))  # with the place of the flags among the arguments
_WRITING = 0o1 | 0o2 | 0o100 | 0o1000 | 0o2000  # for writing, both; create, truncate, append: the same on both
_STARTS = {"fork": (57, None), "vfork": (58, None), "execve": (59, 221), "execveat": (322, 281)}
_CLONE, _CLONE3 = {"x86_64": 56, "aarch64": 220}, 435


class _Program(ctypes.Structure):
    _fields_ = (("length", ctypes.c_ushort), ("code", ctypes.c_char_p))


def program(machine: str, *, processes: bool, about_files: bool, acts: bool = True) -> list[tuple[int, int, int, int]]:
    """Write the filter.

    Parameters
    ----------
    machine : str
        ``x86_64`` or ``aarch64``.
    processes : bool
        Whether new processes may be started; threads always may.
    about_files : bool
        Whether owner, mode, times and attributes of files may be changed.
    acts : bool
        Whether files may be written, others be signalled and programs be started.

    Returns
    -------
    list of (code, if true, if false, operand)
        Instructions; the last three allow, refuse, and say that there is no such call.
    """
    column = list(ARCHES).index(machine)
    named = {**_REFUSED, **({} if processes else _STARTS), **({} if about_files else _ABOUT_FILES)}
    named |= {} if acts else _ACTS
    numbers = sorted({n for pair in named.values() if (n := pair[column]) is not None})
    # clone: new namespaces never; without processes only threads. clone3 hides its flags, so that the C library
    # is told to fall back on clone.
    tail = [(_LOAD, 0, 0, _FIRST), (_BITS, -1, 0, _NEW_SPACES)]
    tail += [] if processes else [(_BITS, 0, -1, _THREAD)]
    body: list[tuple[int, int, int, int]] = [(_EQUAL, -1, 0, n) for n in numbers]
    for _, numbers_of, place in () if acts else _OPENS:
        if (number := numbers_of[column]) is not None:
            body += [(_EQUAL, 0, 2, number), (_LOAD, 0, 0, _FIRST + 8 * place), (_BITS, -1, -2, _WRITING)]
    body += [(_EQUAL, -3, 0, _CLONE3), (_EQUAL, 0, -2, _CLONE[machine]), *tail]
    if machine == "x86_64":
        body.insert(0, (_AT_LEAST, -1, 0, _X32))
    ours = [(_LOAD, 0, 0, _ARCH), (_EQUAL, 1, 0, ARCHES[machine]), (_RETURN, 0, 0, _KILL)]
    head = [*ours, (_LOAD, 0, 0, _NUMBER)]
    ends = {-2: 0, -1: 1, -3: 2}  # how far behind the body each way out stands
    made = [
        (code, *(len(body) - i - 1 + ends[way] if way < 0 else way for way in (yes, no)), operand)
        for i, (code, yes, no, operand) in enumerate(body)
    ]
    outs = (_ALLOW, _ERRNO | errno.EPERM, _ERRNO | errno.ENOSYS)
    return [*head, *made, *((_RETURN, 0, 0, out) for out in outs)]  # type: ignore[list-item]


def refuse(*, processes: bool, about_files: bool, acts: bool = True) -> None:
    """Refuse these calls to this process and all that it starts; what may be said is as in `program`.

    Raises
    ------
    OSError
        The system has no such filters, or this machine's numbers are not known.
    """
    if MACHINE not in ARCHES:
        raise OSError(errno.ENOSYS, f"the system calls of {MACHINE} are not known here")
    lines = program(MACHINE, processes=processes, about_files=about_files, acts=acts)
    code = b"".join(struct.pack("=HBBI", *line) for line in lines)
    no_new_privileges()
    prctl(_SECCOMP, _FILTER, ctypes.byref(_Program(len(code) // 8, code)))
