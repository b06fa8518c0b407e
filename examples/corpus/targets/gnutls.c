/* GnuTLS under test: gnutls_x509_*_import, gnutls_x509_trust_list_verify_crt with a time.
   The target's own: a CRL is verified with the CA that issued the certificate, since a trust list
   takes CRLs of its own anchors only; a key loads; a hardwareModuleName is taken apart. */
#include <gnutls/abstract.h>
#include <gnutls/gnutls.h>
#include <gnutls/x509.h>
#include <stdio.h>
#include <string.h>

#include "target.h"

static time_t now;

static time_t clock_of_the_case(time_t *to) {
  if (to) *to = now;
  return now;
}

static const char *refused_by(const char *stage, int code) {
  return refused(stage, code, gnutls_strerror(code));
}

static gnutls_datum_t datum(const document *from) {
  gnutls_datum_t made;
  made.data = from->data;
  made.size = (unsigned)from->size;
  return made;
}

/* Loads a certificate; NULL with a code if it is refused. */
static gnutls_x509_crt_t load(const document *from, int *code) {
  gnutls_datum_t der = datum(from);
  gnutls_x509_crt_t loaded;
  gnutls_x509_crt_init(&loaded);
  *code = gnutls_x509_crt_import(loaded, &der, GNUTLS_X509_FMT_DER);
  if (!*code) return loaded;
  gnutls_x509_crt_deinit(loaded);
  return NULL;
}

static const char *judge_csr(const document *tested) {
  gnutls_datum_t der = datum(tested);
  gnutls_x509_crq_t loaded;
  const char *answer = accepted(NULL);
  int code;
  gnutls_x509_crq_init(&loaded);
  code = gnutls_x509_crq_import(loaded, &der, GNUTLS_X509_FMT_DER);
  if (code) answer = refused_by("", code);
  else if ((code = gnutls_x509_crq_verify(loaded, 0)) < 0) answer = refused_by("signature", code);
  gnutls_x509_crq_deinit(loaded);
  return answer;
}

static int key_loads(gnutls_x509_crt_t of) {
  gnutls_pubkey_t key;
  int code;
  gnutls_pubkey_init(&key);
  code = gnutls_pubkey_import_x509(key, of, 0);
  gnutls_pubkey_deinit(key);
  return code;
}

/* GnuTLS has no function for a hardwareModuleName: it brings the octets of the otherName. */
static void read_names(facts *read, gnutls_x509_crt_t from) {
  unsigned char value[256];
  char type[64];
  unsigned i, critical;
  for (i = 0;; i++) {
    size_t size = sizeof value, type_size = sizeof type;
    int found = gnutls_x509_crt_get_subject_alt_name(from, i, value, &size, &critical);
    if (found < 0) return;
    if (found != GNUTLS_SAN_OTHERNAME) continue;
    if (gnutls_x509_crt_get_subject_alt_othername_oid(from, i, type, &type_size) < 0) continue;
    if (!strcmp(type, "1.3.6.1.5.5.7.8.4")) read_hardware(read, value, size);
  }
}

static void read_subject(facts *read, gnutls_x509_crt_t from) {
  char value[256];
  size_t size;
  unsigned i;
  for (i = 0; size = sizeof value,
      gnutls_x509_crt_get_dn_by_oid(from, "2.5.4.45", i, 1, value, &size) >= 0;
       i++)
    /* The TLV of the BIT STRING. */
    if (size > 2) read_identifier(read, (unsigned char *)value + 2, size - 2);
  for (i = 0; size = sizeof value,
      gnutls_x509_crt_get_dn_by_oid(from, GNUTLS_OID_X520_ORGANIZATIONAL_UNIT_NAME, i, 0, value,
                                    &size) >= 0;
       i++)
    read_unit(read, value, size);
}

static void read_facts(facts *read, gnutls_x509_crt_t from) {
  unsigned usage = 0, critical;
  memset(read, 0, sizeof *read);
  read_subject(read, from);
  read_names(read, from);
  if (gnutls_x509_crt_get_key_usage(from, &usage, &critical) >= 0) {
    read->signs = !!(usage & GNUTLS_KEY_DIGITAL_SIGNATURE);
    read->agrees = !!(usage & GNUTLS_KEY_KEY_AGREEMENT);
  }
}

