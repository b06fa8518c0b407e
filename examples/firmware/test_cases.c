/* Asks Mbed TLS every Device Certificate of the corpus, and prints an answer that
 * "corpus run --with log:FILE" reads back.
 *
 * cc -std=c99 -Icorpus/c examples/firmware/test_cases.c corpus/c/corpus_device.c \
 *    -o test_cases -lmbedx509 -lmbedcrypto */
#include "corpus.h"
#include <mbedtls/oid.h>
#include <mbedtls/x509_crt.h>
#include <stdio.h>

static int take_policies(void *context, const mbedtls_x509_crt *crt, const mbedtls_x509_buf *oid,
                         int critical, const unsigned char *start, const unsigned char *end) {
    (void) context, (void) crt, (void) start, (void) end;
    if (critical && MBEDTLS_OID_CMP(MBEDTLS_OID_CERTIFICATE_POLICIES, oid) != 0) {
        return MBEDTLS_ERR_X509_INVALID_EXTENSIONS;
    }
    return 0;
}

static int load(mbedtls_x509_crt *list, const unsigned char *octets, size_t size) {
    return mbedtls_x509_crt_parse_der_with_ext_cb(list, octets, size, 1, take_policies, NULL);
}

int main(void) {
    unsigned char octets[SMKI_CORPUS_MAX_OCTETS];
    size_t number, above, answers = 0;
    for (number = 0; number < SMKI_CORPUS_DEVICE_COUNT; number++) {
        const smki_case *it = &smki_corpus_device[number];
        const smki_question *asked = it->question;
        mbedtls_x509_crt trusted, chain;
        uint32_t reasons = 0;
        int refused;
        if (it->kind != SMKI_CERTIFICATE || (it->needs & (SMKI_NEEDS_CRL | SMKI_NEEDS_TIME)) != 0) {
            continue; /* it judges by the clock, and by no CRL */
        }
        mbedtls_x509_crt_init(&trusted);
        mbedtls_x509_crt_init(&chain);
        refused = load(&chain, octets, smki_case_octets(it, octets, sizeof octets));
        for (above = 0; !refused && above < asked->chain_count; above++) {
            int is_root = above + 1 == asked->chain_count;
            refused = load(is_root ? &trusted : &chain, asked->chain[above].octets,
                           asked->chain[above].size);
        }
        if (!refused) {
            refused = mbedtls_x509_crt_verify(&chain, &trusted, NULL, NULL, &reasons, NULL, NULL);
        }
        printf("smki 1 %s %s\n", it->id, refused ? "reject" : "accept");
        answers++;
        mbedtls_x509_crt_free(&chain);
        mbedtls_x509_crt_free(&trusted);
    }
    printf("smki 1 end %lu\n", (unsigned long) answers); /* it did not crash on the way */
    return 0;
}
