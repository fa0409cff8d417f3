/*
 * Firmware configuration device, as of QEMU's docs/specs/fw_cfg: numbered read-only items, some of them
 * files with names, read byte by byte or by DMA.
 *
 *   +0x00  data, 1 to 8 bytes: next bytes of the selected item
 *   +0x08  selector, 2 bytes, big-endian
 *   +0x10  DMA, 8 bytes, big-endian: address of a command block; writing the low half starts it
 *
 * On x86 these are ports: the selector (little-endian) at +0, data of one byte at +1, DMA at +4.
 *
 * A command block in guest memory is big-endian: control (4), length (4), address (8). Past its end, an item
 * reads as zeros. Items are not writable. Locking: the machine lock.
 */
#include "hw/misc/fw-cfg.h"
#include "softmmu/base/bits.h"
#include "softmmu/base/log.h"
#include <inttypes.h>
#include <string.h>

#define REG_SELECTOR 8
#define REG_DMA 0x10

#define MAX_FILES 32
#define MAX_KEYS (FW_CFG_FILE_FIRST + MAX_FILES)
#define NAME_SIZE 56
#define KEY_MASK 0x3fff /* above: write access and architecture-local items */
#define ARCH_KEYS 16

/* Offsets of the ports. */
enum { PORT_SELECTOR = 0, PORT_DATA = 1, PORT_DMA = 4 };

#define ID_TRADITIONAL 1
#define ID_DMA 2
#define DMA_SIGNATURE UINT64_C(0x51454d5520434647) /* "QEMU CFG" */

enum { DMA_ERROR = 1, DMA_READ = 2, DMA_SKIP = 4, DMA_SELECT = 8, DMA_WRITE = 16 };

/* One entry of the directory, as the guest reads it: big-endian. */
typedef struct DirEntry {
    uint32_t size;
    uint16_t key;
    uint16_t reserved;
    char name[NAME_SIZE];
} DirEntry;

struct FwCfg {
    Device dev;
    GBytes *items[MAX_KEYS]; /* NULL: none */
    GBytes *arch_items[ARCH_KEYS];
    struct {
        void (*fn)(void *opaque); /* NULL: nobody watches */
        void *opaque;
    } watch[MAX_FILES];
    DirEntry dir[MAX_FILES];
    unsigned nfiles;

    uint16_t selected;
    uint64_t position; /* in the selected item */
    uint64_t dma_addr;
};

/* Where item @key is kept; NULL: there is no such number. */
static GBytes **item_of(FwCfg *s, unsigned key)
{
    unsigned n = key & ~FW_CFG_ARCH_LOCAL & KEY_MASK;
    if (key & FW_CFG_ARCH_LOCAL) {
        return n < ARCH_KEYS ? &s->arch_items[n] : NULL;
    }
    return n < MAX_KEYS ? &s->items[n] : NULL;
}

static void set_item(FwCfg *s, unsigned key, GBytes *data)
{
    GBytes **item = item_of(s, key);
    g_bytes_ref(data);
    if (*item) {
        g_bytes_unref(*item);
    }
    *item = data;
}

static void add_copy(FwCfg *s, unsigned key, const void *data, size_t len)
{
    GBytes *bytes = g_bytes_new(data, len);
    set_item(s, key, bytes);
    g_bytes_unref(bytes);
}

void fw_cfg_add_u16(FwCfg *s, unsigned key, uint16_t value)
{
    value = GUINT16_TO_LE(value);
    add_copy(s, key, &value, sizeof(value));
}

void fw_cfg_add_u32(FwCfg *s, unsigned key, uint32_t value)
{
    value = GUINT32_TO_LE(value);
    add_copy(s, key, &value, sizeof(value));
}

void fw_cfg_add_u64(FwCfg *s, unsigned key, uint64_t value)
{
    value = GUINT64_TO_LE(value);
    add_copy(s, key, &value, sizeof(value));
}

