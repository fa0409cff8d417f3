/*
 * info qtree: the devices, each below the bus that it is on, with their properties and registers.
 */
#include "ui/monitor-internal.h"
#include <inttypes.h>
#include <string.h>

typedef struct Tree {
    Machine *machine;
    const MonitorHooks *hooks;
    GString *out;
} Tree;

/* What the user said of property @key of @dev; NULL: nothing. Of a device that came with another, as what is behind
 * a virtio transport, it was said of that. */
static const char *given_value(const Device *dev, const char *key)
{
    const Device *told = dev->given || !dev->bus ? dev : dev->bus->owner;
    return told->given ? options_get(told->given, key, NULL) : NULL;
}

static void print_property(const Tree *tree, const Device *dev, const Property *property,
                           unsigned indent)
{
    const char *value = given_value(dev, property->name);
    if (!value && property->fallback &&
        !strchr(property->fallback, ' ')) { /* else it says in words what it depends on */
        value = property->fallback;
    }
    if (!strcmp(property->kind, "str")) {
        g_string_append_printf(tree->out, "%*s%s = \"%s\"\n", indent, "", property->name,
                               value ? value : "");
        return;
    }
    if (!value) {
        return;
    }
    if (!strcmp(property->kind, "bool")) {
        value = !strcmp(value, "on") ? "true" : !strcmp(value, "off") ? "false" : value;
    }
    g_string_append_printf(tree->out, "%*s%s = %s\n", indent, "", property->name, value);
}

/* Registers in @map, unless the bus tells of them. */
static void print_regions(const Tree *tree, MemoryMap *map, const char *kind, const Device *dev,
                          unsigned indent)
{
    uint64_t base, size;
    for (unsigned n = 0; memory_map_nth_of(map, dev, n, &base, &size); n++) {
        g_string_append_printf(tree->out, "%*s%s %016" PRIx64 "/%016" PRIx64 "\n", indent, "", kind,
                               base, size);
    }
}

static void print_devices(const Tree *tree, const DeviceBus *bus, unsigned indent);

static void print_device(const Tree *tree, const Device *dev, unsigned indent)
{
    const GPtrArray *buses = tree->machine->buses;
    Property property;

    g_string_append_printf(tree->out, "%*sdev: %s, id \"%s\"\n", indent, "", dev->ops->name,
                           dev->id);
    indent += 2;
    for (unsigned n = 0; tree->hooks->device_property_nth &&
                         tree->hooks->device_property_nth(dev->ops->name, n, &property);
         n++) {
        print_property(tree, dev, &property, indent);
    }
    if (dev->bus && dev->bus->type->describe) {
        dev->bus->type->describe(dev, indent, tree->out);
    } else {
        print_regions(tree, tree->machine->memory, "mmio", dev, indent);
        print_regions(tree, tree->machine->io, "pio", dev, indent);
    }
    for (unsigned i = 0; i < buses->len; i++) {
        const DeviceBus *bus = buses->pdata[i];
        if (bus->owner == dev) {
            g_string_append_printf(tree->out, "%*sbus: %s\n%*stype %s\n", indent, "", bus->name,
                                   indent + 2, "", bus->type->name);
            print_devices(tree, bus, indent + 2);
        }
    }
}

static void print_devices(const Tree *tree, const DeviceBus *bus, unsigned indent)
{
    const GPtrArray *devices = tree->machine->devices;
    for (unsigned i = 0; i < devices->len; i++) {
        const Device *dev = devices->pdata[i];
        if (dev->bus == bus) {
            print_device(tree, dev, indent);
        }
    }
}

void hmp_info_qtree(Monitor *mon, char *args)
{
    Tree tree = {monitor_machine(mon), monitor_hooks(mon), g_string_new(NULL)};
    g_string_append(tree.out, "bus: main-system-bus\n  type System\n");
    print_devices(&tree, NULL, 2);
    monitor_puts(mon, tree.out->str);
    g_string_free(tree.out, true);
}
