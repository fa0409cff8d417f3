/*
 * PCI: devices with configuration space, base address registers, interrupt pins and MSI-X, on a bus.
 *
 * A function is a struct with PciDevice first, made by pci_device_new() and described by PciOps; its
 * constructor writes the read-only parts of configuration space, says which bits the guest may write,
 * and adds BARs and capabilities. A host bridge (gpex.h) makes the root bus and forwards configuration
 * accesses. All buses are found from their root, so that bridges have a place.
 *
 * Source: PCI Local Bus 3.0 chapter 6, PCI Express Base 4.0 chapter 7. Locking: the machine lock.
 */
#ifndef AMPHI_PCI_H
#define AMPHI_PCI_H

#include "softmmu/device.h"
#include "softmmu/iommu.h"
#include "softmmu/machine.h"

#define PCI_CONFIG_SIZE 256
#define PCI_SLOTS 32
#define PCI_DEVFNS 256
#define PCI_BARS 6
#define PCI_PINS 4
#define PCI_MAX_LINES 8
#define PCI_DEVFN(slot, fn) ((slot) << 3 | (fn))

typedef struct PciDevice PciDevice;
typedef struct PciBus PciBus;

typedef struct PciOps {
    DeviceOps device; /* .reset: pci_device_reset(); .vmstate starts with pci_vmstate;
                         .finalize calls or is pci_device_finalize() */
    /* The guest reads or wrote @size bytes of configuration space at @offset; both may be NULL.
     * config_read comes before the bytes are taken from there. */
    void (*config_read)(PciDevice *pci, unsigned offset, unsigned size);
    void (*config_written)(PciDevice *pci, unsigned offset, unsigned size);
    /* Device state to that after power-on; configuration space is reset already. May be NULL. */
    void (*reset)(PciDevice *pci);
    /* A message of the function's to @addr led nowhere. May be NULL. */
    void (*msi_failed)(PciDevice *pci, uint64_t addr);
} PciOps;

typedef enum PciBarType {
    PCI_BAR_IO,
    PCI_BAR_MEM32,
    PCI_BAR_MEM32_PREFETCH,
    PCI_BAR_MEM64, /* takes the next register too */
    PCI_BAR_MEM64_PREFETCH,
} PciBarType;

/* A base address register. */
typedef struct PciBar {
    uint64_t size; /* bytes, a power of two; 0: not there */
    PciBarType type;
    MemoryRegion *region;
} PciBar;

#define PCI_MSIX_MAX_VECTORS 128
#define PCI_MSIX_ENTRY_SIZE 16

typedef struct PciMsixDirect PciMsixDirect;

/* MSI-X state; see msix.c. */
typedef struct PciMsix {
    unsigned vectors;              /* 0: the function has none */
    unsigned cap;                  /* offset of the capability */
    unsigned table_at, pending_at; /* offsets in the BAR */
    uint8_t table[PCI_MSIX_MAX_VECTORS * PCI_MSIX_ENTRY_SIZE];
    uint8_t pending[PCI_MSIX_MAX_VECTORS / 8];
    PciMsixDirect *direct; /* of each vector; NULL: none was sent by eventfd yet */
} PciMsix;

struct PciDevice {
    Device dev;
    const PciOps *ops;
    PciBus *bus;
    PciBus *secondary; /* of a bridge; NULL: it is none */
    uint8_t devfn;
    bool intx_level; /* what the function wants on its pin */
    uint8_t cap_end; /* first free byte for capabilities */
    uint8_t config[PCI_CONFIG_SIZE];
    uint8_t wmask[PCI_CONFIG_SIZE];    /* bits that the guest writes */
    uint8_t w1cmask[PCI_CONFIG_SIZE];  /* bits that it clears by writing 1 */
    uint8_t power_on[PCI_CONFIG_SIZE]; /* values after a reset */
    PciBar bars[PCI_BARS];
    PciBar rom; /* the expansion ROM */
    PciMsix msix;
    uint8_t msi_cap;             /* offset of the MSI capability; 0: the function has none */
    AddressSpace dma;            /* its bus mastering; nothing passes while that is off */
    AddressSpace dma_past_iommu; /* the same, but never translated */
};

/* How a bus reaches the rest of the machine. */
typedef struct PciWindow {
    uint64_t pci_base, cpu_base, size; /* addresses on the bus and where the CPU sees them */
} PciWindow;

typedef struct PciBusConfig {
    const char *name;            /* "pcie.0" */
    PciWindow io, mem32, mem64;  /* size 0: none */
    MemoryMap *io_map;           /* where the CPU sees ports; NULL: in memory */
    IrqLine intx[PCI_MAX_LINES]; /* lines of the host bridge */
    /* Which of these pin @pin (0: INTA) of function @devfn is on. NULL: slots rotate over the first four. */
    unsigned (*route)(uint8_t devfn, unsigned pin);
} PciBusConfig;

struct PciBus {
    PciBus *next;      /* bus of the machine, root buses before those behind their bridges */
    PciDevice *parent; /* the bridge to it; NULL: a root bus */
    Machine *machine;
    const DeviceBus *bus; /* as others see it */
    PciBusConfig config;
    PciDevice *devices[PCI_DEVFNS];
    Iommu *iommu;              /* translates what its functions do; NULL: nobody */
    PciDevice *iommu_function; /* but not what this one does, which is the IOMMU */
    uint32_t msi_epoch;        /* of a root: see pci_msi_epoch() */
};

