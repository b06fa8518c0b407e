/* A library under test: what it is asked, and what it answers. target.c speaks for it.
   Each library has one source file here; docs/parsers.md says what each sets up. */
#ifndef TARGET_H
#define TARGET_H

#include <stddef.h>
#include <time.h>

#define MAX_CHAIN 8 /* CAs between a certificate and the root */
#define MAX_CRLS 4

typedef struct {
  unsigned char *data;
  size_t size;
} document;

typedef enum { CERTIFICATE, CRL, CSR } document_kind;

typedef struct {
  document_kind kind;
  document tested;           /* the document under test */
  time_t at;                 /* the time to judge at */
  document root;             /* the CA to trust */
  document chain[MAX_CHAIN]; /* the CAs in between, the issuer first */
  size_t chain_count;
  document crls[MAX_CRLS]; /* those to judge the certificate by, or the one under test */
  size_t crl_count;
  document certificate; /* the one that is judged; of a CRL, the one whose status is asked */
} question;

/* What was read in a certificate that is accepted. Of an identity or a unit that is there twice,
   nothing is said. */
typedef struct {
  char eui64[17]; /* of the subject's unique identifier, or the serial of a hardwareModuleName */
  char unit[129]; /* the subject's OU: the role, or the Signifier of DCCKI */
  int identities, units;
  int signs, agrees; /* the bits digitalSignature and keyAgreement of keyUsage */
} facts;

/* Each library's own: its name and version with what it can do; its start; its judgement. */
const char *hello(void);
void start(void);
const char *judge(const question *asked);

/* Answers. A refusal while a document is loaded has no stage: decoders do not tell DER from
   structure. The reason is the library's own words. */
const char *accepted(const facts *read);
const char *refused(const char *stage, long code, const char *reason);
const char *revoked(void);

/* Facts that a library found: called for each value that is there. */
void read_eui64(facts *read, const unsigned char *octets, size_t size);
void read_identifier(facts *read, const unsigned char *bits, size_t size); /* of a BIT STRING */
void read_unit(facts *read, const void *text, size_t size);

/* The same from the octets of a hardwareModuleName, SEQUENCE { OID, OCTET STRING }, for libraries
   that bring an otherName undecoded. */
void read_hardware(facts *read, const unsigned char *der, size_t size);

#endif
