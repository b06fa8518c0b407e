import errno
import os
import shlex
import shutil
import subprocess

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

ORGANISATION = ("--participant", "supplier-one", "--profile", "organisation")


@pytest.fixture
def run(command, quickstart):
    """Runs a command on the quickstart estate, answering in JSON."""
    return lambda *words, **options: command("--estate", quickstart, "--json", *words, **options)


@pytest.fixture
def serial(run):
    """The serial of the certificate with a label."""

    def find(label="Z1-supplier-ds"):
        (found,) = run("list", "--label", label).json["certificates"]
        return found["serial"]

    return find


def _refused(outcome, code, exit_code=4):
    assert outcome.code == exit_code, outcome.out
    assert outcome.json["error"]["code"] == code
    return outcome.json["error"]


def test_list_and_show_state_the_status(run, serial):
    (found,) = run("list", "--label", "Z1-supplier-ds").json["certificates"]
    assert found["status"] == "I"
    run("revoke", "--serial", serial(), "--reason", "superseded")
    (found,) = run("list", "--label", "Z1-supplier-ds").json["certificates"]
    assert found["status"] == "R"
    assert run("show", serial()).json["record"]["status"] == "R"


def test_the_table_of_list_has_the_status_in_words(command, quickstart):
    outcome = command("--estate", quickstart, "list", "--label", "Z1-supplier-ds")
    header, row = outcome.out.splitlines()
    assert header.split()[-1] == "Status"
    assert row.split()[-1] == "in-use"


def test_revoke_prints_what_it_revoked(run, command, quickstart):
    outcome = run("revoke", *ORGANISATION, "--reason", "cessation-of-operation")
    assert outcome.code == 0
    revoked = outcome.json["certificates"]
    assert {one["status"] for one in revoked} == {"R"}
    listed = run("list", *ORGANISATION, "--status", "R").json["certificates"]
    assert [one["serial"] for one in listed] == [one["serial"] for one in revoked]
    table = command("--estate", quickstart, "list", *ORGANISATION, "--status", "revoked").out
    assert len(table.splitlines()) == len(revoked) + 1


def test_what_is_revoked_for_another_reason_is_not_said_to_be_done(command, quickstart, serial):
    revoke = ("--estate", quickstart, "revoke", "--serial", serial(), "--reason")
    assert command(*revoke, "superseded").code == 0
    assert "Nothing is left to do" in command(*revoke, "superseded").err
    for words in (("key-compromise",), ("key-compromise", "--if-needed")):
        outcome = command(*revoke, *words)
        assert outcome.code == 4
        assert "already revoked (superseded)" in outcome.err
        assert "A revocation stays as it is, with its reason and its time" in outcome.err
    # Of the same reason, another time is another revocation, too.
    told = command(*revoke, "superseded", "--at", "2026-01-01T00:00:00Z").err
    assert "A revocation stays as it is" in told


def test_revoke_takes_the_time_of_the_revocation(command, quickstart, serial):
    at = "2030-04-05T06:07:08Z"
    given = ("--estate", quickstart, "--json", "--clock", "2030-06-01")
    words = ("revoke", "--label", "Z1-supplier-ds", "--reason", "keyCompromise", "--at", at)
    assert command(*given, *words).code == 0
    told = command(*given, "status", serial()).json
    assert told["serial"] == serial()
    assert told["status"] == "R"
    *_, last = told["history"]
    assert last == {
        "status": "R",
        "at": at,
        "note": "revoked: key-compromise",
        "audit": last["audit"],
    }


