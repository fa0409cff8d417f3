/*
 * Which points of the debugger get the processor's four debug registers.
 *
 * Watchpoints and hardware breakpoints have no other place, so they come first; software breakpoints get what is
 * left, and where nothing is, they are instructions in memory. A register watches 1, 2, 4 or 8 bytes that are aligned
 * to their number; other watchpoints take several. Its kinds are writes, and reads or writes: there is no watchpoint for
 * reads alone, and a debugger that is told so watches both and compares values itself.
 *
 * Source: Intel SDM volume 3, section 18.2 (debug registers): R/W and LEN of DR7.
 */
#include "accel/kvm/kvm.h"
#include "softmmu/debug.h"

#define RW_WRITE 1u
#define RW_ACCESS 3u

bool kvm_point_is_watch(const DebugPoint *p)
{
    return p->kind >= DEBUG_WATCH_WRITE;
}

static bool add(KvmPoints *plan, const DebugPoint *p, uint64_t addr, unsigned control)
{
    if (plan->used == KVM_DEBUG_REGISTERS) {
        return false;
    }
    plan->addr[plan->used] = addr;
    plan->control[plan->used] = control;
    plan->point[plan->used++] = p;
    return true;
}

/* R/W and LEN of a watchpoint of @len bytes: 1, 2, 4 or 8. */
static unsigned watch_control(const DebugPoint *p, unsigned len)
{
    static const uint8_t lens[] = {[1] = 0, [2] = 1, [4] = 3, [8] = 2};
    return (p->kind == DEBUG_WATCH_WRITE ? RW_WRITE : RW_ACCESS) | (unsigned)lens[len] << 2;
}

static bool add_watch(KvmPoints *plan, const DebugPoint *p)
{
    uint64_t addr = p->addr, left = p->len;

    while (left) {
        unsigned len = 8;
        while (len > left || (addr & (len - 1))) {
            len /= 2;
        }
        if (!add(plan, p, addr, watch_control(p, len))) {
            return false;
        }
        addr += len;
        left -= len;
    }
    return true;
}

bool kvm_points_plan(const MachineDebug *debug, bool wanted, KvmPoints *plan)
{
    bool ok = true;

    *plan = (KvmPoints){0};
    for (unsigned pass = 0; debug && pass < 2; pass++) {
        for (unsigned i = 0; i < debug->points->len; i++) {
            const DebugPoint *p = &g_array_index(debug->points, DebugPoint, i);
            bool software = p->kind == DEBUG_BREAK_SOFTWARE;
            if ((wanted ? !p->wanted : !p->applied) || software != (pass == 1)) {
                continue;
            }
            bool fits = kvm_point_is_watch(p) ? add_watch(plan, p) : add(plan, p, p->addr, 0);
            ok &= fits || software;
        }
    }
    return ok;
}

bool kvm_points_in_memory(const KvmPoints *plan, const DebugPoint *p)
{
    for (unsigned i = 0; i < plan->used; i++) {
        if (plan->point[i] == p) {
            return false;
        }
    }
    return p->kind == DEBUG_BREAK_SOFTWARE;
}
