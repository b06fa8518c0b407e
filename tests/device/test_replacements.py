"""What a Device answers to replacement certificates: each status, and what its cells hold then."""

from __future__ import annotations

import pytest

from smki_testca import Device, InputError, Replacement
from smki_testca.corpus.document_changes import with_extension, with_subject, without
from smki_testca.corpus.parts import at, extension, lasting, organisation_subject, usages
from smki_testca.corpus.pki import AT
from smki_testca.device.device import MAX_CERTIFICATE_OCTETS
from smki_testca.profiles import Library
from smki_testca.roles import Basis

LONG_AFTER = at("2090-01-01")


@pytest.fixture
def device(material):
    """An ESME with load control, all of whose cells are filled."""
    return material.device()


def update(device, *replacements, **options):
    return device.update(replacements, **{"at": AT, **options})


def broken_signature(document):
    der = document.der
    return der[:-1] + bytes((der[-1] ^ 1,))


def test_a_renewal_without_a_new_key_is_taken_as_the_vectors_show(device, material):
    new = material.renewed()
    (answer,) = update(device, new.der, path=material.path)
    assert (answer.status, answer.verdict.status.name) == (0, "success")
    assert answer.is_replaced
    assert answer.verdict.code is None
    assert answer.verdict.basis is Basis.OBSERVED
    assert device.certificate("supplier/DS") == new.der
    assert answer.old.key_identifier == answer.new.key_identifier
    assert answer.old.serial != answer.new.serial
    assert answer.old.eui64 == answer.new.eui64 == "90-B3-D5-1F-30-01-00-00"


def test_an_issuer_that_is_not_on_the_path_is_no_trust_anchor(device, material):
    before = device.certificate("supplier/DS")
    (answer,) = update(device, material.renewed().der)
    assert (answer.status, answer.verdict.status.name) == (10, "noTrustAnchor")
    assert answer.verdict.code == "device.path.issuer"
    assert answer.verdict.basis is Basis.OBSERVED
    assert not answer.is_replaced
    assert device.certificate("supplier/DS") == before


def test_of_one_command_what_is_right_takes_effect_and_what_is_not_leaves_the_old(device, material):
    good = material.renewed("organisation-ka")
    other = material.renewed("iki")  # of another hierarchy, whose CA is not on the path
    before = device.certificate("supplier/DS")
    answers = update(device, Replacement(other.der, "supplier/DS"), good.der, path=material.path)
    assert [answer.status for answer in answers] == [10, 0]
    assert device.certificate("supplier/DS") == before
    assert device.certificate("supplier/KA") == good.der


def test_a_broken_signature_of_the_path_certificate_fails_every_replacement(device, material):
    path = [broken_signature(material.issuing)]
    news = [material.renewed(name).der for name in ("organisation", "organisation-ka")]
    answers = update(device, *news, path=path)
    assert [answer.status for answer in answers] == [10, 10]
    assert {answer.verdict.code for answer in answers} == {"device.path.signature"}
    assert {answer.verdict.basis for answer in answers} == {Basis.OBSERVED}


def test_a_path_of_another_root_is_no_trust_anchor(device, material):
    device.root = material.document("device-root-ca").der
    (answer,) = update(device, material.renewed().der, path=[*material.path, material.root.der])
    assert (answer.status, answer.verdict.code) == (10, "device.path.end")
    assert answer.verdict.basis is Basis.ASSUMED


def test_a_path_certificate_that_is_not_as_it_must_be_is_no_path(device, material):
    issuing = without(material.issuing, "keyUsage")
    (answer,) = update(device, material.renewed().der, path=[issuing.der])
    assert (answer.status, answer.verdict.code) == (10, "device.path.certificate")
    assert answer.verdict.basis is Basis.ASSUMED


@pytest.mark.parametrize("octets", [b"", b"junk", b"\x30\x03\x06\x03\x55\x1d\x13", b"\x30\x80"])
def test_a_path_certificate_that_cannot_be_read_is_no_issuer(device, material, octets):
    (answer,) = update(device, material.renewed().der, path=[octets])
    assert (answer.status, answer.verdict.code) == (10, "device.path.issuer")


