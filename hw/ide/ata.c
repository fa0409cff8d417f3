/*
 * The commands of a SATA disk, and those that a CD-ROM drive has in common with it. ATA8-ACS (T13/1699),
 * sections by command name.
 */
#include "hw/ide/ahci-internal.h"
#include <errno.h>
#include <string.h>

#define STATUS_GOOD (ATA_READY | ATA_SEEK)
#define LBA28_MAX 0x0fffffffu
#define TRIM_ENTRIES (ATA_SECTOR / 8)

enum {
    CMD_TRIM = 0x06,
    CMD_DEVICE_RESET = 0x08,
    CMD_READ_SECTORS = 0x20,
    CMD_READ_SECTORS_EXT = 0x24,
    CMD_READ_DMA_EXT = 0x25,
    CMD_READ_MULTIPLE_EXT = 0x29,
    CMD_WRITE_SECTORS = 0x30,
    CMD_WRITE_SECTORS_EXT = 0x34,
    CMD_WRITE_DMA_EXT = 0x35,
    CMD_WRITE_MULTIPLE_EXT = 0x39,
    CMD_WRITE_DMA_FUA_EXT = 0x3d,
    CMD_VERIFY = 0x40,
    CMD_VERIFY_EXT = 0x42,
    CMD_READ_QUEUED = 0x60,
    CMD_WRITE_QUEUED = 0x61,
    CMD_INIT_PARAMETERS = 0x91,
    CMD_PACKET = 0xa0,
    CMD_IDENTIFY_PACKET = 0xa1,
    CMD_READ_MULTIPLE = 0xc4,
    CMD_WRITE_MULTIPLE = 0xc5,
    CMD_SET_MULTIPLE = 0xc6,
    CMD_READ_DMA = 0xc8,
    CMD_WRITE_DMA = 0xca,
    CMD_STANDBY_NOW = 0xe0,
    CMD_IDLE_NOW = 0xe1,
    CMD_STANDBY = 0xe2,
    CMD_IDLE = 0xe3,
    CMD_CHECK_POWER = 0xe5,
    CMD_SLEEP = 0xe6,
    CMD_FLUSH = 0xe7,
    CMD_FLUSH_EXT = 0xea,
    CMD_IDENTIFY = 0xec,
    CMD_SET_FEATURES = 0xef,
    CMD_READ_MAX = 0xf8,
    CMD_READ_MAX_EXT = 0x27,
};

static void succeed(AhciCommand *c)
{
    ahci_complete(c, STATUS_GOOD, 0);
}

static void fail(AhciCommand *c, uint8_t error)
{
    ahci_complete(c, STATUS_GOOD | ATA_ERR, error);
}

/* ---- Identity ---- */

/* @text in words @first.., padded, the bytes of each word swapped. */
static void put_text(uint16_t *words, unsigned first, unsigned count, const char *text)
{
    size_t len = strlen(text);
    for (unsigned i = 0; i < count; i++) {
        uint8_t high = 2 * i < len ? text[2 * i] : ' ',
                low = 2 * i + 1 < len ? text[2 * i + 1] : ' ';
        words[first + i] = high << 8 | low;
    }
}

static void put_common_identity(const AhciPort *p, uint16_t *w, const char *model)
{
    put_text(w, 10, 10, p->serial);
    put_text(w, 23, 4, "1.0");
    put_text(w, 27, 20, model);
    w[49] = 1 << 11 | 1 << 9 | 1 << 8; /* IORDY, LBA, DMA */
    w[53] = 7;
    w[63] = 7; /* multiword DMA modes */
    w[64] = 3; /* PIO modes */
    w[65] = w[66] = w[67] = w[68] = 120;
    w[80] = 0x1f0; /* up to ATA8 */
    w[88] = 0x203f;
}

