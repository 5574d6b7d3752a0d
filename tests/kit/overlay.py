"""A copy of this machine that nobody else sees: an overlay of the file system, in a mount namespace of its own."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

import pytest

__all__ = ["in_overlay"]

_SCRIPT = """
set -e
mount -t tmpfs none "$1"
mkdir "$1/upper" "$1/work" "$1/root"
mount -t overlay overlay -o "lowerdir=/,upperdir=$1/upper,workdir=$1/work" "$1/root"
mount --bind /proc "$1/root/proc"
mount --bind /dev "$1/root/dev"
mkdir -p "$1/root/mnt"
mount --bind "$2" "$1/root/mnt"
chroot "$1/root" sh -ec "$3"
"""


def in_overlay(commands: str, folder: Path, shown: Path) -> str:
    """What commands (POSIX sh, as root, ended by the first that fails) say. `folder` is empty, `shown` is /mnt there.

    What they write is gone afterwards. Skips the test where that cannot be had.
    """
    if os.geteuid() != 0 or subprocess.run(["unshare", "-m", "true"], check=False).returncode:
        pytest.skip("needs root and mount namespaces")
    run = subprocess.run(
        ["unshare", "-m", "sh", "-c", _SCRIPT, "overlay", str(folder), str(shown), commands],
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
    )
    assert run.returncode == 0, run.stdout
    return run.stdout
