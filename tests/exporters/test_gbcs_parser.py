"""The folder of gbcs-parser."""

from __future__ import annotations

from cryptography import x509
from cryptography.hazmat.primitives import serialization
from exported import device, fits, names, reasons, records

from smki_testca.exporters.export import OUTDATED

DCCKI, IKI = "is of DCCKI", "is of IKI"


def test_gbcs_parsers_folder_names_files_after_eui_64_and_use(export, estate):
    outcome, folder = export("gbcs-parser", "--with-keys", "--participant", "supplier-one")
    assert names(folder) == [
        f"90b3d51f3001000{user}-{use}.{suffix}"
        for user, uses in (("0", ("ds", "ka", "pp-ka")), ("8", ("ds", "ka")))
        for use in uses
        for suffix in ("key", "pem")
    ]
    for path in folder.glob("*.pem"):
        assert fits(path.read_bytes(), path.with_suffix(".key").read_bytes())
    labels = {"ds": "Z1-supplier-ds", "ka": "Z1-supplier-ka", "pp-ka": "Z1-supplierPP-ka"}
    for use, label in labels.items():
        (record,) = records(estate, label=label)
        written = x509.load_pem_x509_certificate(
            (folder / f"90b3d51f30010000-{use}.pem").read_bytes()
        )
        assert written.public_bytes(serialization.Encoding.DER) == record.der
    xml = "is for signing XML or files, not GBCS messages"
    assert reasons(outcome) == {xml: 1, DCCKI: 1, IKI: 1}


def test_of_two_certificates_of_one_name_gbcs_parser_gets_the_newer_in_use(
    command, quickstart, export
):
    older, newer = (device(command, quickstart, "00db12000000000a") for _ in range(2))

    beaten = "would have the file name of another, which is in use or newer"

    def written(out, reason):
        outcome, folder = export(
            "gbcs-parser", "--with-keys", "--eui64", "00db12000000000a", out=out
        )
        (path,) = folder.glob("*.pem")
        (left_out,) = outcome.json["left_out"]
        assert left_out["reason"] == reason
        serial = x509.load_pem_x509_certificate(path.read_bytes()).serial_number
        return f"{serial:032X}", left_out["serial"]

    assert written("one", beaten) == (newer, older)
    done = command("--estate", quickstart, "set-status", "not-in-use", "--serial", newer)
    assert done.code == 0, done.err
    assert written("two", OUTDATED) == (older, newer)
