/* Prints what a file of the format device-file has of one Device, in hexadecimal. It takes no memory
   but the three buffers below; docs/factory-formats.md has the offsets.

       gcc -std=c99 -o read_device_file read_device_file.c
       ./read_device_file devices.smki id 00DB120000001000
       ./read_device_file devices.smki name SN-0001 */

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

typedef unsigned char octet;
static octet h[256], e[68], r[16384]; /* the header, an entry of an index, a record or a chain */

static unsigned long long be(const octet *p, int n) { unsigned long long v = 0; while (n--) v = v << 8 | *p++; return v; }
static void need(int is_so, const char *otherwise) { if (!is_so) { fprintf(stderr, "%s\n", otherwise); exit(1); } }
static void get(FILE *f, unsigned long long at, octet *to, size_t n) { need(!fseek(f, (long)at, SEEK_SET) && fread(to, 1, n, f) == n, "cut short"); }
static void show(const char *name, const octet *p, size_t n) { printf("%s ", name); while (n--) printf("%02x", *p++); printf("\n"); }
static int fits(const octet *p, size_t n) /* whether its last four octets are the CRC-32 of the others */
{
    unsigned long crc = 0xFFFFFFFF;
    for (size_t i = 0; i < n - 4; i++)
        for (int bit = (crc ^= p[i], 0); bit < 8; bit++) crc = crc >> 1 ^ (crc & 1 ? 0xEDB88320 : 0);
    return (crc ^ 0xFFFFFFFF) == be(p + n - 4, 4);
}

int main(int argc, char **argv)
{
    octet key[256] = {0};
    FILE *f = argc == 4 && strlen(argv[3]) < sizeof key ? fopen(argv[1], "rb") : NULL;
    need(f != NULL, "usage: read_device_file FILE id|name KEY");
    get(f, 0, h, 256);
    need(!memcmp(h, "SMKIDEVS\0\1", 10) && fits(h, 256), "not a device-file of version 1, or damaged");
    size_t size = be(h + 28, 4), name = be(h + 32, 2), keys = be(h + 34, 2), der = be(h + 36, 2);
    int by_name = strcmp(argv[2], "id") != 0;
    size_t width = by_name ? name : 8;
    for (int i = 0; i < 8 && !by_name; i++) key[i] = (octet)(strtoull(argv[3], NULL, 16) >> (56 - 8 * i));
    if (by_name) strcpy((char *)key, argv[3]);
    need(size <= sizeof r && width + 4 <= sizeof e, "larger than this program takes");
    unsigned long long low = 0, count = be(h + (by_name ? 24 : 20), 4), high = count, at = be(h + (by_name ? 48 : 40), 8);
    while (low < high) {
        unsigned long long middle = (low + high) / 2;
        get(f, at + middle * (width + 4), e, width + 4);
        if (memcmp(e, key, width) < 0) low = middle + 1; else high = middle;
    }
    if (low < count) get(f, at + low * (width + 4), e, width + 4);
    need(low < count && !memcmp(e, key, width) && strlen((char *)key + width) == 0, "no such Device");
    get(f, be(h + 64, 8) + be(e + width, 4) * size, r, size);
    need(fits(r, size), "the record is damaged");
    const octet *k = r + 188 + name, *c = k + 2 * keys;
    show("eui64", r, 8);
    show("ds.der", c, be(r + 20, 2)); show("ds.key", k, be(r + 22, 2));
    show("ka.der", c + der, be(r + 24, 2)); show("ka.key", k + keys, be(r + 26, 2));
    size_t chain = be(r + 16, 4);
    need(chain <= sizeof r, "larger than this program takes");
    get(f, be(r + 8, 8), r, chain);
    show("chain.der", r, chain);
    return 0;
}
