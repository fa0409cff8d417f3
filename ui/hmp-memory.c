/*
 * Monitor commands that show memory and values: x, xp, print.
 */
#include "softmmu/base/error.h"
#include "softmmu/cpus.h"
#include "ui/monitor-internal.h"
#include <inttypes.h>
#include <string.h>

#define MAX_SUM (16u << 20) /* bytes, for the same reason */
#define MAX_COUNT 65536     /* items of one command: it must not keep the main loop busy */

typedef struct Format {
    unsigned count;
    char kind;     /* x d u o c i */
    unsigned size; /* bytes of an item: 1, 2, 4, 8 */
} Format;

/* Parses "/4xw" in front of *@args, if there is one. */
static bool parse_format(char **args, Format *format, GError **error)
{
    if (**args != '/') {
        return true;
    }
    char *word = hmp_next_word(args);
    char *p = word + 1;
    bool sized = false;
    if (g_ascii_isdigit(*p)) {
        uint64_t count = g_ascii_strtoull(p, &p, 10);
        if (count > MAX_COUNT) {
            return error_set(error, "the count is at most %d", MAX_COUNT);
        }
        format->count = count;
    }
    for (; *p; p++) {
        static const char sizes[] = "bhwg";
        const char *size = strchr(sizes, *p);
        if (size) {
            format->size = 1u << (size - sizes);
            sized = true;
        } else if (strchr("xduoci", *p)) {
            format->kind = *p;
        } else {
            return error_set(error,
                             "'%c' in the format is none of x d u o c i (how) or b h w g (size)",
                             *p);
        }
    }
    if (format->kind == 'c' && !sized) {
        format->size = 1;
    }
    return true;
}

/* Appends @value as one item; with @column, padded so that items of a line stand in columns. */
static void append_value(GString *out, const Format *format, uint64_t value, bool column)
{
    static const int decimal_width[] = {[1] = 4, [2] = 6, [4] = 11, [8] = 20};
    static const int octal_width[] = {[1] = 3, [2] = 6, [4] = 11, [8] = 22};
    unsigned size = format->size;
    int width = column ? decimal_width[size] : 0;
    switch (format->kind) {
    case 'd': g_string_append_printf(out, "%*" PRId64, width, bits_sext(value, size * 8)); break;
    case 'u': g_string_append_printf(out, "%*" PRIu64, width, value); break;
    case 'o':
        g_string_append_printf(out, column ? "0%0*" PRIo64 : "%#*" PRIo64,
                               column ? octal_width[size] : 0, value);
        break;
    case 'c':
        if (value >= 0x20 && value < 0x7f) {
            g_string_append_printf(out, value == '\'' || value == '\\' ? "'\\%c'" : "'%c'",
                                   (int)value);
        } else {
            g_string_append_printf(out, "'\\x%02" PRIx64 "'", value);
        }
        break;
    default: g_string_append_printf(out, "0x%0*" PRIx64, column ? (int)size * 2 : 0, value); break;
    }
}

void hmp_print(Monitor *mon, char *args)
{
    Format format = {.count = 1, .kind = 'x', .size = 8};
    uint64_t value;
    GError *error = NULL;
    if (!parse_format(&args, &format, &error) || !hmp_eval(mon, args, &value, &error)) {
        monitor_error(mon, error);
        return;
    }
    if (format.kind == 'i') {
        format.kind = 'x';
    }
    if (format.kind == 'c') {
        value &= 0xff;
    } else if (format.size < 8) {
        value = bits_get(value, 0, format.size * 8);
    }
    GString *out = g_string_new(NULL);
    append_value(out, &format, value, false);
    monitor_printf(mon, "%s\n", out->str);
    g_string_free(out, true);
}

/*
 * Guest memory.
 */

typedef struct Reader {
    Machine *machine;
    Vcpu *vcpu;         /* NULL: addresses are physical */
    uint64_t page, gpa; /* the last page translated */
    bool page_known, page_ok;
} Reader;

static void translate_page(void *data)
{
    Reader *r = data;
    r->page_ok =
        r->vcpu->arch->debug_translate && r->vcpu->arch->debug_translate(r->vcpu, r->page, &r->gpa);
}

/* The physical address of @addr. */
static bool reader_translate(Reader *r, uint64_t addr, uint64_t *gpa)
{
    if (!r->vcpu) {
        *gpa = addr;
        return true;
    }
    uint64_t page = align_down(addr, 4096);
    if (!r->page_known || r->page != page) {
        r->page = page;
        r->page_known = true;
        vcpus_run_exclusive(r->machine, translate_page, r);
    }
    *gpa = r->gpa + (addr - page);
    return r->page_ok;
}

/* Reads @len bytes, at most those up to the end of the page or of what is contiguous. Returns how
 * many. */
static size_t read_chunk(Reader *r, uint64_t addr, uint8_t *buf, size_t len)
{
    MemoryHit hit;
    uint64_t gpa, value;
    len = MIN(len, 4096 - (addr & 4095));
    if (!reader_translate(r, addr, &gpa) || !memory_map_find(r->machine->memory, gpa, &hit)) {
        return 0;
    }
    if (hit.host) {
        len = MIN(len, hit.avail);
        memcpy(buf, hit.host, len);
        return len;
    }
    /* A device: one access. */
    unsigned size = len >= 8 ? 8 : len >= 4 ? 4 : len >= 2 ? 2 : 1;
    if (memory_map_read(r->machine->memory, gpa, &value, size) != MEM_OK) {
        return 0;
    }
    memcpy(buf, &value, size);
    return size;
}