static void identify_disk(const AhciPort *p, uint16_t *w)
{
    uint64_t sectors = p->blk ? blockdev_size(p->blk) / ATA_SECTOR : 0;
    uint32_t lba28 = MIN(sectors, LBA28_MAX), cylinders = MIN(sectors / (16 * 63), 16383);
    put_common_identity(p, w, "amphi disk");
    w[0] = 0x0040;
    w[1] = w[54] = cylinders;
    w[3] = w[55] = 16;
    w[6] = w[56] = 63;
    w[47] = 0x8000 | 16;
    w[48] = 1 << 14; /* no trusted computing, which drivers would ask a log about */
    w[50] = 1 << 14;
    w[57] = cylinders * 16 * 63;
    w[58] = cylinders * 16 * 63 >> 16;
    w[59] = 0x100 | p->multiple;
    w[60] = lba28;
    w[61] = lba28 >> 16;
    w[75] = 31;
    w[76] = 1 << 8 | 1 << 1; /* queueing; generation 1 */
    w[82] = 1 << 14 | 1 << 5;
    w[83] = 1 << 14 | 1 << 13 | 1 << 12 | 1 << 10; /* flushes, 48-bit addresses */
    w[84] = 1 << 14 | 1 << 6;
    w[85] = 1 << 14 | (p->write_cache_off ? 0 : 1 << 5);
    w[86] = 1 << 13 | 1 << 12 | 1 << 10;
    w[87] = 1 << 14 | 1 << 6;
    for (unsigned i = 0; i < 4; i++) {
        w[100 + i] = sectors >> 16 * i;
    }
    w[105] = 1; /* blocks of TRIM ranges */
    w[106] = 1 << 14;
    w[169] = 1; /* TRIM */
    w[217] = 1; /* does not turn */
}

static void identify_cdrom(const AhciPort *p, uint16_t *w)
{
    put_common_identity(p, w, "amphi DVD-ROM");
    w[0] = 0x85c0; /* ATAPI, CD-ROM, removable, packets of 12 bytes */
    w[76] = 1 << 1;
    w[82] = w[85] = 1 << 14 | 1 << 9 | 1 << 4;
    w[83] = w[84] = w[87] = 1 << 14;
}

static void identify(AhciCommand *c)
{
    uint16_t words[ATA_SECTOR / 2] = {0};
    if (!ahci_need_data(c, MIN(ATA_SECTOR, c->room))) {
        fail(c, ATA_ABORTED);
        return;
    }
    if (c->port->cdrom) {
        identify_cdrom(c->port, words);
    } else {
        identify_disk(c->port, words);
    }
    memcpy(c->data, words, c->len);
    c->pio = true;
    succeed(c);
}

/* ---- Reading and writing ---- */

typedef struct Range {
    uint64_t lba;
    uint32_t count;
} Range;

static uint64_t lba48(const uint8_t *f)
{
    return f[4] | f[5] << 8 | (uint32_t)f[6] << 16 | (uint64_t)f[8] << 24 | (uint64_t)f[9] << 32 |
           (uint64_t)f[10] << 40;
}

static Range range28(const uint8_t *f)
{
    Range r = {f[4] | f[5] << 8 | f[6] << 16 | (uint32_t)(f[7] & 15) << 24, f[12] ? f[12] : 256};
    return r;
}

static Range range48(const uint8_t *f)
{
    uint32_t count = f[12] | f[13] << 8;
    return (Range){lba48(f), count ? count : 65536};
}

static Range range_queued(const uint8_t *f)
{
    uint32_t count = f[3] | f[11] << 8;
    return (Range){lba48(f), count ? count : 65536};
}

static bool in_range(const AhciPort *p, Range r)
{
    uint64_t sectors = p->blk ? blockdev_size(p->blk) / ATA_SECTOR : 0;
    return r.lba < sectors && r.count <= sectors - r.lba;
}

static void io_done(void *opaque, int err)
{
    AhciCommand *c = opaque;
    if (ahci_is_stale(c)) {
        return;
    }
    if (err) {
        fail(c, err == EROFS ? ATA_ABORTED : ATA_UNCORRECTABLE);
    } else {
        succeed(c);
    }
}

