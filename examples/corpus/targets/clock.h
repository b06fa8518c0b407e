/* The clock of libraries that ask time() and take no time to judge at. A device has a clock of its
   own: mbedtls_platform_set_time, or XTIME of wolfSSL. */
#ifndef CLOCK_H
#define CLOCK_H

#include <time.h>

void set_clock(time_t to);

#endif
