/*
 * The RISC-V boards as a whole: memory map, boot ROM, device tree, placement of images, and what the loader
 * says about files that it cannot use.
 */
#include "hw/hw.h"
#include "hw/riscv/boards.h"
#include "tests/fuzz/bench.h"
#include "tests/device/harness.h"
#include <elf.h>
#include <glib/gstdio.h>
#include <libfdt.h>
#include <unistd.h>
#include <zlib.h>

#define RAM_BASE 0x80000000

/* Files of a test, removed at its end. */
typedef struct Fixture {
    char *dir;
    GPtrArray *files;
} Fixture;

static void setup(Fixture *f, gconstpointer data)
{
    GError *error = NULL;
    f->dir = g_dir_make_tmp("amphi-boards-XXXXXX", &error);
    g_assert_no_error(error);
    f->files = g_ptr_array_new_with_free_func(g_free);
}

static void teardown(Fixture *f, gconstpointer data)
{
    for (unsigned i = 0; i < f->files->len; i++) {
        g_unlink(f->files->pdata[i]);
    }
    g_rmdir(f->dir);
    g_free(f->dir);
    g_ptr_array_unref(f->files);
}

static const char *write_file(Fixture *f, const void *data, size_t len)
{
    GError *error = NULL;
    char *name = g_strdup_printf("%s/%u", f->dir, f->files->len);
    g_file_set_contents(name, data, len, &error);
    g_assert_no_error(error);
    g_ptr_array_add(f->files, name);
    return name;
}

/* A machine with @config, which needs neither firmware nor files unless it says so. */
static Machine *make(const MachineClass *cls, MachineConfig config, GError **error)
{
    config.bios = config.bios ? config.bios : "none";
    Machine *machine = machine_new(cls, &config, true, error);
    if (machine) {
        machine_lock(machine);
    }
    return machine;
}

static Machine *make_ok(const MachineClass *cls, MachineConfig config)
{
    GError *error = NULL;
    Machine *machine = make(cls, config, &error);
    g_assert_no_error(error);
    return machine;
}

/* Expects failure with @text in the message, which is one line. */
static void expect_error(MachineConfig config, const char *text)
{
    GError *error = NULL;
    Machine *machine = make(&riscv_virt_machine, config, &error);
    g_assert_null(machine);
    g_assert_nonnull(error);
    g_test_message("%s", error->message);
    if (!strstr(error->message, text) || strchr(error->message, '\n')) {
        g_error("expected '%s' in '%s'", text, error->message);
    }
    g_error_free(error);
}

static uint64_t rd64(Machine *machine, uint64_t addr)
{
    return machine_mmio_read(machine, addr, 8);
}

/* The device tree that the reset vector points to; freed by g_free(). */
static void *get_fdt(Machine *machine)
{
    uint64_t addr = rd64(machine, 0x1020);
    uint32_t size = GUINT32_FROM_BE(rd32(machine, addr + 4));
    g_assert_cmpuint(size, <, MIB);
    void *fdt = g_malloc(size);
    g_assert_cmpint(dma_read(&machine->dma, addr, fdt, size), ==, MEM_OK);
    g_assert_cmpint(fdt_check_full(fdt, size), ==, 0);
    return fdt;
}

static uint64_t fdt_number(const void *fdt, const char *path, const char *name)
{
    int len, node = fdt_path_offset(fdt, path);
    g_assert_cmpint(node, >=, 0);
    const fdt32_t *cells = fdt_getprop(fdt, node, name, &len);
    g_assert_nonnull(cells);
    return len == 4 ? fdt32_to_cpu(cells[0])
                    : (uint64_t)fdt32_to_cpu(cells[0]) << 32 | fdt32_to_cpu(cells[1]);
}

/* ---- Programs made here ---- */

/* A Linux image header, as of the boot protocol, and @len bytes in all. */
static uint8_t *linux_image(size_t len, uint64_t image_size, uint32_t magic)
{
    uint8_t *data = g_malloc0(len);
    memcpy(data + 0x10, &image_size, 8);
    memcpy(data + 0x38, &magic, 4);
    memcpy(data, "\x6f\x00\x00\x10", 4);
    return data;
}

