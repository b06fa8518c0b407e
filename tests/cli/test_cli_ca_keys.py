"""export ca-keys and init --ca-keys: two estates with the same CAs."""

import base64
import shutil
from functools import partial
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.serialization import load_pem_private_key

import smki_testca
from estates import ca_key, opened
from smki_testca.der import encode
from smki_testca.estate.key_store import KeyStore
from smki_testca.profiles.model import Hierarchy, Tier
from smki_testca.x509 import exported_keys
from smki_testca.x509.exported_keys import KeyEncryption
from smki_testca.x509.pem import to_pem
from smki_testca.x509.view import view_certificate

ROOT = Path(__file__).parents[2]
PHRASE = "a phrase of the other team"
FILES = [
    *("organisation-issuing-ca.crt", "organisation-issuing-ca.key"),
    *("organisation-root-ca.crt", "organisation-root-ca.key"),
]


@pytest.fixture(autouse=True)
def _keys_are_encrypted_quickly(monkeypatch):
    """One iteration, not 600,000: the cost of a guess is another test's."""
    monkeypatch.setattr(
        "smki_testca.lifecycle.shared_authorities.KeyEncryption",
        partial(KeyEncryption, iterations=1),
    )


@pytest.fixture
def run(command, quickstart):
    """Runs a command with the quickstart's estate."""
    return partial(command, "--estate", quickstart)


@pytest.fixture
def phrase(tmp_path):
    """A file with the passphrase of the export."""
    path = tmp_path / "phrase"
    path.write_text(f"{PHRASE}\n")
    return path


@pytest.fixture
def export(run, phrase, tmp_path):
    """Exports the keys of the CAs for organisations."""

    def exported(*words, out=tmp_path / "shared"):
        return run(
            *("--json", "export", "ca-keys", "--out", out, "--hierarchy", "organisation"),
            *("--export-passphrase-file", phrase, *words),
        )

    return exported


@pytest.fixture
def init(command, phrase, tmp_path):
    """Makes another estate with the keys of a folder."""

    def made(*words, folder=tmp_path / "shared"):
        return command(
            *("--json", "--passphrase-file", phrase, "init", tmp_path / "other"),
            *("--ca-keys", folder, "--ca-keys-passphrase-file", phrase, *words),
        )

    return made


def _organisation_cas(estate):
    return [
        estate.certificates.generations("ZAZ1", Hierarchy.ORGANISATION, tier)[-1][-1]
        for tier in (Tier.ROOT, Tier.ISSUING)
    ]


def to_der(pem):
    """The octets of a PEM block."""
    return base64.b64decode(b"".join(pem.splitlines()[1:-1]))


def _error(outcome, code, exit_code=4):
    assert outcome.code == exit_code, outcome.out
    assert outcome.json["error"]["code"] == code
    return outcome.json["error"]


@pytest.mark.slow
def test_the_other_estate_has_the_same_cas_and_issues_under_them(
    command, quickstart, export, init, phrase, tmp_path
):
    told = export()
    assert (told.code, sorted(Path(file).name for file in told.json["files"])) == (0, FILES)
    assert init().code == 0
    shutil.copy(phrase, tmp_path / "other" / "passphrase")
    with opened(quickstart) as one, opened(tmp_path / "other") as other:
        ours, theirs = _organisation_cas(one), _organisation_cas(other)
        for our, their in zip(ours, theirs, strict=True):
            assert (our.der, our.serial, our.label) == (their.der, their.serial, their.label)
        assert theirs[1].issuer == theirs[0].serial
        # The CAs that were not given are new.
        device = [
            each.certificates.generations("ZAZ1", Hierarchy.DEVICE, Tier.ROOT)[-1][-1].der
            for each in (one, other)
        ]
        assert device[0] != device[1]
        other.audit.verify()
        other.verify_keys()
    use = partial(command, "--json", "--estate", tmp_path / "other")
    assert use("register", "import", ROOT / "examples" / "participants.toml").code == 0
    issued = use(
        *("issue", "organisation", "--participant", "supplier-one", "--purpose", "uept"),
        *("--id", "90-B3-D5-1F-30-01-00-00", "--role", "supplier", "--usage", "digital-signature"),
        *("--label", "shared"),
    )
    assert issued.code == 0, issued.out
    export_one = ("export", "--format", "pem", "--out", tmp_path / "pem", "--label", "shared")
    assert use(*export_one).code == 0
    (certificate,) = (tmp_path / "pem").rglob("shared.pem")
    root = tmp_path / "shared" / "organisation-root-ca.crt"
    linted = command("--json", "--estate", quickstart, "lint", certificate, "--trust", root)
    assert linted.code == 0, linted.out