@pytest.mark.slow
@pytest.mark.parametrize(
    ("words", "code"),
    [
        (("revoke", "--label", "Z1-supplier-ds", "--reason", "stolen"), "revocation.reason"),
        (("revoke", "--label", "none", "--reason", "superseded"), "selection.nothing"),
        (("revoke", "--serial", "12", "--reason", "superseded"), "serial.prefix"),
        (("revoke", "--serial", "12" * 16, "--reason", "superseded"), "selection.nothing"),
        (("revoke", "--serial", "x", "--reason", "superseded"), "serial.form"),
        (("revoke", "--label", "ESME-ka", "--reason", "superseded"), "revocation.device"),
        (("revoke", "--profile", "iki-root-ca", "--reason", "superseded"), "revocation.root"),
        (
            ("revoke", "--label", "Z1-supplier-ds", "--reason", "superseded", "--at", "soon"),
            "time.form",
        ),
        (
            ("revoke", "--label", "Z1-supplier-ds", "--reason", "superseded", "--at", "2001-01-01"),
            "revocation.date",
        ),
        (
            ("revoke", "--label", "Z1-supplier-ds", "--reason", "superseded", "--at", "2999-01-01"),
            "revocation.date",
        ),
        (("reject", "12"), "serial.prefix"),
        (("reject", "12" * 16), "certificate.unknown"),
        (("reject", "x"), "serial.form"),
        (("status", "12"), "serial.prefix"),
        (("status", "12" * 16), "certificate.unknown"),
        (("set-status", "gone", "--label", "ESME-ka"), "status.unknown"),
        (("set-status", "R", "--label", "ESME-ka"), "status.worked_out"),
        (("set-status", "N", "--label", "none"), "selection.nothing"),
        (("list", "--status", "Q"), "status.unknown"),
        (("crl", "issue", "--hierarchy", "device"), "crl.none"),
        (("crl", "issue", "--ca", "Z9"), "ca.unknown"),
        (("crl", "issue", "--environment", "none"), "environment.unknown"),
        (("crl", "issue", "--next-update", "2001-01-01"), "crl.value"),
        (("crl", "show"), "crl.missing"),
        (("crl", "show", "4"), "crl.missing"),
        (("crl", "verify", "nowhere.crl"), "input.unreadable"),
    ],
)
def test_what_cannot_be_is_one_line_and_changes_nothing(
    command, quickstart, run, one_line, file_digest, words, code
):
    before = file_digest(quickstart)
    one_line(command("--estate", quickstart, *words))
    _refused(run(*words), code)
    assert file_digest(quickstart) == before


@pytest.mark.parametrize(
    "words",
    [
        ("revoke", "--reason", "superseded"),
        ("revoke", "--label", "Z1-supplier-ds"),
        ("set-status", "not-in-use"),
        ("set-status", "--label", "ESME-ka"),
        ("reject",),
        ("crl", "issue", "--der"),
    ],
)
def test_nothing_is_meant_where_nothing_is_said(run, quickstart, file_digest, words):
    before = file_digest(quickstart)
    _refused(run(*words), "usage", exit_code=2)
    assert file_digest(quickstart) == before


def test_reject_prints_the_certificate_with_its_new_status(run, serial):
    for label, status in (("Z1-supplier-ds", "R"), ("ESME-ka", "N")):
        outcome = run("reject", serial(label))
        assert outcome.code == 0
        (found,) = outcome.json["certificates"]
        assert (found["label"], found["status"]) == (label, status)
    _refused(run("reject", serial()), "revocation.twice")
    _refused(run("reject", serial("ESME-ka")), "rejection.status")


@pytest.mark.slow
def test_set_status_prints_those_that_changed(run, serial):
    words = ("--participant", "meters-one", "--usage", "key-agreement")
    first = run("set-status", "not-in-use", "--label", "ESME-ka").json["certificates"]
    assert [one["status"] for one in first] == ["N"]
    more = run("set-status", "n", *words).json["certificates"]
    listed = run("list", *words).json["certificates"]
    assert len(more) == len(listed) - 1
    assert {one["status"] for one in listed} == {"N"}
    told = run("status", serial("ESME-ka")).json
    assert [step["status"] for step in told["history"]] == ["I", "N"]


def test_status_is_drawn_as_a_table_for_people(command, quickstart, serial):
    command("--estate", quickstart, "set-status", "pending", "--label", "ESME-ka")
    outcome = command("--estate", quickstart, "status", serial("ESME-ka"))
    title, header, issued, pending = outcome.out.splitlines()
    assert title == f"Certificate {serial('ESME-ka')} is pending."
    assert header.split() == ["Status", "Since", "Why", "Audit", "entry"]
    assert issued.split()[::2] == ["in-use", "issued"]
    assert pending.split()[0] == "pending"


