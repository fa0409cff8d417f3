/*
 * -smbios: what the user has the SMBIOS structures say. See smbios-options.c.
 */
#ifndef AMPHI_HW_X86_SMBIOS_OPTIONS_H
#define AMPHI_HW_X86_SMBIOS_OPTIONS_H

#include "softmmu/options.h"

typedef struct SmbiosOptions SmbiosOptions;

/* Of the -smbios options in @list (of Options; NULL: none), which stay the caller's. NULL with @error for what no structure
 * has, or a value that is not possible. To be freed. */
SmbiosOptions *smbios_options_new(const GPtrArray *list, GError **error);
void smbios_options_free(SmbiosOptions *options);

/* Whether anything was given for structures of @type. */
bool smbios_options_has(const SmbiosOptions *options, unsigned type);

/* The value of @key for @type, the last of several; @fallback if there is none. Numbers and flags were checked. */
const char *smbios_options_text(const SmbiosOptions *options, unsigned type, const char *key,
                                const char *fallback);
uint64_t smbios_options_number(const SmbiosOptions *options, unsigned type, const char *key,
                               uint64_t fallback);
bool smbios_options_flag(const SmbiosOptions *options, unsigned type, const char *key);

/* The OEM's strings, in order: of type 11, given as text or as file. NULL past the end. */
const char *smbios_options_oem(const SmbiosOptions *options, unsigned n);

/* For -smbios help. */
void smbios_help(GString *out);

#endif
