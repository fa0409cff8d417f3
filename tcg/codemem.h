/*
 * Code memory: one memfd mapped twice, writable and executable; never both at one address.
 */
#ifndef AMPHI_TCG_CODEMEM_H
#define AMPHI_TCG_CODEMEM_H

#include <glib.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

typedef struct CodeMem {
    uint8_t *write; /* the writable view */
    uint8_t *exec;  /* the executable (and readable) view of the same bytes */
    size_t size;    /* bytes, a multiple of the host's page size */
} CodeMem;

/* Makes both views of @size bytes, rounded up. The executable one is placed within reach of a
 * 32-bit displacement from @near if the host's address space allows. Fails where executable memory
 * is refused. */
bool codemem_init(CodeMem *mem, size_t size, const void *near, GError **error);
void codemem_free(CodeMem *mem);

/* Gives up the pages of the writable view of [@exec, @exec + @size); the memory itself and the executable
 * view stay, and a write brings them back. */
void codemem_settled(const CodeMem *mem, uint8_t *exec, size_t size);

/* Brings in the pages of the writable view of [@exec, @exec + @size), which is to be written soon, all at once. */
void codemem_expect(const CodeMem *mem, const uint8_t *exec, size_t size);

/* The same for any memory that is mapped for writing, from @start on. */
void codemem_populate(uint8_t *start, size_t size);

#endif
