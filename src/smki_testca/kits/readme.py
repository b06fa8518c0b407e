"""The README.txt of a kit: what each folder is, and who loads it."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from smki_testca.kits.result import Made

LOADED_BY = {
    "pem": "PEM certificates and keys by holder: OpenSSL, curl, Node, Python",
    "der": "the same in DER: device rigs, Java, smart-card tools",
    "pkcs12": "a PKCS#12 store for each certificate: Java, Windows, browsers",
    "pkcs7": "one bundle of all certificates, without keys: Windows, keytool",
    "keystore-json": "keystore.json: the key store of DCC Boxed's TypeScript tools",
    "signing-tool": "PEM certificates and DER keys: the DUIS signing tool",
    "gbcs-parser": "files named after EUI-64 and use: gbcs-parser",
    "org-crypto": "org-crypto.zip, as DCC Boxed offers it",
    "java": "a trust store and a PKCS#12 key store: Java programs",
    "c-header": "DER arrays in C: firmware",
    "capath": "CAs and CRLs by hashed name: openssl verify -CApath",
    "jwks": "the public keys as a JSON Web Key Set: web programs",
    "csv": "an inventory of every certificate: spreadsheets",
}
"""What each export format is and who loads it, by the format's name."""

_ELSEWHERE = "see docs/formats.md"
_SEEDED = (
    "Private keys here were made from a seed: they are not secret. The same seed, clock and kit",
    "give the same keys, certificates and files, but for encrypted stores, which have fresh salts.",
)


def text(made: Made) -> str:
    """The README.txt, lines ending in LF."""
    where = ", ".join(made.kit.environments)
    lines = [
        f"{made.kit.title} (kit {made.kit.name})",
        "",
        "Test material only: certificates of a test CA, trusted by nobody but its user. It must",
        "not be used in live systems.",
        "",
        f"{made.exports.certificates} certificates for {where}, the CAs' included.",
        f"Made by smki-testca at {made.at:%Y-%m-%dT%H:%M:%SZ}.",
        "",
        *_contents(made),
    ]
    if made.left_out:
        lines += ["", "Left out, because RSA keys cannot be made from a seed:"]
        lines += [f"  {one}" for one in made.left_out]
    if made.seeded:
        lines += ["", *_SEEDED]
    return "\n".join(lines) + "\n"


def _contents(made: Made) -> list[str]:
    """A line for each file and folder, and below a folder what it could not hold."""
    entries = [("estate/", "where they were issued; the passphrase is in estate/passphrase")]
    for folder in made.exports.folders:
        entries.append((f"{folder}/", LOADED_BY.get(folder, _ELSEWHERE)))
        entries += [("", f"  {note}") for note in made.exports.notes.get(folder, ())]
    unused = [folder for folder in made.exports.notes if folder not in made.exports.folders]
    entries += [(f"no {folder}/", made.exports.notes[folder][0]) for folder in unused]
    if made.revocation_lists:
        entries.append(("revocation-lists/", "the CRLs and ARLs, in DER (.crl) and PEM"))
    if made.exports.needed_passphrase:
        entries.append(("export-passphrase", "protects the stores that cannot do without one"))
    width = max(len(name) for name, _ in entries) + 2
    return [f"  {name:{width}}{said}" for name, said in entries]
