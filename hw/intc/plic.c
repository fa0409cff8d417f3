/*
 * RISC-V platform-level interrupt controller, RISC-V PLIC specification 1.0.0, with SiFive's numbers: seven
 * priorities, level-triggered sources.
 *
 *   0x000000  priority[source], 4 bytes each; 0 never interrupts
 *   0x001000  pending, a bit per source, read-only
 *   0x002000  enable[context], 0x80 bytes each, a bit per source
 *   0x200000  threshold (+0), claim and complete (+4) of [context], 0x1000 bytes each
 *
 * A source is pending while its line is high and no context has claimed it: the gateway forwards one request
 * at a time, and a line that is still high at completion is pending again at once.
 * Locking: the machine lock.
 */
#include "hw/intc/plic.h"
#include "softmmu/base/bits.h"
#include "softmmu/base/log.h"
#include <inttypes.h>
#include <string.h>

#define WORDS (PLIC_MAX_SOURCES / 32)
#define MAX_PRIORITY 7 /* of 2^n - 1: writes keep the low n bits */

#define PENDING 0x1000
#define ENABLE 0x2000
#define ENABLE_STRIDE 0x80
#define CONTEXT 0x200000
#define CONTEXT_STRIDE 0x1000

typedef struct Plic {
    Device dev;
    unsigned sources, contexts;
    IrqLine outputs[PLIC_MAX_CONTEXTS];

    uint32_t level[WORDS];   /* input lines */
    uint32_t claimed[WORDS]; /* claimed and not completed */
    uint32_t enable[PLIC_MAX_CONTEXTS * WORDS];
    uint8_t priority[PLIC_MAX_SOURCES];
    uint8_t threshold[PLIC_MAX_CONTEXTS];
} Plic;

static uint32_t pending_word(const Plic *s, unsigned word)
{
    return s->level[word] & ~s->claimed[word];
}

/* The pending and enabled source of the highest priority above @threshold, the lowest of equal ones; 0 if
 * there is none. */
static unsigned best_source(const Plic *s, unsigned context, unsigned threshold)
{
    unsigned best = 0;
    for (unsigned word = 0; word < WORDS; word++) {
        uint32_t set = pending_word(s, word) & s->enable[context * WORDS + word];
        for (; set; set &= set - 1) {
            unsigned source = word * 32 + __builtin_ctz(set);
            if (s->priority[source] > threshold) {
                threshold = s->priority[source];
                best = source;
            }
        }
    }
    return best;
}

static void plic_update_irq(Plic *s)
{
    for (unsigned i = 0; i < s->contexts; i++) {
        irq_set(&s->outputs[i], best_source(s, i, s->threshold[i]) != 0);
    }
}

static void set_input(void *opaque, unsigned source, bool level)
{
    Plic *s = opaque;
    uint32_t *word = &s->level[source / 32], old = *word;
    *word = bits_set(old, source % 32, 1, level);
    if (*word != old) {
        plic_update_irq(s);
    }
}

/* Takes the best source; the threshold has no say in claims. */
static uint32_t claim(Plic *s, unsigned context)
{
    unsigned source = best_source(s, context, 0);
    if (source) {
        s->claimed[source / 32] |= 1u << source % 32;
        plic_update_irq(s);
    }
    return source;
}

/* Of a source that is not enabled for the context, completion is ignored. */
static void complete(Plic *s, unsigned context, uint64_t source)
{
    if (source <= s->sources && (s->enable[context * WORDS + source / 32] >> source % 32) & 1) {
        s->claimed[source / 32] &= ~(1u << source % 32);
        plic_update_irq(s);
    }
}

/* The bits of word @word that are sources. */
static uint32_t source_mask(const Plic *s, unsigned word)
{
    uint32_t mask = 0;
    for (unsigned i = 0; i < 32; i++) {
        unsigned source = word * 32 + i;
        mask |= (uint32_t)(source && source <= s->sources) << i;
    }
    return mask;
}

static uint64_t plic_read(Device *dev, uint64_t offset, unsigned size)
{
    Plic *s = (Plic *)dev;
    if (offset >= CONTEXT) {
        uint64_t context = (offset - CONTEXT) / CONTEXT_STRIDE;
        uint64_t reg = (offset - CONTEXT) % CONTEXT_STRIDE;
        if (context < s->contexts && reg == 0) {
            return s->threshold[context];
        }
        return context < s->contexts && reg == 4 ? claim(s, context) : 0;
    }
    if (offset >= ENABLE) {
        uint64_t context = (offset - ENABLE) / ENABLE_STRIDE;
        uint64_t word = (offset - ENABLE) % ENABLE_STRIDE / 4;
        return context < s->contexts && word < WORDS ? s->enable[context * WORDS + word] : 0;
    }
    if (offset >= PENDING) {
        uint64_t word = (offset - PENDING) / 4;
        return word < WORDS ? pending_word(s, word) : 0;
    }
    return offset / 4 <= s->sources ? s->priority[offset / 4] : 0;
}