extern const VmDesc pci_vmstate;

/* ---- For host bridges and -device ---- */

/* Initialises the bus embedded in bridge @owner, which lives as long as the machine. */
void pci_bus_init(PciBus *bus, Device *owner, const PciBusConfig *config);

/* The bus named @name (NULL: the first), or NULL. */
PciBus *pci_find_bus(Machine *machine, const char *name);

/* Bus, slot and function that the properties bus= and addr= ask for; without addr=, the first free
 * slot. False with @error if there is none. */
bool pci_parse_address(Machine *machine, Options *opts, PciBus **bus, uint8_t *devfn,
                       GError **error);

/* Configuration accesses of 1, 2 or 4 aligned bytes to function @devfn of bus number @number below
 * @root; reads of nothing give all ones. */
uint32_t pci_config_read(PciBus *root, unsigned number, uint8_t devfn, unsigned offset,
                         unsigned size);
void pci_config_write(PciBus *root, unsigned number, uint8_t devfn, unsigned offset, uint32_t value,
                      unsigned size);

/* ---- For devices ---- */

typedef struct PciIds {
    uint16_t vendor, device, subsystem_vendor, subsystem;
    uint8_t revision;
    uint32_t class_code; /* 24 bits: class, subclass, interface */
} PciIds;

/* Makes a function of @size bytes, PciDevice first, at @devfn of @bus, with a type 0 header. With
 * @pin, it has interrupt pin A. */
void *pci_device_new(PciBus *bus, uint8_t devfn, const PciOps *ops, size_t size, const char *id,
                     const PciIds *ids, bool pin);

void pci_device_reset(Device *dev);
void pci_device_finalize(Device *dev);

/* Adds BAR @n of @size bytes (a power of two from 16), served by @ops(@opaque). */
void pci_add_bar(PciDevice *pci, unsigned n, PciBarType type, uint64_t size, const MmioOps *ops,
                 void *opaque);

/* Adds BAR @n that is the memory of @ram, whose size is a power of two; and the expansion ROM. */
void pci_add_ram_bar(PciDevice *pci, unsigned n, PciBarType type, RamBlock *ram);
void pci_add_rom(PciDevice *pci, RamBlock *ram);

/* The bus address in BAR @n, which is there. */
uint64_t pci_bar_address(const PciDevice *pci, unsigned n);

/* Adds a capability of @len bytes (with its two bytes of header); returns its offset. */
unsigned pci_add_capability(PciDevice *pci, uint8_t id, unsigned len);

/* To be called after the constructor has written configuration space: what is there now is what a
 * reset goes back to. */
void pci_device_ready(PciDevice *pci);

/* Sets the level of the interrupt pin. */
void pci_set_intx(PciDevice *pci, bool level);

/* Little-endian fields of configuration space and its masks. */
void pci_put16(uint8_t *bytes, unsigned offset, uint16_t value);
void pci_put32(uint8_t *bytes, unsigned offset, uint32_t value);
uint16_t pci_get16(const uint8_t *bytes, unsigned offset);
uint32_t pci_get32(const uint8_t *bytes, unsigned offset);

/* Adds MSI-X with @vectors, whose table and pending bits fill BAR @bar (4 KiB). */
void pci_add_msix(PciDevice *pci, unsigned vectors, unsigned bar);

/* The same with table and pending bits at offsets @table and @pending (multiples of 8) of a BAR that the
 * function adds itself. Its accesses there go to pci_msix_read() and pci_msix_write(), whose offsets are
 * those in the BAR and which leave alone what is not theirs. */
void pci_add_msix_at(PciDevice *pci, unsigned vectors, unsigned bar, unsigned table,
                     unsigned pending);
uint64_t pci_msix_read(PciDevice *pci, uint64_t offset, unsigned size);
void pci_msix_write(PciDevice *pci, uint64_t offset, uint64_t value, unsigned size);

/* Whether the guest has MSI-X on: the interrupt pin is then silent. */
bool pci_msix_enabled(const PciDevice *pci);

/* Sends the message of @vector, or notes it as pending while it is masked. */
void pci_msix_notify(PciDevice *pci, unsigned vector);

/* Adds MSI with one message; whether the guest has it on: the interrupt pin is then silent; sends it. */
void pci_add_msi(PciDevice *pci);
bool pci_msi_enabled(const PciDevice *pci);
void pci_msi_notify(PciDevice *pci);

/* A number that changes when messages of @pci may take another way than before: by configuration, also of the
 * bridges above, or by the IOMMU. */
uint32_t pci_msi_epoch(const PciDevice *pci);

/* For pci.c: the capability may have changed; state after power-on; the saved tables. */
void pci_msix_config_written(PciDevice *pci);
void pci_msix_reset(PciDevice *pci);
extern const VmDesc pci_msix_vmstate;

/* The @n-th function of the machine, bus by bus, and the number of its bus; NULL past the end. */
PciDevice *pci_function_nth(Machine *machine, unsigned n, int *bus);

/* Text for `info pci`; lines for `info qtree`, as DeviceBusType has them. */
void pci_print_all(Machine *machine, GString *out);
void pci_describe(const Device *dev, unsigned indent, GString *out);

#endif
