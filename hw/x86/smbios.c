/*
 * What the machine says of itself as SMBIOS structures. DMTF DSP0134, version 3.0; section numbers below.
 *
 * The structures are at an address that the entry point holds: firmware copies the former to high memory and
 * sets the latter right, a board that starts a kernel directly asks for the address it has chosen.
 */
#include "hw/x86/pc-acpi.h"
#include "softmmu/base/bits.h"
#include <string.h>

#define MAKER "amphi"
#define PRODUCT "Standard PC (Q35 + ICH9)"
#define ENTRY_SIZE 31
#define ENTRY3_SIZE 24
#define HANDLE_FIRMWARE 0x000
#define HANDLE_SYSTEM 0x100
#define HANDLE_CHASSIS 0x300
#define HANDLE_CPU 0x400
#define HANDLE_ARRAY 0x1000
#define HANDLE_DEVICE 0x1100
#define HANDLE_MAPPED 0x1300
#define HANDLE_BOOT 0x2000
#define HANDLE_END 0x7f00
#define NONE16 0xfffe

typedef struct Smbios {
    GByteArray *data;
    unsigned count, largest;
    unsigned start; /* of the structure being made */
} Smbios;

/* A little-endian number of up to 8 bytes. */
static void put(Smbios *s, uint64_t value, unsigned size)
{
    value = GUINT64_TO_LE(value);
    g_byte_array_append(s->data, (const guint8 *)&value, size);
}

static void begin(Smbios *s, uint8_t type, uint16_t handle)
{
    s->start = s->data->len;
    put(s, type, 1);
    put(s, 0, 1);
    put(s, handle, 2);
}

/* Ends it with its strings, which it has named by number from 1. */
static void end(Smbios *s, const char *const *strings)
{
    s->data->data[s->start + 1] = s->data->len - s->start;
    for (unsigned i = 0; strings && strings[i]; i++) {
        g_byte_array_append(s->data, (const guint8 *)strings[i], strlen(strings[i]) + 1);
    }
    put(s, 0, strings ? 1 : 2);
    s->count++;
    s->largest = MAX(s->largest, s->data->len - s->start);
}

/* 16 bytes with the first three fields little-endian. */
static void put_uuid(Smbios *s, const char *text)
{
    static const uint8_t order[] = {3, 2, 1, 0, 5, 4, 7, 6, 8, 9, 10, 11, 12, 13, 14, 15};
    uint8_t bytes[16] = {0};
    unsigned n = 0;
    for (; text && *text && n < 32; text++) {
        if (g_ascii_isxdigit(*text)) {
            bytes[n / 2] = bytes[n / 2] << 4 | g_ascii_xdigit_value(*text);
            n++;
        }
    }
    for (unsigned i = 0; i < sizeof(bytes); i++) {
        put(s, bytes[order[i]], 1);
    }
}

/* 7.1: where no firmware says who it is */
static void put_firmware(Smbios *s)
{
    static const char *const strings[] = {MAKER, "direct start", "01/01/2026", NULL};
    begin(s, 0, HANDLE_FIRMWARE);
    put(s, 1 | 2 << 8, 2);
    put(s, 0, 2); /* segment */
    put(s, 3, 1); /* date */
    put(s, 0, 1); /* size of the ROM */
    put(s, 1 << 3, 8);
    put(s, 0x1000, 2);     /* a virtual machine */
    put(s, UINT32_MAX, 4); /* no releases */
    end(s, strings);
}

/* 7.2 */
static void put_system(Smbios *s, Machine *machine)
{
    static const char *const strings[] = {MAKER, PRODUCT, "1", NULL};
    begin(s, 1, HANDLE_SYSTEM);
    put(s, 1 | 2 << 8 | 3 << 16, 4); /* maker, product, version; no serial number */
    put_uuid(s, machine->config.uuid);
    put(s, 6, 1); /* woken by the power switch */
    put(s, 0, 2);
    end(s, strings);
}

/* 7.4 */
static void put_chassis(Smbios *s)
{
    static const char *const strings[] = {MAKER, NULL};
    begin(s, 3, HANDLE_CHASSIS);
    put(s, 1, 1);
    put(s, 1, 1); /* "other" */
    put(s, 0, 3);
    put(s, 0x02030303, 4); /* states: safe; security: unknown */
    put(s, 0, 4);
    put(s, 0, 4); /* height, power cords, contained elements */
    put(s, 0, 1);
    end(s, strings);
}

/* 7.5 */
static void put_cpu(Smbios *s, unsigned n)
{
    char socket[16];
    g_snprintf(socket, sizeof(socket), "CPU %u", n);
    const char *const strings[] = {socket, MAKER, NULL};
    begin(s, 4, HANDLE_CPU + n);
    put(s, 1, 1);
    put(s, 3, 1); /* central processor */
    put(s, 1, 1); /* family: other */
    put(s, 2, 1);
    put(s, 0, 8); /* identity: CPUID says it */
    put(s, 0, 1);
    put(s, 0, 1);
    put(s, 0, 2);    /* clock: unknown */
    put(s, 2000, 2); /* MHz, at most and now */
    put(s, 2000, 2);
    put(s, 0x41, 1);                     /* populated, enabled */
    put(s, 1, 1);                        /* socket: other */
    put(s, UINT64_C(0xffffffffffff), 6); /* no cache structures */
    put(s, 0, 3);
    put(s, 0x010101, 3); /* cores, enabled cores, threads */
    put(s, 4, 2);        /* 64-bit */
    put(s, 1, 2);
    end(s, strings);
}

