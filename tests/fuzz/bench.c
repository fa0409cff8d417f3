/* Whole boards that random programs drive; see bench.h. */
#include "tests/fuzz/bench.h"
#include "hw/hw.h"
#include "hw/pci/pci.h"
#include "hw/riscv/boards.h"
#include "hw/x86/boards.h"
#include "hw/x86/mch.h"
#include "softmmu/base/bits.h"
#include "softmmu/memory-internal.h"
#include "tests/device/virtio-driver.h"
#include "ui/chardev.h"
#include <linux/pci_regs.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#define RAM_SIZE (4 * MIB)
#define SANDBOX 0x100000 /* of RAM: where tables are made */
#define SANDBOX_SIZE 0x10000u
#define PCI_MEMORY UINT64_C(0x40000000) /* free on virt, as on q35 */
#define PC_PCI_MEMORY UINT64_C(0xc8000000)
#define PCI_PORTS 0xc000u
#define PC_LPC PCI_DEVFN(31, 0)
#define PC_PM_BASE 0x600u
#define PC_RCBA 0xfed1c000u
#define PC_FW_CFG_DMA 0x514u
#define VIRT_FW_CFG_DMA UINT64_C(0x10100010)
#define MAX_DRAWINGS 3 /* in an input: a screen may have 16 million pixels */

/* A board: its class, where RAM begins, and its devices in addition to what is always there. */
struct BenchBoard {
    const MachineClass *cls;
    uint64_t ram, pci_memory;
    bool firmware;              /* it wants a file for -bios */
    const char *const *devices; /* NULL-terminated */
};

static const char *const virt_devices[] = {
    "riscv-iommu-pci",
    "virtio-blk-pci,drive=d0,packed=on,num-queues=2",
    "virtio-net-pci,netdev=n0",
    "virtio-serial-pci",
    "virtconsole,chardev=c0",
    "virtio-rng-pci",
    "virtio-balloon-pci",
    "virtio-keyboard-pci",
    "virtio-9p-pci,fsdev=f0,mount_tag=host",
    "virtio-blk-device,drive=d1",
    "virtio-net-device,netdev=n1",
    "virtio-rng-device",
    "virtio-9p-device,fsdev=f0,mount_tag=other",
    NULL,
};
static const char *const pc_devices[] = {
    "ahci",
    "VGA,vgamem_mb=1",
    "isa-debug-exit",
    "isa-debugcon,chardev=c0",
    "pvpanic",
    "pvpanic-pci",
    "pc-testdev",
    "pci-testdev",
    "edu",
    "e1000,netdev=n1",
    "e1000e",
    "virtio-rng-pci",
    "virtio-net-pci,netdev=n0",
    NULL,
};
static const char *const small_devices[] = {"virtio-rng-device", "virtio-net-device,netdev=n0",
                                            NULL};
static const char *const none[] = {NULL};

static const BenchBoard boards[BENCH_BOARDS] = {
    [BENCH_VIRT] = {&riscv_virt_machine, 0x80000000, PCI_MEMORY, false, virt_devices},
    [BENCH_Q35] = {&x86_q35_machine, 0, PC_PCI_MEMORY, false, pc_devices},
    [BENCH_SPIKE] = {&riscv_spike_machine, 0x80000000, 0, false, none},
    [BENCH_MICROVM] = {&x86_microvm_machine, 0, 0, true, small_devices},
};

static void add_option(GPtrArray **array, const char *what, const char *implied, const char *text)
{
    GError *error = NULL;
    Options *opts = options_parse(what, text, implied, &error);
    g_assert_no_error(error);
    *array = *array ? *array : g_ptr_array_new();
    g_ptr_array_add(*array, opts);
}

static void add_drive(MachineConfig *config, int fd, const char *more)
{
    char *text = g_strdup_printf("file=/proc/self/fd/%d,format=raw,file.locking=off,%s", fd, more);
    add_option(&config->drives, "-drive", "file", text);
    g_free(text);
}

/* What the devices of @board refer to. */
static void add_back_ends(MachineConfig *config, const BenchBoard *board, int disk)
{
    static const char *const nets[] = {"user,id=n0,restrict=on", "user,id=n1,restrict=on"};
    if (board->cls == &x86_q35_machine) {
        add_drive(config, disk, "if=ide,index=0");
        add_drive(config, disk, "if=ide,index=2,media=cdrom");
        add_option(&config->netdevs, "-netdev", "type", nets[1]);
        /* The board makes it by itself: ACPI has a table for it. */
        add_option(&config->devices, "-device", "driver", "intel-iommu,aw-bits=48,intremap=on");
    } else if (board->cls == &riscv_virt_machine) {
        add_drive(config, disk, "if=none,id=d0");
        add_drive(config, disk, "if=none,id=d1");
        add_option(&config->fsdevs, "-fsdev", "fsdriver",
                   "local,id=f0,path=/proc/self/fdinfo,security_model=none,readonly=on");
        add_option(&config->netdevs, "-netdev", "type", nets[1]);
    }
    if (board->devices != none) {
        add_option(&config->netdevs, "-netdev", "type", nets[0]);
    }
}

