"""Faults of estates, one for each code of the doctor: each is made as it would come about."""

from __future__ import annotations

import os
import sqlite3
from contextlib import closing
from datetime import UTC, datetime, timedelta

from damage import SERVICES
from estates import opened
from smki_testca.authority.revocation import Reason
from smki_testca.clock import iso
from smki_testca.estate.certificates import Selection
from smki_testca.estate.key_holders import participant_holder
from smki_testca.estate.runs import State
from smki_testca.shipped import shipped
from smki_testca.x509.keys import key_id
from smki_testca.x509.view import view_certificate

NOW = datetime(2030, 2, 2, tzinfo=UTC)
"""The time of the doctor: after the estates of the tests were made."""
HEX = "0123456789abcdef" * 2
FAULTS = {}
"""By the code without ``doctor.``: the estate that it needs, and what makes it. That returns
further words of the command, if there are any."""


def fault(code, needs="quickstart"):
    def register(make):
        FAULTS[code] = (needs, make)
        return make

    return register


def behind(estate, *statements):
    """Change rows behind the program's back."""
    with closing(sqlite3.connect(estate / "estate.sqlite", isolation_level=None)) as file:
        for statement in statements:
            file.execute(statement)


def within(estate, change):
    """Change rows as the program does, so that the log is right."""
    with opened(estate, NOW - timedelta(days=1)) as whole:
        database = whole._database  # noqa: SLF001 - no command makes such rows
        with database.transaction():
            change(database)


def note_in_token(estate, label, uri="pkcs11:token=T;object=Z1"):
    """Note the key of a CA as one in a token; it stays in the estate, too."""

    def change(database):
        der = database.value("SELECT der FROM certificates WHERE label = ?", (label,))
        public_key = view_certificate(der).octets("subjectPublicKeyInfo")
        row = {"id": key_id(public_key), "uri": uri, "public_key": public_key}
        database.insert("token_keys", {**row, "holder": "authority"})

    within(estate, change)


def move_to_token(estate, label, uri="pkcs11:token=T;object=Z1"):
    """The same, and no longer in the estate."""
    note_in_token(estate, label, uri)
    statement = "DELETE FROM keys WHERE id IN (SELECT id FROM token_keys)"
    within(estate, lambda database: database.execute(statement))


def run_folder(estate):
    (folder,) = (estate / "bulk").iterdir()
    return folder


def tile(estate):
    return min(run_folder(estate).iterdir())


def own_profile(estate, name, text=""):
    path = estate / "profiles" / "certificates" / f"{name}.toml"
    path.parent.mkdir(parents=True, exist_ok=True)
    source = shipped("profiles") / "certificates" / f"{name}.toml"
    path.write_text(text or source.read_text() + "\n# changed\n")
    return path


def at(time):
    return ("--clock", iso(time))


def revoke(estate, label):
    with opened(estate, NOW - timedelta(days=1)) as whole:
        whole.revoke(Selection(label=label), Reason.SUPERSEDED)


def write(path, text):
    path.write_text(text)
    path.chmod(0o600)


def end_of(estate, name):
    with opened(estate) as whole:
        return next(one.not_after for one in whole.certificates.authorities() if one.label == name)


@fault("open")
def _(estate, _patch):
    (estate / "estate.sqlite").write_bytes(b"no estate" * 1000)


@fault("check_failed")
def _(estate, _patch):
    behind(estate, "UPDATE certificates SET not_after = 'never' WHERE tier = 'root'")


@fault("fix_failed")
def _(estate, patch):
    def refused(*_):
        raise PermissionError(1, "Operation not permitted")

    estate.chmod(0o755)
    patch.setattr(os, "fchmod", refused)
    return ("--fix",)


@fault("permissions.directory")
def _(estate, _patch):
    estate.chmod(0o750)


@fault("permissions.file")
def _(estate, _patch):
    (estate / "estate.sqlite").chmod(0o644)


@fault("permissions.tiles", "with_run")
def _(estate, _patch):
    tile(estate).chmod(0o640)
    run_folder(estate).chmod(0o701)


@fault("permissions.passphrase")
def _(estate, _patch):
    (estate / "passphrase").chmod(0o604)


@fault("permissions.owner")
def _(estate, patch):
    owner = estate.stat().st_uid
    patch.setattr(os, "geteuid", lambda: owner + 1)