/* 7.20: addresses below 4 TiB, where those of all of the machine's memory are */
static void put_mapped(Smbios *s, unsigned n, uint64_t addr, uint64_t size)
{
    begin(s, 19, HANDLE_MAPPED + n);
    put(s, addr / KIB, 4);
    put(s, (addr + size) / KIB - 1, 4);
    put(s, HANDLE_ARRAY, 2);
    put(s, 1, 1);
    put(s, 0, 8);
    put(s, 0, 8);
    end(s, NULL);
}

/* 7.17 to 7.19: one array with one module */
static void put_memory(Smbios *s, const SmbiosConfig *config)
{
    static const char *const strings[] = {"DIMM 0", MAKER, NULL};
    uint64_t size = config->low_ram + config->high_ram, mib = size / MIB, kib = size / KIB;
    begin(s, 16, HANDLE_ARRAY);
    put(s, 0x060301, 3); /* other location, system memory, multi-bit correction */
    put(s, MIN(kib, 0x80000000u), 4);
    put(s, NONE16, 2);
    put(s, 1, 2);
    put(s, kib < 0x80000000u ? 0 : size, 8);
    end(s, NULL);
    begin(s, 17, HANDLE_DEVICE);
    put(s, HANDLE_ARRAY, 2);
    put(s, NONE16, 2);
    put(s, UINT64_C(0xffffffff), 4); /* widths: unknown */
    put(s, mib < 0x7fff ? mib : 0x7fff, 2);
    put(s, 9, 1); /* DIMM */
    put(s, 0, 1);
    put(s, 1, 1);
    put(s, 0, 1);
    put(s, 7, 1); /* RAM */
    put(s, 2, 2);
    put(s, 0, 2);
    put(s, 2, 1);
    put(s, 0, 3);
    put(s, 0, 1);
    put(s, mib < 0x7fff ? 0 : mib, 4);
    put(s, 0, 2);
    put(s, 0, 6);
    end(s, strings);
    put_mapped(s, 0, 0, config->low_ram);
    if (config->high_ram) {
        put_mapped(s, 1, 4 * GIB, config->high_ram);
    }
}

static uint8_t sum(const uint8_t *data, unsigned len)
{
    uint8_t total = 0;
    while (len--) {
        total += *data++;
    }
    return total;
}

/* 5.2.1 */
static GBytes *make_entry_point(const Smbios *s, uint64_t address)
{
    uint8_t e[ENTRY_SIZE] = "_SM_";
    uint32_t addr = GUINT32_TO_LE((uint32_t)address);
    uint16_t largest = GUINT16_TO_LE(s->largest), len = GUINT16_TO_LE(s->data->len);
    uint16_t count = GUINT16_TO_LE(s->count);
    e[5] = ENTRY_SIZE;
    e[6] = 2;
    e[7] = 8;
    memcpy(e + 8, &largest, 2);
    memcpy(e + 16, "_DMI_", 5);
    memcpy(e + 22, &len, 2);
    memcpy(e + 24, &addr, 4);
    memcpy(e + 28, &count, 2);
    e[30] = 0x28;
    e[21] = -sum(e + 16, 15);
    e[4] = -sum(e, ENTRY_SIZE);
    return g_bytes_new(e, sizeof(e));
}

/* 5.2.2 */
static GBytes *make_entry_point3(const Smbios *s, uint64_t address)
{
    uint8_t e[ENTRY3_SIZE] = "_SM3_";
    uint32_t len = GUINT32_TO_LE(s->data->len);
    uint64_t addr = GUINT64_TO_LE(address);
    e[6] = ENTRY3_SIZE;
    e[7] = 3;
    e[10] = 1; /* revision of the entry point */
    memcpy(e + 12, &len, 4);
    memcpy(e + 16, &addr, 8);
    e[5] = -sum(e, ENTRY3_SIZE);
    return g_bytes_new(e, sizeof(e));
}

GBytes *smbios_make(const SmbiosConfig *config, GBytes **entry_point)
{
    Smbios s = {.data = g_byte_array_new()};
    if (config->address) {
        put_firmware(&s);
    }
    put_system(&s, config->machine);
    put_chassis(&s);
    for (unsigned i = 0; i < config->machine->ncpus; i++) {
        put_cpu(&s, i);
    }
    put_memory(&s, config);
    begin(&s, 32, HANDLE_BOOT);
    put(&s, 0, 7); /* no errors */
    end(&s, NULL);
    begin(&s, 127, HANDLE_END);
    end(&s, NULL);
    *entry_point = config->version3 ? make_entry_point3(&s, config->address)
                                    : make_entry_point(&s, config->address);
    return g_byte_array_free_to_bytes(s.data);
}
