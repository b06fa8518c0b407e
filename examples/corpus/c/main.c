/* A target for a desk: it speaks on standard input and output, and looks at lengths alone.
   Put your parser into smki_judge, and run:
   smki-testca corpus run corpus --with lines:./target */
#include <stdio.h>

#include "smki_target.h"

const char *const smki_hello = "lengths-only max=2048";

void smki_put(const char *text) {
  fputs(text, stdout);
}

void smki_context(const char *name, const char *value) {
  (void)name, (void)value;
}

/* Whether the outermost element is a SEQUENCE that ends where the document ends. */
const char *smki_judge(const unsigned char *der, unsigned long octets) {
  unsigned long content = 0, head = 2, i;
  if (octets < 2 || der[0] != 0x30) return "reject der NOT_A_SEQUENCE";
  if (der[1] < 0x80) content = der[1];
  else {
    head += der[1] & 0x7F;
    if (head == 2 || head > 5 || head > octets) return "reject der BAD_LENGTH";
    for (i = 2; i < head; i++) content = content << 8 | der[i];
  }
  return head + content == octets ? "accept" : "reject der BAD_LENGTH";
}

int main(void) {
  int c;
  while ((c = getchar()) != EOF) {
    smki_character((char)c);
    if (c == '\n') fflush(stdout);
  }
  return 0;
}
