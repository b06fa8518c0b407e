"""The rules for CSRs (SEC App. M F and G, RFC 2986), which follow from a certificate's profile.

A CSR holds the fields that rows of the profile fill from an input, and the names of its holder,
which the CA compares with the register. It does not hold the fields that the CA adds.
"""

from __future__ import annotations

import re
from dataclasses import replace
from typing import TYPE_CHECKING

from smki_testca.der import encode
from smki_testca.errors import InputError
from smki_testca.identifiers import identifies_nobody
from smki_testca.lint import distinguished_name, structure_rules
from smki_testca.lint.chain import minimal_signature
from smki_testca.lint.findings import Breach
from smki_testca.lint.row_checks import value_breaches
from smki_testca.lint.rule import RULES, detects, rule
from smki_testca.lint.strict import looks_raw, signature_anomalies
from smki_testca.profiles.inputs import SIGNIFIER
from smki_testca.profiles.model import Constant, Derived, Input, Severity
from smki_testca.roles import Basis
from smki_testca.text import shown
from smki_testca.x509 import names
from smki_testca.x509.fields import FieldKind, check_characters
from smki_testca.x509.key_forms import form_fault
from smki_testca.x509.keys import key_type_of, load_public_key, public_key_octets, signature_fits
from smki_testca.x509.name_text import general_name_text
from smki_testca.x509.values import oid_of

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from smki_testca.der.read import Node
    from smki_testca.lint.rule import Rule
    from smki_testca.profiles import Library
    from smki_testca.profiles.model import Profile, Row
    from smki_testca.roles import Roles
    from smki_testca.x509.keys import PublicKey
    from smki_testca.x509.view import View

HARDWARE_MODULE = "extensions.subjectAltName.hardwareModuleName"
_IDENTIFIER = "subject.x500UniqueIdentifier"
_KEY_USAGE = "extensions.keyUsage"
_UNIT = "subject.organizationalUnitName"
_ROLE_CODE = re.compile(r"[0-9A-F]{2}", re.ASCII)
_ALTERNATIVE_NAME = "extensions.subjectAltName"
NAMES_OF_HOLDER = frozenset({"participant-name", SIGNIFIER})
"""Derived values that a CSR holds, too. It may leave out the Signifier: the register has it."""
_TEXT_TAGS = frozenset({0x0C, 0x12, 0x13, 0x14, 0x16, 0x1E})
_TOOLS = {"subjectKeyIdentifier": "keytool", "basicConstraints": "certtool"}
"""The extensions that a program always asks for."""
_IS_CA = "extensions.basicConstraints.cA"
_TELLING = frozenset({"csr.key", "csr.subject", "csr.role", "csr.device_id"})
"""The breaches that tell that a CSR is for another certificate type."""
_PORTAL_RULES = "SEC App. M"
_MAX_NAMES = 3
_IF_IT_CANNOT = (
    "If your program cannot: `sign --as test-ca`; or, on the page Submit of the portal, How CSRs"
    " are taken: as a test CA. Or make the CSR with `smki-testca csr`."
)
_USE_CSR = "`smki-testca csr` makes a right one, but only with a new key pair"


def kind(view: View) -> str:
    """Tell ``organisation``, ``device``, ``iki`` or ``dccki`` from the content of a CSR.

    It is also the name of the profile that a certificate for it follows.
    """
    if names.RSA_ENCRYPTION_OID in (view.octets("subjectPublicKeyInfo") or b"")[:32]:
        usages = view.value(_KEY_USAGE)
        is_for_tls = isinstance(usages, tuple) and "keyEncipherment" in usages
        has_role = _ROLE_CODE.fullmatch(view.text(_UNIT) or "") is not None
        is_dccki = not has_role and (is_for_tls or _ALTERNATIVE_NAME in view.fields)
        return "dccki" if is_dccki else "iki"
    names_device = any(path.startswith(HARDWARE_MODULE) for path in view.fields)
    if not view.subject_order or (names_device and _IDENTIFIER not in view.fields):
        return "device"
    return "organisation"