def test_export_takes_a_status(run, tmp_path):
    run("revoke", "--label", "Z1-supplier-ds", "--reason", "superseded")
    words = ("--format", "pem", "--status", "revoked", *ORGANISATION)
    paths = run("export", *words, "--out", tmp_path / "out").json["files"]
    assert sum("Z1-supplier-ds.pem" in path for path in paths) == 1
    assert sum("Z1-supplier-ka.pem" in path for path in paths) == 0


def test_crl_issue_prints_pem_that_a_pipe_can_take(command, quickstart):
    outcome = command("--estate", quickstart, "crl", "issue")
    assert outcome.code == 0
    read = x509.load_pem_x509_crl(outcome.out.encode())
    assert read.extensions.get_extension_for_class(x509.CRLNumber).value.crl_number == 1
    assert outcome.err == "Z1 issued list 1 (organisation-crl) with 0 entries.\n"


def test_crl_issue_replaces_its_file(command, run, quickstart, tmp_path):
    out = tmp_path / "z1.crl"
    command("--estate", quickstart, "crl", "issue", "--out", out)
    run("revoke", "--label", "Z1-supplier-ds", "--reason", "superseded")
    told = run("crl", "issue", "--out", out, "--der").json["revocation_list"]
    read = x509.load_der_x509_crl(out.read_bytes())
    assert read == x509.load_pem_x509_crl(told.pop("pem").encode())
    assert (told["number"], told["entries"], len(list(read))) == (2, 1, 1)
    assert [path.name for path in tmp_path.glob("*z1*")] == ["z1.crl"]


def test_crl_issue_replaces_what_a_link_leads_to_and_not_the_link(run, tmp_path):
    served, link = tmp_path / "served.crl", tmp_path / "link.crl"
    served.touch()
    link.symlink_to(served)
    assert run("crl", "issue", "--out", link, "--der").code == 0
    assert link.is_symlink()
    assert not list(x509.load_der_x509_crl(served.read_bytes()))


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="there are named pipes on POSIX only")
def test_crl_issue_writes_to_a_pipe_or_device_and_does_not_replace_it(run, tmp_path):
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    reader = os.open(pipe, os.O_RDONLY | os.O_NONBLOCK)
    try:
        assert run("crl", "issue", "--out", pipe).code == 0
        assert pipe.is_fifo()
        assert not list(x509.load_pem_x509_crl(os.read(reader, 1 << 16)))
    finally:
        os.close(reader)


def test_lists_of_the_last_days_there_are_end_with_them(run):
    told = run("crl", "issue", "--at", "9999-12-31").json["revocation_list"]
    assert told["next_update"] == "9999-12-31T23:59:59Z"


@pytest.mark.slow
@pytest.mark.parametrize("more", [(), ("--dry-run",)])
def test_a_list_that_cannot_be_written_is_not_issued(run, tmp_path, more):
    taken = tmp_path / "taken"
    taken.write_text("a file")
    for words in (
        ("--out", tmp_path / "no" / "such" / "z1.crl"),
        ("--out", tmp_path),
        ("--all", "--also-current", "--out", taken),
    ):
        error = _refused(run("crl", "issue", *words, *more), "crl.unwritable")
        assert error["remedy"].endswith("Nothing is issued.")
    assert run("crl", "list").json["revocation_lists"] == []
    assert sorted(path.name for path in tmp_path.iterdir()) == ["estate", "taken"]


@pytest.mark.slow
def test_a_list_replaces_no_file_but_a_list_of_this_estate(run, tmp_path):
    out = tmp_path / "z1.crl"
    run("crl", "issue", "--out", out)
    pem = out.read_bytes()
    certificate = (next((tmp_path / "estate" / "export").rglob("Z1-supplier-ds.pem"))).read_bytes()
    for data in (b"mine", certificate, pem + b"# a note\n", pem + certificate, pem[:-30]):
        out.write_bytes(data)
        error = _refused(run("crl", "issue", "--out", out), "export.exists")
        assert "Nothing is issued." in error["remedy"]
        assert out.read_bytes() == data
    assert len(run("crl", "list", "--all").json["revocation_lists"]) == 1
    assert run("crl", "issue", "--out", out, "--force").code == 0
    out.write_bytes(foreign_list(pem))
    _refused(run("crl", "issue", "--out", out), "export.exists")
    out.write_bytes(b"")
    assert run("crl", "issue", "--out", out, "--der").code == 0
    assert run("crl", "issue", "--out", out).code == 0


