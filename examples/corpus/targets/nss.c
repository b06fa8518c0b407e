/* NSS under test: CERT_NewTempCertificate, CERT_CacheCRL, CERT_PKIXVerifyCert with the anchor and
   the time.
   The target's own: a hardwareModuleName is taken apart; a CRL is verified before it is cached, for
   NSS says revoked by one that it cannot verify; NSS is started for each case, since it keeps
   certificates of one issuer and serial, and CRLs of one issuer, from case to case. */
#include <cert.h>
#include <certdb.h>
#include <keyhi.h>
#include <nss.h>
#include <prerror.h>
#include <secerr.h>
#include <secitem.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "target.h"

static const char *refused_by_error(const char *stage) {
  PRErrorCode error = PORT_GetError();
  return refused(stage, error, PR_ErrorToName(error));
}

static SECItem item(const document *from) {
  SECItem made;
  made.type = siBuffer;
  made.data = from->data;
  made.len = (unsigned)from->size;
  return made;
}

static CERTCertificate *load(const document *from) {
  SECItem der = item(from);
  return CERT_NewTempCertificate(CERT_GetDefaultCertDB(), &der, NULL, PR_FALSE, PR_TRUE);
}

static const char *judge_csr(const document *tested) {
  SECItem der = item(tested);
  PLArenaPool *arena = PORT_NewArena(DER_DEFAULT_CHUNKSIZE);
  CERTSignedData outer;
  CERTCertificateRequest loaded;
  const char *answer = accepted(NULL);
  memset(&outer, 0, sizeof outer);
  memset(&loaded, 0, sizeof loaded);
  if (SEC_ASN1DecodeItem(arena, &outer, SEC_ASN1_GET(CERT_SignedDataTemplate), &der) ||
      SEC_ASN1DecodeItem(arena, &loaded, SEC_ASN1_GET(CERT_CertificateRequestTemplate),
                         &outer.data))
    answer = refused_by_error("");
  else if (CERT_VerifySignedDataWithPublicKeyInfo(&outer, &loaded.subjectPublicKeyInfo, NULL))
    answer = refused_by_error("signature");
  PORT_FreeArena(arena, PR_FALSE);
  return answer;
}

/* NSS decodes the names, and leaves the value of an otherName as it is. */
static void read_names(facts *read, CERTCertificate *from) {
  static const unsigned char hardware[] = {0x2B, 6, 1, 5, 5, 7, 8, 4};
  PLArenaPool *arena = PORT_NewArena(DER_DEFAULT_CHUNKSIZE);
  SECItem value = {siBuffer, NULL, 0};
  CERTGeneralName *first = NULL, *each;
  if (CERT_FindCertExtension(from, SEC_OID_X509_SUBJECT_ALT_NAME, &value) == SECSuccess)
    each = first = CERT_DecodeAltNameExtension(arena, &value);
  while (first) {
    const OtherName *other = &each->name.OthName;
    if (each->type == certOtherName && other->oid.len == sizeof hardware &&
        !memcmp(other->oid.data, hardware, sizeof hardware))
      read_hardware(read, other->name.data, other->name.len);
    each = CERT_GetNextGeneralName(each);
    if (each == first) break;
  }
  SECITEM_FreeItem(&value, PR_FALSE);
  PORT_FreeArena(arena, PR_FALSE);
}

static void read_subject(facts *read, const CERTName *subject) {
  CERTRDN **set;
  CERTAVA **pair;
  for (set = subject->rdns; set && *set; set++) {
    for (pair = (*set)->avas; pair && *pair; pair++) {
      const SECItem *value = &(*pair)->value; /* the TLV */
      SECOidTag type = CERT_GetAVATag(*pair);
      if (type == SEC_OID_AVA_ORGANIZATIONAL_UNIT_NAME) {
        SECItem *text = CERT_DecodeAVAValue(value);
        if (text) read_unit(read, text->data, text->len);
        SECITEM_FreeItem(text, PR_TRUE);
      }
      if ((*pair)->type.len == 3 && !memcmp((*pair)->type.data, "\x55\x04\x2D", 3) &&
          value->len > 2)
        read_identifier(read, value->data + 2, value->len - 2);
    }
  }
}

static void read_facts(facts *read, CERTCertificate *from) {
  memset(read, 0, sizeof *read);
  read_subject(read, &from->subject);
  read_names(read, from);
  if (from->keyUsagePresent) {
    read->signs = !!(from->rawKeyUsage & KU_DIGITAL_SIGNATURE);
    read->agrees = !!(from->rawKeyUsage & KU_KEY_AGREEMENT);
  }
}

static const char *stage_of(PRErrorCode error) {
  switch (error) {
    case SEC_ERROR_EXPIRED_CERTIFICATE:
    case SEC_ERROR_EXPIRED_ISSUER_CERTIFICATE:
    case SEC_ERROR_BAD_SIGNATURE: return ""; /* of whichever certificate */
    default: return "path";
  }
}

/* NSS verifies for a usage of its own, and none is of smart metering: any of them will do. */
static const SECCertificateUsage usages[] = {
    certificateUsageSSLClient,    certificateUsageSSLServer, certificateUsageEmailSigner,
    certificateUsageEmailRecipient, certificateUsageSSLCA,   certificateUsageVerifyCA};