static void flush_after_write(void *opaque, int err)
{
    AhciCommand *c = opaque;
    if (ahci_is_stale(c)) {
        return;
    }
    if (err) {
        io_done(c, err);
    } else {
        blockdev_flush(c->port->blk, io_done, c);
    }
}

static void transfer(AhciCommand *c, Range r, bool write, bool stable)
{
    AhciPort *p = c->port;
    if (!in_range(p, r)) {
        fail(c, ATA_NOT_FOUND);
    } else if (!ahci_need_data(c, r.count * ATA_SECTOR)) {
        fail(c, ATA_ABORTED);
    } else if (!write) {
        c->to_device = false;
        blockdev_read(p->blk, r.lba * ATA_SECTOR, c->data, c->len, io_done, c);
    } else if (!ahci_fetch_data(c) || c->len != r.count * ATA_SECTOR) {
        fail(c, ATA_ABORTED);
    } else {
        c->to_device = true;
        blockdev_write(p->blk, r.lba * ATA_SECTOR, c->data, c->len,
                       stable || p->write_cache_off ? flush_after_write : io_done, c);
    }
}

static void flush(AhciCommand *c)
{
    if (c->port->blk) {
        blockdev_flush(c->port->blk, io_done, c);
    } else {
        succeed(c);
    }
}

/* One block of ranges: 48 bits of address, 16 of count each. */
static void trim(AhciCommand *c)
{
    AhciPort *p = c->port;
    uint32_t blocks = c->fis[12] | c->fis[13] << 8;
    if (!(c->fis[3] & 1) || blocks != 1 || !ahci_need_data(c, ATA_SECTOR) || !ahci_fetch_data(c) ||
        c->len != ATA_SECTOR) {
        fail(c, ATA_ABORTED);
        return;
    }
    c->to_device = true;
    for (unsigned i = 0; i < TRIM_ENTRIES; i++) {
        uint64_t entry;
        memcpy(&entry, c->data + 8 * i, sizeof(entry));
        Range r = {bits_get(entry, 0, 48), entry >> 48};
        if (!r.count) {
            continue;
        }
        if (!in_range(p, r)) {
            fail(c, ATA_NOT_FOUND);
            return;
        }
    }
    /* A range at a time is enough of the advice: the first, which is the whole in most. */
    uint64_t first;
    memcpy(&first, c->data, sizeof(first));
    if (first >> 48) {
        blockdev_discard(p->blk, bits_get(first, 0, 48) * ATA_SECTOR, (first >> 48) * ATA_SECTOR,
                         io_done, c);
    } else {
        succeed(c);
    }
}

/* ---- The others ---- */

static void set_features(AhciCommand *c)
{
    switch (c->fis[3]) {
    case 0x02: c->port->write_cache_off = false; break;
    case 0x82: c->port->write_cache_off = true; break;
    case 0x03: /* transfer mode */
    case 0x05: /* power management */
    case 0x42: /* acoustics */
    case 0x55: /* look-ahead */
    case 0x66: /* defaults */
    case 0x85:
    case 0xaa:
    case 0xcc:
    case 0xc2: break;
    default: fail(c, ATA_ABORTED); return;
    }
    succeed(c);
}

static void set_multiple(AhciCommand *c)
{
    uint8_t count = c->fis[12];
    if (count > 16 || !is_pow2(count)) {
        fail(c, ATA_ABORTED);
        return;
    }
    c->port->multiple = count;
    succeed(c);
}

static void read_max(AhciCommand *c, bool ext)
{
    uint64_t last = blockdev_size(c->port->blk) / ATA_SECTOR - 1;
    if (!ext) {
        last = MIN(last, LBA28_MAX);
    }
    c->has_answer = true;
    c->answer[0] = last;
    c->answer[1] = last >> 8;
    c->answer[2] = last >> 16;
    c->answer[3] = 0x40 | (ext ? 0 : last >> 24 & 15);
    c->answer[4] = ext ? last >> 24 : 0;
    c->answer[5] = ext ? last >> 32 : 0;
    c->answer[6] = ext ? last >> 40 : 0;
    succeed(c);
}

