from __future__ import annotations

import ast
import inspect
import os
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

import certificate_types as types
from experimental import ENVIRONMENT, EXPERIMENTAL
from smki_testca.errors import ExitCode, InputError, Refusal
from smki_testca.identifiers import Eui64, RegistryEntry, Signifier
from smki_testca.profiles import Library
from smki_testca.profiles.model import ParticipantKind
from smki_testca.profiles.subject import Subject
from smki_testca.profiles.typed_subjects import (
    DcckiSubject,
    DeviceSubject,
    IkiSubject,
    OrganisationSubject,
)
from smki_testca.register import documents, gate
from smki_testca.register.agreements import AgreementKind
from smki_testca.register.gate import Authorisation, Gate
from smki_testca.register.register import Register
from smki_testca.register.requests import Delivery, Request
from smki_testca.roles import KeyUsage, RemotePartyRole
from smki_testca.shipped import shipped

if TYPE_CHECKING:
    from collections.abc import Callable

    from smki_testca.register.agreements import Agreement

NOW = datetime(2026, 11, 23, 9, 30, tzinfo=UTC)
DS, KA = KeyUsage.DIGITAL_SIGNATURE, KeyUsage.KEY_AGREEMENT
IMPORT_ID = Eui64.parse("90-B3-D5-1F-30-01-00-00")
DEVICE_ID = Eui64.parse("00-DB-12-00-00-00-00-01")
HW_TYPE = "1.2.826.0.1.8641679.1.2.2.1"
PURPOSE = "device-and-user-system-tests"


@dataclass(frozen=True)
class Issued:
    """What was issued before."""

    device: int = 0
    category: int = 0

    def issued_for_device(self, _device_id):
        return self.device

    def most_issued_for_devices(self, _first, _last):
        return self.device

    def issued_in_category(self, _participant, _category):
        return self.category


class OfRanges(Issued):
    """Nothing was issued for the Device ID that is asked about, but for another of the range."""

    def issued_for_device(self, _device_id):
        return 0


@dataclass(frozen=True)
class Scene:
    """Everything the gate looks at, for a test to change one thing of."""

    library: Library
    register: Register
    request: Request
    directory: Path
    issued: Issued = Issued()
    at: datetime = NOW

    def decide(self) -> Authorisation:
        return Gate(self.library, self.register, self.issued).authorise(self.request, self.at)

    def refusal(self) -> Refusal:
        with pytest.raises(Refusal) as caught:
            self.decide()
        return caught.value

    def codes(self) -> list[str]:
        return [reason.code for reason in self.refusal().reasons]

    def asking(self, **changes: Any) -> Scene:
        return replace(self, request=replace(self.request, **changes))

    def for_subject(self, **changes: Any) -> Scene:
        subject = self.request.subject
        stated = {name.replace("-", "_"): value for name, value in subject.inputs.items()}
        return self.asking(subject=type(subject)(**{**stated, **changes}))

    def agreed(self, **changes: Any) -> Scene:
        """With the participant's agreements on other terms."""
        terms = {
            reference: replace(one, **changes)
            if one.participant == self.request.participant
            else one
            for reference, one in self.register.agreements.items()
        }
        return replace(self, register=replace(self.register, agreements=terms))

    def with_agreement(self, reference: str, **changes: Any) -> Scene:
        """With one more agreement, like the participant's first but for these terms."""
        first: Agreement = self.register.agreements_of(self.request.participant)[0]
        more = replace(first, reference=reference, **changes)
        agreements = {**self.register.agreements, reference: more}
        return replace(self, register=replace(self.register, agreements=agreements))

    def registered(self, **changes: Any) -> Scene:
        """With the participant changed."""
        name = self.request.participant
        changed = replace(self.register.participants[name], **changes)
        participants = {**self.register.participants, name: changed}
        return replace(self, register=replace(self.register, participants=participants))

    def with_participant(self, text: str) -> Scene:
        """With one more participant, from its TOML."""
        arriving, _ = documents.read_file(text.encode(), "text", self.library)
        return replace(self, register=self.register.with_participants(arriving))

    def under(self, name: str, old: str, new: str) -> Scene:
        """Under an operator's profiles: one shipped file with one change."""
        text = (shipped("profiles") / name).read_text(encoding="utf-8")
        assert old in text
        path = self.directory / name
        path.parent.mkdir(exist_ok=True, parents=True)
        path.write_text(text.replace(old, new, 1), encoding="utf-8")
        return replace(self, library=Library(self.directory))

    def role(self, text: str) -> Any:
        return self.library.roles.remote_party_role(text)


@pytest.fixture
def scene(library, tmp_path):
    """A request that the gate grants: an Organisation Certificate for supplier-one."""
    path = shipped("examples") / "participants.toml"
    participants, agreements = documents.read_file(path.read_bytes(), path.name, library)
    central = tuple(one.entry for one in library.sec_registry_entries)
    register = Register(central).with_participants(participants).with_agreements(agreements)
    subject = OrganisationSubject(IMPORT_ID, library.roles.remote_party_role("supplier"))
    request = Request("supplier-one", PURPOSE, "ZAZ1", subject, (DS,))
    return Scene(library, register, request, tmp_path)


def device(scene, participant="meters-one", device_id=DEVICE_ID):
    subject = DeviceSubject(device_id, HW_TYPE)
    return scene.asking(participant=participant, subject=subject)


def dccki(scene, participant="supplier-one", signifier=None):
    subject = DcckiSubject("gateway.test", "gateway.test", signifier)
    return scene.asking(participant=participant, subject=subject, usages=())


def iki(scene, role="supplier", participant="supplier-one"):
    subject = IkiSubject("adhoc", scene.role(role))
    return scene.asking(participant=participant, subject=subject, usages=())


def dcc(scene, role="recovery"):
    subject = OrganisationSubject(Eui64.parse("90-B3-D5-1F-30-00-00-01"), scene.role(role))
    return scene.asking(participant="dcc", subject=subject)


def rdp(scene):
    subject = OrganisationSubject(Eui64.parse("90-B3-D5-1F-30-05-00-00"), scene.role("rdpFileSign"))
    return scene.asking(participant="rdp-one", subject=subject, purpose="srept")


# What is granted


@pytest.mark.parametrize(
    ("change", "category", "agreement"),
    [
        (lambda s: s, "organisation-user", "SEC-2020-001"),
        (rdp, "organisation-rdp", "RDP-2020-001"),
        (dcc, "organisation-dcc", "SEC-2020-000"),
        (
            lambda s: s.for_subject(role=s.role("xmlSign")),
            "organisation-xml-sign",
            "SEC-2020-001",
        ),
        (device, "device", "BIL-2020-001"),
        (lambda s: device(s, "supplier-one"), "device", "SEC-2020-001"),
        (dccki, "dccki-infrastructure", "SEC-2020-001"),
        (iki, "iki-authentication", "SEC-2020-001"),
    ],
)
@pytest.mark.shows("3-issue-1", "4-issue-5", "¶39", "R1", "R18")
def test_a_request_that_is_in_order_is_granted(scene, change, category, agreement):
    asked = change(scene)
    granted = asked.decide()
    assert granted.request == asked.request
    assert granted.category.name == category
    assert granted.agreement == agreement
    assert granted.environment.name == "ZAZ1"
    assert granted.participant.id == asked.request.participant
    assert granted.at == NOW
    # A Party is told whose Device ID it asks for; of everybody else nothing is to be said.
    other_entry = (category, agreement) == ("device", "SEC-2020-001")
    assert len(granted.warnings) == other_entry
    told = granted.as_json()
    assert told["granted"] is True
    assert told["request"]["participant"] == asked.request.participant


