"""Runs that version 0.1.0 began: their sections have role and hwType, and no inputs."""

from __future__ import annotations

import json
import shutil

import pytest

import batches
from estates import opened
from smki_testca.entropy import parse_seed
from smki_testca.estate.certificates import Selection
from smki_testca.estate.terms import Secrets
from smki_testca.identifiers import Eui64
from smki_testca.issuance.batch.manifest import columns, lines
from smki_testca.issuance.batch.planning import BatchPlan
from smki_testca.issuance.batch.row_requests import from_manifest
from smki_testca.profiles.typed_subjects import DeviceSubject
from smki_testca.roles import KeyUsage

ROWS = [one for one in batches.mixed() if one["profile"] in {"organisation", "device"}]
"""Those whose keys can come from a seed."""


def _begin_range(estate, _, secrets):
    plan = BatchPlan(estate, "range", "early", secrets)
    subject = DeviceSubject(Eui64.parse(batches.device_id(0x700)), batches.HW_TYPE)
    usages = (KeyUsage.KEY_AGREEMENT, KeyUsage.DIGITAL_SIGNATURE)
    plan.add_range(estate.request("meters-one", batches.DEVICE_PURPOSE, subject, usages), 3)
    return plan


def _begin_manifest(estate, folder, secrets, rows=ROWS):
    plan = BatchPlan(estate, "manifest", "early", secrets)
    path = batches.write(folder / "rows.jsonl", [{**one, "label": "early"} for one in rows])
    for one in from_manifest(estate, lines(path, columns(estate.library)), lambda _: b""):
        plan.add(one)
    assert plan.problems == []
    return plan


def _as_version_0_1_0_wrote(terms):
    """The terms of a run, as JSON, with the keys of that version."""
    for section in terms["sections"]:
        given = section.pop("inputs")
        assert section.pop("experimental") is False
        assert section.pop("delivery") == "local"
        assert section.pop("columns") == []
        assert set(given) <= {"role", "hw-type"}
        section["role"] = int(given["role"], 16) if "role" in given else None
        section["hw_type"] = given.get("hw-type")
    return terms


def _rewrite(directory):
    with opened(directory) as estate, estate.transaction():
        database = estate._database  # noqa: SLF001 - so that the change is bound to the audit log
        ((run, terms),) = database.rows("SELECT id, terms FROM runs")
        early = _as_version_0_1_0_wrote(json.loads(terms))
        assert set(early["sections"][0]) == {
            *("profile", "participant", "participant_name", "signifier", "purpose"),
            *("environment", "category", "agreement", "issuer", "usage", "role", "hw_type"),
            *("count", "first_id"),
        }
        database.execute(
            "UPDATE runs SET terms = ? WHERE id = ?", (json.dumps(early).encode(), run)
        )


def _resumed(command, directory):
    """The certificates of the run of an estate, which is resumed: each as JSON tells of it."""
    assert command("--estate", directory, "batch", "resume", 1).code == 0
    assert command("--estate", directory, "audit", "verify").code == 0
    with opened(directory) as estate:
        found = list(estate.select(Selection(label="early")))
        return [{**one.as_json(), "der": one.der.hex()} for one in found]


@pytest.mark.slow
@pytest.mark.parametrize("begin", [_begin_range, _begin_manifest])
def test_a_run_that_version_0_1_0_began_ends_with_the_same_certificates(
    command, quickstart, tmp_path, begin
):
    secrets = Secrets.from_seed(parse_seed("00" * 32), bytes(32))
    with opened(quickstart) as estate, estate.transaction():
        begin(estate, tmp_path, secrets).store()
    early = tmp_path / "early"
    shutil.copytree(quickstart, early)
    _rewrite(early)
    issued = _resumed(command, quickstart)
    assert len(issued) >= 5
    assert _resumed(command, early) == issued


@pytest.mark.slow
def test_every_kind_of_certificate_of_such_a_run_is_as_asked_for(command, quickstart, tmp_path):
    with opened(quickstart) as estate, estate.transaction():
        _begin_manifest(estate, tmp_path, Secrets.of_run(None), batches.mixed()).store()
    _rewrite(quickstart)
    issued = _resumed(command, quickstart)
    assert [one["profile"] for one in issued].count("device") == 3
    with opened(quickstart) as estate:
        found = {(one.profile, one.role) for one in estate.select(Selection(label="early"))}
    supplier, network_operator = 0x02, 0x03
    assert found == {
        ("organisation", supplier),
        ("organisation", network_operator),
        *(("iki", supplier), ("device", None), ("dccki", None)),
    }
    words = ("--json", "--estate", quickstart, "list", "--role", "networkOperator")
    ids = [one["eui64"] for one in command(*words, "--label", "early").json["certificates"]]
    assert ids == [batches.NETWORK_ID]
