/* OpenSSL under test: d2i_*, X509_check_purpose, which decodes the extensions, then
   X509_verify_cert with X509_STRICT and POLICY_CHECK.
   The target's own: no octet is left behind a document, its key loads, and a hardwareModuleName is
   taken apart. */
#include <openssl/err.h>
#include <openssl/opensslv.h>
#include <openssl/x509v3.h>
#include <stdio.h>
#include <string.h>

#include "target.h"

static const char *refused_by_error(const char *stage) {
  unsigned long error = ERR_peek_last_error();
  const char *reason = ERR_reason_error_string(error);
  ERR_clear_error();
  return refused(stage, ERR_GET_REASON(error), reason ? reason : "octets behind the document");
}

static X509 *load(const document *from) {
  const unsigned char *at = from->data;
  X509 *loaded = d2i_X509(NULL, &at, (long)from->size);
  if (!loaded) return NULL;
  if (at == from->data + from->size && X509_check_purpose(loaded, -1, 0) == 1) return loaded;
  X509_free(loaded);
  return NULL;
}

static X509_CRL *load_crl(const document *from) {
  const unsigned char *at = from->data;
  X509_CRL *loaded = d2i_X509_CRL(NULL, &at, (long)from->size);
  if (!loaded || at == from->data + from->size) return loaded;
  X509_CRL_free(loaded);
  return NULL;
}

static const char *judge_csr(const document *tested) {
  const unsigned char *at = tested->data;
  X509_REQ *loaded = d2i_X509_REQ(NULL, &at, (long)tested->size);
  const char *answer = accepted(NULL);
  if (!loaded || at != tested->data + tested->size) answer = refused_by_error("");
  else if (!X509_REQ_get0_pubkey(loaded)) answer = refused_by_error("");
  else if (X509_REQ_verify(loaded, X509_REQ_get0_pubkey(loaded)) != 1)
    answer = refused_by_error("signature");
  X509_REQ_free(loaded);
  return answer;
}

static const char *stage_of(int error, int depth) {
  switch (error) {
    case X509_V_ERR_ERROR_IN_CERT_NOT_BEFORE_FIELD:
    case X509_V_ERR_ERROR_IN_CERT_NOT_AFTER_FIELD:
    case X509_V_ERR_ERROR_IN_CRL_LAST_UPDATE_FIELD:
    case X509_V_ERR_ERROR_IN_CRL_NEXT_UPDATE_FIELD: return ""; /* it does not decode */
    case X509_V_ERR_CERT_SIGNATURE_FAILURE: return depth ? "path" : "signature";
    case X509_V_ERR_CRL_SIGNATURE_FAILURE: return "signature";
    case X509_V_ERR_UNHANDLED_CRITICAL_EXTENSION:
    case X509_V_ERR_INVALID_POLICY_EXTENSION: return depth ? "path" : "profile";
    case X509_V_ERR_CERT_NOT_YET_VALID:
    case X509_V_ERR_CERT_HAS_EXPIRED: return depth ? "path" : "use";
    case X509_V_ERR_UNABLE_TO_GET_CRL:
    case X509_V_ERR_CRL_NOT_YET_VALID:
    case X509_V_ERR_CRL_HAS_EXPIRED:
    case X509_V_ERR_DIFFERENT_CRL_SCOPE:
    case X509_V_ERR_UNHANDLED_CRITICAL_CRL_EXTENSION: return "use";
    default: return "path";
  }
}

/* A hardwareModuleName: OpenSSL brings the SEQUENCE of an otherName; what is in it is ours. */
static void read_names(facts *read, X509 *from) {
  GENERAL_NAMES *names = (GENERAL_NAMES *)X509_get_ext_d2i(from, NID_subject_alt_name, NULL, NULL);
  ASN1_OBJECT *hardware = OBJ_txt2obj("1.3.6.1.5.5.7.8.4", 1);
  int i;
  for (i = 0; i < sk_GENERAL_NAME_num(names); i++) {
    ASN1_OBJECT *type;
    ASN1_TYPE *value;
    if (!GENERAL_NAME_get0_otherName(sk_GENERAL_NAME_value(names, i), &type, &value)) continue;
    if (OBJ_cmp(type, hardware) || value->type != V_ASN1_SEQUENCE) continue;
    read_hardware(read, ASN1_STRING_get0_data(value->value.sequence),
                  (size_t)ASN1_STRING_length(value->value.sequence));
  }
  ASN1_OBJECT_free(hardware);
  GENERAL_NAMES_free(names);
}