@pytest.mark.parametrize("environment", ["ZAZ1", "UIT-A", "UIT-B", "SIT-A", "SIT-B"])
def test_a_request_is_granted_in_each_environment_agreed(scene, environment):
    assert scene.asking(environment=environment).decide().environment.name == environment


@pytest.mark.shows("3-issue-4", "T6.4-2", "R5", "R6")
def test_remote_delivery_is_granted_where_category_and_agreement_allow_it(scene):
    assert scene.asking(delivery=Delivery.REMOTE).decide()


# What is refused: every code, by its rule, from one change to a request that would be granted


@dataclass(frozen=True)
class Case:
    """A refusal.

    Attributes:
        rule: that the code enforces.
        change: makes the scene that is refused.
        beside: codes that the same change cannot do without.
        said: a part of the reason.
    """

    code: str
    rule: str
    change: Callable[[Scene], Scene]
    said: str
    beside: tuple[str, ...] = ()


AMONG_DEVICES = "00-DB-12-34-56-78-00"
ELSEWHERE = f"""
[[participant]]
id = "elsewhere"
name = "Elsewhere"
kind = "party"
signifier = "TPTY-ELSEWHERE"
ranges = [{{ registry-entry = "00-DB-12-34-5", organisation-number = "67800", organisation-bits = 20, exception = "it was always so" }}]
ids = [{{ eui64 = "{AMONG_DEVICES}-04", user-roles = ["Other User"] }}]
"""  # noqa: E501


def with_changed(scene, name, **changes):
    """With another participant than the one that asks changed, as no import would change it."""
    changed = replace(scene.register.participants[name], **changes)
    participants = {**scene.register.participants, name: changed}
    return replace(scene, register=replace(scene.register, participants=participants))


def serving(scene, *codes):
    """With the first ID of whoever asks serving these User Roles, as an earlier version took it."""
    roles = tuple(map(scene.library.roles.user_role, codes))
    first, *rest = scene.register.participants[scene.request.participant].ids
    return scene.registered(ids=(replace(first, user_roles=roles), *rest))


def two_dccs(scene):
    return with_changed(scene, "supplier-two", kind=ParticipantKind.DCC)


def exclusive(scene):
    """With the manufacturer's Registry Entry kept to itself."""
    entries = scene.register.participants["meters-one"].registry_entries
    return with_changed(scene, "meters-one", exclusive_entries=frozenset(entries))


CASES = [
    Case(
        "participant.unknown",
        "R1",
        lambda s: s.asking(participant="nobody-one"),
        "The register has no Testing Participant 'nobody-one'",
    ),
    Case(
        "agreement.none",
        "R2",
        lambda s: device(s, "labs-one").registered(
            registry_entries=s.register.participants["meters-one"].registry_entries
        ),
        "labs-one has no agreement with the DCC",
    ),
    Case(
        "agreement.not_yet_in_force",
        "R2",
        lambda s: s.agreed(start=date(2026, 11, 24)),
        "SEC-2020-001 comes into force on 2026-11-24",
    ),
    Case(
        "agreement.expired",
        "R2",
        lambda s: s.agreed(end=date(2026, 11, 22)),
        "SEC-2020-001 ended on 2026-11-22",
    ),
    Case(
        "agreement.wrong_kind",
        "R2",
        lambda s: s.agreed(kind=AgreementKind.RDP_ARRANGEMENT),
        "SEC-2020-001 is of kind rdp-arrangement",
    ),
    Case("agreement.suspended", "R2", lambda s: s.agreed(suspended=True), "is suspended"),
    Case(
        "purpose.not_a_testing_service",
        "R3",
        lambda s: s.asking(purpose="demonstration"),
        "There is no Testing Service 'demonstration'",
    ),
    Case(
        "purpose.not_covered",
        "R3",
        lambda s: s.asking(purpose="internal-systems-change-testing"),
        "does not cover the purpose 'internal-systems-change-testing'",
    ),
    Case(
        "purpose.not_open",
        "R3",
        lambda s: rdp(s).asking(purpose=PURPOSE),
        "is not provided for 'device-and-user-system-tests'",
    ),
    Case(
        "category.none",
        "R6",
        lambda s: s.for_subject(role=s.role("issuingAuthority")),
        "of role issuingAuthority",
        ("id.role_not_held",),
    ),
    Case(
        "category.not_open",
        "R6",
        lambda s: rdp(s).under(
            "categories/organisation-rdp.toml", 'participants = ["rdp"]', 'participants = ["dcc"]'
        ),
        "not open to a participant of kind rdp",
    ),
    Case(
        "category.not_covered",
        "R6",
        lambda s: s.agreed(categories=("device",)),
        "does not cover the category 'organisation-user'",
    ),
    Case(
        "category.quota",
        "R6",
        lambda s: replace(s, issued=Issued(category=3)).under(
            "categories/organisation-user.toml",
            'basis = "assumed"',
            'quota = { per-participant = 3 }\nbasis = "assumed"',
        ),
        "has 3 certificates of category organisation-user; the quota is 3",
    ),
    Case(
        "environment.unknown",
        "R6",
        lambda s: s.asking(environment="UIT-C"),
        "no test environment 'UIT-C'",
    ),
    Case(
        "environment.not_open",
        "R6",
        lambda s: s.asking(environment="SIT-B").under(
            "categories/organisation-user.toml", '"all"', '["ZAZ1", "UIT-A", "UIT-B", "SIT-A"]'
        ),
        "is not open in SIT-B",
    ),
    Case(
        "environment.not_covered",
        "R6",
        lambda s: s.agreed(environments=("UIT-A",)),
        "does not cover the environment 'ZAZ1'",
    ),
    Case(
        "obligation.not_accepted",
        "R6",
        lambda s: s.agreed(obligations=()),
        "security-requirements-of-the-etad is not accepted",
    ),
    Case(
        "delivery.not_agreed",
        "R6",
        lambda s: s.asking(delivery=Delivery.REMOTE).agreed(remote_delivery=False),
        "does not allow remote delivery",
    ),
    Case(
        "delivery.not_open",
        "R6",
        lambda s: dcc(s).asking(delivery=Delivery.REMOTE),
        "is not delivered remotely",
    ),
    Case(
        "signifier.none",
        "R8",
        lambda s: (
            dccki(s, "meters-one")
            .agreed(categories=("dccki-infrastructure",))
            .under(
                "categories/dccki-infrastructure.toml",
                'participants = ["party", "rdp", "dcc"]',
                'participants = ["manufacturer"]',
            )
        ),
        "meters-one has no Signifier",
    ),
    Case(
        "signifier.not_own",
        "R8",
        lambda s: dccki(s, signifier=Signifier("TPTY-SUPPLIER-TWO")),
        "'TPTY-SUPPLIER-TWO' is not supplier-one's",
    ),
    Case(
        "device_id.in_sec_registry_entry",
        "R11",
        lambda s: device(s, "supplier-one", Eui64.parse("70-B3-D5-1F-30-00-00-01")),
        "lies in the SEC Registry Entry 70-B3-D5-1F-3",
    ),
    Case(
        "device_id.in_organisation_range",
        "R11",
        lambda s: device(
            s.with_participant(ELSEWHERE), device_id=Eui64.parse(f"{AMONG_DEVICES}-07")
        ),
        "lies in 00-DB-12-34-56-78-00-00 to 00-DB-12-34-56-78-00-FF, which an organisation has",
    ),
    Case(
        "device_id.outside_own_registry_entry",
        "R11",
        lambda s: device(s, device_id=Eui64.parse("00-DB-13-00-00-00-00-01")),
        "outside meters-one's own Registry Entries (00-DB-12)",
    ),
    Case(
        "id.outside_range",
        "R12",
        lambda s: s.for_subject(eui64=Eui64.parse("90-B3-D5-1F-30-03-00-00")),
        "it lies in the range of supplier-two",
        ("id.not_allocated",),
    ),
    Case(
        "id.not_allocated",
        "R12",
        lambda s: s.for_subject(eui64=Eui64.parse("90-B3-D5-1F-30-01-FF-FF")),
        "90-B3-D5-1F-30-01-FF-FF is not allocated to supplier-one",
    ),
    Case(
        "id.role_not_held",
        "R13",
        lambda s: s.for_subject(role=s.role("networkOperator")),
        "serves Import Supplier, which does not hold the role networkOperator",
    ),
    Case(
        "role.not_held",
        "R13",
        lambda s: iki(s, "networkOperator"),
        "None of supplier-one's IDs serves a User Role that holds networkOperator",
    ),
    Case(
        "live.environment",
        "R20",
        lambda s: s.asking(environment="Live"),
        "Live is not a test environment",
    ),
    Case(
        "live.policy",
        "R20",
        lambda s: s.asking(policy="1.2.826.0.1.8641679.1.2.1.2"),
        "it could pass for live",
    ),
    Case(
        "profile.weakened",
        "R20",
        lambda s: s.under(
            "certificates/organisation.toml", "holds = { octets = 8 }", "holds = { octets = 20 }"
        ),
        "weakens the rule of ",
    ),
    Case(
        "live.ca_name",
        "R20",
        lambda s: s.under("environments.toml", "ca-names = []", 'ca-names = ["Z1"]'),
        "named like the live CA Z1",
    ),
    Case(
        "device_id.issuance_anomaly",
        "R21",
        lambda s: replace(device(s), issued=Issued(device=100)),
        "100 Device Certificates are issued under 00-DB-12-00-00-00-00-01 already",
    ),
    Case(
        "user_role.kind",
        "R23",
        lambda s: serving(s, "DCC").for_subject(role=s.role("dSPXmlSign")),
        "The User Role DCC belongs to participants of kind dcc, and supplier-one is of kind party",
    ),
    Case(
        "participant.dcc",
        "R23",
        lambda s: two_dccs(dcc(s)),
        "2 participants of kind dcc: dcc, supplier-two. There is one DCC",
    ),
    Case(
        "device_id.exclusive_registry_entry",
        "R24",
        lambda s: exclusive(device(s, "supplier-one")),
        "lies in the Registry Entry 00-DB-12 of meters-one, which is exclusive",
    ),
]


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.code)
@pytest.mark.shows(
    "3-issue-1",
    "3-issue-2",
    "Q29",
    "¶28",
    "3-conclusion-2",
    "H14.11",
    "T6.4-1",
    "T6.4-2",
    "T6.4-3",
    "¶33",
    "¶36",
    "R1",
    "R2",
    "R3",
    "R6",
    "R8",
    "R11",
    "R12",
    "R13",
    "R20",
    "R21",
    "R23",
    "R24",
)
def test_each_refusal_names_its_code_rule_reason_and_remedy(scene, case):
    refusal = case.change(scene).refusal()
    assert {reason.code for reason in refusal.reasons} == {case.code, *case.beside}
    (reason,) = [one for one in refusal.reasons if one.code == case.code]
    assert reason.rule == case.rule
    assert case.said in reason.reason
    assert reason.reason.endswith(".")
    assert reason.remedy
    assert refusal.exit_code is ExitCode.REFUSED
    line = f"refused [{case.code}, {case.rule}]: {reason.reason} {reason.remedy}"
    assert line in refusal.lines()


