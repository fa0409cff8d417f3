/*
 * Guest code as text, through Capstone.
 */
#include "cpu/x86/priv.h"
#include "softmmu/base/capstone.h"

unsigned x86_disassemble(Vcpu *vcpu, uint64_t pc, const uint8_t *code, size_t len, GString *out)
{
    unsigned bits = x86_code_bits(x86_state(vcpu));
    cs_mode mode = bits == 64 ? CS_MODE_64 : bits == 32 ? CS_MODE_32 : CS_MODE_16;
    Capstone cs;
    csh handle;
    cs_insn *insn;

    if (!len) {
        return 0;
    }
    if (!capstone_load(&cs) || cs.open(CS_ARCH_X86, mode, &handle) != CS_ERR_OK) {
        g_string_append_printf(out, ".byte 0x%02x (no disassembler)", code[0]);
        return 1;
    }
    unsigned size = 0;
    if (cs.disasm(handle, code, len, pc, 1, &insn) == 1) {
        size = insn->size;
        g_string_append_printf(out, "%s%s%s", insn->mnemonic, insn->op_str[0] ? " " : "",
                               insn->op_str);
        cs.free(insn, 1);
    } else if (len >= 15) { /* no instruction is longer, so it is none */
        size = 1;
        g_string_append_printf(out, ".byte 0x%02x", code[0]);
    }
    cs.close(&handle);
    return size;
}