static void read_facts(facts *read, X509 *from) {
  const X509_NAME *subject = X509_get_subject_name(from);
  uint32_t usage = X509_get_key_usage(from);
  int i;
  memset(read, 0, sizeof *read);
  for (i = 0; i < X509_NAME_entry_count(subject); i++) {
    const X509_NAME_ENTRY *entry = X509_NAME_get_entry(subject, i);
    const ASN1_STRING *value = X509_NAME_ENTRY_get_data(entry);
    const unsigned char *octets = ASN1_STRING_get0_data(value);
    size_t size = (size_t)ASN1_STRING_length(value);
    int type = OBJ_obj2nid(X509_NAME_ENTRY_get_object(entry));
    if (type == NID_x500UniqueIdentifier) read_eui64(read, octets, value->flags & 7 ? 0 : size);
    if (type == NID_organizationalUnitName) read_unit(read, octets, size);
  }
  read_names(read, from);
  if (usage != UINT32_MAX) {
    read->signs = !!(usage & KU_DIGITAL_SIGNATURE);
    read->agrees = !!(usage & KU_KEY_AGREEMENT);
  }
}

/* Everything that a path is verified with. */
typedef struct {
  X509 *certificate;
  X509_STORE *trusted;
  STACK_OF(X509) *chain;
  STACK_OF(X509_CRL) *crls;
  int complete; /* whether all of it loaded */
} material;

static material load_all(const question *asked) {
  material all;
  X509 *root = load(&asked->root);
  size_t i;
  all.certificate = load(&asked->certificate);
  all.trusted = X509_STORE_new();
  all.chain = sk_X509_new_null();
  all.crls = sk_X509_CRL_new_null();
  all.complete = all.certificate && root;
  for (i = 0; i < asked->chain_count; i++) {
    X509 *each = load(&asked->chain[i]);
    if (each) sk_X509_push(all.chain, each);
    else all.complete = 0;
  }
  for (i = 0; i < asked->crl_count; i++) {
    X509_CRL *each = load_crl(&asked->crls[i]);
    if (each) sk_X509_CRL_push(all.crls, each);
    else all.complete = 0;
  }
  if (all.complete) {
    /* A root under test is an anchor to be: it is verified with its own key. */
    int is_root = !asked->chain_count && !X509_NAME_cmp(X509_get_subject_name(all.certificate),
                                                        X509_get_issuer_name(all.certificate));
    X509_STORE_add_cert(all.trusted, is_root ? all.certificate : root);
  }
  X509_free(root);
  return all;
}

static void free_all(material *all) {
  X509_free(all->certificate);
  X509_STORE_free(all->trusted);
  sk_X509_pop_free(all->chain, X509_free);
  sk_X509_CRL_pop_free(all->crls, X509_CRL_free);
}

static const char *verify(const question *asked, const material *all) {
  X509_STORE_CTX *context = X509_STORE_CTX_new();
  unsigned long flags =
      X509_V_FLAG_X509_STRICT | X509_V_FLAG_POLICY_CHECK | X509_V_FLAG_CHECK_SS_SIGNATURE;
  const char *answer;
  int error, depth;
  facts read;
  X509_STORE_CTX_init(context, all->trusted, all->certificate, all->chain);
  if (asked->crl_count) flags |= X509_V_FLAG_CRL_CHECK;
  X509_STORE_CTX_set0_crls(context, all->crls);
  X509_STORE_CTX_set_flags(context, flags);
  X509_STORE_CTX_set_time(context, 0, asked->at);
  error = X509_verify_cert(context) == 1 ? X509_V_OK : X509_STORE_CTX_get_error(context);
  depth = X509_STORE_CTX_get_error_depth(context);
  if (error == X509_V_ERR_CERT_REVOKED) answer = revoked();
  else if (error)
    answer = refused(stage_of(error, depth), error, X509_verify_cert_error_string(error));
  else read_facts(&read, all->certificate), answer = accepted(&read);
  X509_STORE_CTX_free(context);
  return answer;
}

const char *judge(const question *asked) {
  material all;
  const char *answer;
  ERR_clear_error();
  if (asked->kind == CSR) return judge_csr(&asked->tested);
  all = load_all(asked);
  if (!all.complete) answer = refused_by_error("");
  else if (!X509_get0_pubkey(all.certificate)) answer = refused_by_error("");
  else answer = verify(asked, &all);
  free_all(&all);
  return answer;
}

void start(void) {}

const char *hello(void) {
  static char text[80];
  snprintf(text, sizeof text, "openssl-%d.%d chain,time,crl,csr,rsa", OPENSSL_VERSION_MAJOR,
           OPENSSL_VERSION_MINOR);
  return text;
}