static void check_power(AhciCommand *c)
{
    c->has_answer = true;
    c->answer[8] = 0xff; /* active */
    succeed(c);
}

static void execute_disk(AhciCommand *c)
{
    const uint8_t *f = c->fis;
    switch (f[2]) {
    case CMD_IDENTIFY: identify(c); break;
    case CMD_READ_SECTORS:
    case CMD_READ_MULTIPLE:
    case CMD_READ_DMA:
        c->pio = f[2] != CMD_READ_DMA;
        transfer(c, range28(f), false, false);
        break;
    case CMD_READ_SECTORS_EXT:
    case CMD_READ_MULTIPLE_EXT:
    case CMD_READ_DMA_EXT:
        c->pio = f[2] != CMD_READ_DMA_EXT;
        transfer(c, range48(f), false, false);
        break;
    case CMD_WRITE_SECTORS:
    case CMD_WRITE_MULTIPLE:
    case CMD_WRITE_DMA: transfer(c, range28(f), true, false); break;
    case CMD_WRITE_SECTORS_EXT:
    case CMD_WRITE_MULTIPLE_EXT:
    case CMD_WRITE_DMA_EXT: transfer(c, range48(f), true, false); break;
    case CMD_WRITE_DMA_FUA_EXT: transfer(c, range48(f), true, true); break;
    case CMD_READ_QUEUED: transfer(c, range_queued(f), false, false); break;
    case CMD_WRITE_QUEUED: transfer(c, range_queued(f), true, f[7] & 0x80); break;
    case CMD_VERIFY:
    case CMD_VERIFY_EXT:
        if (in_range(c->port, f[2] == CMD_VERIFY ? range28(f) : range48(f))) {
            succeed(c);
        } else {
            fail(c, ATA_NOT_FOUND);
        }
        break;
    case CMD_FLUSH:
    case CMD_FLUSH_EXT: flush(c); break;
    case CMD_TRIM: trim(c); break;
    case CMD_SET_MULTIPLE: set_multiple(c); break;
    case CMD_READ_MAX: read_max(c, false); break;
    case CMD_READ_MAX_EXT: read_max(c, true); break;
    case CMD_INIT_PARAMETERS: succeed(c); break;
    default: fail(c, ATA_ABORTED); break;
    }
}

/* A CD-ROM drive refuses a disk's identity, and says what it is. */
static void refuse_identify(AhciCommand *c)
{
    c->has_answer = true;
    c->answer[0] = 1;
    c->answer[1] = 0x14;
    c->answer[2] = 0xeb;
    c->answer[8] = 1;
    fail(c, ATA_ABORTED);
}

static void execute_cdrom(AhciCommand *c)
{
    switch (c->fis[2]) {
    case CMD_IDENTIFY_PACKET: identify(c); break;
    case CMD_PACKET: atapi_execute(c); break;
    case CMD_DEVICE_RESET: succeed(c); break;
    case CMD_FLUSH: succeed(c); break;
    case CMD_IDENTIFY:
    case CMD_READ_SECTORS: refuse_identify(c); break;
    default: fail(c, ATA_ABORTED); break;
    }
}

void ata_execute(AhciCommand *c)
{
    switch (c->fis[2]) {
    case CMD_SET_FEATURES: set_features(c); break;
    case CMD_STANDBY_NOW:
    case CMD_IDLE_NOW:
    case CMD_STANDBY:
    case CMD_IDLE:
    case CMD_SLEEP: succeed(c); break;
    case CMD_CHECK_POWER: check_power(c); break;
    default:
        if (c->port->cdrom) {
            execute_cdrom(c);
        } else {
            execute_disk(c);
        }
        break;
    }
}
