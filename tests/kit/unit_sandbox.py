"""Run a program as the unit would: its user, capabilities, system calls, and view of the file system.

    /usr/bin/python3 unit_sandbox.py UNIT PROGRAM [ARGUMENTS]

To be run as root in a mount namespace of its own (tests/kit/overlay.py): what it mounts stays. Only what the unit asks
for in words that are known here is done; anything else of a hardening kind is refused, so that nothing is left out.
"""

from __future__ import annotations

import os
import shlex
import subprocess
import sys

IGNORED = {
    *("Type", "NotifyAccess", "ExecStart", "ExecReload", "WatchdogSec", "Restart", "RestartSec", "TimeoutStartSec"),
    *("TimeoutStopSec", "KillMode", "TasksMax", "OOMScoreAdjust", "UMask", "LimitNOFILE", "LimitRTPRIO"),
    *("ConfigurationDirectory", "StateDirectoryMode", "CacheDirectoryMode", "LogsDirectoryMode"),
    *("ConfigurationDirectoryMode", "WorkingDirectory", "Environment", "Group"),
    # Not asked of a program that does none of it; systemd-analyze counts them.
    *("PrivateTmp", "PrivateDevices", "DevicePolicy", "ProtectClock", "ProtectControlGroups", "ProtectHostname"),
    *("ProtectKernelLogs", "ProtectKernelModules", "ProtectKernelTunables", "LockPersonality", "RemoveIPC"),
    *("RestrictAddressFamilies", "RestrictNamespaces", "RestrictSUIDSGID", "KeyringMode", "RestrictRealtime"),
    *("SystemCallArchitectures", "SystemCallErrorNumber"),
}
DONE = {
    *("User", "AmbientCapabilities", "CapabilityBoundingSet", "NoNewPrivileges", "ProtectSystem", "ProtectHome"),
    *("ProtectProc", "ProcSubset", "SystemCallFilter", "StateDirectory", "CacheDirectory", "LogsDirectory"),
}


def service(path: str) -> list[tuple[str, str]]:
    """Keys and values of [Service], in their order."""
    found, inside = [], False
    with open(path) as file:
        for line in file:
            line = line.strip()
            if line.startswith("["):
                inside = line == "[Service]"
            elif inside and "=" in line and not line.startswith("#"):
                key, _, value = line.partition("=")
                found.append((key, value))
    return found


def calls_of(group: str) -> set[str]:
    """System calls of a group, as systemd has it."""
    output = subprocess.run(["systemd-analyze", "syscall-filter", group], capture_output=True, text=True, check=True)
    found: set[str] = set()
    for line in output.stdout.splitlines()[1:]:
        word = line.strip()
        if word.startswith("@"):
            found |= calls_of(word)
        elif word and not word.startswith("#"):
            found.add(word)
    return found


def permitted(filters: list[str]) -> set[str]:
    """System calls that lines of SystemCallFilter leave."""
    found: set[str] = set()
    for line in filters:
        for word in line.lstrip("~").split():
            some = calls_of(word) if word.startswith("@") else {word}
            found = found - some if line.startswith("~") else found | some
    return found


def run(*command: str) -> None:
    subprocess.run(command, check=True)


def main() -> None:
    unit, program = sys.argv[1], sys.argv[2:]
    lines = service(unit)
    unknown = {key for key, _ in lines} - DONE - IGNORED
    assert not unknown, f"unknown here: {unknown}"
    values = dict(lines)
    user = values["User"]
    allowed = permitted([value for key, value in lines if key == "SystemCallFilter"])
    subset = f"subset={values['ProcSubset']},hidepid={values['ProtectProc']}"
    run("umount", "/proc")
    run("mount", "-t", "proc", "-o", subset, "proc", "/proc")
    for base, key in (("lib", "StateDirectory"), ("cache", "CacheDirectory"), ("log", "LogsDirectory")):
        path = f"/var/{base}/{values[key]}"
        os.makedirs(path, exist_ok=True)
        run("chown", f"{user}:{user}", path)
        run("mount", "--bind", path, path)
    run("mount", "--bind", "/tmp", "/tmp")
    for path in ("/root", "/home"):
        run("mount", "-t", "tmpfs", "-o", "mode=000", "none", path)
    run("mount", "-o", "remount,bind,ro", "/")
    kept = ",".join(f"+{name.removeprefix('CAP_').lower()}" for name in values["AmbientCapabilities"].split())
    bound = ",".join(f"+{name.removeprefix('CAP_').lower()}" for name in values["CapabilityBoundingSet"].split())
    environ = {"PATH": "/usr/bin:/bin", **dict(word.split("=", 1) for word in shlex.split(values["Environment"]))}
    # The filter comes last: what sets up the rest is not permitted by it.
    script = (
        "import os, seccomp, sys\n"
        "filter = seccomp.SyscallFilter(seccomp.ERRNO(1))\n"
        "for name in sys.argv[1].split(','):\n"
        "    try:\n"
        "        filter.add_rule(seccomp.ALLOW, name)\n"
        "    except (RuntimeError, OSError):\n"
        "        pass  # unknown to this processor\n"
        "filter.load()\n"
        "os.execv(sys.argv[2], sys.argv[2:])\n"
    )
    os.chdir(values["WorkingDirectory"])
    os.execve(
        "/usr/bin/setpriv",
        [
            *("setpriv", "--reuid", user, "--regid", user, "--clear-groups", "--no-new-privs"),
            *("--inh-caps", f"-all,{kept}", "--ambient-caps", f"-all,{kept}", "--bounding-set", f"-all,{bound}"),
            *("/usr/bin/python3", "-c", script, ",".join(sorted(allowed)), *program),
        ],
        environ,
    )


if __name__ == "__main__":
    main()
