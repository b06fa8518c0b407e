/* wolfSSL under test: a certificate manager that trusts the root, verifies each CA before it loads
   it, loads the CRL and verifies the certificate.
   The target's own: the clock is the case's (clock.c); a CA in between must say that it is one,
   since the manager loads what it verified; the key loads; CSRs and keys are read through the API
   that is compatible with OpenSSL's. */
#include <wolfssl/options.h>
/* Behind the options: */
#include <stdio.h>
#include <string.h>
#include <wolfssl/openssl/x509.h>
#include <wolfssl/openssl/x509v3.h>
#include <wolfssl/ssl.h>
#include <wolfssl/version.h>
#include <wolfssl/wolfcrypt/asn.h>

#include "clock.h"
#include "target.h"

static const char *refused_by(const char *stage, int code) {
  return refused(stage, code, wolfSSL_ERR_reason_error_string((unsigned long)(long)code));
}

static const char *judge_csr(const document *tested) {
  const unsigned char *at = tested->data;
  WOLFSSL_X509 *loaded = wolfSSL_X509_REQ_d2i(NULL, at, (int)tested->size);
  WOLFSSL_EVP_PKEY *key = loaded ? wolfSSL_X509_get_pubkey(loaded) : NULL;
  const char *answer = accepted(NULL);
  if (!loaded) answer = refused("", 0, "wolfSSL_X509_REQ_d2i");
  else if (!key) answer = refused("", 0, "wolfSSL_X509_get_pubkey");
  else if (wolfSSL_X509_REQ_verify(loaded, key) != WOLFSSL_SUCCESS)
    answer = refused("signature", 0, "wolfSSL_X509_REQ_verify");
  wolfSSL_EVP_PKEY_free(key);
  wolfSSL_X509_free(loaded);
  return answer;
}

/* wolfSSL keeps the serial of a hardwareModuleName, and of a subject the names that it knows: not the
   unique identifier of an Organisation. Only a Device has an empty subject, of 2 octets or none. */
static void read_facts(facts *read, const document *from) {
  DecodedCert decoded;
  memset(read, 0, sizeof *read);
  wc_InitDecodedCert(&decoded, from->data, (word32)from->size, NULL);
  if (wc_ParseCert(&decoded, CERT_TYPE, NO_VERIFY, NULL) == 0) {
#ifdef WOLFSSL_SEP
    if (decoded.hwSerialNumSz && decoded.subjectRawLen <= 2)
      read_eui64(read, decoded.hwSerialNum, decoded.hwSerialNumSz);
#endif
    if (decoded.subjectOU) read_unit(read, decoded.subjectOU, (size_t)decoded.subjectOULen);
    read->signs = decoded.extKeyUsageSet && decoded.extKeyUsage & KEYUSE_DIGITAL_SIG;
    read->agrees = decoded.extKeyUsageSet && decoded.extKeyUsage & KEYUSE_KEY_AGREE;
  }
  wc_FreeDecodedCert(&decoded);
}

static int key_loads(const document *of) {
  WOLFSSL_X509 *loaded = wolfSSL_X509_d2i(NULL, of->data, (int)of->size);
  WOLFSSL_EVP_PKEY *key = loaded ? wolfSSL_X509_get_pubkey(loaded) : NULL;
  wolfSSL_EVP_PKEY_free(key);
  wolfSSL_X509_free(loaded);
  return key != NULL;
}

/* Whether it is a CA, and self-issued. */
static int is_ca(const document *tested, int *is_root) {
  DecodedCert decoded;
  int answer;
  wc_InitDecodedCert(&decoded, tested->data, (word32)tested->size, NULL);
  answer = wc_ParseCert(&decoded, CERT_TYPE, NO_VERIFY, NULL) == 0 && decoded.isCA &&
           (!decoded.extKeyUsageSet || decoded.extKeyUsage & KEYUSE_KEY_CERT_SIGN);
  if (is_root) *is_root = answer && decoded.selfSigned;
  wc_FreeDecodedCert(&decoded);
  return answer;
}

static int trust(WOLFSSL_CERT_MANAGER *manager, const document *ca) {
  return wolfSSL_CertManagerLoadCABuffer(manager, ca->data, (long)ca->size,
                                         WOLFSSL_FILETYPE_ASN1);
}

static int verify(WOLFSSL_CERT_MANAGER *manager, const document *tested) {
  return wolfSSL_CertManagerVerifyBuffer(manager, tested->data, (long)tested->size,
                                         WOLFSSL_FILETYPE_ASN1);
}

static const char *judge_with(WOLFSSL_CERT_MANAGER *manager, const question *asked) {
  size_t i;
  facts read;
  int is_root = 0, code;
  if (!asked->chain_count) is_ca(&asked->certificate, &is_root);
  /* A root under test is an anchor to be: it is verified with its own key. */
  code = trust(manager, is_root ? &asked->certificate : &asked->root);
  if (code != WOLFSSL_SUCCESS) return refused_by("", code);
  for (i = asked->chain_count; i-- > 0;) {
    code = verify(manager, &asked->chain[i]);
    if (code != WOLFSSL_SUCCESS) return refused_by("path", code);
    if (!is_ca(&asked->chain[i], NULL)) return refused("path", 0, "the issuer is no CA");
    code = trust(manager, &asked->chain[i]);
    if (code != WOLFSSL_SUCCESS) return refused_by("path", code);
  }
  if (asked->crl_count) wolfSSL_CertManagerEnableCRL(manager, WOLFSSL_CRL_CHECK);
  for (i = 0; i < asked->crl_count; i++) {
    code = wolfSSL_CertManagerLoadCRLBuffer(manager, asked->crls[i].data, (long)asked->crls[i].size,
                                            WOLFSSL_FILETYPE_ASN1);
    if (code != WOLFSSL_SUCCESS) return refused_by("", code);
  }
  code = verify(manager, &asked->certificate);
  if (code == CRL_CERT_REVOKED) return revoked();
  if (code != WOLFSSL_SUCCESS) return refused_by("", code);
  if (!key_loads(&asked->certificate)) return refused("", 0, "wolfSSL_X509_get_pubkey");
  read_facts(&read, &asked->certificate);
  return accepted(&read);
}

const char *judge(const question *asked) {
  WOLFSSL_CERT_MANAGER *manager;
  const char *answer;
  set_clock(asked->at);
  if (asked->kind == CSR) return judge_csr(&asked->tested);
  manager = wolfSSL_CertManagerNew();
  answer = judge_with(manager, asked);
  wolfSSL_CertManagerFree(manager);
  return answer;
}

void start(void) {
  wolfSSL_Init();
}

const char *hello(void) {
  static char text[80];
  snprintf(text, sizeof text, "wolfssl-%.3s chain,time,crl,csr,rsa", LIBWOLFSSL_VERSION_STRING);
  return text;
}