#define RISCV_MAGIC 0x05435352
#define ARM64_MAGIC 0x644d5241

typedef struct TestElf {
    Elf64_Ehdr header;
    Elf64_Phdr segments[2];
    uint8_t code[64];
} TestElf;

static TestElf test_elf(uint64_t addr)
{
    TestElf elf = {
        .header =
            {
                .e_ident = {0x7f, 'E', 'L', 'F', ELFCLASS64, ELFDATA2LSB, EV_CURRENT},
                .e_type = ET_EXEC,
                .e_machine = EM_RISCV,
                .e_version = EV_CURRENT,
                .e_entry = addr + 8,
                .e_phoff = offsetof(TestElf, segments),
                .e_ehsize = sizeof(Elf64_Ehdr),
                .e_phentsize = sizeof(Elf64_Phdr),
                .e_phnum = 1,
            },
        .segments = {{
            .p_type = PT_LOAD,
            .p_offset = offsetof(TestElf, code),
            .p_vaddr = addr,
            .p_paddr = addr,
            .p_filesz = 64,
            .p_memsz = 4096,
        }},
    };
    memset(elf.code, 0xa5, sizeof(elf.code));
    return elf;
}

/* ---- The map ---- */

static void test_memory_map(Fixture *f, gconstpointer data)
{
    static const struct {
        uint64_t base, size;
    } blocks[] = {
        {0x1000, 0xf000},         {0x100000, 0x1000},
        {0x101000, 0x24},         {0x2000000, 0x10000},
        {0x3000000, 0x10000},     {0xc000000, 0x600000},
        {0x10000000, 8},          {0x10001000, 0x200},
        {0x10008000, 0x200},      {0x10100000, 0x18},
        {0x20000000, 0x2000000},  {0x22000000, 0x2000000},
        {0x30000000, 0x10000000}, {0x40000000, 0x40000000},
        {0x80000000, 0x8000000},  {0x400000000, 0x400000000},
    };
    Machine *machine = make_ok(&riscv_virt_machine, (MachineConfig){.cpus = 2});
    g_assert_cmpuint(machine->ncpus, ==, 2);
    for (size_t i = 0; i < G_N_ELEMENTS(blocks); i++) {
        uint64_t value;
        uint64_t last = blocks[i].base + blocks[i].size - 4;
        unsigned size = blocks[i].size == 8 ? 1 : 4; /* the UART has bytes */
        g_assert_cmpint(memory_map_read(machine->memory, blocks[i].base, &value, size), ==, MEM_OK);
        g_assert_cmpint(memory_map_read(machine->memory, last, &value, size), ==, MEM_OK);
    }
    harness_free(machine);
}

static void test_reset_vector(Fixture *f, gconstpointer data)
{
    Machine *machine = make_ok(&riscv_virt_machine, (MachineConfig){.cpus = 1});
    static const uint32_t code[] = {0x00000297, 0x02828613, 0xf1402573,
                                    0x0202b583, 0x0182b283, 0x00028067};
    for (size_t i = 0; i < G_N_ELEMENTS(code); i++) {
        g_assert_cmphex(rd32(machine, 0x1000 + 4 * i), ==, code[i]);
    }
    g_assert_cmphex(rd64(machine, 0x1018), ==, RAM_BASE);
    g_assert_cmphex(rd64(machine, 0x1020), ==, 0x87e00000);
    g_assert_cmphex(rd64(machine, 0x1028), ==, 0x4942534f);
    g_assert_cmphex(rd64(machine, 0x1030), ==, 2);
    g_assert_cmphex(rd64(machine, 0x1040), ==, 1);
    harness_free(machine);
}

/* ---- Images ---- */

