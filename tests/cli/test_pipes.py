"""A file that is read more than once is a regular file: no command waits for a pipe."""

import os
import subprocess
import sys

import pytest

import batches

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="there are named pipes on POSIX only"),
]
PURPOSE = ("--participant", "meters-one", "--purpose", batches.DEVICE_PURPOSE)


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("f.csv", ("batch", "sign", "{}", *PURPOSE, "--out", "out.zip")),
        ("f.csv", ("batch", "sign", "{}", *PURPOSE, "--dry-run")),
        ("f.csv", ("batch", "issue", "{}")),
        ("f.jsonl", ("batch", "issue", "{}")),
        ("f.parquet", ("batch", "issue", "{}")),
        ("f.csv", ("batch", "check", "{}")),
        ("f.csv", ("batch", "verify", "1", "--against", "{}")),
        ("f.toml", ("kit", "show", "{}")),
        ("f.toml", ("kit", "apply", "{}")),
        ("smki-testca.toml", ("list",)),
    ],
)
def test_a_pipe_without_a_writer_is_told_and_not_waited_for(
    command, quickstart, tmp_path, name, words
):
    batches.issue(command, quickstart, *batches.range_of(1))
    pipe = tmp_path / "in" / name
    pipe.parent.mkdir()
    os.mkfifo(pipe)
    outcome = subprocess.run(
        [
            sys.executable,
            "-m",
            "smki_testca",
            "--estate",
            quickstart,
            *(word.format(pipe) for word in words),
        ],
        cwd=pipe.parent,
        env={name: value for name, value in os.environ.items() if name != "SMKI_TESTCA_CONFIG"},
        capture_output=True,
        text=True,
        check=False,
        timeout=batches.PATIENCE,
    )
    assert outcome.returncode == 4, outcome.stderr
    assert len(outcome.stderr.splitlines()) == 1
    assert "it is not a" in outcome.stderr
