"""Makes a key pair and the CSR for it, from the rows of a certificate type (SEC App. M F and G).

For those whose own tools cannot: OpenSSL's command line cannot write an EUI-64 into a subject, and
keytool and certtool add extensions that the Portal refuses.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Unpack

from smki_testca.authority import reference_encoder
from smki_testca.authority.certificates import inputs
from smki_testca.authority.filling import check_inputs
from smki_testca.authority.signers.software import SoftwareSigner
from smki_testca.der import encode
from smki_testca.entropy import KeyedEntropy, SystemEntropy
from smki_testca.errors import InputError
from smki_testca.lint.csr import NAMES_OF_HOLDER, breaches, is_error
from smki_testca.profiles import Library
from smki_testca.profiles.inputs import SIGNIFIER
from smki_testca.profiles.model import Constant, Derived, Input
from smki_testca.profiles.subject import Subject, in_python
from smki_testca.roles import KeyUsage
from smki_testca.text import shown
from smki_testca.x509 import private_keys
from smki_testca.x509.pem import to_pem
from smki_testca.x509.view import view_request

if TYPE_CHECKING:
    from smki_testca.entropy import Entropy
    from smki_testca.profiles.model import Profile, Row
    from smki_testca.profiles.typed_subjects import Particulars
    from smki_testca.x509.fields import Value
    from smki_testca.x509.keys import PrivateKey

PARTICIPANT_NAME = "participant-name"
"""The derived value that the register gives a certificate, and a CSR states."""
_KEY_USAGE = "extensions.keyUsage"


@dataclass(frozen=True, slots=True)
class CsrWithKey:
    """A CSR and the private key that it was made with.

    Attributes:
        der: the CSR.
        private_key: PKCS#8 DER, not encrypted.
        profile: the name of the certificate type that it asks for.
        key_is_secret: False for a key made from a seed.
    """

    der: bytes
    private_key: bytes = field(repr=False)
    profile: str
    key_is_secret: bool

    @property
    def pem(self) -> bytes:
        """The CSR in PEM."""
        return to_pem(self.der, "CERTIFICATE REQUEST")

    def key_pem(self, passphrase: str | None = None) -> bytes:
        """The private key in PEM: PKCS#8, encrypted if a passphrase is given.

        Raises:
            InputError: if the passphrase is empty or too long.
        """
        if passphrase is None:
            return to_pem(self.private_key, "PRIVATE KEY")
        encrypted = private_keys.encrypted_pkcs8(self.private_key, passphrase)
        return to_pem(encrypted, "ENCRYPTED PRIVATE KEY")


def make_csr(
    profile: str,
    usage: str | KeyUsage | None = None,
    *,
    participant_name: str | None = None,
    seed: bytes | None = None,
    profiles: Path | str | None = None,
    **particulars: Unpack[Particulars],
) -> CsrWithKey:
    """A new key pair and a CSR for it; no estate is needed.

    Args:
        profile: the certificate type, such as ``device``.
        usage: the key usage, where the certificate type takes one.
        participant_name: the trading name in the register, where the certificate holds it.
        seed: to derive the key from, 8 to 64 octets: the same CSR has the same key then, and the
            key is not secret.
        profiles: the operator's profile directory, if there is one.
        particulars: the options of ``smki-testca csr``, with underscores.

    Raises:
        InputError: if nothing is issued from the profile, an input is missing, malformed or
            forbidden by a row.
    """
    library = Library(*([] if profiles is None else [Path(profiles)]))
    known = library.end_entity_profile(profile)
    texts = {name.replace("_", "-"): str(value) for name, value in particulars.items()}
    subject = Subject.parse(known, texts, library.roles, in_python)
    if usage is not None and usage not in set(KeyUsage):
        choices = " or ".join(KeyUsage)
        raise InputError("request.usage", f"{shown(usage)} is not a key usage.", f"Use {choices}.")
    chosen = None if usage is None else KeyUsage(usage)
    entropy = SystemEntropy() if seed is None else KeyedEntropy(seed)
    return build(library, subject, chosen, entropy, participant_name)


def build(
    library: Library,
    subject: Subject,
    usage: KeyUsage | None,
    entropy: Entropy,
    participant_name: str | None = None,
) -> CsrWithKey:
    """Make a key pair and the CSR of a subject.

    Args:
        library: the certificate types.
        subject: of the certificate to ask for.
        usage: the key usage; None where the profile fixes it.
        entropy: the source of the key. From a seed, each subject and usage has its own key.
        participant_name: the trading name in the register, where the certificate holds it.

    Raises:
        InputError: if a row forbids a value or needs another.
    """
    profile = library.profile(subject.profile)
    if profile.takes_usage != (usage is not None):
        wrong = "needs --usage" if profile.takes_usage else "takes no --usage: its profile fixes it"
        raise InputError("request.usage", f"A certificate of profile {profile.name} {wrong}.")
    given = inputs(subject, usage)
    if participant_name is not None:
        given[PARTICIPANT_NAME] = participant_name
    if subject.stated_signifier is not None:
        given[SIGNIFIER] = subject.stated_signifier.text
    fields = _fields(profile, given)
    check_inputs(profile, fields, library.roles)
    key = _key(profile, fields, entropy)
    spki = private_keys.public_key_info(key)
    signer = SoftwareSigner(key)
    info = reference_encoder.encode_request_info(profile, fields | {"subjectPublicKeyInfo": spki})
    der = encode.sequence(info, signer.algorithm.encoded, encode.bit_string(signer.sign(info)))
    _check(der, profile, library)
    return CsrWithKey(der, private_keys.to_pkcs8(key), profile.name, entropy.secret)


def _fields(profile: Profile, given: dict[str, Value]) -> dict[str, Value]:
    """The value of each field that a CSR holds, by path, in the order of the rows."""
    return {
        row.field.path: value
        for row in profile.filling_rows
        if (value := _value(row, given)) is not None
    }


def _value(row: Row, given: dict[str, Value]) -> Value | None:
    fill = row.fill
    if isinstance(fill, Input) or (isinstance(fill, Derived) and fill.name in NAMES_OF_HOLDER):
        return given.get(fill.name)
    # SEC App. M G: an IKI CSR asks for the one usage that its certificate has.
    if isinstance(fill, Constant) and row.field.path == _KEY_USAGE:
        return fill.value
    return None


def _key(profile: Profile, fields: dict[str, Value], entropy: Entropy) -> PrivateKey:
    if not isinstance(entropy, KeyedEntropy):
        return private_keys.generate(profile.key_type, entropy)
    # Two Devices never have one key, even from one seed.
    label = repr(("csr", profile.name, sorted(fields.items()))).encode()
    with entropy.keyed(label):
        return private_keys.generate(profile.key_type, entropy)


def _check(der: bytes, profile: Profile, library: Library) -> None:
    """Check a new CSR by the rules that every CSR is held to.

    Raises:
        InputError: for the first breach, such as a trading name that is missing.
    """
    view = view_request(der)
    errors = [each for each in breaches(view, library.roles, profile) if is_error(each)]
    if not errors:
        return
    lacks_name = holds_participant_name(profile) and all(
        each.code == "csr.subject" for each in errors
    )
    raise InputError(
        "request.incomplete" if lacks_name else "request.value",
        f"The CSR would be refused: {errors[0].message}.",
        f"Give --{PARTICIPANT_NAME}." if lacks_name else "",
    )


def holds_participant_name(profile: Profile) -> bool:
    """Whether a CSR for a profile states the trading name in the register."""
    return profile.field_of(PARTICIPANT_NAME) is not None