def test_a_faulty_path_certificate_beside_a_good_one_is_success_by_assumption(device, material):
    news = [material.renewed(name).der for name in ("organisation", "organisation-ka")]
    for faulty in (broken_signature(material.issuing), b"junk"):
        for path in ([faulty, *material.path], [*material.path, faulty]):
            for answer in update(device, *news, path=path):
                assert (answer.status, answer.verdict.basis) == (0, Basis.ASSUMED)
                (remark,) = answer.verdict.remarks
                assert f"path certificate {path.index(faulty) + 1}" in remark


def test_a_good_path_certificate_that_is_not_needed_is_nothing_to_remark_upon(device, material):
    other = material.document("device-issuing-ca").der
    for more in (material.root.der, material.issuing.der, other):
        path = [more, *material.path]
        (answer,) = update(device, material.renewed().der, path=path)
        assert (answer.verdict.basis, answer.verdict.remarks) == (Basis.OBSERVED, ())


@pytest.mark.slow
def test_a_changed_octet_is_refused_wherever_it_is(device, material):
    new = material.renewed("organisation-ka").der
    issuing = material.issuing.der
    held = device.certificate("supplier/KA")
    for place in range(0, len(new), 11):
        changed = new[:place] + bytes((new[place] ^ 0x21,)) + new[place + 1 :]
        (answer,) = update(device, Replacement(changed, "supplier/KA"), path=[issuing])
        assert answer.status in {5, 10}, place
    for place in range(0, len(issuing), 11):
        changed = issuing[:place] + bytes((issuing[place] ^ 0x21,)) + issuing[place + 1 :]
        (answer,) = update(device, Replacement(new, "supplier/KA"), path=[changed])
        assert answer.status == 10, place
    assert device.certificate("supplier/KA") == held


def test_a_broken_signature_of_the_replacement_is_no_trust_anchor_by_assumption(device, material):
    (answer,) = update(device, broken_signature(material.renewed()), path=material.path)
    assert (answer.status, answer.verdict.code) == (10, "device.signature")
    assert answer.verdict.basis is Basis.ASSUMED


@pytest.mark.parametrize(
    "octets", [b"", b"\x00", b"junk", b"\x30\x80", b"\x30\x84\xff\xff\xff\xff", b"\x30" * 3000]
)
def test_octets_that_are_no_certificate_are_a_bad_certificate(device, material, octets):
    before = device.certificate("supplier/DS")
    (answer,) = update(device, Replacement(octets, "supplier/DS"), path=material.path)
    assert (answer.status, answer.verdict.status.name) == (5, "badCertificate")
    assert answer.verdict.code == "device.der"
    assert (answer.new.eui64, answer.new.key_identifier) == (None, None)
    assert device.certificate("supplier/DS") == before


def test_what_a_rule_of_the_linter_fails_on_is_refused(device, material, monkeypatch):
    def fails(certificate):
        raise RuntimeError(f"nobody foresaw {certificate}")

    monkeypatch.setattr("smki_testca.lint.engine._OF_CERTIFICATE", (fails,))
    (answer,) = update(device, material.renewed().der, path=material.path)
    assert (answer.status, answer.verdict.findings) == (5, ("internal.rule_failed",))


def test_a_csr_is_a_bad_certificate(device, material):
    request = material.document("organisation-csr")
    (answer,) = update(device, Replacement(request.der, "supplier/DS"), path=material.path)
    assert (answer.status, answer.verdict.code) == (5, "device.der")
    assert "csr" in answer.verdict.message


def test_every_truncation_of_a_certificate_is_refused(device, material):
    der = material.renewed().der
    for length in range(0, len(der), 29):
        (answer,) = update(device, Replacement(der[:length], "supplier/DS"), path=material.path)
        assert answer.status == 5


def test_a_cell_that_the_device_does_not_have_is_a_trust_anchor_not_found(material):
    device = material.device("ESME")
    new = material.renewed("organisation-load-controller")
    (answer,) = update(device, new.der, path=material.path)
    assert (answer.status, answer.verdict.status.name) == (25, "trustAnchorNotFound")
    assert answer.verdict.basis is Basis.OBSERVED
    assert answer.old is None


