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
from smki_testca.register.notifications import Flow
from smki_testca.x509.keys import key_id

FILE = "estate.sqlite"
LATER = datetime(2030, 3, 1, tzinfo=UTC)
_AT = "2030-03-01T00:00:00Z"
SERVICES: dict[str, dict[str, object]] = {
    "accounts": {
        "name": "alice",
        "participant": "meters-one",
        "password": b"digest",
        "api_key": b"digest",
        "created": _AT,
    },
    "account_failures": {"account": "alice", "number": 1, "at": _AT},
    "batch_requests": {
        "id": 1,
        "origin": "web-service",
        "reference": "b1",
        "participant": "meters-one",
        "environment": "ZAZ1",
        "purpose": "uept",
        "delivery": "remote",
        "peer": "{}",
        "csrs": 1,
        "digest": bytes(32),
        "state": "PENDING",
        "received": _AT,
    },
    "batch_contents": {"batch": 1, "content": b"content"},
    "service_certificates": {"name": "other", "der": b"certificate", "sealed": b"sealed"},
}
"""A row of each table of the services, which only a running server fills."""


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
            database.insert(
                "certificate_columns", {"serial": meter.serial.octets, "columns": '{"model": "M"}'}
            )
            links = [(meter.serial, meter.serial)]
            estate.renewal_links.add_to_run(links, meter.audit)
            database.insert_many(
                "row_keys",
                ("key_id", "run", "row", "participant"),
                [(bytes([row]) * 32, 1, row, "meters-one") for row in range(2)],
            )
            in_token = {
                "id": key_id(b"a public key"),
                "uri": "pkcs11:token=trial;id=%01",
                "public_key": b"a public key",
                "holder": "participant meters-one",
            }
            database.insert("token_keys", in_token)
            for table, row in SERVICES.items():
                database.insert(table, row)
    return directory


def copied(estate, directory):
    """A copy of an estate, to be damaged."""
    shutil.copytree(estate, directory)
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
        copied(self.estate, self.copy)
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
    in and doubled; tables, indexes and triggers are dropped and added. What changes nothing is left
    out.
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
    """Make a change behind the estate's back; whether anything is other than before.

    The triggers stand aside meanwhile, those that are to be dropped for good.
    """
    before = _content(file)
    triggers = file.execute("SELECT name, sql FROM sqlite_master WHERE type = 'trigger'").fetchall()
    for name, _ in triggers:
        file.execute(f"DROP TRIGGER {name}")
    try:
        for statement in statements:
            if not statement.startswith("DROP TRIGGER"):
                file.execute(statement)
    except sqlite3.IntegrityError:
        return False
    for name, sql in triggers:
        if f"DROP TRIGGER {name}" not in statements:
            with contextlib.suppress(sqlite3.OperationalError):  # its table was dropped
                file.execute(sql)
    return _content(file) != before


def _content(file):
    """All that a file holds; the order of rows is part of it where they are listed by it."""
    file.text_factory = lambda octets: ("text", octets)  # it may be no UTF-8
    try:
        schema = file.execute("SELECT type, name, sql FROM sqlite_master ORDER BY name").fetchall()
        content = [schema]
        for (_, kind), (_, name), _ in schema:
            if kind == b"table":
                rowid = "rowid, " if name.decode() in _ORDERED else ""
                rows = file.execute(f"SELECT {rowid}* FROM {name.decode()}")  # noqa: S608 - any
                content.append(sorted(rows, key=repr))
    finally:
        file.text_factory = str
    return content


_ORDERED = ("certificates", "externals")
_OTHER = {
    "TEXT": ("{0} || 'x'", "'2001-01-01T00:00:00Z'"),
    "BLOB": ("CAST(x'07' || substr({0}, 2) AS BLOB)", "x'41'"),
    "INTEGER": ("{0} + 1", "1 - {0}"),
}
"""Expressions for another value of a column, by its type."""


def _planned(file):
    """Every edit: its name, and SQL statements."""
    schema = file.execute(
        "SELECT type, name FROM sqlite_master WHERE sql <> '' ORDER BY type, name"
    ).fetchall()
    for kind, name in schema:
        if kind == "table":
            yield from _of_table(file, name)
        else:
            yield f"{kind} {name} dropped", [f"DROP {kind.upper()} {name}"]
    for table in _ORDERED:
        yield f"{table}: order of rows", [f"UPDATE {table} SET rowid = 10000 - rowid"]  # noqa: S608
        yield f"{table}: numbers of rows", [f"UPDATE {table} SET rowid = rowid + 10000"]  # noqa: S608
    yield "row_sums: a longer sum", ["UPDATE row_sums SET sum = x'00' || sum"]
    yield "statistics put in", ["ANALYZE"]
    yield "a table put in", ["CREATE TABLE stray (a)"]
    yield "an index put in", ["CREATE INDEX stray ON keys (secret)"]
    yield "a view put in", ["CREATE VIEW stray AS SELECT * FROM keys"]
    yield "a column put in", ["ALTER TABLE keys ADD COLUMN stray"]


def _of_table(file, table):
    info = file.execute("SELECT name, type, pk FROM pragma_table_info(?)", (table,)).fetchall()
    key = ", ".join(name for name, _, place in info if place)
    first = f"({key}) = (SELECT {key} FROM {table} ORDER BY {key} LIMIT 1)"  # noqa: S608
    last = f"({key}) = (SELECT {key} FROM {table} ORDER BY {key} DESC LIMIT 1)"  # noqa: S608
    last = last.replace(f"ORDER BY {key} DESC", f"ORDER BY {key.replace(',', ' DESC,')} DESC")
    for name, kind, place in info:
        for edit, statements in _of_column(table, name, kind, first, last, in_key=bool(place)):
            yield f"{table}.{name} {edit}", statements
    delete = f"DELETE FROM {table}"  # noqa: S608
    yield f"{table}: first row taken out", [f"{delete} WHERE {first}"]
    yield f"{table}: last row taken out", [f"{delete} WHERE {last}"]
    yield f"{table}: all rows taken out", [delete]
    values = [_OTHER[kind][0].format(name) if place else name for name, kind, place in info]
    row = f"SELECT {', '.join(values)} FROM {table} WHERE {last}"  # noqa: S608
    yield f"{table}: a row put in", [f"INSERT INTO {table} {row}"]
    yield f"{table}: dropped", [f"DROP TABLE {table}"]


def _of_column(table, name, kind, first, last, *, in_key):
    update = f"UPDATE {table} SET {name} ="  # noqa: S608
    select = f"SELECT {name} FROM {table} WHERE"  # noqa: S608
    aliased = f"SELECT {name} AS x FROM {table} WHERE"  # noqa: S608
    for number, expression in enumerate(_OTHER[kind], 1):
        yield f"changed ({number})", [f"{update} {expression.format(name)} WHERE {first}"]
    another = f"CASE typeof({name}) WHEN 'blob' THEN 'text' ELSE x'FF' END"
    yield "of another type", [f"{update} {another} WHERE {first}"]
    yield "not UTF-8", [f"{update} CAST(x'41FF42' AS TEXT) WHERE {first}"]
    yield "emptied", [f"{update} NULL WHERE {first}"]
    yield "of all rows as of the first", [f"{update} ({select} {first})"]
    if not in_key:
        yield (
            "swapped",
            [
                f"CREATE TEMP TABLE kept AS {aliased} {first}",
                f"{update} ({select} {last}) WHERE {first}",
                f"{update} (SELECT x FROM temp.kept) WHERE {last}",  # noqa: S608
            ],
        )
