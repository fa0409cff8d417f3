/*
 * The monitor on a fake character device, over a machine with two toy vCPUs: commands and their
 * answers, expressions, memory, line editing, and hostile input.
 */
#include "softmmu/base/error.h"
#include "softmmu/base/log.h"
#include "ui/char-internal.h"
#include "ui/line-editor.h"
#include "ui/monitor.h"
#include <inttypes.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/*
 * A toy guest: two registers, instructions of four bytes, virtual address = physical + 0x1000.
 */

#define RAM_BASE 0x10000
#define RAM_SIZE 0x10000
#define DEVICE_BASE 0x1000

typedef struct ToyState {
    uint64_t pc, sp;
} ToyState;

static uint64_t toy_get_pc(const Vcpu *vcpu)
{
    return ((ToyState *)vcpu_state(vcpu))->pc;
}

static bool toy_debug_translate(Vcpu *vcpu, uint64_t addr, uint64_t *gpa)
{
    *gpa = addr - 0x1000;
    return addr >= 0x1000 && addr < 0x100000;
}

static unsigned toy_disassemble(Vcpu *vcpu, uint64_t pc, const uint8_t *code, size_t len,
                                GString *out)
{
    if (len < 4) {
        return 0;
    }
    g_string_append_printf(out, "toy %u", code[0]);
    return 4;
}

static void toy_dump(Vcpu *vcpu, GString *out)
{
    const ToyState *s = vcpu_state(vcpu);
    g_string_append_printf(out, " pc       %016" PRIx64 "\n x2/sp    %016" PRIx64 "\n", s->pc,
                           s->sp);
}

static bool toy_has_work(const Vcpu *vcpu)
{
    return false;
}

static const GuestArch toy_arch = {
    .name = "toy",
    .state_size = sizeof(ToyState),
    .min_insn_bytes = 4,
    .max_insn_bytes = 4,
    .get_pc = toy_get_pc,
    .debug_translate = toy_debug_translate,
    .disassemble = toy_disassemble,
    .dump = toy_dump,
    .has_work = toy_has_work,
};

static uint64_t device_read(void *opaque, uint64_t offset, unsigned size)
{
    return 0x1234 + offset;
}

static void device_write(void *opaque, uint64_t offset, uint64_t value, unsigned size)
{
}

static const MmioOps device_ops = {.read = device_read, .write = device_write};

static void press_button(void *opaque, unsigned n, bool level)
{
    *(unsigned *)opaque += level;
}

static bool toy_init(Machine *machine, GError **error)
{
    machine->ram = ram_block_new(machine->memory, "ram", RAM_SIZE, error);
    memory_map_add_ram(machine->memory, "ram", RAM_BASE, RAM_SIZE, 0, machine->ram, 0, false, NULL,
                       NULL);
    memory_map_add_mmio(machine->memory, "device", DEVICE_BASE, 0x1000, 0, &device_ops, NULL, NULL);
    for (unsigned i = 0; i < RAM_SIZE; i++) {
        machine->ram->host[i] = i;
    }
    for (unsigned i = 0; i < 2; i++) {
        ToyState *s = vcpu_state(vcpu_new(machine, &toy_arch));
        s->pc = RAM_BASE + 0x1000 + i * 16;
        s->sp = 0x8000 + i;
    }
    return true;
}

static const MachineClass toy_machine = {.name = "toy", .max_cpus = 2, .init = toy_init};

static VcpuExit toy_run(Vcpu *vcpu)
{
    while (!__atomic_load_n(&vcpu->kick, __ATOMIC_RELAXED)) {
        ((ToyState *)vcpu_state(vcpu))->sp++;
    }
    return VCPU_EXIT_KICK;
}

static const MachineRunner toy_runner = {.name = "TOY", .run = toy_run};

/*
 * The monitor and its other end.
 */

typedef struct Fake {
    Chardev chr;
    GString *text;
} Fake;

static void fake_write(Chardev *chr, const uint8_t *buf, size_t len)
{
    g_string_append_len(((Fake *)chr)->text, (const char *)buf, len);
}

static void fake_close(Chardev *chr)
{
    g_string_free(((Fake *)chr)->text, true);
}

