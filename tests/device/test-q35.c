/*
 * The q35 machine as its firmware sees it: PCI configuration, the first megabyte, fw_cfg with ACPI tables (which
 * iasl has to like), power management.
 */
#include "cpu/x86/state.h"
#include "cpu/x86/x86.h"
#include "hw/hw.h"
#include "hw/x86/boards.h"
#include "hw/x86/ich9.h"
#include "hw/x86/mch.h"
#include "hw/x86/smbios-options.h"
#include "tests/device/harness.h"
#include <glib/gstdio.h>
#include <linux/pci_regs.h>
#include <string.h>

#define FW_CFG 0x510
#define RAM_SIZE (64 * MIB)

typedef struct Fixture {
    Machine *machine;
    char *bios; /* a file: 0xb1 repeated */
} Fixture;

/* A machine with a file of @size bytes as its firmware, and what else @config says. */
static void setup_with_bios(Fixture *f, MachineConfig config, size_t size)
{
    GError *error = NULL;
    char *text = g_strnfill(size, (char)0xb1);
    int fd = g_file_open_tmp("amphi-q35-XXXXXX", &f->bios, &error);
    g_assert_no_error(error);
    g_close(fd, NULL);
    g_assert_true(g_file_set_contents(f->bios, text, size, NULL));
    g_free(text);
    config.bios = f->bios;
    config.ram_size = config.ram_size ? config.ram_size : RAM_SIZE;
    config.cpus = config.cpus ? config.cpus : 2;
    config.no_vga = true;
    f->machine = machine_new(&x86_q35_machine, &config, true, &error);
    g_assert_no_error(error);
    machine_lock(f->machine);
    clock_start(f->machine->clock);
}

static void setup_with(Fixture *f, MachineConfig config)
{
    setup_with_bios(f, config, 128 * KIB);
}

static void setup(Fixture *f, gconstpointer data)
{
    setup_with(f, (MachineConfig){0});
}

static void teardown(Fixture *f, gconstpointer data)
{
    machine_unlock(f->machine);
    machine_free(f->machine);
    g_unlink(f->bios);
    g_free(f->bios);
}

static uint32_t in(Fixture *f, uint16_t port, unsigned size)
{
    return machine_pio_read(f->machine, port, size);
}

static void out(Fixture *f, uint16_t port, uint32_t value, unsigned size)
{
    machine_pio_write(f->machine, port, value, size);
}

static uint32_t config_read(Fixture *f, unsigned slot, unsigned fn, unsigned reg, unsigned size)
{
    out(f, 0xcf8, 0x80000000u | slot << 11 | fn << 8 | (reg & 0xfc), 4);
    return in(f, 0xcfc + (reg & 3), size);
}

static void config_write(Fixture *f, unsigned slot, unsigned fn, unsigned reg, uint32_t value,
                         unsigned size)
{
    out(f, 0xcf8, 0x80000000u | slot << 11 | fn << 8 | (reg & 0xfc), 4);
    out(f, 0xcfc + (reg & 3), value, size);
}

static void test_config(Fixture *f, gconstpointer data)
{
    g_assert_cmphex(config_read(f, 0, 0, 0, 4), ==, 0x29c08086);
    g_assert_cmphex(config_read(f, 0x1f, 0, 0, 4), ==, 0x29188086);
    g_assert_cmphex(config_read(f, 0x1f, 0, 2, 2), ==, 0x2918);
    g_assert_cmphex(config_read(f, 0x1f, 0, 0xb, 1), ==, 6);
    g_assert_cmphex(config_read(f, 3, 0, 0, 4), ==, 0xffffffff);
    g_assert_cmphex(in(f, 0xcf8, 4), ==, 0x80001800);
    out(f, 0xcf8, 0, 4);
    g_assert_cmphex(in(f, 0xcfc, 4), ==, 0xffffffff); /* not enabled */
    config_write(f, 0, 0, 0x60, 0xb0000001, 4);
    g_assert_cmphex(rd32(f->machine, 0xb0000000), ==, 0x29c08086);
    g_assert_cmphex(rd32(f->machine, 0xb0000000 + (0x1f << 15)), ==, 0x29188086);
    g_assert_cmphex(rd32(f->machine, 0xb0000000 + (0x1f << 15) + 0x100), ==, 0xffffffff);
    g_assert_cmphex(rd32(f->machine, 0xb0100000), ==, 0xffffffff);
    config_write(f, 0, 0, 0x60, 0xc0000001, 4);
    g_assert_cmphex(rd32(f->machine, 0xc0000000), ==, 0x29c08086);
    g_assert_cmphex(rd32(f->machine, 0xb0000000), ==, 0xffffffff);
    config_write(f, 0, 0, 0x60, 0, 4);
    g_assert_cmphex(rd32(f->machine, 0xc0000000), ==, 0xffffffff);
}

static void test_pam(Fixture *f, gconstpointer data)
{
    Machine *m = f->machine;
    g_assert_cmphex(rd32(m, 0xfffffff0), ==, 0xb1b1b1b1);
    g_assert_cmphex(rd32(m, 0xf0000), ==, 0xb1b1b1b1);
    g_assert_cmphex(rd32(m, 0xe0000), ==, 0xb1b1b1b1);
    g_assert_cmphex(rd32(m, 0xc0000), ==, 0xffffffff);
    wr32(m, 0xf0000, 1);
    wr32(m, 0xc0000, 1);
    g_assert_cmphex(rd32(m, 0xf0000), ==, 0xb1b1b1b1);
    config_write(f, 0, 0, 0x90, 0x20, 1); /* write to RAM, read ROM */
    wr32(m, 0xf0000, 0x1234);
    g_assert_cmphex(rd32(m, 0xf0000), ==, 0xb1b1b1b1);
    config_write(f, 0, 0, 0x90, 0x10, 1); /* read RAM */
    g_assert_cmphex(rd32(m, 0xf0000), ==, 0x1234);
    wr32(m, 0xf0000, 0x5678);
    g_assert_cmphex(rd32(m, 0xf0000), ==, 0x1234);
    config_write(f, 0, 0, 0x90, 0x30, 1);
    wr32(m, 0xf0000, 0x5678);
    g_assert_cmphex(rd32(m, 0xf0000), ==, 0x5678);
    g_assert_cmphex(rd32(m, 0xe0000), ==, 0xb1b1b1b1); /* another piece */
    config_write(f, 0, 0, 0x91, 0x03, 1);
    wr32(m, 0xc0000, 0xabcd);
    g_assert_cmphex(rd32(m, 0xc0000), ==, 0xabcd);
    g_assert_cmphex(rd32(m, 0xc4000), ==, 0xffffffff);
    config_write(f, 0, 0, 0x91, 0x32, 1);
    g_assert_cmphex(rd32(m, 0xc0000), ==, 0xffffffff);
    wr32(m, 0xc0000, 0xef);
    wr32(m, 0xc4000, 0x77);
    g_assert_cmphex(rd32(m, 0xc4000), ==, 0x77);
    config_write(f, 0, 0, 0x91, 0x33, 1);
    g_assert_cmphex(rd32(m, 0xc0000), ==, 0xef);
    machine_reset(m);
    g_assert_cmphex(rd32(m, 0xf0000), ==, 0xb1b1b1b1);
    /* The RAM under the VGA window, until it is locked. */
    g_assert_cmphex(rd32(m, 0xa0000), ==, 0xffffffff);
    config_write(f, 0, 0, 0x9d, 0x4a, 1);
    wr32(m, 0xa0000, 5);
    g_assert_cmphex(rd32(m, 0xa0000), ==, 5);
    config_write(f, 0, 0, 0x9d, 0x5a, 1);
    g_assert_cmphex(rd32(m, 0xa0000), ==, 0xffffffff);
    config_write(f, 0, 0, 0x9d, 0x4a, 1);
    g_assert_cmphex(rd32(m, 0xa0000), ==, 0xffffffff);
}

