/*
 * Listings of properties: see property.h.
 */
#include "softmmu/property.h"

void property_print(const Property *property, GString *out)
{
    char *usage = g_strdup_printf("%s=<%s>", property->name, property->kind);
    g_string_append_printf(out, "  %-28s - %s", usage, property->help);
    if (property->fallback) {
        g_string_append_printf(out, " (default: %s)", property->fallback);
    }
    g_string_append_c(out, '\n');
    g_free(usage);
}
