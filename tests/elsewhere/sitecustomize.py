"""Put on PYTHONPATH, it takes from testis_abm what Windows and macOS lack; other packages bring code of their own for these."""

import builtins
import os
import sys
import types

MODULES = {"resource", "fcntl", "pwd", "grp", "termios", "tty", "pty", "posix", "syslog", "crypt", "nis"}
NAMES = (
    "sysconf",
    "getuid",
    "geteuid",
    "getgid",
    "fork",
    "forkpty",
    "umask",
    "killpg",
    "getpgid",
    "setsid",
    "nice",
    "chown",
    "lchown",
    "sched_getaffinity",
    "getloadavg",
    "mkfifo",
    "uname",
    "wait",
    "waitid",
    "pread",
    "pwrite",
    "fchmod",
    "fchown",
)
_import = builtins.__import__
_kept = {name: os.__dict__.pop(name) for name in NAMES if name in os.__dict__}


def _ours(depth):
    return sys._getframe(depth).f_globals.get("__name__", "").startswith("testis_abm")


def _guarded(name, given=None, *rest, **named):
    if name.partition(".")[0] in MODULES and (given or {}).get("__name__", "").startswith("testis_abm"):
        raise ModuleNotFoundError(f"No module named {name!r} here", name=name)
    return _import(name, given, *rest, **named)


class _Os(types.ModuleType):
    def __getattr__(self, name):
        if name in _kept and not _ours(2):
            return _kept[name]
        raise AttributeError(f"module 'os' has no attribute {name!r}")


os.__class__ = _Os
builtins.__import__ = _guarded
