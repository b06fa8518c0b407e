"""Writes outputs: each appears whole under its name, or not at all, and is safe on the disk then.

An output is written beside its place, as an unfinished file or folder, and gets its name when it
is whole. Outputs are for their owner only, mode 0600 and folders 0700, unless said otherwise.
"""

from __future__ import annotations

import contextlib
import errno
import os
import shutil
import stat
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any

from smki_testca.errors import MEDIUM_ERRORS, InputError, OutputError, SmkiTestcaError
from smki_testca.estate_files import check_outside
from smki_testca.streams import check_no_terminal, is_stream, open_stream
from smki_testca.unfinished import create_file, remove, sweep

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

NO_HARD_LINKS = frozenset(
    getattr(errno, name)
    for name in ("EPERM", "ENOTSUP", "EOPNOTSUPP", "ENOSYS", "EMLINK")
    if hasattr(errno, name)
)


def write_error(code: str, subject: str, error: OSError, remedy: str = "") -> SmkiTestcaError:
    """The error for an output that cannot be written.

    Args:
        code: the error's code, unless the disk is at fault.
        subject: the start of the message, such as ``FILE cannot be written``.
        error: what the system said.
        remedy: what to do next.
    """
    message = f"{subject}: {error.strerror or error}."
    if error.errno in {errno.EACCES, errno.EPERM, errno.EROFS}:
        remedy = remedy or "Name a place that you may write to, or get the permission."
    if error.errno in MEDIUM_ERRORS:
        return OutputError(
            "output.failed",
            message,
            remedy or "Free space on the disk, or repair it, then try again.",
        )
    return InputError(code, message, remedy)


def create(path: Path, data: bytes) -> None:
    """Write a file that must not exist yet.

    Raises:
        OSError: if it exists, or cannot be written.
    """
    with _appearing(path, force=False) as descriptor, os.fdopen(descriptor, "wb") as file:
        file.write(data)


def replace(path: Path, data: bytes) -> None:
    """Replace a file atomically: a reader finds the old one or the new one, each whole.

    For documents that anybody may read: the mode of a new one is the process's default, and that
    of an old one stays, as do its owner and group. A link stays, and its target is replaced; a
    device or pipe is written to directly.

    Raises:
        InputError: if it is an estate's own.
        OSError: if it cannot be written, or its owner cannot be kept.
    """
    stream = open_stream(path)
    if stream is None:
        check_outside(path)
    target = Path(os.path.realpath(path))
    with contextlib.ExitStack() as stack:
        if stream is None:
            stream = stack.enter_context(_appearing(target, force=True, mode=0o666))
            _keep_owner(stream, target)
        with os.fdopen(stream, "wb") as file:
            file.write(data)


def replace_private(path: Path, data: bytes) -> None:
    """Replace a file of an estate atomically, for its owner only; a link is replaced itself.

    Raises:
        OSError: if it cannot be written.
    """
    with _appearing(path, force=True) as descriptor, os.fdopen(descriptor, "wb") as file:
        file.write(data)


@contextlib.contextmanager
def output(path: Path, *, force: bool, text: bool = False) -> Iterator[IO[Any]]:
    """Yield a file to write to; it gets its name when the block ends without an error.

    A link to a file is replaced, not followed. A device, a pipe and an open file of the process
    (such as ``/dev/stdout``) are never replaced but written to: what was written before an error
    stays there.

    Args:
        path: the file.
        force: whether to take the place of an existing file, which stays until then.
        text: whether to write text, in UTF-8 and with unchanged line ends.

    Raises:
        InputError: if it exists and ``force`` is not set, cannot be made, or is an estate's own.
        OutputError: if the disk is full or fails.
        UsageError: if it is a terminal and not ``text``.
    """
    if not is_stream(path):
        check_outside(path)
    if not text:
        check_no_terminal(path)
    try:
        with contextlib.ExitStack() as stack:
            stream = open_stream(path)
            if stream is None:
                stream = stack.enter_context(_appearing(path, force=force))
            with _opened(stream, text=text) as file:
                yield file
    except FileExistsError as error:
        raise exists_error(path, "Name another, or add --force.") from error
    except OSError as error:
        raise write_error("export.unwritable", f"{path} cannot be written", error) from error


def write_file(path: Path, data: bytes, *, force: bool) -> None:
    """Write one file; see ``output``."""
    with output(path, force=force) as file:
        file.write(data)


def write_texts(texts: Mapping[Path, str], *, force: bool) -> None:
    """Write files of text that belong together, such as a key and its CSR; see ``output``.

    After an error the old ones are back and the new ones gone. If the process is killed on the
    way, each is whole, the old one or the new one.
    """
    written: list[tuple[Path, Path | None]] = []
    with contextlib.ExitStack() as stack:
        try:
            for path, text in texts.items():
                kept = stack.enter_context(_kept(path)) if force else None
                is_file = not is_stream(path)
                with output(path, force=force, text=True) as file:
                    file.write(text)
                if is_file:
                    written.append((path, kept))
        except BaseException:
            for path, kept in reversed(written):
                with contextlib.suppress(OSError):
                    if kept is None:
                        path.unlink()
                    else:
                        kept.replace(path)
            raise


@contextlib.contextmanager
def _kept(path: Path) -> Iterator[Path | None]:
    """Yield a second name of an existing file, from which it can come back; None if it is none.

    Raises:
        InputError: if it cannot be kept.
        OutputError: if the disk is full or fails.
    """
    if is_stream(path) or not path.is_file():
        yield None
        return
    try:
        descriptor, kept = create_file(path.parent, path.name)
        try:
            shutil.copy2(path, kept)
        except BaseException:
            os.close(descriptor)
            remove(kept)
            raise
    except OSError as error:
        raise write_error("export.unwritable", f"{path} cannot be replaced", error) from error
    try:
        yield kept
    finally:
        remove(kept)
        os.close(descriptor)