def codes_in_the_source():
    """Every code that the gate's source gives to a reason, formatted ones spelt out."""
    tree = ast.parse(inspect.getsource(gate))
    codes = set()
    kinds = {
        element.elts[0].value
        for node in ast.walk(tree)
        if isinstance(node, ast.Assign) and getattr(node.targets[0], "id", "") == "covered"
        for element in getattr(node.value, "elts", ())
    }
    for node in ast.walk(tree):
        if isinstance(node, ast.Call) and getattr(node.func, "id", "") == "RefusalReason":
            code: Any = node.args[0]
            if isinstance(code, ast.Constant):
                codes.add(code.value)
            else:
                prefix, suffix = code.values
                assert isinstance(prefix, ast.FormattedValue)
                codes |= {kind + suffix.value for kind in kinds}
    return codes


def test_every_refusal_of_the_gate_has_its_case_here():
    codes = [case.code for case in CASES]
    assert len(set(codes)) == len(codes)
    assert set(codes) == codes_in_the_source()


def test_every_rule_the_gate_cites_is_one_of_the_regime():
    assert {case.rule for case in CASES} <= {f"R{number}" for number in range(1, 25)}


# Refusals as a whole


def test_all_reasons_are_told_together_in_the_order_of_their_rules(scene):
    refused = (
        scene.asking(purpose="internal-systems-change-testing", policy="1.2.3")
        .for_subject(eui64=Eui64.parse("90-B3-D5-1F-30-03-00-00"))
        .agreed(suspended=True, end=date(2025, 1, 1), obligations=())
    )
    refusal = refused.refusal()
    assert [(one.rule, one.code) for one in refusal.reasons] == [
        ("R2", "agreement.expired"),
        ("R2", "agreement.suspended"),
        ("R3", "purpose.not_covered"),
        ("R6", "obligation.not_accepted"),
        ("R12", "id.outside_range"),
        ("R12", "id.not_allocated"),
        ("R20", "live.policy"),
    ]
    assert len(refusal.lines()) == 7


def test_a_refusal_in_json_gives_the_first_reason_and_all_of_them(scene):
    refusal = scene.agreed(suspended=True, obligations=()).refusal()
    told = refusal.as_json()["refusal"]
    assert told["code"] == "agreement.suspended"
    assert set(told) == {"code", "rule", "reason", "remedy", "all"}
    assert [one["code"] for one in told["all"]] == [
        "agreement.suspended",
        "obligation.not_accepted",
    ]
    assert {key: told[key] for key in told["all"][0]} == told["all"][0]


def test_an_unknown_participant_does_not_hide_the_other_reasons(scene):
    refused = scene.asking(participant="x", purpose="y", environment="z", policy="1.2.3")
    assert refused.codes() == [
        "participant.unknown",
        "purpose.not_a_testing_service",
        "environment.unknown",
    ]


@pytest.mark.parametrize(
    ("change", "codes"),
    [
        (lambda s: s.asking(purpose="demonstration"), ["purpose.not_a_testing_service"]),
        (lambda s: s.asking(environment="UIT-C"), ["environment.unknown"]),
        (lambda s: s.asking(environment="production"), ["live.environment"]),
        (
            lambda s: device(s, "rdp-one", Eui64.parse("00-DB-12-00-00-00-00-01")).asking(
                purpose="srept"
            ),
            ["category.not_open"],
        ),
    ],
)
def test_what_only_repeats_another_reason_is_not_told(scene, change, codes):
    assert change(scene).codes() == codes