def likely_profiles(view: View, library: Library, of_kind: Profile) -> tuple[Profile, ...]:
    """The profiles of a library that a CSR is likeliest for, if it is not right for its kind's.

    Those that it is right for. If there are none, and its key and subject are not those of its
    kind, those that have such a key and subject and take least exception to the rest.

    Args:
        view: the CSR.
        library: the certificate types.
        of_kind: the profile that ``kind`` names.

    Returns:
        One profile, or those between which the content does not tell.
    """
    fewest, likely = _errors(view, library, of_kind), [of_kind]
    has_own_shape = _has_shape(view, of_kind, fewest)
    for profile in library.end_entity_profiles:
        if profile is of_kind or _has_role_for_signifier(view, profile):
            continue
        errors = _errors(view, library, profile)
        if errors and (has_own_shape or not _has_shape(view, profile, errors)):
            continue
        if len(errors) < len(fewest):
            fewest, likely = errors, [profile]
        elif len(errors) == len(fewest) and of_kind not in likely:
            likely.append(profile)
    return tuple(likely)


def _errors(view: View, library: Library, profile: Profile) -> list[Breach]:
    return [each for each in breaches(view, library.roles, profile) if is_error(each)]


def _has_shape(view: View, profile: Profile, errors: list[Breach]) -> bool:
    """Whether a CSR has the key, the subject and the kind of names of a profile."""
    takes_names = any(
        row.field.extension == "subjectAltName" and isinstance(row.fill, Input)
        for row in profile.rows
    )
    return (takes_names or _ALTERNATIVE_NAME not in view.fields) and not any(
        error.code in _TELLING for error in errors
    )


def evidence(rule: Rule, profile: Profile) -> Rule:
    """A rule with the basis and source that it has for a certificate type.

    SEC App. M describes the CSRs of some hierarchies. For others, what it says of them is assumed,
    unless another source states the rule, too.
    """
    is_described = _PORTAL_RULES in (profile.csr_terms.described_in or "")
    if is_described or _PORTAL_RULES not in rule.source:
        return rule
    sources = [each for each in rule.source.split("; ") if _PORTAL_RULES not in each]
    if sources:
        return replace(rule, source="; ".join(sources))
    source = f"follows from the profile {profile.name}"
    return replace(rule, basis=Basis.ASSUMED, source=source)


def needs_another_key(view: View, profile: Profile) -> bool:
    """Whether the key of a CSR is of a type that its certificate cannot have."""
    request_key = load_public_key(view.octets("subjectPublicKeyInfo") or b"")
    field = view.fields.get("subjectPublicKeyInfo")
    if request_key is None:
        return field is not None and form_fault(field.node) is None
    return key_type_of(request_key) is not profile.key_type


def _has_role_for_signifier(view: View, profile: Profile) -> bool:
    """Whether a CSR states a role's code where a profile has the Signifier: it is for another."""
    field = profile.field_of(SIGNIFIER)
    return field is not None and _ROLE_CODE.fullmatch(view.text(field.path) or "") is not None