@pytest.mark.slow
def test_the_keys_open_with_the_passphrase_alone_and_are_those_of_the_cas(
    export, quickstart, tmp_path, monkeypatch
):
    monkeypatch.setattr("smki_testca.lifecycle.shared_authorities.KeyEncryption", KeyEncryption)
    assert export().code == 0
    for path in sorted((tmp_path / "shared").iterdir()):
        assert path.stat().st_mode & 0o777 == 0o600
    octets = (tmp_path / "shared" / "organisation-root-ca.key").read_bytes()
    assert octets.startswith(b"-----BEGIN ENCRYPTED PRIVATE KEY-----\n")
    with pytest.raises(ValueError, match=r"(?i)incorrect|decrypt|padding|password"):
        load_pem_private_key(octets, b"another phrase")
    key = load_pem_private_key(octets, PHRASE.encode())
    with opened(quickstart) as estate:
        record = _organisation_cas(estate)[0]
        own = ca_key(estate, record)
    scalar = key.private_numbers().private_value.to_bytes(32)
    assert scalar in own
    der = to_der(octets)
    assert scalar not in der
    assert encode.integer(exported_keys.ITERATIONS) in der


def test_the_log_records_which_cas_were_given_out_and_no_secret(export, quickstart, run):
    before = run("--json", "audit", "show").json["entries"]
    assert export().code == 0
    (entry,) = run("--json", "audit", "show").json["entries"][len(before) :]
    with opened(quickstart) as estate:
        records = _organisation_cas(estate)
    assert entry["action"] == "authority.export"
    assert entry["body"] == {
        "environment": "ZAZ1",
        "authorities": [
            {
                "ca": record.label,
                "profile": record.profile,
                "serial": str(record.serial),
                "key": record.key_id.hex(),
            }
            for record in records
        ],
    }
    assert run("audit", "verify", "--keys").code == 0


def test_all_hierarchies_go_where_none_is_named(run, phrase, tmp_path):
    told = run("export", "ca-keys", "--out", tmp_path / "all", "--export-passphrase-file", phrase)
    assert told.code == 0
    assert "8 encrypted keys and the certificates of the CAs are in" in told.out
    assert len(list((tmp_path / "all").iterdir())) == 16


@pytest.mark.slow
def test_the_newest_generation_goes_and_is_taken_over(run, export, init, phrase, tmp_path):
    assert run("ca", "roll-over", "organisation", "--name", "Z1b").code == 0
    assert run("ca", "renew", "ZA").code == 0
    listed = {each["serial"]: each for each in run("--json", "ca", "list").json["authorities"]}
    told = export().json["authorities"]
    assert [each["label"] for each in told] == ["ZA", "Z1b"]
    assert all(listed[each["serial"]]["issues_now"] for each in told)
    assert init().code == 0
    shutil.copy(phrase, tmp_path / "other" / "passphrase")
    with opened(tmp_path / "other") as other:
        assert [record.label for record in _organisation_cas(other)] == ["ZA", "Z1b"]
        assert other.audit.verify()


def test_a_file_that_is_there_stays_and_nothing_is_recorded(export, run, tmp_path):
    (tmp_path / "shared").mkdir()
    present = tmp_path / "shared" / "organisation-root-ca.key"
    present.write_text("of somebody else")
    before = len(run("--json", "audit", "show").json["entries"])
    assert export().code == 4
    assert present.read_text() == "of somebody else"
    assert len(run("--json", "audit", "show").json["entries"]) == before
    assert export("--force").code == 0
    assert present.read_text() != "of somebody else"


def test_without_a_passphrase_nothing_is_given_out(run, tmp_path, one_line):
    outcome = run("export", "ca-keys", "--out", tmp_path / "shared")
    assert outcome.code == 2
    assert "--export-passphrase-file" in one_line(outcome)
    assert not (tmp_path / "shared").exists()


def test_keys_that_are_all_in_tokens_are_refused_in_words(export, quickstart, run, tmp_path):
    uri = "pkcs11:token=ours;object=Z1"
    with opened(quickstart) as estate, estate.transaction():
        for record in _organisation_cas(estate):
            estate._database.insert(  # noqa: SLF001 - as moving it there does
                "token_keys",
                {
                    "id": record.key_id,
                    "uri": uri,
                    "public_key": view_certificate(record.der).octets("subjectPublicKeyInfo"),
                    "holder": "authority",
                },
            )
    before = len(run("--json", "audit", "show").json["entries"])
    error = _error(export(), "key.in_token", 5)
    assert "The key of the CA ZA is in a PKCS#11 token" in error["message"]
    assert not (tmp_path / "shared").exists()
    assert len(run("--json", "audit", "show").json["entries"]) == before


