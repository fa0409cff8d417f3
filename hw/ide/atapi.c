/*
 * The packet commands of a CD-ROM drive: MMC-6, SPC-3 for what all devices have.
 *
 * Answers are built in the command's buffer and cut to what the packet allows and the guest's table holds.
 */
#include "hw/ide/ahci-internal.h"
#include <string.h>

#define STATUS_GOOD (ATA_READY | ATA_SEEK)
#define ANSWER_MAX 256
#define LEAD_OUT 0xaa

enum { SENSE_NONE = 0, SENSE_NOT_READY = 2, SENSE_MEDIUM = 3, SENSE_ILLEGAL = 5 };
enum {
    ASC_BAD_LBA = 0x21,
    ASC_BAD_COMMAND = 0x20,
    ASC_BAD_FIELD = 0x24,
    ASC_NO_MEDIUM = 0x3a,
    ASC_READ_ERROR = 0x11
};

enum {
    OP_TEST_READY = 0x00,
    OP_REQUEST_SENSE = 0x03,
    OP_INQUIRY = 0x12,
    OP_MODE_SENSE6 = 0x1a,
    OP_START_STOP = 0x1b,
    OP_PREVENT = 0x1e,
    OP_READ_CAPACITY = 0x25,
    OP_READ10 = 0x28,
    OP_SEEK = 0x2b,
    OP_SYNC = 0x35,
    OP_READ_TOC = 0x43,
    OP_GET_CONFIGURATION = 0x46,
    OP_GET_EVENT = 0x4a,
    OP_DISC_INFO = 0x51,
    OP_MODE_SENSE10 = 0x5a,
    OP_READ12 = 0xa8,
    OP_SET_SPEED = 0xbb,
    OP_MECHANISM = 0xbd,
    OP_READ_CD = 0xbe,
};

static uint32_t be(const uint8_t *p, unsigned size)
{
    uint32_t value = 0;
    while (size--) {
        value = value << 8 | *p++;
    }
    return value;
}

static void put_be(uint8_t *p, uint32_t value, unsigned size)
{
    while (size--) {
        p[size] = value;
        value >>= 8;
    }
}

static uint32_t sectors(const AhciPort *p)
{
    uint64_t n = p->blk ? blockdev_size(p->blk) / CD_SECTOR : 0;
    return MIN(n, UINT32_MAX);
}

static void fail(AhciCommand *c, uint8_t key, uint8_t code)
{
    c->port->sense_key = key;
    c->port->sense_code = code;
    ahci_complete(c, STATUS_GOOD | ATA_ERR, key << 4 | ATA_ABORTED);
}

static void succeed(AhciCommand *c)
{
    c->port->sense_key = c->port->sense_code = 0;
    c->has_answer = true;
    c->answer[8] = 3; /* interrupt reason: status */
    ahci_complete(c, STATUS_GOOD, 0);
}

/* @len bytes of @data, of which the packet allows @limit. */
static void answer(AhciCommand *c, const uint8_t *data, uint32_t len, uint32_t limit)
{
    len = MIN(MIN(len, limit), c->room);
    if (!ahci_need_data(c, len)) {
        fail(c, SENSE_ILLEGAL, ASC_BAD_FIELD);
        return;
    }
    memcpy(c->data, data, len);
    c->to_device = false;
    succeed(c);
}

/* ---- About the drive ---- */

static void request_sense(AhciCommand *c)
{
    uint8_t d[18] = {0x70, 0, c->port->sense_key, 0, 0, 0, 0, 10};
    d[12] = c->port->sense_code;
    answer(c, d, sizeof(d), c->packet[4]);
}

static void inquiry(AhciCommand *c)
{
    uint8_t d[36] = {5, 0x80, 0, 0x21, 31};
    if (c->packet[1] & 3) {
        fail(c, SENSE_ILLEGAL, ASC_BAD_FIELD);
        return;
    }
    memcpy(d + 8, "amphi   DVD-ROM         1.0 ", 28);
    answer(c, d, sizeof(d), be(c->packet + 3, 2));
}

