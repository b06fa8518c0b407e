/* Finds one Device in a file of the format device-file, and prints its keys, certificates and chain
   in hexadecimal. NAME is its EUI-64 in 16 hexadecimal digits, or a name of the second index.

       gcc -std=c99 -Wall -Wextra -pedantic -o read_device_file read_device_file.c
       ./read_device_file devices.smki 00DB120000001000

   It needs no memory beyond one record, whose most octets are the size of `record`. */

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static unsigned char header[256], entry[68], record[16384];

static unsigned long number(const unsigned char *at, int octets)
{
    unsigned long value = 0;
    while (octets--) value = value << 8 | *at++;
    return value;
}

static unsigned long crc32(const unsigned char *at, size_t octets)
{
    unsigned long crc = 0xFFFFFFFFul;
    while (octets--) {
        crc ^= *at++;
        for (int bit = 0; bit < 8; bit++) crc = crc >> 1 ^ (crc & 1 ? 0xEDB88320ul : 0);
    }
    return crc ^ 0xFFFFFFFFul;
}

static void need(int is_so, const char *otherwise)
{
    if (!is_so) { fprintf(stderr, "%s\n", otherwise); exit(1); }
}

static void get(FILE *file, unsigned long at, unsigned char *to, size_t octets)
{
    need(!fseek(file, (long)at, SEEK_SET) && fread(to, 1, octets, file) == octets, "cut short");
}

/* The number of the record that an index of sorted entries has for a key; -1 if it has none. */
static long find(FILE *file, unsigned long index, unsigned long count, const void *key, size_t width)
{
    unsigned long low = 0, high = count;
    while (low < high) {
        unsigned long middle = low + (high - low) / 2;
        get(file, index + middle * (width + 4), entry, width + 4);
        int order = memcmp(entry, key, width);
        if (order == 0) return (long)number(entry + width, 4);
        if (order < 0) low = middle + 1; else high = middle;
    }
    return -1;
}

static void print(const char *name, const unsigned char *at, unsigned long octets)
{
    printf("%s ", name);
    while (octets--) printf("%02x", *at++);
    printf("\n");
}

int main(int count, char **words)
{
    need(count == 3, "usage: read_device_file FILE NAME");
    FILE *file = fopen(words[1], "rb");
    need(file != NULL, "the file cannot be opened");
    get(file, 0, header, 256);
    need(!memcmp(header, "SMKIDEVS\0\1", 10), "not a device-file of version 1");
    need(crc32(header, 252) == number(header + 252, 4), "the header is damaged");
    unsigned long size = number(header + 28, 4), name = number(header + 32, 2);
    unsigned long key = number(header + 34, 2), certificate = number(header + 36, 2);
    need(size <= sizeof record && name <= 64, "larger than this program takes");

    unsigned char wanted[64] = {0}, id[8] = {0};
    strncpy((char *)wanted, words[2], sizeof wanted);
    for (int i = 0; i < 8 && strlen(words[2]) == 16; i++) {
        char pair[3] = {words[2][2 * i], words[2][2 * i + 1], 0};
        id[i] = (unsigned char)strtoul(pair, NULL, 16);
    }
    long place = find(file, number(header + 40, 8), number(header + 20, 4), id, 8);
    if (place < 0) place = find(file, number(header + 48, 8), number(header + 24, 4), wanted, name);
    need(place >= 0, "no such Device");

    get(file, number(header + 64, 8) + (unsigned long)place * size, record, size);
    need(crc32(record, size - 4) == number(record + size - 4, 4), "the record is damaged");
    const unsigned char *keys = record + 188 + name, *certificates = keys + 2 * key;
    print("eui64", record, 8);
    print("ds.der", certificates, number(record + 20, 2));
    print("ds.key", keys, number(record + 22, 2));
    print("ka.der", certificates + certificate, number(record + 24, 2));
    print("ka.key", keys + key, number(record + 26, 2));
    unsigned long chain = number(record + 16, 4);
    unsigned long at = number(record + 8, 8);
    need(chain <= sizeof record, "larger than this program takes");
    get(file, at, record, chain);
    print("chain.der", record, chain);
    return 0;
}
