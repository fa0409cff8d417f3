/*
 * What the machine says of itself as SMBIOS structures. DMTF DSP0134, version 3.0; section numbers below.
 *
 * The structures are at an address that the entry point holds: firmware copies the former to high memory and
 * sets the latter right, a board that starts a kernel directly asks for the address it has chosen.
 */
#include "cpu/x86/x86.h"
#include "hw/x86/pc-acpi.h"
#include "softmmu/base/bits.h"
#include "softmmu/base/error.h"
#include <string.h>

#define MAKER "amphi"
#define PRODUCT "Standard PC (Q35 + ICH9)"
#define ENTRY_SIZE 31
#define ENTRY3_SIZE 24
#define HANDLE_FIRMWARE 0x000
#define HANDLE_SYSTEM 0x100
#define HANDLE_BOARD 0x200
#define HANDLE_CHASSIS 0x300
#define HANDLE_CPU 0x400
#define HANDLE_OEM 0xe00
#define HANDLE_ARRAY 0x1000
#define HANDLE_DEVICE 0x1100
#define HANDLE_MAPPED 0x1300
#define HANDLE_BOOT 0x2000
#define HANDLE_END 0x7f00
#define NONE16 0xfffe
#define MAX_TABLES 0xffffu /* of version 2 */

typedef struct Smbios {
    const SmbiosOptions *options;
    GByteArray *data;
    unsigned count, largest;
    uint8_t type;        /* of the structure being made */
    unsigned start;      /* as well: where it begins */
    GByteArray *strings; /* as well: each with a zero */
    unsigned nstrings;
} Smbios;

/* A little-endian number of up to 8 bytes. */
static void put(Smbios *s, uint64_t value, unsigned size)
{
    value = GUINT64_TO_LE(value);
    g_byte_array_append(s->data, (const guint8 *)&value, size);
}

static void begin(Smbios *s, uint8_t type, uint16_t handle)
{
    s->type = type;
    s->start = s->data->len;
    s->nstrings = 0;
    g_byte_array_set_size(s->strings, 0);
    put(s, type, 1);
    put(s, 0, 1);
    put(s, handle, 2);
}

/* 6.1.3: strings are behind the structure, which has their numbers from 1; 0: there is none. One that is empty cannot be. */
static void add_string(Smbios *s, const char *text)
{
    g_byte_array_append(s->strings, (const guint8 *)text, strlen(text) + 1);
    s->nstrings++;
}

static void put_text(Smbios *s, const char *text)
{
    if (text && *text) {
        add_string(s, text);
    }
    put(s, text && *text ? s->nstrings : 0, 1);
}

/* What the user gave for @key, or else @text, which may be NULL. */
static void put_string(Smbios *s, const char *key, const char *text)
{
    put_text(s, smbios_options_text(s->options, s->type, key, text));
}

