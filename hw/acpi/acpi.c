/*
 * ACPI tables: see acpi.h. ACPI 6.4 section 5.2.
 */
#include "hw/acpi/acpi.h"
#include "softmmu/base/bits.h"
#include <string.h>

#define FILE_TABLES "etc/acpi/tables"
#define FILE_RSDP "etc/acpi/rsdp"
#define FILE_LOADER "etc/table-loader"

#define HEADER_SIZE 36
#define HEADER_LENGTH 4
#define HEADER_CHECKSUM 9
#define OEM_ID "AMPHI "
#define OEM_TABLE_ID "AMPHIPC "
#define CREATOR_ID "AMPH"

#define RSDP_SIZE 36
#define RSDP_V1_SIZE 20
#define RSDP_CHECKSUM 8
#define RSDP_RSDT 16
#define RSDP_XSDT 24
#define RSDP_EXT_CHECKSUM 32

/* Commands of the table loader. */
enum { LOADER_ALLOCATE = 1, LOADER_ADD_POINTER = 2, LOADER_ADD_CHECKSUM = 3 };
enum { ZONE_HIGH = 1, ZONE_FSEG = 2 };
#define LOADER_ENTRY 128
#define LOADER_NAME 56

typedef struct AcpiPointer {
    bool in_rsdp; /* else in the blob */
    unsigned at, size;
} AcpiPointer;

typedef struct AcpiChecksum {
    unsigned at, start, len; /* in the blob */
} AcpiChecksum;

struct AcpiTables {
    GByteArray *blob;
    GArray *pointers;  /* of AcpiPointer; what is there is the offset in the blob */
    GArray *checksums; /* of AcpiChecksum */
    GArray *listed;    /* of unsigned: offsets of tables */
    uint8_t rsdp[RSDP_SIZE];
};

AcpiTables *acpi_tables_new(void)
{
    AcpiTables *t = g_new0(AcpiTables, 1);
    t->blob = g_byte_array_new();
    t->pointers = g_array_new(false, false, sizeof(AcpiPointer));
    t->checksums = g_array_new(false, false, sizeof(AcpiChecksum));
    t->listed = g_array_new(false, false, sizeof(unsigned));
    return t;
}

void acpi_tables_free(AcpiTables *t)
{
    if (t) {
        g_byte_array_unref(t->blob);
        g_array_free(t->pointers, true);
        g_array_free(t->checksums, true);
        g_array_free(t->listed, true);
        g_free(t);
    }
}

/* ---- Contents ---- */

void acpi_put(AcpiTables *t, uint64_t value, unsigned size)
{
    value = GUINT64_TO_LE(value);
    g_byte_array_append(t->blob, (const guint8 *)&value, size);
}

void acpi_put_bytes(AcpiTables *t, const void *data, size_t len)
{
    g_byte_array_append(t->blob, data, len);
}

void acpi_put_zeros(AcpiTables *t, unsigned n)
{
    while (n--) {
        acpi_put(t, 0, 1);
    }
}

unsigned acpi_align(AcpiTables *t, unsigned align)
{
    acpi_put_zeros(t, align_up(t->blob->len, align) - t->blob->len);
    return t->blob->len;
}

void acpi_put_pointer(AcpiTables *t, unsigned offset, unsigned size)
{
    AcpiPointer pointer = {false, t->blob->len, size};
    acpi_put(t, offset, size);
    g_array_append_val(t->pointers, pointer);
}

void acpi_put_address(AcpiTables *t, uint8_t space, uint8_t bits, uint8_t access, uint64_t addr)
{
    acpi_put(t, space, 1);
    acpi_put(t, bits, 1);
    acpi_put(t, 0, 1);
    acpi_put(t, access, 1);
    acpi_put(t, addr, 8);
}

unsigned acpi_begin(AcpiTables *t, const char *signature, uint8_t revision)
{
    unsigned start = acpi_align(t, 8);
    acpi_put_bytes(t, signature, 4);
    acpi_put(t, 0, 4); /* length */
    acpi_put(t, revision, 1);
    acpi_put(t, 0, 1); /* checksum */
    acpi_put_bytes(t, OEM_ID, 6);
    acpi_put_bytes(t, OEM_TABLE_ID, 8);
    acpi_put(t, 1, 4);
    acpi_put_bytes(t, CREATOR_ID, 4);
    acpi_put(t, 1, 4);
    return start;
}

