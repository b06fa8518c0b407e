/* Verifies a chain with Mbed TLS: verify_mbedtls ROOT.der ISSUING.der CERTIFICATE.der
 * Mbed TLS refuses a critical certificatePolicies that it cannot evaluate. The callback takes it. */
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

static int load(mbedtls_x509_crt *certificates, const char *path) {
    unsigned char der[8192];
    FILE *file = fopen(path, "rb");
    size_t size = file == NULL ? 0 : fread(der, 1, sizeof der, file);
    if (file != NULL) {
        fclose(file);
    }
    return mbedtls_x509_crt_parse_der_with_ext_cb(certificates, der, size, 1, take_policies, NULL);
}

int main(int argc, char **argv) {
    mbedtls_x509_crt root, chain;
    uint32_t reasons = 0;
    mbedtls_x509_crt_init(&root);
    mbedtls_x509_crt_init(&chain);
    if (argc != 4 || load(&root, argv[1]) || load(&chain, argv[3]) || load(&chain, argv[2])
        || mbedtls_x509_crt_verify(&chain, &root, NULL, NULL, &reasons, NULL, NULL)) {
        printf("refused, reasons %#lx\n", (unsigned long) reasons);
        return 1;
    }
    puts("OK");
    return 0;
}