static void end(Smbios *s)
{
    s->data->data[s->start + 1] = s->data->len - s->start;
    g_byte_array_append(s->data, s->strings->data, s->strings->len);
    put(s, 0, s->nstrings ? 1 : 2);
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

/* 7.1: where no firmware says who it is, or the user knows better */
static void put_firmware(Smbios *s)
{
    begin(s, 0, HANDLE_FIRMWARE);
    put_string(s, "vendor", MAKER);
    put_string(s, "version", "direct start");
    put(s, 0, 2); /* segment */
    put_string(s, "date", "01/01/2026");
    put(s, 0, 1); /* size of the ROM */
    put(s, 1 << 3, 8);
    /* A virtual machine, perhaps with UEFI. */
    put(s, smbios_options_flag(s->options, 0, "uefi") ? 0x1800 : 0x1000, 2);
    put(s, smbios_options_number(s->options, 0, "release", UINT16_MAX), 2);
    put(s, UINT16_MAX, 2); /* of a controller: none */
    end(s);
}

/* 7.2 */
static void put_system(Smbios *s, Machine *machine)
{
    begin(s, 1, HANDLE_SYSTEM);
    put_string(s, "manufacturer", MAKER);
    put_string(s, "product", PRODUCT);
    put_string(s, "version", "1");
    put_string(s, "serial", NULL);
    put_uuid(s, machine->config.uuid); /* also of type=1,uuid= */
    put(s, 6, 1);                      /* woken by the power switch */
    put_string(s, "sku", NULL);
    put_string(s, "family", NULL);
    end(s);
}

/* 7.3: only if the user says something of it */
static void put_board(Smbios *s)
{
    if (!smbios_options_has(s->options, 2)) {
        return;
    }
    begin(s, 2, HANDLE_BOARD);
    put_string(s, "manufacturer", MAKER);
    put_string(s, "product", PRODUCT);
    put_string(s, "version", "1");
    put_string(s, "serial", NULL);
    put_string(s, "asset", NULL);
    put(s, 1, 1); /* it hosts others */
    put_string(s, "location", NULL);
    put(s, HANDLE_CHASSIS, 2);
    put(s, 10, 1); /* motherboard */
    put(s, 0, 1);
    end(s);
}

/* 7.4 */
static void put_chassis(Smbios *s)
{
    begin(s, 3, HANDLE_CHASSIS);
    put_string(s, "manufacturer", MAKER);
    put(s, 1, 1); /* "other" */
    put_string(s, "version", NULL);
    put_string(s, "serial", NULL);
    put_string(s, "asset", NULL);
    put(s, 0x02030303, 4); /* states: safe; security: unknown */
    put(s, 0, 4);
    put(s, 0, 4); /* height, power cords, contained elements */
    put_string(s, "sku", NULL);
    end(s);
}

/* 7.5: how many of what a socket has: a byte, in which 255 says that the word further down has it. */
static void put_counts(Smbios *s, unsigned cores, unsigned enabled, unsigned threads)
{
    put(s, MIN(cores, 255), 1);
    put(s, MIN(enabled, 255), 1);
    put(s, MIN(threads, 255), 1);
}

/* EAX and EDX of CPUID leaf 1. */
static uint64_t cpu_id(const Machine *machine)
{
    uint32_t reg[4] = {0};

    if (machine->ncpus) {
        x86_cpu_cpuid(machine->cpus[0], 1, 0, reg);
    }
    return (uint64_t)reg[3] << 32 | reg[0];
}

/* 7.5: one socket, with @n before it; CPUs fill one after the other. @cores: of a socket, @threads: of a core */
static void put_socket(Smbios *s, const SmbiosConfig *config, unsigned n, unsigned cores,
                       unsigned threads)
{
    unsigned in_socket = MIN(config->machine->ncpus - n * cores * threads, cores * threads);
    unsigned enabled = (in_socket + threads - 1) / threads;
    unsigned family = smbios_options_number(s->options, 4, "processor-family", 1);
    char *name = g_strdup_printf("%s %u", smbios_options_text(s->options, 4, "sock_pfx", "CPU"), n);

    begin(s, 4, HANDLE_CPU + n);
    put_text(s, name);
    put(s, 3, 1); /* central processor */
    put(s, family < 0xfe ? family : 0xfe, 1);
    put_string(s, "manufacturer", MAKER);
    put(s, smbios_options_number(s->options, 4, "processor-id", cpu_id(config->machine)), 8);
    put_string(s, "version", NULL);
    put(s, 0, 1);
    put(s, 0, 2); /* clock: unknown */
    put(s, smbios_options_number(s->options, 4, "max-speed", 2000), 2);
    put(s, smbios_options_number(s->options, 4, "current-speed", 2000), 2);
    put(s, 0x41, 1);                     /* populated, enabled */
    put(s, 1, 1);                        /* socket: other */
    put(s, UINT64_C(0xffffffffffff), 6); /* no cache structures */
    put_string(s, "serial", NULL);
    put_string(s, "asset", NULL);
    put_string(s, "part", NULL);
    put_counts(s, cores, enabled, in_socket);
    put(s, 4 | (cores > 1 ? 8 : 0) | (threads > 1 ? 16 : 0), 2); /* 64-bit, and what there is of */
    put(s, family, 2);
    if (config->version3) {
        put(s, cores, 2);
        put(s, enabled, 2);
        put(s, in_socket, 2);
    }
    end(s);
    g_free(name);
}

/* As CPUID has them. */
static void put_sockets(Smbios *s, const SmbiosConfig *config)
{
    const Machine *machine = config->machine;
    unsigned cores = 1, threads = 1;

    if (machine->ncpus) {
        x86_cpu_topology(machine->cpus[0], &cores, &threads);
    }
    for (unsigned n = 0; n * cores * threads < machine->ncpus; n++) {
        put_socket(s, config, n, cores, threads);
    }
}

/* 7.12 */
static void put_oem(Smbios *s)
{
    unsigned n = 0;

    if (!smbios_options_oem(s->options, 0)) {
        return;
    }
    begin(s, 11, HANDLE_OEM);
    for (; smbios_options_oem(s->options, n); n++) {
        const char *text = smbios_options_oem(s->options, n);
        add_string(s, *text ? text : " "); /* the others keep their numbers */
    }
    put(s, n, 1);
    end(s);
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
    end(s);
}

/* 7.17 to 7.19: one array with one module */
static void put_memory(Smbios *s, const SmbiosConfig *config)
{
    uint64_t size = config->low_ram + config->high_ram, mib = size / MIB, kib = size / KIB;
    char *place = g_strdup_printf("%s 0", smbios_options_text(s->options, 17, "loc_pfx", "DIMM"));
    unsigned speed = smbios_options_number(s->options, 17, "speed", 0);

    begin(s, 16, HANDLE_ARRAY);
    put(s, 0x060301, 3); /* other location, system memory, multi-bit correction */
    put(s, MIN(kib, 0x80000000u), 4);
    put(s, NONE16, 2);
    put(s, 1, 2);
    put(s, kib < 0x80000000u ? 0 : size, 8);
    end(s);
    begin(s, 17, HANDLE_DEVICE);
    put(s, HANDLE_ARRAY, 2);
    put(s, NONE16, 2);
    put(s, UINT64_C(0xffffffff), 4); /* widths: unknown */
    put(s, mib < 0x7fff ? mib : 0x7fff, 2);
    put(s, 9, 1); /* DIMM */
    put(s, 0, 1);
    put_text(s, place);
    put_string(s, "bank", NULL);
    put(s, 7, 1); /* RAM */
    put(s, 2, 2);
    put(s, speed, 2);
    put_string(s, "manufacturer", MAKER);
    put_string(s, "serial", NULL);
    put_string(s, "asset", NULL);
    put_string(s, "part", NULL);
    put(s, 0, 1);
    put(s, mib < 0x7fff ? 0 : mib, 4);
    put(s, speed, 2); /* as configured */
    put(s, 0, 6);
    end(s);
    g_free(place);
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

GBytes *smbios_make(const SmbiosConfig *config, GBytes **entry_point, GError **error)
{
    Smbios s = {.options = config->options,
                .data = g_byte_array_new(),
                .strings = g_byte_array_new()};
    if (config->address || smbios_options_has(config->options, 0)) {
        put_firmware(&s);
    }
    put_system(&s, config->machine);
    put_board(&s);
    put_chassis(&s);
    put_sockets(&s, config);
    put_oem(&s);
    put_memory(&s, config);
    begin(&s, 32, HANDLE_BOOT);
    put(&s, 0, 7); /* no errors */
    end(&s);
    begin(&s, 127, HANDLE_END);
    end(&s);
    g_byte_array_unref(s.strings);
    if (!config->version3 && (s.data->len > MAX_TABLES || s.largest > MAX_TABLES)) {
        g_byte_array_unref(s.data);
        error_set(error, "-smbios: that is more than 64 KiB; give -machine "
                         "smbios-entry-point-type=64 too, or less");
        return NULL;
    }
    *entry_point = config->version3 ? make_entry_point3(&s, config->address)
                                    : make_entry_point(&s, config->address);
    return g_byte_array_free_to_bytes(s.data);
}