def test_of_a_type_whose_cells_are_not_all_known_that_is_assumed(material):
    device = material.device("CHF")
    (answer,) = update(device, material.renewed().der, path=material.path)
    assert (answer.status, answer.verdict.basis) == (25, Basis.ASSUMED)


@pytest.mark.parametrize(
    ("use_case", "base", "status", "basis"),
    [
        ("CS02f", "organisation", 127, Basis.OBSERVED),
        ("cs02g", "organisation", 127, Basis.ASSUMED),
        ("CS02f", "organisation-load-controller", 0, Basis.OBSERVED),
        ("CS02b", "organisation", 0, Basis.OBSERVED),
    ],
)
def test_a_role_that_the_use_case_does_not_read_is_other(
    device, material, use_case, base, status, basis
):
    (answer,) = update(device, material.renewed(base).der, path=material.path, use_case=use_case)
    assert (answer.status, answer.verdict.basis) == (status, basis)


def test_a_suppliers_role_in_a_load_controllers_cell_is_a_warning_at_most(device, material):
    new = Replacement(material.renewed().der, "loadController/DS")
    (answer,) = update(device, new, path=material.path)
    assert answer.status == 0
    assert answer.verdict.basis is Basis.OBSERVED
    assert answer.verdict.remarks == ("Its role is 02, not the 08 (loadController) of the cell.",)


def test_another_role_in_another_cell_is_taken_by_assumption(device, material):
    new = Replacement(material.renewed().der, "networkOperator/DS")
    (answer,) = update(device, new, path=material.path)
    assert (answer.status, answer.verdict.basis) == (0, Basis.ASSUMED)


def test_a_key_usage_that_is_not_the_cells_is_a_bad_certificate(device, material):
    new = Replacement(material.renewed().der, "supplier/KA")
    (answer,) = update(device, new, path=material.path)
    assert (answer.status, answer.verdict.code) == (5, "device.usage")


def test_a_breach_of_the_profile_is_a_bad_certificate_by_assumption(device, material):
    new = without(material.renewed(), "certificatePolicies")
    (answer,) = update(device, new.der, path=material.path)
    assert (answer.status, answer.verdict.code) == (5, "device.profile")
    assert answer.verdict.basis is Basis.ASSUMED
    assert answer.verdict.findings


@pytest.mark.parametrize(
    ("validity", "moment"),
    [
        (lasting("2010-01-01T00:00:00", "2020-01-01T23:59:59"), AT),
        (lasting("2040-01-01T00:00:00", "2044-01-01T23:59:59"), AT),
        (None, LONG_AFTER),  # the issuing CA has expired, too
    ],
)
def test_time_decides_only_where_the_command_applies_its_checks(material, validity, moment):
    parts = {} if validity is None else {"validity": validity}
    new = material.renewed(**parts)
    applied, disapplied = material.device(), material.device()
    (refused,) = update(applied, new.der, path=material.path, at=moment)
    (taken,) = update(disapplied, new.der, path=material.path, at=moment, time_checks=False)
    assert (refused.status, refused.verdict.code) == (5, "device.time")
    assert refused.verdict.basis is Basis.ASSUMED
    assert (taken.status, taken.is_replaced) == (0, True)
    assert applied.certificate("supplier/DS") == material.document().der
    assert disapplied.certificate("supplier/DS") == new.der
    for answer in (refused, taken):
        assert answer.with_time_checks.status.number == 5
        assert answer.without_time_checks.status.number == 0


def test_without_checks_of_time_everything_else_is_checked(device, material):
    new = without(material.renewed(), "certificatePolicies")
    (answer,) = update(device, new.der, path=material.path, time_checks=False)
    assert answer.status == 5


@pytest.mark.parametrize(
    ("mode", "base", "status"),
    [
        (2, "organisation", 0),
        ("supplierBySupplier", "organisation", 0),
        (7, "organisation", 0),
        (3, "organisation", 127),
        (3, "organisation-network-operator", 0),
        (4, "organisation-access-control-broker-ka", 0),
        (6, "organisation-transitional-cos", 0),
        (8, "organisation-recovery", 0),
        (9, "organisation-transitional-cos", 0),
        (10, "organisation-load-controller", 0),
        (11, "organisation-load-controller-ka", 0),
        (11, "organisation", 127),
        (0, "organisation", 127),
        (1, "organisation-root-ca", 0),
        (2, "organisation-root-ca", 127),
        (8, "organisation-root-ca", 0),
    ],
)
def test_a_replacement_mode_replaces_the_certificates_of_its_roles(
    device, material, mode, base, status
):
    new = material.document(base) if "root" in base else material.renewed(base)
    (answer,) = update(device, new.der, path=material.path, mode=mode)
    assert answer.status == status
    assert answer.is_replaced is (status == 0)
    if status:
        assert answer.verdict.code == "device.mode"
        assert answer.verdict.basis is Basis.ASSUMED