def foreign_list(pem):
    """A list as another CA than the estate's would issue it."""
    now = x509.load_pem_x509_crl(pem).last_update_utc
    builder = x509.CertificateRevocationListBuilder(
        x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "Another CA")]), now, now
    )
    key = ec.generate_private_key(ec.SECP256R1())
    return builder.sign(key, hashes.SHA256()).public_bytes(serialization.Encoding.PEM)


@pytest.mark.slow
def test_of_all_lists_each_replaces_only_a_list_and_none_leaves_the_folder(run, tmp_path):
    out = tmp_path / "lists"
    run("crl", "issue", "--all", "--also-current", "--out", out)
    count = len(run("crl", "list", "--all").json["revocation_lists"])
    words = ("crl", "issue", "--all", "--also-current", "--out", out)
    one = next(path for path in out.rglob("*.pem"))
    one.write_text("mine")
    _refused(run(*words), "export.exists")
    assert one.read_text() == "mine"
    one.unlink()
    one.parent.rename(tmp_path / "elsewhere")
    one.parent.symlink_to(tmp_path / "elsewhere")
    _refused(run(*words), "export.link")
    assert not (tmp_path / "elsewhere" / one.name).exists()
    assert len(run("crl", "list", "--all").json["revocation_lists"]) == count


@pytest.mark.slow
def test_of_lists_that_cannot_be_written_each_is_printed_by_a_command_that_is_told(
    command, quickstart, run, tmp_path, monkeypatch
):
    out, written = tmp_path / "lists", []

    def full(path, data):
        if len(written) == 2:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        written.append(path)
        path.write_bytes(data)

    with monkeypatch.context() as patch:
        patch.setattr("smki_testca.cli.list_files.replace", full)
        outcome = run("crl", "issue", "--all", "--also-current", "--out", out)
    assert outcome.code == 5
    error = outcome.json["error"]
    count = len(run("crl", "list", "--all").json["revocation_lists"]) - len(written)
    assert f"{count} lists are issued and not written" in error["message"]
    commands = error["remedy"].partition(": ")[2].split("; ")
    shown = {command("--estate", quickstart, *shlex.split(one)[1:]).out for one in commands}
    assert len(shown) == len(commands) == count
    assert shown.isdisjoint(path.read_text() for path in written)
    assert all(each.startswith("-----BEGIN X509 CRL") for each in shown)


@pytest.mark.parametrize("more", [("--der",), (), ("--der", "--all", "--also-current")])
def test_a_dry_run_to_standard_output_prints_lists_as_the_real_one_does(
    command, quickstart, capfdbinary, more
):
    outcome = command("--estate", quickstart, "crl", "issue", "--out", "-", "--dry-run", *more)
    assert outcome.code == 0, outcome.err
    data = capfdbinary.readouterr().out
    assert data.startswith(b"\x30" if more else b"-----BEGIN X509 CRL")
    listed = command("--estate", quickstart, "--json", "crl", "list")
    assert listed.json["revocation_lists"] == []


@pytest.mark.slow
def test_crl_list_gives_the_newest_of_each_ca_or_all(command, run, quickstart):
    for words in ((), (), ("--arl",), ("--hierarchy", "dccki"), ("--hierarchy", "iki", "--arl")):
        assert run("crl", "issue", *words).code == 0
    newest = run("crl", "list").json["revocation_lists"]
    assert [(one["profile"], one["number"]) for one in newest] == [
        ("organisation-crl", 2),
        ("organisation-arl", 1),
        ("dccki-crl", 1),
        ("iki-arl", 1),
    ]
    table = command("--estate", quickstart, "crl", "list", "--all").out.splitlines()
    assert len(table) == 6
    assert [row.split()[-1] for row in table[1:3]] == ["replaced", "current"]