static const char *refused_by_status(unsigned status) {
  const char *answer;
  gnutls_datum_t words = {NULL, 0};
  gnutls_certificate_verification_status_print(status, GNUTLS_CRT_X509, &words, 0);
  answer = refused("", (long)status, (const char *)words.data);
  gnutls_free(words.data);
  return answer;
}

/* Judges a certificate by a CRL of its issuer; NULL if the CRL is good and does not list it. */
static const char *judge_by(const document *list, gnutls_x509_crt_t certificate,
                            gnutls_x509_crt_t issuer) {
  gnutls_datum_t der = datum(list);
  gnutls_x509_crl_t loaded;
  const char *answer = NULL;
  unsigned status = 0;
  int code;
  gnutls_x509_crl_init(&loaded);
  code = gnutls_x509_crl_import(loaded, &der, GNUTLS_X509_FMT_DER);
  if (code) answer = refused_by("", code);
  else if ((code = gnutls_x509_crl_verify(loaded, &issuer, 1, 0, &status)) < 0)
    answer = refused_by("", code);
  else if (status) answer = refused_by_status(status);
  else if ((code = gnutls_x509_crt_check_revocation(certificate, &loaded, 1)) == 1)
    answer = revoked();
  else if (code < 0) answer = refused_by("use", code);
  gnutls_x509_crl_deinit(loaded);
  return answer;
}

static int is_self_issued(gnutls_x509_crt_t certificate) {
  gnutls_datum_t subject, issuer;
  if (gnutls_x509_crt_get_raw_dn(certificate, &subject)) return 0;
  if (gnutls_x509_crt_get_raw_issuer_dn(certificate, &issuer)) return 0;
  return subject.size == issuer.size && !memcmp(subject.data, issuer.data, subject.size);
}

/* The path is the certificate, then the CAs; behind them stands the root. */
static const char *verify(const question *asked, gnutls_x509_crt_t *path, unsigned count) {
  gnutls_x509_trust_list_t trusted;
  /* A root under test is an anchor to be: it is verified with its own key. */
  int is_root = !asked->chain_count && is_self_issued(path[0]);
  gnutls_x509_crt_t *anchor = is_root ? &path[0] : &path[count];
  const char *answer = NULL;
  unsigned status = 0, first = 0;
  size_t i;
  facts read;
  int code = key_loads(path[0]);
  if (code) return refused_by("", code);
  gnutls_x509_trust_list_init(&trusted, 0);
  gnutls_x509_trust_list_add_cas(trusted, anchor, 1, 0);
  /* Where a CRL is under test, the path is that of its issuer. */
  if (asked->kind == CRL) first = 1;
  if (is_root) code = gnutls_x509_crt_verify(path[0], anchor, 1, 0, &status);
  else if (first < count)
    code = gnutls_x509_trust_list_verify_crt(trusted, path + first, count - first, 0, &status, NULL);
  if (code < 0) answer = refused_by("path", code);
  else if (status) answer = refused_by_status(status);
  for (i = 0; !answer && i < asked->crl_count; i++)
    answer = judge_by(&asked->crls[i], path[0], path[1]);
  if (!answer) read_facts(&read, path[0]), answer = accepted(&read);
  gnutls_x509_trust_list_deinit(trusted, 0);
  return answer;
}

const char *judge(const question *asked) {
  gnutls_x509_crt_t path[MAX_CHAIN + 2];
  const char *answer = NULL;
  unsigned count = 0, i;
  int code = 0;
  if (asked->kind == CSR) return judge_csr(&asked->tested);
  now = asked->at;
  path[count++] = load(&asked->certificate, &code);
  for (i = 0; !code && i < asked->chain_count; i++) path[count++] = load(&asked->chain[i], &code);
  if (!code) path[count++] = load(&asked->root, &code);
  if (code) count--, answer = refused_by("", code);
  else answer = verify(asked, path, count - 1);
  for (i = 0; i < count; i++) gnutls_x509_crt_deinit(path[i]);
  return answer;
}

void start(void) {
  gnutls_global_set_time_function(clock_of_the_case);
}

const char *hello(void) {
  static char text[80];
  snprintf(text, sizeof text, "gnutls-%.3s chain,time,crl,csr,rsa", gnutls_check_version(NULL));
  return text;
}
