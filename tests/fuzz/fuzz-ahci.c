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
#include "tests/device/ahci-driver.h"
#include "tests/device/harness.h"
#include "tests/fuzz/fuzz.h"
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#define DATA_END 0x140000
#define DISK_SIZE (128 * KIB)

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

static void start(void)
{
    machine_reset(machine);
    ahci_driver_start(machine);
    memset(machine->ram->host + AHCI_LIST, 0, DATA_END - AHCI_LIST);
    ahci_driver_start_port(machine, 0);
    ahci_driver_start_port(machine, 2);
}

static void put_command(FuzzInput *in, unsigned slot)
{
    static const uint8_t commands[] = {0x25, 0x35, 0x60, 0x61, 0xa0, 0xec, 0xa1, 0xea,
                                       0xc8, 0xca, 0x06, 0xef, 0x2f, 0x47, 0x20, 0x30};
    unsigned which = fuzz_take(in, 1), how = fuzz_take(in, 1);
    uint8_t code = which < 0xf0 ? commands[which % ARRAY_SIZE(commands)] : fuzz_take(in, 1);
    AhciCommand c = {.command = code, .packet = code == 0xa0, .write = how & 4, .regions = how & 3};
    c.lba = fuzz_take(in, 2);
    c.count = fuzz_take(in, 2);
    c.features = fuzz_take(in, 1);
    uint8_t *table = ahci_driver_put(machine, slot, &c);
    for (unsigned i = 0; c.packet && i < 12; i++) {
        table[0x40 + i] = fuzz_take(in, 1);
    }
    for (unsigned i = 0; i < c.regions; i++) {
        uint32_t addr = AHCI_DATA + fuzz_take(in, 1) * 512;
        ahci_driver_put_region(table, i, addr, fuzz_take(in, 2) * 2 + 2);
    }
}

static void step(FuzzInput *in)
{
    unsigned op = fuzz_take(in, 1), port = op & 0x80 ? 2 : 0, slot = op >> 3 & 15;
    switch (op & 7) {
    case 0: /* bytes of lists and tables */
        machine->ram->host[AHCI_LIST + fuzz_take(in, 2) % (AHCI_DATA - AHCI_LIST)] =
            fuzz_take(in, 1);
        break;
    case 1: wr32(machine, AHCI_PORT(port) + 4 * slot, fuzz_take(in, 4)); break;
    case 2: wr32(machine, AHCI_ABAR + 4 * (fuzz_take(in, 1) % 12), fuzz_take(in, 4)); break;
    case 3: ahci_driver_start_port(machine, port); break;
    case 4:
        clock_step(machine->clock, 1000000);
        g_main_context_iteration(machine->context, FALSE);
        break;
    default:
        put_command(in, slot);
        wr32(machine, AHCI_PORT(port) + AHCI_SACT, (op & 7) == 5 ? 1u << slot : 0);
        wr32(machine, AHCI_PORT(port) + AHCI_CI, 1u << slot);
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
