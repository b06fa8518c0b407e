"""``exec:COMMAND``: a program that is started for each case and answers with its exit code."""

from __future__ import annotations

import os
import re
import select
import subprocess
import tempfile
import time
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING

from smki_testca.corpus.defect import Need
from smki_testca.corpus.run.questions import CRL, Question, pem
from smki_testca.corpus.run.target_answers import (
    AnswerRemarks,
    Behaviour,
    Hello,
    TargetAnswer,
    one_line,
)
from smki_testca.corpus.run.targets.processes import (
    end,
    how_it_ended,
    start,
    undisturbed,
    words_of,
)
from smki_testca.errors import UsageError
from smki_testca.files import write_error
from smki_testca.text import plain, shown, use_one_of

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

    from smki_testca.errors import SmkiTestcaError

KEPT_OCTETS = 1 << 16
"""So much of what a program prints is read; the rest is thrown away."""
_ANSWERS = {
    0: Behaviour.ACCEPTED,
    1: Behaviour.REJECTED,
    2: Behaviour.ERROR,
    3: Behaviour.REVOKED,
}
_FROM_SIGNALS = 128
"""With more than that a shell ends whose command a signal ended."""
_CRASHES = (
    b"AddressSanitizer",
    b"MemorySanitizer",
    b"LeakSanitizer",
    b"Traceback (most recent call last):",
    b'Exception in thread "',
    b"panicked at ",
)
"""Texts of runtimes whose programs end with 1 after a crash, as one that refuses does."""

_PLACEHOLDER = re.compile(r"\{([A-Za-z0-9_-]+)\}")
_FILES: dict[str, Callable[[Question], bytes]] = {
    "der": lambda it: it.der,
    "pem": lambda it: pem([it.der], it.kind),
    # Programs refuse an empty file of CAs.
    "chain": lambda it: pem(it.chain or _present(it.root)),
    "root": lambda it: pem(_present(it.root)),
    "crl": lambda it: pem(it.lists, CRL),
    "cert": lambda it: pem(_present(it.certificate)),
}
"""Placeholders of files, and what is in each."""
_FILE_NAMES = {"der": "document.der", "pem": "document.pem"}
"""The names of the files of documents; others are called as their placeholders."""
_WORDS: dict[str, Callable[[Question], str]] = {
    "id": lambda it: it.id,
    "kind": lambda it: it.kind,
    "at": lambda it: it.at,
    "eui64": lambda it: it.expected.get("eui64", ""),
    "usage": lambda it: it.expected.get("usage", ""),
    "role": lambda it: it.expected.get("role", ""),
}
"""Placeholders of words, and what takes the place of each."""
PLACEHOLDERS = (*_FILES, *_WORDS)
_BRINGS = {
    Need.CRL: {"crl"},
    Need.CSR: {"kind"},
    Need.TIME: {"at"},
    Need.CHAIN: {"chain", "root"},
    Need.NAMES: {"eui64", "role", "usage"},
}
"""A command with one of these placeholders can do that, unless it is said otherwise."""


def _present(document: bytes | None) -> Iterable[bytes]:
    return () if document is None else (document,)