void fw_cfg_add_bytes(FwCfg *s, unsigned size_key, unsigned data_key, GBytes *data)
{
    fw_cfg_add_u32(s, size_key, g_bytes_get_size(data));
    set_item(s, data_key, data);
}

/* Makes the directory item again: count, then entries. */
static void update_dir(FwCfg *s)
{
    uint8_t dir[4 + sizeof(s->dir)];
    uint32_t count = GUINT32_TO_BE(s->nfiles);
    memcpy(dir, &count, sizeof(count));
    memcpy(dir + 4, s->dir, s->nfiles * sizeof(s->dir[0]));
    add_copy(s, FW_CFG_FILE_DIR, dir, 4 + s->nfiles * sizeof(s->dir[0]));
}

bool fw_cfg_add_file(FwCfg *s, const char *name, GBytes *data)
{
    if (s->nfiles == MAX_FILES || strlen(name) >= NAME_SIZE) {
        return false;
    }
    /* The directory is sorted by name; keys follow the order of creation. */
    unsigned at = 0;
    while (at < s->nfiles && strcmp(s->dir[at].name, name) < 0) {
        at++;
    }
    if (at < s->nfiles && !strcmp(s->dir[at].name, name)) {
        return false;
    }
    memmove(&s->dir[at + 1], &s->dir[at], (s->nfiles - at) * sizeof(s->dir[0]));
    unsigned key = FW_CFG_FILE_FIRST + s->nfiles++;
    s->dir[at] = (DirEntry){GUINT32_TO_BE(g_bytes_get_size(data)), GUINT16_TO_BE(key), 0, ""};
    g_strlcpy(s->dir[at].name, name, NAME_SIZE);
    set_item(s, key, data);
    update_dir(s);
    return true;
}

/* The key of file @name; 0: there is none. */
static unsigned key_of_file(const FwCfg *s, const char *name)
{
    for (unsigned i = 0; i < s->nfiles; i++) {
        if (!strcmp(s->dir[i].name, name)) {
            return GUINT16_FROM_BE(s->dir[i].key);
        }
    }
    return 0;
}

void fw_cfg_watch_file(FwCfg *s, const char *name, void (*fn)(void *opaque), void *opaque)
{
    unsigned key = key_of_file(s, name);
    g_return_if_fail(key);
    s->watch[key - FW_CFG_FILE_FIRST].fn = fn;
    s->watch[key - FW_CFG_FILE_FIRST].opaque = opaque;
}

void fw_cfg_replace_file(FwCfg *s, const char *name, GBytes *data)
{
    unsigned key = key_of_file(s, name);
    g_return_if_fail(key && g_bytes_get_size(data) == g_bytes_get_size(s->items[key]));
    set_item(s, key, data);
}

void fw_cfg_set_file(FwCfg *s, const char *name, GBytes *data)
{
    for (unsigned i = 0; i < s->nfiles; i++) {
        if (!strcmp(s->dir[i].name, name)) {
            s->dir[i].size = GUINT32_TO_BE(g_bytes_get_size(data));
            set_item(s, GUINT16_FROM_BE(s->dir[i].key), data);
            update_dir(s);
            return;
        }
    }
    fw_cfg_add_file(s, name, data);
}

static void select_item(FwCfg *s, uint16_t key)
{
    unsigned file = (key & KEY_MASK) - FW_CFG_FILE_FIRST;
    s->selected = key;
    s->position = 0;
    if (!(key & FW_CFG_ARCH_LOCAL) && file < MAX_FILES && s->watch[file].fn) {
        s->watch[file].fn(s->watch[file].opaque);
    }
}

/* The rest of the selected item; *@len is 0 past its end or if there is no such item. */
static const uint8_t *rest(FwCfg *s, uint64_t *len)
{
    GBytes **slot = item_of(s, s->selected), *item = slot ? *slot : NULL;
    size_t size = 0;
    const uint8_t *data = item ? g_bytes_get_data(item, &size) : NULL;
    *len = s->position < size ? size - s->position : 0;
    return *len ? data + s->position : NULL;
}