@pytest.mark.shows("¶28", "3-conclusion-2", "R6")
def test_what_a_participant_must_accept_is_told_once_for_each_obligation(scene):
    refused = scene.agreed(obligations=()).under(
        "categories/organisation-user.toml",
        'obligations = ["security-requirements-of-the-etad"]',
        'obligations = ["security-requirements-of-the-etad", "two-person-rule"]',
    )
    assert refused.codes() == ["obligation.not_accepted"] * 2


# Dates


@pytest.mark.parametrize(
    ("at", "granted"),
    [
        (datetime(2026, 2, 28, 23, 59, 59, tzinfo=UTC), False),
        (datetime(2026, 3, 1, tzinfo=UTC), True),
        (datetime(2026, 3, 31, 23, 59, 59, tzinfo=UTC), True),
        (datetime(2026, 4, 1, tzinfo=UTC), False),
    ],
)
@pytest.mark.shows("R2")
def test_the_first_and_the_last_day_of_an_agreement_are_in_force(scene, at, granted):
    asked = replace(scene.agreed(start=date(2026, 3, 1), end=date(2026, 3, 31)), at=at)
    if granted:
        assert asked.decide().at == at
    else:
        assert asked.codes()[0].startswith("agreement.")


def test_an_agreement_may_be_for_one_day(scene):
    assert scene.agreed(start=NOW.date(), end=NOW.date()).decide()


# Several agreements


def test_of_several_agreements_the_one_that_covers_is_taken(scene):
    asked = (
        scene.agreed(end=date(2021, 1, 1))
        .with_agreement("SEC-2026-001", start=date(2026, 1, 1), end=None)
        .with_agreement("SEC-2027-001", start=date(2027, 1, 1), end=None)
    )
    assert asked.decide().agreement == "SEC-2026-001"


def test_where_no_agreement_covers_the_nearest_one_is_told(scene):
    asked = scene.agreed(suspended=True, purposes=(), categories=()).with_agreement(
        "SEC-2026-001",
        suspended=False,
        purposes=scene.register.agreements["SEC-2020-001"].purposes,
        environments=("UIT-A",),
        categories=("organisation-user",),
    )
    refusal = asked.refusal()
    assert [one.code for one in refusal.reasons] == ["environment.not_covered"]
    assert "SEC-2026-001" in refusal.reasons[0].reason


def test_two_agreements_do_not_cover_together_what_neither_covers_alone(scene):
    asked = scene.agreed(environments=("UIT-A",)).with_agreement(
        "SEC-2026-001", environments=("ZAZ1",), purposes=("uept",)
    )
    assert len(asked.codes()) == 1


@pytest.mark.shows("R2")
def test_an_agreement_binds_only_its_own_participant(scene):
    asked = scene.agreed(participant="supplier-two")
    assert asked.codes() == ["agreement.none"]
    assert "SEC accession" in asked.refusal().reasons[0].reason


# Identifiers


@pytest.mark.parametrize(
    ("eui64", "said"),
    [
        ("90-B3-D5-1F-30-03-12-34", "in the range of supplier-two"),
        ("90-B3-D5-1F-3F-FF-00-00", "outside its range"),
        ("70-B3-D5-1F-30-01-00-00", "outside its range"),
        ("00-DB-12-00-00-00-00-01", "outside its range"),
    ],
)
@pytest.mark.shows("¶29", "R12")
def test_an_id_outside_the_range_is_refused_and_its_owner_named(scene, eui64, said):
    refusal = scene.for_subject(eui64=Eui64.parse(eui64)).refusal()
    assert refusal.reasons[0].code == "id.outside_range"
    assert said in refusal.reasons[0].reason


@pytest.mark.shows("¶38", "R13")
def test_an_id_that_serves_no_user_role_yet_is_refused(scene):
    participant = scene.register.participants["supplier-one"]
    ids = tuple(replace(one, user_roles=()) for one in participant.ids)
    refusal = scene.registered(ids=ids).refusal()
    assert [one.code for one in refusal.reasons] == ["id.role_not_held"]
    assert "serves no User Role" in refusal.reasons[0].reason


@pytest.mark.parametrize("participant", ["labs-one", "meters-one"])
@pytest.mark.shows("R11")
def test_those_who_are_no_party_need_a_registry_entry_for_their_device_ids(scene, participant):
    asked = device(scene, participant).registered(registry_entries=())
    refusal = asked.refusal()
    (reason,) = [one for one in refusal.reasons if one.code.startswith("device_id")]
    assert reason.code == "device_id.outside_own_registry_entry"
    assert "it has none" in reason.reason


def test_a_party_with_registry_entries_of_its_own_keeps_to_them(scene):
    entries = scene.register.participants["meters-one"].registry_entries
    asked = device(scene, "supplier-one").registered(registry_entries=entries)
    assert asked.decide()
    outside = asked.for_subject(device_id=Eui64.parse("00-DB-13-00-00-00-00-01"))
    assert outside.codes() == ["device_id.outside_own_registry_entry"]


@pytest.mark.parametrize("entry", ["70-B3-D5-1F-3", "90-B3-D5-1F-3"])
@pytest.mark.shows("¶33", "R11")
def test_no_device_id_lies_in_a_registry_entry_of_the_sec(scene, entry):
    asked = device(scene, device_id=Eui64.parse(f"{entry}F-FF-FF-FF"))
    assert asked.codes() == [
        "device_id.in_sec_registry_entry",
        "device_id.outside_own_registry_entry",
    ]


@pytest.mark.shows("R10")
def test_an_id_outside_the_secs_registry_entries_is_granted_by_exception_with_a_warning(scene):
    there = scene.with_participant(ELSEWHERE)
    terms = replace(there.register.agreements["SEC-2020-004"], participant="elsewhere")
    register = there.register.with_agreements([replace(terms, reference="ELSEWHERE")])
    subject = OrganisationSubject(Eui64.parse(f"{AMONG_DEVICES}-04"), scene.role("other"))
    granted = replace(there, register=register).asking(participant="elsewhere", subject=subject)
    (warning,) = granted.decide().warnings
    assert "outside the SEC's Registry Entries, by exception: it was always so" in warning
    beside = granted.for_subject(eui64=Eui64.parse("00-DB-12-34-56-78-01-04"))
    assert beside.codes() == ["id.outside_range", "id.not_allocated"]


@pytest.mark.shows("R11")
def test_no_range_of_devices_may_meet_an_organisations(scene):
    there = device(
        scene.with_participant(ELSEWHERE), device_id=Eui64.parse("00-DB-12-34-56-77-FF-FF")
    )
    gate = Gate(there.library, there.register, there.issued)
    assert gate.authorise_range(there.request, there.request.subject.device_id, NOW)
    with pytest.raises(Refusal) as caught:
        gate.authorise_range(there.request, Eui64.parse(f"{AMONG_DEVICES}-00"), NOW)
    assert [one.code for one in caught.value.reasons] == ["device_id.in_organisation_range"]


@pytest.mark.shows("R8")
def test_a_signifier_is_compared_exactly_and_may_be_left_out(scene):
    assert dccki(scene, signifier=Signifier("TPTY-SUPPLIER-ONE")).decide()
    assert dccki(scene).decide()
    assert dccki(scene, signifier=Signifier("tpty-supplier-one")).codes() == ["signifier.not_own"]