static void test_image(Fixture *f, gconstpointer data)
{
    uint8_t *image = linux_image(8192, 3 * MIB, RISCV_MAGIC);
    const char *kernel = write_file(f, image, 8192), *initrd = write_file(f, "initrd", 6);
    const char *bios = write_file(f, "firmware", 8);
    MachineConfig config = {.cpus = 1,
                            .ram_size = 64 * MIB,
                            .bios = bios,
                            .kernel = kernel,
                            .initrd = initrd,
                            .append = "a b"};
    Machine *machine = make_ok(&riscv_virt_machine, config);
    g_assert_cmphex(rd64(machine, 0x1018), ==, RAM_BASE);
    g_assert_cmphex(rd64(machine, 0x1038), ==, 0x80200000);
    g_assert_cmphex(rd64(machine, RAM_BASE), ==, 0x657261776d726966); /* "firmware" */
    g_assert_cmphex(rd32(machine, 0x80200000), ==, 0x1000006f);
    g_assert_cmphex(rd32(machine, 0x80200038), ==, RISCV_MAGIC);

    void *fdt = get_fdt(machine);
    uint64_t start = fdt_number(fdt, "/chosen", "linux,initrd-start");
    g_assert_cmphex(start, ==, 0x82200000);
    g_assert_cmphex(fdt_number(fdt, "/chosen", "linux,initrd-end"), ==, start + 6);
    g_assert_cmphex(rd32(machine, start), ==, 0x74696e69); /* "init" */
    g_assert_cmphex(fdt_number(fdt, "/memory@80000000", "reg"), ==, RAM_BASE);
    int chosen = fdt_path_offset(fdt, "/chosen");
    g_assert_cmpstr(fdt_getprop(fdt, chosen, "bootargs", NULL), ==, "a b");
    g_assert_cmpstr(fdt_getprop(fdt, chosen, "stdout-path", NULL), ==, "/soc/serial@10000000");
    uint64_t seed = fdt_number(fdt, "/chosen", "rng-seed");
    g_assert_cmphex(seed, !=, 0);
    g_free(fdt);

    /* A reset brings everything back, with another seed. */
    machine_mmio_write(machine, 0x80200000, 0, 8);
    machine_mmio_write(machine, 0x80201ff8 + 4096, 1, 8); /* in the image's zeroed part */
    machine_mmio_write(machine, rd64(machine, 0x1020), 0, 8);
    machine_mmio_write(machine, 0x1000, 0, 8); /* dropped: ROM */
    machine_reset(machine);
    g_assert_cmphex(rd32(machine, 0x80200000), ==, 0x1000006f);
    g_assert_cmphex(rd64(machine, 0x80201ff8 + 4096), ==, 0);
    g_assert_cmphex(rd32(machine, 0x1000), ==, 0x297);
    fdt = get_fdt(machine);
    g_assert_cmphex(fdt_number(fdt, "/chosen", "rng-seed"), !=, seed);
    g_free(fdt);
    harness_free(machine);
    g_free(image);
}

static void test_large_kernel(Fixture *f, gconstpointer data)
{
    /* Larger than the distance to the usual place of the initial RAM disk. */
    uint8_t *image = linux_image(8192, 40 * MIB, RISCV_MAGIC);
    MachineConfig config = {.cpus = 1,
                            .ram_size = 64 * MIB,
                            .kernel = write_file(f, image, 8192),
                            .initrd = write_file(f, "initrd", 6)};
    Machine *machine = make_ok(&riscv_virt_machine, config);
    void *fdt = get_fdt(machine);
    g_assert_cmphex(fdt_number(fdt, "/chosen", "linux,initrd-start"), ==, RAM_BASE + 40 * MIB);
    g_free(fdt);
    harness_free(machine);
    config.ram_size = 32 * MIB;
    expect_error(config, "-m");
    g_free(image);
}