class Program:
    """A program that is started for each case.

    It ends with 0 if it accepts, 1 if it rejects, 2 if it cannot judge, and 3 if the certificate
    is revoked. The first line on its standard error is the reason. On standard output it may
    print a line ``smki [STAGE] [CODE] [NAME=VALUE …]``.

    Args:
        command: with placeholders.
    """

    is_parallel = True

    def __init__(self, command: str) -> None:
        self._words = words_of(command)
        named = {name for word in self._words for name in _PLACEHOLDER.findall(word)}
        unknown = sorted(named - set(PLACEHOLDERS))
        if unknown:
            raise UsageError(
                "usage",
                f"{{{unknown[0]}}} in {shown(command)} is not a placeholder.",
                use_one_of(PLACEHOLDERS, given=unknown[0]),
            )
        if not named & {"der", "pem"}:
            raise UsageError(
                "usage",
                f"exec:{plain(command)} has no {{der}} or {{pem}} for the document.",
                "Write {der} where the program takes the name of the file.",
            )
        self._named = named
        self._folder: tempfile.TemporaryDirectory[str] | None = None
        self._running: set[subprocess.Popen[bytes]] = set()
        self._is_closed = False

    def open(self, seconds: float, capabilities: frozenset[Need] | None = None) -> Hello:
        """Make the folder for the files; what the program can do follows from its placeholders."""
        del seconds
        self._is_closed = False
        self._folder = tempfile.TemporaryDirectory(
            prefix="smki-corpus-", ignore_cleanup_errors=True
        )
        can = {need for need, brought_by in _BRINGS.items() if brought_by & self._named}
        return Hello(capabilities=frozenset({*can, Need.RSA})).able_to(capabilities)

    def restart(self, seconds: float) -> None:
        """Do nothing: each case starts the program anew."""

    def close(self) -> None:
        """Kill what runs, and remove the files."""
        self._is_closed = True
        for process in list(self._running):
            process.kill()
        if self._folder is not None:
            self._folder.cleanup()

    def ask(self, question: Question, seconds: float) -> TargetAnswer:
        """Start the program for a case.

        Its files are in a folder of their own, so that no program finds what another left.

        Raises:
            InputError: if it cannot be started, or its files cannot be written.
            OutputError: if the disk is full or fails.
        """
        assert self._folder is not None  # noqa: S101 - it is open
        try:
            own = tempfile.TemporaryDirectory(dir=self._folder.name, ignore_cleanup_errors=True)
        except OSError as error:
            raise self._unwritable(error) from error
        with own as folder:
            try:
                values = {name: _value(name, question, Path(folder)) for name in self._named}
            except OSError as error:
                raise self._unwritable(error) from error
            return self._answer(values, seconds)

    def _unwritable(self, error: OSError) -> SmkiTestcaError:
        message = f"The files for the target {plain(self._words[0])} cannot be written"
        return write_error("corpus.target", message, error)

    def _answer(self, values: Mapping[str, str], seconds: float) -> TargetAnswer:
        """Start the program, and wait for it to end."""
        words = [_PLACEHOLDER.sub(lambda it: values[it[1]], word) for word in self._words]
        begin = time.monotonic()
        with undisturbed():
            process = start(words, has_stdin=False, has_stderr=True)
            self._running.add(process)
        if self._is_closed:
            process.kill()  # it started while others were ended
        try:
            out, err, is_in_time = _outputs(process, begin + seconds)
        finally:
            self._running.discard(process)
            end(process)
        took = time.monotonic() - begin
        remarks = _remarks(out)
        reason = one_line(err.decode("utf-8", "replace"))
        if not is_in_time:
            return TargetAnswer(
                Behaviour.HUNG, reason=f"no answer within {seconds:g} s", seconds=took
            )
        code = process.returncode
        seen = _ANSWERS.get(code, Behaviour.ERROR)
        if code < 0 or code > _FROM_SIGNALS or (seen is Behaviour.REJECTED and _is_crash(err)):
            seen = Behaviour.CRASHED
        if seen is Behaviour.CRASHED or code not in _ANSWERS:
            reason = f"{how_it_ended(code)}{f': {reason}' if reason else ''}"
        return TargetAnswer(
            seen, remarks.stage, remarks.code, reason or remarks.reason, remarks.facts, took
        )


def _value(name: str, question: Question, folder: Path) -> str:
    """The value for a placeholder; a file is written.

    Raises:
        OSError: if it cannot be.
    """
    if name in _WORDS:
        return _WORDS[name](question)
    path = folder / _FILE_NAMES.get(name, f"{name}.pem")
    path.write_bytes(_FILES[name](question))
    return str(path)


def _remarks(out: bytes) -> AnswerRemarks:
    for line in out.decode("utf-8", "replace").splitlines():
        first, *words = line.split() or [""]
        if first == "smki":
            return AnswerRemarks.of(words)
    return AnswerRemarks()


def _is_crash(err: bytes) -> bool:
    return any(mark in err for mark in _CRASHES)


def _outputs(process: subprocess.Popen[bytes], deadline: float) -> tuple[bytes, bytes, bool]:
    """Wait for a process to end.

    Returns:
        The beginning of what it printed on both streams, and whether it ended in time.
    """
    if not hasattr(os, "pidfd_open") or not hasattr(select, "poll"):
        return _communicated(process, deadline)
    assert process.stdout is not None  # noqa: S101 - both are piped
    assert process.stderr is not None  # noqa: S101
    ended = os.pidfd_open(process.pid)
    outputs = {process.stdout.fileno(): bytearray(), process.stderr.fileno(): bytearray()}
    try:
        poll = select.poll()
        for descriptor in (*outputs, ended):
            poll.register(descriptor, select.POLLIN)
        has_ended = False
        while not has_ended:
            rest = deadline - time.monotonic()
            ready = poll.poll(rest * 1000) if rest > 0 else []
            if not ready:
                break
            for descriptor, _ in ready:
                if descriptor == ended:
                    has_ended = True
                elif not _read_some(descriptor, outputs[descriptor]):
                    poll.unregister(descriptor)
        if has_ended:
            for descriptor, data in outputs.items():
                os.set_blocking(descriptor, False)
                while len(data) < KEPT_OCTETS and _read_some(descriptor, data):
                    pass
    finally:
        os.close(ended)
    out, err = outputs.values()
    return bytes(out), bytes(err), has_ended


def _read_some(descriptor: int, data: bytearray) -> bool:
    """Read what is there; whether there may be more."""
    with suppress(BlockingIOError):
        octets = os.read(descriptor, KEPT_OCTETS)
        data += octets[: KEPT_OCTETS - len(data)]
        return bool(octets)
    return False


def _communicated(process: subprocess.Popen[bytes], deadline: float) -> tuple[bytes, bytes, bool]:
    """The same where the system cannot wait for a process and its output at once."""
    try:
        out, err = process.communicate(timeout=max(0.0, deadline - time.monotonic()))
    except subprocess.TimeoutExpired as error:
        return error.stdout or b"", error.stderr or b"", False
    return out[:KEPT_OCTETS], err[:KEPT_OCTETS], True