# Quotas


@pytest.mark.parametrize(
    ("issued", "usages", "granted"),
    [
        (98, (DS, KA), True),
        (99, (DS,), True),
        (99, (), True),
        (99, (DS, KA), False),
        (100, (DS,), False),
        (101, (DS,), False),
    ],
)
@pytest.mark.shows("R21")
def test_a_device_id_has_at_most_one_hundred_certificates(scene, issued, usages, granted):
    asked = replace(device(scene), issued=Issued(device=issued)).asking(usages=usages)
    if granted:
        assert asked.decide()
    else:
        assert asked.codes() == ["device_id.issuance_anomaly"]


def test_the_hundred_certificate_rule_is_for_devices_alone(scene):
    assert replace(scene, issued=Issued(device=1000)).decide()


def test_the_quota_of_a_device_id_can_be_changed(scene):
    asked = replace(device(scene), issued=Issued(device=1)).under(
        "categories/device.toml", "per-device-id = 100", "per-device-id = 1"
    )
    assert asked.codes() == ["device_id.issuance_anomaly"]


# Live


@pytest.mark.parametrize("name", ["live", "LIVE", "Production"])
@pytest.mark.shows("R20")
def test_a_live_environment_is_refused_in_any_case(scene, name):
    assert scene.asking(environment=name).codes() == ["live.environment"]


@pytest.mark.shows("R20")
def test_a_policy_that_is_marked_live_is_refused_though_it_is_allowed(scene):
    policy = "1.2.826.0.1.8641679.1.2.1.4"
    asked = scene.asking(policy=policy)
    assert asked.decide()
    marked = asked.under("environments.toml", "policies = []", f'policies = ["{policy}"]')
    assert marked.codes() == ["live.policy"]


@pytest.mark.shows("R20")
def test_a_request_that_states_no_policy_is_judged_by_the_one_it_would_carry(scene):
    """A program may make the request itself."""
    asked = scene.asking(policy=None)
    assert asked.decide()
    profile = scene.library.profile("organisation")
    policy = profile.policy(scene.library.environments["ZAZ1"])
    assert asked.under(
        "environments.toml", "policies = []", f'policies = ["{policy}"]'
    ).codes() == ["live.policy"]


SPECIFIED = 'basis = "specified"'
POLICY_FILL = 'fill = { derived = "environment-policy" }'


@pytest.mark.shows("R20")
def test_a_policy_that_a_profile_fixes_itself_is_judged_too(scene):
    fixed = scene.under(
        "certificates/organisation.toml", POLICY_FILL, 'fill = { constant = "1.2.3.4" }'
    )
    assert "live.policy" in fixed.codes()


@pytest.mark.parametrize("name", ["z1", "Z1 ", " z1", "Z 1"])
@pytest.mark.shows("R20")
def test_a_live_name_is_known_in_any_case_and_spacing(scene, name):
    named = scene.under("environments.toml", "ca-names = []", f'ca-names = ["{name}"]')
    assert named.codes() == ["live.ca_name"]


def test_the_live_name_of_a_ca_is_in_the_way_of_its_own_hierarchy_alone(scene):
    for name, refused in (("Z1", scene), ("DZ1", device(scene)), ("DZ", device(scene))):
        for asked in (scene, device(scene), dccki(scene), iki(scene)):
            named = asked.under("environments.toml", "ca-names = []", f'ca-names = ["{name}"]')
            if asked.request == refused.request:
                assert named.codes() == ["live.ca_name"]
                assert f"like the live CA {name}." in named.refusal().reasons[0].reason
            else:
                assert named.decide()


@pytest.mark.parametrize(
    ("old", "new"),
    [
        pytest.param("holds = { octets = 8 }", "holds = { max-octets = 8 }", id="other constraint"),
        pytest.param("holds = { octets = 8 }", "", id="no constraint"),
        pytest.param("critical = true", "critical = false", id="criticality"),
        pytest.param('identity = "user-id"', 'identity = "role"', id="identity"),
        pytest.param(
            'basis = "specified"', 'severity = "notice"\nbasis = "specified"', id="notice"
        ),
    ],
)
@pytest.mark.shows("R20")
def test_what_weakens_a_specified_rule_needs_an_experimental_environment(scene, old, new):
    weaker = scene.under("certificates/organisation.toml", old, new)
    assert "profile.weakened" in weaker.codes()
    allowed = weaker.under("environments.toml", ENVIRONMENT, EXPERIMENTAL)
    if "identity" in old:
        return
    authorisation = allowed.decide()
    assert authorisation.experimental
    assert authorisation.as_json()["experimental"] is True


def _of_another_type(scene, name, category, *changes):
    """The same request for a type of an operator's own in the same hierarchy."""
    text = types.changed(
        f"certificates/{name}.toml", (f'name = "{name}"', 'name = "own"'), *changes
    )
    types.write(scene.directory, "certificates/own.toml", text)
    types.add_category(scene.directory, category, name, "own")
    library = Library(scene.directory)
    stated = dict(scene.request.subject.inputs)
    inputs = {key: stated[key] for key in library.profile("own").inputs & stated.keys()}
    subject = Subject("own", library.profile("own").input_types, inputs)
    return replace(scene.asking(subject=subject), library=library)


@pytest.mark.parametrize("identity", ["role", "signifier"])
@pytest.mark.shows("R12")
def test_an_id_is_judged_whatever_identity_a_type_states(scene, identity):
    change = ('identity = "user-id"', f'identity = "{identity}"')
    own = _of_another_type(scene, "organisation", "organisation-user", change)
    assert own.decide().category.name == "organisation-user"
    of_another = scene.for_subject(eui64=Eui64.parse("90-B3-D5-1F-30-02-00-00"))
    own = _of_another_type(of_another, "organisation", "organisation-user", change)
    assert own.codes() == ["id.outside_range", "id.not_allocated"]


@pytest.mark.parametrize("is_constant", [False, True])
@pytest.mark.shows("R8")
def test_no_text_of_an_operators_type_is_the_signifier_of_another(scene, is_constant):
    table = '[inputs.desk]\ntype = "text"\nhelp = "The desk."\n\n[inputs.common-name]'

    def asking(text):
        fill = f'constant = "{text}"' if is_constant else 'input = "desk"'
        tables = () if is_constant else (("[inputs.common-name]", table),)
        derived = ('fill = { derived = "signifier" }', f"fill = {{ {fill} }}")
        asked = _of_another_type(dccki(scene), "dccki", "dccki-infrastructure", *tables, derived)
        subject = asked.request.subject
        return asked if is_constant else asked.asking(subject=subject.with_input("desk", text))

    for text in ("TPTY-SUPPLIER-ONE", "desk 7"):
        assert asking(text).decide()
    refused = asking("TPTY-NETWORK-ONE")
    assert refused.codes() == ["signifier.not_own"]
    assert "network-one's and not supplier-one's" in refused.refusal().reasons[0].reason


