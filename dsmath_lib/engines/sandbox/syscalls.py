"""A system-call filter (seccomp): what is not named here, a program may not ask of the kernel.

No network, processes, threads, signals, mounts or tracing in either list. ``FILES`` reaches the file system, and is
added only where the program sees a private one. Runs in the worker: standard library only.
"""

import ctypes
import platform
import struct

# name: number on x86_64, number on aarch64; None: the processor has no such call
COMPUTE = {
    "read": (0, 63),
    "write": (1, 64),
    "close": (3, 57),
    "fstat": (5, 80),
    "poll": (7, None),
    "lseek": (8, 62),
    "mmap": (9, 222),
    "mprotect": (10, 226),
    "munmap": (11, 215),
    "brk": (12, 214),
    "rt_sigaction": (13, 134),
    "rt_sigprocmask": (14, 135),
    "rt_sigreturn": (15, 139),
    "pread64": (17, 67),
    "pwrite64": (18, 68),
    "readv": (19, 65),
    "writev": (20, 66),
    "select": (23, None),
    "sched_yield": (24, 124),
    "mremap": (25, 216),
    "madvise": (28, 233),
    "dup": (32, 23),
    "dup2": (33, None),
    "pause": (34, None),
    "nanosleep": (35, 101),
    "getitimer": (36, 102),
    "alarm": (37, None),
    "setitimer": (38, 103),
    "getpid": (39, 172),
    "exit": (60, 93),
    "uname": (63, 160),
    "getcwd": (79, 17),
    "gettimeofday": (96, 169),
    "getrusage": (98, 165),
    "times": (100, 153),
    "getuid": (102, 174),
    "getgid": (104, 176),
    "geteuid": (107, 175),
    "getegid": (108, 177),
    "getppid": (110, 173),
    "sigaltstack": (131, 132),
    "gettid": (186, 178),
    "time": (201, None),
    "futex": (202, 98),
    "sched_getaffinity": (204, 123),
    "set_tid_address": (218, 96),
    "restart_syscall": (219, 128),
    "clock_gettime": (228, 113),
    "clock_getres": (229, 114),
    "clock_nanosleep": (230, 115),
    "exit_group": (231, 94),
    "pselect6": (270, 72),
    "ppoll": (271, 73),
    "set_robust_list": (273, 99),
    "dup3": (292, 24),
    "getrandom": (318, 278),
    "membarrier": (324, 283),
    "rseq": (334, 293),
}
FILES = {
    "open": (2, None),
    "stat": (4, None),
    "lstat": (6, None),
    "access": (21, None),
    "sendfile": (40, 71),
    "ftruncate": (77, 46),
    "fsync": (74, 82),
    "chdir": (80, 49),
    "rename": (82, None),
    "mkdir": (83, None),
    "rmdir": (84, None),
    "unlink": (87, None),
    "symlink": (88, None),
    "readlink": (89, None),
    "umask": (95, 166),
    "getdents64": (217, 61),
    "fadvise64": (221, 223),
    "openat": (257, 56),
    "mkdirat": (258, 34),
    "newfstatat": (262, 79),
    "unlinkat": (263, 35),
    "renameat": (264, 38),
    "symlinkat": (266, 36),
    "readlinkat": (267, 78),
    "faccessat": (269, 48),
    "renameat2": (316, 276),
    "statx": (332, 291),
    "faccessat2": (439, 439),
}
# allowed for some values of one argument: numbers, which argument, values
CHECKED = {
    "prlimit64": ((302, 261), 0, (0,)),  # only on the caller itself
    "fcntl": ((72, 25), 1, (0, 1, 2, 3, 1030)),  # F_DUPFD … F_GETFL; F_SETOWN would send signals
}
# processor: column above, the kernel's code for it (AUDIT_ARCH_*)
PROCESSORS = {"x86_64": (0, 0xC000003E), "aarch64": (1, 0xC00000B7), "arm64": (1, 0xC00000B7)}

ALLOW, KILL, REFUSE = 0x7FFF0000, 0x80000000, 0x00050001  # the last: errno EPERM
LOAD, EQUAL, RETURN = 0x20, 0x15, 0x06
_NUMBER, _ARCH, _ARGS = 0, 4, 16  # offsets in struct seccomp_data; low word first


def available() -> bool:
    """Has the filter a list for this processor, and does the kernel know filters?"""
    if platform.system() != "Linux" or platform.machine() not in PROCESSORS:
        return False
    return ctypes.CDLL(None).prctl(21, 0, 0, 0, 0) >= 0  # PR_GET_SECCOMP


def filter_program(files: bool, machine: str = "") -> list[tuple[int, int, int, int]]:
    """The filter as BPF instructions ``(code, jump if true, jump if false, value)``."""
    column, arch = PROCESSORS[machine or platform.machine()]
    names = COMPUTE | (FILES if files else {})
    out = [(LOAD, 0, 0, _ARCH), (EQUAL, 1, 0, arch), (RETURN, 0, 0, KILL), (LOAD, 0, 0, _NUMBER)]
    for numbers in names.values():
        if numbers[column] is not None:
            out += [(EQUAL, 0, 1, numbers[column]), (RETURN, 0, 0, ALLOW)]
    for numbers, argument, values in CHECKED.values():
        tests = [(EQUAL, len(values) - i, 0, v) for i, v in enumerate(values)]
        out += [(EQUAL, 0, len(values) + 3, numbers[column]), (LOAD, 0, 0, _ARGS + 8 * argument)]
        out += [*tests, (RETURN, 0, 0, REFUSE), (RETURN, 0, 0, ALLOW)]
    out.append((RETURN, 0, 0, REFUSE))
    return out


def install_filter(files: bool) -> None:
    """Filter this process from here on; it cannot be undone. Needs ``no_new_privs`` or privileges.

    Raises:
        OSError: the kernel refuses the filter.
    """
    code = b"".join(struct.pack("<HBBI", *i) for i in filter_program(files))
    buffer = ctypes.create_string_buffer(code, len(code))

    class Program(ctypes.Structure):
        _fields_ = (("length", ctypes.c_ushort), ("filter", ctypes.c_void_p))

    whole = Program(len(code) // 8, ctypes.addressof(buffer))
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.prctl(22, 2, ctypes.byref(whole), 0, 0):  # PR_SET_SECCOMP, SECCOMP_MODE_FILTER
        raise OSError(ctypes.get_errno(), "seccomp filter")