static const CharOps fake_ops = {.name = "fake", .write = fake_write, .close = fake_close};

static int switched_index;
static char *switched_name;

static bool fake_switch(Machine *machine, const char *name, int index, GError **error)
{
    if (!strcmp(name, "warp")) {
        return error_set(error, "unknown engine 'warp'");
    }
    g_free(switched_name);
    switched_name = g_strdup(name);
    switched_index = index;
    return true;
}

static const char *fake_name(const Vcpu *vcpu)
{
    return "toy-engine";
}

static void fake_stats(Machine *machine, GString *out)
{
    g_string_append(out, "no regions");
}

static const MonitorHooks hooks = {
    .version = "9.9",
    .jit_stats = fake_stats,
    .accel_switch = fake_switch,
    .accel_name = fake_name,
};

typedef struct Fixture {
    Machine *machine;
    Fake *back;
    unsigned pressed;
} Fixture;

static Fixture *fixture_new(bool threads)
{
    MachineConfig config = {.cpus = 2};
    GError *error = NULL;
    Fixture *f = g_new0(Fixture, 1);
    f->machine = machine_alloc(&toy_machine, true);
    f->machine->runner = threads ? &toy_runner : NULL;
    f->machine->monitor_hooks = &hooks;
    f->back = g_new0(Fake, 1);
    f->back->text = g_string_new(NULL);
    g_assert_true(machine_init(f->machine, &config, &error) &&
                  machine_complete(f->machine, &error));
    char_register(f->machine, &f->back->chr, &fake_ops, "mon", g_strdup("fake"));
    machine_lock(f->machine);
    chardev_event(&f->back->chr, CHAR_EVENT_OPENED);
    g_assert_true(monitor_new(f->machine, &f->back->chr, &error));
    return f;
}

static void fixture_free(Fixture *f)
{
    machine_unlock(f->machine);
    machine_free(f->machine);
    g_free(f);
}

static void type(Fixture *f, const char *text, size_t len)
{
    g_assert_cmpuint(chardev_receive(&f->back->chr, (const uint8_t *)text, len), ==, len);
}

/* Types text; what came back, until the next call. */
static const char *typed(Fixture *f, const char *text)
{
    g_string_truncate(f->back->text, 0);
    type(f, text, strlen(text));
    return f->back->text->str;
}

/* The answer to a command, without echo and prompt; freed by the next call. */
static const char *answer(Fixture *f, const char *command)
{
    g_string_truncate(f->back->text, 0);
    type(f, command, strlen(command));
    type(f, "\n", 1);
    GString *text = f->back->text;
    g_assert_true(g_str_has_prefix(text->str, command));
    g_string_erase(text, 0, strlen(command));
    g_assert_true(g_str_has_prefix(text->str, "\r\n"));
    g_string_erase(text, 0, 2);
    g_assert_true(g_str_has_suffix(text->str, "(qemu) "));
    g_string_truncate(text, text->len - strlen("(qemu) "));
    g_string_replace(text, "\r\n", "\n", 0);
    return text->str;
}

#define assert_answer(f, command, expected) g_assert_cmpstr(answer(f, command), ==, expected)
#define assert_contains(text, part) g_assert_nonnull(strstr(text, part))

static void test_banner(void)
{
    Fixture *f = fixture_new(false);
    g_assert_cmpstr(f->back->text->str, ==,
                    "amphi 9.9 monitor - type 'help' for more information\r\n(qemu) ");
    /* A new client is greeted again. */
    typed(f, "half a li");
    chardev_event(&f->back->chr, CHAR_EVENT_CLOSED);
    g_string_truncate(f->back->text, 0);
    chardev_event(&f->back->chr, CHAR_EVENT_OPENED);
    assert_contains(f->back->text->str, "amphi 9.9");
    assert_answer(f, "info version", "9.9\n");
    /* Nobody else gets the device. */
    GError *error = NULL;
    g_assert_false(monitor_new(f->machine, &f->back->chr, &error));
    g_error_free(error);
    fixture_free(f);
}

