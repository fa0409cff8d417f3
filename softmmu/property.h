/*
 * A property that something made from options takes, for listings: -device TYPE,help, -object TYPE,help, QMP.
 */
#ifndef AMPHI_PROPERTY_H
#define AMPHI_PROPERTY_H

#include <glib.h>
#include <stdbool.h>

typedef struct Property {
    const char *name;
    const char *kind; /* of its value, in QMP's words: "str", "bool", "uint16" */
    const char *help;
    const char *fallback; /* the default; NULL: none */
} Property;

/* Appends a line about @property, in the form that QEMU's listings have. */
void property_print(const Property *property, GString *out);

#endif
