"""The same tiles on a Dask cluster, reached over TLS on the loopback interface."""

import base64
import contextlib
import dataclasses
import datetime as dt
import json
import os
import pickle
import shutil
import signal
import socket
import subprocess
import sys

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    load_der_private_key,
)
from cryptography.x509.oid import NameOID

from batches import DEVICE_PURPOSE, HW_TYPE, PATIENCE, until_tiles_are_written
from estates import ca_key, opened
from smki_testca import __version__
from smki_testca.estate.certificates import Selection
from smki_testca.estate.runs import State
from smki_testca.estate.terms import Secrets
from smki_testca.estate.tile import Tile
from smki_testca.issuance.batch.tile_maker import Task, TileMaterial

distributed = pytest.importorskip("distributed", reason="the extra [dask] is not installed")

pytestmark = pytest.mark.slow

COUNT = 16_000
"""Certificates of the run that both engines cut: eight tiles."""
SEED = ("--seed", "00112233445566778899aabbccddeeff")
CLOCK = ("--clock", "2026-11-23T09:30:00Z")

# A process of its own: its two workers are processes again, and all they log is kept.
CLUSTER = """
import json, sys
from distributed import LocalCluster, Security

if __name__ == "__main__":
    certificate, key, authority = sys.argv[1:4]
    files = {
        f"tls_{role}_{kind}": path
        for role in ("client", "scheduler", "worker")
        for kind, path in (("cert", certificate), ("key", key))
    }
    security = Security(require_encryption=True, tls_ca_file=authority, **files)
    with LocalCluster(
        n_workers=int(sys.argv[4]),
        threads_per_worker=1,
        processes=True,
        protocol="tls://",
        host="127.0.0.1",
        security=security,
        dashboard_address=None,
        silence_logs=False,
    ) as cluster:
        workers = [worker.pid for worker in cluster.workers.values()]
        print(json.dumps([cluster.scheduler_address, workers]), flush=True)
        sys.stdin.read()
"""


class Cluster:
    """A running cluster."""

    def __init__(self, files, log, workers=2, **environment):
        self.files = files
        self._log = log
        script = log.with_suffix(".py")
        script.write_text(CLUSTER)
        with log.open("w") as out:
            self._process = subprocess.Popen(
                [sys.executable, script, *files, str(workers)],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=out,
                text=True,
                env=os.environ | environment,
                start_new_session=True,
            )
        told = self._process.stdout.readline()
        assert told, self.log()
        self.address, self.nannies = json.loads(told)

    def log(self):
        return self._log.read_text()

    def options(self):
        return _with_tls(self.files, self.address)

    def kill(self):
        """End scheduler, nannies and workers at once."""
        os.killpg(self._process.pid, signal.SIGKILL)

    def close(self):
        self._process.stdin.close()
        with contextlib.suppress(subprocess.TimeoutExpired):
            self._process.wait(10)
        # Whoever of its group is left, workers and all.
        with contextlib.suppress(ProcessLookupError):
            self.kill()
        self._process.wait(PATIENCE)
        self._process.stdout.close()


@pytest.fixture(scope="module")
def tls(tmp_path_factory):
    return _tls_files(tmp_path_factory.mktemp("tls"))


@pytest.fixture
def cluster(tls, tmp_path):
    running = Cluster(tls, tmp_path / "cluster.log")
    yield running
    running.close()


def _tls_files(folder):
    """A CA and one certificate for everybody: certificate, key, CA."""
    ca_key, key = (ec.generate_private_key(ec.SECP256R1()) for _ in range(2))
    ca_name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "Cluster CA")])
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "localhost")])
    now = dt.datetime.now(dt.UTC)

    def certificate(subject, public_key, *, ca):
        return (
            x509.CertificateBuilder()
            .subject_name(subject)
            .issuer_name(ca_name)
            .public_key(public_key)
            .serial_number(x509.random_serial_number())
            .not_valid_before(now - dt.timedelta(hours=1))
            .not_valid_after(now + dt.timedelta(hours=1))
            .add_extension(x509.BasicConstraints(ca=ca, path_length=None), critical=True)
            .sign(ca_key, hashes.SHA256())
            .public_bytes(Encoding.PEM)
        )

    files = {
        "cert.pem": certificate(name, key.public_key(), ca=False),
        "key.pem": key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()),
        "ca.pem": certificate(ca_name, ca_key.public_key(), ca=True),
    }
    for file, data in files.items():
        (folder / file).write_bytes(data)
    return tuple(str(folder / file) for file in files)


