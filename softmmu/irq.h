/*
 * An interrupt line: three words. The source sets a level; the sink (an interrupt controller's input,
 * a vCPU's interrupt pin) is told. Called with the machine lock held.
 */
#ifndef AMPHI_IRQ_H
#define AMPHI_IRQ_H

#include <stdbool.h>
#include <stddef.h>

typedef struct IrqLine {
    void (*fn)(void *opaque, unsigned n, bool level);
    void *opaque;
    unsigned n;
} IrqLine;

/* Sets the level. A line with no sink (fn NULL) is not connected. */
static inline void irq_set(const IrqLine *line, bool level)
{
    if (line->fn) {
        line->fn(line->opaque, line->n, level);
    }
}

static inline IrqLine irq_line(void (*fn)(void *opaque, unsigned n, bool level), void *opaque,
                               unsigned n)
{
    return (IrqLine){fn, opaque, n};
}

#endif
