"""Every rule there is: those written here, and those that the rows of the profiles make.

A finding takes its severity, basis and source from its rule, so that the list of rules, the
documentation and what a linter says can never differ.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from smki_testca.errors import InputError
from smki_testca.lint.rows import ASPECTS, aspects
from smki_testca.profiles.model import Severity
from smki_testca.roles import Basis
from smki_testca.text import shown

if TYPE_CHECKING:
    from collections.abc import Iterator

    from smki_testca.profiles import Library

_E, _W, _N = Severity.ERROR, Severity.WARNING, Severity.NOTICE
_S, _O, _A = Basis.SPECIFIED, Basis.OBSERVED, Basis.ASSUMED


@dataclass(frozen=True, slots=True)
class Rule:
    """One rule.

    Attributes:
        code: stable dotted code.
        meaning: what a breach of it is.
        remedy: how to mend the document.
        good: an example that keeps it.
        bad: an example that breaks it.
        profiles: the profiles whose rows it comes from; empty for a rule that
            holds of every document it fits.
    """

    code: str
    severity: Severity
    basis: Basis
    source: str
    meaning: str
    remedy: str
    good: str
    bad: str
    profiles: tuple[str, ...] = ()

    def as_json(self) -> dict[str, Any]:
        """The rule as a JSON object, its attributes as keys."""
        return {
            "code": self.code,
            "severity": self.severity.value,
            "basis": self.basis.value,
            "source": self.source,
            "meaning": self.meaning,
            "remedy": self.remedy,
            "good": self.good,
            "bad": self.bad,
            "profiles": list(self.profiles),
        }


_DER = "X.690 10 and 11; RFC 5280 4.1"
_ENCODE = "Encode the document again as DER and sign it again."
_PUBLISHED = "seen in published GB test certificates"

_CODED = (
    # What could not be read at all.
    Rule("document.unknown_kind", _E, _S, "RFC 5280; RFC 2986", "It is no certificate, CSR, CRL or bundle of them.", "Give the certificate itself; a private key or a text is not linted.", "a PEM CERTIFICATE block", "a PEM block of an unknown label"),
    Rule("document.base64", _E, _S, "RFC 7468 3", "Its base64 cannot be decoded.", "Export it again.", "lines of 64 base64 characters", "a line cut off in the middle of a group"),
    Rule("document.too_long", _E, _A, "a limit of this program", "It is longer than what is read.", "A certificate has a few hundred octets; look what else is in the file.", "a Device Certificate of 430 octets", "a file of 10 MB"),
    Rule("document.zip", _E, _S, "SEC App. M F", "The ZIP is broken, encrypted or over the limits.", "Make the ZIP again, with at most 50,000 files at its root.", "a ZIP of 100 .csr files", "a ZIP that unpacks to gigabytes"),
    Rule("der.structure", _E, _S, "RFC 5280 4.1; RFC 2986 4; RFC 5280 5.1", "The outermost elements are not those of a certificate, CSR or CRL.", _ENCODE, "SEQUENCE { tbs, algorithm, signature }", "a SEQUENCE of two elements"),
    Rule("der.truncated", _E, _S, _DER, "An element ends before its length says.", "Export it again; part of it is lost.", "30 03 02 01 05", "30 03 02 01"),
    Rule("der.length", _E, _S, _DER, "A length cannot be read.", _ENCODE, "81 80", "89 followed by nine octets"),
    Rule("der.tag", _E, _S, _DER, "A tag has no place in such a document.", _ENCODE, "30", "3f 81 00"),
    Rule("der.too_deep", _E, _A, "a limit of this program", "Elements nest deeper than is read.", _ENCODE, "9 levels, as in a Device Certificate", "33 levels"),
    Rule("der.too_many", _E, _A, "a limit of this program", "There are more elements than are read.", _ENCODE, "60 elements", "20,001 elements"),
    # What can be read and is not DER.
    Rule("der.length_not_minimal", _E, _S, "X.690 10.1", "A length is written in more octets than it needs.", _ENCODE, "30 05", "30 81 05"),
    Rule("der.length_indefinite", _E, _S, "X.690 10.1", "A length is indefinite.", _ENCODE, "30 05 …", "30 80 … 00 00"),
    Rule("der.trailing_octets", _E, _S, _DER, "Octets follow the end of the document or of a wrapped element.", "Cut them off; they are not signed.", "30 03 02 01 05", "30 03 02 01 05 00"),
    Rule("der.integer_not_minimal", _E, _S, "X.690 8.3.2", "An INTEGER is not written in the fewest octets.", _ENCODE, "02 01 05", "02 02 00 05"),
    Rule("der.boolean", _E, _S, "X.690 11.1", "A BOOLEAN is neither 00 nor ff.", _ENCODE, "01 01 ff", "01 01 01"),
    Rule("der.null", _E, _S, "X.690 8.8", "A NULL has content.", _ENCODE, "05 00", "05 01 00"),
    Rule("der.oid", _E, _S, "X.690 8.19", "An OBJECT IDENTIFIER is not well formed.", _ENCODE, "06 03 55 1d 0f", "06 04 55 1d 80 0f"),
    Rule("der.bit_string", _E, _S, "X.690 8.6 and 11.2", "A BIT STRING has wrong unused bits, or a named-bit list trailing zeros.", _ENCODE, "03 02 07 80", "03 02 00 80 as a keyUsage"),
    Rule("der.string", _E, _S, "X.680 41", "A string holds octets that its type does not have.", _ENCODE, "PrintableString Z1", "PrintableString Z_1"),
    Rule("der.time_form", _E, _S, "RFC 5280 4.1.2.5", "A time lacks seconds or Z, or has a fraction or an offset.", _ENCODE, "151030000000Z", "1510300000Z"),
    Rule("der.set_order", _E, _S, "X.690 11.6", "The elements of a SET OF are not in ascending order.", _ENCODE, "one attribute in each RDN", "two attributes of one RDN, the larger first"),
    Rule("der.constructed_string", _E, _S, "X.690 10.2", "A string is written in parts.", _ENCODE, "04 04 …", "24 08 04 02 … 04 02 …"),
    Rule("der.default_encoded", _E, _S, "X.690 11.5", "A value that equals its DEFAULT is written out.", _ENCODE, "an extension without critical", "critical FALSE written out"),
    Rule("der.empty_sequence", _E, _S, "RFC 5280 4.1.2.4, 4.1.2.9, 4.2.1", "A SEQUENCE that must hold something is empty.", "Fill it or leave it out.", "certificatePolicies with one policy", "certificatePolicies 30 00"),
    # Signatures and keys.
    Rule("signature.algorithms_differ", _E, _S, "RFC 5280 4.1.1.2", "The signature algorithm inside differs from the one outside.", "Sign again with one algorithm in both places.", "ecdsa-with-SHA256 twice", "ecdsa-with-SHA256 inside, ecdsa-with-SHA384 outside"),
    Rule("signature.malformed", _E, _S, "RFC 5758 3.2; RFC 3279 2.2.3", "The ECDSA signature is no SEQUENCE of two INTEGERs.", "Write r and s as a DER SEQUENCE.", "30 45 02 20 … 02 21 00 …", "64 octets, r and s side by side"),
    Rule("signature.integer_padded", _E, _S, "X.690 8.3.2; RFC 3279 2.2.3", "An INTEGER of the ECDSA signature is padded: BER, which readers reject.", "Write r and s in the fewest octets; the signature's value need not change.", "02 1f 34 …", "02 20 00 34 …"),
    Rule("signature.invalid", _E, _S, "RFC 5280 6.1.3", "The signature does not fit the key that should have made it.", "Get the certificate again from its issuer; some octet changed.", "the certificate as it was issued", "one bit of it changed"),
    Rule("subjectPublicKeyInfo.key", _E, _S, "RFC 5480 2", "The public key cannot be used: of another kind, or its point is not on the curve.", "Make a new key pair.", "04 and a point on P-256", "05 and 64 octets"),
    Rule("subjectPublicKeyInfo.type", _E, _S, "GBCS v0.8.1 s.12; SEC App. M G", "The key is not of the profile's type.", "Use a key of the type that the profile names.", "P-256 in a Device Certificate", "P-384 in a Device Certificate"),
    # The issuer.
    Rule("issuer.unknown", _N, _S, "RFC 5280 6.1", "The issuer is not at hand, so the signature was not checked.", "Give the CA's certificates with --trust.", "linted with --trust chain.pem", "linted alone"),
    Rule("issuer.self_signed", _E, _S, "RFC 5280 6.1.3", "It names another as issuer, but is signed with its own key.", "Have it issued by the CA that it names.", "signed by Z1", "issuer Z1, signed by itself"),
    Rule("issuer.name_differs", _E, _S, "RFC 5280 6.1.3 (a)(4)", "The issuer's name is not the subject of the CA that signed it.", "Write the CA's subject as the issuer.", "OU=07, CN=Z1 under Z1", "OU=07, CN=Z2 under Z1"),
    Rule("issuer.octets_differ", _W, _O, _PUBLISHED, "The issuer's name equals the CA's subject in value, but not octet for octet.", "Copy the CA's subject as it stands.", "PrintableString in both", "UTF8String in one of them"),
    Rule("issuer.not_a_ca", _E, _S, "RFC 5280 6.1.4 (k)", "An end entity issued it.", "Have it issued by a CA of its hierarchy.", "a Device Certificate under the Issuing DCA", "a Device Certificate under a supplier's key"),
    Rule("issuer.key_usage", _E, _S, "RFC 5280 6.1.4 (n)", "The issuer's keyUsage lacks keyCertSign.", "Have it issued by a CA that may.", "keyCertSign, cRLSign", "digitalSignature only"),
    Rule("issuer.wrong_hierarchy", _E, _S, "GBCS v0.8.1 s.12", "A CA of another hierarchy issued it.", "Have it issued by the CA of its own hierarchy.", "an Organisation Certificate under the Issuing OCA", "a Device Certificate under the Issuing OCA"),
    Rule("issuer.path_length", _E, _S, "RFC 5280 4.2.1.9", "The issuer's pathLenConstraint allows no CA below it.", "Have the CA issued by the root.", "an end entity below pathLen 0", "a CA below pathLen 0"),
    # Time.
    Rule("validity.order", _E, _S, "RFC 5280 4.1.2.5", "It ends before it begins.", "Issue it with its dates in order.", "2026 to 2036", "2036 to 2026"),
    Rule("validity.expired", _W, _S, "RFC 5280 4.1.2.5", "It ran out. An old certificate is not a malformed one.", "Renew it.", "linted before its notAfter", "linted after its notAfter"),
    Rule("validity.not_yet_valid", _W, _S, "RFC 5280 4.1.2.5", "Its time has not come.", "Wait, or look at the clock.", "linted after its notBefore", "linted before its notBefore"),
    Rule("validity.revoked", _W, _S, "RFC 5280 6.3.3", "It is on the newest CRL at hand. A revoked certificate is not a malformed one.", "Use another certificate.", "on no CRL", "on a CRL that was linted with it"),
    Rule("validity.ends_soon", _N, _S, "RFC 5280 4.1.2.5", "It runs out within 90 days.", "Renew it in time.", "91 days left", "89 days left"),
    # Names and numbers.
    Rule("extensions.duplicate", _E, _S, "RFC 5280 4.2", "An extension is there twice.", "Leave one out.", "one keyUsage", "two keyUsages"),
    Rule("extensions.unknown_critical", _E, _S, "RFC 5280 4.2", "An extension that nobody here knows is critical: readers must reject the certificate.", "Leave it out, or mark it not critical.", "an unknown extension, not critical", "an unknown extension, critical"),
    Rule("subject.duplicate", _W, _O, _PUBLISHED, "An attribute of the subject is there twice.", "Leave one out.", "one OU", "two OUs"),
    Rule("serial.leading_zero_nibble", _N, _O, _PUBLISHED, "The serial's first hexadecimal digit is zero; programs that drop leading zeros miss it.", "Draw serials whose first digit is 1 to 7.", "4FBC…", "0F48…"),
    Rule("subject.commonName.typo", _N, _O, _PUBLISHED, "The common name holds a known slip of spelling, frozen in published certificates.", "Spell it rightly in new certificates.", "Electricity Distributor", "Electricity Distributer"),
    Rule("eui64.look_alike", _N, _O, "IEEE register; published ZAZ1 certificates", "The ID lies under a look-alike of the SEC's Registry Entry, which IEEE never assigned.", "Fine in the ZAZ1 test PKI; elsewhere use the entry 70-B3-D5-1F-3.", "70-B3-D5-1F-30-01-00-00", "90-B3-D5-1F-30-01-00-00"),
    Rule("eui64.not_central", _N, _S, "seed ¶31 to 33 (R10)", "The ID is under none of the SEC's Registry Entries, from which User, DCC and RDP IDs come.", "Use an ID that the Panel allocated.", "70-B3-D5-1F-30-01-00-00", "00-DB-12-34-56-78-00-04 in an Organisation Certificate"),
    Rule("device_id.central", _E, _S, "seed ¶33 (R11)", "The Device ID is under a Registry Entry of the SEC, which is never for Devices.", "Use an ID under the manufacturer's own Registry Entry.", "00-DB-12-34-56-78-90-A4", "70-B3-D5-1F-30-01-00-00 in a Device Certificate"),
    # Over all documents at once.
    Rule("set.serial_twice", _E, _S, "RFC 5280 4.1.2.2", "Two certificates of one issuer have one serial number.", "Issue one of them again.", "every serial once", "two certificates of Z1 with one serial"),
    Rule("set.serial_of_another_issuer", _W, _O, "a real client looks certificates up by serial alone", "Two certificates of different issuers have one serial number.", "Draw serials that are unique over the whole estate.", "every serial once", "one serial under Z1 and U2"),
    Rule("set.key_agreement_pair", _N, _O, _PUBLISHED, "Two key agreement certificates have one subject: look-ups are ambiguous, as with ordinary and prepayment keys.", "Nothing, if one of them is the prepayment certificate; tell them apart by label or serial.", "one KA certificate under an EUI-64", "Z1-supplier-ka and Z1-supplierPP-ka"),
    Rule("set.renewal_same_key", _N, _O, _PUBLISHED, "Two certificates have one subject, usage and key: a renewal without a new key.", "Nothing; it is allowed.", "a renewal with a new key", "a renewal with the same key"),
    Rule("set.decimal_counting", _N, _O, _PUBLISHED, "IDs seem counted in decimal inside a hexadecimal field: …09 is followed by …10.", "Count in hexadecimal: …09, …0A.", "…-00-09, …-00-0A", "…-00-09, …-00-10"),
    Rule("set.crl_number", _E, _S, "RFC 5280 5.2.3", "A CRL's number is not above that of an older CRL of the same issuer.", "Give each CRL a higher number than the one before.", "7, then 8", "7, then 7 again"),
    Rule("set.revoked_before_issue", _W, _A, "nothing is revoked before there is anything", "A CRL revokes a certificate from before its notBefore.", "Date the revocation no earlier than the certificate.", "revoked a year after notBefore", "revoked a year before notBefore"),
    # CSRs.
    Rule("csr.version", _E, _S, "SEC App. M F; RFC 2986 4.1", "The CSR's version is not 0.", "Make the CSR again with version 0.", "INTEGER 0", "INTEGER 2"),
    Rule("csr.key", _E, _S, "SEC App. M F, G", "The CSR's key is neither on P-256 nor RSA of 2048 bits, or is not written as a named curve and an uncompressed point.", "Make a key pair of the kind that the certificate takes.", "prime256v1", "secp384r1"),
    Rule("csr.algorithm", _E, _S, "SEC App. M F, G", "The CSR is not signed with the algorithm of its kind.", "Sign it with SHA-256.", "ecdsa-with-SHA256", "ecdsa-with-SHA1"),
    Rule("csr.signature", _E, _S, "SEC App. M 2.3.1.2", "The CSR's signature is not by its own key.", "Make the CSR again; some octet changed.", "the CSR as it was made", "its subject changed afterwards"),
    Rule("csr.attributes", _E, _S, "SEC App. M F", "The CSR has other attributes than one extensionRequest.", "Leave the others out.", "one extensionRequest", "a challengePassword"),
    Rule("csr.extension", _E, _S, "SEC App. M F", "The CSR asks for an extension that its certificate does not take from it, or for one twice.", "Leave it out; the CA adds its own.", "keyUsage", "extKeyUsage"),
    Rule("csr.criticality", _E, _S, "SEC App. M F", "An extension that the CSR asks for is not critical. Not validated for Devices.", "Mark it critical.", "keyUsage critical", "keyUsage not critical"),
    Rule("csr.subject", _E, _S, "SEC App. M F, G", "The CSR's subject lacks an attribute, or holds one that has no place there.", "Give exactly the attributes of its kind.", "OU and 2.5.4.45", "C and O"),
    Rule("csr.key_usage", _E, _S, "SEC App. M F, G", "The CSR asks for no key usage, or for another than its kind has.", "Ask for exactly one: digitalSignature or keyAgreement.", "digitalSignature", "digitalSignature and keyAgreement"),
    Rule("csr.identifier", _E, _S, "SEC App. M F", "The identifier in the CSR's subject is not 64 bits.", "Write the 8 octets of the EUI-64 as a BIT STRING.", "03 09 00 and 8 octets", "03 07 00 and 6 octets"),
    Rule("csr.role", _E, _S, "SEC App. M F, G", "The OU of the CSR is no RemotePartyRole in two hexadecimal digits.", "Write the role's code.", "02", "supplier"),
    Rule("csr.device_id", _E, _S, "SEC App. M F", "The Device CSR has no single hardwareModuleName with an 8-octet hwSerialNum.", "Ask for it in a subjectAltName.", "hwType and 8 octets", "a dNSName"),
    # CRLs.
    Rule("crl.version", _E, _S, "RFC 5280 5.1.2.1", "The CRL is not of version 2.", "Issue it as v2.", "v2", "v1"),
    Rule("crl.next_update", _E, _S, "RFC 5280 5.1.2.5", "The CRL has no nextUpdate.", "Issue it with one.", "nextUpdate 48 hours on", "no nextUpdate"),
    Rule("crl.number", _E, _S, "RFC 5280 5.2.3", "The CRL has no cRLNumber.", "Issue it with one.", "cRLNumber 7", "no cRLNumber"),
    Rule("crl.authority_key", _E, _S, "RFC 5280 5.2.1", "The CRL has no authorityKeyIdentifier.", "Issue it with one.", "the issuer's key identifier", "no authorityKeyIdentifier"),
    Rule("crl.number_range", _E, _S, "RFC 5280 5.2.3", "The cRLNumber is negative, has more than 20 octets, or is no INTEGER.", "Number CRLs from 1 on.", "cRLNumber 7", "cRLNumber -1"),
    Rule("crl.stale", _W, _S, "RFC 5280 5.1.2.5", "The CRL's nextUpdate has passed.", "Fetch the newest CRL.", "nextUpdate tomorrow", "nextUpdate yesterday"),
    Rule("crl.future", _W, _S, "RFC 5280 5.1.2.4", "The CRL's thisUpdate has not come.", "Wait, or look at the clock.", "thisUpdate an hour ago", "thisUpdate tomorrow"),
    Rule("crl.update_order", _E, _S, "RFC 5280 5.1.2.5", "The CRL's nextUpdate is not after its thisUpdate.", "Issue it with its times in order.", "nextUpdate 48 hours after thisUpdate", "nextUpdate an hour before thisUpdate"),
    Rule("crl.hierarchy", _N, _A, "no public CRL or policy was found", "A CA of a hierarchy without CRLs issued it.", "Use the status of Device Certificates instead.", "a CRL of the Issuing OCA", "a CRL of the Issuing DCA"),
    Rule("crl.issuer_key_usage", _E, _S, "RFC 5280 6.3.3 (f)", "The issuer's keyUsage lacks cRLSign.", "Have it issued by a CA that may.", "keyCertSign, cRLSign", "keyCertSign only"),
    Rule("crl.empty", _E, _S, "RFC 5280 5.1.2.6", "revokedCertificates is there and lists nothing.", "Leave it out where nothing is revoked.", "no revokedCertificates", "revokedCertificates 30 00"),
    Rule("crl.entry", _E, _S, "RFC 5280 5.1.2.6", "An entry is not a serial number, a time and, perhaps, extensions.", _ENCODE, "SEQUENCE { userCertificate, revocationDate }", "SEQUENCE { userCertificate }"),
    Rule("crl.too_many_entries", _E, _A, "a limit of this program", "The CRL has more entries than are read.", "Look what else is in the file.", "100,000 entries", "250,001 entries"),
    Rule("crl.serial_twice", _E, _S, "RFC 5280 5.1.2.6", "The CRL lists one serial number twice.", "List each certificate once.", "every serial once", "one serial with two dates"),
    Rule("crl.revoked_later", _W, _S, "RFC 5280 5.1.2.4, 5.1.2.6", "An entry's revocationDate is after thisUpdate.", "List what was revoked when the CRL was issued.", "revoked an hour before thisUpdate", "revoked an hour after thisUpdate"),
    Rule("crl.reason_unspecified", _W, _S, "RFC 5280 5.3.1", "A reasonCode says unspecified: it should be left out.", "Leave the reasonCode out.", "no reasonCode", "reasonCode unspecified"),
    Rule("crl.reason_remove", _E, _S, "RFC 5280 5.3.1", "A reasonCode says removeFromCRL outside a delta CRL.", "Leave the entry out.", "no such entry", "reasonCode removeFromCRL"),
    Rule("crl.reason_unknown", _E, _S, "RFC 5280 5.3.1", "A reasonCode is none of those that there are.", "Use one of RFC 5280's.", "reasonCode keyCompromise", "reasonCode 7"),
    Rule("internal.rule_failed", _W, _A, "a fault of this program", "A rule failed on this document, so it was not checked by that rule.", "Report it with the document.", "no such finding", "an exception in a rule"),
)  # fmt: skip


def coded_rules() -> dict[str, Rule]:
    """The rules written in this module, by code."""
    return {rule.code: rule for rule in _CODED}


def rules(library: Library) -> list[Rule]:
    """Every rule, those of the profiles' rows included, by code; the gravest first within one."""
    rank = {severity: number for number, severity in enumerate(Severity)}
    found = [*_CODED, *_row_rules(library)]
    return sorted(found, key=lambda rule: (rule.code, rank[rule.severity], rule.source))