/* The bytes come in the order of the item, as a string would be copied. */
static uint64_t read_data(FwCfg *s, unsigned size)
{
    uint64_t len, value = 0;
    const uint8_t *data = rest(s, &len);
    for (unsigned i = 0; i < size && i < len; i++) {
        value |= (uint64_t)data[i] << (8 * i);
    }
    s->position += MIN(size, len);
    return value;
}

/* Copies @len bytes of the selected item to guest memory at @addr; zeros after its end. */
static bool dma_copy(FwCfg *s, uint64_t addr, uint64_t len)
{
    static const uint8_t zeros[4096];
    AddressSpace *dma = &s->dev.machine->dma;
    uint64_t avail;
    const uint8_t *data = rest(s, &avail);
    uint64_t copy = MIN(len, avail);
    if (copy && dma_write(dma, addr, data, copy) != MEM_OK) {
        return false;
    }
    s->position += copy;
    for (uint64_t done = copy; done < len;) {
        uint64_t step = MIN(sizeof(zeros), len - done);
        if (dma_write(dma, addr + done, zeros, step) != MEM_OK) {
            return false;
        }
        done += step;
    }
    return true;
}

static uint64_t swap_load(const uint8_t *p, unsigned size)
{
    uint64_t value = 0;
    for (unsigned i = 0; i < size; i++) {
        value = value << 8 | p[i];
    }
    return value;
}

/* Executes the command block at dma_addr; its control word becomes 0 or DMA_ERROR. */
static void run_dma(FwCfg *s)
{
    AddressSpace *dma = &s->dev.machine->dma;
    uint64_t block = s->dma_addr;
    uint8_t raw[16];
    s->dma_addr = 0;
    if (dma_read(dma, block, raw, sizeof(raw)) != MEM_OK) {
        log_guest_error("fw_cfg: DMA command block at 0x%" PRIx64 " is not in RAM\n", block);
        return;
    }
    uint32_t control = swap_load(raw, 4), len = swap_load(raw + 4, 4);
    uint64_t addr = swap_load(raw + 8, 8), avail;
    bool ok = true;
    if (control & DMA_SELECT) {
        select_item(s, control >> 16);
    }
    if (control & DMA_READ) {
        ok = dma_copy(s, addr, len);
    } else if (control & DMA_WRITE) {
        ok = false;
    } else if (control & DMA_SKIP) {
        rest(s, &avail);
        s->position += MIN(len, avail);
    }
    uint32_t result = GUINT32_TO_BE(ok ? 0 : DMA_ERROR);
    dma_write(dma, block, &result, sizeof(result));
}

static uint64_t fw_cfg_read(Device *dev, uint64_t offset, unsigned size)
{
    FwCfg *s = (FwCfg *)dev;
    if (offset < REG_SELECTOR) {
        return read_data(s, size);
    }
    if (offset >= REG_DMA && offset + size <= FW_CFG_SIZE) {
        uint64_t swapped = GUINT64_SWAP_LE_BE(DMA_SIGNATURE) >> 8 * (offset - REG_DMA);
        return size == 8 ? swapped : bits_get(swapped, 0, 8 * size);
    }
    return 0;
}

static void fw_cfg_write(Device *dev, uint64_t offset, uint64_t value, unsigned size)
{
    FwCfg *s = (FwCfg *)dev;
    if (offset == REG_SELECTOR && size == 2) {
        select_item(s, GUINT16_SWAP_LE_BE(value));
    } else if (offset == REG_DMA && size == 8) {
        s->dma_addr = GUINT64_SWAP_LE_BE(value);
        run_dma(s);
    } else if (offset == REG_DMA && size == 4) {
        s->dma_addr = (uint64_t)GUINT32_SWAP_LE_BE((uint32_t)value) << 32;
    } else if (offset == REG_DMA + 4 && size == 4) {
        s->dma_addr |= GUINT32_SWAP_LE_BE((uint32_t)value);
        run_dma(s);
    } else {
        log_guest_error("fw_cfg: %u-byte write to offset 0x%" PRIx64 "\n", size, offset);
    }
}

