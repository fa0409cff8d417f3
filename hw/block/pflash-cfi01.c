/*
 * NOR flash with Intel's command set: two 16-bit chips side by side on a 32-bit bus as on riscv64 virt, or one
 * 8-bit chip as on PCs. JEDEC CFI (JESD68), Intel "Common Flash Interface and Command Sets", Intel StrataFlash J3
 * data sheet.
 *
 * While the chips are in read-array mode the guest reads the bank as memory; any write is a command,
 * and other modes route reads here (memory_region_set_direct_read). A command is given to all chips at
 * once, each on its part of the bus; the lowest is what is looked at. Erasing and programming take no time:
 * afterwards the status is "ready". Each change is written to the drive, if there is one, behind the
 * guest's back; requests for one block follow each other. Locking: the machine lock.
 */
#include "hw/block/pflash-cfi01.h"
#include "hw/block/drive.h"
#include "softmmu/base/bits.h"
#include "softmmu/base/error.h"
#include "softmmu/base/log.h"
#include <inttypes.h>
#include <string.h>

#define MAX_BUFFER 4096
#define WRITE_BACK_SIZE (256 * KIB) /* the largest request to the drive */
#define CFI_SIZE 0x52

/* Status register bits, of each chip. */
enum {
    STATUS_READY = 0x80,
    STATUS_ERASE_ERROR = 0x20,
    STATUS_PROGRAM_ERROR = 0x10,
    STATUS_LOCKED = 0x02
};

enum {
    CMD_READ_ARRAY = 0xff,
    CMD_READ_ID = 0x90,
    CMD_READ_CFI = 0x98,
    CMD_READ_STATUS = 0x70,
    CMD_CLEAR_STATUS = 0x50,
    CMD_PROGRAM = 0x40,
    CMD_PROGRAM_ALT = 0x10,
    CMD_BUFFER = 0xe8,
    CMD_ERASE = 0x20,
    CMD_CONFIRM = 0xd0,
    CMD_LOCK = 0x60,
    CMD_SUSPEND = 0xb0,
};

/* What the next read returns, and what the next write is. */
typedef enum FlashMode {
    MODE_ARRAY,
    MODE_STATUS,
    MODE_ID,
    MODE_CFI, /* reads; a write is a command */
    MODE_PROGRAM,
    MODE_ERASE,
    MODE_LOCK, /* waits for the second cycle */
    MODE_BUFFER_COUNT,
    MODE_BUFFER_DATA,
    MODE_BUFFER_CONFIRM,
    MODE_LAST = MODE_BUFFER_CONFIRM
} FlashMode;

const PflashChips pflash_two_x16 = {
    .chips = 2,
    .bus_bytes = 4,
    .block_size = 256 * KIB,
    .buffer_size = 4096,
    .cleared_status = STATUS_READY,
};

/* Firmware of PCs (QemuFlashFvbServicesRuntimeDxe in OVMF) takes a bank for flash, not for ROM, only if the
 * status reads as zero after it was cleared. */
const PflashChips pflash_one_x8 = {
    .chips = 1,
    .bus_bytes = 1,
    .block_size = 4 * KIB,
    .buffer_size = 256,
    .cleared_status = 0,
};

typedef struct Flash {
    Device dev;
    const PflashChips *chips;
    MemoryRegion *region;
    RamBlock *ram;
    uint64_t size;
    BlockDev *blk;

    uint8_t mode; /* FlashMode */
    uint8_t status;
    uint32_t buffer_words;              /* bus words still to come */
    uint32_t buffer_first, buffer_last; /* bytes of the write buffer that are filled */
    uint64_t buffer_base;               /* of the write buffer in the bank, or FLASH_NO_BUFFER */
    uint8_t buffer[MAX_BUFFER];

    /* Changed bytes that the drive does not have yet: one range, and one request in flight. */
    uint64_t dirty_start, dirty_end;
    uint8_t *flight_data;
} Flash;

#define FLASH_NO_BUFFER UINT64_MAX

/* ---- Writing back ---- */

static void write_back(Flash *s);

static void write_back_done(void *opaque, int err)
{
    Flash *s = opaque;
    g_clear_pointer(&s->flight_data, g_free);
    if (err) {
        log_printf(LOG_UNIMP, "flash: writing to drive '%s': %s\n", blockdev_id(s->blk),
                   g_strerror(err));
        s->status |= STATUS_PROGRAM_ERROR;
    }
    write_back(s);
}