class CertificationRequest:
    """A CSR and what its profile asks of it.

    Attributes:
        view: its fields.
        roles: the RemotePartyRoles that a subject may name.
        profile: the profile of the certificate that it asks for.
        key: its public key; None where that cannot be used.
        attributes: the subject attributes that it may hold; whether each is optional, by name.
        usages: the key usages that the profile allows; None for any.
        has_fixed_usage: whether the profile has all of these usages, and not one of them.
        must_ask_for_usage: whether the CSR may not leave its key usage out.
        requested: the rows that it brings a value for, by extension.
    """

    def __init__(self, view: View, roles: Roles, profile: Profile) -> None:
        self.view = view
        self.roles = roles
        self.profile = profile
        self.key = load_public_key(view.octets("subjectPublicKeyInfo") or b"")
        self.attributes: dict[str, bool] = {}
        self.usages: tuple[str, ...] | None = None
        self.has_fixed_usage = False
        self.must_ask_for_usage = False
        self.requested: dict[str, list[Row]] = {"keyUsage": []}
        for row in profile.rows:
            self._add(row)

    def _add(self, row: Row) -> None:
        field, fill = row.field, row.fill
        is_in_csr = isinstance(fill, Input) or (
            isinstance(fill, Derived) and fill.name in NAMES_OF_HOLDER
        )
        if is_in_csr and field.attribute is not None:
            self.attributes[field.attribute] = _is_optional(row)
        if field.path == _KEY_USAGE:
            if isinstance(fill, Constant) and isinstance(fill.value, tuple):
                # SEC App. M G: an IKI CSR asks for its one usage. Elsewhere the CA may add it.
                self.must_ask_for_usage = self.profile.csr_terms.must_ask_for_usage
                self.usages, self.has_fixed_usage = fill.value, True
            elif isinstance(fill, Input):
                self.must_ask_for_usage = not fill.optional
            if row.holds.exactly_one_of is not None:
                self.usages = row.holds.exactly_one_of
        elif isinstance(fill, Input) and field.extension is not None:
            self.requested.setdefault(field.extension, []).append(row)

    @property
    def may_ask_for_nothing(self) -> bool:
        """Whether every extension may be left out."""
        rows = [row for rows in self.requested.values() for row in rows]
        return not self.must_ask_for_usage and all(_is_optional(row) for row in rows)

    @property
    def brings_hardware_module(self) -> bool:
        """Whether it asks for the name of a Device."""
        rows = self.requested.get("subjectAltName", ())
        return any(row.field.path.startswith(HARDWARE_MODULE) for row in rows)

    def faults_by(self, row: Row) -> list[str]:
        """The faults for which a CSR's value for a row cannot be issued; a habit is not a fault."""
        field, value = row.field, self.view.value(row.field.path)
        if value is None:
            return []
        faults = []
        if isinstance(row.fill, Input):
            try:
                check_characters(field, self.profile.encoding(field), value)
            except InputError as error:
                faults.append(f"its {error.message.rstrip('.')}")
        if row.severity is Severity.ERROR:
            breaches = value_breaches(row, value, self.roles)
            faults += [f"its {field.path} {breach.message}" for breach in breaches]
        return faults

    def offset(self, path: str) -> int:
        """The offset of a field; of what is signed where the field is missing."""
        field = self.view.fields.get(path)
        return self.view.signed.offset if field is None else field.node.offset


def _is_optional(row: Row) -> bool:
    if isinstance(row.fill, Derived):
        return row.fill.name == SIGNIFIER
    return isinstance(row.fill, Input) and row.fill.optional


def breaches(view: View, roles: Roles, profile: Profile) -> Iterator[Breach]:
    """Every breach by a CSR's format and self-signature, in the order of App. M.

    Args:
        view: the CSR.
        roles: the RemotePartyRoles that a subject may name.
        profile: the profile of the certificate that it asks for; ``kind`` gives its name for an
            SMKI or IKI CSR.
    """
    request = CertificationRequest(view, roles, profile)
    for checker in CHECKERS:
        yield from checker(request)


def is_error(breach: Breach) -> bool:
    """Whether a breach makes a CSR unusable; others are reported."""
    return RULES[breach.code].severity is Severity.ERROR


@rule(
    "csr.version", Severity.ERROR, Basis.SPECIFIED, "SEC App. M F; RFC 2986 4.1",
    meaning="The CSR's version is not 0.", remedy="Make the CSR again with version 0.",
    good="INTEGER 0", bad="INTEGER 2",
)  # fmt: skip
def version(request: CertificationRequest) -> Iterator[Breach]:
    """Find a version other than 0."""
    if request.view.value("version") != "v1":
        yield Breach("csr.version", request.offset("version"), "its version is not 0")


@rule(
    "csr.key", Severity.ERROR, Basis.SPECIFIED, "SEC App. M F, G",
    meaning="The CSR's key is neither on P-256 nor RSA of 2048 bits, or is not written as a named"
    " curve and an uncompressed point.",
    remedy="Make a key pair of the kind that the certificate takes.",
    good="prime256v1", bad="secp384r1",
)  # fmt: skip
def key(request: CertificationRequest) -> Iterator[Breach]:
    """Find a key of another type, or one in another form."""
    offset = request.offset("subjectPublicKeyInfo")
    public_key, key_type = request.key, request.profile.key_type
    is_right_type = public_key is not None and key_type_of(public_key) is key_type
    if public_key is not None and is_right_type:
        if public_key_octets(public_key) == request.view.octets("subjectPublicKeyInfo"):
            return
        message = f"its key {_form_fault(request) or 'is not in the form that certificates have'}"
    elif public_key is not None and key_type_of(public_key) is not None:
        message = f"its key is not {key_type}"
    else:
        message = f"its key {_form_fault(request) or 'is neither on P-256 nor RSA of 2048 bits'}"
    yield Breach("csr.key", offset, message)