/* As firmware does: every BAR gets addresses, every function decodes and masters the bus. */
static void place_functions(PciBus *bus, uint64_t memory)
{
    uint32_t ports = PCI_PORTS;
    for (unsigned devfn = 0; bus && devfn < PCI_DEVFNS; devfn++) {
        const PciDevice *pci = bus->devices[devfn];
        for (unsigned n = 0; pci && n < PCI_BARS; n++) {
            const PciBar *bar = &pci->bars[n];
            bool io = bar->type == PCI_BAR_IO;
            uint64_t base = align_up(io ? ports : memory, MAX(bar->size, 1));
            if (bar->size) {
                pci_config_write(bus, 0, devfn, PCI_BASE_ADDRESS_0 + 4 * n, base, 4);
                ports = io ? base + bar->size : ports;
                memory = io ? memory : base + bar->size;
            }
        }
        if (pci) {
            pci_config_write(bus, 0, devfn, PCI_COMMAND,
                             PCI_COMMAND_IO | PCI_COMMAND_MEMORY | PCI_COMMAND_MASTER, 2);
        }
    }
}

/* The rest of what a PC's firmware places: configuration space in memory, power management, the chip set's registers.
 * Intel Q35 (MCH) data sheet, 5.1.17 (PCIEXBAR); ICH9 data sheet, 13.1.13, 13.1.14 and 13.1.38. */
static void place_chipset(PciBus *bus)
{
    pci_config_write(bus, 0, 0, 0x60, MCH_ECAM_DEFAULT | 1, 4);
    pci_config_write(bus, 0, PC_LPC, 0x40, PC_PM_BASE | 1, 4);
    pci_config_write(bus, 0, PC_LPC, 0x44, 0x80, 1);
    pci_config_write(bus, 0, PC_LPC, 0xf0, PC_RCBA | 1, 4);
}

static void add_blocks(GPtrArray *blocks, const MemoryMap *map)
{
    for (unsigned i = 0; i < map->regions->len; i++) {
        MemoryRegion *region = map->regions->pdata[i];
        if (region->has_ops || !region->ram) {
            g_ptr_array_add(blocks, region);
        }
    }
}

static Machine *make_machine(const BenchBoard *board)
{
    GError *error = NULL;
    int disk = memfd_create("disk", MFD_CLOEXEC);
    g_assert_cmpint(ftruncate(disk, 64 * KIB), ==, 0);
    char *bios = board->firmware ? g_strdup_printf("/proc/self/fd/%d", disk) : NULL;
    MachineConfig config = {
        .ram_size = RAM_SIZE,
        .cpus = 2,
        .bios = bios ? bios : "none",
        .no_vga = true, /* a smaller one is among the devices */
    };
    add_back_ends(&config, board, disk);
    Machine *machine = machine_alloc(board->cls, true);
    machine_lock(machine);
    Options *chardev = options_parse("-chardev", "null,id=c0", "backend", NULL);
    g_assert_nonnull(chardev_new(machine, chardev, &error));
    options_free(chardev);
    if (!machine_init(machine, &config, &error)) {
        g_error("%s", error->message);
    }
    for (unsigned i = 0; board->devices[i]; i++) {
        create_device(machine, board->devices[i]);
    }
    if (!machine_complete(machine, &error)) {
        g_error("%s", error->message);
    }
    clock_start(machine->clock);
    close(disk);
    g_free(bios);
    return machine; /* with its lock */
}

void bench_reset(Bench *bench)
{
    uint64_t sandbox = bench->board->ram + SANDBOX;
    bench->drawings = 0;
    machine_reset(bench->machine);
    place_functions(pci_find_bus(bench->machine, NULL), bench->board->pci_memory);
    if (bench->board->cls == &x86_q35_machine) {
        place_chipset(bench->machine->pci);
    }
    g_assert_cmpint(dma_clear(&bench->machine->dma, sandbox, SANDBOX_SIZE), ==, MEM_OK);
}

const MachineClass *bench_class(BenchKind kind)
{
    return boards[kind].cls;
}

uint64_t bench_ram(const Bench *bench)
{
    return bench->board->ram;
}

Bench *bench_new(BenchKind kind)
{
    return bench_new_of(kind, make_machine(&boards[kind]));
}

Bench *bench_new_of(BenchKind kind, Machine *machine)
{
    Bench *bench = g_new0(Bench, 1);
    bench->board = &boards[kind];
    bench->machine = machine;
    bench_reset(bench);
    bench->blocks = g_ptr_array_new();
    add_blocks(bench->blocks, bench->machine->memory);
    add_blocks(bench->blocks, bench->machine->io);
    machine_unlock(bench->machine);
    return bench;
}

void bench_free(Bench *bench)
{
    machine_free(bench->machine);
    display_clear(&bench->surface);
    g_ptr_array_unref(bench->blocks);
    g_free(bench);
}

/* ---- Steps ---- */

/* A place in memory that is worth pointing to. */
static uint64_t take_pointer(const Bench *bench, FuzzInput *in)
{
    return bench->board->ram + SANDBOX + (fuzz_take(in, 1) * SANDBOX_SIZE / 256);
}