def test_a_root_is_replaced_by_what_it_signed_itself_and_that_is_assumed(device, material):
    (answer,) = update(device, material.root.der)
    assert (answer.status, answer.cell.short) == (0, "root")
    assert answer.verdict.basis is Basis.ASSUMED
    assert answer.verdict.remarks
    (broken,) = update(device, Replacement(broken_signature(material.root), "root"))
    assert broken.status == 10
    (issuing,) = update(device, Replacement(material.issuing.der, "root"))
    assert issuing.status in {5, 10}
    assert device.root == material.root.der


def test_a_status_that_is_asked_for_is_answered_whatever_the_certificate_is(device, material):
    news = [material.renewed(name).der for name in ("organisation", "organisation-ka")]
    answers = update(device, *news, path=material.path, answers={"supplier/DS": 17})
    assert [answer.verdict.status.name for answer in answers] == ["insufficientMemory", "success"]
    assert answers[0].verdict.code == "device.asked_for"
    assert device.certificate("supplier/DS") == material.document().der
    busy = update(device, *news, path=material.path, answers={"all": "resourcesBusy"})
    assert [answer.status for answer in busy] == [30, 30]


def test_of_one_cell_one_status_is_asked_for(device, material):
    asked = {"supplier/DS": 5, "supplier/digitalSignature": 10}
    with pytest.raises(InputError) as caught:
        update(device, material.renewed().der, path=material.path, answers=asked)
    assert caught.value.code == "device.cell_twice"


def test_the_cell_of_prepayment_is_used_only_where_it_is_named(device, material):
    before = device.certificate("supplier/KA/prepayment")
    new = material.renewed("organisation-ka")
    update(device, new.der, path=material.path)
    assert device.certificate("supplier/KA/prepayment") == before
    (answer,) = update(device, Replacement(new.der, "supplier/KA/PrePayment"), path=material.path)
    assert answer.is_replaced
    assert device.certificate("supplier/keyAgreement/prePaymentTopUp") == new.der


def test_an_empty_cell_is_filled(material):
    kind = material.library.device_types["ESME"]
    empty = Device(kind, material.root.der, library=material.library)
    (answer,) = update(empty, material.renewed().der, path=material.path)
    assert (answer.status, answer.old) == (0, None)


def test_an_extension_that_is_odd_and_no_error_is_taken_by_assumption(device, material):
    new = with_extension(material.renewed(), "2.5.29.31", extension("2.5.29.31", b"\x30\x00"))
    with_error = update(device, new.der, path=material.path)[0]
    assert with_error.status == 5
    subject = organisation_subject("Supplier One", "02", bytes.fromhex("90b3d51f30090000"))
    (other,) = update(device, with_subject(material.renewed(), subject).der, path=material.path)
    assert other.new.eui64 == "90-B3-D5-1F-30-09-00-00"
    assert other.status == 0