@pytest.mark.shows("R11", "R21")
def test_a_device_id_is_judged_and_counted_whatever_identity_a_type_states(scene):
    change = ('identity = "device-id"', 'identity = "signifier"')
    asked = device(scene, "supplier-one")
    own = _of_another_type(asked, "device", "device", change)
    assert own.decide()
    assert replace(own, issued=Issued(device=100)).codes() == ["device_id.issuance_anomaly"]
    asked = device(scene, "supplier-one", Eui64.parse("90-B3-D5-1F-30-02-00-00"))
    own = _of_another_type(asked, "device", "device", change)
    assert "device_id.in_sec_registry_entry" in own.codes()


@pytest.mark.parametrize("name", ["organisation", "device"])
@pytest.mark.shows("R20")
def test_a_type_that_fixes_an_id_needs_an_experimental_environment(scene, name):
    asked, old, new, identity = {
        "organisation": (scene, "eui64", "90B3D51F30020000", ("user-id", "role")),
        "device": (
            device(scene, "supplier-one"),
            "device-id",
            "00DB120000000001",
            ("device-id", "signifier"),
        ),
    }[name]
    category = {"organisation": "organisation-user", "device": "device"}[name]
    fill = (f'fill = {{ input = "{old}" }}', f'fill = {{ constant = "{new}" }}')
    stated = tuple(f'identity = "{each}"' for each in identity)
    own = _of_another_type(asked, name, category, fill, stated)
    assert own.codes() == ["profile.weakened"]
    assert "with a constant ID" in own.refusal().reasons[0].reason
    assert own.under("environments.toml", ENVIRONMENT, EXPERIMENTAL).decide().experimental


def test_a_profile_that_fills_no_policy_needs_an_experimental_environment(scene):
    text = (shipped("profiles") / "certificates" / "organisation.toml").read_text("utf-8")
    start = text.index('[[row]]\nfield = "extensions.certificatePolicies')
    end = text.index("[[row]]", text.rindex("certificatePolicies"))
    bare = scene.under("certificates/organisation.toml", text[start:end], "")
    assert "fills no certificate policy" in bare.refusal().reasons[0].reason
    assert bare.under("environments.toml", ENVIRONMENT, EXPERIMENTAL).decide().experimental


@pytest.mark.parametrize("changed", ["key-type", "subject"])
def test_other_keys_and_more_subject_than_a_specified_rule_has_are_weaker(scene, changed):
    own = {
        "key-type": ('key-type = "p-256"', 'key-type = "rsa-2048"'),
        "subject": (
            '[[row]]\nfield = "subjectPublicKeyInfo"',
            (
                '[[row]]\nfield = "subject.commonName"\nfill = { constant = "x" }\n'
                'basis = "assumed"\nsource = "a test"\n\n[[row]]\nfield = "subjectPublicKeyInfo"'
            ),
        ),
    }[changed]
    library = scene.under("certificates/device.toml", *own).library
    assert library.weaknesses(library.profile("device"))
    assert not scene.library.weaknesses(scene.library.profile("device"))


def test_the_path_of_a_profile_does_not_make_it_the_shipped_one(scene):
    """Also one that leads through the shipped folder."""
    weaker = scene.under("certificates/organisation.toml", "critical = true", "critical = false")
    way = os.path.relpath(weaker.directory, shipped("profiles").parent)
    around = shipped("profiles") / ".." / Path(way)
    library = Library(around)
    assert library.weaknesses(library.profile("organisation"))


def test_a_request_chooses_no_policy(scene):
    own = scene.under("certificates/organisation.toml", POLICY_FILL, 'fill = { input = "hw-type" }')
    with pytest.raises(InputError) as caught:
        own.library.profile("organisation")
    assert "a request cannot choose it" in caught.value.message


def test_rarer_lists_and_entries_without_reasons_are_weaker(scene):
    name = "revocation-lists/organisation-crl.toml"
    text = (shipped("profiles") / name).read_text("utf-8")
    shipped_list = scene.library.revocation_list_profile("organisation-crl")
    assert not scene.library.weaknesses(shipped_list)
    assert "specified" in text
    own = scene.under(name, "critical = false", "critical = true").library
    assert own.weaknesses(own.revocation_list_profile("organisation-crl"))


@pytest.mark.parametrize(
    ("old", "new"),
    [
        pytest.param("# ", "# A comment. ", id="comment"),
        pytest.param(SPECIFIED, f'{SPECIFIED}\nnote = "ours"', id="note"),
    ],
)
def test_what_weakens_no_rule_is_issued_and_not_marked(scene, old, new):
    authorisation = scene.under("certificates/organisation.toml", old, new).decide()
    assert not authorisation.experimental
    assert "experimental" not in authorisation.as_json()


# Warnings


def two_user_roles(scene):
    return serving(scene, "IS", "GS")


@pytest.mark.shows("¶37", "R17")
def test_one_id_for_several_user_roles_is_granted_with_a_warning(scene):
    (warning,) = two_user_roles(scene).decide().warnings
    assert "Import Supplier, Gas Supplier together" in warning
    assert "R17" in warning


def test_a_usage_not_seen_under_a_role_is_granted_with_a_warning(scene):
    asked = scene.for_subject(role=scene.role("xmlSign")).asking(usages=(DS, KA))
    (warning,) = asked.decide().warnings
    assert "xmlSign" in warning
    assert "key-agreement" in warning
    assert asked.decide().as_json()["warnings"] == [warning]


def test_each_warning_is_told(scene):
    asked = two_user_roles(scene).for_subject(role=scene.role("xmlSign")).asking(usages=(KA,))
    assert len(asked.decide().warnings) == 2


@pytest.mark.shows("R10")
def test_an_id_under_the_look_alike_of_zaz1_is_granted_elsewhere_with_a_warning(scene):
    for environment in scene.library.environments:
        warnings = scene.asking(environment=environment).decide().warnings
        assert len(warnings) == (environment != "ZAZ1")
        for warning in warnings:
            assert "90-B3-D5-1F-3" in warning
            assert f"right in ZAZ1 only, and not in {environment}" in warning


def test_the_data_say_in_which_environments_a_registry_entry_is_right(scene):
    asked = scene.asking(environment="UIT-A")
    line = 'environments = ["ZAZ1"]'
    assert (
        not asked.under("environments.toml", line, 'environments = ["ZAZ1", "UIT-A"]')
        .decide()
        .warnings
    )
    assert not asked.under("environments.toml", line, "").decide().warnings
    assert scene.under("environments.toml", line, 'environments = ["SIT-A"]').decide().warnings


@pytest.mark.shows("R24")
def test_a_party_is_told_in_whose_registry_entry_its_device_id_lies(scene):
    for participant in ("supplier-one", "dcc"):
        (warning,) = device(scene, participant).decide().warnings
        assert "Registry Entry 00-DB-12, which is meters-one's" in warning
        assert "R24" in warning
    nobodys = Eui64.parse("00-DB-13-00-00-00-00-01")
    assert device(scene, "supplier-one", nobodys).decide().warnings == ()
    assert device(scene).decide().warnings == ()


MA_S = """
[[participant]]
id = "clocks"
name = "Clocks"
kind = "manufacturer"
registry-entries = ["00-DB-13-00-0", {{ value = "00-DB-13-00-1", exclusive = {exclusive} }}]
"""


def ranged(scene, first, last):
    """What the gate says of a range of Device IDs."""
    asked = device(scene, "supplier-one", Eui64.parse(first)).request
    gate = Gate(scene.library, scene.register, scene.issued)
    return gate.authorise_range(asked, Eui64.parse(last), NOW)


