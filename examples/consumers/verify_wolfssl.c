/* Verifies a chain with wolfSSL: verify_wolfssl ROOT.der ISSUING.der CERTIFICATE.der
 * What is loaded as a CA is trusted, so verify the issuing CA before you load it. */
#include <stdio.h>
#include <wolfssl/options.h>
#include <wolfssl/ssl.h>

int main(int argc, char **argv) {
    WOLFSSL_CERT_MANAGER *manager;
    unsigned char der[8192];
    int result = WOLFSSL_FAILURE;
    wolfSSL_Init();
    manager = wolfSSL_CertManagerNew();
    for (int i = 1; argc == 4 && i < argc; i++) {
        FILE *file = fopen(argv[i], "rb");
        long size = file == NULL ? 0 : (long) fread(der, 1, sizeof der, file);
        if (file != NULL) {
            fclose(file);
        }
        result = WOLFSSL_SUCCESS;
        if (i > 1) {
            result = wolfSSL_CertManagerVerifyBuffer(manager, der, size, WOLFSSL_FILETYPE_ASN1);
        }
        if (i < 3 && result == WOLFSSL_SUCCESS) {
            result = wolfSSL_CertManagerLoadCABuffer(manager, der, size, WOLFSSL_FILETYPE_ASN1);
        }
        if (result != WOLFSSL_SUCCESS) {
            break;
        }
    }
    printf(result == WOLFSSL_SUCCESS ? "OK\n" : "refused, error %d\n", result);
    wolfSSL_CertManagerFree(manager);
    return result == WOLFSSL_SUCCESS ? 0 : 1;
}
