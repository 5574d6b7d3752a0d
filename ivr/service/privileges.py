"""From root to a user of no account (`user`, `group`): what a daemon needs of root it takes first, or keeps as the one
capability that it is.

Kept: the ports below 1024 until they are bound (CAP_NET_BIND_SERVICE), and real-time priority for the media workers, as
a limit (RLIMIT_RTPRIO), or where the system allows no such limit as CAP_SYS_NICE, which workers inherit. Nothing that
is started later can have more than the daemon has (no_new_privs).
"""

from __future__ import annotations

import ctypes
import grp
import logging
import os
import pwd
import resource
from collections.abc import Iterable
from pathlib import Path
from typing import Final

from ivr.errors import ConfigError, Fault
from ivr.settings import Settings

__all__ = ["drop", "forget"]

log = logging.getLogger("ivr.service")

PRIVILEGED_PORTS: Final = 1024
REALTIME: Final = 10
"""Priority that workers may ask for; they take 1."""
OPEN_FILES: Final = 65_536
"""Two sockets for each call, one for each connection."""

_SET_KEEPCAPS, _SET_NO_NEW_PRIVS, _CAPBSET_DROP, _CAP_AMBIENT, _RAISE = 8, 38, 24, 47, 2  # prctl(2)
_LAST_CAPABILITY: Final = 63
_NET_BIND_SERVICE, _SYS_NICE = 10, 23
_CAPABILITY_VERSION: Final = 0x20080522  # _LINUX_CAPABILITY_VERSION_3

_libc = ctypes.CDLL(None, use_errno=True)
_libc.prctl.argtypes = [ctypes.c_int, *[ctypes.c_ulong] * 4]


def drop(settings: Settings) -> None:
    """Become the user of the settings for good, where root has started the daemon. ConfigError where that cannot be.

    To be called while there is one thread.
    """
    if os.geteuid() != 0:
        own = pwd.getpwuid(os.geteuid()).pw_name
        if settings.user not in (None, own):
            log.warning("user: only root can become %s; the daemon stays %s", settings.user, own)
        return
    if settings.user is None:
        log.warning("the daemon runs as root: whatever a fault in it lets in can do everything here; set `user`")
        return
    user, group = _account(settings)
    if user.pw_uid == 0:
        return
    folders = _folders(settings)
    nice = () if _raise_limit(resource.RLIMIT_RTPRIO, REALTIME) else (_SYS_NICE,)
    _raise_limit(resource.RLIMIT_NOFILE, OPEN_FILES)
    for folder in folders:
        _make(folder, user.pw_uid, group)
    keep = (*nice, _NET_BIND_SERVICE) if _needs_low_ports(settings) else nice
    for capability in range(_LAST_CAPABILITY + 1):
        if capability not in keep:
            _libc.prctl(_CAPBSET_DROP, capability, 0, 0, 0)  # fails for those that this kernel does not know
    _prctl(_SET_KEEPCAPS, 1)
    os.setgroups(os.getgrouplist(user.pw_name, group))
    os.setresgid(group, group, group)
    os.setresuid(user.pw_uid, user.pw_uid, user.pw_uid)
    _set_capabilities(keep, nice)
    for capability in nice:
        _prctl(_CAP_AMBIENT, _RAISE, capability)
    _prctl(_SET_NO_NEW_PRIVS, 1)
    os.environ.update(HOME=user.pw_dir, USER=user.pw_name, LOGNAME=user.pw_name)
    for folder in folders:
        _check(folder, user.pw_name)


def forget() -> None:
    """Give back what was kept for binding ports: they are bound."""
    if os.geteuid() != 0:
        nice = (_SYS_NICE,) if _inherited() >> _SYS_NICE & 1 else ()
        try:
            _set_capabilities(nice, nice)
        except OSError as error:  # a filter of system calls may be stricter than it has to be
            log.warning("the right to bind low ports stays: %s", error)


def _inherited() -> int:
    """Capabilities that what is started gets, as bits."""
    for line in Path("/proc/self/status").read_text().splitlines():
        name, _, value = line.partition(":")
        if name == "CapAmb":
            return int(value, 16)
    return 0


def _account(settings: Settings) -> tuple[pwd.struct_passwd, int]:
    assert settings.user is not None
    try:
        user = pwd.getpwnam(settings.user)
    except KeyError:
        raise ConfigError([Fault("there is no such user", field="user", found=settings.user)]) from None
    if settings.group is None:
        return user, user.pw_gid
    try:
        return user, grp.getgrnam(settings.group).gr_gid
    except KeyError:
        raise ConfigError([Fault("there is no such group", field="group", found=settings.group)]) from None


def _needs_low_ports(settings: Settings) -> bool:
    ports = [listener.port for listener in settings.sip.listen] + [settings.http.listen.port]
    return any(0 < port < PRIVILEGED_PORTS for port in ports)


def _folders(settings: Settings) -> list[Path]:
    """Where the daemon writes."""
    folders = [settings.cache, settings.cache.parent, settings.recordings]
    if settings.store.startswith("sqlite:///"):
        folders.append(Path(settings.store.removeprefix("sqlite:///")).parent)
    return list(dict.fromkeys(folders))


def _make(folder: Path, uid: int, gid: int) -> None:
    """Make a folder for the user; one that is there already is left as it is."""
    missing = []
    while not folder.exists():
        missing.append(folder)
        folder = folder.parent
    for path in reversed(missing):
        path.mkdir(mode=0o750, exist_ok=True)
        os.chown(path, uid, gid)


def _check(folder: Path, name: str) -> None:
    own = [folder, *(path for path in folder.glob("*") if path.suffix in (".db", ".jsonl", ".json", ".token"))]
    for path in own:
        if not os.access(path, os.W_OK):
            raise ConfigError([Fault(f"{path} cannot be written by {name}: chown it", field="user", found=name)])


def _raise_limit(kind: int, value: int) -> bool:
    """Have a limit of so much at least; whether that is so now."""
    soft, hard = resource.getrlimit(kind)
    wanted = [value if old != resource.RLIM_INFINITY and old < value else old for old in (soft, hard)]
    try:
        resource.setrlimit(kind, (wanted[0], wanted[1]))
    except (OSError, ValueError):
        return False
    return True


def _prctl(option: int, value: int, more: int = 0) -> None:
    if _libc.prctl(option, value, more, 0, 0) != 0:
        error = ctypes.get_errno()
        raise OSError(error, f"prctl: {os.strerror(error)}")


def _set_capabilities(kept: Iterable[int], inheritable: Iterable[int]) -> None:
    """Have these capabilities and no others, in this thread."""
    mask, inherited = (sum(1 << capability for capability in some) for some in (kept, inheritable))
    header = (ctypes.c_uint32 * 2)(_CAPABILITY_VERSION, 0)
    data = (ctypes.c_uint32 * 6)()
    data[0], data[1], data[2] = mask, mask, inherited  # effective, permitted, inheritable: bits 0 to 31
    if _libc.capset(header, data) != 0:
        error = ctypes.get_errno()
        raise OSError(error, f"capset: {os.strerror(error)}")
