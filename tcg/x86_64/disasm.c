/*
 * Host code as text, through Capstone. The library is loaded when it is first asked for: its tables, full of
 * addresses that have to be relocated, would cost every run 3 MiB and a millisecond.
 */
#include "tcg/tcg.h"

#include <capstone/capstone.h>
#include <dlfcn.h>

#define STRINGIFY_(x) #x
#define STRINGIFY(x) STRINGIFY_(x)
#define LIBRARY "libcapstone.so." STRINGIFY(CS_API_MAJOR)

typedef struct Capstone {
    __typeof__(&cs_open) open;
    __typeof__(&cs_option) option;
    __typeof__(&cs_disasm) disasm;
    __typeof__(&cs_free) free;
    __typeof__(&cs_close) close;
} Capstone;

/* False: it is not there, or not whole. */
static bool load_capstone(Capstone *cs)
{
    void *library = dlopen(LIBRARY, RTLD_NOW | RTLD_LOCAL); /* stays; the next call gets the same */

    if (!library) {
        return false;
    }
    *(void **)&cs->open = dlsym(library, "cs_open");
    *(void **)&cs->option = dlsym(library, "cs_option");
    *(void **)&cs->disasm = dlsym(library, "cs_disasm");
    *(void **)&cs->free = dlsym(library, "cs_free");
    *(void **)&cs->close = dlsym(library, "cs_close");
    return cs->open && cs->option && cs->disasm && cs->free && cs->close;
}

void tcg_disassemble(const void *code, size_t size, GString *out)
{
    Capstone cs;
    csh handle;
    cs_insn *insns;
    size_t n;

    if (!load_capstone(&cs) || cs.open(CS_ARCH_X86, CS_MODE_64, &handle) != CS_ERR_OK) {
        g_string_append(out, "  (no disassembler for the host)\n");
        return;
    }
    cs.option(handle, CS_OPT_SKIPDATA, CS_OPT_ON);
    n = cs.disasm(handle, code, size, (uintptr_t)code, 0, &insns);
    for (size_t i = 0; i < n; i++) {
        g_string_append_printf(out, "  %" G_GINT64_MODIFIER "x:  %s%s%s\n",
                               (guint64)insns[i].address, insns[i].mnemonic,
                               insns[i].op_str[0] ? " " : "", insns[i].op_str);
    }
    cs.free(insns, n);
    cs.close(&handle);
}
