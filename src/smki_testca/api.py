"""The facade of an estate: create it, open it, ask the gate, issue, renew, revoke and look up."""

from __future__ import annotations

from itertools import chain
from pathlib import Path
from typing import TYPE_CHECKING, Self

from smki_testca.authority import csr as requests
from smki_testca.authority.csr import Csr, TakenAs
from smki_testca.authority.signers.tokens.uri import check_uri
from smki_testca.clock import SystemClock, in_utc
from smki_testca.entropy import SystemEntropy
from smki_testca.errors import InputError
from smki_testca.estate.creation import check_finished, creating
from smki_testca.estate.database import FORMAT, Database
from smki_testca.estate.stores import Stores
from smki_testca.estate_files import FILE_NAME, FILES, PROFILES_FOLDER
from smki_testca.exporters.credential import Credential
from smki_testca.issuance.issuance import Issuance, SubjectKey
from smki_testca.issuance.renewal import Renewal, Renewer, check_renewable_authority, supersede
from smki_testca.lifecycle import corrections
from smki_testca.lifecycle import crls as revocation_lists
from smki_testca.lifecycle import due_lists as due
from smki_testca.lifecycle import revocation as revoking
from smki_testca.lifecycle.authorities import AuthorityMaker
from smki_testca.lifecycle.expiry import running_out
from smki_testca.passphrases import Passphrase, check_text
from smki_testca.profiles import Library
from smki_testca.profiles.file_digests import profile_digests
from smki_testca.profiles.model import Tier
from smki_testca.register.requests import Delivery, Request

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Mapping
    from datetime import datetime

    from smki_testca.authority.filling import Validity
    from smki_testca.authority.revocation import Reason
    from smki_testca.authority.signers.tokens.access import TokenAccess
    from smki_testca.authority.signers.tokens.tokens import FoundKey
    from smki_testca.authority.signers.tokens.uri import TokenUri
    from smki_testca.clock import Clock
    from smki_testca.entropy import Entropy
    from smki_testca.estate.certificates import Record, Selection
    from smki_testca.estate.revocations import RevocationListRecord
    from smki_testca.estate.status import Status
    from smki_testca.identifiers import SerialNumber
    from smki_testca.importers.intake import Intake
    from smki_testca.issuance.batch.batches import Batches
    from smki_testca.issuance.re_signing import ReSigning, ReSigningTerms
    from smki_testca.lifecycle.ca_keys import CaKey
    from smki_testca.lifecycle.due_lists import DueList
    from smki_testca.lifecycle.expiry import Expiring
    from smki_testca.lifecycle.importing import ImportReport
    from smki_testca.profiles.model import Environment, Hierarchy
    from smki_testca.register.correction import Correction
    from smki_testca.register.gate import Authorisation
    from smki_testca.register.participants import Participant