/* Writes a piece at a time, so that a request is small and the copy of its data cheap. */
static void write_back(Flash *s)
{
    if (s->flight_data || s->dirty_start >= s->dirty_end) {
        return;
    }
    uint64_t start = align_down(s->dirty_start, BLOCK_SECTOR);
    uint64_t end = MIN(align_up(s->dirty_end, BLOCK_SECTOR), start + WRITE_BACK_SIZE);
    s->flight_data = g_memdup2(s->ram->host + start, end - start);
    s->dirty_start = end;
    if (s->dirty_start >= s->dirty_end) {
        s->dirty_start = UINT64_MAX;
        s->dirty_end = 0;
    }
    blockdev_write(s->blk, start, s->flight_data, end - start, write_back_done, s);
}

static void mark_dirty(Flash *s, uint64_t offset, uint64_t len)
{
    if (s->blk && !blockdev_read_only(s->blk)) {
        s->dirty_start = MIN(s->dirty_start, offset);
        s->dirty_end = MAX(s->dirty_end, offset + len);
        write_back(s);
    }
}

/* Bytes of the bank have changed. */
static void changed(Flash *s, uint64_t offset, uint64_t len)
{
    ram_block_written(s->dev.machine->memory, s->ram, offset, len);
    mark_dirty(s, offset, len);
}

/* ---- The chips ---- */

static void set_mode(Flash *s, FlashMode mode)
{
    s->mode = mode;
    memory_region_set_direct_read(s->region, mode == MODE_ARRAY);
}

static bool writable(Flash *s)
{
    return !s->blk || !blockdev_read_only(s->blk);
}

/* Programming only clears bits. */
static void program(Flash *s, uint64_t offset, const uint8_t *data, unsigned len)
{
    if (!writable(s)) {
        s->status |= STATUS_PROGRAM_ERROR | STATUS_LOCKED;
        return;
    }
    for (unsigned i = 0; i < len; i++) {
        s->ram->host[offset + i] &= data[i];
    }
    changed(s, offset, len);
}

static void erase(Flash *s, uint64_t offset)
{
    if (!writable(s)) {
        s->status |= STATUS_ERASE_ERROR | STATUS_LOCKED;
        return;
    }
    offset = align_down(offset, s->chips->block_size);
    memset(s->ram->host + offset, 0xff, s->chips->block_size);
    changed(s, offset, s->chips->block_size);
}

/* Byte @index of the CFI query structure of one chip. */
static uint8_t cfi_byte(const Flash *s, unsigned index)
{
    const PflashChips *chips = s->chips;
    unsigned chip_log2 = 63 - __builtin_clzll(s->size / chips->chips);
    unsigned blocks = s->size / chips->block_size;
    unsigned block = chips->block_size / chips->chips / 256;
    /* clang-format off */
    const uint8_t table[CFI_SIZE - 0x10] = {
        'Q', 'R', 'Y',
        0x01, 0x00,             /* 13: Intel extended command set */
        0x31, 0x00,             /* 15: where its table is */
        0, 0, 0, 0,             /* 17: no alternative */
        0x45, 0x55, 0, 0,       /* 1b: 4.5 to 5.5 V, no programming voltage */
        7, 7, 10, 0,            /* 1f: typical times, 2^n us or ms: word, buffer, erase block */
        4, 4, 4, 0,             /* 23: longest times, 2^n times the typical */
        chip_log2, 2, 0,        /* 27: size; 28: x8 and x16 */
        __builtin_ctz(chips->buffer_size / chips->chips), 0, /* 2a: write buffer */
        1,                      /* 2c: one region of equal blocks: */
        (blocks - 1) & 0xff, (blocks - 1) >> 8, block & 0xff, block >> 8,
        'P', 'R', 'I', '1', '0', /* 31 */
        0, 0, 0, 0,             /* 36: no optional commands */
        0, 0, 0,                /* 3a: not while suspended; no block status */
        0, 0, 0,                /* 3d: voltages unknown */
    };
    /* clang-format on */
    return index >= 0x10 && index < CFI_SIZE ? table[index - 0x10] : 0;
}

/* What each chip shows at its address @index. */
static uint8_t read_chip(const Flash *s, unsigned index)
{
    static const uint8_t id[] = {0x89, 0x18}; /* Intel 28F128J3 */
    switch (s->mode) {
    case MODE_ID: return index < sizeof(id) ? id[index] : 0;
    case MODE_CFI: return cfi_byte(s, index);
    default: return s->status;
    }
}