/* Mode pages: error recovery and capabilities. */
static void mode_sense(AhciCommand *c, bool ten)
{
    uint8_t d[8 + 8 + 20] = {0}, *page = d + 8;
    unsigned len = 8;
    switch (c->packet[2] & 0x3f) {
    case 0x01:
        page[0] = 0x01;
        page[1] = 6;
        page[3] = 5;
        len += 8;
        break;
    case 0x2a:
        page[0] = 0x2a;
        page[1] = 18;
        page[2] = 0x3b; /* what it reads */
        page[4] = 0x71;
        page[6] = 0x29; /* a tray that ejects and locks */
        put_be(page + 8, 704, 2);
        put_be(page + 14, 704, 2);
        len += 20;
        break;
    default: fail(c, SENSE_ILLEGAL, ASC_BAD_FIELD); return;
    }
    put_be(d, len - 2, 2);
    d[2] = 0x70;
    if (ten) {
        answer(c, d, len, be(c->packet + 7, 2));
        return;
    }
    d[4] = len - 5; /* a header of four bytes */
    d[5] = d[2];
    d[6] = d[7] = 0;
    answer(c, d + 4, len - 4, c->packet[4]);
}

static void get_configuration(AhciCommand *c)
{
    bool disc = c->port->blk != NULL, dvd = sectors(c->port) > 405000; /* more than a CD holds */
    uint8_t d[] = {0, 0, 0, 0, 0,    0,    0, 0,                       /* header */
                   0, 0, 3, 8, 0,    0x10, 0, 0, 0, 0x08, 0, 0, /* profiles: DVD-ROM, CD-ROM */
                   0, 1, 7, 8, 0,    0,    0, 7, 1, 0,    0, 0, /* core: ATAPI */
                   0, 3, 3, 4, 0x29, 0,    0, 0};               /* removable medium */
    put_be(d, sizeof(d) - 4, 4);
    put_be(d + 6, !disc ? 0 : dvd ? 0x10 : 0x08, 2);
    d[14] = disc && dvd;
    d[18] = disc && !dvd;
    answer(c, d, sizeof(d), be(c->packet + 7, 2));
}

static void get_event(AhciCommand *c)
{
    uint8_t d[8] = {0, 6, 4, 0x10, 0, c->port->blk ? 2 : 0};
    if (!(c->packet[1] & 1)) { /* asynchronous ones there are not */
        fail(c, SENSE_ILLEGAL, ASC_BAD_FIELD);
        return;
    }
    if (!(c->packet[4] & 0x10)) {
        uint8_t none[4] = {0, 2, 0x80, 0x10};
        answer(c, none, sizeof(none), be(c->packet + 7, 2));
        return;
    }
    answer(c, d, sizeof(d), be(c->packet + 7, 2));
}

/* ---- About the disc ---- */

static void put_address(uint8_t *p, uint32_t lba, bool msf)
{
    if (msf) {
        lba += 150;
        p[0] = 0;
        p[1] = lba / 75 / 60;
        p[2] = lba / 75 % 60;
        p[3] = lba % 75;
    } else {
        put_be(p, lba, 4);
    }
}

/* One data track. */
static void read_toc(AhciCommand *c)
{
    bool msf = c->packet[1] & 2;
    unsigned format = c->packet[2] & 15, limit = be(c->packet + 7, 2);
    uint8_t d[20] = {0, 18, 1, 1, 0, 0x14, 1, 0};
    if (format == 0 && !(c->packet[9] >> 6)) {
        if (c->packet[6] > 1 && c->packet[6] != LEAD_OUT) {
            fail(c, SENSE_ILLEGAL, ASC_BAD_FIELD);
            return;
        }
        put_address(d + 8, 0, msf);
        d[13] = 0x16;
        d[14] = LEAD_OUT;
        put_address(d + 16, sectors(c->port), msf);
        answer(c, d, sizeof(d), limit);
    } else if (format <= 1 || c->packet[9] >> 6 == 1) { /* sessions */
        d[1] = 10;
        put_address(d + 8, 0, msf);
        answer(c, d, 12, limit);
    } else {
        fail(c, SENSE_ILLEGAL, ASC_BAD_FIELD);
    }
}

