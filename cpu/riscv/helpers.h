/*
 * Prototypes of the helpers in helpers.def, made from its rows, so that definitions are checked against
 * them and the front end's table can name them.
 */
#ifndef AMPHI_RISCV_HELPERS_H
#define AMPHI_RISCV_HELPERS_H

#include "cpu/riscv/state.h"

#define RESULT_NONE void
#define RESULT_I64 uint64_t
#define ARG_NONE
#define ARG_I64 , uint64_t
#define H(name, result, a, b, c, d, flags) \
    RESULT_##result riscv_helper_##name(Vcpu *vcpu ARG_##a ARG_##b ARG_##c ARG_##d);
#include "cpu/riscv/helpers.def"
#undef H
#undef ARG_I64
#undef ARG_NONE
#undef RESULT_I64
#undef RESULT_NONE

#endif
