"""Damages estates, octet by octet or row by row, and judges what the commands say of them."""

from __future__ import annotations

import contextlib
import hashlib
import io
import shutil
import sqlite3
import sys
import tempfile
from contextlib import closing
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from unittest import mock

from estates import opened, unpacked
from smki_testca.cli import main
from smki_testca.estate.certificates import Selection
from smki_testca.estate.row_sums import OF_THE_LOG
from smki_testca.register.notifications import Flow

FILE = "estate.sqlite"
LATER = datetime(2030, 3, 1, tzinfo=UTC)


def make(directory):
    """An estate with rows in every table that is read, brought up from the second format."""
    unpacked(2, directory)
    with opened(directory, LATER) as estate:
        estate.register.notify(Flow.PANEL)
        estate.register.notify(Flow.PANEL)
        database = estate._database  # noqa: SLF001 - no command leaves such rows in so few steps
        with database.transaction():
            (meter,) = estate.certificates.select(Selection(label="meter"))
            sha256 = estate.externals.select()[0].sha256
            database.insert("re_signings", {"serial": meter.serial.octets, "external": sha256})
            database.execute("UPDATE runs SET report = x'00' WHERE id = 1")
            database.insert_many(
                "row_keys",
                ("key_id", "run", "row", "participant"),
                [(bytes([row]) * 32, 1, row, "meters-one") for row in range(2)],
            )
    return directory


@dataclass(frozen=True)
class Outcome:
    """How a command ended, and a digest of all that it printed and wrote."""

    code: int
    output: str
    digest: str


def commands(estate):
    """The eight commonest commands, by name; of ``estate``, which is whole."""
    with opened(estate, LATER) as whole:
        (meter,) = whole.certificates.select(Selection(label="meter"))
    return {
        "list": ("list",),
        "show": ("show", str(meter.serial)),
        "export": ("export", "--format", "pem", "--with-keys", "--force", "--out", "OUT"),
        "status": ("status", str(meter.serial)),
        "ca list": ("ca", "list"),
        "crl list": ("crl", "list"),
        "register show": ("register", "show"),
        "batch list": ("batch", "list"),
    }


VERIFY = ("audit", "verify")


def run(estate, words):
    """Run a command in this process as the console script does."""
    out, err = io.TextIOWrapper(io.BytesIO()), io.TextIOWrapper(io.BytesIO())
    with tempfile.TemporaryDirectory() as folder:
        named = [folder if word == "OUT" else word for word in words]
        argv = ["smki-testca", "--clock", "2030-03-01", "--estate", str(estate), *named]
        with mock.patch.object(sys, "argv", argv):
            code = 0
            with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
                try:
                    main()
                except SystemExit as ended:
                    code = int(ended.code or 0)
        texts = []
        for stream in (out, err):
            stream.flush()
            texts.append(stream.buffer.getvalue().decode().replace(folder, "OUT"))
        digest = hashlib.sha256("\0".join(texts).encode())
        for path in sorted(Path(folder).rglob("*")):
            digest.update(str(path.relative_to(folder)).encode())
            if path.is_file():
                digest.update(path.read_bytes())
    return Outcome(code, "".join(texts), digest.hexdigest())


@dataclass
class Judge:
    """Judges what commands say of damaged copies of an estate.

    Attributes:
        faults: what must not happen: each the name of the damage, and what a command said.
        changed: how many damages changed what a command says.
        told: how many damages ``audit verify`` told of.
        count: of damages.
    """

    estate: Path
    copy: Path
    faults: list[tuple[str, str]] = field(default_factory=list)
    changed: int = 0
    told: int = 0
    count: int = 0

    def __post_init__(self):
        shutil.copytree(self.estate, self.copy, dirs_exist_ok=True)
        self.commands = commands(self.estate)
        self.whole = {name: run(self.copy, words) for name, words in self.commands.items()}
        assert run(self.copy, VERIFY).code == 0, run(self.copy, VERIFY).output
        assert all(outcome.code in {0, 1} for outcome in self.whole.values()), self.whole

    def judge(self, name, octets):
        """Judge a damaged file: all commands on it, and the audit."""
        self.count += 1
        path = self.copy / FILE
        differing = []
        for command, words in self.commands.items():
            path.write_bytes(octets)
            outcome = run(self.copy, words)
            self._check(f"{name}: {command}", outcome)
            if outcome.digest != self.whole[command].digest:
                differing.append(command)
            if path.read_bytes() != octets:
                self.faults.append((f"{name}: {command}", "it wrote to the file"))
        path.write_bytes(octets)
        verified = run(self.copy, VERIFY)
        self._check(f"{name}: audit verify", verified)
        self.told += verified.code != 0
        self.changed += bool(differing)
        if differing and verified.code == 0:
            self.faults.append((name, f"audit verify does not tell, but {differing} changed"))
        return verified

    def _check(self, name, outcome):
        if outcome.code not in {0, 1, 4, 5} or "Traceback" in outcome.output:
            self.faults.append((name, f"{outcome.code} {outcome.output}"))
        if outcome.code == 5 and len(outcome.output.splitlines()) != 1:
            self.faults.append((name, f"not one line: {outcome.output}"))


def flips(octets, count, chance):
    """Damaged copies of a file, one bit in each; by name."""
    for _ in range(count):
        place, bit = chance.randrange(len(octets)), chance.randrange(8)
        flipped = bytearray(octets)
        flipped[place] ^= 1 << bit
        yield f"bit {bit} of octet {place}", bytes(flipped)