static void test_commands(void)
{
    Fixture *f = fixture_new(false);
    Machine *m = f->machine;
    assert_answer(f, "", "");
    assert_answer(f, "info status", "VM status: paused (prelaunch)\n");
    assert_answer(f, "c", "");
    assert_answer(f, "  info   status  ", "VM status: running\n");
    assert_answer(f, "stop", "");
    assert_answer(f, "info status", "VM status: paused\n");
    m->state = RUN_STATE_SHUTDOWN;
    assert_contains(answer(f, "cont"), "system_reset first");
    assert_answer(f, "system_reset", "");
    g_assert_true(m->reset_requested);
    assert_answer(f, "cont", "");
    assert_contains(answer(f, "system_powerdown"), "no power button");
    m->power_button = irq_line(press_button, &f->pressed, 0);
    assert_answer(f, "system_powerdown", "");
    g_assert_cmpuint(f->pressed, ==, 1);
    assert_answer(f, "hlep", "unknown command: 'hlep'; did you mean 'help'?\n");
    assert_answer(f, "info regsters",
                  "unknown command: 'info regsters'; did you mean 'info registers'?\n");
    assert_answer(f, "qqqqqqqqqq", "unknown command: 'qqqqqqqqqq'; 'help' lists them\n");
    assert_contains(answer(f, "help"), "\nsystem_reset -- ");
    assert_contains(answer(f, "help info"), "\ninfo status -- ");
    assert_contains(answer(f, "info"), "\ninfo status -- ");
    g_assert_true(g_str_has_prefix(answer(f, "? info jit"), "info jit -- "));
    g_assert_true(g_str_has_prefix(answer(f, "help c"), "cont|c -- "));
    assert_answer(f, "info jit", "no regions\n");
    assert_contains(answer(f, "info chardev"), "mon: filename=fake\n");
    assert_contains(answer(f, "info qtree"), "bus: ");
    assert_contains(answer(f, "info mtree"), "device");
    assert_contains(answer(f, "info history"), "0: 'info status'\n");
    g_assert_false(m->quit_requested);
    type(f, "q\n", 2);
    g_assert_true(m->quit_requested);
    fixture_free(f);
}

static void print_pins(Device *dev, GString *out)
{
    g_string_append(out, "  1: raised\n");
}

/* Devices, objects, and what shows them. */
static void test_parts(void)
{
    static const DeviceOps ops = {.name = "toy-pic", .print_irqs = print_pins};
    Fixture *f = fixture_new(false);
    assert_contains(answer(f, "info irq"), "No interrupt controller");
    device_new(f->machine, &ops, sizeof(Device), "pic0");
    device_new(f->machine, &ops, sizeof(Device), NULL);
    assert_answer(f, "info irq", "pic0:\n  1: raised\ntoy-pic@0:\n  1: raised\n");
    assert_answer(f, "object_add rng-random,id=r0", "");
    assert_answer(f, "info qom-tree",
                  "/machine (toy-machine)\n  /peripheral (container)\n    /pic0 (toy-pic)\n"
                  "  /unattached (container)\n    /toy-pic@0 (toy-pic)\n  /cpu[0] (toy-cpu)\n"
                  "  /cpu[1] (toy-cpu)\n/objects (container)\n  /r0 (rng-random)\n");
    assert_contains(answer(f, "object_add rgn-random,id=r1"),
                    "Error: invalid object type: 'rgn-random'");
    assert_contains(answer(f, "object_add rng-random"), "Error: Parameter 'id' is missing");
    assert_answer(f, "object_del r0", "");
    assert_answer(f, "object_del r0", "Error: object 'r0' not found\n");
    assert_contains(answer(f, "netdev_add user"), "Error: netdev_add: id=ID is missing");
    assert_contains(answer(f, "netdev_del n0"), "Error: Device 'n0' not found");
    assert_contains(answer(f, "device_add x"), "Error: this machine has no devices to add");
    assert_contains(answer(f, "device_del x"), "Error: Device 'x' not found");
    assert_answer(f, "info mem", "not available for toy\n");
    assert_answer(f, "info name", "");
    assert_answer(f, "info uuid", "00000000-0000-0000-0000-000000000000\n");
    assert_answer(f, "info kvm", "kvm support: not compiled\n");
    assert_answer(f, "sum 0x10000 4", "16388\n"); /* as `printf '\0\1\2\3' | sum -r` */
    assert_contains(answer(f, "sum 0 4"), "Error: there is no memory at 0");
    assert_contains(answer(f, "sum 0"), "Error: sum ADDRESS SIZE");
    assert_contains(answer(f, "sum 0 1<<40"), "Error: at most ");
    fixture_free(f);
}