/* Firmware smaller than the window below 1 MiB ends there, too. */
static void test_small_bios(Fixture *f, gconstpointer data)
{
    Fixture small;
    machine_unlock(f->machine); /* a thread holds one machine's lock only */
    setup_with_bios(&small, (MachineConfig){0}, 64 * KIB);
    g_assert_cmphex(rd32(small.machine, 0xffff0000), ==, 0xb1b1b1b1);
    g_assert_cmphex(rd32(small.machine, 0xf0000), ==, 0xb1b1b1b1);
    g_assert_cmphex(rd32(small.machine, 0xec000), ==, 0xffffffff);
    teardown(&small, NULL);
    machine_lock(f->machine);
}

/* ---- fw_cfg ---- */

static uint32_t be(Fixture *f, unsigned bytes)
{
    uint32_t value = 0;
    while (bytes--) {
        value = value << 8 | in(f, FW_CFG + 1, 1);
    }
    return value;
}

/* The contents of fw_cfg file @name, read byte by byte. */
static GByteArray *read_file(Fixture *f, const char *name)
{
    GByteArray *data = g_byte_array_new();
    out(f, FW_CFG, 0x19, 2);
    for (uint32_t count = be(f, 4); count; count--) {
        uint32_t size = be(f, 4), key = be(f, 2);
        char entry[56];
        be(f, 2);
        for (unsigned i = 0; i < sizeof(entry); i++) {
            entry[i] = in(f, FW_CFG + 1, 1);
        }
        if (!strcmp(entry, name)) {
            out(f, FW_CFG, key, 2);
            for (uint32_t i = 0; i < size; i++) {
                uint8_t byte = in(f, FW_CFG + 1, 1);
                g_byte_array_append(data, &byte, 1);
            }
            return data;
        }
    }
    g_test_message("there is no file %s", name);
    g_test_fail();
    return data;
}

static void test_fw_cfg(Fixture *f, gconstpointer data)
{
    static const uint8_t e820[20] = {0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, RAM_SIZE >> 24,
                                     0, 0, 0, 0, 1};
    out(f, FW_CFG, 0, 2);
    g_assert_cmphex(be(f, 4), ==, 0x51454d55);
    out(f, FW_CFG, 5, 2);
    g_assert_cmphex(be(f, 2), ==, 0x0200);
    out(f, FW_CFG, 0x8002, 2);
    g_assert_cmphex(be(f, 4), ==, 0x01000000);
    out(f, FW_CFG, 0x800f, 2);
    g_assert_cmphex(be(f, 1), ==, 0);
    out(f, FW_CFG, 0xbfff, 2);
    g_assert_cmphex(be(f, 1), ==, 0);
    g_assert_cmphex(in(f, FW_CFG + 4, 4), ==, 0x554d4551);
    GByteArray *file = read_file(f, "etc/e820");
    g_assert_cmpmem(file->data, file->len, e820, sizeof(e820));
    g_byte_array_unref(file);
    /* By DMA: select the signature and read it to 0x2000. */
    wr32(f->machine, 0x1000, GUINT32_TO_BE(0x0000000a));
    wr32(f->machine, 0x1004, GUINT32_TO_BE(4));
    wr32(f->machine, 0x1008, 0);
    wr32(f->machine, 0x100c, GUINT32_TO_BE(0x2000));
    out(f, FW_CFG + 4, 0, 4);
    out(f, FW_CFG + 8, GUINT32_TO_BE(0x1000), 4);
    g_assert_cmphex(rd32(f->machine, 0x1000), ==, 0);
    g_assert_cmphex(rd32(f->machine, 0x2000), ==, 0x554d4551);
}

static void expect_item(Fixture *f, unsigned key, const char *bytes, unsigned len)
{
    out(f, FW_CFG, key, 2);
    for (unsigned i = 0; i < len; i++) {
        g_assert_cmphex(in(f, FW_CFG + 1, 1), ==, (uint8_t)bytes[i]);
    }
}

static void expect_size(Fixture *f, unsigned key, uint32_t size)
{
    out(f, FW_CFG, key, 2);
    g_assert_cmpuint(GUINT32_FROM_BE(be(f, 4)), ==, size);
}