@pytest.mark.shows("R24")
def test_a_range_is_warned_about_once_for_each_registry_entry_that_it_meets(scene):
    there = scene.with_participant(MA_S.format(exclusive="false"))
    within = ranged(there, "00-DB-13-00-00-00-00-00", "00-DB-13-00-0F-FF-FF-FF")
    assert len(within.warnings) == 1
    both = ranged(there, "00-DB-13-00-0F-FF-FF-00", "00-DB-13-00-10-00-00-FF")
    assert [one.partition("Entry ")[2][:13] for one in both.warnings] == [
        "00-DB-13-00-0",
        "00-DB-13-00-1",
    ]
    around = ranged(there, "00-DB-12-FF-FF-FF-FF-FF", "00-DB-13-00-20-00-00-00")
    assert len(around.warnings) == 3
    assert ranged(there, "00-DB-13-00-20-00-00-00", "00-DB-13-00-2F-FF-FF-FF").warnings == ()


@pytest.mark.shows("R21")
def test_a_range_has_no_more_certificates_for_one_id_than_a_device(scene):
    usages = device(scene).request.usages
    for issued, granted in ((100 - len(usages), True), (101 - len(usages), False)):
        first, last = Eui64.parse("00-DB-12-00-00-00-00-11"), Eui64.parse("00-DB-12-00-00-00-00-22")
        asked = device(scene, device_id=first).request
        gate = Gate(scene.library, scene.register, OfRanges(issued))
        if granted:
            assert gate.authorise_range(asked, last, NOW)
            continue
        with pytest.raises(Refusal) as caught:
            gate.authorise_range(asked, last, NOW)
        assert [one.code for one in caught.value.reasons] == ["device_id.issuance_anomaly"]


@pytest.mark.shows("R24")
def test_a_range_may_not_reach_into_an_exclusive_registry_entry(scene):
    there = scene.with_participant(MA_S.format(exclusive="true"))
    assert ranged(there, "00-DB-13-00-00-00-00-00", "00-DB-13-00-0F-FF-FF-FF")
    for first, last in (
        ("00-DB-13-00-0F-FF-FF-FF", "00-DB-13-00-10-00-00-00"),
        ("00-DB-13-00-1F-FF-FF-FF", "00-DB-13-00-20-00-00-00"),
        ("00-DB-13-00-00-00-00-00", "00-DB-13-00-20-00-00-00"),
    ):
        with pytest.raises(Refusal) as caught:
            ranged(there, first, last)
        assert [one.code for one in caught.value.reasons] == ["device_id.exclusive_registry_entry"]


@pytest.mark.parametrize(
    ("first", "last", "code"),
    [
        (
            *("90-B3-D5-1F-2F-FF-FF-FF", "90-B3-D5-1F-40-00-00-00"),
            "device_id.in_sec_registry_entry",
        ),
        (
            *("00-DB-12-34-56-77-FF-FF", "00-DB-12-34-56-79-00-00"),
            "device_id.in_organisation_range",
        ),
    ],
)
@pytest.mark.shows("R11")
def test_no_range_of_devices_may_reach_around_the_ids_of_organisations(scene, first, last, code):
    there = scene.with_participant(ELSEWHERE)
    for end in (first, last):
        assert ranged(there, end, end)
    with pytest.raises(Refusal) as caught:
        ranged(there, first, last)
    assert [one.code for one in caught.value.reasons] == [code]


@pytest.mark.shows("R11")
def test_a_range_between_two_own_registry_entries_is_not_all_ones_own(scene):
    entries = tuple(map(RegistryEntry.parse, ("00-DB-20", "00-DB-22")))
    there = with_changed(scene, "supplier-one", registry_entries=entries)
    first, last = "00-DB-20-FF-FF-FF-FF-FF", "00-DB-22-00-00-00-00-00"
    for end in (first, last):
        assert ranged(there, end, end)
    with pytest.raises(Refusal) as caught:
        ranged(there, first, last)
    assert [one.code for one in caught.value.reasons] == ["device_id.outside_own_registry_entry"]


def test_who_keeps_an_entry_to_itself_uses_it_itself(scene):
    assert exclusive(device(scene)).decide().warnings == ()


# Whose a User Role is


@pytest.mark.parametrize(
    ("change", "codes", "role"),
    [
        (lambda s: s, ["DCC"], "recovery"),
        (lambda s: s, ["DCC"], "accessControlBroker"),
        (lambda s: s, ["RDP"], "rdpFileSign"),
        (dcc, ["IS"], "xmlSign"),
        (dcc, ["RDP"], "rdpFileSign"),
        (rdp, ["DCC"], "recovery"),
        (rdp, ["GS"], "supplier"),
    ],
)
@pytest.mark.shows("R23")
def test_no_role_comes_from_a_user_role_of_another_kind_of_participant(scene, change, codes, role):
    """Neither in an Organisation Certificate, under whatever category, nor in an IKI one."""
    asked = serving(change(scene), *codes).for_subject(role=scene.role(role))
    assert "user_role.kind" in asked.codes()
    only = asked.registered(ids=asked.register.participants[asked.request.participant].ids[:1])
    assert "user_role.kind" in iki(only, role, only.request.participant).codes()


UNIT_ROW = '[[row]]\nfield = "subject.organizationalUnitName"\nfill = '
DESK = '[inputs.desk]\ntype = "text"\nhelp = "The desk."\n\n'


@pytest.mark.parametrize(
    ("new", "stated"),
    [
        (f'{UNIT_ROW}{{ constant = "89" }}', {}),
        (f'{DESK}{UNIT_ROW}{{ input = "desk" }}', {"desk": "89"}),
    ],
    ids=["constant", "text"],
)
def test_a_role_that_a_certificate_type_writes_itself_is_judged_too(scene, new, stated):
    own = scene.under("certificates/organisation.toml", f'{UNIT_ROW}{{ input = "role" }}', new)
    types = own.library.profile("organisation").input_types
    asked = own.asking(subject=Subject("organisation", types, {"eui64": IMPORT_ID, **stated}))
    assert "id.role_not_held" in asked.codes()
    assert "user_role.kind" in serving(asked, "DCC").codes()


def test_a_hierarchy_says_which_field_of_its_certificates_holds_a_role(scene):
    """The gate then judges it there, in a hierarchy that had no roles before."""
    asked = device(scene)
    unit = f'{UNIT_ROW}{{ constant = "89" }}\nbasis = "assumed"\nsource = "a test"\n\n[[row]]'
    written = asked.under("certificates/device.toml", "[[row]]", unit)
    assert "role.not_held" not in written.codes()
    field = 'end-entity = "device"\nrole-field = "subject.organizationalUnitName"'
    judged = written.under("hierarchies.toml", 'end-entity = "device"', field)
    assert "role.not_held" in judged.codes()


@pytest.mark.parametrize("code", [0x01, 0x89, 0x55])
def test_a_role_that_a_program_makes_is_held_by_whom_the_data_say(scene, code):
    forged = replace(scene.role("supplier"), code=code)
    subject = IkiSubject("adhoc", forged)
    asked = scene.asking(participant="supplier-one", subject=subject, usages=())
    assert asked.codes() == ["role.not_held"]


def test_a_user_role_of_ones_own_kind_still_holds_where_another_does_not(scene):
    assert serving(scene, "DCC", "IS").decide()


