"""The digests of profiles, and whose files they are."""

import hashlib

from smki_testca.profiles import Library
from smki_testca.profiles.file_digests import (
    Owner,
    file_digests,
    profile_digests,
    profiles_of_ca,
)
from smki_testca.profiles.model import Hierarchy, Tier
from smki_testca.shipped import shipped


def test_a_digest_is_that_of_the_files_octets(library):
    digests = profile_digests(library)
    assert set(digests) == {*library.profile_names, *library.revocation_list_profile_names}
    path = shipped("profiles") / "revocation-lists" / "iki-crl.toml"
    assert digests["iki-crl"] == hashlib.sha256(path.read_bytes()).hexdigest()


def test_a_profile_that_there_is_not_is_left_out(library):
    assert list(profile_digests(library, ["device", "none"])) == ["device"]


def test_a_ca_works_by_its_own_profile_that_of_its_lists_and_those_of_what_it_issues(library):
    organisation, device = Hierarchy("organisation"), Hierarchy("device")
    assert profiles_of_ca(library, organisation, Tier.ROOT) == [
        "organisation-root-ca",
        "organisation-arl",
    ]
    assert profiles_of_ca(library, organisation, Tier.ISSUING) == [
        "organisation-issuing-ca",
        "organisation-crl",
        "organisation",
    ]
    assert profiles_of_ca(library, device, Tier.ISSUING) == ["device-issuing-ca", "device"]


def test_each_file_is_of_the_folder_that_it_comes_from(tmp_path):
    own, of_estate = tmp_path / "own", tmp_path / "estate" / "profiles"
    for folder, names in ((own, ["device"]), (of_estate, ["device", "iki"])):
        (folder / "certificates").mkdir(parents=True)
        for name in names:
            source = shipped("profiles") / "certificates" / f"{name}.toml"
            (folder / "certificates" / source.name).write_bytes(source.read_bytes())
    library = Library(own, of_estate)
    owners = {each.name: each.owner for each in file_digests(library, of_estate)}
    assert owners["certificates/device.toml"] is Owner.OPERATOR
    assert owners["certificates/iki.toml"] is Owner.ESTATE
    assert owners["certificates/dccki.toml"] is Owner.SHIPPED
    assert len(owners) == len(library.file_names())