static void note_table(AcpiTables *t, unsigned start, unsigned len, bool listed)
{
    AcpiChecksum checksum = {start + HEADER_CHECKSUM, start, len};
    t->blob->data[start + HEADER_CHECKSUM] = 0;
    g_array_append_val(t->checksums, checksum);
    if (listed) {
        g_array_append_val(t->listed, start);
    }
}

void acpi_end(AcpiTables *t, unsigned start, bool listed)
{
    uint32_t len = GUINT32_TO_LE(t->blob->len - start);
    memcpy(t->blob->data + start + HEADER_LENGTH, &len, sizeof(len));
    note_table(t, start, t->blob->len - start, listed);
}

void acpi_add_table(AcpiTables *t, const uint8_t *data, size_t len, bool listed)
{
    unsigned start = acpi_align(t, 8);
    acpi_put_bytes(t, data, len);
    note_table(t, start, len, listed);
}

static unsigned add_root_table(AcpiTables *t, const char *signature, unsigned size)
{
    unsigned start = acpi_begin(t, signature, 1);
    for (unsigned i = 0; i < t->listed->len; i++) {
        acpi_put_pointer(t, g_array_index(t->listed, unsigned, i), size);
    }
    acpi_end(t, start, false);
    return start;
}

static void rsdp_pointer(AcpiTables *t, unsigned at, uint64_t offset, unsigned size)
{
    AcpiPointer pointer = {true, at, size};
    offset = GUINT64_TO_LE(offset);
    memcpy(t->rsdp + at, &offset, size);
    g_array_append_val(t->pointers, pointer);
}

void acpi_finish(AcpiTables *t)
{
    unsigned rsdt = add_root_table(t, "RSDT", 4), xsdt = add_root_table(t, "XSDT", 8);
    memcpy(t->rsdp, "RSD PTR ", 8);
    memcpy(t->rsdp + 9, OEM_ID, 6);
    t->rsdp[15] = 2; /* revision */
    t->rsdp[20] = RSDP_SIZE;
    rsdp_pointer(t, RSDP_RSDT, rsdt, 4);
    rsdp_pointer(t, RSDP_XSDT, xsdt, 8);
    acpi_align(t, ACPI_TABLES_ALIGN);
}

/* ---- Placing ---- */

static void fix_pointers(const AcpiTables *t, uint8_t *data, bool in_rsdp, uint64_t base)
{
    for (unsigned i = 0; i < t->pointers->len; i++) {
        const AcpiPointer *p = &g_array_index(t->pointers, AcpiPointer, i);
        if (p->in_rsdp == in_rsdp) {
            uint64_t value = 0;
            memcpy(&value, data + p->at, p->size);
            value += base;
            memcpy(data + p->at, &value, p->size);
        }
    }
}

static void fix_checksum(uint8_t *data, unsigned at, unsigned start, unsigned len)
{
    uint8_t sum = 0;
    data[at] = 0;
    for (unsigned i = 0; i < len; i++) {
        sum += data[start + i];
    }
    data[at] = -sum;
}

GBytes *acpi_get_tables(const AcpiTables *t, uint64_t tables_base)
{
    uint8_t *data = g_memdup2(t->blob->data, t->blob->len);
    fix_pointers(t, data, false, tables_base);
    for (unsigned i = 0; i < t->checksums->len; i++) {
        const AcpiChecksum *c = &g_array_index(t->checksums, AcpiChecksum, i);
        fix_checksum(data, c->at, c->start, c->len);
    }
    return g_bytes_new_take(data, t->blob->len);
}

GBytes *acpi_get_rsdp(const AcpiTables *t, uint64_t tables_base)
{
    uint8_t *data = g_memdup2(t->rsdp, RSDP_SIZE);
    fix_pointers(t, data, true, tables_base);
    fix_checksum(data, RSDP_CHECKSUM, 0, RSDP_V1_SIZE);
    fix_checksum(data, RSDP_EXT_CHECKSUM, 0, RSDP_SIZE);
    return g_bytes_new_take(data, RSDP_SIZE);
}