/* -kernel, -initrd and -append where OVMF looks for them: a bzImage in two parts. */
static void test_offered_kernel(Fixture *f, gconstpointer data)
{
    char *dir = g_dir_make_tmp("amphi-kernel-XXXXXX", NULL), image[2000] = "MZ";
    char *kernel = g_build_filename(dir, "kernel", NULL),
         *initrd = g_build_filename(dir, "rd", NULL);

    teardown(f, data);
    image[0x1f1] = 2; /* sectors behind the first */
    memcpy(image + 0x202, "HdrS", 4);
    memcpy(image + 1536, "kernel", 6);
    g_assert_true(g_file_set_contents(kernel, image, sizeof(image), NULL));
    g_assert_true(g_file_set_contents(initrd, "disk", 4, NULL));
    setup_with(f, (MachineConfig){.kernel = kernel, .initrd = initrd, .append = "words"});
    expect_size(f, 0x17, 1536);
    expect_item(f, 0x18, image, 1536);
    expect_size(f, 0x08, sizeof(image) - 1536);
    expect_item(f, 0x11, "kernel", 7);
    expect_size(f, 0x0b, 4);
    expect_item(f, 0x12, "disk", 4);
    expect_size(f, 0x14, 6);
    expect_item(f, 0x15, "words", 6);
    g_assert_cmphex(x86_64_guest.get_pc(f->machine->cpus[0]), ==, 0xfffffff0);
    /* Anything else is whole, and without a command line there is an empty one. */
    teardown(f, data);
    image[0x202] = 0;
    g_assert_true(g_file_set_contents(kernel, image, sizeof(image), NULL));
    setup_with(f, (MachineConfig){.kernel = kernel});
    expect_size(f, 0x17, 0);
    expect_size(f, 0x08, sizeof(image));
    expect_item(f, 0x11, image, sizeof(image));
    expect_size(f, 0x0b, 0);
    expect_size(f, 0x14, 1);
    g_unlink(kernel);
    g_unlink(initrd);
    g_rmdir(dir);
    g_free(kernel);
    g_free(initrd);
    g_free(dir);
}

/* Starts -kernel directly. NULL with @error. */
static Machine *start_directly(const char *kernel, const char *initrd, GError **error)
{
    MachineConfig config = {.bios = "none",
                            .cpus = 1,
                            .ram_size = RAM_SIZE,
                            .no_vga = true,
                            .kernel = kernel,
                            .initrd = initrd,
                            .append = "words"};
    Machine *machine = machine_new(&x86_q35_machine, &config, true, error);
    if (machine) {
        machine_reset(machine);
    }
    return machine;
}

static void expect_text(Machine *machine, uint64_t addr, const char *text)
{
    for (unsigned i = 0; i <= strlen(text); i++) {
        g_assert_cmphex(machine_mmio_read(machine, addr + i, 1), ==, (uint8_t)text[i]);
    }
}

/* Module @n is @contents, and its string is @text. Returns its start. */
static uint32_t expect_module(Machine *machine, uint32_t info, unsigned n, const char *contents,
                              const char *text)
{
    uint32_t module = rd32(machine, info + 24) + 16 * n, start = rd32(machine, module);
    g_assert_cmphex(start & 0xfff, ==, 0);
    g_assert_cmpuint(rd32(machine, module + 4) - start, ==, strlen(contents));
    expect_text(machine, start, contents);
    expect_text(machine, rd32(machine, module + 8), text);
    return start;
}

/* Multiboot 0.6.96: modules with their strings, and the command line, which begins with the kernel's name. */
static void test_multiboot(Fixture *f, gconstpointer data)
{
    const uint32_t header[] = {0x1badb002, 0x10000, -0x1baeb002u, 0x100000,  0x100000,
                               0,          0,       0x100020,     0xf4f4f4f4};
    char *dir = g_dir_make_tmp("amphi-modules-XXXXXX", NULL);
    char *kernel = g_build_filename(dir, "kernel", NULL), *one = g_build_filename(dir, "one", NULL);
    char *two = g_build_filename(dir, "t,wo", NULL);
    char *line = g_strdup_printf("%s words", kernel);
    char *first = g_strdup_printf("%s with=words", one);
    char *list = g_strdup_printf("%s,%s/t,,wo", first, dir);
    GError *error = NULL;

    machine_unlock(f->machine);
    g_assert_true(g_file_set_contents(kernel, (const char *)header, sizeof(header), NULL));
    g_assert_true(g_file_set_contents(one, "first", -1, NULL));
    g_assert_true(g_file_set_contents(two, "second one", -1, NULL));
    Machine *machine = start_directly(kernel, list, &error);
    g_assert_no_error(error);
    machine_lock(machine);
    uint32_t info = x86_state(machine->cpus[0])->regs[X86_RBX];
    g_assert_cmphex(x86_state(machine->cpus[0])->regs[X86_RAX], ==, 0x2badb002);
    g_assert_cmphex(rd32(machine, info) & 0x4c, ==, 0x4c); /* command line, modules, memory map */
    expect_text(machine, rd32(machine, info + 16), line);
    g_assert_cmpuint(rd32(machine, info + 20), ==, 2);
    uint32_t low = expect_module(machine, info, 0, "first", first);
    g_assert_cmphex(expect_module(machine, info, 1, "second one", two), >, low);
    machine_unlock(machine);
    machine_free(machine);
    /* Without modules there is no word of them. */
    machine = start_directly(kernel, NULL, &error);
    g_assert_no_error(error);
    machine_lock(machine);
    g_assert_cmphex(rd32(machine, info) & 8, ==, 0);
    g_assert_cmpuint(rd32(machine, info + 20), ==, 0);
    machine_unlock(machine);
    machine_free(machine);
    g_assert_null(start_directly(kernel, "/nonexistent/module,x", &error));
    g_assert_nonnull(error);
    g_clear_error(&error);
    machine_lock(f->machine);
    g_unlink(kernel);
    g_unlink(one);
    g_unlink(two);
    g_rmdir(dir);
    g_free(dir);
    g_free(kernel);
    g_free(one);
    g_free(two);
    g_free(line);
    g_free(first);
    g_free(list);
}

