/*
 * What the monitors see of the layers above softmmu/: see ui/monitor.h.
 */
#include "softmmu/main-internal.h"
#include "accel/accel.h"
#include "cpu/riscv/riscv.h"
#include "hw/block/drive.h"
#include "hw/block/nodes.h"
#include "hw/hw.h"
#include "hw/net/net.h"
#include "hw/pci/pci.h"
#include "hw/virtio/virtio-balloon.h"
#include "softmmu/base/error.h"
#include "ui/monitor.h"
#include <linux/pci_regs.h>
#include <unistd.h>

static bool block_nth(Machine *machine, unsigned n, MonitorBlock *out)
{
    BlockDev *blk = blockdev_nth(machine, n);
    BlockInfo info;
    if (!blk) {
        return false;
    }
    blockdev_info(blk, &info);
    *out = (MonitorBlock){
        .id = blockdev_id(blk),
        .path = blockdev_path(blk),
        .format = blockdev_format(blk),
        .user = blockdev_user(blk),
        .node = blockdev_node(blk),
        .backing = info.backing,
        .depth = info.depth,
        .size = blockdev_size(blk),
        .host_size = info.host_size,
        .read_only = blockdev_read_only(blk),
        .write_back = info.write_back,
        .no_flush = info.no_flush,
        .direct = info.direct,
        .detect_zeroes = info.detect_unmap    ? "unmap"
                         : info.detect_zeroes ? "on"
                                              : "off",
        .stats = info.stats,
    };
    return true;
}

static bool block_resize(Machine *machine, const char *id, uint64_t size, GError **error)
{
    BlockDev *blk = blockdev_find(machine, id);
    return blk ? blockdev_resize(blk, size, error)
               : error_set(error, "there is no drive '%s'; 'info block' lists them", id);
}

static bool pci_nth(Machine *machine, unsigned n, MonitorPci *out)
{
    int bus = 0;
    const PciDevice *pci = pci_function_nth(machine, n, &bus);
    if (!pci) {
        return false;
    }
    *out = (MonitorPci){
        .id = pci->dev.id,
        .bus = bus,
        .devfn = pci->devfn,
        .irq = pci->config[PCI_INTERRUPT_LINE],
        .irq_pin = pci->config[PCI_INTERRUPT_PIN],
        .vendor = pci_get16(pci->config, PCI_VENDOR_ID),
        .device = pci_get16(pci->config, PCI_DEVICE_ID),
        .class_code = pci_get16(pci->config, PCI_CLASS_DEVICE),
    };
    for (unsigned i = 0; i < PCI_BARS; i++) {
        const PciBar *bar = &pci->bars[i];
        out->bars[i] = (MonitorPciBar){
            .address = bar->size ? pci_bar_address(pci, i) : 0,
            .size = bar->size,
            .io = bar->type == PCI_BAR_IO,
            .prefetch = bar->type == PCI_BAR_MEM32_PREFETCH || bar->type == PCI_BAR_MEM64_PREFETCH,
            .is_64bit = bar->type == PCI_BAR_MEM64 || bar->type == PCI_BAR_MEM64_PREFETCH,
        };
    }
    return true;
}

static bool kvm_state(Machine *machine, bool *enabled)
{
    *enabled = machine->ncpus && !g_strcmp0(accel_name(machine->cpus[0]), "kvm");
    return access("/dev/kvm", R_OK | W_OK) == 0;
}

const MonitorHooks main_monitor_hooks = {
    .version = AMPHI_VERSION,
    .jit_stats = accel_print_stats,
    .exits = accel_print_exits,
    .accel_switch = accel_switch,
    .accel_name = accel_name,
    .accel_help = accel_help,
    .block = blockdev_print_all,
    .snapshots = blockdev_print_snapshots,
    .network = netdev_print_all,
    .usernet = netdev_print_connections,
    .pci = pci_print_all,
    .forward = netdev_forward,
    .balloon_info = virtio_balloon_info,
    .balloon_set_target = virtio_balloon_set_target,
    .balloon_set_interval = virtio_balloon_set_interval,
    .block_nth = block_nth,
    .block_add = node_add,
    .block_remove = node_remove,
    .block_resize = block_resize,
    .pci_nth = pci_nth,
    .kvm = kvm_state,
    .netdev_add = netdev_add,
    .netdev_remove = netdev_remove,
    .device_add = hw_device_hotplug,
    .device_remove = hw_device_unplug,
    .device_nth = hw_device_nth,
    .device_property_nth = hw_device_property_nth,
    .machines = machine_classes,
    .cpu_expand = riscv_cpu_expand,
};