def _issue(count=COUNT):
    return (
        *("batch", "issue", "--profile", "device", "--participant", "meters-one"),
        *("--purpose", DEVICE_PURPOSE, "--hw-type", HW_TYPE, "--usage", "key-agreement"),
        *("--first-id", "00-DB-12-00-10-00-00-00", "--count", str(count)),
    )


def _start(estate, *arguments, **environment):
    return subprocess.Popen(
        [sys.executable, "-m", "smki_testca", "--estate", estate, *arguments],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env=os.environ | environment,
    )


def _end(process):
    out, err = process.communicate(timeout=PATIENCE)
    return process.returncode, out, err


def _kept(directory):
    """The certificates of the first run, and their private keys, in the order of its rows."""
    with opened(directory) as estate:
        run = estate.runs.get(1)
        sealing_key = estate.runs.secrets(1).sealing_key
        assert run.state is State.DONE
        kept = []
        for one in estate.tiles.of_run(1, done=True):
            tile = Tile.read(estate.tiles.path(one), one.digest)
            kept += zip(map(tile.der, range(len(tile))), tile.keys(sealing_key), strict=True)
        return kept


def _ca_key(directory):
    with opened(directory) as estate:
        (record,) = estate.select(Selection(profile="device-issuing-ca"))
        return ca_key(estate, record)


def _scalar(pkcs8):
    return load_der_private_key(pkcs8, None).private_numbers().private_value.to_bytes(32)


def _forms(secret):
    """What octets look like in a log."""
    return secret.hex(), base64.b64encode(secret).decode(), repr(secret)[2:-1]


def _secrets(directory):
    """The CA's key and all that a run's tiles are cut with, in every form they could be told."""
    key = _ca_key(directory)
    scalar = _scalar(key)
    with opened(directory) as estate:
        kept = estate.runs.secrets(1)
    octets = [key, scalar, kept.sealing_key, kept.serial_key]
    octets += [kept.seed] if kept.seed else []
    return [str(int.from_bytes(scalar)), *(form for one in octets for form in _forms(one))]


@pytest.fixture(scope="module")
def local(quickstart_original, tmp_path_factory):
    """What the local engine cuts."""
    directory = tmp_path_factory.mktemp("local") / "estate"
    shutil.copytree(quickstart_original, directory)
    code, _, err = _end(_start(directory, *CLOCK, *_issue(), *SEED))
    assert code == 0, err
    return _kept(directory)


def test_a_cluster_cuts_what_this_machine_cuts_and_logs_no_secret(cluster, quickstart, local):
    process = _start(
        quickstart,
        *(*CLOCK, *_issue(), *SEED, *cluster.options()),
        DASK_LOGGING__DISTRIBUTED="debug",
    )
    code, out, err = _end(process)
    assert code == 0, err
    kept = _kept(quickstart)
    assert len(kept) == COUNT
    assert kept == local
    told = cluster.log() + out + err
    assert "Starting Worker plugin smki-testca" in told
    for secret in _secrets(quickstart):
        assert secret not in told


def test_a_worker_killed_in_the_middle_costs_nothing(command, cluster, quickstart, local):
    process = _start(quickstart, *CLOCK, *_issue(), *SEED, *cluster.options())
    until_tiles_are_written(quickstart, process)
    os.kill(cluster.nannies[0], signal.SIGKILL)
    code, _, err = _end(process)
    if code != 0:
        assert code == 5
        assert "batch resume 1" in err
        assert command("--estate", quickstart, "batch", "resume", 1).code == 0
    assert _kept(quickstart) == local
    assert command("--estate", quickstart, "audit", "verify").code == 0


def test_a_run_begun_here_is_ended_by_a_cluster(command, cluster, quickstart, local):
    process = _start(quickstart, *CLOCK, *_issue(), *SEED, "--workers", "1")
    until_tiles_are_written(quickstart, process)
    process.kill()
    process.communicate()
    code, _, err = _end(_start(quickstart, "batch", "resume", "1", *cluster.options()))
    assert code == 0, err
    assert _kept(quickstart) == local
    assert command("--estate", quickstart, "audit", "verify").code == 0


