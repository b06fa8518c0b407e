/* Verifies every certificate in the tables of "export --format c-table" with Mbed TLS.
 *
 * cc -std=c99 -Ifirmware examples/firmware/verify_tables.c firmware/smki*.c \
 *    -o verify_tables -lmbedx509 -lmbedcrypto
 *
 * Mbed TLS refuses a critical certificatePolicies that it cannot evaluate, and every good SMKI
 * certificate has one. The callback takes it, and nothing else. */
#include "smki.h"
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

/* The octets stay where they are, in flash: Mbed TLS makes no copy of them. */
static int load(mbedtls_x509_crt *list, const smki_octets *it) {
    return mbedtls_x509_crt_parse_der_with_ext_cb(list, it->octets, it->size, 0, take_policies,
                                                  NULL);
}

/* Returns 0 if the chain of a certificate ends at its root. A root is a chain of its own. */
static int verify(const smki_certificate *it) {
    const smki_octets *root = it->chain_count ? &it->chain[it->chain_count - 1] : &it->certificate;
    mbedtls_x509_crt trusted, chain;
    uint32_t reasons = 0;
    size_t above;
    int refused;
    mbedtls_x509_crt_init(&trusted);
    mbedtls_x509_crt_init(&chain);
    refused = load(&trusted, root);
    refused = refused ? refused : load(&chain, &it->certificate);
    for (above = 0; !refused && above + 1 < it->chain_count; above++) {
        refused = load(&chain, &it->chain[above]);
    }
    if (!refused) {
        refused = mbedtls_x509_crt_verify(&chain, &trusted, NULL, NULL, &reasons, NULL, NULL);
    }
    mbedtls_x509_crt_free(&chain);
    mbedtls_x509_crt_free(&trusted);
    return refused;
}

int main(void) {
    size_t table, row, right = 0, wrong = 0;
    for (table = 0; table < SMKI_TABLES; table++) {
        for (row = 0; row < smki_tables[table].count; row++) {
            const smki_certificate *it = &smki_tables[table].table[row];
            int refused = verify(it);
            if (refused) {
                printf("%s %s: refused, -0x%04x\n", smki_tables[table].profile, it->name,
                       (unsigned) -refused);
                wrong++;
            } else {
                right++;
            }
        }
    }
    printf("%lu verified, %lu refused\n", (unsigned long) right, (unsigned long) wrong);
    return wrong != 0;
}