def _form_fault(request: CertificationRequest) -> str | None:
    """The fault in the form of the key, which a certificate would carry as it is."""
    field = request.view.fields.get("subjectPublicKeyInfo")
    return None if field is None else form_fault(field.node)


def _has_right_algorithm(request: CertificationRequest) -> bool:
    """Whether the CSR is signed with the algorithm of its kind, whatever its parameters say."""
    right = algorithm_of(request.profile)
    return request.view.signature_algorithm.encoded in algorithm_forms(right)


def algorithm_forms(algorithm: names.SignatureAlgorithm) -> tuple[bytes, bytes]:
    """An AlgorithmIdentifier as it should be written, and the other way, which programs write.

    The parameters are NULL in one of them, and left out in the other.
    """
    other = replace(algorithm, null_parameters=not algorithm.null_parameters)
    return algorithm.encoded, other.encoded


def algorithm_of(profile: Profile) -> names.SignatureAlgorithm:
    """The algorithm that a CSR for a profile is signed with."""
    is_rsa = profile.key_type is names.KeyType.RSA2048
    return names.SHA256_WITH_RSA if is_rsa else names.ECDSA_WITH_SHA256


@rule(
    "csr.algorithm", Severity.ERROR, Basis.SPECIFIED, "SEC App. M F, G",
    meaning="The CSR is not signed with the algorithm of its kind.", remedy="Sign it with SHA-256.",
    good="ecdsa-with-SHA256", bad="ecdsa-with-SHA1",
)  # fmt: skip
def algorithm(request: CertificationRequest) -> Iterator[Breach]:
    """Find a CSR that is signed with another algorithm than its key's."""
    if not _has_right_algorithm(request):
        node, right = request.view.signature_algorithm, algorithm_of(request.profile)
        message = f"it is not signed with {right.name}"
        if node.children and oid_of(node.children[0]) == right.oid:
            message = f"its AlgorithmIdentifier of {right.name} has parameters that it never has"
        yield Breach("csr.algorithm", node.offset, message)


@rule(
    "csr.algorithm_parameters", Severity.WARNING, Basis.SPECIFIED, "RFC 5758 3.2; RFC 4055 5",
    meaning="The CSR's signature algorithm has NULL parameters where it takes none, or none where"
    " it takes NULL. mbedTLS 2 writes NULL after ecdsa-with-SHA256. The certificate does not"
    " have it.",
    remedy="Update the library that made it; the CSR is signed anyway.",
    good="30 0a 06 08 2a 86 48 ce 3d 04 03 02", bad="30 0c 06 08 2a 86 48 ce 3d 04 03 02 05 00",
)  # fmt: skip
def algorithm_parameters(request: CertificationRequest) -> Iterator[Breach]:
    """Find an AlgorithmIdentifier with the parameters of the other family of algorithms."""
    right = algorithm_of(request.profile)
    node = request.view.signature_algorithm
    if node.encoded == right.encoded or not _has_right_algorithm(request):
        return
    fault = "lacks its NULL parameters" if right.null_parameters else "has NULL parameters"
    message = f"its AlgorithmIdentifier of {right.name} {fault}; the certificate's is right"
    yield Breach("csr.algorithm_parameters", node.offset, message)


@rule(
    "csr.signature", Severity.ERROR, Basis.SPECIFIED, "SEC App. M 2.3.1.2; RFC 2986 4.2",
    meaning="The CSR's signature is not by its own key.",
    remedy="Make the CSR again; some octet changed.",
    good="the CSR as it was made", bad="its subject changed afterwards",
)  # fmt: skip
def signature(request: CertificationRequest) -> Iterator[Breach]:
    """Find a signature that the CSR's key did not make, or that is malformed."""
    view, public_key = request.view, request.key
    if public_key is None or not _has_right_algorithm(request):
        return
    if signature_fits(public_key, view.signature, view.signed.encoded):
        return
    form = [*signature_anomalies(view)]
    is_raw = looks_raw(view.signature)
    is_malformed = any(anomaly.code == "signature.malformed" for anomaly in form)
    is_padded = bool(form) and signature_fits(
        public_key, minimal_signature(view), view.signed.encoded
    )
    if not is_raw and (is_malformed or is_padded):
        yield from form
        return
    message = "its signature is not by its own key"
    if is_raw and _fits_as_raw(public_key, view.signature, view.signed.encoded):
        message = (
            "its signature is r and s side by side, as hardware and JOSE write it; it takes a"
            " DER SEQUENCE of both (RFC 3279 2.2.3)"
        )
    yield Breach("csr.signature", view.root.children[2].offset, message)


