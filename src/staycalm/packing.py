"""A directory as one artifact: a tar whose bytes depend on names, contents and the executable bit alone.

The format is POSIX pax (IEEE Std 1003.1-2017, pax "Extended Header") without its optional members: entries
sorted by path, mtime 0, owner 0 without a name, mode 0755 or 0644. The same tree packed anywhere by anybody
is the same digest; and packing what was unpacked gives the digest back, which is how a target proves what
it runs. Both `sc` and the server use it, so it needs
nothing but the standard library and the core's errors.
"""

from __future__ import annotations

import hashlib
import io
import os
import shutil
import stat
import tarfile
from collections.abc import Iterator
from pathlib import Path, PurePosixPath
from typing import BinaryIO, Protocol

from staycalm.core.errors import InvalidSpec

BLOCK_SIZE = 1024 * 1024
READ_ONLY_FILE, READ_ONLY_PROGRAM, READ_ONLY_DIRECTORY = 0o444, 0o555, 0o555
_MAGIC_AT, _MAGIC = 257, b"ustar"
MOST_MEMBERS = 200_000
LEAST_ROOM = 1024 * 1024 * 1024
GROWTH = 16
_LONGEST_HEADER = 64 * 1024


class Sink(Protocol):
    """Takes bytes: an open file, or a digest in the making."""

    def write(self, data: bytes, /) -> object: ...


class HashSink:
    """A file that keeps the SHA-256 of what is written to it, and passes it on when told where to."""

    def __init__(self, target: BinaryIO | None = None) -> None:
        self._hash = hashlib.sha256()
        self._target = target
        self.size = 0

    def write(self, data: bytes, /) -> int:
        self._hash.update(data)
        self.size += len(data)
        if self._target is not None:
            self._target.write(data)
        return len(data)

    @property
    def digest(self) -> str:
        return f"sha256:{self._hash.hexdigest()}"


def is_packed(file: BinaryIO) -> bool:
    """Return whether the file is a tar (its first header carries the ustar magic); leaves it at its start."""
    file.seek(0)
    head = file.read(512)
    file.seek(0)
    return len(head) == 512 and head[_MAGIC_AT : _MAGIC_AT + len(_MAGIC)] == _MAGIC


def file_digest(file: BinaryIO) -> tuple[str, int]:
    """Return digest and size in bytes of the whole file; leaves it at its start."""
    file.seek(0)
    sink = HashSink()
    shutil.copyfileobj(file, sink, BLOCK_SIZE)
    file.seek(0)
    return sink.digest, sink.size


def pack_directory(directory: Path, sink: Sink) -> None:
    """`sink` got the tar of the directory. Raises InvalidSpec for what cannot be packed, OSError for the disk.

    Refused: device nodes, sockets, pipes; symbolic links that are absolute, leave the tree, or go up after
    going down (`a/../b`: where that leads depends on other links); names that are not UTF-8.
    """
    with tarfile.open(fileobj=_Writer(sink), mode="w|", format=tarfile.PAX_FORMAT, encoding="utf-8") as tar:
        for path in _walk(directory, PurePosixPath()):
            entry = _entry(directory, path)
            if not entry.isreg():
                tar.addfile(entry)
                continue
            with (directory / path).open("rb") as file:
                try:
                    tar.addfile(entry, file)
                except OSError as error:
                    if error.errno is not None:
                        raise
                    raise InvalidSpec(f"{path} shrank while it was being packed; pack a tree at rest") from None


def tree_digest(directory: Path) -> str:
    """Return the digest that the directory has as a packed artifact, without writing it anywhere."""
    sink = HashSink()
    pack_directory(directory, sink)
    return sink.digest


def unpack(file: BinaryIO, directory: Path) -> None:
    """The new, empty `directory` holds the tar's tree; files read-only, directories not yet.

    Raises InvalidSpec when a member could end outside the tree, is no file, directory or symbolic link,
    appears twice, or when the tar is cut short. A tar is not compressed, but hard links repeat what they name:
    a tree of more than `GROWTH` times the tar (and `LEAST_ROOM`), or of too many members, is refused too.
    Times are those of the unpacking, so that web servers do not see two releases as one file. Call
    `make_read_only` once the tree is where it stays.
    """
    room = max(LEAST_ROOM, GROWTH * file.seek(0, os.SEEK_END))
    file.seek(0)
    links: dict[PurePosixPath, str] = {}
    made: dict[PurePosixPath, str] = {PurePosixPath(): "directory"}
    try:
        with tarfile.open(
            fileobj=file, mode="r:", encoding="utf-8", errors="strict", tarinfo=_Header
        ) as tar:  # fmt: skip
            for nth, member in enumerate(tar):
                path = _member_path(member.name)
                if path == PurePosixPath() and member.isdir():
                    continue
                _make_parents(directory, path, made)
                if made.get(path) == "directory" and member.isdir():
                    continue
                if path in made:
                    raise InvalidSpec(f"the artifact has {path} twice")
                made[path] = _extract(tar, member, directory, path, links)
                room -= (directory / path).stat().st_size if made[path] == "file" else 0
                if nth >= MOST_MEMBERS or room < 0:
                    raise InvalidSpec(
                        f"the artifact's tree is far larger than its tar, or has over {MOST_MEMBERS} members"
                    )
    except (tarfile.TarError, ValueError, OverflowError, EOFError) as error:
        raise InvalidSpec(f"the artifact is not a whole tar: {error}") from None
    # Links come last: nothing is ever written through one.
    for path, target in links.items():
        os.symlink(target, directory / path)