static void write_context(Plic *s, uint64_t offset, uint64_t value)
{
    uint64_t context = offset / CONTEXT_STRIDE, reg = offset % CONTEXT_STRIDE;
    if (context >= s->contexts || reg > 4) {
        log_guest_error("plic: write to unknown offset 0x%" PRIx64 "\n", offset + CONTEXT);
    } else if (reg == 4) {
        complete(s, context, value);
    } else {
        s->threshold[context] = value & MAX_PRIORITY;
        plic_update_irq(s);
    }
}

static void plic_write(Device *dev, uint64_t offset, uint64_t value, unsigned size)
{
    Plic *s = (Plic *)dev;
    if (offset >= CONTEXT) {
        write_context(s, offset - CONTEXT, value);
        return;
    }
    uint64_t context = (offset - ENABLE) / ENABLE_STRIDE;
    uint64_t word = (offset - ENABLE) % ENABLE_STRIDE / 4;
    if (offset >= ENABLE && context < s->contexts && word < WORDS) {
        s->enable[context * WORDS + word] = value & source_mask(s, word);
    } else if (offset >= 4 && offset / 4 <= s->sources) {
        s->priority[offset / 4] = value & MAX_PRIORITY;
    } else {
        log_guest_error("plic: write to unknown or read-only offset 0x%" PRIx64 "\n", offset);
        return;
    }
    plic_update_irq(s);
}

/* The input lines are not the PLIC's own state: sources drop them at their own reset. */
static void plic_reset(Device *dev)
{
    Plic *s = (Plic *)dev;
    memset(s->claimed, 0, sizeof(s->claimed));
    memset(s->enable, 0, sizeof(s->enable));
    memset(s->priority, 0, sizeof(s->priority));
    memset(s->threshold, 0, sizeof(s->threshold));
    plic_update_irq(s);
}

static bool plic_post_load(void *opaque, GError **error)
{
    Plic *s = opaque;
    for (unsigned i = 0; i < WORDS; i++) {
        s->level[i] &= source_mask(s, i);
        s->claimed[i] &= source_mask(s, i);
    }
    for (unsigned i = 0; i < ARRAY_SIZE(s->enable); i++) {
        s->enable[i] &= source_mask(s, i % WORDS);
    }
    for (unsigned i = 0; i < ARRAY_SIZE(s->priority); i++) {
        s->priority[i] &= MAX_PRIORITY;
    }
    plic_update_irq(s);
    return true;
}

static const VmField plic_fields[] = {
    VM_ARRAY_U32(Plic, level),   VM_ARRAY_U32(Plic, claimed),  VM_ARRAY_U32(Plic, enable),
    VM_ARRAY_U8(Plic, priority), VM_ARRAY_U8(Plic, threshold), VM_FIELD_END(),
};

static const VmDesc plic_vmstate = {"plic", plic_fields, NULL, plic_post_load};

/* Sources that are raised, being handled, or enabled for some context. */
static void plic_print_irqs(Device *dev, GString *out)
{
    const Plic *s = container_of(dev, Plic, dev);
    for (unsigned n = 1; n <= s->sources; n++) {
        uint32_t bit = 1u << n % 32;
        GString *contexts = g_string_new(NULL);
        for (unsigned c = 0; c < s->contexts; c++) {
            if (s->enable[c * WORDS + n / 32] & bit) {
                g_string_append_printf(contexts, " %u", c);
            }
        }
        if (contexts->len || (s->level[n / 32] | s->claimed[n / 32]) & bit) {
            g_string_append_printf(out, "  %3u: priority %u%s%s%s%s\n", n, s->priority[n],
                                   s->level[n / 32] & bit ? " raised" : "",
                                   s->claimed[n / 32] & bit ? " claimed" : "",
                                   contexts->len ? " enabled for contexts" : " disabled",
                                   contexts->str);
        }
        g_string_free(contexts, true);
    }
}

static const DeviceOps plic_ops = {
    .name = "riscv.sifive.plic",
    .print_irqs = plic_print_irqs,
    .reset = plic_reset,
    .read = plic_read,
    .write = plic_write,
    .min_access = 4,
    .max_access = 4,
    .vmstate = &plic_vmstate,
};

Device *plic_new(Machine *machine, uint64_t base, uint64_t size, unsigned sources,
                 unsigned contexts, const IrqLine *outputs)
{
    Plic *s = device_new(machine, &plic_ops, sizeof(*s), NULL);
    s->sources = MIN(sources, PLIC_MAX_SOURCES - 1);
    s->contexts = MIN(contexts, PLIC_MAX_CONTEXTS);
    memcpy(s->outputs, outputs, s->contexts * sizeof(*outputs));
    device_map_mmio(&s->dev, base, size);
    return &s->dev;
}

IrqLine plic_input(Device *plic, unsigned source)
{
    return irq_line(set_input, plic, source);
}