def _fits_as_raw(key: PublicKey, signature: bytes, data: bytes) -> bool:
    """Whether a signature is right but for its form: r and s, 32 octets each."""
    half = len(signature) // 2
    numbers = (int.from_bytes(signature[:half]), int.from_bytes(signature[half:]))
    return signature_fits(key, encode.sequence(*map(encode.integer, numbers)), data)


@rule(
    "csr.attributes", Severity.ERROR, Basis.SPECIFIED, "SEC App. M F",
    meaning="The CSR has other attributes than one extensionRequest.",
    remedy=f"Leave the others out. {_IF_IT_CANNOT}",
    good="one extensionRequest", bad="a challengePassword",
)  # fmt: skip
def attributes(request: CertificationRequest) -> Iterator[Breach]:
    """Find attributes other than the one that asks for extensions."""
    order = request.view.attribute_order
    if order == [names.EXTENSION_REQUEST] or (not order and request.may_ask_for_nothing):
        return
    held = ", ".join(map(names.described, order)) or "none"
    message = f"it must have one attribute, the extensionRequest; it has {held}"
    if any(oid.startswith(names.WINDOWS_ATTRIBUTES) for oid in order):
        message += "; certreq adds Windows' own to every CSR"
    yield Breach("csr.attributes", request.view.signed.offset, message, "attributes")


@detects("der.set_order")
def attribute_order(request: CertificationRequest) -> Iterator[Breach]:
    """Find attributes that are not in the order of a SET OF (X.690 11.6)."""
    for group in request.view.signed.children[3:]:
        encoded = [attribute.encoded for attribute in group.children if attribute.tag == 0x30]
        if encoded != sorted(encoded):
            yield Breach("der.set_order", group.offset, "its attributes are not in order of DER")


@rule(
    "csr.subject", Severity.ERROR, Basis.SPECIFIED, "SEC App. M F, G",
    meaning="The CSR's subject lacks an attribute, or has one that is not allowed there.",
    remedy="Give exactly the attributes of its kind.",
    good="OU and 2.5.4.45", bad="C and O",
)  # fmt: skip
def subject(request: CertificationRequest) -> Iterator[Breach]:
    """Compare the subject with the attributes that the profile takes from it, each once."""
    view, order = request.view, request.view.subject_order
    needed = [name for name, is_optional in request.attributes.items() if not is_optional]
    offset = request.offset("subject")
    for name in dict.fromkeys((*needed, *order)):
        count = order.count(name)
        if name not in request.attributes:
            message = f"its subject holds {names.described(name)}, which is not allowed there"
            yield Breach("csr.subject", offset, message)
        elif count > 1:
            yield Breach("csr.subject", offset, f"its subject holds {name} {count} times")
        elif count == 0:
            yield Breach("csr.subject", offset, f"its subject lacks {name}")
        elif view.value(f"subject.{name}") is None:
            place = request.offset(f"subject.{name}")
            yield Breach("csr.subject", place, _unreadable(name, view))


def _unreadable(name: str, view: View) -> str:
    """The reason for which an attribute of the subject cannot be read."""
    field = view.fields.get(f"subject.{name}")
    is_text = field is not None and field.node.tag in _TEXT_TAGS
    if name != "x500UniqueIdentifier" or not is_text:
        return f"its {name} cannot be read"
    return (
        f"its {name} (2.5.4.45) is text, all that OpenSSL's command line can write; it takes the 8"
        f" octets of the EUI-64 as a BIT STRING. {_USE_CSR}"
    )


@rule(
    "csr.subject_order", Severity.ERROR, Basis.SPECIFIED, "SEC App. M F",
    meaning="The attributes of the CSR's subject are in another order, or two of them in one RDN.",
    remedy="Write each attribute as an RDN of its own, the identifier last.",
    good="OU, then 2.5.4.45", bad="2.5.4.45, then OU",
)  # fmt: skip
def subject_order(request: CertificationRequest) -> Iterator[Breach]:
    """Find attributes that the certificate has in another order, or that share an RDN."""
    for labels, offset in distinguished_name.shared_rdns(request.view):
        message = f"its subject holds {' and '.join(labels)} in one RDN"
        yield Breach("csr.subject_order", offset, message)
    order = request.view.subject_order
    for row in request.profile.rows:
        name = row.field.attribute
        is_last = row.holds.last and row.severity is Severity.ERROR
        if is_last and name in order and order[-1] != name:
            message = f"its subject holds {', '.join(order)}; {name} must come last"
            yield Breach("csr.subject_order", request.offset(row.field.path), message)


