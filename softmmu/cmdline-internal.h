/*
 * What the functions of options (cmdline-table.c, cmdline-host.c) share.
 */
#ifndef AMPHI_CMDLINE_INTERNAL_H
#define AMPHI_CMDLINE_INTERNAL_H

#include "softmmu/cmdline.h"

/* Keeps @text, which was made for @cmd, as long as that. */
char *cmdline_keep(CmdLine *cmd, char *text);

/* Appends to the array at @array, made when first needed. */
void cmdline_append(GPtrArray **array, void *item);

/* Frees @opts, after checking that nothing in it was unknown, if @ok so far. */
bool cmdline_options_done(Options *opts, bool ok, GError **error);

/* Options by the name. */
bool cmdline_action(CmdLine *cmd, const char *value, GError **error);
bool cmdline_audiodev(CmdLine *cmd, const char *value, GError **error);
bool cmdline_msg(CmdLine *cmd, const char *value, GError **error);
bool cmdline_name(CmdLine *cmd, const char *value, GError **error);
bool cmdline_numa(CmdLine *cmd, const char *value, GError **error);
bool cmdline_overcommit(CmdLine *cmd, const char *value, GError **error);
bool cmdline_parallel(CmdLine *cmd, const char *value, GError **error);
bool cmdline_rtc(CmdLine *cmd, const char *value, GError **error);
bool cmdline_sandbox(CmdLine *cmd, const char *value, GError **error);
bool cmdline_uuid(CmdLine *cmd, const char *value, GError **error);
bool cmdline_smbios(CmdLine *cmd, const char *value, GError **error);
bool cmdline_vnc(CmdLine *cmd, const char *value, GError **error);

#endif