@fault("passphrase.readable")
def _(estate, _patch):
    path = estate.parent / "secret"
    path.write_text((estate / "passphrase").read_text())
    path.chmod(0o644)
    return ("--passphrase-file", path)


@fault("passphrase.missing")
def _(estate, _patch):
    return ("--passphrase-file", estate.parent / "gone")


@fault("passphrase.weak", "newcomer")
def _(estate, _patch):
    assert (estate / "passphrase").read_text() == "phrase\n"


@fault("passphrase.beside")
def _(estate, _patch):
    assert (estate / "passphrase").is_file()


@fault("storage.network")
def _(estate, patch):
    device = estate.stat().st_dev
    mounts = estate.parent / "mountinfo"
    line = (
        f"36 35 {os.major(device)}:{os.minor(device)} / / rw,noatime master:1 - nfs4 server:/e rw"
    )
    mounts.write_text(f"1 1 0:0 / /proc rw - proc proc rw\n{line}\n")
    patch.setattr("smki_testca.lifecycle.doctor.mounts.MOUNTS", mounts)


@fault("leftovers.files")
def _(estate, _patch):
    (estate / f".passphrase.{HEX}.unfinished").write_text("half")


@fault("leftovers.tiles", "with_run")
def _(estate, _patch):
    attempt = estate / "bulk" / f".{run_folder(estate).name}.{HEX}.unfinished"
    attempt.mkdir(mode=0o700)
    (attempt / "000001-00.tile").write_bytes(b"half a tile")
    (attempt / "000001-00.tile").chmod(0o600)


@fault("leftovers.run", "with_run")
def _(estate, _patch):
    (estate / "bulk" / f"000009-{HEX}").mkdir(mode=0o700)


@fault("profiles.unreadable")
def _(estate, _patch):
    own_profile(estate, "device", "name = \n")


@fault("profiles.of_ca")
def _(estate, _patch):
    own_profile(estate, "organisation-root-ca")


@fault("profiles.missing")
def _(estate, _patch):
    text = (shipped("profiles") / "certificates" / "iki.toml").read_text()
    path = own_profile(estate, "iki-more", text.replace('name = "iki"', 'name = "iki-more"'))
    with opened(estate, NOW - timedelta(days=1)) as whole:
        whole.renew_authority("Issuing ICA ZAZ1 Test")
    path.unlink()


@fault("profiles.of_issued")
def _(estate, _patch):
    own_profile(estate, "device")


@fault("profiles.not_recorded", "old")
def _(estate, _patch):
    assert estate.is_dir()


@fault("damage.log")
def _(estate, _patch):
    behind(estate, "UPDATE certificates SET label = 'another' WHERE tier = 'end-entity'")


@fault("damage.anchor")
def _(estate, patch):
    anchors = estate.parent / "anchors.txt"
    with opened(estate, NOW - timedelta(days=2)) as whole:
        before = (estate / "estate.sqlite").read_bytes()
        whole.anchors.make()
        anchors.write_text(f"{whole.anchors.make().line}\n")
    (estate / "estate.sqlite").write_bytes(before)
    configuration = estate.parent / "smki-testca.toml"
    configuration.write_text(f'audit.anchor = "{anchors}"\n')
    configuration.chmod(0o600)
    patch.setenv("SMKI_TESTCA_CONFIG", str(configuration))


@fault("damage.schema")
def _(estate, _patch):
    behind(estate, "CREATE TABLE stray (a)")


@fault("damage.file")
def _(estate, _patch):
    path = estate / "estate.sqlite"
    with closing(sqlite3.connect(path)) as file:
        (size,) = file.execute("PRAGMA page_size").fetchone()
        (page,) = file.execute(
            "SELECT rootpage FROM sqlite_master WHERE name = 'certificates_by_label'"
        ).fetchone()
    octets = bytearray(path.read_bytes())
    octets[(page - 1) * size : page * size] = bytes(size)
    path.write_bytes(octets)


@fault("tiles.missing", "with_run")
def _(estate, _patch):
    tile(estate).unlink()


@fault("tiles.changed", "with_run")
def _(estate, _patch):
    with tile(estate).open("ab") as file:
        file.write(b"!")


@fault("tiles.stray", "with_run")
def _(estate, _patch):
    write(run_folder(estate) / "notes.txt", "not a tile")


