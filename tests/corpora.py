"""The cases of the corpus, made once for all tests of a process, and what they are made of."""

from functools import cache

from csrs import pem
from smki_testca.corpus.bases import bases
from smki_testca.corpus.build import ENVIRONMENT, Builder
from smki_testca.corpus.declared import DEFECTS
from smki_testca.corpus.defect import Changed
from smki_testca.corpus.pki import corpus_pki
from smki_testca.lint.linted import LintSettings


@cache
def every_case():
    """Each case on each base, by its id. It takes seconds: a test that asks for it is slow."""
    builder = Builder(corpus_pki(), ENVIRONMENT)
    return {case.id: case for case in builder.cases(every_base=True)}


@cache
def main_cases():
    """The cases of the corpus as it is made by default: each defect on its main base alone."""
    return list(Builder(corpus_pki(), ENVIRONMENT).cases())


def declared():
    """Each defect and oddity with the id and the name of each of its bases."""
    for namesakes in DEFECTS.values():
        for defect in namesakes:
            for base in defect.on:
                good = "good-" if defect.is_good else ""
                yield defect, f"{good}{base}-{defect.name}", base


def findings_of(case):
    """Every finding of a case, its own first."""
    own = (case.finding,) if case.finding else ()
    return (*own, *case.also)


def is_of_its_document(case):
    """Whether the findings of a case are of its document, and not of a CA or a CRL beside it."""
    return case.change is None or not case.change.path.startswith(("chain[", "crls["))


@cache
def good_bases():
    """The good documents that the cases are changes of, by their names; no case is made."""
    return bases(corpus_pki())


def good(name):
    """A good document, DER."""
    return good_bases()[name].document.der


def good_pem(name):
    """A good document, PEM."""
    return pem(good(name), header=good_bases()[name].document.label)


@cache
def document(case_id):
    """The document of a case, DER: it is made, and nothing is linted."""
    for defect, name, base in declared():
        if name == case_id:
            made = defect.make(good_bases()[base].document, good_bases()[base])
            changed = made.document if isinstance(made, Changed) else made
            return changed if isinstance(changed, bytes) else changed.der
    return good(case_id.removeprefix("good-"))


def good_settings():
    """How the good documents are linted: at their instant, with the CAs of the corpus at hand."""
    pki = corpus_pki()
    trusted = tuple(authority.der for authority in pki.authorities.values())
    return LintSettings(pki.at, environment=ENVIRONMENT, trusted=trusted)