static void test_gzip(Fixture *f, gconstpointer data)
{
    uint8_t *image = linux_image(100000, 100000, RISCV_MAGIC), packed[4096];
    z_stream zs = {
        .next_in = image, .avail_in = 100000, .next_out = packed, .avail_out = sizeof(packed)};
    deflateInit2(&zs, 9, Z_DEFLATED, 16 + MAX_WBITS, 8, Z_DEFAULT_STRATEGY);
    g_assert_cmpint(deflate(&zs, Z_FINISH), ==, Z_STREAM_END);
    size_t len = sizeof(packed) - zs.avail_out;
    deflateEnd(&zs);
    MachineConfig config = {.cpus = 1, .kernel = write_file(f, packed, len)};
    Machine *machine = make_ok(&riscv_virt_machine, config);
    g_assert_cmphex(rd32(machine, RAM_BASE + 0x38), ==, RISCV_MAGIC);
    harness_free(machine);

    config.kernel = write_file(f, packed, len - 20);
    expect_error(config, "damaged gzip");
    /* EFI zboot: header, then the same data. */
    uint8_t *zboot = g_malloc0(64 + len);
    uint32_t fields[] = {0x5a4d, 0x676d697a, 64, len};
    memcpy(zboot, fields, sizeof(fields));
    memcpy(zboot + 24, "gzip", 5);
    memcpy(zboot + 64, packed, len);
    config.kernel = write_file(f, zboot, 64 + len);
    machine = make_ok(&riscv_virt_machine, config);
    g_assert_cmphex(rd32(machine, RAM_BASE + 0x38), ==, RISCV_MAGIC);
    harness_free(machine);
    config.kernel = write_file(f, zboot, 60 + len);
    expect_error(config, "damaged EFI zboot");
    memcpy(zboot + 24, "zstd", 5);
    config.kernel = write_file(f, zboot, 64 + len);
    expect_error(config, "packed with zstd");
    g_free(zboot);
    g_free(image);
}

/* Packs more zeros than there is RAM. */
static void test_gzip_bomb(Fixture *f, gconstpointer data)
{
    GByteArray *packed = g_byte_array_new();
    uint8_t zeros[65536] = {0}, out[65536];
    z_stream zs = {0};
    deflateInit2(&zs, 9, Z_DEFLATED, 16 + MAX_WBITS, 8, Z_DEFAULT_STRATEGY);
    for (unsigned i = 0; i < 1024; i++) {
        zs.next_in = zeros;
        zs.avail_in = sizeof(zeros);
        zs.next_out = out;
        zs.avail_out = sizeof(out);
        deflate(&zs, i == 1023 ? Z_FINISH : Z_NO_FLUSH);
        g_byte_array_append(packed, out, sizeof(out) - zs.avail_out);
    }
    deflateEnd(&zs);
    MachineConfig config = {.cpus = 1, .ram_size = 16 * MIB};
    config.kernel = write_file(f, packed->data, packed->len);
    expect_error(config, "more than the guest's RAM");
    g_byte_array_unref(packed);
}

static void test_elf_files(Fixture *f, gconstpointer data)
{
    TestElf elf = test_elf(RAM_BASE + 0x1000);
    MachineConfig config = {.cpus = 1,
                            .ram_size = 16 * MIB,
                            .kernel = write_file(f, &elf, sizeof(elf))};
    Machine *machine = make_ok(&riscv_virt_machine, config);
    /* Nothing is at the start of RAM, so it starts at the entry. */
    g_assert_cmphex(rd64(machine, 0x1018), ==, RAM_BASE + 0x1008);
    g_assert_cmphex(rd32(machine, RAM_BASE + 0x1000), ==, 0xa5a5a5a5);
    g_assert_cmphex(rd32(machine, RAM_BASE + 0x1040), ==, 0);
    harness_free(machine);

    elf = test_elf(RAM_BASE);
    config.kernel = write_file(f, &elf, sizeof(elf));
    machine = make_ok(&riscv_virt_machine, config);
    g_assert_cmphex(rd64(machine, 0x1018), ==, RAM_BASE);
    harness_free(machine);
    machine = make_ok(&riscv_spike_machine, config);
    g_assert_cmphex(rd64(machine, 0x1018), ==, RAM_BASE + 8);
    harness_free(machine);

    /* Linked at virtual addresses. */
    elf = test_elf(RAM_BASE + 0x1000);
    elf.segments[0].p_vaddr = 0xffffffff80000000;
    elf.header.e_entry = 0xffffffff80000010;
    config.kernel = write_file(f, &elf, sizeof(elf));
    machine = make_ok(&riscv_virt_machine, config);
    g_assert_cmphex(rd64(machine, 0x1018), ==, RAM_BASE + 0x1010);
    harness_free(machine);
}