/* ---- The table loader ---- */

/* A command with the file it is about. */
static uint8_t *add_command(GByteArray *script, uint32_t command, const char *file)
{
    g_byte_array_set_size(script, script->len + LOADER_ENTRY);
    uint8_t *entry = script->data + script->len - LOADER_ENTRY;
    memset(entry, 0, LOADER_ENTRY);
    command = GUINT32_TO_LE(command);
    memcpy(entry, &command, sizeof(command));
    g_strlcpy((char *)entry + 4, file, LOADER_NAME);
    return entry + 4 + LOADER_NAME;
}

static void put_le32(uint8_t *at, uint32_t value)
{
    value = GUINT32_TO_LE(value);
    memcpy(at, &value, sizeof(value));
}

static void add_allocate(GByteArray *script, const char *file, uint32_t align, uint8_t zone)
{
    uint8_t *args = add_command(script, LOADER_ALLOCATE, file);
    put_le32(args, align);
    args[4] = zone;
}

static void add_checksum(GByteArray *script, const char *file, const AcpiChecksum *c)
{
    uint8_t *args = add_command(script, LOADER_ADD_CHECKSUM, file);
    put_le32(args, c->at);
    put_le32(args + 4, c->start);
    put_le32(args + 8, c->len);
}

static GBytes *make_script(const AcpiTables *t)
{
    static const AcpiChecksum rsdp_sums[] = {
        {RSDP_CHECKSUM, 0, RSDP_V1_SIZE},
        {RSDP_EXT_CHECKSUM, 0, RSDP_SIZE},
    };
    GByteArray *script = g_byte_array_new();
    add_allocate(script, FILE_RSDP, 16, ZONE_FSEG);
    add_allocate(script, FILE_TABLES, ACPI_TABLES_ALIGN, ZONE_HIGH);
    for (unsigned i = 0; i < t->pointers->len; i++) {
        const AcpiPointer *p = &g_array_index(t->pointers, AcpiPointer, i);
        uint8_t *args =
            add_command(script, LOADER_ADD_POINTER, p->in_rsdp ? FILE_RSDP : FILE_TABLES);
        g_strlcpy((char *)args, FILE_TABLES, LOADER_NAME);
        put_le32(args + LOADER_NAME, p->at);
        args[LOADER_NAME + 4] = p->size;
    }
    for (unsigned i = 0; i < t->checksums->len; i++) {
        add_checksum(script, FILE_TABLES, &g_array_index(t->checksums, AcpiChecksum, i));
    }
    for (unsigned i = 0; i < ARRAY_SIZE(rsdp_sums); i++) {
        add_checksum(script, FILE_RSDP, &rsdp_sums[i]);
    }
    return g_byte_array_free_to_bytes(script);
}

static GBytes *raw_tables(const AcpiTables *t)
{
    return g_bytes_new(t->blob->data, t->blob->len);
}

void acpi_update_fw_cfg(const AcpiTables *t, FwCfg *fw_cfg)
{
    GBytes *tables = raw_tables(t), *script = make_script(t);
    fw_cfg_replace_file(fw_cfg, FILE_TABLES, tables);
    fw_cfg_replace_file(fw_cfg, FILE_LOADER, script);
    g_bytes_unref(tables);
    g_bytes_unref(script);
}

void acpi_add_to_fw_cfg(const AcpiTables *t, FwCfg *fw_cfg, void (*again)(void *opaque),
                        void *opaque)
{
    GBytes *tables = raw_tables(t), *script = make_script(t);
    GBytes *rsdp = g_bytes_new(t->rsdp, RSDP_SIZE);
    fw_cfg_add_file(fw_cfg, FILE_TABLES, tables);
    fw_cfg_add_file(fw_cfg, FILE_RSDP, rsdp);
    fw_cfg_add_file(fw_cfg, FILE_LOADER, script);
    if (again) {
        fw_cfg_watch_file(fw_cfg, FILE_TABLES, again, opaque);
        fw_cfg_watch_file(fw_cfg, FILE_LOADER, again, opaque);
    }
    g_bytes_unref(tables);
    g_bytes_unref(rsdp);
    g_bytes_unref(script);
}
