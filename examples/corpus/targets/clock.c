/* Stands in for the C library's time(), also where a shared library calls it. */
#include "clock.h"

static time_t now;

void set_clock(time_t to) {
  now = to;
}

time_t time(time_t *to) {
  if (to) *to = now;
  return now;
}
