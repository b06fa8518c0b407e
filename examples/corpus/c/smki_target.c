/* The device's side of the line protocol of smki-testca, in C99 and C++, without a C library. */
#include "smki_target.h"

static char line[SMKI_MAX_LINE + 1];
static unsigned long length;
static int broken; /* whether a line since the last document came broken */

static unsigned digit(char c) {
  return c >= '0' && c <= '9' ? (unsigned)(c - '0') : (unsigned)(c - 'A' + 10) & 15;
}

static unsigned crc16(const char *text, unsigned long count) {
  unsigned crc = 0xFFFF, bit;
  while (count--) {
    crc ^= (unsigned)(unsigned char)*text++ << 8;
    for (bit = 0; bit < 8; bit++) crc = (crc << 1 ^ (crc & 0x8000 ? 0x1021u : 0u)) & 0xFFFF;
  }
  return crc;
}

static int begins(const char *text, const char *with) {
  while (*with && *text == *with) text++, with++;
  return !*with;
}

static void say(const char *id, const char *what) {
  smki_put("smki 1 "), smki_put(id), smki_put(" "), smki_put(what), smki_put("\n");
}

static void take(void) {
  unsigned long last = length, i, n;
  unsigned sum = 0;
  char *id = line + 7, *value;
  unsigned char *der;
  if (!begins(line, "smki 1 ")) return;
  if (begins(id, "hello")) {
    broken = 0, say("hello", smki_hello);
    return;
  }
  while (last && line[last - 1] != ' ') last--; /* behind it stands the CRC */
  for (i = last; line[i]; i++) sum = sum << 4 | digit(line[i]);
  broken |= length - last != 4 || sum != crc16(line, last);
  for (value = id; *value && *value != ' ';) value++;
  if (*value) *value++ = 0;
  for (n = 0; value[n] && value[n] != ' ';) n++;
  value[n] = 0, der = (unsigned char *)value;
  if (*id == '+') {
    if (!broken) smki_context(id + 1, value);
    return;
  }
  for (i = 0; !broken && i < n / 2; i++)
    der[i] = (unsigned char)(digit(value[2 * i]) << 4 | digit(value[2 * i + 1]));
  say(id, broken ? "again" : smki_judge(der, n / 2));
  broken = 0;
}

void smki_character(char c) {
  if (c == '\n') line[length] = 0, take(), length = 0;
  else if (c != '\r' && length < SMKI_MAX_LINE) line[length++] = c;
}
