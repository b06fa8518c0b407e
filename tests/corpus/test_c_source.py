"""The corpus in C: it compiles anywhere, and gives the octets of every case back."""

import subprocess
from itertools import groupby

import pytest
from hypothesis import given
from hypothesis import strategies as st

from compilers import COMPILERS, compiled
from smki_testca.corpus.defect import Level
from smki_testca.corpus.delivery.c_source import c_files
from smki_testca.corpus.delivery.deltas import HERE, delta
from smki_testca.corpus.delivery.symbols import CNames
from smki_testca.errors import InputError

_MAIN = r"""
#include <stdio.h>
#include "corpus.h"

static void print(const unsigned char *octets, size_t size)
{
    size_t n;
    for (n = 0; n < size; n++)
        printf("%02x", octets[n]);
}

static void documents(const smki_octets *list, size_t count)
{
    size_t n;
    for (n = 0; n < count; n++) {
        printf(" ");
        print(list[n].octets, list[n].size);
    }
    printf("\n");
}

int main(void)
{
    unsigned char octets[SMKI_CORPUS_MAX_OCTETS];
    size_t family, n;
    for (family = 0; family < SMKI_CORPUS_FAMILIES; family++)
        for (n = 0; n < smki_corpus[family].count; n++) {
            const smki_case *it = &smki_corpus[family].cases[n];
            const smki_question *asked = it->question;
            printf("%s %d %d %d %s ", it->id, it->stage, it->rfc5280, it->gbcs, asked->at);
            print(octets, smki_case_octets(it, octets, sizeof octets));
            printf("\n");
            documents(asked->chain, asked->chain_count);
            documents(asked->crls, asked->crl_count);
            documents(asked->about, asked->about != NULL);
            if (smki_case_octets(it, octets, it->size - 1u) != 0)
                return 1;
        }
    return 0;
}
"""
_STAGES = ["der", "structure", "profile", "signature", "path", "use"]
_VERDICTS = ["reject", "accept", "either"]


def _printed(case):
    numbers = [_VERDICTS.index(case.verdict(level)) for level in Level]
    stage = _STAGES.index(case.stage)
    yield f"{case.id} {stage} {numbers[0]} {numbers[1]} {case.at} {case.der.hex()}"
    for documents in (case.chain, case.crls, (case.about,) if case.about else ()):
        yield "".join(f" {each.hex()}" for each in documents)


def _written(cases, folder):
    for name, text in c_files(cases, "0123456789abcdef").items():
        (folder / name).write_text(text, "ascii")
    (folder / "main.c").write_text(_MAIN)


@pytest.mark.slow
@pytest.mark.parametrize("command", COMPILERS)
def test_a_program_reads_every_case_from_the_tables(cases, tmp_path, command):
    _written(cases, tmp_path)
    program = compiled(command, sorted(tmp_path.glob("*.c")), tmp_path / "program")
    told = subprocess.run([program], capture_output=True, text=True, check=True).stdout
    families = dict.fromkeys(case.profile for case in cases)
    ordered = sorted(cases, key=lambda case: [*families].index(case.profile))
    assert told.splitlines() == [line for case in ordered for line in _printed(case)]


@pytest.mark.slow
@pytest.mark.parametrize("command", COMPILERS[:1])
def test_a_unit_of_a_profile_goes_alone_and_a_case_has_a_name(cases, tmp_path, command):
    _written(cases, tmp_path)
    wanted = "device-san-not-critical"
    (tmp_path / "main.c").write_text(
        '#include <string.h>\n#include "corpus.h"\nint main(void) {\n'
        f'    return strcmp(smki_corpus_device[{CNames().symbol(wanted)}].id, "{wanted}");\n}}\n'
    )
    sources = [tmp_path / "main.c", tmp_path / "corpus_device.c"]
    program = compiled(command, sources, tmp_path / "program")
    assert subprocess.run([program], check=False).returncode == 0


@pytest.mark.slow
@pytest.mark.parametrize("command", COMPILERS)
def test_one_program_has_two_corpora(cases, tmp_path, command):
    good = [case for case in cases if case.base is None and case.profile.startswith("device")]
    mine = [case for case in good if case.id == "good-device"]
    for some, names in ((good, CNames()), (mine, CNames.own("meter"))):
        for name, text in c_files(some, "0123456789abcdef", names).items():
            (tmp_path / name).write_text(text, "ascii")
    first = mine[0].id
    (tmp_path / "main.c").write_text(
        '#include <stdio.h>\n#include "corpus.h"\n#include "meter.h"\nint main(void)\n{\n'
        f"    const smki_case *one = &smki_corpus_device[{CNames().symbol(first)}];\n"
        f"    const smki_case *two = &meter_device[{CNames.own('meter').symbol(first)}];\n"
        "    unsigned char octets[METER_MAX_OCTETS];\n"
        "    if (smki_case_octets(two, octets, sizeof octets) != one->size)\n"
        "        return 1;\n"
        '    printf("%s %s %u %u", one->id, two->id, SMKI_CORPUS_FAMILIES, METER_FAMILIES);\n'
        "    return smki_corpus[0].count < meter[0].count;\n}\n"
    )
    program = compiled(command, sorted(tmp_path.glob("*.c")), tmp_path / "program")
    told = subprocess.run([program], capture_output=True, text=True, check=True).stdout
    families = len({case.profile for case in good})
    assert told == f"{first} {first} {families} 1"


def test_a_long_name_of_one_s_own_makes_no_name_longer_than_c99_reads(cases):
    names = CNames.own("a_long_name_of_1")
    symbols = {names.symbol(case.id) for case in cases}
    assert max(map(len, symbols)) <= 63
    assert len(symbols) == len(cases)
    with pytest.raises(InputError):
        CNames.own("Meter")


@pytest.mark.slow
@pytest.mark.interop
def test_the_device_family_takes_at_most_150_kilobytes_of_flash(cases, tmp_path):
    _written(cases, tmp_path)
    units = [*tmp_path.glob("corpus_device*.c")]
    for unit in units:
        command = ["cc", "-Os", "-c", unit, "-o", unit.with_suffix(".o")]
        subprocess.run(command, check=True)
    objects = [unit.with_suffix(".o") for unit in units]
    told = subprocess.run(["size", "-t", *objects], capture_output=True, text=True, check=True)
    text, data, bss = map(int, told.stdout.splitlines()[-1].split()[:3])
    assert bss == 0
    assert text + data <= 150_000


def _made(base, steps):
    """What the function in C does."""
    document = b""
    while steps:
        count, start = int.from_bytes(steps[:2]), int.from_bytes(steps[2:4])
        own = count if start == HERE else 0
        document += steps[4 : 4 + own] if own else base[start : start + count]
        steps = steps[4 + own :]
    return document


@given(st.binary(max_size=60), st.lists(st.tuples(st.integers(0, 60), st.binary(max_size=9))))
def test_the_steps_of_a_delta_make_the_document_again(base, edits):
    document = base
    for place, octets in edits:
        document = document[:place] + octets + document[place + 2 :]
    steps = delta(base, document)
    assert (_made(base, steps) if steps or document != base else base) == document


def test_a_delta_of_a_long_document_has_no_step_that_its_header_cannot_state():
    base, document = bytes(70_000), b"\x01" * 140_000 + bytes(70_000)
    assert _made(base, delta(base, document)) == document


def test_names_of_tables_are_those_of_profiles(cases):
    header = c_files(cases, "0")["corpus.h"]
    for profile, _ in groupby(case.profile for case in cases if case.base is None):
        assert f"smki_corpus_{profile.replace('-', '_')}[" in header
