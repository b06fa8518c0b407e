/* A device under test, asked over a line: see docs/corpus-protocol.md. */
#ifndef SMKI_TARGET_H
#define SMKI_TARGET_H

#ifndef SMKI_MAX_OCTETS
#define SMKI_MAX_OCTETS 2048 /* the longest document; say so with max=2048 in smki_hello */
#endif
#define SMKI_MAX_LINE (2 * SMKI_MAX_OCTETS + 256)

/* Call it with each character that the line brings. */
void smki_character(char c);

/* Yours: sends a text. */
void smki_put(const char *text);

/* Yours: what the device is called and can do, such as "my-meter chain,time max=2048". */
extern const char *const smki_hello;

/* Yours: takes what the next document is judged by, such as "at" and "2026-07-01T12:00:00Z". */
void smki_context(const char *name, const char *value);

/* Yours: judges a document, and returns what to answer, such as "reject profile 0x2562". */
const char *smki_judge(const unsigned char *der, unsigned long octets);

#endif
