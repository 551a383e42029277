"""Walls around a program, from the outside in: namespaces, a private root, a user without rights, limits, the filter.

Runs in the worker: standard library only, Linux only. Two strengths:

- *namespaces*: own network (none), own processes, own file system (read-only Python, an empty directory in memory).
- *filter only*, where the system gives no namespaces: no file can be opened at all, so modules are imported before.
"""

import ctypes
import os
import resource
import signal
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path

import syscalls

NOBODY = 65534
DISK = "size=16m,nr_inodes=512,mode=0777"  # of the empty directory; it is memory
HOME = "/program"
CLONE_NEWNS, CLONE_NEWUTS, CLONE_NEWIPC = 0x20000, 0x4000000, 0x8000000
CLONE_NEWUSER, CLONE_NEWPID, CLONE_NEWNET = 0x10000000, 0x20000000, 0x40000000
MS_RDONLY, MS_NOSUID, MS_NODEV, MS_REMOUNT, MS_BIND, MS_REC = 1, 2, 4, 32, 4096, 16384
MS_PRIVATE, MS_RELATIME = 1 << 18, 1 << 21
PIVOT_ROOT = {"x86_64": 155}  # 41 on the generic table
PR_SET_PDEATHSIG, PR_SET_DUMPABLE, PR_CAPBSET_DROP, PR_SET_NO_NEW_PRIVS = 1, 4, 24, 38

libc = ctypes.CDLL(None, use_errno=True)


def _check(result: int, what: str) -> None:
    if result < 0:
        err = ctypes.get_errno()
        raise OSError(err, f"{what}: {os.strerror(err)}")


def unshare(flags: int, what: str) -> None:
    """Leave the shared namespaces of ``flags``.

    Raises:
        OSError: the system does not allow it; names ``what``.
    """
    _check(libc.unshare(flags), what)


def mount(source: str, target: str, kind: str, flags: int, options: str = "") -> None:
    """The system call of this name.

    Raises:
        OSError: the system does not allow it; names the target.
    """
    args = (x.encode() or None for x in (source, target, kind))
    _check(libc.mount(*args, ctypes.c_ulong(flags), options.encode() or None), f"mount {target}")


# -- once per worker -------------------------------------------------------------------------------------------------
def enter_namespaces() -> None:
    """Own mounts, network, host name and System V objects; as a plain user inside an own user namespace.

    Raises:
        OSError: the system does not allow it.
    """
    flags = CLONE_NEWNS | CLONE_NEWNET | CLONE_NEWIPC | CLONE_NEWUTS
    if libc.unshare(flags) == 0:
        return
    uid, gid = os.getuid(), os.getgid()
    unshare(flags | CLONE_NEWUSER, "network and user namespaces")
    Path("/proc/self/setgroups").write_text("deny")
    Path("/proc/self/uid_map").write_text(f"{NOBODY} {uid} 1")
    Path("/proc/self/gid_map").write_text(f"{NOBODY} {gid} 1")


def private_root(point: str, folders: Sequence[str]) -> None:
    """Make ``folders``, read-only, all that can be seen of the file system. ``point``: an empty directory.

    Raises:
        OSError: the system does not allow it.
    """
    mount("", "/", "", MS_REC | MS_PRIVATE)
    mount("tmpfs", point, "tmpfs", MS_NOSUID | MS_NODEV, "size=1m,mode=0755")
    for folder in folders:
        inside = point + folder
        if os.path.islink(folder):  # /lib is often a link to usr/lib
            os.makedirs(os.path.dirname(inside), exist_ok=True)
            os.symlink(os.readlink(folder), inside)
            continue
        os.makedirs(inside, exist_ok=True)
        try:
            mount(folder, inside, "", MS_BIND)
        except OSError:  # a user namespace may not hide what is mounted below
            mount(folder, inside, "", MS_BIND | MS_REC)
        mount("", inside, "", MS_REMOUNT | MS_BIND | MS_RDONLY | _mount_flags(inside))
    os.makedirs(f"{point}/old")
    os.makedirs(point + HOME)
    number = PIVOT_ROOT.get(os.uname().machine, 41)
    _check(libc.syscall(number, point.encode(), f"{point}/old".encode()), "pivot_root")
    os.chdir("/")
    _check(libc.umount2(b"/old", 2), "unmount the old root")  # MNT_DETACH
    os.rmdir("/old")
    mount("", "/", "", MS_REMOUNT | MS_RDONLY | MS_NOSUID | MS_NODEV, "size=1m,mode=0755")


def _mount_flags(path: str) -> int:
    """Flags a read-only remount must repeat: a user namespace may not drop them."""
    have = os.statvfs(path).f_flag
    return have & (2 | 4 | 8 | 1024 | 2048) | (MS_RELATIME if have & 4096 else 0)


# -- once per program ------------------------------------------------------------------------------------------------
def own_processes() -> None:
    """The next child is process 1 of a new process namespace, and finds an empty directory at ``HOME``.

    Raises:
        OSError: the system does not allow it.
    """
    unshare(CLONE_NEWPID | CLONE_NEWNS, "process namespace")
    mount("tmpfs", HOME, "tmpfs", MS_NOSUID | MS_NODEV, DISK)


def die_with_parent() -> None:
    """Have the kernel kill this process when its parent ends."""
    libc.prctl(PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)


def set_limits(memory: int, cpu_s: int) -> None:
    """Hard limits: bytes of address space, seconds of processor, file size, open files, processes, no core dump."""
    for what, value in (
        (resource.RLIMIT_AS, memory),
        (resource.RLIMIT_CPU, cpu_s),
        (resource.RLIMIT_FSIZE, 8 << 20),
        (resource.RLIMIT_NOFILE, 64),
        (resource.RLIMIT_NPROC, 1),
        (resource.RLIMIT_CORE, 0),
        (resource.RLIMIT_MEMLOCK, 0),
        (resource.RLIMIT_MSGQUEUE, 0),
    ):
        resource.setrlimit(what, (value, value))


def give_up_rights() -> None:
    """No capabilities, none to be had again, and not root either, where the system knows another user.

    Raises:
        OSError: still with capabilities.
    """
    if os.getuid() == 0:
        # a container may know no other user; root without capabilities is no one, too
        with suppress(OSError):
            os.setgroups([])
            os.setresgid(NOBODY, NOBODY, NOBODY)
            os.setresuid(NOBODY, NOBODY, NOBODY)
    for capability in range(64):
        if libc.prctl(PR_CAPBSET_DROP, capability, 0, 0, 0) < 0:
            break  # past the last one, or not allowed, and then there is none
    header = (ctypes.c_uint32 * 2)(0x20080522, 0)  # version 3, this process
    _check(libc.capset(header, (ctypes.c_uint32 * 6)()), "drop capabilities")
    _check(libc.prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0), "no_new_privs")
    libc.prctl(PR_SET_DUMPABLE, 0, 0, 0, 0)


def close_walls(files: bool, memory: int, cpu_s: int) -> None:
    """All that a program's own process does before the program starts; ``files``: it has a private file system.

    Raises:
        OSError: a wall could not be put up; the program must not run.
    """
    set_limits(memory, cpu_s)
    give_up_rights()
    die_with_parent()  # after the change of user, which clears it
    syscalls.install_filter(files)