static void test_accel(void)
{
    Fixture *f = fixture_new(false);
    assert_answer(f, "accel", "CPU #0: toy-engine\nCPU #1: toy-engine\n");
    assert_answer(f, "accel interp", "");
    g_assert_cmpstr(switched_name, ==, "interp");
    g_assert_cmpint(switched_index, ==, -1);
    assert_answer(f, "accel jit 1", "");
    g_assert_cmpstr(switched_name, ==, "jit");
    g_assert_cmpint(switched_index, ==, 1);
    assert_contains(answer(f, "accel interp 2"), "invalid CPU index '2'");
    g_assert_cmpstr(switched_name, ==, "jit");
    assert_answer(f, "accel warp", "Error: unknown engine 'warp'\n");
    f->machine->monitor_hooks = NULL;
    assert_contains(answer(f, "accel jit"), "Error: ");
    assert_answer(f, "info jit", "No translator in use\n");
    fixture_free(f);
    g_clear_pointer(&switched_name, g_free);
}

static void test_log(void)
{
    Fixture *f = fixture_new(false);
    assert_answer(f, "log int,mmu", "");
    g_assert_cmpuint(log_mask, ==, LOG_INT | LOG_MMU);
    assert_answer(f, "log none", "");
    g_assert_cmpuint(log_mask, ==, 0);
    assert_contains(answer(f, "log help"), "guest_errors");
    assert_contains(answer(f, "log mnu"), "did you mean 'mmu'");
    assert_contains(answer(f, "log int,help"), "stands alone");
    assert_contains(answer(f, "logfile /nonexistent/log"), "cannot create");
    fixture_free(f);
}

static void test_registers(void)
{
    Fixture *f = fixture_new(false);
    assert_answer(f, "info registers",
                  "\nCPU#0\n pc       0000000000011000\n x2/sp    0000000000008000\n");
    assert_contains(answer(f, "info registers 1"), "CPU#1\n pc       0000000000011010");
    const char *all = answer(f, "info registers -a");
    assert_contains(all, "CPU#0\n");
    assert_contains(all, "CPU#1\n");
    assert_contains(answer(f, "info registers 2"), "invalid CPU index '2'; there are 2");
    assert_contains(answer(f, "info cpus"), "* CPU #0: pc=0x0000000000011000 engine=toy-engine\n");
    assert_answer(f, "cpu 1", "");
    assert_contains(answer(f, "info cpus"), "* CPU #1: pc=0x0000000000011010");
    assert_contains(answer(f, "info registers"), "CPU#1\n");
    assert_answer(f, "p $sp", "0x8001\n");
    assert_answer(f, "p $SP", "0x8001\n");
    assert_answer(f, "p/d $x2 - $pc", "-36879\n");
    assert_contains(answer(f, "cpu x"), "invalid CPU index");
    assert_contains(answer(f, "cpu"), "invalid CPU index");
    fixture_free(f);
}

