/*
 * Fuzzer of the SATA controller with a disk at port 0 and a CD-ROM drive at port 2: the input is a small program of
 * commands as a driver issues them, some spoiled, and of register writes.
 *
 * Input: steps: a byte for the kind, and its operands.
 *
 * libFuzzer: -detect_leaks=0 -max_len=1000
 * (one machine serves all inputs)
 */
#include "hw/block/blockdev.h"
#include "hw/x86/boards.h"
#include "softmmu/base/bits.h"
#include "tests/device/harness.h"
#include "tests/fuzz/fuzz.h"
#include <linux/pci_regs.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#define ECAM UINT64_C(0xb0000000)
#define CONFIG (ECAM + (0x1f << 15) + (2 << 12))
#define ABAR UINT64_C(0xc0000000)
#define PORT(n) (ABAR + 0x100 + 0x80 * (n))
#define LIST 0x100000
#define FIS 0x101000
#define TABLE 0x102000
#define DATA 0x110000
#define DATA_END 0x140000
#define DISK_SIZE (128 * KIB)

enum { P_CLB = 0, P_FB = 8, P_IS = 0x10, P_IE = 0x14, P_CMD = 0x18, P_SACT = 0x34, P_CI = 0x38 };

static Machine *machine;

static void add_drive(GPtrArray *drives, int fd, const char *more)
{
    char *text =
        g_strdup_printf("file=/proc/self/fd/%d,format=raw,if=ide,file.locking=off,%s", fd, more);
    g_ptr_array_add(drives, options_parse("-drive", text, "file", NULL));
    g_free(text);
}

static void make_machine(void)
{
    GError *error = NULL;
    int disk = memfd_create("disk", MFD_CLOEXEC);
    g_assert_cmpint(ftruncate(disk, DISK_SIZE), ==, 0);
    MachineConfig config = {.bios = "none", .ram_size = 4 * MIB, .drives = g_ptr_array_new()};
    add_drive(config.drives, disk, "index=0,serial=ABC123,discard=unmap");
    add_drive(config.drives, disk, "index=2,media=cdrom");
    machine = machine_new(&x86_q35_machine, &config, true, &error);
    g_assert_no_error(error);
    clock_start(machine->clock);
    close(disk);
}

static void start_port(unsigned n)
{
    wr32(machine, PORT(n) + P_CLB, LIST);
    wr32(machine, PORT(n) + P_FB, FIS);
    wr32(machine, PORT(n) + P_IS, 0xffffffff);
    wr32(machine, PORT(n) + P_IE, 0xffffffff);
    wr32(machine, PORT(n) + P_CMD, 0x11);
}

static void start(void)
{
    machine_reset(machine);
    machine_pio_write(machine, 0xcf8, 0x80000060, 4);
    machine_pio_write(machine, 0xcfc, ECAM | 1, 4);
    wr32(machine, CONFIG + PCI_BASE_ADDRESS_5, ABAR);
    wr32(machine, CONFIG + PCI_COMMAND, PCI_COMMAND_MEMORY | PCI_COMMAND_MASTER);
    wr32(machine, ABAR + 4, 0x80000002);
    memset(machine->ram->host + LIST, 0, DATA_END - LIST);
    start_port(0);
    start_port(2);
}

/* A command in slot @slot: Serial ATA AHCI 1.3.1, 4.2. */
static void put_command(FuzzInput *in, unsigned slot)
{
    static const uint8_t commands[] = {0x25, 0x35, 0x60, 0x61, 0xa0, 0xec, 0xa1, 0xea,
                                       0xc8, 0xca, 0x06, 0xef, 0x2f, 0x47, 0x20, 0x30};
    uint8_t *ram = machine->ram->host, *table = ram + TABLE + slot * 256;
    unsigned which = fuzz_take(in, 1), how = fuzz_take(in, 1), regions = how & 3;
    uint8_t command = which < 0xf0 ? commands[which % ARRAY_SIZE(commands)] : fuzz_take(in, 1);
    uint32_t lba = fuzz_take(in, 2), count = fuzz_take(in, 2);
    bool packet = command == 0xa0;
    uint32_t header[8] = {5 | (how & 4 ? 0x40 : 0) | (packet ? 0x20 : 0) | regions << 16, 0,
                          TABLE + slot * 256};
    uint8_t fis[20] = {0x27, 0x80, command, fuzz_take(in, 1), lba, lba >> 8, 0, 0x40};
    fis[12] = count;
    fis[13] = count >> 8;
    memcpy(ram + LIST + 32 * slot, header, sizeof(header));
    memcpy(table, fis, sizeof(fis));
    for (unsigned i = 0; packet && i < 12; i++) {
        table[0x40 + i] = fuzz_take(in, 1);
    }
    for (unsigned i = 0; i < regions; i++) {
        uint32_t prd[4] = {DATA + fuzz_take(in, 1) * 512, 0, 0, fuzz_take(in, 2) * 2 + 1};
        memcpy(table + 0x80 + 16 * i, prd, sizeof(prd));
    }
}

static void step(FuzzInput *in)
{
    unsigned op = fuzz_take(in, 1), port = op & 0x80 ? 2 : 0, slot = op >> 3 & 15;
    switch (op & 7) {
    case 0: /* bytes of lists and tables */
        machine->ram->host[LIST + fuzz_take(in, 2) % (DATA - LIST)] = fuzz_take(in, 1);
        break;
    case 1: wr32(machine, PORT(port) + 4 * slot, fuzz_take(in, 4)); break;
    case 2: wr32(machine, ABAR + 4 * (fuzz_take(in, 1) % 12), fuzz_take(in, 4)); break;
    case 3: start_port(port); break;
    case 4:
        clock_step(machine->clock, 1000000);
        g_main_context_iteration(machine->context, FALSE);
        break;
    default:
        put_command(in, slot);
        wr32(machine, PORT(port) + P_SACT, (op & 7) == 5 ? 1u << slot : 0);
        wr32(machine, PORT(port) + P_CI, 1u << slot);
        g_main_context_iteration(machine->context, FALSE);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    FuzzInput in = {data, size};
    if (!machine) {
        make_machine();
    }
    machine_lock(machine);
    start();
    while (in.left) {
        step(&in);
    }
    BlockDev *blk;
    for (unsigned n = 0; (blk = blockdev_nth(machine, n)) != NULL; n++) {
        blockdev_drain(blk);
    }
    machine_unlock(machine);
    return 0;
}

static void make_input(GRand *rand, GByteArray *input)
{
    fuzz_random_bytes(rand, input, g_rand_int_range(rand, 1, 600));
}

FUZZ_MAIN(1500, make_input)