@rule(
    "csr.subject_value", Severity.ERROR, Basis.SPECIFIED, "RFC 5280 7.1 and A.1; SEC App. M F, G",
    meaning="An attribute of the CSR's subject is empty or only spaces, too long, or holds"
    " invisible characters: NUL, other controls, marks of direction, noncharacters such as"
    " U+FFFF, unassigned characters or those for private use.",
    remedy="Write visible text of at most 64 characters, or leave it out.",
    good="CN=Supplier One", bad="CN=Supplier One, with U+202E in it",
)  # fmt: skip
def subject_values(request: CertificationRequest) -> Iterator[Breach]:
    """Find attributes of the subject whose text no certificate may have."""
    view, reported = request.view, set()
    for label, offset, fault in distinguished_name.empty(view):
        reported.add(label)
        yield Breach("csr.subject_value", offset, f"its {label} is {fault}")
    for label, offset, character in distinguished_name.unseen(view):
        reported.add(label)
        message = f"its {label} holds the character {character}, which is not shown"
        yield Breach("csr.subject_value", offset, message)
    role = request.profile.field_of("role")
    for row in request.profile.rows:
        field = row.field
        if (
            field.kind is not FieldKind.TEXT
            or field.attribute in {None, *reported}
            or field == role
        ):
            continue
        for message in request.faults_by(row):
            yield Breach("csr.subject_value", request.offset(field.path), message)


@rule(
    "csr.extension", Severity.ERROR, Basis.SPECIFIED, "SEC App. M F",
    meaning="The CSR asks for an extension that its certificate does not take from it, or for one"
    " twice.", remedy=f"Leave it out; the CA adds its own. {_IF_IT_CANNOT}",
    good="keyUsage", bad="extKeyUsage",
)  # fmt: skip
def extensions(request: CertificationRequest) -> Iterator[Breach]:
    """Find extensions that the profile does not take from a CSR, and those asked for twice."""
    view = request.view
    for name, node in zip(view.extension_order, view.extension_nodes, strict=True):
        if name not in request.requested:
            message = f"it asks for the extension {names.described(name)}"
            message += _reason(request, name)
            yield Breach("csr.extension", node.offset, message, f"extensions.{name}")
    for name in request.requested:
        if view.extension_order.count(name) > 1:
            offset = request.offset(f"extensions.{name}")
            yield Breach("csr.extension", offset, f"it asks for the extension {name} twice")
    # The rule csr.device_id covers the subjectAltName of a Device.
    if not request.brings_hardware_module:
        yield from _parts(request)


def _reason(request: CertificationRequest, name: str) -> str:
    """The reason for which an extension has no place in a CSR, and the program that writes it."""
    if asks_for_ca(request.view, name):
        return " with cA TRUE, that is, for the certificate of a CA"
    if name not in _TOOLS:
        return ""
    is_added = any(row.field.extension == name and row.fill for row in request.profile.rows)
    why = "the CA adds itself" if is_added else "its certificate does not have"
    return f", which {why}; {_TOOLS[name]} cannot leave it out"


def asks_for_ca(view: View, extension: str = "basicConstraints") -> bool:
    """Whether an extension of a CSR asks for the certificate of a CA."""
    return extension == "basicConstraints" and view.value(_IS_CA) is True


def surplus_parts(request: CertificationRequest, extension: str) -> list[Node]:
    """The parts of an extension that the profile does not take; none if it has none it takes."""
    fields, path = request.view.fields, f"extensions.{extension}"
    places = [
        fields[row.field.path].node.offset
        for row in request.requested[extension]
        if row.field.path != path and row.field.path in fields
    ]
    if path not in fields or not places:
        return []
    children = fields[path].node.children
    repeatable = {
        fields[row.field.path].node.tag
        for row in request.requested[extension]
        if row.field.is_repeatable and row.field.path in fields
    }
    taken = {part.encoded: part.offset for part in reversed(children) if part.tag in repeatable}
    places += taken.values()
    return [
        part for part in children if not any(part.offset <= place < part.stop for place in places)
    ]