/* ---- As ports ---- */

static uint64_t pio_read(Device *dev, uint64_t offset, unsigned size)
{
    if (offset >= PORT_DMA) {
        return fw_cfg_read(dev, offset - PORT_DMA + REG_DMA, size);
    }
    return offset == PORT_DATA && size == 1 ? read_data((FwCfg *)dev, 1) : 0;
}

static void pio_write(Device *dev, uint64_t offset, uint64_t value, unsigned size)
{
    if (offset >= PORT_DMA) {
        fw_cfg_write(dev, offset - PORT_DMA + REG_DMA, value, size);
    } else if (offset == PORT_SELECTOR && size == 2) {
        select_item((FwCfg *)dev, value);
    }
}

/* ---- The device ---- */

static void fw_cfg_reset(Device *dev)
{
    FwCfg *s = (FwCfg *)dev;
    select_item(s, 0);
    s->dma_addr = 0;
}

static const VmField fw_cfg_fields[] = {
    VM_FIELD_U16(FwCfg, selected),
    VM_FIELD_U64(FwCfg, position),
    VM_FIELD_U64(FwCfg, dma_addr),
    VM_FIELD_END(),
};

static const VmDesc fw_cfg_vmstate = {"fw_cfg", fw_cfg_fields, NULL, NULL};

static void fw_cfg_finalize(Device *dev)
{
    FwCfg *s = (FwCfg *)dev;
    for (unsigned i = 0; i < MAX_KEYS; i++) {
        g_clear_pointer(&s->items[i], g_bytes_unref);
    }
    for (unsigned i = 0; i < ARCH_KEYS; i++) {
        g_clear_pointer(&s->arch_items[i], g_bytes_unref);
    }
}

static const DeviceOps fw_cfg_ops = {
    .name = "fw_cfg_mem",
    .reset = fw_cfg_reset,
    .read = fw_cfg_read,
    .write = fw_cfg_write,
    .vmstate = &fw_cfg_vmstate,
    .finalize = fw_cfg_finalize,
};

static const DeviceOps fw_cfg_pio_ops = {
    .name = "fw_cfg_io",
    .reset = fw_cfg_reset,
    .read = pio_read,
    .write = pio_write,
    .max_access = 4,
    .vmstate = &fw_cfg_vmstate,
    .finalize = fw_cfg_finalize,
};

static FwCfg *make(Machine *machine, const DeviceOps *ops)
{
    FwCfg *s = device_new(machine, ops, sizeof(*s), NULL);
    uint8_t uuid[16] = {0};
    add_copy(s, FW_CFG_SIGNATURE, "QEMU", 4);
    fw_cfg_add_u32(s, FW_CFG_ID, ID_TRADITIONAL | ID_DMA);
    fw_cfg_add_u16(s, FW_CFG_NOGRAPHIC, 1);
    fw_cfg_add_u16(s, FW_CFG_BOOT_MENU, 0);
    add_copy(s, FW_CFG_UUID, uuid, sizeof(uuid));
    update_dir(s);
    return s;
}

FwCfg *fw_cfg_new(Machine *machine, uint64_t base)
{
    FwCfg *s = make(machine, &fw_cfg_ops);
    device_map_mmio(&s->dev, base, FW_CFG_SIZE);
    return s;
}

FwCfg *fw_cfg_new_pio(Machine *machine, uint16_t port)
{
    FwCfg *s = make(machine, &fw_cfg_pio_ops);
    device_map_pio(&s->dev, port, FW_CFG_PIO_SIZE);
    return s;
}