@fault("tiles.no_run", "with_run")
def _(estate, _patch):
    write(estate / "bulk" / "notes.txt", "not a run")


@fault("keys.missing")
def _(estate, _patch):
    within(
        estate,
        lambda database: database.execute(
            "DELETE FROM keys WHERE id = (SELECT key_id FROM certificates WHERE label = 'Z1')"
        ),
    )


@fault("keys.twice")
def _(estate, _patch):
    note_in_token(estate, "Z1")


@fault("keys.unfit")
def _(estate, _patch):
    within(
        estate,
        lambda database: database.execute(
            "UPDATE keys SET sealed = (SELECT sealed FROM keys ORDER BY id DESC LIMIT 1)"
            " WHERE id = (SELECT id FROM keys ORDER BY id LIMIT 1)"
        ),
    )
    return ("--keys",)


@fault("orphans.sealed_key")
def _(estate, _patch):
    row = {"id": bytes(32), "sealed": b"sealed", "secret": 1}
    holder = participant_holder("supplier-one")
    within(estate, lambda database: database.insert("keys", {**row, "holder": holder}))


@fault("keys.tokens_not_asked")
def _(estate, _patch):
    move_to_token(estate, "Z1")
    return ("--keys",)


@fault("orphans.token_key")
def _(estate, _patch):
    row = {"id": key_id(b"key"), "uri": "pkcs11:token=T", "public_key": b"key"}
    row["holder"] = "authority"
    within(estate, lambda database: database.insert("token_keys", row))


@fault("orphans.imported_key")
def _(estate, _patch):
    row = {"id": bytes(32), "sealed": b"sealed", "holder": None}
    within(estate, lambda database: database.insert("external_keys", row))


@fault("orphans.account")
def _(estate, _patch):
    row = {**SERVICES["accounts"], "participant": "gone"}
    within(estate, lambda database: database.insert("accounts", row))


@fault("orphans.agreement")
def _(estate, _patch):
    def change(database):
        record = database.value("SELECT record FROM agreements ORDER BY reference LIMIT 1")
        holder = record.split(b'"participant":"')[1].split(b'"')[0]
        database.execute(
            "UPDATE agreements SET record = ? WHERE reference ="
            " (SELECT reference FROM agreements ORDER BY reference LIMIT 1)",
            (record.replace(b'"participant":"' + holder, b'"participant":"gone'),),
        )

    within(estate, change)


@fault("orphans.rows")
def _(estate, _patch):
    row = ("eui64", "run", "row"), [(bytes(8), 99, 0)]
    within(estate, lambda database: database.insert_many("row_ids", *row))


@fault("clock.behind")
def _(estate, _patch):
    within(estate, lambda database: database.insert("accounts", SERVICES["accounts"]))
    return at(NOW - timedelta(days=2))


@fault("clock.absurd")
def _(_estate, _patch):
    return at(datetime(2001, 1, 1, tzinfo=UTC))


@fault("clock.backward")
def _(estate, _patch):
    for days in (3, 9):
        with opened(estate, NOW - timedelta(days=days)) as whole, whole.transaction():
            whole.audit.append(whole.clock.now(), "test", {})


@fault("ca.expired")
def _(estate, _patch):
    return at(end_of(estate, "Z1") + timedelta(days=1))


@fault("ca.revoked")
def _(estate, _patch):
    revoke(estate, "Z1")


@fault("ca.expiring")
def _(estate, _patch):
    return at(end_of(estate, "Z1") - timedelta(days=30))


@fault("crl.expired")
def _(estate, _patch):
    with opened(estate, NOW - timedelta(days=900)) as whole:
        whole.issue_revocation_lists(also_current=True)


@fault("crl.due")
def _(estate, _patch):
    revoke(estate, "Z1-supplier-ds")


@fault("run.interrupted", "with_run")
def _(estate, _patch):
    with opened(estate, NOW - timedelta(days=1)) as whole, whole.transaction():
        whole.runs.set_state(1, State.RUNNING, whole.clock.now())


@fault("batch.waiting")
def _(estate, _patch):
    row = {**SERVICES["batch_requests"], "origin": "batched"}
    within(estate, lambda database: database.insert("batch_requests", row))


@fault("format.old", "old")
def _(estate, _patch):
    assert estate.is_dir()