/* Damaged ELF files, made by changing one field each. */
static void test_bad_elf(Fixture *f, gconstpointer data)
{
    MachineConfig config = {.cpus = 1, .ram_size = 16 * MIB};
#define BAD(change, text)                                 \
    do {                                                  \
        TestElf elf = test_elf(RAM_BASE);                 \
        change;                                           \
        config.kernel = write_file(f, &elf, sizeof(elf)); \
        expect_error(config, text);                       \
    } while (0)
    BAD(elf.header.e_machine = EM_AARCH64, "kernel is for aarch64");
    BAD(elf.header.e_machine = EM_X86_64, "kernel is for x86-64");
    BAD(elf.header.e_machine = 0x1234, "kernel is for an unknown architecture");
    BAD(elf.header.e_ident[EI_CLASS] = ELFCLASS32, "kernel is for riscv32");
    BAD(elf.header.e_type = ET_REL, "not linked");
    BAD(elf.header.e_phnum = 0, "nothing to load");
    BAD(elf.header.e_phnum = 0xffff, "outside of the file");
    BAD(elf.header.e_phoff = UINT64_MAX - 8, "outside of the file");
    BAD(elf.header.e_phoff = sizeof(elf) - 8, "outside of the file");
    BAD(elf.header.e_phentsize = 8, "outside of the file");
    BAD(elf.segments[0].p_offset = UINT64_MAX - 8, "outside of the file");
    BAD(elf.segments[0].p_filesz = 65536, "outside of the file");
    BAD(elf.segments[0].p_memsz = 8, "outside of the file");
    BAD(elf.segments[0].p_memsz = UINT64_MAX, "outside of the file");
    BAD(elf.segments[0].p_memsz = 17 * MIB, "no memory");
    BAD(elf.segments[0].p_paddr = 0x1000, "no memory");
    BAD(elf.segments[0].p_paddr = 0x10000000, "no memory");
    BAD(elf.segments[0].p_paddr = RAM_BASE + 16 * MIB - 2048, "no memory");
    BAD(elf.segments[0].p_paddr = UINT64_MAX - 16, "outside of the file");
#undef BAD
    TestElf elf = test_elf(RAM_BASE);
    config.kernel = write_file(f, &elf, 20);
    expect_error(config, "cut short");
    /* Random damage: must not crash, whatever comes of it. */
    GRand *rand = g_rand_new_with_seed(1);
    for (unsigned i = 0; i < 500; i++) {
        GError *error = NULL;
        uint8_t bytes[sizeof(TestElf)];
        elf = test_elf(RAM_BASE);
        elf.header.e_shoff = g_rand_int(rand) % 300;
        elf.header.e_shnum = g_rand_int(rand) % 4;
        elf.header.e_shentsize = sizeof(Elf64_Shdr);
        memcpy(bytes, &elf, sizeof(elf));
        for (unsigned n = 0; n < 4; n++) {
            bytes[16 + g_rand_int(rand) % (sizeof(bytes) - 16)] = g_rand_int(rand);
        }
        g_file_set_contents(f->files->pdata[0], (char *)bytes, sizeof(bytes), NULL);
        config.kernel = f->files->pdata[0];
        Machine *machine = make(&riscv_spike_machine, config, &error);
        if (machine) {
            harness_free(machine);
        }
        g_clear_error(&error);
    }
    g_rand_free(rand);
}

