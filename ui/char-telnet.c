/*
 * The telnet protocol on a server's socket (RFC 854, 857, 858, 856): asks the client to send each key as it is pressed,
 * without echo of its own, and takes what is the protocol's out of the input.
 */
#include "ui/char-internal.h"
#include <string.h>

enum {
    SUB_END = 240,
    BREAK = 243,
    SUB_BEGIN = 250,
    WILL = 251,
    WONT = 252,
    DO = 253,
    DONT = 254,
    IAC = 255
};
enum { OPT_BINARY = 0, OPT_ECHO = 1, OPT_NO_GO_AHEAD = 3 };

enum { STATE_DATA, STATE_RETURN, STATE_COMMAND, STATE_OPTION, STATE_SUB, STATE_SUB_COMMAND };

const uint8_t char_telnet_greeting[CHAR_TELNET_GREETING] = {
    IAC, WILL, OPT_ECHO, IAC, WILL, OPT_NO_GO_AHEAD, IAC, WILL, OPT_BINARY, IAC, DO, OPT_BINARY,
};

/* The byte @c behind IAC; true if it is one of the input's. */
static bool take_command(uint8_t *state, uint8_t c, bool *pressed_break)
{
    *state = STATE_DATA;
    if (c >= WILL && c <= DONT) {
        *state = STATE_OPTION; /* whatever is said of it: nothing was left open */
    } else if (c == SUB_BEGIN) {
        *state = STATE_SUB;
    } else if (c == BREAK) {
        *pressed_break = true;
    }
    return c == IAC;
}

/* Takes a byte; true if it is input. */
static bool take(uint8_t *state, uint8_t c, bool *pressed_break)
{
    switch (*state) {
    case STATE_COMMAND: return take_command(state, c, pressed_break);
    case STATE_OPTION: *state = STATE_DATA; return false;
    case STATE_SUB: *state = c == IAC ? STATE_SUB_COMMAND : STATE_SUB; return false;
    case STATE_SUB_COMMAND: *state = c == SUB_END ? STATE_DATA : STATE_SUB; return false;
    case STATE_RETURN:
        if (!c) { /* a return that is no newline */
            *state = STATE_DATA;
            return false;
        }
        break;
    }
    *state = c == IAC ? STATE_COMMAND : c == '\r' ? STATE_RETURN : STATE_DATA;
    return c != IAC;
}

size_t char_telnet_input(uint8_t *state, uint8_t *buf, size_t len, bool *pressed_break)
{
    size_t kept = 0;
    *pressed_break = false;
    for (size_t i = 0; i < len; i++) {
        if (take(state, buf[i], pressed_break)) {
            buf[kept++] = buf[i];
        }
    }
    return kept;
}

void char_telnet_output(CharFd *fd, const uint8_t *buf, size_t len)
{
    static const uint8_t escape = IAC;
    const uint8_t *end = buf + len, *at;
    while ((at = memchr(buf, IAC, end - buf)) != NULL) {
        char_fd_write(fd, buf, at + 1 - buf);
        char_fd_write(fd, &escape, 1);
        buf = at + 1;
    }
    char_fd_write(fd, buf, end - buf);
}
