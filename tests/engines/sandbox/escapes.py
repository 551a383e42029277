"""Programs that try to get out, or to take the machine down. @DIR@ is a folder of the host, @PORT@ an open port of it.

Each of ``ESCAPES`` gets ``print("ESCAPED")`` appended: that line must never be reached. ``@NAMES@``: see ``fill``.
"""

CONNECT = (
    "import socket\ns = socket.create_connection(('127.0.0.1', @PORT@), timeout=1)\ns.send(b'x')"
)
LIBC = "import ctypes\nlibc = ctypes.CDLL(None)\n"
FIRST = "def check(n):\n    if n < 0: raise OSError\n"

READS = {
    "open": "open('@DIR@/secret').read()",
    "open passwd": "open('/etc/passwd').read()",
    "os.open": "import os\nos.read(os.open('@DIR@/secret', os.O_RDONLY), 9)",
    "pathlib": "from pathlib import Path\nPath('@DIR@/secret').read_text()",
    "FileIO": "import io\nio.FileIO('@DIR@/secret').read()",
    "listdir": "import os\nos.listdir('@DIR@')",
    "scandir": "import os\nlist(os.scandir('@DIR@'))",
    "glob": "import glob\nassert glob.glob('@DIR@/*')",
    "stat": "import os\nos.stat('@DIR@/secret')",
    "linecache": "import linecache\nassert linecache.getline('@DIR@/secret', 1)",
    "dots": "open('../' * 20 + '@DIR@/secret').read()",
    "chdir": "import os\nos.chdir('@DIR@')\nopen('secret').read()",
    "symlink": "import os\nos.symlink('@DIR@/secret', 'l')\nopen('l').read()",
    "hard link": "import os\nos.link('@DIR@/secret', 'l')",
    "proc of the host": "open('/proc/@PID@/environ', 'rb').read()",
    "proc root": "import os\nos.listdir('/proc/1/root')",
    "proc cwd": "open('/proc/@PID@/cwd/secret').read()",
    "proc self environ": "open('/proc/self/environ').read()",
    "proc self mem": "open('/proc/self/mem', 'rb')",
    "proc memory of the host": "open('/proc/@PID@/mem', 'rb')",
    "dev": "open('/dev/mem', 'rb')",
    "dev fd": "open('/dev/fd/0').read()",
    "inherited descriptors": "import os\n"
    "found = []\nfor fd in range(4, 300):\n    try: found.append(os.fstat(fd))\n    except OSError: pass\n"
    "assert found",
    "sqlite": "import sqlite3\nsqlite3.connect('@DIR@/hit').execute('create table t(x)')",
    "numpy file": "import numpy\nnumpy.fromfile('@DIR@/secret', dtype='u1')",
    "sys.path": "import sys\nsys.path.insert(0, '@DIR@')\nimport hostmodule",
    "runpy": "import runpy\nrunpy.run_path('@DIR@/hostmodule.py')",
    "importlib": "from importlib.machinery import SourceFileLoader\n"
    "SourceFileLoader('h', '@DIR@/hostmodule.py').load_module()",
    "environment": "import os\nassert os.environ.get('DSMATH_SECRET')",
    "getenv in C": LIBC
    + "libc.getenv.restype = ctypes.c_char_p\nassert libc.getenv(b'DSMATH_SECRET')",
    "argv": "import sys\nassert len(sys.argv) > 1",
    "input": "input()",
    "stdin": "import sys\nassert sys.stdin.read(1)",
}
WRITES = {
    "write": "open('@DIR@/hit', 'w').write('x')",
    "overwrite": "open('@DIR@/secret', 'w').write('x')",
    "append": "open('@DIR@/secret', 'a').write('x')",
    "truncate": "import os\nos.truncate('@DIR@/secret', 0)",
    "remove": "import os\nos.remove('@DIR@/secret')",
    "rmtree": "import shutil\nshutil.rmtree('@DIR@')",
    "rename": "import os\nos.rename('@DIR@/secret', '@DIR@/hit')",
    "mkdir": "import os\nos.mkdir('@DIR@/hit')",
    "chmod": "import os\nos.chmod('@DIR@/secret', 0o777)",
    "chown": "import os\nos.chown('@DIR@/secret', 0, 0)",
    "utime": "import os\nos.utime('@DIR@/secret', (0, 0))",
    "mkfifo": "import os\nos.mkfifo('hit')",
    "device": "import os\nos.mknod('hit', 0o60600, 0x800)",
    "standard library": "import os\nopen(os.__file__, 'a').write('x')",
    "packages": "import sympy\nopen(sympy.__file__, 'a').write('x')",
    "pth": "import sympy, os\nopen(os.path.dirname(sympy.__file__) + '/../hit.pth', 'w')",
    "temporary file": "import tempfile\ntempfile.NamedTemporaryFile(dir='@DIR@')",
    "tmp": "open('/tmp/dsmath-hit', 'w')",
    "shared memory": "open('/dev/shm/dsmath-hit', 'w')",
    "root folder": "open('/hit', 'w')",
    "logging": "import logging\nlogging.basicConfig(filename='@DIR@/hit')\nlogging.error('x')",
    "zip": "import zipfile\nzipfile.ZipFile('@DIR@/hit', 'w').writestr('a', 'b')",
    "setuid file": "import os\nopen('s', 'w').close()\nos.chmod('s', 0o4755)",
    "descriptor of a folder": "import os\nd = os.open('/', os.O_RDONLY)\n"
    "os.open('hit', os.O_CREAT | os.O_WRONLY, dir_fd=d)",
}
NETWORK = {
    "tcp": CONNECT,
    "udp": "import socket\nsocket.socket(socket.AF_INET, socket.SOCK_DGRAM).sendto(b'x', ('127.0.0.1', @PORT@))",
    "unix": "import socket\nsocket.socket(socket.AF_UNIX).connect('\\0dsmath')",
    "socketpair": "import socket\nsocket.socketpair()",
    "listen": "import socket\nsocket.create_server(('127.0.0.1', 0))",
    "raw": "import socket\nsocket.socket(socket.AF_INET, socket.SOCK_RAW, 1)",
    "netlink": "import socket\nsocket.socket(16, socket.SOCK_RAW, 0)",
    "names": "import socket\nsocket.getaddrinfo('localhost', 80)\nsocket.gethostbyname('localhost')\n"
    + CONNECT,
    "urllib": "import urllib.request\nurllib.request.urlopen('http://127.0.0.1:@PORT@/', timeout=1)",
    "http": "import http.client\nhttp.client.HTTPConnection('127.0.0.1', @PORT@, timeout=1).request('GET', '/')",
    "asyncio": "import asyncio\nasyncio.run(asyncio.open_connection('127.0.0.1', @PORT@))",
    "socket in C": LIBC + "assert libc.socket(2, 1, 0) >= 0",
    "_socket": "import _socket\n_socket.socket(2, 1, 0)",
}
PROCESSES = {
    "system": "import os\nassert os.system('true') == 0",
    "popen": "import os\nassert os.popen('echo hi').read()",
    "subprocess": "import subprocess\nsubprocess.run(['/bin/true'])",
    "shell": "import subprocess\nsubprocess.check_output('echo hi', shell=True)",
    "fork": "import os\nif os.fork() == 0: os._exit(0)",
    "vfork in C": LIBC + "assert libc.fork() >= 0",
    "exec": "import os, sys\nos.execv(sys.executable, [sys.executable, '-c', 'print(\"ESCAPED\")'])",
    "spawn": "import os\nos.posix_spawn('/bin/sh', ['sh', '-c', 'true'], {})",
    "multiprocessing": "import multiprocessing as m\np = m.get_context('fork').Process(target=print)\np.start()",
    "process pool": "from concurrent.futures import ProcessPoolExecutor as P\nP(1).submit(int).result(1)",
    "pty": "import pty\npty.fork()",
    "thread": "import threading\nthreading.Thread(target=print).start()",
    "thread pool": "from concurrent.futures import ThreadPoolExecutor as P\nP(1).submit(int).result(1)",
    "system in C": LIBC + "assert libc.system(b'true') == 0",
    "daemon": "import os\nif os.fork() == 0:\n    os.setsid()\n    if os.fork() == 0:\n"
    "        while True: pass\n    os._exit(0)",
    "kill the parent": "import os, signal\nassert os.getppid() > 0\nos.kill(os.getppid(), signal.SIGKILL)",
    "kill the host": "import os\nos.kill(@PID@, 9)",
    "kill everything": "import os\nos.kill(-1, 9)",
    "kill the group": "import os\nos.killpg(0, 15)",
    "kill in C": LIBC + "assert libc.kill(@PID@, 9) == 0",
    "pidfd": "import os, signal\nsignal.pidfd_send_signal(os.pidfd_open(@PID@), 9)",
    "signal by descriptor": "import fcntl, os\nr, w = os.pipe()\nfcntl.fcntl(r, fcntl.F_SETOWN, @PID@)",
    "limits of the host": "import resource\nresource.prlimit(@PID@, resource.RLIMIT_CPU, (1, 1))",
    "raise its limits": "import resource\nresource.setrlimit(resource.RLIMIT_AS, (-1, -1))\n"
    "x = bytearray(3 << 30)",
    "priority": "import os\nos.setpriority(os.PRIO_PROCESS, @PID@, 19)",
    "affinity": "import os\nos.sched_setaffinity(0, {0})",
}
RIGHTS = {
    "setuid": "import os\nos.setuid(0)",
    "setgroups": "import os\nos.setgroups([0])",
    "chroot": "import os\nos.chroot('.')",
    "unshare": FIRST + LIBC + "check(libc.unshare(0x10000000))",
    "setns": FIRST + LIBC + "check(libc.setns(0, 0))",
    "mount": FIRST + LIBC + "check(libc.mount(b'proc', b'/', b'proc', 0, None))",
    "umount": FIRST + LIBC + "check(libc.umount2(b'/program', 2))",
    "ptrace the host": FIRST + LIBC + "check(libc.ptrace(16, @PID@, 0, 0))",
    "ptrace me": FIRST + LIBC + "check(libc.ptrace(0, 0, 0, 0))",
    "read the host's memory": FIRST + LIBC + "b = ctypes.create_string_buffer(8)\n"
    "v = (ctypes.c_void_p * 2)(ctypes.addressof(b), 8)\ncheck(libc.process_vm_readv(@PID@, v, 1, v, 1, 0))",
    "memfd": "import os\nos.memfd_create('x')",
    "io_uring": FIRST
    + LIBC
    + "p = ctypes.create_string_buffer(256)\ncheck(libc.syscall(425, 4, p))",
    "bpf": FIRST
    + LIBC
    + "p = ctypes.create_string_buffer(256)\ncheck(libc.syscall(321, 0, p, 128))",
    "keys": FIRST + LIBC + "check(libc.syscall(250, 0, -3, 1))",
    "userfaultfd": FIRST + LIBC + "check(libc.syscall(323, 1))",
    "host name": "import socket\nsocket.sethostname('hit')",
    "capabilities": FIRST + LIBC + "h = (ctypes.c_uint32 * 2)(0x20080522, 0)\n"
    "check(libc.capset(h, (ctypes.c_uint32 * 6)(*[0xFFFFFFFF] * 6)))",
    "turn the filter off": FIRST + LIBC + "check(libc.prctl(22, 0, 0, 0, 0))",
    "system V memory": FIRST + LIBC + "check(libc.shmget(0, 4096, 0o1600))",
    "32-bit calls": "import ctypes, mmap\nm = mmap.mmap(-1, 4096, prot=7)\n"
    "m.write(b'\\xb8\\x14\\0\\0\\0\\xcd\\x80\\xc3')\n"  # getpid by the old gate; a filter by number would miss it
    "p = ctypes.addressof(ctypes.c_char.from_buffer(m))\nctypes.CFUNCTYPE(ctypes.c_int)(p)()",
}
LANGUAGE = {
    "subclasses": "for c in ().__class__.__base__.__subclasses__():\n"
    "    if c.__name__ == 'Popen': c(['/bin/true'])\nraise OSError",
    "os by a loaded class": "for c in object.__subclasses__():\n    g = getattr(c.__init__, '__globals__', {})\n"
    "    if 'system' in g: assert g['system']('true') == 0; break\nelse: raise OSError",
    "builtins by a frame": "import sys\nf = sys._getframe()\nwhile f.f_back: f = f.f_back\n"
    "f.f_builtins['open']('@DIR@/secret')",
    "import by name": "assert __import__('os').system('true') == 0",
    "eval": "assert eval(\"__import__('os').system('true')\") == 0",
    "compile": "exec(compile(\"open('@DIR@/secret').read()\", 'x', 'exec'))",
    "pickle": "import pickle\nclass P:\n    def __reduce__(self): return (open, ('@DIR@/secret',))\n"
    "pickle.loads(pickle.dumps(P()))",
    "pickle of system": "import pickle\nassert pickle.loads(b'cos\\nsystem\\n(S\"true\"\\ntR.') == 0",
    "marshal": "import marshal\nexec(marshal.loads(marshal.dumps(compile('open(\"@DIR@/secret\")', 'x', 'exec'))))",
    "yaml": "import yaml\nyaml.unsafe_load('!!python/object/apply:os.getcwd []')\nopen('@DIR@/secret')",
    "sympify": "import sympy\nsympy.sympify(\"open('@DIR@/secret').read()\")",
    "reload": "import importlib, os\nassert importlib.reload(os).system('true') == 0",
    "attribute chain": "assert print.__self__.__import__('os').system('true') == 0",
    "generator frame": "g = (x for x in ())\ng.gi_frame.f_builtins['open']('@DIR@/secret')",
    "format string": "import sys\nopen('{0.modules[os].environ[DSMATH_SECRET]}'.format(sys))",
    "forged reply": "import gc, io\n"
    "found = [o for o in gc.get_objects() if isinstance(o, io.BufferedWriter) and not o.closed and o.fileno() > 3]\n"
    'for o in found:\n    o.write(b\'{"stdout": "ESCAPED", "error": "", "seconds": 0}\\n\'); o.flush()\nassert found',
}
ESCAPES = READS | WRITES | NETWORK | PROCESSES | RIGHTS | LANGUAGE