def explain(library: Library, code: str) -> list[Rule]:
    """The rules of one code: several, where profiles differ in severity or source.

    Raises:
        InputError: if there is none.
    """
    found = [rule for rule in rules(library) if rule.code == code]
    if not found:
        raise InputError(
            "rule.unknown", f"There is no rule {shown(code)}.", "See: smki-testca lint rules"
        )
    return found


def _row_rules(library: Library) -> Iterator[Rule]:
    gathered: dict[tuple[str, Severity, Basis, str, str], list[str]] = {}
    for profile in (*library.profiles, *library.revocation_list_profiles):
        for row in profile.rows:
            for aspect in aspects(profile, row):
                code = f"{row.field.path}.{aspect}"
                key = (code, row.severity, row.basis, row.source, row.rule)
                names = gathered.setdefault(key, [])
                if profile.name not in names:
                    names.append(profile.name)
    for (code, severity, basis, source, rule), names in gathered.items():
        path, aspect = code.rsplit(".", 1)
        said = ASPECTS[aspect]
        meaning = said.meaning.format(path=path)
        if rule:
            meaning += f" The row says: {rule}."
        yield Rule(
            code,
            severity,
            basis,
            source,
            meaning,
            said.remedy.format(path=path),
            said.good.format(path=path, rule=rule or "as in the profile"),
            said.bad.format(path=path),
            tuple(names),
        )