static void test_expressions(void)
{
    static const struct {
        const char *command, *result;
    } cases[] = {
        {"p 1+2*3", "0x7\n"},
        {"print (1 + 2) * 3", "0x9\n"},
        {"p/d 7 - 10", "-3\n"},
        {"p/u -1", "18446744073709551615\n"},
        {"p/o 8", "010\n"},
        {"p/c 65", "'A'\n"},
        {"p/c 'A'+1", "'B'\n"},
        {"p/c 200", "'\\xc8'\n"},
        {"p /x 255", "0xff\n"},
        {"p/xb 0x1234", "0x34\n"},
        {"p/db 255", "-1\n"},
        {"p 1<<63>>63", "0x1\n"},
        {"p 1<<64", "0x0\n"},
        {"p 6|1^5&4", "0x7\n"},
        {"p/d -9223372036854775808 / -1", "-9223372036854775808\n"},
        {"p/d -9223372036854775808 % -1", "0\n"},
        {"p/d -7/2", "-3\n"},
        {"p ~0", "0xffffffffffffffff\n"},
        {"p !5+!0", "0x1\n"},
        {"p 1/0", "Error: division by zero\n"},
        {"p", "Error: unexpected end of expression\n"},
        {"p 1 +", "Error: unexpected end of expression\n"},
        {"p (1", "Error: ')' expected\n"},
        {"p 1 2", "Error: '2' is not an operator\n"},
        {"p 12z", "Error: '12z' is not a number of 64 bits\n"},
        {"p 0x10000000000000000", "Error: '0x10000000000000000' is not a number of 64 bits\n"},
        {"p $nope", "Error: unknown register '$nope'; 'info registers' shows their names\n"},
        {"p $", "Error: unknown register '$'; 'info registers' shows their names\n"},
        {"p/y 1", "Error: 'y' in the format is none of x d u o c i (how) or b h w g (size)\n"},
    };
    Fixture *f = fixture_new(false);
    for (unsigned i = 0; i < ARRAY_SIZE(cases); i++) {
        g_test_message("%s", cases[i].command);
        assert_answer(f, cases[i].command, cases[i].result);
    }
    GString *deep = g_string_new("p ");
    for (unsigned i = 0; i < 2000; i++) {
        g_string_append_c(deep, i % 2 ? '(' : '-');
    }
    assert_answer(f, deep->str, "Error: the expression is nested too deeply\n");
    g_string_free(deep, true);
    fixture_free(f);
}

static void test_memory(void)
{
    Fixture *f = fixture_new(false);
    assert_answer(f, "xp 0x10000", "0000000000010000: 0x03020100\n");
    assert_answer(f, "xp/5xw 0x10000",
                  "0000000000010000: 0x03020100 0x07060504 0x0b0a0908 0x0f0e0d0c\n"
                  "0000000000010010: 0x13121110\n");
    assert_answer(f, "x/2gx 0x11000", "0000000000011000: 0x0706050403020100 0x0f0e0d0c0b0a0908\n");
    assert_answer(f, "x /3c 0x11040", "0000000000011040: '@' 'A' 'B'\n");
    assert_answer(f, "x/2db 0x110fe", "00000000000110fe:   -2   -1\n");
    assert_answer(f, "x/1i $pc", "0x0000000000011000:  03020100  toy 0\n");
    assert_answer(f, "x/2i $pc+4",
                  "0x0000000000011004:  07060504  toy 4\n0x0000000000011008:  0b0a0908  toy 8\n");
    assert_answer(f, "xp/1i 0x10010", "0x0000000000010010:  13121110  toy 16\n");
    assert_answer(f, "xp/1hx 0x1002", "0000000000001002: 0x1236\n"); /* a device */
    assert_answer(f, "xp/2x 0x1fffc", "000000000001fffc: 0xfffefdfc Cannot access memory\n");
    assert_answer(f, "xp/gx 0x1fffc", "000000000001fffc: Cannot access memory\n");
    assert_answer(f, "x 0", "0000000000000000: Cannot access memory\n");
    assert_answer(f, "x/3i 0", "0000000000000000: Cannot access memory\n");
    assert_answer(f, "x/i 0x1fffe + 0x1000", "0000000000020ffe: Cannot access memory\n");
    assert_answer(f, "xp -1", "ffffffffffffffff: Cannot access memory\n");
    assert_answer(f, "xp/0x 0x10000", "");
    assert_contains(answer(f, "xp/99999999999999999999x 0x10000"), "the count is at most");
    assert_contains(answer(f, "x"), "unexpected end");
    assert_contains(answer(f, "x/"), "unexpected end");
    fixture_free(f);
}