@pytest.mark.shows("R23")
def test_a_register_with_two_dccs_grants_neither_anything(scene):
    for asked in (dcc(scene), iki(scene, "recovery", "dcc"), device(scene, "dcc")):
        assert asked.decide()
        assert "participant.dcc" in two_dccs(asked).codes()
    assert two_dccs(scene).decide()


# The token


@pytest.mark.shows("T6.4-3", "R6")
def test_of_two_categories_the_first_open_to_the_kind_in_the_environment_is_taken(scene):
    device = (shipped("profiles") / "categories" / "device.toml").read_text(encoding="utf-8")
    asked = scene.asking(subject=DeviceSubject(DEVICE_ID, HW_TYPE)).agreed(
        categories=("device", "device-lab")
    )
    narrow = asked.under("categories/device.toml", '"all"', '["UIT-A"]')
    assert narrow.codes() == ["environment.not_open"]
    lab = device.replace('name = "device"', 'name = "device-lab"', 1)
    (narrow.directory / "categories" / "device-lab.toml").write_text(lab, encoding="utf-8")
    both = replace(narrow, library=Library(narrow.directory))
    assert both.decide().category.name == "device-lab"
    assert both.asking(environment="UIT-A").decide().category.name == "device"
    # Where the first is open in the environment to other kinds only, the second is taken.
    kinds = both.under("categories/device.toml", '"party", ', "")
    assert kinds.decide().category.name == "device-lab"


def test_where_no_category_is_open_the_nearest_one_gives_the_reasons(scene):
    device = (shipped("profiles") / "categories" / "device.toml").read_text(encoding="utf-8")
    asked = scene.asking(subject=DeviceSubject(DEVICE_ID, HW_TYPE)).agreed(
        categories=("device", "device-lab")
    )
    far = asked.under(
        "categories/device.toml",
        'participants = ["party", "manufacturer", "other", "dcc"]',
        'participants = ["dcc"]',
    )
    lab = device.replace('name = "device"', 'name = "device-lab"', 1)
    lab = lab.replace('"party", ', "", 1)
    (far.directory / "categories" / "device-lab.toml").write_text(lab, encoding="utf-8")
    text = (far.directory / "categories" / "device.toml").read_text(encoding="utf-8")
    text = text.replace('"all"', '["UIT-A"]', 1)
    (far.directory / "categories" / "device.toml").write_text(text, encoding="utf-8")
    (reason,) = replace(far, library=Library(far.directory)).refusal().reasons
    assert reason.code == "category.not_open"
    assert reason.remedy == "It is open to manufacturer, other, dcc."


def test_an_authorisation_cannot_be_made_by_hand(scene):
    granted = scene.decide()
    with pytest.raises(TypeError, match="only the gate"):
        Authorisation(
            granted.request,
            granted.participant,
            granted.category,
            granted.agreement,
            granted.environment,
            granted.at,
            (),
            object(),
        )


def test_an_authorisation_cannot_be_changed(scene):
    granted = scene.decide()
    with pytest.raises(AttributeError):
        granted.agreement = "another"


def test_an_authorisation_for_one_request_cannot_be_made_over_for_another(scene):
    granted = scene.decide()
    another = scene.asking(participant="supplier-two").request
    with pytest.raises((TypeError, ValueError)):
        replace(granted, request=another)


_ROLE_FIELDS = ("code", "name", "held_by", "usages", "basis", "source")


class _LyingRole(RemotePartyRole):
    """A role that would be written as another than the gate sees."""

    __slots__ = ()

    @property
    def hex(self):
        return "89"


class _LyingId(Eui64):
    __slots__ = ()

    @property
    def octets(self):
        return bytes(8)


class _LyingText(str):
    __slots__ = ()

    def __str__(self):
        return "gateway.live"


def _made(profile, types, **inputs):
    return Subject(profile, types, {name.replace("_", "-"): inputs[name] for name in inputs})


@pytest.mark.parametrize(
    "changes",
    [
        lambda s: {"role": _LyingRole(*(getattr(s.role("supplier"), n) for n in _ROLE_FIELDS))},
        lambda _: {"eui64": _LyingId(IMPORT_ID.value)},
        lambda _: {"eui64": str(IMPORT_ID)},
        lambda _: {"role": "02"},
        lambda _: {"common_name": _LyingText("gateway.test")},
        lambda _: {"device_id": DEVICE_ID},
        lambda _: {"made_up": "text"},
    ],
)
def test_inputs_of_other_classes_than_the_profile_s_are_not_judged(scene, changes):
    types = scene.library.profile("organisation").input_types
    inputs = {"eui64": IMPORT_ID, "role": scene.role("supplier")} | changes(scene)
    asked = scene.asking(subject=_made("organisation", types, **inputs))
    with pytest.raises(InputError) as caught:
        asked.decide()
    assert caught.value.code == "request.input"


def test_an_input_that_a_certificate_needs_cannot_be_left_out_by_a_program(scene):
    types = scene.library.profile("organisation").input_types
    asked = scene.asking(subject=_made("organisation", types, role=scene.role("supplier")))
    with pytest.raises(InputError, match="needs --id"):
        asked.decide()


@pytest.mark.parametrize(
    "changes", [{"participant": _LyingText("supplier-one")}, {"usages": ("digitalSignature",)}]
)
def test_a_request_has_text_and_key_usages_themselves(scene, changes):
    with pytest.raises(InputError, match=r"Estate\.request|are text"):
        scene.asking(**changes).decide()


def test_a_request_is_judged_by_the_types_of_its_profile_and_not_by_its_own(scene):
    """Types of a program's could hide the identifier from the gate."""
    for name, inputs in (
        ("organisation", {"eui64": Eui64.parse("90-B3-D5-1F-30-03-00-00")}),
        ("organisation", {"eui64": Eui64.parse("90-B3-D5-1F-30-00-00-02")}),
    ):
        types = scene.library.profile(name).input_types
        blind = tuple(replace(each, is_identifier=False) for each in types)
        subject = _made(name, blind, role=scene.role("supplier"), **inputs)
        assert subject.embedded_id is None
        assert "id.outside_range" in scene.asking(subject=subject).codes()
    types = scene.library.profile("device").input_types
    blind = tuple(replace(each, is_identifier=False) for each in types)
    subject = _made("device", blind, device_id=DEVICE_ID, hw_type=HW_TYPE)
    granted = scene.asking(subject=subject).decide()
    assert granted.request.subject.embedded_id == DEVICE_ID
    assert any("R24" in warning for warning in granted.warnings)


def test_a_role_is_the_library_s_own_whatever_a_program_says_of_it(scene):
    dcc = replace(scene.role("dSPXmlSign"), held_by=("IS",), name="supplier")
    assert "id.role_not_held" in scene.for_subject(role=dcc).codes()
    harmless = replace(scene.role("supplier"), name="fancy")
    granted = scene.for_subject(role=harmless).decide()
    assert granted.request.role is scene.role("supplier")


def test_one_more_request_like_an_authorised_one_is_judged_alike(scene):
    decided = scene.decide()
    types = scene.library.profile("organisation").input_types
    blind = tuple(replace(each, is_identifier=False) for each in types)
    other = _made(
        "organisation",
        blind,
        eui64=Eui64.parse("90-B3-D5-1F-30-03-00-00"),
        role=scene.role("supplier"),
    )
    asked = Gate(scene.library, scene.register, scene.issued)
    with pytest.raises(Refusal, match="in the range of supplier-two"):
        asked.admit(scene.request.of(other), decided)
