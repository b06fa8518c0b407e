"""Every kind of observation, with its code and level; ``docs/doctor.md`` says what each means."""

from __future__ import annotations

from smki_testca.lifecycle.doctor.observation import ObservationKind, ObservationLevel


def _problem(code: str, *, is_mended: bool = False) -> ObservationKind:
    return ObservationKind(f"doctor.{code}", ObservationLevel.PROBLEM, is_mended)


def _note(code: str, *, is_mended: bool = False) -> ObservationKind:
    return ObservationKind(f"doctor.{code}", ObservationLevel.NOTE, is_mended)


OPEN = _problem("open")
CHECK_FAILED = _problem("check_failed")
FIX_FAILED = _problem("fix_failed")

DIRECTORY_MODE = _problem("permissions.directory", is_mended=True)
FILE_MODE = _problem("permissions.file", is_mended=True)
TILE_MODE = _problem("permissions.tiles", is_mended=True)
PASSPHRASE_MODE = _problem("permissions.passphrase", is_mended=True)
OWNER = _problem("permissions.owner")

PASSPHRASE_READABLE = _problem("passphrase.readable")
PASSPHRASE_MISSING = _problem("passphrase.missing")
PASSPHRASE_WEAK = _problem("passphrase.weak")
PASSPHRASE_BESIDE = _note("passphrase.beside")

NETWORK = _problem("storage.network")

LEFT_FILES = _note("leftovers.files", is_mended=True)
LEFT_TILES = _note("leftovers.tiles", is_mended=True)
LEFT_RUN = _note("leftovers.run")

PROFILES_UNREADABLE = _problem("profiles.unreadable")
PROFILE_OF_CA = _problem("profiles.of_ca")
PROFILE_MISSING = _problem("profiles.missing")
PROFILE_OF_ISSUED = _note("profiles.of_issued")
PROFILES_NOT_RECORDED = _note("profiles.not_recorded")

DAMAGED_LOG = _problem("damage.log")
DAMAGED_ANCHOR = _problem("damage.anchor")
DAMAGED_SCHEMA = _problem("damage.schema")
DAMAGED_FILE = _problem("damage.file")

TILE_MISSING = _problem("tiles.missing")
TILE_CHANGED = _problem("tiles.changed")
TILE_STRAY = _problem("tiles.stray")
TILES_OF_NO_RUN = _problem("tiles.no_run")

KEY_MISSING = _problem("keys.missing")
KEY_TWICE = _problem("keys.twice")
KEY_UNFIT = _problem("keys.unfit")
TOKENS_NOT_ASKED = _note("keys.tokens_not_asked")

ORPHAN_SEALED_KEY = _problem("orphans.sealed_key")
ORPHAN_TOKEN_KEY = _problem("orphans.token_key")
ORPHAN_IMPORTED_KEY = _problem("orphans.imported_key")
ORPHAN_ACCOUNT = _problem("orphans.account")
ORPHAN_AGREEMENT = _problem("orphans.agreement")
ORPHAN_ROWS = _problem("orphans.rows")

CLOCK_BEHIND = _problem("clock.behind")
CLOCK_ABSURD = _problem("clock.absurd")
CLOCK_BACKWARD = _note("clock.backward")

CA_EXPIRED = _problem("ca.expired")
CA_REVOKED = _problem("ca.revoked")
CA_EXPIRING = _note("ca.expiring")
LIST_EXPIRED = _problem("crl.expired")
LIST_DUE = _note("crl.due")

RUN_INTERRUPTED = _note("run.interrupted")
BATCH_WAITING = _note("batch.waiting")
FORMAT_OLD = _note("format.old")

KINDS = tuple(each for each in list(globals().values()) if isinstance(each, ObservationKind))
"""All of them, in the order of this module."""