/* Reads @len bytes; returns how many could be. */
static size_t read_memory(Reader *r, uint64_t addr, uint8_t *buf, size_t len)
{
    size_t done = 0;
    while (done < len) {
        size_t n = read_chunk(r, addr + done, buf + done, len - done);
        if (!n) {
            break;
        }
        done += n;
    }
    return done;
}

static void no_access(GString *out, uint64_t addr)
{
    g_string_append_printf(out, "%016" PRIx64 ": Cannot access memory\n", addr);
}

static void append_code_bytes(GString *out, const uint8_t *code, unsigned len, unsigned granule)
{
    if (granule >= 2 && (len == 2 || len == 4)) { /* fixed-size words are read as such */
        uint32_t word = 0;
        memcpy(&word, code, len);
        g_string_append_printf(out, "%0*x%*s", (int)len * 2, word, (int)(10 - len * 2), "");
        return;
    }
    for (unsigned i = 0; i < len; i++) {
        g_string_append_printf(out, "%02x ", code[i]);
    }
    g_string_append_printf(out, "%*s", len < 8 ? (int)(8 - len) * 3 : 0, "");
}

static void disassemble(Vcpu *vcpu, Reader *r, uint64_t addr, unsigned count, GString *out)
{
    const GuestArch *arch = vcpu->arch;
    for (unsigned i = 0; i < count; i++) {
        uint8_t code[16];
        size_t want = MIN(arch->max_insn_bytes, sizeof(code));
        size_t len = read_memory(r, addr, code, want);
        GString *text = g_string_new(NULL);
        unsigned used = len ? arch->disassemble(vcpu, addr, code, len, text) : 0;
        if (used && used <= len) {
            g_string_append_printf(out, "0x%016" PRIx64 ":  ", addr);
            append_code_bytes(out, code, used, arch->min_insn_bytes);
            g_string_append_printf(out, "%s\n", text->str);
            addr += used;
        } else {
            no_access(out, addr);
            i = count;
        }
        g_string_free(text, true);
    }
}

static void dump_values(Reader *r, uint64_t addr, const Format *format, GString *out)
{
    unsigned per_line = format->size == 1 ? 8 : 16 / format->size;
    for (unsigned i = 0; i < format->count; i++) {
        uint64_t value = 0;
        if (i % per_line == 0) {
            g_string_append_printf(out, "%s%016" PRIx64 ":", i ? "\n" : "", addr);
        }
        if (read_memory(r, addr, (uint8_t *)&value, format->size) < format->size) {
            g_string_append(out, " Cannot access memory");
            break;
        }
        g_string_append_c(out, ' ');
        append_value(out, format, value, true);
        addr += format->size;
    }
    g_string_append_c(out, '\n');
}

static void examine(Monitor *mon, char *args, bool physical)
{
    Format format = {.count = 1, .kind = 'x', .size = 4};
    uint64_t addr;
    GError *error = NULL;
    if (!parse_format(&args, &format, &error) || !hmp_eval(mon, args, &addr, &error)) {
        monitor_error(mon, error);
        return;
    }
    Vcpu *vcpu = physical && format.kind != 'i' ? NULL : monitor_cpu(mon);
    if (!vcpu && !(physical && format.kind != 'i')) {
        return;
    }
    Reader r = {.machine = monitor_machine(mon), .vcpu = physical ? NULL : vcpu};
    GString *out = g_string_new(NULL);
    if (format.kind == 'i') {
        disassemble(vcpu, &r, addr, format.count, out);
    } else if (format.count) {
        dump_values(&r, addr, &format, out);
    }
    monitor_puts(mon, out->str);
    g_string_free(out, true);
}

/* The BSD checksum (as `sum` prints) of physical memory, for who compares two guests. */
void hmp_sum(Monitor *mon, char *args)
{
    const char *first = hmp_next_word(&args), *second = hmp_next_word(&args);
    Reader r = {.machine = monitor_machine(mon)};
    uint64_t addr, size;
    GError *error = NULL;
    uint16_t sum = 0;
    if (!first || !second) {
        monitor_puts(mon, "Error: sum ADDRESS SIZE\n");
        return;
    }
    if (!hmp_eval(mon, first, &addr, &error) || !hmp_eval(mon, second, &size, &error)) {
        monitor_error(mon, error);
        return;
    }
    if (size > MAX_SUM) {
        monitor_printf(mon, "Error: at most %u bytes at once\n", MAX_SUM);
        return;
    }
    for (uint64_t i = 0; i < size; i++) {
        uint8_t byte = 0;
        if (read_memory(&r, addr + i, &byte, 1) < 1) {
            monitor_printf(mon, "Error: there is no memory at %#" PRIx64 "\n", addr + i);
            return;
        }
        sum = (sum >> 1 | sum << 15) + byte;
    }
    monitor_printf(mon, "%05u\n", sum);
}

void hmp_examine(Monitor *mon, char *args)
{
    examine(mon, args, false);
}

void hmp_examine_physical(Monitor *mon, char *args)
{
    examine(mon, args, true);
}