static void access_register(Bench *bench, FuzzInput *in, unsigned kind)
{
    const MemoryRegion *region = bench->blocks->pdata[fuzz_take(in, 1) % bench->blocks->len];
    Machine *machine = bench->machine;
    uint64_t offset = fuzz_take(in, region->size > 0x10000 ? 4 : region->size > 0x100 ? 2 : 1);
    uint64_t addr = region->base + offset % region->size;
    unsigned size = 1u << (kind & 3);
    bool port = region->map == machine->io;
    addr = kind & 8 ? addr : align_down(addr, size);
    size = port ? MIN(size, 4) : size;
    if (kind & 4) {
        uint64_t value =
            port ? machine_pio_read(machine, addr, size) : machine_mmio_read(machine, addr, size);
        bench->sum = bench->sum * 31 + value;
        return;
    }
    uint64_t value = kind & 16 ? take_pointer(bench, in) : fuzz_take(in, size);
    if (port) {
        machine_pio_write(machine, addr, value, size);
    } else {
        machine_mmio_write(machine, addr, value, size);
    }
}

/* Up to 32 bytes, or a pointer with flags. */
static void write_memory(Bench *bench, FuzzInput *in, unsigned kind)
{
    uint64_t addr = take_pointer(bench, in) + fuzz_take(in, 1);
    if (kind & 16) {
        dma_write_le(&bench->machine->dma, addr, take_pointer(bench, in) | fuzz_take(in, 1), 8);
        return;
    }
    for (unsigned n = (kind & 15) * 2 + 1; n > 0; n--) {
        dma_write_le(&bench->machine->dma, addr++, fuzz_take(in, 1), 1);
    }
}

/* fw_cfg's transfer by DMA: a command block, and its address where that starts it; both are big-endian. A PC has the
 * address's halves at two ports. */
static void transfer_fw_cfg(Bench *bench, FuzzInput *in)
{
    const BenchBoard *board = bench->board;
    Machine *machine = bench->machine;
    uint64_t block = take_pointer(bench, in), target = take_pointer(bench, in) + fuzz_take(in, 1);
    uint32_t control = fuzz_take(in, 2), length = fuzz_take(in, 2) << (control >> 5 & 7);
    dma_write_le(&machine->dma, block, GUINT32_SWAP_LE_BE((control & 31) | control >> 8 << 16), 4);
    dma_write_le(&machine->dma, block + 4, GUINT32_SWAP_LE_BE(length), 4);
    dma_write_le(&machine->dma, block + 8, GUINT64_SWAP_LE_BE(target), 8);
    if (board->cls == &x86_q35_machine) {
        machine_pio_write(machine, PC_FW_CFG_DMA, 0, 4);
        machine_pio_write(machine, PC_FW_CFG_DMA + 4, GUINT32_SWAP_LE_BE((uint32_t)block), 4);
    } else if (board->cls == &riscv_virt_machine) {
        machine_mmio_write(machine, VIRT_FW_CFG_DMA, GUINT64_SWAP_LE_BE(block), 8);
    }
}

static void draw(Bench *bench)
{
    if (bench->drawings++ < MAX_DRAWINGS) {
        display_render(bench->machine, 0, &bench->surface);
    }
}

/* A kind of step: 0 to 0x9f accesses a register, up to 0xdf memory, up to 0xef time passes, then fw_cfg, then the screen. */
static void step(Bench *bench, FuzzInput *in)
{
    Machine *machine = bench->machine;
    unsigned kind = fuzz_take(in, 1);
    if (kind < 0xa0) {
        access_register(bench, in, kind);
    } else if (kind < 0xe0) {
        write_memory(bench, in, kind);
    } else if (kind >= 0xfc) {
        draw(bench);
    } else if (kind >= 0xf0) {
        transfer_fw_cfg(bench, in);
    } else {
        clock_step(machine->clock, (int64_t)fuzz_take(in, 2) << (kind & 7));
        g_main_context_iteration(machine->context, FALSE);
    }
    if (machine->reset_requested) {
        machine->reset_requested = false;
        bench_reset(bench);
    }
}

void bench_run(Bench *bench, FuzzInput *in)
{
    while (in->left) {
        step(bench, in);
    }
}

static void scribble_block(Bench *bench, const MemoryRegion *region, GRand *rand)
{
    bool port = region->map == bench->machine->io;
    unsigned step = port ? 1 : 4;
    for (uint64_t offset = 0; offset < MIN(region->size, KIB); offset += step) {
        uint32_t value = g_rand_int(rand) >> g_rand_int_range(rand, 0, 32);
        uint64_t addr = region->base + offset;
        if (g_rand_boolean(rand)) {
            port ? machine_pio_write(bench->machine, addr, value, 1)
                 : machine_mmio_write(bench->machine, addr, value, 4);
        }
    }
}

void bench_scribble(Bench *bench, GRand *rand)
{
    for (unsigned i = 0; i < bench->blocks->len; i++) {
        scribble_block(bench, bench->blocks->pdata[i], rand);
    }
    bench->machine->reset_requested = false;
}
