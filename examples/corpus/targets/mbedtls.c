/* Mbed TLS 2.28 under test: mbedtls_x509_crt_parse_der_with_ext_cb, with a callback that takes the
   critical certificatePolicies, then mbedtls_x509_crt_verify with the CRL.
   The target's own: the clock is the case's (clock.c); a CRL that is not the issuer's is refused,
   which Mbed TLS passes over; the signature of a CSR, which Mbed TLS does not verify. */
#include <mbedtls/error.h>
#include <mbedtls/oid.h>
#include <mbedtls/version.h>
#include <mbedtls/x509_crt.h>
#include <mbedtls/x509_csr.h>
#include <stdio.h>
#include <string.h>

#include "clock.h"
#include "target.h"

static const char *refused_by(const char *stage, int code) {
  char reason[160];
  mbedtls_strerror(code, reason, sizeof reason);
  return refused(stage, code, reason);
}

static int take_policies(void *context, const mbedtls_x509_crt *crt, const mbedtls_x509_buf *oid,
                         int critical, const unsigned char *start, const unsigned char *end) {
  (void)context, (void)crt, (void)start, (void)end;
  if (critical && MBEDTLS_OID_CMP(MBEDTLS_OID_CERTIFICATE_POLICIES, oid) != 0)
    return MBEDTLS_ERR_X509_INVALID_EXTENSIONS;
  return 0;
}

/* Appends a certificate to a list. */
static int load(mbedtls_x509_crt *list, const document *from) {
  return mbedtls_x509_crt_parse_der_with_ext_cb(list, from->data, from->size, 1, take_policies,
                                                NULL);
}

static int verify_csr(mbedtls_x509_csr *loaded) {
  unsigned char hash[MBEDTLS_MD_MAX_SIZE];
  const mbedtls_md_info_t *digest = mbedtls_md_info_from_type(loaded->sig_md);
  int code = mbedtls_md(digest, loaded->cri.p, loaded->cri.len, hash);
  if (code) return code;
  return mbedtls_pk_verify_ext(loaded->sig_pk, loaded->sig_opts, &loaded->pk, loaded->sig_md, hash,
                               mbedtls_md_get_size(digest), loaded->sig.p, loaded->sig.len);
}

static const char *judge_csr(const document *tested) {
  mbedtls_x509_csr loaded;
  const char *answer = accepted(NULL);
  int code;
  mbedtls_x509_csr_init(&loaded);
  code = mbedtls_x509_csr_parse_der(&loaded, tested->data, tested->size);
  if (code) answer = refused_by("", code);
  else if ((code = verify_csr(&loaded)) != 0) answer = refused_by("signature", code);
  mbedtls_x509_csr_free(&loaded);
  return answer;
}

static int same(const mbedtls_x509_buf *one, const mbedtls_x509_buf *other) {
  return one->len == other->len && !memcmp(one->p, other->p, one->len);
}

static void read_names(facts *read, const mbedtls_x509_crt *from) {
  const mbedtls_x509_sequence *each;
  for (each = &from->subject_alt_names; each && each->buf.p; each = each->next) {
    mbedtls_x509_subject_alternative_name name;
    if (mbedtls_x509_parse_subject_alt_name(&each->buf, &name)) continue;
    if (name.type == MBEDTLS_X509_SAN_OTHER_NAME) {
      const mbedtls_x509_buf *serial = &name.san.other_name.value.hardware_module_name.val;
      read_eui64(read, serial->p, serial->len);
    }
  }
}

static void read_facts(facts *read, const mbedtls_x509_crt *from) {
  const mbedtls_x509_name *each;
  memset(read, 0, sizeof *read);
  for (each = &from->subject; each && each->oid.p; each = each->next) {
    if (MBEDTLS_OID_CMP("\x55\x04\x2D", &each->oid) == 0)
      read_identifier(read, each->val.p, each->val.len);
    if (MBEDTLS_OID_CMP(MBEDTLS_OID_AT_ORG_UNIT, &each->oid) == 0)
      read_unit(read, each->val.p, each->val.len);
  }
  read_names(read, from);
  if (from->ext_types & MBEDTLS_X509_EXT_KEY_USAGE) {
    read->signs = !!(from->key_usage & MBEDTLS_X509_KU_DIGITAL_SIGNATURE);
    read->agrees = !!(from->key_usage & MBEDTLS_X509_KU_KEY_AGREEMENT);
  }
}

static const char *refused_by_flags(uint32_t flags) {
  char reason[200];
  mbedtls_x509_crt_verify_info(reason, sizeof reason, "", flags);
  return refused("", (long)flags, reason);
}

/* What a path is verified with: the certificate with the CAs behind it, the anchor, the CRL. */
typedef struct {
  mbedtls_x509_crt path, anchor;
  mbedtls_x509_crl crl;
} material;

static int load_all(material *all, const question *asked) {
  size_t i;
  int code = load(&all->path, &asked->certificate);
  for (i = 0; !code && i < asked->chain_count; i++) code = load(&all->path, &asked->chain[i]);
  if (!code) {
    /* A root under test is an anchor to be: it is verified with its own key. */
    int is_root = !asked->chain_count && same(&all->path.subject_raw, &all->path.issuer_raw);
    code = load(&all->anchor, is_root ? &asked->certificate : &asked->root);
  }
  for (i = 0; !code && i < asked->crl_count; i++)
    code = mbedtls_x509_crl_parse_der(&all->crl, asked->crls[i].data, asked->crls[i].size);
  return code;
}

static const char *verify(const question *asked, material *all) {
  uint32_t flags = 0;
  facts read;
  int code;
  if (asked->crl_count && !same(&all->crl.issuer_raw, &all->path.issuer_raw))
    return refused("use", 0, "the CRL is not of the issuer");
  code = mbedtls_x509_crt_verify(&all->path, &all->anchor, asked->crl_count ? &all->crl : NULL,
                                 NULL, &flags, NULL, NULL);
  if (flags == MBEDTLS_X509_BADCERT_REVOKED) return revoked();
  if (flags) return refused_by_flags(flags);
  if (code) return refused_by("path", code);
  read_facts(&read, &all->path);
  return accepted(&read);
}

const char *judge(const question *asked) {
  const char *answer;
  material all;
  int code;
  if (asked->kind == CSR) return judge_csr(&asked->tested);
  set_clock(asked->at);
  mbedtls_x509_crt_init(&all.path);
  mbedtls_x509_crt_init(&all.anchor);
  mbedtls_x509_crl_init(&all.crl);
  code = load_all(&all, asked);
  answer = code ? refused_by("", code) : verify(asked, &all);
  mbedtls_x509_crt_free(&all.path);
  mbedtls_x509_crt_free(&all.anchor);
  mbedtls_x509_crl_free(&all.crl);
  return answer;
}

void start(void) {}

const char *hello(void) {
  static char text[80];
  snprintf(text, sizeof text, "mbedtls-%d.%d chain,time,crl,csr,rsa", MBEDTLS_VERSION_MAJOR,
           MBEDTLS_VERSION_MINOR);
  return text;
}
