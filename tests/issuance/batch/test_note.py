"""``batch note``: what a delivery note says, and that its receiver can check it."""

import base64
import csv
import hashlib
import html.parser
import json

import pytest

import batches
from batches import device_id, range_of
from smki_testca.errors import EstateError
from smki_testca.files import write_file

FIRST = 0x2000
COUNT = 5
FORMS = ("text", "json", "html")


@pytest.fixture
def note(command, quickstart):
    def run(*more, run=1):
        return command("--estate", quickstart, "batch", "note", run, *more)

    return run


@pytest.fixture
def run_of_ten(command, quickstart):
    """A run of 5 Devices with 2 certificates each."""
    usages = ("key-agreement", "digital-signature")
    return batches.issue(command, quickstart, *range_of(COUNT, FIRST, *usages), "--label", "lot 7")


@pytest.mark.slow
@pytest.mark.usefixtures("run_of_ten")
def test_a_note_says_what_was_issued(note):
    document = note("--format", "json").json
    assert document["certificates"] == 2 * COUNT
    assert (document["first_id"], document["last_id"]) == (
        device_id(FIRST),
        device_id(FIRST + COUNT - 1),
    )
    assert (document["participants"], document["profiles"]) == (["meters-one"], ["device"])
    assert document["label"] == "lot 7"
    assert document["not_after"] == "9999-12-31T23:59:59Z"
    parts = {part["usage"]: part["certificates"] for part in document["parts"]}
    assert parts == {"key-agreement": COUNT, "digital-signature": COUNT}


@pytest.mark.slow
@pytest.mark.usefixtures("run_of_ten")
def test_the_receiver_can_check_what_was_exported(note, command, quickstart, tmp_path):
    digest = note("--format", "json").json["sha256"]
    for form in ("der-stream", "csv"):
        out = ("--out", tmp_path / form)
        command("--estate", quickstart, "batch", "export", 1, "--format", form, *out)
    assert hashlib.sha256((tmp_path / "der-stream").read_bytes()).hexdigest() == digest
    with (tmp_path / "csv").open(encoding="utf-8", newline="") as file:
        ders = [base64.b64decode(row["certificate"]) for row in csv.DictReader(file)]
    assert hashlib.sha256(b"".join(ders)).hexdigest() == digest
    each = note("--format", "json", "--each").json["each"]
    assert [one["sha256"] for one in each] == [hashlib.sha256(der).hexdigest() for der in ders]
    assert [one["eui64"] for one in each] == 2 * [device_id(FIRST + n) for n in range(COUNT)]


@pytest.mark.slow
@pytest.mark.usefixtures("run_of_ten")
@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("each", [(), ("--each",)], ids=["", "each"])
def test_a_note_is_the_same_each_time_on_the_screen_and_in_a_file(note, tmp_path, form, each):
    shown = note("--format", form, *each)
    assert (shown.code, shown.err) == (0, "")
    written = note("--format", form, *each, "--out", tmp_path / "note")
    assert written.code == 0
    assert (tmp_path / "note").read_text("utf-8") == shown.out
    if form == "json":
        assert ("each" in json.loads(shown.out)) is bool(each)


class _Page(html.parser.HTMLParser):
    """The tags, the attributes and the text of a page."""

    def __init__(self, text):
        super().__init__()
        self.tags, self.names, self.text = [], set(), ""
        self.feed(text)
        self.close()

    def handle_starttag(self, tag, attrs):
        self.tags.append(tag)
        self.names |= {name for name, _ in attrs}

    def handle_data(self, data):
        self.text += data


@pytest.mark.slow
@pytest.mark.parametrize("form", FORMS)
def test_a_label_of_others_neither_adds_tags_nor_lines(note, command, quickstart, form):
    label = "<script>alert(1)</script> & \u2028\u202e\"'"
    row = batches.device(FIRST)
    path = batches.write(quickstart.parent / "rows.csv", [row])
    batches.issue(command, quickstart, path, "--label", label)
    plain = batches.issue(command, quickstart, *range_of(1, FIRST + 9), "--label", "plain")["id"]
    hostile, harmless = note("--format", form).out, note("--format", form, run=plain).out
    assert hostile.count("\n") == harmless.count("\n")
    assert "\u202e" not in hostile
    if form == "html":
        page, other = _Page(hostile), _Page(harmless)
        assert page.tags == other.tags
        assert "<script>alert(1)</script> &" in page.text


@pytest.mark.slow
@pytest.mark.usefixtures("run_of_ten")
def test_a_page_refers_to_nothing_outside(note):
    page = _Page(note("--format", "html", "--each").out)
    assert page.names <= {"lang", "charset"}
    assert not {"script", "link", "img", "iframe", "a"} & set(page.tags)
    assert "url(" not in page.text


def test_a_run_that_is_not_done_has_no_note(note, command, quickstart, monkeypatch):
    def no_tile(*_):
        raise EstateError("batch.worker_died", "A worker process ended unexpectedly.", "Resume.")

    with monkeypatch.context() as patch:
        patch.setattr("smki_testca.issuance.batch.engines.LocalEngine.make", no_tile)
        command("--estate", quickstart, "batch", "issue", *range_of(3))
    outcome = note()
    assert outcome.code == 4
    assert "batch resume 1" in outcome.err


@pytest.mark.slow
@pytest.mark.usefixtures("run_of_ten")
def test_a_file_that_is_there_is_kept_unless_forced(note, tmp_path):
    write_file(tmp_path / "note", b"mine", force=False)
    assert note("--out", tmp_path / "note").code == 4
    assert (tmp_path / "note").read_bytes() == b"mine"
    assert note("--out", tmp_path / "note", "--force").code == 0


@pytest.mark.slow
def test_a_note_of_every_kind_of_certificate(note, command, quickstart, tmp_path):
    path = batches.write(tmp_path / "rows.csv", batches.mixed()[:-1])
    batches.issue(command, quickstart, path)
    document = note("--format", "json", "--each").json
    assert document["profiles"] == ["dccki", "device", "iki", "organisation"]
    assert document["certificates"] == len(document["each"]) == len(batches.mixed()) - 1
    text = note().out
    assert all(part["participant"] in text for part in document["parts"])


@pytest.mark.slow
def test_a_seeded_run_says_that_its_keys_are_not_secret(note, command, quickstart):
    batches.issue(command, quickstart, *range_of(2), "--seed", "00112233445566778899")
    assert note("--format", "json").json["keys_secret"] is False
    assert "not secret: made from a seed" in note().out