/* Verifies with the anchor alone, and with the CRLs that are cached if there are any. */
static const char *verify(const question *asked, CERTCertificate *certificate,
                          CERTCertificate *anchor) {
  CERTValInParam in[5];
  CERTValOutParam out[1];
  CERTRevocationFlags flags;
  PRUint64 leaf = CERT_REV_M_DO_NOT_TEST_USING_THIS_METHOD, chain = leaf;
  CERTCertList *anchors = CERT_NewCertList();
  SECStatus status;
  size_t usage = 0;
  facts read;
  if (asked->crl_count)
    leaf = CERT_REV_M_TEST_USING_THIS_METHOD | CERT_REV_M_FORBID_NETWORK_FETCHING |
           CERT_REV_M_FAIL_ON_MISSING_FRESH_INFO | CERT_REV_M_REQUIRE_INFO_ON_MISSING_SOURCE;
  memset(&flags, 0, sizeof flags);
  flags.leafTests.number_of_defined_methods = 1;
  flags.leafTests.cert_rev_flags_per_method = &leaf;
  flags.chainTests = flags.leafTests;
  flags.chainTests.cert_rev_flags_per_method = &chain;
  CERT_AddCertToListTail(anchors, CERT_DupCertificate(anchor));
  in[0].type = cert_pi_trustAnchors;
  in[0].value.pointer.chain = anchors;
  in[1].type = cert_pi_useOnlyTrustAnchors;
  in[1].value.scalar.b = PR_TRUE;
  in[2].type = cert_pi_date;
  in[2].value.scalar.time = (PRTime)asked->at * PR_USEC_PER_SEC;
  in[3].type = cert_pi_revocationFlags;
  in[3].value.pointer.revocation = &flags;
  in[4].type = cert_pi_end;
  out[0].type = cert_po_end;
  do status = CERT_PKIXVerifyCert(certificate, usages[usage++], in, out, NULL);
  while (status && usage < sizeof usages / sizeof *usages &&
         (PORT_GetError() == SEC_ERROR_INADEQUATE_KEY_USAGE ||
          PORT_GetError() == SEC_ERROR_INADEQUATE_CERT_TYPE));
  CERT_DestroyCertList(anchors);
  if (status && PORT_GetError() == SEC_ERROR_REVOKED_CERTIFICATE) return revoked();
  if (status) return refused_by_error(stage_of(PORT_GetError()));
  read_facts(&read, certificate);
  return accepted(&read);
}

static int is_of(CERTSignedCrl *list, CERTCertificate *issuer, PRTime at) {
  return CERT_CompareName(&list->crl.name, &issuer->subject) == SECEqual &&
         (!issuer->keyUsagePresent || issuer->rawKeyUsage & KU_CRL_SIGN) &&
         CERT_VerifySignedData(&list->signatureWrap, issuer, at, NULL) == SECSuccess;
}

/* Whether a CRL decodes, is of an issuer, and is cached. */
static int cache(const document *from, CERTCertificate *issuer, PRTime at) {
  SECItem der = item(from);
  CERTSignedCrl *list = CERT_DecodeDERCrl(NULL, &der, SEC_CRL_TYPE);
  int good = list && is_of(list, issuer, at);
  if (list) SEC_DestroyCrl(list);
  return good && !CERT_CacheCRL(CERT_GetDefaultCertDB(), SECITEM_DupItem(&der));
}

/* Judges a path, the certificate first and the anchor last. */
static const char *judge_path(const question *asked, CERTCertificate **path, size_t count) {
  PRTime at = (PRTime)asked->at * PR_USEC_PER_SEC;
  SECKEYPublicKey *key = CERT_ExtractPublicKey(path[0]);
  size_t i;
  if (!key) return refused_by_error("");
  SECKEY_DestroyPublicKey(key);
  if (count == 1 && CERT_VerifySignedData(&path[0]->signatureWrap, path[0], at, NULL))
    return refused_by_error("signature");
  for (i = 0; i < asked->crl_count; i++)
    if (count < 2 || !cache(&asked->crls[i], path[1], at)) return refused_by_error("");
  return verify(asked, path[0], path[count - 1]);
}

static int is_self_issued(const CERTCertificate *certificate) {
  return SECITEM_CompareItem(&certificate->derSubject, &certificate->derIssuer) == SECEqual;
}

static const char *judge_certificate(const question *asked) {
  CERTCertificate *path[MAX_CHAIN + 2];
  const char *answer;
  size_t count = 0, i;
  path[count++] = load(&asked->certificate);
  for (i = 0; path[count - 1] && i < asked->chain_count; i++)
    path[count++] = load(&asked->chain[i]);
  /* A root under test is an anchor to be: it is verified with its own key. */
  if (path[count - 1] && (asked->chain_count || !is_self_issued(path[0])))
    path[count++] = load(&asked->root);
  answer = path[count - 1] ? judge_path(asked, path, count) : refused_by_error("");
  for (i = 0; i < count; i++)
    if (path[i]) CERT_DestroyCertificate(path[i]);
  return answer;
}

const char *judge(const question *asked) {
  const char *answer;
  if (NSS_NoDB_Init(NULL)) return "error";
  answer = asked->kind == CSR ? judge_csr(&asked->tested) : judge_certificate(asked);
  /* It fails, too, if anything of this case is kept for the next. */
  return NSS_Shutdown() ? "error" : answer;
}

void start(void) {}

const char *hello(void) {
  static char text[80];
  snprintf(text, sizeof text, "nss-%.4s chain,time,crl,csr,rsa", NSS_GetVersion());
  return text;
}