def make_read_only(directory: Path) -> None:
    """Nobody but root writes below the directory, itself included."""
    for parent, _, _ in os.walk(directory):
        os.chmod(parent, READ_ONLY_DIRECTORY)


def remove_tree(directory: Path) -> None:
    """The directory, read-only or not, is gone; it is no error that it never was."""
    if not directory.is_dir():
        return
    for parent, _, _ in os.walk(directory):
        os.chmod(parent, 0o700)
    shutil.rmtree(directory)


class _Header(tarfile.TarInfo):
    """A member whose header may be hostile: its sizes are looked at before they are used.

    A negative size lets tarfile read the same header for ever (CVE-2025-8194), and a long name or extended
    header is read into memory as a whole.
    """

    def _block(self, count: int) -> int:
        is_long_name = self.type in (tarfile.GNUTYPE_LONGNAME, tarfile.GNUTYPE_LONGLINK)
        is_header = is_long_name or self.type in (tarfile.XHDTYPE, tarfile.XGLTYPE, tarfile.SOLARIS_XHDTYPE)
        if count < 0 or (is_header and count > _LONGEST_HEADER):
            raise tarfile.ReadError("a header tells of an impossible size")
        return int(super()._block(count))  # type: ignore[misc]


class _Writer(io.RawIOBase):
    """What tarfile needs of a file, over a sink."""

    def __init__(self, sink: Sink) -> None:
        self._sink = sink

    def writable(self) -> bool:
        return True

    def write(self, data: bytes, /) -> int:  # type: ignore[override]
        self._sink.write(data)
        return len(data)


def _walk(root: Path, below: PurePosixPath) -> Iterator[PurePosixPath]:
    with os.scandir(root / below) as found:
        children = sorted(found, key=lambda child: os.fsencode(child.name))
    for child in children:
        path = below / child.name
        yield path
        if child.is_dir(follow_symlinks=False):
            yield from _walk(root, path)


def _entry(root: Path, path: PurePosixPath) -> tarfile.TarInfo:
    try:
        str(path).encode()
    except UnicodeEncodeError:
        raise InvalidSpec(f"the name {os.fsencode(str(path))!r} is not UTF-8; rename the file") from None
    found = (root / path).lstat()
    entry = tarfile.TarInfo(str(path))
    entry.mode = 0o755
    if stat.S_ISDIR(found.st_mode):
        entry.type = tarfile.DIRTYPE
    elif stat.S_ISLNK(found.st_mode):
        entry.type = tarfile.SYMTYPE
        entry.linkname = os.readlink(root / path)
        entry.mode = 0o777
        _check_link(path, entry.linkname)
    elif stat.S_ISREG(found.st_mode):
        entry.size = found.st_size
        entry.mode = 0o755 if found.st_mode & 0o111 else 0o644
    else:
        raise InvalidSpec(f"{path} is neither file, directory nor symbolic link; it cannot be in an artifact")
    return entry


def _member_path(name: str) -> PurePosixPath:
    path = PurePosixPath(name)
    if path.is_absolute() or ".." in path.parts or "\0" in name:
        raise InvalidSpec(f"the artifact has a member {name!r}, which is outside its tree")
    return path


def _check_link(path: PurePosixPath, target: str) -> None:
    """Refuse a link that could leave: with `..` only in front and never above the root, none can.

    By induction: each link starts in a real directory of the tree, goes up at most to the root, and then
    down by names; a name that is a link again obeys the same rule.
    """
    parts = PurePosixPath(target).parts
    ups = next((i for i, part in enumerate(parts) if part != ".."), len(parts))
    if not parts or parts[0] == "/" or ups > len(path.parts) - 1:
        raise InvalidSpec(f"the symbolic link {path} -> {target} leaves the artifact's tree")
    if ".." in parts[ups:]:
        raise InvalidSpec(f"the symbolic link {path} -> {target} goes down and up again; write it without that")


def _make_parents(directory: Path, path: PurePosixPath, made: dict[PurePosixPath, str]) -> None:
    for parent in reversed(path.parents):
        if parent not in made:
            (directory / parent).mkdir()
            made[parent] = "directory"
        elif made[parent] != "directory":
            raise InvalidSpec(f"the artifact has {path} below {parent}, which is no directory")


def _extract(
    tar: tarfile.TarFile,
    member: tarfile.TarInfo,
    directory: Path,
    path: PurePosixPath,
    links: dict[PurePosixPath, str],
) -> str:
    """Return what the member has become."""
    if member.isdir():
        (directory / path).mkdir()
        return "directory"
    if member.issym():
        _check_link(path, member.linkname)
        links[path] = member.linkname
        return "link"
    source = None
    if (member.isreg() and not member.issparse()) or member.islnk():
        try:
            # A hard link is a second name of bytes that came before it: tarfile finds them, and they are copied.
            source = tar.extractfile(member)
        except KeyError:
            raise InvalidSpec(f"the artifact has a hard link {path} to what is not in it before") from None
    if source is None:
        raise InvalidSpec(f"the artifact has {path}, which is neither file, directory nor symbolic link")
    mode = READ_ONLY_PROGRAM if member.mode & 0o111 else READ_ONLY_FILE
    with source, open(directory / path, "xb", opener=lambda p, f: os.open(p, f, 0o600)) as target:
        shutil.copyfileobj(source, target, BLOCK_SIZE)
        os.fchmod(target.fileno(), mode)
    return "file"