def sync_file(path: Path) -> None:
    """Wait until a file's octets are safe on the disk.

    Raises:
        OSError: if they cannot be written.
    """
    descriptor = os.open(path, os.O_RDWR)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def check_free(path: Path, *, force: bool) -> None:
    """Check before long work that an output overwrites nothing.

    Raises:
        InputError: if there is a file or folder, and ``force`` is not set; if it is an estate's
            own.
    """
    if is_stream(path):
        return
    check_outside(path)
    if not force and os.path.lexists(path):
        raise exists_error(path, "Name another, or add --force.")


def check_file(path: Path, *, force: bool) -> None:
    """Check before long work that an output can be written, and overwrites nothing.

    Raises:
        InputError: if it cannot, or would; if it is an estate's own.
        OutputError: if the disk is full or fails.
    """
    check_free(path, force=force)
    if is_stream(path):
        return
    try:
        check_makeable(path)
    except OSError as error:
        raise write_error("export.unwritable", f"{path} cannot be written", error) from error


def check_makeable(path: Path, *, with_folders: bool = False) -> None:
    """Check before long work that a file can be made, or replaced with its owner kept.

    What it makes to find out is removed at once.

    Args:
        path: of the file; of a link, its target counts.
        with_folders: whether missing folders are made, too, when the time comes.

    Raises:
        OSError: if the file cannot be made, or is a folder.
    """
    target = Path(os.path.realpath(path))
    if target.is_dir():
        raise IsADirectoryError(errno.EISDIR, os.strerror(errno.EISDIR), str(path))
    with _tried(_existing(target.parent) if with_folders else target.parent) as descriptor:
        _keep_owner(descriptor, target)


def check_takes_files(folder: Path) -> None:
    """Check before long work that files can be made in a folder, or it and its parents be made.

    Raises:
        OSError: if they cannot.
    """
    with _tried(_existing(Path(os.path.realpath(folder)))):
        pass


def _existing(folder: Path) -> Path:
    """A folder, or the nearest above it that exists."""
    return next((each for each in (folder, *folder.parents) if each.exists()), folder)


@contextlib.contextmanager
def _tried(folder: Path) -> Iterator[int]:
    """Yield the descriptor of a file in a folder, which is removed again.

    Raises:
        OSError: if it cannot be made.
    """
    descriptor, path = create_file(folder, "try")
    try:
        yield descriptor
    finally:
        os.close(descriptor)
        remove(path)


def sync_folder(path: Path) -> None:
    """Wait until the names in a folder are safe on the disk, where the system can do that.

    Raises:
        OSError: if they cannot be written.
    """
    if os.name != "posix":
        return
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    except OSError as error:
        # Some network file systems cannot do that to folders.
        if error.errno not in {errno.EINVAL, errno.ENOTSUP}:
            raise
    finally:
        os.close(descriptor)


@contextlib.contextmanager
def _appearing(path: Path, *, force: bool, mode: int = 0o600) -> Iterator[int]:
    """Yield the descriptor of an unfinished file, which the caller fills and closes.

    Raises:
        OSError: if it cannot be made; FileExistsError if it exists and ``force`` is not set.
    """
    sweep(path.parent)
    descriptor, unfinished = create_file(path.parent, path.name, mode)
    # What the caller closes is another one: the lock stays until the file has its name.
    lock = os.dup(descriptor)
    is_placed = False
    try:
        try:
            yield descriptor
            os.fsync(lock)
        finally:
            if os.name == "nt":
                os.close(lock)  # an open file cannot get another name
        give_name(unfinished, path, force=force)
        is_placed = True
        sync_folder(path.parent)
    except BaseException:
        remove(unfinished)
        if is_placed and not force:
            remove(path)
        raise
    finally:
        if os.name != "nt":
            os.close(lock)


def give_name(unfinished: Path, path: Path, *, force: bool) -> None:
    """Give an unfinished file its name.

    Raises:
        FileExistsError: if that exists and ``force`` is not set.
    """
    if force:
        unfinished.replace(path)
        return
    try:
        # Another process may make the file now: a new name overwrites it, a link does not.
        os.link(unfinished, path)
    except OSError as error:
        if error.errno not in NO_HARD_LINKS:
            raise
        if os.path.lexists(path):
            raise FileExistsError(errno.EEXIST, os.strerror(errno.EEXIST), str(path)) from error
        unfinished.replace(path)
    else:
        with contextlib.suppress(OSError):  # a sweep removes that name
            unfinished.unlink()


def _keep_owner(descriptor: int, path: Path) -> None:
    """Give a new file the owner, the group and the mode of the one whose place it takes.

    Raises:
        OSError: if the system does not let it.
    """
    if os.name != "posix":
        return
    try:
        old = path.stat()
    except FileNotFoundError:
        return
    new = os.fstat(descriptor)
    if (new.st_uid, new.st_gid) != (old.st_uid, old.st_gid):
        os.fchown(descriptor, old.st_uid, old.st_gid)
    os.fchmod(descriptor, stat.S_IMODE(old.st_mode))


def _opened(descriptor: int, *, text: bool) -> IO[Any]:
    if text:
        return os.fdopen(descriptor, "w", encoding="utf-8", newline="")
    return os.fdopen(descriptor, "wb")


def exists_error(path: Path, remedy: str) -> InputError:
    """The error for an output that exists already."""
    return InputError("export.exists", f"{path} already exists.", remedy)