# must end within the limits and leave nothing behind
BOMBS = {
    "endless loop": "while True: pass",
    "tower": "x = 10 ** 10 ** 8",
    "recursion": "def f(n): return f(n + 1)\nf(0)",
    "list growth": "a = []\nwhile True: a.append('x' * 1000)",
    "string": "'a' * 10 ** 12",
    "output flood": "while True: print('x' * 1000)",
    "one huge line": "print('x' * 10 ** 7)",
    "many empty lines": "while True: print()",
    "int to text": "import math\nprint(math.factorial(10 ** 6))",
    "nested list": "a = []\nfor i in range(10 ** 8): a = [a]",
    "regular expression": "import re\nre.match('(a+)+$', 'a' * 60 + 'b')",
    "catches all": "while True:\n    try:\n        while True: pass\n    except BaseException: pass",
    "dictionary": "d = {}\ni = 0\nwhile True: d[i] = str(i) * 50; i += 1",
    "sort": "a = list(range(10 ** 9))\na.sort()",
    "generator": "sum(1 for _ in iter(int, 1))",
}
SYSTEM_BOMBS = {
    "fork bomb": "import os\nwhile True:\n    try: os.fork()\n    except OSError: pass",
    "thread bomb": "import threading, time\nwhile True:\n"
    "    try: threading.Thread(target=time.sleep, args=(9,)).start()\n    except RuntimeError: pass",
    "sleep": "import time\ntime.sleep(1000)",
    "ignores signals": "import signal\nfor s in range(1, 32):\n    try: signal.signal(s, signal.SIG_IGN)\n"
    "    except (OSError, ValueError): pass\nwhile True: pass",
    "closed output": "import os\nos.close(1); os.close(2); os.close(3)\nwhile True: pass",
    "error flood": "import os\nwhile True: os.write(3, b'x' * 9999)",
    "open files": "import os\na = []\nwhile True: a.append(os.pipe())",
    "mapped memory": "import mmap\na = []\nwhile True: a.append(mmap.mmap(-1, 1 << 24)); a[-1].write(b'x' * (1 << 24))",
    "array": "import numpy\na = []\nwhile True: a.append(numpy.ones(10 ** 7))",
    "sympy": "from sympy import *\nprint(factorint(2 ** 1023 + 9))",
    "slow exception": "class E(Exception):\n    def __str__(self):\n        while True: pass\nraise E",
    "destructor": "class D:\n    def __del__(self):\n        while True: pass\nd = D()\ndel d",
    "C stack": "import sys\nsys.setrecursionlimit(10 ** 9)\ndef f(): return [f()]\nf()",
    "bad code object": "import ctypes\nctypes.memset(0, 1, 9)",
}
DISK = {
    "fill the disk": "i = 0\nwhile True:\n    with open(f'f{i}', 'wb') as f: f.write(b'x' * (1 << 20))\n    i += 1",
    "many files": "i = 0\nwhile True: open(f'f{i}', 'w').close(); i += 1",
    "big file": "f = open('f', 'wb')\nwhile True: f.write(b'x' * (1 << 20))",
    "deep folders": "import os\nwhile True: os.mkdir('d'); os.chdir('d')",
}


def fill(code: str, **names: object) -> str:
    """``code`` with @NAME@ replaced."""
    for name, value in names.items():
        code = code.replace(f"@{name}@", str(value))
    return code