/* Commands that read vCPUs' state while these run. */
static void test_running(void)
{
    Fixture *f = fixture_new(true);
    assert_answer(f, "cont", "");
    for (unsigned i = 0; i < 50; i++) {
        assert_contains(answer(f, "info registers -a"), "CPU#1\n pc       0000000000011010");
        assert_contains(answer(f, "x/1i $pc"), "toy 0\n");
    }
    assert_answer(f, "stop", "");
    assert_answer(f, "info status", "VM status: paused\n");
    char *before = g_strdup(answer(f, "p $sp"));
    assert_answer(f, "p $sp", before);
    g_free(before);
    fixture_free(f);
}

/*
 * Line editing.
 */

static void test_editing(void)
{
    static const struct {
        const char *keys, *result; /* of "p/d" with what the keys leave */
    } cases[] = {
        {"p/d 12\b3\r", "13"},
        {"p/d 12\x7f\x7f"
         "45\n",
         "45"},
        {"/d 7\x01p\r", "7"},
        {"p/d 3\x1b[D\x1b[D\x1b[C4\r", "43"},
        {"p/d 12\x02\x04\r", "1"},
        {"garbage\x15p/d 5\r", "5"},
        {"p/d 5 foo bar\x17\x17\r", "5"},
        {"p/d 5 junk\x1b[1~\x1b[4~\b\b\b\b\r", "5"},
        {"p/d 5xx\x02\x02\x0b\r", "5"},
        {"p/d 5x\x1b[D\x1b[3~\r", "5"},
        {"d 5\x1b[Hp/\x1b[F6\r", "56"},
        {"p/d 1 2\x1b"
         "b\b\x1b"
         "f\r",
         "12"},
        {"p/d 1 2\x1b[1;5D\b\r", "12"},
        {"rubbish\x03p/d 8\r", "8"},
        {"p/d 9\x1b[99;99;99;99;99;99Z\r", "9"}, /* an overlong escape sequence */
        {"p/d 6\x0c\r", "6"},
        {"p/d\t 6\r", "6"},
    };
    Fixture *f = fixture_new(false);
    for (unsigned i = 0; i < ARRAY_SIZE(cases); i++) {
        char *expected = g_strdup_printf("\r\n%s\r\n(qemu) ", cases[i].result);
        g_test_message("case %u", i);
        const char *out = typed(f, cases[i].keys);
        if (!g_str_has_suffix(out, expected)) {
            g_test_message("got: %s", out);
        }
        g_assert_true(g_str_has_suffix(out, expected));
        g_free(expected);
    }
    /* Return and newline together are one. */
    g_assert_cmpstr(typed(f, "p 1\r\n"), ==, "p 1\r\n0x1\r\n(qemu) ");
    g_assert_cmpstr(typed(f, "\n"), ==, "\r\n(qemu) ");
    fixture_free(f);
}

static void test_history(void)
{
    Fixture *f = fixture_new(false);
    typed(f, "p 1\rp 2\rp 2\rp 3\r");
    g_assert_true(g_str_has_suffix(typed(f, "\x1b[A\x1b[A\r"), "\r\n0x2\r\n(qemu) "));
    /* p 1, p 2, p 3, p 2 */
    g_assert_true(g_str_has_suffix(typed(f, "\x10\x10\x10\r"), "\r\n0x2\r\n(qemu) "));
    g_assert_true(g_str_has_suffix(typed(f, "p 7\x10\x0e\r"), "\r\n0x7\r\n(qemu) "));
    assert_contains(typed(f, "\x0e"), "\a");
    for (unsigned i = 0; i < 100; i++) {
        typed(f, "\x10");
    }
    g_assert_cmpstr(typed(f, "\x10"), ==, "\a"); /* the oldest */
    g_assert_true(g_str_has_suffix(typed(f, "\r"), "\r\n0x1\r\n(qemu) "));
    for (unsigned i = 0; i < 200; i++) { /* a bounded one */
        char line[16];
        g_snprintf(line, sizeof(line), "p %u\r", i);
        typed(f, line);
    }
    const char *all = answer(f, "info history");
    assert_contains(all, "0: 'p 137'");
    g_assert_null(strstr(all, "\n64: "));
    fixture_free(f);
}