@pytest.mark.parametrize("words", [("--label", "ca-keys"), ("--participant", "ca-keys")])
def test_export_goes_on_as_it_is_with_any_value(run, tmp_path, words):
    outcome = run("--json", "export", "--format", "pem", "--out", tmp_path / "x", *words)
    assert outcome.code == 4


@pytest.mark.parametrize(
    "before", [(), ("--json",), ("--estate", "{estate}"), ("--estate={estate}",)]
)
def test_the_command_is_named_first_but_for_options_of_every_command(
    command, quickstart, phrase, tmp_path, before
):
    words = [word.format(estate=quickstart) for word in before]
    outcome = command(
        *("--estate", quickstart, "export", *words, "ca-keys", "--out", tmp_path / "shared"),
        *("--export-passphrase-file", phrase, "--hierarchy", "dccki"),
    )
    assert outcome.code == 0, outcome.err


# What init takes.


def test_a_wrong_passphrase_makes_no_estate(export, init, tmp_path, phrase):
    assert export().code == 0
    phrase.write_text("something else\n")
    error = _error(init(), "ca_keys.passphrase")
    assert "--ca-keys-passphrase-file" in error["remedy"]
    assert not (tmp_path / "other" / "estate.sqlite").exists()


def test_a_missing_passphrase_is_asked_for_in_words(command, export, phrase, tmp_path):
    assert export().code == 0
    outcome = command(
        *("--json", "--passphrase-file", phrase, "init", tmp_path / "other"),
        *("--ca-keys", tmp_path / "shared"),
    )
    assert "--ca-keys-passphrase-file" in _error(outcome, "ca_keys.passphrase")["remedy"]


def _swap(folder):
    root, issuing = (folder / f"organisation-{tier}-ca.crt" for tier in ("root", "issuing"))
    octets = root.read_bytes()
    root.write_bytes(issuing.read_bytes())
    issuing.write_bytes(octets)


def _lose_key(folder):
    (folder / "organisation-issuing-ca.key").unlink()


def _lose_root(folder):
    (folder / "organisation-root-ca.crt").unlink()


def _break(folder):
    (folder / "organisation-root-ca.crt").write_text("-----BEGIN CERTIFICATE-----\nMAA=\n")


def _no_certificate(folder):
    (folder / "organisation-root-ca.crt").write_text("not a certificate")


def _spoil_der(folder):
    (folder / "organisation-root-ca.crt").write_text(
        "-----BEGIN CERTIFICATE-----\nMAA=\n-----END CERTIFICATE-----\n"
    )


@pytest.mark.slow
@pytest.mark.parametrize(
    "change", [_swap, _lose_key, _lose_root, _break, _no_certificate, _spoil_der]
)
def test_a_certificate_that_does_not_fit_makes_no_estate(export, init, tmp_path, change):
    assert export().code == 0
    change(tmp_path / "shared")
    _error(init(), "ca_keys.certificate")
    assert not (tmp_path / "other" / "estate.sqlite").exists()


def test_a_certificate_with_another_signature_makes_no_estate(export, init, quickstart, tmp_path):
    assert export().code == 0
    with opened(quickstart) as estate:
        der = bytearray(_organisation_cas(estate)[1].der)
    der[-1] ^= 1
    (tmp_path / "shared" / "organisation-issuing-ca.crt").write_bytes(to_pem(bytes(der)))
    error = _error(init(), "ca_keys.certificate")
    assert "signature" in error["message"]


def test_a_ca_of_another_environment_is_not_taken_over(export, init, tmp_path):
    assert export().code == 0
    error = _error(init("--environment", "UIT-A"), "ca_keys.certificate")
    assert "of ZAZ1" in error["message"]
    assert "same environment" in error["remedy"]
    assert not (tmp_path / "other" / "estate.sqlite").exists()


@pytest.mark.slow
def test_keys_without_certificates_get_new_ones(export, init, quickstart, phrase, tmp_path):
    assert export().code == 0
    for path in (tmp_path / "shared").glob("*.crt"):
        path.unlink()
    assert init().code == 0
    shutil.copy(phrase, tmp_path / "other" / "passphrase")
    with opened(quickstart) as one, opened(tmp_path / "other") as other:
        for our, their in zip(_organisation_cas(one), _organisation_cas(other), strict=True):
            assert our.key_id == their.key_id
            assert our.der != their.der


def test_one_module_alone_asks_for_the_keys_of_cas():
    source = Path(smki_testca.__file__).parent
    texts = {
        path.relative_to(source).as_posix(): path.read_text("utf-8")
        for path in source.rglob("*.py")
    }
    calls = {
        f".{KeyStore.encrypted_authority_key.__name__}(": {"lifecycle/shared_authorities.py"},
        " share_authorities(": {"lifecycle/shared_authorities.py", "cli/export.py"},
    }
    for call, modules in calls.items():
        assert {name for name, text in texts.items() if call in text} == modules
