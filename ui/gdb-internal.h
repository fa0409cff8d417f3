/*
 * What the files of the gdb server share: gdb.c is the connection and running, gdb-packets.c the packets
 * about registers, memory and running, gdb-query.c those that ask and set up.
 */
#ifndef AMPHI_UI_GDB_INTERNAL_H
#define AMPHI_UI_GDB_INTERNAL_H

#include "softmmu/debug.h"
#include "ui/gdb.h"

#define GDB_PACKET_MAX 0x4000u /* bytes between $ and #, in either direction */

/* Bits of a single step's flavour, as qemu's packets name them. */
enum { GDB_STEP_ENABLE = 1, GDB_STEP_NO_IRQ = 2, GDB_STEP_NO_TIMER = 4, GDB_STEP_ALL = 7 };

typedef enum GdbInput { GDB_IDLE, GDB_DATA, GDB_SUM1, GDB_SUM2 } GdbInput;

typedef struct GdbServer {
    Machine *machine;
    Chardev *chr;
    bool owns_chr;
    bool handling; /* a packet: the server must not go */

    /* Input. */
    GdbInput input;
    char packet[GDB_PACKET_MAX + 1];
    size_t len;
    bool too_long;
    uint8_t sum_first;

    /* What the peer has set up. */
    bool no_ack, multiprocess, physical;
    unsigned step_flags;
    unsigned g_cpu, c_cpu; /* of H packets: indices of vCPUs */
    unsigned next_thread;  /* of qsThreadInfo */

    GByteArray *last; /* the last packet sent, for a peer that did not get it */
    bool resumed;     /* the peer waits for the machine to stop */
    bool interrupted; /* ... and has asked for that */
    GSource *report;  /* main-loop call that will tell it */
} GdbServer;

/* The server on @chr, which has no front end yet. For gdb_server_start(), and tests. */
GdbServer *gdb_server_attach(Machine *machine, Chardev *chr);

/* Sends a packet. */
void gdb_send(GdbServer *g, const char *data, size_t len);

/* Appends the reply that says why the machine stopped. */
void gdb_append_stop_reply(GdbServer *g, GString *out);

/* Lets the vCPUs run as Vcpu.debug_run of each says. Its reply comes when they stop. */
void gdb_resume(GdbServer *g);

/* Takes all points back and lets all vCPUs run from the next start on. The machine is stopped. */
void gdb_let_go(GdbServer *g);

/* What is sent next is for a new peer, which has set up nothing and begins with acknowledgements. */
void gdb_forget_peer(GdbServer *g);

/* Handles one packet; appends the reply. False: there is none (now). */
bool gdb_handle_packet(GdbServer *g, const char *packet, size_t len, GString *reply);
/* Those that begin with q or Q, and the v packets that are not vCont. */
bool gdb_handle_query(GdbServer *g, const char *packet, GString *reply);

/* Parses hexadecimal digits at **@p; false if there is none, or more than 64 bits. */
bool gdb_parse_hex(const char **p, uint64_t *value);
/* Parses a thread: the index of a vCPU, GDB_ALL or GDB_ANY. False: it is not one. */
enum { GDB_ALL = -1, GDB_ANY = -2 };
bool gdb_parse_thread(GdbServer *g, const char **p, int *cpu);
/* Appends the thread of a vCPU. */
void gdb_append_thread(GdbServer *g, unsigned cpu, GString *out);

/* Bytes as pairs of hexadecimal digits. gdb_from_hex() converts @n bytes if there are as many. */
void gdb_append_hex(GString *out, const uint8_t *buf, size_t n);
bool gdb_from_hex(const char *text, uint8_t *buf, size_t n);

#endif
