/* Prints what a file of the format device-file has of one Device, in hexadecimal. It takes no memory
   but the three buffers below; docs/factory-formats.md has the offsets, and lists the checks.

       gcc -std=c99 -o read_device_file read_device_file.c
       ./read_device_file devices.smki id 00DB120000001000
       ./read_device_file devices.smki name SN-0001 */

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

typedef unsigned char octet;
typedef unsigned long long number;
static octet h[256], e[68], r[16384]; /* the header, an entry of an index, a record or a chain */
static number end; /* octets of the file */

static number be(const octet *p, int n) { number v = 0; while (n--) v = v << 8 | *p++; return v; }
static void need(int is_so, const char *otherwise) { if (!is_so) { fprintf(stderr, "%s\n", otherwise); exit(1); } }
static void get(FILE *f, number at, octet *to, size_t n) { need(at <= end && n <= end - at && !fseek(f, (long)at, SEEK_SET) && fread(to, 1, n, f) == n, "cut short"); }
static void show(const char *name, const octet *p, size_t n) { printf("%s ", name); while (n--) printf("%02x", *p++); printf("\n"); }
static unsigned long crc(unsigned long before, const octet *p, size_t n) /* the CRC-32 of octets that follow others */
{
    unsigned long c = before ^ 0xFFFFFFFF;
    while (n--)
        for (int bit = (c ^= *p++, 0); bit < 8; bit++) c = c >> 1 ^ (c & 1 ? 0xEDB88320 : 0);
    return c ^ 0xFFFFFFFF;
}
static void check(FILE *f, number from, number to, number sum) /* that a part of the file has this CRC-32 */
{
    unsigned long c = 0;
    for (size_t n; from < to; from += n) {
        n = to - from < sizeof r ? (size_t)(to - from) : sizeof r;
        get(f, from, r, n);
        c = crc(c, r, n);
    }
    need(c == sum, "an index or the chains are damaged");
}
static int is_serial(const octet *p, const octet *key) { char s[33]; for (int i = 0; i < 16; i++) sprintf(s + 2 * i, "%02X", p[i]); return !memcmp(s, key, 32); }

int main(int argc, char **argv)
{
    octet key[256] = {0};
    FILE *f = argc == 4 && strlen(argv[3]) < sizeof key ? fopen(argv[1], "rb") : NULL;
    long length = f && !fseek(f, 0, SEEK_END) ? ftell(f) : -1;
    int by_name = f && !strcmp(argv[2], "name");
    need(length >= 0 && (by_name || (!strcmp(argv[2], "id") && strlen(argv[3]) == 16)), "usage: read_device_file FILE id|name KEY");
    end = (number)length;
    get(f, 0, h, 256);
    need(!memcmp(h, "SMKIDEVS\0\1\1\0", 12) && crc(0, h, 252) == be(h + 252, 4), "not a device-file of version 1, or damaged");
    number devices = be(h + 20, 4), names = be(h + 24, 4), ids_at = be(h + 40, 8), names_at = be(h + 48, 8), chains_at = be(h + 56, 8), records_at = be(h + 64, 8);
    size_t size = be(h + 28, 4), name = be(h + 32, 2), keys = be(h + 34, 2), der = be(h + 36, 2), width = by_name ? name : 8;
    need(name + 4 <= sizeof e && size <= sizeof r && size == 188 + name + 2 * keys + 2 * der + 4, "larger than this program takes, or damaged");
    need(ids_at == 256 && names_at == ids_at + 12 * devices && chains_at == names_at + (name + 4) * names && chains_at <= records_at && records_at <= end
         && records_at + size * devices + 32 == end && be(h + 72, 8) == end, "the header is wrong, or the file was cut");
    check(f, ids_at, names_at, be(h + 80, 4));
    check(f, names_at, chains_at, be(h + 84, 4));
    check(f, chains_at, records_at, be(h + 88, 4));
    for (int i = 0; i < 8 && !by_name; i++) key[i] = (octet)(strtoull(argv[3], NULL, 16) >> (56 - 8 * i));
    if (by_name) strcpy((char *)key, argv[3]);
    number low = 0, count = by_name ? names : devices, high = count, at = by_name ? names_at : ids_at;
    while (low < high) {
        number middle = (low + high) / 2;
        get(f, at + middle * (width + 4), e, width + 4);
        if (memcmp(e, key, width) < 0) low = middle + 1; else high = middle;
    }
    if (low < count) get(f, at + low * (width + 4), e, width + 4);
    need(low < count && !memcmp(e, key, width) && key[width] == 0, "no such Device");
    need(be(e + width, 4) < devices, "the index is wrong");
    get(f, records_at + be(e + width, 4) * size, r, size);
    const octet *k = r + 188 + name, *c = k + 2 * keys;
    size_t chain = be(r + 16, 4);
    at = be(r + 8, 8);
    need(crc(0, r, size - 4) == be(r + size - 4, 4), "the record is damaged");
    need(!by_name ? !memcmp(r, key, 8) : h[15] & 8 ? !memcmp(r + 188, key, name) : is_serial(r + 28, key) || is_serial(r + 44, key), "the record is another Device's");
    need(be(r + 20, 2) <= der && be(r + 22, 2) <= keys && be(r + 24, 2) <= der && be(r + 26, 2) <= keys, "the record is wrong");
    need(chain <= sizeof r && at >= chains_at && at <= records_at && chain <= records_at - at, "the chain is not where chains are, or larger than this program takes");
    show("eui64", r, 8);
    show("ds.der", c, be(r + 20, 2)); show("ds.key", k, be(r + 22, 2));
    show("ka.der", c + der, be(r + 24, 2)); show("ka.key", k + keys, be(r + 26, 2));
    get(f, at, r, chain);
    show("chain.der", r, chain);
    return 0;
}