static void test_wrong_files(Fixture *f, gconstpointer data)
{
    MachineConfig config = {.cpus = 1, .ram_size = 16 * MIB};
    uint8_t *arm = linux_image(4096, 4096, ARM64_MAGIC), x86[1024] = {0};
    config.kernel = write_file(f, arm, 4096);
    expect_error(config, "kernel is for aarch64");
    memcpy(x86 + 0x202, "HdrS", 4);
    x86[0x236] = 1;
    config.kernel = write_file(f, x86, sizeof(x86));
    expect_error(config, "kernel is for x86-64");
    config.kernel = write_file(f,
                               "\xfd"
                               "7zXZ\0",
                               6);
    expect_error(config, "compressed with xz");
    config.kernel = write_file(f, "\xd0\x0d\xfe\xed", 4);
    expect_error(config, "device tree");
    config.kernel = write_file(f, "", 0);
    expect_error(config, "is empty");
    config.kernel = f->dir;
    expect_error(config, "is a directory");
    config.kernel = "/nonexistent/kernel";
    expect_error(config, "cannot open -kernel '/nonexistent/kernel': No such file");
    config.kernel = NULL;
    config.bios = "/nonexistent/bios";
    expect_error(config, "cannot open -bios");
    config.bios = NULL;
    config.initrd = "/nonexistent/initrd";
    expect_error(config, "-initrd needs a -kernel");
    config.kernel = write_file(f, "code", 4);
    expect_error(config, "cannot open -initrd");
    config.initrd = NULL;
    config.dtb = "/nonexistent/dtb";
    expect_error(config, "cannot open -dtb");
    config.dtb = config.kernel;
    expect_error(config, "not a sound device tree");
    config.dtb = NULL;
    uint8_t *large = g_malloc0(17 * MIB);
    config.kernel = write_file(f, large, 17 * MIB);
    expect_error(config, "too large");
    g_free(large);
    g_free(arm);
}

static void test_wrong_config(Fixture *f, gconstpointer data)
{
    GError *error = NULL;
    expect_error((MachineConfig){.cpus = 9}, "at most 8");
    expect_error((MachineConfig){.cpus = 1, .ram_size = 17 * GIB}, "at most 16 GiB");
    MachineConfig config = {.cpus = 1};
    config.machine_opts = options_parse("-machine", "virt,acplnt=off", "type", &error);
    g_assert_no_error(error);
    options_mark_used(config.machine_opts, "type");
    expect_error(config, "acplnt");
    config.machine_opts = options_parse("-machine", "virt,aia=aplic", "type", &error);
    g_assert_no_error(error);
    options_mark_used(config.machine_opts, "type");
    expect_error(config, "aia");
}

/* ---- Devices by name ---- */

static void expect_device_error(Machine *machine, const char *device, const char *text)
{
    GError *error = NULL;
    Options *opts = options_parse("-device", device, "driver", &error);
    g_assert_no_error(error);
    g_assert_false(hw_device_create(machine, opts, &error));
    g_assert_nonnull(error);
    if (!strstr(error->message, text)) {
        g_error("expected '%s' in '%s'", text, error->message);
    }
    g_error_free(error);
    options_free(opts);
}

static void test_devices_by_name(Fixture *f, gconstpointer data)
{
    Machine *machine = make_ok(&riscv_virt_machine, (MachineConfig){.cpus = 1});
    expect_device_error(machine, "virtio-rgn-device", "did you mean 'virtio-rng-device'");
    expect_device_error(machine, "xyzzy", "unknown device 'xyzzy'");
    expect_device_error(machine, "", "needs the name");
    expect_device_error(machine, "virtio-rng-device,perod=3", "did you mean 'period'");
    GString *help = g_string_new(NULL);
    hw_device_help(help);
    g_assert_nonnull(strstr(help->str, "name \"virtio-blk-device\", bus virtio-bus"));
    g_string_free(help, true);
    harness_free(machine);
}

/* ---- Device trees from and to files ---- */

