"""Issues a batch of Devices from Python and writes what a production line needs, below a folder.

    python examples/batch_from_python.py OUT

It makes an estate of its own in a temporary directory: nothing else is touched.
"""

from __future__ import annotations

import secrets
import sys
from pathlib import Path
from tempfile import TemporaryDirectory

from smki_testca import (
    BatchOptions,
    Estate,
    Existing,
    KeyUsage,
    RunExportOptions,
    export_run,
)

PARTICIPANTS = Path(__file__).with_name("participants.toml")
PURPOSE = "device-and-user-system-tests"
HW_TYPE = "1.2.826.0.1.8641679.1.2.2.1"
DEFAULTS = {
    "profile": "device",
    "participant": "meters-one",
    "purpose": PURPOSE,
    "hw-type": HW_TYPE,
}


def main(out: Path) -> None:
    """Issue rows and a range, look at the runs, verify and deliver one."""
    with (
        TemporaryDirectory() as directory,
        Estate.create(directory, secrets.token_urlsafe()) as estate,
    ):
        estate.add_environment("ZAZ1")
        estate.register.import_file(PARTICIPANTS.read_bytes(), PARTICIPANTS.name)
        batches = estate.batches

        # Rows, as of a manifest; columns that are not known are kept as your own.
        rows = [
            {"device_id": f"00-DB-12-00-00-00-01-{number:02X}", "serial_number": f"M{number:04}"}
            for number in range(4)
        ]
        rows.append({"device_id": "90-B3-D5-1F-FF-FF-FF-FF", "serial_number": "not ours"})
        outcome = batches.issue(rows, defaults=DEFAULTS)
        for problem in outcome.problems:
            print(f"line {problem.line}: {problem.error.code}: {problem.error}")
        assert outcome.run is not None
        print(f"run {outcome.run.id}: {outcome.count} certificates, {outcome.run.state}")

        # The same rows again: Devices that have a certificate in use are left out.
        again = batches.issue(rows[:4], BatchOptions(existing=Existing.SKIP), defaults=DEFAULTS)
        print(f"again: {again.count} issued, {again.skipped_count} skipped")

        # A range of 100 Device IDs. A dry run says what would be, and changes nothing.
        first = estate.subject("device", device_id="00-DB-12-00-00-00-02-00", hw_type=HW_TYPE)
        request = estate.request("meters-one", PURPOSE, first, tuple(KeyUsage))
        planned = batches.issue_range(request, 100, BatchOptions(dry_run=True))
        print(f"a range would have {planned.count} certificates")
        batches.issue_range(request, 100, BatchOptions(label="line-2-{usage}"))

        for record, key in batches.records_with_keys(outcome.run.id):
            print(record.columns["serial_number"], record.usage, len(key or b""), "octets of key")

        verification = batches.verify(outcome.run.id)
        print(f"verified {verification.certificates}: {verification.finding_count} findings")
        out.mkdir(parents=True, exist_ok=True)
        options = RunExportOptions(with_keys=True, name_by="serial_number")
        export_run(estate, outcome.run.id, "device-folders", out / "devices", options)
        note = batches.delivery_note(outcome.run.id)
        (out / "note.txt").write_text(note.as_text(), "utf-8")
        print("runs:", [f"{run.id} {run.state}" for run in batches.runs()])


if __name__ == "__main__":
    main(Path(sys.argv[1]))
