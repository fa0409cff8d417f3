/*
 * Host code as text, through Capstone.
 */
#include "softmmu/base/capstone.h"
#include "tcg/tcg.h"

void tcg_disassemble(const void *code, size_t size, GString *out)
{
    Capstone cs;
    csh handle;
    cs_insn *insns;
    size_t n;

    if (!capstone_load(&cs) || cs.open(CS_ARCH_X86, CS_MODE_64, &handle) != CS_ERR_OK) {
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