static uint64_t flash_read(void *opaque, uint64_t offset, unsigned size)
{
    Flash *s = opaque;
    unsigned chip_bytes = s->chips->bus_bytes / s->chips->chips;
    uint64_t value = 0;
    for (unsigned i = 0; i < size; i++) {
        if ((offset + i) % chip_bytes == 0) { /* their other data lines are low */
            value |= (uint64_t)read_chip(s, (offset + i) / s->chips->bus_bytes & 0xff) << 8 * i;
        }
    }
    return value;
}

static void command(Flash *s, uint8_t cmd)
{
    switch (cmd) {
    case CMD_READ_ARRAY: set_mode(s, MODE_ARRAY); break;
    case CMD_READ_ID: set_mode(s, MODE_ID); break;
    case CMD_READ_CFI: set_mode(s, MODE_CFI); break;
    case CMD_CLEAR_STATUS:
        s->status = s->chips->cleared_status;
        set_mode(s, MODE_ARRAY);
        break;
    case CMD_PROGRAM:
    case CMD_PROGRAM_ALT: set_mode(s, MODE_PROGRAM); break;
    case CMD_BUFFER: set_mode(s, MODE_BUFFER_COUNT); break;
    case CMD_ERASE: set_mode(s, MODE_ERASE); break;
    case CMD_LOCK: set_mode(s, MODE_LOCK); break;
    case CMD_READ_STATUS:
    case CMD_SUSPEND: /* nothing is ever under way */
    case CMD_CONFIRM: set_mode(s, MODE_STATUS); break;
    default: log_guest_error("flash: unknown command 0x%02x\n", cmd); set_mode(s, MODE_ARRAY);
    }
}

/* A word for the write buffer. All words lie in one aligned buffer's range. */
static void buffer_data(Flash *s, uint64_t offset, uint64_t value, unsigned size)
{
    uint64_t base = align_down(offset, s->chips->buffer_size);
    if (s->buffer_base == FLASH_NO_BUFFER) {
        s->buffer_base = base;
        s->buffer_first = s->chips->buffer_size;
        s->buffer_last = 0;
        memset(s->buffer, 0xff, sizeof(s->buffer));
    }
    if (base == s->buffer_base) {
        uint32_t at = offset - base;
        for (unsigned i = 0; i < size && at + i < s->chips->buffer_size; i++) {
            s->buffer[at + i] = value >> 8 * i;
        }
        s->buffer_first = MIN(s->buffer_first, at);
        s->buffer_last = MAX(s->buffer_last, MIN(at + size, s->chips->buffer_size));
    } else {
        log_guest_error("flash: write outside of the write buffer\n");
        s->status |= STATUS_PROGRAM_ERROR;
    }
    uint32_t words = MAX(size / s->chips->bus_bytes, 1);
    s->buffer_words -= MIN(words, s->buffer_words);
    if (!s->buffer_words) {
        set_mode(s, MODE_BUFFER_CONFIRM);
    }
}

static void buffer_confirm(Flash *s, uint8_t cmd)
{
    if (cmd == CMD_CONFIRM && s->buffer_base != FLASH_NO_BUFFER &&
        s->buffer_first < s->buffer_last) {
        program(s, s->buffer_base + s->buffer_first, s->buffer + s->buffer_first,
                s->buffer_last - s->buffer_first);
    } else {
        s->status |= STATUS_PROGRAM_ERROR;
    }
    set_mode(s, MODE_STATUS);
}

/* The second cycle of an erase or a lock command. */
static void second_cycle(Flash *s, uint64_t offset, uint8_t cmd)
{
    bool ok = cmd == CMD_CONFIRM || (s->mode == MODE_LOCK && (cmd == 0x01 || cmd == 0x2f));
    if (!ok && cmd == CMD_READ_ARRAY) {
        set_mode(s, MODE_ARRAY);
        return;
    }
    if (!ok) {
        s->status |= STATUS_ERASE_ERROR | STATUS_PROGRAM_ERROR; /* command sequence error */
    } else if (s->mode == MODE_ERASE) {
        erase(s, offset);
    }
    set_mode(s, MODE_STATUS);
}

static void flash_write(void *opaque, uint64_t offset, uint64_t value, unsigned size)
{
    Flash *s = opaque;
    uint8_t cmd = value, data[8];
    for (unsigned i = 0; i < size; i++) {
        data[i] = value >> 8 * i;
    }
    switch (s->mode) {
    case MODE_PROGRAM:
        program(s, offset, data, size);
        set_mode(s, MODE_STATUS);
        break;
    case MODE_ERASE:
    case MODE_LOCK: second_cycle(s, offset, cmd); break;
    case MODE_BUFFER_COUNT:
        /* Words of each chip, less one; each gets one from a word of the bus. */
        s->buffer_words = (s->chips->bus_bytes > 1 ? value & 0xffff : value & 0xff) + 1;
        s->buffer_base = FLASH_NO_BUFFER;
        if (s->buffer_words > s->chips->buffer_size / s->chips->bus_bytes) {
            s->buffer_words = 0;
            s->status |= STATUS_PROGRAM_ERROR;
            set_mode(s, MODE_STATUS);
        } else {
            set_mode(s, MODE_BUFFER_DATA);
        }
        break;
    case MODE_BUFFER_DATA: buffer_data(s, offset, value, size); break;
    case MODE_BUFFER_CONFIRM: buffer_confirm(s, cmd); break;
    default: command(s, cmd);
    }
}

