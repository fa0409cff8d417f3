/*
 * Fuzzer of the files that a user has a machine start from: ELF, Linux's images (also packed), Multiboot, PVH,
 * raw firmware. The machine boots with one, or refuses it with one line.
 *
 * Input: a byte for the board and option, one for the kind of file, changes of the sound beginning of such a file, and
 * what follows that, so that what is behind a magic number is reached.
 *
 * libFuzzer: -max_len=4000
 */
#include "hw/riscv/boards.h"
#include "hw/x86/boards.h"
#include "softmmu/base/bits.h"
#include "tests/fuzz/fuzz.h"
#include <asm/bootparam.h>
#include <elf.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>
#include <zlib.h>

typedef enum FileKind {
    FILE_RAW,
    FILE_ELF,
    FILE_PVH,
    FILE_BZIMAGE,
    FILE_MULTIBOOT,
    FILE_RISCV_IMAGE,
    FILE_GZIP,
    FILE_KINDS
} FileKind;

/* A program of two segments and a note, as it should be. */
static void put_elf(GByteArray *file, uint16_t machine, uint64_t addr)
{
    Elf64_Ehdr header = {.e_ident = ELFMAG,
                         .e_type = ET_EXEC,
                         .e_machine = machine,
                         .e_version = EV_CURRENT,
                         .e_entry = addr,
                         .e_phoff = sizeof(header),
                         .e_ehsize = sizeof(header),
                         .e_phentsize = sizeof(Elf64_Phdr),
                         .e_phnum = 3};
    header.e_ident[EI_CLASS] = ELFCLASS64;
    header.e_ident[EI_DATA] = ELFDATA2LSB;
    header.e_ident[EI_VERSION] = EV_CURRENT;
    struct {
        Elf64_Nhdr header;
        char name[4];
        uint64_t entry;
    } note = {{4, 8, 18}, "Xen", addr};
    uint64_t at = sizeof(header) + 3 * sizeof(Elf64_Phdr);
    const Elf64_Phdr segments[3] = {
        {PT_LOAD, PF_R | PF_X, at, addr, addr, sizeof(note), 4096, 4096},
        {PT_LOAD, PF_R | PF_W, 0, addr + 0x10000, addr + 0x10000, 0, 65536, 4096},
        {PT_NOTE, PF_R, at, 0, 0, sizeof(note), sizeof(note), 4},
    };
    g_byte_array_append(file, (const uint8_t *)&header, sizeof(header));
    g_byte_array_append(file, (const uint8_t *)segments, sizeof(segments));
    g_byte_array_append(file, (const uint8_t *)&note, sizeof(note));
}

static void put_bzimage(GByteArray *file)
{
    g_byte_array_set_size(file, 1024);
    memset(file->data, 0, file->len);
    struct setup_header *header = (struct setup_header *)(file->data + 0x1f1);
    header->setup_sects = 1;
    header->boot_flag = 0xaa55;
    header->jump = 0x66eb;
    header->header = 0x53726448;
    header->version = 0x20f;
    header->xloadflags = XLF_KERNEL_64;
    header->initrd_addr_max = 0x7fffffff;
    header->cmdline_size = 255;
    header->pref_address = 0x100000;
    header->init_size = 0x10000;
}

static void put_words(GByteArray *file, const uint32_t *words, unsigned n)
{
    g_byte_array_append(file, (const uint8_t *)words, n * sizeof(*words));
}

/* Multiboot 0.6.96, 3.1; Linux, Documentation/arch/riscv/boot-image-header.rst. */
static void put_start(GByteArray *file, FileKind kind)
{
    static const uint32_t multiboot[] = {0x1badb002, 0x10003,  -0x1badb002u - 0x10003,
                                         0x100000,   0x100000, 0x100100,
                                         0x101000,   0x100020};
    static const uint32_t image[16] = {[0] = 0x0000006f,  [2] = 0x200000, [4] = 0x10000,    [8] = 2,
                                       [12] = 0x43534952, [13] = 0x5643,  [14] = 0x05435352};
    switch (kind) {
    case FILE_ELF: put_elf(file, EM_RISCV, 0x80000000); break;
    case FILE_PVH: put_elf(file, EM_X86_64, 0x100000); break;
    case FILE_BZIMAGE: put_bzimage(file); break;
    case FILE_MULTIBOOT: put_words(file, multiboot, ARRAY_SIZE(multiboot)); break;
    case FILE_RISCV_IMAGE: put_words(file, image, ARRAY_SIZE(image)); break;
    case FILE_GZIP:
    case FILE_RAW:
    case FILE_KINDS: break;
    }
}