def test_a_cluster_that_logs_every_message_is_not_told_the_key(quickstart, tls, tmp_path):
    debugged = Cluster(tls, tmp_path / "cluster.log", DASK_LOGGING__DISTRIBUTED="debug")
    try:
        process = _start(quickstart, *CLOCK, *_issue(10), *SEED, *debugged.options())
        line = _ends_in_one_line(process, 5)
    finally:
        debugged.close()
    assert "DEBUG" in debugged.log()
    assert line == (
        f"error: The cluster of {debugged.address} logs every message, and would log the CA's key."
        " Set the logging of distributed.core to info there."
    )
    for secret in _secrets(quickstart):
        assert secret not in debugged.log()


def test_neither_a_task_nor_the_repr_of_the_material_holds_a_secret(estate):
    (record,) = estate.select(Selection(profile="device-issuing-ca"))
    place = (record.environment, "device")
    references, transport = estate.authorities.keys_for_workers({place: record})
    octets = (b"serials " * 2, b"sealing " * 4, b"seed " * 4)
    secrets = Secrets(*octets)
    now = dt.datetime.now(dt.UTC)
    material = TileMaterial({place: record.der}, references, transport, secrets, now)
    transport_key = pickle.loads(pickle.dumps(material)).transport_key._octets  # noqa: S301, SLF001
    for secret in (
        *octets,
        transport_key,
        _scalar(ca_key(estate, record)),
        references[place].sealed,
    ):
        assert not any(form in repr(material) for form in _forms(secret))
    assert not {"material", "secrets", "key"} & {field.name for field in dataclasses.fields(Task)}


def _ends_in_one_line(process, code):
    ended, _, err = _end(process)
    assert ended == code, err
    (line,) = [line for line in err.splitlines() if not line.startswith("run ")]
    return line


def _with_tls(files, address):
    certificate, key, authority = files
    return (
        *("--engine", "dask", "--scheduler", address),
        *("--tls-cert", certificate, "--tls-key", key, "--tls-ca", authority),
    )


def test_an_address_without_tls_is_wrong_usage(tls, quickstart):
    process = _start(quickstart, *_issue(), *_with_tls(tls, "tcp://127.0.0.1:8786"))
    assert _ends_in_one_line(process, 2) == (
        "error: tcp://127.0.0.1:8786 is not a TLS address, and the CA's key is sent over TLS only."
        " Give --scheduler tls://HOST:PORT."
    )


def test_without_the_files_for_tls_it_is_wrong_usage(quickstart):
    options = ("--engine", "dask", "--scheduler", "tls://127.0.0.1:8786")
    line = _ends_in_one_line(_start(quickstart, *_issue(), *options), 2)
    assert "--tls-cert, --tls-key, --tls-ca" in line