static const MmioOps flash_mmio = {flash_read, flash_write, 1, 8, false};

/* ---- The device ---- */

static void flash_reset(Device *dev)
{
    Flash *s = (Flash *)dev;
    s->status = STATUS_READY;
    s->buffer_words = s->buffer_first = s->buffer_last = 0;
    s->buffer_base = FLASH_NO_BUFFER;
    set_mode(s, MODE_ARRAY);
}

static bool flash_post_load(void *opaque, GError **error)
{
    Flash *s = opaque;
    uint32_t room = s->chips->buffer_size;
    bool bad_buffer = s->buffer_base != FLASH_NO_BUFFER &&
                      (s->buffer_base % room || s->buffer_base > s->size - room);
    if (s->mode > MODE_LAST || bad_buffer || s->buffer_last > room || s->buffer_first > room ||
        s->buffer_words > room) {
        return error_set(error, "flash: impossible state");
    }
    set_mode(s, s->mode);
    return true;
}

/* The drive holds what it held when this machine was made. */
static void flash_loaded(Device *dev)
{
    Flash *s = (Flash *)dev;
    mark_dirty(s, 0, s->size);
}

static const VmField flash_fields[] = {
    VM_FIELD_U8(Flash, mode),          VM_FIELD_U8(Flash, status),
    VM_FIELD_U32(Flash, buffer_words), VM_FIELD_U32(Flash, buffer_first),
    VM_FIELD_U32(Flash, buffer_last),  VM_FIELD_U64(Flash, buffer_base),
    VM_ARRAY_U8(Flash, buffer),        VM_FIELD_END(),
};

static const VmDesc flash_vmstate = {"pflash-cfi01", flash_fields, NULL, flash_post_load};

static void flash_finalize(Device *dev)
{
    Flash *s = (Flash *)dev;
    if (s->blk) {
        blockdev_drain(s->blk);
    }
}

static const DeviceOps flash_ops = {
    .name = "cfi.pflash01",
    .reset = flash_reset,
    .vmstate = &flash_vmstate,
    .loaded = flash_loaded,
    .finalize = flash_finalize,
};

/* Reads the contents of @s's drive into its memory. */
static bool load_drive(Flash *s, GError **error)
{
    uint64_t size = blockdev_size(s->blk);
    if (size != s->size) {
        return error_set(error,
                         "flash drive '%s' is %" PRIu64 " bytes, but the flash is %" PRIu64
                         "; %s it (truncate -s %" PRIu64 "M FILE)",
                         blockdev_id(s->blk), size, s->size, size < s->size ? "extend" : "shorten",
                         s->size / MIB);
    }
    return blockdev_attach(s->blk, s->dev.id, error) &&
           blockdev_pread(s->blk, 0, s->ram->host, s->size, error);
}

RamBlock *pflash_cfi01_new(Machine *machine, const PflashConfig *config, bool *backed,
                           GError **error)
{
    GError *failed = NULL;
    /* Before the device is made: what is made first goes last. */
    BlockDev *blk = drive_by_unit(machine, "pflash", config->unit, &failed);
    if (failed) {
        g_propagate_error(error, failed);
        return NULL;
    }
    char id[16], name[16];
    g_snprintf(id, sizeof(id), "pflash%u", config->unit);
    g_snprintf(name, sizeof(name), "flash%u", config->unit);
    RamBlock *ram = ram_block_new(machine->memory, name, config->size, error);
    if (!ram) {
        return NULL;
    }
    Flash *s = device_new(machine, &flash_ops, sizeof(*s), id);
    s->chips = config->chips;
    s->size = config->size;
    s->dirty_start = UINT64_MAX;
    s->blk = blk;
    s->ram = ram;
    s->region = memory_map_add_ram(machine->memory, name, config->base, s->size, 0, s->ram, 0, true,
                                   &flash_mmio, s);
    *backed = blk != NULL;
    return !blk || load_drive(s, error) ? ram : NULL;
}