static void test_dumpdtb(Fixture *f, gconstpointer data)
{
    GError *error = NULL;
    const char *file = write_file(f, "", 0);
    MachineConfig config = {.cpus = 4, .dumpdtb = file};
    Machine *machine = make_ok(&riscv_virt_machine, config);
    g_assert_true(machine->quit_requested || machine->shutdown_requested);
    g_assert_cmpint(machine->exit_status, ==, 0);
    harness_free(machine);
    char *blob;
    size_t len;
    g_assert_true(g_file_get_contents(file, &blob, &len, &error));
    g_assert_cmpint(fdt_check_full(blob, len), ==, 0);
    g_assert_cmpint(fdt_path_offset(blob, "/cpus/cpu@3"), >=, 0);
    g_assert_cmpint(fdt_path_offset(blob, "/cpus/cpu@4"), <, 0);
    g_free(blob);

    /* And back in, with additions. */
    config = (MachineConfig){
        .cpus = 1, .dtb = file, .append = "hello", .kernel = write_file(f, "code", 4)};
    machine = make_ok(&riscv_virt_machine, config);
    void *fdt = get_fdt(machine);
    g_assert_cmpint(fdt_path_offset(fdt, "/cpus/cpu@3"), >=, 0);
    int chosen = fdt_path_offset(fdt, "/chosen");
    g_assert_cmpstr(fdt_getprop(fdt, chosen, "bootargs", NULL), ==, "hello");
    g_free(fdt);
    harness_free(machine);
    config = (MachineConfig){.cpus = 1, .dumpdtb = "/nonexistent/dir/file"};
    expect_error(config, "cannot write the device tree to '/nonexistent/dir/file'");
}

static uint32_t cell(const void *fdt, const char *path, const char *name, unsigned n)
{
    int len;
    const fdt32_t *cells = fdt_getprop(fdt, fdt_path_offset(fdt, path), name, &len);
    g_assert_cmpint(len, >, (int)(n * sizeof(*cells)));
    return fdt32_to_cpu(cells[n]);
}

/* A device of the user's that the tree tells of: it is there before the tree is made. */
static void test_fdt_iommu(Fixture *f, gconstpointer data)
{
    static const char pci[] = "/soc/pci@30000000", path[] = "/soc/pci@30000000/iommu@3,0";
    MachineConfig config = {.cpus = 1, .bios = "none"};
    GError *error = NULL;
    Machine *machine = machine_alloc(&riscv_virt_machine, true);
    machine_lock(machine);
    g_assert_true(machine_init(machine, &config, &error));
    Options *opts = options_parse("-device", "riscv-iommu-pci,addr=3", "driver", &error);
    g_assert_true(hw_device_create(machine, opts, &error));
    options_free(opts);
    g_assert_true(machine_complete(machine, &error));

    void *fdt = get_fdt(machine);
    int node = fdt_path_offset(fdt, path);
    g_assert_cmpint(node, >=, 0);
    g_assert_cmpint(fdt_node_check_compatible(fdt, node, "riscv,pci-iommu"), ==, 0);
    g_assert_cmpint(fdt_node_check_compatible(fdt, node, "pci1b36,14"), ==, 0);
    g_assert_cmpuint(cell(fdt, path, "#iommu-cells", 0), ==, 1);
    g_assert_cmphex(cell(fdt, path, "reg", 0), ==, 0x1800);
    /* What has requester ids 0 to 0x17, and 0x19 to 0xffff. */
    uint32_t phandle = fdt_get_phandle(fdt, node);
    const uint32_t map[] = {0, phandle, 0, 0x18, 0x19, phandle, 0x19, 0xffe7};
    for (unsigned i = 0; i < ARRAY_SIZE(map); i++) {
        g_assert_cmphex(cell(fdt, pci, "iommu-map", i), ==, map[i]);
    }
    g_free(fdt);
    harness_free(machine);
}

/* Random damage to a device tree file. */
static void test_bad_dtb(Fixture *f, gconstpointer data)
{
    const char *file = write_file(f, "", 0);
    harness_free(make_ok(&riscv_virt_machine, (MachineConfig){.cpus = 1, .dumpdtb = file}));
    char *blob;
    size_t len;
    g_assert_true(g_file_get_contents(file, &blob, &len, NULL));
    GRand *rand = g_rand_new_with_seed(1);
    for (unsigned i = 0; i < 300; i++) {
        GError *error = NULL;
        char *bad = g_memdup2(blob, len);
        unsigned range = i % 2 ? 40 : len; /* the header deserves more of it */
        for (unsigned n = 0; n < 1 + i % 8; n++) {
            bad[g_rand_int(rand) % range] = g_rand_int(rand);
        }
        g_file_set_contents(file, bad, i % 3 ? len : g_rand_int(rand) % len, NULL);
        Machine *machine =
            make(&riscv_virt_machine, (MachineConfig){.cpus = 1, .dtb = file}, &error);
        if (machine) {
            harness_free(machine);
        }
        g_clear_error(&error);
        g_free(bad);
    }
    g_rand_free(rand);
    g_free(blob);
}