def test_without_the_extra_it_is_wrong_usage_and_nothing_is_begun(command, tls, quickstart):
    code = "import sys; sys.modules['distributed'] = None; from smki_testca.cli import main; main()"
    arguments = (*_issue(), *_with_tls(tls, "tls://127.0.0.1:8786"))
    process = subprocess.Popen(
        [sys.executable, "-c", code, "--estate", quickstart, *arguments],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    assert _ends_in_one_line(process, 2) == (
        "error: The engine dask needs the extra [dask]. Install it: pip install 'smki-testca[dask]'"
    )
    assert command("--json", "--estate", quickstart, "batch", "list").json["runs"] == []


def test_a_scheduler_that_is_not_there_is_told_of_and_the_run_waits(command, tls, quickstart):
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        address = f"tls://127.0.0.1:{taken.getsockname()[1]}"
        process = _start(quickstart, *_issue(10), *_with_tls(tls, address))
        line = _ends_in_one_line(process, 5)
    assert line.startswith(f"error: The scheduler {address} cannot be reached")
    assert command("--estate", quickstart, "batch", "resume", 1).code == 0


def test_a_scheduler_of_another_ca_is_not_trusted(cluster, quickstart, tmp_path):
    stranger = _tls_files(tmp_path)
    process = _start(quickstart, *_issue(10), *_with_tls(stranger, cluster.address))
    line = _ends_in_one_line(process, 5)
    assert line.startswith(f"error: The scheduler {cluster.address} cannot be reached")


def test_a_file_for_tls_that_is_not_there_is_told_of(tls, quickstart, tmp_path):
    files = (str(tmp_path / "missing.pem"), *tls[1:])
    process = _start(quickstart, *_issue(10), *_with_tls(files, "tls://127.0.0.1:8786"))
    line = _ends_in_one_line(process, 4)
    assert line.startswith(f"error: {files[0]} cannot be read")


def test_a_cluster_without_workers_is_told_of(tls, quickstart, tmp_path):
    empty = Cluster(tls, tmp_path / "cluster.log", workers=0)
    try:
        process = _start(quickstart, *_issue(10), *_with_tls(tls, empty.address))
        line = _ends_in_one_line(process, 5)
    finally:
        empty.close()
    assert line.startswith(f"error: The scheduler {empty.address} has no workers.")


def test_workers_with_another_version_are_told_of(tls, quickstart, tmp_path):
    package = tmp_path / "other" / "smki_testca"
    package.mkdir(parents=True)
    (package / "__init__.py").write_text("__version__ = '0.0.0'\n")
    path = os.pathsep.join([str(package.parent), os.environ.get("PYTHONPATH", "")])
    old = Cluster(tls, tmp_path / "cluster.log", PYTHONPATH=path)
    try:
        process = _start(quickstart, *_issue(10), *_with_tls(tls, old.address))
        line = _ends_in_one_line(process, 5)
    finally:
        old.close()
    assert line.startswith(f"error: A worker of {old.address} cannot make tiles: ")
    assert line.endswith(f"Install smki-testca {__version__} on every worker.")


def _issuer_of_first(directory):
    """The CA certificate of the first run's certificates."""
    with opened(directory) as estate:
        record = next(estate.run_certificates.of_run(estate.runs.get(1)))
        return x509.load_der_x509_certificate(estate.certificates.by_serial(record.issuer).der)


def test_two_estates_share_a_cluster_and_each_is_cut_with_its_own_ca(command, cluster, tmp_path):
    directories = [tmp_path / "one", tmp_path / "other"]
    for directory in directories:
        assert command("quickstart", directory).code == 0
    processes = [_start(one, *_issue(10_000), *cluster.options()) for one in directories]
    for process in processes:
        code, _, err = _end(process)
        assert code == 0, err
    for directory in directories:
        issuer = _issuer_of_first(directory)
        kept = _kept(directory)
        assert len(kept) == 10_000
        # One of each tile, and the last.
        for der, _ in [*kept[::1000], kept[-1]]:
            x509.load_der_x509_certificate(der).verify_directly_issued_by(issuer)


def test_what_is_sent_for_a_tile_holds_no_secret(command, cluster, quickstart, monkeypatch):
    sent, submit = [], distributed.Client.submit

    def note(client, *arguments, **options):
        sent.append((arguments, options))
        return submit(client, *arguments, **options)

    monkeypatch.setattr(distributed.Client, "submit", note)
    outcome = command("--estate", quickstart, *_issue(4000), *SEED, *cluster.options())
    assert outcome.code == 0, outcome.err
    tasks = [one for arguments, _ in sent for one in arguments if isinstance(one, Task)]
    assert sum(task.count for task in tasks) == 4000
    seen = repr(sent).encode() + pickle.dumps(sent)
    assert b"meters-one" in seen
    with opened(quickstart) as estate:
        kept = estate.runs.secrets(1)
    octets = (_ca_key(quickstart), kept.sealing_key, kept.serial_key, kept.seed)
    assert not [one for one in octets if one in seen]
    assert not [form for form in _secrets(quickstart) if form.encode() in seen]


def test_a_scheduler_that_dies_in_the_middle_is_told_of_and_the_run_can_be_resumed(
    command, cluster, quickstart
):
    process = _start(quickstart, *_issue(40_000), *cluster.options())
    until_tiles_are_written(quickstart, process)
    cluster.kill()
    code, out, err = _end(process)
    assert (code, out) == (5, ""), err
    assert err == (
        "run 1\nerror: The scheduler was lost in the middle of run 1."
        " Continue it: smki-testca batch resume 1\n"
    )
    with opened(quickstart) as estate:
        assert 0 < estate.runs.get(1).issued < 40_000
    assert command("--estate", quickstart, "batch", "resume", 1).code == 0
    assert len({der for der, _ in _kept(quickstart)}) == 40_000
    assert command("--estate", quickstart, "audit", "verify").code == 0