def _taken(request: CertificationRequest, extension: str) -> int:
    """The number of an extension's parts that the profile takes; if repeatable, all that differ."""
    count = 0
    for field in (row.field for row in request.requested[extension]):
        if not field.is_repeatable:
            count += field.path != f"extensions.{extension}"
        elif field.path in request.view.fields:
            value = request.view.value(field.path)
            count += 1 if value is None else len(set(field.each(value)))
    return count


def parts_text(extension: str, parts: list[Node]) -> str:
    """Parts of an extension as text: names for what they are, the first few of them."""
    if extension != "subjectAltName":
        return f"{len(parts)} more" if parts else ""
    texts = [general_name_text(part) for part in parts[:_MAX_NAMES]]
    more = len(parts) - len(texts)
    return ", ".join([*texts, *([f"and {more} more"] if more else [])])


@detects("csr.extension")
def _parts(request: CertificationRequest) -> Iterator[Breach]:
    """Find extensions that lack what the profile takes from them, or hold more."""
    fields = request.view.fields
    for name, rows in request.requested.items():
        path = f"extensions.{name}"
        if path not in fields:
            if not all(_is_optional(row) for row in rows):
                message = f"it lacks the extension {name}"
                yield Breach("csr.extension", request.offset(path), message)
            continue
        parts = [row.field.path for row in rows if row.field.path != path]
        lacking = [part for part in parts if part not in fields]
        if lacking and lacking == parts:
            message = f"its extension {name} lacks {parts[0].removeprefix(f'{path}.')}"
            yield Breach("csr.extension", request.offset(path), message)
        elif parts and len(fields[path].node.children) > _taken(request, name):
            surplus = parts_text(name, surplus_parts(request, name))
            message = f"its extension {name} holds more than its certificate takes from it"
            message += f": {surplus}" if surplus else ""
            yield Breach("csr.extension", request.offset(path), message)


@rule(
    "csr.criticality", Severity.ERROR, Basis.SPECIFIED, "SEC App. M F",
    meaning="An extension that the CSR asks for is not critical. Not validated for Devices.",
    remedy="Mark it critical.",
    good="keyUsage critical", bad="keyUsage not critical",
)  # fmt: skip
def criticality(request: CertificationRequest) -> Iterator[Breach]:
    """Find extensions that must be critical and are not."""
    # App. M 2.3.1.7: the criticality in a CSR for a Device is not validated.
    if not request.profile.csr_terms.needs_criticality:
        return
    view = request.view
    for name in request.requested:
        must_be = request.profile.critical(name) and view.extension_order.count(name) == 1
        if must_be and not view.criticality.get(name):
            offset = request.offset(f"extensions.{name}")
            yield Breach("csr.criticality", offset, f"its extension {name} is not critical")


@rule(
    "csr.key_usage", Severity.ERROR, Basis.SPECIFIED, "SEC App. M F, G",
    meaning="The CSR asks for no key usage, or for another than its kind has.",
    remedy="Ask for what its certificate has: of SMKI's, digitalSignature or keyAgreement alone.",
    good="digitalSignature", bad="digitalSignature and keyAgreement",
)  # fmt: skip
def key_usage(request: CertificationRequest) -> Iterator[Breach]:
    """Find a CSR that asks for none of the key usages of its profile, or for several."""
    value, allowed = request.view.value(_KEY_USAGE), request.usages
    if not request.must_ask_for_usage and _KEY_USAGE not in request.view.fields:
        return
    usages = set(value) if isinstance(value, tuple) else set()
    if allowed is None:
        is_right, message = bool(usages), "it must ask for a key usage"
    elif request.has_fixed_usage and len(allowed) > 1:
        is_right = usages == set(allowed)
        message = f"it must ask for exactly these key usages, or for none: {', '.join(allowed)}"
    else:
        is_right = len(usages) == 1 and usages <= set(allowed)
        message = f"it must ask for exactly one key usage: {' or '.join(allowed)}"
    if not is_right:
        yield Breach("csr.key_usage", request.offset(_KEY_USAGE), message, _KEY_USAGE)