/* What firmware does with "etc/table-loader": the blob is at @base, the root pointer at @rsdp_base. */
static void run_loader(GByteArray *script, GByteArray *tables, uint64_t base, GByteArray *rsdp)
{
    for (unsigned at = 0; at < script->len; at += 128) {
        const uint8_t *e = script->data + at;
        GByteArray *dest = !strcmp((const char *)e + 4, "etc/acpi/rsdp") ? rsdp : tables;
        uint32_t command, offset, start, len;
        memcpy(&command, e, 4);
        if (command == 2) {
            unsigned size = e[4 + 56 + 56 + 4];
            uint64_t value = 0;
            memcpy(&offset, e + 4 + 56 + 56, 4);
            g_assert_cmpuint(offset + size, <=, dest->len);
            memcpy(&value, dest->data + offset, size);
            g_assert_cmpuint(value, <, tables->len);
            value += base;
            memcpy(dest->data + offset, &value, size);
        } else if (command == 3) {
            memcpy(&offset, e + 60, 4);
            memcpy(&start, e + 64, 4);
            memcpy(&len, e + 68, 4);
            g_assert_cmpuint(start + len, <=, dest->len);
            uint8_t sum = 0;
            for (unsigned i = 0; i < len; i++) {
                sum += dest->data[start + i];
            }
            dest->data[offset] -= sum;
        } else {
            g_assert_cmpuint(command, ==, 1);
        }
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

/* Has iasl disassemble the table at @data; its output must not complain. */
static char *disassemble(const char *dir, const uint8_t *data)
{
    char name[5] = "", *file, *listing, *text = NULL, *output = NULL;
    uint32_t len;
    int status;
    memcpy(name, data, 4);
    memcpy(&len, data + 4, 4);
    file = g_strdup_printf("%s/%s.aml", dir, name);
    listing = g_strdup_printf("%s/%s.dsl", dir, name);
    g_assert_true(g_file_set_contents(file, (const char *)data, len, NULL));
    const char *argv[] = {"iasl", "-d", file, NULL};
    g_assert_true(g_spawn_sync(NULL, (char **)argv, NULL,
                               G_SPAWN_SEARCH_PATH | G_SPAWN_STDERR_TO_DEV_NULL, NULL, NULL,
                               &output, NULL, &status, NULL));
    g_assert_cmpint(status, ==, 0);
    g_assert_null(strstr(output, "rror"));
    g_assert_true(g_file_get_contents(listing, &text, NULL, NULL));
    g_assert_null(strstr(text, "Invalid"));
    g_assert_null(strstr(text, "ncorrect"));
    g_unlink(file);
    g_unlink(listing);
    g_free(file);
    g_free(listing);
    g_free(output);
    return text;
}

static void test_acpi(Fixture *f, gconstpointer data)
{
    static const char *const names[] = {"FACP", "APIC", "HPET", "MCFG", "WAET"};
    const uint64_t base = 0x3f00000;
    char *dir = g_dir_make_tmp("amphi-acpi-XXXXXX", NULL), *text;
    config_write(f, 0, 0, 0x60, 0xb0000001, 4);
    GByteArray *script = read_file(f, "etc/table-loader");
    GByteArray *tables = read_file(f, "etc/acpi/tables"), *rsdp = read_file(f, "etc/acpi/rsdp");
    run_loader(script, tables, base, rsdp);
    g_assert_cmpmem(rsdp->data, 8, "RSD PTR ", 8);
    g_assert_cmpuint(sum(rsdp->data, 20), ==, 0);
    g_assert_cmpuint(sum(rsdp->data, 36), ==, 0);
    uint64_t xsdt;
    uint32_t len, facs = base, dsdt = base;
    memcpy(&xsdt, rsdp->data + 24, 8);
    const uint8_t *root = tables->data + (xsdt - base);
    memcpy(&len, root + 4, 4);
    g_assert_cmpmem(root, 4, "XSDT", 4);
    g_assert_cmpuint(sum(root, len), ==, 0);
    g_assert_cmpuint(len, ==, 36 + 8 * G_N_ELEMENTS(names));
    for (unsigned i = 0; i < G_N_ELEMENTS(names); i++) {
        uint64_t addr;
        memcpy(&addr, root + 36 + 8 * i, 8);
        const uint8_t *table = tables->data + (addr - base);
        memcpy(&len, table + 4, 4);
        g_assert_cmpmem(table, 4, names[i], 4);
        g_assert_cmpuint(sum(table, len), ==, 0);
        text = disassemble(dir, table);
        if (i == 3) {
            g_assert_nonnull(strstr(text, "Base Address : 00000000B0000000"));
        }
        g_free(text);
        if (i == 0) {
            memcpy(&facs, table + 36, 4);
            memcpy(&dsdt, table + 40, 4);
            g_assert_cmpuint(len, ==, 244);
        }
    }
    g_assert_cmpmem(tables->data + (facs - base), 4, "FACS", 4);
    g_assert_cmpuint(facs % 64, ==, 0);
    text = disassemble(dir, tables->data + (dsdt - base));
    g_assert_nonnull(strstr(text, "PNP0A08"));
    g_assert_nonnull(strstr(text, "Name (AM3B, 0x00000000C0000000)"));
    g_assert_nonnull(strstr(text, "Name (ACPU, 0x0000000000000002)"));
    g_free(text);
    g_rmdir(dir);
    g_free(dir);
    g_byte_array_unref(script);
    g_byte_array_unref(tables);
    g_byte_array_unref(rsdp);
}

/* Walks over the structures: a bit for each type below 32; counts those of @type. */
static unsigned smbios_types(const GByteArray *tables, unsigned type, unsigned *count)
{
    unsigned at = 0, types = 0;
    *count = 0;
    while (at < tables->len) {
        types |= tables->data[at] < 32 ? 1u << tables->data[at] : 0;
        *count += tables->data[at] == type;
        at += tables->data[at + 1];
        while (tables->data[at] || tables->data[at + 1]) {
            at++;
            g_assert_cmpuint(at + 1, <, tables->len);
        }
        at += 2;
    }
    return types;
}

#define SMBIOS_TYPES (1u << 1 | 1u << 3 | 1u << 4 | 1u << 16 | 1u << 17 | 1u << 19)

/* The entry point of version 3, and memory in two pieces. */
static void test_smbios3(Fixture *f, gconstpointer data)
{
    unsigned count;
    teardown(f, data);
    MachineConfig config = {.ram_size = 6 * GIB};
    config.machine_opts = options_parse("-machine", "smbios-entry-point-type=64", NULL, NULL);
    setup_with(f, config);
    GByteArray *entry = read_file(f, "etc/smbios/smbios-anchor");
    GByteArray *tables = read_file(f, "etc/smbios/smbios-tables");
    g_assert_cmpuint(entry->len, ==, 24);
    g_assert_cmpmem(entry->data, 5, "_SM3_", 5);
    g_assert_cmpuint(sum(entry->data, 24), ==, 0);
    g_assert_cmpuint(entry->data[12] | entry->data[13] << 8, ==, tables->len);
    g_assert_cmphex(smbios_types(tables, 19, &count), ==, SMBIOS_TYPES);
    g_assert_cmpuint(count, ==, 2);
    g_byte_array_unref(entry);
    g_byte_array_unref(tables);
    entry = read_file(f, "etc/e820");
    g_assert_cmpuint(entry->len, ==, 40);
    g_assert_cmphex(entry->data[24], ==, 1); /* from 4 GiB on */
    g_byte_array_unref(entry);
}

static void test_smbios(Fixture *f, gconstpointer data)
{
    GByteArray *entry = read_file(f, "etc/smbios/smbios-anchor");
    GByteArray *tables = read_file(f, "etc/smbios/smbios-tables");
    unsigned count;
    g_assert_cmpuint(entry->len, ==, 31);
    g_assert_cmpuint(sum(entry->data, 31), ==, 0);
    g_assert_cmpuint(sum(entry->data + 16, 15), ==, 0);
    g_assert_cmpuint(entry->data[22] | entry->data[23] << 8, ==, tables->len);
    g_assert_cmphex(smbios_types(tables, 4, &count), ==, SMBIOS_TYPES);
    g_assert_cmpuint(count, ==, 1);           /* both CPUs are cores of one socket */
    g_assert_cmpuint(entry->data[28], ==, 8); /* with 32 and 127 */
    g_byte_array_unref(entry);
    g_byte_array_unref(tables);
}

/* The @n-th structure of @type. */
static const uint8_t *find_structure(const GByteArray *tables, unsigned type, unsigned n)
{
    for (unsigned at = 0; at < tables->len;) {
        const uint8_t *s = tables->data + at;
        if (s[0] == type && n-- == 0) {
            return s;
        }
        at += s[1];
        while (tables->data[at] || tables->data[at + 1]) {
            at++;
        }
        at += 2;
    }
    g_error("there is no structure %u of type %u", n, type);
}

/* The string whose number is at @offset. */
static const char *structure_string(const uint8_t *s, unsigned offset)
{
    const char *text = (const char *)s + s[1];

    g_assert_cmpuint(s[offset], >, 0);
    for (unsigned i = 1; i < s[offset]; i++) {
        text += strlen(text) + 1;
    }
    return text;
}

static GPtrArray *smbios_list(const char *const *texts)
{
    GPtrArray *list = g_ptr_array_new();

    for (unsigned i = 0; texts[i]; i++) {
        g_ptr_array_add(list, options_parse("-smbios", texts[i], NULL, NULL));
    }
    return list;
}

static GByteArray *make_smbios(Fixture *f, MachineConfig config, const char *const *texts)
{
    teardown(f, NULL);
    config.smbios = smbios_list(texts);
    setup_with(f, config);
    return read_file(f, "etc/smbios/smbios-tables");
}

/* Sockets as CPUID has packages, the last of them half full. */
static void test_smbios_cpus(Fixture *f, gconstpointer data)
{
    static const char *const none[] = {NULL};
    MachineConfig config = {.cpus = 6, .cores = 2, .threads = 2};
    GByteArray *tables = make_smbios(f, config, none);
    uint32_t reg[4];
    unsigned count;

    smbios_types(tables, 4, &count);
    g_assert_cmpuint(count, ==, 2);
    for (unsigned n = 0; n < 2; n++) {
        const uint8_t *s = find_structure(tables, 4, n);
        char name[8];
        g_snprintf(name, sizeof(name), "CPU %u", n);
        g_assert_cmpuint(s[1], ==, 42);
        g_assert_cmpstr(structure_string(s, 4), ==, name);
        g_assert_cmpuint(s[35], ==, 2);
        g_assert_cmpuint(s[36], ==, n == 0 ? 2 : 1);
        g_assert_cmpuint(s[37], ==, n == 0 ? 4 : 2);
        g_assert_cmphex(s[38], ==, 0x1c); /* 64 bits, cores, threads */
    }
    x86_cpu_cpuid(f->machine->cpus[0], 0xb, 1, reg); /* logical CPUs of a package */
    g_assert_cmpuint(reg[1] & 0xffff, ==, find_structure(tables, 4, 0)[37]);
    x86_cpu_cpuid(f->machine->cpus[0], 0xb, 0, reg);
    g_assert_cmpuint(reg[1] & 0xffff, ==, 2);
    x86_cpu_cpuid(f->machine->cpus[0], 1, 0, reg);
    g_assert_cmpmem(find_structure(tables, 4, 0) + 8, 4, &reg[0], 4);
    g_assert_cmpmem(find_structure(tables, 4, 0) + 12, 4, &reg[3], 4);
    g_byte_array_unref(tables);
}

static void test_smbios_options(Fixture *f, gconstpointer data)
{
    static const char *const texts[] = {
        "type=0,vendor=V,version=7,date=02/03/2025,release=3.14,uefi=on",
        "type=1,manufacturer=M,,N,product=P,sku=S",
        "type=1,serial=42,product=Q,family=F",
        "type=2,product=B,location=L,asset=T",
        "type=3,serial=C,sku=K",
        "type=4,sock_pfx=Socket,version=Z,max-speed=3000,current-speed=2500,processor-family=0x1fe,"
        "processor-id=0x1122334455667788,part=Y",
        "type=11,value=one,value=two",
        "type=17,loc_pfx=Slot,bank=Bank,speed=3200,serial=D",
        NULL};
    GByteArray *tables = make_smbios(f, (MachineConfig){0}, texts);
    unsigned count;

    g_assert_cmphex(smbios_types(tables, 11, &count), ==,
                    SMBIOS_TYPES | 1u << 0 | 1u << 2 | 1u << 11);
    const uint8_t *s = find_structure(tables, 0, 0);
    g_assert_cmpstr(structure_string(s, 4), ==, "V");
    g_assert_cmpstr(structure_string(s, 5), ==, "7");
    g_assert_cmpstr(structure_string(s, 8), ==, "02/03/2025");
    g_assert_cmphex(s[19], ==, 0x18);
    g_assert_cmpmem(s + 20, 2, "\x03\x0e", 2);
    s = find_structure(tables, 1, 0);
    g_assert_cmpuint(s[1], ==, 27);
    g_assert_cmpstr(structure_string(s, 4), ==, "M,N");
    g_assert_cmpstr(structure_string(s, 5), ==, "Q");
    g_assert_cmpstr(structure_string(s, 7), ==, "42");
    g_assert_cmpstr(structure_string(s, 25), ==, "S");
    g_assert_cmpstr(structure_string(s, 26), ==, "F");
    s = find_structure(tables, 2, 0);
    g_assert_cmpuint(s[1], ==, 15);
    g_assert_cmpstr(structure_string(s, 5), ==, "B");
    g_assert_cmpstr(structure_string(s, 8), ==, "T");
    g_assert_cmpstr(structure_string(s, 10), ==, "L");
    g_assert_cmpmem(s + 11, 2, find_structure(tables, 3, 0) + 2, 2); /* the chassis it is in */
    s = find_structure(tables, 3, 0);
    g_assert_cmpstr(structure_string(s, 7), ==, "C");
    g_assert_cmpstr(structure_string(s, 21), ==, "K");
    s = find_structure(tables, 4, 0);
    g_assert_cmpstr(structure_string(s, 4), ==, "Socket 0");
    g_assert_cmphex(s[6], ==, 0xfe);
    g_assert_cmpmem(s + 8, 8, "\x88\x77\x66\x55\x44\x33\x22\x11", 8);
    g_assert_cmpstr(structure_string(s, 16), ==, "Z");
    g_assert_cmpuint(s[20] | s[21] << 8, ==, 3000);
    g_assert_cmpuint(s[22] | s[23] << 8, ==, 2500);
    g_assert_cmpstr(structure_string(s, 34), ==, "Y");
    g_assert_cmphex(s[40] | s[41] << 8, ==, 0x1fe);
    s = find_structure(tables, 11, 0);
    g_assert_cmpuint(s[4], ==, 2);
    g_assert_cmpmem(s + 5, 9, "one\0two\0", 9);
    s = find_structure(tables, 17, 0);
    g_assert_cmpstr(structure_string(s, 16), ==, "Slot 0");
    g_assert_cmpstr(structure_string(s, 17), ==, "Bank");
    g_assert_cmpuint(s[21] | s[22] << 8, ==, 3200);
    g_assert_cmpstr(structure_string(s, 24), ==, "D");
    g_byte_array_unref(tables);
}

static void test_smbios_bad(Fixture *f, gconstpointer data)
{
    static const struct {
        const char *text, *message;
    } cases[] = {
        {"type=1,manufactuer=x",
         "unknown property 'manufactuer' of type 1; did you mean 'manufacturer'?"},
        {"type=3,zzzzzzzz=x", "unknown property 'zzzzzzzz' of type 3; '-smbios help'"},
        {"type=5", "type 5 is not available"},
        {"type=x", "type is a number"},
        {"serial=1", "which structures?"},
        {"file=x", "file= is not available"},
        {"type=4,max-speed=65536", "max-speed is at most 65535"},
        {"type=4,max-speed=fast", "max-speed is a number"},
        {"type=0,release=3", "release is MAJOR.MINOR"},
        {"type=0,release=3.256", "release is MAJOR.MINOR"},
        {"type=0,uefi=maybe", "uefi is 'on' or 'off'"},
        {"type=11,path=/nowhere", "path: "},
    };

    for (unsigned i = 0; i < G_N_ELEMENTS(cases); i++) {
        const char *const texts[] = {cases[i].text, NULL};
        GPtrArray *list = smbios_list(texts);
        GError *error = NULL;
        g_assert_null(smbios_options_new(list, &error));
        if (!strstr(error->message, cases[i].message)) {
            g_error("'%s' is answered with '%s'", cases[i].text, error->message);
        }
        g_error_free(error);
        options_free(list->pdata[0]);
        g_ptr_array_unref(list);
    }
}

/* ---- What is started ---- */

/* The CMOS's letters as numbers: first, second, third. */
static unsigned cmos_order(Fixture *f)
{
    out(f, 0x70, 0x3d, 1);
    unsigned two = in(f, 0x71, 1);
    out(f, 0x70, 0x38, 1);
    return (two & 15) << 8 | (two >> 4) << 4 | in(f, 0x71, 1) >> 4;
}

static bool add_device(Fixture *f, const char *text, GError **error)
{
    Options *opts = options_parse("-device", text, "driver", error);
    bool ok = opts && hw_device_create(f->machine, opts, error);
    options_free(opts);
    return ok;
}

static void test_boot_order(Fixture *f, gconstpointer data)
{
    static const char expected[] =
        "/pci@i0cf8/pci8086,2922@1f,2/drive@0/disk@0\n"
        "/pci@i0cf8/ethernet@5,1/ethernet-phy@0\n"
        "/pci@i0cf8/pci-bridge@6,1/ethernet@0/ethernet-phy@0\nHALT"; /* as QEMU has it */
    GError *error = NULL;
    teardown(f, data);
    MachineConfig config = {0};
    config.boot =
        options_parse("-boot", "dc,once=n,menu=on,splash-time=5,strict=on", "order", NULL);
    setup_with(f, config);
    g_assert_true(add_device(f, "virtio-net-pci,addr=5.1,bootindex=7", &error));
    g_assert_true(add_device(f, "ide-cd,bootindex=2", &error));
    g_assert_true(add_device(f, "virtio-net-pci,bootindex=-1", &error));
    g_assert_true(add_device(f, "pcie-root-port,id=port,addr=6.1", &error));
    g_assert_true(add_device(f, "virtio-net-pci,bus=port,bootindex=8", &error));
    g_assert_no_error(error);
    g_assert_false(add_device(f, "virtio-net-pci,bootindex=7", &error));
    g_assert_nonnull(strstr(error->message, "ethernet@5,1"));
    g_clear_error(&error);
    g_assert_cmphex(cmos_order(f), ==, 0x400);
    machine_reset(f->machine);
    GByteArray *file = read_file(f, "bootorder");
    g_assert_cmpmem(file->data, file->len, expected, sizeof(expected));
    g_byte_array_unref(file);
    file = read_file(f, "etc/boot-menu-wait");
    g_assert_cmpmem(file->data, file->len, "\5\0", 2);
    g_byte_array_unref(file);
    out(f, FW_CFG, 0x0e, 2);
    g_assert_cmphex(be(f, 1), ==, 1);
    f->machine->state = RUN_STATE_RUNNING;
    machine_reset(f->machine);
    g_assert_cmphex(cmos_order(f), ==, 0x320);
    f->machine->state = RUN_STATE_PAUSED;
}

/* ---- PCI's windows ---- */

/* OVMF puts 64-bit BARs at the end of what the processors can address. */
static void test_high_window(Fixture *f, gconstpointer data)
{
    GError *error = NULL;
    uint32_t cpuid[4];
    g_assert_true(add_device(f, "virtio-rng-pci,addr=5", &error));
    machine_reset(f->machine);
    x86_cpu_cpuid(f->machine->cpus[0], 0x80000008, 0, cpuid);
    uint64_t bar = (UINT64_C(1) << (cpuid[0] & 0xff)) - MIB;
    config_write(f, 5, 0, PCI_BASE_ADDRESS_4, bar, 4);
    config_write(f, 5, 0, PCI_BASE_ADDRESS_4 + 4, bar >> 32, 4);
    config_write(f, 5, 0, PCI_COMMAND, PCI_COMMAND_MEMORY, 2);
    g_assert_cmphex(machine_mmio_read(f->machine, bar + 0x12, 2), ==, 1); /* queues */
    config_write(f, 5, 0, PCI_BASE_ADDRESS_4 + 4, (bar >> 32) + (1u << ((cpuid[0] & 0xff) - 32)),
                 4);
    g_assert_cmphex(machine_mmio_read(f->machine, bar + 0x12, 2), ==, 0xffff);
}

static void test_bad_boot_order(Fixture *f, gconstpointer data)
{
    static const char *const texts[] = {"cx",
                                        "cc",
                                        "acdn",
                                        "once=z",
                                        "menu=maybe",
                                        "splash-time=x",
                                        "strictly=on",
                                        "reboot-timeout=70000",
                                        "splash=/dev/null"};
    machine_unlock(f->machine);
    for (unsigned i = 0; i < G_N_ELEMENTS(texts); i++) {
        GError *error = NULL;
        MachineConfig config = {.bios = f->bios, .cpus = 1};
        config.boot = options_parse("-boot", texts[i], "order", &error);
        g_assert_no_error(error);
        g_assert_null(machine_new(&x86_q35_machine, &config, true, &error));
        g_assert_nonnull(strstr(error->message, "-boot"));
        g_clear_error(&error);
    }
    machine_lock(f->machine);
}

/* ---- Power management ---- */

#define PM 0x600

static void enable_pm(Fixture *f)
{
    config_write(f, 0x1f, 0, 0x40, PM | 1, 4);
    config_write(f, 0x1f, 0, 0x44, 0x80, 1);
}

/* Whether the 8259's input @irq is requested. */
static bool requested(Fixture *f, unsigned irq)
{
    uint16_t port = irq < 8 ? 0x20 : 0xa0;
    out(f, port, 0x0a, 1);
    return in(f, port, 1) >> (irq & 7) & 1;
}

static void test_power_button(Fixture *f, gconstpointer data)
{
    out(f, 0x4d1, 0x0e, 1);
    g_assert_cmphex(in(f, PM + 4, 2), ==, 0xffff); /* not there yet */
    enable_pm(f);
    out(f, PM + 2, 0x0100, 2);
    out(f, ICH9_SMI_PORT, ICH9_ACPI_ENABLE, 1);
    g_assert_cmphex(in(f, PM + 4, 2), ==, 1);
    g_assert_false(requested(f, 9));
    machine_powerdown(f->machine);
    g_assert_cmphex(in(f, PM, 2), ==, 0x0100);
    g_assert_true(requested(f, 9));
    out(f, PM, 0x0100, 2);
    g_assert_false(requested(f, 9));
    g_assert_cmphex(in(f, PM, 2), ==, 0);
    out(f, ICH9_SMI_PORT, ICH9_ACPI_DISABLE, 1);
    g_assert_cmphex(in(f, PM + 4, 2), ==, 0);
    out(f, PM + 4, 0x0400 | 0x2000, 2); /* a sleep state that is not there */
    g_assert_false(f->machine->shutdown_requested);
    out(f, PM + 4, 0x2000, 2);
    g_assert_true(f->machine->shutdown_requested);
}

static void test_pm_timer(Fixture *f, gconstpointer data)
{
    enable_pm(f);
    uint32_t first = in(f, PM + 8, 4);
    clock_step(f->machine->clock, NS_PER_SECOND);
    g_assert_cmpuint((in(f, PM + 8, 4) - first) & 0xffffff, ==, ICH9_PM_TIMER_HZ);
    out(f, PM, 1, 2);
    out(f, PM + 2, 1, 2);
    out(f, ICH9_SMI_PORT, ICH9_ACPI_ENABLE, 1);
    out(f, 0x4d1, 0x0e, 1);
    clock_step(f->machine->clock, NS_PER_SECOND / 100);
    g_assert_false(requested(f, 9));
    clock_step(f->machine->clock, 3 * NS_PER_SECOND); /* 2^23 ticks take 2.34 s */
    g_assert_true(requested(f, 9));
    g_assert_cmphex(in(f, PM, 2), ==, 1);
}

static void test_reset_port(Fixture *f, gconstpointer data)
{
    out(f, ICH9_RESET_PORT, 2, 1);
    g_assert_false(f->machine->reset_requested);
    g_assert_cmphex(in(f, ICH9_RESET_PORT, 1), ==, 2);
    out(f, ICH9_RESET_PORT, 6, 1);
    g_assert_true(f->machine->reset_requested);
}

/* ---- Interrupt routing ---- */

static void test_pirq(Fixture *f, gconstpointer data)
{
    PciBus *bus = pci_find_bus(f->machine, NULL);
    out(f, 0x4d1, 0x0c, 1);
    config_write(f, 0x1f, 0, 0x68, 0x0b, 1); /* PIRQE to IRQ 11 */
    irq_set(&bus->config.intx[4], true);
    g_assert_true(requested(f, 11));
    config_write(f, 0x1f, 0, 0x69, 0x0b, 1); /* and F */
    irq_set(&bus->config.intx[5], true);
    irq_set(&bus->config.intx[4], false);
    g_assert_true(requested(f, 11));
    config_write(f, 0x1f, 0, 0x69, 0x0a, 1);
    g_assert_false(requested(f, 11));
    g_assert_true(requested(f, 10));
    config_write(f, 0x1f, 0, 0x69, 0x80, 1);
    g_assert_false(requested(f, 10));
    irq_set(&bus->config.intx[5], false);
    /* The I/O APIC has them on inputs 16 and up. */
    g_assert_cmpuint(bus->config.route(PCI_DEVFN(1, 0), 0), ==, 5);
    g_assert_cmpuint(bus->config.route(PCI_DEVFN(24, 0), 3), ==, 7);
    g_assert_cmpuint(bus->config.route(PCI_DEVFN(31, 2), 0), ==, 0);
}

static void test_state(Fixture *f, gconstpointer data)
{
    Fixture other;
    config_write(f, 0, 0, 0x90, 0x10, 1);
    config_write(f, 0, 0, 0x60, 0xb0000001, 4);
    enable_pm(f);
    out(f, 0x70, 0x40, 1);
    machine_unlock(f->machine); /* a thread holds one machine's lock only */
    setup(&other, NULL);
    for (unsigned i = 0; i < f->machine->devices->len; i++) {
        Device *from = f->machine->devices->pdata[i], *to = other.machine->devices->pdata[i];
        if (from->ops->vmstate) {
            check_round_trip(from, to);
        }
    }
    g_assert_cmphex(rd32(other.machine, 0xb0000000), ==, 0x29c08086);
    g_assert_cmphex(rd32(other.machine, 0xf0000), ==, 0);
    g_assert_cmphex(in(&other, PM + 4, 2), ==, 0);
    teardown(&other, NULL);
    machine_lock(f->machine);
}

/* ---- Timers that share lines ---- */

static void begin_pics(Fixture *f)
{
    for (unsigned port = 0x20; port <= 0xa0; port += 0x80) {
        out(f, port, 0x11, 1);
        out(f, port + 1, port == 0x20 ? 0x30 : 0x38, 1);
        out(f, port + 1, port == 0x20 ? 4 : 2, 1);
        out(f, port + 1, 1, 1);
        out(f, port, 0x0a, 1); /* reads are of requests */
    }
}

/* A bit for each line that has asked the 8259s since the last time, but that between them. */
static unsigned take_requests(Fixture *f)
{
    unsigned requests = in(f, 0xa0, 1) << 8 | (in(f, 0x20, 1) & ~4u);
    begin_pics(f);
    return requests;
}

static void begin_timers(Fixture *f)
{
    out(f, 0x43, 0x30, 1); /* the 8254's counter 0 once, to 0x100 */
    out(f, 0x40, 0x00, 1);
    out(f, 0x40, 0x01, 1);
    out(f, 0x70, 0x0c, 1); /* the RTC's last interrupt is done with */
    in(f, 0x71, 1);
}

/* With the HPET's legacy replacement its timers have lines 0 and 8 to themselves: HPET specification, 2.3.5. */
static void test_hpet_legacy(Fixture *f, gconstpointer data)
{
    const uint64_t hpet = 0xfed00000;
    out(f, 0x70, 0x0a, 1);
    out(f, 0x71, 0x26, 1); /* 1024 Hz */
    out(f, 0x70, 0x0b, 1);
    out(f, 0x71, 0x42, 1);
    begin_timers(f);
    begin_pics(f);
    clock_step(f->machine->clock, 2000000);
    g_assert_cmphex(take_requests(f), ==, 0x101);

    wr32(f->machine, hpet + 0x10, 3);
    begin_timers(f);
    clock_step(f->machine->clock, 2000000);
    g_assert_cmphex(take_requests(f), ==, 0);
    for (unsigned timer = 0; timer < 2; timer++) {
        wr32(f->machine, hpet + 0x100 + 0x20 * timer, 4 | 2);
        machine_mmio_write(f->machine, hpet + 0x108 + 0x20 * timer,
                           rd32(f->machine, hpet + 0xf0) + 1000, 8);
        clock_step(f->machine->clock, 9990);
        g_assert_cmphex(take_requests(f), ==, 0);
        clock_step(f->machine->clock, 10);
        g_assert_cmphex(take_requests(f), ==, timer ? 0x100 : 1);
        wr32(f->machine, hpet + 0x20, 3);
    }
    /* Lines that are given back, one of them held by a timer: the clock's interrupt and the 8254's output wait. */
    machine_mmio_write(f->machine, hpet + 0x108, rd32(f->machine, hpet + 0xf0) + 1000, 8);
    clock_step(f->machine->clock, 10000);
    g_assert_cmphex(take_requests(f), ==, 1);
    wr32(f->machine, hpet + 0x10, 1);
    g_assert_cmphex(take_requests(f), ==, 0x101);
    wr32(f->machine, hpet + 0x20, 3);
    /* A reset ends it. */
    wr32(f->machine, hpet + 0x10, 3);
    machine_reset(f->machine);
    begin_pics(f);
    begin_timers(f);
    clock_step(f->machine->clock, 2000000);
    g_assert_cmphex(take_requests(f), ==, 1); /* the RTC's interrupts went with the reset */
}

/* Random accesses to all ports and to all device memory. */
static void test_wild(Fixture *f, gconstpointer data)
{
    GRand *rand = g_rand_new_with_seed(7);
    static const uint64_t areas[] = {0xfee00000, 0xfec00000, 0xfed00000,
                                     0xa0000,    0xb0000000, 0xf0000};
    for (unsigned i = 0; i < 400000; i++) {
        uint16_t port = g_rand_boolean(rand) ? g_rand_int(rand) & 0x7ff : g_rand_int(rand);
        uint32_t value = g_rand_int(rand) >> g_rand_int_range(rand, 0, 32);
        unsigned size = 1u << g_rand_int_range(rand, 0, 3);
        switch (g_rand_int_range(rand, 0, 5)) {
        case 0: in(f, port, size); break;
        case 1: out(f, port, value, size); break;
        case 2:
            config_write(f, g_rand_boolean(rand) ? 0x1f : 0, g_rand_int_range(rand, 0, 4),
                         g_rand_int_range(rand, 0, 256), value, 1);
            break;
        case 3:
            machine_mmio_write(f->machine, areas[value % G_N_ELEMENTS(areas)] + (port & 0xfff),
                               g_rand_int(rand), size);
            break;
        case 4:
            machine_mmio_read(f->machine, areas[value % G_N_ELEMENTS(areas)] + (port & 0xfff),
                              size);
            break;
        }
        if (i % 256 == 0) {
            clock_step(f->machine->clock, g_rand_int_range(rand, 0, 1000000));
        }
    }
    g_rand_free(rand);
    machine_reset(f->machine);
    g_assert_cmphex(config_read(f, 0, 0, 0, 4), ==, 0x29c08086);
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
#define ADD(name) g_test_add("/q35/" #name, Fixture, NULL, setup, test_##name, teardown)
    ADD(config);
    ADD(pam);
    ADD(small_bios);
    ADD(fw_cfg);
    ADD(offered_kernel);
    ADD(multiboot);
    ADD(acpi);
    ADD(smbios);
    ADD(smbios3);
    ADD(smbios_cpus);
    ADD(smbios_options);
    ADD(smbios_bad);
    ADD(high_window);
    ADD(boot_order);
    ADD(bad_boot_order);
    ADD(power_button);
    ADD(pm_timer);
    ADD(reset_port);
    ADD(pirq);
    ADD(hpet_legacy);
    ADD(state);
    ADD(wild);
    return g_test_run();
}
