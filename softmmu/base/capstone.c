/*
 * Loading Capstone: see capstone.h.
 */
#include "softmmu/base/capstone.h"
#include <dlfcn.h>

#define STRINGIFY_(x) #x
#define STRINGIFY(x) STRINGIFY_(x)
#define LIBRARY "libcapstone.so." STRINGIFY(CS_API_MAJOR)

bool capstone_load(Capstone *cs)
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