def test_crl_list_tells_stale_lists_and_those_to_come(command, quickstart):
    given = ("--estate", quickstart, "--clock", "2030-06-01", "crl")
    command(*given, "issue", "--at", "2030-05-01")
    command(*given, "issue", "--arl", "--at", "2030-07-01")
    table = command(*given, "list").out.splitlines()
    assert [row.split()[-1] for row in table[1:]] == ["stale", "future"]


@pytest.mark.slow
def test_crl_show_draws_the_newest_or_the_one_of_a_number(command, run, quickstart):
    run("crl", "issue")
    run("revoke", "--label", "Z1-supplier-ds", "--reason", "superseded")
    run("crl", "issue")
    shown = run("crl", "show").json
    assert shown["fields"]["extensions.cRLNumber"] == "2"
    assert shown["record"]["number"] == 2
    assert shown["findings"] == []
    shown = run("crl", "show", "1").json
    assert shown["fields"]["extensions.cRLNumber"] == "1"
    assert "extensions.cRLNumber" in command("--estate", quickstart, "crl", "show").out
    pem = command("--estate", quickstart, "crl", "show", "--pem").out
    assert len(list(x509.load_pem_x509_crl(pem.encode()))) == 1


@pytest.mark.slow
def test_crl_verify_ends_with_0_for_the_newest_list_and_with_1_for_an_older(
    command, run, quickstart, tmp_path
):
    old, new = tmp_path / "old.crl", tmp_path / "new.crl"
    run("crl", "issue", "--out", old)
    run("revoke", "--label", "Z1-supplier-ds", "--reason", "superseded")
    run("crl", "issue", "--out", new)
    found = run("crl", "verify", new)
    assert (found.code, found.json["verified"], found.json["discrepancies"]) == (0, True, [])
    assert (found.json["number"], found.json["entries"]) == (2, 1)
    found = run("crl", "verify", "-", stdin=old.read_bytes())
    assert found.code == 1
    assert [one["code"] for one in found.json["discrepancies"]] == [
        "crl.older",
        "crl.entry_missing",
    ]
    told = command("--estate", quickstart, "crl", "verify", old)
    assert told.code == 1
    assert told.out.splitlines()[0] == "crl.older: It has number 1; the newest has 2."
    told = command("--estate", quickstart, "crl", "verify", new)
    assert told.out == f"{new} is list 2 of Z1, with 1 entry, as the estate would have it.\n"


def test_crl_verify_takes_one_list_and_nothing_else(run, quickstart, tmp_path, command):
    pem = command("--estate", quickstart, "crl", "issue").out
    twice = tmp_path / "twice.crl"
    twice.write_text(pem * 2)
    _refused(run("crl", "verify", twice), "crl.file")
    certificate = quickstart / "export" / "pem" / "ZAZ1" / "iki" / "supplier-one"
    _refused(run("crl", "verify", certificate / "iki-supplier-one.pem"), "der.structure")
    nothing = tmp_path / "nothing"
    nothing.write_text("nothing")
    assert run("crl", "verify", nothing).code == 4


@pytest.mark.slow
@pytest.mark.skipif(shutil.which("openssl") is None, reason="there is no openssl here")
def test_openssl_verifies_what_is_revoked_and_what_is_not(run, quickstart, tmp_path):
    lists = [tmp_path / "crl.pem", tmp_path / "arl.pem"]
    run("revoke", "--label", "Z1-supplier-ds", "--reason", "key-compromise")
    run("crl", "issue", "--out", lists[0])
    run("crl", "issue", "--arl", "--out", lists[1])
    folder = quickstart / "export" / "pem" / "ZAZ1" / "organisation"
    together = tmp_path / "all.pem"
    chain = next((folder / "ca").glob("Z1*chain*.pem"))
    together.write_text(chain.read_text() + "".join(one.read_text() for one in lists))
    outcomes = {}
    for name in ("Z1-supplier-ds", "Z1-supplier-ka"):
        done = subprocess.run(
            [
                *("openssl", "verify", "-x509_strict", "-crl_check_all", "-CAfile", together),
                folder / "supplier-one" / f"{name}.pem",
            ],
            capture_output=True,
            text=True,
            check=False,
        )
        outcomes[name] = (done.returncode, "certificate revoked" in done.stderr)
    assert outcomes == {"Z1-supplier-ds": (2, True), "Z1-supplier-ka": (0, False)}