static void read_capacity(AhciCommand *c)
{
    uint8_t d[8];
    put_be(d, sectors(c->port) - 1, 4);
    put_be(d + 4, CD_SECTOR, 4);
    answer(c, d, sizeof(d), sizeof(d));
}

static void disc_info(AhciCommand *c)
{
    uint8_t d[34] = {0, 32, 0x0e, 1, 1, 1, 1, 0x20};
    answer(c, d, sizeof(d), be(c->packet + 7, 2));
}

/* ---- Reading ---- */

static void read_done(void *opaque, int err)
{
    AhciCommand *c = opaque;
    if (ahci_is_stale(c)) {
        return;
    }
    if (err) {
        fail(c, SENSE_MEDIUM, ASC_READ_ERROR);
    } else {
        succeed(c);
    }
}

static void read_sectors(AhciCommand *c, uint32_t lba, uint32_t count)
{
    uint32_t total = sectors(c->port);
    c->to_device = false;
    if (lba > total || count > total - lba) {
        fail(c, SENSE_ILLEGAL, ASC_BAD_LBA);
    } else if (!count) {
        succeed(c);
    } else if (count > ATA_MAX_TRANSFER / CD_SECTOR || !ahci_need_data(c, count * CD_SECTOR)) {
        fail(c, SENSE_ILLEGAL, ASC_BAD_FIELD);
    } else {
        blockdev_read(c->port->blk, (uint64_t)lba * CD_SECTOR, c->data, c->len, read_done, c);
    }
}

/* Whole sectors of user data is all there is of a disc image. */
static void read_cd(AhciCommand *c)
{
    uint8_t what = c->packet[9] & 0xf8;
    if (what != 0x10 && what != 0) {
        fail(c, SENSE_ILLEGAL, ASC_BAD_FIELD);
        return;
    }
    read_sectors(c, be(c->packet + 2, 4), what ? be(c->packet + 6, 3) : 0);
}

static bool needs_disc(uint8_t op)
{
    static const uint8_t with[] = {OP_TEST_READY, OP_READ_CAPACITY, OP_READ10,    OP_READ12,
                                   OP_READ_CD,    OP_READ_TOC,      OP_DISC_INFO, OP_SEEK};
    return memchr(with, op, sizeof(with)) != NULL;
}

void atapi_execute(AhciCommand *c)
{
    const uint8_t *p = c->packet;
    if (needs_disc(p[0]) && !c->port->blk) {
        fail(c, SENSE_NOT_READY, ASC_NO_MEDIUM);
        return;
    }
    switch (p[0]) {
    case OP_TEST_READY:
    case OP_START_STOP:
    case OP_PREVENT:
    case OP_SEEK:
    case OP_SYNC:
    case OP_SET_SPEED: succeed(c); break;
    case OP_REQUEST_SENSE: request_sense(c); break;
    case OP_INQUIRY: inquiry(c); break;
    case OP_MODE_SENSE6: mode_sense(c, false); break;
    case OP_MODE_SENSE10: mode_sense(c, true); break;
    case OP_READ_CAPACITY: read_capacity(c); break;
    case OP_READ10: read_sectors(c, be(p + 2, 4), be(p + 7, 2)); break;
    case OP_READ12: read_sectors(c, be(p + 2, 4), be(p + 6, 4)); break;
    case OP_READ_CD: read_cd(c); break;
    case OP_READ_TOC: read_toc(c); break;
    case OP_GET_CONFIGURATION: get_configuration(c); break;
    case OP_GET_EVENT: get_event(c); break;
    case OP_DISC_INFO: disc_info(c); break;
    case OP_MECHANISM: answer(c, (const uint8_t[8]){0}, 8, be(p + 8, 2)); break;
    default: fail(c, SENSE_ILLEGAL, ASC_BAD_COMMAND); break;
    }
}
