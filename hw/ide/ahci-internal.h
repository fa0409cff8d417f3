/*
 * Between the controller (ahci.c), the disk's commands (ata.c) and the CD-ROM's (atapi.c).
 */
#ifndef AMPHI_HW_AHCI_INTERNAL_H
#define AMPHI_HW_AHCI_INTERNAL_H

#include "hw/block/blockdev.h"
#include "hw/ide/ahci.h"

#define ATA_SECTOR 512
#define CD_SECTOR 2048
#define ATA_MAX_TRANSFER (65536u * ATA_SECTOR)

enum {
    ATA_ERR = 0x01,
    ATA_DRQ = 0x08,
    ATA_SEEK = 0x10,
    ATA_FAULT = 0x20,
    ATA_READY = 0x40,
    ATA_BUSY = 0x80
};
enum { ATA_ABORTED = 0x04, ATA_NOT_FOUND = 0x10, ATA_UNCORRECTABLE = 0x40 };

typedef struct Ahci Ahci;
typedef struct AhciPort AhciPort;
typedef struct AhciCommand AhciCommand;

struct AhciPort {
    Ahci *ahci;
    unsigned n;
    const DeviceBus *bus;
    BlockDev *blk; /* NULL: no drive, or one without a disk in it */
    bool drive, cdrom;
    char serial[21];
    uint32_t epoch;   /* commands of an earlier one were given up */
    uint32_t running; /* slots that are being executed */
    bool queued;      /* by NCQ; else at most one */
    bool starting;    /* start_commands() is at work */

    /* Registers, by PORT_* / 4. */
    uint32_t regs[16];
    bool failed;                   /* stopped at an error until software clears ST */
    uint8_t multiple;              /* sectors for READ MULTIPLE */
    uint8_t sense_key, sense_code; /* of the CD-ROM's last failure */
    bool write_cache_off;
};

/* A command on its way. Made by the controller, which frees it in ahci_complete(). */
struct AhciCommand {
    AhciPort *port;
    uint32_t epoch;
    unsigned slot;
    bool atapi, to_device, ncq;
    uint8_t fis[64]; /* command FIS */
    uint8_t packet[16];
    uint64_t header, table; /* guest addresses */
    uint16_t entries;       /* of the PRD table */
    uint32_t room;          /* bytes that the table describes */
    uint8_t *data;          /* of the transfer */
    uint32_t len;           /* of what is transferred */
    bool pio;               /* data comes to the guest by PIO Setup FIS */
    uint8_t answer[12];     /* for the D2H FIS: bytes 4..15, where a command returns something */
    bool has_answer;
};

/* Allocates @len bytes for the data of @c; false if the guest's table has less room (@exact) or it is too much. */
bool ahci_need_data(AhciCommand *c, uint32_t len);
/* Copies the guest's data to c->data. */
bool ahci_fetch_data(AhciCommand *c);
/* The command is done. @error, of ATA's error register, is 0 for success. */
void ahci_complete(AhciCommand *c, uint8_t status, uint8_t error);
/* @c was given up while its request was out: frees it. */
bool ahci_is_stale(AhciCommand *c);

void ata_execute(AhciCommand *c);
void atapi_execute(AhciCommand *c);

#endif
