/*
 * For tests of virtio devices: the least of a guest's driver, over virtio-mmio or virtio-pci, with split or
 * packed rings. Rings and buffers are in the harness's RAM.
 */
#ifndef AMPHI_TEST_VIRTIO_DRIVER_H
#define AMPHI_TEST_VIRTIO_DRIVER_H

#include "tests/device/harness.h"

#define DRIVER_QUEUES 4
#define DRIVER_MAX_NUM 256

typedef struct DriverQueue {
    unsigned num;
    bool packed;
    uint64_t desc, driver, device;
    uint16_t avail; /* split: avail index; packed: next slot */
    uint16_t used;  /* split: used index seen; packed: next slot to look at */
    bool avail_wrap, used_wrap;
    uint16_t next_desc;             /* split: next descriptor; they are used in turn */
    uint16_t slots[DRIVER_MAX_NUM]; /* packed: ring slots of each buffer id */
    uint16_t next_id;
} DriverQueue;

typedef struct Driver {
    Machine *machine;
    bool pci;
    uint64_t regs;       /* of virtio-mmio, or the mapped register blocks of virtio-pci */
    uint64_t features;   /* accepted */
    uint64_t heap;       /* next free byte of RAM */
    uint64_t dma_offset; /* added to addresses that the device is told */
    DriverQueue queues[DRIVER_QUEUES];
} Driver;

typedef struct DriverBuf {
    uint64_t addr;
    uint32_t len;
} DriverBuf;

enum { DRIVER_DIRECT, DRIVER_INDIRECT };

/* The host's view of guest RAM at @addr. */
void *guest(Machine *machine, uint64_t addr);

/* A driver for the device in the virtio-mmio slot at @regs. Nothing is touched yet. */
void driver_init(Driver *d, Machine *machine, uint64_t regs);

/* @size zeroed bytes of guest RAM. */
uint64_t driver_alloc(Driver *d, uint64_t size, uint64_t align);

/* The features that the device offers. */
uint64_t driver_host_features(Driver *d);

/* Resets the device and accepts @features of those offered (VERSION_1 is added); returns whether the device
 * took them. */
bool driver_negotiate(Driver *d, uint64_t features);

/* Makes and enables queue @n with @num entries, or as many as the device allows; tells the device that the
 * driver is ready. */
void driver_setup_queue(Driver *d, unsigned n, unsigned num);
void driver_start(Driver *d);

/* All of the above: @queues queues of 16. */
void driver_begin(Driver *d, uint64_t features, unsigned queues);

uint8_t driver_status(Driver *d);
uint32_t driver_config32(Driver *d, unsigned offset);

/* Reads and acknowledges the interrupt status. */
uint8_t driver_ack(Driver *d);

/* Makes a request of @nout readable buffers and then @nin writable ones available; returns its id. */
uint16_t driver_add(Driver *d, unsigned n, const DriverBuf *bufs, unsigned nout, unsigned nin,
                    int how);
void driver_kick(Driver *d, unsigned n);

/* Takes a finished request; false if there is none. */
bool driver_get(Driver *d, unsigned n, uint16_t *id, uint32_t *len);

/* The same, running the main loop until there is one; fails the test after 10 s. */
uint32_t driver_wait(Driver *d, unsigned n);

/* One request from start to end; returns the bytes written. */
uint32_t driver_run(Driver *d, unsigned n, const DriverBuf *bufs, unsigned nout, unsigned nin);

/* Whether the device says it must be reset. */
bool driver_needs_reset(Driver *d);

/* Makes a device from the text of a -device. */
void create_device(Machine *machine, const char *text);

#endif
