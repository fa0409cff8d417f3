/*
 * -boot: kinds of devices as letters in the CMOS, single devices in fw_cfg's "bootorder", menu and waiting times.
 *
 * SeaBIOS's documentation ("Runtime configuration") says what it reads; the CMOS bytes 0x3d and 0x38 are
 * Bochs's ("CMOS map"). Used while the machine is made and reset: no locking.
 */
#include "hw/x86/pc-boot-order.h"
#include "hw/boot-order.h"
#include "hw/loader.h"
#include "hw/timer/mc146818.h"
#include "softmmu/base/error.h"
#include <string.h>

#define CMOS_ORDER 0x3d       /* first and second kind */
#define CMOS_ORDER_THIRD 0x38 /* high half */
#define CMOS_NO_FLOPPY_CHECK 1
#define MAX_WAIT 0xffff
#define MAX_SPLASH (16 * MIB)

/* Kinds in the CMOS are their place in this, from 1. */
static const char letters[] = "acdn";

/* Known letters, each once. */
static bool check_letters(const char *key, const char *text, GError **error)
{
    if (strlen(text) > 3) {
        return error_set(error, "-boot: %s=%s is too long; three letters of 'acdn' are looked at",
                         key, text);
    }
    for (const char *p = text; *p; p++) {
        if (!strchr(letters, *p)) {
            return error_set(error,
                             "-boot: %s= has letter '%c'; use a (floppy), c (disk), d (CD-ROM) "
                             "and n (network)",
                             key, *p);
        }
        if (strchr(p + 1, *p)) {
            return error_set(error, "-boot: %s= has letter '%c' twice", key, *p);
        }
    }
    return true;
}

static bool parse_wait(Options *opts, const char *key, int32_t *out, GError **error)
{
    uint64_t value = 0;
    const char *text = options_get(opts, key, NULL);
    *out = -1;
    if (!text || !strcmp(text, "-1")) {
        return true;
    }
    if (!options_get_u64(opts, key, &value, error)) {
        return false;
    }
    *out = value;
    return value <= MAX_WAIT ||
           error_set(error, "-boot: %s= is at most %u milliseconds", key, MAX_WAIT);
}

static bool load_splash(PcBootOrder *boot, const char *path, GError **error)
{
    boot->splash = loader_read_file(NULL, "-boot: splash", path, MAX_SPLASH, error);
    if (!boot->splash) {
        return false;
    }
    size_t size;
    const char *data = g_bytes_get_data(boot->splash, &size);
    boot->splash_is_jpeg = size > 2 && !memcmp(data, "\xff\xd8", 2);
    return boot->splash_is_jpeg || (size > 2 && !memcmp(data, "BM", 2)) ||
           error_set(error, "-boot: splash=%s is neither a JPEG nor a BMP picture", path);
}

bool pc_boot_order_parse(Machine *machine, PcBootOrder *boot, GError **error)
{
    Options *opts = machine->config.boot;
    *boot = (PcBootOrder){.order = "cdn", .menu_wait = -1, .fail_wait = -1};
    if (!opts) {
        return true;
    }
    boot->order = options_get(opts, "order", "cdn");
    boot->once = options_get(opts, "once", NULL);
    const char *splash = options_get(opts, "splash", NULL);
    return check_letters("order", boot->order, error) &&
           (!boot->once || check_letters("once", boot->once, error)) &&
           options_get_bool(opts, "menu", &boot->menu, error) &&
           options_get_bool(opts, "strict", &boot->strict, error) &&
           parse_wait(opts, "splash-time", &boot->menu_wait, error) &&
           parse_wait(opts, "reboot-timeout", &boot->fail_wait, error) &&
           options_check_unused(opts, error) && (!splash || load_splash(boot, splash, error));
}

void pc_boot_order_clear(PcBootOrder *boot)
{
    g_clear_pointer(&boot->splash, g_bytes_unref);
}

static void add_number(FwCfg *fw_cfg, const char *name, uint32_t value, size_t size)
{
    value = GUINT32_TO_LE(value);
    GBytes *bytes = g_bytes_new(&value, size);
    fw_cfg_add_file(fw_cfg, name, bytes);
    g_bytes_unref(bytes);
}

void pc_boot_order_fill(const PcBootOrder *boot, FwCfg *fw_cfg)
{
    fw_cfg_add_u16(fw_cfg, FW_CFG_BOOT_MENU, boot->menu);
    if (boot->menu_wait >= 0) {
        add_number(fw_cfg, "etc/boot-menu-wait", boot->menu_wait, 2);
    }
    if (boot->fail_wait >= 0) {
        add_number(fw_cfg, "etc/boot-fail-wait", boot->fail_wait, 4);
    }
    if (boot->splash) {
        fw_cfg_add_file(fw_cfg, boot->splash_is_jpeg ? "bootsplash.jpg" : "bootsplash.bmp",
                        boot->splash);
    }
}

/* The kind at place @n of @order; 0: none. */
static uint8_t kind(const char *order, unsigned n)
{
    return n < strlen(order) ? strchr(letters, order[n]) - letters + 1 : 0;
}

void pc_boot_order_reset(const PcBootOrder *boot, Machine *machine, FwCfg *fw_cfg, Device *rtc)
{
    bool first = machine->state == RUN_STATE_PRELAUNCH;
    const char *order = first && boot->once ? boot->once : boot->order;
    mc146818_set_byte(rtc, CMOS_ORDER, kind(order, 0) | kind(order, 1) << 4);
    mc146818_set_byte(rtc, CMOS_ORDER_THIRD, kind(order, 2) << 4 | CMOS_NO_FLOPPY_CHECK);
    GBytes *devices = boot_order_make(machine, boot->strict);
    if (devices) {
        fw_cfg_set_file(fw_cfg, "bootorder", devices);
        g_bytes_unref(devices);
    }
}
