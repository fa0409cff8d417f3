/*
 * Boot order: see boot-order.h. The paths: IEEE 1275 "PCI Bus Binding" section 2.2.1.1 for units
 * ("@slot,function"); names of nodes by class, section 2.5, else "pciVENDOR,DEVICE".
 */
#include "hw/boot-order.h"
#include "softmmu/base/error.h"
#include <inttypes.h>
#include <linux/pci_regs.h>

#define CLASS_SCSI 0x0100
#define CLASS_ETHERNET 0x0200
#define CLASS_PCI_BRIDGE 0x0604

typedef struct BootDevice {
    int index;
    char *path;
} BootDevice;

static void device_free(void *data)
{
    BootDevice *device = data;
    g_free(device->path);
    g_free(device);
}

static gint by_index(gconstpointer a, gconstpointer b)
{
    const BootDevice *x = *(BootDevice *const *)a, *y = *(BootDevice *const *)b;
    return x->index - y->index;
}

/* Appends the node of @pci, behind those of the bridges on the way to it. */
static void append_node(GString *path, const PciDevice *pci)
{
    static const struct {
        uint16_t class;
        const char *name;
    } names[] = {
        {CLASS_SCSI, "scsi"},
        {CLASS_ETHERNET, "ethernet"},
        {CLASS_PCI_BRIDGE, "pci-bridge"},
    };
    uint16_t class = pci_get16(pci->config, PCI_CLASS_DEVICE);
    const char *name = NULL;
    if (pci->bus->parent) {
        append_node(path, pci->bus->parent);
    }
    for (size_t i = 0; i < ARRAY_SIZE(names); i++) {
        name = names[i].class == class ? names[i].name : name;
    }
    if (name) {
        g_string_append_printf(path, "%s@%x", name, pci->devfn >> 3);
    } else {
        g_string_append_printf(path, "pci%x,%x@%x", pci_get16(pci->config, PCI_VENDOR_ID),
                               pci_get16(pci->config, PCI_DEVICE_ID), pci->devfn >> 3);
    }
    if (pci->devfn & 7) {
        g_string_append_printf(path, ",%x", pci->devfn & 7);
    }
    g_string_append_c(path, '/');
}

static char *make_path(const PciDevice *pci, const char *suffix)
{
    GString *path = g_string_new("/pci@i0cf8/");
    append_node(path, pci);
    g_string_append(path, suffix);
    return g_string_free(path, false);
}

static GPtrArray *devices_of(Machine *machine)
{
    if (!machine->boot_devices) {
        machine->boot_devices = g_ptr_array_new_with_free_func(device_free);
    }
    return machine->boot_devices;
}

bool boot_order_add(PciDevice *pci, const char *suffix, Options *opts, GError **error)
{
    const char *text = options_get(opts, "bootindex", NULL);
    GPtrArray *devices = devices_of(pci->dev.machine);
    uint64_t index = 0;
    if (!text || !g_strcmp0(text, "-1")) {
        return true;
    }
    if (!options_get_u64(opts, "bootindex", &index, error)) {
        return false;
    }
    if (index > INT32_MAX) {
        return error_set(error, "bootindex=%s is too large; use 0, 1, 2...", text);
    }
    for (unsigned i = 0; i < devices->len; i++) {
        const BootDevice *other = g_ptr_array_index(devices, i);
        if (other->index == (int)index) {
            return error_set(error, "bootindex=%s is taken by %s; give each device another one",
                             text, other->path);
        }
    }
    BootDevice *device = g_new0(BootDevice, 1);
    device->index = index;
    device->path = make_path(pci, suffix);
    g_ptr_array_add(devices, device);
    g_ptr_array_sort(devices, by_index);
    return true;
}

GBytes *boot_order_make(Machine *machine, bool strict)
{
    GPtrArray *devices = devices_of(machine);
    GString *text = g_string_new(NULL);
    for (unsigned i = 0; i < devices->len; i++) {
        const BootDevice *device = g_ptr_array_index(devices, i);
        g_string_append_printf(text, "%s%s", text->len ? "\n" : "", device->path);
    }
    if (strict) {
        g_string_append(text, text->len ? "\nHALT" : "HALT");
    }
    if (!text->len) {
        g_string_free(text, true);
        return NULL;
    }
    size_t len = text->len + 1; /* with the zero at the end */
    return g_bytes_new_take(g_string_free(text, false), len);
}
