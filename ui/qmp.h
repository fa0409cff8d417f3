/*
 * QMP: the monitor for programs, JSON over a character device.
 *
 * The protocol is QEMU's, so that what manages QEMU manages this too: a greeting, qmp_capabilities,
 * then commands with ids and their results, and events in between. Commands run on the main loop
 * with the machine lock held.
 */
#ifndef AMPHI_UI_QMP_H
#define AMPHI_UI_QMP_H

#include "softmmu/machine.h"

/* Starts a QMP monitor on @chr, which frees it when it is freed itself. @pretty: answers are
 * indented. False with @error if @chr is in use, or shared. */
bool qmp_new(Machine *machine, Chardev *chr, bool pretty, GError **error);

#endif