static void test_completion(void)
{
    Fixture *f = fixture_new(false);
    g_assert_cmpstr(typed(f, "inf\tsta\t\r"), ==,
                    "info status \r\nVM status: paused (prelaunch)\r\n(qemu) ");
    g_assert_cmpstr(typed(f, "sy\t"), ==, "system_");
    const char *list = typed(f, "\t");
    assert_contains(list, "system_powerdown");
    assert_contains(list, "system_reset");
    typed(f, "\x15");
    assert_contains(typed(f, "zzz\t"), "\a");
    typed(f, "\x15");
    g_assert_cmpstr(typed(f, "help sto\t"), ==, "help stop ");
    typed(f, "\x15");
    assert_contains(typed(f, "cpu \t"), "0");
    typed(f, "\x15");
    assert_contains(typed(f, "nonsense \t"), "\a");
    typed(f, "\x15");
    /* Ids, types, names of files. */
    answer(f, "object_add rng-random,id=source1");
    g_assert_cmpstr(typed(f, "object_del so\t"), ==, "object_del source1 ");
    typed(f, "\x15");
    g_assert_cmpstr(typed(f, "object_add memory-backend-m\t"), ==,
                    "object_add memory-backend-memfd ");
    typed(f, "\x15");
    char *directory = g_dir_make_tmp("amphi-complete-XXXXXX", NULL);
    char *inner = g_build_filename(directory, "snapshots", NULL);
    char *file = g_build_filename(inner, "one.snap", NULL);
    g_assert_cmpint(mkdir(inner, 0700), ==, 0);
    g_assert_true(g_file_set_contents(file, "", 0, NULL));
    char *start = g_strdup_printf("loadvm %s/sna\t", directory);
    typed(f, start);
    typed(f, "o\t");
    g_assert_true(g_str_has_suffix(f->back->text->str, "ne.snap "));
    g_free(start);
    unlink(file);
    rmdir(inner);
    rmdir(directory);
    g_free(file);
    g_free(inner);
    g_free(directory);
    fixture_free(f);
}

/* Whatever comes in, the monitor answers the next command. */
static void test_hostile(void)
{
    Fixture *f = fixture_new(false);
    GRand *rand = g_rand_new_with_seed(1);
    char *flood = g_strnfill(100000, 'a');
    type(f, flood, 100000);
    g_assert_cmpuint(f->back->text->len, <, 200200); /* a bell for each that is too many */
    g_free(flood);
    assert_contains(typed(f, "\r"), "unknown command: 'aaaa");
    g_assert_cmpstr(typed(f, "p 1\r"), ==, "p 1\r\n0x1\r\n(qemu) ");
    for (unsigned round = 0; round < 300; round++) {
        char bytes[512];
        for (unsigned i = 0; i < sizeof(bytes); i++) {
            bytes[i] = g_rand_int_range(rand, 0, round % 2 ? 256 : 48);
        }
        type(f, bytes, sizeof(bytes));
        g_string_truncate(f->back->text, 0);
        type(f,
             "\x1b"
             "Z\r\x03",
             4);
        g_assert_cmpstr(typed(f, "p 1\r"), ==, "p 1\r\n0x1\r\n(qemu) ");
    }
    type(f, "p \0 1\r", 6);
    /* Format strings are text. */
    assert_answer(f, "%s%n%s%n", "unknown command: '%s%n%s%n'; 'help' lists them\n");
    g_rand_free(rand);
    fixture_free(f);
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/monitor/banner", test_banner);
    g_test_add_func("/monitor/commands", test_commands);
    g_test_add_func("/monitor/parts", test_parts);
    g_test_add_func("/monitor/accel", test_accel);
    g_test_add_func("/monitor/log", test_log);
    g_test_add_func("/monitor/registers", test_registers);
    g_test_add_func("/monitor/expressions", test_expressions);
    g_test_add_func("/monitor/memory", test_memory);
    g_test_add_func("/monitor/running", test_running);
    g_test_add_func("/monitor/editing", test_editing);
    g_test_add_func("/monitor/history", test_history);
    g_test_add_func("/monitor/completion", test_completion);
    g_test_add_func("/monitor/hostile", test_hostile);
    return g_test_run();
}
