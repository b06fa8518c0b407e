"""The cases of the corpus, made once for all tests of a process."""

from functools import cache

from smki_testca.corpus.bases import corpus_pki
from smki_testca.corpus.build import ENVIRONMENT, Builder
from smki_testca.corpus.declared import DEFECTS


@cache
def every_case():
    """Each case on each base, by its id."""
    builder = Builder(corpus_pki(), ENVIRONMENT)
    return {case.id: case for case in builder.cases(every_base=True)}


def main_cases():
    """The cases of the corpus as it is made by default: each defect on its main base alone."""
    return [case for case in every_case().values() if case.is_main]


def declared():
    """Each defect and oddity with the id and the name of each of its bases."""
    for namesakes in DEFECTS.values():
        for defect in namesakes:
            for base in defect.on:
                good = "good-" if defect.is_good else ""
                yield defect, f"{good}{base}-{defect.name}", base