@rule(
    "csr.identifier", Severity.ERROR, Basis.SPECIFIED, "SEC App. M F",
    meaning="The identifier in the CSR's subject is not 64 bits, or all zeros or ones.",
    remedy="Write the 8 octets of the EUI-64 as a BIT STRING.",
    good="03 09 00 and 8 octets", bad="03 07 00 and 6 octets",
)  # fmt: skip
def identifier(request: CertificationRequest) -> Iterator[Breach]:
    """Find an identifier in the subject that is no EUI-64."""
    field, octets = request.view.fields.get(_IDENTIFIER), request.view.octets(_IDENTIFIER)
    if field is None or octets is None or "x500UniqueIdentifier" not in request.attributes:
        return
    if len(octets) != 8 or field.node.content[:1] != b"\x00":
        message = "its subject's identifier is not 64 bits"
        yield Breach("csr.identifier", field.node.offset, message)
    elif identifies_nobody(octets):
        message = "its subject's identifier is all zeros or all ones, which identifies nobody"
        yield Breach("csr.identifier", field.node.offset, message)


@rule(
    "csr.device_id", Severity.ERROR, Basis.SPECIFIED, "SEC App. M F",
    meaning="The Device CSR has no single hardwareModuleName of the manufacturer's hwType and an"
    " 8-octet hwSerialNum, not all zeros or ones.",
    remedy="Name one Device in a subjectAltName: the manufacturer's hwType, and an EUI-64 of 8"
    " octets.",
    good="hwType and 8 octets", bad="a dNSName",
)  # fmt: skip
def device_id(request: CertificationRequest) -> Iterator[Breach]:
    """Find a CSR for a Device without its one hardwareModuleName."""
    if not request.brings_hardware_module:
        return
    view = request.view
    hw_type = view.text(f"{HARDWARE_MODULE}.hwType")
    serial = view.octets(f"{HARDWARE_MODULE}.hwSerialNum")
    offset = request.offset("extensions.subjectAltName")
    if hw_type is None or serial is None or len(serial) != 8:
        message = "it must ask for a hardwareModuleName of hwType and an 8-octet hwSerialNum"
        if not view.subject_order and _ALTERNATIVE_NAME not in view.fields:
            message = (
                "nothing in it says whose it is: it has neither a subject, as organisations have,"
                " nor a subjectAltName with a hardwareModuleName, as Devices have"
            )
        yield Breach("csr.device_id", offset, message, _ALTERNATIVE_NAME)
    elif len(view.fields["extensions.subjectAltName"].node.children) != 1:
        surplus = parts_text("subjectAltName", surplus_parts(request, "subjectAltName"))
        message = f"its subjectAltName must hold exactly one name; it also holds {surplus}"
        yield Breach("csr.device_id", offset, message, _ALTERNATIVE_NAME)
    else:
        for row in request.profile.rows:
            if row.field.path.startswith(HARDWARE_MODULE):
                for message in request.faults_by(row):
                    yield Breach("csr.device_id", request.offset(row.field.path), message)


@rule(
    "csr.role", Severity.ERROR, Basis.SPECIFIED, "SEC App. M F, G",
    meaning="The OU of the CSR is not a RemotePartyRole in two hexadecimal digits, or that of a"
    " CA.",
    remedy="Write the role's code.",
    good="02", bad="supplier",
)  # fmt: skip
def role(request: CertificationRequest) -> Iterator[Breach]:
    """Find an OU that is no RemotePartyRole where the profile has one there."""
    field = request.profile.field_of("role")
    text = None if field is None else request.view.text(field.path)
    if field is None or text is None:
        return
    named = request.roles.by_hex(text)
    if named is None or named.hex != text:
        message = f"its OU {shown(text)} is not a RemotePartyRole in hexadecimal"
        yield Breach("csr.role", request.offset(field.path), message)
    elif not named.held_by:
        message = f"its OU {text} is the RemotePartyRole {named.name}, which only CAs have"
        yield Breach("csr.role", request.offset(field.path), message)


def structure(request: CertificationRequest) -> Iterator[Breach]:
    """Compare the CSR with the structures of RFC 2986."""
    yield from structure_rules.breaches(request.view)


CHECKERS: tuple[Callable[[CertificationRequest], Iterator[Breach]], ...] = (
    version,
    key,
    algorithm,
    algorithm_parameters,
    signature,
    attributes,
    attribute_order,
    subject,
    subject_order,
    subject_values,
    extensions,
    criticality,
    key_usage,
    identifier,
    device_id,
    role,
    structure,
)
"""The checkers of a CSR, in the order of App. M."""