@pytest.mark.parametrize(
    ("change", "code"),
    [
        ({"replacements": 9}, "device.too_many"),
        ({"replacements": 0}, "device.too_many"),
        ({"path": 4}, "device.too_many"),
        ({"long": True}, "device.too_long"),
        ({"twice": True}, "device.cell_twice"),
        ({"cell": "TARDIS/DS"}, "role.unknown"),
        ({"cell": "supplier"}, "device.cell_name"),
        ({"cell": "supplier/DS/management/more"}, "device.cell_name"),
        ({"cell": "supplier/both"}, "device.cell_name"),
        ({"junk": True}, "device.cell_name"),
        ({"mode": 12}, "device.mode_name"),
        ({"use_case": "CS99"}, "device.use_case_name"),
        ({"answers": {"all": 99}}, "device.status_name"),
        ({"answers": {"all": 0}}, "device.status_name"),
        ({"answers": {"nobody/DS": 5}}, "role.unknown"),
    ],
)
def test_a_command_that_cannot_be_is_an_error_and_changes_nothing(device, material, change, code):
    der = material.renewed().der
    cells = [cell.short for cell in device.kind.cells if not cell.is_root] * 2
    replacements: list[Replacement | bytes] = [
        Replacement(der, name) for name in cells[: change.get("replacements", 1)]
    ]
    if "long" in change:
        replacements = [Replacement(b"\x30" * (MAX_CERTIFICATE_OCTETS + 1), "supplier/DS")]
    if "twice" in change:
        replacements = [der, Replacement(der, "supplier/DS")]
    if "cell" in change:
        replacements = [Replacement(der, change["cell"])]
    if "junk" in change:
        replacements = [b"junk"]
    options = {name: change[name] for name in ("mode", "use_case", "answers") if name in change}
    before = device.as_json()
    with pytest.raises(InputError) as caught:
        update(device, *replacements, path=material.path * change.get("path", 1), **options)
    assert caught.value.code == code
    assert device.as_json() == before


def test_as_many_as_the_limits_allow_are_taken(device, material):
    names = ("recovery/DS", "supplier/DS", "supplier/KA", "supplier/KA/prepayment")
    more = ("networkOperator/DS", "networkOperator/KA", "transitionalCoS/DS", "loadController/DS")
    held = [Replacement(device.certificate(name), name) for name in (*names, *more)]
    answers = update(device, *held, path=[*material.path, material.root.der, *material.path])
    assert [answer.status for answer in answers] == [0] * 8


def test_a_certificate_of_two_usages_does_not_tell_its_cell(device, material):
    both = with_extension(
        material.renewed(),
        "keyUsage",
        extension("keyUsage", usages("digitalSignature", "keyAgreement"), critical=True),
    )
    with pytest.raises(InputError) as caught:
        update(device, both.der, path=material.path)
    assert caught.value.code == "device.cell_name"


@pytest.mark.parametrize(
    ("stated", "status"), [("badCertificate", 5), ("success", 0), ("other", 127)]
)
def test_whoever_has_the_rules_corrects_the_status_of_a_breach(tmp_path, material, stated, status):
    text = (Library().directories[-1] / "device-answers.toml").read_text("utf-8")
    shipped = 'code = "device.profile"\nstatus = "badCertificate"'
    assert shipped in text
    text = text.replace(shipped, shipped.replace("badCertificate", stated))
    (tmp_path / "device-answers.toml").write_text(text, "utf-8")
    esme = material.device("ESME")
    device = Device(esme.kind, esme.root, library=Library(tmp_path))
    bad = without(material.renewed(), "certificatePolicies")
    (answer,) = update(device, bad.der, path=material.path)
    assert answer.status == status
    assert bool(answer.verdict.remarks) is (status == 0)


@pytest.mark.parametrize(
    ("old", "new", "code"),
    [
        ('code = "device.cell"', 'code = "device.other"', "profile.reference"),
        ('code = "device.cell"', 'code = "device.der"', "profile.duplicate"),
        ('status = "other"', 'status = "another"', "profile.reference"),
        ('name = "CS02f"', 'name = "CS02b"', "profile.duplicate"),
        ('roles = ["supplier"]', 'roles = ["nobody"]', "role.unknown"),
        ("number = 0\n", "number = 1\n", "profile.reference"),
        ('number = 2\nname = "wrong', 'number = 9\nname = "wrong', "profile.reference"),
        ("time = true\n", "time = 1\n", "toml.shape"),
    ],
)
def test_a_mistake_in_the_answers_of_devices_names_the_file(tmp_path, old, new, code):
    text = (Library().directories[-1] / "device-answers.toml").read_text("utf-8")
    assert old in text
    (tmp_path / "device-answers.toml").write_text(text.replace(old, new, 1), "utf-8")
    with pytest.raises(InputError) as caught:
        _ = Library(tmp_path).device_answers
    assert caught.value.code == code
    assert "device-answers.toml" in caught.value.message
