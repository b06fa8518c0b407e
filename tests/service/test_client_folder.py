"""The temporary folder of the clients' files, where a server is killed."""

import os
import subprocess
import sys
import tempfile

import pytest

from smki_testca.service.client_folder import client_folder

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="Windows keeps such folders")
SERVER = """
import time
from smki_testca.service.client_folder import client_folder
with client_folder() as folder:
    (folder / "adhoc.key").write_text("secret")
    print(folder, flush=True)
    time.sleep(600)
"""


def test_what_a_killed_server_left_goes_with_the_next_and_nothing_else(tmp_path, monkeypatch):
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    other = tmp_path / "smki-testca-clients-mine"
    other.mkdir()
    target = tmp_path / "target"
    target.mkdir()
    linked = tmp_path / f"smki-testca-clients-{'0' * 16}"
    linked.symlink_to(target)
    server = subprocess.Popen(
        [sys.executable, "-c", SERVER],
        stdout=subprocess.PIPE,
        text=True,
        env={**os.environ, "TMPDIR": str(tmp_path)},
    )
    with server:
        key = tmp_path / server.stdout.readline().strip() / "adhoc.key"
        with client_folder() as folder:
            assert folder.stat().st_mode & 0o777 == 0o700
            assert key.exists()
            assert key.parent.parent == folder.parent == tmp_path
        server.kill()
    assert key.exists()
    with client_folder() as folder:
        assert not key.parent.exists()
        assert folder.exists()
    assert not folder.exists()
    assert other.exists()
    assert linked.is_symlink()
    assert target.exists()