def edits(octets):
    """Copies of a file changed by SQL, by name: every table and column.

    Each column of a row is changed, emptied and swapped with another row's; rows are taken out, put
    in and doubled; tables, indexes and triggers are dropped and changed.
    """
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, FILE)
        path.write_bytes(octets)
        with closing(sqlite3.connect(path)) as file:
            planned = dict(_planned(file))
        for name, statements in planned.items():
            path.write_bytes(octets)
            with closing(sqlite3.connect(path, isolation_level=None)) as file:
                changed = _changed(file, statements)
            if changed:
                yield name, path.read_bytes()


def _changed(file, statements):
    """Make a change behind the estate's back; whether anything is other than before."""
    dropped = file.execute("SELECT name, sql FROM sqlite_master WHERE type = 'trigger'").fetchall()
    before = sorted(file.iterdump())
    for name, _ in dropped:
        file.execute(f"DROP TRIGGER {name}")
    try:
        for statement in statements:
            file.execute(statement)
    except sqlite3.IntegrityError:
        return False
    kept = [sql for name, sql in dropped if f"-- keep out {name}" not in statements]
    for sql in kept:
        with contextlib.suppress(sqlite3.OperationalError):  # of a table that was dropped
            file.execute(sql)
    return sorted(file.iterdump()) != before


_OTHER = {
    "TEXT": ("{0} || 'x'", "'2001-01-01T00:00:00Z'"),
    "BLOB": ("CAST(x'00' || substr({0}, 2) AS BLOB)", "x'41'"),
    "INTEGER": ("{0} + 1", "1 - {0}"),
}


def _planned(file):
    tables = [
        name
        for (name,) in file.execute(
            "SELECT name FROM sqlite_master WHERE type = 'table' ORDER BY 1"
        )
    ]
    for table in tables:
        info = file.execute("SELECT name, type FROM pragma_table_info(?)", (table,)).fetchall()
        names = [name for name, _ in info]
        key = _key(file, table)
        one = f"({', '.join(key)}) = (SELECT {', '.join(key)} FROM {table} ORDER BY 1 LIMIT 1)"  # noqa: S608
        other = one.replace("ORDER BY 1 LIMIT", "ORDER BY 1 DESC LIMIT")
        for column, kind in info:
            for place, expression in enumerate(_OTHER[kind]):
                changed = expression.format(column)
                yield (
                    f"{table}.{column} changed, {place}",
                    [f"UPDATE {table} SET {column} = {changed} WHERE {one}"],  # noqa: S608
                )
            yield (
                f"{table}.{column} of another type",
                [
                    f"UPDATE {table} SET {column} ="  # noqa: S608
                    f" CASE typeof({column}) WHEN 'blob' THEN 'text' ELSE x'FF' END WHERE {one}"
                ],
            )
            yield f"{table}.{column} emptied", [f"UPDATE {table} SET {column} = NULL WHERE {one}"]  # noqa: S608
            yield (
                f"{table}.{column} of all rows as of the first",
                [f"UPDATE {table} SET {column} = (SELECT {column} FROM {table} WHERE {one})"],  # noqa: S608
            )
            if column not in key:
                yield (
                    f"{table}.{column} swapped",
                    [
                        f"CREATE TEMP TABLE kept AS SELECT {column} AS x FROM {table} WHERE {one}",  # noqa: S608
                        f"UPDATE {table} SET {column} = (SELECT {column} FROM {table} WHERE {other})"  # noqa: S608
                        f" WHERE {one}",
                        f"UPDATE {table} SET {column} = (SELECT x FROM kept) WHERE {other}",  # noqa: S608
                    ],
                )
        yield f"{table}: first row taken out", [f"DELETE FROM {table} WHERE {one}"]  # noqa: S608
        yield f"{table}: last row taken out", [f"DELETE FROM {table} WHERE {other}"]  # noqa: S608
        yield f"{table}: all rows taken out", [f"DELETE FROM {table}"]  # noqa: S608
        kinds = dict(info)
        values = [_OTHER[kinds[name]][0].format(name) if name in key else name for name in names]
        yield (
            f"{table}: a row put in",
            [f"INSERT INTO {table} SELECT {', '.join(values)} FROM {table} WHERE {other}"],  # noqa: S608
        )
        if table not in OF_THE_LOG:
            yield f"{table}: dropped", [f"DROP TABLE {table}"]
    for table in ("certificates", "externals"):
        yield (
            f"{table}: order of rows",
            [f"UPDATE {table} SET rowid = 10000 - rowid"],
        )
    yield (
        "the newest entry cut with nothing else",
        ["DELETE FROM audit WHERE number = (SELECT max(number) FROM audit)"],
    )
    for name, kind in file.execute(
        "SELECT name, type FROM sqlite_master WHERE type IN ('index', 'trigger') AND sql <> ''"
    ).fetchall():
        gone = [f"-- keep out {name}"] if kind == "trigger" else [f"DROP INDEX {name}"]
        yield f"{kind} {name} dropped", gone
    yield "a table put in", ["CREATE TABLE stray (a)"]
    yield "a column put in", ["ALTER TABLE keys ADD COLUMN stray"]


def _key(file, table):
    rows = file.execute("SELECT name FROM pragma_table_info(?) WHERE pk ORDER BY pk", (table,))
    return [name for (name,) in rows]