/* What is in @file, in gzip's format. */
static void pack(GByteArray *file)
{
    z_stream z = {.next_in = file->data, .avail_in = file->len};
    GByteArray *packed = g_byte_array_new();
    g_assert_cmpint(deflateInit2(&z, 1, Z_DEFLATED, 15 + 16, 9, Z_DEFAULT_STRATEGY), ==, Z_OK);
    g_byte_array_set_size(packed, deflateBound(&z, file->len));
    z.next_out = packed->data;
    z.avail_out = packed->len;
    g_assert_cmpint(deflate(&z, Z_FINISH), ==, Z_STREAM_END);
    g_byte_array_set_size(file, 0);
    g_byte_array_append(file, packed->data, z.total_out);
    deflateEnd(&z);
    g_byte_array_unref(packed);
}

/* Changes in the sound beginning: pairs of place and value. */
static void spoil(GByteArray *file, FuzzInput *in)
{
    for (unsigned n = fuzz_take(in, 1) % 16; n > 0; n--) {
        unsigned at = fuzz_take(in, 2);
        if (at < file->len) {
            file->data[at] = fuzz_take(in, 1);
        }
    }
}

static int make_file(FuzzInput *in)
{
    GByteArray *file = g_byte_array_new();
    unsigned how = fuzz_take(in, 1);
    FileKind kind = how % FILE_KINDS;
    put_start(file, kind == FILE_GZIP ? FILE_RISCV_IMAGE : kind);
    spoil(file, in);
    g_byte_array_append(file, in->data, in->left);
    if (how >= 128 || kind == FILE_GZIP) {
        pack(file);
        spoil(file, in);
    }
    int fd = memfd_create("file", MFD_CLOEXEC);
    g_assert_cmpint(write(fd, file->data, file->len), ==, file->len);
    g_byte_array_unref(file);
    return fd;
}

/* How a machine is given a file. */
typedef struct Way {
    const MachineClass *cls;
    enum { AS_KERNEL, AS_BIOS, AS_INITRD } option;
} Way;

static const Way ways[] = {
    {&riscv_virt_machine, AS_KERNEL}, {&riscv_virt_machine, AS_BIOS},
    {&riscv_spike_machine, AS_BIOS},  {&riscv_spike_machine, AS_KERNEL},
    {&x86_q35_machine, AS_KERNEL},    {&x86_microvm_machine, AS_KERNEL},
    {&x86_q35_machine, AS_INITRD},    {&x86_microvm_machine, AS_INITRD},
};

static unsigned started[ARRAY_SIZE(ways)]; /* machines, of each way */

static void start(const Way *way, const char *path, const char *kernel)
{
    MachineConfig config = {.ram_size = 8 * MIB, .no_vga = true};
    GError *error = NULL;
    config.bios = way->option == AS_BIOS ? path : "none";
    config.kernel = way->option == AS_KERNEL ? path : way->option == AS_INITRD ? kernel : NULL;
    config.append = config.kernel ? "console=ttyS0" : NULL;
    config.initrd = way->option == AS_INITRD ? path : NULL;
    Machine *machine = machine_alloc(way->cls, true);
    machine_lock(machine);
    if (machine_init(machine, &config, &error) && machine_complete(machine, &error)) {
        started[way - ways]++;
        machine_reset(machine);
    } else {
        g_assert_nonnull(error);
        g_assert_null(strchr(error->message, '\n'));
        g_error_free(error);
    }
    machine_unlock(machine);
    machine_free(machine);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    FuzzInput in = {data, size}, sound = {(const uint8_t[]){FILE_BZIMAGE, 0, 1, 2, 3}, 5};
    const Way *way = &ways[fuzz_take(&in, 1) % ARRAY_SIZE(ways)];
    int file = make_file(&in), kernel = make_file(&sound);
    char *path = g_strdup_printf("/proc/self/fd/%d", file);
    char *kernel_path = g_strdup_printf("/proc/self/fd/%d", kernel);
    start(way, path, kernel_path);
    g_free(path);
    g_free(kernel_path);
    close(file);
    close(kernel);
    return 0;
}

static void make_input(GRand *rand, GByteArray *input)
{
    static unsigned made;
    for (unsigned i = 0; i < ARRAY_SIZE(ways) && made == 400; i++) {
        g_assert_cmpuint(started[i], >, 0); /* or it does not come far */
    }
    made++;
    fuzz_random_bytes(rand, input, g_rand_int_range(rand, 3, 300));
    input->data[0] = g_rand_int(rand);
    input->data[1] = g_rand_int(rand);
    input->data[2] = g_rand_int_range(rand, 0, 4);
}

FUZZ_MAIN(500, make_input)
