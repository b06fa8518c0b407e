/* The line protocol for a library under test: gathers what a case is judged by, prints answers. */
#define _DEFAULT_SOURCE /* timegm */
#include "target.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "../c/smki_target.h"

static char greeting[160];
const char *const smki_hello = greeting;
static question asked;
static char said[512];

void smki_put(const char *text) {
  fputs(text, stdout);
}

/* Octets of their own size, so that a tool such as valgrind sees a library read beyond them. */
static document copied(const unsigned char *octets, size_t size) {
  document made;
  made.data = (unsigned char *)malloc(size ? size : 1);
  made.size = size;
  if (!made.data) abort();
  memcpy(made.data, octets, size);
  return made;
}

static document from_hex(const char *hex) {
  size_t size = strlen(hex) / 2, i;
  document made = copied((const unsigned char *)hex, size);
  for (i = 0; i < size; i++) {
    unsigned octet = 0;
    sscanf(hex + 2 * i, "%2x", &octet);
    made.data[i] = (unsigned char)octet;
  }
  return made;
}

static time_t from_iso(const char *text) {
  struct tm parts;
  memset(&parts, 0, sizeof parts);
  sscanf(text, "%d-%d-%dT%d:%d:%d", &parts.tm_year, &parts.tm_mon, &parts.tm_mday,
         &parts.tm_hour, &parts.tm_min, &parts.tm_sec);
  parts.tm_year -= 1900;
  parts.tm_mon -= 1;
  return timegm(&parts);
}

void smki_context(const char *name, const char *value) {
  if (!strcmp(name, "kind"))
    asked.kind = !strcmp(value, "CRL") ? CRL : !strcmp(value, "CSR") ? CSR : CERTIFICATE;
  else if (!strcmp(name, "at")) asked.at = from_iso(value);
  else if (!strcmp(name, "root")) asked.root = from_hex(value);
  else if (!strcmp(name, "cert")) asked.certificate = from_hex(value);
  else if (!strcmp(name, "chain") && asked.chain_count < MAX_CHAIN)
    asked.chain[asked.chain_count++] = from_hex(value);
  else if (!strcmp(name, "crl") && asked.crl_count < MAX_CRLS)
    asked.crls[asked.crl_count++] = from_hex(value);
}

const char *smki_judge(const unsigned char *der, unsigned long octets) {
  const char *answer;
  size_t i;
  asked.tested = copied(der, octets);
  if (asked.kind == CRL) asked.crls[asked.crl_count++] = asked.tested;
  if (asked.kind == CERTIFICATE) asked.certificate = asked.tested;
  answer = judge(&asked);
  for (i = 0; i < asked.chain_count; i++) free(asked.chain[i].data);
  for (i = 0; i < asked.crl_count; i++) free(asked.crls[i].data);
  if (asked.kind != CRL) free(asked.tested.data);
  if (asked.kind == CRL) free(asked.certificate.data);
  free(asked.root.data);
  memset(&asked, 0, sizeof asked);
  return answer;
}

/* Appends to the answer, one line of printable ASCII whatever a document or a library says. */
static void say(const char *format, ...) {
  size_t length = strlen(said);
  va_list values;
  va_start(values, format);
  vsnprintf(said + length, sizeof said - length, format, values);
  va_end(values);
  for (; said[length]; length++)
    if (said[length] < ' ' || said[length] > '~') said[length] = '?';
}

const char *accepted(const facts *read) {
  strcpy(said, "accept");
  if (!read) return said;
  if (read->identities == 1 && *read->eui64) say(" eui64=%s", read->eui64);
  if (read->signs || read->agrees)
    say(" usage=%s%s", read->signs ? "digital-signature" : "",
        read->agrees ? read->signs ? ",key-agreement" : "key-agreement" : "");
  if (read->units == 1) say(" role=%s signifier=%s", read->unit, read->unit);
  return said;
}

const char *refused(const char *stage, long code, const char *reason) {
  strcpy(said, "reject ");
  say("%s%s%ld %s", stage, *stage ? " " : "", code, reason ? reason : "");
  return said;
}

const char *revoked(void) {
  return "revoked";
}

void read_eui64(facts *read, const unsigned char *octets, size_t size) {
  size_t i;
  read->identities++;
  if (size != 8) return; /* no EUI-64: cut or filled up, it would be another's */
  for (i = 0; i < size; i++) sprintf(read->eui64 + 2 * i, "%02X", octets[i]);
}

void read_identifier(facts *read, const unsigned char *bits, size_t size) {
  int whole = size > 0 && bits[0] == 0;
  read_eui64(read, bits + whole, whole ? size - 1 : 0);
}

void read_unit(facts *read, const void *text, size_t size) {
  size_t i;
  read->units++;
  if (size >= sizeof read->unit) size = sizeof read->unit - 1;
  memcpy(read->unit, text, size);
  read->unit[size] = 0;
  for (i = 0; i < size; i++)
    if (read->unit[i] <= ' ') read->unit[i] = '?';
}

/* The content of an element of one octet of length, and what is behind it; NULL for none. */
static const unsigned char *content(int tag, const unsigned char **at, const unsigned char *end,
                                    size_t *size) {
  const unsigned char *here = *at;
  if (end - here < 2 || here[0] != tag || here[1] > 0x7F || end - here - 2 < here[1]) return NULL;
  *size = here[1];
  *at = here + 2 + here[1];
  return here + 2;
}

void read_hardware(facts *read, const unsigned char *der, size_t size) {
  const unsigned char *inside = content(0x30, &der, der + size, &size), *end, *value;
  if (!inside) return;
  end = inside + size;
  if (!content(0x06, &inside, end, &size)) return;
  value = content(0x04, &inside, end, &size);
  if (value && inside == end) read_eui64(read, value, size);
}

int main(void) {
  int c;
  start();
  snprintf(greeting, sizeof greeting, "%s", hello());
  while ((c = getchar()) != EOF) {
    smki_character((char)c);
    if (c == '\n') fflush(stdout);
  }
  return 0;
}