class Estate(Stores):
    """An open estate.

    Attributes:
        directory: of the estate.
        library: the profiles: an operator's take precedence over the estate's, and those over the
            shipped ones.
        audit: the audit log.
        anchors: signed states of the audit log, to keep elsewhere.
        register: participants and agreements.
        accounts: with which people and programs sign in to the services.
        certificates: issued one by one, CAs included.
        authorities: the CAs, able to sign.
        runs: runs of many certificates, with their terms and states.
        tiles: the tiles of runs, and their files.
        batch_requests: batches of CSRs that were submitted to the services.
        run_certificates: issued by runs.
        issued: counts of issued certificates, for quotas.
        statuses: statuses that certificates were set to.
        renewal_links: links from certificates to their renewals.
        revocations: revocations, and revocation lists.
        externals: other people's certificates, imported.
    """

    @classmethod
    def create(
        cls,
        directory: Path | str,
        passphrase: str | Callable[[], str],
        *,
        profiles: Path | str | None = None,
        clock: Clock | None = None,
        entropy: Entropy | None = None,
        token_access: TokenAccess | None = None,
    ) -> Self:
        """Create an estate without CAs in a directory that is new or empty.

        Args:
            directory: created with mode 0700.
            passphrase: wraps the estate key; or a function that returns it, called once.
            profiles: the operator's profile directory, if there is one.
            clock: tells the time; the system's by default.
            entropy: the source of keys and serials; the system's by default.
            token_access: the PKCS#11 module and the PINs, for keys in tokens.

        Raises:
            InputError: if the directory is not empty, or the passphrase is.
            EstateError: if it cannot be created; nothing is left of it then.
        """
        directory, ask = Path(directory), _as_callable(passphrase)
        library = _library(directory, profiles)
        entropy = entropy or SystemEntropy()
        with creating(directory, *FILES):
            phrase = ask()
            check_text(Passphrase.of_text(phrase), "The passphrase of the estate")
            database = Database.create(directory / FILE_NAME)
            try:
                clock = clock or SystemClock()
                estate = cls(directory, database, library, ask, clock, entropy, token_access)
                with database.transaction():
                    estate.estate_key.create(phrase)
                    body = {"profiles": profile_digests(library)}
                    estate.audit.append(estate._clock.now(), "estate.create", body)
            except BaseException:
                database.close()
                raise
        return estate

    @classmethod
    def open(
        cls,
        directory: Path | str,
        passphrase: str | Callable[[], str],
        *,
        profiles: Path | str | None = None,
        clock: Clock | None = None,
        entropy: Entropy | None = None,
        dry_run: bool = False,
        token_access: TokenAccess | None = None,
    ) -> Self:
        """Open an estate; the passphrase is used only when a private key is needed.

        An estate of an older format is upgraded, and the audit log records that.

        Args:
            directory: of the estate.
            passphrase: of the estate; or a function that returns it, called at most once.
            profiles: the operator's profile directory, if there is one.
            clock: tells the time; the system's by default.
            entropy: the source of keys and serials; the system's by default.
            dry_run: whether to take back, when the estate is closed, everything that was done
                with it: changes, entries of the audit log, an upgrade. Until then the changes can
                be read, and other processes wait before they write. Runs of batches cannot be
                tried in this way; their options have a ``dry_run`` of their own.
            token_access: the PKCS#11 module and the PINs, for keys in tokens; used only when such
                a key is.

        Raises:
            EstateError: if there is no estate, or it is not finished, damaged or of a newer
                format.
        """
        directory = Path(directory)
        check_finished(directory)
        database = Database.open(directory / FILE_NAME, dry_run=dry_run)
        try:
            estate = cls(
                directory,
                database,
                _library(directory, profiles),
                _as_callable(passphrase),
                clock or SystemClock(),
                entropy or SystemEntropy(),
                token_access,
            )
            estate._upgrade()
        except BaseException:
            database.close()
            raise
        return estate

    def _upgrade(self) -> None:
        if self._database.format == FORMAT:
            return
        with self._database.transaction():
            before = self._database.format
            if before < FORMAT:  # another process may have been quicker
                self._database.upgrade()
                body = {"from": before, "to": FORMAT}
                self.audit.append(self._clock.now(), "estate.upgrade", body)

    @property
    def batches(self) -> Batches:
        """Batches: certificates by the thousand, issued in runs that can be resumed."""
        from smki_testca.issuance.batch.batches import Batches  # noqa: PLC0415 - quick start

        return Batches(self)

    def unlock_meanwhile(self) -> None:
        """Start to unlock the private keys in a thread, for work that is sure to need them.

        A wrong passphrase raises an error when a key is first needed.

        Raises:
            EstateError: if the creation of the estate was not finished.
        """
        self.estate_key.unlock_meanwhile()

    def unlock(self) -> None:
        """Unlock the private keys now, so that a wrong passphrase is noticed before other work.

        Raises:
            EstateError: if the passphrase is wrong, or the creation of the estate was not
                finished.
        """
        self.estate_key.unlock()

    def check_writable(self) -> None:
        """Check that the estate can be written, before work that will.

        Raises:
            EstateError: if the disk is full, or there is no permission, for example.
        """
        self._database.check_writable()

    def close(self) -> None:
        """Close the estate's file, and leave its tokens."""
        self.runs.locks.close()
        try:
            self._database.close()
        finally:
            self.leave_tokens()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def add_environment(
        self,
        name: str,
        ca_keys: Mapping[tuple[Hierarchy, Tier], CaKey] | None = None,
        *,
        hierarchies: Collection[Hierarchy] | None = None,
        ca_certificates: Mapping[tuple[Hierarchy, Tier], bytes] | None = None,
    ) -> list[Record]:
        """Make the CAs of an environment's family.

        Args:
            name: of the environment.
            ca_keys: for CAs whose key is not to be made in the estate: a private key in PEM, or
                ``MadeInToken`` or ``FoundInToken``.
            hierarchies: to make CAs of; by default all of which the family has none yet.
            ca_certificates: for such keys, DER, to take over instead of making new ones: for an
                estate that shares its CAs with another.

        Returns:
            The new CAs: each hierarchy's root, then its issuing CA.

        Raises:
            InputError: if the environment is unknown, a CA of it has the name of a live one or of
                another CA of it, the estate has its CAs already, a key is not of the profile's
                type, or a certificate is not of its key, name and profile.
        """
        environment = self.library.environment(name)
        with self._database.transaction():
            self._database.execute(
                "INSERT OR IGNORE INTO meta (name, value) VALUES ('environment', ?)",
                (environment.name,),
            )
            ca_keys = ca_keys or {}
            if hierarchies is None:
                hierarchies = self._hierarchies_to_make(environment, ca_keys)
            names = chain.from_iterable(map(environment.names_of_cas, hierarchies))
            self.library.check_ca_names(environment.family)
            live = next(filter(self.library.live.names_ca, names), None)
            if live is not None:
                raise InputError(
                    "live.ca_name", f"A CA named {live} would pass for the live one (R20)."
                )
            return AuthorityMaker(self).make(
                environment, ca_keys, hierarchies, ca_certificates or {}
            )

    def _hierarchies_to_make(
        self, environment: Environment, ca_keys: Mapping[tuple[Hierarchy, Tier], CaKey]
    ) -> list[Hierarchy]:
        """The hierarchies of which the family has no CAs yet; if there are none, all.

        Those whose keys are to be in a token are among them in any case: if the family has them,
        that is an error.
        """
        known = list(self.library.hierarchies)
        present = {
            record.hierarchy
            for record in self.certificates.authorities()
            if record.family == environment.family
        }
        in_token = {place[0] for place, key in ca_keys.items() if not isinstance(key, bytes)}
        return [each for each in known if each not in present or each in in_token] or known

    def correct_participant(
        self, name: str, correction: Correction
    ) -> tuple[Participant, Participant]:
        """Correct what the register says of a participant, where nothing issued contradicts it.

        The next notifications tell the DCC of what changed for it.

        Args:
            name: the id of the participant.
            correction: what is to change.

        Returns:
            The participant before and after.

        Raises:
            InputError: if there is no such participant, nothing would change, a certificate that
                is neither revoked nor expired would become untrue, a run in progress issues to the
                participant, or another has what it would have.
        """
        return corrections.correct(self, name, correction)

    def remove_participant(self, name: str) -> Participant:
        """Remove a participant without certificates, keys, agreements in force, IDs and accounts.

        Agreements that have ended go with it. The entry of the audit log has all that was removed.

        Raises:
            InputError: if there is no such participant, or it has any of these.
        """
        return corrections.remove(self, name)

    def check(self, request: Request) -> Authorisation:
        """Ask the gate without issuing; the audit log records the decision.

        Raises:
            Refusal: with every reason.
        """
        return Issuance(self).check(request)

    def issue(
        self,
        request: Request,
        *,
        label: str | None = None,
        csr: Csr | None = None,
        public_key: bytes | None = None,
        validity: Validity | None = None,
        token: TokenUri | None = None,
    ) -> tuple[list[Record], tuple[str, ...]]:
        """Pass the gate and issue one certificate for each usage asked for.

        Args:
            request: one certificate is issued for each usage in it.
            label: a name to find the certificates by.
            csr: its public key is certified.
            public_key: a SubjectPublicKeyInfo, DER, to certify; without it and a CSR the estate
                makes fresh key pairs and keeps their private keys sealed.
            validity: dates in place of those that follow from the profile's rows.
            token: the PKCS#11 token in which the fresh key pairs are made and stay. It gets the
                certificates, too.

        Returns:
            The certificates, and one-line warnings for the participant.

        Raises:
            Refusal: with every reason of the gate.
            InputError: if the profile's rows forbid a value of the request, a date or the key,
                or the certificate would not be what the CSR asks for.
            EstateError: if the token cannot be used; nothing is left in it then.
            ValueError: for a token together with a CSR or a public key.
        """
        check_uri(token)
        if token is not None and not (csr is None and public_key is None):
            raise ValueError("a token makes its own key: leave out csr and public_key")
        key = None if public_key is None else SubjectKey(public_key)
        return Issuance(self).issue(
            request, key, label=label, validity=validity, csr=csr, token=token
        )

    def read_csr(
        self, data: bytes, *, profile: str | None = None, taken_as: str = TakenAs.PORTAL
    ) -> Csr:
        """Check a CSR in the order of SEC App. M 2.3.1; the gate is not asked.

        Args:
            data: a CSR: PEM, bare base64 or DER.
            profile: the certificate type that it asks for; without it, the types are
                distinguished by their content.
            taken_as: ``portal`` to refuse what App. M does not list, ``test-ca`` to drop what no
                certificate takes from a CSR. ``remarks`` of the result says what was dropped.

        Raises:
            CsrFaultsError: with every fault of the CSR.
            ValueError: for another ``taken_as``.
        """
        expected = None if profile is None else self.library.end_entity_profile(profile)
        return requests.parse(data, self.library, expected, TakenAs(taken_as))

    def sign(
        self,
        data: bytes | Csr,
        participant: str,
        purpose: str,
        *,
        environment: str | None = None,
        delivery: Delivery = Delivery.LOCAL,
        label: str | None = None,
        profile: str | None = None,
        taken_as: str = TakenAs.PORTAL,
    ) -> tuple[Record, tuple[str, ...]]:
        """Check a CSR in the order of SEC App. M 2.3.1, and issue its certificate.

        Args:
            data: a CSR: PEM, bare base64 or DER; or the result of ``read_csr``, for which
                ``profile`` and ``taken_as`` do not matter.
            participant: who asks: its id in the register.
            purpose: the code of a Testing Service, such as ``uept`` (R3).
            environment: the test environment; the estate's first by default.
            delivery: how the certificate reaches its holder (R6).
            label: a name to find the certificate by.
            profile: the certificate type that it asks for; see ``read_csr``.
            taken_as: ``portal`` or ``test-ca``; see ``read_csr``.

        Returns:
            The certificate, and one-line warnings for the participant.

        Raises:
            CsrFaultsError: with every fault of the CSR.
            Refusal: with every reason of the gate.
        """
        if isinstance(data, Csr):
            csr = data
        else:
            csr = self.read_csr(data, profile=profile, taken_as=taken_as)
        usages = () if csr.usage is None else (csr.usage,)
        request = self.request(
            participant,
            purpose,
            csr.subject,
            usages,
            environment=environment,
            delivery=delivery,
        )
        (record,), warnings = self.issue(request, label=label, csr=csr)
        return record, warnings

    def renew(
        self,
        selection: Selection,
        *,
        same_key: bool = False,
        validity: Validity | None = None,
        purpose: str | None = None,
    ) -> list[Renewal]:
        """Renew every certificate of a selection, or none.

        Each new certificate has the same subject and usage, and its predecessor becomes not in
        use. A selection wider than one serial number means the end entities' certificates in it
        that were not renewed before and are in use or pending, or were when they expired. The gate
        is asked again, as of now.

        Args:
            selection: of certificates.
            same_key: certify the same public keys; by default the estate makes new key pairs.
            validity: dates in place of those that follow from the profiles' rows.
            purpose: the Testing Service; that of the first issue by default.

        Raises:
            Refusal: with every reason of the gate against any of them.
            InputError: if nothing fits, a certificate cannot be renewed, or a date cannot be used.
        """
        return Renewer(self).renew(selection, same_key=same_key, validity=validity, purpose=purpose)

    def renew_authority(self, name: str, environment: str | None = None) -> Renewal:
        """Issue a new certificate for a CA's name and key; what the CA signed stays valid.

        Args:
            name: the CA's CN, or the serial of its certificate.
            environment: of the CA, if several CAs have that name.

        Raises:
            InputError: if there is no such CA, or its certificate is revoked or was renewed before.
        """
        known = None if environment is None else self.library.environment(environment)
        with self._database.transaction():
            record = self.authorities.named(name, known)
            check_renewable_authority(self, record)
            renewed = AuthorityMaker(self).renew(record)
            supersede(self, record, renewed, self._clock.now(), renewed.audit)
            above = self.certificates.chain(renewed)
            warnings = self.remarks(above[0], renewed.not_after) if above else ()
        return Renewal(record, renewed, warnings)

    def roll_over(
        self,
        hierarchy: Hierarchy,
        name: str,
        environment: str | None = None,
        *,
        token: TokenUri | None = None,
    ) -> Record:
        """Make a new generation of an issuing CA, with a new name and key; it issues from then on.

        Args:
            hierarchy: of the CA.
            name: the new CN, of at most as many characters as the profile allows.
            environment: of the CA's family; the estate's first by default.
            token: the PKCS#11 token in which the new key is made; by default it is made where the
                last generation's is.

        Returns:
            The new CA's certificate. What earlier generations signed stays valid. ``remarks``
            says of a root whether it runs out before its new CA.

        Raises:
            InputError: if another CA or a live one has the name, or the profile forbids it.
            EstateError: if the estate has no CAs for the environment.
        """
        check_uri(token)
        known = self.library.environment(self.environment(environment))
        with self._database.transaction():
            return AuthorityMaker(self).roll_over(known, hierarchy, name, token)

    def move_authority_key(
        self, name: str, key: TokenUri, environment: str | None = None
    ) -> tuple[Record, FoundKey]:
        """Use a CA's key that is in a PKCS#11 token, and delete the one in the estate.

        The key must be in the token already: bring it there with the token's own tools.

        Args:
            name: the CA's CN, or the serial of its certificate.
            key: the URI of the key in the token.
            environment: of the CA, if several CAs have that name.

        Returns:
            The CA's certificate, and the key in the token.

        Raises:
            InputError: if there is no such CA, or its key is there already.
            EstateError: if the token cannot be used, or has another key there.
        """
        check_uri(key)
        known = None if environment is None else self.library.environment(environment)
        with self._database.transaction():
            record = self.authorities.named(name, known)
            return record, AuthorityMaker(self).move_key(record, key)

    def expiring(self, before: datetime) -> list[Expiring]:
        """List certificates that expire before a time, or have expired, and were not renewed.

        These are end entities', CAs' and external certificates, the earliest notAfter first.

        Raises:
            InputError: if the time has no time zone.
        """
        return running_out(self, in_utc(before))

    def credential(self, record: Record) -> Credential:
        """A certificate with its private key and the CAs above it, as PEM or objects.

        Raises:
            EstateError: if the passphrase is wrong.
        """
        key = self.private_key(record) if record.tier is Tier.END_ENTITY else None
        return Credential(record, tuple(self.certificates.chain(record)), key)

    def import_material(self, intake: Intake) -> ImportReport:
        """Import other people's certificates and private keys: all of them, or none.

        Certificates that were imported before, or that this estate issued, are not stored again.
        If nothing is new, the estate is not changed.

        Args:
            intake: from ``take_in``.

        Raises:
            InputError: if a certificate carries a mark of live material (R20).
        """
        from smki_testca.lifecycle.importing import import_material  # noqa: PLC0415 - quick start

        return import_material(self, intake)

    def re_sign(self, selection: Selection, terms: ReSigningTerms) -> ReSigning:
        """Sign external certificates again under the estate's CAs: same subject, key and label.

        Private keys that were imported with them become the estate's. Certificates that cannot be
        signed again are left out and reported, unless the terms are all or nothing. CAs'
        certificates are passed over, unless the selection fits no others or is by serial.

        Args:
            selection: of external certificates; an empty selection means all.
            terms: for all of them.

        Raises:
            Refusal: if there is no such participant, purpose or environment.
            InputError: if none fits, or, on terms of all or nothing, one cannot be signed again.
                Then only the audit log is changed: it records the gate's refusals.
        """
        from smki_testca.issuance.re_signing import ReSigner  # noqa: PLC0415 - quick start

        return ReSigner(self, terms).re_sign(selection)

    def set_status(self, selection: Selection, status: Status) -> list[Record]:
        """Set the status of every certificate of a selection, or of none.

        Args:
            selection: of certificates.
            status: pending, in use or not in use; the others cannot be set.

        Returns:
            The certificates whose status changed.

        Raises:
            InputError: if nothing fits the selection, a certificate is revoked or expired, or the
                status cannot be set.
        """
        return revoking.set_status(self, selection, status)

    def revoke(
        self,
        selection: Selection,
        reason: Reason | None,
        *,
        at: datetime | None = None,
        if_needed: bool = False,
    ) -> list[Record]:
        """Revoke every certificate of a selection, or none.

        Args:
            selection: of certificates.
            reason: for the revocation; None for no reason.
            at: when it takes effect, UTC; now by default.
            if_needed: whether to leave out those that are revoked already for this reason and,
                if a time is given, as of that time.

        Returns:
            The certificates that were revoked now.

        Raises:
            InputError: if nothing fits the selection, a certificate cannot be revoked (revoked
                already, of the Device hierarchy, a root, expired), or the reason or the time
                cannot be used.
        """
        time = None if at is None else in_utc(at)
        return revoking.revoke(self, selection, reason, time, if_needed=if_needed)

    def reject(self, serial: SerialNumber) -> Record:
        """Reject a certificate for its subscriber (SEC L11).

        It is revoked without a reason (assumed). A Device Certificate, for which there is no
        revocation list, becomes not in use.

        Raises:
            InputError: if there is no certificate of that serial, or it is a CA's, revoked,
                expired or, for a Device, not in use already.
        """
        return revoking.reject(self, serial)

    def issue_revocation_list(
        self,
        hierarchy: Hierarchy,
        tier: Tier,
        *,
        environment: str | None = None,
        authority: str | None = None,
        at: datetime | None = None,
        next_update: datetime | None = None,
    ) -> RevocationListRecord:
        """Issue the next revocation list of a CA; its number is higher than all before it.

        Args:
            hierarchy: of the CA.
            tier: of the CA: an issuing CA's list is a CRL, a root's an ARL.
            environment: of the CA's family; the estate's first by default.
            authority: the CA's name; the newest of that hierarchy and tier by default.
            at: its thisUpdate, UTC; now by default. Later revocations are left out.
            next_update: its nextUpdate, UTC; by default as the profile states.

        Raises:
            InputError: if the hierarchy has no such lists, the CA is unknown, the profile's rows
                forbid a value, or a time has no time zone.
            EstateError: if the estate has no CAs for the environment.
        """
        return revocation_lists.issue(
            self,
            hierarchy,
            tier,
            environment=environment,
            authority=authority,
            at=None if at is None else in_utc(at),
            next_update=None if next_update is None else in_utc(next_update),
        )

    def issue_revocation_lists(
        self,
        *,
        environment: str | None = None,
        hierarchy: Hierarchy | None = None,
        tier: Tier | None = None,
        also_current: bool = False,
    ) -> list[RevocationListRecord]:
        """Issue the list of every CA that owes one, those of earlier generations included.

        Args:
            environment: only of the CAs of its family.
            hierarchy: only of the CAs of this hierarchy.
            tier: only of the CAs of this tier.
            also_current: whether to issue the lists that are not due yet, too.

        Returns:
            The lists. They are issued in one transaction: all of them, or none.

        Raises:
            InputError: if a profile's rows forbid a value.
            EstateError: if the estate has no CAs for the environment.
        """
        return due.issue_due(
            self,
            environment=environment,
            hierarchy=hierarchy,
            tier=tier,
            also_current=also_current,
        )

    def due_revocation_lists(self, before: datetime | None = None) -> list[DueList]:
        """List the CAs that owe a revocation list.

        A list is due where certificates were revoked that no current list names, and where the
        newest list has run out. A CA without revocations that never issued a list owes none.

        Args:
            before: also those whose list runs out before this time, UTC.

        Raises:
            InputError: if the time has no time zone.
        """
        return due.due_lists(self, None if before is None else in_utc(before))


def _as_callable(passphrase: str | Callable[[], str]) -> Callable[[], str]:
    return passphrase if callable(passphrase) else lambda: passphrase


def _library(directory: Path, profiles: Path | str | None) -> Library:
    of_estate = directory / PROFILES_FOLDER
    overrides = [] if profiles is None else [Path(profiles)]
    return Library(*overrides, *([of_estate] if of_estate.is_dir() else []))
