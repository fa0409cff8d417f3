/*
 * Capstone, loaded when it is first asked for: its tables, full of addresses that have to be relocated, would
 * cost every run 3 MiB and a millisecond.
 */
#ifndef AMPHI_BASE_CAPSTONE_H
#define AMPHI_BASE_CAPSTONE_H

#include <capstone/capstone.h>

/* Its functions without the prefix. */
typedef struct Capstone {
    __typeof__(&cs_open) open;
    __typeof__(&cs_option) option;
    __typeof__(&cs_disasm) disasm;
    __typeof__(&cs_free) free;
    __typeof__(&cs_close) close;
} Capstone;

/* False: the library is not there, or not whole. */
bool capstone_load(Capstone *cs);

#endif