/* ---- Everything at once ---- */

static void test_wild(Fixture *f, gconstpointer data)
{
    MachineConfig config = {.cpus = 8, .ram_size = 16 * MIB};
    Machine *machine = make_ok(&riscv_virt_machine, config);
    clock_start(machine->clock);
    static const struct {
        uint64_t base, size;
    } blocks[] = {
        {0, 0x120000},
        {0x2000000, 0x10000},
        {0x3000000, 0x10000},
        {0xc000000, 0x600000},
        {0x10000000, 0x200000},
        {0x20000000, 0x4000000},
        {0x30000000, 0x10000000},
        {0x40000000, 0x40000000},
        {0x80000000, 0x2000000},
        {0x400000000, 0x400000000},
        {UINT64_MAX - 0xfff, 0x1000},
    };
    for (size_t i = 0; i < G_N_ELEMENTS(blocks); i++) {
        wild_accesses(machine, blocks[i].base, blocks[i].size, 20000, 42 + i);
    }
    machine_reset(machine);
    harness_free(machine);
}

static void check_irqs(Machine *machine, const char *type, const char *wanted)
{
    GString *text = g_string_new(NULL);
    for (unsigned i = 0; i < machine->devices->len; i++) {
        Device *dev = machine->devices->pdata[i];
        if (!strcmp(dev->ops->name, type)) {
            dev->ops->print_irqs(dev, text);
        }
    }
    if (!strstr(text->str, wanted)) {
        g_error("%s: '%s' is not in '%s'", type, wanted, text->str);
    }
    g_string_free(text, true);
}

/* info irq: what software set up is what the controllers tell. */
static void test_irqs(void)
{
    Bench *bench = bench_new(BENCH_VIRT);
    machine_lock(bench->machine);
    machine_mmio_write(bench->machine, 0x2000004, 1, 4); /* msip of hart 1 */
    machine_mmio_write(bench->machine, 0x2004000, 0, 8); /* mtimecmp of hart 0 */
    check_irqs(bench->machine, "riscv.aclint",
               "hart 0: software, timer at 0x0000000000000000 raised\n");
    check_irqs(bench->machine, "riscv.aclint",
               "hart 1: software raised, timer at 0xffffffffffffffff\n");
    machine_unlock(bench->machine);
    bench_free(bench);
    bench = bench_new(BENCH_Q35);
    machine_lock(bench->machine);
    static const uint8_t words[][2] = {
        {0x20, 0x11}, {0x21, 0x68}, {0x21, 4}, {0x21, 1}, {0x21, 0xfb}};
    for (unsigned i = 0; i < ARRAY_SIZE(words); i++) {
        machine_pio_write(bench->machine, words[i][0], words[i][1], 1);
    }
    check_irqs(bench->machine, "isa-i8259", "pic0: irr=00 imr=fb isr=00 hprio=0 irq_base=68 ");
    check_irqs(bench->machine, "apic", "lint0: vector 00 mode 0 masked");
    check_irqs(bench->machine, "apic", "id 1, task priority 00\n  waiting:\n  in service:\n");
    machine_unlock(bench->machine);
    bench_free(bench);
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
#define ADD(name) g_test_add("/boards/" #name, Fixture, NULL, setup, test_##name, teardown)
    ADD(memory_map);
    ADD(reset_vector);
    ADD(image);
    ADD(large_kernel);
    ADD(gzip);
    ADD(gzip_bomb);
    ADD(elf_files);
    ADD(bad_elf);
    ADD(wrong_files);
    ADD(wrong_config);
    ADD(devices_by_name);
    ADD(dumpdtb);
    ADD(fdt_iommu);
    ADD(bad_dtb);
    ADD(wild);
    g_test_add_func("/boards/irqs", test_irqs);
    return g_test_run();
}
