/*
 * Messages to local APICs: from each other (IPIs), from the I/O APIC, and from devices as memory writes (MSI).
 * Intel SDM vol. 3A, 10.6 (IPIs, destinations) and 10.11 (message format).
 *
 * At 0xfee00000 a processor finds its own APIC, while what devices write there is a message
 * (memory_map_set_msi_sink()). Messages with 8 bits of destination reach processors in x2APIC mode too; those of
 * an IOMMU that remaps interrupts may have 32.
 * Locking: the machine lock.
 */
#include "hw/intc/apic-internal.h"
#include "softmmu/base/log.h"
#include "softmmu/cpus.h"
#include <inttypes.h>

#define PAGE 0x1000

struct ApicBus {
    Device dev;
    Apic *apics[MACHINE_MAX_CPUS];
    uint32_t last_lowest; /* who got the last message for the lowest priority */
    void (*eoi)(void *opaque, uint8_t vector);
    void *eoi_opaque;
    uint8_t (*pic)(void *opaque);
    void *pic_opaque;
};

/* ---- Destinations ---- */

static bool matches_logical(const Apic *apic, const ApicMessage *m)
{
    if (apic_is_x2(apic)) {
        return apic->ldr >> 16 == m->dest >> 16 && (apic->ldr & m->dest & 0xffff);
    }
    uint8_t id = apic->ldr >> 24;
    if (m->dest > 0xff) {
        return false;
    }
    if (apic->dfr >> 28 == 0xf) { /* flat: a bit per processor */
        return id & m->dest;
    }
    bool cluster = m->dest >> 4 == 0xf || m->dest >> 4 == id >> 4;
    return cluster && (id & m->dest & 0xf);
}

static bool is_for(const Apic *apic, const ApicMessage *m)
{
    if (!apic_is_on(apic)) {
        return false;
    }
    if (m->dest == (m->wide ? UINT32_MAX : 0xff)) {
        return true;
    }
    if (m->logical) {
        return matches_logical(apic, m);
    }
    return m->dest == (apic_is_x2(apic) ? apic->id : apic->xapic_id);
}

/* Of those that @m is for, the one with the lowest priority; of equals, they take turns. */
static Apic *choose_lowest(ApicBus *bus, const ApicMessage *m)
{
    Apic *best = NULL;
    for (unsigned i = 1; i <= MACHINE_MAX_CPUS; i++) {
        Apic *apic = bus->apics[(bus->last_lowest + i) % MACHINE_MAX_CPUS];
        if (apic && is_for(apic, m) && (!best || apic_ppr(apic) < apic_ppr(best))) {
            best = apic;
        }
    }
    if (best) {
        bus->last_lowest = best->index;
    }
    return best;
}

void apic_bus_send(ApicBus *bus, const ApicMessage *message)
{
    if (message->lowest) {
        Apic *apic = choose_lowest(bus, message);
        if (apic) {
            apic_deliver(apic, message);
        }
        return;
    }
    for (unsigned i = 0; i < MACHINE_MAX_CPUS; i++) {
        if (bus->apics[i] && is_for(bus->apics[i], message)) {
            apic_deliver(bus->apics[i], message);
        }
    }
}

void apic_bus_broadcast(ApicBus *bus, const ApicMessage *message, const Apic *except)
{
    for (unsigned i = 0; i < MACHINE_MAX_CPUS; i++) {
        Apic *apic = bus->apics[i];
        if (apic && apic != except && apic_is_on(apic)) {
            apic_deliver(apic, message);
        }
    }
}

void apic_bus_message(ApicBus *bus, uint64_t addr, uint32_t data)
{
    bool logical = bits_get(addr, 2, 1), redirect = bits_get(addr, 3, 1);
    uint8_t mode = bits_get(data, 8, 3);
    ApicMessage message = {
        .dest = bits_get(addr, 12, 8) | (uint32_t)(addr >> 40) << 8,
        .wide = addr >> 40,
        .logical = logical,
        .lowest = mode == MODE_LOWEST || (redirect && logical && mode == MODE_FIXED),
        .mode = mode == MODE_LOWEST ? MODE_FIXED : mode,
        .level = bits_get(data, 15, 1),
        .vector = data,
    };
    apic_bus_send(bus, &message);
}

/* ---- The I/O APIC and the 8259 ---- */

void apic_bus_set_eoi(ApicBus *bus, void (*eoi)(void *opaque, uint8_t vector), void *opaque)
{
    bus->eoi = eoi;
    bus->eoi_opaque = opaque;
}

void apic_bus_end_of_interrupt(ApicBus *bus, uint8_t vector)
{
    if (bus->eoi) {
        bus->eoi(bus->eoi_opaque, vector);
    }
}

void apic_bus_set_pic(ApicBus *bus, uint8_t (*acknowledge)(void *opaque), void *opaque)
{
    bus->pic = acknowledge;
    bus->pic_opaque = opaque;
}

uint8_t apic_bus_pic_vector(ApicBus *bus)
{
    return bus->pic ? bus->pic(bus->pic_opaque) : 0xff;
}

/* ---- The addresses ---- */

/* The APIC that the access of a processor goes to; NULL: it is a message. */
static Apic *accessed(ApicBus *bus, uint64_t offset)
{
    const Vcpu *vcpu = vcpu_current();
    Apic *apic = bus->apics[vcpu ? vcpu->index : 0];
    return apic && offset < PAGE && apic_is_on(apic) && !apic_is_x2(apic) ? apic : NULL;
}

static uint64_t bus_read(Device *dev, uint64_t offset, unsigned size)
{
    ApicBus *bus = container_of(dev, ApicBus, dev);
    Apic *apic = accessed(bus, offset);
    return apic ? apic_read(apic, offset) : UINT32_MAX;
}

static void bus_write(Device *dev, uint64_t offset, uint64_t value, unsigned size)
{
    ApicBus *bus = container_of(dev, ApicBus, dev);
    Apic *apic = accessed(bus, offset);
    if (apic) {
        apic_write(apic, offset, value);
    } else {
        log_guest_error("apic: write to 0x%" PRIx64 ", where there is no APIC for it", offset);
    }
}

/* A device's write. */
static void take_message(void *opaque, uint64_t addr, uint32_t data)
{
    apic_bus_message(opaque, addr, data);
}

static bool bus_post_load(void *opaque, GError **error)
{
    ApicBus *bus = opaque;
    bus->last_lowest %= MACHINE_MAX_CPUS;
    return true;
}

static const VmField bus_fields[] = {VM_FIELD_U32(ApicBus, last_lowest), VM_FIELD_END()};
static const VmDesc bus_vmstate = {"apic-bus", bus_fields, NULL, bus_post_load};

static const DeviceOps bus_ops = {
    .name = "apic-bus",
    .vmstate = &bus_vmstate,
    .read = bus_read,
    .write = bus_write,
    .min_access = 4,
    .max_access = 4,
};

ApicBus *apic_bus_new(Machine *machine)
{
    ApicBus *bus = device_new(machine, &bus_ops, sizeof(*bus), NULL);
    device_map_mmio(&bus->dev, APIC_BASE_ADDRESS, APIC_MSI_SIZE);
    memory_map_set_msi_sink(machine->memory, APIC_BASE_ADDRESS, APIC_MSI_SIZE, take_message, bus);
    return bus;
}

Machine *apic_bus_machine(const ApicBus *bus)
{
    return bus->dev.machine;
}

Apic *apic_bus_attach(ApicBus *bus, Apic *apic)
{
    bus->apics[apic->index % MACHINE_MAX_CPUS] = apic;
    return apic;
}
